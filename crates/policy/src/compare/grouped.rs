//! Differences, put together so that people read each once.
//!
//! **Invariant:** what is put together is the same for everything it is told of; nothing is left out
//! but what a line that is told already says.

use super::outcome::{Direction, Outcome};
use super::probes::{About, Probe};
use countersign_core::refusal::shown;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// How one policy differs from another.
#[derive(Debug, Clone, Serialize)]
pub struct Comparison {
    /// How many decisions were compared.
    pub asked: usize,
    /// What differs, by whom it is about.
    pub differences: Vec<Difference>,
}

/// One difference.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Difference {
    /// "anybody", "group sre", "groups a and b", "subject iss#sub".
    pub who: String,
    /// Which way it goes.
    pub direction: Direction,
    /// What is done: `kubectl delete`.
    pub what: BTreeSet<String>,
    /// Its tier, if a verb stands for all of its tier that no rule names.
    pub tier: Option<String>,
    /// Where; empty means everywhere.
    pub places: BTreeSet<String>,
    /// To which resource, if not to every one.
    pub resource: Option<String>,
    /// When; empty means always.
    pub when: BTreeSet<String>,
    /// Whether it is about what is shown first alone.
    pub preview: bool,
    /// Whether it is about output that may hold secrets.
    pub secret: bool,
    /// What came of it.
    pub before: String,
    /// What comes of it now.
    pub after: String,
}

/// What one class of people saw of one probe.
#[derive(Debug, Clone)]
pub(super) struct Seen<'a> {
    pub(super) who: &'a str,
    pub(super) probe: &'a Probe,
    pub(super) before: Outcome,
    pub(super) after: Outcome,
}

impl Seen<'_> {
    fn direction(&self) -> Direction {
        self.before.direction(&self.after)
    }
}

impl Comparison {
    pub(super) fn of(probes: &[Probe], seen: Vec<Seen<'_>>, asked: usize) -> Self {
        let places = Places::of(probes);
        let told = unsaid(seen);
        let mut differences: Vec<Difference> = by_place(&told, &places);
        differences = merged(differences, |one| &mut one.when);
        differences = merged(differences, |one| &mut one.what);
        differences.sort();
        Self { asked, differences }
    }

    /// Whether nobody could tell the two apart.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.differences.is_empty()
    }
}

/// Where each thing can be done, to know when "everywhere" is meant.
struct Places(BTreeMap<String, BTreeMap<String, BTreeSet<String>>>);

impl Places {
    /// Targets by tool and environment.
    fn of(probes: &[Probe]) -> Self {
        let mut all: BTreeMap<String, BTreeMap<String, BTreeSet<String>>> = BTreeMap::new();
        for probe in probes {
            if let (Some(env), Some(target)) = (&probe.env, &probe.target) {
                let tool = all.entry(probe.tool.clone()).or_default();
                tool.entry(env.clone()).or_default().insert(target.clone());
            }
        }
        Self(all)
    }

    /// `in prod`, or the targets one by one; nothing for everywhere.
    fn told(&self, tool: &str, at: &BTreeSet<(String, String)>) -> BTreeSet<String> {
        let Some(all) = self.0.get(tool) else { return BTreeSet::new() };
        let mut told = BTreeSet::new();
        let mut whole = true;
        for (env, targets) in all {
            let here: BTreeSet<&String> =
                targets.iter().filter(|one| at.contains(&(env.clone(), (*one).clone()))).collect();
            whole &= here.len() == targets.len();
            if here.len() == targets.len() {
                told.insert(format!("in {env}"));
            } else {
                told.extend(here.into_iter().map(|target| format!("at {target} in {env}")));
            }
        }
        if whole { BTreeSet::new() } else { told }
    }
}

