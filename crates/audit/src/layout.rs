//! Names of the log's objects: each follows from writer and sequence number alone.

use crate::record::WriterId;
use crate::sink::Key;
use countersign_core::id::{Attempt, InvocationId, KeyId};

/// Below it are the segments.
pub const RECORDS: &str = "records/v1/";
/// Below it are the signed heads.
pub const HEADS: &str = "heads/v1/";
/// Below it is what commands printed, redacted.
pub const OUTPUTS: &str = "outputs/v1/";
/// Below it are the certificates of the writers' keys.
pub const KEYS: &str = "keys/v1/";

/// The segment of this writer that begins with this record.
#[must_use]
pub fn segment(writer: &WriterId, first: u64) -> Key {
    key(format!("{RECORDS}writer={writer}/{first:020}.ndjson"))
}

/// The head of this writer after this many records.
#[must_use]
pub fn head(writer: &WriterId, size: u64) -> Key {
    key(format!("{HEADS}writer={writer}/{size:020}.note"))
}

/// What one attempt printed.
#[must_use]
pub fn output(invocation: InvocationId, attempt: &Attempt) -> Option<Key> {
    // An attempt that was read back from somewhere may hold anything.
    Key::parse(&format!("{OUTPUTS}{invocation}/{}", attempt.as_str())).ok()
}

/// The certificate of a key.
#[must_use]
pub fn certificate(id: &KeyId) -> Option<Key> {
    Key::parse(&format!("{KEYS}{id}.json")).ok()
}

/// What a name in the store stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// A segment and the number of its first record.
    Segment(WriterId, u64),
    /// A head and the number of records it covers.
    Head(WriterId, u64),
    /// Something a command printed.
    Output,
    /// A certificate.
    Certificate,
    /// Nothing the log would have written.
    Unknown,
}

/// What this name stands for.
#[must_use]
pub fn place(name: &str) -> Place {
    if let Some((writer, number)) = numbered(name, RECORDS, ".ndjson") {
        return Place::Segment(writer, number);
    }
    if let Some((writer, number)) = numbered(name, HEADS, ".note") {
        return Place::Head(writer, number);
    }
    let invocation = |part: &str| part.parse::<InvocationId>().is_ok();
    let hex = |part: &str| part.len() == 32 && part.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    match name.strip_prefix(OUTPUTS).and_then(|rest| rest.split_once('/')) {
        Some((id, attempt)) if invocation(id) && hex(attempt) => return Place::Output,
        _ => {}
    }
    match name.strip_prefix(KEYS).and_then(|rest| rest.strip_suffix(".json")) {
        Some(id) if hex(id) => Place::Certificate,
        _ => Place::Unknown,
    }
}

fn numbered(name: &str, folder: &str, ending: &str) -> Option<(WriterId, u64)> {
    let (writer, number) = name.strip_prefix(folder)?.strip_prefix("writer=")?.split_once('/')?;
    let digits = number.strip_suffix(ending)?;
    if digits.len() != 20 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    Some((writer.parse().ok()?, digits.parse().ok()?))
}

fn key(text: String) -> Key {
    Key::parse(&text).expect("writers are named by role and uuid, numbers by digits")
}
