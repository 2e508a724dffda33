//! What every installed process shares: configuration, stores, health, metrics, signals.
//!
//! **Invariant:** it reaches neither the gateway's side nor the worker's; whatever is wrong is
//! found before anything is accepted or claimed, and no secret is repeated in a message or a log.

pub mod config;
pub mod health;
pub mod identity;
pub mod life;
pub mod listening;
pub mod metrics;
pub mod own_services;
pub mod policy;
pub mod program;
pub mod queue;
pub mod revocations;
pub mod stores;
pub mod telemetry;

pub use config::{Config, Environment, Part};
pub use life::Life;
pub use program::{Failure, Program};
