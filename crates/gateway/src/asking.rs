//! From allowed-if-people-agree to a job in the queue.

use crate::Gateway;
use crate::records::{self, reason_of, unwritten};
use countersign_audit::event::Actor;
use countersign_audit::fate::Verdict;
use countersign_chat::{EffectView, Notice, Progress, RuleProgress, State};
use countersign_core::ballot::{Ballot, Vote};
use countersign_core::command::Tool;
use countersign_core::decision::Decision;
use countersign_core::effect::Effect;
use countersign_core::id::InvocationId;
use countersign_core::invocation::{Asked, Cleared, Invocation, Pending, Resumed, Tally};
use countersign_core::policy::Facts;
use countersign_core::principal::{Principal, SubjectId};
use countersign_core::refusal::{Code, Refusal};
use countersign_core::seal::Sealed;
use countersign_core::tier::{Mode, Sensitivity, Tier};
use countersign_queue::{Load, Offer, Paper, Papers, Repeat};
use std::collections::BTreeSet;
use std::time::Duration;

/// How long a cleared job may wait for a worker, if its decision lasts that long.
pub(crate) const JOB_EXPIRY: Duration = Duration::from_mins(10);

/// What came of a no.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// The request is over.
    Over,
    /// The command has started before.
    Started,
    /// Fate does not answer: nobody knows.
    Unwritten,
}

/// Whether it needs no fate: a plain look that nobody has to agree to.
pub(crate) fn only_looks(decision: &Decision) -> bool {
    decision.tier == Tier::Read && decision.sensitive == Sensitivity::Plain && decision.rules.is_empty()
}

impl Gateway {
    /// Keeps the request and, if its verb has a preview, asks a worker for the effect.
    pub(crate) async fn ask_for_effect(&self, it: Invocation<Pending>) -> Result<(), Box<Refusal>> {
        let parts = self.parts();
        let id = it.id();
        parts.log.record(self.record_decided(&it)).await.map_err(|error| Box::new(unwritten(&error)))?;
        let pool = &it.draft().decision().pool;
        let kept = parts.queue.post(id, pool, Paper::Asked(it.record(&parts.sealer))).await;
        kept.map_err(|error| Box::new(error.refusal()))?;
        if !it.has_preview() {
            return self.ask_people(it, None).await;
        }
        self.offer_preview(&it).await
    }

    /// Offers the dry run to the pool. A second offer changes nothing.
    pub(crate) async fn offer_preview(&self, it: &Invocation<Pending>) -> Result<(), Box<Refusal>> {
        let parts = self.parts();
        let id = it.id();
        if !it.has_preview() {
            return Ok(());
        }
        let offer = Offer {
            invocation: id,
            pool: it.draft().decision().pool.clone(),
            repeat: Repeat::Safe,
            lock: None,
            load: Load::Preview(it.preview(&parts.sealer)),
        };
        self.with_view(id, |view| view.offered = Some(offer.clone()));
        let offered = parts.queue.enqueue(offer, parts.clock.now()).await;
        offered.map(|_| ()).map_err(|error| Box::new(error.refusal()))
    }

    /// The effect is known, or there is none to know: makes the decision bytes and asks.
    pub(crate) async fn ask_people(
        &self,
        it: Invocation<Pending>,
        effect: Option<&Sealed<Effect>>,
    ) -> Result<(), Box<Refusal>> {
        let parts = self.parts();
        let id = it.id();
        let now = parts.clock.now();
        let found = effect.and_then(|sealed| sealed.open(&parts.verifier, id, now).ok());
        let asked = it.with_effect(effect, &parts.verifier, now).map_err(|error| {
            Box::new(Refusal::new(
                Code::BadSeal,
                format!("the effect that came back cannot be believed: {error}"),
                "Ask again; if it happens again, the queue is not to be trusted.",
            ))
        })?;
        parts.log.record(records::record_asked(&asked, effect)).await.map_err(|error| Box::new(unwritten(&error)))?;
        let pool = &asked.decision().decision().pool;
        let kept = parts.queue.post(id, pool, Paper::Asked(asked.record(&parts.sealer))).await;
        kept.map_err(|error| Box::new(error.refusal()))?;
        self.now_asks(id, &asked, found);
        if let Err(refusal) = self.settle(asked, &[], true).await {
            tracing::warn!(invocation.id = %id, "A request could not be counted: {refusal}");
            self.with_view(id, |view| view.recount = true);
        }
        Ok(())
    }

    fn now_asks(&self, id: InvocationId, asked: &Invocation<Asked>, effect: Option<Effect>) {
        self.with_view(id, |view| {
            view.decision = asked.decision().clone();
            view.confirmation = asked.confirmation();
            view.state = State::Asking;
            view.effect = effect.map_or(EffectView::NoPreview, EffectView::Found);
        });
    }

