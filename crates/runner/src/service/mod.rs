//! A service in one environment, as the catalog describes it, and what its driver gets to know.
//!
//! **Invariant:** a credential is read for each job, and is in the job's one file and in what the redaction looks for,
//! nowhere else. Where a job may connect to follows from the catalog alone.

mod job;

pub(crate) use job::{Section, render};

use crate::port::RunFault;
use crate::target::{Cluster, Endpoint, Host, HostPort, NotAnEndpoint};
use countersign_core::refusal::{Code, Refusal};
use countersign_core::warrant::Warrant;
use countersign_secrets::Reference;
use countersign_tools::driver::registry_hosts;
use secrecy::SecretString;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// A service in one environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// Where it runs.
    pub cluster: Cluster,
    /// The cluster's name in the catalog.
    pub cluster_name: String,
    /// The namespace in it.
    pub namespace: String,
    /// The deployment in the namespace.
    pub deployment: String,
    /// The container whose image changes.
    pub container: String,
    /// A repository of an OCI registry, without tag.
    pub image: String,
    /// What a tag has to look like.
    pub versions: Option<String>,
    /// How the registry is spoken to.
    pub registry: Registry,
    /// The forge of what it is built from.
    pub source: Option<Source>,
    /// Where the digest of a workflow run is found.
    pub run: Option<WorkflowRun>,
    /// Who must have built it; `None` if nobody asks.
    pub provenance: Option<Provenance>,
}

/// How a registry is spoken to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Registry {
    /// Where it is reached, if that does not follow from the image's name.
    pub address: Option<String>,
    /// PEM of the authority that it is believed by; `None` means the system's.
    pub ca_pem: Option<String>,
    /// `user:password`, or a token.
    pub credential: Option<Kept>,
}

/// A repository on a forge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// Address of the API.
    pub address: String,
    /// `owner/name`.
    pub repository: String,
    /// PEM of the authority that it is believed by; `None` means the system's.
    pub ca_pem: Option<String>,
    /// A token.
    pub credential: Option<Kept>,
}

/// The artifact of a run that holds the digest of the image it built.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkflowRun {
    /// The workflow's file name.
    pub workflow: String,
    /// The artifact's name.
    pub artifact: String,
    /// Where the forge keeps artifacts: `host:port`, or `http://127.0.0.1:port`; where github.com does if there is none.
    pub hosts: Vec<String>,
}

/// Who must have built an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Provenance {
    /// `owner/name`.
    pub repository: String,
    /// The workflow.
    pub workflow: String,
    /// The refs it may have been built from.
    pub refs: Vec<String>,
    /// Who keeps the attestations: `github` or `registry`.
    pub attestations: &'static str,
    /// Who the workflow's identity is believed from.
    pub issuer: String,
    /// Sigstore's `TrustedRoot`, JSON; `None` means the public-good one.
    pub trusted_root: Option<String>,
}

/// A secret that is read anew for each job.
#[derive(Clone)]
pub struct Kept {
    reference: Reference,
    environment: Arc<BTreeMap<String, SecretString>>,
}

impl Kept {
    /// What this reference leads to, in this environment.
    #[must_use]
    pub const fn new(reference: Reference, environment: Arc<BTreeMap<String, SecretString>>) -> Self {
        Self { reference, environment }
    }
}

impl PartialEq for Kept {
    fn eq(&self, other: &Self) -> bool {
        self.reference == other.reference
    }
}

impl Eq for Kept {}

impl fmt::Debug for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Kept({})", self.reference)
    }
}

/// What one job is told besides the catalog and its lease.
#[derive(Debug, Default)]
pub(crate) struct Told<'a> {
    registry: Option<SecretString>,
    forge: Option<SecretString>,
    /// The words of the effect that people agreed to.
    agreed: Option<&'a str>,
}

impl Told<'_> {
    /// What the output must not show.
    pub(crate) fn known(&self) -> Vec<(String, SecretString)> {
        use secrecy::ExposeSecret as _;
        let mut all = Vec::new();
        if let Some(registry) = &self.registry {
            // Of `user:password` the password alone is one as well.
            let password = registry.expose_secret().split_once(':').map_or("", |(_, password)| password).to_owned();
            all.push(("registry-credential".to_owned(), registry.clone()));
            all.extend((password.len() >= 8).then(|| ("registry-password".to_owned(), password.into())));
        }
        all.extend(self.forge.iter().map(|token| ("forge-token".to_owned(), token.clone())));
        all
    }
}

