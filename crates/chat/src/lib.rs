//! What is said to people and what they say back, free of any front's markup.
//!
//! **Invariant:** nothing here knows Slack, HTML or a terminal. Foreign text travels as it came;
//! whoever shows it makes it harmless at that moment, with [`words::line`] or [`words::lines`].
//! A [`Card`] says everything that an approver needs, or its Approve button is not to be pressed.
//!
//! Deliberately absent: identity. An [`Account`](countersign_core::principal::Account) is a claim
//! of the front; the gateway decides who that is.

pub mod card;
pub mod inbound;
mod manifest;
pub mod notice;
pub mod output;
pub mod port;
pub mod transcript;
pub mod words;

pub use card::{Card, Cast, Choice, EffectView, LastRun, RuleProgress, State, WholeView};
pub use inbound::{Answer, Button, Clicked, Inbound, Membership, ThreadId, Typed};
pub use notice::{Finished, Notice, PendingItem, Progress, Row};
pub use output::{Fold, FoldLimits, OutputPart, Stream};
pub use port::{Chat, ChatError, Gate, NewThread};
