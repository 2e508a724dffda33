//! What a detector sees: the bytes around its trigger, as far as the stream has come.
//!
//! **Invariant:** an answer depends on bytes alone, never on how many happen to be here: whoever asks for one that has
//! not come gets [`Wait`], and is asked again later.

use super::swallow::Swallow;

/// How far a detector may look behind its trigger.
pub(crate) const LOOK_BEHIND: usize = 256;

/// The answer depends on bytes that have not come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Wait;

/// An answer, or not yet.
pub(crate) type Read<T> = Result<T, Wait>;

/// Bytes that are hidden behind one marker.
#[derive(Debug, Clone)]
pub(crate) struct Cover {
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) name: &'static str,
    /// Stands before and behind the marker: quotes around what was a number in JSON.
    pub(crate) around: String,
    /// What is hidden further on, beyond what was looked at.
    pub(crate) then: Option<Swallow>,
}

impl Cover {
    pub(crate) const fn new(start: usize, end: usize, name: &'static str) -> Self {
        Self { start, end, name, around: String::new(), then: None }
    }

    pub(crate) fn and_then(self, then: Option<Swallow>) -> Self {
        Self { then, ..self }
    }
}

/// What a detector found; nothing is the usual case.
pub(crate) type Covers = Vec<Cover>;

/// The bytes a detector may look at.
#[derive(Debug, Clone, Copy)]
pub(crate) struct View<'b> {
    bytes: &'b [u8],
    ended: bool,
}

impl<'b> View<'b> {
    pub(crate) const fn new(bytes: &'b [u8], ended: bool) -> Self {
        Self { bytes, ended }
    }

    /// The byte there; `None` behind the end of the stream.
    #[inline]
    pub(crate) fn byte(&self, at: usize) -> Read<Option<u8>> {
        match self.bytes.get(at) {
            Some(byte) => Ok(Some(*byte)),
            None if self.ended => Ok(None),
            None => Err(Wait),
        }
    }

    /// Bytes that were read before.
    pub(crate) fn read(&self, start: usize, end: usize) -> &'b [u8] {
        self.bytes.get(start..end).unwrap_or_default()
    }

    /// Where the bytes that `belong` end, at most `most` of them.
    pub(crate) fn run(&self, from: usize, most: usize, belongs: impl Fn(u8) -> bool) -> Read<usize> {
        let mut at = from;
        while at - from < most && self.byte(at)?.is_some_and(&belongs) {
            at += 1;
        }
        Ok(at)
    }

    /// Whether these bytes stand there, whatever their case.
    pub(crate) fn says(&self, at: usize, text: &str) -> Read<bool> {
        for (nth, wanted) in text.bytes().enumerate() {
            if !self.byte(at + nth)?.is_some_and(|byte| byte.eq_ignore_ascii_case(&wanted)) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// What stands before, as far as one may look.
    pub(crate) fn behind(&self, at: usize) -> &'b [u8] {
        self.read(at.saturating_sub(LOOK_BEHIND), at)
    }

    pub(crate) fn before(&self, at: usize) -> Option<u8> {
        self.behind(at).last().copied()
    }

    /// What stands before on the same line; `None` when its beginning is too far away to be seen.
    pub(crate) fn line_behind(&self, at: usize) -> Option<&'b [u8]> {
        let behind = self.behind(at);
        match behind.iter().rposition(|&byte| byte == b'\n' || byte == b'\r') {
            Some(newline) => behind.get(newline + 1..),
            None if at <= behind.len() && at < LOOK_BEHIND => Some(behind),
            None => None,
        }
    }

    /// Whether a word can begin here: what stands before is no part of one, or is the end of an escape.
    pub(crate) fn begins_word(&self, at: usize) -> bool {
        match self.behind(at) {
            [] | [.., b'\\', b'n' | b'r' | b't'] => true,
            [.., b'%', high, low] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => true,
            [.., last] => !(word(*last)),
        }
    }

    /// Behind blanks and what colours the text (ECMA-48 §5.4), at most 128 bytes of them.
    pub(crate) fn blanks(&self, from: usize) -> Read<usize> {
        let mut at = from;
        while at - from < 128 {
            match self.byte(at)? {
                Some(b' ' | b'\t') => at += 1,
                Some(0x1b) if self.byte(at + 1)? == Some(b'[') => {
                    let end = self.run(at + 2, 32, |byte| (0x20..=0x3f).contains(&byte))?;
                    if !self.byte(end)?.is_some_and(|byte| (0x40..=0x7e).contains(&byte)) {
                        break;
                    }
                    at = end + 1;
                }
                _ => break,
            }
        }
        Ok(at)
    }
}

/// Bytes of words, as token formats use them.
pub(crate) const fn word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-'
}

/// Bytes of base64, of both alphabets, with padding (RFC 4648 §4 and §5).
pub(crate) const fn base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'-' | b'_' | b'=')
}
