//! Commands that take a manifest: what is applied is what was read.

use crate::common::{typed, vocabulary};
use countersign_command::{Attachment, Context, Source, Typed, parse, parse_again, wants};
use countersign_core::command::{Command, EffectForm};
use countersign_core::input::Input;
use countersign_core::policy::Canonical;
use countersign_core::refusal::{Code, Refusal};
use countersign_core::tier::{Mode, Reversibility, Sensitivity, Tier};
use expect_test::expect;
use proptest::prelude::*;

const CONFIG: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: settings\ndata:\n  colour: blue\n";

fn with(text: &str, manifest: &str) -> Result<Command, Box<Refusal>> {
    let attachment = Attachment { text: manifest.to_owned(), source: None };
    let context = Context { attachment: Some(attachment), ..Context::default() };
    match parse(text, &context, &vocabulary())? {
        Typed::Run { command, .. } => Ok(command),
        other @ Typed::Ask(_) => panic!("{text}: {other:?}"),
    }
}

#[track_caller]
fn run(text: &str, manifest: &str) -> Command {
    let command = with(text, manifest).unwrap_or_else(|refusal| panic!("{text}: {refusal}: {manifest}"));
    reads_back(&command);
    command
}

/// Another process makes the same of what came out of the seal, or nothing.
#[track_caller]
fn reads_back(command: &Command) {
    assert_eq!(parse_again(&Canonical::of(command), &vocabulary()).as_ref(), Ok(command));
}

#[track_caller]
fn code(manifest: &str) -> Code {
    let refusal = with("kubectl apply -n web --apply", manifest).expect_err(manifest);
    assert!(!refusal.hint().is_empty() && refusal.rule().is_some(), "{manifest}");
    refusal.code()
}

fn argv(command: &Command) -> String {
    command.argv().to_string()
}

fn resources(command: &Command) -> Vec<String> {
    command.action().resources.iter().map(ToString::to_string).collect()
}

fn object(api: &str, kind: &str, rest: &str) -> String {
    format!("apiVersion: {api}\nkind: {kind}\nmetadata:\n  name: x\n{rest}")
}

