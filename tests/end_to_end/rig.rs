//! Gateways and workers beside those of an installation: over the same keys, log and people, with a queue, a policy or a
//! fate store of their own.

#![expect(clippy::unwrap_used, reason = "a process that does not start ends its test")]

use countersign::installation::{Places, system_clock};
use countersign::recorder::Recorder;
use countersign_audit::directory::Directory as Store;
use countersign_audit::fate::Fate;
use countersign_audit::keys::{self, DigestKey};
use countersign_audit::log::{AuditLog, Config, Limits};
use countersign_core::seal::{Sealer, Verifier};
use countersign_core::time::Clock;
use countersign_gateway::Gateway;
use countersign_identity::StaticDirectory;
use countersign_policy::LivePolicy;
use countersign_queue::Queue;
use countersign_runner::OwnServices;
use countersign_runner::plans::PlanStore;
use countersign_secrets::IssuerSettings;
use countersign_tests::launcher;
use countersign_worker::Worker;
use countersign_worker::host::{Host, Settings, UIDS};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// What all of them stand on.
pub(crate) struct Rig {
    places: Places,
    people: PathBuf,
    verifier: Verifier,
    pub(crate) clock: Arc<dyn Clock>,
    /// Where its workers keep plans.
    pub(crate) plans: Option<Arc<PlanStore>>,
    /// How many commands a worker runs at once.
    pub(crate) at_once: usize,
    log_tasks: TaskTracker,
}

/// One process, until it is stopped.
pub(crate) struct Started {
    pub(crate) log: AuditLog,
    pub(crate) sealer: Arc<Sealer>,
    tasks: TaskTracker,
    stop: CancellationToken,
    _host: Option<Host>,
}

impl Started {
    /// Ends it as SIGTERM does: what runs goes to its end.
    pub(crate) async fn stop(self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
        self.log.close().await.unwrap();
    }
}

impl Rig {
    pub(crate) fn over(places: &Places, people: PathBuf, verifier: &Verifier) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let (places, verifier) = (places.clone(), verifier.clone());
        Self { places, people, verifier, clock: system_clock(), plans: None, at_once: 4, log_tasks: TaskTracker::new() }
    }

    pub(crate) fn fates(&self) -> Arc<Store> {
        Arc::new(Store::open(self.places.fate.clone(), self.clock.clone()).unwrap())
    }

    async fn process(&self, key: &str, fate: Arc<dyn Fate>) -> Started {
        let sealer = Arc::new(keys::load_sealer(&self.places.keys, key, "demo").unwrap());
        let store = |path: &PathBuf| Arc::new(Store::open(path.clone(), self.clock.clone()).unwrap());
        let config = Config {
            sealer: sealer.clone(),
            verifier: self.verifier.clone(),
            sink: store(&self.places.audit),
            anchors: vec![store(&self.places.anchors)],
            fate,
            clock: self.clock.clone(),
            tracker: self.log_tasks.clone(),
            digest_key: DigestKey::load(&self.places.keys.join("digest.key")).unwrap(),
            binary: None,
            limits: Limits::default(),
        };
        let log = AuditLog::open(config).await.unwrap();
        Started { log, sealer, tasks: TaskTracker::new(), stop: CancellationToken::new(), _host: None }
    }

    pub(crate) async fn gateway(
        &self,
        queue: Arc<dyn Queue>,
        policy: &Arc<LivePolicy>,
        chat: Arc<Recorder>,
    ) -> (Gateway, Started) {
        let started = self.process("gateway", self.fates()).await;
        let gateway = Gateway::start(countersign_gateway::Parts {
            deployment: "demo".into(),
            clock: self.clock.clone(),
            policy: policy.clone(),
            directory: Arc::new(StaticDirectory::new(&self.people)),
            queue,
            log: started.log.clone(),
            chat,
            sealer: started.sealer.clone(),
            verifier: self.verifier.clone(),
            tasks: started.tasks.clone(),
            stop: started.stop.clone(),
        });
        (gateway, started)
    }

    /// The worker of a pool, with the pool's key.
    pub(crate) async fn worker(&self, pool: &str, queue: Arc<dyn Queue>, policy: &Arc<LivePolicy>) -> Started {
        self.worker_with(pool, queue, policy, self.fates()).await
    }

    /// The same, with another fate store.
    pub(crate) async fn worker_with(
        &self,
        pool: &str,
        queue: Arc<dyn Queue>,
        policy: &Arc<LivePolicy>,
        fate: Arc<dyn Fate>,
    ) -> Started {
        let started = self.process(&format!("worker-{pool}"), fate.clone()).await;
        let settings = Settings {
            launcher: launcher(),
            jobs: self.places.jobs.with_file_name(format!("jobs-{pool}")),
            programs: BTreeMap::new(),
            uids: UIDS,
            own_services: OwnServices::default(),
            environment: BTreeMap::new(),
            extra_credentials: BTreeMap::new(),
            issuers: IssuerSettings::default(),
            clock: self.clock.clone(),
            plans: self.plans.clone(),
        };
        let host = Host::open(settings, policy.current().catalog()).unwrap();
        Worker::start(countersign_worker::Parts {
            name: format!("worker-{pool}"),
            pool: pool.to_owned(),
            deployment: "demo".into(),
            clock: self.clock.clone(),
            policy: policy.clone(),
            directory: Arc::new(StaticDirectory::new(&self.people)),
            queue,
            log: started.log.clone(),
            fate,
            broker: host.broker(),
            runner: host.jail(),
            sealer: started.sealer.clone(),
            verifier: self.verifier.clone(),
            profiles: host.profiles(),
            at_once: self.at_once,
            lease: countersign_worker::LEASE,
            tasks: started.tasks.clone(),
            stop: started.stop.clone(),
            abort: CancellationToken::new(),
        });
        Started { _host: Some(host), ..started }
    }
}
