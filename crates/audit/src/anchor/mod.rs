//! The second place: where signed heads go as well, out of reach of whoever writes the log.
//!
//! **Invariant:** a place takes heads and gives them back byte for byte; it is never asked whether
//! something may run, and its outage never holds up the log.

pub mod git;
mod relay;
pub mod spec;
pub mod syslog;

pub use git::{CallError, GitError, GitPlace, GitProgram, GitSettings};
pub use relay::{AnchorGauges, AnchorState};
pub use spec::{AnchorSpec, Branch, Purpose, SpecError, SyslogAddress, parse};
pub use syslog::{SyslogFile, SyslogPlace, SyslogSettings, TlsSettings};

pub(crate) use relay::{Relay, RelaySettings};

use crate::sink::{Key, ReadError, Sink};
use async_trait::async_trait;
use std::fmt;

/// Why a head was not kept in a second place.
#[derive(Debug, thiserror::Error)]
#[error("{place} did not take a head")]
pub struct NotAnchored {
    /// Which place.
    pub place: String,
    /// What it said.
    #[source]
    pub source: Box<dyn std::error::Error + Send + Sync>,
}

/// A place heads are sent to.
#[async_trait]
pub trait Anchor: Send + Sync + fmt::Debug {
    /// What kind of place it is, for logs and metrics.
    fn place(&self) -> &'static str {
        "store"
    }

    /// Keeps a signed head under its name (a key below `heads/v1/`). Keeping the same again is fine.
    ///
    /// # Errors
    /// When the place does not take it. It is sent again with a later head at the latest.
    async fn keep(&self, key: &Key, note: &str) -> Result<(), NotAnchored>;
}

/// A place heads are read from.
#[async_trait]
pub trait Heads: Send + Sync + fmt::Debug {
    /// The names of what is kept here below `heads/v1/`, in byte order; foreign names as they are.
    ///
    /// # Errors
    /// When the place does not answer.
    async fn names(&self) -> Result<Vec<String>, ReadError>;

    /// One head's exact bytes.
    ///
    /// # Errors
    /// When the place does not answer.
    async fn head(&self, name: &str) -> Result<Option<Vec<u8>>, ReadError>;

    /// Every content that is kept under this name. There can be several where anybody may add
    /// something, and a forged one must not hide the true one.
    ///
    /// # Errors
    /// When the place does not answer.
    async fn heads(&self, name: &str) -> Result<Vec<Vec<u8>>, ReadError> {
        Ok(self.head(name).await?.into_iter().collect())
    }

    /// The names of heads that were kept here once and are gone or changed, as far as the place
    /// remembers.
    ///
    /// # Errors
    /// When the place does not answer.
    async fn rewritten(&self) -> Result<Vec<String>, ReadError> {
        Ok(Vec::new())
    }
}

#[async_trait]
impl<S: Sink + ?Sized> Anchor for S {
    async fn keep(&self, key: &Key, note: &str) -> Result<(), NotAnchored> {
        use crate::sink::PutError;
        // A head may be sent again after a lost answer, and some stores would take it twice.
        if let Ok(Some(_)) = self.read(key).await {
            return Ok(());
        }
        match self.put_new(key, note.as_bytes().to_vec()).await {
            Ok(_) | Err(PutError::Exists) => Ok(()),
            Err(error) => Err(NotAnchored { place: "the second store".into(), source: Box::new(error) }),
        }
    }
}

#[async_trait]
impl<S: Sink + ?Sized> Heads for S {
    async fn names(&self) -> Result<Vec<String>, ReadError> {
        self.list(crate::layout::HEADS).await
    }

    async fn head(&self, name: &str) -> Result<Option<Vec<u8>>, ReadError> {
        crate::verify::fetch(self, name).await
    }

    async fn rewritten(&self) -> Result<Vec<String>, ReadError> {
        use crate::sink::Irregularity;
        let irregular = self.inventory(crate::layout::HEADS).await?.irregular.into_iter();
        Ok(irregular.map(|(Irregularity::SecondVersion(name) | Irregularity::DeleteMarker(name))| name).collect())
    }
}
