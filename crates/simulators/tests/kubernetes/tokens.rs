//! Tokens that live for a time, or as long as what they are bound to.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::Method;
use serde_json::{Value, json};

use crate::world::World;

const TOKENS: &str = "/api/v1/namespaces/countersign/serviceaccounts/destructive/token";
const SECRETS: &str = "/api/v1/namespaces/countersign/secrets";

/// Issues a token for `destructive`, bound to a secret of this name.
async fn lease(w: &World, name: &str) -> String {
    let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}});
    let (code, secret) = w.http("issuer", Method::POST, SECRETS, "application/json", &secret).await;
    assert_eq!(code, 201, "{secret}");
    let bound = json!({"apiVersion": "v1", "kind": "Secret", "name": name, "uid": secret["metadata"]["uid"]});
    let (code, answer) = request(w, "issuer", &json!({"expirationSeconds": 600, "boundObjectRef": bound})).await;
    assert_eq!(code, 201, "{answer}");
    assert_eq!(answer["status"]["expirationTimestamp"], "2026-01-05T12:10:00Z");
    answer["status"]["token"].as_str().expect("a token").to_owned()
}

async fn request(w: &World, account: &str, spec: &Value) -> (u16, Value) {
    let request = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec});
    w.http(account, Method::POST, TOKENS, "application/json", &request).await
}

#[tokio::test]
async fn an_issued_token_is_its_account_until_it_expires() {
    let w = World::demo().await;
    let token = lease(&w, "lease-1").await;
    let claims = URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap();
    let claims: Value = serde_json::from_slice(&claims).unwrap();
    assert_eq!(claims["sub"], "system:serviceaccount:countersign:destructive");
    assert_eq!(claims["jti"].as_str().map(str::len), Some(32), "{claims}");
    let kubeconfig = w.cluster.kubeconfig_for_token(&token, None);
    w.kubectl_with(&kubeconfig, "get pods -n payments").await.ok();
    assert_eq!(w.cluster.requests().last().unwrap().account.as_deref(), Some("destructive"));
    w.pass(599);
    w.kubectl_with(&kubeconfig, "get pods -n payments").await.ok();
    w.pass(1);
    w.kubectl_with(&kubeconfig, "get pods -n payments").await.refused();
    assert_eq!(w.cluster.requests().last().unwrap().code, 401);
}

#[tokio::test]
async fn deleting_what_a_token_is_bound_to_revokes_it() {
    let w = World::demo().await;
    let (one, other) = (lease(&w, "lease-1").await, lease(&w, "lease-2").await);
    let [one, other] = [one, other].map(|token| w.cluster.kubeconfig_for_token(&token, None));
    w.kubectl("issuer", "delete secret lease-1 -n countersign").await.ok();
    w.kubectl_with(&one, "get pods -n payments").await.refused();
    assert_eq!(w.cluster.requests().last().unwrap().code, 401);
    w.kubectl_with(&other, "get pods -n payments").await.ok();
}

#[tokio::test]
async fn tokens_are_issued_by_the_issuer_alone_and_not_for_a_moment() {
    let w = World::demo().await;
    let (code, status) = request(&w, "destructive", &json!({})).await;
    assert_eq!(code, 403, "{status}");
    let (code, status) = request(&w, "issuer", &json!({"expirationSeconds": 599})).await;
    assert_eq!(code, 422, "{status}");
    assert!(
        status["message"].as_str().unwrap().ends_with("may not specify a duration less than 10 minutes"),
        "{status}"
    );
    let (code, status) = request(&w, "issuer", &json!({"expirationSeconds": 1_i64 << 40})).await;
    assert_eq!(code, 422, "{status}");
    let nothing = json!({"boundObjectRef": {"apiVersion": "v1", "kind": "Secret", "name": "nope"}});
    assert_eq!(request(&w, "issuer", &nothing).await.0, 404);
}

#[tokio::test]
async fn kubectl_can_ask_for_a_token() {
    let w = World::demo().await;
    // The command came with kubectl 1.24; an older one has nothing to show here.
    if !w.kubectl("issuer", "create token --help").await.out.contains("--bound-object-name") {
        return;
    }
    let token = w.kubectl("issuer", "create token read -n countersign --duration=10m").await.ok();
    w.kubectl_with(&w.cluster.kubeconfig_for_token(&token, None), "get pods -n payments").await.ok();
    let said = w.kubectl("issuer", "create token read -n countersign --duration=9m").await.refused();
    assert!(said.contains("may not specify a duration less than 10 minutes"), "{said}");
}
