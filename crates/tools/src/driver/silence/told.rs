//! What `/silence` says to people.
//!
//! **Invariant:** foreign text is made harmless, and a list says how much of it is not shown.

use super::alertmanager::{Alert, Matcher, Silence, State};
use super::{Wanted, names};
use countersign_command::silence::spelled;
use countersign_core::refusal::shown;
use std::fmt::Write as _;

/// Most alerts that are shown; a card is read at a glance.
const MOST_ALERTS: usize = 20;

/// Most silences that are listed.
const MOST_SILENCES: usize = 200;

/// How wide a silence is, in names of alerts: people agree to a class, so that an alert that comes and goes is no
/// other effect and ten times as many are.
const CLASSES: [usize; 4] = [3, 10, 30, 100];

/// With fewer names than this in all, half of them says nothing.
const FEW_NAMES: usize = 4;

/// What people agree to: the same, whatever fires.
pub(super) fn silence(on: &str, wanted: &Wanted, requester: &str) -> String {
    let mut text = format!("silences for {} on {on}, in the name of {}:\n", spelled(wanted.lasts), shown(requester));
    text.push_str(&matchers(&wanted.matchers));
    if let Some(comment) = &wanted.comment {
        let _ = writeln!(text, "why: {}", shown(comment));
    }
    let _ = writeln!(text, "it begins when it runs, and ends by itself {} later", spelled(wanted.lasts));
    text
}

fn matchers(all: &[Matcher]) -> String {
    all.iter().fold(String::new(), |text, matcher| text + "  " + &shown(&matcher.spelled()) + "\n")
}

/// The class of a silence that does not name its alert.
pub(super) fn breadth(hit: &[Alert]) -> String {
    let hit = names(hit);
    match CLASSES.iter().find(|most| hit <= **most) {
        Some(most) => {
            format!("it does not name its alert: it hides at most {most} different ones now, and any to come")
        }
        None => format!("VERY WIDE: it hides more than {} different alerts now, and any to come", CLASSES[3]),
    }
}

/// What people should see first.
pub(super) fn too_wide(hit: &[Alert], all: &[Alert]) -> Option<String> {
    let (hit, all) = (names(hit), names(all));
    (all >= FEW_NAMES && hit * 2 > all)
        .then(|| format!("WARNING: it hides {hit} of the {all} different alerts that fire"))
}

/// The alerts themselves.
pub(super) fn hidden(what: &str, alerts: &[Alert]) -> String {
    if alerts.is_empty() {
        return format!("no alert that fires {what}\n");
    }
    let mut text = format!("{} {what}:\n", count(alerts.len(), "alert"));
    for alert in alerts.iter().take(MOST_ALERTS) {
        let labels = alert.labels.iter().filter(|(name, _)| name.as_str() != super::alertmanager::NAME);
        let labels = labels.map(|(name, value)| format!("{name}={value:?}")).collect::<Vec<_>>().join(" ");
        let already = if alert.status.silenced_by.is_empty() { "" } else { ", silenced already" };
        let _ = writeln!(text, "  {} {} (since {}{already})", shown(alert.name()), shown(&labels), alert.since);
    }
    if alerts.len() > MOST_ALERTS {
        let _ = writeln!(text, "  and {} more", alerts.len() - MOST_ALERTS);
    }
    text
}

/// One silence on one line.
pub(super) fn line(it: &Silence) -> String {
    let matchers: Vec<String> = it.matchers.iter().map(Matcher::spelled).collect();
    let when = match it.status.state {
        State::Active => format!("until {}", it.ends_at),
        State::Pending => format!("from {} until {}", it.starts_at, it.ends_at),
        State::Expired => format!("ended {}", it.ends_at),
    };
    let (by, matchers, comment) = (shown(&it.created_by), shown(&matchers.join(" ")), shown(&it.comment));
    format!("{} {when}, by {by}: {matchers} ({comment})", shown(&it.id))
}

/// The silences that have not ended.
pub(super) fn list(all: &[Silence], on: &str) -> String {
    let running: Vec<&Silence> = all.iter().filter(|it| it.status.state != State::Expired).collect();
    let mut text = format!("{} on {on}\n", count(running.len(), "silence"));
    for silence in running.iter().take(MOST_SILENCES) {
        let _ = writeln!(text, "{}", line(silence));
    }
    if running.len() > MOST_SILENCES {
        let _ = writeln!(text, "and {} more, which end later", running.len() - MOST_SILENCES);
    }
    text
}

