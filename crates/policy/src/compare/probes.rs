//! The questions of a comparison.
//!
//! **Invariant:** both policies are asked the same: the same command, or the same typed line where
//! the catalog decides what it means.

use super::acts::{Act, Target, acts, command, selectors, targets};
use super::outcome::Outcome;
use super::resources;
use crate::answer::{Asker, USUAL_TIME, ask, decide};
use crate::policy::Policy;
use countersign_core::channel::Channel;
use countersign_core::command::Command;
use countersign_core::tier::{Mode, Sensitivity, Tier};
use countersign_core::time::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

/// One question, to be asked for every class of people.
#[derive(Debug, Clone)]
pub(super) struct Probe {
    /// `kubectl delete`; the whole line of a typed one.
    pub(super) what: String,
    /// Its tier, if the grammar does not decide.
    pub(super) tier: Option<Tier>,
    pub(super) tool: String,
    pub(super) env: Option<String>,
    pub(super) target: Option<String>,
    pub(super) about: About,
    question: Question,
    now: Timestamp,
    channel: Option<Channel>,
}

/// In what a probe is not the usual one.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct About {
    /// A resource, or how many.
    pub(super) resource: Option<String>,
    /// A time, or a channel.
    pub(super) when: Option<String>,
    /// Shown first instead of applied.
    pub(super) preview: bool,
    /// Its output may hold secrets.
    pub(super) secret: bool,
}

impl About {
    /// What it is compared with before it is told: the same without resource and time.
    pub(super) fn usual(&self) -> Self {
        Self { resource: None, when: None, ..self.clone() }
    }
}

#[derive(Debug, Clone)]
enum Question {
    Made(Box<Command>),
    Typed(String),
}

impl Probe {
    pub(super) fn ask(&self, policy: &Policy, asker: &Asker) -> Outcome {
        let asker = Asker { now: self.now, channel: self.channel.clone(), ..asker.clone() };
        match &self.question {
            Question::Made(command) => Outcome::of(policy, &decide(policy, &asker, command)),
            Question::Typed(text) => {
                let answer = ask(policy, &asker, text);
                Outcome::of(policy, &answer).with_scope(&answer)
            }
        }
    }
}

/// Everything that is asked.
pub(super) fn probes(policies: [&Policy; 2]) -> Vec<Probe> {
    let quiet = quiet(policies);
    let all: BTreeSet<Target> = policies.iter().flat_map(|policy| targets(policy.vocabulary())).collect();
    let acts = acts(policies);
    let edges = edges(policies);
    let channels = channels(policies);
    let mut found = Vec::new();
    for target in &all {
        for act in acts.iter().filter(|act| act.tool == target.tool) {
            found.extend(on_target(policies, act, target, quiet));
            found.extend(edges.iter().filter(|_| act.tier > Tier::Read).filter_map(|(told, now)| {
                let about = About { when: Some(told.clone()), ..About::default() };
                let usual = resources::of(target, std::iter::empty(), &BTreeSet::new()).into_iter().next()?;
                made(act, target, usual.resources, about, *now)
            }));
            found.extend(channels.iter().filter_map(|(told, channel)| {
                let about = About { when: Some(told.clone()), ..About::default() };
                let usual = resources::of(target, std::iter::empty(), &BTreeSet::new()).into_iter().next()?;
                let probe = made(act, target, usual.resources, about, quiet)?;
                Some(Probe { channel: Some(channel.clone()), ..probe })
            }));
        }
    }
    found.extend(typed(policies, quiet));
    found.extend(channels.into_iter().map(|(told, channel)| {
        let about = About { when: Some(told), ..About::default() };
        Probe { about, channel: Some(channel), ..line("kubectl".to_owned(), "kubectl get pods".to_owned(), quiet) }
    }));
    found
}

/// An act on every resource that rules tell apart, applied and shown first.
fn on_target(policies: [&Policy; 2], act: &Act, target: &Target, now: Timestamp) -> Vec<Probe> {
    let patterns = policies.iter().flat_map(|policy| selectors(policy)).flat_map(|selector| &selector.resources);
    let mut found = Vec::new();
    for special in resources::of(target, patterns, &counts(policies)) {
        let about =
            About { resource: special.told, secret: act.sensitivity == Sensitivity::Sensitive, ..About::default() };
        if act.tier > Tier::Read {
            let preview = About { preview: true, ..about.clone() };
            found.extend(made(act, target, special.resources.clone(), preview, now));
        }
        found.extend(made(act, target, special.resources, about, now));
    }
    found
}

