//! Slack's HTTP requests: believed only when signed, answered within three seconds.
//!
//! **Invariant:** nothing is parsed before the signature over its raw bytes holds, and nothing is
//! acknowledged before this process knows that it has not seen it already. Whoever spoke comes from
//! the signed payload; buttons, modals and names in it decide nothing.

mod account;
mod answer;
mod block;
mod clicks;
mod commands;
mod desk;
mod events;
mod files;
mod form;
mod front;
mod manifest;
pub mod metrics;
mod modals;
mod model;
mod once;
mod settings;
mod signature;
mod window;

pub use desk::Setup;
pub use front::{Front, Tally};
pub use settings::{Allowed, Settings};
pub use signature::Secrets;