#[test]
fn a_manifest_becomes_objects_argv_and_input() {
    let command = run("/kubectl apply -n web --context prod --apply", CONFIG);
    assert_eq!(argv(&command), "kubectl apply --filename=- --namespace=web");
    assert_eq!(resources(&command), ["k8s/prod/ns/web/configmaps/settings"]);
    let action = command.action();
    assert_eq!((action.tier, action.sensitivity), (Tier::Change, Sensitivity::Plain));
    assert_eq!(action.reversibility, Reversibility::Reversible);
    assert_eq!((action.scope.namespace.as_deref(), command.mode()), (Some("web"), Mode::Apply));
    expect![[r#"
        {"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"settings","namespace":"web"},"data":{"colour":"blue"}}
    "#]]
    .assert_eq(command.stdin().unwrap().text());
    let plan = command.preview().unwrap();
    assert_eq!(plan.form, EffectForm::KubernetesDiff);
    let steps: Vec<String> = plan.steps.iter().map(ToString::to_string).collect();
    assert_eq!(
        steps,
        [
            "kubectl get --filename=- --namespace=web --ignore-not-found --output=json",
            "kubectl apply --filename=- --namespace=web --dry-run=server --output=json",
        ]
    );
}

#[test]
fn p37_without_apply_a_manifest_is_only_looked_at() {
    for text in ["kubectl apply", "kubectl create", "kubectl replace", "kubectl diff", "kubectl apply --dry-run=server"]
    {
        assert_eq!(run(text, CONFIG).mode(), Mode::DryRun, "{text}");
    }
    let steps = |text| run(text, CONFIG).preview().unwrap().clone();
    let create = steps("kubectl create");
    assert_eq!(create.form, EffectForm::KubernetesCreated);
    assert_eq!(
        create.steps[0].to_string(),
        "kubectl create --filename=- --namespace=default --dry-run=server --output=json"
    );
    let diff = steps("kubectl diff --server-side");
    assert_eq!(
        diff.steps[1].to_string(),
        "kubectl apply --filename=- --namespace=default --server-side --dry-run=server --output=json"
    );
    // kubectl refuses a dry run that is forced.
    for text in ["kubectl replace --force --apply", "kubectl apply --force --apply"] {
        assert!(steps(text).steps.iter().all(|step| !step.to_string().contains("--force")), "{text}");
    }
    let refused = with("kubectl diff --apply", CONFIG).unwrap_err();
    assert_eq!(refused.code(), Code::BadValue);
}

/// A captured gateway cannot make a look into a change.
#[test]
fn p37_diff_never_applies() {
    let command = run("kubectl diff", CONFIG);
    let canonical = Canonical { mode: Mode::Apply, ..Canonical::of(&command) };
    assert_eq!(parse_again(&canonical, &vocabulary()).unwrap_err().code(), Code::CommandChanged);
}

#[test]
fn p08_another_input_is_another_command() {
    let command = run("kubectl apply -n web --apply", CONFIG);
    let inputs = [
        // Other objects, another place, the same objects in another spelling, nothing.
        Some(command.stdin().unwrap().text().replace("blue", "red")),
        Some(command.stdin().unwrap().text().replace("\"web\"", "\"prod\"")),
        Some(CONFIG.to_owned()),
        Some(command.stdin().unwrap().text().replace(':', ": ")),
        None,
    ];
    for (nth, text) in inputs.into_iter().enumerate() {
        let input = text.map(|text| Input::new(text).unwrap());
        let canonical = Canonical { stdin: input.as_ref(), ..Canonical::of(&command) };
        match parse_again(&canonical, &vocabulary()) {
            // The digest in the decision tells this one; the grammar cannot.
            Ok(other) => assert_eq!((nth, other == command), (0, false)),
            Err(refusal) => assert!(
                matches!(refusal.code(), Code::CommandChanged | Code::BadManifest | Code::WorkerFiles),
                "{nth}: {refusal}"
            ),
        }
    }
}

#[test]
fn p39_every_object_is_a_resource_in_its_own_namespace() {
    let manifest = "
apiVersion: v1
kind: Namespace
metadata: { name: shop }
---
apiVersion: v1
kind: List
items:
  - { apiVersion: apps/v1, kind: Deployment, metadata: { name: web, namespace: shop } }
  - { apiVersion: v1, kind: ConfigMap, metadata: { name: dns, namespace: kube-system } }
--- # nothing
---
{ \"apiVersion\": \"v1\", \"kind\": \"Service\", \"metadata\": { \"name\": \"web\" } }
";
    let command = run("kubectl apply --context dev", manifest);
    assert_eq!(
        resources(&command),
        [
            "k8s/dev/cluster/namespaces/shop",
            "k8s/dev/ns/default/services/web",
            "k8s/dev/ns/kube-system/configmaps/dns",
            "k8s/dev/ns/shop/*/*",
            "k8s/dev/ns/shop/deployments.apps/web",
        ]
    );
    assert_eq!(command.action().scope.namespace.as_deref(), Some("*"));
    assert_eq!(argv(&command), "kubectl apply --filename=-");
    assert_eq!(command.action().tier, Tier::Destructive, "four objects or more");
    assert!(command.stdin().unwrap().text().starts_with("{\"apiVersion\":\"v1\",\"kind\":\"List\",\"items\":[\n"));
}

#[test]
fn p39_a_namespace_that_contradicts_the_command_is_refused() {
    let there = "{apiVersion: v1, kind: ConfigMap, metadata: {name: a, namespace: prod}}";
    let refused = with("kubectl apply -n web --apply", there).unwrap_err();
    assert_eq!(refused.code(), Code::BadManifest);
    assert_eq!(argv(&run("kubectl apply --apply", there)), "kubectl apply --filename=- --namespace=prod");
    assert_eq!(code("{apiVersion: v1, kind: Namespace, metadata: {name: a, namespace: prod}}"), Code::BadManifest);
    assert_eq!(code("{apiVersion: v1, kind: ConfigMap, metadata: {name: a, namespace: A_b}}"), Code::BadManifest);
}

/// What two readers of the same bytes could read differently is not applied.
#[test]
fn p39_what_has_two_readings_is_refused_where_it_stands() {
    for manifest in [
        // Keys twice, in any letters.
        "apiVersion: v1\nkind: ConfigMap\nkind: Secret\nmetadata: {name: a}",
        "apiVersion: v1\nkind: ConfigMap\nKind: Secret\nmetadata: {name: a}",
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\nMetadata: {name: b}",
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, Namespace: kube-system}",
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, name: b}",
        "{apiVersion: v1, kind: ConfigMap, metadata: {name: a}, data: {x: '1', \"x\": '2'}}",
        // A comment in the middle of a text.
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {x: one\n\t# more\n two}",
        // Anchors, aliases, merges, tags, directives.
        "apiVersion: v1\nkind: ConfigMap\nmetadata: &m {name: a}",
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\nx: &a 1\ny: *a",
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  <<: {name: b}\n  name: a",
        "apiVersion: v1\nkind: !!str ConfigMap\nmetadata: {name: a}",
        "apiVersion: v1\nkind: ConfigMap\nmetadata: !x {name: a}",
        "%YAML 1.1\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}",
        // Lists that only some take for lists.
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\nitems: [{apiVersion: v1, kind: Secret, metadata: {name: s}}]",
        "apiVersion: v1\nkind: List\nitems: {}",
        "apiVersion: v1\nkind: SecretList\nitems: []",
        "apiVersion: v1\nkind: List\nitems: [{apiVersion: v1, kind: List, items: []}]",
        "apiVersion: v1\nkind: List\nItems: []",
        // Not an object, or not known which.
        "hello",
        "[]",
        "- apiVersion: v1",
        "apiVersion: v1\nkind: ConfigMap",
        "apiVersion: v1\nmetadata: {name: a}",
        "kind: ConfigMap\nmetadata: {name: a}",
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {generateName: a-}",
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {generateName: a-, name: b}",
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: 5}",
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a/b}",
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: '*'}",
        // Words, texts and bytes.
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\nimmutable: yes",
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {1: x}",
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {a: \"\\u202e\"}",
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {a: \"\\x00\"}",
        "\u{feff}apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}",
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n\tname: a",
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a",
        "",
        "---\n---\n",
        "# nothing",
        // The same object twice.
        "{apiVersion: v1, kind: ConfigMap, metadata: {name: a}}\n---\n{apiVersion: v1, kind: ConfigMap, metadata: {name: a}}",
    ] {
        assert_eq!(code(manifest), Code::BadManifest, "{manifest}");
    }
    let refused = with("kubectl apply", "apiVersion: v1\nkind: ConfigMap\nkind: Secret\n").unwrap_err();
    assert_eq!(refused.to_string(), "the key `kind` is there twice (line 3, column 1 of the manifest)");
}

#[test]
fn p39_kinds_that_nobody_catalogued_are_refused() {
    for (api, kind) in [
        ("example.com/v1", "Widget"),
        ("apps/v1", "Secret"),
        ("v1", "Deployment"),
        ("extensions/v1beta1", "Deployment"),
        ("v1", "secret"),
        ("v1", "SecrEt"),
        ("v1", "Configmap"),
        ("apps/v1", "DEPLOYMENT"),
        ("rbac.authorization.k8s.io/v1", "ClusterRolebinding"),
        ("authentication.k8s.io/v1", "TokenRequest"),
        ("autoscaling/v1", "Scale"),
        ("apps/v1/x", "Deployment"),
        ("apps/", "Deployment"),
    ] {
        assert_eq!(code(&object(api, kind, "")), Code::UnknownKind, "{api} {kind}");
    }
    let refusal = with("kubectl apply", &object("v1", "Configmap", "")).unwrap_err();
    assert!(refusal.hint().contains("`ConfigMap`"), "{}", refusal.hint());
    let command = run("kubectl apply", &object("vault.example.com/v1", "VaultSecret", ""));
    assert_eq!(command.action().sensitivity, Sensitivity::Sensitive);
}

/// A code block rarely ends with a line break.
#[test]
fn p39_a_block_at_the_end_has_the_line_breaks_that_were_typed() {
    for (block, expected) in [
        ("|\n    one", "one"),
        ("|\n    one\n", "one\n"),
        ("|\n    one\n\n", "one\n"),
        ("|\n    one\n  b: x", "one\n"),
        ("|+\n    one\n\n", "one\n\n"),
        ("|-\n    one\n", "one"),
        (">\n    one\n    two", "one two"),
        ("|\n    one\n    two", "one\ntwo"),
    ] {
        let manifest = format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: x}}\ndata:\n  a: {block}");
        let command = run("kubectl apply", &manifest);
        let read: serde_json::Value = serde_json::from_str(command.stdin().unwrap().text()).unwrap();
        assert_eq!(read["data"]["a"], expected, "{block:?}");
    }
}

