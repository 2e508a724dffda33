//! A process's own key.
//!
//! **Invariant:** a process's key belongs to one process at a time on a host, so that whoever
//! reads the log knows which one wrote.

use crate::config::KeyFiles;
use anyhow::Context as _;
use countersign_audit::keys;
use countersign_core::certificate::Role;
use countersign_core::digest::Digest;
use countersign_core::seal::{Sealer, Verifier};
use countersign_core::time::{Clock, Timestamp};
use rustix::fs::FlockOperation;
use std::fs::File;
use std::path::Path;
use std::sync::Arc;

/// Who a process is.
#[derive(Debug)]
pub struct Identity {
    /// Its key and certificate.
    pub sealer: Arc<Sealer>,
    /// Believes the installation's root key.
    pub verifier: Verifier,
    /// What it is certified for.
    pub role: Role,
    /// The pools its certificate names.
    pub pools: Vec<String>,
    /// When its certificate ends: the process cannot be started afterwards, and what it seals is refused.
    pub not_after: Timestamp,
    /// Held while the process runs.
    key: File,
}

impl Identity {
    /// Reads a process's key, and takes it for itself.
    ///
    /// # Errors
    /// When a file is missing, exposed or malformed, the certificate is of another role, key,
    /// deployment or time, or another process of this host uses the key.
    pub fn take(
        files: &KeyFiles,
        root: &Path,
        deployment: &str,
        role: Role,
        clock: &dyn Clock,
    ) -> anyhow::Result<Self> {
        let this = Self::look(files, root, deployment, role, clock)?;
        rustix::fs::flock(&this.key, FlockOperation::NonBlockingLockExclusive).ok().with_context(|| {
            format!("another process of this host uses the key of `{}`; each has its own", files.name)
        })?;
        Ok(this)
    }

    /// Reads a process's key without using it.
    ///
    /// # Errors
    /// As [`Self::take`], but another process may use it.
    pub fn look(
        files: &KeyFiles,
        root: &Path,
        deployment: &str,
        role: Role,
        clock: &dyn Clock,
    ) -> anyhow::Result<Self> {
        let verifier = Verifier::of(keys::load_roots(root)?, deployment);
        let sealer = keys::load_sealer(&files.folder, &files.name, deployment)?;
        let name = &files.name;
        let claims = verifier
            .certified(sealer.certificate())
            .with_context(|| format!("the certificate of `{name}` is not of this installation"))?;
        anyhow::ensure!(claims.role == role, "the certificate of `{name}` is of a {}, not of a {role}", claims.role);
        anyhow::ensure!(claims.key_id() == Some(sealer.key_id()), "the certificate of `{name}` is not of its key");
        anyhow::ensure!(claims.covers(clock.now()), "the certificate of `{name}` is not valid at this time");
        let key = File::open(files.folder.join(format!("{name}.key")))?;
        Ok(Self { sealer: Arc::new(sealer), verifier, role, pools: claims.pools, not_after: claims.not_after, key })
    }
}

/// SHA-256 of the running program, for the log.
#[must_use]
pub fn running_binary() -> Option<Digest> {
    use sha2::{Digest as _, Sha256};
    use std::io::Read as _;
    let mut file = File::open("/proc/self/exe").ok()?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 256 << 10];
    loop {
        let count = file.read(&mut buffer).ok()?;
        if count == 0 {
            return Some(Digest::from_bytes(hash.finalize().into()));
        }
        hash.update(buffer.get(..count)?);
    }
}
