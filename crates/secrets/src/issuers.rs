//! Who mints, and with what this worker asks them.
//!
//! **Invariant:** what a worker can mint is what its own countersign.yaml gives it the means for;
//! the catalog names roles, and no credential of the worker.

use crate::access_token::Google;
use crate::assume_role::Aws;
use crate::broker::{IssueError, RevokeError};
use crate::lease::Release;
use crate::read::Environment;
use crate::reference::Reference;
use crate::token_request::Clusters;
use crate::vault::{Vault, VaultSettings};
use countersign_core::time::Clock;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What a worker has to ask issuers with.
#[derive(Debug, Clone, Default)]
pub struct IssuerSettings {
    /// Its own token in each cluster it may mint in, by catalog name.
    pub clusters: BTreeMap<String, Reference>,
    /// How it reaches Vault.
    pub vault: Option<VaultSettings>,
    /// Address of AWS's token service; the region's own if absent.
    pub sts: Option<String>,
    /// Address of Google's IAM credentials API, if not the public one.
    pub iam_credentials: Option<String>,
    /// Address of Google's token endpoint, if not the public one.
    pub oauth2: Option<String>,
    /// The authority of the three addresses above, as a PEM file; the system's if absent.
    pub ca: Option<Reference>,
}

/// The issuers as this worker reaches them.
#[derive(Debug)]
pub struct Issuers {
    pub(crate) clusters: Clusters,
    pub(crate) aws: Aws,
    pub(crate) google: Google,
    vault: Option<Vault>,
}

impl Issuers {
    /// Nobody is asked and nothing is read yet.
    #[must_use]
    pub fn new(settings: IssuerSettings, environment: Environment, clock: Arc<dyn Clock>) -> Self {
        let environment = Arc::new(environment);
        let IssuerSettings { clusters, vault, sts, iam_credentials, oauth2, ca } = settings;
        Self {
            clusters: Clusters { minters: clusters, environment: environment.clone(), clock: clock.clone() },
            aws: Aws { endpoint: sts, ca: ca.clone(), environment: environment.clone(), clock: clock.clone() },
            google: Google { iam_credentials, oauth2, ca, environment: environment.clone(), clock: clock.clone() },
            vault: vault.map(|settings| Vault::new(settings, environment, clock)),
        }
    }

    pub(crate) fn vault(&self) -> Result<&Vault, IssueError> {
        self.vault.as_ref().ok_or_else(|| IssueError::NoIssuer { what: "Vault".to_owned() })
    }

    /// Takes back what this release stands for.
    pub(crate) async fn release(&self, release: Release, pool: &str, handle: &str) -> Result<(), RevokeError> {
        match release {
            Release::Nothing => Ok(()),
            Release::BoundObject { place, uid } => self.clusters.delete(&place, handle, Some(&uid)).await,
            Release::Vault(lease) => match &self.vault {
                Some(vault) => vault.release(lease, pool, handle).await,
                None => Ok(()),
            },
        }
    }
}

/// Reads off the async threads.
pub(crate) async fn read_off<T: Send + 'static>(
    environment: &Arc<Environment>,
    read: impl FnOnce(&Environment) -> Result<T, IssueError> + Send + 'static,
) -> Result<T, IssueError> {
    let environment = Arc::clone(environment);
    tokio::task::spawn_blocking(move || read(&environment)).await.expect("reading a credential does not panic")
}
