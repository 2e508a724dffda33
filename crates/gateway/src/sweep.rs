//! What a gateway does without being asked: take up what nobody looks after, tell what is due, forget
//! what is long over.

use crate::Gateway;
use crate::view::View;
use countersign_chat::{NewThread, State};
use countersign_core::id::InvocationId;
use countersign_core::invocation::Resumed;
use countersign_core::time::Timestamp;
use countersign_queue::{Papers, Unavailable};
use std::collections::BTreeSet;
use std::time::Duration;
use tokio::time::Instant;

/// How often the sweeper looks.
const EVERY: Duration = Duration::from_secs(2);

/// Papers of a closed request are kept this long: longer than any expiry.
const KEPT: Duration = Duration::from_hours(7 * 24);

impl Gateway {
    pub(crate) async fn sweep(&self) {
        let mut ticks = tokio::time::interval(EVERY);
        let mut unbelieved = BTreeSet::new();
        let mut is_away = false;
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                () = self.parts().stop.cancelled() => return,
            }
            let swept = self.sweep_once(&mut unbelieved).await;
            let was_away = std::mem::replace(&mut is_away, swept.is_err());
            if let Err(error) = swept
                && !was_away
            {
                tracing::warn!("The sweeper cannot read the queue: {error}");
            }
        }
    }

    async fn sweep_once(&self, unbelieved: &mut BTreeSet<InvocationId>) -> Result<(), Unavailable> {
        let open = self.parts().queue.open().await?;
        let mut strange = 0;
        unbelieved.retain(|id| open.contains(id));
        for id in open {
            if self.with_view(id, |_| ()).is_some() || !self.watch(id).await {
                continue;
            }
            let papers = self.parts().queue.papers(id).await?;
            let Some(view) = self.drawn(id, &papers).await else {
                self.unwatch(id).await;
                strange += usize::from(unbelieved.insert(id));
                continue;
            };
            // Whoever watched before may have told its end since the list was read.
            if self.parts().queue.open().await?.contains(&id) {
                self.take_up(id, &papers, view);
            } else {
                self.unwatch(id).await;
            }
        }
        // In one line: whoever can write the queue must not be able to fill the log as well.
        if strange > 0 {
            tracing::error!("{strange} open requests in the queue cannot be believed; they are left alone");
        }
        self.tell_due().await?;
        let before = self.parts().clock.now().as_millis() - i64::try_from(KEPT.as_millis()).unwrap_or(i64::MAX);
        self.parts().queue.forget(Timestamp::from_millis(before)).await?;
        self.count_workers().await
    }

    /// Looks after a request that a gateway left behind, from now on.
    fn take_up(&self, id: InvocationId, papers: &Papers, view: View) {
        // What the ballots come to is for this gateway to count, write and offer: a glance only shows it.
        let is_asked = matches!(self.resumed(id, papers), Some(Resumed::Asked(_)));
        let state = if is_asked { State::Asking } else { view.state };
        let view = View { recount: true, state, taken_up: Some(Instant::now()), is_left: true, ..view };
        tracing::info!(invocation.id = %id, "This gateway looks after the request from now on");
        self.put_view(id, view);
        self.follow(id);
    }

    /// The first look at what was taken up. A chat that is slow keeps nobody else waiting.
    pub(crate) async fn go_on(&self, id: InvocationId) {
        let Ok(papers) = self.parts().queue.papers(id).await else {
            self.with_view(id, |view| view.is_left = true);
            return;
        };
        if let Some(again) = self.with_view(id, |view| thread_again(view))
            && let Ok(thread) = self.parts().chat.open(again).await
        {
            self.with_view(id, |view| view.thread = thread);
        }
        // Whether it is over already stands in the fate store, not in the queue.
        Box::pin(self.ask_fate(id)).await;
        self.redrive(id, &papers).await;
    }

    /// Work that a dying gateway did not get to offer. Offering it a second time changes nothing.
    pub(crate) async fn redrive(&self, id: InvocationId, papers: &Papers) {
        if self.with_view(id, |view| view.farewell.is_some() || view.state.is_final()) != Some(false) {
            return;
        }
        let driven = match self.resumed(id, papers) {
            Some(Resumed::Cleared(it)) => self.dispatch(it).await,
            Some(Resumed::Pending(it)) if it.has_preview() => self.offer_preview(&it).await,
            Some(Resumed::Pending(it)) => return self.ask_or_end(it, None).await,
            Some(Resumed::Asked(_)) | None => Ok(()),
        };
        if let Err(refusal) = driven {
            tracing::warn!(invocation.id = %id, "Work could not be offered yet: {refusal}");
        }
    }
}

/// A front that forgot the thread makes it anew; one that knows it answers with the same.
pub(crate) fn thread_again(view: &View) -> NewThread {
    NewThread {
        invocation: view.receipt.id,
        account: view.receipt.account.clone(),
        requester: view.requester.clone(),
        channel: view.receipt.channel.clone().map(|channel| channel.id),
        within: Some(view.thread.clone()),
        title: view.decision.decision().argv.to_string(),
    }
}
