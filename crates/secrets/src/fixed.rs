//! The broker for one node: credentials that lie in files or in the environment.
//!
//! **Invariant:** a class that is not configured for a target has no credential; there is no
//! fall-back from one class or target to another.

use crate::broker::{Broker, IssueError, RevokeError};
use crate::lease::{Expiry, Lease, Material, handle};
use crate::reference::Reference;
use async_trait::async_trait;
use countersign_audit::on_record::OnRecord;
use countersign_core::id::InvocationId;
use countersign_core::time::Clock;
use countersign_core::warrant::{CredentialClass, Errand};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

/// How long a lease outlives the job it is for: time to stop and to revoke.
const GRACE: Duration = Duration::from_mins(1);

/// What to make a credential from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Recipe {
    /// A bearer token.
    BearerToken(Reference),
    /// A client certificate and its key.
    ClientCertificate {
        /// PEM of the certificate chain.
        certificate: Reference,
        /// PEM of the private key.
        key: Reference,
    },
}

/// How long each tool's jobs may take, from the runners' own limits.
#[derive(Debug, Clone)]
pub struct WallLimits {
    /// For tools without an entry of their own.
    pub default: Duration,
    /// By the tool's name.
    pub by_tool: BTreeMap<String, Duration>,
}

impl WallLimits {
    fn of(&self, tool: &str) -> Duration {
        self.by_tool.get(tool).copied().unwrap_or(self.default)
    }
}

/// What a [`StaticBroker`] is made of.
#[derive(Debug)]
pub struct StaticConfig {
    /// Target and class to recipe.
    pub credentials: BTreeMap<(String, CredentialClass), Recipe>,
    /// Names of the tools that need no credential: their leases hold [`Material::None`].
    pub without_credential: BTreeSet<String>,
    /// How long jobs may take.
    pub wall: WallLimits,
    /// The environment that `env:` references are read from, as it was at start.
    pub environment: BTreeMap<String, SecretString>,
}

/// Issues leases over credentials that do not end by themselves. The effective expiry says so.
#[derive(Debug)]
pub struct StaticBroker {
    config: Arc<StaticConfig>,
    clock: Arc<dyn Clock>,
}

/// What a lease is needed for, out of a recorded warrant.
#[derive(Debug, Clone)]
struct Need {
    invocation: InvocationId,
    errand: Errand,
    tool: String,
    target: Option<String>,
    class: CredentialClass,
}

impl Need {
    fn of(on_record: &OnRecord) -> Self {
        let warrant = on_record.warrant();
        Self {
            invocation: on_record.invocation(),
            errand: warrant.errand(),
            tool: warrant.command().tool().name().to_owned(),
            target: warrant.decision().decision().scope.target.clone(),
            class: warrant.credential(),
        }
    }
}

impl StaticBroker {
    /// A broker over these references. Nothing is read before a lease is issued.
    #[must_use]
    pub fn new(config: StaticConfig, clock: Arc<dyn Clock>) -> Self {
        Self { config: Arc::new(config), clock }
    }

    async fn lease(&self, need: Need) -> Result<Lease, IssueError> {
        let material = match self.recipe(&need)? {
            None => Material::None,
            Some(recipe) => {
                let config = Arc::clone(&self.config);
                tokio::task::spawn_blocking(move || recipe.read(&config.environment))
                    .await
                    .expect("reading a credential does not panic")?
            }
        };
        let nominal = self.clock.now().plus(self.config.wall.of(&need.tool)).plus(GRACE);
        Ok(Lease {
            handle: handle(need.invocation, need.errand),
            invocation: need.invocation,
            class: need.class,
            target: need.target,
            material,
            expiry: Expiry { nominal, effective: None },
        })
    }

    /// The recipe to follow; `None` when the tool needs no credential.
    fn recipe(&self, need: &Need) -> Result<Option<Recipe>, IssueError> {
        if self.config.without_credential.contains(&need.tool) {
            return Ok(None);
        }
        let target = need.target.clone().ok_or_else(|| IssueError::NoTarget { tool: need.tool.clone() })?;
        let key = (target, need.class);
        match self.config.credentials.get(&key) {
            Some(recipe) => Ok(Some(recipe.clone())),
            None => Err(IssueError::NotConfigured { target: key.0, class: key.1 }),
        }
    }
}

impl Recipe {
    fn read(&self, environment: &BTreeMap<String, SecretString>) -> Result<Material, IssueError> {
        match self {
            Self::BearerToken(reference) => {
                let token = reference.read(environment)?;
                // It goes into a header and a kubeconfig; a line break there would begin another line.
                if token.expose_secret().chars().any(|c| c.is_whitespace() || c.is_control()) {
                    return Err(malformed(reference, "a token holds no white space"));
                }
                Ok(Material::BearerToken(token))
            }
            Self::ClientCertificate { certificate, key } => Ok(Material::ClientCertificate {
                certificate_pem: pem(certificate, environment, "CERTIFICATE-----")?.expose_secret().to_owned(),
                key_pem: pem(key, environment, "PRIVATE KEY-----")?,
            }),
        }
    }
}

fn pem(
    reference: &Reference,
    environment: &BTreeMap<String, SecretString>,
    label: &str,
) -> Result<SecretString, IssueError> {
    let text = reference.read(environment)?;
    let first = text.expose_secret().lines().next().unwrap_or_default();
    if !first.starts_with("-----BEGIN ") || !first.ends_with(label) {
        return Err(malformed(reference, "it does not begin with the expected PEM label"));
    }
    Ok(SecretString::from(format!("{}\n", text.expose_secret())))
}

fn malformed(reference: &Reference, why: &'static str) -> IssueError {
    IssueError::Malformed { reference: reference.clone(), why }
}

#[async_trait]
impl Broker for StaticBroker {
    async fn issue(&self, on_record: &OnRecord) -> Result<Lease, IssueError> {
        self.lease(Need::of(on_record)).await
    }

    /// Wipes our copy. The credential itself is static: there is nobody to take it back from.
    async fn revoke(&self, lease: Lease) -> Result<(), RevokeError> {
        drop(lease);
        Ok(())
    }

    /// Nothing outlives its process here, so there is never anything to sweep.
    async fn sweep(&self, _live: &BTreeSet<String>) -> Result<Vec<String>, RevokeError> {
        Ok(Vec::new())
    }
}

#[cfg(test)]
mod tests;
