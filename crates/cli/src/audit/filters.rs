//! Filters as people type them.

use countersign_audit::event::Kind;
use countersign_audit::search::{Filter, PartialId};
use countersign_core::outcome::Ending;
use countersign_core::refusal::Code;
use countersign_core::tier::Tier;
use countersign_core::time::Timestamp;
use std::str::FromStr;
use std::time::Duration;

/// Which records are meant; all that is given must fit.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(next_help_heading = "Which records")]
pub(super) struct Filters {
    /// Who acted: subject, `issuer#subject`, name or account, exactly.
    #[arg(long, value_name = "NAME")]
    pub who: Option<String>,
    /// What happened: `received`, `ballot`, `outcome`, …; may be given several times.
    #[arg(long, value_name = "KIND", value_parser = kind)]
    pub event: Vec<Kind>,
    /// Which request: its id, or at least 8 hex digits of its beginning or end.
    #[arg(long, value_name = "ID")]
    pub invocation: Option<PartialId>,
    /// The request's environment.
    #[arg(long, value_name = "NAME")]
    pub env: Option<String>,
    /// The request's target, as the catalog names it.
    #[arg(long, value_name = "NAME")]
    pub target: Option<String>,
    /// The request's namespace.
    #[arg(long, value_name = "NAME")]
    pub namespace: Option<String>,
    /// The request's tool or custom command.
    #[arg(long, value_name = "NAME")]
    pub tool: Option<String>,
    /// The request's tier.
    #[arg(long, value_name = "TIER", value_parser = tier)]
    pub tier: Option<Tier>,
    /// How it ended: `ran`, `not-run`, `cancelled`, `timed-out`, `unknown`.
    #[arg(long, value_name = "ENDING", value_parser = ending)]
    pub ending: Option<String>,
    /// The code of a refusal: `not-allowed`, `drifted`, …
    #[arg(long, value_name = "CODE", value_parser = code)]
    pub refusal: Option<String>,
    /// Not before: RFC 3339, a date (UTC), or an age such as `2h`, `7d`.
    #[arg(long, value_name = "WHEN")]
    pub since: Option<When>,
    /// Before: RFC 3339, a date (UTC), or an age such as `2h`, `7d`.
    #[arg(long, value_name = "WHEN")]
    pub until: Option<When>,
    /// Part of what was typed or of the command, in any case.
    #[arg(long, value_name = "TEXT")]
    pub text: Option<String>,
}

impl Filters {
    /// The filter, with ages counted back from `now`.
    pub(super) fn at(&self, now: Timestamp) -> Filter {
        Filter {
            who: self.who.clone(),
            events: self.event.clone(),
            quiet: false,
            invocation: self.invocation.clone(),
            env: self.env.clone(),
            target: self.target.clone(),
            namespace: self.namespace.clone(),
            tool: self.tool.clone(),
            tier: self.tier,
            ending: self.ending.clone(),
            refusal: self.refusal.clone(),
            since: self.since.map(|when| when.before(now)),
            until: self.until.map(|when| when.before(now)),
            text: self.text.clone(),
        }
    }
}

/// An instant, or how long ago.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum When {
    /// This instant.
    At(Timestamp),
    /// So long ago.
    Ago(Duration),
}

impl When {
    fn before(self, now: Timestamp) -> Timestamp {
        match self {
            Self::At(at) => at,
            Self::Ago(age) => {
                let millis = i64::try_from(age.as_millis()).unwrap_or(i64::MAX);
                Timestamp::from_millis(now.as_millis().saturating_sub(millis))
            }
        }
    }
}

impl FromStr for When {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(at) = text.parse() {
            return Ok(Self::At(at));
        }
        if let Ok(day) = text.parse::<jiff::civil::Date>() {
            let midnight = day.to_zoned(jiff::tz::TimeZone::UTC).map_err(|error| error.to_string())?;
            return Ok(Self::At(Timestamp::from_millis(midnight.timestamp().as_millisecond())));
        }
        age(text).map(Self::Ago).ok_or_else(|| {
            "write an instant (2026-11-21T14:00:00Z), a date (2026-11-21), or an age (30m, 2h, 7d, 4w)".to_owned()
        })
    }
}

fn age(text: &str) -> Option<Duration> {
    let unit = text.chars().last()?;
    let number: u64 = text.strip_suffix(unit)?.parse().ok()?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        'd' => 86_400,
        'w' => 7 * 86_400,
        _ => return None,
    };
    number.checked_mul(seconds).map(Duration::from_secs)
}

/// Takes one of some words, or says which there are.
fn one_of<T: Copy>(text: &str, all: &[T], word: impl Fn(T) -> &'static str) -> Result<T, String> {
    let found = all.iter().copied().find(|one| word(*one) == text);
    found.ok_or_else(|| format!("one of: {}", all.iter().map(|one| word(*one)).collect::<Vec<_>>().join(", ")))
}

fn kind(text: &str) -> Result<Kind, String> {
    one_of(text, &Kind::ALL, Kind::as_str)
}

fn tier(text: &str) -> Result<Tier, String> {
    one_of(text, &Tier::ALL, Tier::as_str)
}

fn ending(text: &str) -> Result<String, String> {
    let all = [Ending::Ran, Ending::NotRun, Ending::Cancelled, Ending::TimedOut, Ending::Unknown];
    one_of(text, &all, Ending::as_str).map(|ending| ending.as_str().to_owned())
}

fn code(text: &str) -> Result<String, String> {
    one_of(text, Code::ALL, Code::as_str).map(|code| code.as_str().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_an_instant_a_date_or_an_age() {
        let at =
            |text: &str| text.parse::<When>().unwrap().before("2026-11-21T12:00:00.000Z".parse().unwrap()).to_string();
        assert_eq!(at("2026-11-20T01:02:03Z"), "2026-11-20T01:02:03.000Z");
        assert_eq!(at("2026-11-20T01:02:03+01:00"), "2026-11-20T00:02:03.000Z");
        assert_eq!(at("2026-11-20"), "2026-11-20T00:00:00.000Z");
        assert_eq!(at("2h"), "2026-11-21T10:00:00.000Z");
        assert_eq!(at("7d"), "2026-11-14T12:00:00.000Z");
        for bad in ["", "h", "-1h", "1.5h", "1y", "2026-13-01", "yesterday", "99999999999999999999s", "ü"] {
            assert!(bad.parse::<When>().is_err(), "{bad}");
        }
        assert!(at("9999999999999w").starts_with("0001-01-01"));
    }
}
