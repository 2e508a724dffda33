//! Following one invocation until it ends: output, ballots, effect, outcome, expiry.
//!
//! **Invariant:** only what is sealed, or stands in the fate store, changes a state; unsealed
//! progress is shown, or makes the gateway look, and nothing else.

use crate::Gateway;
use crate::asking::only_looks;
use crate::find_out::find_out;
use crate::watch::EXTENDED_EVERY;
use countersign_audit::fate::{FateDoc, Reason, Verdict};
use countersign_chat::notice::Finished;
use countersign_chat::output::Stream;
use countersign_chat::{EffectView, Notice, OutputPart, State};
use countersign_core::decision::DecisionBytes;
use countersign_core::effect::Effect;
use countersign_core::id::InvocationId;
use countersign_core::invocation::{Invocation, Pending, Resumed};
use countersign_core::outcome::{Ending, Outcome};
use countersign_core::refusal::{Code, Refusal};
use countersign_core::seal::Sealed;
use countersign_core::tier::Mode;
use countersign_queue::{Entry, Papers, Progress, Topic};
use std::sync::PoisonError;
use std::time::Duration;
use tokio::time::Interval;

/// How often a follower looks without a hint.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// How often it asks the fate store, which knows also when the queue has lost everything.
const FATE_EVERY: Duration = Duration::from_secs(10);

/// So many times fate is asked about what the queue lost before its work is offered once more: by
/// then a worker that lives has noticed, stopped its command and written the outcome.
const LOST_PATIENCE: u32 = 4;

/// How many feed entries are taken at once.
const PAGE: usize = 256;

/// How many such pages one look takes: what a feed holds at most.
const PAGES: usize = 64;

/// What has not ended so long after its time was over never will: no command may run half as long.
const OVERDUE: Duration = Duration::from_hours(2);

/// So often a watch is extended while one look lasts. Then another gateway may try: whatever the
/// look hangs on, perhaps only this process does.
const EXTENSIONS: u32 = 20;

/// The word in the feed by which a worker tells that a command runs.
const STARTED: &str = "started";

/// The word in the feed by which a worker tells how many seconds a command has left.
const TIME_LEFT: &str = "time-left";

