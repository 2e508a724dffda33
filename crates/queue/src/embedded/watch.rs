//! Who looks after what, and what is to be looked at later. Watches are kept in memory: the file serves one process,
//! and they end with it.

use super::{EmbeddedQueue, Step, board, text};
use crate::doc::Reminder;
use crate::error::Unavailable;
use crate::port::{MOST_REMINDERS, Watch};
use async_trait::async_trait;
use countersign_core::id::InvocationId;
use countersign_core::time::Timestamp;
use redb::{ReadableTable as _, TableDefinition, WriteTransaction};
use std::collections::HashMap;
use std::sync::PoisonError;

/// Holder and end by name.
pub(super) type Watches = HashMap<String, (String, Timestamp)>;

/// Invocation to when it is to be looked at, in milliseconds.
const REMINDERS: TableDefinition<'static, &str, i64> = TableDefinition::new("reminders");

pub(super) fn create(transaction: &WriteTransaction) -> super::Result<()> {
    transaction.open_table(REMINDERS)?;
    Ok(())
}

/// Whether something is still to be said of it.
pub(super) fn is_due(transaction: &WriteTransaction, id: &str) -> super::Result<bool> {
    Ok(transaction.open_table(REMINDERS)?.get(id)?.is_some())
}

#[async_trait]
impl Watch for EmbeddedQueue {
    async fn watch(&self, name: &str, holder: &str, until: Timestamp, now: Timestamp) -> Result<bool, Unavailable> {
        let mut watches = self.inner.watches.lock().unwrap_or_else(PoisonError::into_inner);
        // Watches nobody extended would pile up.
        watches.retain(|_, (_, end)| now < *end);
        if watches.get(name).is_some_and(|(other, _)| other != holder) {
            return Ok(false);
        }
        watches.insert(name.to_owned(), (holder.to_owned(), until));
        Ok(true)
    }

    async fn unwatch(&self, name: &str, holder: &str) -> Result<(), Unavailable> {
        let mut watches = self.inner.watches.lock().unwrap_or_else(PoisonError::into_inner);
        if watches.get(name).is_some_and(|(watcher, _)| watcher == holder) {
            watches.remove(name);
        }
        Ok(())
    }

    async fn remind(&self, id: InvocationId, at: Timestamp, _now: Timestamp) -> Result<(), Unavailable> {
        self.write(move |transaction, _| {
            let id = text(id);
            if !board::is_asked(transaction, &id)? {
                return Err("nothing was asked that this could be a reminder of".into());
            }
            transaction.open_table(REMINDERS)?.insert(id.as_str(), at.as_millis())?;
            Ok(Step::Changed(()))
        })
        .await
    }

    async fn reminders(&self) -> Result<Vec<Reminder>, Unavailable> {
        self.look(|transaction| {
            let reminders = transaction.open_table(REMINDERS)?;
            let mut all = Vec::new();
            for entry in reminders.iter()? {
                let (id, at) = entry?;
                all.push(Reminder { invocation: id.value().parse()?, at: Timestamp::from_millis(at.value()) });
            }
            all.sort_by_key(|one| one.at);
            all.truncate(MOST_REMINDERS);
            Ok(all)
        })
        .await
    }

    async fn unremind(&self, id: InvocationId) -> Result<(), Unavailable> {
        self.write(move |transaction, _| {
            let was_there = transaction.open_table(REMINDERS)?.remove(text(id).as_str())?.is_some();
            Ok(if was_there { Step::Changed(()) } else { Step::Same(()) })
        })
        .await
    }

    async fn time(&self) -> Result<Option<Timestamp>, Unavailable> {
        Ok(None)
    }
}