#[test]
fn p31_values_of_secrets_do_not_travel() {
    for rest in ["data: {a: aGk=}", "stringData: {a: hi}", "type: kubernetes.io/service-account-token"] {
        assert_eq!(code(&object("v1", "Secret", rest)), Code::SecretInCommand, "{rest}");
    }
    let annotated = "apiVersion: v1\nkind: Secret\nmetadata:\n  name: x\n  annotations: {kubectl.kubernetes.io/last-applied-configuration: '{}'}";
    assert_eq!(code(annotated), Code::SecretInCommand);
    let key = format!("{CONFIG}  key: |\n    -----BEGIN RSA PRIVATE KEY-----\n    x\n");
    assert_eq!(code(&key), Code::SecretInCommand);
    assert_eq!(code(&format!("{CONFIG}  key: AKIAABCDEFGHIJKLMNOP\n")), Code::SecretInCommand);
    run("kubectl apply", &format!("{CONFIG}  ca: |\n    -----BEGIN CERTIFICATE-----\n    x\n"));
    // A Secret without values is an object like others, and what it shows is not.
    for manifest in [object("v1", "Secret", "type: Opaque"), object("v1", "Secret", "data: {}")] {
        assert_eq!(run("kubectl apply", &manifest).action().sensitivity, Sensitivity::Sensitive);
    }
}

