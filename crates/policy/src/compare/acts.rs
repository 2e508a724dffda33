//! What is done to a target, for comparisons: the verbs that stand for each tool and tier.
//!
//! **Invariant:** rules look at tool, verb, tier, environment and resource and at nothing else, so a
//! verb that no rule names is told from no other of its tool and tier.

use crate::policy::Policy;
use crate::rbac::Rbac;
use crate::selector::{Selector, Words};
use countersign_command::Vocabulary;
use countersign_core::action::{Action, Resource, Scope};
use countersign_core::command::{Argv, Command, CommandParts, EffectForm, PreviewPlan, Tool};
use countersign_core::tier::{Mode, Reversibility, Sensitivity, Tier};
use std::collections::BTreeSet;

/// A target of the catalog, and a resource in it that nothing is special about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Target {
    pub(crate) tool: Tool,
    pub(crate) scope: Scope,
    pub(crate) usual: Vec<String>,
}

/// Something done to targets of a tool.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Act {
    pub(super) tool: Tool,
    pub(super) verb: String,
    pub(super) tier: Tier,
    pub(super) sensitivity: Sensitivity,
}

/// A verb for each tool and tier.
const USUAL: [(Tool, Tier, &str); 18] = [
    (Tool::Kubectl, Tier::Read, "get"),
    (Tool::Kubectl, Tier::Change, "scale"),
    (Tool::Kubectl, Tier::Destructive, "delete"),
    (Tool::Aws, Tier::Read, "ec2 describe-instances"),
    (Tool::Aws, Tier::Change, "ec2 start-instances"),
    (Tool::Aws, Tier::Destructive, "ec2 terminate-instances"),
    (Tool::Gcloud, Tier::Read, "compute instances list"),
    (Tool::Gcloud, Tier::Change, "compute instances start"),
    (Tool::Gcloud, Tier::Destructive, "compute instances delete"),
    (Tool::Tf, Tier::Read, "plan"),
    (Tool::Tf, Tier::Change, "apply"),
    (Tool::Tf, Tier::Destructive, "apply"),
    (Tool::Deploy, Tier::Read, "status"),
    (Tool::Deploy, Tier::Change, "deploy"),
    (Tool::Deploy, Tier::Destructive, "rollback"),
    (Tool::Silence, Tier::Read, "list"),
    (Tool::Silence, Tier::Change, "silence"),
    (Tool::Silence, Tier::Destructive, "silence"),
];

/// The tools whose reads can show secret material.
const SECRETIVE: [Tool; 3] = [Tool::Kubectl, Tool::Aws, Tool::Gcloud];

/// The usual verbs, and those that a rule of either policy names, in every tier.
pub(super) fn acts(policies: [&Policy; 2]) -> Vec<Act> {
    let plain = |tool: &Tool, verb: &str, tier| Act {
        tool: tool.clone(),
        verb: verb.to_owned(),
        tier,
        sensitivity: Sensitivity::Plain,
    };
    let mut found: BTreeSet<Act> = USUAL.iter().map(|(tool, tier, verb)| plain(tool, verb, *tier)).collect();
    let secret = USUAL.iter().filter(|(tool, tier, _)| *tier == Tier::Read && SECRETIVE.contains(tool));
    found.extend(
        secret.map(|(tool, tier, verb)| Act { sensitivity: Sensitivity::Sensitive, ..plain(tool, verb, *tier) }),
    );
    for selector in policies.iter().flat_map(|policy| selectors(policy)) {
        let Words::OneOf(verbs) = &selector.verb else { continue };
        let tools: BTreeSet<&Tool> =
            USUAL.iter().map(|(tool, ..)| tool).filter(|tool| selector.tool.has(tool.name())).collect();
        for (tool, verb) in tools.iter().flat_map(|tool| verbs.iter().map(move |verb| (tool, verb))) {
            let tiers = Tier::ALL.into_iter().filter(|tier| *tier >= at_least(policies, tool, verb));
            found.extend(tiers.map(|tier| plain(tool, verb, tier)));
        }
    }
    found.into_iter().collect()
}

/// The tier that the floor gives a verb, whatever a grammar says.
fn at_least(policies: [&Policy; 2], tool: &Tool, verb: &str) -> Tier {
    let raises = policies.iter().flat_map(|policy| &policy.floor.raises);
    let about = raises.filter(|raise| raise.selector.tool.has(tool.name()) && raise.selector.verb.has(verb));
    about.map(|raise| raise.tier).max().unwrap_or(Tier::Read)
}

