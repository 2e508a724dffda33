//! What to make a credential from: a reference that is read, or a role that an issuer mints for.
//!
//! **Invariant:** a recipe holds names and references alone; it can be shown.

use crate::reference::Reference;
use std::fmt;

/// What to make a credential from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Recipe {
    /// None: the target asks nobody who they are.
    Nothing,
    /// A bearer token.
    BearerToken(Reference),
    /// A client certificate and its key.
    ClientCertificate {
        /// PEM of the certificate chain.
        certificate: Reference,
        /// PEM of the private key.
        key: Reference,
    },
    /// Keys of AWS: JSON with `AccessKeyId`, `SecretAccessKey` and perhaps `SessionToken`.
    ///
    /// Source: AWS SDKs, "Process credential provider", the expected output.
    Aws(Reference),
    /// An OAuth 2.0 access token of Google.
    AccessToken(Reference),
    /// JSON with variables of [`VARIABLES`](crate::lease::VARIABLES) and their values.
    Variables(Reference),
    /// An issuer mints it for each command.
    Minted(Mint),
    /// The same as another one, and the cluster treats its requests as somebody else's.
    Impersonating {
        /// The user; `{principal}` stands for the requester.
        user: String,
        /// The groups.
        groups: Vec<String>,
        /// What makes the credential.
        with: Box<Self>,
    },
}

/// Who mints, and for which role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mint {
    /// The cluster itself.
    TokenRequest(TokenRequest),
    /// An engine of Vault.
    Vault(VaultRole),
    /// AWS's token service.
    AssumeRole(AssumeRole),
    /// Google's.
    AccessToken(AccessToken),
}

impl Mint {
    /// The issuer's name, in records and in the catalog.
    #[must_use]
    pub const fn issuer(&self) -> &'static str {
        match self {
            Self::TokenRequest(_) => "token-request",
            Self::Vault(_) => "vault",
            Self::AssumeRole(_) => "assume-role",
            Self::AccessToken(_) => "access-token",
        }
    }
}

/// A namespace of a cluster where tokens are minted and the objects are that they are bound to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Catalog name of the cluster: which of the worker's own credentials mints there.
    pub cluster: String,
    /// Address of its API server.
    pub address: String,
    /// The authority of its certificate; `None` means the system's.
    pub ca: Option<Reference>,
    /// The namespace of the service accounts.
    pub namespace: String,
}

/// Mints a token for a service account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenRequest {
    /// Where.
    pub place: Place,
    /// For whom.
    pub service_account: String,
    /// For which servers; empty means the API server itself.
    pub audiences: Vec<String>,
}

/// A secrets engine of Vault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    /// `aws`: keys of a user or of a session.
    Aws,
    /// `gcp`: access tokens.
    Gcp,
    /// `kubernetes`: service account tokens.
    Kubernetes,
    /// `kv` version 2: what somebody put there.
    KvV2,
}

impl Engine {
    /// The word in catalog.yaml.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Aws => "aws",
            Self::Gcp => "gcp",
            Self::Kubernetes => "kubernetes",
            Self::KvV2 => "kv-v2",
        }
    }
}

/// A role of an engine of Vault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VaultRole {
    /// Which engine.
    pub engine: Engine,
    /// Where it is mounted.
    pub mount: String,
    /// The role; of `gcp` with its kind (`roleset/…`), of `kv-v2` the secret's path.
    pub role: String,
    /// Of `kubernetes`: the namespace of the service account.
    pub namespace: Option<String>,
    /// Of `kv-v2`: the field, where the credential is one.
    pub field: Option<String>,
}

/// A role of AWS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AssumeRole {
    /// Its ARN.
    pub role: String,
    /// Keys that may assume it, as of [`Recipe::Aws`].
    pub source: Reference,
    /// The region whose token service is asked.
    pub region: String,
}

/// A service account of Google.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessToken {
    /// Its address; `None` for the account of the source itself.
    pub service_account: Option<String>,
    /// A key file of a service account that may mint for it, or a plain access token.
    pub source: Reference,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "namespace `{}` of cluster `{}`", self.namespace, self.cluster)
    }
}
