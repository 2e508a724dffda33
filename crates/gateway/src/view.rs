//! What people see of one invocation: everything its card is drawn from.

use crate::expiry::Afterwards;
use crate::undo;
use countersign_chat::{Card, Cast, Choice, EffectView, Fold, FoldLimits, Notice, RuleProgress, State, ThreadId};
use countersign_core::decision::DecisionBytes;
use countersign_core::digest::Digest;
use countersign_core::id::InvocationId;
use countersign_core::input::Input;
use countersign_core::invocation::Receipt;
use countersign_core::policy::Confirmation;
use countersign_core::principal::SubjectId;
use countersign_core::quorum::{Filling, Quorum};
use countersign_core::refusal::Refusal;
use countersign_queue::Offer;
use std::collections::BTreeSet;
use std::sync::Arc;
use tokio::time::Instant;

/// What is shown of an invocation while it lives.
#[derive(Debug)]
pub(crate) struct View {
    pub(crate) thread: ThreadId,
    pub(crate) receipt: Receipt,
    pub(crate) requester: String,
    pub(crate) decision: DecisionBytes,
    /// The manifest, if the decision names one.
    pub(crate) input: Option<Input>,
    pub(crate) reasons: Vec<String>,
    pub(crate) state: State,
    pub(crate) confirmation: Confirmation,
    pub(crate) effect: EffectView,
    pub(crate) progress: Vec<RuleProgress>,
    pub(crate) ballots: Vec<Cast>,
    pub(crate) output: Fold,
    /// The last feed entry that was posted.
    pub(crate) after: u64,
    /// Ballots that people were told of, by the digest of their seal.
    pub(crate) told: BTreeSet<Digest>,
    /// Whether the ballots are to be counted although no new one came.
    pub(crate) recount: bool,
    /// Whether it is on record that nothing more is needed.
    pub(crate) cleared: bool,
    /// A no that could not be written yet: until it is, or the command has started, nothing else
    /// is done with the request.
    pub(crate) no: Option<Refusal>,
    /// Another gateway left it, and this one has not gone on with it yet.
    pub(crate) is_left: bool,
    /// The work as it was offered last: a queue that lost everything gets it again, so that a
    /// worker finds the fate it left.
    pub(crate) offered: Option<Offer>,
    /// Whom it waits for and its place in the line, as people were told last.
    pub(crate) line: Option<(InvocationId, u32)>,
    /// Since when it is seen to wait for a worker.
    pub(crate) waits: Option<Instant>,
    /// What is to be done when its end was told.
    pub(crate) afterwards: Option<Afterwards>,
    /// What is known of trouble on the way.
    pub(crate) trouble: Trouble,
    /// One card at a time, so that an older one never comes last.
    pub(crate) showing: Arc<tokio::sync::Mutex<()>>,
    /// The last words, until they are delivered.
    pub(crate) farewell: Option<Farewell>,
    /// When it was taken up from a gateway that may still have a card on its way.
    pub(crate) taken_up: Option<Instant>,
}

/// What went wrong around a request, in looks since it was noticed.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Trouble {
    /// The queue does not answer: it was said once.
    pub(crate) queue_away: bool,
    /// The outcome in the queue cannot be believed: it was said once.
    pub(crate) unbelieved: bool,
    /// The card as it stands did not reach the chat: without it nobody can press anything.
    pub(crate) unshown: bool,
    /// The queue has lost the request.
    pub(crate) lost: u32,
    /// Fate says closed, and whoever closed it has not told yet.
    pub(crate) closed: u32,
}

/// The end of a request on its way to the people.
#[derive(Debug, Clone)]
pub(crate) struct Farewell {
    pub(crate) notice: Notice,
    /// When the card showed it last.
    pub(crate) shown: Option<Instant>,
    pub(crate) said: bool,
    /// Somebody is telling it now.
    pub(crate) telling: bool,
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
            input: None,
            reasons,
            state,
            confirmation: Confirmation::NotNeeded,
            effect: EffectView::NotNeeded,
            progress: Vec::new(),
            ballots: Vec::new(),
            output: Fold::new(FoldLimits::default()),
            after: 0,
            told: BTreeSet::new(),
            recount: false,
            cleared: false,
            no: None,
            is_left: false,
            offered: None,
            line: None,
            waits: None,
            afterwards: None,
            trouble: Trouble::default(),
            showing: Arc::default(),
            farewell: None,
            taken_up: None,
        }
    }

    /// The card as it stands.
    pub(crate) fn card(&self) -> Card {
        let mut card = Card::of(&self.decision, self.requester.clone(), self.state);
        card.reasons.clone_from(&self.reasons);
        card.input.clone_from(&self.input);
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
            State::Done { exit: 0 } if undo::line(self.decision.decision()).is_some() => vec![Choice::Undo],
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

    /// Takes over how far the quorums are; `true` when that is news.
    pub(crate) fn count(&mut self, rules: &[(String, Quorum, Filling)], name: impl Fn(&SubjectId) -> String) -> bool {
        let rules = rules.iter().map(|(id, quorum, filling)| RuleProgress {
            id: id.clone(),
            quorum: quorum.to_string(),
            needed: quorum.people(),
            agreed: filling.slots().iter().filter_map(|slot| slot.by.as_ref()).map(&name).collect(),
            factor: "none".into(),
        });
        let before = std::mem::replace(&mut self.progress, rules.collect());
        self.progress != before
    }
}
