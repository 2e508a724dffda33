//! The chain of one stream, on raw bytes.
//!
//! **Invariant:** a line is handed on for reading only when its successor has confirmed it, or
//! nothing comes after it; what is known to be changed is never reported under a second name.

use super::report::{Finding, Name};
use crate::record::{Link, WriterId};
use countersign_core::digest::Digest;
use std::collections::{BTreeMap, BTreeSet};

/// A line, and whether the chain stands behind it.
pub(super) struct Confirmed {
    pub(super) seq: u64,
    pub(super) bytes: Vec<u8>,
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

    /// Reads a segment. Lines that are confirmed go to `out`.
    pub(super) fn segment(
        &mut self,
        first: u64,
        object: &str,
        bytes: &[u8],
        findings: &mut Vec<Finding>,
        out: &mut Vec<Confirmed>,
    ) {
        if first > self.expected {
            let says = format!("records {} to {} are missing", self.expected, first - 1);
            self.found(findings, Finding::new(Name::MissingSegment, says).object(object).at(self.expected));
            self.skip_to(first, out);
        }
        let mut lines: Vec<&[u8]> = bytes.split(|byte| *byte == b'\n').collect();
        if lines.pop().is_none_or(|rest| !rest.is_empty()) || lines.is_empty() {
            self.found(findings, Finding::new(Name::TornLine, "the segment ends within a line").object(object));
        }
        let mut links: Vec<(Option<Link>, &[u8])> = lines.into_iter().map(|line| (Link::read(line), line)).collect();
        if links
            .first()
            .is_some_and(|(link, _)| link.is_some_and(|link| link.seq != first && link.seq == self.expected))
        {
            let says = format!("it begins with record {}", self.expected);
            self.found(findings, Finding::new(Name::MisnamedSegment, says).object(object));
        }
        if is_shuffled(&links, self.expected) {
            self.found(findings, Finding::new(Name::Reordered, "the lines were moved").object(object).at(first));
            links.sort_by_key(|(link, _)| link.map(|link| link.seq));
        }
        for nth in 0..links.len() {
            let Some((link, line)) = links.get(nth) else { break };
            let next = links.get(nth + 1).and_then(|(link, _)| link.map(|link| link.seq));
            self.line(*link, line, next, object, findings, out);
        }
    }

    fn line(
        &mut self,
        link: Option<Link>,
        line: &[u8],
        next: Option<u64>,
        object: &str,
        findings: &mut Vec<Finding>,
        out: &mut Vec<Confirmed>,
    ) {
        let seq = self.expected;
        let Some(link) = link else {
            self.found(
                findings,
                Finding::new(Name::EditedLine, "it does not begin as a record does").object(object).at(seq),
            );
            self.release(out);
            self.advance(line, false);
            return;
        };
        if link.seq != seq && next == Some(seq + 1) {
            let says = format!("it says that it is record {}", link.seq);
            self.found(findings, Finding::new(Name::EditedLine, says).object(object).at(seq));
            self.release(out);
            self.advance(line, false);
            return;
        }
        if link.seq < seq {
            self.found(
                findings,
                Finding::new(Name::RepeatedLine, "its number was used before").object(object).at(link.seq),
            );
            return;
        }
        if link.seq > seq {
            let says = format!("records {seq} to {} are missing", link.seq - 1);
            self.found(findings, Finding::new(Name::Gap, says).object(object).at(seq));
            self.skip_to(link.seq, out);
        }
        if self.prev.is_some_and(|prev| prev != link.prev) {
            let edited = self.expected.saturating_sub(1).max(1);
            let says = "its successor was chained to another line";
            self.found(findings, Finding::new(Name::EditedLine, says).object(object).at(edited));
            if let Some(held) = &mut self.held {
                held.intact = false;
            }
        }
        self.release(out);
        self.advance(line, true);
    }

    /// The last line has no successor to confirm it.
    pub(super) fn finish(&mut self, out: &mut Vec<Confirmed>) {
        self.release(out);
    }

    fn advance(&mut self, line: &[u8], intact: bool) {
        let digest = Digest::of(line);
        if self.sizes.contains(&self.expected) {
            self.roots.insert(self.expected, digest);
        }
        self.held = Some(Confirmed { seq: self.expected, bytes: line.to_vec(), intact });
        // After a line that is known to be changed, its digest tells nothing about the next.
        self.prev = intact.then_some(digest);
        self.expected += 1;
    }

    fn skip_to(&mut self, seq: u64, out: &mut Vec<Confirmed>) {
        self.release(out);
        self.expected = seq;
        self.prev = None;
    }

    fn release(&mut self, out: &mut Vec<Confirmed>) {
        out.extend(self.held.take());
    }

    fn found(&mut self, findings: &mut Vec<Finding>, finding: Finding) {
        self.damaged = true;
        findings.push(finding.of(&self.writer));
    }
}

/// Whether the lines are exactly the ones that should be here, in another order.
fn is_shuffled(links: &[(Option<Link>, &[u8])], expected: u64) -> bool {
    let Some(seqs) = links.iter().map(|(link, _)| link.map(|link| link.seq)).collect::<Option<Vec<u64>>>() else {
        return false;
    };
    let mut sorted = seqs.clone();
    sorted.sort_unstable();
    let complete = sorted.iter().zip(expected..).all(|(seq, should)| *seq == should);
    complete && sorted != seqs
}
