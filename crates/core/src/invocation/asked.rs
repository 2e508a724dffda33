//! People are being asked: the record that survives a restart, and the tally.

use super::{Asked, Cleared, Invocation, Pending, Receipt};
use crate::ballot::Ballot;
use crate::certificate::Role;
use crate::decision::DecisionBytes;
use crate::id::InvocationId;
use crate::input::{self, Input};
use crate::policy::{Confirmation, Facts};
use crate::principal::SubjectId;
use crate::quorum::{Filling, Quorum};
use crate::refusal::{Code, Refusal};
use crate::seal::{SealError, Sealable, Sealed, Sealer, Verifier};
use crate::tally::{self, Count};
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};

/// Which state a record brings back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Stage {
    /// No preview will come.
    Pending,
    /// A preview is on its way.
    PendingWithPreview,
    /// The decision bytes exist.
    Asked,
    /// Nobody had to agree.
    Cleared,
}

/// What is kept of a request while people are asked (wire format v1).
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AskedRecord {
    v: u32,
    receipt: Receipt,
    requester: SubjectId,
    granted_by: Vec<String>,
    reasons: Vec<String>,
    stage: Stage,
    decision: DecisionBytes,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    input: Option<Input>,
    confirmation: Confirmation,
}

impl AskedRecord {
    pub(super) fn of<S>(
        it: &Invocation<S>,
        stage: Stage,
        decision: &DecisionBytes,
        confirmation: Confirmation,
    ) -> Self {
        Self {
            v: 1,
            receipt: it.receipt.clone(),
            requester: it.requester.clone(),
            granted_by: it.granted_by.clone(),
            reasons: it.reasons.clone(),
            stage,
            decision: decision.clone(),
            input: it.input.clone(),
            confirmation,
        }
    }
}

impl Sealable for AskedRecord {
    const PURPOSE: &'static str = "countersign/asked/v1";
    const ROLES: &'static [Role] = &[Role::Gateway];

    fn invocation(&self) -> InvocationId {
        self.receipt.id
    }
}

/// An invocation brought back from its record, in the state it was left in.
#[derive(Debug)]
pub enum Resumed {
    /// Its preview had not come back.
    Pending(Invocation<Pending>),
    /// People were being asked.
    Asked(Invocation<Asked>),
    /// Nobody had to agree; its job may not have been offered yet.
    Cleared(Invocation<Cleared>),
}

impl Sealed<AskedRecord> {
    /// Brings the invocation back.
    ///
    /// # Errors
    /// When the seal does not open, its parts are not of one invocation, or it says cleared of
    /// something that only ballots can clear.
    pub fn resume(&self, verifier: &Verifier, id: InvocationId, now: Timestamp) -> Result<Resumed, SealError> {
        let record = self.open(verifier, id, now)?;
        let decision = record.decision.decision();
        if record.v != 1 || decision.invocation != id || decision.requester != record.requester {
            return Err(SealError::Inconsistent("the asked record and its decision"));
        }
        if !input::is_of(record.input.as_ref(), decision.stdin) {
            return Err(SealError::Inconsistent("the text for standard input and its decision"));
        }
        let confirmation = record.confirmation;
        let with = |has_preview, draft| Pending { draft, confirmation, has_preview };
        let base = Invocation {
            receipt: record.receipt,
            requester: record.requester,
            granted_by: record.granted_by,
            reasons: record.reasons,
            budgets: Vec::new(),
            input: record.input,
            state: (),
        };
        Ok(match record.stage {
            Stage::Pending => Resumed::Pending(base.into_state(|()| with(false, record.decision))),
            Stage::PendingWithPreview => Resumed::Pending(base.into_state(|()| with(true, record.decision))),
            Stage::Asked => Resumed::Asked(base.into_state(|()| Asked { decision: record.decision, confirmation })),
            Stage::Cleared => {
                let cleared = Cleared::again(record.decision, confirmation)?;
                Resumed::Cleared(base.into_state(|()| cleared))
            }
        })
    }
}

/// How the ballots stand.
#[derive(Debug)]
pub enum Tally {
    /// Not enough yet.
    Waiting(Waiting),
    /// Everybody needed has agreed.
    Cleared(Invocation<Cleared>),
    /// Somebody said no, or time is over.
    Denied(Invocation<Asked>, Refusal),
}

/// A request that still waits, and for whom.
#[derive(Debug)]
pub struct Waiting {
    /// The request.
    pub invocation: Invocation<Asked>,
    /// Each rule of the decision and how far its quorum is filled.
    pub rules: Vec<(String, Quorum, Filling)>,
    /// Whether the requester still has to confirm.
    pub confirm: bool,
}

impl Invocation<Asked> {
    /// The decision people are asked about.
    #[must_use]
    pub const fn decision(&self) -> &DecisionBytes {
        &self.state.decision
    }

    /// Whether the requester has to confirm too.
    #[must_use]
    pub const fn confirmation(&self) -> Confirmation {
        self.state.confirmation
    }

    /// Seals what must survive a restart of the gateway.
    #[must_use]
    pub fn record(&self, sealer: &Sealer) -> Sealed<AskedRecord> {
        sealer.seal(&AskedRecord::of(self, Stage::Asked, &self.state.decision, self.state.confirmation))
    }

    /// Counts the ballots with the counting process's own directory.
    #[must_use]
    pub fn tally(self, ballots: &[Sealed<Ballot>], verifier: &Verifier, facts: &Facts) -> Tally {
        let rules = match tally::rules_of(self.state.decision.decision()) {
            Ok(rules) => rules,
            Err(refusal) => return Tally::Denied(self, *refusal),
        };
        let count = tally::count(&self.state.decision, &rules, ballots, verifier, facts);
        if let Some(refusal) = count.refusal() {
            return Tally::Denied(self, refusal);
        }
        if facts.now() >= self.state.decision.decision().expires_at {
            let refusal = expired(self.state.decision.decision().expires_at);
            return Tally::Denied(self, refusal);
        }
        let confirm = self.state.confirmation == Confirmation::Required && !count.is_confirmed();
        if count.is_complete() && !confirm {
            return Tally::Cleared(self.into_state(|asked| Cleared { decision: asked.decision, filled: count.rules }));
        }
        let Count { rules, .. } = count;
        Tally::Waiting(Waiting { invocation: self, rules, confirm })
    }
}

pub(crate) fn expired(at: Timestamp) -> Refusal {
    Refusal::new(
        Code::Expired,
        format!("the time for this request ended at {}", at.clock_time()),
        "Ask again; the approvals given so far are void.",
    )
}
