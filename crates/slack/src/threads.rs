//! Slack as the gateway's chat: one thread a request, its card the first message.
//!
//! **Invariant:** a thread's name says where its card is, so any gateway, also one that was just
//! started, goes on in the same thread. The card is changed in place.

mod live;
mod place;

use crate::api::{ApiError, Post, Posted, SlackApi};
use crate::outbox::{Offered, Outbox};
use crate::render::{self, Page};
use async_trait::async_trait;
use countersign_chat::{Card, Chat, ChatError, NewThread, Notice, OutputPart, ThreadId};
use countersign_core::digest::Digest;
use countersign_core::id::InvocationId;
use countersign_core::time::Clock;
use live::{Live, Runs};
pub(crate) use place::Place;
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;
use tokio_util::task::TaskTracker;

/// So many times in a row live output finds no room before it waits for the next lines.
const TRIES: u32 = 20;

/// How long it is believed whether a channel is shared with another organisation.
const FRESH: Duration = Duration::from_mins(5);

/// So many requests are remembered with their threads.
const OPENED: usize = 1_000;

/// Slack's words for a channel the bot cannot write to.
const CLOSED_TO_US: [&str; 6] =
    ["not_in_channel", "channel_not_found", "is_archived", "restricted_action", "missing_scope", "no_permission"];

/// Slack's words for a thread or a message that somebody deleted.
const GONE: [&str; 4] = ["message_not_found", "thread_not_found", "cant_update_message", "edit_window_closed"];

/// The gateway's chat.
#[derive(Clone)]
pub struct SlackThreads(Arc<Inner>);

struct Inner {
    api: Arc<dyn SlackApi>,
    clock: Arc<dyn Clock>,
    tasks: TaskTracker,
    outbox: Outbox,
    runs: Runs,
    shared: Mutex<HashMap<String, (bool, Instant)>>,
    opened: Mutex<VecDeque<(InvocationId, ThreadId)>>,
}

impl std::fmt::Debug for SlackThreads {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SlackThreads")
    }
}

/// Why a request's card is not where it was typed.
#[derive(Debug, Clone, Copy)]
enum Elsewhere {
    /// It was not typed in a channel.
    Nowhere,
    /// People of other organisations read there, or nobody could tell.
    Shared,
    /// The bot may not write there.
    Closed,
}

impl Elsewhere {
    const fn says(self) -> Option<&'static str> {
        match self {
            Self::Nowhere => None,
            Self::Shared => Some(
                "This is told here because the channel where it was typed is shared with another organisation, \
                 or Slack did not say that it is not.",
            ),
            Self::Closed => Some(
                "This is told here because I cannot write where it was typed. Invite me there and the next request \
                 stays in its channel.",
            ),
        }
    }
}

impl SlackThreads {
    /// A chat over this API. Its tasks are joined through `tasks`: once that is closed, output that
    /// waits is shown one last time and they end.
    #[must_use]
    pub fn new(api: Arc<dyn SlackApi>, clock: Arc<dyn Clock>, tasks: TaskTracker) -> Self {
        let outbox = Outbox::new(api.clone());
        let (runs, shared, opened) = (Runs::default(), Mutex::default(), Mutex::default());
        Self(Arc::new(Inner { api, clock, tasks, outbox, runs, shared, opened }))
    }

    fn letter(&self, channel: &str, thread: Option<String>, page: Page, mark: String) -> Post {
        Post { channel: channel.to_owned(), thread, page, mark, since: self.0.clock.now() }
    }

    /// Whether people of other organisations would read along. A channel that nobody can tell
    /// about counts as shared.
    async fn is_shared(&self, channel: &str) -> bool {
        let known = self.0.shared.lock().unwrap_or_else(PoisonError::into_inner).get(channel).copied();
        if let Some((shared, at)) = known
            && at.elapsed() < FRESH
        {
            return shared;
        }
        match self.0.api.is_shared(channel).await {
            Ok(shared) => {
                let mut kept = self.0.shared.lock().unwrap_or_else(PoisonError::into_inner);
                kept.retain(|_, (_, at)| at.elapsed() < FRESH);
                kept.insert(channel.to_owned(), (shared, Instant::now()));
                shared
            }
            Err(error) => {
                // A private channel without the bot is no news; everything else is for an operator.
                if !error.is_one_of(&["channel_not_found"]) {
                    tracing::warn!("Slack does not tell whether a channel is shared, so it counts as such: {error}");
                }
                true
            }
        }
    }

