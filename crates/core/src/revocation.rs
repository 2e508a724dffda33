//! Notes of the root key that a process's key is not believed any more.
//!
//! **Invariant:** a note takes belief away from an instant on and never gives any: the past stays
//! verifiable, and a forged note is no note.

use crate::canonical::canonical;
use crate::certificate::signature;
use crate::id::KeyId;
use crate::time::Timestamp;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use ed25519_dalek::VerifyingKey;
use serde::{Deserialize, Serialize};

/// What a note says (wire format v1).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Revocation {
    /// Wire format version: 1.
    pub v: u32,
    /// Name of the installation.
    pub deployment: String,
    /// The key that is not believed any more.
    pub key: KeyId,
    /// From when on: what it signed before stays what it was.
    pub from: Timestamp,
    /// Why, for auditors; at most a few hundred characters.
    pub reason: String,
}

/// A [`Revocation`] as signed by the root: exact bytes and signature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RevocationNote {
    bytes: String,
    sig: String,
}

/// A note before it is signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    bytes: String,
}

/// Why a note is not believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RevocationError {
    /// Not signed by a root key.
    #[error("the revocation is not signed by the root key")]
    NotByRoot,
    /// Signed, and not readable by this version.
    #[error("the revocation cannot be read by this version")]
    Unreadable,
    /// Of another installation.
    #[error("the revocation belongs to another deployment")]
    ForeignDeployment,
}

const PURPOSE: &[u8] = b"countersign/revocation/v1\0";

impl Draft {
    /// The note of this revocation.
    #[must_use]
    pub fn of(revocation: &Revocation) -> Self {
        Self { bytes: canonical(revocation).expect("a revocation holds strings and integers only") }
    }

    /// What the root key has to sign with ed25519.
    #[must_use]
    pub fn message(&self) -> Vec<u8> {
        message(&self.bytes)
    }

    /// With the root's signature. Whoever opens it judges the signature.
    #[must_use]
    pub fn signed(self, signature: [u8; 64]) -> RevocationNote {
        RevocationNote { bytes: self.bytes, sig: BASE64.encode(signature) }
    }
}

impl RevocationNote {
    /// Verifies under one of these root keys, then reads.
    ///
    /// # Errors
    /// [`RevocationError`]; the note says nothing then.
    pub fn open(&self, roots: &[VerifyingKey], deployment: &str) -> Result<Revocation, RevocationError> {
        let signature = signature(&self.sig).ok_or(RevocationError::NotByRoot)?;
        let message = message(&self.bytes);
        if !roots.iter().any(|root| root.verify_strict(&message, &signature).is_ok()) {
            return Err(RevocationError::NotByRoot);
        }
        let revocation: Revocation = serde_json::from_str(&self.bytes).map_err(|_| RevocationError::Unreadable)?;
        if revocation.v != 1 {
            return Err(RevocationError::Unreadable);
        }
        if revocation.deployment != deployment {
            return Err(RevocationError::ForeignDeployment);
        }
        Ok(revocation)
    }
}

fn message(bytes: &str) -> Vec<u8> {
    [PURPOSE, bytes.as_bytes()].concat()
}
