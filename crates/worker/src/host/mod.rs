//! What a worker has on its host: the jail, the targets, the credentials.
//!
//! **Invariant:** everything comes from the catalog in force and the worker's own configuration;
//! the jail has withstood its own attacks before a job is taken. One worker has one folder of jobs.

mod broker;
pub mod installed;
mod jobs;
mod name;
mod plans;
mod services;
mod stacks;

pub use broker::{LiveBroker, Means, issuer_settings};
pub use jobs::job_settings;
pub use name::fresh_name;
pub use plans::plan_store;

use countersign_core::digest::Digest;
use countersign_core::tier::Isolation;
use countersign_core::time::Clock;
use countersign_core::warrant::CredentialClass;
use countersign_jail::LauncherPath;
use countersign_policy::Catalog;
use countersign_policy::catalog::Reference as CatalogReference;
use countersign_runner::kubernetes::{JobRunner, JobsError, Settings as JobSettings};
use countersign_runner::plans::PlanStore;
use countersign_runner::recipe::Recipe as RunnerRecipe;
use countersign_runner::stack::NotAStack;
use countersign_runner::target::{
    Alertmanager, Cluster, Endpoint, NotAHostPort, NotAnEndpoint, Profile, Project, Target, Targets,
};
use countersign_runner::{Known, LocalJail, OpenError, OwnServices, Runner, Settings as JailSettings, Untrusted};
use countersign_secrets::{IssuerSettings, Recipe, TargetKey, TargetKind};
use rustix::fd::OwnedFd;
use rustix::fs::{FlockOperation, Mode, OFlags};
use secrecy::SecretString;
use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The user ids of jobs, unless a configuration says others: outside of what Debian gives out.
pub const UIDS: Range<u32> = 61_000..61_064;

/// What a host is made from.
pub struct Settings {
    /// The program that builds jails.
    pub launcher: LauncherPath,
    /// A folder of this worker's own for running jobs.
    pub jobs: PathBuf,
    /// Where programs are, by the name in runner.yaml; all others are looked for.
    pub programs: BTreeMap<String, PathBuf>,
    /// Host user ids for jobs.
    pub uids: Range<u32>,
    /// Where the worker's own services are.
    pub own_services: OwnServices,
    /// The environment that `env:` references mean.
    pub environment: BTreeMap<String, SecretString>,
    /// Credentials beside the catalog's, which they replace.
    pub extra_credentials: BTreeMap<(String, CredentialClass), Recipe>,
    /// What credentials are asked for with; by default nothing is minted.
    pub issuers: IssuerSettings,
    /// Where time comes from.
    pub clock: Arc<dyn Clock>,
    /// Where approved plans wait; without it nothing of Terraform is applied.
    pub plans: Option<Arc<PlanStore>>,
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings").field("jobs", &self.jobs).finish_non_exhaustive()
    }
}