    fn opened(&self, id: InvocationId) -> Option<ThreadId> {
        let opened = self.0.opened.lock().unwrap_or_else(PoisonError::into_inner);
        opened.iter().find(|(of, _)| *of == id).map(|(_, thread)| thread.clone())
    }

    fn remember(&self, id: InvocationId, posted: Posted, thread: Option<String>) -> ThreadId {
        let thread = Place { channel: posted.channel, card: Some(posted.ts), thread }.id();
        let mut opened = self.0.opened.lock().unwrap_or_else(PoisonError::into_inner);
        if opened.len() >= OPENED {
            opened.pop_front();
        }
        opened.push_back((id, thread.clone()));
        thread
    }

    /// The card in the requester's direct conversation, and under it why.
    async fn open_direct(&self, new: &NewThread, page: Page, why: Elsewhere) -> Result<ThreadId, ApiError> {
        let channel = self.0.outbox.direct(&new.account.user).await?;
        let card = self.letter(&channel, None, page, format!("{}/direct", new.invocation));
        let posted = self.0.outbox.post(&card).await?;
        if let Some(says) = why.says() {
            let mark = format!("{}/why", new.invocation);
            let reply = self.letter(&posted.channel, Some(posted.ts.clone()), render::remark(says), mark);
            if let Err(error) = self.0.outbox.post(&reply).await {
                tracing::warn!(invocation.id = %new.invocation, "Why a request is told elsewhere could not be said: {error}");
            }
        }
        Ok(self.remember(new.invocation, posted, None))
    }

    /// Brings the output message up to date; says how many lines of the run it accounts for.
    async fn refresh(&self, place: &Place, id: InvocationId, live: &Live, how: Urgency) -> Result<u64, ApiError> {
        let mut shown = live.shown.lock().await;
        let fold = live.fold();
        if shown.lines == fold.total() {
            return Ok(shown.lines);
        }
        let page = render::output(&fold);
        let done = self.put(place, id, &page, shown.message.clone(), shown.begun, how).await;
        match done {
            Ok(Offered::Sent(message)) => shown.now_stands(message, fold.total()),
            Ok(Offered::NotNow) => {}
            Err(error) if error.is_one_of(&GONE) && shown.message.is_some() => {
                // Somebody deleted it: what follows stands in a new one.
                shown.message = None;
                shown.begun += 1;
            }
            Err(error) => return Err(error),
        }
        Ok(shown.lines)
    }

    async fn put(
        &self,
        place: &Place,
        id: InvocationId,
        page: &Page,
        message: Option<Posted>,
        nth: u32,
        how: Urgency,
    ) -> Result<Offered<Posted>, ApiError> {
        let outbox = &self.0.outbox;
        match (message, how) {
            (Some(message), Urgency::Now) => outbox.update(&message, page).await.map(|()| Offered::Sent(message)),
            (Some(message), Urgency::WhenFree) => outbox.offer_update(&message, page).await,
            (None, how) => {
                let mark = format!("{id}/output/{nth}");
                let post = self.letter(&place.channel, place.root(), page.clone(), mark);
                match how {
                    Urgency::Now => outbox.post(&post).await.map(Offered::Sent),
                    Urgency::WhenFree => outbox.offer_post(&post).await,
                }
            }
        }
    }

    /// Shows output until all of it stands there.
    async fn keep_showing(self, place: Place, id: InvocationId, live: Arc<Live>) {
        let (mut before, mut tries) = (0, 0);
        loop {
            let pause = live.shown.lock().await.due_in();
            tokio::time::sleep(pause).await;
            let how = if self.0.tasks.is_closed() { Urgency::Now } else { Urgency::WhenFree };
            let lines = match self.refresh(&place, id, &live, how).await {
                Ok(lines) => lines,
                Err(error) => {
                    tracing::warn!(invocation.id = %id, "Output could not be shown: {error}");
                    return live.give_up();
                }
            };
            tries = if lines > before { 0 } else { tries + 1 };
            if live.may_rest(lines) {
                return;
            }
            if tries >= TRIES {
                return live.give_up();
            }
            before = lines;
        }
    }

