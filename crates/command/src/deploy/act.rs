//! What `/deploy` is about, for whoever carries it out: read out of its canonical argv.
//!
//! **Invariant:** it is read by the grammar that decided, and what does not read back to the very same words is no act.

use super::{DEPLOY, USAGE, Version, Word as VerbWord, id_of};
use crate::no::{Checked, no};
use countersign_core::command::Argv;
use countersign_core::id::InvocationId;
use countersign_core::refusal::{Code, Refusal};

/// A command of `/deploy`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Act {
    /// The service, by its name in the catalog.
    pub service: String,
    /// Where it runs.
    pub env: String,
    /// Whether it is only shown.
    pub dry_run: bool,
    /// What is done.
    pub verb: Verb,
}

/// What is done to a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verb {
    /// Rolls a version out.
    Deploy {
        /// Which; the newest that the service's `versions` allows if none was typed.
        version: Option<Version>,
    },
    /// Says what runs.
    Status,
    /// Goes back to the version before the one that runs.
    Rollback,
    /// Takes back the last change that was made here.
    Undo {
        /// The request that must have made it; whichever made it if none was typed.
        of: Option<InvocationId>,
    },
}

impl Act {
    /// Reads the canonical argv of a command or of its preview.
    ///
    /// # Errors
    /// A refusal when the grammar does not read it as exactly itself.
    pub fn read(argv: &Argv) -> Result<Self, Box<Refusal>> {
        let words: Vec<&str> = argv.arguments().iter().map(String::as_str).collect();
        let (dry_run, words) = match words.split_last() {
            Some((&"--dry-run", before)) => (true, before),
            _ => (false, words.as_slice()),
        };
        if argv.program() != DEPLOY || words.iter().any(|word| word.is_empty() || word.starts_with('-')) {
            return Err(strange(argv));
        }
        let (verb, rest) = match words.split_first() {
            Some((first, rest)) => match VerbWord::of(first) {
                Some(verb) => (verb, rest),
                None => (VerbWord::Deploy, words),
            },
            None => return Err(strange(argv)),
        };
        let (service, env, last) = match rest {
            [service, env] => (*service, *env, None),
            [service, env, last] => (*service, *env, Some(*last)),
            _ => return Err(strange(argv)),
        };
        let verb = verb_of(argv, verb, last)?;
        Ok(Self { service: service.to_owned(), env: env.to_owned(), dry_run, verb })
    }
}

fn verb_of(argv: &Argv, verb: VerbWord, last: Option<&str>) -> Checked<Verb> {
    Ok(match (verb, last) {
        (VerbWord::Deploy, None) => Verb::Deploy { version: None },
        (VerbWord::Deploy, Some(text)) => {
            Verb::Deploy { version: Some(Version::read(text).ok_or_else(|| strange(argv))?) }
        }
        (VerbWord::Status, None) => Verb::Status,
        (VerbWord::Rollback, None) => Verb::Rollback,
        (VerbWord::Undo, None) => Verb::Undo { of: None },
        (VerbWord::Undo, Some(text)) => Verb::Undo { of: Some(id_of(text).ok_or_else(|| strange(argv))?) },
        (VerbWord::Status | VerbWord::Rollback, Some(_)) => return Err(strange(argv)),
    })
}

fn strange(argv: &Argv) -> Box<Refusal> {
    no(Code::BadValue, format!("`{argv}` is not a rollout in its one spelling"), USAGE)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(words: &[&str]) -> Result<Act, Box<Refusal>> {
        Act::read(&Argv::new(words.iter().map(|word| (*word).to_owned()).collect()).unwrap())
    }

    #[test]
    fn a_canonical_argv_is_an_act() {
        let act = |dry_run, verb| Act { service: "checkout".into(), env: "prod".into(), dry_run, verb };
        let tag = Some(Version::Tag("1.4.2".into()));
        let id = "0197c1a2-0000-8000-8000-000000000001";
        let of = Some(id.parse().unwrap());
        for (words, expected) in [
            (&["deploy", "checkout", "prod", "1.4.2", "--dry-run"][..], act(true, Verb::Deploy { version: tag })),
            (&["deploy", "checkout", "prod"], act(false, Verb::Deploy { version: None })),
            (&["deploy", "checkout", "prod", "run:7"], act(false, Verb::Deploy { version: Some(Version::Run(7)) })),
            (&["deploy", "status", "checkout", "prod"], act(false, Verb::Status)),
            (&["deploy", "rollback", "checkout", "prod"], act(false, Verb::Rollback)),
            (&["deploy", "undo", "checkout", "prod", id], act(false, Verb::Undo { of })),
            (&["deploy", "undo", "checkout", "prod"], act(false, Verb::Undo { of: None })),
        ] {
            assert_eq!(read(words).unwrap(), expected);
        }
    }

    #[test]
    fn what_is_not_canonical_is_no_act() {
        for words in [
            &["deploy"][..],
            &["deploy", "checkout"],
            &["deploy", "--dry-run", "checkout", "prod"],
            &["deploy", "checkout", "prod", "1.4.2", "x"],
            &["deploy", "checkout", "prod", "run:07"],
            &["deploy", "status", "checkout", "prod", "1.4.2"],
            &["deploy", "rollback", "checkout", "prod", "1.4.2"],
            &["deploy", "undo", "checkout", "prod", "0197C1A2-0000-8000-8000-000000000001"],
            &["deploy", "checkout", "prod", "--apply"],
            &["tf", "checkout", "prod"],
        ] {
            assert!(read(words).is_err(), "{words:?}");
        }
    }
}
