//! Slack's Web API over HTTPS.
//!
//! What is sent is built with slack-morphism's types; its client is not used, because it awaits an
//! answer for ever, reads one of any length, and loses one that has a field it does not know so.
//!
//! **Invariant:** a call ends within its deadline, and an answer is read to its limit. No error
//! holds a body or an address.

mod files;
mod token;
mod wire;

pub use token::Token;

use crate::api::{ApiError, File, OpenedView, Post, Posted, SlackApi, User};
use crate::render::Page;
use async_trait::async_trait;
use countersign_core::time::Timestamp;
use serde::{Deserialize, Serialize};
use slack_morphism::prelude::{
    SlackApiChatPostMessageRequest, SlackApiChatUpdateRequest, SlackApiViewsOpenRequest, SlackApiViewsUpdateRequest,
    SlackMessageContent, SlackMessageMetadata, SlackTriggerId, SlackTs, SlackView, SlackViewId,
};
use std::collections::HashMap;
use std::fmt;
use std::time::Duration;
use tokio::sync::OnceCell;

/// How much of an answer is read, in bytes.
const ANSWER: usize = 4 << 20;

/// How far our clock and Slack's may differ before a message is not found again.
const SKEW: Duration = Duration::from_mins(5);

/// How long an answer is awaited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deadlines {
    /// Of every call but the next.
    pub call: Duration,
    /// Of `views.open`: its trigger lives three seconds (Slack, "Handling user interaction").
    pub trigger: Duration,
}

impl Default for Deadlines {
    fn default() -> Self {
        Self { call: Duration::from_secs(5), trigger: Duration::from_millis(2_500) }
    }
}

/// Why the client cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// The address is neither https nor plain http on this machine.
    #[error("`{0}` is not an https address; plain http is for 127.0.0.1 alone")]
    Address(String),
    /// The system's authorities cannot be read, or the like.
    #[error("an HTTPS client cannot be made")]
    Client(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// The real thing.
pub struct Web {
    http: reqwest::Client,
    token: Token,
    address: reqwest::Url,
    deadlines: Deadlines,
    /// Whose token it is, once Slack has said so.
    home: OnceCell<wire::Home>,
}

impl fmt::Debug for Web {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Web").field("address", &self.address.as_str()).finish_non_exhaustive()
    }
}

impl Web {
    /// A client of the API at `address` (`https://slack.com/api`).
    ///
    /// # Errors
    /// [`SetupError`].
    pub fn new(address: &str, token: Token) -> Result<Self, SetupError> {
        Self::with_deadlines(address, token, Deadlines::default())
    }

    /// The same with other deadlines.
    ///
    /// # Errors
    /// [`SetupError`].
    pub fn with_deadlines(address: &str, token: Token, deadlines: Deadlines) -> Result<Self, SetupError> {
        let refused = || SetupError::Address(address.to_owned());
        let url: reqwest::Url = address.trim_end_matches('/').parse().map_err(|_| refused())?;
        if !(url.scheme() == "https" || url.scheme() == "http" && is_this_machine(&url)) {
            return Err(refused());
        }
        // The only TLS there is; whoever chose it before us chose the same.
        drop(rustls::crypto::ring::default_provider().install_default());
        let http = reqwest::Client::builder()
            .timeout(deadlines.call)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()
            .map_err(|error| SetupError::Client(error.into()))?;
        Ok(Self { http, token, address: url, deadlines, home: OnceCell::new() })
    }

    /// Whether a `response_url` is Slack's, or of the stand-in that the whole client talks to.
    fn may_respond(&self, url: &reqwest::Url) -> bool {
        let host = url.host_str().unwrap_or_default();
        let is_slack = matches!(host, "hooks.slack.com" | "hooks.slack-gov.com") || host.ends_with(".slack.com");
        let is_bare = url.username().is_empty() && url.password().is_none();
        match url.scheme() {
            "https" => is_slack && url.port().is_none() && is_bare,
            "http" => url.origin() == self.address.origin() && is_bare,
            _ => false,
        }
    }

    /// A call whose argument is JSON.
    async fn call<T: for<'de> Deserialize<'de>>(&self, method: &str, what: &impl Serialize) -> Result<T, ApiError> {
        self.answer(self.to(method).json(what)).await
    }

    /// A call whose arguments are fields; not every method takes JSON.
    async fn ask<T: for<'de> Deserialize<'de>>(&self, method: &str, fields: &[(&str, &str)]) -> Result<T, ApiError> {
        let form = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let request = self.to(method).header("content-type", "application/x-www-form-urlencoded").body(form);
        self.answer(request).await
    }

    fn to(&self, method: &str) -> reqwest::RequestBuilder {
        let address = format!("{}/{method}", self.address.as_str().trim_end_matches('/'));
        self.http.post(address).bearer_auth(self.token.bearer())
    }

    async fn answer<T: for<'de> Deserialize<'de>>(&self, request: reqwest::RequestBuilder) -> Result<T, ApiError> {
        let answer = request.send().await.map_err(|error| wire::unanswered(&error))?;
        let body = bounded(wire::accepted(answer)?, ANSWER, "answer_too_long").await?;
        let told: wire::Envelope = serde_json::from_slice(&body).map_err(|_| ApiError::Lost)?;
        if !told.ok {
            return Err(ApiError::of_code(told.error.as_deref().unwrap_or_default()));
        }
        serde_json::from_slice(&body).map_err(|_| ApiError::Refused("unreadable".into()))
    }

    async fn home(&self) -> Result<&wire::Home, ApiError> {
        self.home.get_or_try_init(|| self.ask("auth.test", &[])).await
    }
}

