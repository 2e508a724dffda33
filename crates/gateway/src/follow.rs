//! Following one invocation until it ends: output, ballots, effect, outcome, expiry.
//!
//! **Invariant:** only what is sealed, or stands in the fate store, changes a state; unsealed
//! progress is shown, or makes the gateway look, and nothing else.

use crate::Gateway;
use crate::watch::EXTENDED_EVERY;
use countersign_audit::fate::{FateDoc, Reason, Verdict};
use countersign_chat::notice::Finished;
use countersign_chat::output::Stream;
use countersign_chat::{EffectView, Notice, OutputPart, State};
use countersign_core::decision::DecisionBytes;
use countersign_core::id::InvocationId;
use countersign_core::invocation::Resumed;
use countersign_core::outcome::{Ending, Outcome};
use countersign_core::refusal::{Code, Refusal};
use countersign_core::seal::Sealed;
use countersign_core::tier::Mode;
use countersign_queue::{Papers, Progress, Topic};
use std::sync::PoisonError;
use std::time::Duration;

/// How often a follower looks without a hint.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// How often it asks the fate store, which knows also when the queue has lost everything.
const FATE_EVERY: Duration = Duration::from_secs(10);

/// So many times fate is asked about what the queue lost before its work is offered once more: by
/// then a worker that lives has noticed, stopped its command and written the outcome.
const LOST_PATIENCE: u32 = 4;

/// How many feed entries are taken at once.
const PAGE: usize = 256;

/// The word in the feed by which one gateway makes another look at fate.
pub(crate) const CLOSED: &str = "closed";

impl Gateway {
    /// Follows the invocation in a task of its own, unless one does already.
    pub(crate) fn follow(&self, id: InvocationId) {
        let mut followed = self.0.followed.lock().unwrap_or_else(PoisonError::into_inner);
        if !followed.insert(id) {
            return;
        }
        drop(followed);
        let gateway = self.clone();
        self.parts().tasks.spawn(async move { gateway.follow_to_the_end(id).await });
    }

    async fn follow_to_the_end(&self, id: InvocationId) {
        let mut news = self.parts().queue.listen(Topic::Invocation(id));
        let mut extend = tokio::time::interval(EXTENDED_EVERY);
        let mut fate = tokio::time::interval(FATE_EVERY);
        fate.reset();
        while self.with_view(id, |_| ()).is_some() {
            self.look(id).await;
            tokio::select! {
                () = news.wait(LOOK_EVERY) => {}
                _ = extend.tick() => if !self.watch(id).await {
                    tracing::info!(invocation.id = %id, "Another gateway looks after the request now");
                    self.drop_view(id);
                },
                _ = fate.tick() => self.ask_fate(id).await,
                () = self.parts().stop.cancelled() => return self.unwatch(id).await,
            }
        }
    }

    async fn look(&self, id: InvocationId) {
        if self.with_view(id, |view| view.farewell.is_some()) == Some(true) {
            return self.say_farewell(id).await;
        }
        self.pour(id).await;
        let papers = match self.parts().queue.papers(id).await {
            Ok(papers) => papers,
            Err(error) => {
                if self.with_view(id, |view| std::mem::replace(&mut view.trouble.queue_away, true)) == Some(false) {
                    tracing::warn!(invocation.id = %id, "The queue could not be read: {error}");
                }
                return;
            }
        };
        self.with_view(id, |view| view.trouble.queue_away = false);
        let Some(decision) = self.with_view(id, |view| view.decision.clone()) else { return };
        if let Some(outcome) = self.believed(id, papers.outcome.as_ref(), &decision) {
            self.pour(id).await;
            return self.ended(id, outcome, &papers).await;
        }
        if papers.asked.is_none() {
            return self.lost(id).await;
        }
        match self.with_view(id, |view| view.state) {
            Some(State::Previewing) => self.previewed(id, &papers).await,
            Some(State::Asking) => {
                self.counted(id, &papers).await;
                self.expire(id).await;
            }
            Some(State::Queued) => self.expire(id).await,
            _ => {}
        }
    }

