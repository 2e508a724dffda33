//! Slack's side of the acknowledgement bench: signed slash commands, and who stands where Slack and the gateway are.

use async_trait::async_trait;
use countersign_audit::clock::SystemClock;
use countersign_chat::{Answer, Gate, Inbound};
use countersign_core::digest::hex;
use countersign_core::id::{InvocationId, Origin};
use countersign_core::time::Clock as _;
use countersign_slack::api::{File, OpenedView, Post, Posted, User};
use countersign_slack::inbound::{Allowed, Front, Secrets, Settings, Setup};
use countersign_slack::render::Page;
use countersign_slack::{ApiError, People, SlackApi};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use slack_morphism::prelude::SlackView;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio_util::task::TaskTracker;

/// What the stand-in for Slack signs with.
pub(crate) const SECRET: &str = "8f742231b10e8888abcd99yyyzzz85a5";

/// Where slash commands go.
pub(crate) const PATH: &str = "/slack/commands";

/// A signed request that was never sent before, byte for byte.
pub(crate) fn slash_command() -> Vec<u8> {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let trigger = COUNT.fetch_add(1, Ordering::Relaxed);
    let body = format!(
        "token=gIkuvaNzQIHg97ATvDxqgjtO&team_id=T0001&team_domain=example&channel_id=C2147483705&channel_name=ops\
         &user_id=U2147483697&user_name=ann&command=%2Fkubectl&text=get+pods+-n+payments+--context+prod\
         &api_app_id=A123456&is_enterprise_install=false\
         &response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT0001%2F1234%2F5678&trigger_id=13345224609.{trigger}"
    );
    let seconds = SystemClock.now().as_millis() / 1000;
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).expect("HMAC takes keys of every length");
    mac.update(format!("v0:{seconds}:{body}").as_bytes());
    let signature = hex(&mac.finalize().into_bytes());
    let length = body.len();
    format!(
        "POST {PATH} HTTP/1.1\r\nhost: 127.0.0.1\r\nuser-agent: Slackbot 1.0 (+https://api.slack.com/robots)\r\n\
         accept: application/json,*/*\r\ncontent-type: application/x-www-form-urlencoded\r\n\
         x-slack-request-timestamp: {seconds}\r\nx-slack-signature: v0={signature}\r\ncontent-length: {length}\r\n\r\n{body}"
    )
    .into_bytes()
}

/// Our front with every check in force, and nothing behind it.
pub(crate) fn front() -> Front {
    let allowed = Allowed { app: "A123456".into(), teams: ["T0001".to_owned()].into(), ..Allowed::default() };
    let secrets = Secrets::new(SECRET.to_owned().into(), None);
    // More deliveries in one minute than in production in eleven.
    let settings = Settings { once_capacity: 1 << 22, ..Settings::new(allowed, secrets) };
    let api: Arc<dyn SlackApi> = Arc::new(Members);
    let people = Arc::new(People::new(Arc::clone(&api)));
    let clock = Arc::new(SystemClock);
    Front::new(Setup { settings, gate: Arc::new(Taker), api, people, clock, tasks: TaskTracker::new() })
}

/// Takes everything at once.
struct Taker;

#[async_trait]
impl Gate for Taker {
    async fn receive(&self, inbound: Inbound) -> Answer {
        let (nonce, at) = match &inbound {
            Inbound::Typed(it) => (&it.nonce, it.at),
            Inbound::Clicked(it) => (&it.nonce, it.at),
        };
        let origin = Origin { deployment: "bench", front: "slack", team: "T0001", trigger: nonce };
        Answer::Accepted { invocation: InvocationId::derive(origin, at) }
    }
}

/// Everybody is a member; nothing else is asked.
#[derive(Debug)]
struct Members;

#[async_trait]
impl SlackApi for Members {
    async fn auth_test(&self) -> Result<(), ApiError> {
        Ok(())
    }

    async fn post(&self, _: &Post) -> Result<Posted, ApiError> {
        Err(ApiError::Unreachable)
    }

    async fn update(&self, _: &Posted, _: &Page) -> Result<(), ApiError> {
        Err(ApiError::Unreachable)
    }

    async fn find(&self, _: &Post) -> Result<Option<Posted>, ApiError> {
        Err(ApiError::Unreachable)
    }

    async fn direct(&self, _: &str) -> Result<String, ApiError> {
        Err(ApiError::Unreachable)
    }

    async fn is_shared(&self, _: &str) -> Result<bool, ApiError> {
        Err(ApiError::Unreachable)
    }

    async fn user(&self, user: &str) -> Result<User, ApiError> {
        Ok(User { id: user.to_owned(), is_email_confirmed: Some(true), ..User::default() })
    }

    async fn file(&self, _: &str) -> Result<File, ApiError> {
        Err(ApiError::Unreachable)
    }

    async fn content(&self, _: &File, _: usize) -> Result<Vec<u8>, ApiError> {
        Err(ApiError::Unreachable)
    }

    async fn open_view(&self, _: &str, _: &SlackView) -> Result<OpenedView, ApiError> {
        Err(ApiError::Unreachable)
    }

    async fn update_view(&self, _: &OpenedView, _: &SlackView) -> Result<(), ApiError> {
        Err(ApiError::Unreachable)
    }

    async fn respond(&self, _: &str, _: &Page) -> Result<(), ApiError> {
        Err(ApiError::Unreachable)
    }
}
