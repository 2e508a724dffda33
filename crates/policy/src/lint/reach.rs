//! Rules that can never decide: about nothing the catalog has, or denied as a whole.

use super::Notes;
use crate::compare::targets;
use crate::problems::ProblemCode;
use crate::rbac_file::narrowed;
use crate::selector::{Selector, Words};
use countersign_core::action::{Resource, Scope};
use countersign_core::command::Tool;
use std::collections::BTreeSet;

/// A thing of the catalog: the word for its tool, its environment, the form of its resources.
struct Thing {
    tool: Tool,
    env: Option<String>,
    forms: Vec<Resource>,
}

/// Selectors about nothing that the catalog has.
pub(super) fn without_target(notes: &mut Notes<'_>) {
    let things = things(notes);
    let rbac = &notes.policy.rbac;
    let mut rules: Vec<(&str, &Selector)> = Vec::new();
    rules.extend(rbac.denies.iter().map(|rule| (rule.id.as_str(), &rule.selector)));
    rules.extend(rbac.protected.iter().map(|rule| (rule.id.as_str(), &rule.selector)));
    rules.extend(rbac.approvals.iter().map(|rule| (rule.id.as_str(), &rule.selector)));
    rules.extend(rbac.freezes.iter().map(|rule| (rule.id.as_str(), &rule.selector)));
    rules.extend(rbac.budgets.iter().map(|rule| (rule.is.rule.as_str(), &rule.selector)));
    rules.extend(rbac.channels.iter().map(|rule| (rule.id.as_str(), &rule.only)));
    rules.extend(rbac.bindings.iter().map(|rule| (rule.id.as_str(), &rule.only)));
    let mut seen = BTreeSet::new();
    for permission in rbac.roles.values().flat_map(|role| &role.allow) {
        if seen.insert(&permission.id) {
            rules.push((&permission.id, &permission.selector));
        }
    }
    for (id, selector) in rules {
        if !things.iter().any(|thing| is_about(selector, thing)) {
            let message = format!("`{id}` is about nothing that the catalog has");
            let hint = "look at its tool, environment and resource: together they select no target";
            notes.warn(id, ProblemCode::Unreachable, message, hint);
        } else if let Some(verb) = unknown_verb(selector) {
            let message = format!("`{id}` is about the verb `{verb}`, which no tool that it selects has");
            notes.warn(id, ProblemCode::Unreachable, message, "verbs are written as in `/countersign help`");
        }
    }
}

fn things(notes: &Notes<'_>) -> Vec<Thing> {
    let known = notes.policy.vocabulary();
    let targets = targets(known).into_iter().map(|target| {
        let usual: Vec<&str> = target.usual.iter().map(String::as_str).collect();
        let Scope { env, target: name, .. } = target.scope;
        let name = name.unwrap_or_default();
        let mut forms = vec![open(&usual)];
        if target.tool == Tool::Kubectl {
            forms.push(Resource::from_parts(&["k8s", &name, "cluster", "*", "*"]));
        }
        Thing { tool: target.tool, env, forms }
    });
    let commands = notes.policy.catalog.commands.iter().map(|(name, command)| Thing {
        tool: Tool::Custom(name.clone()),
        env: command.grammar.env.clone(),
        forms: vec![Resource::from_parts(&["custom", name])],
    });
    targets.chain(commands).collect()
}

/// What is fixed of a target's resources; everything else could be anything.
fn open(usual: &[&str]) -> Resource {
    let fixed = |nth: usize, part: &str| nth < 2 || part == "ns" || usual.first() == Some(&"svc");
    let parts: Vec<&str> =
        usual.iter().enumerate().map(|(nth, part)| if fixed(nth, part) { *part } else { "*" }).collect();
    Resource::from_parts(&parts)
}

fn is_about(selector: &Selector, thing: &Thing) -> bool {
    let form = |form: &Resource| selector.resources.iter().any(|pattern| pattern.touches(form));
    selector.tool.has(thing.tool.name())
        && thing.env.as_deref().is_none_or(|env| selector.env.has(env))
        && (selector.resources.is_empty() || thing.forms.iter().any(form))
}

/// A verb that none of the selected tools has; tools that do not tell their verbs have every one.
fn unknown_verb(selector: &Selector) -> Option<&str> {
    let Words::OneOf(verbs) = &selector.verb else { return None };
    let tools = [Tool::Kubectl, Tool::Aws, Tool::Gcloud, Tool::Tf, Tool::Deploy, Tool::Silence];
    let selected: Vec<Vec<&str>> =
        tools.iter().filter(|tool| selector.tool.has(tool.name())).map(countersign_command::verbs).collect();
    if selected.is_empty() || selected.iter().any(Vec::is_empty) {
        return None;
    }
    verbs.iter().map(String::as_str).find(|verb| !selected.iter().any(|known| known.contains(verb)))
}

/// Channels whose default cluster is one that a rule about the channel does not take.
pub(super) fn channels_that_mean_what_they_refuse(notes: &mut Notes<'_>) {
    let (rbac, catalog) = (&notes.policy.rbac, &notes.policy.catalog);
    for (channel, name) in &catalog.vocabulary.channel_clusters {
        let Some(cluster) = catalog.clusters.get(name) else { continue };
        let rules = rbac.channels.iter().filter(|rule| rule.channels.contains(channel));
        for rule in rules.filter(|rule| !rule.only.env.has(&cluster.place.env)) {
            let message = format!(
                "`{}` does not take `{}`, and channel `{channel}` means cluster `{name}` there",
                rule.id, cluster.place.env
            );
            let hint = "give the channel another cluster under `channels` of catalog.yaml, or none";
            notes.warn(&rule.id, ProblemCode::Unreachable, message, hint);
        }
    }
}

/// Permissions that a denial takes away wherever they are given.
pub(super) fn denied_whole(notes: &mut Notes<'_>) {
    let rbac = &notes.policy.rbac;
    for binding in &rbac.bindings {
        let permissions = rbac.roles.get(&binding.role).map(|role| role.allow.as_slice()).unwrap_or_default();
        for permission in permissions {
            let Some(given) = narrowed(permission, binding) else { continue };
            let denial = rbac.denies.iter().find(|deny| deny.unless.is_empty() && covers(&deny.selector, &given));
            if let Some(deny) = denial {
                let message = format!("`{}` is given by `{}` and denied by `{}`", permission.id, binding.id, deny.id);
                let hint = "a denial that exempts no group outweighs it everywhere; take one of the two away";
                notes.warn(&binding.id, ProblemCode::Unreachable, message, hint);
            }
        }
    }
}

/// Whether everything that `narrow` selects is selected by `wide`.
pub(super) fn covers(wide: &Selector, narrow: &Selector) -> bool {
    let words = |wide: &Words, narrow: &Words| match (wide, narrow) {
        (Words::Any, _) => true,
        (Words::OneOf(_), Words::Any) => false,
        (Words::OneOf(wide), Words::OneOf(narrow)) => narrow.is_subset(wide),
    };
    let tiers = wide.tiers.is_empty() || (!narrow.tiers.is_empty() && narrow.tiers.is_subset(&wide.tiers));
    let resources = wide.resources.is_empty()
        || (!narrow.resources.is_empty() && narrow.resources.iter().all(|one| wide.resources.contains(one)));
    words(&wide.tool, &narrow.tool)
        && words(&wide.verb, &narrow.verb)
        && words(&wide.env, &narrow.env)
        && tiers
        && resources
}
