//! What came of one probe, as far as people would notice: not the names of rules, not their order.
//!
//! **Invariant:** two outcomes are equal when nobody could tell them apart; a renamed rule is equal.

use crate::answer::{Answer, Decision};
use crate::policy::Policy;
use countersign_core::action::Scope;
use countersign_core::budget::Per;
use countersign_core::refusal::{Code, Refusal};
use countersign_core::tier::{Isolation, Sensitivity, Tier};
use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

/// What came of a probe.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Outcome {
    decision: Decision,
    quorums: BTreeSet<String>,
    refusal: Option<Code>,
    tier: Option<Tier>,
    sensitivity: Option<Sensitivity>,
    lasts: Option<Duration>,
    reason: bool,
    /// How often, of each budget.
    budgets: BTreeSet<(u32, Per)>,
    pool: Option<String>,
    isolation: Option<Isolation>,
    /// Where, of a line whose place the catalog decides.
    scope: Option<Scope>,
}

/// Which way a difference goes, for whoever asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Direction {
    /// It was refused and is no longer.
    Gains,
    /// It may be done before and after, and not in the same way.
    Changes,
    /// It is refused now.
    Loses,
    /// It is refused before and after, for another reason.
    StaysRefused,
}

impl Direction {
    /// The word in logs and metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Gains => "gains",
            Self::Changes => "changes",
            Self::Loses => "loses",
            Self::StaysRefused => "stays-refused",
        }
    }
}

impl Outcome {
    pub(crate) fn of(policy: &Policy, answer: &Answer) -> Self {
        let quorums = answer.quorums();
        Self {
            decision: answer.decision,
            reason: quorums.iter().any(|(rule, _)| policy.asks_for_reason(rule)),
            quorums: quorums.into_iter().map(|(_, quorum)| quorum.to_string()).collect(),
            refusal: answer.refusal.as_ref().map(Refusal::code),
            // Of what is refused, the rest is not to be seen.
            tier: answer.tier.filter(|_| !answer.is_denied()),
            sensitivity: answer.sensitivity.filter(|_| !answer.is_denied()),
            lasts: answer.lasts,
            budgets: answer.budgets.iter().map(|budget| (budget.units, budget.per)).collect(),
            pool: answer.pool.clone(),
            isolation: answer.isolation,
            scope: None,
        }
    }

    /// The same, with the place it would happen at.
    pub(crate) fn with_scope(self, answer: &Answer) -> Self {
        let scope = answer.command.as_ref().map(|command| command.action().scope.clone());
        Self { scope: scope.filter(|_| !answer.is_denied()), ..self }
    }

    fn is_denied(&self) -> bool {
        self.decision == Decision::Denied
    }

    pub(crate) fn direction(&self, new: &Self) -> Direction {
        match (self.is_denied(), new.is_denied()) {
            (true, false) => Direction::Gains,
            (false, true) => Direction::Loses,
            (false, false) => Direction::Changes,
            (true, true) => Direction::StaysRefused,
        }
    }

    /// In words, with what makes it another than `other`.
    pub(crate) fn told_beside(&self, other: &Self) -> String {
        let mut words = vec![self.to_string()];
        if self.is_denied() || other.is_denied() {
            return words.remove(0);
        }
        let mut differs = |differs: bool, said: String| words.extend(differs.then_some(said));
        differs(self.tier != other.tier, format!("as {}", or_none(self.tier)));
        differs(self.sensitivity != other.sensitivity, format!("output {}", or_none(self.sensitivity)));
        differs(self.lasts != other.lasts, self.lasts.map_or_else(String::new, within));
        differs(self.budgets != other.budgets, counted(&self.budgets));
        differs(self.pool != other.pool, format!("by pool {}", or_none(self.pool.as_ref())));
        differs(self.isolation != other.isolation, format!("isolation {}", or_none(self.isolation)));
        differs(self.scope != other.scope, place(self.scope.as_ref()));
        words.join(", ")
    }
}

fn or_none(value: Option<impl fmt::Display>) -> String {
    value.map_or_else(|| "none".to_owned(), |value| value.to_string())
}

fn within(lasts: Duration) -> String {
    let seconds = lasts.as_secs();
    if seconds.is_multiple_of(60) { format!("within {} min", seconds / 60) } else { format!("within {seconds} s") }
}

fn counted(budgets: &BTreeSet<(u32, Per)>) -> String {
    let told: Vec<String> = budgets.iter().map(|(units, per)| format!("{units} a {}", per.as_str())).collect();
    if told.is_empty() { "as often as wanted".to_owned() } else { format!("at most {}", told.join(" and ")) }
}

fn place(scope: Option<&Scope>) -> String {
    let scope = scope.cloned().unwrap_or_default();
    let parts = [scope.target, scope.region, scope.namespace];
    format!("at {}", parts.into_iter().flatten().collect::<Vec<_>>().join("/"))
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let quorums: Vec<&str> = self.quorums.iter().map(String::as_str).collect();
        match (self.decision, quorums.as_slice()) {
            (Decision::Cleared, _) => f.write_str("runs at once"),
            (Decision::Preview, _) => f.write_str("is shown at once"),
            (Decision::Pending, []) => f.write_str("needs a confirmation"),
            (Decision::Pending, quorums) => write!(f, "needs {}", quorums.join(" and ")),
            (Decision::Denied, _) => {
                write!(f, "refused: {}", or_none(self.refusal))
            }
        }?;
        if self.reason { f.write_str(" and a reason") } else { Ok(()) }
    }
}
