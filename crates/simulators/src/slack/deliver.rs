//! One request to the app: signed, sent, and what became of it.
//!
//! **Invariant:** every request that left is remembered with its outcome, also when nobody listened. Sources: Slack,
//! "Verifying requests from Slack", "Enabling interactivity with slash commands" (an answer within 3,000 ms).

use std::time::Duration;

use hmac::{Hmac, KeyInit as _, Mac as _};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::Request;
use hyper::body::Bytes;
use hyper_util::rt::TokioIo;
use jiff::Timestamp;
use tokio::net::TcpStream;

/// An answer's largest body, in bytes.
const MAX_BODY: usize = 256 * 1024;

/// Which of the app's addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Door {
    /// Slash commands.
    Commands,
    /// Clicks and modals.
    Interactions,
    /// Events.
    Events,
}

/// A request as it goes over the wire. Tests that attack edit it before it is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outgoing {
    /// Where to.
    pub door: Door,
    /// The headers, in order; a name may stand twice.
    pub headers: Vec<(String, String)>,
    /// The raw body that was signed.
    pub body: Vec<u8>,
}

impl Outgoing {
    /// Signs a body as Slack does.
    pub(super) fn signed(door: Door, body: Vec<u8>, secret: &str, at: Timestamp) -> Self {
        let kind = match door {
            Door::Commands | Door::Interactions => "application/x-www-form-urlencoded",
            Door::Events => "application/json",
        };
        let at = at.as_second().to_string();
        let signature = signature(secret, &at, &body);
        let headers = [
            ("content-type", kind),
            ("user-agent", "Slackbot 1.0 (+https://api.slack.com/robots)"),
            ("x-slack-request-timestamp", &at),
            ("x-slack-signature", &signature),
        ];
        let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        Self { door, headers, body }
    }

    /// The value of a header.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The same with another value in a header; added when it was not there.
    #[must_use]
    pub fn with_header(mut self, name: &str, value: &str) -> Self {
        self.headers.retain(|(known, _)| known != name);
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }
}

/// `v0=` and the HMAC-SHA256 of `v0:timestamp:body`, in hexadecimal digits.
fn signature(secret: &str, at: &str, body: &[u8]) -> String {
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(secret.as_bytes()).expect("HMAC takes a key of any length");
    mac.update(format!("v0:{at}:").as_bytes());
    mac.update(body);
    let hexadecimal = |text: String, byte: &u8| format!("{text}{byte:02x}");
    mac.finalize().into_bytes().iter().fold("v0=".to_owned(), hexadecimal)
}

/// How the app took a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It answered in time.
    Answered {
        /// The HTTP status.
        status: u16,
        /// The `Content-Type`, if there was one.
        content_type: String,
        /// The body.
        body: String,
    },
    /// It did not answer within the deadline; whether it took the request, nobody knows.
    TimedOut,
    /// Nobody listens there, or the connection broke.
    Unreachable,
    /// Slack's own client did not send it, e.g. because a field that must be filled in is empty.
    NotSent,
}

impl Outcome {
    /// Whether it was answered with 200 in time.
    #[must_use]
    pub fn is_acknowledged(&self) -> bool {
        self.status() == Some(200)
    }

    /// The HTTP status, if it was answered.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Answered { status, .. } => Some(*status),
            Self::TimedOut | Self::Unreachable | Self::NotSent => None,
        }
    }

    /// What Slack calls it when it is not an acknowledgement.
    pub(super) fn trouble(&self) -> Option<&'static str> {
        match self {
            Self::Answered { status: 200..=299, .. } => None,
            Self::Answered { status: 400..=499, .. } => Some("http_client_error"),
            Self::Answered { status: 500..=599, .. } => Some("http_service_error"),
            Self::Answered { .. } => Some("dispatch_unknown_error"),
            Self::TimedOut => Some("operation_timeout"),
            Self::Unreachable => Some("dispatch_failed"),
            Self::NotSent => Some("not_sent"),
        }
    }
}

/// A request that was sent, and what became of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Delivery {
    /// Counts up from one.
    pub number: u64,
    /// Who typed or clicked; empty for what Slack does by itself.
    pub user: String,
    /// In a few words: `/kubectl get pods`, `click approve`, …
    pub what: String,
    /// The request.
    pub sent: Outgoing,
    /// The trigger that came with it, if any.
    pub trigger: Option<String>,
    /// When, by the stand-in's clock.
    pub at: Timestamp,
    /// How long the answer took.
    pub took: Duration,
    /// What came back.
    pub outcome: Outcome,
    /// What Slack itself tells the person because it went wrong.
    pub told: Option<String>,
}

/// Sends it once, over a connection of its own.
pub(super) async fn exchange(url: Option<&str>, outgoing: &Outgoing, patience: Duration) -> Outcome {
    let Some(url) = url else { return Outcome::Unreachable };
    match tokio::time::timeout(patience, post(url, outgoing)).await {
        Ok(Some(outcome)) => outcome,
        Ok(None) => Outcome::Unreachable,
        Err(_) => Outcome::TimedOut,
    }
}

async fn post(url: &str, outgoing: &Outgoing) -> Option<Outcome> {
    let uri: hyper::Uri = url.parse().ok()?;
    let (host, port) = (uri.host()?, uri.port_u16().unwrap_or(80));
    let stream = TcpStream::connect((host, port)).await.ok()?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.ok()?;
    let mut request = Request::post(uri.path()).header("host", format!("{host}:{port}")).header("connection", "close");
    for (name, value) in &outgoing.headers {
        request = request.header(name, value);
    }
    let request = request.body(Full::new(Bytes::from(outgoing.body.clone()))).ok()?;
    let answer = async {
        let answer = sender.send_request(request).await.ok()?;
        let (head, body) = answer.into_parts();
        let body = Limited::new(body, MAX_BODY).collect().await.ok()?.to_bytes();
        let content_type = head.headers.get("content-type").and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        Some(Outcome::Answered {
            status: head.status.as_u16(),
            content_type: content_type.to_owned(),
            body: String::from_utf8_lossy(&body).into_owned(),
        })
    };
    // The connection has to be driven beside the exchange; when it ends, the exchange knows.
    let driven = async {
        drop(connection.await);
        std::future::pending::<Option<Outcome>>().await
    };
    tokio::select! {
        outcome = answer => outcome,
        outcome = driven => outcome,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The worked example of "Verifying requests from Slack".
    #[test]
    fn a_signature_is_the_one_of_slacks_own_example() {
        let body = "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c";
        let found = signature("8f742231b10e8888abcd99yyyzzz85a5", "1531420618", body.as_bytes());
        assert_eq!(found, "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503");
    }
}
