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

const WORDS: &[&str] = &["help", "catalog", "pending", "status", "logs", "cancel", "whoami", "can-i", "who-can"];
const LATER: &[&str] = &["request", "freeze", "unfreeze", "grant", "revoke", "break-glass"];

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
        ("can-i", [_, ..]) => Countersign::CanI(Box::new(run(rest)?)),
        ("who-can", [_, ..]) => Countersign::WhoCan(Box::new(run(rest)?)),
        ("status" | "logs" | "cancel" | "can-i" | "who-can", []) => return Err(lacks(first)),
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
        _ => ("the id of a request", "countersign status 1a2b3c4d"),
    };
    no(Code::MissingValue, format!("`countersign {}` needs {what}", verb.text), format!("as `{example}`")).over(verb)
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
