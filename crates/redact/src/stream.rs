//! Removes the known secrets from a stream.
//!
//! The bytes are read twice at once: as they are, and without what a terminal or a wrapper puts
//! in between ([`Wrap`]). Both readings are in the same state of the automaton nearly always, and
//! then only one is followed.
//!
//! **Invariant:** nothing is given back that could still turn out to belong to a secret, and
//! nothing else is held back.

use crate::patterns::{Automaton, NotASecret, Patterns};
use crate::wrap::{Seen, Wrap};
use aho_corasick::automaton::StateID;
use secrecy::SecretString;
use std::cmp::Reverse;
use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::Arc;
use zeroize::{Zeroize as _, Zeroizing};

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
}

/// Removes known secrets from one stream.
pub struct Redactor {
    reading: Option<Reading>,
    /// Read and not yet given back.
    held: Zeroizing<Vec<u8>>,
    /// Position in the stream of the first byte held.
    base: u64,
    /// Up to here the stream belongs to a secret whose marker has been given back.
    hidden_until: u64,
    counts: Counts,
}

impl fmt::Debug for Redactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Redactor(at {}, {} held)", self.base, self.held.len())
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
            reading: patterns.0.as_ref().map(|automaton| Reading::new(Arc::clone(automaton))),
            held: Zeroizing::new(Vec::new()),
            base: 0,
            hidden_until: 0,
            counts: Counts::default(),
        }
    }

    /// Takes the next bytes and gives back what is certain. May end inside a character.
    #[must_use]
    pub fn push(&mut self, bytes: &[u8]) -> Vec<u8> {
        let Some(mut reading) = self.reading.take() else {
            return bytes.to_vec();
        };
        let mut out = Vec::with_capacity(bytes.len());
        for block in bytes.chunks(BLOCK) {
            self.held.extend_from_slice(block);
            for &byte in block {
                reading.read(byte);
            }
            let safe = reading.safe();
            self.give_back(&mut reading, safe, &mut out);
        }
        self.reading = Some(reading);
        out
    }

    /// Ends the stream: gives back the rest, and how many secrets were removed.
    #[must_use]
    pub fn finish(mut self) -> (Vec<u8>, Counts) {
        let mut out = Vec::new();
        if let Some(mut reading) = self.reading.take() {
            let end = reading.at;
            self.give_back(&mut reading, end, &mut out);
        }
        (out, std::mem::take(&mut self.counts))
    }

    fn give_back(&mut self, reading: &mut Reading, safe: u64, out: &mut Vec<u8>) {
        // Of two that begin at one place the longer one gives the name, however they were found.
        reading.hits.sort_by_key(|hit| (hit.start, Reverse(hit.end)));
        let certain = reading.hits.partition_point(|hit| hit.start < safe);
        for hit in reading.hits.drain(..certain) {
            if hit.start >= self.hidden_until {
                self.copy(hit.start, out);
                let name = reading.automaton.name(hit.pattern);
                out.extend_from_slice(format!("[redacted:{name}]").as_bytes());
                *self.counts.0.entry(name.to_string()).or_default() += 1;
            }
            self.hidden_until = self.hidden_until.max(hit.end);
        }
        self.copy(safe, out);
    }

    /// Gives back what is held before `until` and not hidden.
    fn copy(&mut self, until: u64, out: &mut Vec<u8>) {
        let count = offset(until, self.base).min(self.held.len());
        let hidden = offset(self.hidden_until, self.base).min(count);
        out.extend_from_slice(self.held.get(hidden..count).unwrap_or_default());
        let kept = self.held.len() - count;
        self.held.copy_within(count.., 0);
        if let Some(rest) = self.held.get_mut(kept..) {
            rest.zeroize();
        }
        self.held.truncate(kept);
        self.base += u64::try_from(count).unwrap_or(0);
    }
}

/// How far `position` is behind `base`.
fn offset(position: u64, base: u64) -> usize {
    usize::try_from(position.saturating_sub(base)).unwrap_or(usize::MAX)
}

