//! Where records are kept: a store of objects that are created once and never changed.
//!
//! **Invariant:** [`Sink::put_new`] either stores the whole object durably under a name that did
//! not exist, or stores nothing under it; it never replaces.

use async_trait::async_trait;
use countersign_core::time::Timestamp;
use std::fmt;

/// The name of an object: parts of `[A-Za-z0-9._=-]`, joined by `/`.
///
/// INVARIANT: 1 to 900 bytes (S3 allows 1024 with its prefix), no empty part, none begins with a dot.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(String);

/// Why a text is not the name of an object.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a name the store takes")]
pub struct NotAKey(String);

impl Key {
    /// Checks the invariant.
    ///
    /// # Errors
    /// When a part is empty, begins with a dot, or holds another character.
    pub fn parse(text: &str) -> Result<Self, NotAKey> {
        let fits = |part: &str| {
            !part.is_empty()
                && part.len() <= 200
                && !part.starts_with('.')
                && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._=-".contains(&byte))
        };
        if text.len() <= 900 && text.split('/').all(fits) {
            Ok(Self(text.to_owned()))
        } else {
            Err(NotAKey(text.chars().take(80).collect()))
        }
    }

    /// The whole name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An object was stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stored {
    /// When, by the store's clock.
    pub at: Timestamp,
}

/// An object as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    /// Its exact bytes.
    pub bytes: Vec<u8>,
    /// When it was stored, by the store's clock.
    pub at: Timestamp,
}

/// Why an object was not stored.
#[derive(Debug, thiserror::Error)]
pub enum PutError {
    /// The name is taken; nothing was changed.
    #[error("an object of this name exists")]
    Exists,
    /// The store has no room left.
    #[error("the store is full")]
    Full(#[source] std::io::Error),
    /// The store takes no writes.
    #[error("the store is read-only")]
    ReadOnly(#[source] std::io::Error),
    /// The store is not where it should be.
    #[error("the store's folder is missing, or is a link")]
    Missing(#[source] std::io::Error),
    /// Anything else; whether the object was stored is not known.
    #[error("the store cannot be reached")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// Why the store could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// What is there is not a plain object: a link, a folder, a device.
    #[error("`{0}` is not a plain object")]
    NotPlain(String),
    /// The store does not answer.
    #[error("the store cannot be read")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// What a versioned store says about an object besides its first version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Irregularity {
    /// There is more than one version.
    SecondVersion(String),
    /// There is a delete marker.
    DeleteMarker(String),
    /// It may be deleted earlier than the installation's retention says.
    ShortRetention(String),
}

/// What a store can tell about versions and retention.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Versions {
    /// The store has neither.
    NotApplicable,
    /// It has both; everything that is not as it should be.
    Irregular(Vec<Irregularity>),
}

/// A create-only store of objects.
#[async_trait]
pub trait Sink: Send + Sync + fmt::Debug {
    /// Stores a new object durably: when this returns `Ok`, a power cut loses nothing of it.
    ///
    /// # Errors
    /// [`PutError`]; after `Unavailable` the object may exist or not.
    ///
    /// # Cancel safety
    /// A dropped future leaves the whole object or none.
    async fn put_new(&self, key: &Key, bytes: Vec<u8>) -> Result<Stored, PutError>;

    /// Reads an object; of several versions the oldest. `None` when there is none.
    ///
    /// # Errors
    /// When the store does not answer, or what is there is not an object.
    async fn read(&self, key: &Key) -> Result<Option<Object>, ReadError>;

    /// Names of all objects that begin with `prefix` (`""`, or whole parts with a `/` at the end),
    /// in byte order. Foreign names are listed as they are.
    ///
    /// # Errors
    /// When the store does not answer.
    async fn list(&self, prefix: &str) -> Result<Vec<String>, ReadError>;

    /// What versions and retention look like below `prefix`.
    ///
    /// # Errors
    /// When the store does not answer.
    async fn versions(&self, prefix: &str) -> Result<Versions, ReadError>;
}

#[cfg(test)]
mod tests {
    use super::Key;

    #[test]
    fn a_key_cannot_leave_its_folder() {
        for bad in ["", "/etc/passwd", "a//b", "../a", "a/../b", "a/.b", "a b", "a\0", "a/", "ä"] {
            assert!(Key::parse(bad).is_err(), "{bad}");
        }
        assert!(Key::parse("records/v1/writer=gateway-00/00000000000000000001.ndjson").is_ok());
    }
}
