//! A request as it stands, whichever gateway looks after it.
//!
//! **Invariant:** what is not followed here is drawn from sealed papers alone, for one answer, and
//! forgotten again.

use crate::Gateway;
use crate::follow::{closed_as, state_of};
use crate::view::View;
use countersign_audit::fate::{FateDoc, Verdict};
use countersign_chat::{Card, Cast, EffectView, State, ThreadId};
use countersign_core::ballot::Ballot;
use countersign_core::channel::Channel;
use countersign_core::decision::DecisionBytes;
use countersign_core::id::InvocationId;
use countersign_core::invocation::{Asked, Invocation, Resumed, Tally};
use countersign_core::principal::SubjectId;
use countersign_core::seal::Sealed;
use countersign_queue::Papers;

/// What an answer to a click or a question needs to know.
#[derive(Debug)]
pub(crate) struct Glance {
    pub(crate) state: State,
    pub(crate) card: Card,
    pub(crate) decision: DecisionBytes,
    pub(crate) thread: ThreadId,
    pub(crate) requester: String,
    /// The channel it was asked in.
    pub(crate) channel: Option<Channel>,
}

impl Glance {
    fn of(view: &View) -> Self {
        Self {
            state: view.state,
            card: view.card(),
            decision: view.decision.clone(),
            thread: view.thread.clone(),
            requester: view.requester.clone(),
            channel: view.receipt.channel.clone(),
        }
    }
}

impl Gateway {
    /// The request as this gateway follows it, or else as its papers say. `None` when nothing
    /// credible is known.
    pub(crate) async fn glance(&self, id: InvocationId, papers: &Papers) -> Option<Glance> {
        if let Some(glance) = self.with_view(id, |view| Glance::of(view)) {
            return Some(glance);
        }
        let mut view = self.drawn(id, papers).await?;
        if !view.state.is_final()
            && let Some(state) = self.fated(id, &view.decision).await
        {
            view.state = state;
        }
        Some(Glance::of(&view))
    }

    /// What the store that decides says of a request whose papers still look open: those of one
    /// that was closed before it started hold no word of its end.
    async fn fated(&self, id: InvocationId, decision: &DecisionBytes) -> Option<State> {
        let pool = &decision.decision().pool;
        let found = match self.parts().log.fate().look(pool, id).await {
            Ok(found) => found?,
            Err(error) => {
                tracing::warn!(invocation.id = %id, "Fate does not answer: {error}");
                return None;
            }
        };
        match FateDoc::read(found.winner.as_bytes(), pool, id).ok()?.verdict {
            Verdict::Closed { reason, code, .. } => Some(state_of(closed_as(reason, code).code())),
            Verdict::Start { .. } => Some(State::Running),
        }
    }

    /// A view made of sealed papers.
    pub(crate) async fn drawn(&self, id: InvocationId, papers: &Papers) -> Option<View> {
        let mut view = match self.resumed(id, papers)? {
            Resumed::Pending(it) => {
                let state = if it.has_preview() { State::Previewing } else { State::Asking };
                let view = self.view_of(&it, it.draft(), state).await;
                let effect = if it.has_preview() { EffectView::Awaited } else { EffectView::NoPreview };
                View { effect, ..view }
            }
            Resumed::Asked(it) => self.drawn_asked(it, papers).await,
            Resumed::Cleared(it) => self.view_of(&it, it.decision(), State::Queued).await,
        };
        if let Some(outcome) = self.believed(id, papers.outcome.as_ref(), &view.decision) {
            view.state = crate::follow::state_after(&outcome);
        }
        Some(view)
    }

    async fn drawn_asked(&self, it: Invocation<Asked>, papers: &Papers) -> View {
        let id = it.id();
        let now = self.parts().clock.now();
        let mut view = self.view_of(&it, it.decision(), State::Asking).await;
        view.confirmation = it.confirmation();
        let effect = papers.effect.as_ref().filter(|sealed| Some(sealed.digest()) == it.decision().decision().effect);
        let effect = effect.and_then(|sealed| sealed.open(&self.parts().verifier, id, now).ok());
        view.effect = effect.map_or(EffectView::NoPreview, EffectView::Found);
        for (sealed, ballot) in self.believed_ballots(&view.decision, &papers.ballots) {
            let who = self.name_of(&ballot.voter).await;
            view.note(sealed, &ballot, who);
        }
        let Ok(facts) = self.facts_for(it.requester(), id, &papers.ballots).await else { return view };
        let name = |who: &SubjectId| facts.person(who).map_or_else(|| who.sub.clone(), |one| one.name.clone());
        match it.tally(&papers.ballots, &self.parts().verifier, &facts) {
            Tally::Waiting(waiting) => drop(view.count(&waiting.rules, name)),
            Tally::Cleared(cleared) => {
                view.count(cleared.filled(), name);
                view.state = State::Queued;
            }
            Tally::Denied(_, refusal) => view.state = crate::follow::state_of(refusal.code()),
        }
        view
    }

    /// Those whose seal opens and that are about this decision.
    pub(crate) fn believed_ballots<'b>(
        &self,
        decision: &DecisionBytes,
        ballots: &'b [Sealed<Ballot>],
    ) -> Vec<(&'b Sealed<Ballot>, Ballot)> {
        let parts = self.parts();
        let (id, digest, now) = (decision.decision().invocation, decision.digest(), parts.clock.now());
        let opened = ballots.iter().filter_map(|sealed| Some((sealed, sealed.open(&parts.verifier, id, now).ok()?)));
        opened.filter(|(_, ballot)| ballot.decision == digest).collect()
    }

    async fn view_of<S>(&self, it: &Invocation<S>, decision: &DecisionBytes, state: State) -> View {
        let name = self.name_of(it.requester()).await;
        let receipt = it.receipt().clone();
        let thread = ThreadId::new(receipt.thread.clone());
        let view = View::new(thread, receipt, name, decision.clone(), it.reasons().to_vec(), state);
        View { input: it.input().cloned(), ..view }
    }

    pub(crate) async fn name_of(&self, who: &SubjectId) -> String {
        match self.parts().directory.people(std::slice::from_ref(who)).await {
            Ok(people) => people.into_iter().next().map_or_else(|| who.sub.clone(), |one| one.name),
            Err(_) => who.sub.clone(),
        }
    }
}

impl View {
    /// Takes a ballot over; `false` when it was known.
    pub(crate) fn note(&mut self, sealed: &Sealed<Ballot>, ballot: &Ballot, who: String) -> bool {
        let is_new = self.told.insert(sealed.digest());
        if is_new {
            let reason = ballot.reason.clone();
            self.ballots.push(Cast { who, vote: ballot.vote, at: ballot.at, reason });
        }
        is_new
    }
}
