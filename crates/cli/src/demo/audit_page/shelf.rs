//! The list of requests, kept up to date by reading what is new.
//!
//! **Invariant:** a writer's segments are read in order and each once; what is kept is bounded, in
//! bytes of text and in writers known.

use super::brief;
use countersign_audit::layout::{Place, RECORDS, place};
use countersign_audit::record::{Record, WriterId};
use countersign_audit::sink::{Key, ReadError, Sink};
use countersign_console::{Filter, Index, Slice};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Text kept for the list.
const MOST_BYTES: usize = 32 << 20;

/// The list.
#[derive(Debug)]
pub(super) struct Shelf {
    sink: Arc<dyn Sink>,
    kept: Mutex<Kept>,
    turn: tokio::sync::Mutex<()>,
}

#[derive(Debug)]
struct Kept {
    index: Index,
    /// The first record of the last segment that was read, by writer: names ascend.
    read: BTreeMap<WriterId, u64>,
    unread: usize,
    unreadable: u64,
}

impl Shelf {
    pub(super) fn new(sink: Arc<dyn Sink>) -> Self {
        let kept = Kept { index: Index::new(MOST_BYTES), read: BTreeMap::new(), unread: 0, unreadable: 0 };
        Self { sink, kept: Mutex::new(kept), turn: tokio::sync::Mutex::new(()) }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        // A segment is taken as a whole or, after a panic, counted as unread.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn slice(&self, filter: &Filter, page: usize) -> Slice {
        let kept = self.kept();
        Slice { unread: kept.unread, unreadable: kept.unreadable, ..kept.index.slice(filter, page) }
    }

    /// Reads every segment that was not read yet.
    pub(super) async fn read_on(self: Arc<Self>) -> Result<(), ReadError> {
        let _turn = self.turn.lock().await;
        let names = self.sink.list(RECORDS).await?;
        let mut new: Vec<(WriterId, u64, String)> = Vec::new();
        {
            let mut kept = self.kept();
            for name in names {
                if let Place::Segment(writer, first) = place(&name)
                    && kept.read.get(&writer).is_none_or(|last| first > *last)
                {
                    new.push((writer, first, name));
                }
            }
            kept.unread = new.len();
        }
        for (writer, first, name) in new {
            let Ok(key) = Key::parse(&name) else { continue };
            let bytes = self.sink.read(&key).await?.map(|object| object.bytes).unwrap_or_default();
            self.kept().take(writer, first, &bytes);
        }
        Ok(())
    }
}

impl Kept {
    fn take(&mut self, writer: WriterId, first: u64, bytes: &[u8]) {
        for line in bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            match Record::read(line) {
                Ok(record) => self.index.add(brief::of(&record)),
                Err(_) => self.unreadable += 1,
            }
        }
        self.read.insert(writer, first);
        self.unread = self.unread.saturating_sub(1);
    }
}
