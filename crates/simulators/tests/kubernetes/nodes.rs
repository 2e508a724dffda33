//! cordon, taint, drain and evictions.

use reqwest::Method;
use serde_json::json;

use crate::world::{World, rows};

#[tokio::test]
async fn a_node_is_cordoned_and_tainted() {
    let w = World::demo().await;
    let node = || w.cluster.object("nodes", None, "node-a").unwrap();
    let before = w.everything();
    for command in ["cordon node-a", "taint nodes node-a dedicated=db:NoSchedule"] {
        w.kubectl("preview", &format!("{command} --dry-run=server")).await.ok();
        assert_eq!(w.everything(), before, "{command}");
        // kubectl 1.32 ends with 0 when it could not cordon.
        let refused = w.kubectl("read", command).await;
        assert_eq!(w.everything(), before, "{command}");
        assert!(refused.err.contains("cannot patch resource \"nodes\" in API group \"\""), "{}", refused.err);
    }
    assert_eq!(w.kubectl("change", "cordon node-a").await.ok(), "node/node-a cordoned\n");
    assert_eq!(node()["spec"]["unschedulable"], true);
    let row = rows(&w.kubectl("read", "get node node-a").await.ok())[1].clone();
    assert!(row.starts_with("node-a Ready,SchedulingDisabled"), "{row}");
    w.kubectl("change", "uncordon node-a").await.ok();
    assert_eq!(node()["spec"].get("unschedulable"), None);

    w.kubectl("change", "taint nodes node-a dedicated=db:NoSchedule").await.ok();
    assert_eq!(node()["spec"]["taints"], json!([{"key": "dedicated", "value": "db", "effect": "NoSchedule"}]));
    let again = w.kubectl("change", "taint nodes node-a dedicated=web:NoSchedule").await.refused();
    assert!(again.contains("already has dedicated taint(s) with same effect(s)"), "{again}");
    // A new pod goes elsewhere; what runs there stays until a taint says otherwise.
    let here = "get pods -A --field-selector spec.nodeName=node-a -o name";
    let ran = w.kubectl("read", here).await.ok();
    w.kubectl("change", "scale deployment worker --replicas=6 -n payments").await.ok();
    assert_eq!(w.kubectl("read", here).await.ok(), ran);
    w.kubectl("change", "taint nodes node-a gone:NoExecute").await.ok();
    let left = w.kubectl("read", here).await.ok();
    assert!(left.lines().all(|pod| pod.starts_with("pod/kube-proxy-")), "{left}");
    w.kubectl("change", "taint nodes node-a dedicated:NoSchedule- gone-").await.ok();
    assert_eq!(node()["spec"].get("taints"), None);
}

#[tokio::test]
async fn a_drained_node_is_empty() {
    let w = World::demo().await;
    let before = w.everything();
    let drain = "drain node-a --ignore-daemonsets --force --dry-run=server";
    let dry = w.kubectl("destructive", drain).await.ok();
    assert!(dry.contains("(server dry run)"), "{dry}");
    assert_eq!(w.everything(), before);
    // Of an eviction no admission policy sees that it is a dry run.
    let unseen = w.kubectl("preview", drain).await;
    assert!(unseen.err.contains("may only send requests with dryRun=All"), "{}", unseen.err);
    assert_eq!(w.everything(), before);
    let daemon = w.kubectl("destructive", "drain node-a --force --dry-run=server").await;
    assert_eq!(daemon.code, 1);
    assert!(daemon.err.contains("cannot delete DaemonSet-managed Pods (use --ignore-daemonsets to ignore)"));
    let forbidden = w.kubectl("change", "drain node-a --ignore-daemonsets --force").await;
    assert!(forbidden.err.contains("cannot create resource \"pods/eviction\""), "{}", forbidden.err);
    w.kubectl("destructive", "drain node-a --ignore-daemonsets --force").await.ok();
    let left = w.kubectl("read", "get pods -A --field-selector spec.nodeName=node-a -o name").await.ok();
    assert!(left.lines().all(|pod| pod.starts_with("pod/kube-proxy-")), "{left}");
    assert_eq!(w.cluster.names("pods", Some("payments")).len(), 5);
}

#[tokio::test]
async fn an_eviction_respects_the_budget() {
    let w = World::demo().await;
    let budget = |least: serde_json::Value| {
        json!({"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": "api", "namespace": "payments"},
            "spec": {"minAvailable": least, "selector": {"matchLabels": {"app": "api"}}}})
    };
    let evict = async |w: &World| {
        let body = json!({"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": "api-7f", "namespace": "payments"}});
        let path = "/api/v1/namespaces/payments/pods/api-7f/eviction";
        w.http("destructive", Method::POST, path, "application/json", &body).await
    };
    for least in [json!(3), json!("100%")] {
        w.cluster.write(budget(least)).unwrap();
        let row = rows(&w.kubectl("read", "get pdb -n payments").await.ok())[1].clone();
        assert!(row.ends_with("N/A 0 0s"), "{row}");
        let (code, status) = evict(&w).await;
        assert_eq!((code, status["reason"].as_str()), (429, Some("TooManyRequests")), "{status}");
        let why = status["details"]["causes"][0]["message"].as_str().unwrap();
        assert_eq!(why, "The disruption budget api needs 3 healthy pods and has 3 currently");
    }
    assert!(w.cluster.object("pods", Some("payments"), "api-7f").is_some());
    w.cluster.write(budget(json!(2))).unwrap();
    assert_eq!(evict(&w).await.0, 201);
    assert!(w.cluster.object("pods", Some("payments"), "api-7f").is_none());
}