#[test]
fn an_approver_notices_what_reaches_the_node() {
    let pod = |spec: &str| object("v1", "Pod", &format!("spec: {spec}"));
    let deployment = |spec: &str| object("apps/v1", "Deployment", &format!("spec: {{template: {{spec: {spec}}}}}"));
    for spec in [
        "{hostNetwork: true}",
        "{hostPID: true}",
        "{HostIPC: true}",
        "{containers: [{securityContext: {privileged: true}}]}",
        "{initContainers: [{securityContext: {capabilities: {add: [SYS_ADMIN]}}}]}",
        "{containers: [{securityContext: {capabilities: {add: [cap_net_raw, CHOWN]}}}]}",
        "{volumes: [{hostPath: {path: /}}]}",
        "{containers: [{ports: [{hostPort: 80}]}]}",
    ] {
        for manifest in [pod(spec), deployment(spec)] {
            let command = run("kubectl apply", &manifest);
            assert_eq!(command.action().tier, Tier::Destructive, "{manifest}");
            assert!(command.action().reasons.iter().any(|reason| reason.contains(" x: ")), "{manifest}");
        }
    }
    for spec in ["{hostNetwork: false}", "{containers: [{securityContext: {capabilities: {add: [NET_BIND_SERVICE]}}}]}"]
    {
        assert_eq!(run("kubectl apply", &pod(spec)).action().tier, Tier::Change, "{spec}");
    }
}

/// What has a tier of its own as a verb has it as a field, too.
#[test]
fn p34_what_a_manifest_says_weighs_what_a_verb_weighs() {
    let rest = |api: &str, kind: &str, metadata: &str, rest: &str| {
        format!("apiVersion: {api}\nkind: {kind}\nmetadata: {{name: x{metadata}}}\n{rest}")
    };
    for manifest in [
        rest("apps/v1", "Deployment", "", "spec: {replicas: 0}"),
        rest("v1", "ReplicationController", "", "spec: {replicas: 0}"),
        rest("rbac.authorization.k8s.io/v1", "Role", "", ""),
        rest("rbac.authorization.k8s.io/v1", "RoleBinding", "", ""),
        rest("v1", "ConfigMap", ", finalizers: []", ""),
        rest("v1", "ConfigMap", ", ownerReferences: [{kind: Pod}]", ""),
        rest("v1", "Namespace", ", labels: {pod-security.kubernetes.io/enforce: privileged}", ""),
        rest("v1", "Node", "", ""),
        rest("scheduling.k8s.io/v1", "PriorityClass", "", "globalDefault: true"),
        rest("v1", "Service", "", "spec: {externalIPs: [10.0.0.1]}"),
    ] {
        assert_eq!(run("kubectl apply", &manifest).action().tier, Tier::Destructive, "{manifest}");
    }
    for manifest in [
        rest("apps/v1", "Deployment", "", "spec: {replicas: 3}"),
        rest("v1", "Service", "", "spec: {ports: [{port: 80}]}"),
        rest("v1", "Namespace", ", labels: {team: web}", ""),
    ] {
        assert_eq!(run("kubectl apply", &manifest).action().tier, Tier::Change, "{manifest}");
    }
    for order in
        ["$patch: delete", "spec: {template: {spec: {containers: [{name: a, $patch: delete}]}}}", "$retainKeys: [a]"]
    {
        assert_eq!(code(&rest("apps/v1", "Deployment", "", order)), Code::BadManifest, "{order}");
    }
}

