//! What `/silence` is about, for whoever carries it out: read out of its canonical argv.
//!
//! **Invariant:** it is read by the grammar that decided, and what does not read back to the very same
//! words, or could match every alert, is no act.

use super::matcher::Matcher;
use super::{EXPIRE, LIST, Line, SHORTEST, USAGE, all_of, could_match_everything, is_id, words_of};
use crate::custom::duration;
use crate::no::{Checked, no};
use crate::words::Word;
use countersign_core::command::Argv;
use countersign_core::refusal::{Code, Refusal};
use std::time::Duration;

/// A command of `/silence`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Act {
    /// The Alertmanager, by its name in the catalog.
    pub on: String,
    /// Whether it is only shown.
    pub dry_run: bool,
    /// What is done.
    pub verb: Verb,
}

/// What is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verb {
    /// Lists silences.
    List,
    /// Ends a silence.
    Expire {
        /// Which, a UUID in lower case.
        id: String,
    },
    /// Makes a silence.
    Silence {
        /// What it hides: alerts that all of these match.
        matchers: Vec<Matching>,
        /// For how long.
        lasts: Duration,
        /// Why, in the words of whoever asked.
        comment: Option<String>,
    },
}

/// A matcher as Alertmanager has it.
///
/// Source: Alertmanager 0.25, API v2, `matcher`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Matching {
    /// The label.
    pub name: String,
    /// What it is compared with.
    pub value: String,
    /// Whether that is a regular expression.
    pub is_regex: bool,
    /// Whether it must match, or must not.
    pub is_equal: bool,
}

impl Act {
    /// Reads the canonical argv of a command or of its preview.
    ///
    /// # Errors
    /// A refusal when the grammar does not read it as exactly itself.
    pub fn read(argv: &Argv) -> Result<Self, Box<Refusal>> {
        let words: Vec<Word> = argv.arguments().iter().map(|one| Word::untyped(one)).collect();
        let mut line = Line::default();
        let mut rest = words.iter();
        while let Some(word) = rest.next() {
            line.word(word, &mut rest)?;
        }
        let on = line.on.clone().ok_or_else(|| strange(argv))?.text;
        let (verb, mut back) = verb(argv, &line)?;
        back.push(format!("--on={on}"));
        back.extend(line.own.dry_run.then(|| "--dry-run".to_owned()));
        if argv.program() != super::SILENCE || argv.arguments() != back {
            return Err(strange(argv));
        }
        Ok(Self { on, dry_run: line.own.dry_run, verb })
    }
}

/// The verb, and the words it is spelled in.
fn verb(argv: &Argv, line: &Line<'_>) -> Checked<(Verb, Vec<String>)> {
    let plain: Vec<&str> = line.plain.iter().map(|word| word.text.as_str()).collect();
    match plain.as_slice() {
        [LIST] if line.matchers.is_empty() => Ok((Verb::List, vec![LIST.to_owned()])),
        [EXPIRE, id] if line.matchers.is_empty() && is_id(id) => {
            let words = vec![EXPIRE.to_owned(), (*id).to_owned()];
            Ok((Verb::Expire { id: (*id).to_owned() }, words))
        }
        _ => silence(argv, line),
    }
}

fn silence(argv: &Argv, line: &Line<'_>) -> Checked<(Verb, Vec<String>)> {
    let (alert, length) = match line.plain.as_slice() {
        [alert, length] => (Some(Matcher::alert(alert)?), *length),
        [length] => (None, *length),
        _ => return Err(strange(argv)),
    };
    let lasts = duration(&length.text).filter(|lasts| *lasts >= SHORTEST).ok_or_else(|| strange(argv))?;
    let matchers = all_of(alert, line)?;
    if could_match_everything(&matchers)? {
        return Err(strange(argv));
    }
    let comment = line.own.reason.clone();
    let words = words_of(&matchers, lasts, comment.as_deref());
    let matchers = matchers.iter().map(Matcher::matching).collect();
    Ok((Verb::Silence { matchers, lasts, comment }, words))
}

fn strange(argv: &Argv) -> Box<Refusal> {
    no(Code::BadValue, format!("`{argv}` is not a silence in its one spelling"), USAGE)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(words: &[&str]) -> Result<Act, Box<Refusal>> {
        Act::read(&Argv::new(words.iter().map(|word| (*word).to_owned()).collect()).unwrap())
    }

    #[test]
    fn a_canonical_argv_is_an_act() {
        let act = read(&["silence", "Disk full", "2h", "team=~ops-.+", "--comment=a = b", "--on=main", "--dry-run"]);
        let equal = |name: &str, value: &str, is_regex| Matching {
            name: name.into(),
            value: value.into(),
            is_regex,
            is_equal: true,
        };
        let matchers = vec![equal("alertname", "Disk full", false), equal("team", "ops-.+", true)];
        let verb = Verb::Silence { matchers, lasts: Duration::from_hours(2), comment: Some("a = b".into()) };
        assert_eq!(act.unwrap(), Act { on: "main".into(), dry_run: true, verb });
        let not = read(&["silence", "1h", "team=ops", "env!=dev", "--on=main"]).unwrap();
        let Verb::Silence { matchers, .. } = not.verb else { panic!("{not:?}") };
        assert!(!matchers[1].is_equal && !matchers[1].is_regex);
        let id = "0b51fb21-5a4c-4b9f-8b0c-6c0b40dd7f17";
        assert_eq!(read(&["silence", "expire", id, "--on=main"]).unwrap().verb, Verb::Expire { id: id.into() });
        assert_eq!(read(&["silence", "list", "--on=main"]).unwrap().verb, Verb::List);
    }

    #[test]
    fn what_is_not_canonical_is_no_act() {
        for words in [
            &["silence", "X", "120m", "--on=main"][..],
            &["silence", "X", "2h"],
            &["silence", "X", "2h", "--on", "main"],
            &["silence", "X", "2h", "--on=main", "--apply"],
            &["silence", "X", "1s", "--on=main"],
            &["silence", "1h", "alertname=~.+", "--on=main"],
            &["silence", "1h", "a!=b", "--on=main"],
            &["silence", "--dry-run", "X", "2h", "--on=main"],
            &["silence", "list", "x", "--on=main"],
            &["silence", "expire", "1", "--on=main"],
            &["tf", "list", "--on=main"],
        ] {
            assert!(read(words).is_err(), "{words:?}");
        }
    }
}
