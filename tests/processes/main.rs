//! The installed programs as an init system sees them: configuration, readiness, signals, exit codes.

mod anchors;
mod buckets;
mod examples;
mod leases;
mod lives;
mod places;
mod pools;
mod program;
#[path = "../../crates/queue/tests/redis_server/mod.rs"]
mod redis_server;
mod revoked;
#[path = "../../crates/audit/tests/servers/mod.rs"]
mod servers;
mod signals;
mod site;
mod starts;