/// Leaves out what the usual probe of the same act already says.
fn unsaid(seen: Vec<Seen<'_>>) -> Vec<Seen<'_>> {
    let key = |one: &Seen<'_>, about: About| {
        let probe = one.probe;
        let act = (probe.what.clone(), probe.tier, probe.env.clone(), probe.target.clone());
        (one.who.to_owned(), act, about)
    };
    let usual: BTreeMap<_, (Outcome, Outcome)> = seen
        .iter()
        .filter(|one| one.probe.about == one.probe.about.usual())
        .map(|one| (key(one, one.probe.about.clone()), (one.before.clone(), one.after.clone())))
        .collect();
    let said = |one: &Seen<'_>| {
        let about = &one.probe.about;
        let same = usual.get(&key(one, about.usual()));
        let special = *about != about.usual();
        if special && same.is_some_and(|(before, after)| *before == one.before && *after == one.after) {
            return true;
        }
        // Whoever may do it may look at it first; that goes without saying.
        let applied = usual.get(&key(one, About { preview: false, ..about.usual() }));
        about.preview && applied.is_some_and(|(before, after)| before.direction(after) == one.direction())
    };
    // What stays refused is refused for another reason, because of what is told of the same act.
    let act = |one: &Seen<'_>| (one.who.to_owned(), one.probe.what.clone(), one.probe.tier);
    let moved: BTreeSet<_> = seen.iter().filter(|one| one.direction() != Direction::StaysRefused).map(act).collect();
    let follows = |one: &Seen<'_>| one.direction() == Direction::StaysRefused && moved.contains(&act(one));
    let keep: Vec<bool> = seen.iter().map(|one| !said(one) && !follows(one)).collect();
    seen.into_iter().zip(keep).filter_map(|(one, keep)| keep.then_some(one)).collect()
}

/// One difference for all the places it is the same at.
fn by_place(seen: &[Seen<'_>], places: &Places) -> Vec<Difference> {
    let mut by: BTreeMap<(String, Difference), BTreeSet<(String, String)>> = BTreeMap::new();
    for one in seen {
        let at = by.entry((one.probe.tool.clone(), difference(one))).or_default();
        if let (Some(env), Some(target)) = (&one.probe.env, &one.probe.target) {
            at.insert((env.clone(), target.clone()));
        }
    }
    let told = by.into_iter().map(|((tool, one), at)| Difference { places: places.told(&tool, &at), ..one });
    told.collect()
}

fn difference(one: &Seen<'_>) -> Difference {
    let about = one.probe.about.clone();
    Difference {
        who: one.who.to_owned(),
        direction: one.direction(),
        what: BTreeSet::from([one.probe.what.clone()]),
        tier: one.probe.tier.map(|tier| tier.to_string()),
        places: BTreeSet::new(),
        resource: about.resource,
        when: about.when.into_iter().collect(),
        preview: about.preview,
        secret: about.secret,
        before: one.before.told_beside(&one.after),
        after: one.after.told_beside(&one.before),
    }
}

/// Puts together what differs in one part alone.
fn merged(all: Vec<Difference>, part: fn(&mut Difference) -> &mut BTreeSet<String>) -> Vec<Difference> {
    let mut by: BTreeMap<Difference, BTreeSet<String>> = BTreeMap::new();
    for mut one in all {
        let taken = std::mem::take(part(&mut one));
        by.entry(one).or_default().extend(taken);
    }
    let put = by.into_iter().map(|(mut one, taken)| {
        *part(&mut one) = taken;
        one
    });
    put.collect()
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what: Vec<String> = self.what.iter().map(|what| format!("`{}`", shown(what))).collect();
        let verb = match self.direction {
            Direction::Gains => "gains",
            Direction::Changes => "is treated otherwise for",
            Direction::Loses => "loses",
            Direction::StaysRefused => "is refused otherwise for",
        };
        write!(f, "{} {verb} {}", shown(&self.who), what.join(", "))?;
        if let Some(tier) = &self.tier {
            write!(
                f,
                " ({tier}{}{})",
                if self.secret { ", secrets" } else { "" },
                if self.preview { ", shown first" } else { "" }
            )?;
        }
        let places: Vec<&str> = self.places.iter().map(String::as_str).collect();
        match places.as_slice() {
            [] if self.tier.is_some() => f.write_str(" everywhere")?,
            [] => {}
            places => write!(f, " {}", places.join(", "))?,
        }
        if let Some(resource) = &self.resource {
            write!(f, " on {resource}")?;
        }
        let when: Vec<&str> = self.when.iter().map(String::as_str).collect();
        if !when.is_empty() {
            write!(f, " {}", when.join(" and "))?;
        }
        write!(f, " ({}; was {})", self.after, self.before)
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for one in &self.differences {
            writeln!(f, "{one}")?;
        }
        match self.differences.len() {
            0 => write!(f, "no difference in {} decisions", self.asked),
            1 => write!(f, "1 difference in {} decisions", self.asked),
            many => write!(f, "{many} differences in {} decisions", self.asked),
        }
    }
}
