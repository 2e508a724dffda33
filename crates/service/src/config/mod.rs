//! `countersign.yaml`: everything one process is told.
//!
//! **Invariant:** unknown and duplicate keys are refused, every mistake is reported at once, and a
//! secret is named by a reference, never written.

mod audit;
mod environment;
mod issuers;
mod jobs_in;
mod mask;
mod plans;
mod read;
mod read_audit;
mod secret;
#[cfg(test)]
mod tests;

pub use audit::{AccessKey, AnchorPlace, Audit, Bucket, FatePlace, Git, LogPlace, Ssh, Syslog};
pub use environment::{Environment, variables};
pub use jobs_in::{JobNetwork, JobsIn};
pub use plans::{Plans, PlansPlace};
pub use secret::{SecretError, SecretReference};

use countersign_policy::{Problems, Source};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Which program reads the file: each takes its own sections and refuses the others'.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// `countersign-gateway`.
    Gateway,
    /// `countersign-worker`.
    Worker,
    /// `countersign solo`: both in one process.
    Solo,
}

impl Part {
    pub(crate) const fn speaks(self) -> bool {
        matches!(self, Self::Gateway | Self::Solo)
    }

    pub(crate) const fn works(self) -> bool {
        matches!(self, Self::Worker | Self::Solo)
    }
}

/// One process's configuration.
#[derive(Debug, Clone)]
pub struct Config {
    /// Name of the installation, part of every seal.
    pub deployment: String,
    /// What operators read.
    pub log: Log,
    /// Where `/healthz`, `/readyz` and `/metrics` are.
    pub listen: SocketAddr,
    /// The two files people edit, and their cases.
    pub policy: PolicyFiles,
    /// The directory file.
    pub people: PathBuf,
    /// This process's keys.
    pub keys: Keys,
    /// Where the log is.
    pub audit: Audit,
    /// What lies between gateways and workers.
    pub queue: Queue,
    /// Slack; gateways have it.
    pub slack: Option<Slack>,
    /// What runs commands; workers have it.
    pub worker: Option<Worker>,
    /// How long running work may take after SIGTERM.
    pub drain: Duration,
}

/// What operators read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Log {
    /// The least severe that is written.
    pub level: Level,
    /// How a line looks.
    pub format: Format,
}

/// How much is logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// Nothing.
    Off,
    /// Somebody must act.
    Error,
    /// Something did not work and is tried again or refused.
    Warn,
    /// Starts, stops, reloads.
    Info,
    /// What a developer wants to know.
    Debug,
}

/// How a log line looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// One JSON object a line.
    Json,
    /// For eyes.
    Text,
}

/// Where the policy is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyFiles {
    /// Who may do what.
    pub rbac: PathBuf,
    /// What there is, and where.
    pub catalog: PathBuf,
    /// A folder of case files that must pass; none if absent.
    pub cases: Option<PathBuf>,
    /// An rbac.yaml that is evaluated beside and decides nothing; gateways report where it differs.
    pub shadow: Option<PathBuf>,
}

/// Where this process's keys are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keys {
    /// The installation's public root key.
    pub root: PathBuf,
    /// The key for keyed digests.
    pub digest: PathBuf,
    /// The process's own key and certificate. Of the gateway, where one process is both.
    pub process: KeyFiles,
    /// The worker's, where one process is both.
    pub worker: Option<KeyFiles>,
}

/// A key and its certificate: `<folder>/<name>.key` and `<folder>/<name>.cert.json`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyFiles {
    /// Where they are.
    pub folder: PathBuf,
    /// The process's name.
    pub name: String,
}

/// What lies between gateways and workers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Queue {
    /// A file; one process alone.
    Embedded(PathBuf),
    /// Redis.
    Redis(Redis),
}

/// How Redis is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redis {
    /// Where.
    pub address: RedisAddress,
    /// The ACL user.
    pub user: Option<String>,
    /// Where its password is.
    pub password: Option<SecretReference>,
    /// Whether the connection is encrypted.
    pub tls: bool,
    /// A file with the authority of its certificate; the system's authorities if absent.
    pub ca: Option<PathBuf>,
    /// After so long it is away.
    pub deadline: Duration,
}

/// One server, or those who know the master.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RedisAddress {
    /// Host and port.
    Server(String, u16),
    /// Sentinel.
    Sentinel {
        /// Host and port of each.
        nodes: Vec<(String, u16)>,
        /// The master's name.
        master: String,
    },
}

