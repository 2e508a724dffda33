//! Seals: signatures with a purpose, over exact bytes.
//!
//! **Invariant:** verify before parse; a seal of one purpose, deployment, role or pool never
//! opens as another; the id inside is compared with the id it was fetched by.

use crate::canonical::canonical;
use crate::certificate::{Certificate, CertificateError, Claims, Role, signature};
use crate::digest::Digest;
use crate::id::{InvocationId, KeyId};
use crate::revocation::{Revocation, RevocationError, RevocationNote};
use crate::time::Timestamp;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use ed25519_dalek::{Signer as _, SigningKey, VerifyingKey};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;
use std::sync::{Arc, PoisonError, RwLock};

/// What can be sealed.
pub trait Sealable: Serialize + DeserializeOwned {
    /// Separates this kind of message from every other.
    const PURPOSE: &'static str;
    /// Which roles may seal it.
    const ROLES: &'static [Role];

    /// The invocation it belongs to.
    fn invocation(&self) -> InvocationId;

    /// The pool whose certificate is needed, for what workers seal.
    fn pool(&self) -> Option<&str> {
        None
    }
}

/// A value as it travels through places nobody trusts: bytes, signature, certificate.
///
/// There is no way to the value but [`Sealed::open`].
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sealed<T> {
    bytes: String,
    sig: String,
    cert: Certificate,
    #[serde(skip)]
    kind: PhantomData<fn() -> T>,
}

impl<T> Clone for Sealed<T> {
    fn clone(&self) -> Self {
        Self { bytes: self.bytes.clone(), sig: self.sig.clone(), cert: self.cert.clone(), kind: PhantomData }
    }
}

impl<T> PartialEq for Sealed<T> {
    fn eq(&self, other: &Self) -> bool {
        self.bytes == other.bytes && self.sig == other.sig && self.cert == other.cert
    }
}

impl<T> fmt::Debug for Sealed<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sealed({})", Digest::of(self.bytes.as_bytes()))
    }
}

/// Why a seal was not opened. Nothing of the content is known to be true then.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// The certificate is not the root's, not of this deployment, or unreadable.
    #[error("the sealing key is not certified by this installation's root")]
    Uncertified,
    /// The certificate is not valid now.
    #[error("the sealing key's certificate is not valid at this time")]
    OutOfTime,
    /// The key was revoked.
    #[error("the sealing key `{0}` is revoked")]
    Revoked(KeyId),
    /// The certificate's role may not seal this.
    #[error("a {0} may not seal this")]
    WrongRole(Role),
    /// The certificate's pools do not hold this one.
    #[error("the sealing key does not belong to the pool")]
    WrongPool,
    /// The signature does not fit purpose, deployment and bytes.
    #[error("the signature does not fit")]
    Forged,
    /// The bytes verify and are not of this version's form.
    #[error("the sealed bytes cannot be read by this version")]
    Unreadable,
    /// The seal belongs to another invocation than the one it was fetched by.
    #[error("the seal belongs to another invocation")]
    OtherInvocation,
    /// The seal's own time is over.
    #[error("expired at {0}")]
    Expired(Timestamp),
    /// Two parts inside do not fit together.
    #[error("the sealed parts do not fit together: {0}")]
    Inconsistent(&'static str),
}

/// Signs for one process: its key, and the certificate that says what the key is for.
pub struct Sealer {
    key: SigningKey,
    certificate: Certificate,
    deployment: String,
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sealer({})", self.key_id())
    }
}

impl Sealer {
    /// A sealer for this key. The certificate is carried along; whoever verifies judges it.
    #[must_use]
    pub fn new(key: SigningKey, certificate: Certificate, deployment: impl Into<String>) -> Self {
        Self { key, certificate, deployment: deployment.into() }
    }

    /// The name of the key.
    #[must_use]
    pub fn key_id(&self) -> KeyId {
        KeyId::of(self.key.verifying_key().as_bytes())
    }

    /// Name of the installation.
    #[must_use]
    pub fn deployment(&self) -> &str {
        &self.deployment
    }

    /// The certificate of the key.
    #[must_use]
    pub const fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    /// Seals. Kept inside the kernel for what must have gone through its steps.
    pub(crate) fn seal<T: Sealable>(&self, value: &T) -> Sealed<T> {
        let bytes = canonical(value).expect("sealed documents hold strings, integers, lists and objects only");
        let sig = self.key.sign(&message(T::PURPOSE, &self.deployment, &bytes));
        Sealed { bytes, sig: BASE64.encode(sig.to_bytes()), cert: self.certificate.clone(), kind: PhantomData }
    }

    /// Signs a note that is no seal: the head of this process's own log.
    ///
    /// `None` when the note holds NUL: every seal and certificate has one in its message and no
    /// note has, so that a signed note can never be used as either.
    #[must_use]
    pub fn sign_note(&self, note: &str) -> Option<[u8; 64]> {
        (!note.contains('\0')).then(|| self.key.sign(note.as_bytes()).to_bytes())
    }

    /// The public half of the key.
    #[must_use]
    pub fn public_key(&self) -> VerifyingKey {
        self.key.verifying_key()
    }
}

/// Verifies for one process: the root keys, and what it knows to be revoked.
///
/// Clones share what they know: a revocation learned by one is learned by all.
#[derive(Debug, Clone)]
pub struct Verifier {
    roots: Vec<VerifyingKey>,
    deployment: String,
    revoked: Arc<RwLock<BTreeMap<KeyId, Timestamp>>>,
}

