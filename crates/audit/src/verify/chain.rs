//! The chain of one stream, on raw bytes.
//!
//! **Invariant:** a line is handed on only when its successor has confirmed it, or nothing comes
//! after it; what is known to be changed is never reported under a second name.

use super::report::{Finding, Name};
use super::scan::{Line, Scanned};
use crate::record::WriterId;
use countersign_core::digest::Digest;
use countersign_core::time::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

/// A line that was read, and whether the chain stands behind it.
pub(super) struct Confirmed {
    pub(super) seq: u64,
    pub(super) line: Line,
    pub(super) stored_at: Option<Timestamp>,
    pub(super) intact: bool,
}

/// Where the walk through a stream is.
pub(super) struct Chain {
    writer: WriterId,
    expected: u64,
    /// Digest of the line before; `None` after a hole, where nothing is known.
    prev: Option<Digest>,
    held: Option<Confirmed>,
    /// Digests of the lines that heads speak about.
    pub(super) roots: BTreeMap<u64, Digest>,
    sizes: BTreeSet<u64>,
    /// Whether anything is wrong so far.
    pub(super) damaged: bool,
}

/// What is found, and what may be read on.
pub(super) struct Out<'a> {
    pub(super) findings: &'a mut Vec<Finding>,
    pub(super) confirmed: &'a mut Vec<Confirmed>,
}

impl Chain {
    /// A walk from the beginning; `sizes` are those that heads speak about.
    pub(super) fn new(writer: WriterId, sizes: BTreeSet<u64>) -> Self {
        let prev = Some(writer.genesis());
        Self { writer, expected: 1, prev, held: None, roots: BTreeMap::new(), sizes, damaged: false }
    }

    /// How many records the stream has, as far as it was read.
    pub(super) const fn size(&self) -> u64 {
        self.expected - 1
    }

    /// Walks over a segment. Lines that are confirmed go to `out`.
    pub(super) fn segment(&mut self, first: u64, object: &str, scanned: Scanned, out: &mut Out<'_>) {
        let Scanned { mut lines, torn, stored_at } = scanned;
        if first > self.expected {
            let says = format!("records {} to {} are missing", self.expected, first - 1);
            self.found(out, Finding::new(Name::MissingSegment, says).object(object).at(self.expected));
            self.skip_to(first, out);
        }
        if torn {
            self.found(out, Finding::new(Name::TornLine, "the segment ends within a line").object(object));
        }
        let begins = lines.first().and_then(|line| line.link);
        if begins.is_some_and(|link| link.seq != first && link.seq == self.expected) {
            let says = format!("it begins with record {}", self.expected);
            self.found(out, Finding::new(Name::MisnamedSegment, says).object(object));
        }
        if is_shuffled(&lines, self.expected) {
            self.found(out, Finding::new(Name::Reordered, "the lines were moved").object(object).at(first));
            lines.sort_by_key(|line| line.link.map(|link| link.seq));
        }
        let mut rest = lines.into_iter().peekable();
        while let Some(line) = rest.next() {
            let next = rest.peek().and_then(|line| line.link.map(|link| link.seq));
            self.line(line, stored_at, next, object, out);
        }
    }

    fn line(&mut self, line: Line, stored_at: Option<Timestamp>, next: Option<u64>, object: &str, out: &mut Out<'_>) {
        let seq = self.expected;
        let Some(link) = line.link else {
            let finding = Finding::new(Name::EditedLine, "it does not begin as a record does");
            self.found(out, finding.object(object).at(seq));
            self.advance(line, stored_at, false, out);
            return;
        };
        if link.seq != seq && next == Some(seq + 1) {
            let says = format!("it says that it is record {}", link.seq);
            self.found(out, Finding::new(Name::EditedLine, says).object(object).at(seq));
            self.advance(line, stored_at, false, out);
            return;
        }
        if link.seq < seq {
            let finding = Finding::new(Name::RepeatedLine, "its number was used before");
            self.found(out, finding.object(object).at(link.seq));
            return;
        }
        if link.seq > seq {
            let says = format!("records {seq} to {} are missing", link.seq - 1);
            self.found(out, Finding::new(Name::Gap, says).object(object).at(seq));
            self.skip_to(link.seq, out);
        }
        if self.prev.is_some_and(|prev| prev != link.prev) {
            let edited = self.expected.saturating_sub(1).max(1);
            let says = "its successor was chained to another line";
            self.found(out, Finding::new(Name::EditedLine, says).object(object).at(edited));
            if let Some(held) = &mut self.held {
                held.intact = false;
            }
        }
        self.advance(line, stored_at, true, out);
    }

    /// The last line has no successor to confirm it.
    pub(super) fn finish(&mut self, out: &mut Out<'_>) {
        self.release(out);
    }

    fn advance(&mut self, line: Line, stored_at: Option<Timestamp>, intact: bool, out: &mut Out<'_>) {
        self.release(out);
        if self.sizes.contains(&self.expected) {
            self.roots.insert(self.expected, line.digest);
        }
        // After a line that is known to be changed, its digest tells nothing about the next.
        self.prev = intact.then_some(line.digest);
        self.held = line.told.is_some().then_some(Confirmed { seq: self.expected, line, stored_at, intact });
        self.expected += 1;
    }

    fn skip_to(&mut self, seq: u64, out: &mut Out<'_>) {
        self.release(out);
        self.expected = seq;
        self.prev = None;
    }

    fn release(&mut self, out: &mut Out<'_>) {
        out.confirmed.extend(self.held.take());
    }

    fn found(&mut self, out: &mut Out<'_>, finding: Finding) {
        self.damaged = true;
        out.findings.push(finding.of(&self.writer));
    }
}

/// Whether the lines are exactly the ones that should be here, in another order.
fn is_shuffled(lines: &[Line], expected: u64) -> bool {
    let in_order = lines.iter().zip(expected..).all(|(line, seq)| line.link.is_some_and(|link| link.seq == seq));
    if in_order {
        return false;
    }
    let Some(mut seqs) = lines.iter().map(|line| line.link.map(|link| link.seq)).collect::<Option<Vec<u64>>>() else {
        return false;
    };
    seqs.sort_unstable();
    seqs.iter().zip(expected..).all(|(seq, should)| *seq == should)
}
