//! Which lines can be about a request at all, found without asking casbin about each.
//!
//! **Invariant:** a denial that casbin would find to match is never left out, nor is the first
//! permission: a column is looked up exactly as its function in the model reads it, and what is
//! looked up by no column is kept. The order of the lines stays, because the answer names the first.
//!
//! What it costs grows with the lines that name the person, not with the policy: lines stand in the order of their
//! columns, so all that name one group are one run, and the sets of the other columns are only looked at inside of
//! the person's runs, sixty-four lines at a time.

use super::{ANY, DENY, Line, UNKNOWN_ENV, glob};
use crate::pattern::SEPARATOR;
use std::collections::HashMap;
use std::ops::Range;

/// Where the columns stand in a line.
mod column {
    pub(super) const WHO: usize = 0;
    pub(super) const TOOL: usize = 1;
    pub(super) const VERB: usize = 2;
    pub(super) const TIER: usize = 3;
    pub(super) const ENV: usize = 4;
    pub(super) const OBJ: usize = 5;
    pub(super) const WITHIN: usize = 6;
    pub(super) const EFT: usize = 8;
}

/// The words of a request that are looked up.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sought<'a> {
    pub(super) tool: &'a str,
    pub(super) verb: &'a str,
    pub(super) tier: &'a str,
    pub(super) env: &'a str,
    pub(super) resource: &'a str,
}

/// How many of the permissions that are about a request are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Permissions {
    /// The first, which is the one that the answer names.
    First,
    /// Every one.
    All,
}

/// What can be about a request.
#[derive(Debug)]
pub(super) struct Candidates<'s> {
    /// Every denial and the permissions that were wanted, in the order of the policy.
    pub(super) lines: Vec<&'s Line>,
    /// Whether there may be more permissions.
    pub(super) more: bool,
}

/// Numbers of lines, as runs: apart from each other, in their order.
#[derive(Debug, Clone, Default)]
pub(super) struct Runs(Vec<Range<usize>>);

/// The lines of a policy, found by what their columns say.
#[derive(Debug)]
pub(super) struct Index {
    lines: Vec<Line>,
    /// The lines about everybody.
    everybody: Runs,
    /// The lines about each name.
    named: HashMap<String, Runs>,
    tool: Column,
    verb: Column,
    tier: Column,
    env: Column,
    /// The lines that a request without a known place can be about: an unknown place is every place to a denial.
    anywhere: Set,
    denies: Set,
    /// Where the last denial ends; behind it stand permissions alone.
    denied: usize,
}

impl Index {
    pub(super) fn of(lines: Vec<Line>) -> Self {
        let column = |at: usize| Column::of(&lines, at);
        let denies = Set::of(&lines, |line| line.get(column::EFT).is_some_and(|eft| eft == DENY));
        let env = column(column::ENV);
        let mut anywhere = env.with(UNKNOWN_ENV).clone();
        anywhere.add(&denies);
        let (everybody, named) = people(&lines);
        Self {
            everybody,
            named,
            tool: column(column::TOOL),
            verb: column(column::VERB),
            tier: column(column::TIER),
            env,
            anywhere,
            denied: (0..lines.len()).rev().find(|at| denies.has(*at)).map_or(0, |last| last + 1),
            denies,
            lines,
        }
    }

    /// The lines that are about somebody with these names.
    pub(super) fn about<'n>(&self, names: impl Iterator<Item = &'n str>) -> Runs {
        let named = names.filter_map(|name| self.named.get(name));
        Runs::joined([&self.everybody].into_iter().chain(named))
    }

    /// Of these lines the denials that are about the request, and permissions.
    pub(super) fn candidates(&self, about: &Runs, sought: Sought<'_>, wanted: Permissions) -> Candidates<'_> {
        let env = if sought.env == UNKNOWN_ENV { &self.anywhere } else { self.env.with(sought.env) };
        let sets = [self.tool.with(sought.tool), self.verb.with(sought.verb), self.tier.with(sought.tier), env];
        let mut found = Candidates { lines: Vec::new(), more: false };
        let mut enough = false;
        for at in about.0.iter().flat_map(|run| in_all(run, sets)) {
            let denies = self.denies.has(at);
            if enough && !denies {
                found.more = true;
                if at >= self.denied {
                    break;
                }
                continue;
            }
            let Some(line) = self.lines.get(at).filter(|line| reaches(line, sought.resource)) else { continue };
            enough |= !denies && wanted == Permissions::First;
            found.lines.push(line);
        }
        found
    }

    /// Every line.
    pub(super) fn lines(&self) -> &[Line] {
        &self.lines
    }
}

