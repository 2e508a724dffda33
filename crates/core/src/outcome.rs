//! How a run ended, sealed by the worker that ran it.

use crate::certificate::Role;
use crate::digest::Digest;
use crate::id::{Attempt, InvocationId};
use crate::refusal::Refusal;
use crate::seal::{Sealable, Sealed, Sealer};
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};

/// What became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ending {
    /// It ran to its own end; see the exit code.
    Ran,
    /// It did not start.
    NotRun,
    /// Somebody cancelled it while it ran.
    Cancelled,
    /// It ran longer than it may.
    TimedOut,
    /// It started, and nobody saw the end.
    Unknown,
}

impl Ending {
    /// The word used in records and cards.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ran => "ran",
            Self::NotRun => "not-run",
            Self::Cancelled => "cancelled",
            Self::TimedOut => "timed-out",
            Self::Unknown => "unknown",
        }
    }
}

/// An outcome (wire format v1).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Outcome {
    /// Wire format version: 1.
    pub v: u32,
    /// Name of the installation.
    pub deployment: String,
    /// The worker's pool.
    pub pool: String,
    /// Which request.
    pub invocation: InvocationId,
    /// Which attempt; absent when it never came to one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempt: Option<Attempt>,
    /// What became of it.
    pub ending: Ending,
    /// Exit code of the command, or 128 + signal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit: Option<i32>,
    /// Why it did not run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refusal: Option<Refusal>,
    /// When.
    pub at: Timestamp,
    /// How long it ran, milliseconds.
    pub duration_ms: u64,
    /// Keyed digest of the redacted output.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<Digest>,
    /// Bytes of redacted output.
    pub output_bytes: u64,
    /// How many secrets were removed.
    pub redactions: u64,
    /// Something a person should know: the output was cut, the lease may still live.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

impl Outcome {
    /// Seals the outcome with the worker's key.
    #[must_use]
    pub fn seal(&self, sealer: &Sealer) -> Sealed<Self> {
        sealer.seal(self)
    }
}

impl Sealable for Outcome {
    const PURPOSE: &'static str = "countersign/outcome/v1";
    const ROLES: &'static [Role] = &[Role::Worker];

    fn invocation(&self) -> InvocationId {
        self.invocation
    }

    fn pool(&self) -> Option<&str> {
        Some(&self.pool)
    }
}
