//! What is refused, in the words of the real server.

use countersign_simulators::kubernetes::{Cluster, Seed, StartError};
use reqwest::Method;
use serde_json::json;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::world::World;

#[tokio::test]
async fn an_account_does_only_what_its_rules_say() {
    let w = World::demo().await;
    let before = w.everything();
    let cases = [
        (
            "read",
            "delete pod api-7f -n payments",
            "pods \"api-7f\" is forbidden: User \"system:serviceaccount:countersign:read\" cannot delete resource \"pods\" in API group \"\" in the namespace \"payments\"",
        ),
        (
            "read",
            "get secrets -A",
            "secrets is forbidden: User \"system:serviceaccount:countersign:read\" cannot list resource \"secrets\" in API group \"\" at the cluster scope",
        ),
        (
            "change",
            "delete deployment api -n payments",
            "deployments.apps \"api\" is forbidden: User \"system:serviceaccount:countersign:change\" cannot delete resource \"deployments\" in API group \"apps\" in the namespace \"payments\"",
        ),
        (
            "read",
            "scale deployment api --replicas=1 -n payments",
            "deployments.apps \"api\" is forbidden: User \"system:serviceaccount:countersign:read\" cannot patch resource \"deployments/scale\" in API group \"apps\" in the namespace \"payments\"",
        ),
        (
            "destructive",
            "get secret cluster-key -n kube-system",
            "secrets \"cluster-key\" is forbidden: User \"system:serviceaccount:countersign:destructive\" cannot get resource \"secrets\" in API group \"\" in the namespace \"kube-system\"",
        ),
        (
            "destructive",
            "delete namespace payments",
            "namespaces \"payments\" is forbidden: User \"system:serviceaccount:countersign:destructive\" cannot delete resource \"namespaces\" in API group \"\" in the namespace \"payments\"",
        ),
    ];
    for (account, command, sentence) in cases {
        let said = w.kubectl(account, command).await.refused();
        assert_eq!(said, format!("Error from server (Forbidden): {sentence}"), "{command}");
    }
    // Clients word this one differently, because discovery meets it first.
    w.kubectl("destructive", "get pods --as=admin -n payments").await.refused();
    assert_eq!(w.cluster.requests().last().expect("a request").code, 403);
    let exec = w.kubectl("destructive", "exec api-7f -n payments -- ls").await.refused();
    assert!(
        exec.contains("cannot get resource \"pods/exec\"") || exec.contains("cannot create resource \"pods/exec\""),
        "{exec}"
    );
    assert_eq!(w.everything(), before);
    assert!(w.mutations().is_empty());
}

#[tokio::test]
async fn a_preview_credential_cannot_act() {
    let w = World::demo().await;
    let before = w.everything();
    let why = "ValidatingAdmissionPolicy 'countersign-preview-dry-run-only' with binding 'countersign-preview-dry-run-only' denied request: this credential may only send requests with dryRun=All";
    for (command, subject) in [
        ("delete pod api-7f -n payments", "pods \"api-7f\""),
        ("label pod api-7f -n payments a=b", "pods \"api-7f\""),
        ("rollout restart deployment api -n payments", "deployments.apps \"api\""),
        ("scale deployment api --replicas=0 -n payments", "deployments.apps \"api\""),
        ("delete pods --all -n payments", "pods \"api-7f\""),
    ] {
        let ran = w.kubectl("preview", command).await;
        assert_eq!(ran.code, 1, "{command}");
        assert!(ran.err.contains(&format!("{subject} is forbidden: {why}")), "{command}: {}", ran.err);
        assert_eq!(w.everything(), before, "{command}");
    }
    assert!(w.mutations().is_empty());
}

#[tokio::test]
async fn what_is_not_there_is_not_found() {
    let w = World::demo().await;
    let said = w.kubectl("destructive", "delete pod nope -n payments").await.refused();
    assert_eq!(said, "Error from server (NotFound): pods \"nope\" not found");
    let said = w.kubectl("read", "get deploy nope -n payments").await.refused();
    assert_eq!(said, "Error from server (NotFound): deployments.apps \"nope\" not found");
    let said = w.kubectl("read", "get widgets").await.refused();
    assert!(said.contains("the server doesn't have a resource type \"widgets\""), "{said}");
}

