//! `/healthz`, `/readyz`, `/metrics`.
//!
//! **Invariant:** ready means that everything a request needs answered just now; what is away is
//! named. A second place that is away is named too, and makes nothing wait. Whoever asks changes
//! nothing.

use crate::metrics::{self, Numbers};
use crate::revocations::Freshness;
use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use countersign_audit::fate::PROBE_POOL;
use countersign_audit::layout;
use countersign_audit::log::AuditLog;
use countersign_audit::sink::Sink;
use countersign_core::id::{InvocationId, KeyId, Origin};
use countersign_core::time::Clock;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// A dependency that does not answer within this is away.
const PATIENCE: Duration = Duration::from_secs(2);

/// A second place that took no head for so long is named; healthy ones take one a minute.
const LATE: Duration = Duration::from_mins(5);

type Answer = Pin<Box<dyn Future<Output = Result<(), String>> + Send>>;
type Check = Box<dyn Fn() -> Answer + Send + Sync>;

/// What a process needs.
pub struct Health {
    checks: Vec<(&'static str, Check)>,
    logs: Vec<AuditLog>,
    numbers: Numbers,
    stop: CancellationToken,
    clock: Arc<dyn Clock>,
}

impl fmt::Debug for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.checks.iter().map(|(name, _)| *name).collect();
        f.debug_struct("Health").field("checks", &names).finish_non_exhaustive()
    }
}

impl Health {
    /// Nothing is needed yet; once `stop` is cancelled the process is no longer ready.
    #[must_use]
    pub fn new(numbers: Numbers, stop: CancellationToken, clock: Arc<dyn Clock>) -> Self {
        Self { checks: Vec::new(), logs: Vec::new(), numbers, stop, clock }
    }

    /// A dependency: the text of its error goes to whoever asks.
    #[must_use]
    pub fn needs<F>(mut self, name: &'static str, check: impl Fn() -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<(), String>> + Send + 'static,
    {
        self.checks.push((name, Box::new(move || Box::pin(check()))));
        self
    }

    /// A log: it takes writes, its store has what this process put there, and fates can be read.
    #[must_use]
    pub fn needs_log(mut self, log: AuditLog, store: Arc<dyn Sink>, key: KeyId) -> Self {
        self.logs.push(log.clone());
        let clock = self.clock.clone();
        self.needs("audit", move || {
            let (log, store, key, clock) = (log.clone(), store.clone(), key.clone(), clock.clone());
            async move {
                if !log.gauges().writable.load(Relaxed) {
                    return Err("the last record was not taken".to_owned());
                }
                let certificate = layout::certificate(&key).ok_or("the key has no name")?;
                match store.read(&certificate).await {
                    Ok(Some(_)) => {}
                    Ok(None) => return Err("the store has lost what was written".to_owned()),
                    Err(error) => return Err(error.to_string()),
                }
                let nobody = Origin { deployment: "health", front: "health", team: "health", trigger: "health" };
                let asked = log.fate().ended(PROBE_POOL, InvocationId::derive(nobody, clock.now())).await;
                asked.map(drop).map_err(|error| error.to_string())
            }
        })
    }

    /// What is known of revoked keys is not old.
    #[must_use]
    pub fn needs_revocations(self, freshness: Freshness) -> Self {
        self.needs("revocations", move || std::future::ready(freshness.check()))
    }

    /// The three pages.
    pub fn router(self) -> Router {
        Router::new()
            .route("/healthz", get(async || "alive\n"))
            .route("/readyz", get(ready))
            .route("/metrics", get(numbers))
            .with_state(Arc::new(self))
    }

    /// What somebody should look at and nothing waits for.
    fn late(&self) -> Vec<String> {
        let now = self.clock.boottime();
        let states = self.logs.iter().flat_map(|log| log.gauges().anchors.states(now));
        let late = states.filter(|state| state.lag > LATE);
        late.map(|state| format!("no head was taken for {} s by anchor `{}`\n", state.lag.as_secs(), state.place))
            .collect()
    }

    async fn away(&self) -> Vec<(&'static str, String)> {
        let mut away = Vec::new();
        for (name, check) in &self.checks {
            let answer = tokio::time::timeout(PATIENCE, check()).await;
            let answer = answer.unwrap_or_else(|_| Err(format!("no answer within {} s", PATIENCE.as_secs())));
            if let Err(why) = answer {
                away.push((*name, why));
            }
        }
        for (name, _) in &self.checks {
            metrics::ready(name, away.iter().all(|(gone, _)| gone != name));
        }
        away
    }
}

async fn ready(State(health): State<Arc<Health>>) -> (StatusCode, String) {
    if health.stop.is_cancelled() {
        return (StatusCode::SERVICE_UNAVAILABLE, "stopping\n".to_owned());
    }
    let away = health.away().await;
    if away.is_empty() {
        return (StatusCode::OK, format!("ready\n{}", health.late().concat()));
    }
    let lines: Vec<String> = away.into_iter().map(|(name, why)| format!("{name}: {why}")).collect();
    (StatusCode::SERVICE_UNAVAILABLE, lines.join("\n") + "\n")
}

async fn numbers(State(health): State<Arc<Health>>) -> String {
    health.away().await;
    health.numbers.page(&health.logs, health.clock.boottime())
}
