//! Who looks after what. Kept in memory: the file serves one process, and watches end with it.

use super::EmbeddedQueue;
use crate::error::Unavailable;
use crate::port::Watch;
use async_trait::async_trait;
use countersign_core::time::Timestamp;
use std::collections::HashMap;
use std::sync::PoisonError;

/// Holder and end by name.
pub(super) type Watches = HashMap<String, (String, Timestamp)>;

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

    async fn time(&self) -> Result<Option<Timestamp>, Unavailable> {
        Ok(None)
    }
}
