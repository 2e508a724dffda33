//! The routes: seal first, then token, then policy, then the engine.
//!
//! **Invariant:** nothing reaches an engine that the token's policies do not allow.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State as Extracted;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::answer::Answer;
use super::engines::Asked;
use super::policy::Capability;
use super::state::{Recorded, Shared, State};

pub(super) fn routes(shared: Arc<Shared>) -> Router {
    Router::new().fallback(serve).with_state(shared)
}

async fn serve(
    Extracted(shared): Extracted<Arc<Shared>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let now = shared.now();
    if shared.is_silent() {
        // As a peer behind a broken line: the connection stays and nothing comes.
        std::future::pending::<()>().await;
    }
    let mut state = shared.lock();
    state.pass(now);
    let path = uri.path().strip_prefix("/v1/").unwrap_or_default().trim_end_matches('/').to_owned();
    let is_list = uri.query().is_some_and(|query| query.split('&').any(|it| it == "list=true"));
    let token = headers.get("x-vault-token").and_then(|value| value.to_str().ok());
    let answer = match state.broken {
        Some(code) => Answer::refused(code, &["internal error"]),
        None => answer(&mut state, wanted(&method, is_list), &path, token, &body, now),
    };
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

fn answer(
    state: &mut State,
    wanted: Option<Capability>,
    path: &str,
    token: Option<&str>,
    body: &[u8],
    now: Timestamp,
) -> Answer {
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
        return state.tokens.log_in(&body, now);
    }
    if path == "auth/kubernetes/login" {
        return state.tokens.log_in_pod(&body, now);
    }
    let own = match state.tokens.known(token) {
        Ok(own) => own,
        Err(refusal) => return refusal,
    };
    let token = token.unwrap_or_default();
    // Every token may ask about itself and end itself. Source: Vault documentation, the policy `default`.
    match path {
        "auth/token/lookup-self" => {
            let ttl = own.ends.map_or(0, |ends| ends.duration_since(now).as_secs());
            return Answer::data(json!({ "id": token, "policies": own.policies, "ttl": ttl, "type": "service" }));
        }
        "auth/token/revoke-self" => {
            state.revoke_token(token);
            return Answer::empty();
        }
        _ => {}
    }
    let mount = mount_of(state, path);
    let makes = mount.as_ref().is_some_and(|(mount, rest)| state.engines[mount].makes(rest));
    let wanted = if wanted == Capability::Update && makes { Capability::Create } else { wanted };
    if !state.policies.allow(&own.policies, path, wanted) {
        return Answer::denied();
    }
    if let Some((mount, rest)) = mount {
        let State { engines, leases, .. } = state;
        let asked = Asked { wanted, mount: &mount, rest: &rest, body: &body, token, now };
        return engines.get_mut(&mount).map_or_else(Answer::not_found, |engine| engine.answer(&asked, leases));
    }
    match (path, path.split_once('/')) {
        ("auth/token/create", _) => state.tokens.create((token, &own), &body, now),
        ("auth/token/revoke-accessor", _) => revoke_accessor(state, &body),
        ("sys/leases/revoke", _) => state.leases.revoke(&body),
        ("sys/leases/lookup", _) => state.leases.look_up(&body, now),
        (_, Some(("transit", rest))) => state.transit.answer(wanted, rest, &body),
        _ => match path.strip_prefix("sys/leases/revoke-prefix/") {
            Some(prefix) => state.leases.revoke_prefix(prefix),
            None => Answer::no_route(path),
        },
    }
}

fn revoke_accessor(state: &mut State, body: &Value) -> Answer {
    let accessor = body.get("accessor").and_then(Value::as_str).unwrap_or_default();
    match state.tokens.by_accessor(accessor) {
        Some(token) => {
            state.revoke_token(&token);
            Answer::empty()
        }
        None => Answer::refused(400, &["1 error occurred:\n\t* invalid accessor\n\n"]),
    }
}

/// The mount that a path is below, and what comes after it.
fn mount_of(state: &State, path: &str) -> Option<(String, String)> {
    let below = |mount: &&String| path.strip_prefix(mount.as_str()).is_some_and(|rest| rest.starts_with('/'));
    let mount = state.engines.keys().filter(below).max_by_key(|mount| mount.len())?;
    Some((mount.clone(), path.get(mount.len() + 1..)?.to_owned()))
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
