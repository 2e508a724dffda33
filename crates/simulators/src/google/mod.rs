//! Google's token services on loopback: the OAuth 2.0 token endpoint and the IAM credentials API.
//!
//! It serves TLS with an authority of its own, verifies the signature of every grant, and gives tokens of a service
//! account only to those who may mint for it. **Invariant:** written from Google's documentation alone; a token ends
//! when it says. Deliberately absent: every other API, and scopes.

mod tokens;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State as Extracted;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use self::tokens::Tokens;
use crate::serve::{Port, Running, StartError};
use crate::vault::Clock;

/// The key of every account here. It opens nothing: accounts are known to this stand-in alone.
const KEY: &str = include_str!("key.pem");

/// A running stand-in. Dropping it stops it.
#[derive(Debug)]
pub struct Google {
    shared: Arc<Shared>,
    running: Running,
}

struct Shared {
    tokens: Mutex<Tokens>,
    clock: Clock,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.tokens.fmt(f)
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Tokens> {
        self.tokens.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Google {
    /// Starts on a free port of 127.0.0.1. Its task runs on `tasks` and ends when `stop` is cancelled.
    ///
    /// # Errors
    /// [`StartError`]: no port, or no certificate.
    ///
    /// # Cancel safety
    /// Nothing runs until this returns; dropping the future leaves nothing behind.
    pub async fn start(clock: Clock, tasks: &TaskTracker, stop: CancellationToken) -> Result<Self, StartError> {
        let shared = Arc::new(Shared { tokens: Mutex::default(), clock });
        let app = Router::new().fallback(serve).with_state(shared.clone());
        let running = Port::tls("google", &stop).await?.serve(app, tasks);
        Ok(Self { shared, running })
    }

    /// `https://127.0.0.1:PORT`, in the place of both services' addresses.
    #[must_use]
    pub fn url(&self) -> String {
        self.running.url()
    }

    /// The certificate authority to trust, in PEM.
    #[must_use]
    pub fn ca_pem(&self) -> &str {
        self.running.ca_pem()
    }

    /// Makes a service account; returns its key file.
    #[must_use]
    pub fn account(&self, email: &str) -> String {
        self.shared.lock().know(email);
        let key = json!({
            "type": "service_account", "project_id": "example-dev", "private_key_id": "1", "private_key": KEY,
            "client_email": email, "token_uri": "https://oauth2.googleapis.com/token",
        });
        key.to_string()
    }

    /// Lets one account mint tokens of another: `roles/iam.serviceAccountTokenCreator`.
    pub fn allow(&self, minter: &str, account: &str) {
        self.shared.lock().allow(minter, account);
    }

    /// Whose token this is, while it is good.
    #[must_use]
    pub fn account_of(&self, token: &str) -> Option<String> {
        self.shared.lock().account_of(token, (self.shared.clock)())
    }
}

async fn serve(
    Extracted(shared): Extracted<Arc<Shared>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let (code, answer) = answer(&mut shared.lock(), &method, uri.path(), &headers, &body, (shared.clock)());
    (StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR), axum::Json(answer)).into_response()
}

fn answer(
    tokens: &mut Tokens,
    method: &Method,
    path: &str,
    headers: &HeaderMap,
    body: &[u8],
    now: Timestamp,
) -> (u16, Value) {
    if *method != Method::POST {
        return refused(405, "method not allowed");
    }
    if path == "/token" {
        return match tokens.grant(body, now) {
            Some(token) => (200, json!({ "access_token": token, "expires_in": 3599, "token_type": "Bearer" })),
            None => (400, json!({ "error": "invalid_grant", "error_description": "Invalid JWT Signature." })),
        };
    }
    let account =
        path.strip_prefix("/v1/projects/-/serviceAccounts/").and_then(|it| it.strip_suffix(":generateAccessToken"));
    let Some(account) = account else { return refused(404, "not found") };
    let bearer = headers.get("authorization").and_then(|it| it.to_str().ok()).and_then(|it| it.strip_prefix("Bearer "));
    let Some(minter) = bearer.and_then(|token| tokens.account_of(token, now)) else {
        return refused(401, "Request had invalid authentication credentials.");
    };
    if !tokens.may(&minter, account) {
        return refused(403, "Permission 'iam.serviceAccounts.getAccessToken' denied on resource");
    }
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    let seconds = body["lifetime"].as_str().and_then(|it| it.strip_suffix('s')).and_then(|it| it.parse::<i64>().ok());
    let has_scope = body["scope"].as_array().is_some_and(|scopes| !scopes.is_empty());
    match seconds.filter(|seconds| (1..=3600).contains(seconds) && has_scope) {
        Some(seconds) => {
            let (token, ends) = tokens.issue(account, seconds, now);
            (200, json!({ "accessToken": token, "expireTime": ends.to_string() }))
        }
        None => refused(400, "Request contains an invalid argument."),
    }
}

fn refused(code: u16, message: &str) -> (u16, Value) {
    (code, json!({ "error": { "code": code, "message": message } }))
}
