//! Undoes what chat clients do to typed text, by a closed list, and refuses what can deceive.
//!
//! **Invariant:** the list is: curly quotes, an em or en dash at the start of a word, the three
//! entities `&amp; &lt; &gt;` once, links, and a no-break space beside a space. Anything else that
//! is invisible, looks like ASCII and is not, or has two readings is refused by name and column of
//! the original text.

use crate::characters;
use crate::no::{Checked, Pointing, no, quoted};
use countersign_core::refusal::{Code, Refusal, is_deceptive};

/// The longest text that is read, in characters; Slack's own limit for a message is 4,000.
const LONGEST: usize = 4_000;

/// One character after normalisation, and where it came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Glyph {
    /// The character.
    pub(crate) c: char,
    /// Column in the typed text, in characters from 1.
    pub(crate) column: usize,
    /// How many typed characters it stands for.
    pub(crate) length: usize,
    /// Whether the character itself was typed, and not one that stands for it.
    pub(crate) typed_as_is: bool,
}

/// Normalises a whole line.
pub(crate) fn normalise(text: &str) -> Checked<Vec<Glyph>> {
    let mut typed: Vec<char> = Vec::with_capacity(text.len().min(LONGEST + 1));
    typed.extend(text.chars().take(LONGEST + 1));
    if typed.len() > LONGEST {
        return Err(no(
            Code::TooLong,
            format!("the command is longer than {LONGEST} characters"),
            "ask for less at once",
        ));
    }
    let mut reader = Reader { typed: &typed, at: 0, out: Vec::with_capacity(typed.len()), quote: None, escaped: false };
    while reader.at < typed.len() {
        reader.plain();
        reader.step()?;
    }
    Ok(reader.out)
}

/// An open quote.
#[derive(Clone, Copy)]
struct Quote {
    c: char,
    curly: bool,
}

struct Reader<'a> {
    typed: &'a [char],
    at: usize,
    out: Vec<Glyph>,
    quote: Option<Quote>,
    escaped: bool,
}

