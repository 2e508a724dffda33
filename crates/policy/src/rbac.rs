//! rbac.yaml as values: roles, bindings, and the rules over them.
//!
//! **Invariant:** inheritance is flat already: a role carries every permission it gives, so that
//! no engine has to follow a chain.

use crate::problems::Mark;
use crate::selector::Selector;
use countersign_core::budget;
use countersign_core::quorum::Quorum;
use countersign_core::time::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// The group word that stands for the owners of whatever the action is about.
pub(crate) const OWNERS: &str = "owners-of-target";

/// The id of the rule that `sensitive:` makes.
pub(crate) const SENSITIVE: &str = "sensitive";

/// rbac.yaml.
#[derive(Debug, Clone, Default)]
pub(crate) struct Rbac {
    pub(crate) roles: BTreeMap<String, Role>,
    pub(crate) bindings: Vec<Binding>,
    pub(crate) denies: Vec<Deny>,
    pub(crate) protected: Vec<Protected>,
    pub(crate) sensitive: Option<Sensitive>,
    pub(crate) approvals: Vec<Approval>,
    pub(crate) freezes: Vec<Freeze>,
    pub(crate) budgets: Vec<Budget>,
    pub(crate) channels: Vec<Channel>,
    /// Where roles, permissions, bindings and rules stand, by what names them: `roles.viewer.allow[0]`.
    pub(crate) places: BTreeMap<String, Mark>,
}

/// What a role permits, inherited permissions included.
#[derive(Debug, Clone, Default)]
pub(crate) struct Role {
    /// Roles it inherits from, directly or not.
    pub(crate) includes: BTreeSet<String>,
    pub(crate) allow: Vec<Permission>,
}

/// One line under `allow`, with the place that names it: `roles.operator.allow[0]`.
#[derive(Debug, Clone)]
pub(crate) struct Permission {
    pub(crate) id: String,
    pub(crate) selector: Selector,
}

/// Who holds a role, and where.
#[derive(Debug, Clone)]
pub(crate) struct Binding {
    /// `bindings[2]`.
    pub(crate) id: String,
    pub(crate) holder: Holder,
    pub(crate) role: String,
    /// `only` and `env` together.
    pub(crate) only: Selector,
    pub(crate) at: Mark,
}

/// Whom a binding is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Holder {
    /// A directory group.
    Group(String),
    /// An SSO subject, `issuer#subject`.
    Subject(String),
}

/// A no that no role outweighs.
#[derive(Debug, Clone)]
pub(crate) struct Deny {
    pub(crate) id: String,
    pub(crate) selector: Selector,
    pub(crate) unless: BTreeSet<String>,
    pub(crate) why: Option<String>,
    pub(crate) at: Mark,
}

/// A resource that needs more than any quorum.
#[derive(Debug, Clone)]
pub(crate) struct Protected {
    pub(crate) id: String,
    pub(crate) selector: Selector,
    pub(crate) pass: Option<Pass>,
    pub(crate) why: Option<String>,
}

/// What passes a protection or a freeze.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pass {
    /// Break-glass, once it is there.
    BreakGlass,
}

/// Who must agree before secret material is shown.
#[derive(Debug, Clone)]
pub(crate) struct Sensitive {
    pub(crate) quorum: Quorum,
    pub(crate) expires: Duration,
    pub(crate) at: Mark,
}

/// Whether a requester must say why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reason {
    Required,
    Optional,
}

/// Who must agree.
#[derive(Debug, Clone)]
pub(crate) struct Approval {
    pub(crate) id: String,
    pub(crate) selector: Selector,
    pub(crate) quorum: Quorum,
    pub(crate) expires: Duration,
    pub(crate) reason: Reason,
    pub(crate) at: Mark,
}

/// A time in which nothing changes.
#[derive(Debug, Clone)]
pub(crate) struct Freeze {
    pub(crate) id: String,
    pub(crate) selector: Selector,
    pub(crate) from: Timestamp,
    pub(crate) to: Timestamp,
    pub(crate) pass: Option<Pass>,
    pub(crate) why: Option<String>,
}

/// How often one person may have something run.
#[derive(Debug, Clone)]
pub(crate) struct Budget {
    /// Its name and its limit.
    pub(crate) is: budget::Budget,
    pub(crate) selector: Selector,
    /// About what this role permits, to whoever holds it.
    pub(crate) role: Option<String>,
}

/// What is taken in a channel.
#[derive(Debug, Clone)]
pub(crate) struct Channel {
    pub(crate) id: String,
    pub(crate) channels: BTreeSet<String>,
    /// Everything else is refused.
    pub(crate) only: Selector,
    /// Whether the front must know that the channel is private.
    pub(crate) is_private: bool,
    pub(crate) why: Option<String>,
}

impl Rbac {
    /// Every quorum of the file with its rule and place.
    pub(crate) fn quorums(&self) -> impl Iterator<Item = (&str, &Quorum, Mark)> {
        let sensitive = self.sensitive.iter().map(|one| (SENSITIVE, &one.quorum, one.at));
        let approvals = self.approvals.iter().map(|one| (one.id.as_str(), &one.quorum, one.at));
        sensitive.chain(approvals)
    }
}
