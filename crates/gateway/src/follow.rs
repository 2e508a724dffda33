//! Following one invocation until it ends: output, effect, outcome, expiry.
//!
//! **Invariant:** only what is sealed changes a state; unsealed progress is shown and nothing
//! else.

use crate::Gateway;
use countersign_chat::notice::Finished;
use countersign_chat::output::Stream;
use countersign_chat::{EffectView, Notice, OutputPart, State};
use countersign_core::id::InvocationId;
use countersign_core::invocation::Resumed;
use countersign_core::outcome::{Ending, Outcome};
use countersign_core::refusal::{Code, Refusal};
use countersign_core::tier::Mode;
use countersign_queue::{Papers, Progress, Topic};
use std::sync::PoisonError;
use std::time::Duration;

/// How often a follower looks without a hint.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// How many feed entries are taken at once.
const PAGE: usize = 256;

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
        while self.with_view(id, |_| ()).is_some() {
            self.look(id).await;
            tokio::select! {
                () = news.wait(LOOK_EVERY) => {}
                () = self.parts().stop.cancelled() => return,
            }
        }
    }

    async fn look(&self, id: InvocationId) {
        self.pour(id).await;
        let papers = match self.parts().queue.papers(id).await {
            Ok(papers) => papers,
            Err(error) => {
                tracing::warn!(invocation.id = %id, "The queue could not be read: {error}");
                return;
            }
        };
        if let Some(outcome) = self.believed_outcome(id, &papers) {
            self.pour(id).await;
            self.ended(id, outcome, &papers).await;
            return;
        }
        match self.with_view(id, |view| view.state) {
            Some(State::Previewing) => self.previewed(id, &papers).await,
            Some(State::Asking | State::Queued) => self.expire(id).await,
            _ => {}
        }
    }

    /// Posts what came out since the last look.
    async fn pour(&self, id: InvocationId) {
        let Some((after, thread)) = self.with_view(id, |view| (view.after, view.thread.clone())) else { return };
        let Ok(page) = self.parts().queue.read(id, after, PAGE).await else { return };
        for entry in page.entries {
            let progress = entry.progress;
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
                None => self.show(id).await,
            }
        }
    }

    /// The outcome, if its seal opens and it is of the pool that the decision names.
    fn believed_outcome(&self, id: InvocationId, papers: &Papers) -> Option<Outcome> {
        let sealed = papers.outcome.as_ref()?;
        let pool = self.with_view(id, |view| view.decision.decision().pool.clone())?;
        let outcome = sealed.open(&self.parts().verifier, id, self.parts().clock.now());
        match outcome {
            Ok(outcome) if outcome.pool == pool => Some(outcome),
            Ok(_) => None,
            Err(error) => {
                tracing::error!(invocation.id = %id, "An outcome in the queue cannot be believed: {error}");
                None
            }
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
        let state = match outcome.ending {
            Ending::Ran => State::Done { exit: outcome.exit.unwrap_or(-1) },
            Ending::TimedOut => State::TimedOut,
            Ending::Cancelled => State::Cancelled,
            Ending::Unknown => State::Unknown,
            Ending::NotRun => outcome.refusal.as_ref().map_or(State::Refused, |refusal| state_of(refusal.code())),
        };
        let hidden = self.with_view(id, |view| {
            view.state = state;
            view.output.hidden()
        });
        self.show(id).await;
        self.say(id, notice(outcome, hidden.unwrap_or(0))).await;
        self.closed(id).await;
    }

    /// Without `--apply` the effect is the answer.
    async fn show_dry_effect(&self, id: InvocationId, papers: &Papers) {
        let dry = self.with_view(id, |view| view.decision.decision().mode == Mode::DryRun);
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
