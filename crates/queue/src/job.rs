//! The life of one piece of work: queued, held, started, ended.
//!
//! **Invariant:** pure. Work that marked its start and may change something is never queued
//! again; a fence that is not the present one changes nothing.

use crate::doc::{Cancelled, Renewed, Repeat};
use crate::error::{FinishError, ReleaseError, RenewError, StartError};
use crate::fence::Fence;
use countersign_core::time::Timestamp;
use serde::{Deserialize, Serialize};

/// How often work that only looks is tried again after its worker died.
pub(crate) const REPEATS: u32 = 2;

/// All there is to know about a piece of work, except the sealed load.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct State {
    pub(crate) pool: String,
    pub(crate) repeat: Repeat,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) lock: Option<String>,
    /// Its place in the queue; kept when it goes back.
    pub(crate) order: u64,
    pub(crate) offered_at: Timestamp,
    pub(crate) repeated: u32,
    pub(crate) is_cancelled: bool,
    pub(crate) stage: Stage,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) enum Stage {
    /// Anybody of the pool may take it, from then on.
    Queued { not_before: Option<Timestamp> },
    /// A worker has it.
    Held { worker: String, fence: Fence, until: Timestamp, is_started: bool },
    /// Its worker is gone and may have run it.
    Orphaned { worker: String, fence: Fence },
    /// Nothing more will happen.
    Ended,
}

/// What became of work whose lease ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fallen {
    Requeued,
    Orphaned,
    Ended,
}

impl State {
    /// Whether it keeps its lock from others.
    pub(crate) const fn is_locking(&self) -> bool {
        matches!(self.stage, Stage::Held { .. } | Stage::Orphaned { .. })
    }

    pub(crate) fn is_free(&self, now: Timestamp) -> bool {
        match &self.stage {
            Stage::Queued { not_before } => not_before.is_none_or(|from| from <= now),
            Stage::Held { .. } | Stage::Orphaned { .. } | Stage::Ended => false,
        }
    }

    pub(crate) fn claim(&mut self, worker: String, fence: Fence, until: Timestamp) {
        self.stage = Stage::Held { worker, fence, until, is_started: false };
    }

    pub(crate) fn renew(&mut self, by: Fence, now: Timestamp, next: Timestamp) -> Result<Renewed, RenewError> {
        match &mut self.stage {
            Stage::Held { fence, until, .. } if *fence == by && now < *until => {
                // A renewal that was overtaken by a later one takes nothing away.
                *until = next.max(*until);
                Ok(if self.is_cancelled { Renewed::Cancelled(*until) } else { Renewed::Held(*until) })
            }
            Stage::Held { .. } | Stage::Queued { .. } | Stage::Orphaned { .. } | Stage::Ended => Err(RenewError::Lost),
        }
    }

    pub(crate) fn start(&mut self, by: Fence, now: Timestamp) -> Result<(), StartError> {
        match &mut self.stage {
            Stage::Held { fence, until, is_started, .. } if *fence == by && now < *until => {
                if *is_started {
                    return Err(StartError::AlreadyStarted);
                }
                if self.is_cancelled {
                    return Err(StartError::Cancelled);
                }
                *is_started = true;
                Ok(())
            }
            Stage::Held { .. } | Stage::Queued { .. } | Stage::Orphaned { .. } | Stage::Ended => Err(StartError::Stale),
        }
    }

    /// A lease that ended and was not reaped is no obstacle: the end is true all the same.
    pub(crate) fn finish(&mut self, by: Fence) -> Result<(), FinishError> {
        match &self.stage {
            Stage::Held { fence, .. } | Stage::Orphaned { fence, .. } if *fence == by => {
                self.stage = Stage::Ended;
                Ok(())
            }
            Stage::Held { .. } | Stage::Queued { .. } | Stage::Orphaned { .. } | Stage::Ended => {
                Err(FinishError::Stale)
            }
        }
    }

    pub(crate) fn release(&mut self, by: Fence, not_before: Timestamp) -> Result<(), ReleaseError> {
        match &self.stage {
            Stage::Held { fence, is_started, .. } if *fence == by => {
                if *is_started {
                    return Err(ReleaseError::Started);
                }
                self.put_back(Some(not_before));
                Ok(())
            }
            Stage::Held { .. } | Stage::Queued { .. } | Stage::Orphaned { .. } | Stage::Ended => {
                Err(ReleaseError::Stale)
            }
        }
    }

    pub(crate) fn cancel(&mut self) -> Cancelled {
        match &self.stage {
            Stage::Ended => return Cancelled::Nothing,
            Stage::Queued { .. } => {
                self.stage = Stage::Ended;
                return Cancelled::BeforeClaim;
            }
            Stage::Held { .. } | Stage::Orphaned { .. } => self.is_cancelled = true,
        }
        match &self.stage {
            Stage::Held { is_started: false, .. } => Cancelled::BeforeStart,
            Stage::Held { .. } | Stage::Queued { .. } | Stage::Orphaned { .. } | Stage::Ended => Cancelled::AfterStart,
        }
    }

    /// The lease has ended. The fence is for whoever settles an orphan.
    pub(crate) fn reap(&mut self, settle: Fence) -> Fallen {
        let Stage::Held { worker, is_started, .. } = &self.stage else {
            return Fallen::Ended;
        };
        // Cancelled work is not tried again, and somebody must tell how it ended: perhaps its worker
        // won fate before it died.
        let is_last = self.repeat == Repeat::Never || self.repeated >= REPEATS;
        if self.is_cancelled || (*is_started && is_last) {
            self.stage = Stage::Orphaned { worker: worker.clone(), fence: settle };
            return Fallen::Orphaned;
        }
        self.repeated += u32::from(*is_started);
        self.put_back(None);
        if self.stage == Stage::Ended { Fallen::Ended } else { Fallen::Requeued }
    }

    fn put_back(&mut self, not_before: Option<Timestamp>) {
        self.stage = if self.is_cancelled { Stage::Ended } else { Stage::Queued { not_before } };
    }
}
