//! One request on its way from text to job, as a type-state.
//!
//! **Invariant:** the only way to a [`Sealed<Job>`](crate::job::Job) is `receive -> decide ->
//! (preview -> asked -> tally ->) into_job`; every state is consumed by the step that leaves it.
//!
//! ```compile_fail
//! # use countersign_core::{invocation::{Invocation, Pending}, seal::Sealer, time::Timestamp};
//! fn skip_the_ballots(it: Invocation<Pending>, sealer: &Sealer, at: Timestamp) {
//!     it.into_job(sealer, at); // only Invocation<Cleared> has it
//! }
//! ```
//!
//! ```
//! # use countersign_core::{invocation::{Invocation, Cleared}, seal::Sealer, time::Timestamp};
//! fn run_what_was_cleared(it: Invocation<Cleared>, sealer: &Sealer, at: Timestamp) {
//!     it.into_job(sealer, at);
//! }
//! ```
//!
//! ```compile_fail
//! # use countersign_core::invocation::{Invocation, Cleared};
//! fn twice(it: Invocation<Cleared>) -> (Invocation<Cleared>, Invocation<Cleared>) {
//!     (it.clone(), it) // evidence is not Clone
//! }
//! ```
//!
//! ```
//! # use countersign_core::invocation::{Invocation, Cleared};
//! fn once(it: Invocation<Cleared>) -> Invocation<Cleared> { it }
//! ```

mod asked;
mod decide;
mod pending;

pub(crate) use asked::expired;
pub use asked::{AskedRecord, Resumed, Tally, Waiting};
pub(crate) use decide::judge;
pub use decide::{Denied, Ruling};

use crate::budget::Budget;
use crate::channel::Channel;
use crate::command::Command;
use crate::decision::{DecisionBytes, RuleDoc};
use crate::id::InvocationId;
use crate::input::Input;
use crate::job::Job;
use crate::policy::{Allowance, Confirmation};
use crate::principal::{Account, Principal, SubjectId};
use crate::quorum::{Filling, Quorum};
use crate::seal::{SealError, Sealed, Sealer};
use crate::subject::Subject;
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};

/// Where a request came from and what was typed; the same in every state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Receipt {
    /// Which request.
    pub id: InvocationId,
    /// Name of the installation.
    pub deployment: String,
    /// From which chat account.
    pub account: Account,
    /// Which conversation answers go to; the front's own name for it, empty until there is one.
    pub thread: String,
    /// The channel it was typed in, if the front has channels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<Channel>,
    /// What was typed, with secrets removed.
    pub typed: String,
    /// Why, in the requester's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// When it was received.
    pub at: Timestamp,
}

/// State: nothing is decided.
#[derive(Debug)]
pub struct Received {
    subject: Subject,
    principal: Principal,
}

/// State: allowed, if people agree; its effect is not known yet.
#[derive(Debug)]
pub struct Pending {
    draft: DecisionBytes,
    confirmation: Confirmation,
    has_preview: bool,
}

/// State: the decision bytes exist, people are being asked.
#[derive(Debug)]
pub struct Asked {
    decision: DecisionBytes,
    confirmation: Confirmation,
}

/// State: nothing more is needed; it may become a job.
#[derive(Debug)]
pub struct Cleared {
    decision: DecisionBytes,
    filled: Vec<(String, Quorum, Filling)>,
}

impl Cleared {
    /// What was cleared at once is brought back only if nobody had to agree or confirm: a record
    /// must not be a way around the ballots.
    fn again(decision: DecisionBytes, confirmation: Confirmation) -> Result<Self, SealError> {
        let asks = |rule: &RuleDoc| !rule.quorum.parse::<Quorum>().is_ok_and(|quorum| quorum.is_none());
        if confirmation == Confirmation::Required || decision.decision().rules.iter().any(asks) {
            return Err(SealError::Inconsistent("a record says cleared where people must agree"));
        }
        Ok(Self { decision, filled: Vec::new() })
    }
}

