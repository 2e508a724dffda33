//! How this crate says no.
//!
//! **Invariant:** every refusal names its rule (`grammar/<code>`) and a way forward, and foreign
//! text in it went through [`shown`].

use crate::words::Word;
use countersign_core::refusal::{Code, Refusal, shown};

/// A value, or the refusal that stands in its place. Boxed, because a refusal is large.
pub(crate) type Checked<T> = Result<T, Box<Refusal>>;

/// A refusal of the grammar.
pub(crate) fn no(code: Code, sentence: impl Into<String>, hint: impl Into<String>) -> Box<Refusal> {
    Box::new(Refusal::new(code, sentence, hint).by_rule(format!("grammar/{code}")))
}

/// Points a refusal at a place.
pub(crate) trait Pointing {
    /// Over the whole word; a word that was not typed has no column.
    fn over(self, word: &Word) -> Self;
    /// At these characters, counted from 1.
    fn at_column(self, column: usize, length: usize) -> Self;
}

impl Pointing for Box<Refusal> {
    fn over(self, word: &Word) -> Self {
        match word.column {
            0 => self,
            column => self.at_column(column, word.length),
        }
    }

    fn at_column(self, column: usize, length: usize) -> Self {
        Box::new((*self).at(column, length))
    }
}

/// Foreign text in backticks.
pub(crate) fn quoted(text: &str) -> String {
    format!("`{}`", shown(text))
}

/// `did you mean …?`, or what else to do.
pub(crate) fn meant<'a>(typed: &str, known: impl IntoIterator<Item = &'a str>, otherwise: &str) -> String {
    match crate::suggest::closest(typed, known) {
        Some(close) => format!("did you mean `{close}`?"),
        None => otherwise.to_owned(),
    }
}
