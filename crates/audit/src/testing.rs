//! A clock that tests own.
//!
//! **Invariant:** it moves only when it is moved.

use countersign_core::time::{Clock, Timestamp};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

/// A clock that stands still until it is moved.
#[derive(Debug)]
pub struct ManualClock {
    wall_millis: AtomicI64,
    boot_millis: AtomicU64,
}

impl ManualClock {
    /// A clock that says `now`, an hour after boot.
    #[must_use]
    pub const fn at(now: Timestamp) -> Self {
        Self { wall_millis: AtomicI64::new(now.as_millis()), boot_millis: AtomicU64::new(3_600_000) }
    }

    /// Moves wall clock and boot time forward.
    pub fn advance(&self, by: Duration) {
        let millis = u64::try_from(by.as_millis()).unwrap_or(u64::MAX);
        self.boot_millis.fetch_add(millis, Ordering::SeqCst);
        self.wall_millis.fetch_add(i64::try_from(millis).unwrap_or(i64::MAX), Ordering::SeqCst);
    }

    /// Sets the wall clock alone, as an administrator or a bad time server would.
    pub fn set_wall(&self, now: Timestamp) {
        self.wall_millis.store(now.as_millis(), Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.wall_millis.load(Ordering::SeqCst))
    }

    fn boottime(&self) -> Duration {
        Duration::from_millis(self.boot_millis.load(Ordering::SeqCst))
    }
}
