//! The targets besides clusters: AWS accounts, Google Cloud projects, Terraform stacks, services,
//! Alertmanagers, and the repositories that stacks and manifests come from.
//!
//! **Invariant:** each has a [`Place`] like every other entry; what a grammar may know of one is its
//! part of the vocabulary, and nothing in here is a secret.

use super::{Credentials, Place, Reference};
use countersign_command::vocabulary;
use std::collections::{BTreeMap, BTreeSet};

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
    /// Where a plan and an apply may connect: `host:port`, spoken to with TLS, or
    /// `http://127.0.0.1:port`; without one they reach nothing.
    pub hosts: Vec<String>,
    /// What an apply must show.
    pub review: Review,
    /// What the grammar knows: the protected branch.
    pub grammar: vocabulary::Stack,
    /// `read` is the role that plans; `change` and `destructive` are the roles that apply.
    pub credentials: Credentials,
}

/// What the apply of a stack must show of the commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Review {
    /// It was merged by a pull request that somebody else approved and whose checks are green.
    Required,
    /// It is on the branch, however it came there.
    None,
}

/// A service that is deployed to clusters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// Where its images are: a repository of an OCI registry, without tag.
    pub image: String,
    /// How the registry is spoken to.
    pub registry: Registry,
    /// The repository it is built from, by its name in the catalog; that one has [`Github`].
    pub source: Option<String>,
    /// Where the digest of a workflow run is found: `/deploy checkout prod run:123456`.
    pub run: Option<WorkflowRun>,
    /// Who must have built the image; `None` if the catalog says `provenance: none`.
    pub provenance: Option<Provenance>,
    /// What the grammar knows: environments, the form of a version, and runs.
    pub grammar: vocabulary::Service,
    /// Where it runs, by environment.
    pub environments: BTreeMap<String, Rollout>,
}

/// How the registry of an image is spoken to, where that does not follow from the image's name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Registry {
    /// What may pull: `user:password` or a token.
    pub credential: Option<Reference>,
    /// The authority that it is believed by, if it is not the system's.
    pub ca: Option<Reference>,
    /// Where it is reached instead: an https URL without a path; or of loopback, with its port.
    pub address: Option<String>,
}

/// The artifact of a workflow run that holds the digest of the image it built.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkflowRun {
    /// The workflow's file name: `release.yml`.
    pub workflow: String,
    /// The artifact's name.
    pub artifact: String,
    /// Where the forge keeps artifacts, as `hosts` of a stack; where github.com does if there is none.
    pub hosts: Vec<String>,
}

/// Who must have built an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Provenance {
    /// The repository of the workflow: `owner/name`.
    pub repository: String,
    /// The workflow's path in it: `.github/workflows/release.yml`.
    pub workflow: String,
    /// The refs it may have been built from; `*` stops at `/`. Never empty, and each is of a branch
    /// or a tag.
    pub refs: Vec<String>,
    /// Who keeps the attestations.
    pub attestations: Attestations,
    /// Who the identity of the workflow is believed from: an https URL.
    pub issuer: String,
    /// Sigstore's `TrustedRoot` as JSON; `None` means the public-good root.
    pub trusted_root: Option<Reference>,
}

/// Who keeps the attestations of an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attestations {
    /// GitHub, at the repository that the service is built from.
    Github,
    /// The image's registry, as referrers of the image.
    Registry,
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
    /// The authority that its server is believed by, if it is not the system's.
    pub ca: Option<Reference>,
    /// Who knows what was merged and reviewed in it.
    pub github: Option<Github>,
}

/// A repository as GitHub knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Github {
    /// `owner/name`.
    pub repository: String,
    /// A token that may read pull requests, checks, actions and attestations.
    pub credential: Option<Reference>,
    /// Where its API is: an https URL; or of loopback, with its port.
    pub address: String,
    /// The authority that it is believed by, if it is not the system's.
    pub ca: Option<Reference>,
    /// The checks that must be green; if there is none here, every one that ran, and at least one.
    pub checks: BTreeSet<String>,
}
