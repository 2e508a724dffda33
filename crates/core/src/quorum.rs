//! Who must agree: `2 of sre and 1 of owners-of-target`.
//!
//! **Invariant:** a quorum counts distinct humans; one person fills at most one of its slots,
//! and the requester fills none.

use crate::principal::{Principal, SubjectId};
use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

/// `2 of sre`, or `1 of payments or sre`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Clause {
    count: usize,
    any_of: BTreeSet<String>,
}

impl Clause {
    /// How many people, at least 1.
    #[must_use]
    pub const fn count(&self) -> usize {
        self.count
    }

    /// The groups of which each of them must be in at least one.
    #[must_use]
    pub const fn any_of(&self) -> &BTreeSet<String> {
        &self.any_of
    }
}

/// All clauses together; none of them means nobody needs to agree, which must be written out.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Quorum(Vec<Clause>);

/// Why a text is not a quorum; `column` counts characters from 1.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason} at column {column}; write for example `2 of sre and 1 of owners-of-target`, or `none`")]
pub struct QuorumError {
    /// What is wrong, in words.
    pub reason: String,
    /// Where.
    pub column: usize,
}

/// No rule needs more people than this; a larger number is a typing mistake.
const MOST_PEOPLE: usize = 20;

impl Quorum {
    /// Nobody needs to agree.
    #[must_use]
    pub const fn none() -> Self {
        Self(Vec::new())
    }

    /// Whether nobody needs to agree.
    #[must_use]
    pub const fn is_none(&self) -> bool {
        self.0.is_empty()
    }

    /// The clauses.
    #[must_use]
    pub fn clauses(&self) -> &[Clause] {
        &self.0
    }

    /// How many people in all.
    #[must_use]
    pub fn people(&self) -> usize {
        self.0.iter().map(|clause| clause.count).sum()
    }

    /// Puts the members of `groups` in the place of the word `name` (as `owners-of-target`).
    #[must_use]
    pub fn resolve(&self, name: &str, groups: &BTreeSet<String>) -> Self {
        let clauses = self.0.iter().map(|clause| {
            let mut any_of = clause.any_of.clone();
            if any_of.remove(name) {
                any_of.extend(groups.iter().cloned());
            }
            Clause { count: clause.count, any_of }
        });
        Self(clauses.collect())
    }

    /// Fills as many slots as these people can fill (a maximum bipartite matching).
    #[must_use]
    pub fn fill(&self, voters: &[&Principal]) -> Filling {
        let mut slots: Vec<Slot> = Vec::new();
        for clause in &self.0 {
            for _ in 0..clause.count {
                slots.push(Slot { any_of: clause.any_of.clone(), by: None });
            }
        }
        let distinct: Vec<&Principal> = {
            let mut seen = BTreeSet::new();
            voters.iter().filter(|voter| seen.insert(&voter.id)).copied().collect()
        };
        let mut taken_by: Vec<Option<usize>> = vec![None; slots.len()];
        for nth in 0..distinct.len() {
            let mut visited = vec![false; slots.len()];
            place(nth, &distinct, &slots, &mut taken_by, &mut visited);
        }
        for (slot, holder) in slots.iter_mut().zip(&taken_by) {
            slot.by = holder.and_then(|nth| distinct.get(nth)).map(|one| one.id.clone());
        }
        Filling { slots }
    }
}

/// Kuhn's augmenting path: seats person `nth`, moving others on if they have another slot.
fn place(
    nth: usize,
    people: &[&Principal],
    slots: &[Slot],
    taken_by: &mut [Option<usize>],
    visited: &mut [bool],
) -> bool {
    let Some(person) = people.get(nth) else {
        return false;
    };
    for (at, slot) in slots.iter().enumerate() {
        let fits = !slot.any_of.is_disjoint(&person.groups);
        let Some(seen) = visited.get_mut(at) else {
            continue;
        };
        if !fits || *seen {
            continue;
        }
        *seen = true;
        let holder = taken_by.get(at).copied().flatten();
        if holder.is_none_or(|other| place(other, people, slots, taken_by, visited)) {
            if let Some(seat) = taken_by.get_mut(at) {
                *seat = Some(nth);
            }
            return true;
        }
    }
    false
}

