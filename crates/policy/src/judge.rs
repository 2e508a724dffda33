//! One decision, from a request to a yes with conditions or a no with a reason.
//!
//! **Invariant:** the order is fixed: standing, target, floor, deny, allow, protected, freezes, channel,
//! sensitivity, approvals, budgets. A later step can only add to what an earlier one asks for.

mod narrowing;

use crate::catalog::{Catalog, Credentials, Place, Stage};
use crate::engine::Verdict;
use crate::explain;
use crate::policy::Policy;
use crate::rbac::{Approval, OWNERS, SENSITIVE};
use crate::selector::Sight;
use countersign_core::action::{Resource, Scope};
use countersign_core::command::{Command, Tool};
use countersign_core::policy::{Allowance, Confirmation, Factor, Facts, Judgement, Request, Rule};
use countersign_core::refusal::Refusal;
use countersign_core::tier::{Isolation, Mode, Sensitivity, Tier};
use countersign_core::time::Timestamp;
use countersign_core::warrant::CredentialClass;
use std::collections::{BTreeMap, BTreeSet};

/// What the catalog says about the target.
#[derive(Debug, Clone, Copy)]
struct Target<'a> {
    stage: Stage,
    place: &'a Place,
    /// What the entry has; `None` for commands that need no credential.
    credentials: Option<&'a Credentials>,
}

pub(crate) fn judge(policy: &Policy, request: &Request<'_>, facts: &Facts) -> Judgement {
    match decide(policy, request, facts) {
        Ok(allowance) => Judgement::Allowed(allowance),
        Err(refusal) => Judgement::Denied(*refusal),
    }
}

fn decide(policy: &Policy, request: &Request<'_>, facts: &Facts) -> Result<Allowance, Box<Refusal>> {
    if !request.principal.is_active_human() {
        return Err(explain::standing(request.principal).into());
    }
    let command = request.command;
    let target = target(policy, command)?;
    let (tier, reasons) = effective_tier(policy, command, request.at_least);
    let action = command.action();
    let sight = Sight {
        tool: &action.tool,
        verb: &action.verb,
        tier,
        env: action.scope.env.as_deref(),
        resources: &action.resources,
    };
    if let Some(rule) = policy.floor.denies(&sight) {
        return Err(explain::floor(command, rule).into());
    }
    let granted_by = granted(policy, request, &sight)?;
    protected(policy, command, &sight)?;
    frozen(policy, command, &sight, facts.now())?;
    narrowing::in_channel(policy, request, &sight)?;
    isolated(command, target, tier)?;
    let mut rules = sensitive(policy, command, target)?;
    rules.extend(approvals(policy, command, &sight, target)?);
    provided(command, tier, &rules, target)?;
    Ok(Allowance {
        tier,
        sensitivity: action.sensitivity,
        reversibility: action.reversibility,
        isolation: target.place.isolation,
        pool: target.place.pool.clone(),
        granted_by,
        reasons,
        rules,
        confirmation: confirmation(command, tier),
        budgets: narrowing::budgets(policy, request, &sight),
    })
}

/// The entry that the command is about; scope and catalog must say the same.
fn target<'p>(policy: &'p Policy, command: &Command) -> Result<Target<'p>, Box<Refusal>> {
    let catalog = &policy.catalog;
    let Some((place, credentials)) = entry(catalog, command.tool(), &command.action().scope) else {
        return Err(explain::unknown_target(command, &entries(catalog, command.tool())).into());
    };
    if command.action().scope.env.as_ref() != Some(&place.env) {
        return Err(explain::unknown_target(command, &place.env).into());
    }
    // An environment that is not there cannot be said to be harmless.
    let stage = catalog.environments.get(&place.env).map_or(Stage::Production, |one| one.stage);
    Ok(Target { stage, place, credentials })
}

/// Where a command of this tool and scope counts, and what it runs with.
pub(crate) fn entry<'p>(
    catalog: &'p Catalog,
    tool: &Tool,
    scope: &Scope,
) -> Option<(&'p Place, Option<&'p Credentials>)> {
    let name = scope.target.as_ref();
    Some(match tool {
        Tool::Kubectl => {
            let one = catalog.clusters.get(name?)?;
            (&one.place, Some(&one.credentials))
        }
        Tool::Aws => {
            let one = catalog.profiles.get(name?)?;
            (&one.place, Some(&one.credentials))
        }
        Tool::Gcloud => {
            let one = catalog.projects.get(name?)?;
            (&one.place, Some(&one.credentials))
        }
        Tool::Tf => {
            let one = catalog.stacks.get(name?)?;
            (&one.place, Some(&one.credentials))
        }
        Tool::Deploy => {
            // What is rolled out to a cluster is done with that cluster's credentials.
            let one = catalog.services.get(name?)?.environments.get(scope.env.as_ref()?)?;
            (&one.place, Some(&catalog.clusters.get(&one.cluster)?.credentials))
        }
        Tool::Silence => {
            let one = catalog.alertmanagers.get(name?)?;
            (&one.place, Some(&one.credentials))
        }
        Tool::Custom(name) => (&catalog.commands.get(name)?.place, None),
    })
}

