//! Who in this process waits for news.

use crate::doc::{News, Topic};
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use tokio::sync::watch::Sender;

/// Listeners by topic.
#[derive(Debug, Default)]
pub(crate) struct Hints(Mutex<HashMap<Topic, Sender<u64>>>);

impl Hints {
    pub(crate) fn listen(&self, topic: Topic) -> News {
        let mut hints = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Topics nobody listens to any more would pile up.
        hints.retain(|_, hint| hint.receiver_count() > 0);
        News(hints.entry(topic).or_insert_with(|| Sender::new(0)).subscribe())
    }

    pub(crate) fn hint(&self, topics: &[Topic]) {
        let hints = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for topic in topics {
            if let Some(hint) = hints.get(topic) {
                hint.send_modify(|count| *count = count.wrapping_add(1));
            }
        }
    }

    /// Hints may have been lost: everybody looks.
    pub(crate) fn hint_all(&self) {
        let hints = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for hint in hints.values() {
            hint.send_modify(|count| *count = count.wrapping_add(1));
        }
    }
}