fn made(
    act: &Act,
    target: &Target,
    resources: Vec<countersign_core::action::Resource>,
    about: About,
    now: Timestamp,
) -> Option<Probe> {
    let mode = if about.preview { Mode::DryRun } else { Mode::Apply };
    let command = command(act, target, resources, mode)?;
    Some(Probe {
        what: if act.verb == act.tool.name() { act.verb.clone() } else { format!("{} {}", act.tool, act.verb) },
        tier: Some(act.tier),
        tool: act.tool.name().to_owned(),
        env: target.scope.env.clone(),
        target: target.scope.target.clone(),
        about,
        question: Question::Made(Box::new(command)),
        now,
        channel: None,
    })
}

/// Lines of which the catalog decides what they mean: commands without code, kinds, defaults.
fn typed(policies: [&Policy; 2], now: Timestamp) -> Vec<Probe> {
    let mut lines = BTreeSet::from([("kubectl".to_owned(), "kubectl get pods".to_owned())]);
    for known in policies.map(Policy::vocabulary) {
        for command in known.commands.values() {
            for example in &command.examples {
                lines.insert((command.name.clone(), example.clone()));
                lines.insert((command.name.clone(), format!("{example} --apply")));
            }
        }
        for kind in &known.kinds {
            lines.insert(("kubectl".to_owned(), format!("kubectl get {} a -o yaml", kind.plural)));
        }
    }
    lines.into_iter().map(|(tool, text)| line(tool, text, now)).collect()
}

fn line(tool: String, text: String, now: Timestamp) -> Probe {
    Probe {
        what: text.clone(),
        tier: None,
        tool,
        env: None,
        target: None,
        about: About::default(),
        question: Question::Typed(text),
        now,
        channel: None,
    }
}

/// Every channel that a rule or the catalog of either knows, as it is and as a private one.
fn channels(policies: [&Policy; 2]) -> BTreeMap<String, Channel> {
    let of = |policy: &Policy| {
        let rules = policy.rbac.channels.iter().flat_map(|rule| rule.channels.iter().cloned());
        rules.chain(policy.vocabulary().channel_clusters.keys().cloned()).collect::<Vec<_>>()
    };
    let ids: BTreeSet<String> = policies.into_iter().flat_map(of).collect();
    let both = |id: String| {
        let told = format!("in channel {id}");
        [(format!("{told} while it is private"), Channel::private(id.clone())), (told, Channel::named(id))]
    };
    ids.into_iter().flat_map(both).collect()
}

/// Counts of objects around every threshold.
fn counts(policies: [&Policy; 2]) -> BTreeSet<usize> {
    let thresholds = policies.iter().flat_map(|policy| &policy.vocabulary().thresholds);
    thresholds.flat_map(|one| [one.objects.saturating_sub(1), one.objects]).filter(|count| *count > 1).collect()
}

/// A time at which no freeze of either file is on.
pub(super) fn quiet(policies: [&Policy; 2]) -> Timestamp {
    let freezes = || policies.iter().flat_map(|policy| &policy.rbac.freezes);
    let on = |now: Timestamp| freezes().any(|freeze| freeze.from <= now && now < freeze.to);
    let candidates = std::iter::once(USUAL_TIME).chain(freezes().map(|freeze| freeze.to));
    candidates.into_iter().find(|now| !on(*now)).unwrap_or(USUAL_TIME)
}

/// The last moment before each freeze and before its end, and its first moment and the first after it.
fn edges(policies: [&Policy; 2]) -> BTreeSet<(String, Timestamp)> {
    let freezes = policies.iter().flat_map(|policy| &policy.rbac.freezes);
    let edges = freezes.flat_map(|freeze| [freeze.from, freeze.to]);
    let before = |at: Timestamp| Timestamp::from_millis(at.as_millis().saturating_sub(1));
    edges.flat_map(|at| [(format!("just before {at}"), before(at)), (format!("at {at}"), at)]).collect()
}
