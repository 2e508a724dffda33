//! A new installation's keys, or an installation's new root key.
//!
//! **Invariant:** nothing is replaced, and nothing is written before the root key answered.

use crate::certify::{self, CertifyError};
use crate::folder::{Folder, FolderError};
use crate::root::Root;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use countersign_audit::keys::{self, DigestKey, Process};
use countersign_core::time::Timestamp;
use ed25519_dalek::VerifyingKey;
use std::time::Duration;

/// What is founded.
#[derive(Debug)]
pub struct Founding<'a> {
    /// Where the files go.
    pub folder: &'a Folder,
    /// The root key.
    pub root: &'a Root,
    /// The root keys before it, the newest first; they stay believed. Empty for a new installation.
    pub before: &'a [VerifyingKey],
    /// Name of the installation.
    pub deployment: &'a str,
    /// From when, and for how long, the certificates are valid.
    pub valid: (Timestamp, Duration),
    /// Who gets keys.
    pub processes: &'a [Process<'a>],
}

impl Founding<'_> {
    /// Writes `root.pub`, `digest.key` (unless there was a root key before: that installation has
    /// one), and a certified key a process.
    ///
    /// # Errors
    /// When a file exists or cannot be written, or the root key does not sign.
    pub async fn write(&self) -> Result<(), CertifyError> {
        let lines = [self.root.public()].into_iter().chain(self.before.iter().filter(|key| *key != self.root.public()));
        let lines: Vec<String> = lines.map(|key| format!("{}\n", BASE64.encode(key.as_bytes()))).collect();
        let text = lines.concat();
        let write = || {
            keys::write_new(&self.folder.file("root.pub"), text.as_bytes(), 0o444)?;
            if self.before.is_empty() { DigestKey::generate().save(&self.folder.file("digest.key")) } else { Ok(()) }
        };
        write().map_err(FolderError::from)?;
        for process in self.processes {
            certify::make(self.folder, self.root, self.deployment, self.valid, process).await?;
        }
        Ok(())
    }
}
