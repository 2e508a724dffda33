//! The three addresses Slack calls, and the checks before anything is read.
//!
//! **Invariant:** size, headers, age, signature, media type, app and workspace, first arrival: each
//! check comes before the next, and nothing behind a check sees what failed it.

use super::account::Home;
use super::answer::Reply;
use super::desk::{Desk, Setup};
use super::form::Form;
use super::metrics::{self, Cause, Kind, Outcome, REDELIVERED};
use super::model::{BlockActions, Claim, ViewSubmission};
use super::once::Name;
use super::signature::{Signed, Stamp, only};
use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::HeaderMap;
use axum::http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use serde::de::DeserializeOwned;
use serde_json::json;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// Slack gives up after three seconds; a body that takes longer is not Slack's.
const BODY_DEADLINE: Duration = Duration::from_secs(3);

/// The n-th time an event is delivered.
const RETRY: &str = "x-slack-retry-num";

/// Slack's requests: slash commands, clicks, windows and events.
#[derive(Clone)]
pub struct Front(Arc<Desk>);

impl fmt::Debug for Front {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Front")
    }
}

/// How far requests have come, since the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tally {
    /// Bodies over which a signature was computed.
    pub hashed: u64,
    /// Requests that passed every check and were read as what they say they are.
    pub parsed: u64,
}

#[derive(Clone, Copy)]
enum Address {
    Commands,
    Interactions,
    Events,
}

impl Address {
    const fn media(self) -> &'static str {
        match self {
            Self::Commands | Self::Interactions => "application/x-www-form-urlencoded",
            Self::Events => "application/json",
        }
    }
}

impl Front {
    /// A front; it listens where its router is served.
    #[must_use]
    pub fn new(setup: Setup) -> Self {
        Self(Arc::new(Desk::new(setup)))
    }

    /// `POST /slack/commands`, `/slack/interactions` and `/slack/events`.
    pub fn router(&self) -> Router {
        Router::new()
            .route("/slack/commands", post(commands))
            .route("/slack/interactions", post(interactions))
            .route("/slack/events", post(events))
            .with_state(self.clone())
    }

    /// How far requests have come.
    #[must_use]
    pub fn tally(&self) -> Tally {
        let count = |of: &std::sync::atomic::AtomicU64| of.load(Ordering::Relaxed);
        Tally { hashed: count(&self.0.hashed), parsed: count(&self.0.parsed) }
    }

    async fn answer(&self, address: Address, request: Request) -> Response {
        let began = self.0.clock.boottime();
        let answered = self.checked(address, request, began).await;
        let took = self.0.clock.boottime().saturating_sub(began);
        match answered {
            Ok(reply) => {
                metrics::count(reply.kind, reply.outcome, took);
                reply.response
            }
            Err(cause) => {
                metrics::count_refused(cause, took);
                tracing::info!(cause = cause.as_str(), "A request to Slack's addresses was refused");
                cause.status().into_response()
            }
        }
    }

    async fn checked(&self, address: Address, request: Request, began: Duration) -> Result<Reply, Cause> {
        let (head, body) = request.into_parts();
        let desk = &self.0;
        is_small(&head.headers, desk.settings.body_limit)?;
        let stamp = Stamp::read(&head.headers, desk.clock.now())?;
        let body = read(body, desk.settings.body_limit).await?;
        desk.hashed.fetch_add(1, Ordering::Relaxed);
        let signed = stamp.verify(&desk.settings.secrets, body)?;
        is_media(&head.headers, address.media())?;
        match address {
            Address::Commands => desk.commanded(&signed),
            Address::Interactions => self.interacted(&signed, began).await,
            Address::Events => {
                if head.headers.contains_key(RETRY) {
                    ::metrics::counter!(REDELIVERED).increment(1);
                }
                desk.told(&signed)
            }
        }
    }

    async fn interacted(&self, signed: &Signed, began: Duration) -> Result<Reply, Cause> {
        let desk = &self.0;
        let form = Form::parse(signed.body())?;
        if form.text("ssl_check") == Some("1") {
            return Ok(Reply::empty(Kind::SslCheck, Outcome::Answered));
        }
        let payload = form.text("payload").ok_or(Cause::Malformed)?;
        let claim: Claim = parsed(payload)?;
        let kind = kind_of(&claim.kind);
        let home = Home::new(claim.team(), claim.enterprise());
        // Some payloads without consequences do not name the app; the signature does.
        let is_inert = !matches!(kind, Kind::Click | Kind::Submission);
        let unnamed = is_inert.then_some(desk.settings.allowed.app.as_str());
        desk.settings.allowed.admit(claim.api_app_id.as_deref().or(unnamed), home)?;
        let trigger: Vec<Name> = claim.trigger_id.as_deref().map(Name::of_trigger).into_iter().collect();
        if !desk.is_new(signed, &trigger)? {
            return Ok(Reply::empty(kind, Outcome::Again));
        }
        match kind {
            Kind::Click => desk.clicked(parsed::<BlockActions>(payload)?, home, signed),
            Kind::Submission => desk.submitted(parsed::<ViewSubmission>(payload)?, home, signed, began).await,
            Kind::Suggestion => Ok(Reply::json(kind, Outcome::Ignored, json!({ "options": [] }))),
            other => Ok(Reply::empty(other, Outcome::Ignored)),
        }
    }
}

async fn commands(State(front): State<Front>, request: Request) -> Response {
    front.answer(Address::Commands, request).await
}

async fn interactions(State(front): State<Front>, request: Request) -> Response {
    front.answer(Address::Interactions, request).await
}

async fn events(State(front): State<Front>, request: Request) -> Response {
    front.answer(Address::Events, request).await
}

/// What the sender says of the size; a body without a size is measured while it is read.
fn is_small(headers: &HeaderMap, limit: usize) -> Result<(), Cause> {
    match headers.get(CONTENT_LENGTH) {
        None => Ok(()),
        Some(length) => {
            let length = length.to_str().ok().and_then(|text| text.parse::<usize>().ok());
            if length.is_some_and(|length| length <= limit) { Ok(()) } else { Err(Cause::Size) }
        }
    }
}

async fn read(body: Body, limit: usize) -> Result<Bytes, Cause> {
    let read = tokio::time::timeout(BODY_DEADLINE, to_bytes(body, limit)).await;
    read.map_err(|_| Cause::Slow)?.map_err(|_| Cause::Size)
}

fn is_media(headers: &HeaderMap, media: &str) -> Result<(), Cause> {
    let said = only(headers, CONTENT_TYPE.as_str()).map_err(|_| Cause::Media)?;
    let essence = said.split(';').next().unwrap_or_default().trim();
    // Slack never compresses, and what was compressed could be read in more than one way.
    if essence.eq_ignore_ascii_case(media) && !headers.contains_key(CONTENT_ENCODING) {
        return Ok(());
    }
    Err(Cause::Media)
}

fn parsed<T: DeserializeOwned>(payload: &str) -> Result<T, Cause> {
    serde_json::from_str(payload).map_err(|_| Cause::Malformed)
}

fn kind_of(word: &str) -> Kind {
    match word {
        "block_actions" => Kind::Click,
        "view_submission" => Kind::Submission,
        "view_closed" => Kind::Closed,
        "shortcut" | "message_action" => Kind::Shortcut,
        "block_suggestion" => Kind::Suggestion,
        "interactive_message"
        | "dialog_submission"
        | "dialog_cancellation"
        | "dialog_suggestion"
        | "workflow_step_edit" => Kind::Legacy,
        _ => Kind::OtherInteraction,
    }
}
