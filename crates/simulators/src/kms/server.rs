//! The listener: one path, one method; the operation is in a header.
//!
//! Source: AWS JSON 1.1 protocol (Smithy): `X-Amz-Target`, `__type` of errors.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State as Extracted;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use serde_json::{Value, json};

use super::api::No;
use super::{Shared, sigv4};

pub(super) fn routes(shared: Arc<Shared>) -> Router {
    Router::new().route("/", post(serve)).with_state(shared)
}

async fn serve(Extracted(shared): Extracted<Arc<Shared>>, headers: HeaderMap, body: Bytes) -> Response {
    let (code, body) = match answer(&shared, &headers, &body) {
        Ok(Value::Null) => (200, String::new()),
        Ok(body) => (200, body.to_string()),
        Err(No(code, kind, message)) => (code, json!({ "__type": kind, "message": message }).to_string()),
    };
    let code = StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    (code, [(header::CONTENT_TYPE, "application/x-amz-json-1.1")], body).into_response()
}

fn answer(shared: &Shared, headers: &HeaderMap, body: &[u8]) -> Result<Value, No> {
    let mut state = shared.lock();
    let secret_of = |id: &str| state.principals.get(id).map(|it| it.secret.clone());
    let id = sigv4::verify(headers, body, secret_of)?;
    let target = headers.get("x-amz-target").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let operation = target.strip_prefix("TrentService.").unwrap_or_default().to_owned();
    if !state.principals.get(&id).is_some_and(|it| it.allowed) {
        let why = format!(
            "User: arn:aws:iam::111122223333:user/{id} is not authorized to perform: kms:{operation} on this resource \
             because no identity-based policy allows the kms:{operation} action"
        );
        return Err(No(400, "AccessDeniedException", why));
    }
    let body = serde_json::from_slice(body).map_err(|_| No(400, "SerializationException", String::new()))?;
    state.call(&operation, &body)
}