/// How Slack is served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slack {
    /// Where Slack's requests arrive; a proxy in front of it speaks TLS.
    pub listen: SocketAddr,
    /// The app's id.
    pub app: String,
    /// Workspaces that are served.
    pub teams: Vec<String>,
    /// Enterprise Grid organisations that are served.
    pub enterprises: Vec<String>,
    /// What requests are signed with.
    pub signing_secret: SecretReference,
    /// What they were signed with until lately.
    pub previous_signing_secret: Option<SecretReference>,
    /// The bot's token.
    pub bot_token: SecretReference,
    /// Address of the Web API.
    pub api: String,
}

/// What runs commands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Worker {
    /// Pools whose jobs it takes.
    pub pools: Vec<String>,
    /// What its name begins with; the host's name if absent.
    pub name: Option<String>,
    /// How many commands of each pool run at once.
    pub at_once: usize,
    /// How long a claim is leased.
    pub lease: Duration,
    /// The program that builds jails.
    pub launcher: PathBuf,
    /// A folder of this worker's own for running jobs.
    pub jobs: PathBuf,
    /// Host user ids for jobs.
    pub uids: Range<u32>,
    /// Programs at other places than their recipes say.
    pub programs: BTreeMap<String, PathBuf>,
    /// What it asks for credentials with.
    pub issuers: Issuers,
    /// Where approved plans wait; without it nothing of Terraform is applied.
    pub plans: Option<Plans>,
    /// The cluster in which commands of isolation level `job` run; without it none of them runs.
    pub jobs_in: Option<JobsIn>,
}

/// What a worker asks for credentials with; what it has no means for it does not issue.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Issuers {
    /// Its own token in each cluster it may mint in.
    pub clusters: Vec<ClusterMinter>,
    /// How it reaches Vault.
    pub vault: Option<Vault>,
    /// Address of AWS's token service; the region's own if absent.
    pub sts: Option<String>,
    /// Address of Google's IAM credentials API, if not the public one.
    pub iam_credentials: Option<String>,
    /// Address of Google's token endpoint, if not the public one.
    pub oauth2: Option<String>,
    /// The authority of these three addresses, a PEM file; the system's if absent.
    pub ca: Option<PathBuf>,
}

/// A worker's own token in a cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClusterMinter {
    /// Catalog name of the cluster.
    pub cluster: String,
    /// Where the token is.
    pub token: SecretReference,
}

/// How a worker reaches Vault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vault {
    /// Its address.
    pub address: String,
    /// A PEM file with its authority; the system's if absent.
    pub ca: Option<PathBuf>,
    /// Its namespace, where it has some.
    pub namespace: Option<String>,
    /// Who the worker is.
    pub login: VaultLogin,
    /// A kv engine and a folder in it, where the tokens of running commands are noted.
    pub journal: Option<(String, String)>,
}

/// Who a worker is to Vault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VaultLogin {
    /// A role with a secret.
    AppRole {
        /// Where the method is mounted.
        mount: String,
        /// The role's id.
        role_id: String,
        /// Where its secret is.
        secret_id: SecretReference,
    },
    /// The pod's service account.
    Kubernetes {
        /// Where the method is mounted.
        mount: String,
        /// The role.
        role: String,
        /// The file with the account's token.
        jwt: PathBuf,
    },
}

impl Config {
    /// Reads a configuration: the file, and over it what the environment says.
    ///
    /// # Errors
    /// Every mistake at once. None of them repeats a secret that was written in its place.
    pub fn read(part: Part, file: &Source, environment: &Environment) -> Result<Self, Problems> {
        read::config(part, file, environment)
    }

    /// The part only gateways have.
    ///
    /// # Panics
    /// In a worker: its configuration has none.
    #[must_use]
    pub const fn slack(&self) -> &Slack {
        self.slack.as_ref().expect("a gateway's configuration is not read without it")
    }

    /// The part only workers have.
    ///
    /// # Panics
    /// In a gateway: its configuration has none.
    #[must_use]
    pub const fn worker(&self) -> &Worker {
        self.worker.as_ref().expect("a worker's configuration is not read without it")
    }
}

impl KeyFiles {
    fn of(path: &Path) -> Option<Self> {
        let name = path.file_name()?.to_str()?.to_owned();
        Some(Self { folder: path.parent()?.to_owned(), name })
    }
}
