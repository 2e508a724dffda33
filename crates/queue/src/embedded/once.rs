//! Remembers what was received, until it cannot come again.

use super::{EmbeddedQueue, Result, Step};
use crate::error::Unavailable;
use crate::port::Once;
use async_trait::async_trait;
use countersign_core::digest::Digest;
use countersign_core::time::Timestamp;
use redb::{ReadableTable as _, TableDefinition, WriteTransaction};

/// SHA-256 of the key to when it may be forgotten, in milliseconds.
const SEEN: TableDefinition<'static, &[u8; 32], i64> = TableDefinition::new("seen");
/// The same by time.
const BY_TIME: TableDefinition<'static, (i64, &[u8; 32]), ()> = TableDefinition::new("seen-by-time");

/// How many old keys one call forgets: more than it adds, so that the table shrinks.
const FORGOTTEN_AT_ONCE: usize = 16;

pub(super) fn create(transaction: &WriteTransaction) -> Result<()> {
    transaction.open_table(SEEN)?;
    transaction.open_table(BY_TIME)?;
    Ok(())
}

#[async_trait]
impl Once for EmbeddedQueue {
    async fn first_time(&self, key: &str, until: Timestamp, now: Timestamp) -> std::result::Result<bool, Unavailable> {
        let digest = Digest::of(key.as_bytes());
        self.write(move |transaction, _| {
            let mut seen = transaction.open_table(SEEN)?;
            let mut by_time = transaction.open_table(BY_TIME)?;
            let before = seen.get(digest.as_bytes())?.map(|until| until.value());
            if before.is_some_and(|before| now.as_millis() < before) {
                return Ok(Step::Same(false));
            }
            if let Some(before) = before {
                by_time.remove((before, digest.as_bytes()))?;
            }
            seen.insert(digest.as_bytes(), until.as_millis())?;
            by_time.insert((until.as_millis(), digest.as_bytes()), ())?;
            let over: Vec<(i64, [u8; 32])> = by_time
                .range(..=(now.as_millis(), &[0xff; 32]))?
                .take(FORGOTTEN_AT_ONCE)
                .map(|entry| Ok(entry.map(|(key, _)| (key.value().0, *key.value().1))?))
                .collect::<Result<_>>()?;
            for (until, digest) in over {
                by_time.remove((until, &digest))?;
                seen.remove(&digest)?;
            }
            Ok(Step::Changed(true))
        })
        .await
    }
    async fn seen(&self, key: &str, now: Timestamp) -> std::result::Result<bool, Unavailable> {
        let digest = Digest::of(key.as_bytes());
        self.look(move |transaction| {
            let until = transaction.open_table(SEEN)?.get(digest.as_bytes())?.map(|until| until.value());
            Ok(until.is_some_and(|until| now.as_millis() < until))
        })
        .await
    }
}
