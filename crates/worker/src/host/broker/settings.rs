//! What countersign.yaml says about issuers, as they are asked.

use countersign_secrets::vault::Journal;
use countersign_secrets::{IssuerSettings, Reference, VaultLogin, VaultSettings};
use countersign_service::config::{self, SecretReference};

/// The issuers of a worker's configuration.
#[must_use]
pub fn issuer_settings(own: &config::Issuers) -> IssuerSettings {
    IssuerSettings {
        clusters: own.clusters.iter().map(|one| (one.cluster.clone(), reference(&one.token))).collect(),
        vault: own.vault.as_ref().map(vault),
        sts: own.sts.clone(),
        iam_credentials: own.iam_credentials.clone(),
        oauth2: own.oauth2.clone(),
        ca: own.ca.clone().map(Reference::File),
    }
}

fn vault(own: &config::Vault) -> VaultSettings {
    VaultSettings {
        address: own.address.clone(),
        ca: own.ca.clone(),
        namespace: own.namespace.clone(),
        login: match &own.login {
            config::VaultLogin::AppRole { mount, role_id, secret_id } => {
                VaultLogin::AppRole { mount: mount.clone(), role_id: role_id.clone(), secret_id: reference(secret_id) }
            }
            config::VaultLogin::Kubernetes { mount, role, jwt } => {
                VaultLogin::Kubernetes { mount: mount.clone(), role: role.clone(), jwt: jwt.clone() }
            }
        },
        journal: own.journal.clone().map(|(mount, folder)| Journal { mount, folder }),
    }
}

fn reference(own: &SecretReference) -> Reference {
    match own {
        SecretReference::File(path) => Reference::File(path.clone()),
        SecretReference::Env(name) => Reference::Env(name.clone()),
    }
}