#[test]
fn flags_are_kubectls_own_or_refused() {
    for (text, expected) in [
        ("kubectl apply --server-side --force-conflicts", "--force-conflicts --server-side"),
        ("kubectl apply --field-manager=ci --validate=warn", "--validate=warn --field-manager=ci"),
        ("kubectl apply --validate", ""),
        ("kubectl apply -o yaml", "--output=yaml"),
        ("kubectl apply -f -", ""),
        ("kubectl apply --wait --timeout=5m", "--timeout=5m --wait"),
        ("kubectl create --save-config", "--save-config"),
        ("kubectl --namespace default replace --grace-period 5", "--grace-period=5"),
    ] {
        let got = argv(&run(text, CONFIG));
        assert_eq!(got.split_once(" --namespace=default").unwrap().1.trim(), expected, "{text}");
    }
    for case in "
        kubectl apply -f /etc/passwd => worker-files
        kubectl apply -f ./x.yaml -f - => repeated-flag
        kubectl apply -f https://example.com/x.yaml => worker-files
        kubectl apply --filename=x,y => worker-files
        kubectl apply -fx.yaml => worker-files
        kubectl apply -k . => worker-files
        kubectl apply -R => worker-files
        kubectl apply --prune => flag-not-allowed
        kubectl apply --prune --all => flag-not-allowed
        kubectl apply --prune-allowlist=core/v1/ConfigMap => flag-not-allowed
        kubectl apply -l app=x => flag-not-allowed
        kubectl apply --subresource=status => not-available-yet
        kubectl apply -o jsonpath-file=x => bad-value
        kubectl apply -o yaml -o go-template-file=x -o yaml => bad-value
        kubectl apply -o templatefile=x => bad-value
        kubectl apply --template=x => worker-files
        kubectl apply --as=admin => flag-not-allowed
        kubectl apply --server=https://x => flag-not-allowed
        kubectl apply --record => flag-not-allowed
        kubectl apply --raw=/api => unknown-flag
        kubectl create --raw=/api => flag-not-allowed
        kubectl create --edit => interactive
        kubectl replace --raw=/api => flag-not-allowed
        kubectl apply edit-last-applied deployment/x => unexpected-argument
        kubectl apply pod x => unexpected-argument
        kubectl apply --timeout=1h => bad-value
        kubectl apply --validate=maybe => bad-value
        kubectl get pods => unexpected-argument
        kubectl delete pod x => unexpected-argument
        restart-report billing a 1 => unexpected-argument
    "
    .lines()
    .map(str::trim)
    .filter(|case| !case.is_empty())
    {
        let (text, code) = case.rsplit_once(" => ").unwrap();
        let refused = with(text, CONFIG).expect_err(text);
        assert_eq!(refused.code().as_str(), code, "{text}: {refused}");
    }
}

/// The program of a pod has flags of its own.
#[test]
fn what_create_makes_without_a_manifest_is_left_to_its_own_grammar() {
    let made = typed("kubectl create job tail --image=registry.example.com/x:1 -- tail -f /dev/null");
    assert!(matches!(made, Ok(Typed::Run { .. })), "{made:?}");
}

#[test]
fn without_a_manifest_nothing_is_applied() {
    for (text, code) in [
        ("kubectl apply", Code::MissingManifest),
        ("kubectl diff -n web", Code::MissingManifest),
        ("kubectl apply -f -", Code::WorkerFiles),
        ("kubectl create -f -", Code::WorkerFiles),
        ("kubectl apply -f x.yaml", Code::WorkerFiles),
    ] {
        assert_eq!(typed(text).unwrap_err().code(), code, "{text}");
    }
}

#[test]
fn p31_a_manifest_of_a_repository_is_fetched_by_its_commit_and_by_nothing_else() {
    let mut vocabulary = vocabulary();
    vocabulary.repositories.insert("manifests".to_owned());
    let commit = "0123456789abcdef0123456789abcdef01234567";
    let text = format!("/kubectl apply -f manifests@{commit}:web/settings.yaml --context prod --apply");
    let source = wants(&text, &vocabulary).unwrap().unwrap();
    assert_eq!(source.to_string(), format!("manifests@{commit}:web/settings.yaml"));
    assert_eq!(wants("/kubectl get pods -f x", &vocabulary).unwrap(), None);
    assert_eq!(wants("/kubectl apply", &vocabulary).unwrap(), None);
    let other = text.replace("manifests@", "elsewhere@");
    assert_eq!(wants(&other, &vocabulary).unwrap_err().code(), Code::UnknownTarget);
    let come = |source: Option<Source>| {
        let attachment = Some(Attachment { text: CONFIG.to_owned(), source });
        parse(&text, &Context { attachment, ..Context::default() }, &vocabulary)
    };
    assert!(matches!(come(Some(source)), Ok(Typed::Run { .. })));
    // A code block is not the file that was named.
    assert_eq!(come(None).unwrap_err().code(), Code::BadManifest);
    let nothing = parse(&text, &Context::default(), &vocabulary).unwrap_err();
    assert_eq!(nothing.code(), Code::BadManifest);
}

