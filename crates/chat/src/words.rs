//! Times, durations and foreign text, as people read them.
//!
//! **Invariant:** what [`line()`] returns is one line without a character that could hide, reorder
//! or overwrite anything; no character is lost on the way.

use countersign_core::refusal::is_deceptive;
use countersign_core::time::Timestamp;
use std::time::Duration;

/// Foreign text as exactly one harmless line, complete: control, bidi, zero-width and other
/// invisible characters become `\u{…}`.
#[must_use]
pub fn line(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if is_deceptive(c) {
            out.extend(c.escape_unicode());
        } else {
            out.push(c);
        }
    }
    out
}

/// Foreign text of several lines, each harmless. Tabs become spaces up to the next column of
/// eight, as a terminal would show them, and the carriage return of a line end goes; one in the
/// middle of a line, which could overwrite what is left of it, stays visible.
#[must_use]
pub fn lines(text: &str) -> Vec<String> {
    let text = text.strip_suffix('\n').unwrap_or(text);
    text.split('\n').map(|one| line(&untabbed(one.strip_suffix('\r').unwrap_or(one)))).collect()
}

/// Columns between tab stops, as terminals have them (POSIX `tabs`).
const TAB_COLUMNS: usize = 8;

fn untabbed(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut column = 0;
    for c in text.chars() {
        if c == '\t' {
            let width = TAB_COLUMNS - column % TAB_COLUMNS;
            out.extend(std::iter::repeat_n(' ', width));
            column += width;
        } else {
            out.push(c);
            column += 1;
        }
    }
    out
}

/// `350 ms`, `2 s`, `1 min 20 s`, `2 h 5 min`, `3 d 4 h`.
#[must_use]
pub fn duration(it: Duration) -> String {
    let seconds = it.as_secs();
    let two = |big: u64, big_unit: &str, small: u64, small_unit: &str| {
        if small == 0 { format!("{big} {big_unit}") } else { format!("{big} {big_unit} {small} {small_unit}") }
    };
    match seconds {
        0 => format!("{} ms", it.as_millis()),
        1..60 => format!("{seconds} s"),
        60..3600 => two(seconds / 60, "min", seconds % 60, "s"),
        3600..86400 => two(seconds / 3600, "h", seconds % 3600 / 60, "min"),
        _ => two(seconds / 86400, "d", seconds % 86400 / 3600, "h"),
    }
}

/// `14:05 UTC`, with the date in front when it is not within half a day of `now`.
#[must_use]
pub fn instant(at: Timestamp, now: Timestamp) -> String {
    const NEAR: Duration = Duration::from_hours(12);
    if at.since(now) < NEAR && now.since(at) < NEAR {
        return at.clock_time();
    }
    let date: String = at.to_string().chars().take(10).collect();
    format!("{date} {}", at.clock_time())
}

/// `14:05 UTC, in 12 min` or `14:05 UTC, 3 min ago`.
#[must_use]
pub fn deadline(at: Timestamp, now: Timestamp) -> String {
    let when = instant(at, now);
    if at > now {
        // Whole minutes are enough of a countdown until the last one.
        let left = at.since(now);
        let left = if left.as_secs() >= 120 { Duration::from_secs(left.as_secs() / 60 * 60) } else { left };
        format!("{when}, in {}", duration(left))
    } else {
        format!("{when}, {} ago", duration(Duration::from_secs(now.since(at).as_secs())))
    }
}

/// `1 object`, `3 objects`.
#[must_use]
pub fn count(number: u64, one: &str, many: &str) -> String {
    if number == 1 { format!("1 {one}") } else { format!("{number} {many}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_as_people_say_them() {
        for (seconds, says) in [
            (2, "2 s"),
            (59, "59 s"),
            (60, "1 min"),
            (80, "1 min 20 s"),
            (7500, "2 h 5 min"),
            (7200, "2 h"),
            (273_600, "3 d 4 h"),
        ] {
            assert_eq!(duration(Duration::from_secs(seconds)), says);
        }
        assert_eq!(duration(Duration::from_millis(350)), "350 ms");
    }

    #[test]
    fn a_deadline_says_when_and_how_long() {
        let now = Timestamp::from_millis(1_795_222_800_000);
        assert_eq!(deadline(now.plus(Duration::from_secs(725)), now), "01:12 UTC, in 12 min");
        assert_eq!(deadline(now.plus(Duration::from_secs(9)), now), "01:00 UTC, in 9 s");
        assert_eq!(deadline(now, now.plus(Duration::from_mins(3))), "01:00 UTC, 3 min ago");
        assert_eq!(deadline(now.plus(Duration::from_hours(24)), now), "2026-11-22 01:00 UTC, in 1 d");
    }

    #[test]
    fn one_line_stays_one_line_and_complete() {
        let hostile = format!("a\nb\r\u{202e}c\u{0}\u{1b}[2J{}", "x".repeat(10_000));
        let shown = line(&hostile);
        assert!(!shown.chars().any(is_deceptive));
        assert!(shown.starts_with("a\\u{a}b\\u{d}\\u{202e}c\\u{0}\\u{1b}[2Jxx"));
        assert!(shown.ends_with("xx") && shown.len() > 10_000);
    }

    #[test]
    fn tabs_align_and_an_overwriting_return_is_visible() {
        assert_eq!(lines("NAME\tAGE\r\napi\t2d\n"), ["NAME    AGE", "api     2d"]);
        assert_eq!(lines("secret\rxx"), ["secret\\u{d}xx"]);
    }
}
