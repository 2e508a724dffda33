//! The end of a request, told until it is heard.
//!
//! **Invariant:** a request leaves the board after its end was delivered, or after the chat said
//! that it never can be; until then some gateway goes on trying.

use crate::Gateway;
use crate::view::Farewell;
use countersign_chat::{ChatError, Notice, State};
use countersign_core::id::InvocationId;

impl Gateway {
    /// Notes the end and tells it. What cannot be delivered now is tried again at the next look.
    pub(crate) async fn part(&self, id: InvocationId, state: State, notice: Notice) {
        let first = self.with_view(id, |view| {
            let first = view.farewell.is_none();
            if first {
                view.state = state;
                view.farewell = Some(Farewell { notice, shown: false, said: false, telling: false });
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
            match self.parts().queue.close(id, self.parts().clock.now()).await {
                Ok(()) => {
                    self.drop_view(id);
                    return self.unwatch(id).await;
                }
                Err(error) => tracing::warn!(invocation.id = %id, "The request could not be closed yet: {error}"),
            }
        }
        self.told(id, |farewell| farewell.telling = false);
    }

    /// `true` when there is nothing left to tell.
    async fn deliver(&self, id: InvocationId, farewell: Farewell) -> bool {
        if !farewell.shown {
            if is_away(&self.show(id).await) {
                return false;
            }
            self.told(id, |farewell| farewell.shown = true);
        }
        if !farewell.said {
            let Some(thread) = self.with_view(id, |view| view.thread.clone()) else { return true };
            let said = self.parts().chat.post(&thread, farewell.notice).await;
            if let Err(error) = &said {
                tracing::warn!(invocation.id = %id, "The end of a request could not be told: {error}");
            }
            if is_away(&said) {
                return false;
            }
            self.told(id, |farewell| farewell.said = true);
        }
        true
    }

    fn told(&self, id: InvocationId, note: impl FnOnce(&mut Farewell)) {
        self.with_view(id, |view| view.farewell.as_mut().map(note));
    }
}

/// Whether trying again can help.
const fn is_away(said: &Result<(), ChatError>) -> bool {
    matches!(said, Err(ChatError::Unreachable(_)))
}
