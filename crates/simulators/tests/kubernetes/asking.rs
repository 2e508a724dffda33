//! explain, top, events, wait, and what one may do.

use serde_json::json;

use crate::world::{World, rows};

#[tokio::test]
async fn explain_knows_the_fields() {
    let w = World::demo().await;
    let lines = |text: String| text.lines().map(|line| line.trim().to_owned()).collect::<Vec<_>>();
    let spec = lines(w.kubectl("read", "explain deployment.spec").await.ok());
    assert!(spec.iter().any(|line| line.starts_with("template") && line.ends_with("-required-")), "{spec:#?}");
    assert!(spec.iter().any(|line| line == "replicas\t<integer>"), "{spec:#?}");
    let container = lines(w.kubectl("read", "explain pods.spec.containers.livenessProbe.httpGet").await.ok());
    assert!(container.iter().any(|line| line.starts_with("port")), "{container:#?}");
    let wrong = w.kubectl("read", "explain pods.spec.nope").await.refused();
    assert!(wrong.contains("field \"nope\" does not exist"), "{wrong}");
    w.kubectl("read", "explain hpa --recursive").await.ok();
}

#[tokio::test]
async fn top_adds_up_what_runs() {
    let w = World::demo().await;
    let nodes = rows(&w.kubectl("read", "top nodes").await.ok());
    assert_eq!(nodes.len(), 4);
    assert!(nodes[0].starts_with("NAME CPU(cores) CPU"), "{nodes:?}");
    let pods = rows(&w.kubectl("read", "top pods -n payments").await.ok());
    assert!(pods.contains(&"api-7f 50m 128Mi".to_owned()), "{pods:?}");
    let one = rows(&w.kubectl("read", "top pod api-7f -n payments --containers").await.ok());
    assert_eq!(one[1].split(' ').next_back(), Some("128Mi"));
}

#[tokio::test]
async fn events_are_listed_with_their_object() {
    let w = World::demo().await;
    let events = rows(&w.kubectl("read", "get events -n payments").await.ok());
    assert_eq!(events[1], "7m Warning BackOff pod/api-7f Back-off restarting failed container api in pod api-7f");
    let described = w.kubectl("read", "describe pod api-7f -n payments").await.ok();
    assert!(described.contains("Back-off restarting failed container"), "{described}");
    if w.modern().await {
        let events = rows(&w.kubectl("read", "events -n payments --for=pod/api-7f").await.ok());
        assert!(events[1].contains("Warning BackOff Pod/api-7f"), "{events:?}");
    }
}

#[tokio::test]
async fn one_can_ask_what_one_may_do() {
    let w = World::demo().await;
    let listed = rows(&w.kubectl("change", "auth can-i --list -n payments").await.ok());
    assert!(
        listed.iter().any(|row| row.starts_with("configmaps") && row.ends_with("[get list watch create update patch]")),
        "{listed:?}"
    );
    assert!(!listed.iter().any(|row| row.starts_with("secrets")), "{listed:?}");
    let elsewhere = rows(&w.kubectl("change", "auth can-i --list -n kube-system").await.ok());
    assert!(!elsewhere.iter().any(|row| row.contains("create update")), "{elsewhere:?}");
    for (account, question, answer) in [
        ("read", "get pods/log -n payments", "yes\n"),
        ("read", "patch deployments -n payments", "no\n"),
        ("change", "patch deployments --subresource=scale -n payments", "yes\n"),
        ("change", "create pods --subresource=eviction -n payments", "no\n"),
        ("destructive", "create pods --subresource=eviction -n payments", "yes\n"),
        ("destructive", "create pods --subresource=eviction -n kube-system", "yes\n"),
        ("change", "patch nodes", "yes\n"),
        ("sensitive", "get secrets -n payments", "yes\n"),
        ("sensitive", "delete secrets -n payments", "no\n"),
    ] {
        assert_eq!(w.kubectl(account, &format!("auth can-i {question}")).await.out, answer, "{account} {question}");
    }
    if w.modern().await {
        let who = w.kubectl("read", "auth whoami -o jsonpath={.status.userInfo.username}").await.ok();
        assert_eq!(who, "system:serviceaccount:countersign:read");
    }
    assert!(w.mutations().is_empty(), "asking changes nothing");
}

#[tokio::test]
async fn wait_sees_what_is_and_what_comes() {
    let w = World::demo().await;
    let available = "wait --for=condition=Available deployment/api -n payments --timeout=30s";
    assert_eq!(w.kubectl("read", available).await.ok(), "deployment.apps/api condition met\n");
    let mut waiting = w.start_kubectl("read", "wait --for=delete pod/api-7f -n payments --timeout=30s");
    w.asked("read", "/pods").await;
    w.kubectl("destructive", "delete pod api-7f -n payments").await.ok();
    assert_eq!(waiting.line().await.as_deref(), Some("pod/api-7f condition met"));
    assert_eq!(waiting.code().await, Some(0));
    let never = w.kubectl("read", "wait --for=condition=Nope deployment/api -n payments --timeout=1s").await.refused();
    assert!(never.contains("timed out waiting for the condition"), "{never}");
    if w.modern().await {
        let ready = "wait --for=jsonpath={.status.readyReplicas}=3 deployment/api -n payments --timeout=30s";
        w.kubectl("read", ready).await.ok();
    }
}

#[tokio::test]
async fn the_server_lists_its_versions() {
    let w = World::demo().await;
    let versions = w.kubectl("read", "api-versions").await.ok();
    for version in ["v1", "apps/v1", "autoscaling/v1", "autoscaling/v2", "metrics.k8s.io/v1beta1", "policy/v1"] {
        assert!(versions.lines().any(|line| line == version), "{version}");
    }
    let info = w.kubectl("read", "cluster-info").await.ok();
    assert!(info.contains(&w.cluster.url()), "{info}");
}

#[tokio::test]
async fn a_certificate_is_approved() {
    let w = World::with_admin().await;
    let request = json!({
        "apiVersion": "certificates.k8s.io/v1", "kind": "CertificateSigningRequest", "metadata": {"name": "ann"},
        "spec": {"request": "LS0=", "signerName": "kubernetes.io/kube-apiserver-client", "usages": ["client auth"], "username": "ann"},
    });
    w.cluster.write(request).unwrap();
    let listed = rows(&w.kubectl("read", "get csr").await.ok());
    assert!(listed[1].ends_with("Pending"), "{listed:?}");
    let refused = w.kubectl("destructive", "certificate approve ann").await.refused();
    assert!(refused.contains("cannot update resource \"certificatesigningrequests/approval\""), "{refused}");
    w.kubectl("admin", "certificate approve ann").await.ok();
    let status = w.cluster.object("certificatesigningrequests", None, "ann").unwrap()["status"].clone();
    assert_eq!(status["conditions"][0]["type"], "Approved");
}
