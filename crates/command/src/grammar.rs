//! The declarative grammar of a tool: verbs, their flags, and what is refused by name.
//!
//! **Invariant:** text is read as the tool's own flag library reads it, and whatever is in no table
//! is refused; nothing is passed through.

mod flag;
mod parse;

pub(crate) use flag::{Arity, Flag, Repeat, Rule, Switch, flag, switch};
pub(crate) use parse::{Given, Parsed, parse};

use countersign_core::refusal::Code;

/// A verb and its flags; `I` is the tool's own name for it.
#[derive(Debug)]
pub(crate) struct Verb<I: 'static> {
    /// As typed: `get`, `rollout restart`, `create service clusterip`.
    pub(crate) name: &'static str,
    /// What the tool's classification knows it by.
    pub(crate) id: I,
    /// Its flags, in the order in which canonical argv has them.
    pub(crate) flags: &'static [&'static [Flag]],
}

/// A verb that the tool has and that is refused.
#[derive(Debug)]
pub(crate) struct RefusedVerb {
    /// As typed.
    pub(crate) name: &'static str,
    /// Why.
    pub(crate) code: Code,
    /// What to use instead.
    pub(crate) instead: &'static str,
}

/// A whole tool.
#[derive(Debug)]
pub(crate) struct Grammar<I: 'static> {
    /// The tool's name.
    pub(crate) tool: &'static str,
    /// Flags that every verb takes; the only ones allowed before the verb.
    pub(crate) global: &'static [Flag],
    /// Verbs that are understood.
    pub(crate) verbs: &'static [Verb<I>],
    /// Verbs that are refused by name.
    pub(crate) refused: &'static [RefusedVerb],
    /// Other ways to write a verb, each with the one that is used.
    pub(crate) aliases: &'static [(&'static str, &'static str)],
}
