//! The audit log through its public boundary: contract of the stores, beginning, writing, tampering.

#![expect(clippy::unwrap_used, reason = "a test may stop at what it did not expect")]

mod accounts;
mod beginning;
mod budgets;
mod captured;
mod contract;
mod evidence;
mod fate;
mod impostors;
mod mechanical;
mod reading;
mod scene;
mod tampering;
mod world;
mod writing;