impl Reader<'_> {
    fn peek(&self, ahead: usize) -> Option<char> {
        self.typed.get(self.at + ahead).copied()
    }

    /// The rest of the text starts with these characters.
    fn sees(&self, what: &str) -> bool {
        what.chars().enumerate().all(|(ahead, c)| self.peek(ahead) == Some(c))
    }

    /// Puts out what stands for itself, up to what may not.
    fn plain(&mut self) {
        let rest = self.typed.get(self.at..).unwrap_or_default();
        for c in rest.iter().copied().take_while(|c| characters::is_itself(*c)) {
            self.at += 1;
            self.out.push(Glyph { c, column: self.at, length: 1, typed_as_is: true });
            self.escaped = false;
        }
    }

    fn step(&mut self) -> Checked<()> {
        let Some(c) = self.peek(0) else {
            return Ok(());
        };
        match c {
            '\u{201c}' | '\u{201d}' => self.curly('"'),
            '\u{2018}' | '\u{2019}' => self.curly('\''),
            '\u{2013}' | '\u{2014}' => self.dash(c),
            '\u{a0}' => self.no_break_space(),
            '&' => {
                self.entity();
                Ok(())
            }
            '<' => self.link(),
            _ => {
                if let Some(what) = refused_character(c) {
                    return Err(self.deceptive(c, &what));
                }
                self.emit(c, 1, true);
                Ok(())
            }
        }
    }

    /// Puts out a character that stands for `length` typed ones and keeps track of quotes.
    fn emit(&mut self, c: char, length: usize, typed_as_is: bool) {
        self.out.push(Glyph { c, column: self.at + 1, length, typed_as_is });
        self.at += length;
        if std::mem::take(&mut self.escaped) {
            return;
        }
        match self.quote {
            None if matches!(c, '\'' | '"') => {
                self.quote = Some(Quote { c, curly: !typed_as_is });
            }
            Some(open) if open.c == c => self.quote = None,
            None | Some(Quote { c: '"', .. }) if c == '\\' => self.escaped = true,
            _ => {}
        }
    }

    fn curly(&mut self, straight: char) -> Checked<()> {
        if self.quote.is_some_and(|open| !open.curly) {
            return Err(no(
                Code::CharacterNotAllowed,
                format!("a curly quote inside straight quotes at column {}", self.at + 1),
                "type the quotes again, all of them straight",
            )
            .at_column(self.at + 1, 1));
        }
        self.emit(straight, 1, false);
        Ok(())
    }

    /// Phones turn `--` into a long dash; only at the start of a word is that the one reading.
    fn dash(&mut self, c: char) -> Checked<()> {
        let begins = self.out.last().is_none_or(|before| before.c == ' ');
        if self.quote.is_some() || self.escaped || !begins {
            return Err(self.deceptive(c, &characters::name(c)));
        }
        self.emit('-', 1, false);
        if let Some(first) = self.out.last().copied() {
            self.out.push(first);
        }
        Ok(())
    }

    fn no_break_space(&mut self) -> Checked<()> {
        let blank = |c: Option<char>| c.is_none_or(|c| matches!(c, ' ' | '\u{a0}'));
        let before = self.at.checked_sub(1).and_then(|at| self.typed.get(at).copied());
        let between = blank(before) || blank(self.peek(1));
        if self.quote.is_some() || self.escaped || !between {
            return Err(self.deceptive('\u{a0}', "a no-break space"));
        }
        self.emit(' ', 1, false);
        Ok(())
    }

    /// Each entity is decoded where it stands and never looked at again.
    fn entity(&mut self) {
        for (entity, c) in [("&amp;", '&'), ("&lt;", '<'), ("&gt;", '>')] {
            if self.sees(entity) {
                return self.emit(c, entity.len(), false);
            }
        }
        self.emit('&', 1, true);
    }

    /// `<url|label>`, `<url>` and `<mailto:a@b|a@b>` are what chat makes of an address.
    fn link(&mut self) -> Checked<()> {
        let mention = matches!(self.peek(1), Some('@' | '#' | '!'));
        let address = ["<http://", "<https://", "<mailto:"].iter().any(|scheme| self.sees(scheme));
        let end = (1..).map_while(|ahead| self.peek(ahead).map(|c| (ahead, c))).find(|(_, c)| *c == '>');
        let Some((end, _)) = end.filter(|_| mention || address) else {
            self.emit('<', 1, true);
            return Ok(());
        };
        let inside: String = (1..end).filter_map(|ahead| self.peek(ahead)).collect();
        if mention {
            return Err(no(
                Code::CharacterNotAllowed,
                format!("a mention or channel link at column {}", self.at + 1),
                "write plain names",
            )
            .at_column(self.at + 1, end + 1));
        }
        let target = self.link_target(&inside, end)?;
        let column = self.at;
        for c in target.chars() {
            if let Some(what) = refused_character(c) {
                return Err(self.deceptive(c, &what));
            }
            self.emit(c, 0, false);
        }
        self.at = column + end + 1;
        Ok(())
    }

    /// The address of a link; a label that says something else is refused, and never believed.
    fn link_target(&self, inside: &str, end: usize) -> Checked<String> {
        let decode = |text: &str| text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&");
        let (address, label) = inside.split_once('|').unwrap_or((inside, inside));
        let (address, label) = (decode(address), decode(label));
        let bare = |text: &str| {
            let text =
                ["http://", "https://", "mailto:"].iter().find_map(|scheme| text.strip_prefix(scheme)).unwrap_or(text);
            text.strip_suffix('/').unwrap_or(text).to_owned()
        };
        if bare(&address) != bare(&label) {
            return Err(no(
                Code::CharacterNotAllowed,
                format!(
                    "a link at column {} is labelled with something other than its address {}",
                    self.at + 1,
                    quoted(&address)
                ),
                "write the address itself, without a label",
            )
            .at_column(self.at + 1, end + 1));
        }
        Ok(address.strip_prefix("mailto:").unwrap_or(&address).to_owned())
    }

    fn deceptive(&self, c: char, what: &str) -> Box<Refusal> {
        no(
            Code::CharacterNotAllowed,
            format!("{what} (U+{:04X}) is not allowed at column {}", u32::from(c), self.at + 1),
            "type the command again with plain characters; pasting brings such characters along",
        )
        .at_column(self.at + 1, 1)
    }
}

