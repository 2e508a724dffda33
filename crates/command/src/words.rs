//! Splits normalised text into words, as a POSIX shell does, and refuses what a shell would act on.
//!
//! **Invariant:** no shell is ever started, so an unquoted character that only a shell gives a
//! meaning is refused where it stands; inside single quotes everything is itself.

use crate::no::{Checked, Pointing, no};
use crate::normalise::Glyph;
use countersign_core::refusal::Code;

/// One word of a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Word {
    /// What it says, without its quotes.
    pub(crate) text: String,
    /// First column in the typed text, in characters from 1; 0 for a word that was not typed.
    pub(crate) column: usize,
    /// How many characters of the typed text.
    pub(crate) length: usize,
}

impl Word {
    /// An element of an argument vector, which has no place in a text.
    pub(crate) fn untyped(text: &str) -> Self {
        Self { text: text.to_owned(), column: 0, length: 1 }
    }
}

/// Splits.
pub(crate) fn split(glyphs: &[Glyph]) -> Checked<Vec<Word>> {
    let mut splitter = Splitter { glyphs, next: 0, words: Vec::new(), open: None };
    while let Some(glyph) = splitter.take() {
        splitter.unquoted(glyph)?;
    }
    splitter.close();
    Ok(splitter.words)
}

struct Splitter<'a> {
    glyphs: &'a [Glyph],
    next: usize,
    words: Vec<Word>,
    open: Option<Word>,
}

impl Splitter<'_> {
    fn take(&mut self) -> Option<Glyph> {
        let glyph = self.glyphs.get(self.next).copied();
        self.next += usize::from(glyph.is_some());
        glyph
    }

    fn peek(&self) -> Option<char> {
        self.glyphs.get(self.next).map(|glyph| glyph.c)
    }

    /// The word being read, begun here if there is none.
    fn word(&mut self, at: Glyph) -> &mut Word {
        let word = self.open.get_or_insert(Word { text: String::new(), column: at.column, length: 0 });
        word.length = (at.column + at.length).saturating_sub(word.column);
        word
    }

    fn close(&mut self) {
        self.words.extend(self.open.take());
    }

    fn unquoted(&mut self, glyph: Glyph) -> Checked<()> {
        match glyph.c {
            ' ' => self.close(),
            '\'' => self.single(glyph)?,
            '"' => self.double(glyph)?,
            '\\' => {
                let Some(next) = self.take() else {
                    return Err(unbalanced(glyph, "`\\` at the end escapes nothing"));
                };
                self.word(glyph);
                self.word(next).text.push(next.c);
            }
            _ => {
                if let Some(refusal) = self.shell_syntax(glyph) {
                    return Err(refusal);
                }
                self.word(glyph).text.push(glyph.c);
            }
        }
        Ok(())
    }

    fn single(&mut self, opening: Glyph) -> Checked<()> {
        self.word(opening);
        loop {
            let Some(glyph) = self.take() else {
                return Err(unbalanced(opening, "a single quote is not closed"));
            };
            self.word(glyph);
            if glyph.c == '\'' {
                return same_style(opening, glyph);
            }
            self.word(glyph).text.push(glyph.c);
        }
    }

    fn double(&mut self, opening: Glyph) -> Checked<()> {
        self.word(opening);
        loop {
            let Some(glyph) = self.take() else {
                return Err(unbalanced(opening, "a double quote is not closed"));
            };
            self.word(glyph);
            match glyph.c {
                '"' => return same_style(opening, glyph),
                '`' => return Err(syntax("`", glyph)),
                '$' => match self.peek() {
                    Some(c) if c.is_ascii_alphanumeric() || "({_!?*@#$-".contains(c) => {
                        return Err(syntax(if c == '(' { "$(" } else { "$" }, glyph));
                    }
                    _ => self.word(glyph).text.push('$'),
                },
                '\\' if self.peek().is_some_and(|c| "$`\"\\".contains(c)) => {
                    if let Some(escaped) = self.take() {
                        self.word(escaped).text.push(escaped.c);
                    }
                }
                c => self.word(glyph).text.push(c),
            }
        }
    }

    /// What a shell would do with an unquoted character.
    fn shell_syntax(&self, glyph: Glyph) -> Option<Box<countersign_core::refusal::Refusal>> {
        let next = self.peek();
        let begins = self.open.is_none();
        match glyph.c {
            '|' if next != Some('|') => Some(
                no(
                    Code::NotAvailableYet,
                    format!("filters after `|` at column {} are not available yet", glyph.column),
                    "leave the filter away, or put the character in single quotes",
                )
                .at_column(glyph.column, glyph.length),
            ),
            '|' => Some(syntax("||", glyph)),
            '$' if next == Some('(') => Some(syntax("$(", glyph)),
            '&' if next == Some('&') => Some(syntax("&&", glyph)),
            ';' | '&' | '$' | '(' | ')' | '`' | '<' | '>' | '*' | '?' | '[' | ']' | '{' | '}' => {
                Some(syntax(glyph.c.encode_utf8(&mut [0; 4]), glyph))
            }
            '~' | '#' if begins => Some(syntax(glyph.c.encode_utf8(&mut [0; 4]), glyph)),
            // Interactive shells replace `!word` by history and leave `!=` alone.
            '!' if next != Some('=') => Some(syntax("!", glyph)),
            _ => None,
        }
    }
}

