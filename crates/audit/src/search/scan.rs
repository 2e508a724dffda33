//! The walk through all segments.
//!
//! **Invariant:** what is found is told in the order of the store, whoever was read first.

use super::Filter;
use super::filter::may_hold;
use crate::layout::{self, Place};
use crate::record::Record;
use crate::sink::{ReadError, Sink};
use crate::verify::fetch;
use countersign_core::id::InvocationId;
use countersign_core::time::Timestamp;
use futures_util::future::BoxFuture;
use futures_util::stream::{self, StreamExt as _};
use std::collections::{BTreeMap, HashSet};
use std::ops::ControlFlow;
use std::sync::Arc;

/// Segments that are read and searched at once; a segment has at most some 12 MiB.
const AT_ONCE: usize = 8;

/// A record that fits, and its exact line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hit {
    /// The line as it is stored, without its line feed.
    pub line: String,
    /// What it says.
    pub record: Record,
}

/// What was walked through.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Scanned {
    /// Segments.
    pub segments: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Records that fit.
    pub found: u64,
    /// Lines that could have fitted, and cannot be read by this version.
    pub unreadable: u64,
}

/// The newest of what was found, oldest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found {
    /// The newest records that fit, in order of time.
    pub hits: Vec<Hit>,
    /// What was walked through; more may have been found than is kept.
    pub scanned: Scanned,
}

/// Tells every record that fits, stream by stream, until `each` breaks.
///
/// # Errors
/// When the store does not answer.
pub async fn scan(
    sink: &dyn Sink,
    filter: &Filter,
    each: &mut (dyn FnMut(Hit) -> ControlFlow<()> + Send),
) -> Result<Scanned, ReadError> {
    let requests = if filter.asks_for_requests() { Some(requests(sink, filter).await?) } else { None };
    let query = Query { needles: filter.needles(), filter: filter.clone(), requests };
    walk(sink, Arc::new(query), &mut |hit| each(hit)).await
}

/// Finds the newest records that fit, at most so many.
///
/// # Errors
/// When the store does not answer.
pub async fn newest(sink: &dyn Sink, filter: &Filter, most: usize) -> Result<Found, ReadError> {
    let mut kept: BTreeMap<(Timestamp, String, u64), Hit> = BTreeMap::new();
    let scanned = scan(sink, filter, &mut |hit| {
        kept.insert((hit.record.at, hit.record.writer.to_string(), hit.record.seq), hit);
        if kept.len() > most {
            kept.pop_first();
        }
        ControlFlow::Continue(())
    })
    .await?;
    Ok(Found { hits: kept.into_values().collect(), scanned })
}

/// The requests one of whose records says what is asked of the request.
async fn requests(sink: &dyn Sink, filter: &Filter) -> Result<HashSet<InvocationId>, ReadError> {
    let only = Filter { invocation: filter.invocation.clone(), ..Filter::default() };
    let needles = filter.request_needles();
    let wanted = filter.clone();
    let mut found = HashSet::new();
    let query = Query { needles, filter: only, requests: None };
    let mut take = |hit: Hit| {
        if wanted.fits_request(&hit.record.event) {
            found.extend(hit.record.event.invocation);
        }
        ControlFlow::Continue(())
    };
    walk(sink, Arc::new(query), &mut take).await?;
    Ok(found)
}

/// What one pass looks for.
struct Query {
    needles: Vec<String>,
    filter: Filter,
    requests: Option<HashSet<InvocationId>>,
}

/// What one segment holds of it.
#[derive(Default)]
struct Part {
    hits: Vec<Hit>,
    bytes: u64,
    unreadable: u64,
}

async fn walk(
    sink: &dyn Sink,
    query: Arc<Query>,
    each: &mut (dyn FnMut(Hit) -> ControlFlow<()> + Send),
) -> Result<Scanned, ReadError> {
    let names = sink.list(layout::RECORDS).await?;
    let segments = names.into_iter().filter(|name| matches!(layout::place(name), Place::Segment(..)));
    let parts = segments.map(|name| -> BoxFuture<'_, Result<Part, ReadError>> {
        let query = query.clone();
        Box::pin(async move {
            let bytes = fetch(sink, &name).await?.unwrap_or_default();
            let searched = tokio::task::spawn_blocking(move || query.search(&bytes)).await;
            searched.map_err(|ended| ReadError::Unavailable(Box::new(ended)))
        })
    });
    let mut parts = stream::iter(parts).buffered(AT_ONCE);
    let mut scanned = Scanned::default();
    while let Some(part) = parts.next().await {
        let part = part?;
        scanned.segments += 1;
        scanned.bytes += part.bytes;
        scanned.unreadable += part.unreadable;
        for hit in part.hits {
            scanned.found += 1;
            if each(hit).is_break() {
                return Ok(scanned);
            }
        }
    }
    Ok(scanned)
}

impl Query {
    fn search(&self, bytes: &[u8]) -> Part {
        let mut part = Part { bytes: u64::try_from(bytes.len()).unwrap_or(u64::MAX), ..Part::default() };
        let lines = bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        for line in lines {
            let Ok(text) = std::str::from_utf8(line) else {
                part.unreadable += 1;
                continue;
            };
            if !self.needles.iter().all(|needle| may_hold(text, needle)) {
                continue;
            }
            match Record::read(line) {
                Ok(record) if self.fits(&record) => part.hits.push(Hit { line: text.to_owned(), record }),
                Ok(_) => {}
                Err(_) => part.unreadable += 1,
            }
        }
        part
    }

    fn fits(&self, record: &Record) -> bool {
        let request = |id| self.requests.as_ref().is_none_or(|requests| requests.contains(&id));
        self.filter.fits(record, request)
    }
}
