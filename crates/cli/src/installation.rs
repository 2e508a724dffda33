//! A whole installation in one process: gateway, workers, queue and log.
//!
//! **Invariant:** the two sides meet only in the queue, the log's stores and a folder of keys.
//! Gateway and workers load their own policy and their own directory, as they would apart.

use anyhow::Context as _;
use countersign_audit::clock::SystemClock;
use countersign_audit::directory::Directory as Store;
use countersign_audit::event::{Event, Kind};
use countersign_audit::fate::Fate;
use countersign_audit::keys::{self, DigestKey, Process};
use countersign_audit::log::{AuditLog, Config, Limits};
use countersign_chat::Chat;
use countersign_core::certificate::Role;
use countersign_core::digest::Digest;
use countersign_core::principal::{Account, Principal};
use countersign_core::refusal::{Code, Refusal};
use countersign_core::seal::{Sealer, Verifier};
use countersign_core::tier::Isolation;
use countersign_core::time::Clock;
use countersign_core::warrant::CredentialClass;
use countersign_gateway::Gateway;
use countersign_identity::StaticDirectory;
use countersign_jail::LauncherPath;
use countersign_policy::catalog::Reference as CatalogReference;
use countersign_policy::{Catalog, LivePolicy, Overrides, Source, Sources};
use countersign_queue::{EmbeddedQueue, Queue};
use countersign_runner::recipe::Recipe as RunnerRecipe;
use countersign_runner::target::{Target, Targets};
use countersign_runner::{Known, LocalJail, OwnServices, Settings as JailSettings};
use countersign_secrets::{Recipe, Reference, StaticBroker, StaticConfig, WallLimits};
use countersign_worker::Worker;
use secrecy::SecretString;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Process certificates of an installation on one node are made for so long.
const CERTIFIED_FOR: Duration = Duration::from_hours(24 * 365);

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
        let places = Places::below(&settings.data);
        prepare(&places)?;
        let (sources, cases) = (settings.sources.clone(), settings.cases.clone());
        let policy = Arc::new(LivePolicy::load(sources.clone(), &cases, settings.overrides.clone())?);
        let worker_policy = Arc::new(LivePolicy::load(sources, &cases, settings.overrides.clone())?);
        let catalog = policy.current();
        let pools = pools(catalog.catalog());
        let verifier = keys_of(&places, &settings, &pools)?;
        let queue: Arc<dyn Queue> = Arc::new(EmbeddedQueue::open(&places.queue).context("the queue cannot be opened")?);
        let stores = Stores::open(&places, &settings)?;
        let (tasks, log_tasks) = (TaskTracker::new(), TaskTracker::new());
        let (stop, abort) = (CancellationToken::new(), CancellationToken::new());
        let jail = Arc::new(jail(&places, &settings, catalog.catalog())?);
        let broker = Arc::new(broker(&settings, catalog.catalog()));

        let gateway_sealer = Arc::new(keys::load_sealer(&places.keys, "gateway", &settings.deployment)?);
        let log = stores.log(&gateway_sealer, &verifier, &places, &settings, &log_tasks).await?;
        let mut logs = vec![log.clone()];
        for pool in &pools {
            let sealer = Arc::new(keys::load_sealer(&places.keys, &format!("worker-{pool}"), &settings.deployment)?);
            let log = stores.log(&sealer, &verifier, &places, &settings, &log_tasks).await?;
            logs.push(log.clone());
            Worker::start(countersign_worker::Parts {
                name: format!("worker-{pool}"),
                pool: pool.clone(),
                deployment: settings.deployment.clone(),
                clock: settings.clock.clone(),
                policy: worker_policy.clone(),
                directory: Arc::new(StaticDirectory::new(&settings.worker_people)),
                queue: queue.clone(),
                log,
                fate: stores.fate.clone(),
                broker: broker.clone(),
                runner: jail.clone(),
                sealer,
                verifier: verifier.clone(),
                profiles: profiles(),
                at_once: 4,
                lease: countersign_worker::LEASE,
                tasks: tasks.clone(),
                stop: stop.clone(),
                abort: abort.clone(),
            });
        }
        let gateway = Gateway::start(countersign_gateway::Parts {
            deployment: settings.deployment.clone(),
            clock: settings.clock.clone(),
            policy: policy.clone(),
            directory: Arc::new(StaticDirectory::new(&settings.people)),
            queue: queue.clone(),
            log,
            chat: settings.chat.clone(),
            sealer: gateway_sealer,
            verifier: verifier.clone(),
            tasks: tasks.clone(),
            stop: stop.clone(),
        });
        let missing = jail.missing().map(|(name, why)| (name.to_owned(), why.to_owned())).collect();
        let overrides = settings.overrides;
        Ok(Self {
            gateway,
            queue,
            places,
            policy,
            worker_policy,
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
        for (policy, log) in std::iter::once((&self.policy, self.log())).chain(self.workers()) {
            self.reload_one(policy, log, sources, cases).await?;
        }
        Ok(())
    }

    /// Puts other policy files in force at the workers alone, as when their host is updated first.
    ///
    /// # Errors
    /// As [`Self::reload`].
    pub async fn reload_workers(&self, sources: &Sources, cases: &[Source]) -> anyhow::Result<()> {
        for (policy, log) in self.workers() {
            self.reload_one(policy, log, sources, cases).await?;
        }
        Ok(())
    }

    fn workers(&self) -> impl Iterator<Item = (&Arc<LivePolicy>, &AuditLog)> {
        self.logs.iter().skip(1).map(|log| (&self.worker_policy, log))
    }

    /// The change is on record before it is in force, and so is a change that is not made.
    async fn reload_one(
        &self,
        policy: &LivePolicy,
        log: &AuditLog,
        sources: &Sources,
        cases: &[Source],
    ) -> anyhow::Result<()> {
        use countersign_core::policy::Policy as _;
        let (old, new) = (policy.current().digests(), sources.digests());
        let event = Event::of(Kind::PolicyChanged)
            .detail("old-rbac", old.rbac.to_string())
            .detail("old-catalog", old.catalog.to_string())
            .detail("new-rbac", new.rbac.to_string())
            .detail("new-catalog", new.catalog.to_string());
        let candidate = LivePolicy::load(sources.clone(), cases, self.overrides.clone());
        if let Err(problems) = candidate {
            let refusal = Refusal::new(
                Code::NoPolicy,
                "the new policy files have mistakes; the last good ones stay in force",
                "Mend them; `countersign check` and `countersign test` name every mistake.",
            );
            log.record(event.refusing(&refusal)).await.context("the refused change could not be recorded")?;
            return Err(problems.into());
        }
        log.record(event).await.context("the change could not be recorded, so it was not made")?;
        policy.reload(sources.clone(), cases)?;
        Ok(())
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

/// The stores of the log.
struct Stores {
    audit: Arc<Store>,
    fate: Arc<dyn Fate>,
    anchors: Arc<Store>,
}

impl Stores {
    fn open(places: &Places, settings: &Settings) -> anyhow::Result<Self> {
        let open = |path: &Path| {
            Store::open(path, settings.clock.clone())
                .with_context(|| format!("`{}` cannot hold the log", path.display()))
        };
        Ok(Self {
            audit: Arc::new(open(&places.audit)?),
            fate: Arc::new(open(&places.fate)?),
            anchors: Arc::new(open(&places.anchors)?),
        })
    }

    async fn log(
        &self,
        sealer: &Arc<Sealer>,
        verifier: &Verifier,
        places: &Places,
        settings: &Settings,
        tracker: &TaskTracker,
    ) -> anyhow::Result<AuditLog> {
        let config = Config {
            sealer: sealer.clone(),
            verifier: verifier.clone(),
            sink: self.audit.clone(),
            anchors: vec![self.anchors.clone()],
            fate: self.fate.clone(),
            clock: settings.clock.clone(),
            tracker: tracker.clone(),
            digest_key: DigestKey::load(&places.keys.join("digest.key"))?,
            binary: None,
            limits: Limits::default(),
        };
        AuditLog::open(config).await.context("the audit log cannot be opened, so nothing is accepted")
    }
}

fn prepare(places: &Places) -> anyhow::Result<()> {
    for folder in [&places.keys, &places.audit, &places.fate, &places.anchors] {
        std::fs::create_dir_all(folder).with_context(|| format!("`{}` cannot be made", folder.display()))?;
    }
    Ok(())
}

fn pools(catalog: &Catalog) -> Vec<String> {
    let clusters = catalog.clusters().values().map(|cluster| cluster.pool.clone());
    let commands = catalog.commands().values().map(|command| command.pool.clone());
    clusters.chain(commands).collect::<BTreeSet<_>>().into_iter().collect()
}

/// Makes keys where there are none, and reads the root's public half.
fn keys_of(places: &Places, settings: &Settings, pools: &[String]) -> anyhow::Result<Verifier> {
    let public = places.keys.join("root.pub");
    let root = if public.exists() {
        keys::load_root(&public)?
    } else {
        let names: Vec<String> = pools.iter().map(|pool| format!("worker-{pool}")).collect();
        let lists: Vec<[&str; 1]> = pools.iter().map(|pool| [pool.as_str()]).collect();
        let mut processes = vec![Process { name: "gateway", role: Role::Gateway, pools: &[] }];
        processes.extend(names.iter().zip(&lists).map(|(name, pools)| Process {
            name,
            role: Role::Worker,
            pools: pools.as_slice(),
        }));
        keys::init(&places.keys, &settings.deployment, (settings.clock.now(), CERTIFIED_FOR), &processes)?
    };
    Ok(Verifier::new(root, settings.deployment.clone()))
}

fn jail(places: &Places, settings: &Settings, catalog: &Catalog) -> anyhow::Result<LocalJail> {
    let jail = LocalJail::open(JailSettings {
        launcher: settings.launcher.clone(),
        run_folder: places.jobs.clone(),
        recipes: RunnerRecipe::shipped(),
        programs: settings.programs.clone(),
        uids: 61_000..61_064,
        own_services: OwnServices::default(),
        clock: settings.clock.clone(),
    })?;
    let commands = catalog.commands().iter();
    jail.learn(Known {
        targets: targets(settings, catalog)?,
        commands: commands.map(|(name, command)| (name.clone(), command.grammar.runner.clone())).collect(),
    });
    jail.probe(Isolation::Strict).context(
        "this host cannot isolate commands as they must be; see docs/operations.md, \"What the jail needs\"",
    )?;
    Ok(jail)
}

fn targets(settings: &Settings, catalog: &Catalog) -> anyhow::Result<Targets> {
    let mut targets = Targets::new();
    for (name, cluster) in catalog.clusters() {
        let ca = cluster.ca.as_ref().map(|reference| read(settings, reference)).transpose();
        // A cluster whose authority cannot be read is one that nothing can run against.
        let Ok(ca) = ca else { continue };
        let target = Target::of_address(cluster.address.clone(), ca)
            .with_context(|| format!("the address of cluster `{name}` is not https://host:port"))?;
        targets.insert(name.clone(), target);
    }
    Ok(targets)
}

fn read(settings: &Settings, reference: &CatalogReference) -> anyhow::Result<String> {
    use secrecy::ExposeSecret as _;
    match reference {
        CatalogReference::File(path) => Ok(std::fs::read_to_string(path)?),
        CatalogReference::Env(name) => {
            let value = settings.environment.get(name).with_context(|| format!("`{name}` is not set"))?;
            Ok(value.expose_secret().to_owned())
        }
    }
}

fn broker(settings: &Settings, catalog: &Catalog) -> StaticBroker {
    let mut credentials = BTreeMap::new();
    for (name, cluster) in catalog.clusters() {
        let own = &cluster.credentials;
        let classes = [
            (CredentialClass::Read, &own.read),
            (CredentialClass::Sensitive, &own.sensitive),
            (CredentialClass::Preview, &own.preview),
            (CredentialClass::Change, &own.change),
            (CredentialClass::Destructive, &own.destructive),
        ];
        for (class, reference) in classes {
            if let Some(reference) = reference.as_ref().and_then(|it| it.to_string().parse::<Reference>().ok()) {
                credentials.insert((name.clone(), class), Recipe::BearerToken(reference));
            }
        }
    }
    credentials.extend(settings.extra_credentials.clone());
    let limits = catalog.limits();
    let config = StaticConfig {
        credentials,
        without_credential: catalog.commands().keys().cloned().collect(),
        wall: WallLimits { default: limits.wall, by_tool: BTreeMap::new() },
        environment: settings.environment.clone(),
    };
    StaticBroker::new(config, settings.clock.clone())
}

fn profiles() -> BTreeMap<Isolation, Digest> {
    let strict = countersign_jail::profile(countersign_jail::Level::Strict);
    [(Isolation::Strict, Digest::of(strict.as_bytes()))].into()
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
