//! What somebody looks for in the log.
//!
//! **Invariant:** a value that means nothing is told, and finds nothing; it is never ignored.

use super::timeline::{Entry, Step};
use countersign_core::tier::Tier;
use countersign_core::time::Timestamp;
use serde::Deserialize;
use std::fmt;

/// Which requests are meant; all that is given must fit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Part of the name, subject or account of somebody who asked or acted, in any case.
    pub who: Option<String>,
    /// The environment.
    pub env: Option<String>,
    /// The tier.
    pub tier: Option<Tier>,
    /// One of its records is of this kind.
    pub event: Option<String>,
    /// How it stands or ended: one of [`Step::WORDS`].
    pub state: Option<String>,
    /// Part of what was typed or of the command, in any case.
    pub text: Option<String>,
    /// Asked at this instant or later.
    pub since: Option<Timestamp>,
}

/// The form's fields as they came; an empty one is absent.
#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct Fields {
    #[serde(default)]
    pub(crate) who: String,
    #[serde(default)]
    pub(crate) env: String,
    #[serde(default)]
    pub(crate) tier: String,
    #[serde(default)]
    pub(crate) event: String,
    #[serde(default)]
    pub(crate) state: String,
    #[serde(default)]
    pub(crate) text: String,
    #[serde(default)]
    pub(crate) since: String,
    #[serde(default)]
    pub(crate) page: String,
}

/// Kinds of records that can be looked for, as the log's schema names them.
pub(crate) const EVENTS: [&str; 21] = [
    "received",
    "refused",
    "decided",
    "previewed",
    "asked",
    "ballot",
    "cleared",
    "intent",
    "outcome",
    "expired",
    "cancelled",
    "reconciled",
    "lease",
    "grant",
    "break-glass",
    "freeze",
    "link",
    "policy-changed",
    "log-read",
    "writer-opened",
    "writer-closed",
];

impl Filter {
    /// Reads the form.
    ///
    /// # Errors
    /// One sentence about the first field that means nothing.
    pub(crate) fn read(fields: &Fields) -> Result<Self, String> {
        let given = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
        let one_of = |text: &str, words: &[&str], what: &str| match given(text) {
            Some(word) if !words.contains(&word.as_str()) => Err(format!("`{word}` is no {what}")),
            word => Ok(word),
        };
        let tier = one_of(&fields.tier, &Tier::ALL.map(Tier::as_str), "tier")?;
        Ok(Self {
            who: given(&fields.who),
            env: given(&fields.env),
            tier: Tier::ALL.into_iter().find(|one| tier.as_deref() == Some(one.as_str())),
            event: one_of(&fields.event, &EVENTS, "event")?,
            state: one_of(&fields.state, &Step::WORDS, "state")?,
            text: given(&fields.text),
            since: given(&fields.since).map(|text| instant(&text)).transpose()?,
        })
    }

    /// Whether the entry is one of those that are meant.
    #[must_use]
    pub fn fits(&self, entry: &Entry) -> bool {
        self.since.is_none_or(|since| entry.at >= since)
            && self.env.as_ref().is_none_or(|env| entry.env.as_ref() == Some(env))
            && self.tier.is_none_or(|tier| entry.tier == Some(tier))
            && self.state.as_ref().is_none_or(|word| entry.is_request() && entry.step.word() == word)
            && self.event.as_ref().map_or_else(|| entry.is_of_interest(), |event| entry.has_event(event))
            && self.who.as_ref().is_none_or(|who| entry.names(who))
            && self.text.as_ref().is_none_or(|text| entry.says(text))
    }
}

fn instant(text: &str) -> Result<Timestamp, String> {
    let whole = if text.len() == 10 { format!("{text}T00:00:00Z") } else { text.to_owned() };
    whole.parse().map_err(|_| format!("`{text}` is no day such as 2026-11-21, and no instant of RFC 3339"))
}

/// What was asked for, as it stands in the record of the reading: `env=prod who=ann`.
impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = [
            ("who", self.who.clone()),
            ("env", self.env.clone()),
            ("tier", self.tier.map(|tier| tier.as_str().to_owned())),
            ("event", self.event.clone()),
            ("state", self.state.clone()),
            ("text", self.text.clone()),
            ("since", self.since.map(|at| at.to_string())),
        ];
        let given: Vec<String> =
            parts.into_iter().filter_map(|(name, value)| Some(format!("{name}={}", value?))).collect();
        f.write_str(if given.is_empty() { "everything" } else { "" })?;
        f.write_str(&given.join(" "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::{Expect, expect};

    #[track_caller]
    fn read(fields: Fields, says: Expect) {
        says.assert_eq(&Filter::read(&fields).map_or_else(|no| format!("no: {no}"), |it| it.to_string()));
    }

    #[test]
    fn a_value_that_means_nothing_is_told() {
        read(Fields::default(), expect!["everything"]);
        read(
            Fields { who: " ann ".into(), tier: "read".into(), since: "2026-11-21".into(), ..Fields::default() },
            expect!["who=ann tier=read since=2026-11-21T00:00:00.000Z"],
        );
        read(Fields { tier: "deadly".into(), ..Fields::default() }, expect!["no: `deadly` is no tier"]);
        read(Fields { event: "heartbeat".into(), ..Fields::default() }, expect!["no: `heartbeat` is no event"]);
        read(Fields { state: "nice".into(), ..Fields::default() }, expect!["no: `nice` is no state"]);
        read(
            Fields { since: "yesterday".into(), ..Fields::default() },
            expect!["no: `yesterday` is no day such as 2026-11-21, and no instant of RFC 3339"],
        );
    }
}
