//! Which rules and entries a set of cases has asked about.
//!
//! **Invariant:** a rule is covered when it decided, that is when an answer names it: a line that
//! gave the right, a rule that asks for agreement, one that counts, a rule that refused.

use crate::answer::Answer;
use crate::policy::Policy;
use crate::problems::Mark;
use crate::rbac::SENSITIVE;
use countersign_command::Vocabulary;
use countersign_core::command::Tool;
use std::collections::{BTreeMap, BTreeSet};

/// What was seen of the entries of catalog.yaml and of the rules of rbac.yaml.
#[derive(Debug, Clone, Default)]
pub struct Coverage {
    file: String,
    entries: BTreeMap<String, Seen>,
    rules: BTreeMap<String, (Mark, bool)>,
}

/// What was seen of an entry.
#[derive(Debug, Clone, Copy, Default)]
struct Seen {
    allowed: bool,
    denied: bool,
}

/// A rule of rbac.yaml that decided in no case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Uncovered {
    /// Where: `rbac.yaml:12:5`.
    pub place: String,
    /// Its id, or what names it: `roles.viewer.allow[0]`, `bindings[2]`.
    pub rule: String,
}

impl Coverage {
    /// Nothing seen yet of this policy.
    pub(crate) fn of(policy: &Policy) -> Self {
        let rules = policy.rbac.places.iter().filter(|(id, _)| decides(policy, id));
        Self {
            file: policy.sources().rbac.name.clone(),
            entries: entries(policy.vocabulary()).map(|entry| (entry, Seen::default())).collect(),
            rules: rules.map(|(id, at)| (id.clone(), (*at, false))).collect(),
        }
    }

    pub(crate) fn add(&mut self, answer: &Answer) {
        let seen = entry(answer).and_then(|entry| self.entries.get_mut(&entry));
        if let Some(seen) = seen {
            seen.allowed |= !answer.is_denied();
            seen.denied |= answer.is_denied();
        }
        // A line that gave the right names its binding and its permission.
        let given = answer.granted_by.iter().flat_map(|line| line.split(' '));
        for id in given.chain(answer.deciders()).chain(answer.counters()) {
            if let Some((_, covered)) = self.rules.get_mut(id) {
                *covered = true;
            }
        }
    }

    /// Entries without a case that is allowed, or without one that is denied.
    #[must_use]
    pub fn missing_entries(&self) -> Vec<String> {
        let mut found = Vec::new();
        for (entry, seen) in &self.entries {
            if !seen.allowed {
                found.push(format!("a case that allows {entry}"));
            }
            if !seen.denied {
                found.push(format!("a case that denies {entry}"));
            }
        }
        found
    }

    /// How many rules rbac.yaml has.
    #[must_use]
    pub fn rules(&self) -> usize {
        self.rules.len()
    }

    /// The rules that decided in no case, in the order of the file.
    #[must_use]
    pub fn uncovered(&self) -> Vec<Uncovered> {
        let left = self.rules.iter().filter(|(_, (_, covered))| !covered);
        let in_order: BTreeSet<(Mark, &String)> = left.map(|(id, (at, _))| (*at, id)).collect();
        let told = in_order.into_iter().map(|(at, rule)| Uncovered {
            place: format!("{}:{}:{}", self.file, at.line, at.column),
            rule: rule.clone(),
        });
        told.collect()
    }
}

/// Whether an answer can name it: a role's own name stands in no answer, its permissions do.
fn decides(policy: &Policy, id: &str) -> bool {
    match id {
        SENSITIVE => policy.rbac.sensitive.is_some(),
        _ => !policy.rbac.roles.keys().any(|role| id.strip_prefix("roles.") == Some(role)),
    }
}

/// The entries of the catalog, as they are told.
fn entries(known: &Vocabulary) -> impl Iterator<Item = String> {
    let kinds: [(&str, Vec<&String>); 7] = [
        ("cluster", known.clusters.keys().collect()),
        ("profile", known.profiles.keys().collect()),
        ("project", known.projects.keys().collect()),
        ("stack", known.stacks.keys().collect()),
        ("service", known.services.keys().collect()),
        ("alertmanager", known.alertmanagers.keys().collect()),
        ("command", known.commands.keys().collect()),
    ];
    kinds.into_iter().flat_map(|(kind, names)| names.into_iter().map(move |name| format!("{kind} `{name}`")))
}

/// The entry that an answer is about.
fn entry(answer: &Answer) -> Option<String> {
    let command = answer.command.as_ref()?;
    let target = command.action().scope.target.as_deref();
    let (kind, name) = match command.tool() {
        Tool::Kubectl => ("cluster", target?),
        Tool::Aws => ("profile", target?),
        Tool::Gcloud => ("project", target?),
        Tool::Tf => ("stack", target?),
        Tool::Deploy => ("service", target?),
        Tool::Silence => ("alertmanager", target?),
        Tool::Custom(name) => ("command", name.as_str()),
    };
    Some(format!("{kind} `{name}`"))
}
