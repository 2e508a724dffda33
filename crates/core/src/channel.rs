//! Where in a chat something was typed.
//!
//! **Invariant:** a channel is private only if the front knows that it is; whoever does not know says so.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Who can read along.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Privacy {
    /// Only those who were let in.
    Private,
    /// Anybody of the organisation, or the front does not know.
    #[default]
    NotKnown,
}

/// A channel of a front.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Channel {
    /// The front's own name for it: Slack's `C0123456789`.
    pub id: String,
    /// What the front knows of who reads along.
    pub privacy: Privacy,
}

impl Channel {
    /// A channel that is not known to be private.
    #[must_use]
    pub fn named(id: impl Into<String>) -> Self {
        Self { id: id.into(), privacy: Privacy::NotKnown }
    }

    /// A channel that is known to be private.
    #[must_use]
    pub fn private(id: impl Into<String>) -> Self {
        Self { id: id.into(), privacy: Privacy::Private }
    }
}

impl fmt::Display for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.id)
    }
}
