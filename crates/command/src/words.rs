//! Splits normalised text into words, as a POSIX shell does, and refuses what a shell would act on.
//!
//! **Invariant:** no shell is ever started, so an unquoted character that only a shell gives a
//! meaning is refused where it stands; inside single quotes everything is itself. The one exception
//! is `|`, behind which stand the words of a filter.

use crate::characters;
use crate::filters::FILTERS;
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

/// A line, split at its pipes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Line {
    /// The words before the first pipe.
    pub(crate) command: Vec<Word>,
    /// The words behind each pipe; at least one each.
    pub(crate) filters: Vec<Vec<Word>>,
}

impl Line {
    /// All words of the line.
    pub(crate) fn words(&self) -> impl Iterator<Item = &Word> {
        self.command.iter().chain(self.filters.iter().flatten())
    }
}

/// Splits.
pub(crate) fn split(glyphs: &[Glyph]) -> Checked<Line> {
    let mut splitter = Splitter { glyphs, next: 0, words: Vec::new(), open: None, pipe: None, before: Vec::new() };
    while let Some(glyph) = splitter.take() {
        splitter.unquoted(glyph)?;
    }
    splitter.part()?;
    let mut parts = splitter.before.into_iter();
    Ok(Line { command: parts.next().unwrap_or_default(), filters: parts.collect() })
}