    /// People are asked already, by whoever looked after the request for a moment as well.
    pub(crate) fn was_asked(&self, asked: &Invocation<Asked>, effect: &Sealed<Effect>) {
        let (parts, id) = (self.parts(), asked.id());
        let approved = asked.decision().decision().effect == Some(effect.digest());
        let found = effect.open(&parts.verifier, id, parts.clock.now()).ok().filter(|_| approved);
        self.now_asks(id, asked, found);
        self.with_view(id, |view| view.recount = true);
    }

    /// Counts once more what was counted: a directory may have learned since who somebody is.
    pub(crate) async fn count_again(&self, id: InvocationId) {
        let Ok(papers) = self.parts().queue.papers(id).await else { return };
        let Some(Resumed::Asked(asked)) = self.resumed(id, &papers) else { return };
        if let Err(refusal) = self.settle(asked, &papers.ballots, false).await {
            tracing::warn!(invocation.id = %id, "A request could not be counted again: {refusal}");
        }
    }

    /// Takes over ballots that came to whichever gateway, and clears the request when they are
    /// complete. Only the gateway that watches over a request counts.
    pub(crate) async fn counted(&self, id: InvocationId, papers: &Papers) {
        let Some(Resumed::Asked(asked)) = self.resumed(id, papers) else { return };
        let mut fresh = Vec::new();
        for (sealed, ballot) in self.believed_ballots(asked.decision(), &papers.ballots) {
            if self.with_view(id, |view| view.told.contains(&sealed.digest())) != Some(false) {
                continue;
            }
            let who = self.name_of(&ballot.voter).await;
            if self.with_view(id, |view| view.note(sealed, &ballot, who.clone())) == Some(true) {
                fresh.push((ballot.vote, who));
            }
        }
        let recount = self.with_view(id, |view| std::mem::take(&mut view.recount));
        if fresh.is_empty() && recount != Some(true) {
            return;
        }
        if let Err(refusal) = self.settle(asked, &papers.ballots, true).await {
            tracing::warn!(invocation.id = %id, "A request could not be counted: {refusal}");
            self.with_view(id, |view| view.recount = true);
        }
        for (vote, who) in fresh {
            let progress = self.progress(id);
            match vote {
                Vote::Approve => self.say(id, Notice::Agreed { who, progress }).await,
                Vote::Confirm => self.say(id, Notice::Confirmed { who }).await,
                // The no is told when its fate is written.
                Vote::Reject => {}
            }
        }
    }

    fn progress(&self, id: InvocationId) -> Vec<Progress> {
        self.with_view(id, |view| progress_of(&view.progress)).unwrap_or_default()
    }

    /// Counts, shows how far it is if that is news, and dispatches when it is complete.
    async fn settle(
        &self,
        asked: Invocation<Asked>,
        ballots: &[Sealed<Ballot>],
        is_news: bool,
    ) -> Result<(), Box<Refusal>> {
        let id = asked.id();
        let facts = self.facts_for(asked.requester(), id, ballots).await?;
        let name = |who: &SubjectId| facts.person(who).map_or_else(|| who.sub.clone(), |one| one.name.clone());
        match asked.tally(ballots, &self.parts().verifier, &facts) {
            Tally::Waiting(waiting) => {
                let changed = self.with_view(id, |view| view.count(&waiting.rules, name)) == Some(true);
                if is_news || changed {
                    drop(self.show(id).await);
                }
            }
            Tally::Cleared(cleared) => {
                let first = self.with_view(id, |view| {
                    view.count(cleared.filled(), name);
                    let first = view.state == State::Asking;
                    if first {
                        view.state = State::Queued;
                    }
                    first
                });
                if first != Some(true) {
                    return Ok(());
                }
                if let Err(refusal) = self.dispatch(cleared).await {
                    self.with_view(id, |view| {
                        if view.state == State::Queued {
                            view.state = State::Asking;
                        }
                    });
                    return Err(refusal);
                }
                drop(self.show(id).await);
            }
            Tally::Denied(asked, refusal) => {
                let pool = asked.decision().decision().pool.clone();
                self.end(id, &pool, refusal).await;
            }
        }
        Ok(())
    }

    /// The requester and everybody who voted, as the gateway's own directory knows them.
    pub(crate) async fn facts_for(
        &self,
        requester: &SubjectId,
        id: InvocationId,
        ballots: &[Sealed<Ballot>],
    ) -> Result<Facts, Box<Refusal>> {
        let parts = self.parts();
        let now = parts.clock.now();
        let voters =
            ballots.iter().filter_map(|sealed| sealed.open(&parts.verifier, id, now).ok()).map(|ballot| ballot.voter);
        let ids: BTreeSet<SubjectId> = voters.chain([requester.clone()]).collect();
        let people: Vec<Principal> = parts.directory.people(&ids.into_iter().collect::<Vec<_>>()).await?;
        Ok(Facts::new(now, people))
    }

