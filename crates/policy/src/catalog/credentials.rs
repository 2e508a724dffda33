//! The credentials of a target: one a tier, each lying somewhere or minted for each command.
//!
//! **Invariant:** a credential says where a secret is or who mints it, never what it is.

use super::Reference;
use countersign_core::warrant::CredentialClass;

/// A target's credentials; a missing one means that nothing of that tier can run.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Credentials {
    /// Can read.
    pub read: Option<Credential>,
    /// Can read what is secret, and cannot write.
    pub sensitive: Option<Credential>,
    /// Can ask for a dry run, and cannot write.
    pub preview: Option<Credential>,
    /// Can change.
    pub change: Option<Credential>,
    /// Can remove.
    pub destructive: Option<Credential>,
}

impl Credentials {
    /// Those of a target that asks nobody who they are: every tier can run, and nothing tells them apart there.
    #[must_use]
    pub fn nothing() -> Self {
        let one = || Some(Credential { from: Origin::Nothing, impersonate: None });
        Self { read: one(), sensitive: None, preview: one(), change: one(), destructive: one() }
    }

    /// The credential of this class.
    #[must_use]
    pub const fn of(&self, class: CredentialClass) -> Option<&Credential> {
        match class {
            CredentialClass::Read => self.read.as_ref(),
            CredentialClass::Sensitive => self.sensitive.as_ref(),
            CredentialClass::Preview => self.preview.as_ref(),
            CredentialClass::Change => self.change.as_ref(),
            CredentialClass::Destructive => self.destructive.as_ref(),
        }
    }
}

/// How a credential is had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credential {
    /// From where.
    pub from: Origin,
    /// As whom a cluster is to treat its requests, if not as its owner.
    pub impersonate: Option<Impersonate>,
}

/// Where a credential comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// Nowhere: the target asks nobody who they are.
    Nothing,
    /// It lies somewhere.
    Reference(Reference),
    /// The cluster mints a token for a service account.
    TokenRequest {
        /// The service account.
        service_account: String,
        /// Its namespace.
        namespace: String,
        /// For which servers the token is; empty for the cluster's own.
        audiences: Vec<String>,
    },
    /// An engine of Vault mints or keeps it.
    Vault {
        /// The engine.
        engine: VaultEngine,
        /// Where it is mounted.
        mount: String,
        /// The role, or the path of a kept secret.
        role: String,
        /// The namespace of a Kubernetes service account.
        namespace: Option<String>,
        /// The field of a kept secret.
        field: Option<String>,
    },
    /// AWS's token service gives a session of a role.
    AssumeRole {
        /// The role's ARN.
        role: String,
        /// Keys that may assume it.
        source: Reference,
        /// The region whose token service is asked.
        region: String,
    },
    /// Google gives a token of a service account.
    AccessToken {
        /// The account's address.
        service_account: String,
        /// The key of an account that may ask for it, or a token.
        source: Reference,
    },
}

/// A secrets engine of Vault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VaultEngine {
    /// Keys of AWS.
    Aws,
    /// Access tokens of Google.
    Gcp,
    /// Tokens of Kubernetes.
    Kubernetes,
    /// What somebody put there.
    KvV2,
}

/// As whom a cluster is to treat requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Impersonate {
    /// The user; `{principal}` stands for the requester.
    pub user: String,
    /// The groups.
    pub groups: Vec<String>,
}

impl From<Reference> for Credential {
    fn from(reference: Reference) -> Self {
        Self { from: Origin::Reference(reference), impersonate: None }
    }
}

impl Credential {
    /// Whether both act with the rights of one identity, whatever else differs.
    #[must_use]
    pub fn is_who(&self, other: &Self) -> bool {
        use Origin as O;
        match (&self.from, &other.from) {
            (O::TokenRequest { .. }, O::TokenRequest { .. }) | (O::Vault { .. }, O::Vault { .. }) => {
                self.from.identity() == other.from.identity()
            }
            (O::AssumeRole { role, .. }, O::AssumeRole { role: another, .. }) => role == another,
            (O::AccessToken { service_account, .. }, O::AccessToken { service_account: another, .. }) => {
                service_account == another
            }
            (O::Reference(one), O::Reference(another)) => one == another,
            // What mints another one can do all that the minted one can.
            (O::Reference(one), O::AssumeRole { source, .. } | O::AccessToken { source, .. })
            | (O::AssumeRole { source, .. } | O::AccessToken { source, .. }, O::Reference(one)) => one == source,
            _ => false,
        }
    }
}

impl Origin {
    /// What of it names an identity.
    fn identity(&self) -> Vec<&str> {
        match self {
            Self::TokenRequest { service_account, namespace, .. } => vec![namespace, service_account],
            Self::Vault { mount, role, namespace, field, .. } => {
                let (namespace, field) = (namespace.as_deref(), field.as_deref());
                vec![mount, role, namespace.unwrap_or_default(), field.unwrap_or_default()]
            }
            Self::Nothing | Self::Reference(_) | Self::AssumeRole { .. } | Self::AccessToken { .. } => Vec::new(),
        }
    }
}
