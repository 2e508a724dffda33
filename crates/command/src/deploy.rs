//! Reads rollouts: `/deploy <service> <env> [version]`.

use crate::no::{Checked, Pointing, no};
use crate::own::Own;
use crate::vocabulary::Vocabulary;
use crate::words::Word;
use countersign_core::command::Command;
use countersign_core::policy::Canonical;
use countersign_core::refusal::Code;

/// Reads the words after `deploy`, which is `name`.
pub(crate) fn parse(name: &Word, _words: &[Word], _vocabulary: &Vocabulary) -> Checked<(Command, Own)> {
    Err(no(Code::NotAvailableYet, "`/deploy` is not available yet", "see `/countersign catalog` for what there is")
        .over(name))
}

/// Reads a canonical argv, mode and scope that came out of a seal.
pub(crate) fn parse_again(_canonical: &Canonical<'_>, _vocabulary: &Vocabulary) -> Checked<Command> {
    Err(no(Code::NotAvailableYet, "`deploy` is not available yet", "see `/countersign catalog` for what there is"))
}
