//! A workspace in memory: it keeps messages, and meets each call with the trouble it was given.

use super::shown;
use async_trait::async_trait;
use countersign_slack::api::{ApiError, File, OpenedView, Post, Posted, SlackApi, User};
use countersign_slack::render::Page;
use slack_morphism::prelude::SlackView;
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use tokio::time::Instant;

/// What happens to a call.
#[derive(Debug, Clone)]
pub(crate) enum Trouble {
    /// 429.
    Wait(u64),
    /// It happened, and the answer was lost.
    LostAfter,
    /// It did not happen, and nobody knows.
    LostBefore,
    /// It did not happen.
    Away,
    /// No.
    No(&'static str),
    /// No answer for so long, then yes.
    Slow(u64),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) thread: Option<String>,
    pub(crate) mark: String,
    pub(crate) says: String,
    /// Seconds since the beginning.
    pub(crate) at: u64,
}

#[derive(Debug)]
struct State {
    began: Instant,
    next: u64,
    messages: BTreeMap<(String, String), Message>,
    troubles: HashMap<(&'static str, String), VecDeque<Trouble>>,
    calls: Vec<String>,
    shared: BTreeSet<String>,
    people: HashMap<String, User>,
}

#[derive(Debug)]
pub(crate) struct Slack(Mutex<State>);

impl Slack {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self(Mutex::new(State {
            began: Instant::now(),
            next: 0,
            messages: BTreeMap::new(),
            troubles: HashMap::new(),
            calls: Vec::new(),
            shared: BTreeSet::new(),
            people: HashMap::new(),
        })))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    /// The next calls of this method for this channel or person meet these.
    pub(crate) fn trouble(&self, method: &'static str, whom: &str, troubles: &[Trouble]) {
        self.state().troubles.entry((method, whom.to_owned())).or_default().extend(troubles.iter().cloned());
    }

    pub(crate) fn share(&self, channel: &str) {
        self.state().shared.insert(channel.to_owned());
    }

    pub(crate) fn person(&self, user: User) {
        self.answers(&user.id.clone(), user);
    }

    /// Asked about somebody, it tells of this one.
    pub(crate) fn answers(&self, asked: &str, user: User) {
        self.state().people.insert(asked.to_owned(), user);
    }

    /// Somebody deletes a message.
    pub(crate) fn delete(&self, channel: &str, ts: &str) {
        self.state().messages.remove(&(channel.to_owned(), ts.to_owned())).unwrap();
    }

    /// The messages of a channel, oldest first.
    pub(crate) fn messages(&self, channel: &str) -> Vec<Message> {
        let state = self.state();
        state.messages.iter().filter(|((of, _), _)| of == channel).map(|(_, message)| message.clone()).collect()
    }

    /// What the last message of a channel says.
    pub(crate) fn last(&self, channel: &str) -> String {
        self.messages(channel).last().map(|message| message.says.clone()).unwrap_or_default()
    }

    /// Every call so far, `method whom @seconds`.
    pub(crate) fn calls(&self) -> Vec<String> {
        self.state().calls.clone()
    }

    pub(crate) fn calls_of(&self, method: &str) -> usize {
        self.calls().iter().filter(|call| call.starts_with(&format!("{method} "))).count()
    }

    async fn meet(&self, method: &'static str, whom: &str) -> Result<bool, ApiError> {
        let trouble = {
            let mut state = self.state();
            let at = state.began.elapsed().as_secs();
            state.calls.push(format!("{method} {whom} @{at}"));
            state.troubles.get_mut(&(method, whom.to_owned())).and_then(VecDeque::pop_front)
        };
        match trouble {
            None => Ok(true),
            Some(Trouble::Wait(seconds)) => Err(ApiError::RateLimited { after: Duration::from_secs(seconds) }),
            Some(Trouble::LostAfter) => Ok(false),
            Some(Trouble::LostBefore) => Err(ApiError::Lost),
            Some(Trouble::Away) => Err(ApiError::Unreachable),
            Some(Trouble::No(code)) => Err(ApiError::of_code(code)),
            Some(Trouble::Slow(seconds)) => {
                tokio::time::sleep(Duration::from_secs(seconds)).await;
                Ok(true)
            }
        }
    }
}

/// The answer, unless it was lost on its way.
fn answered<T>(arrives: bool, answer: T) -> Result<T, ApiError> {
    if arrives { Ok(answer) } else { Err(ApiError::Lost) }
}

#[async_trait]
impl SlackApi for Slack {
    async fn auth_test(&self) -> Result<(), ApiError> {
        Ok(())
    }

    async fn post(&self, post: &Post) -> Result<Posted, ApiError> {
        let arrives = self.meet("post", &post.channel).await?;
        let mut state = self.state();
        state.next += 1;
        let ts = format!("17.{:06}", state.next);
        if let Some(thread) = &post.thread
            && !state.messages.contains_key(&(post.channel.clone(), thread.clone()))
            && !thread.starts_with("theirs")
        {
            return Err(ApiError::of_code("thread_not_found"));
        }
        let at = state.began.elapsed().as_secs();
        let message =
            Message { thread: post.thread.clone(), mark: post.mark.clone(), says: shown::page(&post.page), at };
        state.messages.insert((post.channel.clone(), ts.clone()), message);
        answered(arrives, Posted { channel: post.channel.clone(), ts })
    }

    async fn update(&self, message: &Posted, page: &Page) -> Result<(), ApiError> {
        let arrives = self.meet("update", &message.channel).await?;
        let mut state = self.state();
        let key = (message.channel.clone(), message.ts.clone());
        let Some(there) = state.messages.get_mut(&key) else { return Err(ApiError::of_code("message_not_found")) };
        there.says = shown::page(page);
        answered(arrives, ())
    }

    async fn find(&self, post: &Post) -> Result<Option<Posted>, ApiError> {
        self.meet("find", &post.channel).await?;
        let state = self.state();
        let found = state.messages.iter().find(|((channel, _), message)| {
            *channel == post.channel && message.mark == post.mark && message.thread == post.thread
        });
        Ok(found.map(|((channel, ts), _)| Posted { channel: channel.clone(), ts: ts.clone() }))
    }

    async fn direct(&self, user: &str) -> Result<String, ApiError> {
        let arrives = self.meet("direct", user).await?;
        answered(arrives, format!("D{user}"))
    }

    async fn is_shared(&self, channel: &str) -> Result<bool, ApiError> {
        self.meet("is_shared", channel).await?;
        Ok(self.state().shared.contains(channel))
    }

    async fn user(&self, user: &str) -> Result<User, ApiError> {
        self.meet("user", user).await?;
        self.state().people.get(user).cloned().ok_or_else(|| ApiError::of_code("user_not_found"))
    }

    async fn file(&self, _: &str) -> Result<File, ApiError> {
        Err(ApiError::of_code("not_here"))
    }

    async fn content(&self, _: &File, _: usize) -> Result<Vec<u8>, ApiError> {
        Err(ApiError::of_code("not_here"))
    }

    async fn open_view(&self, _: &str, _: &SlackView) -> Result<OpenedView, ApiError> {
        Err(ApiError::of_code("not_here"))
    }

    async fn update_view(&self, _: &OpenedView, _: &SlackView) -> Result<(), ApiError> {
        Err(ApiError::of_code("not_here"))
    }

    async fn respond(&self, _: &str, _: &Page) -> Result<(), ApiError> {
        Err(ApiError::of_code("not_here"))
    }
}
