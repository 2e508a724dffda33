//! Canonical JSON (RFC 8785) restricted to strings and integers.
//!
//! **Invariant:** equal values give equal bytes, and no value holds a float, so that no two
//! implementations can disagree about a number's spelling.

use serde::Serialize;
use serde_json::Value;

/// Why a value has no canonical form here.
#[derive(Debug, thiserror::Error)]
pub enum CanonicalError {
    /// The value does not serialise.
    #[error("the value does not serialise as JSON")]
    Unserialisable(#[source] serde_json::Error),
    /// Only strings, integers, lists and objects are allowed.
    #[error("a {0} is not allowed in canonical bytes")]
    NotAllowed(&'static str),
}

/// The canonical JSON text of `value`.
///
/// # Errors
/// When the value holds a float, a boolean or a null, or does not serialise.
pub fn canonical<T: Serialize>(value: &T) -> Result<String, CanonicalError> {
    let value = serde_json::to_value(value).map_err(CanonicalError::Unserialisable)?;
    let mut out = String::new();
    write_value(&value, &mut out)?;
    Ok(out)
}

fn write_value(value: &Value, out: &mut String) -> Result<(), CanonicalError> {
    match value {
        Value::Null => Err(CanonicalError::NotAllowed("null")),
        Value::Bool(_) => Err(CanonicalError::NotAllowed("boolean")),
        Value::Number(number) if number.is_f64() => Err(CanonicalError::NotAllowed("float")),
        Value::Number(number) => {
            out.push_str(&number.to_string());
            Ok(())
        }
        Value::String(text) => {
            write_string(text, out);
            Ok(())
        }
        Value::Array(items) => write_list(items, out),
        Value::Object(map) => write_object(map, out),
    }
}

fn write_list(items: &[Value], out: &mut String) -> Result<(), CanonicalError> {
    out.push('[');
    for (nth, item) in items.iter().enumerate() {
        if nth > 0 {
            out.push(',');
        }
        write_value(item, out)?;
    }
    out.push(']');
    Ok(())
}

fn write_object(map: &serde_json::Map<String, Value>, out: &mut String) -> Result<(), CanonicalError> {
    let mut entries: Vec<_> = map.iter().collect();
    // RFC 8785 §3.2.3 orders keys by UTF-16 code units, not by bytes.
    entries.sort_by(|a, b| a.0.encode_utf16().cmp(b.0.encode_utf16()));
    out.push('{');
    for (nth, (key, item)) in entries.into_iter().enumerate() {
        if nth > 0 {
            out.push(',');
        }
        write_string(key, out);
        out.push(':');
        write_value(item, out)?;
    }
    out.push('}');
    Ok(())
}

/// RFC 8785 §3.2.2.2: short escapes where JSON has them, `\u00xx` for other controls.
fn write_string(text: &str, out: &mut String) {
    use std::fmt::Write as _;
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\u{8}' => out.push_str("\\b"),
            '\t' => out.push_str("\\t"),
            '\n' => out.push_str("\\n"),
            '\u{c}' => out.push_str("\\f"),
            '\r' => out.push_str("\\r"),
            c if u32::from(c) < 0x20 => {
                write!(out, "\\u{:04x}", u32::from(c)).expect("a String takes every write");
            }
            c => out.push(c),
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn keys_are_ordered_by_utf16_and_strings_escaped_as_the_rfc_says() {
        let value = json!({"\u{20ac}": 1, "\r": "\u{0f}\n\"\\", "1": [2, "x"], "\u{1f600}": "a", "\u{fb33}": "b"});
        assert_eq!(
            canonical(&value).unwrap(),
            "{\"\\r\":\"\\u000f\\n\\\"\\\\\",\"1\":[2,\"x\"],\"\u{20ac}\":1,\"\u{1f600}\":\"a\",\"\u{fb33}\":\"b\"}"
        );
    }

    #[test]
    fn floats_booleans_and_nulls_are_refused() {
        for value in [json!(1.5), json!([true]), json!({"a": null})] {
            assert!(canonical(&value).is_err(), "{value}");
        }
    }
}
