//! A front on a real socket, with a gateway and a Slack that hold state.

use crate::office::Office;
use crate::slack::Slack;
use countersign_core::digest::hex;
use countersign_core::time::{Clock, Timestamp};
use countersign_slack::{Allowed, Front, People, Secrets, Settings, Setup};
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::Value;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::task::TaskTracker;

pub(crate) const SECRET: &str = "8f742231b10e8888abcd99yyyzzz85a5";
pub(crate) const APP: &str = "A0CS000001";
pub(crate) const TEAM: &str = "T0ACME0001";
pub(crate) const ENTERPRISE: &str = "E0ACME0001";

/// The first moment of every test.
pub(crate) const START: Timestamp = Timestamp::from_millis(1_795_222_800_000);

/// A clock that the test moves.
#[derive(Debug)]
pub(crate) struct Hand {
    wall: AtomicI64,
    boot: AtomicU64,
    /// How far the time since boot moves whenever somebody looks.
    step: AtomicU64,
}

impl Hand {
    pub(crate) fn forward(&self, by: Duration) {
        let millis = u64::try_from(by.as_millis()).unwrap();
        self.wall.fetch_add(i64::try_from(millis).unwrap(), Ordering::SeqCst);
        self.boot.fetch_add(millis, Ordering::SeqCst);
    }

    /// From now on everything takes as long as Slack waits.
    pub(crate) fn slow(&self) {
        self.step.store(3_000, Ordering::SeqCst);
    }
}

impl Clock for Hand {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.wall.load(Ordering::SeqCst))
    }

    fn boottime(&self) -> Duration {
        Duration::from_millis(self.boot.fetch_add(self.step.load(Ordering::SeqCst), Ordering::SeqCst))
    }
}

/// A request as it goes over the wire. Attacks edit it first.
#[derive(Clone)]
pub(crate) struct Letter {
    pub(crate) path: &'static str,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Letter {
    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.retain(|(known, _)| known != name);
        self.and(name, value)
    }

    pub(crate) fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(known, _)| known != name);
        self
    }

    /// One more header, also of a name that is there.
    pub(crate) fn and(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    fn head(&self) -> String {
        let first = format!("POST {} HTTP/1.1\r\nhost: countersign\r\n", self.path);
        let line = |head: String, (name, value): &(String, String)| head + name + ": " + value + "\r\n";
        self.headers.iter().fold(first, line) + "\r\n"
    }

    pub(crate) fn header(&self, name: &str) -> String {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone()).unwrap()
    }
}

/// What came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Back {
    pub(crate) status: u16,
    pub(crate) body: String,
}

impl Back {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

/// A front in service.
pub(crate) struct World {
    pub(crate) office: Arc<Office>,
    pub(crate) slack: Arc<Slack>,
    pub(crate) clock: Arc<Hand>,
    pub(crate) secrets: Secrets,
    pub(crate) front: Front,
    tasks: TaskTracker,
    address: SocketAddr,
    _server: TaskTracker,
}

pub(crate) fn allowed() -> Allowed {
    Allowed { app: APP.into(), teams: [TEAM.to_owned()].into(), enterprises: [ENTERPRISE.to_owned()].into() }
}

impl World {
    pub(crate) async fn start() -> Self {
        Self::with(|_| ()).await
    }

    pub(crate) async fn with(change: impl FnOnce(&mut Settings)) -> Self {
        let office = Arc::new(Office::new());
        let slack = Arc::new(Slack::default());
        for user in ["U0ANN00001", "U0BOB00001", "W0CHO00001"] {
            slack.is(user, |_| ());
        }
        let wall = AtomicI64::new(START.as_millis());
        let clock = Arc::new(Hand { wall, boot: AtomicU64::new(3_600_000), step: AtomicU64::new(0) });
        let secrets = Secrets::new(SECRET.into(), None);
        let mut settings = Settings::new(allowed(), secrets.clone());
        change(&mut settings);
        let tasks = TaskTracker::new();
        let front = Front::new(Setup {
            settings,
            gate: office.clone(),
            api: slack.clone(),
            people: Arc::new(People::new(slack.clone())),
            clock: clock.clone(),
            tasks: tasks.clone(),
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = TaskTracker::new();
        let router = front.router();
        server.spawn(async move { axum::serve(listener, router).await });
        Self { office, slack, clock, secrets, front, tasks, address, _server: server }
    }

    /// Signed as Slack does, now.
    pub(crate) fn sign(&self, path: &'static str, body: impl Into<Vec<u8>>) -> Letter {
        sign_with(path, body, SECRET, self.clock.now().as_millis() / 1_000)
    }

    pub(crate) async fn send(&self, letter: &Letter) -> Back {
        let length = letter.body.len().to_string();
        self.raw(&letter.clone().and("content-length", &length), &letter.body).await
    }

    /// The body in chunks, without its length.
    pub(crate) async fn send_chunked(&self, letter: &Letter) -> Back {
        let mut body = Vec::new();
        for chunk in letter.body.chunks(1 << 16) {
            body.extend(format!("{:x}\r\n", chunk.len()).into_bytes());
            body.extend(chunk);
            body.extend(b"\r\n");
        }
        body.extend(b"0\r\n\r\n");
        self.raw(&letter.clone().and("transfer-encoding", "chunked"), &body).await
    }

    async fn raw(&self, letter: &Letter, body: &[u8]) -> Back {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        let head = letter.clone().and("connection", "close").head();
        stream.write_all(head.as_bytes()).await.unwrap();
        // A server that refuses by the head may close before it has read the body.
        drop(stream.write_all(body).await);
        let mut back = Vec::new();
        drop(stream.read_to_end(&mut back).await);
        let back = String::from_utf8(back).unwrap();
        let (head, body) = back.split_once("\r\n\r\n").unwrap_or((&back, ""));
        let status = head.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or_default();
        Back { status, body: body.to_owned() }
    }

    /// Sends the head and the body and goes away without an answer.
    pub(crate) async fn send_and_leave(&self, letter: &Letter) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        let head = letter.clone().and("content-length", &letter.body.len().to_string()).head();
        stream.write_all(head.as_bytes()).await.unwrap();
        stream.write_all(&letter.body).await.unwrap();
        stream
    }

    /// Everything that goes on after the acknowledgements is done.
    pub(crate) async fn settled(&self) {
        self.tasks.close();
        self.tasks.wait().await;
        self.tasks.reopen();
    }
}

/// Signed with any secret, at any second.
pub(crate) fn sign_with(path: &'static str, body: impl Into<Vec<u8>>, secret: &str, at: i64) -> Letter {
    let body = body.into();
    let media = if path == "/slack/events" { "application/json" } else { "application/x-www-form-urlencoded" };
    let letter = Letter { path, headers: Vec::new(), body };
    let letter = letter.with("content-type", media).with("x-slack-request-timestamp", &at.to_string());
    let signature = signature(secret, &at.to_string(), &letter.body);
    letter.with("x-slack-signature", &signature)
}

pub(crate) fn signature(secret: &str, at: &str, body: &[u8]) -> String {
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(format!("v0:{at}:").as_bytes());
    mac.update(body);
    format!("v0={}", hex(&mac.finalize().into_bytes()))
}
