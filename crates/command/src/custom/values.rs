//! What values a parameter takes.

use crate::no::quoted;
use crate::vocabulary::{LeadingDash, Param, Values};
use countersign_core::refusal::is_deceptive;
use std::time::Duration;

/// The longest value, in characters.
const LONGEST: usize = 256;

/// Why the value does not fit the parameter; nothing when it does.
pub(super) fn objection(param: &Param, value: &str) -> Option<String> {
    if value.chars().count() > LONGEST {
        return Some(format!("takes at most {LONGEST} characters"));
    }
    if value.starts_with('-') && param.leading_dash == LeadingDash::Refused {
        return Some(format!("takes no value that begins with `-`, as {} does", quoted(value)));
    }
    if value.chars().any(is_deceptive) {
        return Some("takes no control or invisible characters".to_owned());
    }
    let fits = match &param.values {
        Values::Enum(words) => words.iter().any(|word| word == value),
        Values::Regex(pattern) => pattern.matches(value),
        Values::Int { min, max } => integer(value).is_some_and(|number| (*min..=*max).contains(&number)),
        Values::Duration { min, max } => duration(value).is_some_and(|length| (*min..=*max).contains(&length)),
    };
    (!fits).then(|| format!("takes {}, not {}", described(param), quoted(value)))
}

/// The values of a parameter in words.
pub(crate) fn described(param: &Param) -> String {
    match &param.values {
        Values::Enum(words) => format!("one of `{}`", words.join("`, `")),
        Values::Regex(pattern) => format!("what matches {}", quoted(pattern.as_str())),
        Values::Int { min, max } => format!("a whole number from {min} to {max}"),
        Values::Duration { min, max } => {
            format!("a duration from {}s to {}s, as `90s` or `1h30m`", min.as_secs(), max.as_secs())
        }
    }
}

/// Decimal without sign `+` and without leading zeros: one spelling a number.
fn integer(text: &str) -> Option<i64> {
    text.parse::<i64>().ok().filter(|number| number.to_string() == text)
}

/// `90s`, `1h30m`; each unit once, larger ones first.
pub(crate) fn duration(text: &str) -> Option<Duration> {
    let mut total: u64 = 0;
    let mut digits = String::new();
    let mut smallest = u64::MAX;
    for c in text.chars() {
        if c.is_ascii_digit() && digits.len() < 9 {
            digits.push(c);
            continue;
        }
        let unit = match c {
            's' => 1,
            'm' => 60,
            'h' => 3_600,
            'd' => 86_400,
            _ => return None,
        };
        let count: u64 = digits.parse().ok()?;
        digits.clear();
        if unit >= smallest {
            return None;
        }
        smallest = unit;
        total = total.checked_add(count.checked_mul(unit)?)?;
    }
    (digits.is_empty() && smallest != u64::MAX).then(|| Duration::from_secs(total))
}

/// Zero in any spelling that Python takes for it.
pub(crate) fn is_zero(text: &str) -> bool {
    text.contains('0') && text.chars().all(|c| "0_+- ".contains(c))
}

/// What is wrong with a parameter as the catalog declares it.
pub(super) fn mistakes(param: &Param) -> Vec<String> {
    let name = quoted(&param.name);
    let mut found = Vec::new();
    match &param.values {
        Values::Enum(words) if words.is_empty() => found.push(format!("{name} takes no value at all")),
        Values::Enum(words) => {
            found.extend(words.iter().filter_map(|word| objection(param, word).map(|why| format!("{name} {why}"))));
        }
        Values::Int { min, max } if min > max => found.push(format!("the bounds of {name} run backwards")),
        Values::Duration { min, max } if min > max => {
            found.push(format!("the bounds of {name} run backwards"));
        }
        Values::Regex(_) | Values::Int { .. } | Values::Duration { .. } => {}
    }
    if let Some(default) = &param.default {
        found.extend(objection(param, default).map(|why| format!("the default of {name}: it {why}")));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_one_order_of_units() {
        assert_eq!(duration("1h30m"), Some(Duration::from_mins(90)));
        assert_eq!(duration("2d"), Some(Duration::from_hours(48)));
        for bad in ["", "1", "m", "30m1h", "1h1h", "1.5h", "-1h", "99999999999h", "1 h"] {
            assert_eq!(duration(bad), None, "{bad}");
        }
    }

    #[test]
    fn numbers_have_one_spelling() {
        assert_eq!(integer("10"), Some(10));
        assert_eq!(integer("-3"), Some(-3));
        for bad in ["+1", "01", "1e3", "0x10", "", " 1", "9223372036854775808"] {
            assert_eq!(integer(bad), None, "{bad}");
        }
    }
}
