//! Names of the log's objects: each follows from writer and sequence number alone.

use crate::record::WriterId;
use crate::sink::Key;
use countersign_core::digest::{Digest, hex};
use countersign_core::id::{Attempt, InvocationId, KeyId};

/// Below it are the segments.
pub const RECORDS: &str = "records/v1/";
/// Below it are the signed heads.
pub const HEADS: &str = "heads/v1/";
/// Below it is what commands printed, redacted.
pub const OUTPUTS: &str = "outputs/v1/";
/// Below it are the certificates of the writers' keys, and the notes that take belief away from them.
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

/// The note that takes belief away from a key, by the key and the note's exact bytes, so that a
/// second note about the same key is another object.
#[must_use]
pub fn revocation(id: &KeyId, note: &[u8]) -> Option<Key> {
    let digest = Digest::of(note);
    let (short, _) = digest.as_bytes().split_at(REVOCATION_DIGEST_BYTES);
    Key::parse(&format!("{KEYS}{REVOKED}{id}-{}.json", hex(short))).ok()
}

/// Begins the name of a revocation, below [`KEYS`].
const REVOKED: &str = "revoked-";
/// How much of a note's SHA-256 is part of its name.
const REVOCATION_DIGEST_BYTES: usize = 16;

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
    /// A note that a key is not believed any more.
    Revocation,
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
    match name.strip_prefix(OUTPUTS).and_then(|rest| rest.split_once('/')) {
        Some((id, attempt)) if invocation(id) && is_hex(attempt) => return Place::Output,
        _ => {}
    }
    match name.strip_prefix(KEYS).and_then(|rest| rest.strip_suffix(".json")) {
        Some(id) if is_hex(id) => Place::Certificate,
        Some(name) if is_revocation(name) => Place::Revocation,
        _ => Place::Unknown,
    }
}

/// 32 lower-case hex digits: an attempt, a key, part of a digest.
fn is_hex(part: &str) -> bool {
    part.len() == 32 && part.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

fn is_revocation(name: &str) -> bool {
    let parts = name.strip_prefix(REVOKED).and_then(|rest| rest.split_once('-'));
    parts.is_some_and(|(key, note)| is_hex(key) && is_hex(note))
}

fn numbered(name: &str, folder: &str, ending: &str) -> Option<(WriterId, u64)> {
    let (writer, number) = name.strip_prefix(folder)?.strip_prefix("writer=")?.split_once('/')?;
    let digits = number.strip_suffix(ending)?;
    // A line's number has at most 19 digits, so that nothing that is counted on from it overflows.
    if digits.len() != 20 || !digits.starts_with('0') || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    Some((writer.parse().ok()?, digits.parse().ok()?))
}

fn key(text: String) -> Key {
    Key::parse(&text).expect("writers are named by role and uuid, numbers by digits")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_revocation_has_a_place_of_its_own_and_two_notes_have_two() {
        let id = KeyId::of(&[7; 32]);
        let (one, other) = (revocation(&id, b"one").unwrap(), revocation(&id, b"other").unwrap());
        assert_ne!(one, other);
        assert_eq!(place(one.as_str()), Place::Revocation);
        assert_eq!(place(certificate(&id).unwrap().as_str()), Place::Certificate);
        let id = id.as_str();
        for strange in [format!("revoked-{id}.json"), format!("revoked-{id}-{id}0.json"), format!("{id}-{id}.json")] {
            assert_eq!(place(&format!("{KEYS}{strange}")), Place::Unknown, "{strange}");
        }
    }
}
