//! The worker: claims, verifies, decides again, records, runs and closes.
//!
//! **Invariant:** a job is believed only after its seal opened and this worker's own policy,
//! directory, count of ballots and fresh look at the effect agree; nothing runs that is not on
//! record; whatever happens, an outcome is owed and written. It holds no chat token.

mod effect;
mod guard;
pub mod host;
mod job;
mod look;
mod output;
mod people;
mod reap;
mod report;
mod run;
mod stopping;
mod sweep;

use countersign_audit::control::ControlLog;
use countersign_audit::fate::Fate;
use countersign_audit::log::AuditLog;
use countersign_core::digest::Digest;
use countersign_core::seal::{Sealer, Verifier};
use countersign_core::tier::Isolation;
use countersign_core::time::{Clock, Timestamp};
use countersign_identity::Directory;
use countersign_policy::LivePolicy;
use countersign_queue::{Queue, Topic, Unavailable};
use countersign_runner::Runner;
use countersign_secrets::Broker;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// What a worker is made of.
pub struct Parts {
    /// The worker's name, for people and leases of work.
    pub name: String,
    /// The pool whose jobs it takes.
    pub pool: String,
    /// Name of the installation.
    pub deployment: String,
    /// Wall clock and boot clock.
    pub clock: Arc<dyn Clock>,
    /// This worker's own policy files.
    pub policy: Arc<LivePolicy>,
    /// This worker's own directory.
    pub directory: Arc<dyn Directory>,
    /// Between the gateways and this process. Never believed.
    pub queue: Arc<dyn Queue>,
    /// This process's writer.
    pub log: AuditLog,
    /// Where fates and outcomes are decided.
    pub fate: Arc<dyn Fate>,
    /// Mints and takes back credentials.
    pub broker: Arc<dyn Broker>,
    /// The jail.
    pub runner: Arc<dyn Runner>,
    /// Seals effects and outcomes.
    pub sealer: Arc<Sealer>,
    /// Opens jobs, ballots and effects.
    pub verifier: Verifier,
    /// Digests of the isolation profiles this worker proved at start.
    pub profiles: BTreeMap<Isolation, Digest>,
    /// How many commands run at once.
    pub at_once: usize,
    /// How long a claim is leased before it must be renewed; [`LEASE`] unless there is a reason.
    pub lease: Duration,
    /// Every task of the worker is joined through it.
    pub tasks: TaskTracker,
    /// Stops claiming; running commands end by themselves or with `abort`.
    pub stop: CancellationToken,
    /// Ends running commands.
    pub abort: CancellationToken,
}

impl fmt::Debug for Parts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parts").field("name", &self.name).field("pool", &self.pool).finish_non_exhaustive()
    }
}

impl Parts {
    /// The time that leases are counted in: the queue's, so that a worker whose clock is ahead
    /// does not take the work of the others for abandoned.
    async fn lease_time(&self) -> Result<Timestamp, Unavailable> {
        Ok(self.queue.time().await?.unwrap_or_else(|| self.clock.now()))
    }
}

/// How long a claim is usually leased: a command whose worker died is missed so long.
pub const LEASE: Duration = Duration::from_secs(15);

/// How often a worker looks for work without a hint.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// A worker; cheap to clone.
#[derive(Debug, Clone)]
pub struct Worker(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    parts: Parts,
    /// Which freezes are on, as the fate store says.
    control: ControlLog,
}

impl Worker {
    /// Starts claiming and reaping; ends when `stop` is cancelled.
    pub fn start(parts: Parts) {
        let control = parts.log.control();
        let worker = Self(Arc::new(Shared { parts, control }));
        let (claims, reaps, sweeps) = (worker.clone(), worker.clone(), worker.clone());
        worker.parts().tasks.spawn(async move { claims.claim().await });
        worker.parts().tasks.spawn(async move { reaps.reap().await });
        worker.parts().tasks.spawn(async move { sweeps.sweep().await });
    }

    fn parts(&self) -> &Parts {
        &self.0.parts
    }

    fn control(&self) -> &ControlLog {
        &self.0.control
    }

    /// Claims until it is told to stop.
    async fn claim(&self) {
        let parts = self.parts();
        let places = Arc::new(Semaphore::new(parts.at_once));
        let mut news = parts.queue.listen(Topic::Pool(parts.pool.clone()));
        let mut is_away = false;
        loop {
            let place = tokio::select! {
                place = places.clone().acquire_owned() => place,
                () = parts.stop.cancelled() => return,
            };
            let Ok(place) = place else { return };
            let claimed = match parts.lease_time().await {
                Ok(now) => parts.queue.claim(&parts.pool, &parts.name, now, parts.lease).await,
                Err(error) => Err(error),
            };
            // Said once: hints come as often as anybody likes.
            let was_away = std::mem::replace(&mut is_away, claimed.is_err());
            match claimed {
                Ok(Some(claim)) => {
                    let worker = self.clone();
                    parts.tasks.spawn(async move {
                        Box::pin(worker.work(claim)).await;
                        drop(place);
                    });
                    continue;
                }
                Err(error) if !was_away => tracing::warn!("No work can be claimed: {error}"),
                Ok(None) | Err(_) => {}
            }
            drop(place);
            tokio::select! {
                () = news.wait(LOOK_EVERY) => {}
                () = parts.stop.cancelled() => return,
            }
        }
    }
}