struct Splitter<'a> {
    glyphs: &'a [Glyph],
    next: usize,
    /// The words since the last pipe.
    words: Vec<Word>,
    open: Option<Word>,
    /// The last pipe, if there was one.
    pipe: Option<Glyph>,
    /// The words between pipes that were left behind.
    before: Vec<Vec<Word>>,
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

    /// Ends what began at the last pipe, or at the line's beginning.
    fn part(&mut self) -> Checked<()> {
        self.close();
        match self.pipe {
            Some(pipe) if self.words.is_empty() => {
                let sentence = format!("there is no filter after `|` at column {}", pipe.column);
                return Err(no(Code::MissingValue, sentence, FILTERS).at_column(pipe.column, pipe.length));
            }
            _ => self.before.push(std::mem::take(&mut self.words)),
        }
        Ok(())
    }

    fn unquoted(&mut self, glyph: Glyph) -> Checked<()> {
        match glyph.c {
            c if characters::is_itself(c) => self.plain(glyph),
            ' ' => self.close(),
            '|' if !matches!(self.peek(), Some('|' | '&')) => {
                self.part()?;
                self.pipe = Some(glyph);
            }
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

    /// Takes a character that stands for itself, and all such that follow.
    fn plain(&mut self, first: Glyph) {
        let rest = self.glyphs.get(self.next..).unwrap_or_default();
        let count = rest.iter().take_while(|glyph| characters::is_itself(glyph.c)).count();
        let more = rest.get(..count).unwrap_or_default();
        self.next += count;
        self.word(first);
        let text = &mut self.word(more.last().copied().unwrap_or(first)).text;
        text.reserve(1 + count);
        text.push(first.c);
        text.extend(more.iter().map(|glyph| glyph.c));
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
            '|' => Some(syntax(if next == Some('&') { "|&" } else { "||" }, glyph)),
            '$' if next == Some('(') => Some(syntax("$(", glyph)),
            '&' if next == Some('&') => Some(syntax("&&", glyph)),
            ';' | '&' | '$' | '`' | '<' | '>' => Some(syntax(glyph.c.encode_utf8(&mut [0; 4]), glyph)),
            // At the start of a word they group commands, name a home and begin a comment.
            '~' | '#' | '(' | ')' if begins => Some(syntax(glyph.c.encode_utf8(&mut [0; 4]), glyph)),
            // To a shell `{a,b}` and `{1..3}` are several words, and nobody knows which were meant.
            '{' if self.is_several_words() => Some(syntax("{", glyph)),
            // What is left a shell hands on as it is when no file fits: `*`, `?`, `[0]`, `{.name}`, `!x`.
            _ => None,
        }
    }

    /// Whether the brace that was just read would be expanded.
    fn is_several_words(&self) -> bool {
        let rest = self.glyphs.get(self.next..).unwrap_or_default();
        let inside: String = rest.iter().map(|glyph| glyph.c).take_while(|c| !matches!(c, ' ' | '}')).collect();
        let sequence = inside.split_once("..").is_some_and(|(from, to)| !from.is_empty() && !to.is_empty());
        inside.contains(',') || sequence
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
        Ok(split(&normalise(text)?)?.command.into_iter().map(|word| word.text).collect())
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
        splits("a\\b'c d'e \\\\'f g'h", expect![[r#"["abc de", "\\f gh"]"#]]);
        splits("env!=prod a~b a#b", expect![[r#"["env!=prod", "a~b", "a#b"]"#]]);
    }

    #[test]
    fn a_word_knows_which_characters_it_was() {
        let line = split(&normalise("get  p\u{a0} –web=a'b c'd\\e | wc").unwrap()).unwrap();
        let places: Vec<_> = line.words().map(|word| (word.text.as_str(), word.column, word.length)).collect();
        assert_eq!(places, [("get", 1, 3), ("p", 6, 1), ("--web=ab cde", 9, 14), ("wc", 26, 2)]);
    }

    #[track_caller]
    #[expect(clippy::needless_pass_by_value, reason = "reads better in tables of cases")]
    fn pipes(text: &str, want: Expect) {
        let line = split(&normalise(text).unwrap()).unwrap();
        let texts = |words: &[Word]| words.iter().map(|word| (word.text.clone(), word.column)).collect::<Vec<_>>();
        let filters: Vec<_> = line.filters.iter().map(|words| texts(words)).collect();
        want.assert_eq(&format!("{:?} {filters:?}", texts(&line.command)));
    }

    #[test]
    fn a_pipe_begins_a_filter_and_in_quotes_it_is_itself() {
        pipes("a b | wc -l", expect![[r#"[("a", 1), ("b", 3)] [[("wc", 7), ("-l", 10)]]"#]]);
        pipes("a|x|y z", expect![[r#"[("a", 1)] [[("x", 3)], [("y", 5), ("z", 7)]]"#]]);
        pipes(r#"a '|' "|" \| x"#, expect![[r#"[("a", 1), ("|", 3), ("|", 7), ("|", 11), ("x", 14)] []"#]]);
        pipes("| x", expect![[r#"[] [[("x", 3)]]"#]]);
        refused("a | ", expect!["there is no filter after `|` at column 3"]);
        refused("a | | x", expect!["there is no filter after `|` at column 3"]);
        refused("a | x |", expect!["there is no filter after `|` at column 7"]);
    }

    /// There is no shell, and no folder whose files could take their place.
    #[test]
    fn p15_patterns_are_themselves() {
        splits("p* a? x[0] !x get !!", expect![[r#"["p*", "a?", "x[0]", "!x", "get", "!!"]"#]]);
        splits("jsonpath={.items[*].metadata.name}", expect![[r#"["jsonpath={.items[*].metadata.name}"]"#]]);
        splits("go-template={{.x}} {..name}", expect![[r#"["go-template={{.x}}", "{..name}"]"#]]);
        splits("--format=value(name)", expect![[r#"["--format=value(name)"]"#]]);
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
        refused("get pods |& wc", expect!["`|&` is not allowed at column 10"]);
        refused("get pods | wc; x", expect!["`;` is not allowed at column 14"]);
        refused("get pods | `id`", expect!["a backtick is not allowed at column 12"]);
        refused("get pods | wc > x", expect!["`>` is not allowed at column 15"]);
        refused("get > x", expect!["`>` is not allowed at column 5"]);
        refused("get {a,b}", expect!["`{` is not allowed at column 5"]);
        refused("get ~/x", expect!["`~` is not allowed at column 5"]);
        refused("get pods # x", expect!["`#` is not allowed at column 10"]);
        refused("get (x)", expect!["`(` is not allowed at column 5"]);
        refused("get x{1..3}", expect!["`{` is not allowed at column 6"]);
        refused("get 'x", expect!["a single quote is not closed; it stands at column 5"]);
        refused("get \"x", expect!["a double quote is not closed; it stands at column 5"]);
        refused("get \\", expect!["`\\` at the end escapes nothing; it stands at column 5"]);
    }
}
