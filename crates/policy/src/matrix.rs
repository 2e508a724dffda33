//! Every role on every catalog entry, as a table for a reviewer to read.
//!
//! **Invariant:** each cell is a real decision about a real command line, not a reading of rules.

use crate::answer::{self, Asker, Decision};
use crate::policy::Policy;
use crate::rbac::Holder;
use countersign_core::refusal::Code;
use countersign_core::tier::Tier;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

/// The commands tried on each cluster.
const ON_CLUSTERS: [(&str, &str); 7] = [
    ("read", "kubectl get pods -n web"),
    ("read a secret", "kubectl get secret api -n web -o yaml"),
    ("change", "kubectl scale deployment/api --replicas=3 -n web --apply"),
    ("destroy", "kubectl delete pod api -n web --apply"),
    ("preview of destroy", "kubectl delete pod api -n web"),
    ("destroy everywhere", "kubectl delete pods --all -A --apply"),
    ("change the system", "kubectl label pod dns -n kube-system a=b --apply"),
];

/// The commands tried on each AWS account; `{}` is its name.
const ON_PROFILES: [(&str, &str); 5] = [
    ("read", "aws {} ec2 describe-instances"),
    ("read a secret", "aws {} secretsmanager get-secret-value --secret-id api"),
    ("change", "aws {} ec2 start-instances --instance-ids i-0123456789abcdef0 --apply"),
    ("destroy", "aws {} ec2 terminate-instances --instance-ids i-0123456789abcdef0 --apply"),
    ("preview of destroy", "aws {} ec2 terminate-instances --instance-ids i-0123456789abcdef0"),
];

/// The commands tried on each Google Cloud project.
const ON_PROJECTS: [(&str, &str); 5] = [
    ("read", "gcloud {} compute instances list"),
    ("read a secret", "gcloud {} secrets versions access latest --secret=api"),
    ("change", "gcloud {} compute instances start vm --zone=europe-west1-b --apply"),
    ("destroy", "gcloud {} compute instances delete vm --zone=europe-west1-b --apply"),
    ("preview of destroy", "gcloud {} compute instances delete vm --zone=europe-west1-b"),
];

/// The commands tried on each Terraform stack.
const ON_STACKS: [(&str, &str); 4] = [
    ("plan", "tf plan {}"),
    ("plan what nobody reviewed", "tf plan {} --ref feature"),
    ("apply", "tf apply {}"),
    ("destroy", "tf apply {} -destroy"),
];

/// The commands tried on each service, in each of its environments.
const ON_SERVICES: [(&str, &str); 3] =
    [("status", "deploy status {}"), ("deploy", "deploy {}"), ("roll back", "deploy rollback {}")];

/// The commands tried on each Alertmanager.
const ON_ALERTMANAGERS: [(&str, &str); 3] = [
    ("list", "silence list --on {}"),
    ("silence for an hour", "silence HighLatency 1h --on {}"),
    ("silence for long", "silence HighLatency 20h --on {}"),
];

/// One row a catalog entry and kind of action, one column a group with its roles.
///
/// `✔` runs at once, `☐` once the requester confirms it, a number is how many people must agree,
/// `✘` is a no with its code.
#[must_use]
pub fn matrix(policy: &Policy) -> String {
    let columns = columns(policy);
    let rows = rows(policy);
    let width = rows.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
    let mut out = String::from("✔ at once · ☐ once the requester confirms · N people must agree · ✘ refused\n\n");
    write!(out, "{:width$}", "").expect("a String takes every write");
    for (_, title) in &columns {
        write!(out, " | {title:>CELL$}").expect("a String takes every write");
    }
    out.push('\n');
    for (name, text) in &rows {
        write!(out, "{name:width$}").expect("a String takes every write");
        for (groups, _) in &columns {
            let cell = cell(policy, groups, text);
            write!(out, " | {cell:>CELL$}").expect("a String takes every write");
        }
        out.push('\n');
    }
    out
}

/// Wide enough for `engineering (viewer)`.
const CELL: usize = 24;

/// Each group that is bound, and nobody in particular.
fn columns(policy: &Policy) -> Vec<(BTreeSet<String>, String)> {
    let mut roles: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for binding in &policy.rbac.bindings {
        if let Holder::Group(group) = &binding.holder {
            roles.entry(group).or_default().insert(&binding.role);
        }
    }
    let mut columns = vec![(BTreeSet::new(), "no group".to_owned())];
    for (group, roles) in roles {
        let roles: Vec<&str> = roles.into_iter().collect();
        let title = format!("{group} ({})", roles.join(", "));
        columns.push((BTreeSet::from([group.to_owned()]), title));
    }
    columns
}

fn rows(policy: &Policy) -> Vec<(String, String)> {
    let mut rows = Vec::new();
    for cluster in policy.catalog.clusters.keys() {
        for (kind, text) in ON_CLUSTERS {
            rows.push((format!("cluster {cluster}: {kind}"), format!("{text} --context {cluster}")));
        }
    }
    let known = policy.vocabulary();
    rows.extend(filled("profile", known.profiles.keys().cloned(), &ON_PROFILES));
    rows.extend(filled("project", known.projects.keys().cloned(), &ON_PROJECTS));
    rows.extend(filled("stack", known.stacks.keys().cloned(), &ON_STACKS));
    let services = known.services.iter();
    let rollouts = services.flat_map(|(name, one)| one.environments.iter().map(move |env| format!("{name} {env}")));
    rows.extend(filled("service", rollouts, &ON_SERVICES));
    rows.extend(filled("alertmanager", known.alertmanagers.keys().cloned(), &ON_ALERTMANAGERS));
    for (name, command) in &policy.catalog.commands {
        let Some(example) = command.grammar.examples.first() else {
            continue;
        };
        let apply = if command.grammar.tier == Tier::Read { "" } else { " --apply" };
        rows.push((format!("command {name}"), format!("{example}{apply}")));
    }
    rows
}

/// Each of the commands with each of the names in its place.
fn filled(kind: &str, names: impl Iterator<Item = String>, commands: &[(&str, &str)]) -> Vec<(String, String)> {
    let one = |name: &str| {
        let rows = commands.iter();
        rows.map(|(what, text)| (format!("{kind} {name}: {what}"), text.replace("{}", name))).collect::<Vec<_>>()
    };
    names.flat_map(|name| one(&name)).collect()
}

fn cell(policy: &Policy, groups: &BTreeSet<String>, text: &str) -> String {
    let asker = Asker::in_groups(groups.iter().cloned());
    let command = match answer::understand(policy, &asker, text) {
        Ok(command) => command,
        Err(refusal) => return no(refusal.code()),
    };
    let answer = answer::decide(policy, &asker, &command);
    let people = answer.quorums().iter().map(|(_, quorum)| quorum.people()).max();
    match (answer.decision, answer.refusal, people) {
        (_, Some(refusal), _) => no(refusal.code()),
        (Decision::Pending, None, None) => "☐".to_owned(),
        (_, None, None) => "✔".to_owned(),
        (_, None, Some(people)) => people.to_string(),
    }
}

fn no(code: Code) -> String {
    format!("✘ {code}")
}
