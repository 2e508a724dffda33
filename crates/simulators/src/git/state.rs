//! What the server knows: who may read what, how it behaves, what was asked.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// How a repository is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Habit {
    /// As git does it.
    Serves,
    /// Every request is sent to the same path of another server.
    Redirects {
        /// Scheme, host and port.
        to: String,
    },
    /// Requests are taken, and never answered.
    Silent,
}

/// A request that came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    /// Path and query.
    pub path: String,
    /// The header `Authorization`, as it came.
    pub authorization: Option<String>,
    /// The answer's status; none while there is none.
    pub code: Option<u16>,
}

#[derive(Debug)]
pub(super) struct Shared {
    pub(super) root: PathBuf,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) tokens: BTreeMap<String, String>,
    pub(super) habits: BTreeMap<String, Habit>,
    pub(super) requests: Vec<Recorded>,
}

impl Shared {
    pub(super) fn new(root: PathBuf) -> Self {
        Self { root, state: Mutex::default() }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        // Nobody panics with the lock held; if somebody does, what is there is still whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
