//! `grep`: keeps the lines that match a pattern.
//!
//! **Invariant:** patterns are extended and matched in linear time (ADR-0022); where GNU's basic
//! syntax gives an escape another meaning, the pattern is refused and not read differently.

use super::options::{Opt, Read, Usage, no_files, number, read, switch, valued};
use crate::no::{Checked, Pointing, no};
use crate::words::Word;
use countersign_core::refusal::{Code, Refusal};
use regex::bytes::{Regex, RegexBuilder};
use regex_syntax::ast::parse::ParserBuilder;

/// Most lines of context, and most matches that can be asked for.
const MOST: u64 = 1_000_000;
/// Deepest nesting of a pattern.
const DEEPEST: u32 = 50;
/// Most memory a compiled pattern takes, in bytes; and as much again for its cache.
const LARGEST: usize = 4 << 20;

const USAGE: Usage = Usage {
    name: "grep",
    options: &[
        switch('i', "ignore-case"),
        switch('v', "invert-match"),
        switch('n', "line-number"),
        switch('c', "count"),
        switch('o', "only-matching"),
        switch('w', "word-regexp"),
        switch('x', "line-regexp"),
        switch('F', "fixed-strings"),
        switch('E', "extended-regexp"),
        valued('m', "max-count"),
        valued('A', "after-context"),
        valued('B', "before-context"),
        valued('C', "context"),
        Opt { short: 'e', long: "regexp", values: 1, repeats: true },
    ],
    refused: &[
        (&["-f", "--file"], Code::WorkerFiles, "write the pattern itself"),
        (
            &["-r", "-R", "--recursive", "--dereference-recursive", "--include", "--exclude", "--exclude-dir"],
            Code::WorkerFiles,
            "a filter reads the output of the command and no files",
        ),
        (&["-P", "--perl-regexp"], Code::FlagNotAllowed, "`\\d`, `\\w`, `\\b` and `(?i)` work without it"),
        (&["-G", "--basic-regexp"], Code::FlagNotAllowed, "patterns are extended: write `a|b`, not `a\\|b`"),
        (&["-q", "-s", "--quiet", "--silent", "--no-messages"], Code::FlagNotAllowed, "it would show nothing"),
        (
            &[
                "-l",
                "-L",
                "-H",
                "-h",
                "--files-with-matches",
                "--files-without-match",
                "--with-filename",
                "--no-filename",
            ],
            Code::FlagNotAllowed,
            "there is one input, and it has no name",
        ),
        (&["--color", "--colour", "--line-buffered", "-a", "--text"], Code::FlagNotAllowed, "leave it away"),
    ],
    number: Some('C'),
};

/// Which lines are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lines {
    /// Those that match.
    Matching,
    /// Those that do not.
    Others,
}

/// How the pattern is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Syntax {
    /// As an extended regular expression.
    Extended,
    /// As the text itself.
    Fixed,
}

/// `grep`, understood.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own, as the program has them")]
pub struct Grep {
    /// What to look for.
    pub pattern: String,
    /// How it is read.
    pub syntax: Syntax,
    /// Which lines are printed.
    pub lines: Lines,
    /// Letters of either case are the same.
    pub ignore_case: bool,
    /// The match is a whole word.
    pub word: bool,
    /// The match is the whole line.
    pub whole_line: bool,
    /// Lines are printed with their numbers.
    pub numbers: bool,
    /// Only the number of lines is printed.
    pub count: bool,
    /// Only what matched is printed.
    pub only_matching: bool,
    /// Stops after so many lines.
    pub most: Option<u64>,
    /// Lines of context before a match.
    pub before: u64,
    /// Lines of context after a match.
    pub after: u64,
}

/// Why a pattern cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the pattern {0}")]
pub struct PatternError(String);

impl Grep {
    pub(super) fn read(words: &[Word]) -> Checked<Self> {
        let Read { given, operands } = read(&USAGE, words)?;
        let read = Read { given, operands: Vec::new() };
        let mut operands = operands.iter();
        let mut patterns: Vec<&Word> = read.all('e').flatten().collect();
        if patterns.is_empty() {
            patterns.extend(operands.next());
        }
        no_files("grep", operands.next())?;
        let pattern = match patterns.as_slice() {
            [one] => *one,
            [] => return Err(no(Code::MissingValue, "`grep` needs a pattern", "as `| grep error`")),
            [_, second, ..] => {
                return Err(
                    no(Code::RepeatedFlag, "`grep` takes one pattern", "write `a|b` to look for either").over(second)
                );
            }
        };
        if read.has('E') && read.has('F') {
            return Err(no(
                Code::BadValue,
                "`-E` and `-F` of `grep` contradict each other",
                "say which of them you mean",
            )
            .over(pattern));
        }
        let context = read.number('C', MOST)?;
        let grep = Self {
            pattern: pattern.text.clone(),
            syntax: if read.has('F') { Syntax::Fixed } else { Syntax::Extended },
            lines: if read.has('v') { Lines::Others } else { Lines::Matching },
            ignore_case: read.has('i'),
            word: read.has('w'),
            whole_line: read.has('x'),
            numbers: read.has('n'),
            count: read.has('c'),
            only_matching: read.has('o'),
            most: read.number('m', MOST)?,
            before: read.value('B').map(|word| number(word, MOST)).transpose()?.or(context).unwrap_or(0),
            after: read.value('A').map(|word| number(word, MOST)).transpose()?.or(context).unwrap_or(0),
        };
        if grep.syntax == Syntax::Extended {
            check(pattern, read.has('E'))?;
        }
        grep.regex().map_err(|error| {
            no(Code::BadValue, error.to_string(), "write it differently, or use `grep -F` for the text itself")
                .over(pattern)
        })?;
        Ok(grep)
    }

