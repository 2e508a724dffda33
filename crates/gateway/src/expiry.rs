//! What people hear when a silence that was made here is about to end, and when its time is over.
//!
//! **Invariant:** when it ends follows from sealed words alone: what was agreed to, and the worker's outcome. What
//! became of it in Alertmanager since is not known here, and nothing is said of it.
//!
//! A reminder in the queue says when to look; it outlives any gateway, and whoever takes it up finds out from the papers
//! what there is to say. One that somebody else put up says nothing.

use crate::Gateway;
use crate::farewell::is_away;
use crate::sweep::thread_again;
use countersign_chat::Notice;
use countersign_command::silence::{Act, Matching, Verb};
use countersign_core::command::Tool;
use countersign_core::decision::{Decision, DecisionBytes};
use countersign_core::effect::Effect;
use countersign_core::id::InvocationId;
use countersign_core::outcome::{Ending, Outcome};
use countersign_core::tier::Mode;
use countersign_core::time::Timestamp;
use countersign_queue::{Papers, Reminder, Unavailable};
use std::time::Duration;

/// So long before its end people hear of it, or a quarter of its time, whichever is less.
const AHEAD: Duration = Duration::from_mins(15);

/// What is left to do when a request was told to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Afterwards {
    /// It made a silence.
    Remind(Timestamp),
    /// It ended silences that these requests may have made.
    Over(Vec<InvocationId>),
}

/// A silence that a request made.
#[derive(Debug)]
struct Made {
    on: String,
    matchers: Vec<Matching>,
    lasts: Duration,
    ends: Timestamp,
}

impl Made {
    /// From the decision and the outcome, both out of their seals. A silence begins while its command runs, so it ends
    /// at the latest so long after its worker had it.
    fn of(decision: &Decision, outcome: &Outcome) -> Option<Self> {
        match act(decision, outcome)? {
            Act { on, verb: Verb::Silence { matchers, lasts, .. }, .. } => {
                Some(Self { on, matchers, lasts, ends: outcome.at.plus(lasts) })
            }
            Act { verb: Verb::Expire { .. } | Verb::List, .. } => None,
        }
    }

    fn soon(&self) -> Timestamp {
        let ahead = AHEAD.min(self.lasts / 4);
        let millis = i64::try_from(ahead.as_millis()).unwrap_or(i64::MAX);
        Timestamp::from_millis(self.ends.as_millis().saturating_sub(millis))
    }

    /// Whether this one goes on with what that one hides.
    fn extends(&self, other: &Self) -> bool {
        self.on == other.on && self.matchers == other.matchers && self.ends > other.ends
    }
}

/// What was done to a silence, if it was done and went well.
fn act(decision: &Decision, outcome: &Outcome) -> Option<Act> {
    let went_well = outcome.ending == Ending::Ran && outcome.exit == Some(0);
    let is_silence = decision.tool == Tool::Silence && decision.mode == Mode::Apply;
    Act::read(&decision.argv).ok().filter(|_| went_well && is_silence)
}

/// The request that made the silence which this effect is about: its name stands at the end of the comment, where
/// nobody's words are.
fn marked(effect: &Effect) -> Option<InvocationId> {
    let mut lines = effect.text.as_deref()?.lines();
    let comment = lines.find_map(|line| line.strip_prefix("why it was made: "))?;
    let (_, mark) = comment.strip_suffix(']')?.rsplit_once("[countersign ")?;
    mark.parse().ok()
}

/// What is to be done once the end of this request was told.
pub(crate) fn afterwards(decision: &Decision, outcome: &Outcome, effect: Option<&Effect>) -> Option<Afterwards> {
    if let Some(made) = Made::of(decision, outcome) {
        return Some(Afterwards::Remind(made.soon()));
    }
    match act(decision, outcome)?.verb {
        // It was named by the request that made it, or by Alertmanager's own name for it.
        Verb::Expire { id } => {
            Some(Afterwards::Over(id.parse().ok().into_iter().chain(effect.and_then(marked)).collect()))
        }
        Verb::List | Verb::Silence { .. } => None,
    }
}

impl Gateway {
    /// Notes what is left to do when this end was told.
    pub(crate) fn note_afterwards(&self, id: InvocationId, outcome: &Outcome, papers: &Papers) {
        let (verifier, now) = (&self.parts().verifier, self.parts().clock.now());
        self.with_view(id, |view| {
            let decision = view.decision.decision();
            let agreed = papers.effect.as_ref().filter(|sealed| Some(sealed.digest()) == decision.effect);
            let effect = agreed.and_then(|sealed| sealed.open(verifier, id, now).ok());
            view.afterwards = afterwards(decision, outcome, effect.as_ref());
        });
    }