    /// The last lines stand before the last word.
    async fn finish_output(&self, thread: &ThreadId, place: &Place) -> Result<(), ChatError> {
        for (id, live) in self.0.runs.of(thread) {
            let mut done = self.refresh(place, id, &live, Urgency::Now).await;
            if done.as_ref().is_ok_and(|lines| *lines < live.fold().total()) {
                // The message was gone; now it gets a new one.
                done = self.refresh(place, id, &live, Urgency::Now).await;
            }
            match done {
                Err(ApiError::Refused(code)) => {
                    tracing::warn!(invocation.id = %id, "The last lines of an output could not be shown: {code}");
                }
                Err(error) => return Err(chat_error(error)),
                Ok(_) => {}
            }
            self.0.runs.forget(thread, id);
        }
        Ok(())
    }
}

/// How much something matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Urgency {
    Now,
    WhenFree,
}

fn place_of(thread: &ThreadId) -> Result<Place, ChatError> {
    Place::parse(thread).ok_or_else(|| ChatError::UnknownThread(thread.clone()))
}

/// Our own name of a notice: said once more in the same thread it is the same message.
fn mark_of(thread: &ThreadId, notice: &Notice) -> String {
    Digest::of(format!("{thread}\0{notice:?}").as_bytes()).to_string()
}

/// What the gateway needs to know of it.
fn chat_error(error: ApiError) -> ChatError {
    match error {
        // The token may be mended; until then nothing is lost.
        ApiError::RateLimited { .. } | ApiError::Lost | ApiError::Unreachable | ApiError::NotAuthorised(_) => {
            ChatError::Unreachable(Box::new(error))
        }
        ApiError::Refused(code) => ChatError::Rejected(code),
    }
}

#[async_trait]
impl Chat for SlackThreads {
    async fn open(&self, new: NewThread) -> Result<ThreadId, ChatError> {
        let within = new.within.as_ref().and_then(Place::parse);
        if let (Some(Place { card: Some(_), .. }), Some(known)) = (&within, &new.within) {
            return Ok(known.clone());
        }
        if let Some(known) = self.opened(new.invocation) {
            return Ok(known);
        }
        let page = render::received(&new.requester, &new.title);
        let (channel, thread) = match within {
            Some(place) => (Some(place.channel), place.thread),
            None => (new.channel.clone(), None),
        };
        let why = match channel {
            None => Elsewhere::Nowhere,
            Some(channel) if self.is_shared(&channel).await => Elsewhere::Shared,
            Some(channel) => {
                let card = self.letter(&channel, thread.clone(), page.clone(), new.invocation.to_string());
                match self.0.outbox.post(&card).await {
                    Ok(posted) => return Ok(self.remember(new.invocation, posted, thread)),
                    Err(error) if error.is_one_of(&CLOSED_TO_US) => Elsewhere::Closed,
                    Err(error) => return Err(chat_error(error)),
                }
            }
        };
        self.open_direct(&new, page, why).await.map_err(chat_error)
    }

    async fn post(&self, thread: &ThreadId, notice: Notice) -> Result<(), ChatError> {
        let place = place_of(thread)?;
        if matches!(notice, Notice::Finished(_) | Notice::UnknownOutcome { .. } | Notice::Refused { .. }) {
            self.finish_output(thread, &place).await?;
        }
        let page = render::notice(&notice, self.0.clock.now());
        let mut post = self.letter(&place.channel, place.root(), page, mark_of(thread, &notice));
        let said = match self.0.outbox.post(&post).await {
            // The thread was deleted; what happened is still worth knowing.
            Err(error) if error.is_one_of(&GONE) => {
                post.thread = None;
                self.0.outbox.post(&post).await
            }
            said => said,
        };
        said.map(drop).map_err(chat_error)
    }

    async fn show(&self, thread: &ThreadId, card: Card) -> Result<(), ChatError> {
        let place = place_of(thread)?;
        let Some(ts) = place.card else { return Err(ChatError::UnknownThread(thread.clone())) };
        let page = render::card(&card, self.0.clock.now());
        self.0.outbox.update(&Posted { channel: place.channel, ts }, &page).await.map_err(chat_error)
    }

    async fn output(&self, thread: &ThreadId, invocation: InvocationId, part: OutputPart) -> Result<(), ChatError> {
        let place = place_of(thread)?;
        let live = self.0.runs.run(thread, invocation);
        if live.pour(&part) {
            self.0.tasks.spawn(self.clone().keep_showing(place, invocation, live));
        }
        Ok(())
    }
}
