//! Something that listens on loopback and answers as it is told.

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::response::Response;
use countersign_slack::{Deadlines, Token, Web};
use secrecy::SecretString;
use serde_json::Value;
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio_util::task::TaskTracker;

/// A request as it came.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) path: String,
    pub(crate) form: String,
    pub(crate) bearer: String,
    pub(crate) body: Value,
}

/// What is answered.
#[derive(Debug, Clone)]
pub(crate) enum Reply {
    Json(Value),
    Status(u16, Vec<(&'static str, &'static str)>, &'static str),
    /// Never.
    Silence,
}

#[derive(Clone, Default)]
struct Script(Arc<Mutex<Kept>>);

#[derive(Default)]
struct Kept {
    replies: HashMap<String, Reply>,
    seen: Vec<Seen>,
}

pub(crate) struct Wire {
    script: Script,
    pub(crate) address: String,
}

pub(crate) const TOKEN: &str = "xoxb-canary-token";

impl Wire {
    pub(crate) async fn start() -> Self {
        let script = Script::default();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}/api", listener.local_addr().unwrap());
        let router = Router::new().fallback(answer).with_state(script.clone());
        let tasks = TaskTracker::new();
        tasks.spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { script, address }
    }

    pub(crate) fn reply(&self, path: &str, reply: Reply) -> &Self {
        self.script.0.lock().unwrap().replies.insert(path.to_owned(), reply);
        self
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.script.0.lock().unwrap().seen.clone()
    }

    pub(crate) fn last(&self) -> Seen {
        self.seen().pop().expect("there was a request")
    }

    pub(crate) fn token() -> Token {
        Token::new(SecretString::from(TOKEN))
    }

    /// A client that waits long.
    pub(crate) fn web(&self) -> Web {
        Web::new(&self.address, Self::token()).unwrap()
    }

    /// A client that hardly waits. Only for answers that never come.
    pub(crate) fn impatient(&self) -> Web {
        let deadlines = Deadlines { call: Duration::from_millis(100), trigger: Duration::from_millis(100) };
        Web::with_deadlines(&self.address, Self::token(), deadlines).unwrap()
    }

    /// `http://127.0.0.1:port` and this.
    pub(crate) fn beside(&self, path: &str) -> String {
        format!("{}{path}", self.address.trim_end_matches("/api"))
    }
}

async fn answer(State(script): State<Script>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let body = to_bytes(body, 1 << 20).await.unwrap();
    let header =
        |name: &str| head.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
    let path = head.uri.path().trim_start_matches("/api/").to_owned();
    let seen = Seen {
        path: path.clone(),
        form: String::from_utf8_lossy(&body).into_owned(),
        bearer: header("authorization"),
        body: serde_json::from_slice(&body).unwrap_or_default(),
    };
    let reply = {
        let mut kept = script.0.lock().unwrap();
        kept.seen.push(seen);
        kept.replies.get(&path).cloned()
    };
    match reply {
        Some(Reply::Json(value)) => json(value.to_string()),
        Some(Reply::Status(status, headers, body)) => {
            let mut response = Response::builder().status(status);
            for (name, value) in headers {
                response = response.header(name, value);
            }
            response.body(Body::from(body)).unwrap()
        }
        Some(Reply::Silence) => std::future::pending().await,
        None => json(r#"{"ok":false,"error":"unknown_method"}"#.into()),
    }
}

fn json(body: String) -> Response {
    Response::builder().header("content-type", "application/json; charset=utf-8").body(Body::from(body)).unwrap()
}
