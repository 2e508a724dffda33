//! One flag of a verb.

use countersign_core::refusal::Code;

/// Whether a flag takes a value, as pflag has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Arity {
    /// `--force`, `--force=false`; bundles in its short form.
    Bool,
    /// `--selector x`, `--selector=x`, `-lx`, `-l=x`.
    Value,
    /// `--cascade` means this value, `--cascade=x` means x; the next word never belongs to it.
    Optional(&'static str),
}

/// What giving a flag twice means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Repeat {
    /// Refused: the flag decides what happens.
    Refuse,
    /// The last one counts, as in the tool: it only decides how output looks.
    LastWins,
    /// All of them count, and a comma does the same.
    Accumulate,
    /// All of them count; each is a value of its own, whatever it holds.
    Each,
}

/// A switch of Countersign's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Switch {
    Apply,
    Context,
    DryRun,
    Reason,
}

/// Tells what is wrong with a value, or that nothing is.
pub(crate) type Check = fn(&str) -> Result<(), String>;

/// What becomes of a flag.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Rule {
    /// Passed on in its canonical spelling, if the check finds nothing.
    Allow(Check),
    /// Only the value it has anyway is accepted.
    OnlyDefault(Code, &'static str),
    /// Refused by name, with what to use instead.
    Refuse(Code, &'static str),
    /// Said to Countersign, and never passed on.
    Own(Switch),
}

/// A flag with its spellings and meaning.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Flag {
    /// `selector`.
    pub(crate) long: &'static str,
    /// `l`.
    pub(crate) short: Option<char>,
    /// Whether it takes a value.
    pub(crate) arity: Arity,
    /// What giving it twice means.
    pub(crate) repeat: Repeat,
    /// The value it has when it is not given; left out of canonical argv.
    pub(crate) default: &'static str,
    /// What becomes of it.
    pub(crate) rule: Rule,
}

/// Any value; the verb looks at it later, or the tool refuses it harmlessly.
#[expect(clippy::unnecessary_wraps, reason = "a check like the others")]
pub(crate) fn anything(_: &str) -> Result<(), String> {
    Ok(())
}

/// An allowed flag with a value.
pub(crate) const fn flag(long: &'static str) -> Flag {
    Flag { long, short: None, arity: Arity::Value, repeat: Repeat::Refuse, default: "", rule: Rule::Allow(anything) }
}

/// An allowed flag without a value.
pub(crate) const fn switch(long: &'static str) -> Flag {
    Flag { arity: Arity::Bool, default: "false", ..flag(long) }
}

impl Flag {
    pub(crate) const fn short(self, c: char) -> Self {
        Self { short: Some(c), ..self }
    }

    pub(crate) const fn default(self, default: &'static str) -> Self {
        Self { default, ..self }
    }

    pub(crate) const fn optional(self, meaning: &'static str) -> Self {
        Self { arity: Arity::Optional(meaning), ..self }
    }

    /// Only decides how output looks.
    pub(crate) const fn display(self) -> Self {
        Self { repeat: Repeat::LastWins, ..self }
    }

    pub(crate) const fn accumulates(self) -> Self {
        Self { repeat: Repeat::Accumulate, ..self }
    }

    pub(crate) const fn each(self) -> Self {
        Self { repeat: Repeat::Each, ..self }
    }

    pub(crate) const fn check(self, check: Check) -> Self {
        Self { rule: Rule::Allow(check), ..self }
    }

    pub(crate) const fn only_default(self, code: Code, instead: &'static str) -> Self {
        Self { rule: Rule::OnlyDefault(code, instead), ..self }
    }

    pub(crate) const fn refused(self, code: Code, instead: &'static str) -> Self {
        Self { rule: Rule::Refuse(code, instead), ..self }
    }

    pub(crate) const fn own(self, switch: Switch) -> Self {
        Self { rule: Rule::Own(switch), ..self }
    }
}
