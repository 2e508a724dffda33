//! How often a person may have something run.
//!
//! **Invariant:** a unit is a slot that can be taken once. Its name follows from installation, rule,
//! person and period alone, so that no worker, clock or other rule makes a second set of the same.

use crate::canonical::canonical;
use crate::digest::Digest;
use crate::id::InvocationId;
use crate::principal::SubjectId;
use crate::refusal::{Code, Refusal, shown};
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::fmt::Write as _;
use std::time::Duration;

/// The most units a budget has: more is no limit, and each is an object in the store.
pub const MOST_UNITS: u32 = 10_000;

/// The length of a period. Periods begin at full minutes, hours and days of UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Per {
    /// 60 seconds.
    Minute,
    /// 3,600 seconds.
    Hour,
    /// 86,400 seconds.
    Day,
}

impl Per {
    /// `minute`, `hour`, `day`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Minute => "minute",
            Self::Hour => "hour",
            Self::Day => "day",
        }
    }

    const fn millis(self) -> i64 {
        match self {
            Self::Minute => 60_000,
            Self::Hour => 3_600_000,
            Self::Day => 86_400_000,
        }
    }

    /// Its length.
    #[must_use]
    pub const fn length(self) -> Duration {
        Duration::from_millis(self.millis().unsigned_abs())
    }

    /// The period that an instant lies in, counted from the epoch; what was before it lies in the first.
    #[must_use]
    pub const fn period(self, at: Timestamp) -> u64 {
        let millis = if at.as_millis() < 0 { 0 } else { at.as_millis() };
        millis.unsigned_abs() / self.millis().unsigned_abs()
    }

    /// When a period begins.
    #[must_use]
    pub fn begins(self, period: u64) -> Timestamp {
        let period = i64::try_from(period).unwrap_or(i64::MAX);
        Timestamp::from_millis(period.saturating_mul(self.millis()))
    }
}

/// What one rule of rbac.yaml lets one person have run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Budget {
    /// The id of the rule.
    pub rule: String,
    /// How many commands.
    pub units: u32,
    /// In which time.
    pub per: Per,
}

/// A unit of somebody's budget, taken (wire format v1). Kept as canonical JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Slot {
    /// Wire format version: 1.
    pub v: u32,
    /// Name of the installation.
    pub deployment: String,
    /// The id of the rule.
    pub rule: String,
    /// Whose.
    pub person: SubjectId,
    /// The length of the period.
    pub per: Per,
    /// The period, counted from the epoch.
    pub period: u64,
    /// Which of its units, from 0.
    pub nth: u32,
    /// The command that took it.
    pub invocation: InvocationId,
}

impl Slot {
    /// The exact bytes that are stored.
    #[must_use]
    pub fn bytes(&self) -> String {
        canonical(self).expect("a slot holds strings and integers only")
    }

    /// Its place in the store: `slot/<digest>/<period, 20 digits>/<nth, 5 digits>`. The digest is of
    /// installation, rule, length and person: a name that could be typed in two ways, or that says who
    /// somebody is, is not part of it.
    #[must_use]
    pub fn place(&self) -> String {
        let parts = [
            "countersign/slot/v1",
            &self.deployment,
            &self.rule,
            self.per.as_str(),
            &self.person.iss,
            &self.person.sub,
        ];
        let mut whole = Vec::new();
        for part in parts {
            // With its length before it, no part can pass for two.
            whole.extend((part.len() as u64).to_be_bytes());
            whole.extend(part.as_bytes());
        }
        let mut place = String::from("slot/");
        for byte in Digest::of(&whole).as_bytes() {
            write!(place, "{byte:02x}").expect("a text takes more text");
        }
        write!(place, "/{:020}/{:05}", self.period, self.nth).expect("a text takes more text");
        place
    }
}