/// A curly quote is closed by a curly one: a mix has two readings.
fn same_style(opening: Glyph, closing: Glyph) -> Checked<()> {
    if opening.typed_as_is == closing.typed_as_is {
        return Ok(());
    }
    Err(no(
        Code::UnbalancedQuote,
        format!(
            "the quote at column {} is curly and the one at column {} is not, or the other way round",
            opening.column, closing.column
        ),
        "use straight quotes for both",
    )
    .at_column(closing.column, 1))
}

fn unbalanced(at: Glyph, what: &str) -> Box<countersign_core::refusal::Refusal> {
    no(Code::UnbalancedQuote, format!("{what}; it stands at column {}", at.column), "close it, or leave it away")
        .at_column(at.column, 1)
}

fn syntax(what: &str, at: Glyph) -> Box<countersign_core::refusal::Refusal> {
    let code = if what == "`" { "a backtick".to_owned() } else { format!("`{what}`") };
    no(
        Code::ShellSyntax,
        format!("{code} is not allowed at column {}", at.column),
        "there is no shell here: one command, and single quotes around characters that mean themselves",
    )
    .at_column(at.column, at.length.max(what.chars().count()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::normalise::normalise;
    use expect_test::{Expect, expect};

    fn words(text: &str) -> Checked<Vec<String>> {
        Ok(split(&normalise(text)?)?.into_iter().map(|word| word.text).collect())
    }

    #[track_caller]
    #[expect(clippy::needless_pass_by_value, reason = "reads better in tables of cases")]
    fn splits(text: &str, want: Expect) {
        want.assert_eq(&format!("{:?}", words(text).unwrap()));
    }

    #[track_caller]
    #[expect(clippy::needless_pass_by_value, reason = "reads better in tables of cases")]
    fn refused(text: &str, want: Expect) {
        want.assert_eq(&words(text).unwrap_err().to_string());
    }

    #[test]
    fn quotes_and_escapes_mean_what_they_mean_to_a_shell() {
        splits("a  b ", expect![[r#"["a", "b"]"#]]);
        splits("a'b c'\"d e\"f", expect![[r#"["ab cd ef"]"#]]);
        splits("'' \"\"", expect![[r#"["", ""]"#]]);
        splits(r"a\ b \;", expect![[r#"["a b", ";"]"#]]);
        splits(r#""a\"b\c" "$ 5""#, expect![[r#"["a\"b\\c", "$ 5"]"#]]);
        splits("'$(x) `y` ; | & *'", expect![[r#"["$(x) `y` ; | & *"]"#]]);
        splits("env!=prod a~b a#b", expect![[r#"["env!=prod", "a~b", "a#b"]"#]]);
    }

    #[test]
    fn p15_no_shell_syntax() {
        refused("get pods; rm x", expect!["`;` is not allowed at column 9"]);
        refused("get pods $(id)", expect!["`$(` is not allowed at column 10"]);
        refused("get pods `id`", expect!["a backtick is not allowed at column 10"]);
        refused("get pods \"$(id)\"", expect!["`$(` is not allowed at column 11"]);
        refused("get pods \"`id`\"", expect!["a backtick is not allowed at column 11"]);
        refused("get \"$HOME\"", expect!["`$` is not allowed at column 6"]);
        refused("get ${IFS}", expect!["`$` is not allowed at column 5"]);
        refused("get pods && x", expect!["`&&` is not allowed at column 10"]);
        refused("get pods &", expect!["`&` is not allowed at column 10"]);
        refused("get pods || x", expect!["`||` is not allowed at column 10"]);
        refused("get pods | wc", expect!["filters after `|` at column 10 are not available yet"]);
        refused("get > x", expect!["`>` is not allowed at column 5"]);
        refused("get p*", expect!["`*` is not allowed at column 6"]);
        refused("get {a,b}", expect!["`{` is not allowed at column 5"]);
        refused("get ~/x", expect!["`~` is not allowed at column 5"]);
        refused("get pods # x", expect!["`#` is not allowed at column 10"]);
        refused("get !!", expect!["`!` is not allowed at column 5"]);
        refused("get 'x", expect!["a single quote is not closed; it stands at column 5"]);
        refused("get \"x", expect!["a double quote is not closed; it stands at column 5"]);
        refused("get \\", expect!["`\\` at the end escapes nothing; it stands at column 5"]);
    }
}
