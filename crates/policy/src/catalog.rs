//! What there is, and where: environments, clusters and the other targets, custom commands.
//!
//! **Invariant:** a reference says where a secret is, never what it is; every entry names an
//! environment that exists, its owners and the pool of workers that may serve it.

use countersign_command::{CustomCommand, Vocabulary};
use countersign_core::tier::{Isolation, Tier};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

mod credentials;
mod targets;

pub use credentials::{Credential, Credentials, Impersonate, Origin, VaultEngine};
pub use targets::{
    Alertmanager, Attestations, Github, Profile, Project, Provenance, Registry, Repository, Review, Rollout, Service,
    Stack, WorkflowRun,
};

/// catalog.yaml.
#[derive(Debug, Clone, Default)]
pub struct Catalog {
    pub(crate) environments: BTreeMap<String, Environment>,
    pub(crate) clusters: BTreeMap<String, Cluster>,
    pub(crate) profiles: BTreeMap<String, Profile>,
    pub(crate) projects: BTreeMap<String, Project>,
    pub(crate) repositories: BTreeMap<String, Repository>,
    pub(crate) stacks: BTreeMap<String, Stack>,
    pub(crate) services: BTreeMap<String, Service>,
    pub(crate) alertmanagers: BTreeMap<String, Alertmanager>,
    pub(crate) commands: BTreeMap<String, Command>,
    pub(crate) raises: Vec<Raise>,
    pub(crate) limits: Limits,
    pub(crate) vocabulary: Vocabulary,
}

impl Catalog {
    /// The environments by name.
    #[must_use]
    pub const fn environments(&self) -> &BTreeMap<String, Environment> {
        &self.environments
    }

    /// The Kubernetes clusters by the name that `--context` takes.
    #[must_use]
    pub const fn clusters(&self) -> &BTreeMap<String, Cluster> {
        &self.clusters
    }

    /// The AWS accounts by the first word after `/aws`.
    #[must_use]
    pub const fn profiles(&self) -> &BTreeMap<String, Profile> {
        &self.profiles
    }

    /// The Google Cloud projects by the first word after `/gcloud`.
    #[must_use]
    pub const fn projects(&self) -> &BTreeMap<String, Project> {
        &self.projects
    }

    /// The git repositories by name.
    #[must_use]
    pub const fn repositories(&self) -> &BTreeMap<String, Repository> {
        &self.repositories
    }

    /// The Terraform stacks by name.
    #[must_use]
    pub const fn stacks(&self) -> &BTreeMap<String, Stack> {
        &self.stacks
    }

    /// The services by name.
    #[must_use]
    pub const fn services(&self) -> &BTreeMap<String, Service> {
        &self.services
    }

    /// The Alertmanagers by name.
    #[must_use]
    pub const fn alertmanagers(&self) -> &BTreeMap<String, Alertmanager> {
        &self.alertmanagers
    }

    /// The places of all entries; a service has one for each of its environments.
    pub fn places(&self) -> impl Iterator<Item = &Place> {
        let clusters = self.clusters.values().map(|one| &one.place);
        let profiles = self.profiles.values().map(|one| &one.place);
        let projects = self.projects.values().map(|one| &one.place);
        let stacks = self.stacks.values().map(|one| &one.place);
        let services = self.services.values().flat_map(|one| one.environments.values().map(|each| &each.place));
        let alertmanagers = self.alertmanagers.values().map(|one| &one.place);
        let commands = self.commands.values().map(|one| &one.place);
        clusters.chain(profiles).chain(projects).chain(stacks).chain(services).chain(alertmanagers).chain(commands)
    }

    /// The custom commands by name.
    #[must_use]
    pub const fn commands(&self) -> &BTreeMap<String, Command> {
        &self.commands
    }

    /// Limits of a job that no entry narrows.
    #[must_use]
    pub const fn limits(&self) -> Limits {
        self.limits
    }

    /// Limits of this entry: a custom command's own, else the catalog's.
    #[must_use]
    pub fn limits_of(&self, tool: &str) -> Limits {
        let own = self.commands.get(tool).and_then(|command| command.limits);
        own.unwrap_or(self.limits)
    }

    /// The names a grammar may use.
    #[must_use]
    pub const fn vocabulary(&self) -> &Vocabulary {
        &self.vocabulary
    }
}

/// A place where things run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Environment {
    /// Whether the floor's rules for production hold here.
    pub stage: Stage,
}

