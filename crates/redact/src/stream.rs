//! Removes secrets from a stream: the known ones first, and from what is left what looks like one.
//!
//! **Invariant:** what is given back depends on the bytes alone, never on how they were cut into chunks; giving it in
//! again changes nothing.

use crate::detect::Detectors;
use crate::known::Known;
use crate::patterns::{NotASecret, Patterns};
use secrecy::SecretString;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use zeroize::Zeroizing;

/// Bytes looked at before something is given back: what is held beside the chunk stays bounded.
const BLOCK: usize = 64 * 1024;

/// How many secrets were removed, by name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts(BTreeMap<String, u64>);

impl Counts {
    /// By name of the secret.
    #[must_use]
    pub const fn by_name(&self) -> &BTreeMap<String, u64> {
        &self.0
    }

    /// All together.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.0.values().sum()
    }

    /// Adds what another stream of the same command held.
    pub fn add(&mut self, other: &Self) {
        for (name, count) in &other.0 {
            *self.0.entry(name.clone()).or_default() += count;
        }
    }

    pub(crate) fn count(&mut self, name: &str) {
        match self.0.get_mut(name) {
            Some(count) => *count += 1,
            None => drop(self.0.insert(name.to_owned(), 1)),
        }
    }
}

/// Removes secrets from one stream: those it was told, and those that look like one.
pub struct Redactor {
    known: Option<Known>,
    detectors: Detectors,
    /// What the first has given to the second.
    between: Zeroizing<Vec<u8>>,
    counts: Counts,
}

impl fmt::Debug for Redactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Redactor({} held)", self.held())
    }
}

impl Redactor {
    /// A redactor for these secrets; each is replaced by `[redacted:<name>]`.
    ///
    /// # Errors
    /// [`NotASecret`] when one is too short, or all together are too much.
    pub fn new(secrets: impl IntoIterator<Item = (String, SecretString)>) -> Result<Self, NotASecret> {
        Ok(Self::over(&Patterns::new(secrets)?))
    }

    /// A redactor for one more stream, over secrets that were prepared before.
    #[must_use]
    pub fn over(patterns: &Patterns) -> Self {
        Self {
            known: patterns.0.as_ref().map(|automaton| Known::new(Arc::clone(automaton))),
            detectors: Detectors::new(),
            between: Zeroizing::new(Vec::new()),
            counts: Counts::default(),
        }
    }

    /// Takes the next bytes and gives back what is certain. May end inside a character.
    #[must_use]
    pub fn push(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(bytes.len());
        for block in bytes.chunks(BLOCK) {
            match &mut self.known {
                Some(known) => {
                    known.push(block, &mut self.between, &mut self.counts);
                    self.detectors.push(&self.between, &mut out, &mut self.counts);
                    self.between.clear();
                }
                None => self.detectors.push(block, &mut out, &mut self.counts),
            }
        }
        out
    }

    /// Ends the stream: gives back the rest, and how many secrets were removed.
    #[must_use]
    pub fn finish(mut self) -> (Vec<u8>, Counts) {
        if let Some(known) = &mut self.known {
            known.finish(&mut self.between, &mut self.counts);
        }
        let mut out = Vec::new();
        self.detectors.push(&self.between, &mut out, &mut self.counts);
        self.detectors.finish(&mut out, &mut self.counts);
        (out, self.counts)
    }

    /// Ends a stream that was cut off before its end: what is held may be the beginning of a secret, and is dropped.
    #[must_use]
    pub fn cut(mut self) -> (Vec<u8>, Counts) {
        let mut out = Vec::new();
        self.detectors.cut(&mut out);
        (out, self.counts)
    }

    /// How many bytes are held back at the moment.
    #[must_use]
    pub fn held(&self) -> usize {
        self.known.as_ref().map_or(0, Known::held) + self.detectors.held()
    }
}

#[cfg(test)]
mod tests;
