//! What people see of one invocation: everything its card is drawn from.

use countersign_chat::{Card, Cast, Choice, EffectView, Fold, FoldLimits, RuleProgress, State, ThreadId};
use countersign_core::decision::DecisionBytes;
use countersign_core::invocation::Receipt;
use countersign_core::policy::Confirmation;
use countersign_core::principal::SubjectId;
use countersign_core::quorum::{Filling, Quorum};

/// What is shown of an invocation while it lives.
#[derive(Debug)]
pub(crate) struct View {
    pub(crate) thread: ThreadId,
    pub(crate) receipt: Receipt,
    pub(crate) requester: String,
    pub(crate) decision: DecisionBytes,
    pub(crate) reasons: Vec<String>,
    pub(crate) state: State,
    pub(crate) confirmation: Confirmation,
    pub(crate) effect: EffectView,
    pub(crate) progress: Vec<RuleProgress>,
    pub(crate) ballots: Vec<Cast>,
    pub(crate) output: Fold,
    /// The last feed entry that was posted.
    pub(crate) after: u64,
}

impl View {
    pub(crate) fn new(
        thread: ThreadId,
        receipt: Receipt,
        requester: String,
        decision: DecisionBytes,
        reasons: Vec<String>,
        state: State,
    ) -> Self {
        Self {
            thread,
            receipt,
            requester,
            decision,
            reasons,
            state,
            confirmation: Confirmation::NotNeeded,
            effect: EffectView::NotNeeded,
            progress: Vec::new(),
            ballots: Vec::new(),
            output: Fold::new(FoldLimits::default()),
            after: 0,
        }
    }

    /// The card as it stands.
    pub(crate) fn card(&self) -> Card {
        let mut card = Card::of(&self.decision, self.requester.clone(), self.state);
        card.reasons.clone_from(&self.reasons);
        card.reason.clone_from(&self.receipt.reason);
        card.ballots.clone_from(&self.ballots);
        if !self.progress.is_empty() {
            card.rules.clone_from(&self.progress);
        }
        let mut card = card.with_effect(self.effect.clone());
        card.buttons = self.buttons();
        card
    }

    fn buttons(&self) -> Vec<Choice> {
        match self.state {
            State::Asking => {
                let mut buttons = vec![Choice::ShowWhole];
                if self.progress.iter().any(|rule| rule.needed > 0) {
                    buttons.extend([Choice::Approve, Choice::Reject]);
                }
                if self.confirmation == Confirmation::Required {
                    buttons.push(Choice::Confirm);
                }
                buttons.push(Choice::Cancel);
                buttons
            }
            State::Previewing | State::Cleared | State::Queued | State::Running => vec![Choice::Cancel],
            State::Done { .. }
            | State::TimedOut
            | State::Refused
            | State::Rejected
            | State::Cancelled
            | State::Expired
            | State::Drifted
            | State::Unknown => Vec::new(),
        }
    }

    /// Takes over how far the quorums are.
    pub(crate) fn count(&mut self, rules: &[(String, Quorum, Filling)], name: impl Fn(&SubjectId) -> String) {
        let rules = rules.iter().map(|(id, quorum, filling)| RuleProgress {
            id: id.clone(),
            quorum: quorum.to_string(),
            needed: quorum.people(),
            agreed: filling.slots().iter().filter_map(|slot| slot.by.as_ref()).map(&name).collect(),
            factor: "none".into(),
        });
        self.progress = rules.collect();
    }
}
