//! Which deliveries this process has seen.
//!
//! **Invariant:** a name is forgotten only when no signature that was made with it can be accepted
//! any more, by the wall clock and by the time since boot. A full memory refuses.

use super::signature::MAX_AGE;
use countersign_core::digest::Digest;
use countersign_core::time::{Clock, Timestamp};
use std::collections::{HashSet, VecDeque};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Longer than a signature from the future is accepted: five minutes until its time and five after.
const REMEMBERED: Duration = Duration::from_mins(11);

/// One name of a delivery. Names are hashed, so that nobody chooses how much memory they take.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Name(Digest);

impl Name {
    /// The signature.
    pub(super) fn of_signature(signature: &[u8; 32]) -> Self {
        Self::of("signature", signature)
    }

    /// Slack's single-use id of what a person did.
    pub(super) fn of_trigger(trigger: &str) -> Self {
        Self::of("trigger", trigger.as_bytes())
    }

    /// The id of an event, the same each time it is delivered.
    pub(super) fn of_event(id: &str) -> Self {
        Self::of("event", id.as_bytes())
    }

    /// A message: it is one command, however many events tell of it.
    pub(super) fn of_message(channel: &str, ts: &str) -> Self {
        Self::of("message", format!("{channel}/{ts}").as_bytes())
    }

    fn of(kind: &str, name: &[u8]) -> Self {
        Self(Digest::of(&[kind.as_bytes(), b"\0", name].concat()))
    }
}

/// Whether something arrived before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Arrival {
    /// No.
    First,
    /// Yes, under one of its names at least.
    Again,
    /// It cannot be told next time.
    Full,
}

/// The memory.
pub(super) struct Once {
    capacity: usize,
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    names: HashSet<Name>,
    /// In the order they came, with when they can go.
    order: VecDeque<(Name, Timestamp, Duration)>,
}

impl Once {
    pub(super) fn new(capacity: usize) -> Self {
        Self { capacity, seen: Mutex::default() }
    }

    /// Remembers a delivery that was signed at `at` under all its names, in one step.
    pub(super) fn arrival(&self, names: &[Name], at: Timestamp, clock: &dyn Clock) -> Arrival {
        let (now, uptime) = (clock.now(), clock.boottime());
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        // A wall clock that was set back revives old signatures, so it must agree too.
        while let Some((name, wall, boot)) = seen.order.front().copied()
            && wall < now
            && boot < uptime
        {
            seen.order.pop_front();
            seen.names.remove(&name);
        }
        if names.iter().any(|name| seen.names.contains(name)) {
            return Arrival::Again;
        }
        if seen.names.len() + names.len() > self.capacity {
            return Arrival::Full;
        }
        for name in names {
            if seen.names.insert(*name) {
                seen.order.push_back((*name, at.plus(MAX_AGE), uptime.saturating_add(REMEMBERED)));
            }
        }
        Arrival::First
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Hand(Mutex<(i64, u64)>);

    impl Hand {
        fn set(&self, wall: i64, boot: u64) {
            *self.0.lock().unwrap() = (wall, boot);
        }
    }

    impl Clock for Hand {
        fn now(&self) -> Timestamp {
            Timestamp::from_millis(self.0.lock().unwrap().0 * 1_000)
        }

        fn boottime(&self) -> Duration {
            Duration::from_secs(self.0.lock().unwrap().1)
        }
    }

    fn world(capacity: usize) -> (Once, Hand) {
        (Once::new(capacity), Hand(Mutex::new((10_000, 50))))
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1_000)
    }

    #[test]
    fn either_name_tells_it_again() {
        let (once, clock) = world(8);
        let (signature, trigger) = (Name::of_signature(&[7; 32]), Name::of_trigger("1.2.3"));
        assert_eq!(once.arrival(&[signature, trigger], at(10_000), &clock), Arrival::First);
        assert_eq!(once.arrival(&[signature], at(10_000), &clock), Arrival::Again);
        let other = Name::of_signature(&[8; 32]);
        assert_eq!(once.arrival(&[other, trigger], at(10_000), &clock), Arrival::Again);
        assert_eq!(once.arrival(&[other, Name::of_event("1.2.3")], at(10_000), &clock), Arrival::First);
    }

    #[test]
    fn a_full_memory_refuses_and_does_not_forget() {
        let (once, clock) = world(2);
        assert_eq!(once.arrival(&[Name::of_event("a"), Name::of_event("b")], at(10_000), &clock), Arrival::First);
        assert_eq!(once.arrival(&[Name::of_event("c")], at(10_000), &clock), Arrival::Full);
        assert_eq!(once.arrival(&[Name::of_event("a")], at(10_000), &clock), Arrival::Again);
        clock.set(10_661, 711);
        assert_eq!(once.arrival(&[Name::of_event("c")], at(10_661), &clock), Arrival::First);
    }

    #[test]
    fn a_signature_from_the_future_is_known_until_its_end() {
        let (once, clock) = world(8);
        let name = [Name::of_signature(&[7; 32])];
        assert_eq!(once.arrival(&name, at(10_300), &clock), Arrival::First);
        clock.set(10_600, 650);
        assert_eq!(once.arrival(&name, at(10_300), &clock), Arrival::Again);
    }

    #[test]
    fn a_clock_that_is_set_back_revives_nothing() {
        let (once, clock) = world(8);
        let name = [Name::of_signature(&[7; 32])];
        assert_eq!(once.arrival(&name, at(10_000), &clock), Arrival::First);
        clock.set(10_100, 5_000);
        assert_eq!(once.arrival(&name, at(10_000), &clock), Arrival::Again);
        // Set forward for a while, it makes nothing forgotten either.
        clock.set(20_000, 700);
        assert_eq!(once.arrival(&name, at(10_000), &clock), Arrival::Again);
    }
}
