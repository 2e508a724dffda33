//! The installed programs as an init system sees them: configuration, readiness, signals, exit codes.

mod examples;
mod lives;
mod program;
#[path = "../../crates/queue/tests/redis_server/mod.rs"]
mod redis_server;
mod signals;
mod site;
mod starts;
