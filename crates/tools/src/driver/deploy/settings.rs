//! What the job says of a service in one environment.
//!
//! **Invariant:** it is the catalog's, read by the worker for this job; a key this version does not know is refused.

use secrecy::SecretString;
use serde::Deserialize;

/// A service in one environment.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::driver) struct Service {
    /// Who the job is to the cluster, besides its bearer token.
    pub(super) cluster: Cluster,
    pub(super) namespace: String,
    pub(super) deployment: String,
    /// The container whose image changes.
    pub(super) container: String,
    /// Where its images are: a repository without a tag.
    pub(super) image: String,
    /// What a tag has to look like, whole.
    pub(super) versions: Option<String>,
    pub(super) registry: Registry,
    /// The forge of what it is built from.
    pub(super) source: Option<Source>,
    pub(super) run: Option<WorkflowRun>,
    /// Who must have built it; absent if the catalog says `provenance: none`.
    pub(super) provenance: Option<Provenance>,
    /// The text of the effect that people agreed to; absent for what only looks.
    pub(super) agreed: Option<String>,
}

/// The cluster, whose address is the target's.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::driver) struct Cluster {
    /// Its name in the catalog.
    pub(super) name: String,
    /// A client certificate in place of a bearer token, PEM.
    pub(super) certificate: Option<String>,
    /// Its key, PEM.
    pub(super) key: Option<SecretString>,
    /// As whom the cluster is to treat the job.
    pub(super) impersonate: Option<Impersonate>,
}

/// Source: Kubernetes, "User impersonation".
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::driver) struct Impersonate {
    pub(super) user: String,
    pub(super) groups: Vec<String>,
}

/// How the image's registry is spoken to.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::driver) struct Registry {
    /// Where it is reached, if that does not follow from the image's name.
    pub(super) address: Option<String>,
    pub(super) ca: Option<String>,
    /// `user:password`, or a token.
    pub(super) credential: Option<SecretString>,
}

/// A repository on a forge.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::driver) struct Source {
    pub(super) address: String,
    /// `owner/name`.
    pub(super) repository: String,
    pub(super) ca: Option<String>,
    pub(super) credential: Option<SecretString>,
}

/// The artifact of a run that holds the digest of the image it built.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::driver) struct WorkflowRun {
    /// The workflow's file name.
    pub(super) workflow: String,
    pub(super) artifact: String,
    /// Where the forge keeps artifacts, `host:port`; where github.com does if there is none.
    #[serde(default)]
    pub(super) hosts: Vec<String>,
}

/// Who must have built an image.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::driver) struct Provenance {
    pub(super) repository: String,
    pub(super) workflow: String,
    pub(super) refs: Vec<String>,
    pub(super) attestations: Attestations,
    pub(super) issuer: String,
    /// Sigstore's `TrustedRoot`, JSON; the public-good one if absent.
    pub(super) trusted_root: Option<String>,
}

/// Who keeps attestations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(in crate::driver) enum Attestations {
    Github,
    Registry,
}