    /// Posts what came out since the last look.
    async fn pour(&self, id: InvocationId) {
        let Some((after, thread)) = self.with_view(id, |view| (view.after, view.thread.clone())) else { return };
        let Ok(page) = self.parts().queue.read(id, after, PAGE).await else { return };
        for entry in page.entries {
            let progress = entry.progress;
            let is_closed = matches!(&progress, Progress::Event { name, .. } if name == CLOSED);
            let part = self.with_view(id, |view| {
                view.after = entry.seq;
                match progress {
                    Progress::Output(text) => {
                        let lines = text.lines().map(str::to_owned).collect();
                        let part = OutputPart { first_line: view.output.total(), stream: Stream::Out, lines };
                        view.output.add(&part);
                        Some(part)
                    }
                    Progress::Event { name, .. } => {
                        if name == "started" && view.state == State::Queued {
                            view.state = State::Running;
                        }
                        None
                    }
                }
            });
            match part.flatten() {
                Some(part) => {
                    if let Err(error) = self.parts().chat.output(&thread, id, part).await {
                        tracing::warn!(invocation.id = %id, "Output could not be shown: {error}");
                    }
                }
                None if is_closed => self.ask_fate(id).await,
                None => drop(self.show(id).await),
            }
        }
    }

    /// The outcome, if its seal opens and it is of the pool that the decision names.
    pub(crate) fn believed(
        &self,
        id: InvocationId,
        sealed: Option<&Sealed<Outcome>>,
        decision: &DecisionBytes,
    ) -> Option<Outcome> {
        let outcome = sealed?.open(&self.parts().verifier, id, self.parts().clock.now());
        match outcome {
            Ok(outcome) if outcome.pool == decision.decision().pool => Some(outcome),
            Ok(_) => None,
            Err(error) => {
                tracing::error!(invocation.id = %id, "An outcome cannot be believed: {error}");
                None
            }
        }
    }

    /// Asks the store that decides: it knows the end when the queue lost, forged or never had it.
    pub(crate) async fn ask_fate(&self, id: InvocationId) {
        let Some(decision) = self.with_view(id, |view| view.decision.clone()) else { return };
        let pool = &decision.decision().pool;
        let log = &self.parts().log;
        let (sealed, verdict) = match (log.outcome_of(id).await, log.fate().look(pool, id).await) {
            (Ok(sealed), Ok(verdict)) => (sealed, verdict),
            (Err(error), _) | (_, Err(error)) => {
                tracing::warn!(invocation.id = %id, "Fate does not answer: {error}");
                return;
            }
        };
        if let Some(outcome) = self.believed(id, sealed.as_ref(), &decision) {
            let papers = self.parts().queue.papers(id).await.unwrap_or_default();
            return self.ended(id, outcome, &papers).await;
        }
        let verdict = verdict.and_then(|found| FateDoc::read(found.winner.as_bytes(), pool, id).ok());
        match verdict.map(|doc| doc.verdict) {
            Some(Verdict::Closed { reason, code, by }) => self.was_closed(id, reason, code, &by).await,
            Some(Verdict::Start { .. }) => {
                let changed = self.with_view(id, |view| {
                    let changed = matches!(view.state, State::Asking | State::Queued);
                    if changed {
                        view.state = State::Running;
                    }
                    changed
                });
                if changed == Some(true) {
                    drop(self.show(id).await);
                }
            }
            None => {}
        }
    }

    /// Somebody else wrote the no. A worker tells it itself, with its reasons, so it is given the
    /// time.
    async fn was_closed(&self, id: InvocationId, reason: Reason, code: Option<Code>, by: &str) {
        let seen = self.with_view(id, |view| {
            view.trouble.closed += 1;
            view.trouble.closed
        });
        if by.starts_with("worker") && seen.is_some_and(|times| times < 2) {
            return;
        }
        let code = code.unwrap_or(match reason {
            Reason::Rejected => Code::Rejected,
            Reason::Cancelled => Code::Cancelled,
            Reason::Expired => Code::Expired,
            Reason::Frozen => Code::Frozen,
            Reason::Drifted => Code::Drifted,
            Reason::Refused => Code::Denied,
        });
        let refusal = Refusal::new(
            code,
            format!("it was closed as {}, and nothing ran", code.as_str()),
            "The audit log says who did it. Ask again if it is still wanted.",
        );
        self.part(id, state_of(code), Notice::Refused { refusal, typed: None }).await;
    }

