//! What `/tf` is about, for whoever carries it out: read out of its canonical argv.
//!
//! **Invariant:** it is read by the grammar that decided, and what does not read back to the very same words is no act.

use super::options::{self, Options};
use super::{APPLY, DIFF, PLAN, USAGE};
use crate::no::no;
use crate::own::Own;
use crate::words::Word;
use countersign_core::command::Argv;
use countersign_core::refusal::{Code, Refusal};

/// A command of `/tf`, or the look before one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Act {
    /// What is done.
    pub verb: Verb,
    /// The stack, by its name in the catalog.
    pub stack: String,
    /// The revision, if it is not the stack's branch.
    pub revision: Option<String>,
    /// What is planned.
    pub mode: Mode,
    /// Options of Terraform that say what is planned, in its own spelling.
    pub planning: Vec<String>,
    /// Options of Terraform that say how, for a plan and an apply alike.
    pub running: Vec<String>,
    /// Why what is planned may be less than all of it, for people.
    pub narrowed: Vec<String>,
}

/// What is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    /// Shows what would change.
    Plan,
    /// Changes it.
    Apply,
    /// Shows a commit, and runs nothing of it.
    Diff,
}

/// What is planned. Source: Terraform 1.11, "Planning modes".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// What the configuration says.
    Normal,
    /// That nothing is left.
    Destroy,
    /// That the state says what is there.
    RefreshOnly,
}

impl Act {
    /// Reads the canonical argv of a command or of its preview.
    ///
    /// # Errors
    /// A refusal when the grammar does not read it as exactly itself.
    pub fn read(argv: &Argv) -> Result<Self, Box<Refusal>> {
        let strange = || no(Code::BadValue, format!("`{argv}` is no canonical command of Terraform"), USAGE);
        let Some((verb, rest)) = argv.arguments().split_first() else { return Err(strange()) };
        let verb = match verb.as_str() {
            PLAN => Verb::Plan,
            APPLY => Verb::Apply,
            DIFF => Verb::Diff,
            _ => return Err(strange()),
        };
        let words: Vec<Word> = rest.iter().map(|one| Word::untyped(one)).collect();
        let mut own = Own::default();
        let (stack, options) = options::read(&words, &mut own)?;
        let stack = stack.ok_or_else(strange)?.text.clone();
        // No branch is called like this, so a revision is never left away.
        let back = options.argv(verb.as_str(), &stack, "");
        if back != argv.elements() || (verb == Verb::Apply && options.other_than("").is_some()) {
            return Err(strange());
        }
        Ok(Self::of(verb, stack, &options))
    }

    fn of(verb: Verb, stack: String, options: &Options) -> Self {
        Self {
            verb,
            stack,
            revision: options.other_than("").map(str::to_owned),
            mode: options.mode(),
            planning: options.planning(),
            running: options.running(),
            narrowed: options.narrowed(),
        }
    }
}

impl Verb {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Plan => PLAN,
            Self::Apply => APPLY,
            Self::Diff => DIFF,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Option<Act> {
        Act::read(&Argv::new(line.split(' ').map(str::to_owned).collect()).unwrap()).ok()
    }

    #[test]
    fn p37_an_act_has_every_option_that_was_decided() {
        let act = read("tf apply dev -destroy -refresh=false -target=a.b -target=c.d -parallelism=3 -lock-timeout=30s");
        let act = act.unwrap();
        assert_eq!((act.verb, act.stack.as_str(), act.mode), (Verb::Apply, "dev", Mode::Destroy));
        assert_eq!(act.planning, ["-destroy", "-refresh=false", "-target=a.b", "-target=c.d"]);
        assert_eq!(act.running, ["-parallelism=3", "-lock-timeout=30s"]);
        assert_eq!(act.narrowed.len(), 3);
        let act = read("tf plan dev --ref=0123456789abcdef0123456789abcdef01234567 -replace=a.b[0]").unwrap();
        assert_eq!(act.revision.as_deref(), Some("0123456789abcdef0123456789abcdef01234567"));
        assert_eq!(act.planning, ["-replace=a.b[0]"]);
        assert_eq!(read("tf diff dev --ref=main").unwrap().verb, Verb::Diff);
        assert_eq!(read("tf plan dev -refresh-only").unwrap().mode, Mode::RefreshOnly);
    }

    #[test]
    fn p14_what_is_not_canonical_is_no_act() {
        for line in [
            "tf",
            "tf plan",
            "tf plan dev x",
            "tf plan dev --destroy",
            "tf plan dev -destroy=true",
            "tf plan dev -parallelism=3 -destroy",
            "tf plan dev -lock=false",
            "tf plan dev -lock=true",
            "tf plan dev -var-file=x",
            "tf apply dev --ref=main",
            "tf apply dev -auto-approve",
            "tf destroy dev",
            "terraform plan dev",
            "tf plan dev --dry-run",
        ] {
            assert_eq!(read(line), None, "{line}");
        }
    }
}
