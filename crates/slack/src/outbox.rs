//! In which order, how fast and how often messages go out.
//!
//! **Invariant:** one lane a method and channel: a channel that Slack throttles delays no other.
//! What may have arrived is looked for before it is sent again. What must go out waits its turn;
//! only what is offered, and what something newer replaces, is ever left out.

mod lane;
mod newest;

use crate::api::{ApiError, Post, Posted, SlackApi};
use crate::render::Page;
use countersign_core::time::Timestamp;
use lane::{Lane, Lanes, Method};
use newest::{Newest, Wish};
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// How long a message is tried to be delivered before its sender is told that it was not.
const PATIENCE: Duration = Duration::from_secs(45);

/// How long after a broken connection the next try comes; doubles with each.
const AGAIN: Duration = Duration::from_millis(500);

/// So many lost answers are remembered for whoever tries the same message once more.
const DOUBTS: usize = 1_000;

/// What became of something that is only offered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Offered<T> {
    /// It went out.
    Sent(T),
    /// There is more important traffic, or Slack is away: not now.
    NotNow,
}

/// Everything that goes to channels goes through here.
#[derive(Debug)]
pub(crate) struct Outbox {
    api: Arc<dyn SlackApi>,
    lanes: Lanes,
    newest: Newest,
    /// Marks of messages whose answers were lost, and when they were first tried.
    doubts: Mutex<VecDeque<(String, Timestamp)>>,
    /// Whether it was said that messages cannot be looked for.
    is_blind: AtomicBool,
    /// Whether it was said that the token is no good.
    is_shut_out: AtomicBool,
}

