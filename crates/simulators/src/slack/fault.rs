//! What can go wrong between the app and Slack, on demand.
//!
//! **Invariant:** a fault is spent by exactly one call; only [`Fault::LoseReply`] lets the call take place.

use std::time::Duration;

/// One thing that goes wrong with the next call of a method.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// 429 with `Retry-After`, in seconds. Nothing takes place.
    RateLimit(u64),
    /// The call takes place, and the connection breaks before the answer.
    LoseReply,
    /// The connection breaks before anything takes place.
    Drop,
    /// This HTTP status, e.g. 500 or 503. Nothing takes place.
    Status(u16),
    /// This error code. Nothing takes place.
    Refuse(&'static str),
    /// The call takes place and its answer comes so much later.
    Delay(Duration),
}
