//! One worker's broker, a clock, and what it asks.

use crate::broker::{Broker as _, IssueError};
use crate::catalogued::CatalogBroker;
use crate::fixed::{StaticConfig, WallLimits};
use crate::issuers::{IssuerSettings, Issuers};
use crate::lease::Lease;
use crate::need::Need;
use crate::recipe::Recipe;
use crate::target::{TargetKey, TargetKind};
use countersign_core::id::{InvocationId, Origin};
use countersign_core::refusal::Code;
use countersign_core::time::{Clock, Timestamp};
use countersign_core::warrant::{CredentialClass, Errand};
use secrecy::SecretString;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// 2026-01-05T12:00:00Z.
const START: i64 = 1_767_614_400_000;

/// How long jobs may take in these tests.
pub(super) const WALL: Duration = Duration::from_mins(5);

/// A clock that a test moves, for us and for the stand-ins.
#[derive(Debug, Clone)]
pub(super) struct Hands(Arc<AtomicI64>);

impl Clock for Hands {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::SeqCst))
    }

    fn boottime(&self) -> Duration {
        Duration::ZERO
    }
}

impl Hands {
    pub(super) fn at_start() -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        Self(Arc::new(AtomicI64::new(START)))
    }

    pub(super) fn pass(&self, time: Duration) {
        self.0.fetch_add(i64::try_from(time.as_millis()).unwrap(), Ordering::SeqCst);
    }

    pub(super) fn simulated(&self) -> Arc<dyn Fn() -> jiff::Timestamp + Send + Sync> {
        let hands = self.clone();
        Arc::new(move || jiff::Timestamp::from_millisecond(hands.0.load(Ordering::SeqCst)).unwrap())
    }

    pub(super) fn later(&self, time: Duration) -> Timestamp {
        self.now().plus(time)
    }
}

/// Tasks of stand-ins, and a folder for files.
pub(super) struct Ground {
    pub(super) clock: Hands,
    pub(super) tasks: TaskTracker,
    pub(super) stop: CancellationToken,
    pub(super) folder: tempfile::TempDir,
}

impl Ground {
    pub(super) fn new() -> Self {
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        Self { clock: Hands::at_start(), tasks, stop, folder: tempfile::tempdir().unwrap() }
    }

    /// A file that anybody may read.
    pub(super) fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    /// A broker with one recipe, for reading one target.
    pub(super) fn broker(
        &self,
        kind: TargetKind,
        recipe: Recipe,
        settings: IssuerSettings,
        environment: &[(&str, &str)],
    ) -> CatalogBroker {
        let environment: BTreeMap<String, SecretString> =
            environment.iter().map(|(name, value)| ((*name).to_owned(), SecretString::from(*value))).collect();
        let config = StaticConfig {
            credentials: [((TargetKey::new(kind, "dev"), CredentialClass::Read), recipe)].into(),
            without_credential: BTreeSet::new(),
            wall: WallLimits { default: WALL, by_tool: BTreeMap::new() },
            environment: environment.clone(),
        };
        let clock: Arc<dyn Clock> = Arc::new(self.clock.clone());
        CatalogBroker::new(config, Arc::new(Issuers::new(settings, environment, clock.clone())), clock)
    }
}

/// A command that reads `dev`; each has its own trigger.
pub(super) fn need(kind: TargetKind, trigger: &str) -> Need {
    let origin = Origin { deployment: "acme", front: "slack", team: "T1", trigger };
    Need {
        invocation: InvocationId::derive(origin, Timestamp::from_millis(START)),
        errand: Errand::Run,
        tool: kind.as_str().to_owned(),
        key: Some(TargetKey::new(kind, "dev")),
        target: Some("dev".to_owned()),
        class: CredentialClass::Read,
        pool: "dev".to_owned(),
        principal: "ann@example.com".to_owned(),
    }
}

pub(super) async fn lease(broker: &CatalogBroker, kind: TargetKind, trigger: &str) -> Lease {
    broker.lease(need(kind, trigger)).await.unwrap_or_else(|error| panic!("{error}: {error:?}"))
}

/// What a person reads when there is no lease; the error must lead to a refusal.
pub(super) async fn refused(broker: &CatalogBroker, kind: TargetKind) -> (IssueError, String) {
    let error = broker.lease(need(kind, "refused")).await.unwrap_err();
    let refusal = error.refusal();
    assert_eq!(refusal.code(), Code::CredentialUnavailable);
    let text = refusal.to_string();
    (error, text)
}

/// How many commands one worker runs in the tests of what they leave behind: there are two, ten thousand in all.
const COMMANDS: usize = 5_000;

/// That many commands, a few at once; of every sixteenth the worker dies before it gives its lease back. How many those
/// are.
pub(super) async fn many(broker: &CatalogBroker, kind: TargetKind) -> usize {
    let (next, left) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let lane = || async {
        loop {
            let nth = next.fetch_add(1, Ordering::SeqCst);
            if nth >= COMMANDS {
                return;
            }
            let lease = lease(broker, kind, &format!("many-{nth}")).await;
            if nth % 16 == 0 {
                left.fetch_add(1, Ordering::SeqCst);
            } else {
                broker.revoke(lease).await.unwrap();
            }
        }
    };
    tokio::join!(lane(), lane(), lane(), lane(), lane(), lane(), lane(), lane());
    left.load(Ordering::SeqCst)
}

/// What a sweep revokes when these leases are held.
pub(super) async fn sweep(broker: &CatalogBroker, live: &[&Lease]) -> Vec<String> {
    let live = live.iter().map(|lease| lease.handle().to_owned()).collect();
    broker.sweep("dev", &live).await.unwrap()
}
