//! What leaves for Slack, seen from the outside: what people read, in which order it goes out, and
//! what is sent over the wire.

#![expect(clippy::unwrap_used, reason = "what the tests stand on fails by ending them")]

mod files;
mod outbox;
mod people;
mod properties;
mod silence;
mod snapshots;
mod support;
mod threads;
mod web;
