//! The targets besides clusters: AWS accounts, Google Cloud projects, Terraform stacks, services,
//! Alertmanagers, and the repositories that stacks and manifests come from.
//!
//! **Invariant:** each has a [`Place`] like every other entry; what a grammar may know of one is its
//! part of the vocabulary, and nothing in here is a secret.

use super::{Credentials, Place, Reference};
use countersign_command::vocabulary;
use std::collections::BTreeMap;

/// An AWS account as one identity sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile {
    /// Environment, owners, pool, isolation.
    pub place: Place,
    /// The number of the account; twelve digits.
    pub account: String,
    /// The one address that its services are reached at, instead of their own.
    pub endpoint: Option<String>,
    /// What the grammar knows: regions.
    pub grammar: vocabulary::Profile,
    /// One credential a tier; a preview is described reads, made with the one that reads.
    pub credentials: Credentials,
}

/// A Google Cloud project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Project {
    /// Environment, owners, pool, isolation.
    pub place: Place,
    /// The one address that its APIs are reached at, instead of their own.
    pub endpoint: Option<String>,
    /// What the grammar knows: Google's id of it.
    pub grammar: vocabulary::Project,
    /// One credential a tier; a preview is described reads, made with the one that reads.
    pub credentials: Credentials,
}

/// A Terraform stack: a folder of a repository whose protected branch was reviewed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stack {
    /// Environment, owners, pool, isolation.
    pub place: Place,
    /// The repository, by its name in the catalog.
    pub repository: String,
    /// The folder in it.
    pub folder: String,
    /// What the grammar knows: the protected branch.
    pub grammar: vocabulary::Stack,
    /// `read` is the role that plans; `change` and `destructive` are the roles that apply.
    pub credentials: Credentials,
}

/// A service that is deployed to clusters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// Where its images are: a repository of an OCI registry, without tag.
    pub image: String,
    /// What the grammar knows: environments and the form of a version.
    pub grammar: vocabulary::Service,
    /// Where it runs, by environment.
    pub environments: BTreeMap<String, Rollout>,
}

/// A service in one environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rollout {
    /// Environment, owners, pool, isolation.
    pub place: Place,
    /// The cluster, by its name in the catalog. A rollout runs with that cluster's credentials.
    pub cluster: String,
    /// The namespace in it.
    pub namespace: String,
    /// The deployment in the namespace.
    pub deployment: String,
    /// The container of the deployment whose image changes.
    pub container: String,
}

/// An Alertmanager.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alertmanager {
    /// Environment, owners, pool, isolation.
    pub place: Place,
    /// Its address, an https URL without a path; or of loopback, with its port.
    pub address: String,
    /// The authority that it is believed by, if it is not the system's.
    pub ca: Option<Reference>,
    /// What the grammar knows: how long a silence may last.
    pub grammar: vocabulary::Alertmanager,
    /// One credential a tier; a preview lists the alerts that would be silenced, with the one that
    /// reads.
    pub credentials: Credentials,
}

/// A git repository that stacks and manifests come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repository {
    /// Its address, an https URL.
    pub address: String,
    /// What can fetch from it, if it is not public.
    pub credential: Option<Reference>,
}
