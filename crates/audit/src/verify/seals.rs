//! Sealed documents and the certificates behind them, each signature verified once.
//!
//! **Invariant:** what is remembered is that a signature fits and whose it is; whether its key is
//! believed at a record's time is asked at every record anew. Signatures are verified one by one
//! and strictly: the equation for many at once leaves out the checks for points of small order, and
//! may then accept what the processes themselves refuse.

use countersign_core::certificate::{Certificate, Claims};
use countersign_core::digest::Digest;
use countersign_core::id::KeyId;
use countersign_core::seal::{SealError, Sealable, Verifier, read_as};
use countersign_core::time::Timestamp;
use ed25519_dalek::VerifyingKey;
use serde::Deserialize;
use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

/// As many signatures are remembered, some thirty megabytes; then it begins anew.
const REMEMBERED: usize = 1 << 19;

/// A key that a root key stands behind.
#[derive(Debug)]
pub(super) struct Signer {
    pub(super) claims: Claims,
    pub(super) key: VerifyingKey,
    pub(super) id: KeyId,
    /// From when on it is not believed any more.
    pub(super) revoked: Option<Timestamp>,
}

impl Signer {
    /// Whether something that was there at this time came after the key was revoked.
    pub(super) fn was_revoked(&self, at: Timestamp) -> bool {
        self.revoked.is_some_and(|from| from <= at)
    }
}

/// Verifies for one verification. What is revoked is known before it is made.
#[derive(Debug)]
pub(super) struct Seals {
    verifier: Verifier,
    signers: RwLock<HashMap<Digest, Arc<Signer>>>,
    fitting: Mutex<HashSet<Digest>>,
}

/// A document whose signature fits.
#[derive(Debug)]
pub(super) struct Opened<'a> {
    pub(super) bytes: Cow<'a, str>,
    pub(super) signer: Arc<Signer>,
}

/// A sealed document as it is written, read without copying what need not be.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire<'a> {
    #[serde(borrow)]
    bytes: Cow<'a, str>,
    #[serde(borrow)]
    sig: Cow<'a, str>,
    #[serde(borrow)]
    cert: Signed<'a>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Signed<'a> {
    #[serde(borrow)]
    bytes: Cow<'a, str>,
    #[serde(borrow)]
    sig: Cow<'a, str>,
}

impl Seals {
    pub(super) fn new(verifier: Verifier) -> Self {
        Self { verifier, signers: RwLock::default(), fitting: Mutex::default() }
    }

    pub(super) fn deployment(&self) -> &str {
        self.verifier.deployment()
    }

    /// Verifies purpose, role and signature; the time is the caller's to judge.
    pub(super) fn open<'a, T: Sealable>(&self, text: &'a str) -> Result<Opened<'a>, SealError> {
        let wire: Wire<'a> = serde_json::from_str(text).map_err(|_| SealError::Unreadable)?;
        let signer = self.signer_of(&wire.cert)?;
        if !T::ROLES.contains(&signer.claims.role) {
            return Err(SealError::WrongRole(signer.claims.role));
        }
        let known = Digest::of(&[T::PURPOSE.as_bytes(), b"\0", text.as_bytes()].concat());
        // A panic while it was held cannot have left half a set.
        if !self.fitting.lock().unwrap_or_else(PoisonError::into_inner).contains(&known) {
            self.verifier.fits::<T>(&signer.key, &wire.bytes, &wire.sig)?;
            let mut fitting = self.fitting.lock().unwrap_or_else(PoisonError::into_inner);
            if fitting.len() >= REMEMBERED {
                fitting.clear();
            }
            fitting.insert(known);
        }
        Ok(Opened { bytes: wire.bytes, signer })
    }

    /// Who a certificate is about, if a root key signed it for this installation.
    pub(super) fn signer(&self, certificate: &Certificate) -> Option<Arc<Signer>> {
        let text = serde_json::to_string(certificate).ok()?;
        let signed: Signed<'_> = serde_json::from_str(&text).ok()?;
        self.signer_of(&signed).ok()
    }

    fn signer_of(&self, signed: &Signed<'_>) -> Result<Arc<Signer>, SealError> {
        let known = Digest::of(&[signed.bytes.as_bytes(), b"\0", signed.sig.as_bytes()].concat());
        if let Some(signer) = self.signers.read().unwrap_or_else(PoisonError::into_inner).get(&known) {
            return Ok(signer.clone());
        }
        let written = serde_json::json!({ "bytes": signed.bytes, "sig": signed.sig });
        let certificate: Certificate = serde_json::from_value(written).map_err(|_| SealError::Uncertified)?;
        let claims = self.verifier.certified(&certificate).map_err(|_| SealError::Uncertified)?;
        let key = claims.public_key().ok_or(SealError::Uncertified)?;
        let id = KeyId::of(key.as_bytes());
        let revoked = self.verifier.revoked_from(&id);
        let signer = Arc::new(Signer { claims, key, id, revoked });
        // Only what a root key signed is remembered, so that nobody else can fill it.
        self.signers.write().unwrap_or_else(PoisonError::into_inner).insert(known, signer.clone());
        Ok(signer)
    }
}

impl Opened<'_> {
    /// Reads the whole document; what a worker sealed must be of one of its pools.
    pub(super) fn read<T: Sealable>(&self) -> Result<T, SealError> {
        read_as(&self.signer.claims, &self.bytes)
    }

    /// SHA-256 of the exact bytes.
    pub(super) fn digest(&self) -> Digest {
        Digest::of(self.bytes.as_bytes())
    }
}