    /// The queue no longer has the request. What fate says holds; if it says nothing, the answer
    /// is no.
    async fn lost(&self, id: InvocationId) {
        let times = self.with_view(id, |view| {
            view.trouble.lost += 1;
            view.trouble.lost
        });
        if times == Some(1) {
            tracing::error!(invocation.id = %id, "The queue has lost the request");
            self.ask_fate(id).await;
            let Some(decision) = self.with_view(id, |view| view.decision.clone()) else { return };
            let refusal = Refusal::new(
                Code::QueueUnavailable,
                "the queue lost this request; nothing was started, and approvals given so far are void",
                "Ask again.",
            );
            self.end(id, &decision.decision().pool, refusal).await;
            return;
        }
        // It has started. A worker that lives writes the outcome; for one that died with the queue
        // another worker must find the fate, and that needs the work to be there again.
        if times.is_some_and(|times| times % looks_per_fate() == 0) {
            self.ask_fate(id).await;
        }
        if times == Some(LOST_PATIENCE * looks_per_fate())
            && let Some(Some(offer)) = self.with_view(id, |view| view.offered.clone())
            && let Err(error) = self.parts().queue.enqueue(offer, self.parts().clock.now()).await
        {
            tracing::warn!(invocation.id = %id, "Lost work could not be offered again: {error}");
        }
    }

    /// The effect has come back: make the decision bytes and ask.
    async fn previewed(&self, id: InvocationId, papers: &Papers) {
        let Some(effect) = papers.effect.as_ref() else { return self.expire(id).await };
        let Some(Resumed::Pending(pending)) = self.resumed(id, papers) else { return };
        let pool = pending.draft().decision().pool.clone();
        if let Err(refusal) = self.ask_people(pending, Some(effect)).await {
            self.end(id, &pool, *refusal).await;
        }
    }

    /// Writes the end of a request whose time is over.
    pub(crate) async fn expire(&self, id: InvocationId) {
        let decision = self.with_view(id, |view| view.decision.clone());
        let Some(decision) = decision.filter(|bytes| self.parts().clock.now() >= bytes.decision().expires_at) else {
            return;
        };
        let decision = decision.decision();
        let refusal = Refusal::new(
            Code::Expired,
            format!("the time for this request ended at {}", decision.expires_at.clock_time()),
            "Ask again; the approvals given so far are void.",
        );
        self.end(id, &decision.pool, refusal).await;
    }

    /// Tells how it ended, once the worker has sealed it.
    async fn ended(&self, id: InvocationId, outcome: Outcome, papers: &Papers) {
        self.show_dry_effect(id, papers).await;
        let hidden = self.with_view(id, |view| view.output.hidden()).unwrap_or(0);
        self.part(id, state_after(&outcome), notice(outcome, hidden)).await;
    }

    /// Without `--apply` the effect is the answer.
    async fn show_dry_effect(&self, id: InvocationId, papers: &Papers) {
        let dry = self.with_view(id, |view| view.decision.decision().mode == Mode::DryRun && view.farewell.is_none());
        let (Some(true), Some(sealed)) = (dry, papers.effect.as_ref()) else { return };
        match sealed.open(&self.parts().verifier, id, self.parts().clock.now()) {
            Ok(effect) => {
                self.with_view(id, |view| view.effect = EffectView::Found(effect.clone()));
                self.say(id, Notice::PreviewReady { effect }).await;
            }
            Err(error) => tracing::error!(invocation.id = %id, "An effect in the queue cannot be believed: {error}"),
        }
    }
}

/// How many looks without a hint there are between two questions to fate.
fn looks_per_fate() -> u32 {
    u32::try_from(FATE_EVERY.as_millis() / LOOK_EVERY.as_millis()).unwrap_or(u32::MAX)
}

fn notice(outcome: Outcome, hidden_lines: u64) -> Notice {
    match (outcome.ending, outcome.refusal) {
        (Ending::NotRun, Some(refusal)) => Notice::Refused { refusal, typed: None },
        (Ending::Unknown, _) => Notice::UnknownOutcome { find_out: outcome.notes },
        (ending, _) => Notice::Finished(Finished {
            ending,
            exit: outcome.exit,
            duration: Duration::from_millis(outcome.duration_ms),
            hidden_lines,
            redactions: outcome.redactions,
            notes: outcome.notes,
        }),
    }
}

/// The state an outcome leaves behind.
pub(crate) fn state_after(outcome: &Outcome) -> State {
    match outcome.ending {
        Ending::Ran => State::Done { exit: outcome.exit.unwrap_or(-1) },
        Ending::TimedOut => State::TimedOut,
        Ending::Cancelled => State::Cancelled,
        Ending::Unknown => State::Unknown,
        Ending::NotRun => outcome.refusal.as_ref().map_or(State::Refused, |refusal| state_of(refusal.code())),
    }
}

/// The state a refusal leaves behind.
pub(crate) const fn state_of(code: Code) -> State {
    match code {
        Code::Drifted => State::Drifted,
        Code::Expired => State::Expired,
        Code::Rejected => State::Rejected,
        Code::Cancelled => State::Cancelled,
        _ => State::Refused,
    }
}
