//! How often each method may be called.
//!
//! **Invariant:** a call that is over the limit changes nothing and is told how many seconds to wait. Sources: Slack,
//! "Rate limits" (tiers 2, 3, 4: 20, 50, 100 a minute; `chat.postMessage`: about one a second a channel with short
//! bursts, and several hundred a minute a workspace); the tier of each method from its page.

use std::collections::BTreeMap;

use jiff::Timestamp;

/// Calls that a channel takes at once before one a second is the limit.
const CHANNEL_BURST: f64 = 4.0;

/// Posts a minute a workspace takes.
const POSTS_A_MINUTE: f64 = 300.0;

/// One allowance that refills.
#[derive(Debug, Clone, Copy)]
struct Bucket {
    left: f64,
    at: Timestamp,
}

/// Which allowance: its capacity and what comes back a second.
#[derive(Debug, Clone, Copy)]
struct Rate {
    capacity: f64,
    a_second: f64,
}

/// All allowances that were ever used.
#[derive(Debug, Default)]
pub(super) struct Limits {
    buckets: BTreeMap<String, Bucket>,
}

impl Limits {
    /// Takes one call, or says how many seconds to wait.
    pub(super) fn take(&mut self, method: &str, team: &str, channel: Option<&str>, now: Timestamp) -> Result<(), u64> {
        if method != "chat.postMessage" {
            return self.spend(format!("{method} {team}"), tier(method), now);
        }
        self.spend(format!("{method} {team}"), a_minute(POSTS_A_MINUTE), now)?;
        let Some(channel) = channel else { return Ok(()) };
        self.spend(format!("{method} {team} {channel}"), Rate { capacity: CHANNEL_BURST, a_second: 1.0 }, now)
    }

    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a few seconds, never negative")]
    fn spend(&mut self, key: String, rate: Rate, now: Timestamp) -> Result<(), u64> {
        let bucket = self.buckets.entry(key).or_insert(Bucket { left: rate.capacity, at: now });
        let passed = now.duration_since(bucket.at).as_secs_f64().max(0.0);
        bucket.left = (bucket.left + passed * rate.a_second).min(rate.capacity);
        bucket.at = now;
        if bucket.left < 1.0 {
            return Err(((1.0 - bucket.left) / rate.a_second).ceil().max(1.0) as u64);
        }
        bucket.left -= 1.0;
        Ok(())
    }
}

fn a_minute(calls: f64) -> Rate {
    Rate { capacity: calls, a_second: calls / 60.0 }
}

fn tier(method: &str) -> Rate {
    match method {
        "chat.update"
        | "conversations.info"
        | "conversations.open"
        | "conversations.history"
        | "conversations.replies" => a_minute(50.0),
        "auth.test" | "chat.getPermalink" => a_minute(600.0),
        _ => a_minute(100.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::SignedDuration;

    #[test]
    fn a_channel_takes_a_burst_and_then_one_a_second() {
        let (mut limits, start) = (Limits::default(), Timestamp::UNIX_EPOCH);
        let mut post = |channel: &str, second: i64| {
            limits.take("chat.postMessage", "T1", Some(channel), start + SignedDuration::from_secs(second))
        };
        for _ in 0..4 {
            assert_eq!(post("C1", 0), Ok(()));
        }
        assert_eq!(post("C1", 0), Err(1));
        assert_eq!(post("C2", 0), Ok(()), "another channel is not held up");
        assert_eq!(post("C1", 1), Ok(()));
        assert_eq!(post("C1", 1), Err(1));
    }

    #[test]
    fn a_tier_three_method_takes_fifty_a_minute() {
        let (mut limits, start) = (Limits::default(), Timestamp::UNIX_EPOCH);
        for _ in 0..50 {
            assert_eq!(limits.take("chat.update", "T1", None, start), Ok(()));
        }
        assert_eq!(limits.take("chat.update", "T1", None, start), Err(2));
        assert_eq!(limits.take("chat.update", "T2", None, start), Ok(()), "another workspace is not held up");
        assert_eq!(limits.take("chat.update", "T1", None, start + SignedDuration::from_secs(2)), Ok(()));
    }
}
