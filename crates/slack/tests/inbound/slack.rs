//! Slack's Web API, as far as it is called from here.

use async_trait::async_trait;
use countersign_slack::api::{File, OpenedView, Post, Posted, User};
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

/// What is answered to whoever fetches a file.
pub(crate) type Content = Result<Vec<u8>, ApiError>;

/// Users, spent triggers, windows and answers.
#[derive(Default)]
pub(crate) struct Slack {
    users: Mutex<BTreeMap<String, User>>,
    spent: Mutex<BTreeSet<String>>,
    views: Mutex<Vec<(String, Value)>>,
    told: Mutex<Vec<Told>>,
    files: Mutex<BTreeMap<String, (File, Content)>>,
    fetched: Mutex<Vec<String>>,
    pub(crate) takes_no_files: AtomicBool,
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

    /// Puts a text file of somebody's there, and changes it.
    pub(crate) fn keeps(&self, id: &str, user: &str, content: impl Into<Vec<u8>>, change: impl FnOnce(&mut File)) {
        let content = content.into();
        let mut file = File {
            id: id.into(),
            user: Some(user.into()),
            mode: Some("snippet".into()),
            is_external: Some(false),
            size: Some(content.len() as u64),
            url_private: Some(format!("https://files.slack.com/files-pri/T1-{id}/a.yaml")),
            ..File::default()
        };
        change(&mut file);
        self.files.lock().unwrap().insert(id.into(), (file, Ok(content)));
    }

    /// Its content cannot be had.
    pub(crate) fn withholds(&self, id: &str, error: ApiError) {
        self.files.lock().unwrap().get_mut(id).unwrap().1 = Err(error);
    }

    /// What was asked about files, in order.
    pub(crate) fn fetched(&self) -> Vec<String> {
        self.fetched.lock().unwrap().clone()
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

    async fn file(&self, id: &str) -> Result<File, ApiError> {
        self.fetched.lock().unwrap().push(format!("info {id}"));
        let files = self.files.lock().unwrap();
        files.get(id).map(|(file, _)| file.clone()).ok_or_else(|| ApiError::Refused("file_not_found".into()))
    }

    async fn content(&self, file: &File, most: usize) -> Result<Vec<u8>, ApiError> {
        self.fetched.lock().unwrap().push(format!("content {}", file.id));
        let content = self.files.lock().unwrap().get(&file.id).unwrap().1.clone()?;
        if content.len() > most { Err(ApiError::Refused("file_too_long".into())) } else { Ok(content) }
    }

    async fn open_view(&self, trigger: &str, view: &SlackView) -> Result<OpenedView, ApiError> {
        let asks_for_files = serde_json::to_string(view).unwrap().contains("file_input");
        if asks_for_files && self.takes_no_files.load(Ordering::SeqCst) {
            return Err(ApiError::Refused("missing_scope".into()));
        }
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
