//! Buttons: every click is answered and recorded, also the wrong ones.

use crate::Gateway;
use crate::asking::progress_of;
use crate::glance::Glance;
use crate::records::{self, unwritten};
use countersign_audit::event::Actor;
use countersign_audit::fate::{Reason, Verdict};
use countersign_chat::{Answer, Button, Clicked, Notice, State};
use countersign_core::ballot::{Ballot, Vote};
use countersign_core::decision::DecisionBytes;
use countersign_core::invocation::{Asked, Invocation, Resumed};
use countersign_core::principal::Principal;
use countersign_core::refusal::{Code, Refusal};
use countersign_queue::{Cast, Papers};

/// The longest reason that is kept, in characters.
const LONGEST_REASON: usize = 500;

impl Gateway {
    pub(crate) async fn clicked(&self, clicked: Clicked) -> Answer {
        match Box::pin(self.click(&clicked)).await {
            Ok(answer) => answer,
            Err(refusal) => self.not_counted(&clicked, *refusal).await,
        }
    }

    /// A click that changes nothing is answered and recorded all the same.
    async fn not_counted(&self, clicked: &Clicked, refusal: Refusal) -> Answer {
        let who = match self.parts().directory.resolve(&clicked.account).await {
            Ok(principal) => Actor::person(&principal, Some(&clicked.account)),
            Err(_) => Actor::stranger(&clicked.account),
        };
        let event = records::record_click(clicked.invocation, who, clicked.button.choice().label(), &refusal);
        if let Err(error) = self.parts().log.record(event).await {
            return Answer::Refused(unwritten(&error));
        }
        Answer::Said(Notice::NotCounted { why: refusal })
    }

    async fn click(&self, clicked: &Clicked) -> Result<Answer, Box<Refusal>> {
        let voter = self.member(&clicked.account, clicked.membership).await?;
        let parts = self.parts();
        let papers = parts.queue.papers(clicked.invocation).await.map_err(|error| Box::new(error.refusal()))?;
        if matches!(clicked.button, Button::Cancel) {
            return self.cancel(clicked.invocation, &voter, &clicked.account, &papers).await;
        }
        if matches!(clicked.button, Button::Undo) {
            return self.undo(clicked, &papers).await;
        }
        let (asked, glance) = self.still_asked(clicked, &papers).await?;
        match &clicked.button {
            Button::ShowWhole => self.show_whole(glance, &voter).await,
            Button::Approve => {
                self.may_approve(&asked, &glance, &voter).await?;
                self.vote(asked, &voter, clicked, Vote::Approve, None).await
            }
            Button::Confirm => {
                may_confirm(&asked, &voter)?;
                self.vote(asked, &voter, clicked, Vote::Confirm, None).await
            }
            Button::Reject { reason } => {
                eligible(&asked, &voter)?;
                let reason = reason.as_ref().map(|text| text.chars().take(LONGEST_REASON).collect());
                self.vote(asked, &voter, clicked, Vote::Reject, reason).await
            }
            Button::Cancel => self.cancel(clicked.invocation, &voter, &clicked.account, &papers).await,
            Button::Undo => self.undo(clicked, &papers).await,
        }
    }

    /// The request, if it is still the one on the card and still open.
    async fn still_asked(
        &self,
        clicked: &Clicked,
        papers: &Papers,
    ) -> Result<(Invocation<Asked>, Glance), Box<Refusal>> {
        let asked = match self.resumed(clicked.invocation, papers) {
            Some(Resumed::Asked(asked)) => asked,
            Some(Resumed::Pending(_)) => return Err(Box::new(too_early())),
            Some(Resumed::Cleared(_)) => return Err(Box::new(decided("nobody had to agree"))),
            // To a clock that is far off nothing is valid, which is no news about the request.
            None => return Err(self.clocks_agree().await.err().unwrap_or_else(|| Box::new(unknown()))),
        };
        if clicked.decision.is_some_and(|shown| shown != asked.decision().digest()) {
            return Err(Box::new(Refusal::new(
                Code::DecisionChanged,
                "this card shows another decision than the one on record",
                "Look at the present card, then decide.",
            )));
        }
        let Some(glance) = self.glance(clicked.invocation, papers).await else { return Err(Box::new(unknown())) };
        if clicked.thread.as_ref().is_some_and(|thread| *thread != glance.thread) {
            return Err(Box::new(Refusal::new(
                Code::UnknownButton,
                "this card is a copy: the request belongs to another conversation",
                "Decide on the card in its own thread.",
            )));
        }
        match (glance.state, &clicked.button) {
            // A no is heard until the command starts: fate decides which came first.
            (State::Asking, _) | (State::Queued, Button::Reject { .. }) => Ok((asked, glance)),
            (state, _) => Err(Box::new(decided(&state.phrase()))),
        }
    }

