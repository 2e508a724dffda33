//! The filters from outside: against the real programs, and against attackers.

#![expect(clippy::unwrap_used, reason = "a test whose surroundings cannot be made fails")]

mod gnu;
mod jq;
mod process;
mod support;