/// What a character is called, if it can deceive a reader.
fn refused_character(c: char) -> Option<String> {
    if u8::try_from(c).is_ok_and(characters::is_plain) {
        return None;
    }
    (is_deceptive(c) || characters::imitates_ascii(c)).then(|| characters::name(c))
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::{Expect, expect};

    #[track_caller]
    #[expect(clippy::needless_pass_by_value, reason = "reads better in tables of cases")]
    fn becomes(text: &str, want: Expect) {
        want.assert_eq(&normalise(text).unwrap().iter().map(|glyph| glyph.c).collect::<String>());
    }

    #[track_caller]
    #[expect(clippy::needless_pass_by_value, reason = "reads better in tables of cases")]
    fn refused(text: &str, want: Expect) {
        want.assert_eq(&normalise(text).unwrap_err().to_string());
    }

    #[test]
    fn p55_chat_manglings_are_undone() {
        becomes("get pods \u{2014}namespace=web", expect!["get pods --namespace=web"]);
        becomes("get pods \u{2013}apply", expect!["get pods --apply"]);
        becomes("-l \u{201c}a=b\u{201d}", expect![[r#"-l "a=b""#]]);
        becomes("-l \u{2018}a=b\u{2019}", expect!["-l 'a=b'"]);
        becomes("\u{201c}it\u{2019}s\u{201d}", expect![[r#""it's""#]]);
        becomes("a &amp; b &lt;c&gt;", expect!["a & b <c>"]);
        becomes("&amp;lt;", expect!["&lt;"]);
        becomes("&quot;", expect!["&quot;"]);
        becomes("<http://a.example|a.example>", expect!["http://a.example"]);
        becomes("<https://a.example/x?a=1&amp;b=2>", expect!["https://a.example/x?a=1&b=2"]);
        becomes("<mailto:a@b.example|a@b.example>", expect!["a@b.example"]);
        becomes("get \u{a0}pods\u{a0}", expect!["get  pods "]);
    }

    #[test]
    fn p55_what_has_two_readings_is_refused() {
        refused(
            "<http://evil.example|good.example>",
            expect!["a link at column 1 is labelled with something other than its address `http://evil.example`"],
        );
        refused("get po\u{a0}ds", expect!["a no-break space (U+00A0) is not allowed at column 7"]);
        refused("'a \u{a0} b'", expect!["a no-break space (U+00A0) is not allowed at column 4"]);
        refused("api\u{2014}web", expect!["an em dash (U+2014) is not allowed at column 4"]);
        refused("'\u{2014}x'", expect!["an em dash (U+2014) is not allowed at column 2"]);
        refused("a\\b' \u{2014}x'", expect!["an em dash (U+2014) is not allowed at column 6"]);
        refused("\"a\u{2019}b\"", expect!["a curly quote inside straight quotes at column 3"]);
        refused("logs <@U012ABC>", expect!["a mention or channel link at column 6"]);
        refused("logs <#C012|ops>", expect!["a mention or channel link at column 6"]);
    }

    #[test]
    fn p31_what_deceives_is_refused_by_name() {
        refused("get\npods", expect!["a line break (U+000A) is not allowed at column 4"]);
        refused("a\0", expect!["a NUL (U+0000) is not allowed at column 2"]);
        refused("a\u{1b}[2J", expect!["an escape character (U+001B) is not allowed at column 2"]);
        refused("a\u{202e}b", expect!["a right-to-left override (U+202E) is not allowed at column 2"]);
        refused("a\u{200b}b", expect!["a zero-width space (U+200B) is not allowed at column 2"]);
        refused("a\u{2212}b", expect!["a character that imitates `-` (U+2212) is not allowed at column 2"]);
        refused("\u{ff41}", expect!["a full-width character (U+FF41) is not allowed at column 1"]);
        refused("a\u{2003}b", expect!["an unusual space (U+2003) is not allowed at column 2"]);
        refused("a\u{2026}", expect!["a character that imitates `...` (U+2026) is not allowed at column 2"]);
    }
}
