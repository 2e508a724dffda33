//! The catalog's credentials, which may change while the worker runs.
//!
//! **Invariant:** a lease is issued over the catalog that was learnt last; taking a lease back
//! does not depend on which one that was.

use crate::run::chain;
use async_trait::async_trait;
use countersign_audit::on_record::OnRecord;
use countersign_core::time::Clock;
use countersign_core::warrant::CredentialClass;
use countersign_policy::Catalog;
use countersign_policy::catalog::{Cluster, Credential, Credentials, Origin, VaultEngine};
use countersign_policy::catalog::{Reference as CatalogReference, Service};
use countersign_secrets::{
    AccessToken, AssumeRole, Broker, CatalogBroker, Engine, IssueError, IssuerSettings, Issuers, Lease, Mint, Place,
    Recipe, Reference, RevokeError, StaticConfig, TargetKey, TargetKind, TokenRequest, VaultRole, WallLimits,
};
use secrecy::SecretString;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};

mod settings;

pub use settings::issuer_settings;

/// Issues leases over the credentials that the catalog names.
pub struct LiveBroker {
    current: RwLock<Arc<CatalogBroker>>,
    extra: BTreeMap<(String, CredentialClass), Recipe>,
    environment: BTreeMap<String, SecretString>,
    issuers: Arc<Issuers>,
    clock: Arc<dyn Clock>,
}

/// What a worker has besides the catalog.
#[derive(Debug, Default)]
pub struct Means {
    /// Credentials by name of a cluster and class, which take the place of what the catalog says.
    pub extra: BTreeMap<(String, CredentialClass), Recipe>,
    /// The environment that `env:` references mean.
    pub environment: BTreeMap<String, SecretString>,
    /// What it asks issuers with.
    pub issuers: IssuerSettings,
}

impl fmt::Debug for LiveBroker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LiveBroker")
    }
}

impl LiveBroker {
    /// A broker over this catalog, of a worker with these means.
    #[must_use]
    pub fn new(catalog: &Catalog, means: Means, clock: Arc<dyn Clock>) -> Self {
        let Means { extra, environment, issuers } = means;
        let issuers = Arc::new(Issuers::new(issuers, environment.clone(), clock.clone()));
        let first = over(catalog, &extra, &environment, &issuers, &clock);
        Self { current: RwLock::new(Arc::new(first)), extra, environment, issuers, clock }
    }

    /// Another catalog is in force.
    pub fn learn(&self, catalog: &Catalog) {
        let next = Arc::new(over(catalog, &self.extra, &self.environment, &self.issuers, &self.clock));
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = next;
    }

