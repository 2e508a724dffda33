//! What a word without quotes means.
//!
//! **Invariant:** a word means what it means to kubectl, or is refused: words that YAML 1.1 and
//! YAML 1.2 read differently need quotes.
//!
//! Source: sigs.k8s.io/yaml 1.4, `goyaml.v2/resolve.go`, which kubectl 1.32 reads manifests with;
//! YAML 1.2.2 §10.3.2 (core schema).

use super::yaml::{Mark, Value};
use super::{bad, quoted};
use crate::no::Checked;

/// Booleans of YAML 1.1 that YAML 1.2 reads as text.
const TWO_READINGS: &[&str] = &["y", "yes", "n", "no", "on", "off"];

/// The value of a word.
pub(super) fn plain(text: &str, at: Mark) -> Checked<Value> {
    Ok(match text {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "true" | "True" | "TRUE" => Value::Bool(true),
        "false" | "False" | "FALSE" => Value::Bool(false),
        _ if TWO_READINGS.contains(&text.to_ascii_lowercase().as_str()) => {
            let hint = "write `true` or `false`, or put the word in quotes";
            return Err(bad(at, format!("{} is a boolean to some readers and text to others", quoted(text)), hint));
        }
        _ if text.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '+' | '-' | '.')) => number(text, at)?,
        _ => Value::Text(text.to_owned()),
    })
}

fn number(text: &str, at: Mark) -> Checked<Value> {
    let (negative, digits) = match text.as_bytes().first() {
        Some(b'-') => (true, text.get(1..).unwrap_or_default()),
        Some(b'+') => (false, text.get(1..).unwrap_or_default()),
        _ => (false, text),
    };
    if let Some((digits, radix)) = whole(digits) {
        let value = i128::from_str_radix(digits, radix).ok().map(|value| if negative { -value } else { value });
        let fits = value.filter(|value| (i128::from(i64::MIN)..=i128::from(u64::MAX)).contains(value));
        return fits.map(Value::Int).ok_or_else(|| unclear(text, at));
    }
    if is_float(digits) {
        let value: f64 = text.parse().map_err(|_| unclear(text, at))?;
        return float(value).ok_or_else(|| unclear(text, at));
    }
    if may_be_a_number(digits) {
        return Err(unclear(text, at));
    }
    Ok(Value::Text(text.to_owned()))
}

/// The digits of a whole number and what they count in: decimal, or octal as file modes are written.
fn whole(digits: &str) -> Option<(&str, u32)> {
    let all = |digits: &str, radix: u32| !digits.is_empty() && digits.chars().all(|c| c.is_digit(radix));
    let octal = digits.strip_prefix("0o").or_else(|| digits.strip_prefix('0'));
    match octal {
        Some(rest) if all(rest, 8) => Some((rest, 8)),
        _ if digits == "0" || (!digits.starts_with('0') && all(digits, 10)) => Some((digits, 10)),
        _ => None,
    }
}

/// `[0-9]+(\.[0-9]*)?([eE][-+]?[0-9]+)?` or `\.[0-9]+(…)?`, without a leading zero before a digit.
fn is_float(digits: &str) -> bool {
    let (mantissa, exponent) = match digits.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (digits, None),
    };
    let all = |text: &str| text.chars().all(|c| c.is_ascii_digit());
    let (before, after) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let exponent = exponent.is_none_or(|it| {
        let it = it.strip_prefix(['-', '+']).unwrap_or(it);
        !it.is_empty() && all(it)
    });
    let leading_zero = before.len() > 1 && before.starts_with('0');
    exponent && !leading_zero && all(before) && all(after) && !(before.is_empty() && after.is_empty())
}

/// A whole float is a whole number in JSON, as Go writes it; the others stay what they are.
#[expect(clippy::cast_possible_truncation, reason = "checked to be whole and small enough to be exact")]
fn float(value: f64) -> Option<Value> {
    /// 2^53: up to here every whole number has a float of its own.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if !value.is_finite() {
        return None;
    }
    let is_whole = value.fract() == 0.0 && value.abs() <= EXACT;
    Some(if is_whole { Value::Int(value as i128) } else { Value::Float(value) })
}

/// Other spellings of numbers that some reader knows: hexadecimal, binary, with `_`, with leading
/// zeros, infinite, or in base 60.
fn may_be_a_number(digits: &str) -> bool {
    let lower = digits.to_ascii_lowercase();
    let of = |also: &str| !lower.is_empty() && lower.chars().all(|c| c.is_ascii_digit() || also.contains(c));
    let prefixed = |prefix: &str, radix: u32| {
        let rest = lower.strip_prefix(prefix);
        rest.is_some_and(|rest| !rest.is_empty() && rest.chars().all(|c| c == '_' || c.is_digit(radix)))
    };
    let digit = lower.contains(|c: char| c.is_ascii_digit());
    matches!(lower.as_str(), ".inf" | ".nan")
        || prefixed("0x", 16)
        || prefixed("0b", 2)
        || prefixed("0o", 8)
        || (digit && of("_"))
        || (digit && lower.matches('.').count() <= 1 && !lower.starts_with('.') && of("._"))
        || is_base_60(&lower)
}

/// `1:30`, a number in base 60 in YAML 1.1.
fn is_base_60(text: &str) -> bool {
    let parts: Vec<&str> = text.split(':').collect();
    let small = |part: &&str| part.len() <= 2 && part.parse::<u8>().is_ok_and(|number| number < 60);
    let first = parts.first().is_some_and(|part| part.len() <= 9 && part.parse::<u32>().is_ok());
    parts.len() > 1 && first && parts.get(1..).unwrap_or_default().iter().all(small)
}

fn unclear(text: &str, at: Mark) -> Box<countersign_core::refusal::Refusal> {
    bad(
        at,
        format!("{} is a number to some readers and not to others, or too large", quoted(text)),
        "write it in decimal, or put it in quotes",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: Mark = Mark { line: 1, column: 1 };

    #[test]
    fn words_mean_what_they_mean_to_kubectl() {
        for (text, value) in [
            ("0644", Value::Int(0o644)),
            ("0o644", Value::Int(0o644)),
            ("0", Value::Int(0)),
            ("-5", Value::Int(-5)),
            ("+5", Value::Int(5)),
            ("1.0", Value::Int(1)),
            ("1e3", Value::Int(1000)),
            ("0.5", Value::Float(0.5)),
            (".5", Value::Float(0.5)),
            ("18446744073709551615", Value::Int(i128::from(u64::MAX))),
            ("~", Value::Null),
            ("True", Value::Bool(true)),
        ] {
            assert_eq!(plain(text, HERE).unwrap(), value, "{text}");
        }
        for text in ["100m", "1Gi", "10.0.0.1", "v1", "-c", "--flag=x", "2026-12-20", "tRue", "1.2.3", "12:00:00Z", "."]
        {
            assert_eq!(plain(text, HERE).unwrap(), Value::Text(text.into()), "{text}");
        }
        for text in ["yes", "No", "ON", "y", "0x1F", "1_000", "09", "0b1", ".inf", "-.inf", ".NaN", "1:30", "1e999"] {
            assert!(plain(text, HERE).is_err(), "{text}");
        }
    }
}
