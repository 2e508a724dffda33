//! How people are answered.
//!
//! **Invariant:** an answer goes to the one who asked and to nobody else; one that reaches nobody
//! is counted.

use super::desk::Desk;
use super::metrics::{Kind, Outcome, UNTOLD};
use crate::api::Post;
use crate::render::{self, Page};
use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use countersign_chat::{Answer, Notice};
use countersign_core::digest::Digest;
use countersign_core::time::Timestamp;

/// What Slack gets at once, and what to count it as.
pub(super) struct Reply {
    pub(super) kind: Kind,
    pub(super) outcome: Outcome,
    pub(super) response: Response,
}

impl Reply {
    /// 200 and nothing else.
    pub(super) fn empty(kind: Kind, outcome: Outcome) -> Self {
        Self { kind, outcome, response: StatusCode::OK.into_response() }
    }

    pub(super) fn json(kind: Kind, outcome: Outcome, body: serde_json::Value) -> Self {
        Self { kind, outcome, response: Json(body).into_response() }
    }

    pub(super) fn text(kind: Kind, outcome: Outcome, body: String) -> Self {
        Self { kind, outcome, response: body.into_response() }
    }
}

/// How somebody can be reached.
#[derive(Clone)]
pub(super) struct Reach {
    pub(super) user: String,
    /// Slack's address for answers to what they did; not everything has one.
    pub(super) response_url: Option<String>,
    /// The delivery's name, so that a message that was sent twice is found.
    pub(super) nonce: String,
}

/// What is told after the acknowledgement; an accepted request speaks in its own thread.
pub(super) fn page_of(answer: &Answer, now: Timestamp) -> Option<Page> {
    match answer {
        Answer::Accepted { .. } | Answer::Whole(_) => None,
        Answer::Said(notice) => Some(render::notice(notice, now)),
        Answer::Refused(refusal) => Some(render::refusal(refusal, now)),
    }
}

/// A sentence of ours.
pub(super) fn note(title: &str) -> Notice {
    Notice::Listed { title: title.to_owned(), rows: Vec::new() }
}

impl Desk {
    /// Tells one person: where they did it, or else in a direct conversation.
    pub(super) async fn tell(&self, reach: &Reach, page: &Page) {
        if let Some(url) = &reach.response_url {
            match self.api.respond(url, page).await {
                Ok(()) => return,
                Err(error) => tracing::info!("An answer goes to a direct conversation instead: {error}"),
            }
        }
        if let Err(error) = self.tell_directly(reach, page).await {
            ::metrics::counter!(UNTOLD).increment(1);
            tracing::warn!("An answer reached nobody: {error}");
        }
    }

    pub(super) async fn tell_notice(&self, reach: &Reach, notice: &Notice) {
        self.tell(reach, &render::notice(notice, self.clock.now())).await;
    }

    async fn tell_directly(&self, reach: &Reach, page: &Page) -> Result<(), crate::ApiError> {
        let channel = self.api.direct(&reach.user).await?;
        let mark = format!("answer-{}", Digest::of(reach.nonce.as_bytes()).short());
        self.api
            .post(&Post { channel, thread: None, page: page.clone(), mark, since: self.clock.now() })
            .await
            .map(drop)
    }
}
