//! Taking a request back, and stopping what runs.
//!
//! **Invariant:** stopping waits for nothing: no log, no chat. Before the start fate decides; after it
//! the worker that runs the command is asked, and says how it ended.

use crate::Gateway;
use crate::asking::{End, only_looks};
use crate::glance::Glance;
use crate::records;
use crate::vote::{decided, eligible, unknown};
use countersign_audit::event::Actor;
use countersign_chat::{Answer, Notice, State};
use countersign_core::decision::Decision;
use countersign_core::id::InvocationId;
use countersign_core::invocation::Resumed;
use countersign_core::principal::{Account, Principal};
use countersign_core::refusal::{Code, Refusal, shown};
use countersign_queue::{Cancelled, Papers};
use std::time::Duration;

/// A request that somebody stops is remembered as such for so long: longer than any command runs.
const REMEMBERED: Duration = Duration::from_hours(48);

impl Gateway {
    /// The requester takes it back, or somebody who answers for the target stops it.
    pub(crate) async fn cancel(
        &self,
        id: InvocationId,
        who: &Principal,
        account: &Account,
        papers: &Papers,
    ) -> Result<Answer, Box<Refusal>> {
        let Some(glance) = self.glance(id, papers).await else { return Err(Box::new(unknown())) };
        if glance.state.is_final() {
            return Err(Box::new(decided(&glance.state.phrase())));
        }
        let decision = glance.decision.decision();
        self.may_cancel(id, decision, who, papers)?;
        let by = Actor::person(who, Some(account));
        let refusal = Refusal::new(
            Code::Cancelled,
            format!("cancelled by {}", shown(&who.name)),
            "Ask again if it is still wanted.",
        );
        // A look that runs has no fate to be closed: the worker stops it. Of everything else fate
        // knows first, so that nobody who dies here leaves work that is neither wanted nor closed.
        let looks = only_looks(decision);
        if looks && self.stop_work(id).await? == Cancelled::AfterStart {
            return self.stopped(id, &glance, who, by).await;
        }
        match self.end_by(id, &decision.pool, refusal, Some(by.clone())).await {
            End::Over => {
                if !looks && let Err(refusal) = self.stop_work(id).await {
                    tracing::warn!(invocation.id = %id, "Cancelled work stays in the queue for a worker to drop: {refusal}");
                }
                Ok(Answer::Said(Notice::Cancelled { who: who.name.clone(), was_running: false }))
            }
            End::Started => self.stopped(id, &glance, who, by).await,
            // What was seen to run is stopped, whether or not fate answers.
            End::Unwritten if glance.state == State::Running => self.stopped(id, &glance, who, by).await,
            End::Unwritten => Err(Box::new(not_cancelled())),
        }
    }

    /// The requester, whoever may approve it, and the owners of what it is about. Stopping can break
    /// off half of a change, so it is not for everybody who can see it.
    fn may_cancel(
        &self,
        id: InvocationId,
        decision: &Decision,
        who: &Principal,
        papers: &Papers,
    ) -> Result<(), Box<Refusal>> {
        let asked = matches!(self.resumed(id, papers), Some(Resumed::Asked(asked)) if eligible(&asked, who).is_ok());
        let owns = || {
            let owners = self.parts().policy.current().owners_of(&decision.tool, &decision.scope);
            !owners.is_disjoint(&who.groups)
        };
        if decision.requester == who.id || asked || owns() {
            return Ok(());
        }
        Err(Box::new(Refusal::new(
            Code::ApproverNotEligible,
            "only the requester, somebody who may approve it, or an owner of the target can cancel this",
            "Ask one of them.",
        )))
    }

    async fn stop_work(&self, id: InvocationId) -> Result<Cancelled, Box<Refusal>> {
        let hint = self.parts().queue.cancel(id).await.map_err(|error| Box::new(error.refusal()))?;
        tracing::info!(invocation.id = %id, "A cancellation was asked for and met {hint:?}");
        Ok(hint)
    }

    /// Asks the worker to stop it, and puts on record who did. Whoever comes second is told.
    async fn stopped(
        &self,
        id: InvocationId,
        glance: &Glance,
        who: &Principal,
        by: Actor,
    ) -> Result<Answer, Box<Refusal>> {
        let parts = self.parts();
        let now = parts.clock.now();
        self.stop_work(id).await?;
        let first = parts.queue.first_time(&format!("stopped/{id}"), now.plus(REMEMBERED), now).await;
        if matches!(first, Ok(false)) {
            return Err(Box::new(Refusal::new(
                Code::AlreadyDecided,
                "it is being stopped already",
                "How it ended is told in its thread.",
            )));
        }
        let notice = Notice::Cancelled { who: who.name.clone(), was_running: true };
        let told = self.say_in(id, &glance.thread, notice.clone());
        let (recorded, ()) = tokio::join!(parts.log.record(records::record_stopped(id, by)), told);
        if let Err(error) = recorded {
            tracing::error!(invocation.id = %id, "Who stopped a command is not on record: {error}");
        }
        Ok(Answer::Said(notice))
    }
}

fn not_cancelled() -> Refusal {
    Refusal::new(
        Code::AuditUnavailable,
        "the cancellation could not be written, so it does not hold yet",
        "Press it again; if it stays, tell the operators.",
    )
}
