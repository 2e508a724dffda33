//! Windows that a click opens.
//!
//! **Invariant:** a window is opened before anything else is asked, because its trigger lives three
//! seconds; nobody counts as shown what no window could be opened for.

use super::answer::note;
use super::clicks::Click;
use super::desk::Desk;
use crate::api::OpenedView;
use crate::render;
use countersign_chat::{Answer, Button, Card, Notice};
use slack_morphism::prelude::SlackView;

impl Desk {
    /// Every character, in a window of its own.
    pub(super) async fn show_whole(&self, click: &Click, trigger: &str) {
        let loading = render::loading();
        let (opened, membership) =
            tokio::join!(self.api.open_view(trigger, &loading), self.membership_now(&click.deed.person));
        let opened = match opened {
            Ok(opened) => opened,
            Err(error) => return self.tell_unopened(click, &error).await,
        };
        let view = match self.gate.receive(click.says(Button::ShowWhole, membership, "")).await {
            Answer::Whole(card) => render::whole(&card, self.clock.now()),
            other => render::said(&notice_of(other), self.clock.now()),
        };
        self.fill(click, &opened, &view).await;
    }

    /// The whole of a card that is at hand already.
    pub(super) async fn open_whole(&self, click: &Click, trigger: &str, card: &Card) {
        if let Err(error) = self.api.open_view(trigger, &render::whole(card, self.clock.now())).await {
            self.tell_unopened(click, &error).await;
        }
    }

    /// A no wants a reason; the gateway is asked when there is one.
    pub(super) async fn ask_reason(&self, click: &Click, trigger: &str) {
        let metadata = match click.target.decision {
            Some(decision) => format!("{}:{decision}", click.target.invocation),
            None => click.target.invocation.to_string(),
        };
        if let Err(error) = self.api.open_view(trigger, &render::reject(&metadata)).await {
            self.tell_unopened(click, &error).await;
        }
    }

    async fn fill(&self, click: &Click, opened: &OpenedView, view: &SlackView) {
        if let Err(error) = self.api.update_view(opened, view).await {
            tracing::warn!("An open window could not be filled: {error}");
            let text = "The window could not be filled. Nothing was decided: close it and press the button again.";
            self.tell_notice(&click.deed.reach, &note(text)).await;
        }
    }

    async fn tell_unopened(&self, click: &Click, error: &crate::ApiError) {
        tracing::info!("A window could not be opened: {error}");
        let text = "No window could be opened. Nothing was decided: press the button again.";
        self.tell_notice(&click.deed.reach, &note(text)).await;
    }
}

/// An answer as something to read.
pub(super) fn notice_of(answer: Answer) -> Notice {
    match answer {
        Answer::Said(notice) => notice,
        Answer::Refused(why) => Notice::NotCounted { why },
        Answer::Accepted { invocation } => Notice::Received { invocation },
        Answer::Whole(card) => Notice::Received { invocation: card.invocation },
    }
}
