//! Rules of which another says the same, or more.

use super::Notes;
use super::reach::covers;
use crate::problems::ProblemCode;
use crate::rbac::{Approval, Binding, Budget, Channel, Deny, Permission, Rbac};

/// Warns about the later of two rules when the earlier makes it needless, and the other way round.
pub(super) fn said_twice(notes: &mut Notes<'_>) {
    let rbac = &notes.policy.rbac;
    let mut found = Vec::new();
    for role in rbac.roles.values() {
        found.extend(needless(&role.allow, |one| one.id.as_str(), gives_more));
    }
    found.extend(needless(&rbac.bindings, |one| one.id.as_str(), |wide, narrow| binds_more(rbac, wide, narrow)));
    found.extend(needless(&rbac.denies, |one| one.id.as_str(), denies_more));
    found.extend(needless(&rbac.approvals, |one| one.id.as_str(), asks_more));
    found.extend(needless(&rbac.budgets, |one| one.is.rule.as_str(), counts_more));
    found.extend(needless(&rbac.channels, |one| one.id.as_str(), narrows_more));
    found.sort();
    found.dedup();
    for (id, by) in found {
        let hint = "take it away, or say in what it is meant to differ";
        notes.warn(&id, ProblemCode::Unreachable, format!("`{id}` says nothing that `{by}` does not say"), hint);
    }
}

/// Pairs of a needless rule and the one that makes it so; of two alike the later one is needless.
fn needless<T>(all: &[T], id: fn(&T) -> &str, more: impl Fn(&T, &T) -> bool) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for (nth, one) in all.iter().enumerate() {
        let by = all.iter().enumerate().find(|(other_nth, other)| {
            *other_nth != nth && id(one) != id(other) && more(other, one) && (*other_nth < nth || !more(one, other))
        });
        found.extend(by.map(|(_, by)| (id(one).to_owned(), id(by).to_owned())));
    }
    found
}

fn gives_more(wide: &Permission, narrow: &Permission) -> bool {
    covers(&wide.selector, &narrow.selector)
}

fn binds_more(rbac: &Rbac, wide: &Binding, narrow: &Binding) -> bool {
    let includes = rbac.roles.get(&wide.role).is_some_and(|role| role.includes.contains(&narrow.role));
    wide.holder == narrow.holder && (wide.role == narrow.role || includes) && covers(&wide.only, &narrow.only)
}

fn denies_more(wide: &Deny, narrow: &Deny) -> bool {
    wide.unless.is_subset(&narrow.unless) && covers(&wide.selector, &narrow.selector)
}

/// Approvals apply together, so one is needless only when another asks the same people as soon.
fn asks_more(wide: &Approval, narrow: &Approval) -> bool {
    wide.quorum == narrow.quorum
        && wide.expires <= narrow.expires
        && wide.reason == narrow.reason
        && covers(&wide.selector, &narrow.selector)
}

/// Whoever may do all of it so often may do a part of it no more often.
fn counts_more(wide: &Budget, narrow: &Budget) -> bool {
    wide.is.per == narrow.is.per
        && wide.is.units <= narrow.is.units
        && (wide.role.is_none() || wide.role == narrow.role)
        && covers(&wide.selector, &narrow.selector)
}

/// Of two rules about a channel, the one that takes less says what the other does.
fn narrows_more(strict: &Channel, lax: &Channel) -> bool {
    lax.channels.is_subset(&strict.channels)
        && (strict.is_private || !lax.is_private)
        && covers(&lax.only, &strict.only)
}
