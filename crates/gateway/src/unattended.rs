//! What people hear when no worker of a request's pool is there.
//!
//! **Invariant:** a courtesy. Workers say themselves that they are there, and nothing is decided by it.

use crate::Gateway;
use crate::asking::JOB_EXPIRY;
use countersign_chat::{Notice, State};
use countersign_core::id::InvocationId;
use countersign_core::time::Timestamp;
use countersign_queue::{Present, Unavailable};
use countersign_service::metrics;
use std::collections::BTreeSet;
use std::time::Duration;
use tokio::time::Instant;

/// So long a request may wait before people are told that nobody is there for it.
const PATIENCE: Duration = Duration::from_secs(10);

/// A worker that was heard of so lately is there: it says so every few seconds, also while it runs something.
const LATELY: Duration = Duration::from_secs(30);

/// How long it is remembered that people were told so: longer than any request waits.
const REMEMBERED: Duration = Duration::from_hours(48);

/// The workers of a pool, as they said themselves.
#[derive(Debug)]
pub(crate) struct Attended {
    there: usize,
    /// When the last one was heard of, if that is known.
    seen: Option<Timestamp>,
}

impl Attended {
    fn of(workers: &[Present], now: Timestamp) -> Self {
        let there = workers.iter().filter(|one| now.since(one.seen) < LATELY).count();
        Self { there, seen: workers.iter().map(|one| one.seen).max() }
    }

    /// For people.
    pub(crate) fn told(&self) -> String {
        match self.there {
            0 => "no worker is there".to_owned(),
            1 => "1 worker is there".to_owned(),
            there => format!("{there} workers are there"),
        }
    }
}

impl Gateway {
    pub(crate) async fn attended(&self, pool: &str) -> Result<Attended, Unavailable> {
        let parts = self.parts();
        let now = parts.queue.time().await?.unwrap_or_else(|| parts.clock.now());
        Ok(Attended::of(&parts.queue.workers(pool).await?, now))
    }

    /// Tells it once of a look and once of a run, when it has waited for a while.
    pub(crate) async fn tell_unattended(&self, id: InvocationId) {
        let waiting = self.with_view(id, |view| {
            let since = *view.waits.get_or_insert_with(Instant::now);
            let waited = since.elapsed();
            let decision = view.decision.decision();
            (waited >= PATIENCE).then(|| (decision.pool.clone(), decision.expires_at, view.state, waited))
        });
        let Some(Some((pool, expires_at, state, waited))) = waiting else { return };
        let Ok(Attended { there: 0, seen }) = self.attended(&pool).await else { return };
        let (queue, now) = (&self.parts().queue, self.parts().clock.now());
        // A job does not wait as long as its request may.
        let (what, until) = match state {
            State::Previewing => ("look", expires_at),
            _ => ("run", expires_at.min(now.plus(JOB_EXPIRY.saturating_sub(waited)))),
        };
        let first = queue.first_time(&format!("unattended/{what}/{id}"), now.plus(REMEMBERED), now).await;
        if matches!(first, Ok(true)) {
            tracing::warn!(invocation.id = %id, "No worker of pool `{pool}` is there for a request");
            self.say(id, Notice::NobodyThere { pool, seen, until }).await;
        }
    }

    /// Counts the workers of every pool that the catalog names, for operators.
    pub(crate) async fn count_workers(&self) -> Result<(), Unavailable> {
        let policy = self.parts().policy.current();
        let pools: BTreeSet<String> = policy.catalog().places().map(|place| place.pool.clone()).collect();
        for pool in pools {
            let there = self.attended(&pool).await?.there;
            metrics::pool_workers(&pool, there);
        }
        Ok(())
    }
}
