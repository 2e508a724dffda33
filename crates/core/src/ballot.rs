//! A person's yes or no to exactly one decision.

use crate::certificate::Role;
use crate::digest::Digest;
use crate::id::InvocationId;
use crate::principal::{Account, SubjectId};
use crate::seal::{Sealable, Sealed, Sealer};
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};

/// What the person said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Vote {
    /// Fills a slot of each quorum the person is eligible for.
    Approve,
    /// Ends the invocation; beats any number of approvals.
    Reject,
    /// The requester's explicit apply after the preview; fills no slot.
    Confirm,
}

impl Vote {
    /// The word used in records and cards.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Approve => "approve",
            Self::Reject => "reject",
            Self::Confirm => "confirm",
        }
    }
}

/// One ballot (wire format v1).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ballot {
    /// Wire format version: 1.
    pub v: u32,
    /// Name of the installation.
    pub deployment: String,
    /// Which request.
    pub invocation: InvocationId,
    /// Which decision: SHA-256 of its exact bytes.
    pub decision: Digest,
    /// What the person said.
    pub vote: Vote,
    /// Who said it.
    pub voter: SubjectId,
    /// From which chat account.
    pub account: Account,
    /// When.
    pub at: Timestamp,
    /// Why, if they said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl Ballot {
    /// Seals the ballot with the receiving process's key.
    #[must_use]
    pub fn seal(&self, sealer: &Sealer) -> Sealed<Self> {
        sealer.seal(self)
    }
}

impl Sealable for Ballot {
    const PURPOSE: &'static str = "countersign/ballot/v1";
    const ROLES: &'static [Role] = &[Role::Gateway, Role::Confirm];

    fn invocation(&self) -> InvocationId {
        self.invocation
    }
}
