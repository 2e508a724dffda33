//! The routes: seal first, then token, then policy, then the engine.
//!
//! **Invariant:** nothing reaches an engine that the token's policies do not allow.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State as Extracted;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::answer::Answer;
use super::policy::Capability;
use super::state::{Recorded, Shared, State};
use super::tls::Listener;

pub(super) async fn run(listener: Listener, shared: Arc<Shared>, stop: CancellationToken) {
    let app = Router::new().fallback(serve).with_state(shared);
    // A listener that breaks ends the stand-in; whoever asks it sees that.
    drop(axum::serve(listener, app).with_graceful_shutdown(stop.cancelled_owned()).await);
}

async fn serve(
    Extracted(shared): Extracted<Arc<Shared>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let mut state = shared.lock();
    let path = uri.path().strip_prefix("/v1/").unwrap_or_default().trim_end_matches('/').to_owned();
    let is_list = uri.query().is_some_and(|query| query.split('&').any(|it| it == "list=true"));
    let token = headers.get("x-vault-token").and_then(|value| value.to_str().ok());
    let answer = answer(&mut state, wanted(&method, is_list), &path, token, &body);
    state.requests.push(Recorded { method: method.to_string(), path, code: answer.code });
    let code = StatusCode::from_u16(answer.code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    match answer.body {
        Some(body) => (code, axum::Json(body)).into_response(),
        None => code.into_response(),
    }
}

fn wanted(method: &Method, is_list: bool) -> Option<Capability> {
    match method.as_str() {
        "GET" if is_list => Some(Capability::List),
        "GET" => Some(Capability::Read),
        "LIST" => Some(Capability::List),
        "POST" | "PUT" => Some(Capability::Update),
        "DELETE" => Some(Capability::Delete),
        _ => None,
    }
}

fn answer(state: &mut State, wanted: Option<Capability>, path: &str, token: Option<&str>, body: &[u8]) -> Answer {
    if path == "sys/health" {
        return health(state.sealed);
    }
    if state.sealed {
        return Answer::refused(503, &["Vault is sealed"]);
    }
    let Some(wanted) = wanted else { return Answer::unsupported() };
    let body: Value = if body.is_empty() { Ok(json!({})) } else { serde_json::from_slice(body) }.unwrap_or(Value::Null);
    if !body.is_object() {
        return Answer::refused(400, &["error parsing JSON"]);
    }
    if path == "auth/approle/login" {
        return state.tokens.login(&body);
    }
    let policies = match state.tokens.policies(token) {
        Ok(policies) => policies,
        Err(refusal) => return refusal,
    };
    // Every token may ask about itself. Source: Vault documentation, the policy `default`.
    if path == "auth/token/lookup-self" {
        return Answer::data(json!({ "id": token, "policies": policies, "ttl": 0, "type": "service" }));
    }
    if !state.policies.allow(&policies, path, wanted) {
        return Answer::denied();
    }
    match path.split_once('/') {
        Some(("transit", rest)) => state.transit.answer(wanted, rest, &body),
        _ => Answer::no_route(path),
    }
}

fn health(sealed: bool) -> Answer {
    // Source: Vault API documentation, /sys/health: 200 when active, 503 when sealed.
    let body = json!({
        "initialized": true, "sealed": sealed, "standby": false, "performance_standby": false,
        "replication_performance_mode": "disabled", "replication_dr_mode": "disabled",
        "server_time_utc": 1_767_225_600, "version": "1.20.0", "cluster_name": "stand-in",
        "cluster_id": "00000000-0000-0000-0000-000000000000",
    });
    Answer::bare(if sealed { 503 } else { 200 }, body)
}
