//! Certifies the keys of processes.
//!
//! **Invariant:** only a public key travels to where the root key is; a certificate that exists is
//! replaced on demand alone, and then kept under another name.

use crate::folder::{Folder, FolderError, is_process_name, replaced_file};
use crate::root::Root;
use crate::signer::SignError;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use countersign_audit::keys::{self, KeyError, Process};
use countersign_core::certificate::{Claims, Role};
use countersign_core::id::KeyId;
use countersign_core::time::Timestamp;
use ed25519_dalek::VerifyingKey;
use std::path::Path;
use std::time::Duration;

/// Why a key was not certified.
#[derive(Debug, thiserror::Error)]
pub enum CertifyError {
    /// The root key did not sign.
    #[error(transparent)]
    Sign(#[from] SignError),
    /// A file.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// The process's name.
    #[error("`{0}` cannot be the name of a process: letters, digits, `.`, `_`, `-`, and neither `root` nor `digest`")]
    Name(String),
    /// Pools and role do not fit together.
    #[error("a worker has at least one pool and nobody else has any; a pool is letters, digits, `.`, `_` or `-`")]
    Pools,
    /// The process has a certificate.
    #[error(
        "`{0}` is certified already; --replace keeps the old certificate under another name, and `countersign key rotate` makes a new key as well"
    )]
    Certified(String),
    /// This very key has a certificate, and the log keeps one a key.
    #[error("the key `{0}` is certified already, and a key has one certificate: make a new key")]
    SameKey(KeyId),
    /// Key and certificate of a name are not of one key.
    #[error("`{0}` is not the key that the certificate of its name certifies")]
    Mixed(String),
}

/// Whether an older certificate of the name makes room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Older {
    /// It stays, and nothing is certified.
    Stays,
    /// It is kept as `<name>.<key id>.old.cert.json`.
    MakesRoom,
}

/// Makes a key for a process on its own host: `<name>.key` stays there, `<name>.pub` goes to where
/// the root key is. Returns the key's id.
///
/// # Errors
/// When a file exists or cannot be written, or the name cannot be used.
pub fn new_key(folder: &Folder, name: &str) -> Result<KeyId, CertifyError> {
    if !is_process_name(name) {
        return Err(CertifyError::Name(name.to_owned()));
    }
    let key = keys::generate();
    let save = || {
        keys::save(&folder.file(&format!("{name}.key")), &key)?;
        crate::folder::save_public(&folder.file(&format!("{name}.pub")), &key.verifying_key())
    };
    save().map_err(FolderError::from)?;
    Ok(KeyId::of(key.verifying_key().as_bytes()))
}

/// Reads a public key, base64 in one line.
///
/// # Errors
/// When the file is missing or holds no such key.
pub fn load_public(path: &Path) -> Result<VerifyingKey, KeyError> {
    let mut found = keys::load_roots(path)?.into_iter();
    match (found.next(), found.next()) {
        (Some(key), None) => Ok(key),
        _ => Err(KeyError::Malformed(path.display().to_string())),
    }
}

/// Certifies a key that was made elsewhere, as `<name>.cert.json`.
///
/// # Errors
/// [`CertifyError`]; nothing was written then.
pub async fn certify(
    folder: &Folder,
    root: &Root,
    key: &VerifyingKey,
    claims: (&str, (Timestamp, Duration), &Process<'_>),
    older: Older,
) -> Result<KeyId, CertifyError> {
    let (deployment, valid, process) = claims;
    let (claims, id) = (claims_of(key, deployment, valid, process)?, KeyId::of(key.as_bytes()));
    if folder.certificates()?.iter().any(|it| it.id == id) {
        return Err(CertifyError::SameKey(id));
    }
    let file = format!("{}.cert.json", process.name);
    let before = if folder.file(&file).exists() { Some(folder.certified(process.name)?) } else { None };
    if before.is_some() && older == Older::Stays {
        return Err(CertifyError::Certified(folder.file(&file).display().to_string()));
    }
    let certificate = root.certify(&claims).await?;
    if let Some(before) = before {
        let kept = replaced_file(process.name, &before.id);
        std::fs::rename(folder.file(&file), folder.file(&kept)).map_err(folder.failed(&kept))?;
    }
    folder.save_certificate(process.name, &certificate)?;
    Ok(id)
}

/// Makes a key and certifies it, on one host: `<name>.key`, `<name>.cert.json`.
///
/// # Errors
/// [`CertifyError`].
pub async fn make(
    folder: &Folder,
    root: &Root,
    deployment: &str,
    valid: (Timestamp, Duration),
    process: &Process<'_>,
) -> Result<KeyId, CertifyError> {
    let key = keys::generate();
    let claims = claims_of(&key.verifying_key(), deployment, valid, process)?;
    let certificate = root.certify(&claims).await?;
    keys::save(&folder.file(&format!("{}.key", process.name)), &key).map_err(FolderError::from)?;
    folder.save_certificate(process.name, &certificate)?;
    Ok(KeyId::of(key.verifying_key().as_bytes()))
}

fn claims_of(
    key: &VerifyingKey,
    deployment: &str,
    (from, lasts): (Timestamp, Duration),
    process: &Process<'_>,
) -> Result<Claims, CertifyError> {
    if !is_process_name(process.name) {
        return Err(CertifyError::Name(process.name.to_owned()));
    }
    let has_pools = !process.pools.is_empty();
    if has_pools != (process.role == Role::Worker) || !process.pools.iter().all(|pool| crate::folder::is_name(pool)) {
        return Err(CertifyError::Pools);
    }
    Ok(Claims {
        v: 1,
        deployment: deployment.to_owned(),
        key: BASE64.encode(key.as_bytes()),
        role: process.role,
        pools: process.pools.iter().map(|pool| (*pool).to_owned()).collect(),
        not_before: from,
        not_after: from.plus(lasts),
    })
}
