//! Rules beside the people there are: groups without members, quorums of one, rights for everybody.

use super::Notes;
use crate::problems::ProblemCode;
use crate::rbac::{Holder, OWNERS, Rbac, SENSITIVE};
use countersign_core::principal::Principal;
use countersign_core::quorum::{Clause, Quorum};
use countersign_core::refusal::shown;
use countersign_core::tier::Tier;
use std::collections::BTreeSet;

/// Names of groups that everybody is in, in the directories people use.
const EVERYBODY: [&str; 8] =
    ["everybody", "everyone", "all", "all-users", "all-staff", "domain-users", "employees", "staff"];

/// Grants of more than looking to a group that everybody is in.
pub(super) fn wide(notes: &mut Notes<'_>, everybody: Option<&[Principal]>) {
    let rbac = &notes.policy.rbac;
    for binding in &rbac.bindings {
        let Holder::Group(group) = &binding.holder else { continue };
        let permissions = rbac.roles.get(&binding.role).map(|role| role.allow.as_slice()).unwrap_or_default();
        let given = permissions.iter().filter_map(|one| crate::rbac_file::narrowed(one, binding));
        let most = given.flat_map(|one| Tier::ALL.into_iter().filter(move |tier| one.has_tier(*tier))).max();
        if most > Some(Tier::Read) && is_everybody(group, everybody) {
            let message =
                format!("everybody is in `{}`, and role `{}` is more than looking", shown(group), binding.role);
            notes.warn(&binding.id, ProblemCode::Wide, message, "bind it to the group of those who need it");
        }
    }
}

fn is_everybody(group: &str, everybody: Option<&[Principal]>) -> bool {
    match everybody {
        Some(people) => {
            let mut active = people.iter().filter(|one| one.is_active_human());
            people.iter().filter(|one| one.is_active_human()).count() > 2
                && active.all(|one| one.groups.contains(group))
        }
        None => EVERYBODY.contains(&group.to_ascii_lowercase().as_str()),
    }
}

/// Groups of bindings, exemptions and quorums that nobody is in.
pub(super) fn without_members(notes: &mut Notes<'_>, everybody: &[Principal]) {
    for (id, group) in groups(&notes.policy.rbac) {
        if members(everybody, &BTreeSet::from([group.clone()])).is_empty() {
            let message = format!("nobody active is in group `{}`, which `{id}` names", shown(&group));
            notes.warn(&id, ProblemCode::Unheld, message, "put somebody in, or name another group");
        }
    }
}

fn groups(rbac: &Rbac) -> BTreeSet<(String, String)> {
    let mut found = BTreeSet::new();
    for binding in &rbac.bindings {
        if let Holder::Group(group) = &binding.holder {
            found.insert((binding.id.clone(), group.clone()));
        }
    }
    for deny in &rbac.denies {
        found.extend(deny.unless.iter().map(|group| (deny.id.clone(), group.clone())));
    }
    for (id, quorum, _) in rbac.quorums() {
        let named = quorum.clauses().iter().flat_map(Clause::any_of).filter(|group| *group != OWNERS);
        found.extend(named.map(|group| (id.to_owned(), group.clone())));
    }
    found
}

/// Quorums that one person fills: always the same one, or any one for what cannot be taken back.
pub(super) fn alone(notes: &mut Notes<'_>, everybody: &[Principal]) {
    let rbac = &notes.policy.rbac;
    let mut rules: Vec<(&str, &Quorum, bool)> = Vec::new();
    rules.extend(rbac.sensitive.iter().map(|one| (SENSITIVE, &one.quorum, false)));
    rules.extend(
        rbac.approvals.iter().map(|one| (one.id.as_str(), &one.quorum, one.selector.has_tier(Tier::Destructive))),
    );
    for (id, quorum, destructive) in rules {
        for quorum in notes.policy.resolved(quorum) {
            for told in scarce(&quorum, everybody) {
                let hint = "who agrees never agrees to their own request; put a second person in";
                notes.warn(id, ProblemCode::Alone, format!("rule `{id}`: {told}"), hint);
            }
            if destructive && quorum.people() == 1 {
                let groups: Vec<String> =
                    quorum.clauses().iter().flat_map(|clause| clause.any_of().iter().map(|one| shown(one))).collect();
                let message =
                    format!("rule `{id}`: one person of {} agrees alone to what is destructive", groups.join(" or "));
                notes.warn(id, ProblemCode::Alone, message, "ask two, or one of each of two groups");
            }
        }
    }
}

/// Slots that only one person can fill.
fn scarce(quorum: &Quorum, everybody: &[Principal]) -> Vec<String> {
    let only = quorum.clauses().iter().filter_map(|clause| {
        let eligible = members(everybody, clause.any_of());
        match eligible.as_slice() {
            [one] => Some(format!("only {} can agree, and then nobody to what they ask for", shown(&one.name))),
            _ => None,
        }
    });
    only.collect()
}

fn members<'p>(everybody: &'p [Principal], groups: &BTreeSet<String>) -> Vec<&'p Principal> {
    everybody.iter().filter(|one| one.is_active_human() && !one.groups.is_disjoint(groups)).collect()
}