    /// Does it, before the request leaves the board.
    pub(crate) async fn do_afterwards(&self, id: InvocationId) -> Result<(), Unavailable> {
        let (queue, now) = (&self.parts().queue, self.parts().clock.now());
        match self.with_view(id, |view| view.afterwards.clone()).flatten() {
            Some(Afterwards::Remind(at)) => queue.remind(id, at, now).await,
            Some(Afterwards::Over(made)) => {
                for one in made {
                    queue.unremind(one).await?;
                }
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// Tells what is due. What cannot be told now is tried again at the next look.
    pub(crate) async fn tell_due(&self) -> Result<(), Unavailable> {
        let now = self.parts().clock.now();
        let is_due = |one: &&Reminder| one.at <= now;
        for due in self.parts().queue.reminders().await?.iter().filter(is_due) {
            if !self.watch(due.invocation).await {
                continue;
            }
            // Whoever watched before may have told it since the list was read.
            let up = self.parts().queue.reminders().await?;
            let told = if up.contains(due) { self.tell_reminder(*due, &up).await } else { Ok(()) };
            self.unwatch(due.invocation).await;
            told?;
        }
        Ok(())
    }

    async fn tell_reminder(&self, due: Reminder, up: &[Reminder]) -> Result<(), Unavailable> {
        let (parts, id) = (self.parts(), due.invocation);
        let papers = parts.queue.papers(id).await?;
        let Some((view, made)) = self.made(id, &papers).await? else {
            tracing::warn!(invocation.id = %id, "A reminder of no silence that was made here is taken down");
            return parts.queue.unremind(id).await;
        };
        let now = parts.clock.now();
        let left = (now < made.ends).then(|| made.ends.since(now));
        if !self.is_extended(id, &made, up).await? {
            let again = format!("/{}", view.decision.decision().argv);
            let notice = Notice::SilenceEnds { at: made.ends, left: left.map(whole_minutes), again };
            let told = match parts.chat.open(thread_again(&view)).await {
                Ok(thread) => parts.chat.post(&thread, notice).await,
                Err(error) => Err(error),
            };
            if let Err(error) = &told {
                tracing::warn!(invocation.id = %id, "The end of a silence could not be told: {error}");
            }
            if is_away(&told) {
                return Ok(());
            }
        }
        match left {
            Some(_) => parts.queue.remind(id, made.ends, now).await,
            None => parts.queue.unremind(id).await,
        }
    }

    /// The request as it is shown and the silence it made, if its papers say that it did.
    async fn made(&self, id: InvocationId, papers: &Papers) -> Result<Option<(crate::view::View, Made)>, Unavailable> {
        let Some(view) = self.drawn(id, papers).await else { return Ok(None) };
        let made = self.outcome_held(id, papers, &view.decision).await?;
        let made = made.and_then(|outcome| Made::of(view.decision.decision(), &outcome));
        Ok(made.map(|made| (view, made)))
    }

    /// The outcome on the board, or where fates are.
    async fn outcome_held(
        &self,
        id: InvocationId,
        papers: &Papers,
        decision: &DecisionBytes,
    ) -> Result<Option<Outcome>, Unavailable> {
        if let Some(outcome) = self.believed(id, papers.outcome.as_ref(), decision) {
            return Ok(Some(outcome));
        }
        let sealed = self.parts().log.outcome_of(&decision.decision().pool, id).await.map_err(Unavailable::new)?;
        Ok(self.believed(id, sealed.as_ref(), decision))
    }

    /// Whether another request made the same silence for longer: then this end is none.
    async fn is_extended(&self, id: InvocationId, made: &Made, up: &[Reminder]) -> Result<bool, Unavailable> {
        for other in up.iter().filter(|other| other.invocation != id) {
            let papers = self.parts().queue.papers(other.invocation).await?;
            if let Some((_, other)) = self.made(other.invocation, &papers).await?
                && other.extends(made)
            {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// People plan in minutes.
fn whole_minutes(left: Duration) -> Duration {
    let seconds = left.as_secs();
    Duration::from_secs(if seconds < 60 { seconds } else { seconds.div_ceil(60) * 60 })
}
