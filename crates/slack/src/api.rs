//! What is asked of Slack's Web API, and how it can fail.
//!
//! **Invariant:** an error says what became of the call and nothing of what was in it.

use crate::render::Page;
use async_trait::async_trait;
use countersign_core::time::Timestamp;
use slack_morphism::prelude::SlackView;
use std::fmt;
use std::time::Duration;

/// Why a call was not answered with yes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ApiError {
    /// Too fast: after so long it may be tried again.
    #[error("Slack asks to wait {} s", .after.as_secs())]
    RateLimited {
        /// How long.
        after: Duration,
    },
    /// The token is revoked, expired, or not of this workspace.
    #[error("Slack no longer accepts the bot token: `{0}`")]
    NotAuthorised(String),
    /// No, with Slack's own code.
    #[error("Slack refused: `{0}`")]
    Refused(String),
    /// The answer was lost: it may have happened.
    #[error("Slack's answer was lost")]
    Lost,
    /// It cannot have happened.
    #[error("Slack cannot be reached")]
    Unreachable,
}

impl ApiError {
    /// From one of Slack's error codes.
    #[must_use]
    pub fn of_code(code: &str) -> Self {
        // A code is a short lower-case word; anything else could be anything, and is not repeated.
        let is_code =
            code.len() <= 64 && code.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
        let code = if is_code { code.to_owned() } else { "unreadable".to_owned() };
        match code.as_str() {
            "invalid_auth" | "not_authed" | "account_inactive" | "token_revoked" | "token_expired"
            | "org_login_required" => Self::NotAuthorised(code),
            "ratelimited" | "rate_limited" => Self::RateLimited { after: Duration::from_secs(1) },
            // Slack's own troubles: nobody knows whether it was done.
            "internal_error" | "fatal_error" | "request_timeout" | "service_unavailable" => Self::Lost,
            _ => Self::Refused(code),
        }
    }

    /// Whether the same call may be answered differently soon, without anybody mending anything.
    #[must_use]
    pub const fn is_passing(&self) -> bool {
        match self {
            Self::RateLimited { .. } | Self::Lost | Self::Unreachable => true,
            Self::NotAuthorised(_) | Self::Refused(_) => false,
        }
    }

    /// Whether Slack said one of these codes.
    #[must_use]
    pub fn is_one_of(&self, codes: &[&str]) -> bool {
        matches!(self, Self::Refused(code) if codes.contains(&code.as_str()))
    }
}

/// A message that is there.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Posted {
    /// The channel's id.
    pub channel: String,
    /// Slack's name of the message.
    pub ts: String,
}

/// A message to post.
#[derive(Clone)]
pub struct Post {
    /// The channel's id.
    pub channel: String,
    /// The thread, if it is a reply.
    pub thread: Option<String>,
    /// What it says.
    pub page: Page,
    /// Our own name of this message, by which it is found again when the answer was lost.
    pub mark: String,
    /// When it was first tried to be posted, by our clock: it is not looked for among older ones.
    pub since: Timestamp,
}

impl fmt::Debug for Post {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Post").field("channel", &self.channel).field("mark", &self.mark).finish_non_exhaustive()
    }
}

/// What `users.info` says of somebody.
///
/// Source: Slack, "User type" object.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(default)]
#[expect(clippy::struct_excessive_bools, reason = "Slack's own flags")]
pub struct User {
    /// Their id.
    pub id: String,
    /// They have left.
    pub deleted: bool,
    /// A program.
    pub is_bot: bool,
    /// A program of Slack's workflow builder.
    pub is_workflow_bot: bool,
    /// A program that connects another service.
    pub is_connector_bot: bool,
    /// A guest in several channels.
    pub is_restricted: bool,
    /// A guest in one channel.
    pub is_ultra_restricted: bool,
    /// Somebody of another organisation than the token's. Slack's flag of that name says so only
    /// of those who share no channel with us, so [`Web`](crate::Web) compares the organisations.
    pub is_stranger: bool,
    /// Invited, and not joined yet.
    pub is_invited_user: bool,
    /// Whether they confirmed their address; absent where Slack does not tell.
    pub is_email_confirmed: Option<bool>,
}

/// What `files.info` says of a file.
///
/// Source: Slack, "File object". What is absent is not taken for harmless.
#[derive(Clone, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(default)]
pub struct File {
    /// Its id.
    pub id: String,
    /// Who created it.
    pub user: Option<String>,
    /// How Slack keeps it: `hosted`, `snippet`, and others that are no text of somebody's.
    pub mode: Option<String>,
    /// Whether somebody else keeps it.
    pub is_external: Option<bool>,
    /// Whether the app may see it; absent or `visible` when it may.
    pub file_access: Option<String>,
    /// Its size in bytes, as Slack says.
    pub size: Option<u64>,
    /// Where its content is, as Slack says.
    pub url_private: Option<String>,
    /// The same, for programs.
    pub url_private_download: Option<String>,
}

/// Without its addresses.
impl fmt::Debug for File {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("File").field("id", &self.id).field("mode", &self.mode).finish_non_exhaustive()
    }
}

/// An opened modal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenedView {
    /// Its id.
    pub id: String,
    /// Its version.
    pub hash: Option<String>,
}

/// Slack's Web API, as much as is used of it.
#[async_trait]
pub trait SlackApi: Send + Sync + fmt::Debug {
    /// `auth.test`: whether the token is good.
    async fn auth_test(&self) -> Result<(), ApiError>;
    /// `chat.postMessage`.
    async fn post(&self, post: &Post) -> Result<Posted, ApiError>;
    /// `chat.update`.
    async fn update(&self, message: &Posted, page: &Page) -> Result<(), ApiError>;
    /// Looks for a message of ours by its mark, among those of the channel or thread since it was
    /// first tried.
    async fn find(&self, post: &Post) -> Result<Option<Posted>, ApiError>;
    /// `conversations.open`: the direct conversation with somebody.
    async fn direct(&self, user: &str) -> Result<String, ApiError>;
    /// `conversations.info`: whether people of other organisations are in it.
    async fn is_shared(&self, channel: &str) -> Result<bool, ApiError>;
    /// `users.info`.
    async fn user(&self, user: &str) -> Result<User, ApiError>;
    /// `files.info`.
    async fn file(&self, id: &str) -> Result<File, ApiError>;
    /// The content of a file. Besides Slack's own codes: `file_too_long` when it has more than `most`
    /// bytes, whatever Slack says of its size; `foreign_file_address` when Slack does not keep it.
    async fn content(&self, file: &File, most: usize) -> Result<Vec<u8>, ApiError>;
    /// `views.open`, within three seconds of the click.
    async fn open_view(&self, trigger: &str, view: &SlackView) -> Result<OpenedView, ApiError>;
    /// `views.update`.
    async fn update_view(&self, view: &OpenedView, new: &SlackView) -> Result<(), ApiError>;
    /// To one person, by the `response_url` of what they did; at most five times, within 30 minutes.
    async fn respond(&self, response_url: &str, page: &Page) -> Result<(), ApiError>;
}
