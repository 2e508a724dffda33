//! The Slack stand-in refuses what Slack refuses, and sends what Slack sends.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on must stop there")]

mod app;
mod calls;
mod files;
mod modals;
mod sending;