/// Whether a line is about this resource.
fn reaches(line: &Line, resource: &str) -> bool {
    let text = |at: usize| line.get(at).map_or("", String::as_str);
    let here = |at| glob(resource, text(at), text(column::EFT));
    here(column::OBJ) && here(column::WITHIN)
}

/// Whom the lines are about: everybody, and each name.
fn people(lines: &[Line]) -> (Runs, HashMap<String, Runs>) {
    let mut everybody = Runs::default();
    let mut named: HashMap<String, Runs> = HashMap::new();
    for (at, line) in lines.iter().enumerate() {
        match line.get(column::WHO) {
            Some(list) if list != ANY => {
                for name in list.split(SEPARATOR) {
                    named.entry(name.to_owned()).or_default().push(at);
                }
            }
            _ => everybody.push(at),
        }
    }
    (everybody, named)
}

impl Runs {
    /// Takes in a line behind all that are there.
    fn push(&mut self, at: usize) {
        match self.0.last_mut() {
            Some(last) if last.end >= at => last.end = at + 1,
            _ => self.0.push(at..at + 1),
        }
    }

    /// The lines that are in any of these.
    fn joined<'r>(all: impl Iterator<Item = &'r Self>) -> Self {
        let mut runs: Vec<Range<usize>> = all.flat_map(|one| one.0.iter().cloned()).collect();
        runs.sort_unstable_by_key(|run| run.start);
        runs.dedup_by(|next, before| {
            let meets = next.start <= before.end;
            if meets {
                before.end = before.end.max(next.end);
            }
            meets
        });
        Self(runs)
    }
}

/// One column: the lines that take any word there, and with each word those that list it as well.
#[derive(Debug)]
struct Column {
    any: Set,
    words: HashMap<String, Set>,
}

impl Column {
    fn of(lines: &[Line], at: usize) -> Self {
        let any = Set::of(lines, |line| line.get(at).is_none_or(|list| list == ANY));
        let mut words: HashMap<String, Set> = HashMap::new();
        for (nth, line) in lines.iter().enumerate() {
            for word in line.get(at).into_iter().flat_map(|list| list.split(SEPARATOR)) {
                words.entry(word.to_owned()).or_insert_with(|| any.clone()).insert(nth);
            }
        }
        Self { any, words }
    }

    fn with(&self, word: &str) -> &Set {
        self.words.get(word).unwrap_or(&self.any)
    }
}

/// Numbers of lines, a bit each.
#[derive(Debug, Clone)]
struct Set(Vec<u64>);

impl Set {
    fn of(lines: &[Line], is_in: impl Fn(&Line) -> bool) -> Self {
        let mut set = Self(vec![0; lines.len().div_ceil(64)]);
        for (nth, _) in lines.iter().enumerate().filter(|(_, line)| is_in(line)) {
            set.insert(nth);
        }
        set
    }

    fn insert(&mut self, nth: usize) {
        if let Some(word) = self.0.get_mut(nth / 64) {
            *word |= 1 << (nth % 64);
        }
    }

    fn has(&self, nth: usize) -> bool {
        self.word(nth / 64) & (1 << (nth % 64)) != 0
    }

    fn add(&mut self, other: &Self) {
        for (word, more) in self.0.iter_mut().zip(&other.0) {
            *word |= more;
        }
    }

    /// The lines from 64 times `at` on, one a bit.
    fn word(&self, at: usize) -> u64 {
        self.0.get(at).copied().unwrap_or(0)
    }
}

/// The lines of a run that are in every one of these sets, in their order.
fn in_all<'s>(run: &Range<usize>, sets: [&'s Set; 4]) -> impl Iterator<Item = usize> + use<'s> {
    let Range { start, end } = *run;
    (start / 64..end.div_ceil(64)).flat_map(move |at| {
        let from = u64::MAX << start.saturating_sub(at * 64);
        let to = u64::MAX >> (at * 64 + 64).saturating_sub(end);
        let mut left = sets.iter().fold(from & to, |left, set| left & set.word(at));
        std::iter::from_fn(move || {
            let bit = (left != 0).then(|| left.trailing_zeros() as usize)?;
            left &= left - 1;
            Some(at * 64 + bit)
        })
    })
}
