//! Sealed jobs, state, ballots, progress and cancellations between processes.
//!
//! **Invariant:** never an authority. Values are sealed or only progress; there is no clock
//! inside; every step is atomic.

pub mod doc;
pub mod embedded;
pub mod error;
pub mod fence;
mod hints;
mod job;
pub mod port;
pub mod redis;

pub use doc::{
    Cancelled, Cast, Claim, Entry, JobKey, Kind, Load, News, Offer, Orphan, Page, Paper, Papers, Posted, Present,
    Progress, Reaped, Reminder, Renewed, Repeat, Topic, Waiting,
};
pub use embedded::{EmbeddedQueue, OpenError};
pub use error::{FinishError, ReleaseError, RenewError, StartError, Unavailable};
pub use fence::Fence;
pub use port::{Board, Dispatch, Feed, Once, Queue, Watch, Work};
pub use redis::{RedisQueue, RedisSettings};