    pub(super) fn canonical(&self) -> Vec<String> {
        let switches = [
            ("-i", self.ignore_case),
            ("-v", self.lines == Lines::Others),
            ("-n", self.numbers),
            ("-c", self.count),
            ("-o", self.only_matching),
            ("-w", self.word),
            ("-x", self.whole_line),
            ("-F", self.syntax == Syntax::Fixed),
            ("-E", self.syntax == Syntax::Extended),
        ];
        let mut elements = vec!["grep".to_owned()];
        elements.extend(switches.iter().filter(|(_, on)| *on).map(|(name, _)| (*name).to_owned()));
        let context = |number: u64| Some(number).filter(|number| *number > 0);
        for (name, value) in [("-m", self.most), ("-A", context(self.after)), ("-B", context(self.before))] {
            elements.extend(value.into_iter().flat_map(|value| [name.to_owned(), value.to_string()]));
        }
        elements.extend(self.pattern.starts_with('-').then(|| "--".to_owned()));
        elements.push(self.pattern.clone());
        elements
    }

    /// The pattern, ready to be matched against one line without its end.
    ///
    /// # Errors
    /// [`PatternError`] when it is malformed, or takes more memory than a pattern may.
    pub fn regex(&self) -> Result<Regex, PatternError> {
        let pattern = match self.syntax {
            Syntax::Fixed => regex_syntax::escape(&self.pattern),
            Syntax::Extended => format!("(?:{})", self.pattern),
        };
        let pattern = match (self.whole_line, self.word) {
            (true, _) => format!("^(?:{pattern})$"),
            // What stands beside a word is no letter, digit or `_`, whatever the pattern begins with.
            (false, true) => format!(r"\b{{start-half}}(?:{pattern})\b{{end-half}}"),
            (false, false) => pattern,
        };
        RegexBuilder::new(&pattern)
            .case_insensitive(self.ignore_case)
            .nest_limit(DEEPEST + 4)
            .size_limit(LARGEST)
            .dfa_size_limit(LARGEST)
            .build()
            .map_err(|error| {
                PatternError(match error {
                    regex::Error::CompiledTooBig(_) => "is too large".to_owned(),
                    _ => "cannot be matched".to_owned(),
                })
            })
    }
}

/// Escapes that mean something else, or nothing, in one of the syntaxes people know; then the syntax itself.
fn check(pattern: &Word, extended: bool) -> Checked<()> {
    let mut chars = pattern.text.chars().enumerate();
    while let Some((at, c)) = chars.next() {
        let Some((_, escaped)) = (if c == '\\' { chars.next() } else { None }) else {
            continue;
        };
        match escaped {
            '1'..='9' => {
                return Err(wrong(pattern, at, "a pattern cannot refer back to a group", "write out what repeats"));
            }
            '`' | '\'' => {
                return Err(wrong(pattern, at, &format!("`\\{escaped}` is not known"), "write `^` or `$`"));
            }
            '|' | '+' | '?' | '(' | ')' | '{' | '}' if !extended => {
                let hint = format!(
                    "patterns are extended: write `{escaped}` for the operator, `[{escaped}]` for the character, or say `-E`"
                );
                return Err(wrong(pattern, at, &format!("`\\{escaped}` has two readings"), &hint));
            }
            _ => {}
        }
    }
    let parsed = ParserBuilder::new().nest_limit(DEEPEST).build().parse(&pattern.text);
    parsed.map(drop).map_err(|error| {
        let before = pattern.text.get(..error.span().start.offset).unwrap_or_default();
        let at = before.chars().count();
        let hint = "write it differently, or use `grep -F` for the text itself";
        wrong(pattern, at, &format!("the pattern is malformed: {}", error.kind()), hint)
    })
}

/// A refusal that points into the pattern, where the text of a word stands as it was typed.
fn wrong(pattern: &Word, at: usize, sentence: &str, hint: &str) -> Box<Refusal> {
    super::inside(no(Code::BadValue, format!("{sentence} (character {} of the pattern)", at + 1), hint), pattern, at)
}