    /// Remembers, for every gateway, that this person was shown every character.
    async fn show_whole(&self, glance: Glance, voter: &Principal) -> Result<Answer, Box<Refusal>> {
        let parts = self.parts();
        if glance.card.input_lines().is_none() {
            return Err(Box::new(Refusal::new(
                Code::CommandChanged,
                "the manifest is missing here, so nobody can be shown the whole command",
                "Ask again as a new request.",
            )));
        }
        let until = glance.decision.decision().expires_at;
        let shown = parts.queue.first_time(&seen_key(&glance.decision, voter), until, parts.clock.now()).await;
        shown.map_err(|error| Box::new(error.refusal()))?;
        Ok(Answer::Whole(Box::new(glance.card)))
    }

    async fn may_approve(
        &self,
        asked: &Invocation<Asked>,
        glance: &Glance,
        voter: &Principal,
    ) -> Result<(), Box<Refusal>> {
        if voter.id == *asked.requester() {
            return Err(Box::new(Refusal::new(
                Code::RequesterCannotApprove,
                "you asked for this, so your approval does not count",
                "Somebody else must agree; you can cancel it.",
            )));
        }
        eligible(asked, voter)?;
        if !glance.card.must_be_opened() {
            return Ok(());
        }
        let parts = self.parts();
        let seen = parts.queue.seen(&seen_key(asked.decision(), voter), parts.clock.now()).await;
        if seen.map_err(|error| Box::new(error.refusal()))? {
            return Ok(());
        }
        Err(Box::new(Refusal::new(
            Code::FullViewFirst,
            "look at the whole command and its effect first",
            "Press “Show the whole command”, read it, then approve.",
        )))
    }

    /// Records the ballot, then counts it.
    async fn vote(
        &self,
        asked: Invocation<Asked>,
        voter: &Principal,
        clicked: &Clicked,
        vote: Vote,
        reason: Option<String>,
    ) -> Result<Answer, Box<Refusal>> {
        let parts = self.parts();
        let id = asked.id();
        self.clocks_agree().await?;
        let now = parts.clock.now();
        if now >= asked.decision().decision().expires_at {
            return Err(Box::new(expired()));
        }
        let ballot = Ballot {
            v: 1,
            deployment: parts.deployment.clone(),
            invocation: id,
            decision: asked.decision().digest(),
            vote,
            voter: voter.id.clone(),
            account: clicked.account.clone(),
            at: now,
            reason,
        };
        let sealed = ballot.seal(&parts.sealer);
        let event = records::record_ballot(&ballot, &sealed, voter);
        parts.log.record(event).await.map_err(|error| Box::new(unwritten(&error)))?;
        if vote == Vote::Reject {
            self.final_no(&asked).await?;
        }
        let cast = match parts.queue.cast(id, &voter.id, vote, &sealed).await {
            Ok(cast) => cast,
            // Its fate is written: it holds all the same.
            Err(_) if vote == Vote::Reject => Cast::Counted,
            Err(error) => {
                tracing::warn!(invocation.id = %id, "A ballot was sent and not acknowledged: {error}");
                return Err(Box::new(not_acknowledged()));
            }
        };
        if let Cast::AlreadyCast(_) = cast {
            return Err(Box::new(Refusal::new(
                Code::AlreadyVoted,
                "you have said this before; it counts once",
                "Nothing more is needed from you.",
            )));
        }
        // It counts by now, whether or not it can be told how far it is.
        let papers = parts.queue.papers(id).await.unwrap_or_default();
        let progress = self.drawn(id, &papers).await.map(|view| progress_of(&view.progress)).unwrap_or_default();
        if self.with_view(id, |_| ()).is_some() {
            self.counted(id, &papers).await;
        }
        Ok(Answer::Said(Notice::Voted { vote, progress }))
    }

