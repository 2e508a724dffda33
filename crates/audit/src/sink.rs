//! Where records are kept: a store of objects that are created once and never changed.
//!
//! **Invariant:** [`Sink::put_new`] either stores the whole object durably under a name that did
//! not exist, or stores nothing under it; it never replaces.

use async_trait::async_trait;
use countersign_core::time::Timestamp;
use std::fmt;
use std::time::Duration;

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
    /// How long it is safe.
    pub kept: Kept,
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
    #[error("the store is missing, or its folder is a link")]
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

/// How long an object is safe from everybody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// The store does not lock objects.
    NotApplicable,
    /// Nobody can delete it before this instant, by the store's clock.
    Until(Timestamp),
    /// The store locks objects, and somebody could delete this one: it is not locked, or in a mode
    /// that some may lift.
    Removable,
}

/// An object as a listing names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its name; foreign names as they are.
    pub name: String,
    /// Which of its versions is meant (the oldest), where the store has versions.
    pub version: Option<String>,
    /// Its size in bytes, as the store tells it.
    pub size: u64,
}

/// What is irregular about a name in a versioned store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Irregularity {
    /// There is more than one version.
    SecondVersion(String),
    /// There is a delete marker.
    DeleteMarker(String),
}

/// Everything below a prefix, also what was hidden by a delete marker.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Inventory {
    /// The objects, by name in byte order; of several versions the oldest.
    pub entries: Vec<Entry>,
    /// Names that were written again or deleted.
    pub irregular: Vec<Irregularity>,
}

/// Why a store does not keep what it should keep.
#[derive(Debug, thiserror::Error)]
pub enum NotKept {
    /// It let this process change or delete what it had stored.
    #[error("{0}")]
    Weak(String),
    /// It cannot be asked.
    #[error(transparent)]
    Unread(#[from] ReadError),
}

/// A create-only store of objects.
#[async_trait]
pub trait Sink: Send + Sync + fmt::Debug {
    /// Stores a new object durably: when this returns `Ok`, a power cut loses nothing of it.
    ///
    /// After `Unavailable` look before the next try: a store that keeps versions may take the same
    /// name again.
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
    async fn list(&self, prefix: &str) -> Result<Vec<String>, ReadError> {
        Ok(self.inventory(prefix).await?.entries.into_iter().map(|entry| entry.name).collect())
    }

    /// Everything below `prefix` (as in [`list`](Self::list)), with versions and what is irregular.
    ///
    /// # Errors
    /// When the store does not answer.
    async fn inventory(&self, prefix: &str) -> Result<Inventory, ReadError>;

    /// Reads exactly what a listing named. `None` when it is gone, or its name is no object's.
    ///
    /// # Errors
    /// When the store does not answer, or what is there is not an object.
    async fn read_entry(&self, entry: &Entry) -> Result<Option<Object>, ReadError> {
        match Key::parse(&entry.name) {
            Ok(key) => self.read(&key).await,
            Err(_) => Ok(None),
        }
    }

    /// How long what a listing named is kept; without reading its bytes where the store can.
    ///
    /// # Errors
    /// When the store does not answer.
    async fn kept(&self, entry: &Entry) -> Result<Kept, ReadError> {
        Ok(self.read_entry(entry).await?.map_or(Kept::NotApplicable, |object| object.kept))
    }

    /// What is wrong with the store's own settings, one sentence each that names the setting;
    /// empty when nothing is, or the store promises no lock. `retention` is how long objects have to
    /// be kept.
    ///
    /// # Errors
    /// When the store does not answer.
    async fn weaknesses(&self, retention: Duration) -> Result<Vec<String>, ReadError> {
        let _ = retention;
        Ok(Vec::new())
    }

    /// Tries to delete what is stored under this name and to shorten how long it is kept, and is
    /// satisfied when the store refuses both. A store without locks has nothing to prove.
    ///
    /// # Errors
    /// [`NotKept`]: the process that asked must not start.
    async fn prove_kept(&self, key: &Key) -> Result<(), NotKept> {
        let _ = key;
        Ok(())
    }
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