    fn current(&self) -> Arc<CatalogBroker> {
        self.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn over(
    catalog: &Catalog,
    extra: &BTreeMap<(String, CredentialClass), Recipe>,
    environment: &BTreeMap<String, SecretString>,
    issuers: &Arc<Issuers>,
    clock: &Arc<dyn Clock>,
) -> CatalogBroker {
    let mut credentials = recipes(catalog);
    let extra = extra.iter().map(|((name, class), recipe)| ((TargetKey::cluster(name), *class), recipe.clone()));
    credentials.extend(extra);
    let limits = |name: &String| (name.clone(), catalog.limits_of(name).wall);
    let config = StaticConfig {
        credentials,
        without_credential: catalog.commands().keys().cloned().collect(),
        wall: WallLimits { default: catalog.limits().wall, by_tool: catalog.commands().keys().map(limits).collect() },
        environment: environment.clone(),
    };
    CatalogBroker::new(config, issuers.clone(), clock.clone())
}

type Recipes = BTreeMap<(TargetKey, CredentialClass), Recipe>;

/// What the catalog says, target by target.
fn recipes(catalog: &Catalog) -> Recipes {
    let mut all = Recipes::new();
    for (name, one) in catalog.clusters() {
        add(&mut all, &TargetKey::cluster(name), &one.credentials, Some(one));
    }
    for (name, one) in catalog.profiles() {
        add(&mut all, &TargetKey::new(TargetKind::Profile, name), &one.credentials, None);
    }
    for (name, one) in catalog.projects() {
        add(&mut all, &TargetKey::new(TargetKind::Project, name), &one.credentials, None);
    }
    for (name, one) in catalog.stacks() {
        add(&mut all, &TargetKey::new(TargetKind::Stack, name), &one.credentials, None);
    }
    for (name, one) in catalog.alertmanagers() {
        add(&mut all, &TargetKey::new(TargetKind::Alertmanager, name), &one.credentials, None);
    }
    for (name, one) in catalog.services() {
        services(&mut all, catalog, name, one);
    }
    all
}

/// What is rolled out to a cluster is done with that cluster's credentials.
fn services(all: &mut Recipes, catalog: &Catalog, name: &str, service: &Service) {
    for (env, rollout) in &service.environments {
        if let Some(cluster) = catalog.clusters().get(&rollout.cluster) {
            add(all, &TargetKey::service(name, env), &cluster.credentials, Some(cluster));
        }
    }
}

fn add(all: &mut Recipes, key: &TargetKey, own: &Credentials, cluster: Option<&Cluster>) {
    use CredentialClass as Class;
    for class in [Class::Read, Class::Sensitive, Class::Preview, Class::Change, Class::Destructive] {
        if let Some(recipe) = own.of(class).and_then(|credential| recipe(key.kind, credential, cluster)) {
            all.insert((key.clone(), class), recipe);
        }
    }
}

/// `None` for what the catalog's own checks do not let through.
fn recipe(kind: TargetKind, credential: &Credential, cluster: Option<&Cluster>) -> Option<Recipe> {
    let recipe = match &credential.from {
        Origin::Nothing => Recipe::Nothing,
        Origin::Reference(reference) => lying(kind, of(reference)),
        Origin::TokenRequest { service_account, namespace, audiences } => {
            Recipe::Minted(Mint::TokenRequest(TokenRequest {
                place: place(cluster?, namespace),
                service_account: service_account.clone(),
                audiences: audiences.clone(),
            }))
        }
        Origin::Vault { engine, mount, role, namespace, field } => Recipe::Minted(Mint::Vault(VaultRole {
            engine: match engine {
                VaultEngine::Aws => Engine::Aws,
                VaultEngine::Gcp => Engine::Gcp,
                VaultEngine::Kubernetes => Engine::Kubernetes,
                VaultEngine::KvV2 => Engine::KvV2,
            },
            mount: mount.clone(),
            role: role.clone(),
            namespace: namespace.clone(),
            field: field.clone(),
        })),
        Origin::AssumeRole { role, source, region } => {
            let (role, region) = (role.clone(), region.clone());
            Recipe::Minted(Mint::AssumeRole(AssumeRole { role, source: of(source), region }))
        }
        Origin::AccessToken { service_account, source } => Recipe::Minted(Mint::AccessToken(AccessToken {
            service_account: Some(service_account.clone()),
            source: of(source),
        })),
    };
    Some(match &credential.impersonate {
        Some(whom) => {
            let (user, groups) = (whom.user.clone(), whom.groups.clone());
            Recipe::Impersonating { user, groups, with: Box::new(recipe) }
        }
        None => recipe,
    })
}

/// What a reference leads to depends on what it is for.
fn lying(kind: TargetKind, reference: Reference) -> Recipe {
    match kind {
        TargetKind::Cluster | TargetKind::Service | TargetKind::Alertmanager => Recipe::BearerToken(reference),
        TargetKind::Profile => Recipe::Aws(reference),
        // The key of a service account, which a token is got with, or a token.
        TargetKind::Project => {
            Recipe::Minted(Mint::AccessToken(AccessToken { service_account: None, source: reference }))
        }
        TargetKind::Stack => Recipe::Variables(reference),
    }
}

fn place(cluster: &Cluster, namespace: &str) -> Place {
    Place {
        cluster: cluster.name.clone(),
        address: cluster.address.clone(),
        ca: cluster.ca.as_ref().map(of),
        namespace: namespace.to_owned(),
    }
}

fn of(reference: &CatalogReference) -> Reference {
    match reference {
        CatalogReference::File(path) => Reference::File(PathBuf::from(path)),
        CatalogReference::Env(name) => Reference::Env(name.clone()),
    }
}

#[async_trait]
impl Broker for LiveBroker {
    async fn issue(&self, on_record: &OnRecord) -> Result<Lease, IssueError> {
        let issued = self.current().issue(on_record).await;
        if let Err(error) = &issued {
            // The person reads less; neither holds a secret.
            tracing::warn!(invocation.id = %on_record.invocation(), "No credential: {}", chain(error));
        }
        issued
    }

    async fn revoke(&self, lease: Lease) -> Result<(), RevokeError> {
        self.current().revoke(lease).await
    }

    async fn sweep(&self, pool: &str, live: &BTreeSet<String>) -> Result<Vec<String>, RevokeError> {
        self.current().sweep(pool, live).await
    }
}

#[cfg(test)]
mod tests;
