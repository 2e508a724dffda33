//! One claim, from the queue to its end.
//!
//! **Invariant:** a claim ends in one of three ways: finished, given back untouched, or left to
//! the reaper because this process could not reach the queue, or could not record what it owes.

use crate::Worker;
use crate::stopping::{Stopping, cancelled, lost};
use countersign_audit::event::{Event, Kind, SealKind};
use countersign_audit::fate::{Reason, Verdict};
use countersign_core::id::InvocationId;
use countersign_core::refusal::{Code, Refusal};
use countersign_core::seal::{SealError, Sealed};
use countersign_queue::{Claim, Kind as Work, Load, RenewError, Renewed, Topic};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// How long untouched work rests before somebody tries again.
const REST: Duration = Duration::from_secs(5);

/// What becomes of the claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Settled {
    /// It ran, or it never will.
    Finish,
    /// Nothing happened; somebody may try again.
    GiveBack,
    /// Fate says that another attempt has started it.
    Started,
    /// An outcome is owed and could not be recorded: whoever reaps the claim pays it.
    Leave,
}

impl Worker {
    pub(crate) async fn work(&self, claim: Claim) {
        let stopping = Stopping::below(&self.parts().abort);
        let renewing = CancellationToken::new();
        let renewer = self.renew(&claim, &stopping, &renewing);
        let work = async {
            let settled = match &claim.load {
                Load::Preview(sealed) => Box::pin(self.preview(&claim, sealed, &stopping)).await,
                Load::Run(sealed) => Box::pin(self.run(&claim, sealed, &stopping)).await,
            };
            let settled = match settled {
                Settled::Started => self.started_before(&claim).await,
                settled => settled,
            };
            renewing.cancel();
            settled
        };
        let (settled, ()) = tokio::join!(work, renewer);
        self.settle(&claim, settled).await;
    }

    /// Only whoever holds the claim may say that the worker which started is gone: one that was
    /// held up itself and lost its claim would speak of a command that runs.
    async fn started_before(&self, claim: &Claim) -> Settled {
        if claim.key.kind == Work::Preview {
            return Settled::Finish;
        }
        let parts = self.parts();
        let Ok(now) = parts.lease_time().await else { return Settled::Leave };
        match parts.queue.renew(claim.key, claim.fence, now, parts.lease).await {
            Ok(_) => self.settle_started(claim.key.invocation).await,
            Err(_) => Settled::Leave,
        }
    }

    async fn settle(&self, claim: &Claim, settled: Settled) {
        let (queue, key) = (&self.parts().queue, claim.key);
        let said = match settled {
            Settled::Finish => queue.finish(key, claim.fence).await.map_err(|error| error.to_string()),
            Settled::GiveBack | Settled::Started => match self.parts().lease_time().await {
                Ok(now) => queue.release(key, claim.fence, now.plus(REST)).await.map_err(|error| error.to_string()),
                Err(error) => Err(error.to_string()),
            },
            Settled::Leave => return,
        };
        if let Err(error) = said {
            tracing::warn!(invocation.id = %key.invocation, "The work could not be settled, the reaper will: {error}");
        }
    }

    /// Keeps the claim until `done`; stops the command when somebody cancelled, or the claim is
    /// lost or not known to be held for half its lease.
    async fn renew(&self, claim: &Claim, stopping: &Stopping, done: &CancellationToken) {
        let parts = self.parts();
        let mut news = parts.queue.listen(Topic::Cancellation(claim.key.invocation));
        let mut held_at = parts.clock.boottime();
        loop {
            tokio::select! {
                () = news.wait(parts.lease / 15) => {}
                () = done.cancelled() => return,
            }
            let renewed = match parts.lease_time().await {
                Ok(now) => parts.queue.renew(claim.key, claim.fence, now, parts.lease).await,
                Err(error) => Err(error.into()),
            };
            match renewed {
                Ok(Renewed::Held(_)) => held_at = parts.clock.boottime(),
                Ok(Renewed::Cancelled(_)) => {
                    held_at = parts.clock.boottime();
                    stopping.stop(cancelled());
                }
                Err(RenewError::Lost) => {
                    tracing::error!(invocation.id = %claim.key.invocation, "The claim is lost, so the command is stopped");
                    stopping.stop(lost());
                    return;
                }
                Err(RenewError::Unavailable(error)) => {
                    tracing::warn!(invocation.id = %claim.key.invocation, "The claim could not be renewed: {error}");
                    if parts.clock.boottime().saturating_sub(held_at) > parts.lease / 2 {
                        stopping.stop(lost());
                    }
                }
            }
        }
    }

    /// A seal that does not open is recorded and never touches fate: whoever forged it must not
    /// be able to end somebody's request.
    pub(crate) async fn bad_seal<T>(
        &self,
        claim: &Claim,
        kind: SealKind,
        sealed: &Sealed<T>,
        error: &SealError,
    ) -> Settled {
        let id = claim.key.invocation;
        if let SealError::Expired(at) = error {
            // The seal is the gateway's; only its time is over. That is an ordinary no.
            return self.refuse(id, crate::run::expired(*at)).await;
        }
        tracing::error!(invocation.id = %id, "A job's seal does not open: {error}");
        let refusal = Refusal::new(
            Code::BadSeal,
            format!("the job cannot be believed: {error}"),
            "If nobody changed keys, somebody writes to the queue who should not.",
        );
        let event = Event::about(Kind::Refused, id).refusing(&refusal).seal(kind, sealed);
        match self.parts().log.record(event).await {
            Ok(_) => Settled::Finish,
            Err(error) => {
                tracing::error!(invocation.id = %id, "A refused job could not be recorded: {error}");
                Settled::GiveBack
            }
        }
    }

    /// This worker's own no: fate first, then the record, then the people.
    pub(crate) async fn refuse(&self, id: InvocationId, refusal: Refusal) -> Settled {
        let parts = self.parts();
        let closing = parts.log.refuse(&parts.pool, id, reason_of(refusal.code()), Some(refusal.code())).await;
        match closing.map(|closing| closing.fate.verdict) {
            Ok(Verdict::Closed { .. }) => {}
            Ok(Verdict::Start { .. }) => {
                tracing::warn!(invocation.id = %id, "A request to be refused has started before");
                return Settled::Started;
            }
            Err(error) => {
                tracing::error!(invocation.id = %id, "A no could not be written: {error}");
                return Settled::GiveBack;
            }
        }
        if let Err(error) = parts.log.record(Event::about(Kind::Refused, id).refusing(&refusal)).await {
            tracing::error!(invocation.id = %id, "A no was decided and not recorded: {error}");
        }
        let outcome = self.not_run(id, refusal, None);
        self.publish(id, outcome.seal(&parts.sealer)).await;
        Settled::Finish
    }
}

/// The fate's word for a refusal.
const fn reason_of(code: Code) -> Reason {
    match code {
        Code::Rejected => Reason::Rejected,
        Code::Cancelled => Reason::Cancelled,
        Code::Expired => Reason::Expired,
        Code::Frozen => Reason::Frozen,
        Code::Drifted => Reason::Drifted,
        _ => Reason::Refused,
    }
}
