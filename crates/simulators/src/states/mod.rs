//! Terraform's states behind HTTP: what a configuration with `backend "http"` reads, writes and locks.
//!
//! **Invariant:** written from Terraform's documentation of that backend alone; whoever does not hold a state's lock
//! neither writes nor removes it. Deliberately absent: versions, and people who may not.
//!
//! Source: Terraform, "Backend Type: http".

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State as Extracted;
use axum::http::{Method, StatusCode, Uri, header};
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use crate::serve::StartError;
use crate::serve::{Port, Running};

/// One request, with what it was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    /// `GET`, `POST`, `DELETE`, `LOCK`, `UNLOCK`.
    pub method: String,
    /// Which state.
    pub state: String,
    /// What a lock is for, as `OperationTypePlan`; nothing for other requests.
    pub operation: String,
    /// The HTTP status.
    pub code: u16,
}

#[derive(Debug, Default)]
struct State {
    states: BTreeMap<String, Bytes>,
    /// Who holds it, in Terraform's own words.
    locks: BTreeMap<String, Value>,
    requests: Vec<Recorded>,
}

#[derive(Debug, Default)]
struct Shared(Mutex<State>);

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A running stand-in. Dropping it stops it.
#[derive(Debug)]
pub struct States {
    shared: Arc<Shared>,
    running: Running,
}

impl States {
    /// Starts on a free port of 127.0.0.1, without TLS. Its tasks run on `tasks` and end when `stop` is cancelled.
    ///
    /// # Errors
    /// [`StartError`]: no port.
    ///
    /// # Cancel safety
    /// Nothing runs until this returns; dropping the future leaves nothing behind.
    pub async fn start(tasks: &TaskTracker, stop: CancellationToken) -> Result<Self, StartError> {
        let shared = Arc::<Shared>::default();
        let app = Router::new().fallback(serve).with_state(Arc::clone(&shared));
        Ok(Self { shared, running: Port::plain(&stop).await?.serve(app, tasks) })
    }

    /// `http://127.0.0.1:PORT`.
    #[must_use]
    pub fn url(&self) -> String {
        self.running.url()
    }

    /// The block of a configuration that keeps its state here, under this name, and locks it.
    #[must_use]
    pub fn backend(&self, state: &str) -> String {
        let at = format!("{}/{state}", self.url());
        format!(
            "terraform {{\n  backend \"http\" {{\n    address        = \"{at}\"\n    lock_address   = \"{at}\"\n    \
             unlock_address = \"{at}\"\n  }}\n}}\n"
        )
    }

    /// A state as it is kept; null when there is none.
    #[must_use]
    pub fn state(&self, state: &str) -> Value {
        let kept = self.shared.lock().states.get(state).cloned();
        kept.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default()
    }

    /// Puts another state there, as somebody does who applied from elsewhere.
    pub fn put(&self, state: &str, document: &Value) {
        self.shared.lock().states.insert(state.to_owned(), document.to_string().into());
    }

    /// Whether somebody holds its lock.
    #[must_use]
    pub fn is_locked(&self, state: &str) -> bool {
        self.shared.lock().locks.contains_key(state)
    }

    /// Takes its lock, as somebody does who works from elsewhere.
    pub fn hold(&self, state: &str, id: &str, who: &str) {
        let info = json!({
            "ID": id, "Operation": "OperationTypeApply", "Info": "", "Who": who, "Version": "1.11.4",
            "Created": "2026-01-05T09:30:00Z", "Path": "",
        });
        self.shared.lock().locks.insert(state.to_owned(), info);
    }

    /// Lets go of its lock, whoever holds it.
    pub fn release(&self, state: &str) {
        self.shared.lock().locks.remove(state);
    }

    /// What was asked, in order.
    #[must_use]
    pub fn requests(&self) -> Vec<Recorded> {
        self.shared.lock().requests.clone()
    }

    /// How often a state's lock was taken for this: `Plan`, `Apply`.
    #[must_use]
    pub fn locked_for(&self, state: &str, operation: &str) -> usize {
        let operation = format!("OperationType{operation}");
        let requests = self.requests().into_iter();
        requests.filter(|it| it.state == state && it.operation == operation && it.code == 200).count()
    }
}

async fn serve(Extracted(shared): Extracted<Arc<Shared>>, method: Method, uri: Uri, body: Bytes) -> Response {
    let name = uri.path().trim_start_matches('/').to_owned();
    let id = uri.query().and_then(|query| query.strip_prefix("ID=")).unwrap_or_default();
    let info: Value = serde_json::from_slice(&body).unwrap_or_default();
    let operation = match method.as_str() {
        "LOCK" => info["Operation"].as_str().unwrap_or_default().to_owned(),
        _ => String::new(),
    };
    let mut state = shared.lock();
    let (code, answer) = answer(&mut state, (&method, &name, id), body, info);
    state.requests.push(Recorded { method: method.to_string(), state: name, operation, code: code.as_u16() });
    drop(state);
    (code, [(header::CONTENT_TYPE, "application/json")], answer).into_response()
}

fn answer(
    state: &mut State,
    (method, name, id): (&Method, &str, &str),
    body: Bytes,
    info: Value,
) -> (StatusCode, Bytes) {
    let holder = state.locks.get(name);
    let held = |holder: &Value| (StatusCode::LOCKED, Bytes::from(holder.to_string()));
    match method.as_str() {
        "GET" => match state.states.get(name) {
            Some(kept) => (StatusCode::OK, kept.clone()),
            None => (StatusCode::NOT_FOUND, Bytes::new()),
        },
        "LOCK" => {
            if let Some(holder) = holder {
                return held(holder);
            }
            state.locks.insert(name.to_owned(), info);
            (StatusCode::OK, Bytes::new())
        }
        "UNLOCK" => match holder {
            Some(holder) if holder["ID"] != info["ID"] => held(holder),
            _ => {
                state.locks.remove(name);
                (StatusCode::OK, Bytes::new())
            }
        },
        "POST" | "DELETE" => match holder {
            Some(holder) if holder["ID"] != id => held(holder),
            None if !id.is_empty() => (StatusCode::CONFLICT, Bytes::new()),
            _ if *method == Method::DELETE => {
                state.states.remove(name);
                (StatusCode::OK, Bytes::new())
            }
            _ => {
                state.states.insert(name.to_owned(), body);
                (StatusCode::OK, Bytes::new())
            }
        },
        _ => (StatusCode::METHOD_NOT_ALLOWED, Bytes::new()),
    }
}
