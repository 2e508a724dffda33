//! Why a stack is not planned, shown or applied, for people.

use crate::plans::PlanError;
use crate::port::RunFault;
use countersign_core::refusal::{Code, Refusal, is_deceptive, shown};
use countersign_git::{ExportError, FetchError};
use std::error::Error as _;

pub(super) fn refused(code: Code, sentence: String, hint: &str) -> RunFault {
    Refusal::new(code, sentence, hint).into()
}

pub(super) fn no_store() -> RunFault {
    refused(
        Code::PlanUnavailable,
        "this worker keeps no plans, so that nothing of Terraform can be applied".to_owned(),
        "Tell the operators: `worker.plans` of its configuration names the place and the key.",
    )
}

/// Why a plan was not kept, or does not come back.
pub(super) fn plan(error: &PlanError, stack: &str) -> RunFault {
    let code = match error {
        PlanError::Missing => Code::PlanMissing,
        PlanError::Changed | PlanError::Exists | PlanError::Misnamed => Code::PlanChanged,
        PlanError::Expired { .. } => Code::PlanExpired,
        PlanError::Settings { .. } | PlanError::TooLarge { .. } | PlanError::Unavailable(_) => Code::PlanUnavailable,
    };
    if let PlanError::Unavailable(source) = error {
        tracing::warn!("The place of saved plans cannot be used: {source}");
    }
    let hint = match code {
        Code::PlanUnavailable => "Tell the operators of the workers.".to_owned(),
        _ => format!("Ask again: `/tf apply {}` makes a new plan, which is shown and agreed to anew.", shown(stack)),
    };
    refused(code, format!("{error}; nothing was planned in its place"), &hint)
}

/// The branch went on since the plan was made.
pub(super) fn moved(branch: &str, planned: &str, head: &str) -> RunFault {
    refused(
        Code::PlanChanged,
        format!("the plan is of {}, and `{}` is at {} now", short(planned), shown(branch), short(head)),
        "Ask again: the plan of what is there now is shown and agreed to anew.",
    )
}

/// A revision leads elsewhere than when people agreed.
pub(super) fn not_shown(revision: &str, commit: &str) -> RunFault {
    refused(
        Code::PlanChanged,
        format!("`{}` is at {} now, and that is not the commit that was agreed to", shown(revision), short(commit)),
        "Ask again, with the commit's whole hash: it does not move.",
    )
}

/// The repository does not give what is asked for.
pub(super) fn fetch(error: &FetchError) -> RunFault {
    if let Some(source) = error.source() {
        tracing::warn!("The repository of a stack: {error}: {source}");
    }
    let hint = match error {
        FetchError::NoBranch => "Write the commit's whole hash, or look at `branch` of the stack in catalog.yaml.",
        FetchError::NoCommit(_) | FetchError::Unreachable => "Push it to a branch of the stack's repository.",
        FetchError::Credential(_) | FetchError::Refused(_) => {
            "Tell the operators: the repository's credential in catalog.yaml is not taken."
        }
        _ => "Ask again; if it stays, tell the operators of the workers.",
    };
    refused(Code::SourceUnavailable, error.to_string(), hint)
}

/// The commit's files cannot be used.
pub(super) fn export(error: &ExportError) -> RunFault {
    let escape = |c: char| if is_deceptive(c) { c.escape_unicode().to_string() } else { c.to_string() };
    let sentence = error.to_string().chars().map(escape).collect();
    refused(Code::SourceUnavailable, sentence, "Change it in the stack's repository.")
}

/// The first digits, for people who compare.
pub(super) fn short(commit: &str) -> String {
    shown(commit).chars().take(12).collect()
}
