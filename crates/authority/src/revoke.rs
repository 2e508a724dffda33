//! Takes belief away from a key, from an instant on.
//!
//! **Invariant:** a note is written only when it says what somebody can have meant; what the key
//! signed before the instant stays verifiable.

use crate::folder::{Folder, FolderError};
use crate::root::Root;
use crate::signer::SignError;
use countersign_audit::keys;
use countersign_audit::layout;
use countersign_core::id::KeyId;
use countersign_core::revocation::Revocation;
use countersign_core::time::Timestamp;
use std::time::Duration;

/// Longest reason, in characters.
pub const LONGEST_REASON: usize = 300;

/// How far ahead a revocation may begin.
pub const FARTHEST: Duration = Duration::from_hours(24 * 366);

/// What is to be revoked.
#[derive(Debug, Clone, Copy)]
pub struct Order<'a> {
    /// The key.
    pub key: &'a KeyId,
    /// Name of the installation.
    pub deployment: &'a str,
    /// From when on.
    pub from: Timestamp,
    /// Why, for auditors.
    pub reason: &'a str,
    /// The time now.
    pub now: Timestamp,
}

/// Why nothing was revoked.
#[derive(Debug, thiserror::Error)]
pub enum RevokeError {
    /// The instant is far ahead.
    #[error("`{0}` is more than a year ahead; a stolen key is revoked from the theft on, a retired one from now on")]
    TooFar(Timestamp),
    /// The reason.
    #[error("a reason is one line of 1 to {LONGEST_REASON} characters: it goes into the log, for auditors")]
    Reason,
    /// Neither a key's id nor a process's name.
    #[error("`{0}` is neither a key id (32 hex digits) nor the name of a process certified in this folder")]
    Unknown(String),
    /// The instant.
    #[error("`{0}` is not a time: write `now` or RFC 3339, for example 2026-11-21T10:30:00Z")]
    NotATime(String),
    /// The root key did not sign.
    #[error(transparent)]
    Sign(#[from] SignError),
    /// A file.
    #[error(transparent)]
    Folder(#[from] FolderError),
}

/// Reads `now`, or an instant of RFC 3339.
///
/// # Errors
/// [`RevokeError::NotATime`].
pub fn instant(text: &str, now: Timestamp) -> Result<Timestamp, RevokeError> {
    if text == "now" {
        return Ok(now);
    }
    text.parse().map_err(|_| RevokeError::NotATime(text.chars().take(80).collect()))
}

/// The key that is meant, and the installation its certificate names: by its id, also of a key that
/// was replaced, or by the process's name, and then its present key. The installation is known only
/// of keys certified in this folder.
///
/// # Errors
/// When the text is neither.
pub fn meant(folder: &Folder, text: &str) -> Result<(KeyId, Option<String>), RevokeError> {
    let certificates = folder.certificates()?;
    let by_id = certificates.iter().find(|it| it.id.as_str() == text);
    if let Some(it) = by_id.or_else(|| certificates.iter().find(|it| !it.replaced && it.name == text)) {
        return Ok((it.id.clone(), Some(it.claims.deployment.clone())));
    }
    let is_id = text.len() == 32 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let id = serde_json::from_value(serde_json::Value::String(text.to_owned())).ok().filter(|_| is_id);
    id.map(|id| (id, None)).ok_or_else(|| RevokeError::Unknown(text.chars().take(80).collect()))
}

/// Writes the note, `revoked-<key id>-<part of its digest>.json`, and returns its file.
///
/// # Errors
/// [`RevokeError`]; nothing was written then.
pub async fn revoke(folder: &Folder, root: &Root, order: Order<'_>) -> Result<String, RevokeError> {
    if order.from > order.now.plus(FARTHEST) {
        return Err(RevokeError::TooFar(order.from));
    }
    let length = order.reason.trim().chars().count();
    if length == 0 || length > LONGEST_REASON || order.reason.chars().any(char::is_control) {
        return Err(RevokeError::Reason);
    }
    let revocation = Revocation {
        v: 1,
        deployment: order.deployment.to_owned(),
        key: order.key.clone(),
        from: order.from,
        reason: order.reason.trim().to_owned(),
    };
    let note = root.revoke(&revocation).await?;
    let bytes = serde_json::to_vec(&note).expect("a note is made of strings");
    let key = layout::revocation(order.key, &bytes).ok_or_else(|| RevokeError::Unknown(order.key.to_string()))?;
    let file = key.as_str().trim_start_matches(layout::KEYS).to_owned();
    keys::write_new(&folder.file(&file), &bytes, 0o444).map_err(FolderError::from)?;
    Ok(file)
}
