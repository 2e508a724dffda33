//! Which lines can be about a request at all, found without asking casbin about each.
//!
//! **Invariant:** a denial that casbin would find to match is never left out, nor is the first
//! permission: a column is looked up exactly as its function in the model reads it, and what is
//! looked up by no column is kept. The order of the lines stays, because the answer names the first.

use super::{ANY, DENY, Line, UNKNOWN_ENV, glob};
use crate::pattern::SEPARATOR;
use std::collections::HashMap;

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

/// So many permissions are looked at: one would do, and casbin may have another opinion of it.
const PERMISSIONS: usize = 3;

/// The words of a request that are looked up.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sought<'a> {
    pub(super) tool: &'a str,
    pub(super) verb: &'a str,
    pub(super) tier: &'a str,
    pub(super) env: &'a str,
    pub(super) resource: &'a str,
}

/// The lines of a policy, found by what their columns say.
#[derive(Debug)]
pub(super) struct Index {
    lines: Vec<Line>,
    who: Column,
    tool: Column,
    verb: Column,
    tier: Column,
    env: Column,
    denies: Set,
}

impl Index {
    pub(super) fn of(lines: Vec<Line>) -> Self {
        let column = |at: usize| Column::of(&lines, at);
        Self {
            who: column(column::WHO),
            tool: column(column::TOOL),
            verb: column(column::VERB),
            tier: column(column::TIER),
            env: column(column::ENV),
            denies: Set::of(&lines, |line| line.get(column::EFT).is_some_and(|eft| eft == DENY)),
            lines,
        }
    }

    /// The lines that are about somebody with these names.
    pub(super) fn about<'n>(&self, names: impl Iterator<Item = &'n str>) -> Set {
        let mut found = self.who.any.clone();
        for name in names {
            if let Some(set) = self.who.words.get(name) {
                found.add(set);
            }
        }
        found
    }

    /// Of these lines the denials that are about the request and the first permissions, in their order.
    pub(super) fn candidates<'s>(&'s self, about: &Set, sought: Sought<'_>) -> Vec<&'s Line> {
        let mut found = about.clone();
        found.keep(&self.tool.with(sought.tool));
        found.keep(&self.verb.with(sought.verb));
        found.keep(&self.tier.with(sought.tier));
        let mut env = self.env.with(sought.env);
        if sought.env == UNKNOWN_ENV {
            env.add(&self.denies);
        }
        found.keep(&env);
        let mut permissions = 0;
        let mut lines = Vec::new();
        for at in found.iter() {
            let denies = self.denies.has(at);
            if !denies && permissions == PERMISSIONS {
                continue;
            }
            let Some(line) = self.lines.get(at).filter(|line| reaches(line, sought.resource)) else { continue };
            permissions += usize::from(!denies);
            lines.push(line);
        }
        lines
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

/// One column: the lines that take any word there, and those that list a word.
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
                words.entry(word.to_owned()).or_insert_with(|| Set::empty(lines.len())).insert(nth);
            }
        }
        Self { any, words }
    }

    fn with(&self, word: &str) -> Set {
        let mut found = self.any.clone();
        if let Some(set) = self.words.get(word) {
            found.add(set);
        }
        found
    }
}

/// Numbers of lines, a bit each.
#[derive(Debug, Clone)]
pub(super) struct Set(Vec<u64>);

impl Set {
    fn empty(lines: usize) -> Self {
        Self(vec![0; lines.div_ceil(64)])
    }

    fn of(lines: &[Line], is_in: impl Fn(&Line) -> bool) -> Self {
        let mut set = Self::empty(lines.len());
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
        self.0.get(nth / 64).is_some_and(|word| word & (1 << (nth % 64)) != 0)
    }

    fn add(&mut self, other: &Self) {
        for (word, more) in self.0.iter_mut().zip(&other.0) {
            *word |= more;
        }
    }

    fn keep(&mut self, other: &Self) {
        for (word, only) in self.0.iter_mut().zip(&other.0) {
            *word &= only;
        }
    }

    fn iter(&self) -> impl Iterator<Item = usize> {
        self.0
            .iter()
            .enumerate()
            .flat_map(|(at, word)| (0..64).filter(move |bit| word & (1 << bit) != 0).map(move |bit| at * 64 + bit))
    }
}
