//! What proves where an artifact comes from, and what does not.

#![expect(clippy::unwrap_used, reason = "a test whose surroundings cannot be made fails")]

mod catalog;
mod cryptography;
mod documents;
mod public;
mod roots;
mod world;
