//! What a gateway does without being asked: take up what is open, re-drive complete quorums,
//! forget what is long over.

use crate::Gateway;
use crate::view::View;
use countersign_chat::{EffectView, NewThread, State, ThreadId};
use countersign_core::decision::DecisionBytes;
use countersign_core::id::InvocationId;
use countersign_core::invocation::{Invocation, Resumed};
use countersign_core::principal::SubjectId;
use countersign_queue::{Papers, Unavailable};
use std::time::Duration;

/// How often the sweeper looks.
const EVERY: Duration = Duration::from_secs(5);

/// Papers of a closed request are kept this long: longer than any expiry.
const KEPT: Duration = Duration::from_hours(7 * 24);

impl Gateway {
    /// Takes up what was open before the last stop.
    pub(crate) async fn resume(&self) -> Result<(), Unavailable> {
        for id in self.parts().queue.open().await? {
            let papers = self.parts().queue.papers(id).await?;
            self.take_up(id, &papers).await;
        }
        Ok(())
    }

    async fn take_up(&self, id: InvocationId, papers: &Papers) {
        if self.with_view(id, |_| ()).is_some() {
            return;
        }
        match self.resumed(id, papers) {
            Some(Resumed::Pending(it)) => {
                let state = if it.has_preview() { State::Previewing } else { State::Asking };
                let view = self.view_of(&it, it.draft(), state).await;
                self.put_view(id, View { effect: EffectView::Awaited, ..view });
            }
            Some(Resumed::Asked(it)) => {
                let mut view = self.view_of(&it, it.decision(), State::Asking).await;
                view.confirmation = it.confirmation();
                let now = self.parts().clock.now();
                let effect =
                    papers.effect.as_ref().filter(|sealed| Some(sealed.digest()) == it.decision().decision().effect);
                let effect = effect.and_then(|sealed| sealed.open(&self.parts().verifier, id, now).ok());
                view.effect = effect.map_or(EffectView::NoPreview, EffectView::Found);
                self.put_view(id, view);
                if let Err(refusal) = self.settle(it, &papers.ballots).await {
                    tracing::warn!(invocation.id = %id, "A request could not be taken up: {refusal}");
                }
            }
            Some(Resumed::Cleared(it)) => {
                let view = self.view_of(&it, it.decision(), State::Queued).await;
                self.put_view(id, view);
                if let Err(refusal) = self.dispatch(it).await {
                    tracing::warn!(invocation.id = %id, "A request could not be taken up: {refusal}");
                }
            }
            None => {
                tracing::error!(invocation.id = %id, "An open request in the queue cannot be believed; it is left alone");
                return;
            }
        }
        self.follow(id);
    }

    async fn view_of<S>(&self, it: &Invocation<S>, decision: &DecisionBytes, state: State) -> View {
        let name = self.name_of(it.requester()).await;
        let receipt = it.receipt().clone();
        let known = ThreadId::new(receipt.thread.clone());
        // A front that forgot the thread makes it anew; one that knows it answers with the same.
        let again = NewThread {
            invocation: receipt.id,
            account: receipt.account.clone(),
            requester: name.clone(),
            channel: receipt.channel.clone(),
            within: Some(known.clone()),
            title: decision.decision().argv.to_string(),
        };
        let thread = self.parts().chat.open(again).await.unwrap_or(known);
        View::new(thread, receipt, name, decision.clone(), it.reasons().to_vec(), state)
    }

    async fn name_of(&self, who: &SubjectId) -> String {
        match self.parts().directory.people(std::slice::from_ref(who)).await {
            Ok(people) => people.into_iter().next().map_or_else(|| who.sub.clone(), |one| one.name),
            Err(_) => who.sub.clone(),
        }
    }

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
            let papers = self.parts().queue.papers(id).await?;
            match self.with_view(id, |view| view.state) {
                None => self.take_up(id, &papers).await,
                Some(State::Asking) => {
                    // A gateway that died between the last ballot and the job left this behind.
                    if let Some(Resumed::Asked(asked)) = self.resumed(id, &papers)
                        && let Err(refusal) = self.settle(asked, &papers.ballots).await
                    {
                        tracing::warn!(invocation.id = %id, "A request could not be counted: {refusal}");
                    }
                }
                Some(_) => {}
            }
        }
        let before = self.parts().clock.now().as_millis() - i64::try_from(KEPT.as_millis()).unwrap_or(i64::MAX);
        self.parts().queue.forget(countersign_core::time::Timestamp::from_millis(before)).await?;
        Ok(())
    }
}
