//! What narrows a yes: the channel it was asked in, and how often somebody may.
//!
//! **Invariant:** neither gives a right, lowers a tier or takes an approval away.

use crate::explain;
use crate::policy::Policy;
use crate::rbac::Budget as Rule;
use crate::rbac_file::narrowed;
use crate::selector::Sight;
use countersign_core::budget::Budget;
use countersign_core::channel::Privacy;
use countersign_core::policy::Request;
use countersign_core::principal::Principal;
use countersign_core::refusal::Refusal;
use countersign_core::tier::Mode;

/// Every rule about the channel takes the command; a channel without a rule takes everything.
pub(super) fn in_channel(policy: &Policy, request: &Request<'_>, sight: &Sight<'_>) -> Result<(), Box<Refusal>> {
    let Some(channel) = request.channel else { return Ok(()) };
    for rule in policy.rbac.channels.iter().filter(|rule| rule.channels.contains(&channel.id)) {
        if !rule.only.takes(sight) {
            return Err(explain::other_channel(request.command, rule).into());
        }
        if rule.is_private && channel.privacy != Privacy::Private {
            return Err(explain::private_channel(request.command, rule).into());
        }
    }
    Ok(())
}

/// The budgets of which the command takes a unit. What only shows takes none.
pub(super) fn budgets(policy: &Policy, request: &Request<'_>, sight: &Sight<'_>) -> Vec<Budget> {
    if request.command.mode() == Mode::DryRun {
        return Vec::new();
    }
    let rules = policy.rbac.budgets.iter().filter(|rule| rule.selector.touches(sight));
    rules.filter(|rule| is_by_role(policy, rule, request.principal, sight)).map(|rule| rule.is.clone()).collect()
}

/// Whether it is something that the rule's role permits and this person holds that role for, directly or by
/// inheritance. That another role permits it as well makes no difference.
fn is_by_role(policy: &Policy, rule: &Rule, principal: &Principal, sight: &Sight<'_>) -> bool {
    let Some(name) = &rule.role else { return true };
    let Some(role) = policy.rbac.roles.get(name) else { return true };
    let permits: Vec<_> = role.allow.iter().filter(|one| one.selector.touches(sight)).collect();
    if permits.is_empty() {
        return false;
    }
    let gives = |of: &String| of == name || policy.rbac.roles.get(of).is_some_and(|role| role.includes.contains(name));
    let bindings = policy.rbac.bindings.iter().filter(|binding| gives(&binding.role));
    bindings.filter(|binding| explain::is_held_by(&binding.holder, principal)).any(|binding| {
        permits
            .iter()
            .any(|one| narrowed(one, binding).is_some_and(|both| both.touches(sight) && binding.only.touches(sight)))
    })
}

#[cfg(test)]
mod tests;
