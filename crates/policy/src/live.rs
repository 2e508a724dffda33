//! The policy in force, and how another takes its place.
//!
//! **Invariant:** what is in force loaded without a mistake and passed its cases; a reload that
//! fails changes nothing.

use crate::cases;
use crate::catalog::Overrides;
use crate::policy::{Policy, Source, Sources};
use crate::problems::Problems;
use arc_swap::ArcSwap;
use countersign_core::policy::{Policy as _, PolicyDigests};
use std::sync::Arc;

/// The policy in force. Readers take [`current`](Self::current) once a decision and keep it.
#[derive(Debug)]
pub struct LivePolicy {
    current: ArcSwap<Policy>,
    overrides: Overrides,
}

/// What a reload changed; both belong on record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Digests of what was in force.
    pub old: PolicyDigests,
    /// Digests of what is in force now.
    pub new: PolicyDigests,
}

impl LivePolicy {
    /// Loads the first policy.
    ///
    /// # Errors
    /// Every mistake of the files, or every case that does not come out as it says.
    pub fn load(sources: Sources, case_files: &[Source], overrides: Overrides) -> Result<Self, Problems> {
        let policy = checked(sources, case_files, &overrides)?;
        Ok(Self { current: ArcSwap::from_pointee(policy), overrides })
    }

    /// The policy in force. Hold it for one decision, so that its answers belong together.
    #[must_use]
    pub fn current(&self) -> Arc<Policy> {
        self.current.load_full()
    }

    /// Puts other files in force, if they load and their cases pass.
    ///
    /// # Errors
    /// Every mistake of the files, or every case that does not come out as it says; the last good
    /// policy stays in force.
    pub fn reload(&self, sources: Sources, case_files: &[Source]) -> Result<Change, Problems> {
        let policy = Arc::new(checked(sources, case_files, &self.overrides)?);
        let new = policy.digests();
        let old = self.current.swap(policy).digests();
        Ok(Change { old, new })
    }
}

fn checked(sources: Sources, case_files: &[Source], overrides: &Overrides) -> Result<Policy, Problems> {
    let policy = Policy::load(sources, overrides)?;
    let report = cases::run(&policy, case_files);
    if report.failures().is_empty() { Ok(policy) } else { Err(report.into_failures()) }
}

#[cfg(test)]
mod tests;
