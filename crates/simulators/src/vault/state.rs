//! What the stand-in remembers.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::policy::Policies;
use super::tokens::Tokens;
use super::transit::Transit;

/// One request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    /// `GET`, `POST`, …
    pub method: String,
    /// The path below `/v1/`.
    pub path: String,
    /// The HTTP status it was answered with.
    pub code: u16,
}

/// Everything.
#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) sealed: bool,
    pub(super) policies: Policies,
    pub(super) tokens: Tokens,
    pub(super) transit: Transit,
    pub(super) requests: Vec<Recorded>,
}

#[derive(Debug, Default)]
pub(super) struct Shared(Mutex<State>);

impl Shared {
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        // Each request changes one thing at a time; a panic leaves nothing half done.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
