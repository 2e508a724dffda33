//! The policy in force, how another takes its place, and the shadow beside it.
//!
//! **Invariant:** what is in force loaded without a mistake and passed its cases; a reload that
//! fails changes nothing; a shadow decides nothing.

use crate::answer::Asker;
use crate::cases;
use crate::catalog::Overrides;
use crate::policy::{Policy, Source, Sources};
use crate::problems::Problems;
use crate::shadow::{ShadowDifference, beside};
use arc_swap::{ArcSwap, ArcSwapOption};
use countersign_core::command::Command;
use countersign_core::policy::{Policy as _, PolicyDigests};
use std::sync::Arc;

/// The policy in force. Readers take [`current`](Self::current) once a decision and keep it.
#[derive(Debug)]
pub struct LivePolicy {
    current: ArcSwap<Policy>,
    shadow: ArcSwapOption<Policy>,
    overrides: Overrides,
}

/// A policy that loaded and passed its cases, and is not in force yet.
#[derive(Debug)]
pub struct Checked(Arc<Policy>);

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
        let Checked(policy) = Self::check(sources, case_files, &overrides)?;
        Ok(Self { current: ArcSwap::new(policy), shadow: ArcSwapOption::empty(), overrides })
    }

    /// The policy in force. Hold it for one decision, so that its answers belong together.
    #[must_use]
    pub fn current(&self) -> Arc<Policy> {
        self.current.load_full()
    }

    /// Loads files and runs their cases, and puts nothing in force. It computes for as long as the
    /// cases take, so it does not belong on a thread that serves others.
    ///
    /// # Errors
    /// Every mistake of the files, or every case that does not come out as it says.
    pub fn check(sources: Sources, case_files: &[Source], overrides: &Overrides) -> Result<Checked, Problems> {
        let policy = Policy::load(sources, overrides)?;
        let report = cases::run(&policy, case_files);
        if report.failures().is_empty() { Ok(Checked(Arc::new(policy))) } else { Err(report.into_failures()) }
    }

    /// Puts what was checked in force. The shadow follows to the new catalog, or ends when it does
    /// not load with it.
    pub fn put(&self, checked: Checked) -> Change {
        let Checked(policy) = checked;
        let new = policy.digests();
        let old = self.current.swap(policy).digests();
        if let Some(shadow) = self.shadow.load_full() {
            let followed = self.shadow_of(shadow.sources().rbac.clone());
            self.shadow.store(followed.ok().map(Arc::new));
        }
        Change { old, new }
    }

    /// Puts other files in force, if they load and their cases pass.
    ///
    /// # Errors
    /// Every mistake of the files, or every case that does not come out as it says; the last good
    /// policy stays in force.
    pub fn reload(&self, sources: Sources, case_files: &[Source]) -> Result<Change, Problems> {
        Ok(self.put(Self::check(sources, case_files, &self.overrides)?))
    }

    /// Evaluates another rbac.yaml beside the one in force from now on, or none.
    ///
    /// # Errors
    /// Every mistake of the file; the shadow that was there stays.
    pub fn cast_shadow(&self, rbac: Option<Source>) -> Result<(), Problems> {
        let shadow = rbac.map(|rbac| self.shadow_of(rbac)).transpose()?;
        self.shadow.store(shadow.map(Arc::new));
        Ok(())
    }

    /// How the shadow would have treated this otherwise; none without a shadow.
    #[must_use]
    pub fn beside_shadow(&self, asker: &Asker, command: &Command) -> Option<ShadowDifference> {
        let shadow = self.shadow.load_full()?;
        beside(&self.current(), &shadow, asker, command)
    }

    fn shadow_of(&self, rbac: Source) -> Result<Policy, Problems> {
        let catalog = self.current().sources().catalog.clone();
        Policy::load(Sources { rbac, catalog }, &self.overrides)
    }
}

#[cfg(test)]
mod tests;
