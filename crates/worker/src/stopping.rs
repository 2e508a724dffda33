//! Why a command is ended before its own end.
//!
//! **Invariant:** the first reason stays; a command that was asked to stop is never asked to go on.

use countersign_core::refusal::{Code, Refusal};
use std::sync::{Arc, OnceLock};
use tokio_util::sync::CancellationToken;

/// Stops one piece of work; cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Stopping {
    token: CancellationToken,
    why: Arc<OnceLock<Refusal>>,
}

impl Stopping {
    /// Stops when somebody says why, and when the process ends what runs.
    pub(crate) fn below(abort: &CancellationToken) -> Self {
        Self { token: abort.child_token(), why: Arc::default() }
    }

    /// Ends it.
    pub(crate) fn stop(&self, why: Refusal) {
        // Whoever came first is told.
        drop(self.why.set(why));
        self.token.cancel();
    }

    /// What ends with it.
    pub(crate) fn token(&self) -> CancellationToken {
        self.token.clone()
    }

    pub(crate) fn is_asked(&self) -> bool {
        self.token.is_cancelled()
    }

    /// Why, if it was asked to stop.
    pub(crate) fn why(&self) -> Option<Refusal> {
        self.is_asked().then(|| self.why.get().cloned().unwrap_or_else(ending))
    }
}

/// Somebody pressed the button; who did stands in the gateway's record.
pub(crate) fn cancelled() -> Refusal {
    Refusal::new(Code::Cancelled, "somebody cancelled it", "Ask again if it is still wanted.")
}

/// Somebody else may have the work by now.
pub(crate) fn lost() -> Refusal {
    Refusal::new(
        Code::QueueUnavailable,
        "the worker could not keep its claim on the work",
        "Look at the target before you repeat it.",
    )
}

fn ending() -> Refusal {
    Refusal::new(Code::Cancelled, "the worker's process was stopped", "Look at the target before you repeat it.")
}
