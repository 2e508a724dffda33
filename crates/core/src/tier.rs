//! How dangerous an action is, in the words every other crate uses.
//!
//! **Invariant:** tiers are ordered, and every modifier in the system may only raise one.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Risk tier of an action: `read < change < destructive`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tier {
    /// Looks, and changes nothing.
    Read,
    /// Changes something that can be changed back.
    Change,
    /// Removes or interrupts something.
    Destructive,
}

impl Tier {
    /// All tiers, lowest first.
    pub const ALL: [Self; 3] = [Self::Read, Self::Change, Self::Destructive];

    /// The word used in files, records and cards.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Change => "change",
            Self::Destructive => "destructive",
        }
    }
}

/// Whether the output may hold secret material.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sensitivity {
    /// Nothing secret is expected.
    Plain,
    /// The output may hold secret material; reading it needs a grant or a quorum.
    Sensitive,
}

impl Sensitivity {
    /// The word used in files, records and cards.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Sensitive => "sensitive",
        }
    }
}

/// Whether, and how, the action can be taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reversibility {
    /// Nothing changes, so nothing needs taking back.
    NoneNeeded,
    /// Can be undone by another command.
    Reversible,
    /// Cannot be undone.
    Irreversible,
}

impl Reversibility {
    /// The word used in files, records and cards.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NoneNeeded => "none-needed",
            Self::Reversible => "reversible",
            Self::Irreversible => "irreversible",
        }
    }
}

/// Whether the person asked for the effect or for a look at it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// Show what would happen; change nothing.
    DryRun,
    /// Do it. Reads are always in this mode.
    Apply,
}

impl Mode {
    /// The word used in files, records and cards.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::DryRun => "dry-run",
            Self::Apply => "apply",
        }
    }
}

/// Isolation level of the jail a command runs in, from strongest to none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Isolation {
    /// Own user, PID, mount, IPC, UTS and network namespaces and everything below.
    Strict,
    /// Inside a container: Landlock, seccomp, limits, cleared environment.
    Nested,
    /// A Kubernetes Job for each command.
    Job,
    /// Nothing. Reads only, and only when a file says so.
    None,
}

impl Isolation {
    /// The word used in files, records and cards.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Strict => "strict",
            Self::Nested => "nested",
            Self::Job => "job",
            Self::None => "none",
        }
    }
}

macro_rules! display_as_str {
    ($($t:ty),*) => {$(
        impl fmt::Display for $t {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { f.write_str(self.as_str()) }
        }
    )*};
}
display_as_str!(Tier, Sensitivity, Reversibility, Mode, Isolation);

#[cfg(test)]
mod tests {
    use super::Tier;

    #[test]
    fn tiers_are_ordered() {
        assert!(Tier::Read < Tier::Change && Tier::Change < Tier::Destructive);
    }
}