    /// Seals the job and offers it to the pool. Idempotent by invocation id.
    pub(crate) async fn dispatch(&self, it: Invocation<Cleared>) -> Result<(), Box<Refusal>> {
        let parts = self.parts();
        let id = it.id();
        // Once, however often the queue does not take it.
        if self.with_view(id, |view| view.cleared) != Some(true) {
            parts.log.record(self.record_cleared(&it)).await.map_err(|error| Box::new(unwritten(&error)))?;
            self.with_view(id, |view| view.cleared = true);
        }
        let decision = it.decision().decision().clone();
        let looks = only_looks(&decision);
        let job = it.into_job(&parts.sealer, parts.clock.now().plus(JOB_EXPIRY));
        let offer = Offer {
            invocation: id,
            lock: changes(&decision).then(|| lock_of(&decision)),
            pool: decision.pool,
            repeat: if looks { Repeat::Safe } else { Repeat::Never },
            load: Load::Run(job),
        };
        self.with_view(id, |view| view.offered = Some(offer.clone()));
        let offered = parts.queue.enqueue(offer, parts.clock.now()).await;
        offered.map(|_| ()).map_err(|error| Box::new(error.refusal()))
    }

    /// Ends a request with a no: fate first, then the record, then the people.
    ///
    /// When the command has started meanwhile, fate says so, and nothing is told. A no that cannot
    /// be written is kept, and written as soon as fate answers.
    pub(crate) async fn end(&self, id: InvocationId, pool: &str, refusal: Refusal) -> End {
        self.end_by(id, pool, refusal, None).await
    }

    /// The same, with whoever ended it.
    pub(crate) async fn end_by(&self, id: InvocationId, pool: &str, refusal: Refusal, who: Option<Actor>) -> End {
        let parts = self.parts();
        if self.with_view(id, |view| view.state.is_final()) == Some(true) {
            return End::Over;
        }
        let refusal = match parts.log.refuse(pool, id, reason_of(&refusal), Some(refusal.code())).await {
            Ok(closing) => match closing.fate.verdict {
                Verdict::Closed { reason, .. } if reason == reason_of(&refusal) => refusal,
                // Somebody else was faster with another no: that one holds, and is told.
                Verdict::Closed { reason, code, .. } => crate::follow::closed_as(reason, code),
                Verdict::Start { .. } => return End::Started,
            },
            Err(error) => {
                tracing::error!(invocation.id = %id, "A no could not be written: {error}");
                self.with_view(id, |view| view.no.get_or_insert(refusal).code());
                return End::Unwritten;
            }
        };
        if let Err(error) = parts.log.record(records::record_ended(id, &refusal, who)).await {
            tracing::error!(invocation.id = %id, "A no was decided and not recorded: {error}");
        }
        if self.with_view(id, |_| ()).is_none() {
            self.hint_at_fate(id, pool, &refusal).await;
            return End::Over;
        }
        let state = crate::follow::state_of(refusal.code());
        let notice = match refusal.code() {
            Code::Drifted => Notice::Drifted { lines: vec![refusal.to_string()] },
            _ => Notice::Refused { refusal, typed: None },
        };
        self.part(id, state, notice).await;
        End::Over
    }

    /// Another gateway watches over it: make it look at fate now.
    pub(crate) async fn hint_at_fate(&self, id: InvocationId, pool: &str, refusal: &Refusal) {
        let parts = self.parts();
        let hint = countersign_queue::Progress::Event { name: crate::follow::CLOSED.into(), text: refusal.to_string() };
        if let Err(error) = parts.queue.append(id, pool, parts.clock.now(), vec![hint]).await {
            tracing::warn!(invocation.id = %id, "Another gateway will notice a no later: {error}");
        }
    }

    /// The request behind an id, from its sealed record. `None` when nothing credible is there.
    pub(crate) fn resumed(&self, id: InvocationId, papers: &Papers) -> Option<Resumed> {
        let parts = self.parts();
        papers.asked.as_ref().and_then(|sealed| sealed.resume(&parts.verifier, id, parts.clock.now()).ok())
    }
}

/// Whether it changes something: it waits in line, and a freeze stops it.
pub(crate) fn changes(decision: &Decision) -> bool {
    decision.mode == Mode::Apply && decision.tier > Tier::Read
}

/// What changes wait for each other at: a namespace of a cluster, a region of an account, a project,
/// a stack, a service in an environment. A custom command without a target waits for itself.
fn lock_of(decision: &Decision) -> String {
    let scope = &decision.scope;
    let target = scope.target.as_deref().unwrap_or("-");
    let within = match decision.tool {
        Tool::Kubectl => scope.namespace.as_deref(),
        Tool::Aws => scope.region.as_deref(),
        Tool::Deploy => scope.env.as_deref(),
        Tool::Gcloud | Tool::Tf | Tool::Silence | Tool::Custom(_) => None,
    };
    format!("{}/{target}/{}", decision.tool, within.unwrap_or("-"))
}

/// How far each rule is, for a notice.
pub(crate) fn progress_of(rules: &[RuleProgress]) -> Vec<Progress> {
    let rules = rules.iter();
    rules.map(|rule| Progress { rule: rule.id.clone(), agreed: rule.agreed.len(), needed: rule.needed }).collect()
}
