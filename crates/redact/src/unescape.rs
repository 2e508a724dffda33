//! Undoes escapes while a text is read: those of JSON, Go, Python and the shell, and percent-encoding, wholly or here and
//! there, once or several times over.
//!
//! **Invariant:** a byte at a time, so that chunks make no difference; a secret and its escaped form come out the same.

/// Longest escape: a surrogate pair is read as two, `\U0010ffff` is one.
const LONGEST: usize = 10;

/// Longer signs, in bytes, are no escape any more, so that what is held back stays bounded.
const DEEPEST: u64 = 64;

/// A byte of the text, and where in the stream what stands for it begins and ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Unit {
    pub(crate) byte: u8,
    pub(crate) start: u64,
    pub(crate) end: u64,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum At {
    #[default]
    Text,
    /// After one backslash or more.
    Backslash,
    /// Among so many hexadecimal digits of `\x`, `\u` or `\U`.
    Hex(u8),
    /// Among the digits of `\101`.
    Octal,
    /// After `%`, or after `%` written as `%25`.
    Percent,
}

/// Reads a text without its escapes.
#[derive(Debug, Clone, Default)]
pub(crate) struct Unescape {
    at: At,
    /// Where the escape begins, and what of it was seen behind its sign.
    start: u64,
    /// Where its sign ends, and where the last byte taken does.
    sign_end: u64,
    last: u64,
    seen: [u8; LONGEST],
    places: [u64; LONGEST],
    count: usize,
    /// The first half of a surrogate pair (RFC 8259 §7).
    high: Option<u32>,
    after_break: bool,
}

impl Unescape {
    /// Whether the next byte, unless it begins an escape, is the text's own.
    #[inline]
    pub(crate) fn is_idle(&self) -> bool {
        self.at == At::Text && !self.after_break && self.high.is_none()
    }

    /// Where an escape that is not over begins.
    pub(crate) fn pending(&self) -> Option<u64> {
        (self.at != At::Text).then_some(self.start)
    }

    /// Takes the next byte, which stands at `place`; what comes of it goes into `out`.
    pub(crate) fn take(&mut self, byte: u8, place: u64, out: &mut Vec<Unit>) {
        self.last = place + 1;
        match self.at {
            At::Text => self.text(byte, place, out),
            At::Backslash => self.backslash(byte, place, out),
            At::Hex(digits) => self.hex(byte, place, usize::from(digits), out),
            At::Octal => self.octal(byte, place, out),
            At::Percent => self.percent(byte, place, out),
        }
    }

    /// A line has ended here. A backslash before it joins both lines; no other escape goes on behind it.
    pub(crate) fn line_break(&mut self, out: &mut Vec<Unit>) {
        if self.at == At::Backslash {
            self.at = At::Text;
        }
        self.end(out);
    }

    /// The text has ended: what was begun stands for itself.
    pub(crate) fn end(&mut self, out: &mut Vec<Unit>) {
        match std::mem::take(&mut self.at) {
            At::Text => {}
            At::Backslash => self.emit(b'\\', out),
            At::Percent => self.give_up(b'%', out),
            At::Hex(_) | At::Octal => self.give_up(0, out),
        }
    }

    fn text(&mut self, byte: u8, place: u64, out: &mut Vec<Unit>) {
        match byte {
            b'\\' => self.begin(At::Backslash, place),
            b'%' => self.begin(At::Percent, place),
            _ => {
                self.start = place;
                self.emit(byte, out);
            }
        }
    }

    const fn begin(&mut self, at: At, place: u64) {
        (self.at, self.start, self.count) = (at, place, 0);
        self.sign_end = place + 1;
    }

    fn backslash(&mut self, byte: u8, place: u64, out: &mut Vec<Unit>) {
        self.count = 0;
        self.at = At::Text;
        match byte {
            // Escaped once more, or several times.
            b'\\' if self.last - self.start < DEEPEST => self.at = At::Backslash,
            b'x' => self.digits(At::Hex(2), byte, place),
            b'u' => self.digits(At::Hex(4), byte, place),
            b'U' => self.digits(At::Hex(8), byte, place),
            b'0'..=b'3' => self.digits(At::Octal, byte, place),
            b'n' | b'r' => self.emit(b'\n', out),
            b't' => self.emit(b'\t', out),
            _ => self.emit(byte, out),
        }
    }

    const fn digits(&mut self, at: At, first: u8, place: u64) {
        self.at = at;
        self.seen[0] = first;
        self.places[0] = place;
        self.count = 1;
    }

    fn keep(&mut self, byte: u8, place: u64) {
        if let (Some(seen), Some(at)) = (self.seen.get_mut(self.count), self.places.get_mut(self.count)) {
            (*seen, *at) = (byte, place);
            self.count += 1;
        }
    }

    fn value(&self, from: usize, radix: u32) -> u32 {
        let digits = self.seen.get(from..self.count).unwrap_or_default();
        digits
            .iter()
            .filter_map(|&digit| char::from(digit).to_digit(radix))
            .fold(0, |value, digit| value.wrapping_mul(radix).wrapping_add(digit))
    }

