//! How much a regular expression of a matcher lets through.
//!
//! **Invariant:** an expression is a part only when every text it matches begins, or ends, with one
//! of a few known texts of two characters or more. Everything else could match every alert.

use crate::no::{Checked, no, quoted};
use countersign_core::refusal::Code;
use regex_syntax::ParserBuilder;
use regex_syntax::hir::Hir;
use regex_syntax::hir::literal::{ExtractKind, Extractor, Seq};

/// How much of all alerts a matcher lets through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Breadth {
    /// Those with exactly this value.
    One,
    /// Those whose value is of this form.
    Part,
    /// All, or all but a few.
    Everything,
}

/// A shorter text at the beginning or the end says next to nothing.
const SHORTEST_LITERAL: usize = 2;

/// The breadth of an expression that must match the whole value.
pub(super) fn of_regex(text: &str) -> Checked<Breadth> {
    let parsed = ParserBuilder::new().nest_limit(20).build().parse(text);
    let Some(hir) = parsed.ok().filter(|_| reads_as_in_go(text)) else {
        let hint = "write a regular expression as Alertmanager takes it, for example 'service=~checkout|ledger'";
        return Err(no(Code::BadValue, format!("{} is not a regular expression", quoted(text)), hint));
    };
    let narrow = [ExtractKind::Prefix, ExtractKind::Suffix].iter().any(|kind| says_enough(&hir, kind));
    Ok(if narrow { Breadth::Part } else { Breadth::Everything })
}

/// Whether Go reads the classes and flags as we do: to Alertmanager `[\s\S&&a&&b]` is any character
/// and to us it is none. There, a class knows no sets and no classes inside but `[:alpha:]`, and the
/// flags are `i`, `m`, `s` and `U`.
///
/// Source: Go, `regexp/syntax`; `regex-syntax`, "Character classes" and "Grouping and flags".
fn reads_as_in_go(text: &str) -> bool {
    let mut in_class = false;
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let after = rest.get(c.len_utf8()..).unwrap_or_default();
        match c {
            '\\' => {
                let escaped = after.chars().next().map_or(0, char::len_utf8);
                rest = after.get(escaped..).unwrap_or_default();
                continue;
            }
            '[' if in_class && !after.starts_with(':') => return false,
            '[' if in_class => {
                let Some((_, behind)) = after.split_once(":]") else { return false };
                rest = behind;
                continue;
            }
            '[' => {
                in_class = true;
                // The first `]` is one of the class.
                let inner = after.strip_prefix('^').unwrap_or(after);
                rest = inner.strip_prefix(']').unwrap_or(inner);
                continue;
            }
            ']' => in_class = false,
            '&' | '-' | '~' if in_class && after.starts_with(c) => return false,
            '(' if !in_class && has_strange_flag(after) => return false,
            _ => {}
        }
        rest = after;
    }
    true
}

fn has_strange_flag(after: &str) -> bool {
    let flags = after.strip_prefix('?').map(|rest| rest.split([':', ')']).next().unwrap_or_default());
    flags.is_some_and(|flags| !flags.starts_with(['P', '<']) && !flags.chars().all(|c| "imsU-".contains(c)))
}

fn says_enough(hir: &Hir, kind: &ExtractKind) -> bool {
    let found: Seq = Extractor::new().kind(kind.clone()).extract(hir);
    found.is_finite() && found.min_literal_len().is_some_and(|length| length >= SHORTEST_LITERAL)
}

#[cfg(test)]
mod tests {
    use super::{Breadth, of_regex};

    #[test]
    fn what_could_match_everything_is_everything() {
        for text in [
            "",
            ".*",
            ".+",
            ".",
            "..*",
            "^.*$",
            "(.*)",
            "(?:.+)",
            "[a-z]+",
            "[a-zA-Z0-9].*",
            "[^x]*",
            "\\w+",
            "\\S.*",
            "(?s).*",
            "a*",
            "x?.*",
            "Check|.*",
            "Check.*|",
            "(Check)?.*",
            "(Check)*",
            "[a-c].*",
            "A|B|.+",
            "a.*",
            ".*z",
            "(?i).+",
            "\\PC*",
            "(|x)y{0}.*",
            "[[:alpha:]]+",
        ] {
            assert_eq!(of_regex(text).unwrap(), Breadth::Everything, "{text}");
        }
        for text in
            ["checkout", "checkout-.*", "checkout|ledger", "(checkout|ledger)-[0-9]+", ".*-latency", "(?i)check.*"]
        {
            assert_eq!(of_regex(text).unwrap(), Breadth::Part, "{text}");
        }
        for text in ["[A-C]heck.*", "[]a]heck|[^]]bc-de", "(?P<x>check).*", "[[:upper:]a]check", r"\[\[check"] {
            assert!(of_regex(text).is_ok(), "{text}");
        }
        for text in [
            r"[\s\S&&a&&b].*|High",
            "[[^\\s\\S]].*|High",
            "[a--b]c.*|High",
            "[a~~a].*|High",
            "(?x) .* # High",
            "(?u:a)",
        ] {
            assert!(of_regex(text).is_err(), "{text}");
        }
        for text in ["(", "[a", "a{2,1}", "*", "(?P<"] {
            assert!(of_regex(text).is_err(), "{text}");
        }
    }
}
