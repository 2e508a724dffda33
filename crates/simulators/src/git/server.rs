//! The routes: who asks first, then how the repository behaves, then git.
//!
//! **Invariant:** `http-backend` is started for reading alone, for requests that may.

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State as Extracted};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::backend;
use super::state::{Habit, Recorded, Shared, State};

/// Largest request body in bytes: the ids a client has and wants.
const MAX_BODY_BYTES: usize = 16 << 20;

pub(super) fn routes(shared: Arc<Shared>) -> Router {
    Router::new().fallback(serve).with_state(shared)
}

async fn serve(Extracted(shared): Extracted<Arc<Shared>>, request: Request) -> Response {
    let path = request.uri().path_and_query().map_or_else(String::new, ToString::to_string);
    let authorization = request.headers().get(header::AUTHORIZATION);
    let authorization = authorization.and_then(|value| value.to_str().ok()).map(str::to_owned);
    let nth = {
        let mut state = shared.lock();
        state.requests.push(Recorded { path, authorization, code: None });
        state.requests.len() - 1
    };
    let response = answer(&shared, request).await;
    if let Some(recorded) = shared.lock().requests.get_mut(nth) {
        recorded.code = Some(response.status().as_u16());
    }
    response
}

async fn answer(shared: &Shared, request: Request) -> Response {
    let Some(repository) = repository(request.uri().path()) else { return StatusCode::NOT_FOUND.into_response() };
    let habit = {
        let state = shared.lock();
        if !may_read(&state, repository, request.headers()) {
            // Source: RFC 7617; GitHub and GitLab answer so as well.
            let challenge = [(header::WWW_AUTHENTICATE, "Basic realm=\"git\"")];
            return (StatusCode::UNAUTHORIZED, challenge).into_response();
        }
        state.habits.get(repository).cloned().unwrap_or(Habit::Serves)
    };
    match habit {
        Habit::Redirects { to } => {
            let path = request.uri().path_and_query().map_or("", |it| it.as_str());
            (StatusCode::FOUND, [(header::LOCATION, format!("{to}{path}"))]).into_response()
        }
        Habit::Silent => std::future::pending().await,
        Habit::Serves => {
            let (head, body) = request.into_parts();
            let Ok(body) = to_bytes(body, MAX_BODY_BYTES).await else {
                return StatusCode::PAYLOAD_TOO_LARGE.into_response();
            };
            backend::answer(&shared.root, &head, &body).await.unwrap_or_else(|error| {
                (StatusCode::INTERNAL_SERVER_ERROR, Body::from(error.to_string())).into_response()
            })
        }
    }
}

/// `manifests` of `/manifests.git/info/refs`.
fn repository(path: &str) -> Option<&str> {
    let (repository, _) = path.strip_prefix('/')?.split_once(".git/")?;
    let plain = repository.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'));
    (plain && !repository.is_empty()).then_some(repository)
}

fn may_read(state: &State, repository: &str, headers: &HeaderMap) -> bool {
    let Some(token) = state.tokens.get(repository) else { return true };
    let Some(given) = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()) else { return false };
    if let Some(basic) = given.strip_prefix("Basic ") {
        let pair = STANDARD.decode(basic).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        return pair.is_some_and(|pair| pair.split_once(':').is_some_and(|(_, password)| password == token));
    }
    given.strip_prefix("Bearer ") == Some(token)
}