impl Budget {
    /// The answer to a command that is one too many in this period.
    #[must_use]
    pub fn refusal(&self, period: u64) -> Refusal {
        let (units, per) = (self.units, self.per.as_str());
        let next = self.per.begins(period.saturating_add(1));
        let when = match self.per {
            Per::Minute | Per::Hour => next.clock_time(),
            // RFC 3339 begins with the date.
            Per::Day => format!("{} {}", next.to_string().chars().take(10).collect::<String>(), next.clock_time()),
        };
        let sentence = format!("rule `{}` lets you run {units} a {per}, and they are used up", shown(&self.rule));
        let hint = format!("Ask again from {when}; what only shows is not counted.");
        Refusal::new(Code::BudgetSpent, sentence, hint).by_rule(self.rule.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slot(deployment: &str, rule: &str, iss: &str, sub: &str) -> Slot {
        Slot {
            v: 1,
            deployment: deployment.into(),
            rule: rule.into(),
            person: SubjectId { iss: iss.into(), sub: sub.into() },
            per: Per::Day,
            period: 20_000,
            nth: 7,
            invocation: InvocationId::derive(
                crate::id::Origin { deployment: "d", front: "f", team: "t", trigger: "1" },
                Timestamp::from_millis(0),
            ),
        }
    }

    #[test]
    fn a_period_begins_where_the_last_one_ended() {
        for per in [Per::Minute, Per::Hour, Per::Day] {
            let begins = per.begins(29_000);
            assert_eq!(per.period(begins), 29_000);
            assert_eq!(per.period(Timestamp::from_millis(begins.as_millis() - 1)), 28_999);
            assert_eq!(begins.plus(per.length()), per.begins(29_001));
        }
        assert_eq!(Per::Day.begins(20_412).to_string(), "2025-11-20T00:00:00.000Z");
        assert_eq!(Per::Day.period(Timestamp::from_millis(i64::MIN)), 0);
        assert_eq!(Per::Minute.begins(u64::MAX).to_string().len(), "2025-11-20T00:00:00.000Z".len());
    }

    #[test]
    fn the_place_of_a_slot_tells_nobody_apart_by_accident_and_names_nobody() {
        let one = slot("acme", "a", "https://sso", "ann").place();
        let parts: Vec<&str> = one.split('/').collect();
        assert_eq!((parts.len(), parts[0], parts[2], parts[3]), (4, "slot", "00000000000000020000", "00007"));
        assert!(parts[1].len() == 64 && parts[1].bytes().all(|byte| byte.is_ascii_hexdigit()));
        // What only moves a border between two names is somebody else's, and so is each other part.
        let others = [
            slot("acmea", "", "https://sso", "ann"),
            slot("acme", "ah", "ttps://sso", "ann"),
            slot("acme", "a", "https://ssoa", "nn"),
            slot("acme", "a", "https://sso", "bob"),
            slot("acme", "a/../b", "https://sso", "ann"),
            slot("acme", "\u{202e}", "https://sso", "../../fate"),
            Slot { per: Per::Hour, ..slot("acme", "a", "https://sso", "ann") },
        ];
        let mut seen = std::collections::BTreeSet::from([one.clone()]);
        for other in others {
            let place = other.place();
            assert!(place.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'/'), "{place}");
            assert!(seen.insert(place), "{other:?}");
        }
        assert!(!one.contains("ann") && !one.contains("acme"));
    }

    #[test]
    fn a_no_names_rule_limit_and_the_next_period() {
        let day = Budget { rule: "ten-a-day".into(), units: 10, per: Per::Day };
        let no = day.refusal(20_412);
        assert_eq!(no.to_string(), "rule `ten-a-day` lets you run 10 a day, and they are used up");
        assert_eq!(no.hint(), "Ask again from 2025-11-21 00:00 UTC; what only shows is not counted.");
        assert_eq!((no.rule(), no.code()), (Some("ten-a-day"), Code::BudgetSpent));
        let minute = Budget { per: Per::Minute, ..day };
        assert_eq!(minute.refusal(1).hint(), "Ask again from 00:02 UTC; what only shows is not counted.");
    }
}