    fn hex(&mut self, byte: u8, place: u64, digits: usize, out: &mut Vec<Unit>) {
        if !byte.is_ascii_hexdigit() {
            self.give_up(0, out);
            return self.take(byte, place, out);
        }
        self.keep(byte, place);
        if self.count <= digits {
            return;
        }
        self.at = At::Text;
        let value = self.value(1, 16);
        if digits == 2 {
            return self.emit(u8::try_from(value).unwrap_or(0), out);
        }
        self.unit(value, out);
    }

    /// A character by its number, or half of one.
    fn unit(&mut self, value: u32, out: &mut Vec<Unit>) {
        let high = self.high.take();
        let value = match (high, value) {
            (_, 0xd800..=0xdbff) => {
                self.high = Some(value);
                return;
            }
            (Some(high), 0xdc00..=0xdfff) => 0x1_0000 + ((high - 0xd800) << 10) + (value - 0xdc00),
            (_, value) => value,
        };
        let mut bytes = [0; 4];
        for byte in char::from_u32(value).unwrap_or(char::REPLACEMENT_CHARACTER).encode_utf8(&mut bytes).bytes() {
            self.give(Unit { byte, start: self.start, end: self.last }, out);
        }
    }

    fn octal(&mut self, byte: u8, place: u64, out: &mut Vec<Unit>) {
        if !(b'0'..=b'7').contains(&byte) {
            self.give_up(0, out);
            return self.take(byte, place, out);
        }
        self.keep(byte, place);
        if self.count == 3 {
            self.at = At::Text;
            self.emit(u8::try_from(self.value(0, 8)).unwrap_or(0), out);
        }
    }

    fn percent(&mut self, byte: u8, place: u64, out: &mut Vec<Unit>) {
        if !byte.is_ascii_hexdigit() {
            self.give_up(b'%', out);
            return self.take(byte, place, out);
        }
        self.keep(byte, place);
        if self.count < 2 {
            return;
        }
        match u8::try_from(self.value(0, 16)).unwrap_or(0) {
            // Encoded once more.
            b'%' if self.last - self.start < DEEPEST => (self.count, self.sign_end) = (0, place + 1),
            value => {
                self.at = At::Text;
                self.emit(value, out);
            }
        }
    }

    /// It was no escape: the sign, if it means anything alone, and what was seen.
    fn give_up(&mut self, sign: u8, out: &mut Vec<Unit>) {
        self.at = At::Text;
        self.high = None;
        if sign != 0 {
            self.give(Unit { byte: sign, start: self.start, end: self.sign_end }, out);
        }
        for nth in 0..std::mem::take(&mut self.count) {
            let (Some(&byte), Some(&place)) = (self.seen.get(nth), self.places.get(nth)) else { break };
            let start = if nth == 0 && sign == 0 { self.start } else { place };
            self.give(Unit { byte, start, end: place + 1 }, out);
        }
    }

    /// A byte for all that was seen since the escape began.
    fn emit(&mut self, byte: u8, out: &mut Vec<Unit>) {
        self.high = None;
        self.give(Unit { byte, start: self.start, end: self.last }, out);
    }

    /// Line breaks, however they are written, and the indentation after them are not part of the text.
    fn give(&mut self, unit: Unit, out: &mut Vec<Unit>) {
        match unit.byte {
            b'\n' | b'\r' => self.after_break = true,
            b' ' | b'\t' if self.after_break => {}
            0 => {}
            _ => {
                self.after_break = false;
                out.push(unit);
            }
        }
    }

    /// A whole text without its escapes.
    pub(crate) fn whole(text: &[u8]) -> Vec<u8> {
        let (mut reader, mut out) = (Self::default(), Vec::new());
        for &byte in text {
            reader.take(byte, 0, &mut out);
        }
        reader.end(&mut out);
        out.into_iter().map(|unit| unit.byte).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn reads(raw: &str, text: &str) {
        assert_eq!(String::from_utf8_lossy(&Unescape::whole(raw.as_bytes())), text, "{raw}");
    }

    #[test]
    fn escapes_stand_for_what_they_mean() {
        reads(r#"p\"a\\\"b\/c\x41\u0042\U00000043\104"#, r#"p"a"b/cABCD"#);
        reads(r"\u00e9\ud83d\ude00 \\u00e9", "é😀 é");
        reads("a%40b%2540c%252540d%2", "a@b@c@d%2");
        reads(r"line1\n  line2\r\nx\ty", "line1line2x\ty");
        reads(r"100% \xZZ \u12 %zz \8", "100% xZZ u12 %zz 8");
        reads(r"end\", r"end\");
    }

    #[test]
    fn a_text_and_its_escaped_form_come_out_the_same() {
        for text in [r#"a"b\c"#, "p%41%q", r"\\x\u0041", "tab\tnew\nline  x"] {
            let once = text.replace('\\', r"\\").replace('"', "\\\"").replace('\n', r"\n").replace('\t', r"\t");
            let twice = once.replace('\\', r"\\").replace('"', "\\\"");
            assert_eq!(Unescape::whole(once.as_bytes()), Unescape::whole(text.as_bytes()), "{once}");
            assert_eq!(Unescape::whole(twice.as_bytes()), Unescape::whole(text.as_bytes()), "{twice}");
        }
    }
}
