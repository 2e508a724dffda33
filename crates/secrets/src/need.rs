//! What a lease is needed for, out of a recorded warrant.

use crate::lease::handle;
use crate::target::TargetKey;
use countersign_audit::on_record::OnRecord;
use countersign_core::id::InvocationId;
use countersign_core::time::Timestamp;
use countersign_core::warrant::{CredentialClass, Errand};
use std::time::Duration;

/// How long a lease outlives the job it is for: time to stop and to revoke.
pub(crate) const GRACE: Duration = Duration::from_mins(1);

/// What a lease is needed for.
#[derive(Debug, Clone)]
pub(crate) struct Need {
    pub(crate) invocation: InvocationId,
    pub(crate) errand: Errand,
    pub(crate) tool: String,
    pub(crate) key: Option<TargetKey>,
    pub(crate) target: Option<String>,
    pub(crate) class: CredentialClass,
    /// The pool that the decision names.
    pub(crate) pool: String,
    /// The requester's subject, as the directory knows it.
    pub(crate) principal: String,
}

/// For how long it is needed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Term {
    pub(crate) from: Timestamp,
    /// The job's limit and the grace.
    pub(crate) length: Duration,
}

impl Term {
    pub(crate) fn of_job(from: Timestamp, wall: Duration) -> Self {
        Self { from, length: wall + GRACE }
    }

    pub(crate) fn end(self) -> Timestamp {
        self.from.plus(self.length)
    }

    /// In whole seconds, at least `floor` of them.
    pub(crate) fn seconds(self, floor: u64) -> u64 {
        self.length.as_secs().max(floor)
    }
}

impl Need {
    pub(crate) fn of(on_record: &OnRecord) -> Self {
        let warrant = on_record.warrant();
        Self {
            invocation: on_record.invocation(),
            errand: warrant.errand(),
            tool: warrant.command().tool().name().to_owned(),
            key: TargetKey::of(warrant),
            target: warrant.decision().decision().scope.target.clone(),
            class: warrant.credential(),
            pool: warrant.decision().decision().pool.clone(),
            principal: warrant.requester().id.to_string(),
        }
    }

    /// The lease's name.
    pub(crate) fn handle(&self) -> String {
        handle(self.invocation, self.errand)
    }
}
