//! The two doors between the gateway and its fronts.
//!
//! **Invariant:** a front delivers and shows; it decides nothing. Every call may arrive twice and
//! means the same the second time.

use crate::card::Card;
use crate::inbound::{Answer, Inbound, ThreadId, Typed};
use crate::notice::Notice;
use crate::output::OutputPart;
use async_trait::async_trait;
use countersign_core::id::InvocationId;
use countersign_core::principal::Account;
use countersign_core::refusal::Refusal;

/// Where fronts bring what people said. The gateway implements it.
#[async_trait]
pub trait Gate: Send + Sync {
    /// Takes one delivery and answers the person. The same nonce meets the same fate.
    ///
    /// # Cancel safety
    /// The caller may go away; what was received goes on.
    async fn receive(&self, inbound: Inbound) -> Answer;

    /// Takes a line whose manifest the front could not bring, and says no for that reason. A gate that
    /// keeps a record writes it down like every other no.
    ///
    /// # Cancel safety
    /// As of [`Gate::receive`].
    async fn refuse(&self, typed: Typed, why: Refusal) -> Answer {
        drop(typed);
        Answer::Refused(why)
    }
}

/// A conversation to begin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewThread {
    /// The request it is about.
    pub invocation: InvocationId,
    /// Who asked.
    pub account: Account,
    /// What people call them; shown, never compared.
    pub requester: String,
    /// The channel it was typed in, if any.
    pub channel: Option<String>,
    /// The thread it was typed in, if any; a front that can answer there does.
    pub within: Option<ThreadId>,
    /// The request in one line: the typed text with secrets removed.
    pub title: String,
}

/// Why something was not delivered.
#[derive(Debug, thiserror::Error)]
pub enum ChatError {
    /// The front no longer has this thread.
    #[error("the thread `{0}` is no longer known")]
    UnknownThread(ThreadId),
    /// The front's server said no, for good.
    #[error("the chat server refused: `{0}`")]
    Rejected(String),
    /// The front's server cannot be reached now.
    #[error("the chat server cannot be reached")]
    Unreachable(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// Delivers to people.
#[async_trait]
pub trait Chat: Send + Sync {
    /// Begins the thread of a request. Asked again for the same request, answers the same thread.
    ///
    /// # Errors
    /// [`ChatError`], when it was not delivered.
    async fn open(&self, new: NewThread) -> Result<ThreadId, ChatError>;

    /// Says something in a thread.
    ///
    /// # Errors
    /// [`ChatError`], when it was not delivered.
    async fn post(&self, thread: &ThreadId, notice: Notice) -> Result<(), ChatError>;

    /// Shows the thread's card, or changes it in place: there is one card a thread.
    ///
    /// # Errors
    /// [`ChatError`], when it was not delivered.
    async fn show(&self, thread: &ThreadId, card: Card) -> Result<(), ChatError>;

    /// Adds live output. Lines that were added before are recognised by their number.
    ///
    /// # Errors
    /// [`ChatError`], when it was not delivered.
    async fn output(&self, thread: &ThreadId, invocation: InvocationId, part: OutputPart) -> Result<(), ChatError>;
}