/// What the catalog has instead, for the one who asked.
fn entries(catalog: &Catalog, tool: &Tool) -> String {
    fn names<T>(entries: &BTreeMap<String, T>) -> String {
        entries.keys().map(String::as_str).collect::<Vec<_>>().join(", ")
    }
    match tool {
        Tool::Kubectl => names(&catalog.clusters),
        Tool::Aws => names(&catalog.profiles),
        Tool::Gcloud => names(&catalog.projects),
        Tool::Tf => names(&catalog.stacks),
        Tool::Deploy => names(&catalog.services),
        Tool::Silence => names(&catalog.alertmanagers),
        Tool::Custom(_) => names(&catalog.commands),
    }
}

/// The highest of grammar, catalog, thresholds, floor and advice, and why it is higher.
pub(crate) fn effective_tier(policy: &Policy, command: &Command, at_least: Tier) -> (Tier, Vec<String>) {
    let action = command.action();
    let mut tier = action.tier;
    let mut reasons = action.reasons.clone();
    let mut raise = |to: Tier, why: &str| {
        if to > tier {
            tier = to;
            reasons.push(why.to_owned());
        }
    };
    for rule in policy.catalog.raises.iter().chain(&policy.floor.raises) {
        // A raise is about whatever tier the action has.
        let sight = Sight {
            tool: &action.tool,
            verb: &action.verb,
            tier: action.tier,
            env: action.scope.env.as_deref(),
            resources: &action.resources,
        };
        if rule.selector.touches(&sight) {
            raise(rule.tier, &rule.why);
        }
    }
    if action.tier > Tier::Read {
        for threshold in &policy.catalog.vocabulary.thresholds {
            if action.resources.len() >= threshold.objects {
                raise(threshold.tier, &format!("{} objects or more", threshold.objects));
            }
        }
    }
    raise(at_least, "advice raises it");
    (tier, reasons)
}

/// Every resource must be allowed, and none denied.
fn granted(policy: &Policy, request: &Request<'_>, sight: &Sight<'_>) -> Result<Vec<String>, Box<Refusal>> {
    let mut granted_by = BTreeSet::new();
    let mut nothing = sight.resources.is_empty();
    let asker = policy.engine.asker(request.principal);
    for resource in sight.resources {
        match policy.engine.ask(&asker, sight, resource) {
            Verdict::Allowed(id) => drop(granted_by.insert(id)),
            Verdict::Denied(id) => {
                let rule = policy.rbac.denies.iter().find(|rule| rule.id == id);
                return Err(explain::denied(request.command, rule, &id).into());
            }
            // A later resource may be denied by name, which says more than "no role".
            Verdict::Nothing => nothing = true,
            Verdict::Broken => return Err(explain::broken(request.command).into()),
        }
    }
    if nothing {
        let no = explain::not_allowed(request.command, request.principal, &policy.rbac, sight);
        return Err(no.into());
    }
    Ok(granted_by.into_iter().collect())
}

fn protected(policy: &Policy, command: &Command, sight: &Sight<'_>) -> Result<(), Box<Refusal>> {
    let mut rules = policy.rbac.protected.iter().chain(&policy.floor.protected);
    match rules.find(|rule| rule.selector.touches(sight)) {
        Some(rule) => Err(explain::protected(command, rule).into()),
        None => Ok(()),
    }
}

/// A freeze holds changes; looking at an effect changes nothing.
fn frozen(policy: &Policy, command: &Command, sight: &Sight<'_>, now: Timestamp) -> Result<(), Box<Refusal>> {
    if sight.tier == Tier::Read || command.mode() == Mode::DryRun {
        return Ok(());
    }
    // Facts without a time answer with the end of time, which no freeze reaches.
    let timeless = now == Timestamp::from_millis(i64::MAX);
    let on = policy
        .rbac
        .freezes
        .iter()
        .find(|freeze| (timeless || (freeze.from <= now && now < freeze.to)) && freeze.selector.touches(sight));
    match on {
        Some(freeze) => Err(explain::frozen(command, freeze).into()),
        None => Ok(()),
    }
}

fn isolated(command: &Command, target: Target<'_>, tier: Tier) -> Result<(), Box<Refusal>> {
    if target.place.isolation == Isolation::None && tier > Tier::Read {
        return Err(explain::no_isolation(command).into());
    }
    Ok(())
}

