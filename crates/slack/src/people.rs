//! What Slack knows of an account.
//!
//! **Invariant:** whoever cannot be asked about is unknown, and unknown is not a member.

use crate::api::{SlackApi, User};
use countersign_chat::Membership;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// Slack's own account, which `users.info` does not mark as a program.
const SLACKBOT: &str = "USLACKBOT";

/// How long an answer serves for typed lines. Clicks always ask.
const FRESH: Duration = Duration::from_mins(5);

/// More people than this are asked about anew.
const MOST: usize = 50_000;

/// Asks, and remembers for a while.
#[derive(Debug)]
pub struct People {
    api: Arc<dyn SlackApi>,
    known: Mutex<HashMap<String, (Membership, Instant)>>,
}

impl People {
    /// Nobody is known yet.
    #[must_use]
    pub fn new(api: Arc<dyn SlackApi>) -> Self {
        Self { api, known: Mutex::default() }
    }

    /// For a typed line: what is known, if it is not old.
    pub async fn membership(&self, user: &str) -> Membership {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner).get(user).copied();
        match known {
            Some((membership, at)) if at.elapsed() < FRESH => membership,
            _ => self.membership_now(user).await,
        }
    }

    /// For a click: as of now.
    pub async fn membership_now(&self, user: &str) -> Membership {
        let membership = match self.api.user(user).await {
            Ok(found) => membership(user, &found),
            Err(error) => {
                tracing::warn!("Slack does not tell about an account: {error}");
                return Membership::Unknown;
            }
        };
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MOST {
            known.retain(|_, (_, at)| at.elapsed() < FRESH);
        }
        if known.len() < MOST {
            known.insert(user.to_owned(), (membership, Instant::now()));
        }
        membership
    }
}

fn membership(asked: &str, user: &User) -> Membership {
    if user.id != asked {
        return Membership::Unknown;
    }
    if user.deleted {
        return Membership::Deactivated;
    }
    if user.is_bot || user.is_workflow_bot || user.is_connector_bot || asked == SLACKBOT {
        return Membership::Bot;
    }
    if user.is_stranger {
        return Membership::Stranger;
    }
    if user.is_restricted || user.is_ultra_restricted {
        return Membership::Guest;
    }
    if user.is_invited_user || user.is_email_confirmed == Some(false) {
        return Membership::Unconfirmed;
    }
    Membership::Full
}
