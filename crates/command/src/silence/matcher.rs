//! One matcher of a silence: `label=value`, `label!=value`, `label=~regex`, `label!~regex`.
//!
//! Source: Prometheus data model, label names `[a-zA-Z_][a-zA-Z0-9_]*`; Alertmanager, `amtool`'s
//! matcher syntax.

use super::Matching;
use super::breadth::{self, Breadth};
use crate::no::{Checked, Pointing, no, quoted};
use crate::words::Word;
use countersign_core::refusal::{Code, is_deceptive};

/// The label that is an alert's name.
const ALERT: &str = "alertname";

/// The longest value, in characters.
const LONGEST: usize = 256;

/// How the value is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Compares {
    Equal,
    NotEqual,
    Fits,
    FitsNot,
}

/// The longer signs first, so that `=~` is not read as `=`.
const SIGNS: [(&str, Compares); 4] =
    [("=~", Compares::Fits), ("!~", Compares::FitsNot), ("!=", Compares::NotEqual), ("=", Compares::Equal)];

/// A matcher.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Matcher {
    label: String,
    compares: Compares,
    value: String,
}

impl Matcher {
    /// Reads a word; `None` when there is no sign in it.
    pub(super) fn parse(word: &Word) -> Checked<Option<Self>> {
        let Some(at) = word.text.find(['=', '!']) else { return Ok(None) };
        let (label, rest) = word.text.split_at(at);
        let found = SIGNS.iter().find_map(|(sign, compares)| Some((compares, rest.strip_prefix(sign)?)));
        let Some((compares, value)) = found.filter(|_| is_label(label)) else {
            let hint = "write `label=value`, `label!=value`, `label=~regex` or `label!~regex`";
            return Err(no(Code::BadValue, format!("{} is not a matcher", quoted(&word.text)), hint).over(word));
        };
        let value = unquoted(value);
        if value.starts_with('"') || value.ends_with('"') {
            let hint = "write the value in one pair of quotes, or in none";
            return Err(no(Code::BadValue, format!("the value of `{label}` is quoted twice"), hint).over(word));
        }
        if value.chars().count() > LONGEST || value.chars().any(is_deceptive) {
            let hint = "leave invisible characters away; 256 characters are the most";
            return Err(no(Code::BadValue, format!("the value of `{label}` cannot be read"), hint).over(word));
        }
        let matcher = Self { label: label.to_owned(), compares: *compares, value: value.to_owned() };
        matcher.breadth().map_err(|refusal| refusal.over(word))?;
        Ok(Some(matcher))
    }

    /// The alert by its name.
    pub(super) fn alert(word: &Word) -> Checked<Self> {
        if !is_alert(&word.text) {
            let hint = "write its name, as `HighLatency`; a pattern is written 'alertname=~High.+'";
            return Err(
                no(Code::BadValue, format!("{} is not the name of an alert", quoted(&word.text)), hint).over(word)
            );
        }
        Ok(Self { label: ALERT.to_owned(), compares: Compares::Equal, value: word.text.clone() })
    }

    pub(super) fn is_alert(&self) -> bool {
        self.label == ALERT
    }

    /// Whether it can be written as the alert's name alone.
    pub(super) fn is_plain_alert(&self) -> bool {
        self.is_alert() && self.compares == Compares::Equal && is_alert(&self.value)
    }

    /// Its one spelling.
    pub(super) fn spelled(&self) -> String {
        if self.is_plain_alert() {
            return self.value.clone();
        }
        let sign = SIGNS.iter().find(|(_, compares)| *compares == self.compares).map_or("=", |(sign, _)| *sign);
        format!("{}{sign}{}", self.label, self.value)
    }

    /// The same as Alertmanager has it.
    pub(super) fn matching(&self) -> Matching {
        Matching {
            name: self.label.clone(),
            value: self.value.clone(),
            is_regex: matches!(self.compares, Compares::Fits | Compares::FitsNot),
            is_equal: matches!(self.compares, Compares::Equal | Compares::Fits),
        }
    }

    /// How much of all alerts it lets through.
    pub(super) fn breadth(&self) -> Checked<Breadth> {
        match self.compares {
            // An empty value means that the label is missing, which it is from most alerts.
            Compares::Equal if self.value.is_empty() => Ok(Breadth::Everything),
            Compares::Equal => Ok(Breadth::One),
            Compares::NotEqual => Ok(Breadth::Everything),
            Compares::Fits => breadth::of_regex(&self.value),
            Compares::FitsNot => breadth::of_regex(&self.value).map(|_| Breadth::Everything),
        }
    }
}

fn is_label(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// `HighLatency`, `node:disk:full`, `Disk full`: what is neither a matcher, an option nor a verb.
fn is_alert(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && text.len() <= LONGEST
        && !text.ends_with(' ')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "_:-./ ".contains(c))
        && ![super::LIST, super::EXPIRE].contains(&text)
}

/// `label="value"` as amtool writes it, when a pair of quotes came through the shell's.
fn unquoted(text: &str) -> &str {
    text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(text)
}
