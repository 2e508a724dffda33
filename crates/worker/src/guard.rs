//! Watches over a command while it runs: may it still?
//!
//! **Invariant:** nothing here lets a command go on that something else stopped; what cannot be found
//! out while a command runs changes nothing, for it was known when it started.

use crate::Worker;
use crate::job::Settled;
use crate::stopping::Stopping;
use countersign_audit::event::{Actor, ActorKind, Event, Kind};
use countersign_core::decision::Decision;
use countersign_core::id::InvocationId;
use countersign_core::ongoing::Ongoing;
use countersign_core::policy::Facts;
use countersign_core::refusal::{Code, Refusal};
use countersign_core::tier::{Mode, Tier};
use countersign_queue::Topic;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// How often the sequence of freezes is read, without a hint, while something changes.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// How often policy and directory are asked again about a command that runs, by the boot clock. With
/// the source's own age (a minute for one that is asked) whoever lost a role is stopped in time.
const ASK_EVERY: Duration = Duration::from_secs(10);

impl Worker {
    /// Whether a change may start now, as the store itself says.
    pub(crate) async fn not_frozen(&self, decision: &Decision) -> Result<(), Settled> {
        if decision.tier == Tier::Read || decision.mode == Mode::DryRun {
            return Ok(());
        }
        match self.frozen(decision.scope.env.as_deref()).await {
            Ok(None) => Ok(()),
            Ok(Some(refusal)) => Err(self.refuse(decision.invocation, refusal).await),
            Err(refusal) => {
                tracing::warn!(invocation.id = %decision.invocation, "The work is given back: {refusal}");
                Err(Settled::GiveBack)
            }
        }
    }

    /// The freeze that stops changes there, read now.
    pub(crate) async fn frozen(&self, env: Option<&str>) -> Result<Option<Refusal>, Refusal> {
        match self.control().look().await {
            Ok(_) => Ok(self.control().frozen(env).map(|freeze| freeze.refusal())),
            Err(error) => Err(Refusal::new(
                Code::AuditUnavailable,
                format!("it cannot be read whether changes are frozen: {error}"),
                "Ask again in a minute; if it stays, tell the operators.",
            )),
        }
    }

    /// Stops the command when it may no longer run, until it has `ended`. It was `decided` then, by the
    /// boot clock.
    pub(crate) async fn guard(
        &self,
        id: InvocationId,
        (ongoing, decided): (&Ongoing, Duration),
        stopping: &Stopping,
        ended: &CancellationToken,
    ) {
        // A store or directory that does not answer must not hold up the end of a command and of its lease.
        let why = tokio::select! {
            biased;
            () = ended.cancelled() => return,
            why = self.must_end(id, ongoing, decided) => why,
        };
        stopping.stop(why.clone());
        tracing::warn!(invocation.id = %id, refusal.code = %why.code(), "A command that runs is stopped: {why}");
        let by = Actor {
            kind: ActorKind::Policy,
            on_behalf_of: None,
            account: None,
            principal: None,
            name: Some(self.parts().name.clone()),
            known_by: None,
        };
        if let Err(error) = self.parts().log.record(Event::about(Kind::Cancelled, id).by(by).refusing(&why)).await {
            tracing::error!(invocation.id = %id, "Why a command was stopped is not on record: {error}");
        }
    }

    /// Why it may no longer run, once that is so.
    async fn must_end(&self, id: InvocationId, ongoing: &Ongoing, decided: Duration) -> Refusal {
        let clock = &self.parts().clock;
        let mut news = self.parts().queue.listen(Topic::Control);
        let mut asked_at = decided;
        let mut is_away = false;
        loop {
            news.wait(LOOK_EVERY).await;
            if ongoing.changes() {
                match self.frozen(ongoing.env()).await {
                    Ok(Some(refusal)) => return refusal,
                    Ok(None) => is_away = false,
                    Err(refusal) if !std::mem::replace(&mut is_away, true) => {
                        tracing::warn!(invocation.id = %id, "What runs goes on: {refusal}");
                    }
                    Err(_) => {}
                }
            }
            if clock.boottime().saturating_sub(asked_at) >= ASK_EVERY {
                asked_at = clock.boottime();
                if let Some(no) = self.no_longer(id, ongoing).await {
                    return no;
                }
            }
        }
    }

    /// Whether this worker's own policy and directory would say no by now.
    async fn no_longer(&self, id: InvocationId, ongoing: &Ongoing) -> Option<Refusal> {
        let parts = self.parts();
        let people = match parts.directory.people(std::slice::from_ref(ongoing.requester())).await {
            Ok(people) => people,
            Err(error) => {
                tracing::warn!(invocation.id = %id, "It cannot be asked whether a command may still run: {error}");
                return None;
            }
        };
        let facts = Facts::new(parts.clock.now(), people);
        ongoing.ask_again(parts.policy.current().as_ref(), &facts).err().map(|refusal| *refusal)
    }
}
