//! What operators can count and measure, and under which names.
//!
//! **Invariant:** a label is one of the words in this file, never anything out of a request.

use ::metrics::{counter, histogram};
use axum::http::StatusCode;
use std::time::Duration;

/// Requests, by `kind` (what it was) and `outcome` (what became of it). Counter.
pub const REQUESTS: &str = "countersign_slack_requests_total";
/// From the arrival of a request's headers to its answer, by `kind`. Histogram, seconds.
pub const ACKNOWLEDGEMENT: &str = "countersign_slack_acknowledgement_seconds";
/// Events that Slack delivered again (`x-slack-retry-num`). Counter.
pub const REDELIVERED: &str = "countersign_slack_redelivered_total";
/// The app was uninstalled, or its tokens revoked: somebody must act. Counter.
pub const DISCONNECTED: &str = "countersign_slack_disconnected_total";
/// Answers that reached nobody, neither here nor in a direct conversation. Counter.
pub const UNTOLD: &str = "countersign_slack_untold_total";

/// Why a request is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cause {
    /// Larger than it may be, or broken off.
    Size,
    /// Its body did not come in time.
    Slow,
    /// A header is missing, there twice, or misspelt.
    Headers,
    /// Too old, or from the future.
    Timestamp,
    /// Signed with none of the secrets.
    Signature,
    /// Not the media type of this address.
    Media,
    /// The body is no form.
    Form,
    /// Another app, workspace or organisation.
    Foreign,
    /// Signed, and still not what it should be.
    Malformed,
    /// No more deliveries can be remembered.
    Full,
}

impl Cause {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Size => "refused-size",
            Self::Slow => "refused-slow",
            Self::Headers => "refused-headers",
            Self::Timestamp => "refused-timestamp",
            Self::Signature => "refused-signature",
            Self::Media => "refused-media",
            Self::Form => "refused-form",
            Self::Foreign => "refused-foreign",
            Self::Malformed => "refused-malformed",
            Self::Full => "refused-full",
        }
    }

    /// What the sender learns. Everything that could be a forgery looks the same.
    pub(super) const fn status(self) -> StatusCode {
        match self {
            Self::Size => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Slow => StatusCode::REQUEST_TIMEOUT,
            Self::Headers | Self::Timestamp | Self::Signature | Self::Foreign => StatusCode::UNAUTHORIZED,
            Self::Media | Self::Form | Self::Malformed => StatusCode::BAD_REQUEST,
            Self::Full => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}

/// What a request was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Not known, because it was refused before that.
    Unread,
    Command,
    SslCheck,
    Click,
    Submission,
    Closed,
    Shortcut,
    Suggestion,
    Legacy,
    OtherInteraction,
    Verification,
    Mention,
    Lifecycle,
    UserChange,
    RateLimited,
    OtherEvent,
}

impl Kind {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Unread => "unread",
            Self::Command => "command",
            Self::SslCheck => "ssl-check",
            Self::Click => "click",
            Self::Submission => "submission",
            Self::Closed => "closed",
            Self::Shortcut => "shortcut",
            Self::Suggestion => "suggestion",
            Self::Legacy => "legacy",
            Self::OtherInteraction => "other-interaction",
            Self::Verification => "verification",
            Self::Mention => "mention",
            Self::Lifecycle => "lifecycle",
            Self::UserChange => "user-change",
            Self::RateLimited => "rate-limited",
            Self::OtherEvent => "other-event",
        }
    }
}

/// What became of a request that was believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Brought to the gateway.
    Taken,
    /// Answered here.
    Answered,
    /// Acknowledged, and nothing done.
    Ignored,
    /// Known already: acknowledged, and nothing done again.
    Again,
    /// A button or window that belongs to nothing.
    Unknown,
}

impl Outcome {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Taken => "taken",
            Self::Answered => "answered",
            Self::Ignored => "ignored",
            Self::Again => "again",
            Self::Unknown => "unknown",
        }
    }
}

/// Counts a request that was believed.
pub(super) fn count(kind: Kind, outcome: Outcome, took: Duration) {
    counter!(REQUESTS, "kind" => kind.as_str(), "outcome" => outcome.as_str()).increment(1);
    histogram!(ACKNOWLEDGEMENT, "kind" => kind.as_str()).record(took.as_secs_f64());
}

/// Counts a request that was not.
pub(super) fn count_refused(cause: Cause, took: Duration) {
    counter!(REQUESTS, "kind" => Kind::Unread.as_str(), "outcome" => cause.as_str()).increment(1);
    histogram!(ACKNOWLEDGEMENT, "kind" => Kind::Unread.as_str()).record(took.as_secs_f64());
}
