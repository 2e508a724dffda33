//! A record: one line of the log.
//!
//! **Invariant:** a line begins `{"seq":N,"prev":"sha256:…",` and the chain is over its exact
//! bytes, so that integrity needs no parser. Numbers are unsigned integers. What is read back has
//! no field that this version does not know.

use crate::event::{Event, Kind};
use countersign_core::certificate::Role;
use countersign_core::digest::Digest;
use countersign_core::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// The version of the record's form.
pub const SCHEMA: u32 = 1;

/// Names one start of one process: `<role>-<uuid v4>`. Minted, never resumed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct WriterId {
    role: Role,
    text: String,
}

/// Why a text does not name a writer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` does not name a writer (a role and a UUID version 4)")]
pub struct NotAWriter(String);

impl WriterId {
    /// A new name.
    #[must_use]
    pub fn mint(role: Role) -> Self {
        Self { role, text: format!("{role}-{}", uuid::Uuid::new_v4()) }
    }

    /// What it claims to be.
    #[must_use]
    pub const fn role(&self) -> Role {
        self.role
    }

    /// The whole name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// What the first line's `prev` is: the digest of the writer's name.
    #[must_use]
    pub fn genesis(&self) -> Digest {
        Digest::of(self.text.as_bytes())
    }
}

impl fmt::Display for WriterId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for WriterId {
    type Err = NotAWriter;

    fn from_str(text: &str) -> Result<Self, NotAWriter> {
        let no = || NotAWriter(text.chars().take(80).collect());
        let (role, id) = text.split_once('-').ok_or_else(no)?;
        let role = [Role::Gateway, Role::Confirm, Role::Worker, Role::Operator]
            .into_iter()
            .find(|one| one.as_str() == role)
            .ok_or_else(no)?;
        let uuid = uuid::Uuid::parse_str(id).map_err(|_| no())?;
        // One spelling only: the name is part of keys.
        if uuid.get_version_num() != 4 || uuid.to_string() != id {
            return Err(no());
        }
        Ok(Self { role, text: text.to_owned() })
    }
}

impl TryFrom<String> for WriterId {
    type Error = NotAWriter;

    fn try_from(text: String) -> Result<Self, NotAWriter> {
        text.parse()
    }
}

impl From<WriterId> for String {
    fn from(id: WriterId) -> Self {
        id.text
    }
}

/// The part of a line that the chain is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Link {
    /// Number within the writer's stream, from 1.
    pub seq: u64,
    /// Digest of the previous line's exact bytes, its line feed not included.
    pub prev: Digest,
}

impl Link {
    /// Reads the beginning of a line without parsing the rest.
    #[must_use]
    pub fn read(line: &[u8]) -> Option<Self> {
        let rest = line.strip_prefix(b"{\"seq\":")?;
        let digits = rest.iter().position(|byte| !byte.is_ascii_digit())?;
        // At most 19 digits, and none in front that is not needed: one spelling a number.
        if digits == 0 || digits > 19 || rest.first() == Some(&b'0') {
            return None;
        }
        let (number, rest) = rest.split_at(digits);
        let rest = rest.strip_prefix(b",\"prev\":\"")?;
        let rest = rest.strip_prefix(b"sha256:")?;
        let (digits, rest) = rest.split_first_chunk::<64>()?;
        rest.strip_prefix(b"\",")?;
        Some(Self { seq: std::str::from_utf8(number).ok()?.parse().ok()?, prev: digest(digits)? })
    }
}

/// Reads a digest's 64 hex digits. Every line has one, so no digit costs a branch.
fn digest(digits: &[u8; 64]) -> Option<Digest> {
    let mut bytes = [0_u8; 32];
    let mut wrong = 0;
    for (byte, pair) in bytes.iter_mut().zip(digits.as_chunks::<2>().0) {
        let [high, low] = pair.map(|digit| HEX_DIGITS[usize::from(digit)]);
        wrong |= high | low;
        *byte = high << 4 | (low & 15);
    }
    (wrong & NOT_A_DIGIT == 0).then(|| Digest::from_bytes(bytes))
}

/// Marks what is no lower-case hex digit.
const NOT_A_DIGIT: u8 = 0x80;

/// What each byte stands for as a lower-case hex digit.
const HEX_DIGITS: [u8; 256] = {
    let mut table = [NOT_A_DIGIT; 256];
    let digits = b"0123456789abcdef";
    let mut value: u8 = 0;
    while value < 16 {
        table[digits[value as usize] as usize] = value;
        value += 1;
    }
    table
};

/// One record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Number within the writer's stream, from 1.
    pub seq: u64,
    /// Digest of the previous line.
    pub prev: Digest,
    /// When it was handed to the log, by the writer's clock.
    pub at: Timestamp,
    /// Whose stream it is in.
    pub writer: WriterId,
    /// What it says.
    pub event: Event,
}

/// Why a line is not a record.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// It does not begin as every record does.
    #[error("the line does not begin with `seq` and `prev`")]
    NoLink,
    /// It is not of this version's form.
    #[error("the line cannot be read by this version")]
    Unreadable(#[source] serde_json::Error),
    /// A schema this build does not know.
    #[error("records of schema {0} are not known here")]
    Schema(u32),
}

