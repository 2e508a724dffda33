//! Commits and what leads to them.

use std::collections::{BTreeMap, BTreeSet};

use sha2::{Digest as _, Sha256};

use crate::chance::hex;

#[derive(Debug, Clone)]
pub(super) struct Commit {
    pub(super) sha: String,
    pub(super) parents: Vec<String>,
    pub(super) message: String,
    /// An account, or the name that the commit gives.
    pub(super) author: Option<u64>,
    /// Later ones have higher numbers.
    pub(super) nth: usize,
}

/// The commits of a repository.
#[derive(Debug, Default)]
pub(super) struct Graph(BTreeMap<String, Commit>);

impl Graph {
    /// Makes a commit; its id is of what it is and of how many there were, or the one that is given.
    pub(super) fn add(&mut self, sha: Option<&str>, parents: &[&str], message: &str, author: Option<u64>) -> String {
        let nth = self.0.len();
        let derived = || {
            let what = format!("{nth}\0{}\0{message}", parents.join("\0"));
            hex(&Sha256::digest(what.as_bytes())).split_off(24)
        };
        let sha = sha.map_or_else(derived, str::to_owned);
        let parents = parents.iter().map(|it| (*it).to_owned()).collect();
        let message = message.to_owned();
        self.0.insert(sha.clone(), Commit { sha: sha.clone(), parents, message, author, nth });
        sha
    }

    pub(super) fn get(&self, sha: &str) -> Option<&Commit> {
        self.0.get(sha)
    }

    /// The commit and all before it.
    pub(super) fn history(&self, sha: &str) -> BTreeSet<&str> {
        let mut seen = BTreeSet::new();
        let mut next: Vec<&str> = self.0.get(sha).map(|it| it.sha.as_str()).into_iter().collect();
        while let Some(one) = next.pop() {
            if seen.insert(one) {
                let parents = self.0.get(one).map(|it| it.parents.as_slice()).unwrap_or_default();
                next.extend(parents.iter().map(String::as_str));
            }
        }
        seen
    }

    /// What leads to `to` and not to `from`, the oldest first.
    pub(super) fn between(&self, from: &str, to: &str) -> Vec<&Commit> {
        let before = self.history(from);
        let mut new: Vec<&Commit> = self
            .history(to)
            .into_iter()
            .filter(|sha| !before.contains(sha))
            .filter_map(|sha| self.0.get(sha))
            .collect();
        new.sort_by_key(|commit| commit.nth);
        new
    }
}
