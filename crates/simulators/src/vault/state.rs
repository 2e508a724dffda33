//! What the stand-in remembers.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;

use super::Clock;
use super::engines::Engine;
use super::leases::Leases;
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
    /// By mount, without slashes around it.
    pub(super) engines: BTreeMap<String, Engine>,
    pub(super) leases: Leases,
    /// Every request is answered with this status, and nothing is done.
    pub(super) broken: Option<u16>,
    pub(super) requests: Vec<Recorded>,
}

impl State {
    /// Ends what has ended by now.
    pub(super) fn pass(&mut self, now: Timestamp) {
        let gone = self.tokens.expire(now);
        self.leases.end_with(&gone);
        self.leases.expire(now);
    }

    /// Takes a token back, and all that hangs on it.
    pub(super) fn revoke_token(&mut self, token: &str) {
        let gone = self.tokens.revoke(token);
        self.leases.end_with(&gone);
    }
}

pub(super) struct Shared {
    state: Mutex<State>,
    clock: Clock,
    silent: AtomicBool,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.state.fmt(f)
    }
}

impl Shared {
    pub(super) fn new(clock: Clock) -> Self {
        Self { state: Mutex::default(), clock, silent: AtomicBool::new(false) }
    }

    /// From now on nothing is answered.
    pub(super) fn fall_silent(&self) {
        self.silent.store(true, Ordering::SeqCst);
    }

    pub(super) fn is_silent(&self) -> bool {
        self.silent.load(Ordering::SeqCst)
    }

    pub(super) fn now(&self) -> Timestamp {
        (self.clock)()
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        // Each request changes one thing at a time; a panic leaves nothing half done.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