/// Whether an environment is production.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Changes need an approval, whatever rbac.yaml says.
    Production,
    /// They need what rbac.yaml says.
    Other,
}

/// What every entry says: where it counts, who owns it, who may serve it and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Its environment.
    pub env: String,
    /// The groups that `owners-of-target` stands for; never empty.
    pub owners: BTreeSet<String>,
    /// Which pool of workers may serve it.
    pub pool: String,
    /// Which isolation level its commands must run in.
    pub isolation: Isolation,
}

/// A Kubernetes cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cluster {
    /// Catalog name: what `--context` takes.
    pub name: String,
    /// Environment, owners, pool, isolation.
    pub place: Place,
    /// Address of its API server, an https URL without a path.
    pub address: String,
    /// Where the certificate authority of its API server is; `None` means the system's.
    pub ca: Option<Reference>,
    /// The namespace meant when none is typed.
    pub namespace: String,
    /// One credential a tier, and one for previews.
    pub credentials: Credentials,
}

/// Where a secret or a certificate is: `file:/absolute/path` or `env:NAME`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reference {
    /// The bytes of this file.
    File(String),
    /// The value of this variable of the process that uses it.
    Env(String),
}

/// Why a text is not a reference.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a reference is `file:/absolute/path` or `env:NAME`; a secret itself never stands in a file")]
pub struct NotAReference;

impl Reference {
    /// Reads a reference.
    ///
    /// # Errors
    /// When it is neither an absolute path nor the name of a variable.
    pub fn parse(text: &str) -> Result<Self, NotAReference> {
        match text.split_once(':') {
            Some(("file", path)) if path.starts_with('/') && !path.split('/').any(|p| p == "..") => {
                Ok(Self::File(path.to_owned()))
            }
            Some(("env", name)) if is_variable(name) => Ok(Self::Env(name.to_owned())),
            _ => Err(NotAReference),
        }
    }
}

fn is_variable(name: &str) -> bool {
    let mut chars = name.chars();
    chars.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
        && chars.all(|c| c.is_ascii_alphanumeric() || c == '_')
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "file:{path}"),
            Self::Env(name) => write!(f, "env:{name}"),
        }
    }
}

/// A custom command, with what its grammar does not need to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// What the grammar knows: template, parameters, tier, runner.
    pub grammar: CustomCommand,
    /// Environment, owners, pool, isolation.
    pub place: Place,
    /// Its own limits, if it has some.
    pub limits: Option<Limits>,
}

/// Limits of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Wall-clock time until the job is ended.
    pub wall: Duration,
    /// Bytes of output until the job is ended.
    pub output_bytes: u64,
}

impl Default for Limits {
    /// Five minutes and a mebibyte: longer than any read, shorter than a forgotten watch.
    fn default() -> Self {
        Self { wall: Duration::from_mins(5), output_bytes: 1 << 20 }
    }
}

/// A tier that the catalog raises.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Raise {
    pub(crate) selector: crate::selector::Selector,
    pub(crate) tier: Tier,
    pub(crate) why: String,
}

/// What a demonstration or a test puts in the place of a cluster's address and references.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClusterOverride {
    /// Address of the API server.
    pub address: String,
    /// Its certificate authority.
    pub ca: Option<Reference>,
    /// Its credentials.
    pub credentials: Credentials,
}

/// Replacements made before the catalog is compiled. They cannot touch who owns a target, where
/// it counts, or how it is isolated.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Overrides {
    /// By catalog name.
    pub clusters: BTreeMap<String, ClusterOverride>,
}

impl Catalog {
    /// This catalog with the overrides in place; names that it does not have come back.
    pub(crate) fn with(mut self, overrides: &Overrides) -> (Self, Vec<String>) {
        let mut unknown = Vec::new();
        for (name, other) in &overrides.clusters {
            match self.clusters.get_mut(name) {
                Some(cluster) => {
                    cluster.address.clone_from(&other.address);
                    cluster.ca.clone_from(&other.ca);
                    cluster.credentials = other.credentials.clone();
                }
                None => unknown.push(name.clone()),
            }
        }
        (self, unknown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_not_a_reference() {
        for bad in ["hunter2", "file:relative", "file:/a/../b", "env:", "env:A B", "env:1A", "vault:x"] {
            assert!(Reference::parse(bad).is_err(), "{bad}");
        }
        for good in ["file:/run/secrets/a", "env:TOKEN_1"] {
            assert_eq!(Reference::parse(good).unwrap().to_string(), good);
        }
    }
}
