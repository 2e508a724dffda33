//! Every role on every catalog entry, as a table for a reviewer to read.
//!
//! **Invariant:** each cell is a real decision about a real command line, not a reading of rules.

use crate::cases;
use crate::policy::Policy;
use crate::rbac::Holder;
use countersign_core::policy::{Facts, Judgement, Policy as _, Request};
use countersign_core::principal::{Principal, Standing, SubjectId};
use countersign_core::refusal::Code;
use countersign_core::tier::Tier;
use countersign_core::time::Timestamp;
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

/// One row a catalog entry and kind of action, one column a group with its roles.
///
/// `✔` runs at once, a number is how many people must agree, `✘` is a no with its code.
#[must_use]
pub fn matrix(policy: &Policy) -> String {
    let columns = columns(policy);
    let rows = rows(policy);
    let width = rows.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
    let mut out = String::from("✔ at once · N people must agree · ✘ refused\n\n");
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
    for (name, command) in &policy.catalog.commands {
        let Some(example) = command.grammar.examples.first() else {
            continue;
        };
        let apply = if command.grammar.tier == Tier::Read { "" } else { " --apply" };
        rows.push((format!("command {name}"), format!("{example}{apply}")));
    }
    rows
}

fn cell(policy: &Policy, groups: &BTreeSet<String>, text: &str) -> String {
    let principal = Principal {
        id: SubjectId { iss: "matrix".to_owned(), sub: "somebody".to_owned() },
        name: "Somebody".to_owned(),
        groups: groups.clone(),
        standing: Standing::Active,
        known_by: "matrix".to_owned(),
    };
    let command = match cases::parse(policy, text, None) {
        Ok(command) => command,
        Err(refusal) => return no(refusal.code()),
    };
    let request = Request { principal: &principal, command: &command, channel: None, at_least: Tier::Read };
    let facts = Facts::new(Timestamp::from_millis(0), [principal.clone()]);
    match policy.judge(&request, &facts) {
        Judgement::Denied(refusal) => no(refusal.code()),
        Judgement::Allowed(allowance) if allowance.rules.iter().all(|rule| rule.quorum.is_none()) => "✔".to_owned(),
        Judgement::Allowed(allowance) => {
            let people = allowance.rules.iter().map(|rule| rule.quorum.people()).max();
            people.unwrap_or(0).to_string()
        }
    }
}

fn no(code: Code) -> String {
    format!("✘ {code}")
}
