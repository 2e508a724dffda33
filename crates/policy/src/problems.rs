//! Mistakes in the files people edit: where, what, and what to write instead.
//!
//! **Invariant:** nothing printed from here can move the cursor or hide its neighbours.

use countersign_core::refusal::is_deceptive;
use std::fmt;

/// A place in a file. Lines and columns count from 1, columns in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mark {
    /// Line.
    pub line: usize,
    /// Column of its first character.
    pub column: usize,
    /// How many characters.
    pub length: usize,
}

impl Default for Mark {
    fn default() -> Self {
        Self { line: 1, column: 1, length: 1 }
    }
}

/// What kind of mistake it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ProblemCode {
    /// Not YAML, or YAML that these files may not use.
    Syntax,
    /// `version` is missing or not 1.
    Version,
    /// A key nobody knows.
    UnknownKey,
    /// The same key, or the same id, twice.
    Duplicate,
    /// A key whose machinery has not shipped.
    NotAvailableYet,
    /// A key that must be there is not.
    Missing,
    /// A list where a word belongs, and the like.
    Shape,
    /// A word that names nothing.
    UnknownWord,
    /// A value outside of what the key takes.
    Value,
    /// A character that can hide or change what a reader sees.
    Character,
    /// Roles that inherit each other in a circle.
    Cycle,
    /// A rule or a binding that can never apply.
    Empty,
    /// A quorum that cannot be read, or can never be met.
    Quorum,
    /// It asks for less than the built-in floor.
    Floor,
    /// A case file did not come out as it says.
    Case,
    /// A rule that can never decide, or says what another says. A warning.
    Unreachable,
    /// A role or a group that nobody holds or is in. A warning.
    Unheld,
    /// A quorum that one person fills. A warning.
    Alone,
    /// A grant of more than looking to everybody. A warning.
    Wide,
}

impl ProblemCode {
    /// The kebab-case text printed in brackets.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Syntax => "syntax",
            Self::Version => "version",
            Self::UnknownKey => "unknown-key",
            Self::Duplicate => "duplicate",
            Self::NotAvailableYet => "not-available-yet",
            Self::Missing => "missing",
            Self::Shape => "shape",
            Self::UnknownWord => "unknown-word",
            Self::Value => "value",
            Self::Character => "character",
            Self::Cycle => "cycle",
            Self::Empty => "empty",
            Self::Quorum => "quorum",
            Self::Floor => "floor",
            Self::Case => "case",
            Self::Unreachable => "unreachable",
            Self::Unheld => "unheld",
            Self::Alone => "alone",
            Self::Wide => "wide",
        }
    }
}

/// One mistake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    file: String,
    mark: Mark,
    code: ProblemCode,
    message: String,
    hint: Option<String>,
    snippet: Option<String>,
}

impl Problem {
    /// A mistake at a place.
    pub fn new(file: &str, mark: Mark, code: ProblemCode, message: impl Into<String>) -> Self {
        Self { file: file.to_owned(), mark, code, message: message.into(), hint: None, snippet: None }
    }

    /// What to write instead.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Cuts the three lines around the mark out of the file's text.
    #[must_use]
    pub fn with_snippet(mut self, text: &str) -> Self {
        self.snippet = Some(snippet(text, self.mark));
        self
    }

    /// Name of the file.
    #[must_use]
    pub fn file(&self) -> &str {
        &self.file
    }

    /// Line, from 1.
    #[must_use]
    pub const fn line(&self) -> usize {
        self.mark.line
    }

    /// Column in characters, from 1.
    #[must_use]
    pub const fn column(&self) -> usize {
        self.mark.column
    }

    /// What kind of mistake.
    #[must_use]
    pub const fn code(&self) -> ProblemCode {
        self.code
    }

    /// What is wrong, one sentence.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// What to write instead.
    #[must_use]
    pub fn suggestion(&self) -> Option<&str> {
        self.hint.as_deref()
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Mark { line, column, .. } = self.mark;
        let message = harmless(&self.message);
        writeln!(f, "{}:{line}:{column}: {message} [{}]", harmless(&self.file), self.code.as_str())?;
        if let Some(snippet) = &self.snippet {
            f.write_str(snippet)?;
        }
        match &self.hint {
            Some(hint) => writeln!(f, "     = {}", harmless(hint)),
            None => Ok(()),
        }
    }
}

fn snippet(text: &str, mark: Mark) -> String {
    use fmt::Write as _;
    let mut out = String::new();
    let first = mark.line.saturating_sub(1).max(1);
    for (nth, line) in text.lines().enumerate().map(|(at, line)| (at + 1, line)) {
        if nth < first || nth > mark.line + 1 {
            continue;
        }
        let line = harmless(line);
        writeln!(out, "{nth:>4} | {line}").expect("a String takes every write");
        if nth == mark.line {
            let room = line.chars().count().saturating_sub(mark.column - 1).max(1);
            let carets = "^".repeat(mark.length.clamp(1, room));
            let gap = " ".repeat(mark.column - 1);
            writeln!(out, "     | {gap}{carets}").expect("a String takes every write");
        }
    }
    out
}

/// One character for one character, so that the caret stays under its mark.
fn harmless(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '\t' => ' ',
            c if is_deceptive(c) => '\u{fffd}',
            c => c,
        })
        .collect()
}

/// Everything that is wrong, in the order of the files. Never empty when it is an error.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Problems(Vec<Problem>);

impl Problems {
    /// Sorted by file and place, each once.
    #[must_use]
    pub fn of(mut problems: Vec<Problem>) -> Self {
        problems.sort_by(|a, b| (&a.file, a.mark, &a.message).cmp(&(&b.file, b.mark, &b.message)));
        problems.dedup();
        Self(problems)
    }

    /// The mistakes.
    #[must_use]
    pub fn all(&self) -> &[Problem] {
        &self.0
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for problem in &self.0 {
            writeln!(f, "{problem}")?;
        }
        let count = self.0.len();
        write!(f, "{count} problem{}", if count == 1 { "" } else { "s" })
    }
}

impl std::error::Error for Problems {}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::expect;

    #[test]
    #[expect(clippy::needless_raw_string_hashes, reason = "snapshots are written by their tool")]
    fn a_problem_points_at_its_characters_and_cannot_move_the_cursor() {
        let text = "roles:\n  a\u{202e}b: oprator\n  c: d\n";
        let mark = Mark { line: 2, column: 8, length: 7 };
        let problem = Problem::new("rbac.yaml", mark, ProblemCode::UnknownWord, "no role `oprator`")
            .hint("did you mean `operator`?\u{1b}[2J")
            .with_snippet(text);
        expect![[r#"
            rbac.yaml:2:8: no role `oprator` [unknown-word]
               1 | roles:
               2 |   a�b: oprator
                 |        ^^^^^^^
               3 |   c: d
                 = did you mean `operator`?�[2J
        "#]]
        .assert_eq(&problem.to_string());
    }
}