/// One request. What may be done with it depends on its state `S`.
#[derive(Debug)]
pub struct Invocation<S> {
    receipt: Receipt,
    requester: SubjectId,
    granted_by: Vec<String>,
    reasons: Vec<String>,
    /// Known as long as the deciding process keeps it: nothing rests on it.
    budgets: Vec<Budget>,
    /// What the decision's `stdin` is the digest of; none before there is a decision.
    input: Option<Input>,
    state: S,
}

impl<S> Invocation<S> {
    /// Which request.
    #[must_use]
    pub const fn id(&self) -> InvocationId {
        self.receipt.id
    }

    /// Where it came from and what was typed.
    #[must_use]
    pub const fn receipt(&self) -> &Receipt {
        &self.receipt
    }

    /// Who asked.
    #[must_use]
    pub const fn requester(&self) -> &SubjectId {
        &self.requester
    }

    /// The same request, answered in this conversation from now on.
    #[must_use]
    pub fn in_thread(mut self, thread: impl Into<String>) -> Self {
        self.receipt.thread = thread.into();
        self
    }

    /// Which rules gave the right.
    #[must_use]
    pub fn granted_by(&self) -> &[String] {
        &self.granted_by
    }

    /// Of which budgets it takes a unit when it runs, for an early no: the worker asks its own policy.
    #[must_use]
    pub fn budgets(&self) -> &[Budget] {
        &self.budgets
    }

    /// Why the tier is what it is.
    #[must_use]
    pub fn reasons(&self) -> &[String] {
        &self.reasons
    }

    /// The text that goes to the command's standard input; its digest is in the decision.
    #[must_use]
    pub const fn input(&self) -> Option<&Input> {
        self.input.as_ref()
    }

    fn into_state<T>(self, change: impl FnOnce(S) -> T) -> Invocation<T> {
        Invocation {
            receipt: self.receipt,
            requester: self.requester,
            granted_by: self.granted_by,
            reasons: self.reasons,
            budgets: self.budgets,
            input: self.input,
            state: change(self.state),
        }
    }
}

impl Invocation<Received> {
    /// Starts the life of a request. `principal` is who the account belongs to.
    #[must_use]
    pub fn receive(receipt: Receipt, principal: Principal, subject: Subject) -> Self {
        Self {
            receipt,
            requester: principal.id.clone(),
            granted_by: Vec::new(),
            reasons: Vec::new(),
            budgets: Vec::new(),
            input: None,
            state: Received { subject, principal },
        }
    }

    /// What it is about.
    #[must_use]
    pub const fn subject(&self) -> &Subject {
        &self.state.subject
    }

    /// Who asked, as the directory knew them when the request came.
    #[must_use]
    pub const fn principal(&self) -> &Principal {
        &self.state.principal
    }

    fn allowed(self, command: &Command, allowance: &Allowance) -> Self {
        Self {
            granted_by: allowance.granted_by.clone(),
            reasons: allowance.reasons.clone(),
            budgets: allowance.budgets.clone(),
            input: command.stdin().cloned(),
            ..self
        }
    }
}

impl Invocation<Cleared> {
    /// The decision that will run.
    #[must_use]
    pub const fn decision(&self) -> &DecisionBytes {
        &self.state.decision
    }

    /// Each rule of the decision and who fills its quorum; empty when nobody had to agree.
    #[must_use]
    pub fn filled(&self) -> &[(String, Quorum, Filling)] {
        &self.state.filled
    }

    /// Seals what must survive a restart of the gateway, of a request that nobody had to agree to.
    #[must_use]
    pub fn record(&self, sealer: &Sealer) -> Sealed<AskedRecord> {
        sealer.seal(&AskedRecord::of(self, asked::Stage::Cleared, &self.state.decision, Confirmation::NotNeeded))
    }

    /// Seals the job. It expires no later than the decision does.
    #[must_use]
    pub fn into_job(self, sealer: &Sealer, expires_at: Timestamp) -> Sealed<Job> {
        let decision = self.state.decision;
        let expires_at = expires_at.min(decision.decision().expires_at);
        sealer.seal(&Job::new(decision, self.input, expires_at))
    }
}
