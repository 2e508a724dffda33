//! The verbs that change something, each on its whole way: what its look shows, what people agree to, and that the run
//! does that and nothing else, with the same requests.

use crate::world::World;
use countersign_chat::{EffectView, State};
use countersign_core::command::Argv;
use countersign_core::effect::{Effect, Touched};
use countersign_simulators::kubernetes::{Cluster, Recorded};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// A change that has a server dry run: what is typed, and what its effect says.
struct Change {
    text: &'static str,
    says: &'static [&'static str],
}

const fn change(text: &'static str, says: &'static [&'static str]) -> Change {
    Change { text, says }
}

const METADATA: &[Change] = &[
    change("label deployment api tier=gold -n payments", &["/metadata/labels/tier: nothing -> \"gold\""]),
    change("annotate deployment api note=hello -n payments", &["/metadata/annotations/note: nothing -> \"hello\""]),
    change("annotate deployment api note- -n payments", &["/metadata/annotations/note: \"hello\" -> nothing"]),
];

const PATCHES: &[Change] = &[
    change(
        "patch deployment api -n payments -p '{\"spec\":{\"minReadySeconds\":5}}'",
        &["/spec/minReadySeconds: nothing -> 5"],
    ),
    change(
        "patch deployment worker -n payments --type=merge -p '{\"metadata\":{\"labels\":{\"team\":\"core\"}}}'",
        &["/metadata/labels/team: \"payments\" -> \"core\""],
    ),
    change(
        "patch deployment worker -n payments --type=json -p '[{\"op\":\"replace\",\"path\":\"/spec/replicas\",\"value\":1}]'",
        &["/spec/replicas: 2 -> 1"],
    ),
    change(
        "patch deployment api -n payments -p '{\"spec\":{\"template\":{\"spec\":{\"containers\":[{\"name\":\"api\",\"image\":\"x:9\"}]}}}}'",
        &["/spec/template/spec/containers/0/image: \"registry.example.com/shop/api:1.4.2\" -> \"x:9\""],
    ),
];

const SETTINGS: &[Change] = &[
    change(
        "set image deployment/api api=x:2 -n payments",
        &["/spec/template/spec/containers/0/image: \"registry.example.com/shop/api:1.4.2\" -> \"x:2\""],
    ),
    change(
        "set env deployment/api LOG_LEVEL=debug -n payments",
        &["/spec/template/spec/containers/0/env/0/value: \"info\" -> \"debug\""],
    ),
    change(
        "set resources deployment/api --limits=cpu=200m -n payments",
        &["/spec/template/spec/containers/0/resources/limits/cpu: nothing -> \"200m\""],
    ),
    change(
        "set serviceaccount deployment/api robot -n payments",
        &["/spec/template/spec/serviceAccountName: nothing -> \"robot\""],
    ),
    change("set selector service/api app=worker -n payments", &["/spec/selector/app: \"api\" -> \"worker\""]),
];

const NODES: &[Change] = &[change(
    "taint nodes node-b dedicated=db:NoSchedule",
    &["/spec/taints/0/effect: nothing -> \"NoSchedule\"", "/spec/taints/0/key: nothing -> \"dedicated\""],
)];

const MADE: &[Change] = &[
    change(
        "expose deployment api --port=81 --name=shown -n payments",
        &["services shown in namespace payments", "/spec/ports/0/port: nothing -> 81"],
    ),
    change(
        "create deployment made --image=y:1 -n payments",
        &["deployments.apps made in namespace payments", "/spec/template/spec/containers/0/image: nothing -> \"y:1\""],
    ),
    change("create configmap made --from-literal=a=b -n payments", &["/data/a: nothing -> \"b\""]),
];

#[tokio::test]
async fn labels_and_annotations_are_what_was_agreed_to() {
    Box::pin(all_the_way(METADATA)).await;
}

#[tokio::test]
async fn patches_of_every_type_are_what_was_agreed_to() {
    Box::pin(all_the_way(PATCHES)).await;
}

#[tokio::test]
async fn settings_of_a_workload_are_what_was_agreed_to() {
    Box::pin(all_the_way(SETTINGS)).await;
}

#[tokio::test]
async fn a_taint_is_what_was_agreed_to() {
    Box::pin(all_the_way(NODES)).await;
}

#[tokio::test]
async fn what_is_made_is_what_was_agreed_to() {
    Box::pin(all_the_way(MADE)).await;
}

/// Each change in production: looked at, asked for, agreed to, run.
async fn all_the_way(changes: &[Change]) {
    let w = World::start().await;
    for change in changes {
        let before = kept(w.prod());
        let id = w.asks("ann", &format!("/kubectl {} --context prod", change.text)).await;
        let (state, thread) = w.ended(id).await;
        assert_eq!(state, State::Done { exit: 0 }, "{}: {}", change.text, w.chat.transcript(&thread));
        assert_eq!(kept(w.prod()), before, "p36: {} without --apply", change.text);

        let seen = w.prod().requests().len();
        let id = w.asks("ann", &format!("/kubectl {} --context prod --apply", change.text)).await;
        let card = w.asking(id).await.card.expect("there is a card");
        let EffectView::Found(effect) = &card.effect else { panic!("{}: {:?}", change.text, card.effect) };
        let lines: Vec<String> = effect.objects.iter().map(Touched::line).collect();
        assert!(change.says.iter().all(|part| lines.join("\n").contains(part)), "{}: {lines:#?}", change.text);
        let looks = w.prod().requests()[seen..].to_vec();
        assert!(looks.iter().all(|one| one.method == "GET" || one.dry_run), "p36: {looks:#?}");
        assert_eq!(kept(w.prod()), before, "p36: {} before anybody agreed", change.text);

        w.approves("bob", id).await;
        let (state, thread) = w.ended(id).await;
        assert_eq!(state, State::Done { exit: 0 }, "{}: {}", change.text, w.chat.transcript(&thread));
        assert_eq!(differences(&before, &kept(w.prod())), told(effect), "{}", change.text);
        let requests = w.prod().requests()[seen..].to_vec();
        assert_eq!(requests_of(&requests, "preview"), requests_of(&requests, "change"), "p37: {}", change.text);
        p37_argv(&w, change.text);
    }
    w.end().await;
}

/// The look's dry run and the run are the same argv but for the switch and the form of the output.
fn p37_argv(w: &World, text: &str) {
    let policy = w.demo.installation.policy.current();
    let context = countersign_command::Context::default();
    let typed = format!("/kubectl {text} --context prod --apply");
    let typed = countersign_command::parse(&typed, &context, policy.vocabulary()).expect("it parses");
    let countersign_command::Typed::Run { command, .. } = typed else { panic!("it is a command") };
    let plan = command.preview().expect("it has a look");
    let bare = |argv: &Argv| {
        let elements = argv.elements().iter().filter(|one| !one.starts_with("--output=") && *one != "--dry-run=server");
        elements.cloned().collect::<Vec<_>>()
    };
    let dry = plan.steps.last().expect("it has a step");
    assert!(dry.elements().contains(&"--dry-run=server".to_owned()), "{dry}");
    assert_eq!(bare(dry), bare(command.argv()), "p37: {text}");
}

/// What an account sent to change something, without the switch of a dry run, each once.
fn requests_of(requests: &[Recorded], account: &str) -> BTreeSet<String> {
    let sent = requests.iter().filter(|one| one.account.as_deref() == Some(account) && one.method != "GET");
    let told = |one: &Recorded| {
        let query: Vec<&str> = one.query.split('&').filter(|pair| *pair != "dryRun=All").collect();
        format!("{} {}?{} {}", one.method, one.path, query.join("&"), one.body)
    };
    sent.map(told).collect()
}

type Objects = BTreeMap<(String, String, String), Value>;

/// Everything that people write; pods and replica sets follow from it.
fn kept(cluster: &Cluster) -> Objects {
    let kinds = ["configmaps", "services", "deployments", "daemonsets", "horizontalpodautoscalers"];
    let mut objects = Objects::new();
    for kind in kinds {
        for namespace in ["payments", "web", "kube-system"] {
            for name in cluster.names(kind, Some(namespace)) {
                let object = cluster.object(kind, Some(namespace), &name).expect("it was listed");
                objects.insert((kind.into(), namespace.into(), name), object);
            }
        }
    }
    for name in cluster.names("nodes", None) {
        objects.insert(
            ("nodes".into(), String::new(), name.clone()),
            cluster.object("nodes", None, &name).expect("listed"),
        );
    }
    objects
}

/// Object, path and new value of everything that is different, as JSON texts.
type Told = BTreeSet<(String, String, Option<String>)>;

fn told(effect: &Effect) -> Told {
    let of = |object: &Touched| {
        let (name, changes) = (object.name.clone(), object.changes.clone());
        changes.into_iter().map(move |one| (name.clone(), one.path, one.new))
    };
    effect.objects.iter().flat_map(of).filter(|(_, path, new)| !drawn(path) && new.as_deref() != Some("{}")).collect()
}

fn differences(before: &Objects, after: &Objects) -> Told {
    let nothing = Value::Null;
    let mut told = Told::new();
    for (key, new) in after {
        let leaves = |of: &Value| {
            let mut leaves = BTreeMap::new();
            flatten(of, String::new(), &mut leaves);
            leaves
        };
        let (old, new) = (leaves(before.get(key).unwrap_or(&nothing)), leaves(new));
        for path in old.keys().chain(new.keys()).filter(|path| old.get(*path) != new.get(*path)) {
            told.insert((key.2.clone(), path.clone(), new.get(path).cloned()));
        }
    }
    told
}

/// What the server draws when an object is really made.
fn drawn(path: &str) -> bool {
    path.starts_with("/spec/clusterIP")
}

fn flatten(value: &Value, at: String, leaves: &mut BTreeMap<String, String>) {
    let metadata = ["managedFields", "resourceVersion", "generation", "creationTimestamp", "uid"];
    let by_itself = metadata.map(|field| format!("/metadata/{field}"));
    let revision = "/metadata/annotations/deployment.kubernetes.io~1revision";
    if at == "/status" || at == revision || by_itself.contains(&at) || drawn(&at) {
        return;
    }
    match value {
        Value::Object(map) if !map.is_empty() => {
            for (key, item) in map {
                flatten(item, format!("{at}/{}", key.replace('~', "~0").replace('/', "~1")), leaves);
            }
        }
        Value::Array(items) if !items.is_empty() => {
            for (nth, item) in items.iter().enumerate() {
                flatten(item, format!("{at}/{nth}"), leaves);
            }
        }
        // Clients print what is empty, and servers leave it out.
        Value::Null | Value::Object(_) => {}
        leaf => drop(leaves.insert(at, leaf.to_string())),
    }
}

#[tokio::test]
async fn what_somebody_else_changed_meanwhile_is_drift() {
    let w = World::start().await;
    for (text, path) in [
        ("annotate deployment api note=hello --overwrite -n payments", "/metadata/annotations/note"),
        ("patch deployment api -n payments -p '{\"spec\":{\"replicas\":5}}'", "/spec/replicas"),
    ] {
        let id = w.asks("ann", &format!("/kubectl {text} --context prod --apply")).await;
        w.asking(id).await;
        let mut api = w.prod().object("deployments", Some("payments"), "api").expect("it is seeded");
        api["metadata"]["annotations"]["note"] = "mine".into();
        api["spec"]["replicas"] = 4.into();
        w.prod().write(api).expect("the simulator takes it");
        w.approves("bob", id).await;
        let (state, thread) = w.ended(id).await;
        let shown = w.chat.transcript(&thread);
        assert_eq!((state, w.runs(id).await), (State::Drifted, 0), "{text}: {shown}");
        assert!(shown.contains(path), "{text}: {shown}");
        // Asked again, it is another effect than the first time.
        let api = w.prod().object("deployments", Some("payments"), "api").expect("it is seeded");
        assert_eq!((&api["metadata"]["annotations"]["note"], &api["spec"]["replicas"]), (&"mine".into(), &4.into()));
        w.prod()
            .write({
                let mut api = api;
                api["metadata"]["annotations"]["note"] = "other".into();
                api["spec"]["replicas"] = 3.into();
                api
            })
            .expect("the simulator takes it");
    }
    assert_eq!(w.changes().len(), 0, "{:?}", w.changes());
    w.end().await;
}

#[tokio::test]
async fn a_node_is_cordoned_and_drained_with_its_pods_named() {
    let w = World::start().await;
    let id = w.asks("ann", "/kubectl cordon node-c --context prod --apply").await;
    w.asking(id).await;
    w.approves("bob", id).await;
    let (state, thread) = w.ended(id).await;
    assert_eq!(state, State::Done { exit: 0 }, "{}", w.chat.transcript(&thread));
    assert_eq!(w.prod().object("nodes", None, "node-c").expect("it is seeded")["spec"]["unschedulable"], true);

    // What runs on the node, other than what a daemon set keeps there.
    let pods = |of: &Cluster| {
        let mut here = BTreeSet::new();
        for namespace in ["payments", "web", "kube-system"] {
            for name in of.names("pods", Some(namespace)) {
                let pod = of.object("pods", Some(namespace), &name).expect("it was listed");
                if pod["spec"]["nodeName"] == "node-c" && pod["metadata"]["ownerReferences"][0]["kind"] != "DaemonSet" {
                    here.insert(name);
                }
            }
        }
        here
    };
    let leaving = pods(w.prod());
    assert!(!leaving.is_empty());
    let id = w.asks("ann", "/kubectl drain node-c --ignore-daemonsets --context prod --apply").await;
    let card = w.asking(id).await.card.expect("there is a card");
    let EffectView::Found(effect) = &card.effect else { panic!("{:?}", card.effect) };
    let named: BTreeSet<String> =
        effect.objects.iter().filter(|one| one.kind == "pods").map(|one| one.name.clone()).collect();
    assert_eq!(named, leaving);
    assert!(effect.objects.iter().any(|one| one.kind == "nodes" && one.name == "node-c"));
    assert_eq!(pods(w.prod()), leaving);
    w.approves("bob", id).await;
    w.approves("cho", id).await;
    let (state, thread) = w.ended(id).await;
    assert_eq!(state, State::Done { exit: 0 }, "{}", w.chat.transcript(&thread));
    assert_eq!(pods(w.prod()), BTreeSet::new());
    let evicted = w.changes().into_iter().filter(|one| one.path.ends_with("/eviction")).count();
    assert_eq!(evicted, leaving.len());
    w.end().await;
}

/// What only looks, in the spelling that kubectl is given.
const READS: &[&str] = &[
    "get pods,services -n payments -l app=api",
    "get deployment/api -n payments -o yaml",
    "get nodes",
    "describe deployment api -n payments",
    "logs deployment/api -n payments --tail=1",
    "events -n payments",
    "top nodes",
    "top pods -n payments",
    "explain deployment.spec.template",
    "api-resources",
    "api-versions",
    "version",
    "auth can-i list pods -n payments",
    "auth can-i --list -n payments",
    "auth whoami",
    "wait --for=condition=Available deployment/api -n payments --timeout=30s",
    "rollout status deployment/api -n payments",
    "rollout history deployment/api -n payments",
];

#[tokio::test]
async fn every_verb_that_looks_is_understood_by_kubectl() {
    let w = World::start().await;
    for text in READS {
        let id = w.asks("dee", &format!("/kubectl {text} --context prod")).await;
        let (state, thread) = w.ended(id).await;
        let shown = w.chat.transcript(&thread);
        // kubectl 1.20 does not know all of them yet.
        let unknown = shown.contains("unknown command");
        assert!(unknown || state == State::Done { exit: 0 }, "{text}: {shown}");
    }
    let users: BTreeSet<_> = w.prod().requests().into_iter().filter_map(|one| one.account).collect();
    assert_eq!(users, BTreeSet::from(["read".to_owned()]));
    assert_eq!(w.changes().len(), 0);
    w.end().await;
}

/// kubectl before 1.27 cannot ask for the dry run of an autoscaler; then nothing is asked for and nothing runs.
#[tokio::test]
async fn an_autoscaler_is_made_as_agreed_or_not_at_all() {
    let w = World::start().await;
    let text = "/kubectl autoscale deployment api --min=2 --max=5 -n payments --context prod --apply";
    let id = w.asks("ann", text).await;
    let asked = |thread: &countersign::recorder::Thread| {
        thread.states.last().is_some_and(|state| *state == State::Asking || state.is_final())
    };
    let thread = w.wait(id, "it is asked or refused", asked).await;
    let made = || w.prod().object("horizontalpodautoscalers", Some("payments"), "api");
    assert!(made().is_none());
    if thread.states.last() == Some(&State::Asking) {
        w.approves("bob", id).await;
        assert_eq!(w.ended(id).await.0, State::Done { exit: 0 });
        assert_eq!(made().expect("it was made")["spec"]["maxReplicas"], 5);
    } else {
        assert!(w.chat.transcript(&thread).contains("its effect could not be found out"));
        assert_eq!(w.changes().len(), 0);
    }
    w.end().await;
}
