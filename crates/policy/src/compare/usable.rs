//! Whether somebody may do anything at all to a target.
//!
//! **Invariant:** only permissions that somebody holds are looked at, because nothing else gives a right; whether one
//! of them does is a decision. So a right to one verb or to one resource is found as well.

use super::acts::{Act, Target, acts, command};
use super::probes::quiet;
use super::resources;
use crate::answer::{Asker, decide};
use crate::explain::is_held_by;
use crate::policy::Policy;
use crate::selector::Selector;
use countersign_core::tier::{Mode, Tier};
use std::collections::BTreeSet;

/// What one person could do, on a day without a freeze.
pub(crate) struct Usable<'p> {
    policy: &'p Policy,
    asker: Asker,
    acts: Vec<Act>,
    /// Permissions, each with what its binding leaves of it.
    grants: Vec<[&'p Selector; 2]>,
}

impl<'p> Usable<'p> {
    /// Everything that this person's bindings give.
    pub(crate) fn of(policy: &'p Policy, asker: &Asker) -> Self {
        let policies = [policy, policy];
        let rbac = &policy.rbac;
        let mine = rbac.bindings.iter().filter(|binding| is_held_by(&binding.holder, &asker.principal));
        let grants = mine.flat_map(|binding| {
            let role = rbac.roles.get(&binding.role);
            let permissions = role.map(|role| role.allow.as_slice()).unwrap_or_default();
            permissions.iter().map(|permission| [&permission.selector, &binding.only])
        });
        let asker = Asker { now: quiet(policies), ..asker.clone() };
        Self { policy, asker, acts: acts(policies), grants: grants.collect() }
    }

    /// Whether anything of this tier or a higher one is not denied on a target.
    pub(crate) fn has(&self, target: &Target, from: Tier) -> bool {
        self.grants.iter().any(|grant| self.gives(grant, target, from))
    }

    fn gives(&self, grant: &[&Selector; 2], target: &Target, from: Tier) -> bool {
        let env = target.scope.env.as_deref();
        let is_about = |one: &&Selector| one.tool.has(target.tool.name()) && env.is_none_or(|env| one.env.has(env));
        if !grant.iter().all(is_about) {
            return false;
        }
        let selects = |act: &&Act| grant.iter().all(|one| one.verb.has(&act.verb) && one.has_tier(act.tier));
        let patterns = grant.iter().flat_map(|one| &one.resources);
        let resources = resources::of(target, patterns, &BTreeSet::new());
        let acts = self.acts.iter().filter(|act| act.tool == target.tool && act.tier >= from).filter(selects);
        acts.into_iter().any(|act| resources.iter().any(|special| self.may(act, target, special)))
    }

    fn may(&self, act: &Act, target: &Target, special: &resources::Special) -> bool {
        let asked = command(act, target, special.resources.clone(), Mode::Apply);
        asked.is_some_and(|command| !decide(self.policy, &self.asker, &command).is_denied())
    }
}
