//! Output that is being shown: one message a run, changed now and then.
//!
//! **Invariant:** a bounded number of lines of a bounded number of runs; a run whose message is
//! slow delays nobody who pours.

use crate::api::Posted;
use countersign_chat::{Fold, FoldLimits, OutputPart, ThreadId};
use countersign_core::id::InvocationId;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// Runs shown at once by one gateway; beyond that the one that was silent longest is forgotten,
/// and would be shown in a new message if it spoke again. Each holds at most 60 lines.
const RUNS: usize = 500;

/// How soon the first lines of an output are shown.
const FIRST: Duration = Duration::from_secs(1);

/// How often they are brought up to date after that.
///
/// Source: Slack, `chat.update` for streamed text, at most once in three seconds a message; its
/// tier allows 50 a minute in the whole workspace.
const REFRESH: Duration = Duration::from_secs(3);

type Key = (ThreadId, InvocationId);

/// The runs of this gateway.
#[derive(Default)]
pub(super) struct Runs(Mutex<HashMap<Key, Arc<Live>>>);

/// One run's output.
pub(super) struct Live {
    poured: Mutex<Poured>,
    /// Held while the message is changed.
    pub(super) shown: tokio::sync::Mutex<Shown>,
}

struct Poured {
    fold: Fold,
    at: Instant,
    /// Whether a task will show what came since.
    is_awaited: bool,
    is_over: bool,
}

/// What stands in the thread.
#[derive(Default)]
pub(super) struct Shown {
    pub(super) message: Option<Posted>,
    pub(super) lines: u64,
    /// How often a message was begun: they are different messages.
    pub(super) begun: u32,
    at: Option<Instant>,
}

impl Shown {
    /// Notes that so many lines stand there now.
    pub(super) fn now_stands(&mut self, message: Posted, lines: u64) {
        *self = Self { message: Some(message), lines, at: Some(Instant::now()), ..*self };
    }

    /// How long to wait before it is changed.
    pub(super) fn due_in(&self) -> Duration {
        self.at.map_or(FIRST, |at| REFRESH.saturating_sub(at.elapsed()).max(FIRST))
    }
}

impl Runs {
    pub(super) fn run(&self, thread: &ThreadId, id: InvocationId) -> Arc<Live> {
        let mut runs = self.lock();
        let key = (thread.clone(), id);
        if !runs.contains_key(&key) && runs.len() >= RUNS {
            let silent = runs.iter().min_by_key(|(_, live)| live.lock().at).map(|(key, _)| key.clone());
            silent.and_then(|key| runs.remove(&key));
        }
        runs.entry(key).or_insert_with(|| Arc::new(Live::new())).clone()
    }

    /// The runs of a thread.
    pub(super) fn of(&self, thread: &ThreadId) -> Vec<(InvocationId, Arc<Live>)> {
        let runs = self.lock();
        runs.iter().filter(|((of, _), _)| of == thread).map(|((_, id), live)| (*id, live.clone())).collect()
    }

    pub(super) fn forget(&self, thread: &ThreadId, id: InvocationId) {
        if let Some(live) = self.lock().remove(&(thread.clone(), id)) {
            live.lock().is_over = true;
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Key, Arc<Live>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Live {
    fn new() -> Self {
        let fold = Fold::new(FoldLimits::default());
        let poured = Poured { fold, at: Instant::now(), is_awaited: false, is_over: false };
        Self { poured: Mutex::new(poured), shown: tokio::sync::Mutex::default() }
    }

    /// Pours lines in; says whether nobody shows them yet.
    pub(super) fn pour(&self, part: &OutputPart) -> bool {
        let mut poured = self.lock();
        poured.fold.add(part);
        poured.at = Instant::now();
        !std::mem::replace(&mut poured.is_awaited, true)
    }

    /// What there is now.
    pub(super) fn fold(&self) -> Fold {
        self.lock().fold.clone()
    }

    /// Whether the one who shows it may go: all was shown, or nobody wants it any more.
    pub(super) fn may_rest(&self, lines: u64) -> bool {
        let mut poured = self.lock();
        let may = poured.is_over || poured.fold.total() == lines;
        poured.is_awaited = !may;
        may
    }

    /// Nobody shows it until something is poured again.
    pub(super) fn give_up(&self) {
        self.lock().is_awaited = false;
    }

    fn lock(&self) -> MutexGuard<'_, Poured> {
        self.poured.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
