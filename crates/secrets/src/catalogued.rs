//! The broker of a worker: each credential is made as the catalog says.
//!
//! **Invariant:** a credential that is minted is minted for one recorded command and with the
//! worker's own identity; one that cannot be handed over is taken back at once.

use crate::broker::{Broker, IssueError, RevokeError};
use crate::fixed::{StaticBroker, StaticConfig};
use crate::issuers::Issuers;
use crate::lease::{Lease, Minted};
use crate::need::{Need, Term};
use crate::read::fit;
use crate::recipe::{Mint, Place};
use async_trait::async_trait;
use countersign_audit::on_record::OnRecord;
use countersign_core::time::Clock;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Follows recipes of every kind.
#[derive(Debug)]
pub struct CatalogBroker {
    fixed: StaticBroker,
    issuers: Arc<Issuers>,
}

impl CatalogBroker {
    /// A broker over these recipes. Nobody is asked before a lease is issued.
    #[must_use]
    pub fn new(config: StaticConfig, issuers: Arc<Issuers>, clock: Arc<dyn Clock>) -> Self {
        Self { fixed: StaticBroker::new(config, clock), issuers }
    }

    pub(crate) async fn lease(&self, need: Need) -> Result<Lease, IssueError> {
        let recipe = self.fixed.recipe(&need)?;
        let Some((recipe, mint)) = recipe.and_then(|recipe| Some((recipe, recipe.mint()?))) else {
            return self.fixed.lease(need).await;
        };
        let term = self.fixed.term(&need);
        let impersonation = recipe.impersonation(&need.principal);
        let Minted { material, issued, effective, release } = self.mint(mint, &need, term).await?;
        let fitted = match &need.key {
            Some(key) => fit(key.kind, material),
            None => Ok(material),
        };
        match fitted {
            Ok(material) => Ok(Lease::of(need, Minted { material, issued, effective, release }, impersonation, term)),
            Err(unfit) => {
                // What stays is found by its handle.
                let handle = need.handle();
                drop(self.issuers.release(release, &need.pool, &handle).await);
                Err(unfit)
            }
        }
    }

    async fn mint(&self, mint: &Mint, need: &Need, term: Term) -> Result<Minted, IssueError> {
        match mint {
            Mint::TokenRequest(request) => self.issuers.clusters.mint(request, need, term).await,
            Mint::Vault(role) => self.issuers.vault()?.mint(role, need, term).await,
            Mint::AssumeRole(role) => self.issuers.aws.mint(role, need, term).await,
            Mint::AccessToken(account) => self.issuers.google.mint(account, term).await,
        }
    }

    /// Where tokens are minted.
    fn places(&self) -> BTreeSet<&Place> {
        let recipes = self.fixed.config().credentials.values();
        recipes
            .filter_map(|recipe| match recipe.mint()? {
                Mint::TokenRequest(request) => Some(&request.place),
                Mint::Vault(_) | Mint::AssumeRole(_) | Mint::AccessToken(_) => None,
            })
            .collect()
    }
}

#[async_trait]
impl Broker for CatalogBroker {
    async fn issue(&self, on_record: &OnRecord) -> Result<Lease, IssueError> {
        self.lease(Need::of(on_record)).await
    }

    async fn revoke(&self, lease: Lease) -> Result<(), RevokeError> {
        let Lease { release, handle, pool, .. } = lease;
        self.issuers.release(release, &pool, &handle).await
    }

    async fn sweep(&self, pool: &str, live: &BTreeSet<String>) -> Result<Vec<String>, RevokeError> {
        let (mut swept, mut first) = (Vec::new(), None);
        for place in self.places() {
            // What this worker cannot mint for, it has not minted and cannot sweep.
            if self.issuers.clusters.mints_for(&place.cluster)
                && let Err(error) = self.issuers.clusters.sweep(place, pool, live, &mut swept).await
            {
                first.get_or_insert(error);
            }
        }
        if let Ok(vault) = self.issuers.vault()
            && let Err(error) = vault.sweep(pool, live, &mut swept).await
        {
            first.get_or_insert(error);
        }
        first.map_or(Ok(swept), Err)
    }
}
