//! The catalog's credentials, which may change while the worker runs.
//!
//! **Invariant:** a lease is issued over the catalog that was learnt last; taking a lease back
//! does not depend on which one that was.

use async_trait::async_trait;
use countersign_audit::on_record::OnRecord;
use countersign_core::time::Clock;
use countersign_core::warrant::CredentialClass;
use countersign_policy::Catalog;
use countersign_secrets::{
    Broker, IssueError, Lease, Recipe, Reference, RevokeError, StaticBroker, StaticConfig, WallLimits,
};
use secrecy::SecretString;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

/// Issues leases over the credentials that the catalog names.
pub struct LiveBroker {
    current: RwLock<Arc<StaticBroker>>,
    extra: BTreeMap<(String, CredentialClass), Recipe>,
    environment: BTreeMap<String, SecretString>,
    clock: Arc<dyn Clock>,
}

impl fmt::Debug for LiveBroker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LiveBroker")
    }
}

impl LiveBroker {
    /// A broker over this catalog; `extra` takes the place of what it says.
    #[must_use]
    pub fn new(
        catalog: &Catalog,
        extra: BTreeMap<(String, CredentialClass), Recipe>,
        environment: BTreeMap<String, SecretString>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let first = fixed(catalog, &extra, &environment, &clock);
        Self { current: RwLock::new(Arc::new(first)), extra, environment, clock }
    }

    /// Another catalog is in force.
    pub fn learn(&self, catalog: &Catalog) {
        let next = Arc::new(fixed(catalog, &self.extra, &self.environment, &self.clock));
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = next;
    }

    fn current(&self) -> Arc<StaticBroker> {
        self.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn fixed(
    catalog: &Catalog,
    extra: &BTreeMap<(String, CredentialClass), Recipe>,
    environment: &BTreeMap<String, SecretString>,
    clock: &Arc<dyn Clock>,
) -> StaticBroker {
    let mut credentials = BTreeMap::new();
    for (name, cluster) in catalog.clusters() {
        let own = &cluster.credentials;
        let classes = [
            (CredentialClass::Read, &own.read),
            (CredentialClass::Sensitive, &own.sensitive),
            (CredentialClass::Preview, &own.preview),
            (CredentialClass::Change, &own.change),
            (CredentialClass::Destructive, &own.destructive),
        ];
        for (class, reference) in classes {
            if let Some(reference) = reference.as_ref().and_then(|it| it.to_string().parse::<Reference>().ok()) {
                credentials.insert((name.clone(), class), Recipe::BearerToken(reference));
            }
        }
    }
    credentials.extend(extra.clone());
    let config = StaticConfig {
        credentials,
        without_credential: catalog.commands().keys().cloned().collect(),
        wall: WallLimits { default: catalog.limits().wall, by_tool: BTreeMap::new() },
        environment: environment.clone(),
    };
    StaticBroker::new(config, clock.clone())
}

#[async_trait]
impl Broker for LiveBroker {
    async fn issue(&self, on_record: &OnRecord) -> Result<Lease, IssueError> {
        self.current().issue(on_record).await
    }

    async fn revoke(&self, lease: Lease) -> Result<(), RevokeError> {
        self.current().revoke(lease).await
    }

    async fn sweep(&self, live: &BTreeSet<String>) -> Result<Vec<String>, RevokeError> {
        self.current().sweep(live).await
    }
}