/// What stands between the link and the event.
#[derive(Serialize)]
struct Line<'a> {
    seq: u64,
    prev: Digest,
    schema: u32,
    at: Timestamp,
    writer: &'a WriterId,
    #[serde(flatten)]
    event: &'a Event,
}

impl Record {
    /// The line, without its line feed.
    #[must_use]
    pub fn line(&self) -> String {
        let Self { seq, prev, at, writer, event } = self;
        let line = Line { seq: *seq, prev: *prev, schema: SCHEMA, at: *at, writer, event };
        serde_json::to_string(&line).expect("a record holds strings, integers, lists and objects only")
    }

    /// Reads a line. Rejects unknown fields; what is inside seals stays text.
    ///
    /// # Errors
    /// When it is not a record of this version.
    pub fn read(line: &[u8]) -> Result<Self, RecordError> {
        let link = Link::read(line).ok_or(RecordError::NoLink)?;
        let (own, rest) = Own::read(line).ok_or(RecordError::NoLink)?;
        if own.schema != SCHEMA {
            return Err(RecordError::Schema(own.schema));
        }
        let event = serde_json::from_str(&["{", rest].concat()).map_err(RecordError::Unreadable)?;
        Ok(Self { seq: link.seq, prev: link.prev, at: own.at, writer: own.writer, event })
    }
}

/// What the writer says about itself, between link and event.
struct Own {
    schema: u32,
    at: Timestamp,
    writer: WriterId,
}

impl Own {
    /// Reads it from the line, and gives back the rest. There is one spelling.
    fn read(line: &[u8]) -> Option<(Self, &str)> {
        let text = std::str::from_utf8(line).ok()?;
        let (_, text) = text.split_once("\",\"schema\":")?;
        let (schema, text) = text.split_once(",\"at\":\"")?;
        let (at, text) = text.split_once("\",\"writer\":\"")?;
        let (writer, text) = text.split_once("\",")?;
        let own = Self { schema: schema.parse().ok()?, at: at.parse().ok()?, writer: writer.parse().ok()? };
        Some((own, text))
    }
}

/// Whether a process of this role may write records of this kind.
#[must_use]
pub const fn may_write(role: Role, kind: Kind) -> bool {
    match kind {
        Kind::WriterOpened
        | Kind::WriterClosed
        | Kind::Checkpoint
        | Kind::Heartbeat
        | Kind::LogRead
        | Kind::Refused
        | Kind::PolicyChanged => true,
        Kind::Received | Kind::Decided | Kind::Asked | Kind::Cleared => matches!(role, Role::Gateway),
        Kind::Previewed | Kind::Expired | Kind::Cancelled => matches!(role, Role::Gateway | Role::Worker),
        Kind::Ballot | Kind::Reconciled => matches!(role, Role::Gateway | Role::Confirm),
        Kind::Intent | Kind::Outcome | Kind::Lease => matches!(role, Role::Worker),
        Kind::Grant | Kind::Link => matches!(role, Role::Gateway | Role::Confirm | Role::Operator),
        Kind::BreakGlass | Kind::Freeze => matches!(role, Role::Gateway | Role::Confirm | Role::Operator),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> Record {
        let writer = WriterId::mint(Role::Gateway);
        let at = Timestamp::from_millis(1_795_222_800_004);
        let event = Event::of(Kind::Received).detail("thread", "T1\n\"x\"");
        Record { seq: 7, prev: writer.genesis(), at, writer, event }
    }

    #[test]
    fn a_line_reads_back_and_begins_with_its_link() {
        let record = record();
        let line = record.line();
        assert!(line.starts_with(&format!("{{\"seq\":7,\"prev\":\"{}\",\"schema\":1,", record.prev)));
        assert!(!line.contains('\n'));
        assert_eq!(Link::read(line.as_bytes()), Some(Link { seq: 7, prev: record.prev }));
        assert_eq!(Record::read(line.as_bytes()).unwrap(), record);
    }

    #[test]
    fn what_this_version_does_not_know_is_not_read() {
        let line = record().line();
        let more = format!("{},\"approved\":\"yes\"}}", line.strip_suffix('}').unwrap());
        assert!(matches!(Record::read(more.as_bytes()), Err(RecordError::Unreadable(_))));
        let newer = line.replace("\"schema\":1", "\"schema\":2");
        assert!(matches!(Record::read(newer.as_bytes()), Err(RecordError::Schema(2))));
        let (begin, rest) = line.split_once("sha256:").unwrap();
        let upper = format!("{begin}sha256:{}{}", "A".repeat(64), &rest[64..]);
        let strange = line.replacen("sha256:", "sha256:g", 1);
        assert!([upper, strange].iter().all(|line| Link::read(line.as_bytes()).is_none()));
        for bad in ["{\"seq\":07,", "{ \"seq\":7,", "{\"prev\":\"x\",\"seq\":7,", ""] {
            assert!(Link::read(bad.as_bytes()).is_none(), "{bad}");
        }
    }

    #[test]
    fn a_writer_has_one_spelling() {
        let writer = WriterId::mint(Role::Worker);
        assert_eq!(writer.as_str().parse::<WriterId>().unwrap(), writer);
        for bad in [writer.as_str().to_uppercase(), writer.as_str().replace("worker", "root"), "worker-1".into()] {
            assert!(bad.parse::<WriterId>().is_err(), "{bad}");
        }
    }
}
