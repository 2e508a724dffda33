//! Whole conversations against a whole installation: real queue, real log, real jail, real
//! kubectl, and a Kubernetes API that holds state.
//!
//! `scenarios` read like a thread. `attacks` are named after the properties they hold.

mod account;
mod attacks;
mod aws;
mod control;
mod filters;
mod followed;
mod kubectl_verbs;
mod left_behind;
mod manifests;
mod outsider;
mod over_redis;
mod own_cluster;
mod programs;
#[path = "../../crates/queue/tests/redis_server/mod.rs"]
mod redis_server;
mod scenarios;
#[path = "../../crates/audit/tests/servers/mod.rs"]
mod servers;
mod silence;
mod stopping;
mod tampering;
mod two_gateways;
mod world;
