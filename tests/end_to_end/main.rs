//! Whole conversations against a whole installation: real queue, real log, real jail, real
//! kubectl, and a Kubernetes API that holds state.
//!
//! `scenarios` read like a thread. `attacks` are named after the properties they hold.

mod account;
mod attacks;
mod aws;
mod control;
mod deploy;
mod filters;
mod followed;
mod kubectl_verbs;
mod left_behind;
mod manifests;
mod narrowing;
mod outsider;
mod over_redis;
mod own_cluster;
mod pools;
mod programs;
#[path = "../../crates/queue/tests/redis_server/mod.rs"]
mod redis_server;
mod rig;
mod scenarios;
#[path = "../../crates/audit/tests/servers/mod.rs"]
mod servers;
mod silence;
mod silence_expiry;
mod site;
mod stopping;
mod stuck;
mod tampering;
mod terraform;
mod two_gateways;
mod world;