/// How long it is remembered that people were told so: longer than any command runs.
const REMEMBERED: Duration = Duration::from_hours(48);

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
        loop {
            self.watching(id, &mut extend, Box::pin(self.look(id))).await;
            if self.is_over(id) {
                return;
            }
            tokio::select! {
                () = news.wait(LOOK_EVERY) => {}
                _ = extend.tick() => self.extend(id).await,
                _ = fate.tick() => self.watching(id, &mut extend, Box::pin(self.look_closely(id))).await,
                () = self.parts().stop.cancelled() => return self.leave(id).await,
            }
        }
    }

    /// Does something that may take long, for instance because the chat does, and goes on
    /// watching meanwhile.
    async fn watching(&self, id: InvocationId, extend: &mut Interval, mut work: impl Future<Output = ()> + Unpin) {
        let extending = async {
            for _ in 0..EXTENSIONS {
                extend.tick().await;
                self.extend(id).await;
            }
        };
        // Both go on at once: either may hold what the other waits for.
        tokio::select! {
            () = &mut work => {}
            () = extending => work.await,
        }
    }

    /// Whether nothing is left to follow. Whoever puts a view up afterwards begins to follow anew.
    fn is_over(&self, id: InvocationId) -> bool {
        let mut followed = self.0.followed.lock().unwrap_or_else(PoisonError::into_inner);
        let is_over = self.with_view(id, |_| ()).is_none();
        if is_over {
            followed.remove(&id);
        }
        is_over
    }

    /// What need not be done at every look.
    async fn look_closely(&self, id: InvocationId) {
        Box::pin(self.ask_fate(id)).await;
        if self.with_view(id, |view| view.trouble.unshown && view.farewell.is_none()) == Some(true) {
            drop(self.show(id).await);
        }
    }

    async fn look(&self, id: InvocationId) {
        if self.with_view(id, |view| std::mem::replace(&mut view.is_left, false)) == Some(true) {
            self.go_on(id).await;
        }
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
        if self.with_view(id, |view| view.no.is_some()) == Some(true) {
            return;
        }
        match self.with_view(id, |view| view.state) {
            Some(State::Previewing) => {
                self.tell_unattended(id).await;
                self.previewed(id, &papers).await;
            }
            Some(State::Asking) => {
                self.with_view(id, |view| view.waits = None);
                self.counted(id, &papers).await;
                self.expire(id).await;
            }
            Some(State::Queued) => {
                self.tell_line(id).await;
                self.tell_unattended(id).await;
                self.expire(id).await;
            }
            _ => {}
        }
    }

    /// Posts what came out since the last look.
    async fn pour(&self, id: InvocationId) {
        for _ in 0..PAGES {
            let from = self.with_view(id, |view| (view.after, view.decision.decision().pool.clone()));
            let Some((after, pool)) = from else { return };
            let Ok(page) = self.parts().queue.read(id, &pool, after, PAGE).await else { return };
            let is_last = page.entries.len() < PAGE;
            self.pour_page(id, page.entries).await;
            if is_last {
                return;
            }
        }
    }

    /// Whatever a page holds, it makes the gateway look once and show once.
    async fn pour_page(&self, id: InvocationId, entries: Vec<Entry>) {
        let Some(thread) = self.with_view(id, |view| view.thread.clone()) else { return };
        let (mut is_shown, mut asks, mut left) = (true, false, None);
        for entry in entries {
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
                    Progress::Event { name, text } if name == TIME_LEFT => {
                        left = text.parse().ok().map(Duration::from_secs);
                        None
                    }
                    Progress::Event { name, .. } => {
                        let starts = name == STARTED && view.state == State::Queued;
                        // Of what needs one, fate knows whether it started.
                        if starts && only_looks(view.decision.decision()) {
                            view.state = State::Running;
                            is_shown = false;
                        } else {
                            asks |= starts || name == CLOSED;
                        }
                        None
                    }
                }
            });
            if let Some(part) = part.flatten()
                && let Err(error) = self.parts().chat.output(&thread, id, part).await
            {
                tracing::warn!(invocation.id = %id, "Output could not be shown: {error}");
            }
        }
        if !is_shown {
            drop(self.show(id).await);
        }
        if let Some(left) = left {
            self.time_runs_out(id, left).await;
        }
        if asks {
            Box::pin(self.ask_fate(id)).await;
        }
    }

    /// Says it once, whichever gateway reads it and however often.
    async fn time_runs_out(&self, id: InvocationId, left: Duration) {
        let (queue, now) = (&self.parts().queue, self.parts().clock.now());
        let first = queue.first_time(&format!("time-left/{id}"), now.plus(REMEMBERED), now).await;
        if matches!(first, Ok(true)) {
            self.say(id, Notice::TimeRunsOut { left }).await;
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
                if self.with_view(id, |view| std::mem::replace(&mut view.trouble.unbelieved, true)) != Some(true) {
                    tracing::error!(invocation.id = %id, "An outcome cannot be believed: {error}");
                }
                None
            }
        }
    }

    /// Asks the store that decides: it knows the end when the queue lost, forged or never had it.
    pub(crate) async fn ask_fate(&self, id: InvocationId) {
        let Some(decision) = self.with_view(id, |view| view.decision.clone()) else { return };
        let pool = &decision.decision().pool;
        let log = &self.parts().log;
        let (sealed, verdict) = match (log.outcome_of(pool, id).await, log.fate().look(pool, id).await) {
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
        if let Some(Some(no)) = self.with_view(id, |view| view.no.take()) {
            self.end(id, pool, no).await;
            return;
        }
        match verdict.map(|doc| doc.verdict) {
            Some(Verdict::Closed { reason, code, by }) => self.was_closed(id, reason, code, &by).await,
            Some(Verdict::Start { .. }) if self.is_overdue(&decision) => {
                let never = "No worker ever told how it ended.".to_owned();
                let find_out = std::iter::once(never).chain(find_out(decision.decision())).collect();
                self.part(id, State::Unknown, Notice::UnknownOutcome { find_out }).await;
            }
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
            None => Box::pin(self.undecided(id, &decision)).await,
        }
    }

    /// Fate knows nothing of it: it waits, or it is a look, which needs no fate.
    async fn undecided(&self, id: InvocationId, decision: &DecisionBytes) {
        match self.with_view(id, |view| view.state) {
            Some(State::Previewing | State::Queued) => Box::pin(self.offer_again(id)).await,
            Some(State::Asking) => self.count_again(id).await,
            Some(State::Running) if self.is_overdue(decision) => self.expire(id).await,
            _ => {}
        }
    }

    pub(crate) fn is_overdue(&self, decision: &DecisionBytes) -> bool {
        self.parts().clock.now().since(decision.decision().expires_at) > OVERDUE
    }

    /// Work that waits for a worker is offered once more: where it still is, nothing changes, and where the queue lost
    /// it, it comes back.
    async fn offer_again(&self, id: InvocationId) {
        let Some(Some(offer)) = self.with_view(id, |view| view.offered.clone()) else {
            if let Ok(papers) = self.parts().queue.papers(id).await {
                self.redrive(id, &papers).await;
            }
            return;
        };
        if let Err(error) = self.parts().queue.enqueue(offer, self.parts().clock.now()).await {
            tracing::warn!(invocation.id = %id, "Waiting work could not be offered again: {error}");
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
        let refusal = closed_as(reason, code);
        self.part(id, state_of(refusal.code()), Notice::Refused { refusal, typed: None }).await;
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
            Box::pin(self.ask_fate(id)).await;
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
            Box::pin(self.ask_fate(id)).await;
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
        let pending = match self.resumed(id, papers) {
            Some(Resumed::Pending(pending)) => pending,
            Some(Resumed::Asked(asked)) => return self.was_asked(&asked, effect),
            Some(Resumed::Cleared(_)) | None => return self.expire(id).await,
        };
        self.ask_or_end(pending, Some(effect)).await;
    }

    /// Asks people, or tells why nobody can be asked.
    pub(crate) async fn ask_or_end(&self, pending: Invocation<Pending>, effect: Option<&Sealed<Effect>>) {
        let (id, pool) = (pending.id(), pending.draft().decision().pool.clone());
        if let Err(refusal) = self.ask_people(pending, effect).await {
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
        self.note_afterwards(id, &outcome, papers);
        let hidden = self.with_view(id, |view| view.output.hidden()).unwrap_or(0);
        let ways = self.with_view(id, |view| find_out(view.decision.decision())).unwrap_or_default();
        self.part(id, state_after(&outcome), notice(outcome, hidden, ways)).await;
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

fn notice(outcome: Outcome, hidden_lines: u64, ways: Vec<String>) -> Notice {
    match (outcome.ending, outcome.refusal) {
        (Ending::NotRun, Some(refusal)) => Notice::Refused { refusal, typed: None },
        (Ending::Unknown, _) => Notice::UnknownOutcome { find_out: outcome.notes.into_iter().chain(ways).collect() },
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

/// What fate alone can tell of a no.
pub(crate) fn closed_as(reason: Reason, code: Option<Code>) -> Refusal {
    let code = code.unwrap_or(match reason {
        Reason::Rejected => Code::Rejected,
        Reason::Cancelled => Code::Cancelled,
        Reason::Expired => Code::Expired,
        Reason::Frozen => Code::Frozen,
        Reason::Drifted => Code::Drifted,
        Reason::Refused => Code::Denied,
    });
    Refusal::new(
        code,
        format!("it was closed as {}, and nothing ran", code.as_str()),
        "The audit log says who did it. Ask again if it is still wanted.",
    )
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
