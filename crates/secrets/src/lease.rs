//! A short-lived credential for one recorded command.
//!
//! **Invariant:** a lease names the invocation and the errand it was issued for, is not `Clone`,
//! shows no secret in `Debug`, and its secrets are wiped from memory when it is dropped.
//!
//! ```compile_fail
//! # use countersign_secrets::Lease;
//! fn twice(lease: Lease) -> (Lease, Lease) { (lease.clone(), lease) }
//! ```
//!
//! ```
//! # use countersign_secrets::Lease;
//! fn once(lease: Lease) -> Lease { lease }
//! ```

use crate::need::{Need, Term};
use crate::recipe::Place;
use crate::target::TargetKey;
use crate::vault::VaultLease;
use countersign_audit::event::LeaseNote;
use countersign_core::id::InvocationId;
use countersign_core::time::Timestamp;
use countersign_core::warrant::{CredentialClass, Errand, Warrant};
use secrecy::{ExposeSecret as _, SecretString};
use std::collections::BTreeMap;
use std::fmt;

/// What is handed to the command. `Debug` shows the kind and nothing else.
pub enum Material {
    /// The command needs no credential.
    None,
    /// A bearer token (RFC 6750).
    BearerToken(SecretString),
    /// A client certificate with its key, both PEM (RFC 7468).
    ClientCertificate {
        /// The certificate chain; not secret.
        certificate_pem: String,
        /// The private key.
        key_pem: SecretString,
    },
    /// Credentials of AWS.
    Aws {
        /// Names the key, for AWS and in its log; hidden in output all the same.
        access_key_id: String,
        /// Signs.
        secret_access_key: SecretString,
        /// Goes with every request of temporary credentials.
        session_token: Option<SecretString>,
    },
    /// An OAuth 2.0 access token of Google.
    AccessToken(SecretString),
    /// What Terraform's providers read from their environment; the names are of [`VARIABLES`].
    Variables(BTreeMap<String, SecretString>),
}

/// The variables that a [`Material::Variables`] may hold: how providers are given credentials.
/// None of them names a file, an address or a program.
///
/// Source: the documentation of the providers `hashicorp/aws`, `hashicorp/google`,
/// `hashicorp/kubernetes`, `hashicorp/azurerm`, `integrations/github`, `cloudflare/cloudflare`,
/// `DataDog/datadog` and `PagerDuty/pagerduty`.
pub const VARIABLES: [&str; 14] = [
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "GOOGLE_OAUTH_ACCESS_TOKEN",
    "KUBE_TOKEN",
    "ARM_CLIENT_ID",
    "ARM_CLIENT_SECRET",
    "ARM_TENANT_ID",
    "ARM_SUBSCRIPTION_ID",
    "GITHUB_TOKEN",
    "CLOUDFLARE_API_TOKEN",
    "DD_API_KEY",
    "DD_APP_KEY",
    "PAGERDUTY_TOKEN",
];

impl fmt::Debug for Material {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "None",
            Self::BearerToken(_) => "BearerToken(..)",
            Self::ClientCertificate { .. } => "ClientCertificate(..)",
            Self::Aws { .. } => "Aws(..)",
            Self::AccessToken(_) => "AccessToken(..)",
            Self::Variables(_) => "Variables(..)",
        })
    }
}

/// When a lease ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expiry {
    /// When it should end: the job's wall-clock limit plus 60 seconds.
    pub nominal: Timestamp,
    /// When the issuer really ends it, if nobody revokes it: never before a floor of the issuer's
    /// own, and `None` for a credential that does not end by itself (a static one).
    pub effective: Option<Timestamp>,
}

/// As whom a cluster is to treat the requests, in place of the credential's own identity.
///
/// Source: Kubernetes, "User impersonation"; the kubeconfig keys `as` and `as-groups`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Impersonation {
    /// The user.
    pub user: String,
    /// The groups; the credential's own do not count.
    pub groups: Vec<String>,
}

/// Who issued a lease, and under which name it is in the issuer's own log. Neither is secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issued {
    /// `static`, `token-request`, `vault`, `assume-role` or `access-token`.
    pub by: &'static str,
    /// The issuer's name for it: a token's `jti`, a lease of Vault, a session of AWS.
    pub id: Option<String>,
}

/// A credential issued for one errand of one invocation.
#[derive(Debug)]
pub struct Lease {
    pub(crate) invocation: InvocationId,
    pub(crate) class: CredentialClass,
    pub(crate) key: Option<TargetKey>,
    pub(crate) target: Option<String>,
    pub(crate) material: Material,
    pub(crate) impersonation: Option<Impersonation>,
    pub(crate) handle: String,
    pub(crate) pool: String,
    pub(crate) issued: Issued,
    pub(crate) expiry: Expiry,
    pub(crate) release: Release,
}

/// What takes a credential back.
#[derive(Debug)]
pub(crate) enum Release {
    /// Nobody can.
    Nothing,
    /// Deleting what the token is bound to.
    BoundObject {
        place: Place,
        /// Of the object made for this lease; another one of its name is not ours.
        uid: String,
    },
    /// Ending the token of Vault that holds the leases.
    Vault(VaultLease),
}

