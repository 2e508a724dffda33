//! The root key, whoever holds it, and the lives of the keys it certifies.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on must stop there")]

mod past;
mod rotation;
mod signers;
mod world;
