//! Buttons on cards.
//!
//! **Invariant:** a button carries names and is asked about; it holds nothing that runs. Approve on
//! a message counts only when the present card, as the gateway has it, shows everything by itself;
//! otherwise the whole is opened. Every click is answered, also the wrong ones.

use super::account::{Home, Person, is_id, is_ts};
use super::answer::{Reply, page_of};
use super::desk::{Deed, Desk};
use super::metrics::{Cause, Kind, Outcome};
use super::model::{BlockActions, Container};
use super::signature::Signed;
use crate::render;
use crate::threads::Place;
use countersign_chat::{Answer, Button, Choice, Clicked, Inbound, Membership, Notice, ThreadId};
use countersign_core::digest::Digest;
use countersign_core::id::InvocationId;
use countersign_core::refusal::{Code, Refusal};
use serde_json::Value;
use std::sync::Arc;

/// Which decision about which request. Names, checked by the gateway against its record.
#[derive(Clone, Copy)]
pub(super) struct Target {
    pub(super) invocation: InvocationId,
    pub(super) decision: Option<Digest>,
}

impl Target {
    /// `invocation:digest`, or the invocation alone while there is no decision.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (invocation, decision) = match text.split_once(':') {
            Some((invocation, digest)) => (invocation, Some(digest.parse().ok()?)),
            None => (text, None),
        };
        Some(Self { invocation: invocation.parse().ok()?, decision })
    }
}

/// A click of ours, understood.
pub(super) struct Click {
    pub(super) deed: Deed,
    pub(super) target: Target,
    /// Where the card is that was clicked; nowhere for what was submitted in a window.
    pub(super) thread: Option<ThreadId>,
}

impl Click {
    /// What the gateway is told. `part` tells the questions of one click apart.
    pub(super) fn says(&self, button: Button, membership: Membership, part: &str) -> Inbound {
        let decision = match (&button, self.target.decision) {
            // A yes to nothing in particular is a yes to another decision than the one on record.
            (Button::Approve | Button::Confirm, None) => Some(Digest::of(b"")),
            (_, decision) => decision,
        };
        Inbound::Clicked(Clicked {
            account: self.deed.person.account.clone(),
            membership,
            invocation: self.target.invocation,
            thread: self.thread.clone(),
            decision,
            button,
            nonce: format!("{}{part}", self.deed.reach.nonce),
            at: self.deed.at,
        })
    }
}

impl Desk {
    pub(super) fn clicked(
        self: &Arc<Self>,
        actions: BlockActions,
        home: Home<'_>,
        signed: &Signed,
    ) -> Result<Reply, Cause> {
        let user = &actions.user;
        let person = Person::new(&user.id, user.team_id.as_deref(), home, &self.settings.allowed)?;
        let thread = Some(thread_of(actions.container.as_ref()));
        let trigger = actions.trigger_id;
        let deed = Deed::new(person, actions.response_url, trigger.as_deref(), signed);
        let desk = Arc::clone(self);
        let meant = match actions.actions.as_deref().unwrap_or_default() {
            [one] => {
                one.action_id.as_deref().and_then(Choice::of_word).zip(one.value.as_deref().and_then(Target::parse))
            }
            _ => None,
        };
        let Some((choice, target)) = meant else {
            self.tasks.spawn(async move { desk.tell_notice(&deed.reach, &unknown()).await });
            return Ok(Reply::empty(Kind::Click, Outcome::Unknown));
        };
        let (click, seen) = (Click { deed, target, thread }, actions.message.unwrap_or_default());
        self.tasks.spawn(async move { desk.press(click, choice, trigger.as_deref().unwrap_or_default(), &seen).await });
        Ok(Reply::empty(Kind::Click, Outcome::Taken))
    }

    async fn press(&self, click: Click, choice: Choice, trigger: &str, seen: &Value) {
        let answer = match choice {
            Choice::ShowWhole => return self.show_whole(&click, trigger).await,
            Choice::Reject => return self.ask_reason(&click, trigger).await,
            Choice::Approve => match self.approve(&click, trigger, seen).await {
                Some(answer) => answer,
                None => return,
            },
            Choice::Confirm => self.ask(&click, Button::Confirm).await,
            Choice::Cancel => self.ask(&click, Button::Cancel).await,
            Choice::Undo => self.ask(&click, Button::Undo).await,
        };
        if let Some(page) = page_of(&answer, self.clock.now()) {
            self.tell(&click.deed.reach, &page).await;
        }
    }