/// A literal address of this machine; a name could be anybody's tomorrow.
fn is_this_machine(url: &reqwest::Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// The body, unless it is longer than `most` bytes: then what is left of it is not read.
async fn bounded(mut answer: reqwest::Response, most: usize, code: &str) -> Result<Vec<u8>, ApiError> {
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(|_| ApiError::Lost)? {
        if body.len() + chunk.len() > most {
            return Err(ApiError::Refused(code.to_owned()));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

fn content(page: &Page) -> SlackMessageContent {
    SlackMessageContent::new().with_text(page.text().to_owned()).with_blocks(page.blocks().to_vec())
}

/// Slack's notation of an instant, `seconds.micros`.
fn ts(at: Timestamp) -> String {
    format!("{}.000000", at.as_millis().max(0) / 1000)
}

#[async_trait]
impl SlackApi for Web {
    async fn auth_test(&self) -> Result<(), ApiError> {
        self.ask::<wire::Done>("auth.test", &[]).await.map(drop)
    }

    async fn post(&self, post: &Post) -> Result<Posted, ApiError> {
        let metadata = SlackMessageMetadata::new(wire::EVENT.to_owned())
            .with_event_payload(HashMap::from([(wire::MARK.to_owned(), post.mark.clone())]));
        let request = SlackApiChatPostMessageRequest::new(
            post.channel.clone().into(),
            content(&post.page).with_metadata(metadata),
        )
        .opt_thread_ts(post.thread.clone().map(SlackTs::from))
        .with_link_names(false)
        .with_parse("none".to_owned())
        .with_unfurl_links(false)
        .with_unfurl_media(false);
        let posted: wire::PostAnswer = self.call("chat.postMessage", &request).await?;
        Ok(Posted { channel: posted.channel, ts: posted.ts })
    }

    async fn update(&self, message: &Posted, page: &Page) -> Result<(), ApiError> {
        let request = SlackApiChatUpdateRequest::new(
            message.channel.clone().into(),
            content(page),
            SlackTs::from(message.ts.clone()),
        );
        self.call::<wire::Done>("chat.update", &request).await.map(drop)
    }

    async fn find(&self, post: &Post) -> Result<Option<Posted>, ApiError> {
        let since = Timestamp::from_millis(post.since.as_millis() - i64::try_from(SKEW.as_millis()).unwrap_or(0));
        let oldest = ts(since);
        let mut fields = vec![
            ("channel", post.channel.as_str()),
            ("oldest", &oldest),
            ("limit", "200"),
            ("include_all_metadata", "true"),
        ];
        let method = match &post.thread {
            Some(thread) => {
                fields.push(("ts", thread));
                "conversations.replies"
            }
            None => "conversations.history",
        };
        let found: wire::Messages = self.ask(method, &fields).await?;
        Ok(found.marked(&post.mark).map(|ts| Posted { channel: post.channel.clone(), ts }))
    }

    async fn direct(&self, user: &str) -> Result<String, ApiError> {
        let opened: wire::DirectAnswer = self.ask("conversations.open", &[("users", user)]).await?;
        Ok(opened.channel.id)
    }

    async fn is_shared(&self, channel: &str) -> Result<bool, ApiError> {
        let answer: wire::ChannelAnswer = self.ask("conversations.info", &[("channel", channel)]).await?;
        Ok(answer.is_shared())
    }

    async fn user(&self, user: &str) -> Result<User, ApiError> {
        let home = self.home().await?;
        let answer: wire::UserAnswer = self.ask("users.info", &[("user", user)]).await?;
        Ok(answer.seen_from(home))
    }

    async fn file(&self, id: &str) -> Result<File, ApiError> {
        let answer: wire::FileAnswer = self.ask("files.info", &[("file", id)]).await?;
        Ok(answer.file)
    }

    async fn content(&self, file: &File, most: usize) -> Result<Vec<u8>, ApiError> {
        self.download(file, most).await
    }

    async fn open_view(&self, trigger: &str, view: &SlackView) -> Result<OpenedView, ApiError> {
        let request = SlackApiViewsOpenRequest::new(SlackTriggerId::from(trigger.to_owned()), view.clone());
        let request = self.to("views.open").timeout(self.deadlines.trigger).json(&request);
        let opened: wire::ViewAnswer = self.answer(request).await?;
        Ok(OpenedView { id: opened.view.id, hash: opened.view.hash })
    }

    async fn update_view(&self, view: &OpenedView, new: &SlackView) -> Result<(), ApiError> {
        let request = SlackApiViewsUpdateRequest::new(new.clone())
            .with_view_id(SlackViewId::from(view.id.clone()))
            .opt_hash(view.hash.clone());
        self.call::<wire::Done>("views.update", &request).await.map(drop)
    }

    async fn respond(&self, response_url: &str, page: &Page) -> Result<(), ApiError> {
        let url: reqwest::Url = response_url.parse().map_err(|_| ApiError::Refused("bad_response_url".into()))?;
        if !self.may_respond(&url) {
            return Err(ApiError::Refused("foreign_response_url".into()));
        }
        let body = serde_json::json!({
            "response_type": "ephemeral",
            "replace_original": false,
            "text": page.text(),
            "blocks": page.blocks(),
        });
        let answer = self.http.post(url).json(&body).send().await.map_err(|error| wire::unanswered(&error))?;
        let body = bounded(wire::accepted(answer)?, ANSWER, "answer_too_long").await?;
        // A yes is the bare word `ok`.
        match serde_json::from_slice::<wire::Envelope>(&body) {
            Ok(told) if !told.ok => Err(ApiError::of_code(told.error.as_deref().unwrap_or_default())),
            _ => Ok(()),
        }
    }
}