    /// A no holds from the moment it is given, whoever watches over the request.
    async fn final_no(&self, asked: &Invocation<Asked>) -> Result<(), Box<Refusal>> {
        let pool = &asked.decision().decision().pool;
        let closing = self.parts().log.refuse(pool, asked.id(), Reason::Rejected, Some(Code::Rejected)).await;
        match closing.map(|closing| closing.fate.verdict) {
            Ok(Verdict::Closed { .. }) => Ok(()),
            Ok(Verdict::Start { .. }) => Err(Box::new(Refusal::new(
                Code::AlreadyStarted,
                "the command started before this no",
                "Cancel it to stop it; what it did so far is done.",
            ))),
            Err(error) => {
                tracing::error!(invocation.id = %asked.id(), "A no could not be written: {error}");
                Err(Box::new(Refusal::new(
                    Code::AuditUnavailable,
                    "the no could not be written, so it does not hold yet",
                    "Press it again; if it stays, tell the operators.",
                )))
            }
        }
    }
}

fn not_acknowledged() -> Refusal {
    Refusal::new(
        Code::QueueUnavailable,
        "the queue did not answer, so nobody can say whether this counts",
        "Press it again: it counts once, and if it has counted you are told so.",
    )
}

/// Remembers that a person was shown every character of a decision.
fn seen_key(decision: &DecisionBytes, voter: &Principal) -> String {
    format!("seen/{}/{}/{}", decision.decision().invocation, decision.digest(), voter.id)
}

fn may_confirm(asked: &Invocation<Asked>, voter: &Principal) -> Result<(), Box<Refusal>> {
    if voter.id == *asked.requester() {
        return Ok(());
    }
    Err(Box::new(Refusal::new(
        Code::OnlyRequesterConfirms,
        "only the person who asked can confirm",
        "You can approve or reject it instead.",
    )))
}

/// Whether the person is in a group that some rule of the decision asks.
pub(crate) fn eligible(asked: &Invocation<Asked>, voter: &Principal) -> Result<(), Box<Refusal>> {
    let rules = &asked.decision().decision().rules;
    let quorums: Vec<countersign_core::quorum::Quorum> =
        rules.iter().filter_map(|rule| rule.quorum.parse().ok()).collect();
    let in_one = quorums
        .iter()
        .flat_map(countersign_core::quorum::Quorum::clauses)
        .any(|clause| !clause.any_of().is_disjoint(&voter.groups));
    if in_one {
        return Ok(());
    }
    let wanted: Vec<String> = rules.iter().map(|rule| rule.quorum.clone()).collect();
    let rule = rules.first().map_or("", |rule| rule.id.as_str());
    Err(Box::new(
        Refusal::new(
            Code::ApproverNotEligible,
            format!("this needs {}, and you are in none of those groups", wanted.join(", ")),
            "Ask one of them to look at it.",
        )
        .by_rule(rule),
    ))
}

pub(crate) fn unknown() -> Refusal {
    Refusal::new(Code::UnknownButton, "this request is no longer known", "Ask again.")
}

fn too_early() -> Refusal {
    Refusal::new(Code::UnknownButton, "its effect is not known yet", "Wait for the preview, then decide.")
}

fn expired() -> Refusal {
    Refusal::new(Code::Expired, "the time for this request is over", "Ask again; the approvals given so far are void.")
}

pub(crate) fn decided(phrase: &str) -> Refusal {
    Refusal::new(Code::AlreadyDecided, format!("this is decided already: {phrase}"), "Ask again if it is still wanted.")
}
