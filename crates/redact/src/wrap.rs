//! What a terminal or a wrapper puts inside a text without changing it for a reader: ANSI escape
//! sequences, line breaks and the indentation after them, and the zero bytes of UTF-16.
//!
//! **Invariant:** a byte at a time, so that chunks make no difference.

/// A longer run of such bytes is not skipped: what is held back must stay bounded.
pub(crate) const LONGEST_RUN: u32 = 256;

/// Where in an escape sequence the stream is (ECMA-48 §5.4 and §5.6).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Escape {
    #[default]
    None,
    /// After ESC.
    Begun,
    /// After ESC and intermediate bytes.
    Intermediate,
    /// After ESC `[`.
    Control,
    /// Inside an operating system command or its kin, ended by BEL or ESC `\`.
    Text,
    /// After an ESC inside such a text.
    TextEnd,
}

/// Tells the bytes that are skipped.
#[derive(Debug, Clone, Default)]
pub(crate) struct Wrap {
    escape: Escape,
    after_break: bool,
    run: u32,
}

/// What a byte is to a reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Seen {
    /// A byte of the text.
    Text,
    /// Not part of the text.
    Skipped,
    /// The run got too long: from here on the text is read with everything in it.
    TooLong,
}

impl Wrap {
    /// Whether this byte, if it is no control character, is text, and so is what follows it.
    #[inline]
    pub(crate) fn settles(&mut self, byte: u8) -> bool {
        let settles = self.escape == Escape::None && (byte > b' ' || !self.after_break);
        if settles {
            (self.after_break, self.run) = (false, 0);
        }
        settles
    }

    /// Whether a line break would begin no more than an indentation.
    pub(crate) fn is_plain(&self) -> bool {
        self.escape == Escape::None
    }

    /// Whether blanks that follow are indentation.
    pub(crate) fn is_indenting(&self) -> bool {
        self.after_break && self.escape == Escape::None
    }

    /// Takes so many blanks of an indentation, if they can all be skipped.
    pub(crate) fn indent(&mut self, blanks: usize) -> bool {
        let run = u32::try_from(blanks).unwrap_or(LONGEST_RUN).saturating_add(self.run);
        let fits = run <= LONGEST_RUN;
        if fits {
            self.run = run;
        }
        fits
    }

    /// Takes the next byte.
    #[inline]
    pub(crate) fn see(&mut self, byte: u8) -> Seen {
        if byte > b' ' && self.escape == Escape::None {
            self.after_break = false;
            self.run = 0;
            return Seen::Text;
        }
        if !self.skips(byte) {
            self.run = 0;
            return Seen::Text;
        }
        self.run += 1;
        if self.run <= LONGEST_RUN {
            return Seen::Skipped;
        }
        *self = Self::default();
        Seen::TooLong
    }

    fn skips(&mut self, byte: u8) -> bool {
        if self.escape != Escape::None {
            self.escape = self.escape.after(byte);
            return true;
        }
        match byte {
            0x1b => self.escape = Escape::Begun,
            b'\n' | b'\r' => self.after_break = true,
            b' ' | b'\t' if self.after_break => {}
            // Shown by no terminal; between the letters of UTF-16.
            0 => {}
            _ => {
                self.after_break = false;
                return false;
            }
        }
        true
    }

    /// A secret or a form of it without line breaks and the indentation after them.
    pub(crate) fn unwrapped(text: &[u8]) -> Vec<u8> {
        let mut after_break = false;
        let mut out = Vec::with_capacity(text.len());
        for &byte in text {
            match byte {
                b'\n' | b'\r' => after_break = true,
                b' ' | b'\t' if after_break => {}
                0 => {}
                _ => {
                    after_break = false;
                    out.push(byte);
                }
            }
        }
        out
    }
}

impl Escape {
    fn after(self, byte: u8) -> Self {
        match self {
            Self::None => Self::None,
            // After an ESC inside a text that is not its end, a sequence of its own begins.
            Self::Begun | Self::TextEnd => Self::second(byte),
            Self::Intermediate => match byte {
                0x1b => Self::Begun,
                0x20..=0x2f => Self::Intermediate,
                _ => Self::None,
            },
            Self::Control => match byte {
                0x1b => Self::Begun,
                0x20..=0x3f => Self::Control,
                _ => Self::None,
            },
            Self::Text => match byte {
                0x07 => Self::None,
                0x1b => Self::TextEnd,
                _ => Self::Text,
            },
        }
    }

    /// The byte after ESC; `\` is a sequence of these two alone, like most.
    fn second(byte: u8) -> Self {
        match byte {
            0x1b => Self::Begun,
            b'[' => Self::Control,
            b']' | b'P' | b'X' | b'^' | b'_' => Self::Text,
            0x20..=0x2f => Self::Intermediate,
            _ => Self::None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn reads(raw: &str, text: &str) {
        let mut wrap = Wrap::default();
        let seen: Vec<u8> = raw.bytes().filter(|&byte| wrap.see(byte) == Seen::Text).collect();
        assert_eq!(String::from_utf8_lossy(&seen), text);
    }

    #[test]
    fn escape_sequences_and_wraps_are_not_text() {
        reads("a\u{1b}[1;31mb\u{1b}[0mc", "abc");
        reads("a\u{1b}(Bb", "ab");
        reads("a\u{1b}]8;;https://x\u{1b}\\b\u{1b}]0;t\u{7}c", "abc");
        reads("a\r\n   b c\nd", "ab cd");
        reads("a\u{1b}[\u{1b}[0mb", "ab");
        reads("a  b\tc", "a  b\tc");
    }

    #[test]
    fn an_endless_sequence_is_given_up() {
        let mut wrap = Wrap::default();
        let seen: Vec<Seen> = std::iter::once(0x1b).chain(b"]".repeat(300)).map(|byte| wrap.see(byte)).collect();
        assert_eq!(seen.iter().filter(|seen| **seen == Seen::Skipped).count(), 256);
        assert_eq!(seen.iter().filter(|seen| **seen == Seen::TooLong).count(), 1);
        assert_eq!(seen.last(), Some(&Seen::Text));
    }
}