    async fn ask(&self, click: &Click, button: Button) -> Answer {
        let membership = self.membership_now(&click.deed.person).await;
        self.gate.receive(click.says(button, membership, "")).await
    }

    /// A yes on the message itself. Whoever can write as the bot can put the button on any message,
    /// or other words on a card: only what shows the gateway's present card, word for word, is enough.
    async fn approve(&self, click: &Click, trigger: &str, seen: &Value) -> Option<Answer> {
        let membership = self.membership_now(&click.deed.person).await;
        if membership == Membership::Full {
            let look = click.says(Button::ShowWhole, membership, "/look");
            match self.gate.receive(look).await {
                Answer::Whole(card) if render::is_live(&card) && render::shows(seen, &card, self.clock.now()) => {}
                Answer::Whole(card) => {
                    self.open_whole(click, trigger, &card).await;
                    return None;
                }
                // A no that would meet the yes as well: it is said, and recorded, to the yes.
                Answer::Said(Notice::NotCounted { why }) if is_lasting(why.code()) => {}
                other => return Some(other),
            }
        }
        Some(self.gate.receive(click.says(Button::Approve, membership, "")).await)
    }
}

/// Where the card is. A place that cannot be told is none of ours: the gateway takes no card there
/// for the request's own.
fn thread_of(container: Option<&Container>) -> ThreadId {
    let place = container.and_then(|container| {
        let channel = container.channel_id.as_deref().filter(|id| is_id(id))?;
        let card = container.message_ts.as_deref().filter(|ts| is_ts(ts))?;
        let thread = container.thread_ts.clone();
        if !thread.as_deref().is_none_or(is_ts) {
            return None;
        }
        Some(Place { channel: channel.to_owned(), card: Some(card.to_owned()), thread })
    });
    place.map_or_else(|| ThreadId::new("nowhere"), |place| place.id())
}

/// Whether the gateway would say the same to every later click.
fn is_lasting(code: Code) -> bool {
    matches!(
        code,
        Code::AlreadyDecided | Code::DecisionChanged | Code::UnknownButton | Code::Expired | Code::NotAMember
    )
}

/// To a button or window that names nothing.
pub(super) fn unknown() -> Notice {
    let why = Refusal::new(Code::UnknownButton, "this belongs to nothing that is known", "Ask again.");
    Notice::NotCounted { why }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "01a2b3c4-d5e6-8abc-8def-0123456789ab";

    #[test]
    fn a_target_is_names_and_nothing_else() {
        let digest = Digest::of(b"x");
        let both = Target::parse(&format!("{ID}:{digest}")).unwrap();
        assert_eq!((both.invocation.to_string().as_str(), both.decision), (ID, Some(digest)));
        assert!(Target::parse(ID).unwrap().decision.is_none());
        let upper = ID.to_uppercase();
        for bad in
            ["", ":", "kubectl get pods", &format!("{ID}:"), &format!("{ID}:sha256:00"), &upper, &format!("{ID} ")]
        {
            assert!(Target::parse(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn a_card_is_where_its_message_is() {
        let at = |channel: &str, message: &str, thread: Option<&str>| {
            let container = Container {
                channel_id: Some(channel.into()),
                message_ts: Some(message.into()),
                thread_ts: thread.map(Into::into),
            };
            thread_of(Some(&container)).to_string()
        };
        assert_eq!(at("C1", "1.2", None), "C1/1.2");
        assert_eq!(at("C1", "1.2", Some("1.2")), "C1/1.2");
        assert_eq!(at("C1", "1.2", Some("1.1")), "C1/1.2/1.1");
        for odd in
            [at("C1/1.2", "1.2", None), at("C1", "1.2/1.1", None), at("C1", "1.2", Some("x")), at("", "1.2", None)]
        {
            assert_eq!(odd, "nowhere");
        }
        assert_eq!(thread_of(None).to_string(), "nowhere");
    }
}
