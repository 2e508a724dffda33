//! Slack's answers, as much as is needed of them, and what became of a call.
//!
//! What is not needed is not modelled: an answer that Slack gave in a new shape must not look like
//! one that was lost.
//!
//! **Invariant:** what leaves as an error is a code or a status, never a body.

use crate::api::{ApiError, File, User};
use serde::Deserialize;
use std::collections::HashMap;
use std::time::Duration;

/// The kind of our messages' metadata.
pub(super) const EVENT: &str = "countersign";

/// The key of our own name of a message in its metadata.
pub(super) const MARK: &str = "mark";

/// How long to wait when Slack asks to, and does not say how long.
const WAIT: Duration = Duration::from_secs(1);

#[derive(Deserialize)]
pub(super) struct Envelope {
    pub(super) ok: bool,
    #[serde(default)]
    pub(super) error: Option<String>,
}

/// Whose token it is: `auth.test`.
#[derive(Deserialize)]
pub(super) struct Home {
    team_id: String,
    #[serde(default)]
    enterprise_id: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct UserAnswer {
    user: WireUser,
}

#[derive(Deserialize)]
struct WireUser {
    #[serde(default)]
    team_id: Option<String>,
    #[serde(default)]
    enterprise_user: Option<EnterpriseUser>,
    #[serde(flatten)]
    flags: User,
}

#[derive(Deserialize)]
struct EnterpriseUser {
    #[serde(default)]
    enterprise_id: Option<String>,
}

impl UserAnswer {
    /// The user as we know them: a stranger is whoever is neither of our workspace nor of our
    /// organisation. Slack's own flag is raised only for those who share no channel with us.
    pub(super) fn seen_from(self, home: &Home) -> User {
        let WireUser { team_id, enterprise_user, mut flags } = self.user;
        let enterprise = enterprise_user.and_then(|one| one.enterprise_id);
        let is_of_our_team = team_id.as_deref() == Some(home.team_id.as_str());
        let is_of_our_enterprise = home.enterprise_id.is_some() && enterprise == home.enterprise_id;
        flags.is_stranger |= !is_of_our_team && !is_of_our_enterprise;
        flags
    }
}

/// An answer of which only the yes counts.
#[derive(Deserialize)]
pub(super) struct Done {}

/// `chat.postMessage`.
#[derive(Deserialize)]
pub(super) struct PostAnswer {
    pub(super) channel: String,
    pub(super) ts: String,
}

/// `conversations.open`.
#[derive(Deserialize)]
pub(super) struct DirectAnswer {
    pub(super) channel: Direct,
}

#[derive(Deserialize)]
pub(super) struct Direct {
    pub(super) id: String,
}

/// `files.info`.
#[derive(Deserialize)]
pub(super) struct FileAnswer {
    pub(super) file: File,
}

/// `views.open`.
#[derive(Deserialize)]
pub(super) struct ViewAnswer {
    pub(super) view: View,
}

#[derive(Deserialize)]
pub(super) struct View {
    pub(super) id: String,
    #[serde(default)]
    pub(super) hash: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct ChannelAnswer {
    channel: ChannelFlags,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct ChannelFlags {
    is_ext_shared: bool,
    is_pending_ext_shared: bool,
}

impl ChannelAnswer {
    pub(super) const fn is_shared(&self) -> bool {
        self.channel.is_ext_shared || self.channel.is_pending_ext_shared
    }
}

#[derive(Deserialize)]
pub(super) struct Messages {
    messages: Vec<Found>,
}

#[derive(Deserialize)]
struct Found {
    ts: String,
    #[serde(default)]
    metadata: Option<FoundMetadata>,
}

#[derive(Deserialize)]
struct FoundMetadata {
    #[serde(default)]
    event_type: String,
    #[serde(default)]
    event_payload: HashMap<String, serde_json::Value>,
}

impl Messages {
    /// The name of the message with this mark.
    pub(super) fn marked(self, mark: &str) -> Option<String> {
        let is_ours = |found: &Found| {
            found.metadata.as_ref().is_some_and(|metadata| {
                let has = metadata.event_payload.get(MARK).and_then(serde_json::Value::as_str);
                metadata.event_type == EVENT && has == Some(mark)
            })
        };
        self.messages.into_iter().find(is_ours).map(|found| found.ts)
    }
}

/// What a failing status says.
fn of_status(status: u16, retry_after: Option<u64>) -> ApiError {
    match status {
        401 => ApiError::NotAuthorised("http_401".into()),
        429 => ApiError::RateLimited { after: retry_after.map_or(WAIT, Duration::from_secs) },
        500.. => ApiError::Lost,
        // A redirect is a no: nothing of ours is to go elsewhere.
        _ => ApiError::Refused(format!("http_{status}")),
    }
}

/// Why a request got no answer.
pub(super) fn unanswered(error: &reqwest::Error) -> ApiError {
    if error.is_connect() { ApiError::Unreachable } else { ApiError::Lost }
}

/// The answer, if its status is a yes.
pub(super) fn accepted(answer: reqwest::Response) -> Result<reqwest::Response, ApiError> {
    if answer.status().is_success() {
        return Ok(answer);
    }
    let after = answer.headers().get("retry-after").and_then(|value| value.to_str().ok()?.parse().ok());
    Err(of_status(answer.status().as_u16(), after))
}
