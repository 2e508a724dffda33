//! Slack's Web API, as far as it is called from here.

use async_trait::async_trait;
use countersign_slack::api::{OpenedView, Post, Posted, User};
use countersign_slack::render::Page;
use countersign_slack::{ApiError, SlackApi};
use serde_json::Value;
use slack_morphism::prelude::SlackView;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// A message to one person.
#[derive(Clone)]
pub(crate) struct Told {
    /// The `response_url`, or the direct conversation.
    pub(crate) to: String,
    /// Its blocks, as they go out.
    pub(crate) says: String,
}

/// Users, spent triggers, windows and answers.
#[derive(Default)]
pub(crate) struct Slack {
    users: Mutex<BTreeMap<String, User>>,
    spent: Mutex<BTreeSet<String>>,
    views: Mutex<Vec<(String, Value)>>,
    told: Mutex<Vec<Told>>,
    pub(crate) opens_nothing: AtomicBool,
    pub(crate) answers_nowhere: AtomicBool,
    pub(crate) asked_users: AtomicU64,
}

impl std::fmt::Debug for Slack {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Slack")
    }
}

impl Slack {
    pub(crate) fn is(&self, user: &str, change: impl FnOnce(&mut User)) {
        let mut it = User { id: user.into(), ..User::default() };
        change(&mut it);
        self.users.lock().unwrap().insert(user.into(), it);
    }

    pub(crate) fn told(&self) -> Vec<Told> {
        self.told.lock().unwrap().clone()
    }

    /// Every window, as it was shown in the course of time.
    pub(crate) fn views(&self) -> Vec<(String, Value)> {
        self.views.lock().unwrap().clone()
    }

    fn tell(&self, to: &str, page: &Page) {
        let says = serde_json::to_string(page.blocks()).unwrap();
        self.told.lock().unwrap().push(Told { to: to.into(), says });
    }
}

#[async_trait]
impl SlackApi for Slack {
    async fn auth_test(&self) -> Result<(), ApiError> {
        Ok(())
    }

    async fn post(&self, post: &Post) -> Result<Posted, ApiError> {
        self.tell(&post.channel, &post.page);
        Ok(Posted { channel: post.channel.clone(), ts: "1795222801.000100".into() })
    }

    async fn update(&self, _: &Posted, _: &Page) -> Result<(), ApiError> {
        Ok(())
    }

    async fn find(&self, _: &Post) -> Result<Option<Posted>, ApiError> {
        Ok(None)
    }

    async fn direct(&self, user: &str) -> Result<String, ApiError> {
        Ok(format!("D{user}"))
    }

    async fn is_shared(&self, _: &str) -> Result<bool, ApiError> {
        Ok(false)
    }

    async fn user(&self, user: &str) -> Result<User, ApiError> {
        self.asked_users.fetch_add(1, Ordering::SeqCst);
        let known = self.users.lock().unwrap().get(user).cloned();
        known.ok_or_else(|| ApiError::Refused("user_not_found".into()))
    }

    async fn open_view(&self, trigger: &str, view: &SlackView) -> Result<OpenedView, ApiError> {
        if self.opens_nothing.load(Ordering::SeqCst) || !self.spent.lock().unwrap().insert(trigger.to_owned()) {
            return Err(ApiError::Refused("expired_trigger_id".into()));
        }
        let mut views = self.views.lock().unwrap();
        let id = format!("V{}", views.len());
        views.push((id.clone(), serde_json::to_value(view).unwrap()));
        Ok(OpenedView { id, hash: Some("1.x".into()) })
    }

    async fn update_view(&self, view: &OpenedView, new: &SlackView) -> Result<(), ApiError> {
        self.views.lock().unwrap().push((view.id.clone(), serde_json::to_value(new).unwrap()));
        Ok(())
    }

    async fn respond(&self, response_url: &str, page: &Page) -> Result<(), ApiError> {
        if self.answers_nowhere.load(Ordering::SeqCst) {
            return Err(ApiError::Refused("http_404".into()));
        }
        self.tell(response_url, page);
        Ok(())
    }
}