impl Service {
    /// Reads its credentials, as they are now.
    pub(crate) async fn told<'a>(&self, warrant: &'a Warrant) -> Result<Told<'a>, RunFault> {
        Ok(Told { agreed: warrant.agreed(), ..self.secrets().await? })
    }

    async fn secrets<'a>(&self) -> Result<Told<'a>, RunFault> {
        let registry = self.registry.credential.clone();
        let forge = self.source.as_ref().and_then(|source| source.credential.clone());
        Ok(Told { agreed: None, registry: read(registry).await?, forge: read(forge).await? })
    }

    /// Where a job for it may connect to, and where of this very host it may without TLS.
    pub(crate) fn hosts(&self) -> Result<(Vec<HostPort>, Vec<HostPort>), NotAnEndpoint> {
        let mut all = registry_hosts(&self.image, self.registry.address.as_deref());
        let mut plain = Vec::new();
        let mut hosts = self.cluster.allowed.clone();
        if self.registry.address.as_deref().is_some_and(|address| address.starts_with("http://")) {
            plain.append(&mut all);
        }
        if let Some(source) = &self.source {
            let (at, is_plain) = api(&source.address)?;
            if is_plain {
                plain.push(at);
            } else {
                all.push(at);
            }
            let named = self.run.as_ref().map(|run| run.hosts.clone()).unwrap_or_default();
            if self.run.is_some() && named.is_empty() && source.address == GITHUB {
                all.extend(storage());
            }
            for host in named {
                match host.strip_prefix("http://") {
                    Some(here) => plain.push(here.to_owned()),
                    None => all.push(host),
                }
            }
        }
        hosts.extend(read_all(&all)?);
        let plain = read_all(&plain)?;
        // What is no TLS is of this very host, whatever the catalog calls it.
        let here = plain.iter().all(|at| matches!(at.host(), Host::Address(ip) if ip.is_loopback()));
        if here { Ok((hosts, plain)) } else { Err(NotAnEndpoint) }
    }
}

fn read_all(texts: &[String]) -> Result<Vec<HostPort>, NotAnEndpoint> {
    texts.iter().map(|text| text.parse().map_err(|_| NotAnEndpoint)).collect()
}

const GITHUB: &str = "https://api.github.com";

/// Where github.com keeps the artifacts of runs.
///
/// Source: GitHub's REST API, `GET /meta`, `domains.actions_inbound.full_domains`.
fn storage() -> impl Iterator<Item = String> {
    (0..20).map(|number| format!("productionresultssa{number}.blob.core.windows.net:443"))
}

/// An API's host, which may have a path; and whether it is spoken to without TLS.
fn api(address: &str) -> Result<(String, bool), NotAnEndpoint> {
    if address.starts_with("http://") {
        let endpoint: Endpoint = address.parse()?;
        return Ok((endpoint.at().to_string(), true));
    }
    HostPort::of_url(address).map(|at| (at.to_string(), false)).map_err(|_| NotAnEndpoint)
}

async fn read(kept: Option<Kept>) -> Result<Option<SecretString>, RunFault> {
    let Some(Kept { reference, environment }) = kept else { return Ok(None) };
    let named = reference.to_string();
    let read = tokio::task::spawn_blocking(move || reference.read(&environment)).await;
    let read = read.map_err(|error| RunFault::Prepare(std::io::Error::other(error)))?;
    let no = |error: countersign_secrets::IssueError| {
        tracing::warn!("A credential of a service cannot be read: {error}");
        let sentence = format!("what `{named}` of the service leads to cannot be read by this worker");
        RunFault::from(Refusal::new(
            Code::CredentialUnavailable,
            sentence,
            "Tell the operators: `services` in catalog.yaml.",
        ))
    };
    read.map(Some).map_err(no)
}

#[cfg(test)]
pub(crate) mod tests;
