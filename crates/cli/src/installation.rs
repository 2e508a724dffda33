//! A whole installation in one process: gateway, workers, queue and log.
//!
//! **Invariant:** the two sides meet only in the queue, the log's stores and a folder of keys.
//! Gateway and workers load their own policy and their own directory, as they would apart.

mod ground;

use self::ground::Ground;
use anyhow::Context as _;
use countersign_audit::clock::SystemClock;
use countersign_audit::log::AuditLog;
use countersign_chat::Chat;
use countersign_core::principal::{Account, Principal};
use countersign_core::seal::Verifier;
use countersign_core::time::Clock;
use countersign_core::warrant::CredentialClass;
use countersign_gateway::Gateway;
use countersign_identity::StaticDirectory;
use countersign_jail::LauncherPath;
use countersign_policy::{Catalog, LivePolicy, Overrides, Source, Sources};
use countersign_queue::Queue;
use countersign_runner::OwnServices;
use countersign_runner::plans::PlanStore;
use countersign_secrets::{IssuerSettings, Recipe};
use countersign_service::policy::{self, ReloadError};
use countersign_worker::host::{Host, Settings as HostSettings, UIDS};
use secrecy::SecretString;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How long a stopping installation waits for running commands.
const DRAIN: Duration = Duration::from_secs(10);

/// What an installation is made from.
pub struct Settings {
    /// Its name, part of every seal.
    pub deployment: String,
    /// Where everything is kept: keys, queue, log, fates, anchors.
    pub data: PathBuf,
    /// rbac.yaml and catalog.yaml.
    pub sources: Sources,
    /// The cases that must pass before the policy is taken.
    pub cases: Vec<Source>,
    /// Addresses and credentials put in the place of the catalog's.
    pub overrides: Overrides,
    /// The gateway's directory file.
    pub people: PathBuf,
    /// The workers' directory file. May be the same file.
    pub worker_people: PathBuf,
    /// Where time comes from.
    pub clock: Arc<dyn Clock>,
    /// The program that builds jails.
    pub launcher: LauncherPath,
    /// Where programs are, by the name in runner.yaml; all others are looked for.
    pub programs: BTreeMap<String, PathBuf>,
    /// The environment that `env:` references mean.
    pub environment: BTreeMap<String, SecretString>,
    /// Credentials beside the catalog's, which they replace.
    pub extra_credentials: BTreeMap<(String, CredentialClass), Recipe>,
    /// Where people are told.
    pub chat: Arc<dyn Chat>,
    /// Between the two sides; a file below `data` if absent.
    pub queue: Option<Arc<dyn Queue>>,
    /// Where plans of Terraform wait for their apply; without it nothing of Terraform is applied.
    pub plans: Option<Arc<PlanStore>>,
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("deployment", &self.deployment)
            .field("data", &self.data)
            .finish_non_exhaustive()
    }
}

/// Where an installation keeps its things.
#[derive(Debug, Clone)]
pub struct Places {
    /// Keys and certificates.
    pub keys: PathBuf,
    /// The log.
    pub audit: PathBuf,
    /// Fates and outcomes: a store of their own, which is not locked.
    pub fate: PathBuf,
    /// Signed heads, a second time.
    pub anchors: PathBuf,
    /// The queue's file.
    pub queue: PathBuf,
    /// Running jobs.
    pub jobs: PathBuf,
}

impl Places {
    /// The usual places below one folder.
    #[must_use]
    pub fn below(data: &Path) -> Self {
        Self {
            keys: data.join("keys"),
            audit: data.join("audit"),
            fate: data.join("fate"),
            anchors: data.join("anchors"),
            queue: data.join("queue.redb"),
            jobs: data.join("jobs"),
        }
    }
}

/// A running installation.
#[derive(Debug)]
pub struct Installation {
    /// Receives what people type and click.
    pub gateway: Gateway,
    /// The queue, for tests that attack it.
    pub queue: Arc<dyn Queue>,
    /// Where things are.
    pub places: Places,
    /// The policy in force at the gateway.
    pub policy: Arc<LivePolicy>,
    worker_policy: Arc<LivePolicy>,
    host: Host,
    overrides: Overrides,
    /// Programs that are not on this host, and why.
    pub missing: Vec<(String, String)>,
    /// Opens seals of this installation.
    pub verifier: Verifier,
    logs: Vec<AuditLog>,
    tasks: TaskTracker,
    log_tasks: TaskTracker,
    stop: CancellationToken,
    abort: CancellationToken,
}

