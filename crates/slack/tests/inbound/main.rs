//! Slack's requests over a real socket: what is believed, what is brought to the gateway, and what
//! people are answered.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on stops where it is")]

mod clicks;
mod commands;
mod events;
mod files;
mod garbage;
mod manifests;
mod office;
mod once;
mod payloads;
mod refused;
mod secrecy;
mod shapes;
mod slack;
mod windows;
mod world;