impl Verifier {
    /// A verifier that believes this root key.
    #[must_use]
    pub fn new(root: VerifyingKey, deployment: impl Into<String>) -> Self {
        Self::of(vec![root], deployment)
    }

    /// A verifier that believes each of these root keys: after a root was replaced, the one before
    /// still stands behind the past.
    #[must_use]
    pub fn of(roots: Vec<VerifyingKey>, deployment: impl Into<String>) -> Self {
        Self { roots, deployment: deployment.into(), revoked: Arc::default() }
    }

    /// Learns from a note of the root key; of several about one key the earliest instant holds.
    ///
    /// # Errors
    /// [`RevocationError`]; nothing changes then.
    pub fn learn(&self, note: &RevocationNote) -> Result<Revocation, RevocationError> {
        let revocation = note.open(&self.roots, &self.deployment)?;
        // A panic while it was held cannot have left half a map.
        let mut revoked = self.revoked.write().unwrap_or_else(PoisonError::into_inner);
        let from = revoked.entry(revocation.key.clone()).or_insert(revocation.from);
        *from = revocation.from.min(*from);
        Ok(revocation)
    }

    /// From when on a key is not believed any more, if it is revoked.
    #[must_use]
    pub fn revoked_from(&self, key: &KeyId) -> Option<Timestamp> {
        self.revoked.read().unwrap_or_else(PoisonError::into_inner).get(key).copied()
    }

    /// What a certificate says, if one of the root keys signed it for this installation.
    ///
    /// # Errors
    /// When none did, or it is of another deployment or version.
    pub fn certified(&self, certificate: &Certificate) -> Result<Claims, CertificateError> {
        let mut last = CertificateError::NotByRoot;
        for root in &self.roots {
            match certificate.open(root, &self.deployment) {
                Err(CertificateError::NotByRoot) => {}
                Err(error) => last = error,
                Ok(claims) => return Ok(claims),
            }
        }
        Err(last)
    }

    /// Whether a seal's signature is this key's over exactly these bytes, for this purpose and
    /// installation. Whose key it is, and whether it is believed, is another question.
    ///
    /// # Errors
    /// [`SealError::Forged`].
    pub fn fits<T: Sealable>(&self, key: &VerifyingKey, bytes: &str, signed: &str) -> Result<(), SealError> {
        let signature = signature(signed).ok_or(SealError::Forged)?;
        let message = message(T::PURPOSE, &self.deployment, bytes);
        key.verify_strict(&message, &signature).map_err(|_| SealError::Forged)
    }

    /// Name of the installation.
    #[must_use]
    pub fn deployment(&self) -> &str {
        &self.deployment
    }
}

impl<T: Sealable> Sealed<T> {
    /// The exact bytes under the signature, for records and digests. Not yet verified.
    #[must_use]
    pub fn bytes(&self) -> &str {
        &self.bytes
    }

    /// SHA-256 of the exact bytes.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest::of(self.bytes.as_bytes())
    }

    /// Verifies and then reads the value that was fetched for `expected`.
    ///
    /// # Errors
    /// [`SealError`]; nothing of the content may be used then.
    pub fn open(&self, verifier: &Verifier, expected: InvocationId, now: Timestamp) -> Result<T, SealError> {
        let value = self.open_any(verifier, now)?;
        if value.invocation() == expected { Ok(value) } else { Err(SealError::OtherInvocation) }
    }

    /// Verifies and reads a value whose id is not known beforehand: a job fresh from the queue.
    ///
    /// # Errors
    /// [`SealError`]; nothing of the content may be used then.
    pub fn open_any(&self, verifier: &Verifier, now: Timestamp) -> Result<T, SealError> {
        let claims = verifier.certified(&self.cert).map_err(|_| SealError::Uncertified)?;
        let key = claims.public_key().ok_or(SealError::Uncertified)?;
        let key_id = KeyId::of(key.as_bytes());
        if verifier.revoked_from(&key_id).is_some_and(|from| from <= now) {
            return Err(SealError::Revoked(key_id));
        }
        if !claims.covers(now) {
            return Err(SealError::OutOfTime);
        }
        if !T::ROLES.contains(&claims.role) {
            return Err(SealError::WrongRole(claims.role));
        }
        verifier.fits::<T>(&key, &self.bytes, &self.sig)?;
        read_as(&claims, &self.bytes)
    }
}

/// Reads what is under a seal whose signature fits; what a worker sealed must be of one of its pools.
///
/// # Errors
/// [`SealError::Unreadable`] and [`SealError::WrongPool`].
pub fn read_as<T: Sealable>(claims: &Claims, bytes: &str) -> Result<T, SealError> {
    let value: T = serde_json::from_str(bytes).map_err(|_| SealError::Unreadable)?;
    match value.pool() {
        Some(pool) if claims.role == Role::Worker && !claims.pools.iter().any(|own| own == pool) => {
            Err(SealError::WrongPool)
        }
        Some(_) | None => Ok(value),
    }
}

fn message(purpose: &str, deployment: &str, bytes: &str) -> Vec<u8> {
    [purpose.as_bytes(), b"\0", deployment.as_bytes(), b"\0", bytes.as_bytes()].concat()
}
