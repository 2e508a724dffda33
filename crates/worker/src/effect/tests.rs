use super::*;
use countersign_core::action::{Action, Resource, Scope};
use countersign_core::command::{Argv, CommandParts, Tool};
use countersign_core::id::Origin;
use countersign_core::tier::{Mode, Reversibility, Sensitivity, Tier};
use countersign_core::time::Timestamp;
use expect_test::{Expect, expect};
use serde_json::json;

fn command(verb: &str, flags: &[&str]) -> Command {
    let argv = Argv::new(vec!["kubectl".into(), verb.into()]).unwrap().with(flags).unwrap();
    Command::new(CommandParts {
        tool: Tool::Kubectl,
        argv,
        mode: Mode::Apply,
        action: Action {
            tool: "kubectl".into(),
            verb: verb.into(),
            scope: Scope::default(),
            resources: vec![Resource::from_parts(&["k8s", "*"])],
            tier: Tier::Change,
            sensitivity: Sensitivity::Plain,
            reversibility: Reversibility::Reversible,
            reasons: vec![],
        },
        preview: None,
        stdin: None,
        filters: vec![],
    })
    .unwrap()
}

fn read_all(form: EffectForm, steps: &[String]) -> Result<Effect, EffectError> {
    read_as(form, "scale", &[], steps)
}

fn read_as(form: EffectForm, verb: &str, flags: &[&str], steps: &[String]) -> Result<Effect, EffectError> {
    let origin = Origin { deployment: "t", front: "t", team: "t", trigger: "t" };
    let owner = Owner {
        deployment: "t".into(),
        pool: "p".into(),
        invocation: InvocationId::derive(origin, Timestamp::from_millis(0)),
    };
    let steps: Vec<_> = steps.iter().map(|text| Printed { stdout: text }).collect();
    read(form, &command(verb, flags), &steps, owner)
}

#[track_caller]
fn lines(form: EffectForm, steps: &[Value], want: Expect) {
    let steps: Vec<String> = steps.iter().map(Value::to_string).collect();
    let effect = read_all(form, &steps).unwrap();
    let lines: Vec<String> = effect.objects.iter().map(Touched::line).collect();
    want.assert_eq(&lines.join("\n"));
}

fn deployment(replicas: u32, version: &str) -> Value {
    json!({"apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "api", "namespace": "payments", "uid": "u1", "resourceVersion": version, "generation": replicas,
            "managedFields": [{"time": version}]},
        "spec": {"replicas": replicas}, "status": {"replicas": version}})
}

#[test]
fn a_scale_shows_the_replicas_and_nothing_that_changes_by_itself() {
    lines(
        EffectForm::KubernetesDiff,
        &[deployment(3, "7"), deployment(5, "8")],
        expect!["scale deployments.apps api in namespace payments (uid u1); /spec/replicas: 3 -> 5"],
    );
}

#[test]
fn a_null_is_no_value() {
    let with = |time: Value| {
        let mut deployment = deployment(3, "7");
        deployment["spec"]["template"] =
            json!({"metadata": {"creationTimestamp": time}, "spec": {"volumes": [{"emptyDir": {}}]}});
        deployment
    };
    let steps = [deployment(3, "7"), with(json!(null))];
    lines(
        EffectForm::KubernetesDiff,
        &steps,
        expect![
            "scale deployments.apps api in namespace payments (uid u1); /spec/template/spec/volumes/0/emptyDir: nothing -> {}"
        ],
    );
}

