//! One invocation's whole story, in order.
//!
//! **Invariant:** a story tells what the records say and nothing else; whether they can be
//! believed is [`verify`](crate::verify::verify)'s answer. Nothing in a record can change how the
//! text around it reads.

mod html;
mod proof;
mod summary;
mod telling;

pub use proof::{Proof, Standing, prove};
pub use telling::{Aids, Chapter, Form, Line, Part, Telling, harmless};

use crate::event::{Event, Kind};
use crate::log::AuditLog;
use crate::record::Record;
use crate::search::{Filter, PartialId, scan};
use crate::sink::{ReadError, Sink};
use crate::writer::WriteError;
use countersign_core::id::InvocationId;
use std::collections::BTreeMap;
use std::fmt;
use std::ops::ControlFlow;

/// Everything on record about one invocation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Story {
    /// Which request.
    pub invocation: InvocationId,
    /// Its records, in the order they were written.
    pub records: Vec<Record>,
    /// Lines that name it and cannot be read by this version.
    pub unreadable: u64,
}

/// Why there is not one story to tell.
#[derive(Debug, thiserror::Error)]
pub enum FindError {
    /// The log has nothing about such a request.
    #[error("the log has nothing about `{0}`")]
    Nothing(PartialId),
    /// The part of an id means several requests.
    #[error("`{part}` can mean {} requests: {}", .ids.len(), first(.ids))]
    Ambiguous {
        /// What was typed.
        part: PartialId,
        /// What it can mean.
        ids: Vec<InvocationId>,
    },
    /// The store does not answer.
    #[error("the log cannot be read")]
    Unreadable(#[source] ReadError),
}

fn first(ids: &[InvocationId]) -> String {
    let some: Vec<_> = ids.iter().take(5).map(ToString::to_string).collect();
    format!("{}{}", some.join(", "), if ids.len() > some.len() { ", …" } else { "" })
}

/// Reads everything on record about one invocation.
///
/// # Errors
/// When the store does not answer.
pub async fn show(sink: &dyn Sink, invocation: InvocationId) -> Result<Story, ReadError> {
    let (mut stories, unreadable) = gather(sink, invocation.into()).await?;
    let records = stories.remove(&invocation).unwrap_or_default();
    Ok(Story { invocation, records, unreadable })
}

/// Reads everything about the one request that a whole id or a part of it means.
///
/// # Errors
/// [`FindError`].
pub async fn find(sink: &dyn Sink, part: &PartialId) -> Result<Story, FindError> {
    let (mut stories, unreadable) = gather(sink, part.clone()).await.map_err(FindError::Unreadable)?;
    match (stories.pop_first(), stories.is_empty()) {
        (None, _) => Err(FindError::Nothing(part.clone())),
        (Some((invocation, records)), true) => Ok(Story { invocation, records, unreadable }),
        (Some((one, _)), false) => {
            let ids = std::iter::once(one).chain(stories.into_keys()).collect();
            Err(FindError::Ambiguous { part: part.clone(), ids })
        }
    }
}

async fn gather(sink: &dyn Sink, part: PartialId) -> Result<(BTreeMap<InvocationId, Vec<Record>>, u64), ReadError> {
    let mut stories: BTreeMap<InvocationId, Vec<Record>> = BTreeMap::new();
    let filter = Filter { invocation: Some(part), ..Filter::default() };
    let scanned = scan(sink, &filter, &mut |hit| {
        if let Some(id) = hit.record.event.invocation {
            stories.entry(id).or_default().push(hit.record);
        }
        ControlFlow::Continue(())
    })
    .await?;
    for records in stories.values_mut() {
        records.sort_by(|a, b| {
            (a.at, stage(a.event.kind), &a.writer, a.seq).cmp(&(b.at, stage(b.event.kind), &b.writer, b.seq))
        });
    }
    Ok((stories, scanned.unreadable))
}

impl AuditLog {
    /// Reads everything on record about one invocation, after recording who reads it.
    ///
    /// # Errors
    /// When the reading could not be recorded; then nothing is read.
    pub async fn show(&self, reader: Event, invocation: InvocationId) -> Result<Story, ShowError> {
        let event = Event { kind: Kind::LogRead, invocation: Some(invocation), ..reader };
        self.record(event).await.map_err(ShowError::Unrecorded)?;
        show(self.shared.config.sink.as_ref(), invocation).await.map_err(ShowError::Unreadable)
    }
}

/// Why a story is not shown.
#[derive(Debug, thiserror::Error)]
pub enum ShowError {
    /// Reading is itself a record.
    #[error("the reading could not be recorded")]
    Unrecorded(#[source] WriteError),
    /// The store does not answer.
    #[error("the log cannot be read")]
    Unreadable(#[source] ReadError),
}

/// Order of what different writers recorded in the same millisecond.
const fn stage(kind: Kind) -> u8 {
    match kind {
        Kind::Received => 0,
        Kind::Decided => 1,
        Kind::Previewed => 2,
        Kind::Asked => 3,
        Kind::Ballot => 4,
        Kind::Cleared => 5,
        Kind::Intent => 6,
        Kind::Lease => 7,
        Kind::Outcome => 8,
        Kind::Reconciled => 9,
        Kind::Refused
        | Kind::Expired
        | Kind::Cancelled
        | Kind::Grant
        | Kind::BreakGlass
        | Kind::Freeze
        | Kind::Link
        | Kind::PolicyChanged
        | Kind::LogRead
        | Kind::WriterOpened
        | Kind::WriterClosed
        | Kind::Checkpoint
        | Kind::Heartbeat => 10,
    }
}

impl Story {
    /// The story in lines, with what the aids add.
    #[must_use]
    pub fn tell(&self, aids: &Aids<'_>) -> Telling {
        Telling::of(self, aids)
    }
}

impl fmt::Display for Story {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.tell(&Aids::default()).fmt(f)
    }
}
