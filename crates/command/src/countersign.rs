//! `/countersign …`: questions to Countersign itself, which run nothing.

use crate::no::{Checked, Pointing, meant, no, quoted};
use crate::words::Word;
use countersign_core::command::Command;
use countersign_core::refusal::Code;

/// A question to Countersign.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Countersign {
    /// What can be typed; about one tool or command if it is named.
    Help {
        /// The tool or custom command asked about.
        topic: Option<String>,
    },
    /// Targets and custom commands.
    Catalog,
    /// What waits for somebody.
    Pending,
    /// How a request stands.
    Status(Reference),
    /// What a request printed.
    Logs(Reference),
    /// Cancel a request.
    Cancel(Reference),
    /// Stop changes in an environment, or everywhere, until an operator lifts it.
    Freeze {
        /// The environment; everywhere if absent.
        env: Option<String>,
        /// Why.
        why: String,
    },
    /// Which freezes are on.
    Freezes,
    /// Say how a request ended whose outcome is unknown.
    Reconcile {
        /// Which request.
        which: Reference,
        /// Whether it happened.
        happened: bool,
        /// What was found, in the person's words.
        note: Option<String>,
    },
    /// Who the person is to Countersign.
    Whoami,
    /// What would be decided about a command; nothing is recorded as asked.
    CanI(Box<Command>),
    /// Who could run a command, and who could agree to it; nothing is recorded as asked.
    WhoCan(Box<Command>),
}

/// A request as people refer to it: its whole id, or the last digits of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference(String);

/// Fewer digits than this would name too many requests.
const FEWEST_DIGITS: usize = 8;

