//! The audit log to look at: how it stands, what was asked, the story of a request.
//!
//! **Invariant:** the console only looks. Whoever implements [`AuditView`] records who looks, and
//! for what, before anything is shown; what commands printed is never shown here.

pub(crate) mod asked;
pub(crate) mod pages;
pub(crate) mod story;
pub(crate) mod story_view;
pub(crate) mod timeline;
pub(crate) mod views;

pub use asked::Filter;
pub use story::{Chapter, Form, Line, Part, Story};
pub use timeline::{Brief, Entry, Index, Slice, Step};

use async_trait::async_trait;
use countersign_core::id::InvocationId;
use countersign_core::principal::Account;
use countersign_core::time::Timestamp;
use std::time::Duration;

/// Who looks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reader {
    /// Whose session it is.
    pub account: Account,
    /// What people call them.
    pub name: String,
}

/// What one side of verification found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// As it should be.
    Holds,
    /// Not so; the findings say where.
    Broken,
    /// Cannot be told from here.
    NotKnown,
}

/// What a finding is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Concern {
    /// Something was changed.
    Integrity,
    /// Something is missing.
    Completeness,
    /// Worth knowing.
    Notice,
}

/// What verification found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifyView {
    /// When it was done.
    pub at: Timestamp,
    /// How long it took.
    pub took: Duration,
    /// Whether every record is as it was written.
    pub integrity: Verdict,
    /// Whether every record that was written is there.
    pub completeness: Verdict,
    /// Records read.
    pub records: u64,
    /// Signed heads that stand behind them.
    pub heads: u64,
    /// Each finding in a line.
    pub says: Vec<(Concern, String)>,
}

/// How far a verification is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Progress {
    /// Bytes of records there are; 0 until they are known.
    pub bytes: u64,
    /// Bytes of records that were read.
    pub bytes_read: u64,
    /// Records that were checked.
    pub records: u64,
}

/// How the log stands.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Verification {
    /// One is under way.
    pub running: Option<Progress>,
    /// What the last one found.
    pub last: Option<VerifyView>,
}

/// Why nothing is shown.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotShown {
    /// The directory does not know them as an active person.
    #[error("the log is shown to active people of the directory only: {0}")]
    NotYou(String),
    /// The reading could not be recorded.
    #[error("reading the log is itself a record, and it could not be written, so nothing is shown: {0}")]
    Unrecorded(String),
    /// The store does not answer.
    #[error("the log cannot be read: {0}")]
    Unreadable(String),
}

/// Looks into the audit log.
#[async_trait]
pub trait AuditView: Send + Sync {
    /// How the log stands, as far as it is known. Never waits.
    fn verification(&self) -> Verification;

    /// Starts a verification, unless one is under way. Never waits.
    fn verify(&self);

    /// One page of what was asked, newest first, after recording who looks for what. Pages count
    /// from 0.
    ///
    /// # Errors
    /// [`NotShown`].
    async fn look(&self, reader: &Reader, filter: &Filter, page: usize) -> Result<Slice, NotShown>;

    /// Everything about one request, after recording who reads it; `None` when the log does not
    /// know it.
    ///
    /// # Errors
    /// [`NotShown`].
    async fn story(&self, reader: &Reader, id: InvocationId) -> Result<Option<Story>, NotShown>;
}
