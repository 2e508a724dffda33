//! What changes for whom when one policy takes the place of another.
//!
//! **Invariant:** computed over decisions and never over rules, so a file in another order differs in
//! nothing, and a right is found on whatever way somebody gets it.
//!
//! Asked is everything that rules can tell apart: every class of people, every target of either
//! catalog, a verb for each tool and tier and every verb that a rule names, the usual resource and
//! one for every pattern, applied and shown first, on a usual day and at the edges of every freeze, and in
//! every channel that a rule names.

mod acts;
mod grouped;
mod outcome;
mod people;
mod probes;
mod resources;
mod usable;

pub(crate) use acts::{targets, usual};
pub use grouped::{Comparison, Difference};
pub use outcome::Direction;

pub(crate) use usable::Usable;

use crate::policy::Policy;
pub(crate) use outcome::Outcome;
pub(crate) use people::Person;

/// Every class of people that the rules of one policy tell apart.
pub(crate) fn classes(policy: &Policy) -> Vec<Person> {
    people::people([policy, policy])
}

/// How `new` differs from `old`.
#[must_use]
pub fn compare(old: &Policy, new: &Policy) -> Comparison {
    let people = people::people([old, new]);
    let probes = probes::probes([old, new]);
    let mut seen = Vec::new();
    for probe in &probes {
        let both: Vec<(Outcome, Outcome)> =
            people.iter().map(|one| (probe.ask(old, &one.asker), probe.ask(new, &one.asker))).collect();
        for (person, (before, after)) in people.iter().zip(&both) {
            if before == after || explained(&both, &person.made_of, before, after) {
                continue;
            }
            seen.push(grouped::Seen { who: &person.told, probe, before: before.clone(), after: after.clone() });
        }
    }
    Comparison::of(&probes, seen, probes.len() * people.len())
}

/// Whether the same comes for somebody who is part of them.
fn explained(both: &[(Outcome, Outcome)], made_of: &[usize], before: &Outcome, after: &Outcome) -> bool {
    made_of.iter().filter_map(|nth| both.get(*nth)).any(|(old, new)| old == before && new == after)
}

#[cfg(test)]
mod tests;
