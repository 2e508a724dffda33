//! Countersign's own switches, which no tool ever sees: `--apply`, `--context`, `--reason`.
//!
//! **Invariant:** each is given at most once and is spelled exactly so.

use crate::no::{Checked, Pointing, no};
use crate::words::Word;
use countersign_core::command::{Command, CommandParts};
use countersign_core::refusal::Code;
use countersign_core::tier::Mode;
use std::slice::Iter;

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

    /// Takes a word that is one of the switches of every tool, with the value that follows it.
    /// `false` when it is none of them.
    pub(crate) fn takes(&mut self, word: &Word, rest: &mut Iter<'_, Word>) -> Checked<bool> {
        match word.text.split_once('=').map_or((word.text.as_str(), None), |(name, value)| (name, Some(value))) {
            ("--apply", Some(_)) => return Err(apply_with_value(word)),
            ("--dry-run", Some(_)) => {
                let hint = "write `--dry-run`, or leave it away";
                return Err(no(Code::BadValue, "`--dry-run` takes no value", hint).over(word));
            }
            ("--apply", None) => once(&mut self.apply, "--apply", word)?,
            ("--dry-run", None) => once(&mut self.dry_run, "--dry-run", word)?,
            ("--reason", value) => {
                let value = value.map(str::to_owned).or_else(|| rest.next().map(|next| next.text.clone()));
                let value = value.ok_or_else(|| {
                    no(Code::MissingValue, "`--reason` needs a value", "write `--reason \"…\"`").over(word)
                })?;
                if self.reason.replace(check_reason(&value, word)?).is_some() {
                    return Err(repeated("--reason", word));
                }
            }
            _ => return Ok(false),
        }
        self.check(word)?;
        Ok(true)
    }

    /// The mode of a command that always shows its effect first and is then confirmed: only
    /// `--dry-run` says that it is not to be caused.
    pub(crate) fn mode_of_confirmed(&self) -> Mode {
        if self.dry_run { Mode::DryRun } else { Mode::Apply }
    }
}

fn once(switch: &mut bool, name: &str, word: &Word) -> Checked<()> {
    if std::mem::replace(switch, true) {
        return Err(repeated(name, word));
    }
    Ok(())
}

/// A command that was read back from its argv, in the mode it was decided in. The mode is no part
/// of argv: what has a preview has two, everything else one.
pub(crate) fn in_mode(command: &Command, mode: Mode) -> Checked<Command> {
    let mode = if command.preview().is_some() { mode } else { command.mode() };
    Command::new(CommandParts { mode, ..command.parts().clone() })
        .map_err(|fault| no(Code::CommandChanged, fault.to_string(), "ask again as a new request"))
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