/// Secret material needs somebody's agreement, previews included: what they print is printed.
fn sensitive(policy: &Policy, command: &Command, target: Target<'_>) -> Result<Vec<Rule>, Box<Refusal>> {
    match (command.action().sensitivity, &policy.rbac.sensitive) {
        (Sensitivity::Plain, _) => Ok(Vec::new()),
        (Sensitivity::Sensitive, Some(rule)) if !rule.quorum.is_none() => Ok(vec![Rule {
            id: SENSITIVE.to_owned(),
            quorum: rule.quorum.resolve(OWNERS, &target.place.owners),
            factor: Factor::None,
            expires: rule.expires,
        }]),
        (Sensitivity::Sensitive, _) => Err(explain::sensitive(command).into()),
    }
}

/// The credentials it will need exist, so that nobody agrees to what cannot run.
fn provided(command: &Command, tier: Tier, rules: &[Rule], target: Target<'_>) -> Result<(), Box<Refusal>> {
    let Some(credentials) = target.credentials else { return Ok(()) };
    let dry = command.mode() == Mode::DryRun;
    let runs = match (tier, command.action().sensitivity) {
        (Tier::Read, Sensitivity::Plain) => CredentialClass::Read,
        (Tier::Read, Sensitivity::Sensitive) => CredentialClass::Sensitive,
        (Tier::Change, _) => CredentialClass::Change,
        (Tier::Destructive, _) => CredentialClass::Destructive,
    };
    let looks = dry || (command.preview().is_some() && rules.iter().any(|rule| !rule.quorum.is_none()));
    let needed = [(!dry).then_some(runs), looks.then_some(CredentialClass::Preview)];
    match needed.into_iter().flatten().find(|class| credentials.of(*class).is_none()) {
        Some(class) => Err(explain::no_credential(command, class).into()),
        None => Ok(()),
    }
}

/// All matching rules together; one that asks nobody is among them.
///
/// A rule asks as soon as it could be about what the command touches. That nobody else is asked
/// must be said for all of it: by rules that cover every resource whole.
fn approvals(
    policy: &Policy,
    command: &Command,
    sight: &Sight<'_>,
    target: Target<'_>,
) -> Result<Vec<Rule>, Box<Refusal>> {
    if command.mode() == Mode::DryRun {
        return Ok(Vec::new());
    }
    let rules = policy.rbac.approvals.iter();
    let matching: Vec<&Approval> = rules.filter(|rule| rule.selector.touches(sight)).collect();
    for resource in sight.resources {
        enough(policy, command, sight, target.stage, &covering(&matching, resource))?;
    }
    // A rule that asks nobody is part of the answer: the kernel wants to see that somebody wrote it.
    Ok(matching
        .into_iter()
        .map(|rule| Rule {
            id: rule.id.clone(),
            quorum: rule.quorum.resolve(OWNERS, &target.place.owners),
            factor: Factor::None,
            expires: rule.expires,
        })
        .collect())
}

fn covering<'r>(rules: &[&'r Approval], resource: &Resource) -> Vec<&'r Approval> {
    rules.iter().copied().filter(|rule| rule.selector.covers(resource)).collect()
}

/// Whether the rules about one resource ask for as much as the floor does.
fn enough(
    policy: &Policy,
    command: &Command,
    sight: &Sight<'_>,
    stage: Stage,
    rules: &[&Approval],
) -> Result<(), Box<Refusal>> {
    if rules.is_empty() && sight.tier == Tier::Destructive {
        return Err(explain::no_approval_rule(command).into());
    }
    if let Some(least) = policy.floor.least_people(sight, stage) {
        // One person can fill a slot of each rule, so the largest rule counts, not the sum.
        let people = rules.iter().map(|rule| rule.quorum.people()).max().unwrap_or(0);
        if people < least.people {
            return Err(explain::too_few(command, least, sight.tier).into());
        }
    }
    Ok(())
}

/// These always show what they would do first; confirming is their explicit apply. What only looks
/// needs none.
fn confirmation(command: &Command, tier: Tier) -> Confirmation {
    let causes = tier > Tier::Read && command.mode() == Mode::Apply && command.preview().is_some();
    let shows_first = match command.tool() {
        Tool::Tf | Tool::Deploy | Tool::Silence => true,
        Tool::Kubectl | Tool::Aws | Tool::Gcloud | Tool::Custom(_) => false,
    };
    if shows_first && causes { Confirmation::Required } else { Confirmation::NotNeeded }
}

#[cfg(test)]
mod targets;
#[cfg(test)]
mod tests;