/// What is sent.
#[derive(Clone, Copy)]
enum Call<'a> {
    Post(&'a Post),
    Update(&'a Wish<'a>),
    Direct(&'a str),
}

impl Outbox {
    pub(crate) fn new(api: Arc<dyn SlackApi>) -> Self {
        Self {
            api,
            lanes: Lanes::default(),
            newest: Newest::default(),
            doubts: Mutex::default(),
            is_blind: AtomicBool::new(false),
            is_shut_out: AtomicBool::new(false),
        }
    }

    /// Posts a message once, also when an answer is lost on the way.
    pub(crate) async fn post(&self, post: &Post) -> Result<Posted, ApiError> {
        self.send(Method::Post, &post.channel, Call::Post(post)).await
    }

    /// Changes a message. Of several pages that wait for the same message the newest goes out, for
    /// all of them.
    pub(crate) async fn update(&self, message: &Posted, page: &Page) -> Result<(), ApiError> {
        let wish = self.newest.wish(message, page);
        self.send(Method::Update, &message.channel, Call::Update(&wish)).await.map(drop)
    }

    /// The direct conversation with somebody.
    pub(crate) async fn direct(&self, user: &str) -> Result<String, ApiError> {
        self.send(Method::Direct, user, Call::Direct(user)).await.map(|posted| posted.channel)
    }

    /// Posts a message if nothing else waits for the channel; the same post may be offered again.
    pub(crate) async fn offer_post(&self, post: &Post) -> Result<Offered<Posted>, ApiError> {
        self.offer(Method::Post, &post.channel, Call::Post(post)).await
    }

    /// Changes a message if nothing else waits for the channel.
    pub(crate) async fn offer_update(&self, message: &Posted, page: &Page) -> Result<Offered<Posted>, ApiError> {
        let wish = self.newest.wish(message, page);
        self.offer(Method::Update, &message.channel, Call::Update(&wish)).await
    }

    /// One call after the other in its lane, again where that helps.
    ///
    /// # Cancel safety
    /// When dropped, the call under way may still happen; the lane is free for the next.
    async fn send(&self, method: Method, to: &str, call: Call<'_>) -> Result<Posted, ApiError> {
        let began = Instant::now();
        let lane = self.lanes.lane(method, to);
        let mut lane = lane.lock().await;
        let mut again = AGAIN;
        loop {
            if let Call::Update(wish) = call
                && wish.newest().is_none()
            {
                return Ok(wish.message().clone());
            }
            let left = PATIENCE.saturating_sub(began.elapsed());
            if lane.closed_for() > left {
                return Err(ApiError::RateLimited { after: lane.closed_for() });
            }
            lane.turn().await;
            let error = match self.attempt(&mut lane, call).await {
                Ok(done) => return Ok(done),
                Err(error) if !error.is_passing() => return Err(error),
                Err(error) => error,
            };
            metrics::counter!("countersign_slack_retries_total").increment(1);
            if !matches!(error, ApiError::RateLimited { .. }) {
                if began.elapsed() + again > PATIENCE {
                    return Err(error);
                }
                tokio::time::sleep(again).await;
                again *= 2;
            }
        }
    }

    /// One try, if it delays nobody.
    async fn offer(&self, method: Method, to: &str, call: Call<'_>) -> Result<Offered<Posted>, ApiError> {
        let lane = self.lanes.lane(method, to);
        let Ok(mut lane) = lane.try_lock() else { return Ok(Offered::NotNow) };
        if !lane.has_room() {
            return Ok(Offered::NotNow);
        }
        lane.turn().await;
        match self.attempt(&mut lane, call).await {
            Ok(done) => Ok(Offered::Sent(done)),
            Err(error) if error.is_passing() => Ok(Offered::NotNow),
            Err(error) => Err(error),
        }
    }

    async fn attempt(&self, lane: &mut Lane, call: Call<'_>) -> Result<Posted, ApiError> {
        let done = match call {
            Call::Post(post) => self.post_once(post).await,
            Call::Update(wish) => self.update_once(wish).await,
            Call::Direct(user) => self.api.direct(user).await.map(|channel| Posted { channel, ts: String::new() }),
        };
        match &done {
            Ok(_) => self.is_shut_out.store(false, Ordering::Relaxed),
            Err(error @ ApiError::RateLimited { after }) => {
                lane.close_for(*after);
                if *after > PATIENCE {
                    tracing::warn!("Messages to a channel wait for Slack: {error}");
                }
            }
            Err(error @ ApiError::NotAuthorised(_)) if !self.is_shut_out.swap(true, Ordering::Relaxed) => {
                tracing::error!("Nothing can be said until there is another token: {error}");
            }
            Err(_) => {}
        }
        done
    }

    async fn update_once(&self, wish: &Wish<'_>) -> Result<Posted, ApiError> {
        // Somebody behind in the queue may have asked for something newer, and somebody in front
        // may have brought it.
        if let Some((page, nth)) = wish.newest() {
            self.api.update(wish.message(), &page).await?;
            wish.shown(nth);
        }
        Ok(wish.message().clone())
    }

    /// After a lost answer the message is looked for before it is posted again.
    async fn post_once(&self, post: &Post) -> Result<Posted, ApiError> {
        if let Some(since) = self.in_doubt_since(&post.mark)
            && let Some(found) = self.look_for(&Post { since, ..post.clone() }).await?
        {
            self.settle(&post.mark);
            return Ok(found);
        }
        let done = self.api.post(post).await;
        match &done {
            Ok(_) => self.settle(&post.mark),
            Err(ApiError::Lost) => self.doubt(post),
            Err(_) => {}
        }
        done
    }

    async fn look_for(&self, post: &Post) -> Result<Option<Posted>, ApiError> {
        match self.api.find(post).await {
            Err(error) if !error.is_passing() => {
                // Without the right to look, a message that stands twice is better than none.
                if !self.is_blind.swap(true, Ordering::Relaxed) {
                    tracing::warn!(
                        "Messages may be posted twice after a lost answer, because a channel cannot be read: {error}"
                    );
                }
                Ok(None)
            }
            found => found,
        }
    }

    fn in_doubt_since(&self, mark: &str) -> Option<Timestamp> {
        let doubts = self.doubts.lock().unwrap_or_else(PoisonError::into_inner);
        doubts.iter().find(|(of, _)| of == mark).map(|(_, since)| *since)
    }

    fn doubt(&self, post: &Post) {
        if self.in_doubt_since(&post.mark).is_some() {
            return;
        }
        let mut doubts = self.doubts.lock().unwrap_or_else(PoisonError::into_inner);
        doubts.push_back((post.mark.clone(), post.since));
        if doubts.len() > DOUBTS {
            doubts.pop_front();
        }
    }

    fn settle(&self, mark: &str) {
        self.doubts.lock().unwrap_or_else(PoisonError::into_inner).retain(|(of, _)| of != mark);
    }
}
