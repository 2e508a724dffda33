//! Slack's wire: signed requests in, cards and modals out.
//!
//! **Invariant:** nothing unsigned is parsed, nothing foreign is rendered as markup, and nothing
//! in a payload but who clicked is believed. No text, token, signature, `response_url` or trigger
//! id reaches a log.

pub mod api;
pub mod inbound;
mod outbox;
pub mod people;
pub mod render;
pub mod threads;
pub mod web;

pub use api::{ApiError, SlackApi};
pub use inbound::{Allowed, Front, Secrets, Settings, Setup, Tally};
pub use people::People;
pub use threads::SlackThreads;
pub use web::{Deadlines, SetupError, Token, Web};
