//! The threads, in memory: what was said, the card, the output.
//!
//! **Invariant:** bounded in threads, notices and output. What is dropped here is still in the
//! audit log; the console is a window, not a record.

use async_trait::async_trait;
use countersign_chat::output::FoldLimits;
use countersign_chat::{Card, Chat, ChatError, Choice, Fold, NewThread, Notice, OutputPart, State, ThreadId};
use countersign_core::id::InvocationId;
use countersign_core::principal::Account;
use countersign_core::time::{Clock, Timestamp};
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Threads kept; the oldest finished one goes first.
const THREADS: usize = 200;
/// Notices kept a thread.
const NOTICES: usize = 200;
/// Output kept a thread: more than a chat message holds, for the page scrolls.
const OUTPUT: FoldLimits = FoldLimits { head: 200, errors: 50, tail: 400, characters: 4_000 };

/// Something that was said.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) at: Timestamp,
    pub(crate) notice: Notice,
}

/// One request's thread.
#[derive(Debug, Clone)]
pub(crate) struct Thread {
    pub(crate) new: NewThread,
    pub(crate) opened_at: Timestamp,
    pub(crate) card: Option<Card>,
    pub(crate) log: VecDeque<Entry>,
    /// The output, and how many notices came before it.
    pub(crate) output: Option<(usize, Fold)>,
    pub(crate) card_version: u64,
    pub(crate) log_version: u64,
}

/// A thread in a list.
#[derive(Debug, Clone)]
pub(crate) struct Summary {
    pub(crate) invocation: InvocationId,
    pub(crate) title: String,
    pub(crate) requester: String,
    pub(crate) opened_at: Timestamp,
    pub(crate) expires_at: Option<Timestamp>,
    pub(crate) state: Option<State>,
    pub(crate) mine: bool,
    pub(crate) waits_for_me: bool,
}

/// All threads.
#[derive(Debug)]
pub(crate) struct Threads {
    all: Mutex<Shelf>,
    clock: Arc<dyn Clock>,
}

#[derive(Debug, Default)]
struct Shelf {
    threads: BTreeMap<InvocationId, Thread>,
    version: u64,
}

impl Threads {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        Self { all: Mutex::default(), clock }
    }

    fn shelf(&self) -> MutexGuard<'_, Shelf> {
        // Every change below leaves the shelf whole at each step.
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A copy of one thread.
    pub(crate) fn find(&self, invocation: InvocationId) -> Option<Thread> {
        self.shelf().threads.get(&invocation).cloned()
    }

    /// All of them as this account sees them, newest first, and the version of the list.
    pub(crate) fn list(&self, me: &Account) -> (u64, Vec<Summary>) {
        let kept = self.shelf();
        let mut all: Vec<Summary> = kept.threads.values().map(|thread| thread.summary(me)).collect();
        all.sort_by_key(|one| std::cmp::Reverse((one.opened_at, one.invocation)));
        (kept.version, all)
    }

    fn change(&self, thread: &ThreadId, act: impl FnOnce(&mut Thread)) -> Result<(), ChatError> {
        let unknown = || ChatError::UnknownThread(thread.clone());
        let id: InvocationId = thread.as_str().parse().map_err(|_| unknown())?;
        let mut kept = self.shelf();
        let found = kept.threads.get_mut(&id).ok_or_else(unknown)?;
        act(found);
        kept.version += 1;
        Ok(())
    }
}

impl Thread {
    fn summary(&self, me: &Account) -> Summary {
        let mine = self.new.account == *me;
        let offers = |choice| self.card.as_ref().is_some_and(|card| card.offers(choice));
        Summary {
            invocation: self.new.invocation,
            title: self.new.title.clone(),
            requester: self.new.requester.clone(),
            opened_at: self.opened_at,
            expires_at: self.card.as_ref().and_then(|card| card.expires_at),
            state: self.card.as_ref().map(|card| card.state),
            mine,
            waits_for_me: if mine { offers(Choice::Confirm) } else { offers(Choice::Approve) },
        }
    }

    fn is_over(&self) -> bool {
        self.card.as_ref().is_some_and(|card| card.state.is_final())
    }

    fn say(&mut self, at: Timestamp, notice: Notice) {
        if self.log.len() == NOTICES {
            self.log.pop_front();
            if let Some((before, _)) = &mut self.output {
                *before = before.saturating_sub(1);
            }
        }
        self.log.push_back(Entry { at, notice });
        self.log_version += 1;
    }
}

impl Shelf {
    fn make_room(&mut self) {
        while self.threads.len() >= THREADS {
            let over = self.threads.iter().filter(|(_, thread)| thread.is_over());
            let oldest = |one: &(&InvocationId, &Thread)| (one.1.opened_at, *one.0);
            let goes = over.min_by_key(oldest).or_else(|| self.threads.iter().min_by_key(oldest)).map(|(id, _)| *id);
            if let Some(id) = goes {
                self.threads.remove(&id);
            }
        }
    }
}

#[async_trait]
impl Chat for Threads {
    async fn open(&self, new: NewThread) -> Result<ThreadId, ChatError> {
        let id = ThreadId::new(new.invocation.to_string());
        let opened_at = self.clock.now();
        let mut kept = self.shelf();
        if !kept.threads.contains_key(&new.invocation) {
            kept.make_room();
            let thread = Thread {
                opened_at,
                card: None,
                log: VecDeque::new(),
                output: None,
                card_version: 0,
                log_version: 0,
                new,
            };
            kept.threads.insert(thread.new.invocation, thread);
            kept.version += 1;
        }
        Ok(id)
    }

    async fn post(&self, thread: &ThreadId, notice: Notice) -> Result<(), ChatError> {
        let at = self.clock.now();
        self.change(thread, |it| it.say(at, notice))
    }

    async fn show(&self, thread: &ThreadId, card: Card) -> Result<(), ChatError> {
        self.change(thread, |it| {
            if it.card.as_ref() != Some(&card) {
                it.card = Some(card);
                it.card_version += 1;
            }
        })
    }

    async fn output(&self, thread: &ThreadId, invocation: InvocationId, part: OutputPart) -> Result<(), ChatError> {
        self.change(thread, |it| {
            // Another request's output has no place here, whoever says so.
            if it.new.invocation == invocation {
                let before = it.log.len();
                it.output.get_or_insert_with(|| (before, Fold::new(OUTPUT))).1.add(&part);
                it.log_version += 1;
            }
        })
    }
}
