//! A second rbac.yaml beside the one in force: what it would have said.
//!
//! **Invariant:** a shadow is asked after the decision and can change nothing of it; what it says
//! names rules and quorums, never what was typed.

use crate::answer::{Asker, decide};
use crate::compare::{Direction, Outcome};
use crate::policy::Policy;
use countersign_core::command::Command;

/// One request that the two would not treat alike.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShadowDifference {
    /// Which way it goes under the shadow, for whoever asked.
    pub direction: Direction,
    /// What comes of it in force: `needs 1 of sre`.
    pub live: String,
    /// What would come of it under the shadow.
    pub shadow: String,
}

/// Asks both; none when nobody could tell the answers apart.
#[must_use]
pub fn beside(live: &Policy, shadow: &Policy, asker: &Asker, command: &Command) -> Option<ShadowDifference> {
    let before = Outcome::of(live, &decide(live, asker, command));
    let after = Outcome::of(shadow, &decide(shadow, asker, command));
    (before != after).then(|| ShadowDifference {
        direction: before.direction(&after),
        live: before.told_beside(&after),
        shadow: after.told_beside(&before),
    })
}
