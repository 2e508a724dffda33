//! The root key at work: whoever holds it, what it signs is verified before it is used.
//!
//! **Invariant:** it signs certificates and revocations and nothing else.

use crate::signer::{RootSigner, SignError};
use countersign_core::certificate::{self, Certificate, Claims};
use countersign_core::revocation::{self, Revocation, RevocationNote};
use ed25519_dalek::{Signature, VerifyingKey};

/// A root key whose public half is known.
#[derive(Debug)]
pub struct Root {
    signer: Box<dyn RootSigner>,
    public: VerifyingKey,
}

impl Root {
    /// The root key that this signer holds.
    ///
    /// # Errors
    /// When it does not tell the public half.
    pub async fn new(signer: Box<dyn RootSigner>) -> Result<Self, SignError> {
        let public = signer.public_key().await?;
        Ok(Self { signer, public })
    }

    /// The installation's root key, which is to be this one; `file` is where it was read from.
    ///
    /// # Errors
    /// When the signer holds another one, or does not tell.
    pub async fn known(signer: Box<dyn RootSigner>, public: &VerifyingKey, file: &str) -> Result<Self, SignError> {
        let root = Self::new(signer).await?;
        if root.public == *public { Ok(root) } else { Err(SignError::AnotherRoot(file.to_owned())) }
    }

    /// The public half.
    #[must_use]
    pub const fn public(&self) -> &VerifyingKey {
        &self.public
    }

    /// Certifies a key.
    ///
    /// # Errors
    /// When there is no signature, or it does not verify.
    pub async fn certify(&self, claims: &Claims) -> Result<Certificate, SignError> {
        let draft = certificate::Draft::of(claims);
        let signature = self.sign(&draft.message()).await?;
        Ok(draft.signed(signature))
    }

    /// Takes belief away from a key.
    ///
    /// # Errors
    /// When there is no signature, or it does not verify.
    pub async fn revoke(&self, revocation: &Revocation) -> Result<RevocationNote, SignError> {
        let draft = revocation::Draft::of(revocation);
        let signature = self.sign(&draft.message()).await?;
        Ok(draft.signed(signature))
    }

    async fn sign(&self, message: &[u8]) -> Result<[u8; 64], SignError> {
        let bytes = self.signer.sign(message).await?;
        let verified = self.public.verify_strict(message, &Signature::from_bytes(&bytes));
        verified.map(|()| bytes).map_err(|_| SignError::WrongSignature)
    }
}
