//! The filters and drivers from outside: against the real programs, and against attackers.

#![expect(clippy::unwrap_used, reason = "a test whose surroundings cannot be made fails")]

mod apart;
mod driver;
mod gnu;
mod jq;
mod process;
mod support;
