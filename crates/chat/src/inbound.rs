//! What people say: a typed line or a click, and the answer to it.
//!
//! **Invariant:** an inbound is a claim. The account comes from the front's own session or
//! signature, never from a field that the person can fill in.

use crate::card::{Card, Choice};
use crate::notice::Notice;
use countersign_core::channel::Channel;
use countersign_core::digest::Digest;
use countersign_core::id::InvocationId;
use countersign_core::principal::Account;
use countersign_core::refusal::Refusal;
use countersign_core::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::fmt;

/// A front's own name of one conversation. Opaque to everybody but that front.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ThreadId(String);

impl ThreadId {
    /// A name the front made.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Self(name.into())
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ThreadId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What the front knows of an account beyond its name. A claim like the account: it can only make
/// the gateway's answer stricter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Membership {
    /// A full member of the organisation, as far as the front can tell.
    Full,
    /// A guest, who is let into some channels only.
    Guest,
    /// Somebody of another organisation, in a shared channel.
    Stranger,
    /// A program.
    Bot,
    /// Somebody who has left.
    Deactivated,
    /// Somebody whose address nobody confirmed yet.
    Unconfirmed,
    /// The front could not find out.
    Unknown,
}

impl Membership {
    /// Who that is, in words: "a guest".
    #[must_use]
    pub const fn phrase(self) -> &'static str {
        match self {
            Self::Full => "a member",
            Self::Guest => "a guest",
            Self::Stranger => "somebody of another organisation",
            Self::Bot => "a program",
            Self::Deactivated => "a deactivated account",
            Self::Unconfirmed => "an account that was not confirmed yet",
            Self::Unknown => "somebody the chat could not tell about",
        }
    }
}

/// A line somebody typed.
#[derive(Clone, PartialEq, Eq)]
pub struct Typed {
    /// Who, as the front knows them.
    pub account: Account,
    /// What the front knows of that account.
    pub membership: Membership,
    /// The channel, if it was typed in one, and whether the front knows it to be private.
    pub channel: Option<Channel>,
    /// The thread, if it was typed in one.
    pub thread: Option<ThreadId>,
    /// Exactly what was typed. May hold a secret, so it has no place in a log.
    pub text: String,
    /// The manifest that came beside the text: a file, or what stood in a field of its own. A code
    /// block within the text is taken out of it by the gateway.
    pub manifest: Option<String>,
    /// The front's single-use name of this delivery: Slack's `trigger_id`, or a form's nonce.
    pub nonce: String,
    /// When the front signed it.
    pub at: Timestamp,
}

/// Without the text: what people type belongs in the audit log, redacted, and in no other.
impl fmt::Debug for Typed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Typed")
            .field("account", &self.account)
            .field("membership", &self.membership)
            .field("channel", &self.channel)
            .field("thread", &self.thread)
            .field("at", &self.at)
            .finish_non_exhaustive()
    }
}

/// What a button asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Button {
    /// I agree to this decision.
    Approve,
    /// I do not, and nobody else's yes helps.
    Reject {
        /// Why, if they said so.
        reason: Option<String>,
    },
    /// I asked for this and have seen what it will do.
    Confirm,
    /// I asked for this and no longer want it.
    Cancel,
    /// Show me every character before I agree.
    ShowWhole,
    /// I ask for what takes back what this did: a request of my own, as if I had typed it.
    Undo,
}

impl Button {
    /// Which button this is.
    #[must_use]
    pub const fn choice(&self) -> Choice {
        match self {
            Self::Approve => Choice::Approve,
            Self::Reject { .. } => Choice::Reject,
            Self::Confirm => Choice::Confirm,
            Self::Cancel => Choice::Cancel,
            Self::ShowWhole => Choice::ShowWhole,
            Self::Undo => Choice::Undo,
        }
    }
}

/// A click on a card.
#[derive(Clone, PartialEq, Eq)]
pub struct Clicked {
    /// Who, as the front knows them.
    pub account: Account,
    /// What the front knows of that account.
    pub membership: Membership,
    /// Which request the card belongs to.
    pub invocation: InvocationId,
    /// The conversation whose card was clicked, when the front can tell. A card that was copied
    /// to another channel is not the request's card, and a click on it changes nothing. `None`
    /// for what was submitted in a window of its own.
    pub thread: Option<ThreadId>,
    /// The decision digest of the card that was clicked; absent while there is no decision.
    pub decision: Option<Digest>,
    /// What the button asks for.
    pub button: Button,
    /// The front's single-use name of this delivery.
    pub nonce: String,
    /// When the front signed it.
    pub at: Timestamp,
}

/// Without the reason, which is people's text, and the delivery's name.
impl fmt::Debug for Clicked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Clicked")
            .field("account", &self.account)
            .field("membership", &self.membership)
            .field("invocation", &self.invocation)
            .field("thread", &self.thread)
            .field("decision", &self.decision)
            .field("button", &self.button.choice())
            .field("at", &self.at)
            .finish_non_exhaustive()
    }
}

/// Something a person said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Inbound {
    /// A typed line.
    Typed(Typed),
    /// A click.
    Clicked(Clicked),
}

/// What is said back, to the one who asked or clicked and to nobody else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// The request is known; the rest is said in its thread.
    Accepted {
        /// Which request.
        invocation: InvocationId,
    },
    /// This.
    Said(Notice),
    /// The whole card: the answer to [`Button::ShowWhole`]. From now on this person has been
    /// shown every character of this decision.
    Whole(Box<Card>),
    /// No. Use [`Notice::refused`] inside [`Answer::Said`] to point into typed text.
    Refused(Refusal),
}
