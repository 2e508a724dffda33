//! Work whose worker is gone.
//!
//! **Invariant:** the recorded outcome is read first, then fate; what has started and has no
//! outcome is unknown, and is said to be unknown.

use crate::Worker;
use crate::job::Settled;
use crate::run::chain;
use countersign_audit::begin::Ended;
use countersign_audit::fate::{FateDoc, Verdict};
use countersign_core::id::InvocationId;
use countersign_core::outcome::{Ending, Outcome};
use countersign_core::refusal::{Code, Refusal};
use countersign_core::seal::Sealed;
use countersign_core::warrant::Errand;
use countersign_queue::{Kind, Orphan};

/// As many orphans are settled at one tick: whoever writes the queue may invent any number.
const AT_ONCE: usize = 64;

impl Worker {
    pub(crate) async fn reap(&self) {
        let parts = self.parts();
        let mut ticks = tokio::time::interval(parts.lease / 3);
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                () = parts.stop.cancelled() => return,
            }
            let reaped = match parts.lease_time().await {
                Ok(now) => parts.queue.reap(&parts.pool, now).await,
                Err(error) => Err(error),
            };
            match reaped {
                Ok(reaped) => {
                    for orphan in reaped.orphans.into_iter().take(AT_ONCE) {
                        if self.settle_orphan(&orphan).await == Settled::Finish
                            && let Err(error) = parts.queue.finish(orphan.key, orphan.fence).await
                        {
                            tracing::warn!(invocation.id = %orphan.key.invocation, "An orphan could not be settled: {error}");
                        }
                    }
                }
                Err(error) => tracing::warn!("The reaper could not read the queue: {error}"),
            }
        }
    }

    /// A look at an effect decides nothing: the request it was for goes its own way.
    async fn settle_orphan(&self, orphan: &Orphan) -> Settled {
        match orphan.key.kind {
            Kind::Preview => Settled::Finish,
            Kind::Run => self.settle_started(orphan.key.invocation).await,
        }
    }

    /// Somebody has started it, and this worker has no part in it.
    pub(crate) async fn settle_started(&self, id: InvocationId) -> Settled {
        let parts = self.parts();
        match parts.fate.ended(&parts.pool, id).await {
            Ok(Some(ended)) => return self.record_again(id, &ended.winner).await,
            Ok(None) => {}
            Err(error) => return self.later(id, &error.to_string()),
        }
        let fate = match parts.fate.look(&parts.pool, id).await {
            Ok(fate) => fate.map(|decided| FateDoc::read(decided.winner.as_bytes(), &parts.pool, id)).transpose(),
            Err(error) => return self.later(id, &error.to_string()),
        };
        match fate {
            Ok(Some(FateDoc { verdict: Verdict::Start { attempt, .. }, .. })) => {
                let outcome = Outcome { attempt: Some(attempt), ..self.unknown(id) };
                self.conclude_unknown(id, outcome).await
            }
            Ok(Some(FateDoc { verdict: Verdict::Closed { .. }, .. })) => Settled::Finish,
            // Nothing was changed by it.
            Ok(None) => self.refuse_lost(id).await,
            Err(error) => self.later(id, &error.to_string()),
        }
    }

    /// A read whose workers were lost. What no gateway asked for is only in the queue, and gets
    /// neither fate nor record.
    async fn refuse_lost(&self, id: InvocationId) -> Settled {
        let parts = self.parts();
        let asked = match parts.queue.papers(id).await {
            Ok(papers) => papers.asked,
            Err(error) => return self.later(id, &error.to_string()),
        };
        if asked.is_none_or(|sealed| sealed.open(&parts.verifier, id, parts.clock.now()).is_err()) {
            return Settled::Finish;
        }
        self.refuse(id, lost()).await
    }

    fn unknown(&self, id: InvocationId) -> Outcome {
        let find_out = vec![
            "The worker died after the start; the command may have taken effect in full, in part or not at all."
                .to_owned(),
            "Look at the target itself before asking again.".to_owned(),
        ];
        Outcome { notes: find_out, ..self.outcome(id, Ending::Unknown) }
    }

    async fn conclude_unknown(&self, id: InvocationId, outcome: Outcome) -> Settled {
        let sealed = outcome.seal(&self.parts().sealer);
        match self.parts().log.conclude(&sealed, Errand::Run, &Ended::default()).await {
            // The worker was only slow: its own word stands.
            Ok(concluded) => {
                if let Some(winner) = concluded.superseded_by {
                    return self.record_again(id, &winner).await;
                }
                self.publish(id, sealed).await;
                Settled::Finish
            }
            Err(error) => self.later(id, &chain(&error)),
        }
    }

    /// The outcome that holds, put where the gateways find it.
    async fn pass_on(&self, id: InvocationId, text: &str) -> Settled {
        match serde_json::from_str::<Sealed<Outcome>>(text) {
            Ok(sealed) => self.publish(id, sealed).await,
            Err(error) => tracing::error!(invocation.id = %id, "A recorded outcome cannot be read: {error}"),
        }
        Settled::Finish
    }

    /// Its worker wrote how it ended and died: whether it came to the record nobody knows, so it
    /// is recorded once more, in the worker's own words.
    pub(crate) async fn record_again(&self, id: InvocationId, text: &str) -> Settled {
        if let Ok(sealed) = serde_json::from_str::<Sealed<Outcome>>(text)
            && let Err(error) = self.parts().log.conclude(&sealed, Errand::Run, &Ended::default()).await
        {
            return self.later(id, &chain(&error));
        }
        self.pass_on(id, text).await
    }

    fn later(&self, id: InvocationId, why: &str) -> Settled {
        tracing::warn!(invocation.id = %id, worker = %self.parts().name, "An orphan cannot be settled yet: {why}");
        Settled::GiveBack
    }
}

fn lost() -> Refusal {
    Refusal::new(Code::QueueUnavailable, "the workers that tried it were lost; nothing has changed", "Ask again.")
}
