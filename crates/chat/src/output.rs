//! Live output, and how much of it a thread keeps.
//!
//! **Invariant:** a fold holds a bounded number of lines of bounded length, however much is
//! poured in, and says exactly how many lines it does not show.

use crate::words;
use std::collections::VecDeque;

/// Where a line came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stream {
    /// Standard output.
    Out,
    /// Standard error.
    Err,
}

/// Some lines of a run's redacted output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutputPart {
    /// Number of the first line within the run, from 0, over both streams.
    pub first_line: u64,
    /// Where the lines came from.
    pub stream: Stream,
    /// The lines, without their ends.
    pub lines: Vec<String>,
}

/// How much is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FoldLimits {
    /// Lines at the start.
    pub head: usize,
    /// Lines from the middle that look like trouble.
    pub errors: usize,
    /// Lines at the end.
    pub tail: usize,
    /// Characters a line.
    pub characters: usize,
}

impl Default for FoldLimits {
    /// What a person still reads in a thread; the rest is in the file.
    fn default() -> Self {
        Self { head: 20, errors: 10, tail: 30, characters: 2_000 }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Kept {
    nth: u64,
    stream: Stream,
    text: String,
}

/// One line of a folded output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Folded<'a> {
    /// A line, harmless to show.
    Line(Stream, &'a str),
    /// This many lines are not shown here.
    Hidden(u64),
}

/// Head, errors, tail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fold {
    limits: FoldLimits,
    head: Vec<Kept>,
    errors: Vec<Kept>,
    tail: VecDeque<Kept>,
    next: u64,
}

impl Fold {
    /// Nothing yet.
    #[must_use]
    pub const fn new(limits: FoldLimits) -> Self {
        Self { limits, head: Vec::new(), errors: Vec::new(), tail: VecDeque::new(), next: 0 }
    }

    /// Pours lines in. Lines that were there before are recognised by their number; a gap counts
    /// as hidden.
    pub fn add(&mut self, part: &OutputPart) {
        let mut nth = part.first_line;
        for text in &part.lines {
            if nth >= self.next {
                self.keep(Kept { nth, stream: part.stream, text: self.shortened(text) });
                self.next = nth.saturating_add(1);
            }
            nth = nth.saturating_add(1);
        }
    }

    /// How many lines there were.
    #[must_use]
    pub const fn total(&self) -> u64 {
        self.next
    }

    /// How many of them are not shown.
    #[must_use]
    pub fn hidden(&self) -> u64 {
        let kept = self.head.len() + self.errors.len() + self.tail.len();
        self.next.saturating_sub(u64::try_from(kept).unwrap_or(u64::MAX))
    }

    /// The lines in order, with a mark wherever some are left out.
    #[must_use]
    pub fn lines(&self) -> Vec<Folded<'_>> {
        let mut out = Vec::new();
        let mut expected = 0;
        for kept in self.head.iter().chain(&self.errors).chain(&self.tail) {
            if kept.nth > expected {
                out.push(Folded::Hidden(kept.nth - expected));
            }
            out.push(Folded::Line(kept.stream, &kept.text));
            expected = kept.nth.saturating_add(1);
        }
        out
    }

    fn keep(&mut self, kept: Kept) {
        if self.head.len() < self.limits.head {
            self.head.push(kept);
            return;
        }
        self.tail.push_back(kept);
        if self.tail.len() > self.limits.tail
            && let Some(old) = self.tail.pop_front()
            && self.errors.len() < self.limits.errors
            && looks_like_trouble(&old)
        {
            self.errors.push(old);
        }
    }

    fn shortened(&self, text: &str) -> String {
        // One line in, one line out: a line end that slipped in is shown as what it is.
        let harmless = words::lines(text).join("\\u{a}");
        let length = harmless.chars().count();
        if length <= self.limits.characters {
            return harmless;
        }
        let start: String = harmless.chars().take(self.limits.characters).collect();
        format!("{start}… ({} more characters)", length - self.limits.characters)
    }
}

/// A guess, used for nothing but what to keep in sight.
fn looks_like_trouble(line: &Kept) -> bool {
    const SIGNS: [&str; 8] = ["error", "fail", "denied", "forbidden", "fatal", "panic", "refused", "timed out"];
    let lower = line.text.to_lowercase();
    line.stream == Stream::Err || SIGNS.iter().any(|sign| lower.contains(sign))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: FoldLimits = FoldLimits { head: 2, errors: 2, tail: 2, characters: 30 };

    fn part(first_line: u64, lines: &[&str]) -> OutputPart {
        OutputPart { first_line, stream: Stream::Out, lines: lines.iter().map(ToString::to_string).collect() }
    }

    #[test]
    fn head_errors_tail_and_the_number_of_hidden_lines() {
        let mut fold = Fold::new(SMALL);
        fold.add(&part(0, &["a", "b", "c", "Error: no", "d", "e", "f"]));
        let hidden = Folded::Hidden(1);
        let line = |text| Folded::Line(Stream::Out, text);
        assert_eq!(fold.lines(), [line("a"), line("b"), hidden, line("Error: no"), hidden, line("e"), line("f")]);
        assert_eq!((fold.total(), fold.hidden()), (7, 2));
    }

    #[test]
    fn the_same_part_twice_is_shown_once() {
        let mut fold = Fold::new(FoldLimits::default());
        fold.add(&part(0, &["a", "b"]));
        fold.add(&part(0, &["a", "b"]));
        fold.add(&part(1, &["b", "c"]));
        assert_eq!(fold.total(), 3);
        assert_eq!(fold.lines().len(), 3);
    }

    #[test]
    fn a_flood_stays_bounded() {
        let mut fold = Fold::new(SMALL);
        for nth in 0..10_000 {
            fold.add(&part(nth, &[&"error ".repeat(100)]));
        }
        assert_eq!(fold.hidden(), 9_994);
        for line in fold.lines() {
            if let Folded::Line(_, text) = line {
                assert!(text.chars().count() < 80, "{text}");
            }
        }
    }

    #[test]
    fn a_line_cannot_become_two() {
        let mut fold = Fold::new(SMALL);
        fold.add(&part(0, &["a\nb\rc"]));
        assert_eq!(fold.lines(), [Folded::Line(Stream::Out, "a\\u{a}b\\u{d}c")]);
    }
}
