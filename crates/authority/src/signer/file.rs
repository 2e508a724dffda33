//! A root key in a file: made off line, on a stick in a safe.
//!
//! **Invariant:** the file is read when a signature is needed and at no other time, and only when
//! nobody but its owner can read it.

use super::{RootSigner, SignError};
use async_trait::async_trait;
use countersign_audit::keys;
use ed25519_dalek::{Signer as _, VerifyingKey};
use std::path::{Path, PathBuf};

/// The root key in a PKCS #8 file of mode 0600, as [`keys::save`] writes it.
#[derive(Debug, Clone)]
pub struct FileRoot {
    path: PathBuf,
}

impl FileRoot {
    /// The key in this file.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// Makes a key in a file that does not exist yet.
    ///
    /// # Errors
    /// When it exists or cannot be written.
    pub fn make(path: &Path) -> Result<Self, keys::KeyError> {
        keys::save(path, &keys::generate())?;
        Ok(Self::new(path))
    }
}

#[async_trait]
impl RootSigner for FileRoot {
    async fn public_key(&self) -> Result<VerifyingKey, SignError> {
        Ok(keys::load(&self.path).map_err(SignError::File)?.verifying_key())
    }

    async fn sign(&self, message: &[u8]) -> Result<[u8; 64], SignError> {
        Ok(keys::load(&self.path).map_err(SignError::File)?.sign(message).to_bytes())
    }
}
