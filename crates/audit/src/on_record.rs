//! Evidence that a command's intent is durable.
//!
//! **Invariant:** an [`OnRecord`] comes out of [`AuditLog::begin`](crate::log::AuditLog::begin)
//! and out of nothing else: its fate was won and its intent record was stored before it existed.
//! It is neither `Clone` nor `Deserialize`, so one recorded intent starts one run.
//!
//! ```compile_fail
//! # use countersign_audit::on_record::OnRecord;
//! fn twice(it: OnRecord) -> (OnRecord, OnRecord) { (it.clone(), it) }
//! ```
//!
//! ```
//! # use countersign_audit::on_record::OnRecord;
//! fn once(it: OnRecord) -> OnRecord { it }
//! ```

use countersign_core::id::{Attempt, InvocationId};
use countersign_core::time::Timestamp;
use countersign_core::warrant::Warrant;
use std::time::Duration;

/// A warrant whose fate and intent are durable: it may get a lease and run, once.
#[derive(Debug)]
pub struct OnRecord {
    warrant: Warrant,
    attempt: Attempt,
    stored_at: Timestamp,
    decided_boottime: Duration,
}

impl OnRecord {
    pub(crate) const fn new(
        warrant: Warrant,
        attempt: Attempt,
        stored_at: Timestamp,
        decided_boottime: Duration,
    ) -> Self {
        Self { warrant, attempt, stored_at, decided_boottime }
    }

    /// What may run.
    #[must_use]
    pub const fn warrant(&self) -> &Warrant {
        &self.warrant
    }

    /// The random name of this attempt to start.
    #[must_use]
    pub const fn attempt(&self) -> &Attempt {
        &self.attempt
    }

    /// Which request.
    #[must_use]
    pub const fn invocation(&self) -> InvocationId {
        self.warrant.invocation()
    }

    /// When the store says the intent was stored (for a command that needs fate: when fate was
    /// decided), by the store's clock.
    #[must_use]
    pub const fn stored_at(&self) -> Timestamp {
        self.stored_at
    }

    /// Boot time at which the worker began to record what it had decided. From here to exec at most
    /// thirty seconds may pass; only differences to [`Clock::boottime`] mean anything.
    ///
    /// [`Clock::boottime`]: countersign_core::time::Clock::boottime
    #[must_use]
    pub const fn decided_boottime(&self) -> Duration {
        self.decided_boottime
    }
}