/// Why a host cannot run commands.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    /// Another worker of this host has the folder; it would lose its running jobs.
    #[error("`{0}` belongs to another worker that runs; each has a folder of its own")]
    Shared(String),
    /// The folder cannot be taken.
    #[error("`{0}` cannot be taken for running jobs")]
    Jobs(String, #[source] std::io::Error),
    /// The jail cannot be prepared.
    #[error("commands cannot be isolated on this host")]
    Jail(#[source] OpenError),
    /// The jail does not hold what it promises.
    #[error("this host cannot isolate commands as they must be; see docs/operations.md, \"What the jail needs\"")]
    Untrusted(#[source] Untrusted),
    /// The cluster in which commands of level `job` run.
    #[error("commands cannot be isolated in the cluster of `jobs_in`")]
    Cluster(#[source] JobsError),
    /// A cluster's address.
    #[error("the address of cluster `{0}` is not https://host:port")]
    Address(String, #[source] NotAHostPort),
    /// The endpoint of a profile or project, or the address of an Alertmanager.
    #[error("the endpoint of `{0}` cannot be used")]
    Endpoint(String, #[source] NotAnEndpoint),
    /// The hosts of a stack.
    #[error("the stack `{0}` cannot be used")]
    Stack(String, #[source] NotAStack),
}

/// A host that runs commands.
#[derive(Debug)]
pub struct Host {
    jail: Arc<LocalJail>,
    /// The cluster in which commands of level `job` run.
    jobs: Option<Arc<JobRunner>>,
    broker: Arc<LiveBroker>,
    environment: BTreeMap<String, SecretString>,
    /// Held while the worker runs.
    _jobs: OwnedFd,
}

impl Host {
    /// Prepares the jail, attacks it, and learns what the catalog has. Blocks while it reads the
    /// programs for their digests.
    ///
    /// # Errors
    /// [`HostError`].
    pub fn open(settings: Settings, catalog: &Catalog) -> Result<Self, HostError> {
        let this = Self::unproven(settings, catalog)?;
        this.jail.probe(Isolation::Strict).map_err(HostError::Untrusted)?;
        Ok(this)
    }

    /// The same for a host whose commands run in a cluster. One that has no `strict`, as most pods have none, refuses what
    /// was decided to run there, and filters.
    ///
    /// # Errors
    /// [`HostError`].
    pub fn open_for_jobs(settings: Settings, catalog: &Catalog) -> Result<Self, HostError> {
        let this = Self::unproven(settings, catalog)?;
        if let Err(error) = this.jail.probe(Isolation::Strict) {
            tracing::warn!("Nothing runs on this host itself, filters neither: {error}: {}", error.source);
        }
        Ok(this)
    }

    fn unproven(settings: Settings, catalog: &Catalog) -> Result<Self, HostError> {
        let jobs = alone(&settings.jobs)?;
        let jail = LocalJail::open(JailSettings {
            launcher: settings.launcher,
            run_folder: settings.jobs,
            recipes: RunnerRecipe::shipped(),
            programs: settings.programs,
            uids: settings.uids,
            own_services: settings.own_services,
            clock: settings.clock.clone(),
            plans: settings.plans,
        })
        .map_err(HostError::Jail)?;
        let (extra, environment) = (settings.extra_credentials, settings.environment.clone());
        let means = Means { extra, environment, issuers: settings.issuers };
        let broker = LiveBroker::new(catalog, means, settings.clock);
        let this = Self {
            jail: Arc::new(jail),
            jobs: None,
            broker: Arc::new(broker),
            environment: settings.environment,
            _jobs: jobs,
        };
        this.learn(catalog)?;
        Ok(this)
    }

    /// The same, where commands of level `job` run in a cluster, which is attacked as well.
    ///
    /// # Errors
    /// [`HostError::Cluster`].
    pub async fn with_jobs(self, settings: JobSettings) -> Result<Self, HostError> {
        let jobs = JobRunner::open(settings, self.jail.clone()).await.map_err(HostError::Cluster)?;
        jobs.probe().await.map_err(HostError::Cluster)?;
        Ok(Self { jobs: Some(Arc::new(jobs)), ..self })
    }

    /// Takes the targets, programs and credentials of another catalog.
    ///
    /// # Errors
    /// When an address cannot be used; what was known stays.
    pub fn learn(&self, catalog: &Catalog) -> Result<(), HostError> {
        let targets = self.targets(catalog)?;
        let commands = catalog.commands().iter();
        let commands = commands.map(|(name, command)| (name.clone(), command.grammar.runner.clone())).collect();
        self.jail.learn(Known { targets, commands });
        self.broker.learn(catalog);
        Ok(())
    }

    /// The jail.
    #[must_use]
    pub fn jail(&self) -> Arc<LocalJail> {
        self.jail.clone()
    }

    /// What runs commands: the jail, or the cluster for what is decided to run there.
    #[must_use]
    pub fn runner(&self) -> Arc<dyn Runner> {
        match &self.jobs {
            Some(jobs) => jobs.clone(),
            None => self.jail.clone(),
        }
    }

    /// What issues credentials.
    #[must_use]
    pub fn broker(&self) -> Arc<LiveBroker> {
        self.broker.clone()
    }

    /// The levels that were proven at start, with their profiles' digests.
    #[must_use]
    pub fn profiles(&self) -> BTreeMap<Isolation, Digest> {
        let mut proven = self.jail.proven();
        proven.extend(self.jobs.as_ref().and_then(|jobs| jobs.proven()));
        proven
    }

    /// Programs that are not on this host, and why.
    #[must_use]
    pub fn missing(&self) -> Vec<(String, String)> {
        self.jail.missing().map(|(name, why)| (name.to_owned(), why.to_owned())).collect()
    }

    fn targets(&self, catalog: &Catalog) -> Result<Targets, HostError> {
        let mut targets = Targets::new();
        for (name, cluster) in catalog.clusters() {
            let ca = cluster.ca.as_ref().map(|reference| self.read(reference)).transpose();
            // A cluster whose authority cannot be read is one that nothing can run against.
            let Ok(ca) = ca else {
                tracing::warn!(cluster = name.as_str(), "Its authority cannot be read, so nothing runs against it");
                continue;
            };
            let cluster = Cluster::of_address(cluster.address.clone(), ca)
                .map_err(|wrong| HostError::Address(name.clone(), wrong))?;
            targets.insert(TargetKey::cluster(name), Target::Cluster(cluster));
        }
        for (name, profile) in catalog.profiles() {
            let endpoint = endpoint(name, profile.endpoint.as_deref())?;
            let profile = Profile { account: profile.account.clone(), endpoint };
            targets.insert(TargetKey::new(TargetKind::Profile, name), Target::Profile(profile));
        }
        for (name, project) in catalog.projects() {
            let project = Project { endpoint: endpoint(name, project.endpoint.as_deref())? };
            targets.insert(TargetKey::new(TargetKind::Project, name), Target::Project(project));
        }
        for (name, one) in catalog.alertmanagers() {
            let Ok(ca_pem) = one.ca.as_ref().map(|reference| self.read(reference)).transpose() else {
                tracing::warn!(
                    alertmanager = name.as_str(),
                    "Its authority cannot be read, so nothing runs against it"
                );
                continue;
            };
            let endpoint = one.address.parse().map_err(|wrong| HostError::Endpoint(name.clone(), wrong))?;
            let alertmanager = Alertmanager { endpoint, ca_pem };
            targets.insert(TargetKey::new(TargetKind::Alertmanager, name), Target::Alertmanager(alertmanager));
        }
        services::add(self, catalog, &mut targets);
        for (name, stack) in stacks::stacks(catalog, |reference| self.read(reference))? {
            targets.insert(TargetKey::new(TargetKind::Stack, name), Target::Stack(Box::new(stack)));
        }
        Ok(targets)
    }

    fn read(&self, reference: &CatalogReference) -> std::io::Result<String> {
        use secrecy::ExposeSecret as _;
        match reference {
            CatalogReference::File(path) => std::fs::read_to_string(path),
            CatalogReference::Env(name) => {
                let value = self.environment.get(name);
                let value = value.ok_or_else(|| std::io::Error::from(std::io::ErrorKind::NotFound))?;
                Ok(value.expose_secret().to_owned())
            }
        }
    }
}

fn endpoint(of: &str, address: Option<&str>) -> Result<Option<Endpoint>, HostError> {
    let endpoint = address.map(str::parse).transpose();
    endpoint.map_err(|wrong| HostError::Endpoint(of.to_owned(), wrong))
}

/// Takes the folder before anything in it is looked at: opening the jail clears it.
fn alone(path: &Path) -> Result<OwnedFd, HostError> {
    let wrong = |errno: rustix::io::Errno| HostError::Jobs(path.display().to_string(), errno.into());
    match rustix::fs::mkdir(path, Mode::from_raw_mode(0o711)) {
        Ok(()) | Err(rustix::io::Errno::EXIST) => {}
        Err(errno) => return Err(wrong(errno)),
    }
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let folder = rustix::fs::open(path, flags, Mode::empty()).map_err(wrong)?;
    match rustix::fs::flock(&folder, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(folder),
        Err(rustix::io::Errno::WOULDBLOCK) => Err(HostError::Shared(path.display().to_string())),
        Err(errno) => Err(wrong(errno)),
    }
}
