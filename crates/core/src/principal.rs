//! People, and the accounts they speak from.
//!
//! **Invariant:** two principals are the same person exactly when issuer and subject are equal;
//! display names, e-mail addresses and chat accounts never decide it.

use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fmt;

/// An SSO subject: who somebody is, whatever they are called today.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SubjectId {
    /// The issuer that vouches for the subject.
    pub iss: String,
    /// The subject within the issuer.
    pub sub: String,
}

impl fmt::Display for SubjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}#{}", self.iss, self.sub)
    }
}

/// A chat account: where a request or a click came from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Account {
    /// `slack`, `console`, `cli`.
    pub front: String,
    /// Workspace or tenant within the front.
    pub team: String,
    /// The user id within the team.
    pub user: String,
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.front, self.team, self.user)
    }
}

/// What the directory says somebody is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Standing {
    /// A person who works here.
    Active,
    /// A person who no longer does.
    Deactivated,
    /// A guest or a stranger from another organisation.
    Guest,
    /// A program.
    Bot,
}

/// A subject with its groups, and how we know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Principal {
    /// Who it is.
    pub id: SubjectId,
    /// What people call them; shown, never compared.
    pub name: String,
    /// Directory groups.
    pub groups: BTreeSet<String>,
    /// What the directory says they are.
    pub standing: Standing,
    /// How we know: the directory and its version, for the record.
    pub known_by: String,
}

impl Principal {
    /// Whether this is an active human: the only kind that may ask or agree.
    #[must_use]
    pub fn is_active_human(&self) -> bool {
        match self.standing {
            Standing::Active => true,
            Standing::Deactivated | Standing::Guest | Standing::Bot => false,
        }
    }
}