impl Reference {
    /// Lower-case hex digits, with the dashes of a whole id.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

const WORDS: &[&str] =
    &["help", "catalog", "pending", "status", "logs", "cancel", "freeze", "reconcile", "whoami", "can-i", "who-can"];
const LATER: &[&str] = &["request", "grant", "revoke", "break-glass"];

/// The word for all environments.
const EVERYWHERE: &str = "everywhere";

/// The longest text people may add, in characters.
const LONGEST_NOTE: usize = 500;

/// Reads the words after `countersign`; `run` understands a command line.
pub(crate) fn parse(words: &[Word], run: impl FnOnce(&[Word]) -> Checked<Command>) -> Checked<Countersign> {
    let Some((first, rest)) = words.split_first() else {
        return Ok(Countersign::Help { topic: None });
    };
    let ask = match (first.text.as_str(), rest) {
        ("help", []) => Countersign::Help { topic: None },
        ("help", [topic]) => Countersign::Help { topic: Some(topic.text.trim_start_matches('/').to_owned()) },
        ("catalog", []) => Countersign::Catalog,
        ("pending", []) => Countersign::Pending,
        ("whoami", []) => Countersign::Whoami,
        ("status", [id]) => Countersign::Status(reference(id)?),
        ("logs", [id]) => Countersign::Logs(reference(id)?),
        ("cancel", [id]) => Countersign::Cancel(reference(id)?),
        ("freeze", []) => Countersign::Freezes,
        ("freeze", [place, why @ ..]) => freeze(place, why)?,
        ("reconcile", [id, how, note @ ..]) => reconcile(id, how, note)?,
        ("unfreeze" | "lift", _) => return Err(lifted_elsewhere(first)),
        ("can-i", [_, ..]) => Countersign::CanI(Box::new(run(rest)?)),
        ("who-can", [_, ..]) => Countersign::WhoCan(Box::new(run(rest)?)),
        ("reconcile", [_]) => return Err(how_missing(first)),
        ("status" | "logs" | "cancel" | "reconcile" | "can-i" | "who-can", []) => return Err(lacks(first)),
        (word, _) if LATER.contains(&word) => {
            return Err(no(
                Code::NotAvailableYet,
                format!("`countersign {word}` is not available yet"),
                "see `countersign help` for what there is",
            )
            .over(first));
        }
        (word, [.., last]) if WORDS.contains(&word) => {
            return Err(no(
                Code::UnexpectedArgument,
                format!("`countersign {word}` has no use for {}", quoted(&last.text)),
                "leave it away",
            )
            .over(last));
        }
        (word, _) => {
            return Err(no(
                Code::UnknownVerb,
                format!("`countersign` has no verb {}", quoted(word)),
                meant(word, WORDS.iter().copied(), "see `countersign help`"),
            )
            .over(first));
        }
    };
    Ok(ask)
}

fn lacks(verb: &Word) -> Box<countersign_core::refusal::Refusal> {
    let (what, example) = match verb.text.as_str() {
        "can-i" => ("a command", "countersign can-i kubectl get pods"),
        "who-can" => ("a command", "countersign who-can kubectl get pods"),
        "reconcile" => ("the id of a request", "countersign reconcile 1a2b3c4d happened the pod is gone"),
        _ => ("the id of a request", "countersign status 1a2b3c4d"),
    };
    no(Code::MissingValue, format!("`countersign {}` needs {what}", verb.text), format!("as `{example}`")).over(verb)
}

/// `freeze ENV WHY…`.
fn freeze(place: &Word, why: &[Word]) -> Checked<Countersign> {
    let Some(why) = note(why)? else {
        let hint = format!("as `countersign freeze {} the rollout is deleting data`", place.text);
        return Err(no(Code::MissingValue, "`countersign freeze` needs a reason", hint).over(place));
    };
    let env = (place.text != EVERYWHERE).then(|| place.text.clone());
    Ok(Countersign::Freeze { env, why })
}

/// `reconcile ID happened|did-not [NOTE…]`.
fn reconcile(id: &Word, how: &Word, words: &[Word]) -> Checked<Countersign> {
    let happened = match how.text.as_str() {
        "happened" => true,
        "did-not" => false,
        other => {
            let hint = meant(other, ["happened", "did-not"], "say `happened` or `did-not`");
            return Err(no(Code::BadValue, format!("{} does not say how it ended", quoted(other)), hint).over(how));
        }
    };
    Ok(Countersign::Reconcile { which: reference(id)?, happened, note: note(words)? })
}

fn how_missing(verb: &Word) -> Box<countersign_core::refusal::Refusal> {
    let hint = "as `countersign reconcile 1a2b3c4d happened`, or `… did-not`";
    no(Code::MissingValue, "`countersign reconcile` needs to know how it ended", hint).over(verb)
}

fn lifted_elsewhere(verb: &Word) -> Box<countersign_core::refusal::Refusal> {
    let hint = "an operator lifts it on the command line: `countersign lift NUMBER`; `countersign freeze` lists them";
    no(Code::NotAllowed, "a freeze is not lifted from chat", hint).over(verb)
}

/// Words for people, as one line.
fn note(words: &[Word]) -> Checked<Option<String>> {
    let Some(last) = words.last() else { return Ok(None) };
    let text = words.iter().map(|word| word.text.as_str()).collect::<Vec<_>>().join(" ");
    if text.chars().count() > LONGEST_NOTE {
        let hint = "say it shorter; the rest belongs in a ticket";
        return Err(no(Code::TooLong, format!("this takes at most {LONGEST_NOTE} characters"), hint).over(last));
    }
    Ok(Some(text))
}

fn reference(word: &Word) -> Checked<Reference> {
    let digits = word.text.chars().filter(char::is_ascii_hexdigit).count();
    let plain = word.text.chars().all(|c| matches!(c, '0'..='9' | 'a'..='f' | '-'));
    if plain && (FEWEST_DIGITS..=32).contains(&digits) && word.text.len() <= 36 {
        return Ok(Reference(word.text.clone()));
    }
    Err(no(
        Code::BadValue,
        format!("{} is not the id of a request", quoted(&word.text)),
        "copy it from the card: its last eight digits, or all of it",
    )
    .over(word))
}
