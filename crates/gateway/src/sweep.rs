//! What a gateway does without being asked: take up what nobody looks after, forget what is long
//! over.

use crate::Gateway;
use crate::view::View;
use countersign_chat::NewThread;
use countersign_core::id::InvocationId;
use countersign_core::invocation::Resumed;
use countersign_core::time::Timestamp;
use countersign_queue::{Papers, Unavailable};
use std::time::Duration;

/// How often the sweeper looks.
const EVERY: Duration = Duration::from_secs(2);

/// Papers of a closed request are kept this long: longer than any expiry.
const KEPT: Duration = Duration::from_hours(7 * 24);

impl Gateway {
    pub(crate) async fn sweep(&self) {
        let mut ticks = tokio::time::interval(EVERY);
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                () = self.parts().stop.cancelled() => return,
            }
            if let Err(error) = self.sweep_once().await {
                tracing::warn!("The sweeper could not read the queue: {error}");
            }
        }
    }

    async fn sweep_once(&self) -> Result<(), Unavailable> {
        for id in self.parts().queue.open().await? {
            if self.with_view(id, |_| ()).is_some() || !self.watch(id).await {
                continue;
            }
            let papers = self.parts().queue.papers(id).await?;
            if !self.take_up(id, &papers).await {
                self.unwatch(id).await;
            }
        }
        let before = self.parts().clock.now().as_millis() - i64::try_from(KEPT.as_millis()).unwrap_or(i64::MAX);
        self.parts().queue.forget(Timestamp::from_millis(before)).await?;
        Ok(())
    }

    /// Goes on with a request that a gateway left behind; `false` when it cannot be believed.
    async fn take_up(&self, id: InvocationId, papers: &Papers) -> bool {
        let Some(view) = self.drawn(id, papers).await else {
            tracing::error!(invocation.id = %id, "An open request in the queue cannot be believed; it is left alone");
            return false;
        };
        let view = View { thread: self.thread_again(&view).await, recount: true, ..view };
        tracing::info!(invocation.id = %id, "This gateway looks after the request from now on");
        self.put_view(id, view);
        // Whether it is over already stands in the fate store, not in the queue.
        self.ask_fate(id).await;
        self.redrive(id, papers).await;
        self.follow(id);
        true
    }

    /// Work that a dying gateway did not get to offer. Offering it a second time changes nothing.
    async fn redrive(&self, id: InvocationId, papers: &Papers) {
        if self.with_view(id, |view| view.farewell.is_some() || view.state.is_final()) != Some(false) {
            return;
        }
        let driven = match self.resumed(id, papers) {
            Some(Resumed::Cleared(it)) => self.dispatch(it).await,
            Some(Resumed::Pending(it)) => self.offer_preview(&it).await,
            Some(Resumed::Asked(_)) | None => Ok(()),
        };
        if let Err(refusal) = driven {
            tracing::warn!(invocation.id = %id, "A request could not be taken up: {refusal}");
        }
    }

    /// A front that forgot the thread makes it anew; one that knows it answers with the same.
    async fn thread_again(&self, view: &View) -> countersign_chat::ThreadId {
        let again = NewThread {
            invocation: view.receipt.id,
            account: view.receipt.account.clone(),
            requester: view.requester.clone(),
            channel: view.receipt.channel.clone(),
            within: Some(view.thread.clone()),
            title: view.decision.decision().argv.to_string(),
        };
        self.parts().chat.open(again).await.unwrap_or_else(|_| view.thread.clone())
    }
}
