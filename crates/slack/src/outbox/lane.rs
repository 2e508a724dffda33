//! One lane a method and channel: who holds its lock sends, the others wait in the order they came.
//!
//! **Invariant:** a lane keeps Slack's pace, and its silence when Slack asked for one, whoever sends.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// Messages that may go out at once after a pause.
///
/// Source: Slack, "Rate limits": `chat.postMessage` about one a second and channel, short bursts.
const BURST: u32 = 5;

/// One more after so long.
const REFILL: Duration = Duration::from_secs(1);

/// What is only offered leaves so many for what must go out.
const KEPT: u32 = 2;

/// Lanes that nobody used for so long are forgotten.
const FORGOTTEN: Duration = Duration::from_mins(10);

/// What a lane is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Method {
    Post,
    Update,
    Direct,
}

/// Whoever holds it sends.
pub(super) type Turnstile = Arc<tokio::sync::Mutex<Lane>>;

/// Lanes by method and channel.
#[derive(Debug, Default)]
pub(super) struct Lanes(Mutex<HashMap<(Method, String), Turnstile>>);

impl Lanes {
    pub(super) fn lane(&self, method: Method, to: &str) -> Turnstile {
        let mut lanes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lanes.retain(|_, lane| Arc::strong_count(lane) > 1 || lane.try_lock().is_ok_and(|lane| !lane.is_forgotten()));
        lanes.entry((method, to.to_owned())).or_default().clone()
    }
}

/// A token bucket with a gate.
#[derive(Debug)]
pub(super) struct Lane {
    tokens: u32,
    counted_at: Instant,
    closed_until: Instant,
}

impl Default for Lane {
    fn default() -> Self {
        let now = Instant::now();
        Self { tokens: BURST, counted_at: now, closed_until: now }
    }
}

impl Lane {
    fn is_forgotten(&self) -> bool {
        self.counted_at.elapsed() > FORGOTTEN && self.closed_for().is_zero()
    }

    /// How long Slack still wants silence.
    pub(super) fn closed_for(&self) -> Duration {
        self.closed_until.saturating_duration_since(Instant::now())
    }

    /// Slack wants silence for so long.
    pub(super) fn close_for(&mut self, after: Duration) {
        let now = Instant::now();
        // Slack counts in whole seconds; an absurd number must not overflow.
        self.closed_until = now.checked_add(after).unwrap_or(now + Duration::from_hours(24));
    }

    /// Whether something may go out at once and more would still fit.
    pub(super) fn has_room(&mut self) -> bool {
        self.refill();
        self.closed_for().is_zero() && self.tokens > KEPT
    }

    /// Waits until the next message may go.
    pub(super) async fn turn(&mut self) {
        tokio::time::sleep_until(self.closed_until).await;
        self.refill();
        if self.tokens == 0 {
            tokio::time::sleep_until(self.counted_at + REFILL).await;
            self.refill();
        }
        self.tokens = self.tokens.saturating_sub(1);
    }

    fn refill(&mut self) {
        let gained = u32::try_from(self.counted_at.elapsed().as_millis() / REFILL.as_millis()).unwrap_or(BURST);
        self.tokens = BURST.min(self.tokens.saturating_add(gained));
        // What is left of the last second counts for the next.
        self.counted_at = if gained >= BURST { Instant::now() } else { self.counted_at + REFILL * gained };
    }
}