#[tokio::test]
async fn a_token_nobody_issued_is_nobody() {
    let w = World::demo().await;
    let kubeconfig = w.cluster.kubeconfig_for_token("made-up", None);
    let said = w.kubectl_with(&kubeconfig, "get pods -n payments").await.refused();
    assert!(said.contains("Unauthorized") || said.contains("You must be logged in"), "{said}");
    assert!(w.cluster.requests().iter().all(|request| request.account.is_none() && request.code == 401));
}

#[tokio::test]
async fn malformed_requests_change_nothing() {
    let w = World::demo().await;
    let before = w.everything();
    let (api, pod) = ("/apis/apps/v1/namespaces/payments/deployments/api", "/api/v1/namespaces/payments/pods/api-7f");
    let merge = "application/merge-patch+json";
    let stale = json!({"metadata": {"resourceVersion": "1"}, "spec": {"replicas": 1}});
    let selector = json!({"spec": {"selector": {"matchLabels": {"app": "other"}}}});
    let cases = [
        (Method::DELETE, format!("{pod}?dryRun=Some"), "application/json", json!({}), 400, "BadRequest"),
        (Method::DELETE, pod.to_owned(), "application/json", json!({"dryRun": ["Nearly"]}), 400, "BadRequest"),
        (Method::DELETE, pod.to_owned(), "application/json", json!([]), 400, "BadRequest"),
        (Method::DELETE, pod.to_owned(), "application/json", json!({"preconditions": {"uid": "x"}}), 409, "Conflict"),
        (Method::PATCH, api.to_owned(), "application/apply-patch+yaml", json!({}), 400, "BadRequest"),
        (Method::PATCH, format!("{api}?fieldManager=a"), "application/apply-patch+yaml", json!({}), 400, "BadRequest"),
        (Method::PATCH, api.to_owned(), "application/cbor", json!({}), 415, "UnsupportedMediaType"),
        (Method::PATCH, api.to_owned(), merge, stale, 409, "Conflict"),
        (Method::PATCH, api.to_owned(), merge, selector, 422, "Invalid"),
        (Method::PATCH, format!("{api}/scale"), merge, json!({"spec": {"replicas": -1}}), 422, "Invalid"),
        (Method::PATCH, api.to_owned(), merge, json!({"metadata": {"labels": {"a": "b c"}}}), 422, "Invalid"),
        (Method::PATCH, api.to_owned(), merge, json!({"metadata": {"name": "b"}}), 400, "BadRequest"),
        (Method::PATCH, api.to_owned(), merge, json!("x"), 400, "BadRequest"),
        (Method::PATCH, api.to_owned(), merge, json!({"metadata": "x"}), 400, "BadRequest"),
        (Method::PATCH, api.to_owned(), merge, json!({"spec": {"template": null}}), 422, "Invalid"),
        (Method::PATCH, format!("{api}/scale"), merge, json!({"spec": {"replicas": 501}}), 422, "Invalid"),
        (Method::POST, pod.to_owned(), "application/json", json!({}), 405, "MethodNotAllowed"),
        (Method::DELETE, format!("{pod}/nope"), "application/json", json!({}), 404, "NotFound"),
        (Method::GET, "/api/v1/pods?labelSelector=a%20b".to_owned(), "application/json", json!({}), 400, "BadRequest"),
        (Method::GET, "/api/v9/pods".to_owned(), "application/json", json!({}), 404, "NotFound"),
    ];
    for (method, path, media_type, body, code, reason) in cases {
        let (answered, status) = w.http("destructive", method.clone(), &path, media_type, &body).await;
        assert_eq!((answered, status["reason"].as_str()), (code, Some(reason)), "{method} {path} {body}: {status}");
        assert_eq!((status["kind"].as_str(), status["code"].as_u64()), (Some("Status"), Some(code.into())));
        assert_eq!(w.everything(), before, "{method} {path} {body}");
    }
}

#[tokio::test]
async fn a_seed_the_server_would_refuse_does_not_start() {
    let mut seed = Seed::empty("x");
    seed.objects = vec![json!({"apiVersion": "v1", "kind": "Widget", "metadata": {"name": "w"}})];
    let clock = std::sync::Arc::new(|| jiff::Timestamp::UNIX_EPOCH);
    let refused = Cluster::start(seed, clock, &TaskTracker::new(), CancellationToken::new()).await.unwrap_err();
    assert!(matches!(&refused, StartError::Seed { name, .. } if name == "w"), "{refused}");
}
