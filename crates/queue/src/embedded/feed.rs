//! Progress for people to watch.
//!
//! **Invariant:** a number is given once, also when a crash lost the entry that had it: numbers
//! begin with how often the file was opened.

use super::{EmbeddedQueue, Result, Step, text};
use crate::doc::{Entry, News, Page, Progress, Topic};
use crate::error::Unavailable;
use crate::port::Feed;
use async_trait::async_trait;
use countersign_core::id::InvocationId;
use countersign_core::time::Timestamp;
use redb::{Durability, ReadableTable as _, TableDefinition, WriteTransaction};

/// (invocation, number) to the JSON of an entry.
const ENTRIES: TableDefinition<'static, (&str, u64), &str> = TableDefinition::new("feed");
/// Invocation to its [`Head`].
const HEADS: TableDefinition<'static, &str, (u64, u64, u64, u64)> = TableDefinition::new("feed-heads");

/// Most entries that are kept of one invocation.
pub(crate) const MOST_ENTRIES: u64 = 10_000;
/// Most bytes that are kept of one invocation.
pub(crate) const MOST_BYTES: u64 = 8 * 1024 * 1024;

/// What is known of a feed without reading it.
#[derive(Debug, Clone, Copy, Default)]
struct Head {
    last: u64,
    entries: u64,
    bytes: u64,
    /// Entries up to this number are gone.
    gone: u64,
}

pub(super) fn create(transaction: &WriteTransaction) -> Result<()> {
    transaction.open_table(ENTRIES)?;
    transaction.open_table(HEADS)?;
    Ok(())
}

pub(super) fn forget(transaction: &WriteTransaction, id: &str) -> Result<()> {
    transaction.open_table(ENTRIES)?.retain_in((id, 0)..=(id, u64::MAX), |_, _| false)?;
    transaction.open_table(HEADS)?.remove(id)?;
    Ok(())
}

#[async_trait]
impl Feed for EmbeddedQueue {
    async fn append(
        &self,
        id: InvocationId,
        _pool: &str,
        at: Timestamp,
        progress: Vec<Progress>,
    ) -> std::result::Result<u64, Unavailable> {
        // 32 bits are 4 billion entries an opening, and numbers stay exact in JavaScript.
        let first = self.inner.boot << 32;
        self.transact(Durability::None, move |transaction, topics| {
            let id_text = text(id);
            let mut head = head(transaction, &id_text)?;
            let mut entries = transaction.open_table(ENTRIES)?;
            let is_empty = progress.is_empty();
            for progress in progress {
                head.last = (head.last + 1).max(first);
                head.entries += 1;
                head.bytes += progress.size();
                let entry = Entry { seq: head.last, at, progress };
                entries.insert((id_text.as_str(), head.last), serde_json::to_string(&entry)?.as_str())?;
            }
            drop(entries);
            cut(transaction, &id_text, &mut head)?;
            let row = (head.last, head.entries, head.bytes, head.gone);
            transaction.open_table(HEADS)?.insert(id_text.as_str(), row)?;
            topics.push(Topic::Invocation(id));
            Ok(if is_empty { Step::Same(head.last) } else { Step::Changed(head.last) })
        })
        .await
    }

    async fn read(
        &self,
        id: InvocationId,
        _pool: &str,
        after: u64,
        limit: usize,
    ) -> std::result::Result<Page, Unavailable> {
        self.look(move |transaction| {
            let id = text(id);
            let gone = transaction.open_table(HEADS)?.get(id.as_str())?.map_or(0, |row| row.value().3);
            let entries = transaction.open_table(ENTRIES)?;
            let from = after.saturating_add(1);
            let entries = entries.range((id.as_str(), from)..=(id.as_str(), u64::MAX))?;
            let entries = entries.take(limit).map(|entry| Ok(serde_json::from_str(entry?.1.value())?));
            Ok(Page { entries: entries.collect::<Result<_>>()?, is_cut: after < gone })
        })
        .await
    }

    fn listen(&self, topic: Topic) -> News {
        self.inner.hints.listen(topic)
    }
}

fn head(transaction: &WriteTransaction, id: &str) -> Result<Head> {
    let heads = transaction.open_table(HEADS)?;
    let row = heads.get(id)?.map(|row| row.value());
    Ok(row.map_or_else(Head::default, |(last, entries, bytes, gone)| Head { last, entries, bytes, gone }))
}

/// Drops the oldest entries until the feed is within its bounds; the newest one stays.
fn cut(transaction: &WriteTransaction, id: &str, head: &mut Head) -> Result<()> {
    let mut entries = transaction.open_table(ENTRIES)?;
    while head.entries > 1 && (head.entries > MOST_ENTRIES || head.bytes > MOST_BYTES) {
        let oldest: Entry = {
            let mut range = entries.range((id, 0)..=(id, u64::MAX))?;
            let oldest = range.next().ok_or("a feed has fewer entries than its head says")??;
            serde_json::from_str(oldest.1.value())?
        };
        entries.remove((id, oldest.seq))?;
        head.entries -= 1;
        head.bytes = head.bytes.saturating_sub(oldest.progress.size());
        head.gone = oldest.seq;
    }
    Ok(())
}