/// A secret in the stream, from its first byte to behind its last.
#[derive(Debug, Clone, Copy)]
struct Hit {
    start: u64,
    end: u64,
    pattern: usize,
}

/// The two readings of the stream.
struct Reading {
    automaton: Arc<Automaton>,
    wrap: Wrap,
    /// State of the reading that takes every byte.
    all: StateID,
    /// State of the reading that skips.
    text: StateID,
    /// Bytes read.
    at: u64,
    /// Bytes of the reading that skips; the same as `at` while nothing skipped matters.
    text_at: u64,
    /// For each place where bytes were skipped: the text position behind it, and how many bytes
    /// were skipped up to there. Empty exactly when both readings are one.
    skips: VecDeque<(u64, u64)>,
    hits: Vec<Hit>,
}

impl Reading {
    fn new(automaton: Arc<Automaton>) -> Self {
        let start = automaton.start();
        Self {
            automaton,
            wrap: Wrap::default(),
            all: start,
            text: start,
            at: 0,
            text_at: 0,
            skips: VecDeque::new(),
            hits: Vec::new(),
        }
    }

    #[inline]
    fn read(&mut self, byte: u8) {
        let seen = self.wrap.see(byte);
        self.at += 1;
        self.all = self.automaton.next(self.all, byte);
        if self.automaton.is_match(self.all) {
            self.hit_all();
        }
        if seen == Seen::Text && self.skips.is_empty() {
            self.text = self.all;
            self.text_at = self.at;
        } else {
            self.read_apart(byte, seen);
        }
    }

    /// The rest of [`read`](Self::read) while the two readings differ.
    fn read_apart(&mut self, byte: u8, seen: Seen) {
        match seen {
            Seen::Text => {
                self.text_at += 1;
                self.text = self.automaton.next(self.text, byte);
                if self.automaton.is_match(self.text) {
                    self.hit_text();
                }
            }
            Seen::Skipped => self.skip(),
            Seen::TooLong => return self.join(),
        }
        if self.text == self.all {
            let depth = self.automaton.depth(self.text);
            let since = self.skips.back().map_or(u64::MAX, |(behind, _)| self.text_at - behind);
            if depth <= since {
                self.join();
            }
        }
    }

    /// From here on both readings are one.
    fn join(&mut self) {
        self.text = self.all;
        self.text_at = self.at;
        self.skips.clear();
    }

    fn skip(&mut self) {
        match self.skips.back_mut() {
            Some((behind, skipped)) if *behind == self.text_at => *skipped += 1,
            Some(&mut (_, skipped)) => self.skips.push_back((self.text_at, skipped + 1)),
            // `text_at` and `at` were one until this byte.
            None => self.skips.push_back((self.text_at, 1)),
        }
        while self.skips.get(1).is_some_and(|(behind, _)| behind + self.automaton.longest < self.text_at) {
            self.skips.pop_front();
        }
    }

    fn hit_all(&mut self) {
        if let Some((length, pattern)) = self.automaton.longest_match(self.all) {
            self.hits.push(Hit { start: self.at - length, end: self.at, pattern });
        }
    }

    fn hit_text(&mut self) {
        if let Some((length, pattern)) = self.automaton.longest_match(self.text) {
            let start = self.position(self.text_at - length);
            self.hits.push(Hit { start, end: self.at, pattern });
        }
    }

    /// Position in the stream of the text byte with this position in the text.
    fn position(&self, text: u64) -> u64 {
        let skipped = self.skips.iter().rev().find(|(behind, _)| *behind <= text).map_or(0, |(_, skipped)| *skipped);
        text + skipped
    }

    /// Position before which no secret can begin that has not been found.
    fn safe(&self) -> u64 {
        let all = self.at - self.automaton.depth(self.all);
        match self.automaton.depth(self.text) {
            0 => all,
            depth => all.min(self.position(self.text_at - depth)),
        }
    }
}

#[cfg(test)]
mod tests;
