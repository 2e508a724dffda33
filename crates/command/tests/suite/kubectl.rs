//! What kubectl lines become.

use crate::common::{all_refused, refusal, run, typed};
use countersign_command::{Context, Countersign, Typed, parse, parse_again};
use countersign_core::action::Scope;
use countersign_core::command::{Argv, Tool};
use countersign_core::input::Input;
use countersign_core::policy::Canonical;
use countersign_core::refusal::Code;
use countersign_core::tier::{Mode, Reversibility, Sensitivity, Tier};
use expect_test::{Expect, expect};

/// argv, then what policy sees.
#[track_caller]
#[expect(clippy::needless_pass_by_value, reason = "reads better in tables of cases")]
fn becomes(text: &str, want: Expect) {
    let command = run(text);
    let action = command.action();
    let resources: Vec<&str> = action.resources.iter().map(countersign_core::action::Resource::as_str).collect();
    want.assert_eq(&format!(
        "{}\n{} {} {} {}\n{}",
        command.argv(),
        command.mode(),
        action.tier,
        action.sensitivity,
        action.reversibility,
        resources.join(" "),
    ));
}

#[track_caller]
fn is(text: &str, tier: Tier, sensitivity: Sensitivity) {
    let command = run(text);
    assert_eq!((command.action().tier, command.action().sensitivity), (tier, sensitivity), "{text}");
}

