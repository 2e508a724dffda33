//! A segment's bytes: its lines, their digests and links, and what each of them tells.
//!
//! **Invariant:** a segment is scanned by itself, so that many are at once; whether its lines may
//! be believed is the chain's answer.

use super::contents::{self, Told};
use super::seals::Seals;
use super::{Context, Depth};
use crate::record::{Link, Record, RecordError, WriterId};
use countersign_core::digest::Digest;
use countersign_core::time::Timestamp;
use std::io::BufRead as _;

/// A line, as far as it can be judged by itself.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) link: Option<Link>,
    pub(super) digest: Digest,
    /// What it tells, if it was read.
    pub(super) told: Option<Result<Box<Told>, RecordError>>,
}

/// The lines of one segment.
#[derive(Debug)]
pub(super) struct Scanned {
    pub(super) lines: Vec<Line>,
    /// Whether it ends within a line, or has none.
    pub(super) torn: bool,
    /// When it was stored, by the store's clock.
    pub(super) stored_at: Option<Timestamp>,
}

/// Which segment it is.
#[derive(Debug, Clone)]
pub(super) struct Which {
    pub(super) writer: WriterId,
    pub(super) stored_at: Option<Timestamp>,
    /// Whether nothing of the stream comes after it.
    pub(super) last: bool,
}

/// Reads the lines. With [`Depth::Integrity`] only the first and last of the stream are parsed.
pub(super) fn scan(context: &Context, which: &Which, bytes: &[u8]) -> Scanned {
    let mut lines = Vec::with_capacity(bytes.len() / 512 + 1);
    let mut rest = bytes;
    let mut torn = bytes.is_empty();
    while !rest.is_empty() {
        let before = rest;
        let length = rest.skip_until(b'\n').unwrap_or(before.len());
        let (line, _) = before.split_at(length.min(before.len()));
        let Some(line) = line.strip_suffix(b"\n") else {
            torn = true;
            break;
        };
        let link = Link::read(line);
        let is_end = link.is_some_and(|link| link.seq == 1) || (which.last && rest.is_empty());
        let told = match context.depth {
            Depth::Full => Some(read(&context.seals, which, line)),
            Depth::Integrity if is_end => Some(Record::read(line).map(|record| Box::new(Told::only_ends(record)))),
            Depth::Integrity => None,
        };
        lines.push(Line { link, digest: Digest::of(line), told });
    }
    Scanned { lines, torn, stored_at: which.stored_at }
}

fn read(seals: &Seals, which: &Which, line: &[u8]) -> Result<Box<Told>, RecordError> {
    let record = Record::read(line)?;
    Ok(Box::new(contents::tell(seals, &which.writer, record, which.stored_at)))
}
