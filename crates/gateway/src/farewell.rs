//! The end of a request, told until it is heard.
//!
//! **Invariant:** a request leaves the board after its end was delivered, or after the chat said
//! that it never can be; until then some gateway goes on trying.

use crate::Gateway;
use crate::view::Farewell;
use countersign_chat::{ChatError, Notice, State};
use countersign_core::id::InvocationId;
use countersign_queue::Unavailable;
use std::time::Duration;
use tokio::time::Instant;

/// How long the last card of whoever looked after a request before may be on its way: its watch, a call and its
/// repetition. After that the end is shown once more, so that no older card stays.
const SETTLING: Duration = Duration::from_secs(15);

impl Gateway {
    /// Notes the end and tells it. What cannot be delivered now is tried again at the next look.
    pub(crate) async fn part(&self, id: InvocationId, state: State, notice: Notice) {
        let first = self.with_view(id, |view| {
            let first = view.farewell.is_none();
            if first {
                view.state = state;
                view.farewell = Some(Farewell { notice, shown: None, said: false, telling: false });
            }
            first
        });
        if first == Some(true) {
            self.say_farewell(id).await;
        }
    }

    /// Tells what is still untold; then takes the request off the board. One task at a time.
    pub(crate) async fn say_farewell(&self, id: InvocationId) {
        let mine = self.with_view(id, |view| match &mut view.farewell {
            Some(farewell) if !farewell.telling => {
                farewell.telling = true;
                Some(farewell.clone())
            }
            _ => None,
        });
        let Some(Some(farewell)) = mine else { return };
        if self.deliver(id, farewell).await {
            match self.close(id).await {
                Ok(()) => {
                    self.drop_view(id);
                    return self.unwatch(id).await;
                }
                Err(error) => tracing::warn!(invocation.id = %id, "The request could not be closed yet: {error}"),
            }
        }
        self.told(id, |farewell| farewell.telling = false);
    }

    /// Takes it off the board, with what is to be done later put up before.
    async fn close(&self, id: InvocationId) -> Result<(), Unavailable> {
        self.do_afterwards(id).await?;
        self.parts().queue.close(id, self.parts().clock.now()).await
    }

    /// `true` when there is nothing left to tell.
    async fn deliver(&self, id: InvocationId, farewell: Farewell) -> bool {
        let settled = self.with_view(id, |view| view.taken_up).flatten().map(|at| at + SETTLING);
        let now = Instant::now();
        if farewell.shown.is_none_or(|at| settled.is_some_and(|end| at < end && end <= now)) {
            if is_away(&self.show(id).await) {
                return false;
            }
            self.told(id, |farewell| farewell.shown = Some(now));
        }
        if !farewell.said {
            // Another gateway looks after it now, and tells it.
            let Some(thread) = self.with_view(id, |view| view.thread.clone()) else { return false };
            let said = self.parts().chat.post(&thread, farewell.notice).await;
            if let Err(error) = &said {
                tracing::warn!(invocation.id = %id, "The end of a request could not be told: {error}");
            }
            if is_away(&said) {
                return false;
            }
            self.told(id, |farewell| farewell.said = true);
        }
        settled.is_none_or(|end| end <= now)
    }

    /// Lets go of a request because this process ends; one whose end was told is over.
    pub(crate) async fn leave(&self, id: InvocationId) {
        let is_told = |farewell: &Farewell| farewell.said && farewell.shown.is_some();
        let over = self.with_view(id, |view| view.farewell.as_ref().is_some_and(is_told)) == Some(true);
        if over && let Err(error) = self.close(id).await {
            tracing::warn!(invocation.id = %id, "The request could not be closed: {error}");
        }
        self.unwatch(id).await;
    }

    fn told(&self, id: InvocationId, note: impl FnOnce(&mut Farewell)) {
        self.with_view(id, |view| view.farewell.as_mut().map(note));
    }
}

/// Whether trying again can help.
pub(crate) const fn is_away(said: &Result<(), ChatError>) -> bool {
    matches!(said, Err(ChatError::Unreachable(_)))
}
