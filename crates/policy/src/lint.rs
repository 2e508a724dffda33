//! What is no mistake and probably not meant: rules that never decide, rights nobody holds, people
//! who agree alone.
//!
//! **Invariant:** a warning is about a file that loads; it never keeps one from coming into force.

mod people;
mod reach;
mod twice;

use crate::policy::Policy;
use crate::problems::{Mark, ProblemCode, Problems};
use crate::reader::Reader;
use countersign_core::principal::Principal;
use std::collections::BTreeSet;

/// Warns about the rules of a policy, and about the people when a directory is at hand.
#[must_use]
pub fn lint(policy: &Policy, everybody: Option<&[Principal]>) -> Problems {
    let source = &policy.sources().rbac;
    let mut notes = Notes { reader: Reader::new(&source.name, &source.text), policy };
    roles_nobody_holds(&mut notes);
    reach::without_target(&mut notes);
    reach::denied_whole(&mut notes);
    reach::channels_that_mean_what_they_refuse(&mut notes);
    twice::said_twice(&mut notes);
    people::wide(&mut notes, everybody);
    if let Some(everybody) = everybody {
        people::without_members(&mut notes, everybody);
        people::alone(&mut notes, everybody);
    }
    Problems::of(notes.reader.problems())
}

/// Collects warnings at the places of rules.
struct Notes<'p> {
    reader: Reader<'p>,
    policy: &'p Policy,
}

impl Notes<'_> {
    /// A warning about the rule with this id: `bindings[1]`, `prod-change`, `roles.viewer`.
    fn warn(&mut self, id: &str, code: ProblemCode, message: impl Into<String>, hint: &str) {
        let at = self.policy.rbac.places.get(id).copied().unwrap_or_else(Mark::default);
        self.reader.note_with_hint(at, code, message, hint);
    }
}

fn roles_nobody_holds(notes: &mut Notes<'_>) {
    let rbac = &notes.policy.rbac;
    let mut held: BTreeSet<&String> = rbac.bindings.iter().map(|binding| &binding.role).collect();
    let includes = rbac.bindings.iter().filter_map(|binding| rbac.roles.get(&binding.role));
    held.extend(includes.flat_map(|role| &role.includes));
    for name in rbac.roles.keys().filter(|name| !held.contains(name)) {
        let hint = "bind it to a group, or take it away";
        notes.warn(&format!("roles.{name}"), ProblemCode::Unheld, format!("nobody holds role `{name}`"), hint);
    }
    let counted = rbac.budgets.iter().filter_map(|budget| Some((&budget.is.rule, budget.role.as_ref()?)));
    for (id, role) in counted.filter(|(_, role)| !held.contains(role)) {
        let message = format!("`{id}` counts what role `{role}` permits, and nobody holds that role");
        notes.warn(id, ProblemCode::Unheld, message, "bind the role to a group, or take the budget away");
    }
}

#[cfg(test)]
mod tests;