#[test]
fn a_list_is_sorted_and_named_one_by_one() {
    let pod = |name: &str| json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": "web", "uid": name}});
    lines(
        EffectForm::KubernetesObjects,
        &[json!({"kind": "List", "apiVersion": "v1", "items": [pod("b"), pod("a")]})],
        expect![[r"
            scale pods a in namespace web (uid a)
            scale pods b in namespace web (uid b)"]],
    );
}

#[test]
fn a_drain_names_the_node_and_the_pods_that_leave_it() {
    let pod = |name: &str, owner: &str, annotations: Value| {
        json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": "web", "annotations": annotations,
            "ownerReferences": [{"kind": owner, "controller": true}]}})
    };
    let node = json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "node-a", "uid": "n1"}});
    let pods = json!({"kind": "List", "items": [
        pod("api", "ReplicaSet", json!({})), pod("proxy", "DaemonSet", json!({})),
        pod("etcd", "Node", json!({"kubernetes.io/config.mirror": "x"}))]});
    let steps = [node.to_string(), pods.to_string()];
    let names = |verb: &str| {
        let effect = read_as(EffectForm::KubernetesObjects, verb, &[], &steps).unwrap();
        effect.objects.iter().map(|it| it.name.clone()).collect::<Vec<_>>()
    };
    assert_eq!(names("drain"), ["node-a", "api"]);
    // Of every other verb nothing is left out.
    assert_eq!(names("delete"), ["node-a", "api", "etcd", "proxy"]);
}

fn job(uid: &str) -> Value {
    json!({"apiVersion": "batch/v1", "kind": "Job",
        "metadata": {"name": "once", "namespace": "web", "uid": uid, "creationTimestamp": uid, "resourceVersion": uid},
        "spec": {"selector": {"matchLabels": {"batch.kubernetes.io/controller-uid": uid}}, "parallelism": 1}})
}

#[test]
fn of_an_object_that_would_be_made_everything_is_new() {
    lines(
        EffectForm::KubernetesCreated,
        &[job("drawn")],
        expect![[
            r#"scale jobs.batch once in namespace web; /apiVersion: nothing -> "batch/v1"; /kind: nothing -> "Job"; /metadata/name: nothing -> "once"; /metadata/namespace: nothing -> "web"; /spec/parallelism: nothing -> 1; /spec/selector/matchLabels/batch.kubernetes.io~1controller-uid: nothing -> "(its uid)""#
        ]],
    );
    assert!(matches!(read_all(EffectForm::KubernetesCreated, &[]), Err(EffectError::Steps(0, 1))));
    assert!(matches!(read_all(EffectForm::KubernetesObjects, &[]), Err(EffectError::Steps(0, 1))));
}

/// A server dry run draws another uid each time; that is no drift.
#[test]
fn what_would_be_made_is_the_same_the_next_time() {
    for form in [EffectForm::KubernetesCreated, EffectForm::KubernetesDiff] {
        let look = |uid: &str| {
            let before = (form == EffectForm::KubernetesDiff).then(String::new);
            let steps: Vec<String> = before.into_iter().chain([job(uid).to_string()]).collect();
            read_all(form, &steps).unwrap()
        };
        assert_eq!(look("first").drift(&look("second")), None);
    }
}

/// `kubectl get -f - --ignore-not-found` prints what is there; `apply` prints a List.
#[test]
fn an_apply_shows_new_objects_beside_changed_ones() {
    let settings = |value: &str, uid: &str| {
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings", "namespace": "web", "uid": uid},
            "data": {"a": value}})
    };
    let mut quota = settings("9", "q");
    quota["metadata"]["name"] = "extra".into();
    lines(
        EffectForm::KubernetesDiff,
        &[settings("1", "s"), json!({"kind": "List", "items": [settings("2", "s"), quota]})],
        expect![[r#"
            scale configmaps extra in namespace web; /apiVersion: nothing -> "v1"; /data/a: nothing -> "9"; /kind: nothing -> "ConfigMap"; /metadata/name: nothing -> "extra"; /metadata/namespace: nothing -> "web"
            scale configmaps settings in namespace web (uid s); /data/a: "1" -> "2""#]],
    );
}

#[test]
fn p24_values_of_a_secret_are_not_part_of_an_effect() {
    let secret = |value: &str| {
        json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "db", "namespace": "web", "labels": {"a": value},
            "annotations": {"kubectl.kubernetes.io/last-applied-configuration": value}},
            "data": {"password": value}, "stringData": {"x": {"y": value}}})
    };
    let effect =
        read_all(EffectForm::KubernetesDiff, &[secret("b25l").to_string(), secret("dHdv").to_string()]).unwrap();
    let text = serde_json::to_string(&effect).unwrap();
    assert!(text.contains("/metadata/labels/a") && !text.contains("password"), "{text}");
    let created = read_all(EffectForm::KubernetesDiff, &[String::new(), secret("dHdv").to_string()]).unwrap();
    let values: Vec<_> = created.objects[0].changes.iter().filter(|c| c.path.starts_with("/data")).collect();
    assert_eq!(values[0].new.as_deref(), Some("\"(hidden)\""));
}

