//! What is known of keys: in a folder, or in the log's store.
//!
//! **Invariant:** what no root key signed is listed apart and nothing of it is told.

use crate::folder::{Folder, FolderError, deployment_of, opened};
use countersign_audit::layout::{self, Place};
use countersign_audit::sink::{Key, ReadError, Sink};
use countersign_core::certificate::{Certificate, Claims};
use countersign_core::id::KeyId;
use countersign_core::revocation::{Revocation, RevocationNote};
use ed25519_dalek::VerifyingKey;

/// A certified key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The key.
    pub id: KeyId,
    /// Its file, or its object.
    pub place: String,
    /// What its certificate says.
    pub claims: Claims,
    /// The revocation that holds: the earliest.
    pub revoked: Option<Revocation>,
}

/// What is known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Known {
    /// Certified keys.
    pub rows: Vec<Row>,
    /// Revocations of keys that have no certificate here.
    pub orphans: Vec<Revocation>,
    /// What no root key signed.
    pub foreign: Vec<String>,
}

/// Why it cannot be told.
#[derive(Debug, thiserror::Error)]
pub enum ShowError {
    /// The folder.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// The store.
    #[error("the store could not be asked for its keys")]
    Unread(#[source] ReadError),
}

/// What is in a folder.
///
/// # Errors
/// When it cannot be read, or holds what the root did not sign.
pub fn folder(folder: &Folder) -> Result<Known, ShowError> {
    let certificates = folder.certificates()?.into_iter().map(|it| (it.id, it.file, it.claims)).collect();
    let revocations = folder.revocations()?.into_iter().map(|it| it.revocation).collect();
    Ok(Known::of(certificates, revocations, Vec::new()))
}

/// What is in the log's store, by these root keys.
///
/// # Errors
/// When it cannot be read.
pub async fn store(sink: &dyn Sink, roots: &[VerifyingKey]) -> Result<Known, ShowError> {
    let (mut certificates, mut revocations, mut foreign) = (Vec::new(), Vec::new(), Vec::new());
    for name in sink.list(layout::KEYS).await.map_err(ShowError::Unread)? {
        let object = match Key::parse(&name) {
            Ok(key) => sink.read(&key).await.map_err(ShowError::Unread)?,
            Err(_) => None,
        };
        let bytes = object.map(|object| object.bytes).unwrap_or_default();
        match layout::place(&name) {
            Place::Certificate => match certificate(&bytes, roots) {
                Some((id, claims)) if layout::certificate(&id).is_some_and(|key| key.as_str() == name) => {
                    certificates.push((id, name, claims));
                }
                Some(_) | None => foreign.push(name),
            },
            Place::Revocation => match revocation(&bytes, roots) {
                Some(it) if layout::revocation(&it.key, &bytes).is_some_and(|key| key.as_str() == name) => {
                    revocations.push(it);
                }
                Some(_) | None => foreign.push(name),
            },
            Place::Segment(..) | Place::Head(..) | Place::Output | Place::Unknown => foreign.push(name),
        }
    }
    Ok(Known::of(certificates, revocations, foreign))
}

impl Known {
    fn of(certificates: Vec<(KeyId, String, Claims)>, revocations: Vec<Revocation>, foreign: Vec<String>) -> Self {
        let earliest = |id: &KeyId| revocations.iter().filter(|it| it.key == *id).min_by_key(|it| it.from).cloned();
        let rows: Vec<Row> = certificates
            .into_iter()
            .map(|(id, place, claims)| Row { revoked: earliest(&id), id, place, claims })
            .collect();
        let has_certificate = |it: &Revocation| rows.iter().any(|row| row.id == it.key);
        let orphans = revocations.iter().filter(|it| !has_certificate(it)).cloned().collect();
        Self { rows, orphans, foreign }
    }
}

fn certificate(bytes: &[u8], roots: &[VerifyingKey]) -> Option<(KeyId, Claims)> {
    let certificate: Certificate = serde_json::from_slice(bytes).ok()?;
    let claims = opened(&certificate, roots)?;
    Some((claims.key_id()?, claims))
}

fn revocation(bytes: &[u8], roots: &[VerifyingKey]) -> Option<Revocation> {
    let note: RevocationNote = serde_json::from_slice(bytes).ok()?;
    note.open(roots, &deployment_of(&note)?).ok()
}
