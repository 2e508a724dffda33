//! The broker for one node: credentials that lie in files or in the environment.
//!
//! **Invariant:** a class that is not configured for a target has no credential; there is no
//! fall-back from one class or target to another.

use crate::broker::{Broker, IssueError, RevokeError};
use crate::lease::{Impersonation, Lease, Material, Minted};
use crate::need::{Need, Term};
use crate::read::{self, Environment, fit};
use crate::recipe::{Mint, Recipe};
use crate::target::TargetKey;
use async_trait::async_trait;
use countersign_audit::on_record::OnRecord;
use countersign_core::time::Clock;
use countersign_core::warrant::CredentialClass;
use secrecy::SecretString;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

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

/// What a [`StaticBroker`] is made of, and the static part of any other.
#[derive(Debug)]
pub struct StaticConfig {
    /// Target and class to recipe.
    pub credentials: BTreeMap<(TargetKey, CredentialClass), Recipe>,
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

impl StaticBroker {
    /// A broker over these references. Nothing is read before a lease is issued.
    #[must_use]
    pub fn new(config: StaticConfig, clock: Arc<dyn Clock>) -> Self {
        Self { config: Arc::new(config), clock }
    }

    pub(crate) async fn lease(&self, need: Need) -> Result<Lease, IssueError> {
        let term = self.term(&need);
        let Some(recipe) = self.recipe(&need)?.cloned() else {
            return Ok(Lease::of(need, Minted::fixed(Material::None), None, term));
        };
        let impersonation = recipe.impersonation(&need.principal);
        let config = Arc::clone(&self.config);
        let material = tokio::task::spawn_blocking(move || recipe.read(&config.environment))
            .await
            .expect("reading a credential does not panic")?;
        let material = match &need.key {
            Some(key) => fit(key.kind, material)?,
            None => material,
        };
        Ok(Lease::of(need, Minted::fixed(material), impersonation, term))
    }

    /// For how long it is needed, from now on.
    pub(crate) fn term(&self, need: &Need) -> Term {
        Term::of_job(self.clock.now(), self.config.wall.of(&need.tool))
    }

    pub(crate) fn config(&self) -> &StaticConfig {
        &self.config
    }

    /// The recipe to follow; `None` when the tool needs no credential.
    pub(crate) fn recipe(&self, need: &Need) -> Result<Option<&Recipe>, IssueError> {
        if self.config.without_credential.contains(&need.tool) {
            return Ok(None);
        }
        let target = need.key.clone().ok_or_else(|| IssueError::NoTarget { tool: need.tool.clone() })?;
        let key = (target, need.class);
        match self.config.credentials.get(&key) {
            Some(recipe) => Ok(Some(recipe)),
            None => Err(IssueError::NotConfigured { target: key.0.name, class: key.1 }),
        }
    }
}

impl Recipe {
    /// Reads what lies somewhere. Blocks.
    pub(crate) fn read(&self, environment: &Environment) -> Result<Material, IssueError> {
        match self {
            Self::Nothing => Ok(Material::None),
            Self::BearerToken(reference) => read::token(reference, environment).map(Material::BearerToken),
            Self::AccessToken(reference) => read::token(reference, environment).map(Material::AccessToken),
            Self::ClientCertificate { certificate, key } => read::certificate(certificate, key, environment),
            Self::Aws(reference) => read::aws(reference, environment).map(Material::from),
            Self::Variables(reference) => read::variables(reference, environment),
            Self::Impersonating { with, .. } => with.read(environment),
            Self::Minted(mint) => Err(IssueError::NoIssuer { what: format!("the issuer `{}`", mint.issuer()) }),
        }
    }

    /// As whom the cluster is to treat the requests.
    pub(crate) fn impersonation(&self, principal: &str) -> Option<Impersonation> {
        let Self::Impersonating { user, groups, .. } = self else { return None };
        Some(Impersonation { user: user.replace("{principal}", principal), groups: groups.clone() })
    }

    /// Who mints, if somebody does.
    pub(crate) fn mint(&self) -> Option<&Mint> {
        match self {
            Self::Minted(mint) => Some(mint),
            Self::Impersonating { with, .. } => with.mint(),
            Self::Nothing
            | Self::BearerToken(_)
            | Self::AccessToken(_)
            | Self::ClientCertificate { .. }
            | Self::Aws(_)
            | Self::Variables(_) => None,
        }
    }
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
    async fn sweep(&self, _pool: &str, _live: &BTreeSet<String>) -> Result<Vec<String>, RevokeError> {
        Ok(Vec::new())
    }
}

#[cfg(test)]
mod tests;
