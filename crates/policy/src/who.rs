//! Who could run a command: every class of people that rules tell apart is asked for.
//!
//! **Invariant:** computed by decisions; a group stands here because somebody in it and in no other
//! would get this answer.

use crate::answer::{Answer, Asker, Decision, decide};
use crate::compare::classes;
use crate::policy::Policy;
use crate::rbac::Holder;
use countersign_core::command::{Command, CommandParts};
use countersign_core::refusal::shown;
use countersign_core::tier::Mode;
use std::collections::{BTreeMap, BTreeSet};

/// What would come of a command for every class of people.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct WhoCan {
    /// Classes for whom it runs at once: `group sre (owner)`.
    pub at_once: Vec<String>,
    /// Classes for whom it waits, by what it waits for.
    pub if_agreed: BTreeMap<String, Vec<String>>,
    /// Who could agree: a rule, how many, of which groups.
    pub approvers: Vec<Approvers>,
    /// Why everybody else is refused, by code, with one sentence each.
    pub refused: BTreeMap<String, String>,
}

/// Who could agree for one part of a quorum.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
pub struct Approvers {
    /// The rule.
    pub rule: String,
    /// How many.
    pub count: usize,
    /// Of these groups.
    pub any_of: BTreeSet<String>,
}

/// Asks for everybody. What was typed without `--apply` is asked for as if it were with it.
#[must_use]
pub fn who_can(policy: &Policy, asker: &Asker, command: &Command) -> WhoCan {
    let parts = CommandParts { mode: Mode::Apply, ..command.parts().clone() };
    let command = Command::new(parts).unwrap_or_else(|_| command.clone());
    let mut found =
        WhoCan { at_once: Vec::new(), if_agreed: BTreeMap::new(), approvers: Vec::new(), refused: BTreeMap::new() };
    let mut approvers = BTreeSet::new();
    let mut allowed = Vec::new();
    for class in classes(policy) {
        let here = Asker { channel: asker.channel.clone(), now: asker.now, ..class.asker.clone() };
        let answer = decide(policy, &here, &command);
        // Somebody who is in two groups is told only when neither is enough by itself.
        let known = class.made_of.iter().any(|part| allowed.get(*part).copied().unwrap_or(false));
        allowed.push(!answer.is_denied());
        if !known {
            found.add(&named(policy, &class.told), &answer);
            approvers.extend(agree(&answer));
        }
    }
    found.approvers = approvers.into_iter().collect();
    found
}

impl WhoCan {
    fn add(&mut self, class: &str, answer: &Answer) {
        match answer.decision {
            Decision::Cleared | Decision::Preview => self.at_once.push(class.to_owned()),
            Decision::Pending => self.if_agreed.entry(waits_for(answer)).or_default().push(class.to_owned()),
            Decision::Denied => {
                if let Some(refusal) = &answer.refusal {
                    self.refused.entry(refusal.code().to_string()).or_insert_with(|| refusal.to_string());
                }
            }
        }
    }

    /// Rows of a label and what it says, for people.
    #[must_use]
    pub fn told(&self) -> Vec<(&'static str, String)> {
        let mut rows = Vec::new();
        if !self.at_once.is_empty() {
            rows.push(("at once", self.at_once.join(", ")));
        }
        for (waits, classes) in &self.if_agreed {
            rows.push(("if people agree", format!("{}: {waits}", classes.join(", "))));
        }
        for one in &self.approvers {
            let groups: Vec<String> = one.any_of.iter().map(|group| format!("group {}", shown(group))).collect();
            let says =
                format!("{} of {} (rule `{}`), never who asks", one.count, groups.join(" or "), shown(&one.rule));
            rows.push(("could agree", says));
        }
        if self.at_once.is_empty() && self.if_agreed.is_empty() {
            rows.push(("nobody", self.refused.values().cloned().collect::<Vec<_>>().join("; ")));
        }
        rows
    }
}

fn waits_for(answer: &Answer) -> String {
    let quorums = answer.quorums();
    if quorums.is_empty() {
        return "their own confirmation".to_owned();
    }
    let told: Vec<String> = quorums.iter().map(|(rule, quorum)| format!("{quorum} (rule `{}`)", shown(rule))).collect();
    told.join(" and ")
}

fn agree(answer: &Answer) -> Vec<Approvers> {
    let mut found = Vec::new();
    for (rule, quorum) in answer.quorums() {
        found.extend(quorum.clauses().iter().map(|clause| Approvers {
            rule: rule.to_owned(),
            count: clause.count(),
            any_of: clause.any_of().clone(),
        }));
    }
    found
}

/// The class with the roles it is bound to.
fn named(policy: &Policy, class: &str) -> String {
    let holder = |holder: &Holder| match holder {
        Holder::Group(group) => format!("group {group}"),
        Holder::Subject(subject) => format!("subject {subject}"),
    };
    let bound = policy.rbac.bindings.iter().filter(|binding| holder(&binding.holder) == class);
    let roles: BTreeSet<&str> = bound.map(|binding| binding.role.as_str()).collect();
    if roles.is_empty() {
        return shown(class);
    }
    format!("{} ({})", shown(class), roles.into_iter().collect::<Vec<_>>().join(", "))
}

#[cfg(test)]
mod tests;
