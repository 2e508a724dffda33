//! A chat that remembers: what people would read, in order.
//!
//! **Invariant:** nothing is said but what the gateway said; waiting ends when the thread has
//! changed, never after a time that somebody guessed.

use async_trait::async_trait;
use countersign_chat::{
    Card, Chat, ChatError, Fold, FoldLimits, NewThread, Notice, OutputPart, State, ThreadId, transcript,
};
use countersign_core::id::InvocationId;
use countersign_core::time::Clock;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::watch;

/// One conversation.
#[derive(Debug, Clone)]
pub struct Thread {
    /// Its name.
    pub id: ThreadId,
    /// What it is about.
    pub invocation: InvocationId,
    /// Who asked.
    pub requester: String,
    /// The card as it is shown now.
    pub card: Option<Card>,
    /// What was said, in order.
    pub said: Vec<Notice>,
    /// What the command printed.
    pub output: Fold,
    /// Every state the card has been in.
    pub states: Vec<State>,
}

/// Remembers every thread.
#[derive(Debug)]
pub struct Recorder {
    clock: Arc<dyn Clock>,
    threads: Mutex<BTreeMap<ThreadId, Thread>>,
    changed: watch::Sender<u64>,
}

impl Recorder {
    /// A recorder without threads.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, threads: Mutex::default(), changed: watch::Sender::new(0) }
    }

    /// The thread of an invocation, as it is now.
    #[must_use]
    pub fn thread(&self, id: InvocationId) -> Option<Thread> {
        let threads = self.threads.lock().unwrap_or_else(PoisonError::into_inner);
        threads.values().find(|thread| thread.invocation == id).cloned()
    }

    /// Waits until the invocation's thread is as it should be.
    ///
    /// # Errors
    /// When it is not within `at_most`; the answer is the thread as it was then.
    pub async fn wait(
        &self,
        id: InvocationId,
        at_most: Duration,
        is: impl Fn(&Thread) -> bool,
    ) -> Result<Thread, Option<Thread>> {
        let mut changes = self.changed.subscribe();
        let waiting = async {
            loop {
                if let Some(thread) = self.thread(id).filter(|thread| is(thread)) {
                    return thread;
                }
                if changes.changed().await.is_err() {
                    std::future::pending::<()>().await;
                }
            }
        };
        tokio::time::timeout(at_most, waiting).await.map_err(|_| self.thread(id))
    }

    /// The whole thread as people read it.
    #[must_use]
    pub fn transcript(&self, thread: &Thread) -> String {
        let now = self.clock.now();
        let mut text = String::new();
        if let Some(card) = &thread.card {
            text.push_str(&transcript::card(card, now));
        }
        let output = transcript::output(&thread.output);
        if !output.is_empty() {
            text.push('\n');
            text.push_str(&output);
        }
        for notice in &thread.said {
            text.push('\n');
            text.push_str(&transcript::notice(notice, now));
        }
        text
    }

    fn change(&self, thread: &ThreadId, change: impl FnOnce(&mut Thread)) -> Result<(), ChatError> {
        let mut threads = self.threads.lock().unwrap_or_else(PoisonError::into_inner);
        let known = threads.get_mut(thread).ok_or_else(|| ChatError::UnknownThread(thread.clone()))?;
        change(known);
        drop(threads);
        self.changed.send_modify(|count| *count += 1);
        Ok(())
    }
}

#[async_trait]
impl Chat for Recorder {
    async fn open(&self, new: NewThread) -> Result<ThreadId, ChatError> {
        let id = new.within.unwrap_or_else(|| ThreadId::new(new.invocation.to_string()));
        let thread = Thread {
            id: id.clone(),
            invocation: new.invocation,
            requester: new.requester,
            card: None,
            said: Vec::new(),
            output: Fold::new(FoldLimits::default()),
            states: Vec::new(),
        };
        self.threads.lock().unwrap_or_else(PoisonError::into_inner).entry(id.clone()).or_insert(thread);
        self.changed.send_modify(|count| *count += 1);
        Ok(id)
    }

    async fn post(&self, thread: &ThreadId, notice: Notice) -> Result<(), ChatError> {
        self.change(thread, |it| it.said.push(notice))
    }

    async fn show(&self, thread: &ThreadId, card: Card) -> Result<(), ChatError> {
        self.change(thread, |it| {
            if it.states.last() != Some(&card.state) {
                it.states.push(card.state);
            }
            it.card = Some(card);
        })
    }

    async fn output(&self, thread: &ThreadId, _: InvocationId, part: OutputPart) -> Result<(), ChatError> {
        self.change(thread, |it| it.output.add(&part))
    }
}
