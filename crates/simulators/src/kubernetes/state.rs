//! The cluster behind its lock: reading, changing, telling the watchers, and remembering every request.
//!
//! **Invariant:** one change at a time, on a copy; a dry run and a refusal leave the cluster as it was.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use tokio::sync::watch;

use super::accounts::Tokens;
use super::controller;
use super::status::Status;
use super::store::{Event, Store};
use super::{Clock, Recorded};

/// Whether a change is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Keep {
    Yes,
    DryRun,
}

/// The whole mutable state.
#[derive(Debug)]
pub(super) struct State {
    pub(super) store: Store,
    /// Everything that ever happened, oldest first.
    pub(super) history: Vec<Event>,
    pub(super) requests: Vec<Recorded>,
    pub(super) tokens: Tokens,
}

/// The state with its lock, its clock and its bell.
pub(super) struct Shared {
    state: Mutex<State>,
    changed: watch::Sender<u64>,
    clock: Clock,
}

impl Shared {
    pub(super) fn new(state: State, clock: Clock) -> Self {
        let changed = watch::Sender::new(state.store.version());
        Self { state: Mutex::new(state), changed, clock }
    }

    pub(super) fn now(&self) -> Timestamp {
        (self.clock)()
    }

    /// The state, locked. A panic elsewhere cannot have left a half-made change, so a poisoned lock is taken as it is.
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Rings whenever something was changed.
    pub(super) fn bell(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    /// Applies `edit` and the controllers to a copy. The copy takes the original's place when everything, `admit` last,
    /// went well and it is to be kept.
    pub(super) fn change<T>(
        &self,
        keep: Keep,
        admit: impl FnOnce(&T) -> Result<(), Status>,
        edit: impl FnOnce(&mut Store) -> Result<T, Status>,
    ) -> Result<T, Status> {
        let mut state = self.lock();
        let mut draft = state.store.clone();
        draft.now = self.now();
        if keep == Keep::DryRun {
            draft.rehearse(state.requests.len());
        }
        let answer = edit(&mut draft)?;
        controller::settle(&mut draft);
        admit(&answer)?;
        if keep == Keep::Yes {
            state.history.extend(draft.take_events());
            state.store = draft;
            let version = state.store.version();
            drop(state);
            self.changed.send_replace(version);
        }
        Ok(answer)
    }

    /// Tells followers to look again, after a change of logs alone.
    pub(super) fn ring(&self) {
        self.changed.send_modify(|_| ());
    }
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").finish_non_exhaustive()
    }
}

/// Shared by every connection.
pub(super) type Handle = Arc<Shared>;
