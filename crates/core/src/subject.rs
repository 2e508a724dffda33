//! What a decision can be about.
//!
//! All kinds exist from the start, so that a new one is a new answer everywhere and not a
//! special case beside the path.

use crate::command::Command;
use crate::digest::Digest;
use crate::principal::SubjectId;
use crate::time::Timestamp;
use std::time::Duration;

/// The subject of a decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// Run one command.
    Command(Box<Command>),
    /// Apply several changes as one.
    ChangeSet {
        /// What people call it.
        title: String,
        /// SHA-256 of its bytes.
        digest: Digest,
    },
    /// Hold a role for a while.
    Grant {
        /// The grant's id in rbac.yaml.
        grant: String,
        /// Who would hold it.
        holder: SubjectId,
        /// How long.
        lasts: Duration,
    },
    /// Act against a protection, loudly.
    BreakGlass {
        /// Why; required.
        reason: String,
        /// Until when.
        until: Timestamp,
    },
    /// Stop changes for a while.
    Freeze {
        /// The freeze's id.
        freeze: String,
        /// Until when.
        until: Timestamp,
    },
    /// Something another system asks approval for.
    External {
        /// Which system.
        system: String,
        /// Its own name for the request.
        reference: String,
        /// SHA-256 of what it showed.
        digest: Digest,
    },
}

impl Subject {
    /// The word in the decision bytes.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Command(_) => "command",
            Self::ChangeSet { .. } => "change-set",
            Self::Grant { .. } => "grant",
            Self::BreakGlass { .. } => "break-glass",
            Self::Freeze { .. } => "freeze",
            Self::External { .. } => "external",
        }
    }
}
