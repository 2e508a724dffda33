//! Which gateway looks after a request.
//!
//! **Invariant:** a watch is a hint. Two gateways that both believe they watch say a thing twice;
//! fate, ballots and jobs are decided elsewhere and once.

use crate::Gateway;
use countersign_core::id::InvocationId;
use std::time::Duration;

/// How long a watch lasts without being extended: how long people wait for word when a gateway
/// dies.
const LASTS: Duration = Duration::from_secs(10);

/// How often it is extended.
pub(crate) const EXTENDED_EVERY: Duration = Duration::from_secs(3);

impl Gateway {
    /// Takes or extends the watch; `false` when another gateway has it. A queue that does not
    /// answer takes no watch away.
    pub(crate) async fn watch(&self, id: InvocationId) -> bool {
        let parts = self.parts();
        let watching = async {
            // In the queue's time: whose clock is ahead must not take everything from the others.
            let now = parts.queue.time().await?.unwrap_or_else(|| parts.clock.now());
            parts.queue.watch(&name(id), &self.holder(), now.plus(LASTS), now).await
        };
        match watching.await {
            Ok(watching) => watching,
            Err(_) => self.with_view(id, |_| ()).is_some(),
        }
    }

    /// Goes on watching, or lets go of what another gateway has by now.
    pub(crate) async fn extend(&self, id: InvocationId) {
        // What it let go of while the chat was slow is no longer its to watch.
        if self.with_view(id, |_| ()).is_some() && !self.watch(id).await {
            tracing::info!(invocation.id = %id, "Another gateway looks after the request now");
            self.drop_view(id);
        }
    }

    /// Lets another gateway have it.
    pub(crate) async fn unwatch(&self, id: InvocationId) {
        if let Err(error) = self.parts().queue.unwatch(&name(id), &self.holder()).await {
            tracing::debug!(invocation.id = %id, "A watch ends by itself: {error}");
        }
    }

    /// This gateway among all: its log's stream is minted at start and never resumed.
    fn holder(&self) -> String {
        self.parts().log.writer().to_string()
    }
}

fn name(id: InvocationId) -> String {
    format!("follow/{id}")
}
