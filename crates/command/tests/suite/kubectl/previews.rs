//! What is run to show what a change would do.

use crate::common::{all_refused, run};
use countersign_core::tier::Mode;
use expect_test::{Expect, expect};

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