/// Chat and console bring the manifest in a code block of the same text.
#[test]
fn a_code_block_is_the_manifest() {
    let plain = run("kubectl apply -n web --apply", CONFIG);
    for text in [
        format!("/kubectl apply -n web --apply ```{CONFIG}```"),
        format!("/kubectl apply -n web --apply\n```\n{CONFIG}```"),
        format!("/kubectl apply -n web ```yaml\n{CONFIG}``` --apply"),
    ] {
        let Typed::Run { command, .. } = typed(&text).unwrap() else { panic!("{text}") };
        assert_eq!(command, plain, "{text}");
    }
    for (text, code) in [
        (format!("kubectl apply ```{CONFIG}"), Code::BadManifest),
        (format!("kubectl apply ```{CONFIG}``` ```{CONFIG}```"), Code::BadManifest),
        ("kubectl apply ``````".to_owned(), Code::BadManifest),
        (format!("kubectl get pods ```{CONFIG}```"), Code::UnexpectedArgument),
        (format!("kubectl apply\n-n web ```{CONFIG}```"), Code::CharacterNotAllowed),
    ] {
        assert_eq!(typed(&text).unwrap_err().code(), code, "{text}");
    }
    let twice = format!("kubectl apply ```{CONFIG}```");
    assert_eq!(with(&twice, CONFIG).unwrap_err().code(), Code::BadManifest);
}

#[test]
fn a_manifest_has_an_end() {
    let long = |bytes: usize| format!("{CONFIG}  long: {}\n", "x".repeat(bytes - CONFIG.len() - 20));
    run("kubectl apply", &long(200 * 1024));
    assert_eq!(code(&long(257 * 1024)), Code::TooLong);
    let deep = format!("{CONFIG}x: {}{}", "[".repeat(100), "]".repeat(100));
    assert_eq!(code(&deep), Code::BadManifest);
}

fn values() -> impl Strategy<Value = serde_json::Value> {
    use serde_json::{Value, json};
    let text = prop_oneof![
        "[ -~]{0,20}",
        "[a-z0-9:#'\"\\\\\n\t&*!|>%@`{}\\[\\],? -]{0,12}",
        proptest::sample::select(vec!["yes", "0644", "~", "null", "<<", "1e3", "---", "...", "- a", "é😀"])
            .prop_map(str::to_owned),
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<i32>().prop_map(|number| json!(f64::from(number) / 8.0)),
        text.clone().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 5, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            proptest::collection::btree_map("[a-z.#:/_-]{1,10}", inner, 0..5)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    /// Every JSON reader reads out of the input what was in the manifest, and nothing else.
    #[test]
    fn p39_the_input_says_what_the_manifest_said(spec in values()) {
        let manifest = serde_json::json!({
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "x", "namespace": "web"}, "spec": spec,
        });
        let Ok(command) = with("kubectl apply", &manifest.to_string()) else { return Ok(()) };
        reads_back(&command);
        let read: serde_json::Value = serde_json::from_str(command.stdin().unwrap().text()).unwrap();
        prop_assert!(same(&read, &manifest), "{read} is not {manifest}");
    }

    #[test]
    fn no_manifest_makes_the_reader_panic(text in "[ -~\n\t]{0,200}", at in 0..CONFIG.len()) {
        let _ = with("kubectl apply", &text);
        let mut broken = CONFIG.to_owned();
        broken.insert_str(at, &text);
        if let Ok(command) = with("kubectl apply", &broken) {
            reads_back(&command);
        }
    }
}

/// Equal, where a number is equal to its value.
fn same(a: &serde_json::Value, b: &serde_json::Value) -> bool {
    use serde_json::Value;
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => a == b || a.as_f64() == b.as_f64(),
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(key, a)| b.get(key).is_some_and(|b| same(a, b)))
        }
        _ => a == b,
    }
}