/// What was read or minted.
#[derive(Debug)]
pub(crate) struct Minted {
    pub(crate) material: Material,
    pub(crate) issued: Issued,
    pub(crate) effective: Option<Timestamp>,
    pub(crate) release: Release,
}

impl Minted {
    pub(crate) const fn fixed(material: Material) -> Self {
        Self { material, issued: Issued { by: "static", id: None }, effective: None, release: Release::Nothing }
    }
}

impl Lease {
    /// The name a lease for this warrant has or will have.
    ///
    /// It follows from the warrant alone, so that the intent can name it before the lease exists
    /// and a sweeper finds what a dead worker left behind.
    #[must_use]
    pub fn handle_for(warrant: &Warrant) -> String {
        handle(warrant.invocation(), warrant.errand())
    }

    /// Every name that leases of one request can have, for a sweep that spares those who live.
    #[must_use]
    pub fn handles_of(invocation: InvocationId) -> [String; 2] {
        [Errand::Preview, Errand::Run].map(|errand| handle(invocation, errand))
    }

    pub(crate) fn of(need: Need, minted: Minted, impersonation: Option<Impersonation>, term: Term) -> Self {
        let Minted { material, issued, effective, release } = minted;
        let handle = need.handle();
        let Need { invocation, class, key, target, pool, .. } = need;
        let expiry = Expiry { nominal: term.end(), effective };
        Self { invocation, class, key, target, material, impersonation, handle, pool, issued, expiry, release }
    }

    /// For which request it was issued.
    #[must_use]
    pub const fn invocation(&self) -> InvocationId {
        self.invocation
    }

    /// What it can do.
    #[must_use]
    pub const fn class(&self) -> CredentialClass {
        self.class
    }

    /// Catalog name of the target it is for; `None` for a tool without targets.
    #[must_use]
    pub fn target(&self) -> Option<&str> {
        self.target.as_deref()
    }

    /// The entry of the catalog it is for; `None` for a tool without targets.
    #[must_use]
    pub const fn key(&self) -> Option<&TargetKey> {
        self.key.as_ref()
    }

    /// As whom the cluster is to treat the requests, if not as the credential's owner.
    #[must_use]
    pub const fn impersonation(&self) -> Option<&Impersonation> {
        self.impersonation.as_ref()
    }

    /// Who issued it.
    #[must_use]
    pub const fn issued(&self) -> &Issued {
        &self.issued
    }

    /// The credential itself.
    #[must_use]
    pub const fn material(&self) -> &Material {
        &self.material
    }

    /// The name to revoke it by; also in the intent.
    #[must_use]
    pub fn handle(&self) -> &str {
        &self.handle
    }

    /// When it ends.
    #[must_use]
    pub const fn expiry(&self) -> Expiry {
        self.expiry
    }

    /// What must not appear in the command's output, each with the name shown in its place.
    #[must_use]
    pub fn known_secrets(&self) -> Vec<(String, SecretString)> {
        match &self.material {
            Material::None => Vec::new(),
            Material::BearerToken(token) | Material::AccessToken(token) => {
                vec![("leased-token".to_owned(), token.clone())]
            }
            Material::ClientCertificate { key_pem, .. } => key_secrets(key_pem),
            Material::Aws { access_key_id, secret_access_key, session_token } => {
                let mut secrets = vec![
                    ("leased-key-id".to_owned(), SecretString::from(access_key_id.clone())),
                    ("leased-key".to_owned(), secret_access_key.clone()),
                ];
                secrets.extend(session_token.iter().map(|token| ("leased-token".to_owned(), token.clone())));
                secrets
            }
            Material::Variables(variables) => {
                variables.values().map(|value| ("leased-variable".to_owned(), value.clone())).collect()
            }
        }
    }
}

impl From<&Lease> for LeaseNote {
    /// What of a lease is on record. A credential that does not end by itself ends at the last instant there is.
    fn from(lease: &Lease) -> Self {
        Self {
            id: lease.handle.clone(),
            issuer: lease.issued.by.to_owned(),
            issued_as: lease.issued.id.clone(),
            nominal_expiry: lease.expiry.nominal,
            effective_expiry: lease.expiry.effective.unwrap_or(Timestamp::from_millis(i64::MAX)),
        }
    }
}

/// The whole key, and its body: without the armour it is the same key.
fn key_secrets(key_pem: &SecretString) -> Vec<(String, SecretString)> {
    let body: String = key_pem.expose_secret().lines().filter(|line| !line.starts_with("-----")).collect();
    let mut secrets = vec![("leased-key".to_owned(), key_pem.clone())];
    if !body.is_empty() {
        secrets.push(("leased-key".to_owned(), SecretString::from(body)));
    }
    secrets
}

/// What every lease's name begins with.
pub(crate) const PREFIX: &str = "countersign-";

pub(crate) fn handle(invocation: InvocationId, errand: Errand) -> String {
    let errand = match errand {
        Errand::Preview => "preview",
        Errand::Run => "run",
    };
    format!("{PREFIX}{errand}-{invocation}")
}