/// One place in a quorum.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slot {
    /// The groups of which its holder must be in at least one.
    pub any_of: BTreeSet<String>,
    /// Who holds it.
    pub by: Option<SubjectId>,
}

/// How far a quorum is filled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filling {
    slots: Vec<Slot>,
}

impl Filling {
    /// Whether every slot is held.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.slots.iter().all(|slot| slot.by.is_some())
    }

    /// The slots, in the order of the clauses.
    #[must_use]
    pub fn slots(&self) -> &[Slot] {
        &self.slots
    }

    /// How many slots are held.
    #[must_use]
    pub fn filled(&self) -> usize {
        self.slots.iter().filter(|slot| slot.by.is_some()).count()
    }
}

impl fmt::Display for Quorum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("none");
        }
        for (nth, clause) in self.0.iter().enumerate() {
            if nth > 0 {
                f.write_str(" and ")?;
            }
            let groups: Vec<&str> = clause.any_of.iter().map(String::as_str).collect();
            write!(f, "{} of {}", clause.count, groups.join(" or "))?;
        }
        Ok(())
    }
}

impl FromStr for Quorum {
    type Err = QuorumError;

    fn from_str(text: &str) -> Result<Self, QuorumError> {
        let mut words = Words::of(text);
        if text.trim() == "none" {
            return Ok(Self::none());
        }
        let mut clauses = Vec::new();
        loop {
            clauses.push(clause(&mut words)?);
            match words.next() {
                None => break,
                Some((_, "and")) => {}
                Some((column, word)) => {
                    return Err(wrong(format!("expected `and`, found `{word}`"), column));
                }
            }
        }
        let quorum = Self(clauses);
        if quorum.people() > MOST_PEOPLE {
            return Err(wrong(format!("more than {MOST_PEOPLE} people"), 1));
        }
        Ok(quorum)
    }
}

fn clause(words: &mut Words<'_>) -> Result<Clause, QuorumError> {
    let (column, number) = words.expect("a number")?;
    let count: usize = number.parse().map_err(|_| wrong(format!("`{number}` is not a number of people"), column))?;
    if count == 0 || count > MOST_PEOPLE {
        return Err(wrong(format!("`{number}` people cannot agree"), column));
    }
    let (column, of) = words.expect("`of`")?;
    if of != "of" {
        return Err(wrong(format!("expected `of`, found `{of}`"), column));
    }
    let mut any_of = BTreeSet::new();
    loop {
        let (column, group) = words.expect("a group")?;
        if !is_group(group) {
            return Err(wrong(format!("`{group}` is not the name of a group"), column));
        }
        any_of.insert(group.to_owned());
        if !words.take("or") {
            return Ok(Clause { count, any_of });
        }
    }
}

/// Group names as directories have them; the three words of the grammar are not names.
fn is_group(word: &str) -> bool {
    !matches!(word, "of" | "and" | "or" | "none")
        && word.chars().all(|c| c.is_ascii_alphanumeric() || "-_.:@/".contains(c))
}

fn wrong(reason: String, column: usize) -> QuorumError {
    QuorumError { reason, column }
}

/// White-space separated words with their columns.
struct Words<'a> {
    found: Vec<(usize, &'a str)>,
    next: usize,
    end: usize,
}

impl<'a> Words<'a> {
    fn of(text: &'a str) -> Self {
        let mut words = Vec::new();
        let mut column = 1;
        for piece in text.split(' ') {
            if !piece.is_empty() {
                words.push((column, piece));
            }
            column += piece.chars().count() + 1;
        }
        Self { found: words, next: 0, end: column }
    }

    fn next(&mut self) -> Option<(usize, &'a str)> {
        let word = self.found.get(self.next).copied();
        self.next += 1;
        word
    }

    fn take(&mut self, word: &str) -> bool {
        let found = self.found.get(self.next).is_some_and(|(_, next)| *next == word);
        self.next += usize::from(found);
        found
    }

    fn expect(&mut self, what: &str) -> Result<(usize, &'a str), QuorumError> {
        let end = self.end;
        self.next().ok_or_else(|| wrong(format!("expected {what}"), end))
    }
}

#[cfg(test)]
mod tests;
