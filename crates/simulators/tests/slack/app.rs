//! An app that answers as it is told and remembers what it was sent, and a client for the Web API.

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::IntoResponse;
use countersign_simulators::slack::{App, Clock, Seed, Slack};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub(crate) const HOME: &str = "T0HOME0001";

/// What the app answers next.
#[derive(Clone)]
pub(crate) enum Says {
    Status(u16),
    Text(&'static str),
    Json(Value),
    /// Nothing, for ever.
    Silence,
}

#[derive(Default)]
struct Memory {
    got: Vec<(HeaderMap, Vec<u8>)>,
    next: VecDeque<Says>,
}

type Shared = Arc<Mutex<Memory>>;

pub(crate) struct Bench {
    pub(crate) slack: Slack,
    pub(crate) http: reqwest::Client,
    now: Arc<Mutex<Timestamp>>,
    memory: Shared,
    tasks: TaskTracker,
    stop: CancellationToken,
}

impl Bench {
    pub(crate) async fn start() -> Self {
        Self::with(Seed::demo()).await
    }

    pub(crate) async fn with(seed: Seed) -> Self {
        // Installed by whichever test comes first.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        let now = Arc::new(Mutex::new("2026-11-21T12:00:00Z".parse::<Timestamp>().unwrap()));
        let clock: Clock = Arc::new({
            let now = Arc::clone(&now);
            move || *now.lock().unwrap()
        });
        let slack = Slack::start(seed, clock, &tasks, stop.clone()).await.unwrap();
        let memory = Shared::default();
        let router = Router::new().fallback(take).with_state(Arc::clone(&memory));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        slack.connect(App::at(&format!("http://{}", listener.local_addr().unwrap())));
        let serving = axum::serve(listener, router).with_graceful_shutdown(stop.clone().cancelled_owned());
        tasks.spawn(async move { serving.await.unwrap() });
        let http = reqwest::Client::builder().build().unwrap();
        Self { slack, http, now, memory, tasks, stop }
    }

    pub(crate) fn later(&self, seconds: i64) {
        let mut now = self.now.lock().unwrap();
        *now += SignedDuration::from_secs(seconds);
    }

    pub(crate) fn answers(&self, says: impl IntoIterator<Item = Says>) {
        self.memory.lock().unwrap().next.extend(says);
    }

    /// What the app was sent last: headers and fields of the form or of the JSON body.
    pub(crate) fn got(&self) -> (HeaderMap, Value) {
        let memory = self.memory.lock().unwrap();
        let (headers, body) = memory.got.last().expect("the app was sent something").clone();
        let json = headers[header::CONTENT_TYPE] == "application/json";
        let body = if json { serde_json::from_slice(&body).unwrap() } else { form(&body) };
        (headers, body)
    }

    /// The interaction the app was sent last.
    pub(crate) fn payload(&self) -> Value {
        serde_json::from_str(self.got().1["payload"].as_str().unwrap()).unwrap()
    }

    pub(crate) fn count(&self) -> usize {
        self.memory.lock().unwrap().got.len()
    }

    /// A call with the home workspace's token; the HTTP status and the body.
    pub(crate) async fn raw(&self, method: &str, body: Value) -> reqwest::Result<reqwest::Response> {
        let url = format!("{}/{method}", self.slack.api_url());
        self.http.post(url).bearer_auth(self.slack.token(HOME)).json(&body).send().await
    }

    pub(crate) async fn call(&self, method: &str, body: Value) -> Value {
        self.raw(method, body).await.unwrap().json().await.unwrap()
    }

    /// A call that must succeed.
    #[track_caller]
    pub(crate) fn is_ok(answer: Value) -> Value {
        assert_eq!(answer["ok"], true, "{answer}");
        answer
    }

    /// A call that takes a query only.
    pub(crate) async fn look(&self, method: &str, query: &[(&str, &str)]) -> Value {
        let url = format!("{}/{method}", self.slack.api_url());
        let url = reqwest::Url::parse_with_params(&url, query).unwrap();
        self.http.get(url).bearer_auth(self.slack.token(HOME)).send().await.unwrap().json().await.unwrap()
    }

    pub(crate) async fn code(&self, method: &str, body: Value) -> String {
        self.call(method, body).await["error"].as_str().unwrap_or("ok").to_owned()
    }

    pub(crate) async fn end(self) {
        self.stop.cancel();
        self.slack.stop().await;
        self.tasks.close();
        self.tasks.wait().await;
    }
}

pub(crate) fn form(body: &[u8]) -> Value {
    let pairs = form_urlencoded::parse(body).into_owned();
    Value::Object(pairs.map(|(key, value)| (key, Value::String(value))).collect())
}

/// A message with one button.
pub(crate) fn card(action: &str) -> Value {
    json!([{"type": "actions", "elements": [{"type": "button", "action_id": action, "value": "v",
        "text": {"type": "plain_text", "text": "Press"}}]}])
}

async fn take(State(memory): State<Shared>, headers: HeaderMap, body: Bytes) -> axum::response::Response {
    let says = {
        let mut memory = memory.lock().unwrap();
        memory.got.push((headers, body.to_vec()));
        memory.next.pop_front()
    };
    match says {
        None => StatusCode::OK.into_response(),
        Some(Says::Status(status)) => StatusCode::from_u16(status).unwrap().into_response(),
        Some(Says::Text(text)) => text.into_response(),
        Some(Says::Json(value)) => axum::Json(value).into_response(),
        Some(Says::Silence) => std::future::pending().await,
    }
}
