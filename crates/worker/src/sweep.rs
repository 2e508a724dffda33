//! Credentials that dead workers left behind, and plans that nobody will apply any more.
//!
//! **Invariant:** nothing is taken back that somebody of the pool may still use: what is held, or not
//! settled yet, lives, and while the queue cannot say what that is no credential is swept. Plans end
//! by their own time.

use crate::Worker;
use countersign_audit::event::{Event, Kind};
use countersign_secrets::Lease;
use std::collections::BTreeSet;
use std::time::Duration;

/// How often, after the first time at the start.
const EVERY: Duration = Duration::from_mins(5);

impl Worker {
    pub(crate) async fn sweep(&self) {
        let mut ticks = tokio::time::interval(EVERY);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                () = self.parts().stop.cancelled() => return,
            }
            // Leases first: whatever the place of saved plans does, no credential waits for it.
            let all = async {
                self.sweep_once().await;
                self.parts().runner.tidy(&self.parts().pool).await;
            };
            tokio::select! {
                () = all => {}
                () = self.parts().stop.cancelled() => return,
            }
        }
    }

    async fn sweep_once(&self) {
        let parts = self.parts();
        let held = match parts.queue.held(&parts.pool).await {
            Ok(held) => held,
            Err(error) => return tracing::warn!("No lease is swept: the queue does not say who lives: {error}"),
        };
        let live: BTreeSet<String> = held.into_iter().flat_map(Lease::handles_of).collect();
        let swept = match parts.broker.sweep(&parts.pool, &live).await {
            Ok(swept) => swept,
            Err(error) => {
                return tracing::warn!("Not every abandoned lease could be taken back: {}", crate::run::chain(&error));
            }
        };
        for handle in swept {
            tracing::warn!(lease = %handle, "An abandoned lease was taken back");
            let event = Event::of(Kind::Lease).detail("lease", handle).detail("revoked", "abandoned");
            if let Err(error) = parts.log.record(event).await {
                tracing::error!("That an abandoned lease was taken back is not on record: {error}");
            }
        }
    }
}
