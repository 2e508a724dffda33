//! Buttons: every click is answered and recorded, also the wrong ones.

use crate::Gateway;
use crate::records::{self, unwritten};
use countersign_audit::event::Actor;
use countersign_chat::{Answer, Button, Clicked, Notice, Progress, State};
use countersign_core::ballot::{Ballot, Vote};
use countersign_core::id::InvocationId;
use countersign_core::invocation::{Asked, Invocation, Resumed};
use countersign_core::principal::Principal;
use countersign_core::refusal::{Code, Refusal, shown};
use countersign_core::tier::Tier;
use countersign_queue::{Cast, Papers};
use std::sync::PoisonError;

/// The longest reason that is kept, in characters.
const LONGEST_REASON: usize = 500;

impl Gateway {
    pub(crate) async fn clicked(&self, clicked: Clicked) -> Answer {
        match self.click(&clicked).await {
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
        let voter = self.member(&clicked.account).await?;
        let parts = self.parts();
        let papers = parts.queue.papers(clicked.invocation).await.map_err(|error| Box::new(error.refusal()))?;
        if matches!(clicked.button, Button::Cancel) {
            return self.cancel(clicked.invocation, &voter, &papers).await;
        }
        let asked = self.still_asked(clicked, &papers)?;
        match &clicked.button {
            Button::ShowWhole => Ok(self.show_whole(asked.id(), &voter)),
            Button::Approve => {
                self.may_approve(&asked, &voter)?;
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
            Button::Cancel => self.cancel(clicked.invocation, &voter, &papers).await,
        }
    }

    /// The request, if it is still the one on the card and still open.
    fn still_asked(&self, clicked: &Clicked, papers: &Papers) -> Result<Invocation<Asked>, Box<Refusal>> {
        let asked = match self.resumed(clicked.invocation, papers) {
            Some(Resumed::Asked(asked)) => asked,
            Some(Resumed::Pending(_)) => return Err(Box::new(too_early())),
            Some(Resumed::Cleared(_)) => return Err(Box::new(decided("nobody had to agree"))),
            None => return Err(Box::new(unknown())),
        };
        if clicked.decision.is_some_and(|shown| shown != asked.decision().digest()) {
            return Err(Box::new(Refusal::new(
                Code::DecisionChanged,
                "this card shows another decision than the one on record",
                "Look at the present card, then decide.",
            )));
        }
        let state = self.with_view(clicked.invocation, |view| view.state);
        match state {
            Some(State::Asking) => Ok(asked),
            Some(state) => Err(Box::new(decided(&state.phrase()))),
            None => Err(Box::new(unknown())),
        }
    }

    fn show_whole(&self, id: InvocationId, voter: &Principal) -> Answer {
        let mut seen = self.0.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.insert((id, voter.id.clone()));
        drop(seen);
        match self.with_view(id, |view| view.card()) {
            Some(card) => Answer::Whole(Box::new(card)),
            None => Answer::Refused(unknown()),
        }
    }

    fn may_approve(&self, asked: &Invocation<Asked>, voter: &Principal) -> Result<(), Box<Refusal>> {
        if voter.id == *asked.requester() {
            return Err(Box::new(Refusal::new(
                Code::RequesterCannotApprove,
                "you asked for this, so your approval does not count",
                "Somebody else must agree; you can cancel it.",
            )));
        }
        eligible(asked, voter)?;
        let whole = self.with_view(asked.id(), |view| !view.card().fits_a_glance()).unwrap_or(true);
        let must_look = whole || asked.decision().decision().tier == Tier::Destructive;
        let seen = self.0.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if must_look && !seen.contains(&(asked.id(), voter.id.clone())) {
            return Err(Box::new(Refusal::new(
                Code::FullViewFirst,
                "look at the whole command and its effect first",
                "Press “Show the whole command”, read it, then approve.",
            )));
        }
        Ok(())
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
        let cast = parts.queue.cast(id, &voter.id, vote, &sealed).await.map_err(|error| Box::new(error.refusal()))?;
        if let Cast::AlreadyCast(_) = cast {
            return Err(Box::new(Refusal::new(
                Code::AlreadyVoted,
                "you have said this before; it counts once",
                "Nothing more is needed from you.",
            )));
        }
        self.note_ballot(id, &ballot, voter);
        let papers = parts.queue.papers(id).await.map_err(|error| Box::new(error.refusal()))?;
        self.settle(asked, &papers.ballots).await?;
        self.tell_ballot(id, &ballot, voter).await;
        let progress = self.progress(id);
        Ok(Answer::Said(Notice::Voted { vote, progress }))
    }

    fn note_ballot(&self, id: InvocationId, ballot: &Ballot, voter: &Principal) {
        let cast = countersign_chat::Cast {
            who: voter.name.clone(),
            vote: ballot.vote,
            at: ballot.at,
            reason: ballot.reason.clone(),
        };
        self.with_view(id, |view| view.ballots.push(cast));
    }

    /// Tells the thread, with the count as it stands now.
    async fn tell_ballot(&self, id: InvocationId, ballot: &Ballot, voter: &Principal) {
        let who = voter.name.clone();
        let notice = match ballot.vote {
            Vote::Approve => Notice::Agreed { who, progress: self.progress(id) },
            Vote::Confirm => Notice::Confirmed { who },
            // The no was told when its fate was written.
            Vote::Reject => return,
        };
        self.say(id, notice).await;
    }

    fn progress(&self, id: InvocationId) -> Vec<Progress> {
        let rules = self.with_view(id, |view| {
            let rules = view.progress.iter();
            rules
                .map(|rule| Progress { rule: rule.id.clone(), agreed: rule.agreed.len(), needed: rule.needed })
                .collect()
        });
        rules.unwrap_or_default()
    }

    /// The requester takes it back, or an approver stops it: before the start by fate, after it by
    /// asking the worker.
    pub(crate) async fn cancel(
        &self,
        id: InvocationId,
        who: &Principal,
        papers: &Papers,
    ) -> Result<Answer, Box<Refusal>> {
        let seen = self.with_view(id, |view| (view.decision.clone(), view.state));
        let Some((decision, state)) = seen else { return Err(Box::new(unknown())) };
        if state.is_final() {
            return Err(Box::new(decided(&state.phrase())));
        }
        let requester = decision.decision().requester == who.id;
        let approver = matches!(self.resumed(id, papers), Some(Resumed::Asked(asked)) if eligible(&asked, who).is_ok());
        if !requester && !approver {
            return Err(Box::new(Refusal::new(
                Code::ApproverNotEligible,
                "only the requester, or somebody who may approve it, can cancel this",
                "Ask one of them.",
            )));
        }
        let refusal = Refusal::new(
            Code::Cancelled,
            format!("cancelled by {}", shown(&who.name)),
            "Ask again if it is still wanted.",
        );
        let pool = decision.decision().pool.clone();
        let hint = self.parts().queue.cancel(id).await.map_err(|error| Box::new(error.refusal()))?;
        tracing::info!(invocation.id = %id, "A cancellation was asked for and met {hint:?}");
        if self.end(id, &pool, refusal).await {
            return Ok(Answer::Said(Notice::Cancelled { who: who.name.clone(), was_running: false }));
        }
        let notice = Notice::Cancelled { who: who.name.clone(), was_running: true };
        self.say(id, notice.clone()).await;
        Ok(Answer::Said(notice))
    }
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
fn eligible(asked: &Invocation<Asked>, voter: &Principal) -> Result<(), Box<Refusal>> {
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

fn unknown() -> Refusal {
    Refusal::new(Code::UnknownButton, "this request is no longer known", "Ask again.")
}

fn too_early() -> Refusal {
    Refusal::new(Code::UnknownButton, "its effect is not known yet", "Wait for the preview, then decide.")
}

fn expired() -> Refusal {
    Refusal::new(Code::Expired, "the time for this request is over", "Ask again; the approvals given so far are void.")
}

fn decided(phrase: &str) -> Refusal {
    Refusal::new(Code::AlreadyDecided, format!("this is decided already: {phrase}"), "Ask again if it is still wanted.")
}