impl Installation {
    /// Starts everything, or says what is wrong.
    ///
    /// # Errors
    /// When a file is wrong, a store cannot be written, or the jail does not hold what it promises.
    pub async fn start(settings: Settings) -> anyhow::Result<Self> {
        let load =
            || LivePolicy::load(settings.sources.clone(), &settings.cases, settings.overrides.clone()).map(Arc::new);
        let (policy, worker_policy) = (load()?, load()?);
        let catalog = policy.current();
        let pools = pools(catalog.catalog());
        let ground = Ground::lay(&settings, &pools).await?;
        let host = Host::open(host(&ground.places, &settings), catalog.catalog())?;
        let writer = ground.writer("gateway").await?;
        let mut logs = vec![writer.log.clone()];
        for pool in &pools {
            let writer = ground.writer(&format!("worker-{pool}")).await?;
            logs.push(writer.log.clone());
            ground.start_worker(pool, &host, &worker_policy, writer);
        }
        let gateway = ground.start_gateway(&policy, writer);
        let Ground { places, queue, verifier, tasks, log_tasks, stop, abort, .. } = ground;
        let (missing, overrides) = (host.missing(), settings.overrides);
        Ok(Self {
            gateway,
            queue,
            places,
            policy,
            worker_policy,
            host,
            overrides,
            missing,
            verifier,
            logs,
            tasks,
            log_tasks,
            stop,
            abort,
        })
    }

    /// Puts other policy files in force at the gateway and at the workers.
    ///
    /// # Errors
    /// Every mistake, or that the change could not be recorded; the last good policy stays.
    pub async fn reload(&self, sources: &Sources, cases: &[Source]) -> anyhow::Result<()> {
        policy::reload(&self.policy, self.log(), sources, cases, &self.overrides).await.map_err(explained)?;
        self.reload_workers(sources, cases).await
    }

    /// Puts other policy files in force at the workers alone, as when their host is updated first.
    ///
    /// # Errors
    /// As [`Self::reload`].
    pub async fn reload_workers(&self, sources: &Sources, cases: &[Source]) -> anyhow::Result<()> {
        for log in self.logs.iter().skip(1) {
            policy::reload(&self.worker_policy, log, sources, cases, &self.overrides).await.map_err(explained)?;
        }
        Ok(self.host.learn(self.worker_policy.current().catalog())?)
    }

    /// The gateway's log, for what the console reads.
    #[must_use]
    pub fn log(&self) -> &AuditLog {
        self.logs.first().expect("the gateway's log is opened first")
    }

    /// Stops claiming, lets running commands end for a while, then ends them; closes the log.
    ///
    /// # Errors
    /// When a log could not be closed.
    pub async fn stop(self) -> anyhow::Result<()> {
        self.stop.cancel();
        self.tasks.close();
        if tokio::time::timeout(DRAIN, self.tasks.wait()).await.is_err() {
            self.abort.cancel();
            self.tasks.wait().await;
        }
        for log in &self.logs {
            log.close().await.context("the audit log could not be closed")?;
        }
        self.log_tasks.close();
        self.log_tasks.wait().await;
        Ok(())
    }
}

/// The mistakes themselves, where there are some.
fn explained(error: ReloadError) -> anyhow::Error {
    match error {
        ReloadError::Mistakes(problems) => problems.into(),
        other => other.into(),
    }
}

fn pools(catalog: &Catalog) -> Vec<String> {
    let pools: BTreeSet<&String> = catalog.places().map(|place| &place.pool).collect();
    pools.into_iter().cloned().collect()
}

fn host(places: &Places, settings: &Settings) -> HostSettings {
    HostSettings {
        launcher: settings.launcher.clone(),
        jobs: places.jobs.clone(),
        programs: settings.programs.clone(),
        uids: UIDS,
        own_services: OwnServices::default(),
        environment: settings.environment.clone(),
        extra_credentials: settings.extra_credentials.clone(),
        // The demo's credentials lie in files; an installed worker mints.
        issuers: IssuerSettings::default(),
        clock: settings.clock.clone(),
        plans: settings.plans.clone(),
    }
}

/// The clock of a real installation.
#[must_use]
pub fn system_clock() -> Arc<dyn Clock> {
    Arc::new(SystemClock)
}

/// People of a directory file with their accounts, for pickers.
///
/// # Errors
/// When the file is wrong.
pub fn people(path: &Path) -> anyhow::Result<Vec<(Principal, Vec<Account>)>> {
    StaticDirectory::new(path).everybody().map_err(|refusal| anyhow::anyhow!("{refusal}"))
}
