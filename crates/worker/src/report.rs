//! Outcomes, and who hears of them.

use crate::Worker;
use countersign_core::id::{Attempt, InvocationId};
use countersign_core::outcome::{Ending, Outcome};
use countersign_core::refusal::Refusal;
use countersign_core::seal::Sealed;
use countersign_queue::{Paper, Progress};

impl Worker {
    /// An outcome of this worker, with nothing in it yet.
    pub(crate) fn outcome(&self, invocation: InvocationId, ending: Ending) -> Outcome {
        let parts = self.parts();
        Outcome {
            v: 1,
            deployment: parts.deployment.clone(),
            pool: parts.pool.clone(),
            invocation,
            attempt: None,
            ending,
            exit: None,
            refusal: None,
            at: parts.clock.now(),
            duration_ms: 0,
            output: None,
            output_bytes: 0,
            redactions: 0,
            notes: Vec::new(),
        }
    }

    /// The outcome of something that did not start.
    pub(crate) fn not_run(&self, id: InvocationId, refusal: Refusal, attempt: Option<Attempt>) -> Outcome {
        Outcome { refusal: Some(refusal), attempt, ..self.outcome(id, Ending::NotRun) }
    }

    /// Puts a sealed outcome where the gateways find it. The record holds it already.
    pub(crate) async fn publish(&self, id: InvocationId, sealed: Sealed<Outcome>) {
        if let Err(error) = self.parts().queue.post(id, &self.parts().pool, Paper::Outcome(sealed)).await {
            tracing::error!(invocation.id = %id, "An outcome could not be posted: {error}");
        }
    }

    /// Progress for people; nothing depends on it.
    pub(crate) async fn tell(&self, id: InvocationId, name: &str, text: impl Into<String>) {
        let parts = self.parts();
        let event = Progress::Event { name: name.to_owned(), text: text.into() };
        if let Err(error) = parts.queue.append(id, &parts.pool, parts.clock.now(), vec![event]).await {
            tracing::warn!(invocation.id = %id, "Progress could not be told: {error}");
        }
    }
}
