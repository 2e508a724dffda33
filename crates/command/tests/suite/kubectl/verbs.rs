//! Every verb of kubectl with every flag it takes, put together at random.
//!
//! Which lines are refused and what each line is worth is data: `policies/tests/kubectl-*.yaml`.

use crate::common::{refusal, run, typed, vocabulary};
use countersign_command::{Typed, parse_again, verbs};
use countersign_core::command::{Command, EffectForm, Tool};
use countersign_core::policy::Canonical;
use countersign_core::refusal::Code;
use countersign_core::tier::{Mode, Sensitivity, Tier};
use proptest::prelude::*;

/// A verb with what it needs, and flags of which any set fits together.
struct Row {
    line: &'static str,
    flags: &'static [&'static str],
}

const fn row(line: &'static str, flags: &'static [&'static str]) -> Row {
    Row { line, flags }
}

const ROWS: &[Row] = &[
    row(
        "get pods a",
        &["-owide", "--show-labels", "-Lapp", "--no-headers", "--sort-by=.metadata.name", "--chunk-size=7"],
    ),
    row("get deploy,svc", &["-A", "-l app=web", "--template='{{.kind}}'", "--ignore-not-found", "--show-kind=1"]),
    row("describe po/a", &["--show-events=false", "--chunk-size 7"]),
    row("logs a", &["-c app", "-p", "--tail 5", "--since=5m", "--timestamps", "--limit-bytes=10", "--prefix"]),
    row("events", &["-A", "--for pod/a", "--types=Warning,Normal", "--no-headers", "-ojson"]),
    row("top node n1", &["--no-headers", "--sort-by=cpu", "--show-capacity", "--use-protocol-buffers=false"]),
    row("top pods", &["-A", "-l a=b", "--containers", "--sum", "--sort-by memory", "--field-selector=a=b"]),
    row("explain pods.spec", &["--recursive", "--api-version=v1", "-oplaintext-openapiv2"]),
    row("api-resources", &["--api-group=apps", "--namespaced=false", "--verbs=get,list", "-owide", "--cached"]),
    row("api-versions", &[]),
    row("cluster-info", &[]),
    row("version", &["--client", "-oyaml"]),
    row("auth can-i list pods", &["-A", "-q", "--subresource=log"]),
    row("auth can-i --list", &["--no-headers"]),
    row("auth whoami", &["-oyaml"]),
    row("wait pod/a --for=condition=Ready", &["--timeout=5m", "-oname"]),
    row("rollout status ds/a", &["--revision=3", "--timeout=5m", "-w=false"]),
    row("rollout history ds/a", &["--revision=3", "-oyaml"]),
    row("set env deploy/a --list", &["-c app", "--resolve"]),
    row("label pod a --list", &[]),
    row("annotate --list deploy --all", &["-A"]),
    row("apply view-last-applied deploy/a", &["-ojson"]),
    row("delete pod a b", &["--force", "--now", "--cascade=orphan", "--timeout=5m", "-oname", "--wait=false"]),
    row("scale deploy a --replicas=3", &["--current-replicas=2", "--timeout=5m", "-oyaml", "--resource-version=3"]),
    row("label pod a b x=y z-", &["--overwrite", "--record", "--resource-version=3", "-oyaml"]),
    row("annotate node n1 x='y z' z-", &["--overwrite", "--resource-version=3", "-oyaml"]),
    row("patch deploy a -p '{\"spec\":{\"paused\":true}}'", &["--type=merge", "--subresource=status", "-oyaml"]),
    row("set image deploy/a c=nginx:1 '*=b@sha256:00'", &["-oyaml", "--show-managed-fields"]),
    row("set env deploy/a A=b C-", &["-e D=e", "-c app", "--overwrite=false", "-oyaml"]),
    row("set env deploy/a --from=secret/x", &["--prefix=A_", "--keys=a,b"]),
    row("set resources sts a --limits=cpu=1", &["--requests=memory=1Gi", "-c app"]),
    row("set selector svc a x=y,z=w", &["--resource-version=3", "-ojson"]),
    row("set sa deploy/a b", &["-oyaml"]),
    row("set subject rolebinding a --user=jane", &["--group=b", "--serviceaccount=web:api"]),
    row("rollout restart deploy/a", &["-oyaml"]),
    row("rollout undo deploy/a", &["--to-revision=3", "-oname"]),
    row("rollout pause deploy/a", &["-oyaml"]),
    row("rollout resume deploy/a", &["-oyaml"]),
    row("cordon n1 node/n2", &[]),
    row("uncordon n1", &[]),
    row("drain n1", &["--force", "--ignore-daemonsets", "--grace-period=5", "--timeout=60s", "--pod-selector=a=b"]),
    row("taint node n1 a=b:NoSchedule c-", &["--overwrite", "--validate=warn", "-oyaml"]),
    row("certificate approve a", &["--force", "-oyaml"]),
    row("certificate deny csr/a", &["-oname"]),
    row("autoscale deploy a --max=3", &["--min=2", "--cpu-percent 80", "--name=b", "--save-config"]),
    row("expose deploy a", &["--port=80", "-l a=b", "--selector=c=d", "--type=NodePort", "--name=b", "-oyaml"]),
    row("run a --image=b", &["--env=A=b", "--env 'C=d e'", "-l a=b", "--port=80", "--restart=Never", "-q"]),
    row("create ns a", &["--save-config", "--validate=false"]),
    row("create sa a", &["-oyaml"]),
    row("create cm a", &["--from-literal=a=b", "--from-literal 'c=d e'"]),
    row("create deploy a --image=b", &["--image=c", "-r3", "--port=80"]),
    row("create job a --image=b", &["-oyaml"]),
    row("create job a --from=cj/b", &["--save-config"]),
    row("create cj a --image=b --schedule='*/5 * * * *'", &["--restart=OnFailure"]),
    row("create svc clusterip a", &["--tcp=80:81", "--clusterip=None"]),
    row("create svc externalname a --external-name=b.example.com", &["--tcp=80"]),
    row("create svc loadbalancer a --tcp=80", &["--tcp=81"]),
    row("create svc nodeport a --tcp=80", &["--node-port=30080"]),
    row(
        "create ing a --rule='b.example.com/*=c:80,tls=d'",
        &["--class=e", "--annotation=f=g", "--default-backend=h:1"],
    ),
    row("create pdb a --selector=b=c --min-available=1", &["-oyaml"]),
    row("create pc a", &["--value=-3", "--description='d e'", "--preemption-policy=Never", "--global-default"]),
    row("create quota a", &["--hard=cpu=1,pods=2", "--scopes=BestEffort"]),
    row("create role a --verb=get --verb=list,watch --resource=pods,pods/log", &["--resource-name=b"]),
    row("create clusterrole a --verb=get", &["--resource=pods", "--non-resource-url='/logs/*'"]),
    row("create rolebinding a --clusterrole=view", &["--user=b", "--group=c", "--serviceaccount=d:e"]),
    row("create clusterrolebinding a --clusterrole=view", &["--user=b"]),
];

/// Flags of every verb that only say how kubectl goes about it.
const HARMLESS: &[&str] =
    &["", "--request-timeout=1m30s -v0", "--warnings-as-errors --request-timeout 7", "--match-server-version --v=0"];

/// A line, what of it is canonical nowhere, and whether it is to be applied.
fn line() -> impl Strategy<Value = (String, bool)> {
    (prop::sample::select((0..ROWS.len()).collect::<Vec<_>>()), any::<[bool; 8]>(), 0..4_usize).prop_map(
        |(nth, chosen, place)| {
            let row = &ROWS[nth];
            let flags = row.flags.iter().zip(chosen).filter(|(_, chosen)| *chosen).map(|(flag, _)| *flag);
            let flags = flags.collect::<Vec<_>>().join(" ");
            let everywhere = flags.split(' ').any(|flag| flag == "-A");
            let namespace = if place == 1 && !everywhere { "-nweb" } else { "" };
            let apply = place > 1;
            let apply_word = if apply { "--apply" } else { "" };
            let harmless = HARMLESS[place];
            (format!("kubectl {namespace} {harmless} {} {flags} {apply_word}", row.line), apply)
        },
    )
}

fn again(command: &Command) -> Result<Command, String> {
    parse_again(&Canonical::of(command), &vocabulary()).map_err(|refusal| refusal.to_string())
}

#[test]
fn every_verb_is_tried() {
    let manifests = ["apply", "create", "replace", "diff"];
    let mut tried: Vec<String> =
        ROWS.iter().map(|row| run(&format!("kubectl {}", row.line)).action().verb.clone()).collect();
    tried.sort();
    for verb in verbs(&Tool::Kubectl).into_iter().filter(|verb| !manifests.contains(verb)) {
        assert!(tried.iter().any(|one| one == verb), "{verb}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn canonical_argv_of_every_verb_reads_back_to_itself((text, _) in line()) {
        let Ok(Typed::Run { command, .. }) = typed(&text) else {
            panic!("{text}: {:?}", typed(&text));
        };
        let read_back = again(&command);
        prop_assert_eq!(read_back.as_ref(), Ok(&command), "{}", command.argv());
    }

    #[test]
    fn p36_every_change_is_a_preview_until_it_is_applied((text, apply) in line()) {
        let command = run(&text);
        let mutating = command.action().tier > Tier::Read;
        prop_assert_eq!(command.mode(), if mutating && !apply { Mode::DryRun } else { Mode::Apply });
        prop_assert_eq!(command.preview().is_some(), mutating, "{}", text);
        for step in command.preview().into_iter().flat_map(|plan| &plan.steps) {
            let elements = step.elements();
            let ours = elements.iter().take_while(|element| *element != "--");
            let dry = ours.filter(|element| *element == "--dry-run=server").count();
            prop_assert!(dry == 1 || (dry == 0 && elements[1] == "get"), "{}", step);
        }
    }

    #[test]
    fn p37_a_dry_run_is_the_real_run_but_for_switch_and_form((text, _) in line()) {
        let command = run(&text);
        let form = |element: &&String| {
            !element.starts_with("--output=") && *element != "--show-managed-fields" && *element != "--dry-run=server"
        };
        let dry = command.preview().and_then(|plan| plan.steps.last()).filter(|step| step.elements()[1] != "get");
        if let Some(dry) = dry {
            let real: Vec<&String> = command.argv().elements().iter().filter(form).collect();
            prop_assert_eq!(dry.elements().iter().filter(form).collect::<Vec<_>>(), real);
        }
    }

    #[test]
    fn p38_the_scope_is_what_argv_says((text, _) in line()) {
        let command = run(&text);
        let elements = command.argv().elements();
        let typed = elements.iter().find_map(|element| element.strip_prefix("--namespace="));
        let everywhere = elements.iter().any(|element| element == "--all-namespaces");
        let want = if everywhere { Some("*") } else { typed };
        prop_assert_eq!(command.action().scope.namespace.as_deref(), want);
        prop_assert!(!(everywhere && typed.is_some()));
    }

    #[test]
    fn p24_no_form_of_output_shows_a_secret_unasked(kind in "(secret|secrets|Secret|cm,secret|secret/a|secrets\\.v1\\.)", form in "(yaml|json|jsonpath='\\{\\.x\\}'|go-template='\\{\\{\\.x\\}\\}'|custom-columns=A:\\.data)", verb in "(get|label|annotate|wait --for=create)") {
        let rest = match verb.as_str() {
            "label" | "annotate" => "x=y",
            _ => "",
        };
        let named = if verb == "get" || kind.contains('/') { kind.clone() } else { format!("{kind} a") };
        if let Ok(Typed::Run { command, .. }) = typed(&format!("kubectl {verb} {named} {rest} -o {form}")) {
            prop_assert_eq!(command.action().sensitivity, Sensitivity::Sensitive);
        }
    }
}

/// The previews of the new verbs, step by step.
#[test]
fn every_change_is_shown_first() {
    let forms = |text: &str| run(text).preview().map(|plan| (plan.form, plan.steps.len())).expect("a change");
    for (text, want) in [
        ("kubectl annotate pod a x=y", (EffectForm::KubernetesDiff, 2)),
        ("kubectl patch deploy a -p '{\"spec\":{\"paused\":true}}'", (EffectForm::KubernetesDiff, 2)),
        ("kubectl set image deploy/a b=c", (EffectForm::KubernetesDiff, 2)),
        ("kubectl set env deploy/a B=c", (EffectForm::KubernetesDiff, 2)),
        ("kubectl taint node a b=c:NoSchedule", (EffectForm::KubernetesDiff, 2)),
        ("kubectl cordon a", (EffectForm::KubernetesObjects, 1)),
        ("kubectl drain a b", (EffectForm::KubernetesObjects, 3)),
        ("kubectl drain -l a=b", (EffectForm::KubernetesObjects, 1)),
        ("kubectl certificate approve a", (EffectForm::KubernetesObjects, 1)),
        ("kubectl autoscale deploy a --max=3", (EffectForm::KubernetesCreated, 1)),
        ("kubectl expose deploy a --port=80", (EffectForm::KubernetesCreated, 1)),
        ("kubectl run a --image=b", (EffectForm::KubernetesCreated, 1)),
        ("kubectl create ns a", (EffectForm::KubernetesCreated, 1)),
    ] {
        assert_eq!(forms(text), want, "{text}");
    }
    let steps = |text: &str| -> Vec<String> {
        run(text).preview().expect("a change").steps.iter().map(ToString::to_string).collect()
    };
    assert_eq!(
        steps("kubectl drain n1 --pod-selector=app=web --ignore-daemonsets"),
        [
            "kubectl get nodes/n1 --output=json",
            "kubectl get pods --all-namespaces --selector=app=web --field-selector=spec.nodeName=n1 --output=json",
        ]
    );
    assert_eq!(steps("kubectl cordon -l a=b"), ["kubectl get nodes --selector=a=b --output=json"]);
    assert_eq!(
        steps("kubectl run a --image=b -- c --output=yaml"),
        ["kubectl run a --namespace=default --image=b --dry-run=server --output=json -- c --output=yaml"]
    );
}

/// What a verb makes and what it takes over is part of what policy sees.
#[test]
fn p39_new_objects_are_resources() {
    let resources =
        |text: &str| -> Vec<String> { run(text).action().resources.iter().map(ToString::to_string).collect() };
    assert_eq!(
        resources("kubectl expose deploy a --port=80 --name=b -n web"),
        ["k8s/dev/ns/web/deployments.apps/a", "k8s/dev/ns/web/services/b"]
    );
    assert_eq!(
        resources("kubectl autoscale deploy a --max=3"),
        ["k8s/dev/ns/default/deployments.apps/a", "k8s/dev/ns/default/horizontalpodautoscalers.autoscaling/a"]
    );
    assert_eq!(resources("kubectl create ns a"), ["k8s/dev/cluster/namespaces/a", "k8s/dev/ns/a/*/*"]);
    assert_eq!(resources("kubectl run a --image=b -n web"), ["k8s/dev/ns/web/pods/a"]);
    assert_eq!(
        resources("kubectl create rolebinding a --role=b --user=c"),
        ["k8s/dev/ns/default/rolebindings.rbac.authorization.k8s.io/a"]
    );
    assert_eq!(resources("kubectl version"), ["k8s/dev/cluster/discovery/version"]);
    assert_eq!(resources("kubectl top pod a"), ["k8s/dev/ns/default/pods.metrics.k8s.io/a"]);
}

/// Each verb with each of these words at its end: refused, and never for want of something else.
#[track_caller]
fn refused_everywhere(words: &[&str], codes: &[Code]) {
    for row in ROWS {
        for word in words {
            let text = format!("kubectl {} {word}", row.line);
            let got = refusal(&text);
            assert!(codes.contains(&got.code()), "{text}: {} {got}", got.code());
            assert!(!got.hint().is_empty() && got.rule().is_some(), "{text}");
        }
    }
}

#[test]
fn p13_what_opens_a_session_or_leaves_the_cluster_is_refused_of_every_verb() {
    refused_everywhere(
        &["--kubeconfig=/x", "--profile=cpu", "--cache-dir=/x", "-v9", "--v=1"],
        &[Code::FlagNotAllowed],
    );
    refused_everywhere(
        &["--request-timeout=0", "--request-timeout=0s", "--request-timeout=2h", "--request-timeout=-1"],
        &[Code::BadValue],
    );
}

#[test]
fn p16_no_verb_reads_a_file() {
    refused_everywhere(
        &[
            "-f /etc/passwd",
            "-k https://x",
            "-R",
            "-o jsonpath-file=/etc/passwd",
            "-ogo-template-file=/x",
            "-o=templatefile=/x",
            "-o custom-columns-file=/x",
            "--template=/etc/passwd",
            "--patch-file=/x",
            "--from-file=/x",
            "--from-env-file=/x",
            "--local",
            "-",
        ],
        // A verb without such a flag does not know it; `logs` has `-f` for following, and takes what
        // follows for a container's name; a list of variables has no form.
        &[Code::WorkerFiles, Code::UnknownFlag, Code::BadValue, Code::FlagNotAllowed, Code::UnexpectedArgument],
    );
}

#[test]
fn p21_no_verb_takes_another_identity_or_endpoint() {
    refused_everywhere(
        &[
            "--server=https://x",
            "-s https://x",
            "-shttps://x",
            "--token x",
            "--as=x",
            "--as-group=system:masters",
            "--as_uid=0",
            "--cluster=x",
            "--password=x",
            "--client-key=/x",
            "--certificate-authority=/x",
            "--insecure-skip-tls-verify",
            "--tls-server-name=x",
            "--kuberc=/x",
        ],
        &[Code::FlagNotAllowed],
    );
}

#[test]
fn p14_no_verb_takes_an_abbreviation_or_an_invention() {
    refused_everywhere(&["--namespac=x", "--bogus", "--outpu=json", "-Z", "--appl", "--dry-ru"], &[Code::UnknownFlag]);
    refused_everywhere(&["-n a -n b", "--context=dev --context=prod", "--apply --apply"], &[Code::RepeatedFlag]);
}
