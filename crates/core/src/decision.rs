//! The decision's exact bytes: what is on the card, in every ballot, in the job and in the record.
//!
//! **Invariant:** the bytes are made once and hashed as received; nothing re-serialises them.

use crate::action::{Resource, Scope};
use crate::canonical::canonical;
use crate::channel::Channel;
use crate::command::{Argv, Tool};
use crate::digest::Digest;
use crate::id::InvocationId;
use crate::principal::SubjectId;
use crate::tier::{Isolation, Mode, Reversibility, Sensitivity, Tier};
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};

/// A rule as the decision names it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RuleDoc {
    /// The id in rbac.yaml.
    pub id: String,
    /// Its quorum, `owners-of-target` resolved.
    pub quorum: String,
    /// `none` or `step-up`.
    pub factor: String,
}

/// What the decision bytes say (wire format v1, design §4). Strings, integers and lists only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "the fields are the wire format's, each is described in the design under its own name")]
pub struct Decision {
    pub v: u32,
    pub deployment: String,
    pub pool: String,
    pub invocation: InvocationId,
    pub subject: String,
    pub requester: SubjectId,
    pub tool: Tool,
    pub argv: Argv,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stdin: Option<Digest>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub filters: Vec<Argv>,
    pub mode: Mode,
    pub scope: Scope,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<Channel>,
    pub resources: Vec<Resource>,
    pub tier: Tier,
    pub sensitive: Sensitivity,
    pub reversibility: Reversibility,
    pub isolation: Isolation,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effect: Option<Digest>,
    pub rules: Vec<RuleDoc>,
    pub expires_at: Timestamp,
}

/// The exact text of a decision and its digest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct DecisionBytes {
    text: String,
    digest: Digest,
    decision: Decision,
}

/// Why a text is not a decision of this version.
#[derive(Debug, thiserror::Error)]
pub enum DecisionError {
    /// Not JSON of the form above.
    #[error("the decision bytes cannot be read")]
    Unreadable(#[source] serde_json::Error),
    /// A version this build does not know.
    #[error("decision bytes of version {0} are not known here")]
    Version(u32),
}

impl DecisionBytes {
    /// Makes the bytes, once.
    pub(crate) fn make(decision: Decision) -> Self {
        let text = canonical(&decision).expect("a decision holds strings, integers, lists and objects only");
        Self { digest: Digest::of(text.as_bytes()), text, decision }
    }

    /// Reads bytes that came out of a seal; they are kept as they are.
    ///
    /// # Errors
    /// When they are not a decision of this version.
    pub fn read(text: String) -> Result<Self, DecisionError> {
        let decision: Decision = serde_json::from_str(&text).map_err(DecisionError::Unreadable)?;
        if decision.v != 1 {
            return Err(DecisionError::Version(decision.v));
        }
        Ok(Self { digest: Digest::of(text.as_bytes()), text, decision })
    }

    /// The exact text.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// SHA-256 of the exact text: the digest on the card.
    #[must_use]
    pub const fn digest(&self) -> Digest {
        self.digest
    }

    /// What it says.
    #[must_use]
    pub const fn decision(&self) -> &Decision {
        &self.decision
    }
}

impl TryFrom<String> for DecisionBytes {
    type Error = DecisionError;

    fn try_from(text: String) -> Result<Self, DecisionError> {
        Self::read(text)
    }
}

impl From<DecisionBytes> for String {
    fn from(bytes: DecisionBytes) -> Self {
        bytes.text
    }
}