#[test]
fn reads() {
    becomes(
        "/kubectl get pods -n web",
        expect![[r#"
        kubectl get pods --namespace=web
        apply read plain none-needed
        k8s/dev/ns/web/pods/*"#]],
    );
    becomes(
        "kubectl -n web get po/api-7f svc/api -o json",
        expect![[r#"
        kubectl get pods/api-7f services/api --namespace=web --output=json
        apply read plain none-needed
        k8s/dev/ns/web/pods/api-7f k8s/dev/ns/web/services/api"#]],
    );
    becomes(
        "kubectl get all -A",
        expect![[r#"
        kubectl get pods,replicationcontrollers,services,daemonsets.apps,deployments.apps,replicasets.apps,statefulsets.apps,horizontalpodautoscalers.autoscaling,cronjobs.batch,jobs.batch --all-namespaces
        apply read plain none-needed
        k8s/dev/ns/*/cronjobs.batch/* k8s/dev/ns/*/daemonsets.apps/* k8s/dev/ns/*/deployments.apps/* k8s/dev/ns/*/horizontalpodautoscalers.autoscaling/* k8s/dev/ns/*/jobs.batch/* k8s/dev/ns/*/pods/* k8s/dev/ns/*/replicasets.apps/* k8s/dev/ns/*/replicationcontrollers/* k8s/dev/ns/*/services/* k8s/dev/ns/*/statefulsets.apps/*"#]],
    );
    becomes(
        "kubectl get nodes -n web -Aowide",
        expect![[r#"
        kubectl get nodes --output=wide
        apply read plain none-needed
        k8s/dev/cluster/nodes/*"#]],
    );
    becomes(
        "kubectl get deploy,ds api web -L app -L tier --no-headers=1",
        expect![[r#"
        kubectl get deployments.apps/api deployments.apps/web daemonsets.apps/api daemonsets.apps/web --namespace=default --label-columns=app,tier --no-headers
        apply read plain none-needed
        k8s/dev/ns/default/daemonsets.apps/api k8s/dev/ns/default/daemonsets.apps/web k8s/dev/ns/default/deployments.apps/api k8s/dev/ns/default/deployments.apps/web"#]],
    );
    becomes(
        "kubectl describe pod api-7f --context=prod",
        expect![[r#"
        kubectl describe pods/api-7f --namespace=default
        apply read plain none-needed
        k8s/prod/ns/default/pods/api-7f"#]],
    );
    becomes(
        "kubectl logs api-7f app --tail 20 -p",
        expect![[r#"
            kubectl logs pods/api-7f --namespace=default --container=app --previous --tail=20
            apply read plain none-needed
            k8s/dev/ns/default/pods/api-7f"#]],
    );
    becomes(
        "kubectl logs -l app=web --all-containers",
        expect![[r#"
        kubectl logs --namespace=default --selector=app=web --all-containers
        apply read plain none-needed
        k8s/dev/ns/default/pods/*"#]],
    );
    becomes(
        "kubectl logs deploy/web -c app --since=5m",
        expect![[r#"
        kubectl logs deployments.apps/web --namespace=default --container=app --since=5m
        apply read plain none-needed
        k8s/dev/ns/default/deployments.apps/web"#]],
    );
    becomes(
        "kubectl rollout status deploy/web",
        expect![[r#"
        kubectl rollout status deployments.apps/web --namespace=default --timeout=300s
        apply read plain none-needed
        k8s/dev/ns/default/deployments.apps/web"#]],
    );
    becomes(
        "kubectl rollout -n web history deployment web --revision=3",
        expect![[r#"
        kubectl rollout history deployments.apps/web --namespace=web --revision=3
        apply read plain none-needed
        k8s/dev/ns/web/deployments.apps/web"#]],
    );
    becomes(
        "kubectl get pods -o 'jsonpath={.items[*].metadata.name}'",
        expect![[r#"
        kubectl get pods --namespace=default '--output=jsonpath={.items[*].metadata.name}'
        apply read plain none-needed
        k8s/dev/ns/default/pods/*"#]],
    );
}

#[test]
fn changes() {
    becomes(
        "kubectl scale deploy web --replicas=3",
        expect![[r#"
        kubectl scale deployments.apps/web --namespace=default --replicas=3
        dry-run change plain reversible
        k8s/dev/ns/default/deployments.apps/web"#]],
    );
    becomes(
        "kubectl scale deploy web --replicas 0 --apply",
        expect![[r#"
        kubectl scale deployments.apps/web --namespace=default --replicas=0
        apply destructive plain reversible
        k8s/dev/ns/default/deployments.apps/web"#]],
    );
    becomes(
        "kubectl label --overwrite pod api-7f tier=web old- -n web --apply",
        expect![[r#"
        kubectl label pods/api-7f tier=web old- --namespace=web --overwrite
        apply change plain reversible
        k8s/dev/ns/web/pods/api-7f"#]],
    );
    becomes(
        "kubectl rollout restart deployment -n web",
        expect![[r#"
        kubectl rollout restart deployments.apps --namespace=web
        dry-run destructive plain reversible
        k8s/dev/ns/web/deployments.apps/*"#]],
    );
    becomes(
        "kubectl rollout undo deploy/web --to-revision=2 --dry-run",
        expect![[r#"
        kubectl rollout undo deployments.apps/web --namespace=default --to-revision=2
        dry-run change plain reversible
        k8s/dev/ns/default/deployments.apps/web"#]],
    );
    becomes(
        "kubectl label pods a b c d x=y",
        expect![[r#"
        kubectl label pods/a pods/b pods/c pods/d x=y --namespace=default
        dry-run destructive plain reversible
        k8s/dev/ns/default/pods/a k8s/dev/ns/default/pods/b k8s/dev/ns/default/pods/c k8s/dev/ns/default/pods/d"#]],
    );
}

#[test]
fn deletions() {
    becomes(
        "kubectl delete pod api-7f -n payments --context prod --apply",
        expect![[r#"
        kubectl delete pods/api-7f --namespace=payments
        apply destructive plain reversible
        k8s/prod/ns/payments/pods/api-7f"#]],
    );
    becomes(
        "kubectl delete ns kube-system --apply",
        expect![[r#"
        kubectl delete namespaces/kube-system
        apply destructive plain irreversible
        k8s/dev/cluster/namespaces/kube-system k8s/dev/ns/kube-system/*/*"#]],
    );
    becomes(
        "kubectl delete pods --all -A",
        expect![[r#"
        kubectl delete pods --all-namespaces --all
        dry-run destructive plain reversible
        k8s/dev/ns/*/pods/*"#]],
    );
    becomes(
        "kubectl delete pod a --force --grace-period=0 --cascade=orphan -o name",
        expect![[r#"
        kubectl delete pods/a --namespace=default --cascade=orphan --force --grace-period=0 --output=name
        dry-run destructive plain irreversible
        k8s/dev/ns/default/pods/a"#]],
    );
    becomes(
        "kubectl delete pv,crd --all",
        expect![[r#"
            kubectl delete persistentvolumes,customresourcedefinitions.apiextensions.k8s.io --all
            dry-run destructive plain irreversible
            k8s/dev/cluster/*/* k8s/dev/cluster/customresourcedefinitions.apiextensions.k8s.io/* k8s/dev/cluster/persistentvolumes/* k8s/dev/ns/*/*/*"#]],
    );
}

#[test]
fn what_cannot_be_taken_back_says_so() {
    for (text, want) in [
        ("kubectl delete pod a", Reversibility::Reversible),
        ("kubectl delete pod a --force", Reversibility::Irreversible),
        ("kubectl delete rs a --cascade=orphan", Reversibility::Irreversible),
        ("kubectl delete pod,deploy a", Reversibility::Irreversible),
        ("kubectl delete pvc a", Reversibility::Irreversible),
        ("kubectl scale deploy a --replicas=0", Reversibility::Reversible),
        ("kubectl get pods", Reversibility::NoneNeeded),
    ] {
        assert_eq!(run(text).action().reversibility, want, "{text}");
    }
}

/// The preview's steps, one a line.
#[track_caller]
#[expect(clippy::needless_pass_by_value, reason = "reads better in tables of cases")]
fn previews(text: &str, want: Expect) {
    let command = run(text);
    let steps = command.preview().map(|plan| {
        let steps: Vec<String> = plan.steps.iter().map(ToString::to_string).collect();
        format!("{:?}\n{}", plan.form, steps.join("\n"))
    });
    want.assert_eq(&steps.unwrap_or_default());
}

#[test]
fn previews_change_nothing() {
    previews("kubectl get pods", expect![""]);
    previews(
        "kubectl delete pods -l app=web -n web --now --ignore-not-found",
        expect![[r#"
        KubernetesObjects
        kubectl get pods --namespace=web --selector=app=web --ignore-not-found --output=json"#]],
    );
    previews(
        "kubectl delete deploy --all -n web",
        expect![[r#"
        KubernetesObjects
        kubectl get deployments.apps --namespace=web --output=json"#]],
    );
    previews(
        "kubectl scale deploy web --replicas=3 -o yaml --apply",
        expect![[r#"
            KubernetesScale
            kubectl get deployments.apps/web --namespace=default --output=json
            kubectl scale deployments.apps/web --namespace=default --replicas=3 --dry-run=server --output=json"#]],
    );
    previews(
        "kubectl label node n1 x=y --overwrite",
        expect![[r#"
        KubernetesDiff
        kubectl get nodes/n1 --output=json
        kubectl label nodes/n1 x=y --overwrite --dry-run=server --output=json"#]],
    );
    previews(
        "kubectl rollout undo deploy/web",
        expect![[r#"
            KubernetesUndo
            kubectl get deployments.apps/web --namespace=default --output=json
            kubectl get replicasets.apps --namespace=default --output=json
            kubectl rollout undo deployments.apps/web --namespace=default --dry-run=server --output=json"#]],
    );
    previews(
        "kubectl rollout restart deploy/web",
        expect![[r#"
        KubernetesObjects
        kubectl get deployments.apps/web --namespace=default --output=json"#]],
    );
}

#[test]
fn p37_the_dry_run_is_the_real_run_with_its_switch() {
    for text in [
        "kubectl scale deploy web --replicas=3 --current-replicas=2 --timeout=30s",
        "kubectl label pods --all -A x=y z- --overwrite --show-managed-fields",
        "kubectl rollout undo deploy/web --to-revision=4",
    ] {
        let command = run(text);
        let dry = command.preview().unwrap().steps.last().unwrap();
        let form = |element: &&String| !element.starts_with("--output=") && *element != "--show-managed-fields";
        let real: Vec<&String> = command.argv().elements().iter().filter(form).collect();
        let shown: Vec<&String> =
            dry.elements().iter().filter(form).filter(|element| *element != "--dry-run=server").collect();
        assert_eq!(real, shown, "{text}");
        assert_eq!(dry.elements().iter().filter(|element| element.starts_with("--dry-run")).count(), 1);
    }
}

#[test]
fn p36_without_apply_nothing_is_applied() {
    for verb in [
        "delete pod a",
        "scale deploy a --replicas=1",
        "label pod a x=y",
        "rollout restart deploy/a",
        "rollout undo deploy/a",
        "rollout pause deploy/a",
        "rollout resume deploy/a",
    ] {
        for switch in ["", " --dry-run", " --dry-run=server", " --dry-run=client"] {
            let command = run(&format!("kubectl {verb}{switch}"));
            assert_eq!(command.mode(), Mode::DryRun, "{verb}{switch}");
            assert!(!command.argv().elements().iter().any(|element| element.contains("dry-run")));
            for step in &command.preview().unwrap().steps {
                let reads = step.arguments().first().unwrap() == "get";
                assert!(reads || step.elements().iter().any(|element| element == "--dry-run=server"));
            }
        }
        assert_eq!(run(&format!("kubectl --apply {verb}")).mode(), Mode::Apply);
    }
    all_refused(
        "kubectl delete pod a --dry-run=none => bad-value
         kubectl delete pod a --dry-run=false => bad-value
         kubectl delete pod a --dry-run=true => bad-value
         kubectl delete pod a --dry-run=server --apply => bad-value
         kubectl delete pod a --apply --dry-run => bad-value
         kubectl delete pod a --dry-run=server --dry-run=none => repeated-flag
         kubectl delete pod a --dry-run=client --dry-run=client => repeated-flag
         kubectl delete pod a --apply=true => bad-value
         kubectl delete pod a --apply=false => bad-value
         kubectl delete pod a --apply --apply => repeated-flag
         kubectl delete pod a -- --apply => unexpected-argument
         kubectl delete pod a --appl => unknown-flag
         kubectl delete pod a --Apply => unknown-flag
         kubectl get pods --dry-run=server => unknown-flag",
    );
    // A bare `--dry-run` takes no word with it: this deletes two pods, and shows both.
    assert_eq!(run("kubectl delete pod x --dry-run none").action().resources.len(), 2);
}

#[test]
fn p21_endpoint_identity_and_files_are_refused_in_every_spelling() {
    all_refused(
        "kubectl get pods --server=https://evil => flag-not-allowed
         kubectl get pods --server https://evil => flag-not-allowed
         kubectl --server=https://evil get pods => flag-not-allowed
         kubectl get pods -s https://evil => flag-not-allowed
         kubectl get pods -shttps://evil => flag-not-allowed
         kubectl get pods -s=https://evil => flag-not-allowed
         kubectl get pods -As https://evil => flag-not-allowed
         kubectl get pods -AsURL => flag-not-allowed
         kubectl get pods -wAs URL => not-available-yet
         kubectl get '--server' evil pods => flag-not-allowed
         kubectl get --serv\\er=evil pods => flag-not-allowed
         kubectl get \"--server\"=evil pods => flag-not-allowed
         kubectl get pods --kubeconfig /tmp/x => flag-not-allowed
         kubectl get pods --token=abc => flag-not-allowed
         kubectl get pods --as=admin => flag-not-allowed
         kubectl get pods --as admin --as-group=system:masters => flag-not-allowed
         kubectl get pods --as-group=system:masters => flag-not-allowed
         kubectl get pods --as_group=system:masters => flag-not-allowed
         kubectl get pods --as-uid=1 => flag-not-allowed
         kubectl get pods --as-user-extra=a=b => flag-not-allowed
         kubectl get pods --user=x => flag-not-allowed
         kubectl get pods --cluster=x => flag-not-allowed
         kubectl get pods --insecure-skip-tls-verify => flag-not-allowed
         kubectl get pods --insecure_skip_tls_verify => flag-not-allowed
         kubectl get pods --insecure-skip-tls-verify=false => flag-not-allowed
         kubectl get pods --certificate-authority=/etc/x => flag-not-allowed
         kubectl get pods --client-key=/etc/x => flag-not-allowed
         kubectl get pods --tls-server-name=x => flag-not-allowed
         kubectl get pods --cache-dir=/tmp => flag-not-allowed
         kubectl get pods --profile=cpu => flag-not-allowed
         kubectl get pods --profile-output=/tmp/x => flag-not-allowed
         kubectl get pods --kuberc=/tmp/x => flag-not-allowed
         kubectl get pods -v 9 => flag-not-allowed
         kubectl get pods -v=9 => flag-not-allowed
         kubectl get pods --v=9 => flag-not-allowed
         kubectl get pods --vmodule=a=9 => flag-not-allowed
         kubectl get pods --request-timeout=0 => flag-not-allowed
         kubectl get --raw /api/v1/secrets => flag-not-allowed
         kubectl delete --raw=/api/v1/x => flag-not-allowed
         kubectl get pods --context nowhere => unknown-target
         kubectl get pods --context=/etc/x => unknown-target
         kubectl get pods --context prod --context dev => repeated-flag
         kubectl get pods --contex prod => unknown-flag
         kubectl get pods --serve=x => unknown-flag
         kubectl get pods --kubeconf=x => unknown-flag
         kubectl get -f /etc/passwd => worker-files
         kubectl get --filename=http://x => worker-files
         kubectl get -Rf /etc => worker-files
         kubectl get -k https://x => worker-files
         kubectl delete -f - => worker-files
         kubectl delete - => worker-files
         kubectl describe -f /etc/passwd => worker-files
         kubectl rollout status -f x => worker-files
         kubectl label --local -f x a=b => worker-files
         kubectl get pods -o go-template-file=/etc/passwd => worker-files
         kubectl get pods -ogo-template-file=/etc/passwd => worker-files
         kubectl get pods -o=templatefile=/proc/self/environ => worker-files
         kubectl get pods -o templatefile --template=/x => worker-files
         kubectl get pods -o jsonpath-file=/x => worker-files
         kubectl get pods -o JSONPATH-FILE=/x => worker-files
         kubectl get pods -o custom-columns-file=/x => worker-files
         kubectl get pods -o custom-columns-file=/x -o name => worker-files
         kubectl get pods --template=/etc/passwd => worker-files
         kubectl logs a --insecure-skip-tls-verify-backend => flag-not-allowed
         kubectl config view --raw => unknown-verb
         kubectl cp a:/x /y => worker-files
         kubectl kustomize . => worker-files",
    );
    let command = run("kubectl get pods --context prod");
    assert!(!command.argv().elements().iter().any(|element| element.contains("context")));
    assert_eq!(command.action().scope.target.as_deref(), Some("prod"));
}

#[test]
fn p14_unknown_repeated_and_abbreviated_is_refused() {
    all_refused(
        "kubectl => unknown-verb
         kubectl gett pods => unknown-verb
         kubectl get-pods => unknown-verb
         kubectl GET pods => unknown-verb
         kubectl rollout => unknown-verb
         kubectl rollout undoo deploy/x => unknown-verb
         kubectl foo => unknown-verb
         kubectl get pods --namespac web => unknown-flag
         kubectl get pods --all-namespace => unknown-flag
         kubectl get pods --all_namespaces => unknown-flag
         kubectl get pods -x => unknown-flag
         kubectl get pods -A= => unknown-flag
         kubectl get pods --= => unknown-flag
         kubectl get pods ---namespace=x => unknown-flag
         kubectl -A get pods => unknown-flag
         kubectl get pods -n web -n kube-system => repeated-flag
         kubectl get pods -nweb --namespace=web => repeated-flag
         kubectl -n web get pods -n web => repeated-flag
         kubectl get pods -A -A => repeated-flag
         kubectl get pods -l a=b -l c=d => repeated-flag
         kubectl delete pods -l a=b --selector=c => repeated-flag
         kubectl scale deploy x --replicas=1 --replicas=0 => repeated-flag
         kubectl delete pod x --force --force=false => repeated-flag
",
    );
    assert_eq!(refusal("  ").code(), Code::EmptyCommand);
    assert_eq!(refusal("kubectl delte pod x").hint(), "did you mean `delete`?");
    assert_eq!(refusal("kubectl get pods --namespac web").hint(), "did you mean `--namespace`?");
    assert_eq!(refusal("kubectl get deploymnets").hint(), "did you mean `deployments`?");
    assert_eq!(refusal("kubectl get pods --context prd").hint(), "did you mean `prod`?");
}

#[test]
fn p14_values_and_targets_that_are_not_understood_are_refused() {
    all_refused(
        "kubectl get pods -n => missing-value
         kubectl get pods -n= => bad-value
         kubectl get pods --namespace= => bad-value
         kubectl get pods -n '' => bad-value
         kubectl get pods -n 'a b' => bad-value
         kubectl get pods -n a/b => bad-value
         kubectl get pods -n -A => bad-value
         kubectl get pods -n '*' => bad-value
         kubectl get pods -l '' => bad-value
         kubectl delete pods -l ' ' => bad-value
         kubectl get pods -l --apply => bad-value
         kubectl get pods --no-headers=yes => bad-value
         kubectl get pods -o => missing-value
         kubectl get pods -o YAML => bad-value
         kubectl get pods -o jsonpath => missing-value
         kubectl get pods -o kyaml => bad-value
         kubectl delete pod a -o yaml => bad-value
         kubectl get foos => unknown-kind
         kubectl get pod,foos => unknown-kind
         kubectl get pods, => unknown-kind
         kubectl get => missing-target
         kubectl get pods/a b => bad-value
         kubectl get pods a/b => bad-value
         kubectl get pods/a/b => bad-value
         kubectl get pods/ => bad-value
         kubectl get pods,svc/a => bad-value
         kubectl get all/a => bad-value
         kubectl get pods ../x => bad-value
         kubectl get pods '*' => bad-value
         kubectl get pods a -l x=y => unexpected-argument
         kubectl delete pod a --all => unexpected-argument
         kubectl get pod a -A => unexpected-argument
         kubectl delete pods --all -l a=b => unexpected-argument
         kubectl delete pods => missing-target
         kubectl delete pods -A => missing-target
         kubectl delete => missing-target
         kubectl scale deploy --replicas=1 => missing-target
         kubectl scale deploy x => missing-value
         kubectl scale deploy x --replicas=-1 => bad-value
         kubectl scale deploy x --replicas=03 => bad-value
         kubectl scale pods x --replicas=3 => bad-value
         kubectl rollout restart pods/x => bad-value
         kubectl rollout pause sts/x => bad-value
         kubectl label pod x => missing-value
         kubectl label x=y => missing-target
         kubectl label pod x a=b c => bad-value
         kubectl label pod x a=b a- => repeated-flag
         kubectl label pod x =b => bad-value
         kubectl label pod x y=--output=yaml => bad-value
         kubectl label pod x -- --dry-run=none => unexpected-argument
         kubectl label pod x 'a=b c' => bad-value
         kubectl label pod x a=b --list => unexpected-argument
",
    );
}

#[test]
fn p14_sessions_and_what_never_ends_are_refused() {
    all_refused(
        "kubectl logs => missing-target
         kubectl logs a b c => unexpected-argument
         kubectl logs a b -c d => unexpected-argument
         kubectl logs a -l x=y => unexpected-argument
         kubectl logs secret/x => bad-value
         kubectl logs a -f => not-available-yet
         kubectl logs -fa => not-available-yet
         kubectl logs a --since=0x => bad-value
         kubectl get pods -w => not-available-yet
         kubectl get pods --watch => not-available-yet
         kubectl get pods --watch-only => not-available-yet
         kubectl rollout status deploy/x --timeout=2h => bad-value
         kubectl rollout status deploy/x --timeout=0s => bad-value
         kubectl delete pod x -i => interactive
         kubectl exec a -- ls => interactive
         kubectl attach a => interactive
         kubectl port-forward a 80 => interactive
         kubectl proxy => interactive
         kubectl debug node/n1 => interactive
         kubectl edit deploy x => interactive
         kubectl run x --image=y -it => interactive
         kubectl create token x => unknown-verb
         kubectl patch deploy x -p y => bad-value
         kubectl events -w => not-available-yet
         kubectl plugin list => unknown-verb
         kubectl get pods --help => flag-not-allowed
         kubectl delete pod x --record => flag-not-allowed
         /kubect get pods => unknown-tool
         '' => unknown-tool",
    );
}

#[test]
fn p24_secrets_are_sensitive_in_every_spelling() {
    for kind in [
        "secret",
        "secrets",
        "Secret",
        "SECRETS",
        "secrets.v1.",
        "secret.",
        "cm,secret",
        "all,secrets",
        "vs",
        "VaultSecret",
        "vaultsecrets.vault.example.com",
    ] {
        for form in [
            "-o yaml",
            "-o json",
            "-ojson",
            "--output=yaml",
            "-o name -o yaml",
            "-o 'jsonpath={.x}'",
            "-o 'go-template={{.}}'",
            "-o 'template={{.}}'",
            "-o custom-columns=A:.data",
            "-o jsonpath-as-json='{.}'",
        ] {
            is(&format!("kubectl get {kind} {form}"), Tier::Read, Sensitivity::Sensitive);
            is(&format!("kubectl get -A {form} {kind}"), Tier::Read, Sensitivity::Sensitive);
        }
        is(&format!("kubectl describe {kind}"), Tier::Read, Sensitivity::Sensitive);
        is(&format!("kubectl get {kind} -o name"), Tier::Read, Sensitivity::Plain);
    }
    is("kubectl get secret/db -o yaml", Tier::Read, Sensitivity::Sensitive);
    is("kubectl get pod/a secret/db -o json", Tier::Read, Sensitivity::Sensitive);
    is("kubectl get all -o yaml", Tier::Read, Sensitivity::Sensitive);
    is("kubectl get secrets", Tier::Read, Sensitivity::Plain);
    is("kubectl get secrets -o wide --show-labels", Tier::Read, Sensitivity::Plain);
    is("kubectl get secrets --sort-by=.metadata.name", Tier::Read, Sensitivity::Plain);
    is("kubectl get secrets --sort-by='{.data.password}'", Tier::Read, Sensitivity::Sensitive);
    is("kubectl get vs", Tier::Read, Sensitivity::Sensitive);
    is("kubectl get cm -o yaml", Tier::Read, Sensitivity::Plain);
    is("kubectl label secret db a=b -o yaml", Tier::Change, Sensitivity::Sensitive);
    is("kubectl label secret db a=b", Tier::Change, Sensitivity::Plain);
    is("kubectl delete secret db", Tier::Destructive, Sensitivity::Plain);
}

#[test]
fn p38_scope_is_what_the_tool_will_use() {
    for (text, namespace) in [
        ("kubectl get pods", Some("default")),
        ("kubectl get pods -nweb", Some("web")),
        ("kubectl get pods -n=web", Some("web")),
        ("kubectl --namespace web get pods", Some("web")),
        ("kubectl get pods -Aoname", Some("*")),
        ("kubectl get pods -n web -A", Some("*")),
        ("kubectl get pods -A -n web", Some("*")),
        ("kubectl get pods -A=false -n web", Some("web")),
        ("kubectl get pods --all-namespaces=false", Some("default")),
        ("kubectl get nodes -n web", None),
        ("kubectl get nodes,pods -n web", Some("web")),
    ] {
        assert_eq!(run(text).action().scope.namespace.as_deref(), namespace, "{text}");
    }
    let channel = Context { channel: Some("C0PROD".to_owned()), attachment: None };
    let Ok(Typed::Run { command, .. }) = parse("/kubectl get pods", &channel, &crate::common::vocabulary()) else {
        panic!()
    };
    assert_eq!(command.action().scope.env.as_deref(), Some("prod"));
    let nowhere = countersign_command::Vocabulary { default_cluster: None, ..crate::common::vocabulary() };
    let refused = parse("kubectl get pods", &Context::default(), &nowhere).unwrap_err();
    assert_eq!(refused.code(), Code::MissingTarget);
}

#[test]
fn p39_an_unknown_target_set_has_the_highest_tier() {
    for text in [
        "kubectl label pods --all x=y",
        "kubectl label pods -l a=b x=y",
        "kubectl label pods --field-selector=a=b x=y",
        "kubectl label pods --all -A x=y",
        "kubectl scale deploy --all --replicas=3",
        "kubectl scale deploy -l a=b --replicas=3",
        "kubectl rollout restart deploy",
        "kubectl rollout restart deploy -l a=b",
        "kubectl rollout undo ds,sts",
        "kubectl rollout pause deploy -n web",
        "kubectl delete pods --all",
    ] {
        let command = run(text);
        assert_eq!(command.action().tier, Tier::Destructive, "{text}");
        assert!(command.action().resources.iter().any(countersign_core::action::Resource::is_open), "{text}");
        assert!(command.action().reasons.iter().any(|reason| reason.starts_with("target set unknown")), "{text}");
    }
    let names: Vec<String> =
        run("kubectl delete ns/a namespaces/kube-system").action().resources.iter().map(ToString::to_string).collect();
    assert!(names.contains(&"k8s/dev/ns/kube-system/*/*".to_owned()), "{names:?}");
    let crd = run("kubectl delete crd certificates.cert-manager.io");
    let names: Vec<String> = crd.action().resources.iter().map(ToString::to_string).collect();
    assert!(names.contains(&"k8s/dev/ns/*/certificates.cert-manager.io/*".to_owned()), "{names:?}");
}

#[test]
fn p55_mangled_text_is_the_intended_command() {
    let plain = run("kubectl delete pods -l app=web --namespace=web --apply");
    for mangled in [
        "/kubectl delete pods -l \u{201c}app=web\u{201d} \u{2014}namespace=web \u{2014}apply",
        "kubectl delete  \u{a0}pods -l \u{2018}app=web\u{2019} \u{2013}namespace web \u{2014}apply",
    ] {
        assert_eq!(run(mangled), plain, "{mangled}");
    }
    all_refused(
        "kubectl delete pods -l app=a &amp;&amp; x => shell-syntax
         kubectl delete pods -l app=&lt;x&gt; => shell-syntax
         kubectl delete pods -l 'app=&amp;lt;' => bad-value
         kubectl logs <http://evil.example|api> => character-not-allowed
         kubectl logs <http://api.example|api.example> => bad-value
         kubectl delete pod a\u{2014}b => character-not-allowed
         kubectl delete pod \u{201c}a\" => unbalanced-quote",
    );
}

#[test]
fn p31_deceiving_names_are_refused() {
    all_refused(
        "kubectl delete pod \u{430}pi => character-not-allowed
         kubectl delete pod \u{430}\u{440}\u{456} => bad-value
         kubectl delete p\u{43e}d api => character-not-allowed
         kubect\u{4cf} get pods => character-not-allowed
         kubectl delete pod api\u{202e}7f => character-not-allowed
         kubectl delete pod api\u{200b} => character-not-allowed
         kubectl delete pod a\u{a0}b => character-not-allowed
         kubectl delete pod '\u{a0}b' => character-not-allowed
         kubectl delete\tpod a => character-not-allowed
         kubectl delete pod \u{ff41} => character-not-allowed",
    );
}

#[test]
fn p56_refusals_echo_nothing_harmful() {
    let got = refusal("kubectl get pods --token=xoxb-123456789012-abcdefghijkl");
    assert_eq!(got.code(), Code::SecretInCommand);
    assert!(!format!("{got:?}").contains("xoxb-123"));
    let split = refusal("kubectl get pods -l a=AKI''AABCDEFGHIJKLMNOP");
    assert_eq!(split.code(), Code::SecretInCommand);
    let place = refusal("kubectl get pods -n web --bogus").place().cloned().unwrap();
    assert_eq!((place.column, place.length), (25, 7));
}

#[test]
fn questions_to_countersign() {
    assert_eq!(typed("/countersign").unwrap(), Typed::Ask(Countersign::Help { topic: None }));
    assert_eq!(typed("countersign whoami").unwrap(), Typed::Ask(Countersign::Whoami));
    assert!(
        matches!(typed("countersign status 1a2b3c4d").unwrap(), Typed::Ask(Countersign::Status(id)) if id.as_str() == "1a2b3c4d")
    );
    assert!(
        matches!(typed("countersign can-i kubectl delete pod x --apply").unwrap(), Typed::Ask(Countersign::CanI(command)) if command.mode() == Mode::Apply)
    );
    all_refused(
        "countersign status => missing-value
         countersign status ../x => bad-value
         countersign status 1a2b3c4d x => unexpected-argument
         countersign can-i => missing-value
         countersign can-i countersign whoami => unknown-tool
         countersign freeze prod => not-available-yet
         countersign statsu => unknown-verb",
    );
}

#[test]
fn a_reason_is_kept_beside_the_command() {
    let Ok(Typed::Run { command, reason }) = typed("kubectl delete pod a --reason \"failing; health checks\" --apply")
    else {
        panic!()
    };
    assert_eq!(reason.as_deref(), Some("failing; health checks"));
    assert!(!command.argv().to_string().contains("failing"));
    all_refused("kubectl delete pod a --reason '' => bad-value");
}

/// What the worker is handed is understood as exactly itself, or refused.
#[test]
fn what_was_approved_reads_back_or_is_refused() {
    let command = run("kubectl delete pod a -n web --apply");
    let read = run("kubectl get pods");
    let again = |argv: &str, mode, scope: &Scope, stdin, filters: &[Argv]| {
        let argv = Argv::new(argv.split(' ').map(str::to_owned).collect()).unwrap();
        let canonical = Canonical { tool: command.tool(), argv: &argv, mode, scope, stdin, filters };
        parse_again(&canonical, &crate::common::vocabulary()).map_err(|refusal| refusal.code())
    };
    let web = &command.action().scope;
    let good = "kubectl delete pods/a --namespace=web";
    assert_eq!(again(good, Mode::Apply, web, None, &[]).as_ref(), Ok(&command));
    assert_eq!(again(good, Mode::DryRun, web, None, &[]).unwrap().mode(), Mode::DryRun);
    for other in [
        "kubectl delete pod/a --namespace=web",
        "kubectl delete pods/a -n web",
        "kubectl delete pods/a --namespace=web --apply",
        "kubectl delete pods/a --namespace=web --context=dev",
        "kubectl delete pods/a --namespace=web --dry-run=server",
        "kubectl delete pods/a --namespace=web --reason=x",
        "kubectl delete pods/a pods/a --namespace=web",
        "kubectl --namespace=web delete pods/a",
        "kubectl delete pods/a --namespace=prod",
        "kubectl delete pods/a",
    ] {
        assert_eq!(again(other, Mode::Apply, web, None, &[]), Err(Code::CommandChanged), "{other}");
    }
    let changed = Err(Code::CommandChanged);
    let input = Input::new("x".into()).unwrap();
    assert_eq!(again(good, Mode::Apply, &Scope { env: Some("prod".into()), ..web.clone() }, None, &[]), changed);
    assert_eq!(again(good, Mode::Apply, &Scope { region: Some("x".into()), ..web.clone() }, None, &[]), changed);
    assert_eq!(again(good, Mode::Apply, web, Some(&input), &[]), changed);
    assert!(again(good, Mode::Apply, web, None, &[read.argv().clone()]).is_err());
    assert_eq!(again("kubectl get pods --namespace=web", Mode::DryRun, web, None, &[]), changed);
    assert_eq!(again(good, Mode::Apply, &Scope::default(), None, &[]), Err(Code::UnknownTarget));
    assert_eq!(again("kubectl exec a --namespace=web", Mode::Apply, web, None, &[]), Err(Code::Interactive));
}

#[test]
fn a_legitimate_command_finds_its_way() {
    for text in [
        "kubectl get pods -o wide --sort-by=.status.startTime",
        "kubectl get pods --field-selector=status.phase!=Running",
        "kubectl get pods -l 'app in (a,b),!canary' --show-labels",
        "kubectl get events --sort-by=.lastTimestamp -n web",
        "kubectl get pod api -o jsonpath='{.status.phase}'",
        "kubectl get pods -o=custom-columns=NAME:.metadata.name,IP:.status.podIP",
        "kubectl get -o json pod web-pod-13je7",
        "kubectl get deployments.v1.apps -o json",
        "kubectl get rc/web service/frontend pods/web-pod-13je7",
        "kubectl get pod web-pod-13je7 --subresource status",
        "kubectl get pods -owide -nweb --ignore-not-found",
        "kubectl get clusterrole system:node -o yaml",
        "kubectl describe nodes kubernetes-node-emt8.c.myproject.internal",
        "kubectl describe pods -l app=web --show-events=false",
        "kubectl logs -n web deploy/api --since 10m --tail=100 --timestamps",
        "kubectl logs api-7f --since-time=2026-11-21T10:00:00Z --prefix",
        "kubectl logs -p -c ruby web-1",
        "kubectl logs job/hello --tail -1 --all-containers=true",
        "kubectl scale --replicas=5 deployment/api",
        "kubectl scale --current-replicas=2 --replicas=3 sts/mysql rs/foo rc/bar",
        "kubectl delete pod,service baz foo",
        "kubectl delete pods,services -l name=myLabel",
        "kubectl delete pod foo --now --timeout=60s --wait=false",
        "kubectl delete pod foo --grace-period=30",
        "kubectl label pods foo unhealthy=true example.com/owner-",
        "kubectl label node n1 disk=ssd --resource-version=12",
        "kubectl rollout history deploy/web --revision=2 -o yaml",
        "kubectl rollout status ds/foo --watch=false",
        "kubectl rollout status ds/foo --revision=3 --timeout=1m",
        "kubectl rollout undo daemonset/abc --to-revision=3",
        "kubectl rollout pause deploy/a deploy/b",
    ] {
        assert!(typed(text).is_ok(), "{text}: {:?}", typed(text));
    }
}

/// Every flag of the real kubectl is allowed or refused by name; none is unknown.
#[test]
fn no_flag_of_kubectl_1_32_is_unknown() {
    let understood = countersign_command::verbs(&Tool::Kubectl);
    let list = include_str!("../data/kubectl-1.32-flags.txt");
    let rows: Vec<Vec<&str>> =
        list.lines().filter(|line| !line.starts_with('#')).map(|line| line.split('\t').collect()).collect();
    let mut verbs: Vec<&str> = rows.iter().map(|row| row[0]).filter(|verb| *verb != "*").collect();
    verbs.dedup();
    let mut checked = 0;
    for verb in verbs {
        if !understood.contains(&verb) {
            refusal(&format!("kubectl {verb} x"));
            continue;
        }
        let manifest = if ["apply", "create", "diff", "replace"].contains(&verb) { "-f -" } else { "deploy/a" };
        for row in rows.iter().filter(|row| row[0] == verb || row[0] == "*") {
            let mut spellings = vec![format!("--{}=x", row[1])];
            if row[2] != "-" {
                spellings.push(format!("-{}=x", row[2]));
            }
            for spelling in spellings {
                checked += 1;
                if let Err(refusal) = typed(&format!("kubectl {verb} {spelling} {manifest}")) {
                    assert!(
                        !matches!(refusal.code(), Code::UnknownFlag | Code::UnknownVerb),
                        "{verb} {spelling}: {refusal}"
                    );
                }
            }
        }
    }
    assert!(checked > 2_000, "{checked}");
}
