//! Second places for heads: outage and return, several processes at once, and what an auditor finds.

#![expect(clippy::unwrap_used, reason = "a test may stop at what it did not expect")]

mod contract;
mod git;
mod installation;
mod receivers;
mod relay;
mod syslog;
