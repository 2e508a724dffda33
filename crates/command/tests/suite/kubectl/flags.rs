//! What people type finds its way, and no flag of the real kubectl is unknown.

use crate::common::{refusal, typed};
use countersign_core::command::Tool;
use countersign_core::refusal::Code;

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
    let list = include_str!("../../data/kubectl-1.32-flags.txt");
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
