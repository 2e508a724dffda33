//! How each step of the queue can fail.

use countersign_core::refusal::{Code, Refusal};
use std::error::Error;

/// The store behind the queue did not do it; it may have done it and the answer was lost.
#[derive(Debug, thiserror::Error)]
#[error("the queue could not be read or written")]
pub struct Unavailable(#[source] pub(crate) Box<dyn Error + Send + Sync>);

impl Unavailable {
    /// From whatever the store said.
    pub fn new(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self(source.into())
    }

    /// The answer to the person.
    #[must_use]
    pub fn refusal(&self) -> Refusal {
        Refusal::new(
            Code::QueueUnavailable,
            "the queue cannot be reached, so nothing was started",
            "Ask again in a minute; if it stays, tell the operators.",
        )
    }
}

/// Why a lease was not extended.
#[derive(Debug, thiserror::Error)]
pub enum RenewError {
    /// The lease ended, or the fence is not the present one: stop.
    #[error("the lease is lost")]
    Lost,
    /// Not known; keep trying until half the lease is over, then stop.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// Why a command must not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The lease ended, or the fence is not the present one.
    #[error("the claim is stale")]
    Stale,
    /// Somebody cancelled it.
    #[error("it was cancelled")]
    Cancelled,
    /// This claim has started it before.
    #[error("it was started before")]
    AlreadyStarted,
    /// Not known.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// Why work was not ended.
#[derive(Debug, thiserror::Error)]
pub enum FinishError {
    /// The fence is not the present one, or the work has ended.
    #[error("the claim is stale")]
    Stale,
    /// Not known.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// Why work was not given back.
#[derive(Debug, thiserror::Error)]
pub enum ReleaseError {
    /// The fence is not the present one, or the work has ended.
    #[error("the claim is stale")]
    Stale,
    /// It was started: it can only be finished.
    #[error("it was started and cannot be given back")]
    Started,
    /// Not known.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}
