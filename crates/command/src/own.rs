//! Countersign's own switches, which no tool ever sees: `--apply`, `--context`, `--reason`.
//!
//! **Invariant:** each is given at most once and is spelled exactly so.

use crate::no::{Checked, Pointing, no};
use crate::words::Word;
use countersign_core::refusal::Code;

/// What was said to Countersign, and not to the tool.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Own {
    /// `--apply` was typed.
    pub(crate) apply: bool,
    /// `--dry-run` was typed; it agrees with the default and contradicts `--apply`.
    pub(crate) dry_run: bool,
    /// `--context NAME`.
    pub(crate) context: Option<Word>,
    /// `--reason "…"`.
    pub(crate) reason: Option<String>,
}

/// The longest reason, in characters.
const LONGEST_REASON: usize = 500;

impl Own {
    /// Refuses a dry run that is also to be applied.
    pub(crate) fn check(&self, word: &Word) -> Checked<()> {
        if self.apply && self.dry_run {
            return Err(no(
                Code::BadValue,
                "`--dry-run` and `--apply` contradict each other",
                "leave `--dry-run` away: without `--apply` nothing is changed",
            )
            .over(word));
        }
        Ok(())
    }
}

/// A reason is words for people: it has some, and not too many.
pub(crate) fn check_reason(text: &str, word: &Word) -> Checked<String> {
    let text = text.trim();
    let length = text.chars().count();
    if length == 0 || length > LONGEST_REASON {
        return Err(no(
            Code::BadValue,
            format!("`--reason` takes 1 to {LONGEST_REASON} characters"),
            "write why in a few words: --reason \"failing health checks\"",
        )
        .over(word));
    }
    Ok(text.to_owned())
}

/// `--apply=true` has no meaning of its own, so that nobody has to guess one for `--apply=false`.
pub(crate) fn apply_with_value(word: &Word) -> Box<countersign_core::refusal::Refusal> {
    no(Code::BadValue, "`--apply` takes no value", "write `--apply`, or leave it away").over(word)
}

/// A word that was given twice.
pub(crate) fn repeated(name: &str, word: &Word) -> Box<countersign_core::refusal::Refusal> {
    no(Code::RepeatedFlag, format!("`{name}` is given more than once"), "give it once: two values have two readings")
        .over(word)
}
