//! What both sides of an installation stand on: keys, stores, a queue, and the signals that end them.
//!
//! **Invariant:** a process writes its log with its own key, and gets nothing of another's.

use super::{Places, Settings};
use anyhow::Context as _;
use countersign_audit::keys::{self, DigestKey, Process};
use countersign_audit::log::AuditLog;
use countersign_core::certificate::Role;
use countersign_core::seal::{Sealer, Verifier};
use countersign_gateway::Gateway;
use countersign_identity::StaticDirectory;
use countersign_policy::LivePolicy;
use countersign_queue::{EmbeddedQueue, Queue};
use countersign_service::config::{Audit, Environment};
use countersign_service::stores::{Opening, Stores};
use countersign_worker::Worker;
use countersign_worker::host::Host;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Process certificates of an installation on one node are made for so long.
const CERTIFIED_FOR: Duration = Duration::from_hours(24 * 365);

/// What is there before anything runs.
pub(super) struct Ground<'a> {
    settings: &'a Settings,
    pub(super) places: Places,
    pub(super) queue: Arc<dyn Queue>,
    pub(super) verifier: Verifier,
    stores: Stores,
    digest_key: DigestKey,
    pub(super) tasks: TaskTracker,
    pub(super) log_tasks: TaskTracker,
    pub(super) stop: CancellationToken,
    pub(super) abort: CancellationToken,
}

/// A process that can put things on record.
pub(super) struct Writer {
    sealer: Arc<Sealer>,
    pub(super) log: AuditLog,
}

impl<'a> Ground<'a> {
    /// Makes what is missing: folders, keys of the gateway and of a worker for each pool, the queue.
    pub(super) async fn lay(settings: &'a Settings, pools: &[String]) -> anyhow::Result<Self> {
        let places = Places::below(&settings.data);
        prepare(&places)?;
        let verifier = keys_of(&places, settings, pools)?;
        let queue = match &settings.queue {
            Some(queue) => queue.clone(),
            None => Arc::new(EmbeddedQueue::open(&places.queue).context("the queue cannot be opened")?),
        };
        let stores = Stores::open(Opening {
            places: &Audit::folders(places.audit.clone(), places.fate.clone(), places.anchors.clone()),
            deployment: &settings.deployment,
            process: "installation",
            environment: &Environment::default(),
            clock: &settings.clock,
        })
        .await?;
        let digest_key = DigestKey::load(&places.keys.join("digest.key"))?;
        let (tasks, log_tasks) = (TaskTracker::new(), TaskTracker::new());
        let (stop, abort) = (CancellationToken::new(), CancellationToken::new());
        Ok(Self { settings, places, queue, verifier, stores, digest_key, tasks, log_tasks, stop, abort })
    }

    /// The key of a process, and a log that it writes.
    pub(super) async fn writer(&self, process: &str) -> anyhow::Result<Writer> {
        let Settings { deployment, clock, .. } = self.settings;
        let sealer = Arc::new(keys::load_sealer(&self.places.keys, process, deployment)?);
        let signs = (&sealer, &self.verifier);
        let log = self.stores.log(signs, self.digest_key.clone(), None, clock, &self.log_tasks).await?;
        Ok(Writer { sealer, log })
    }

    /// Starts the worker of one pool.
    pub(super) fn start_worker(&self, pool: &str, host: &Host, policy: &Arc<LivePolicy>, writer: Writer) {
        Worker::start(countersign_worker::Parts {
            name: format!("worker-{pool}"),
            pool: pool.to_owned(),
            deployment: self.settings.deployment.clone(),
            clock: self.settings.clock.clone(),
            policy: policy.clone(),
            directory: Arc::new(StaticDirectory::new(&self.settings.worker_people)),
            queue: self.queue.clone(),
            log: writer.log,
            fate: self.stores.fate.clone(),
            broker: host.broker(),
            runner: host.jail(),
            sealer: writer.sealer,
            verifier: self.verifier.clone(),
            profiles: host.profiles(),
            at_once: 4,
            lease: countersign_worker::LEASE,
            tasks: self.tasks.clone(),
            stop: self.stop.clone(),
            abort: self.abort.clone(),
        });
    }

    /// Starts the gateway.
    pub(super) fn start_gateway(&self, policy: &Arc<LivePolicy>, writer: Writer) -> Gateway {
        Gateway::start(countersign_gateway::Parts {
            deployment: self.settings.deployment.clone(),
            clock: self.settings.clock.clone(),
            policy: policy.clone(),
            directory: Arc::new(StaticDirectory::new(&self.settings.people)),
            queue: self.queue.clone(),
            log: writer.log,
            chat: self.settings.chat.clone(),
            sealer: writer.sealer,
            verifier: self.verifier.clone(),
            tasks: self.tasks.clone(),
            stop: self.stop.clone(),
        })
    }
}

fn prepare(places: &Places) -> anyhow::Result<()> {
    for folder in [&places.keys, &places.audit, &places.fate, &places.anchors] {
        std::fs::create_dir_all(folder).with_context(|| format!("`{}` cannot be made", folder.display()))?;
    }
    Ok(())
}

/// Makes keys where there are none, and reads the root's public half.
fn keys_of(places: &Places, settings: &Settings, pools: &[String]) -> anyhow::Result<Verifier> {
    let public = places.keys.join("root.pub");
    if !public.exists() {
        let names: Vec<String> = pools.iter().map(|pool| format!("worker-{pool}")).collect();
        let lists: Vec<[&str; 1]> = pools.iter().map(|pool| [pool.as_str()]).collect();
        let process = |name, role| Process { name, role, pools: &[] };
        // Whoever reads the log on this machine does it on record, with a key of their own.
        let mut processes = vec![process("gateway", Role::Gateway), process("auditor", Role::Operator)];
        processes.extend(names.iter().zip(&lists).map(|(name, pools)| Process {
            name,
            role: Role::Worker,
            pools: pools.as_slice(),
        }));
        keys::init(&places.keys, &settings.deployment, (settings.clock.now(), CERTIFIED_FOR), &processes)?;
    }
    Ok(Verifier::of(keys::load_roots(&public)?, settings.deployment.clone()))
}
