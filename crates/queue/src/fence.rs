//! A number that tells the present holder of a job from every earlier one.
//!
//! **Invariant:** each claim gives a higher fence than all claims before, also across restarts.

use serde::{Deserialize, Serialize};
use std::fmt;

/// The fence of one claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Fence(pub(crate) u64);

impl Fence {
    /// The bare number, for records.
    #[must_use]
    pub const fn number(self) -> u64 {
        self.0
    }
}

impl fmt::Display for Fence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
