//! What people hear of a change that waits for another one.
//!
//! **Invariant:** a courtesy. Who may start is decided at the worker's claim, and by fate.

use crate::Gateway;
use crate::asking::changes;
use countersign_chat::Notice;
use countersign_core::id::InvocationId;
use countersign_core::invocation::Resumed;
use countersign_core::principal::SubjectId;

impl Gateway {
    /// Tells who a change waits for and its place in the line, when that is news.
    pub(crate) async fn tell_line(&self, id: InvocationId) {
        if self.with_view(id, |view| changes(view.decision.decision())) != Some(true) {
            return;
        }
        let Ok(Some(waiting)) = self.parts().queue.waiting(id).await else { return };
        // Without a holder it is free: the next look finds it started.
        let Some(holder) = waiting.holder else { return };
        let line = Some((holder, waiting.position));
        if self.with_view(id, |view| std::mem::replace(&mut view.line, line) != line) != Some(true) {
            return;
        }
        let behind = match self.requester_of(holder).await {
            Some(who) => format!("{} (request {})", self.name_of(&who).await, holder.short()),
            None => format!("request {}", holder.short()),
        };
        self.say(id, Notice::InLine { behind: Some(behind), position: waiting.position }).await;
    }

    /// Who asked for another request, as its sealed record says.
    async fn requester_of(&self, id: InvocationId) -> Option<SubjectId> {
        let papers = self.parts().queue.papers(id).await.ok()?;
        Some(match self.resumed(id, &papers)? {
            Resumed::Pending(it) => it.requester().clone(),
            Resumed::Asked(it) => it.requester().clone(),
            Resumed::Cleared(it) => it.requester().clone(),
        })
    }
}