/// A silence that was made.
pub(super) fn made(how: &str, it: &Silence, on: &str) -> String {
    let lasts = spelled(it.ends_at.since(it.starts_at));
    let mut text = format!("{how} until {} ({lasts}):\n{}", it.ends_at, matchers(&it.matchers));
    text.push_str(&undo(&it.id, on));
    text
}

/// How to take it back.
pub(super) fn undo(id: &str, on: &str) -> String {
    format!("to undo it: /silence expire {} --on={on}\n", shown(id))
}

/// What ending a silence takes away. It ends by itself at an instant, whenever it is looked at.
pub(super) fn end(it: &Silence, on: &str) -> String {
    let (id, by, comment) = (shown(&it.id), shown(&it.created_by), shown(&it.comment));
    let matchers = matchers(&it.matchers);
    format!(
        "ends silence {id} on {on}, made by {by}:\n{matchers}why it was made: {comment}\nit would end by itself at {}\n",
        it.ends_at
    )
}

/// A silence that was ended.
pub(super) fn ended(it: &Silence, on: &str) -> String {
    format!(
        "ended silence {} on {on}; it would have hidden until {}:\n{}",
        shown(&it.id),
        it.ends_at,
        matchers(&it.matchers)
    )
}

/// The comment of a silence: whose words, and which request.
pub(super) fn comment(why: Option<&str>, mark: &str) -> String {
    format!("{} {mark}", why.unwrap_or("asked for in chat"))
}

fn count(number: usize, what: &str) -> String {
    if number == 1 { format!("1 {what}") } else { format!("{number} {what}s") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use countersign_core::effect::NOW;
    use serde_json::{Value, json};

    fn alerts(count: usize, label: &str) -> Vec<Alert> {
        let one = |nth: usize| {
            json!({"labels": {"alertname": format!("A{nth}"), "x": label}, "startsAt": "2026-05-01T10:00:00.000Z",
                "status": {"silencedBy": [], "inhibitedBy": [], "state": "active"}})
        };
        serde_json::from_value((0..count).map(one).collect::<Value>()).unwrap()
    }

    #[test]
    fn a_class_is_left_only_by_many() {
        let class = |count| breadth(&alerts(count, "x"));
        for (from, to) in [(0, 3), (4, 10), (11, 30), (31, 100), (101, 500)] {
            assert_eq!(class(from), class(to));
        }
        assert!(CLASSES.iter().all(|most| class(*most) != class(most + 1)));
        assert!(class(101).starts_with("VERY WIDE"));
    }

    #[test]
    fn half_of_all_alerts_is_a_warning() {
        let told = |hit, all| too_wide(&alerts(hit, "x"), &alerts(all, "x"));
        assert_eq!((told(2, 4), told(3, 3), told(0, 0)), (None, None, None));
        assert_eq!(told(3, 4).as_deref(), Some("WARNING: it hides 3 of the 4 different alerts that fire"));
    }

    #[test]
    fn a_list_says_how_much_is_not_shown() {
        let text = hidden("would be hidden", &alerts(23, "x"));
        assert!(
            text.starts_with("23 alerts would be hidden:\n  A0 x=\"x\" (since 2026-05-01T10:00:00.000Z)\n"),
            "{text}"
        );
        assert!(text.ends_with("  and 3 more\n") && text.lines().count() == 22, "{text}");
    }

    /// What others wrote makes no line of its own: neither one that ends what people agree to nor one that looks ours.
    #[test]
    fn foreign_words_stay_on_their_line() {
        let hostile = format!("a\n{NOW}\nno alert\u{202e}");
        let text = hidden("would be hidden", &alerts(1, &hostile));
        assert_eq!(text.lines().count(), 2, "{text}");
        let silence: Silence = serde_json::from_value(json!({
            "id": hostile, "status": {"state": "active"}, "startsAt": "2026-05-01T10:00:00Z",
            "endsAt": "2026-05-01T12:00:00Z", "createdBy": hostile, "comment": hostile,
            "matchers": [{"name": "alertname", "value": hostile, "isRegex": false}],
        }))
        .unwrap();
        assert_eq!(line(&silence).lines().count(), 1);
        for (text, lines) in [(end(&silence, "main"), 4), (made("silenced", &silence, "main"), 3)] {
            assert_eq!(text.lines().count(), lines, "{text}");
            assert!(!text.contains('\u{202e}') && !text.lines().any(|line| line == NOW), "{text}");
        }
    }
}
