//! The system's clock.
//!
//! **Invariant:** this is the one place of the workspace that reads a clock; everything else is
//! handed a [`Clock`].

use countersign_core::time::{Clock, Timestamp};
use rustix::time::{ClockId, clock_gettime};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Wall clock and boot time of the machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        #[expect(clippy::disallowed_methods, reason = "the one implementation of Clock that is not a test's")]
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        match since {
            Ok(after) => Timestamp::from_millis(i64::try_from(after.as_millis()).unwrap_or(i64::MAX)),
            // A clock before 1970 is wrong by decades; whoever compares it with a store's refuses.
            Err(_) => Timestamp::from_millis(0),
        }
    }

    fn boottime(&self) -> Duration {
        // Source: clock_gettime(2), CLOCK_BOOTTIME: monotonic, and goes on during suspend.
        let at = clock_gettime(ClockId::Boottime);
        let seconds = u64::try_from(at.tv_sec).unwrap_or(0);
        let nanos = u32::try_from(at.tv_nsec).unwrap_or(0);
        Duration::new(seconds, nanos)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_tells_this_century_and_does_not_go_back() {
        let clock = SystemClock;
        assert!(clock.now() > Timestamp::from_millis(1_600_000_000_000));
        let first = clock.boottime();
        assert!(first > Duration::ZERO && clock.boottime() >= first);
    }
}
