//! Removes the known secrets from a stream.
//!
//! The bytes are read three times at once: as they are, without what a terminal or a wrapper puts in between ([`Wrap`]),
//! and without escapes as well ([`Unescape`]). All readings are in the same state of the automaton nearly always, and then
//! only one is followed.
//!
//! **Invariant:** nothing is given back that could still turn out to belong to a secret, and nothing else is held back.

use crate::patterns::{Automaton, BEGINNING};
use crate::stream::Counts;
use crate::unescape::{Unescape, Unit};
use crate::wrap::{Seen, Wrap};
use aho_corasick::automaton::StateID;
use std::cmp::Reverse;
use std::collections::VecDeque;
use std::sync::Arc;
use zeroize::Zeroizing;

/// Bytes read by the automaton before one asks whether it is still needed.
const STRIDE: usize = BEGINNING;

/// Whether a byte means the same in each reading, unless something was begun before it.
const fn is_ordinary(byte: u8) -> bool {
    (byte >= b' ' || byte == b'\t') && byte != b'\\' && byte != b'%'
}

/// How many ordinary bytes there are at the beginning.
fn ordinary(bytes: &[u8]) -> usize {
    const BLOCK: usize = 32;
    // A fold without a branch, which the compiler turns into instructions for many bytes at once.
    let clean = |block: &&[u8]| block.iter().fold(true, |all, &byte| all & is_ordinary(byte));
    let blocks = bytes.chunks_exact(BLOCK).take_while(clean).count() * BLOCK;
    let rest = bytes.get(blocks..).unwrap_or_default();
    blocks + rest.iter().take_while(|&&byte| is_ordinary(byte)).count()
}

/// Removes known secrets from one stream.
pub(crate) struct Known {
    reading: Reading,
    /// Read and not yet given back. Wiped when the stream has ended.
    held: Zeroizing<Vec<u8>>,
    /// Position in the stream of the first byte held.
    base: u64,
    /// Up to here the stream belongs to a secret whose marker has been given back.
    hidden_until: u64,
}

impl Known {
    pub(crate) fn new(automaton: Arc<Automaton>) -> Self {
        Self { reading: Reading::new(automaton), held: Zeroizing::new(Vec::new()), base: 0, hidden_until: 0 }
    }

    /// Bytes that are held back.
    pub(crate) fn held(&self) -> usize {
        self.held.len()
    }

    /// What waits to be hidden, and how many places are remembered.
    #[cfg(test)]
    pub(crate) fn remembered(&self) -> usize {
        self.reading.hits.len() + self.reading.text.breaks.len() + self.reading.plain.breaks.len()
    }

    pub(crate) fn push(&mut self, block: &[u8], out: &mut Vec<u8>, counts: &mut Counts) {
        self.held.extend_from_slice(block);
        self.reading.read(block);
        let safe = self.reading.safe();
        self.give_back(safe, out, counts);
    }

    pub(crate) fn finish(&mut self, out: &mut Vec<u8>, counts: &mut Counts) {
        self.reading.end();
        self.give_back(self.reading.at, out, counts);
    }

