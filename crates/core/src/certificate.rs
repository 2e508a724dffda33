//! Which key may sign what, certified by the one offline root key.
//!
//! **Invariant:** a certificate binds a key to one role, its pools and a time; nothing signed
//! outside of them verifies.

use crate::canonical::canonical;
use crate::id::KeyId;
use crate::time::Timestamp;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use serde::{Deserialize, Serialize};
use std::fmt;

/// What a process is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Receives, decides, collects ballots.
    Gateway,
    /// Runs the step-up page.
    Confirm,
    /// Runs commands.
    Worker,
    /// A person with an operator key, out of band.
    Operator,
}

impl Role {
    /// The word used in certificates, writers and records.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Gateway => "gateway",
            Self::Confirm => "confirm",
            Self::Worker => "worker",
            Self::Operator => "operator",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a certificate says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Claims {
    /// Wire format version: 1.
    pub v: u32,
    /// Name of the installation.
    pub deployment: String,
    /// The certified ed25519 public key, base64.
    pub key: String,
    /// What the holder is.
    pub role: Role,
    /// Pools of workers it belongs to; empty for roles without pools.
    pub pools: Vec<String>,
    /// Valid from.
    pub not_before: Timestamp,
    /// Valid before.
    pub not_after: Timestamp,
}

/// [`Claims`] as signed by the root: exact bytes and signature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Certificate {
    bytes: String,
    sig: String,
}

/// Why a certificate is not believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CertificateError {
    /// Not signed by the root key.
    #[error("the certificate is not signed by the root key")]
    NotByRoot,
    /// Signed, and not readable by this version.
    #[error("the certificate cannot be read by this version")]
    Unreadable,
    /// Of another installation.
    #[error("the certificate belongs to another deployment")]
    ForeignDeployment,
}

const PURPOSE: &[u8] = b"countersign/certificate/v1\0";

/// A certificate before it is signed, for root keys that are not at hand: in Vault, in a KMS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    bytes: String,
}

impl Draft {
    /// The certificate of these claims.
    #[must_use]
    pub fn of(claims: &Claims) -> Self {
        Self { bytes: canonical(claims).expect("claims hold strings, integers and lists only") }
    }

    /// What the root key has to sign with ed25519; under a kilobyte.
    #[must_use]
    pub fn message(&self) -> Vec<u8> {
        message(&self.bytes)
    }

    /// With the root's signature. Whoever opens it judges the signature.
    #[must_use]
    pub fn signed(self, signature: [u8; 64]) -> Certificate {
        Certificate { bytes: self.bytes, sig: BASE64.encode(signature) }
    }
}

impl Certificate {
    /// Certifies a key. The root key is used here and nowhere else.
    #[must_use]
    pub fn issue(claims: &Claims, root: &SigningKey) -> Self {
        let draft = Draft::of(claims);
        let signature = root.sign(&draft.message()).to_bytes();
        draft.signed(signature)
    }

    /// Verifies, then reads.
    ///
    /// # Errors
    /// When the root did not sign these bytes, or they are of another deployment or version.
    pub fn open(&self, root: &VerifyingKey, deployment: &str) -> Result<Claims, CertificateError> {
        let signature = signature(&self.sig).ok_or(CertificateError::NotByRoot)?;
        root.verify_strict(&message(&self.bytes), &signature).map_err(|_| CertificateError::NotByRoot)?;
        let claims: Claims = serde_json::from_str(&self.bytes).map_err(|_| CertificateError::Unreadable)?;
        if claims.v != 1 {
            return Err(CertificateError::Unreadable);
        }
        if claims.deployment != deployment {
            return Err(CertificateError::ForeignDeployment);
        }
        Ok(claims)
    }
}

impl Claims {
    /// The certified key.
    #[must_use]
    pub fn public_key(&self) -> Option<VerifyingKey> {
        let bytes: [u8; 32] = BASE64.decode(&self.key).ok()?.try_into().ok()?;
        VerifyingKey::from_bytes(&bytes).ok()
    }

    /// The certified key's name.
    #[must_use]
    pub fn key_id(&self) -> Option<KeyId> {
        self.public_key().map(|key| KeyId::of(key.as_bytes()))
    }

    /// Whether the certificate is valid at this instant.
    #[must_use]
    pub fn covers(&self, at: Timestamp) -> bool {
        self.not_before <= at && at < self.not_after
    }
}

fn message(bytes: &str) -> Vec<u8> {
    [PURPOSE, bytes.as_bytes()].concat()
}

pub(crate) fn signature(text: &str) -> Option<Signature> {
    let bytes: [u8; 64] = BASE64.decode(text).ok()?.try_into().ok()?;
    Some(Signature::from_bytes(&bytes))
}
