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

use countersign_core::id::InvocationId;
use countersign_core::time::Timestamp;
use countersign_core::warrant::{CredentialClass, Errand, Warrant};
use secrecy::{ExposeSecret as _, SecretString};
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
}

impl fmt::Debug for Material {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "None",
            Self::BearerToken(_) => "BearerToken(..)",
            Self::ClientCertificate { .. } => "ClientCertificate(..)",
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

/// A credential issued for one errand of one invocation.
#[derive(Debug)]
pub struct Lease {
    pub(crate) invocation: InvocationId,
    pub(crate) class: CredentialClass,
    pub(crate) target: Option<String>,
    pub(crate) material: Material,
    pub(crate) handle: String,
    pub(crate) expiry: Expiry,
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
            Material::BearerToken(token) => vec![("leased-token".to_owned(), token.clone())],
            Material::ClientCertificate { key_pem, .. } => key_secrets(key_pem),
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

pub(crate) fn handle(invocation: InvocationId, errand: Errand) -> String {
    let errand = match errand {
        Errand::Preview => "preview",
        Errand::Run => "run",
    };
    format!("countersign-{errand}-{invocation}")
}