#[test]
fn what_is_not_json_is_an_error_and_not_an_empty_effect() {
    assert!(matches!(
        read_all(EffectForm::KubernetesObjects, &["Error from server".into()]),
        Err(EffectError::NotJson(0, _))
    ));
    assert!(matches!(read_all(EffectForm::KubernetesObjects, &["{}".into()]), Err(EffectError::NotAnObject(0))));
    assert!(matches!(read_all(EffectForm::KubernetesDiff, &["{}".into()]), Err(EffectError::Steps(1, 2))));
}

fn replica_set(revision: &str, image: &str) -> Value {
    json!({"apiVersion": "apps/v1", "kind": "ReplicaSet",
        "metadata": {"name": format!("api-{revision}"), "namespace": "payments", "uid": format!("rs{revision}"),
            "annotations": {"deployment.kubernetes.io/revision": revision}, "ownerReferences": [{"uid": "u1"}]},
        "spec": {"template": template(image, Some(revision))}})
}

fn template(image: &str, hash: Option<&str>) -> Value {
    let mut template =
        json!({"metadata": {"labels": {"app": "api"}}, "spec": {"containers": [{"name": "api", "image": image}]}});
    if let Some(hash) = hash {
        template["metadata"]["labels"]["pod-template-hash"] = hash.into();
    }
    template
}

fn undo(flags: &[&str]) -> Result<Effect, EffectError> {
    let mut now = deployment(3, "7");
    now["metadata"]["annotations"] = json!({"deployment.kubernetes.io/revision": "3"});
    now["spec"]["template"] = template("api:3", None);
    let mut stranger = replica_set("9", "evil:9");
    stranger["metadata"]["ownerReferences"] = json!([{"uid": "u2"}]);
    let sets = json!({"kind": "List", "items": [replica_set("1", "api:1"), replica_set("3", "api:3"), replica_set("2", "api:2"), stranger]});
    read_as(EffectForm::KubernetesUndo, "rollout undo", flags, &[now.to_string(), sets.to_string(), now.to_string()])
}

/// kubectl's dry run of scale prints the object as it was.
#[test]
fn a_scale_shows_what_argv_asks_for_and_not_what_the_dry_run_printed() {
    let steps = [deployment(3, "7").to_string(), deployment(3, "7").to_string()];
    let effect = read_as(EffectForm::KubernetesScale, "scale", &["--replicas=5"], &steps).unwrap();
    expect!["scale deployments.apps api in namespace payments (uid u1); /spec/replicas: 3 -> 5"]
        .assert_eq(&effect.objects[0].line());
    let same = read_as(EffectForm::KubernetesScale, "scale", &["--replicas=3"], &steps).unwrap();
    assert_eq!(same.objects[0].changes, vec![]);
    assert!(matches!(read_as(EffectForm::KubernetesScale, "scale", &[], &steps), Err(EffectError::NoNewValue(_))));
}

#[test]
fn an_undo_shows_the_template_of_the_revision_that_is_gone_back_to() {
    expect![[r#"rollout undo deployments.apps api in namespace payments (uid u1); /spec/template/spec/containers/0/image: "api:3" -> "api:2""#]]
        .assert_eq(&undo(&[]).unwrap().objects[0].line());
    expect![[r#"rollout undo deployments.apps api in namespace payments (uid u1); /spec/template/spec/containers/0/image: "api:3" -> "api:1""#]]
        .assert_eq(&undo(&["--to-revision=1"]).unwrap().objects[0].line());
    // A revision of somebody else's is nobody's.
    assert!(matches!(undo(&["--to-revision=9"]), Err(EffectError::NoNewValue(_))));
}
