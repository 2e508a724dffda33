//! The sequence that stops changes and allows them again.
//!
//! **Invariant:** an entry is sealed for its place in the sequence. A gateway can stop; only whoever
//! holds an operator key, or the process with the second factor, can allow again.

use crate::certificate::Role;
use crate::id::InvocationId;
use crate::refusal::{Code, Refusal, shown};
use crate::seal::{SealError, Sealable, Sealed, Sealer, Verifier};
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};

/// Changes are stopped (wire format v1).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Freeze {
    /// Wire format version: 1.
    pub v: u32,
    /// Name of the installation.
    pub deployment: String,
    /// Its place in the sequence, from 1: the freeze's name.
    pub epoch: u64,
    /// What it was asked for as: the join to the log's records.
    pub invocation: InvocationId,
    /// In this environment; everywhere if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub env: Option<String>,
    /// Why, in the words of whoever asked.
    pub why: String,
    /// What people call whoever asked.
    pub by: String,
    /// When.
    pub at: Timestamp,
}

/// A freeze is over (wire format v1).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lift {
    /// Wire format version: 1.
    pub v: u32,
    /// Name of the installation.
    pub deployment: String,
    /// Its place in the sequence, from 1.
    pub epoch: u64,
    /// What it was asked for as: the join to the log's records.
    pub invocation: InvocationId,
    /// Which freeze.
    pub lifts: u64,
    /// Why, in the words of whoever asked.
    pub why: String,
    /// What people call whoever asked.
    pub by: String,
    /// When.
    pub at: Timestamp,
}

impl Sealable for Freeze {
    const PURPOSE: &'static str = "countersign/control-add/v1";
    const ROLES: &'static [Role] = &[Role::Gateway, Role::Operator];

    fn invocation(&self) -> InvocationId {
        self.invocation
    }
}

impl Sealable for Lift {
    const PURPOSE: &'static str = "countersign/control-lift/v1";
    const ROLES: &'static [Role] = &[Role::Confirm, Role::Operator];

    fn invocation(&self) -> InvocationId {
        self.invocation
    }
}

impl Freeze {
    /// Seals it with the process's or operator's key.
    #[must_use]
    pub fn seal(&self, sealer: &Sealer) -> ControlNote {
        ControlNote::Freeze(sealer.seal(self))
    }

    /// Whether it stops changes in this environment. What acts in none is stopped by every freeze.
    #[must_use]
    pub fn touches(&self, env: Option<&str>) -> bool {
        match (self.env.as_deref(), env) {
            (Some(own), Some(env)) => own == env,
            (None, _) | (_, None) => true,
        }
    }

    /// The answer to a change it stops.
    #[must_use]
    pub fn refusal(&self) -> Refusal {
        let place = self.env.as_deref().map_or_else(|| "everywhere".into(), |env| format!("in `{}`", shown(env)));
        Refusal::new(
            Code::Frozen,
            format!("changes are frozen {place} by {}: {}", shown(&self.by), shown(&self.why)),
            format!("Reading goes on. An operator lifts it with `countersign lift {}`; then ask again.", self.epoch),
        )
    }
}

impl Lift {
    /// Seals it with an operator's key.
    #[must_use]
    pub fn seal(&self, sealer: &Sealer) -> ControlNote {
        ControlNote::Lift(sealer.seal(self))
    }
}

/// An entry as it is kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ControlNote {
    /// Changes are stopped.
    Freeze(Sealed<Freeze>),
    /// They are allowed again.
    Lift(Sealed<Lift>),
}

/// An entry that was believed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Control {
    /// Changes are stopped.
    Freeze(Freeze),
    /// They are allowed again.
    Lift(Lift),
}

impl ControlNote {
    /// Verifies and reads the entry of this place. `stored` is when the store took it, by the
    /// store's clock: a key that ended since was right then, and what it said holds.
    ///
    /// # Errors
    /// [`SealError`]; the entry says nothing then.
    pub fn open(&self, verifier: &Verifier, epoch: u64, stored: Timestamp) -> Result<Control, SealError> {
        let (control, v, own, deployment) = match self {
            Self::Freeze(sealed) => {
                let it = sealed.open_any(verifier, stored)?;
                let place = (it.v, it.epoch, it.deployment.clone());
                (Control::Freeze(it), place.0, place.1, place.2)
            }
            Self::Lift(sealed) => {
                let it = sealed.open_any(verifier, stored)?;
                let place = (it.v, it.epoch, it.deployment.clone());
                (Control::Lift(it), place.0, place.1, place.2)
            }
        };
        match (v, own == epoch, deployment == verifier.deployment()) {
            (1, true, true) => Ok(control),
            (1, false, _) => Err(SealError::Inconsistent("an entry of another place in the sequence")),
            (1, _, false) => Err(SealError::Inconsistent("another deployment's entry")),
            _ => Err(SealError::Unreadable),
        }
    }
}