/// Every selector of the two files.
pub(super) fn selectors(policy: &Policy) -> Vec<&Selector> {
    let raises = policy.catalog.raises.iter().map(|raise| &raise.selector);
    of_rules(&policy.rbac).chain(raises).collect()
}

fn of_rules(rbac: &Rbac) -> impl Iterator<Item = &Selector> {
    let permissions = rbac.roles.values().flat_map(|role| role.allow.iter().map(|one| &one.selector));
    let bindings = rbac.bindings.iter().map(|one| &one.only);
    let denies = rbac.denies.iter().map(|one| &one.selector);
    let protected = rbac.protected.iter().map(|one| &one.selector);
    let approvals = rbac.approvals.iter().map(|one| &one.selector);
    let freezes = rbac.freezes.iter().map(|one| &one.selector);
    let budgets = rbac.budgets.iter().map(|one| &one.selector);
    let channels = rbac.channels.iter().map(|one| &one.only);
    let rights = permissions.chain(bindings).chain(denies).chain(protected);
    rights.chain(approvals).chain(freezes).chain(budgets).chain(channels)
}

/// The targets of a catalog; a service has one for each of its environments.
pub(crate) fn targets(known: &Vocabulary) -> BTreeSet<Target> {
    let mut found = BTreeSet::new();
    let mut add = |tool: Tool, env: &str, name: &str, region: Option<&str>, namespace: Option<&str>, usual: &[&str]| {
        found.insert(Target {
            tool,
            scope: Scope {
                env: Some(env.to_owned()),
                target: Some(name.to_owned()),
                namespace: namespace.map(str::to_owned),
                region: region.map(str::to_owned),
            },
            usual: usual.iter().map(|part| (*part).to_owned()).collect(),
        });
    };
    for (name, one) in &known.clusters {
        let usual = ["k8s", name, "ns", &one.namespace, "deployments.apps", "api"];
        add(Tool::Kubectl, &one.env, name, None, Some(&one.namespace), &usual);
    }
    for (name, one) in &known.profiles {
        add(
            Tool::Aws,
            &one.env,
            name,
            Some(&one.region),
            None,
            &["aws", name, &one.region, "ec2", "describe-instances"],
        );
    }
    for (name, one) in &known.projects {
        add(Tool::Gcloud, &one.env, name, None, None, &["gcp", name, "compute.instances", "api"]);
    }
    for (name, one) in &known.stacks {
        add(Tool::Tf, &one.env, name, None, None, &["tf", name]);
    }
    for (name, env) in known.services.iter().flat_map(|(name, one)| one.environments.iter().map(move |env| (name, env)))
    {
        add(Tool::Deploy, env, name, None, None, &["svc", name, env]);
    }
    for (name, one) in &known.alertmanagers {
        add(Tool::Silence, &one.env, name, None, None, &["am", name]);
    }
    found
}

/// The usual command of this tier on a target; none for a tool that has nothing of the kind.
pub(crate) fn usual(target: &Target, tier: Tier, sensitivity: Sensitivity) -> Option<Command> {
    if sensitivity == Sensitivity::Sensitive && !SECRETIVE.contains(&target.tool) {
        return None;
    }
    let (tool, _, verb) = USUAL.iter().find(|(tool, of, _)| *tool == target.tool && *of == tier)?;
    let act = Act { tool: tool.clone(), verb: (*verb).to_owned(), tier, sensitivity };
    let parts: Vec<&str> = target.usual.iter().map(String::as_str).collect();
    command(&act, target, vec![Resource::from_parts(&parts)], Mode::Apply)
}

/// The command that does this to these resources. It is never run, so its argv is its name alone.
pub(super) fn command(act: &Act, target: &Target, resources: Vec<Resource>, mode: Mode) -> Option<Command> {
    let argv = Argv::new(vec![act.tool.name().to_owned()]).ok()?;
    let preview = PreviewPlan { steps: vec![argv.clone()], form: EffectForm::Text };
    Command::new(CommandParts {
        tool: act.tool.clone(),
        argv,
        mode,
        action: Action {
            tool: act.tool.name().to_owned(),
            verb: act.verb.clone(),
            scope: target.scope.clone(),
            resources,
            tier: act.tier,
            sensitivity: act.sensitivity,
            reversibility: if act.tier == Tier::Read { Reversibility::NoneNeeded } else { Reversibility::Irreversible },
            reasons: Vec::new(),
        },
        preview: (act.tier > Tier::Read).then_some(preview),
        stdin: None,
        filters: Vec::new(),
    })
    .ok()
}
