//! Whole conversations against a whole installation: real queue, real log, real jail, real
//! kubectl, and a Kubernetes API that holds state.
//!
//! `scenarios` read like a thread. `attacks` are named after the properties they hold.

mod attacks;
mod control;
mod own_cluster;
mod programs;
mod scenarios;
mod tampering;
mod two_gateways;
mod world;