    fn give_back(&mut self, safe: u64, out: &mut Vec<u8>, counts: &mut Counts) {
        // Of two that begin at one place the longer one gives the name, however they were found.
        self.reading.hits.sort_by_key(|hit| (hit.start, Reverse(hit.end)));
        let certain = self.reading.hits.partition_point(|hit| hit.start < safe);
        let hits: Vec<Hit> = self.reading.hits.drain(..certain).collect();
        for hit in hits {
            if hit.start >= self.hidden_until {
                self.copy(hit.start, out);
                let name = self.reading.automaton.name(hit.pattern);
                out.extend_from_slice(format!("[redacted:{name}]").as_bytes());
                counts.count(name);
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

/// A reading that leaves something out.
struct Branch {
    state: StateID,
    /// Bytes of this reading; the same as those of the stream while nothing left out matters.
    at: u64,
    /// Where in the stream the last byte of this reading ends.
    end: u64,
    /// From which byte of this reading on how many of the stream were left out before it. Empty exactly when this reading
    /// and the one of all bytes are one.
    breaks: VecDeque<(u64, u64)>,
    apart: bool,
}

impl Branch {
    const fn new(state: StateID) -> Self {
        Self { state, at: 0, end: 0, breaks: VecDeque::new(), apart: false }
    }

    /// From here on it is its own, unless it was before.
    fn part(&mut self, state: StateID, at: u64) {
        if !self.apart {
            (self.state, self.at, self.end, self.apart) = (state, at, at, true);
            self.breaks.clear();
            self.breaks.push_back((0, 0));
        }
    }

    fn take(&mut self, automaton: &Automaton, unit: Unit, hits: &mut Vec<Hit>) {
        let left_out = unit.start.saturating_sub(self.at);
        if self.breaks.back().is_none_or(|(_, before)| *before != left_out) {
            self.breaks.push_back((self.at, left_out));
        }
        while self.breaks.get(1).is_some_and(|(from, _)| from + automaton.longest < self.at) {
            self.breaks.pop_front();
        }
        (self.at, self.end) = (self.at + 1, unit.end);
        self.state = automaton.next(self.state, unit.byte);
        if automaton.is_match(self.state)
            && let Some((length, pattern)) = automaton.longest_match(self.state)
        {
            hits.push(Hit { start: self.position(self.at - length), end: unit.end, pattern });
        }
    }

    /// Becomes one with the reading of all bytes when what it has begun is the same.
    fn join(&mut self, automaton: &Automaton, all: StateID, at: u64) {
        if self.state != all {
            return;
        }
        let depth = automaton.depth(all);
        let since = if self.end == at { self.breaks.back().map_or(self.at, |(from, _)| self.at - from) } else { 0 };
        if depth <= since {
            self.apart = false;
            self.breaks.clear();
        }
    }

    /// Position in the stream of a byte of this reading.
    fn position(&self, nth: u64) -> u64 {
        nth + self.breaks.iter().rev().find(|(from, _)| *from <= nth).map_or(0, |(_, left_out)| *left_out)
    }

    /// Position before which no secret can begin that has not been found in this reading.
    fn safe(&self, automaton: &Automaton) -> u64 {
        match automaton.depth(self.state) {
            0 => u64::MAX,
            depth => self.position(self.at - depth),
        }
    }
}

/// The readings of the stream.
struct Reading {
    automaton: Arc<Automaton>,
    wrap: Wrap,
    unescape: Unescape,
    /// State of the reading that takes every byte.
    all: StateID,
    /// Bytes read.
    at: u64,
    /// Without what a terminal or a wrapper puts in between.
    text: Branch,
    /// Without escapes as well.
    plain: Branch,
    units: Vec<Unit>,
    hits: Vec<Hit>,
}

impl Reading {
    fn new(automaton: Arc<Automaton>) -> Self {
        let start = automaton.start();
        Self {
            automaton,
            wrap: Wrap::default(),
            unescape: Unescape::default(),
            all: start,
            at: 0,
            text: Branch::new(start),
            plain: Branch::new(start),
            units: Vec::new(),
            hits: Vec::new(),
        }
    }

    fn read(&mut self, block: &[u8]) {
        let mut rest = block;
        while !rest.is_empty() {
            let together = self.read_together(rest);
            rest = rest.get(together..).unwrap_or_default();
            rest = rest.get(self.read_break(rest)..).unwrap_or_default();
            if let Some((&byte, later)) = rest.split_first() {
                if self.is_together() && is_ordinary(byte) && self.wrap.settles(byte) {
                    continue;
                }
                self.read_apart(byte);
                rest = later.get(self.read_indentation(later)..).unwrap_or_default();
            }
        }
    }

    /// Whether all readings are one.
    fn is_together(&self) -> bool {
        !self.text.apart && !self.plain.apart && self.unescape.is_idle()
    }

    /// Reads a line break and the indentation behind it where nothing was begun, so that all readings stay one; how many
    /// bytes that were.
    fn read_break(&mut self, bytes: &[u8]) -> usize {
        let start = self.automaton.start();
        let stays = |byte| self.automaton.next(start, byte) == start;
        let alone = self.is_together() && self.all == start && self.wrap.is_plain();
        if !alone || bytes.first() != Some(&b'\n') || !stays(b'\n') || !stays(b' ') {
            return 0;
        }
        self.wrap.see(b'\n');
        let blanks = bytes.iter().skip(1).take_while(|&&byte| byte == b' ').count();
        let count = if self.wrap.indent(blanks) { 1 + blanks } else { 1 };
        self.at += count as u64;
        count
    }

    /// Reads while all readings are one; how many bytes that were.
    fn read_together(&mut self, bytes: &[u8]) -> usize {
        if !self.is_together() || !bytes.first().is_some_and(|&byte| is_ordinary(byte) && self.wrap.settles(byte)) {
            return 0;
        }
        let run = bytes.get(..ordinary(bytes)).unwrap_or_default();
        let mut at = 0;
        while at < run.len() {
            let begun = usize::try_from(self.automaton.depth(self.all)).unwrap_or(usize::MAX);
            if begun < BEGINNING && begun <= at {
                // What was begun is short enough to be looked at again, and mostly it is no beginning of a pattern.
                let from = at - begun;
                let skipped = self.nothing_begins(run.get(from..).unwrap_or_default());
                if skipped > 0 {
                    self.at = self.at - begun as u64 + skipped as u64;
                    at = from + skipped;
                    self.all = self.automaton.start();
                }
            }
            let stop = (at + STRIDE).min(run.len());
            self.step(run.get(at..stop).unwrap_or_default());
            at = stop;
        }
        run.len()
    }

    /// How many bytes at the beginning begin no pattern.
    fn nothing_begins(&self, bytes: &[u8]) -> usize {
        let begins = |first: &[u8]| first.first_chunk().is_none_or(|first| self.automaton.may_begin(*first));
        let mut windows = bytes.windows(BEGINNING);
        let count = windows.len();
        windows.position(begins).unwrap_or(count)
    }

    /// Follows the automaton.
    fn step(&mut self, bytes: &[u8]) {
        let mut state = self.all;
        for (nth, &byte) in bytes.iter().enumerate() {
            state = self.automaton.next(state, byte);
            if self.automaton.is_match(state)
                && let Some((length, pattern)) = self.automaton.longest_match(state)
            {
                let end = self.at + nth as u64 + 1;
                self.hits.push(Hit { start: end - length, end, pattern });
            }
        }
        self.all = state;
        self.at += bytes.len() as u64;
    }

    /// Reads the indentation behind a line break; how many bytes that were.
    fn read_indentation(&mut self, bytes: &[u8]) -> usize {
        if !self.text.apart || !self.plain.apart || !self.wrap.is_indenting() {
            return 0;
        }
        let blanks = bytes.iter().take_while(|&&byte| byte == b' ').count();
        let mut state = self.all;
        for _ in 0..blanks {
            let next = self.automaton.next(state, b' ');
            if self.automaton.is_match(next) {
                return 0;
            }
            if next == state {
                break;
            }
            state = next;
        }
        if !self.wrap.indent(blanks) {
            return 0;
        }
        self.all = state;
        self.at += blanks as u64;
        blanks
    }

    fn read_apart(&mut self, byte: u8) {
        let (place, before) = (self.at, self.all);
        let seen = self.wrap.see(byte);
        self.at += 1;
        self.all = self.automaton.next(self.all, byte);
        if self.automaton.is_match(self.all)
            && let Some((length, pattern)) = self.automaton.longest_match(self.all)
        {
            self.hits.push(Hit { start: self.at - length, end: self.at, pattern });
        }
        self.text.part(before, place);
        self.plain.part(before, place);
        match seen {
            Seen::Text => {
                self.text.take(&self.automaton, Unit { byte, start: place, end: self.at }, &mut self.hits);
                self.unescape.take(byte, place, &mut self.units);
                self.take_units();
            }
            Seen::Skipped if byte == b'\n' => {
                self.unescape.line_break(&mut self.units);
                self.take_units();
            }
            Seen::Skipped => {}
            Seen::TooLong => {
                self.text.apart = false;
                self.plain.apart = false;
                self.unescape = Unescape::default();
                return;
            }
        }
        if self.text.apart {
            self.text.join(&self.automaton, self.all, self.at);
        }
        if self.plain.apart && self.unescape.is_idle() {
            self.plain.join(&self.automaton, self.all, self.at);
        }
    }

    /// The stream has ended: an escape that was begun is none.
    fn end(&mut self) {
        if self.plain.apart {
            self.unescape.end(&mut self.units);
            self.take_units();
        }
    }

    fn take_units(&mut self) {
        for unit in self.units.drain(..) {
            self.plain.take(&self.automaton, unit, &mut self.hits);
        }
    }

    /// Position before which no secret can begin that has not been found.
    fn safe(&self) -> u64 {
        let mut safe = self.at - self.automaton.depth(self.all);
        for branch in [&self.text, &self.plain] {
            if branch.apart {
                safe = safe.min(branch.safe(&self.automaton));
            }
        }
        self.unescape.pending().filter(|_| self.plain.apart).map_or(safe, |pending| safe.min(pending))
    }
}
