//! The objects written anew, as the tool gets them.
//!
//! **Invariant:** equal objects give equal text, and nothing in it has two readings: JSON without a
//! key twice, in which every text is in quotes.

use super::yaml::{Key, Node, Value};
use std::fmt::Write as _;

/// One object as it is, several as a `List` with one object a line.
pub(super) fn write(objects: &[&Node]) -> String {
    let mut out = String::new();
    match objects {
        [one] => node(one, &mut out),
        several => {
            out.push_str("{\"apiVersion\":\"v1\",\"kind\":\"List\",\"items\":[");
            for (nth, one) in several.iter().enumerate() {
                out.push_str(if nth == 0 { "\n" } else { ",\n" });
                node(one, &mut out);
            }
            out.push_str("\n]}");
        }
    }
    out.push('\n');
    out
}

fn node(of: &Node, out: &mut String) {
    match &of.value {
        Value::Null => out.push_str("null"),
        Value::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
        Value::Int(value) => write!(out, "{value}").expect("a String takes every write"),
        // Exact, and in the form that both YAML and JSON read as a number.
        Value::Float(value) => write!(out, "{value:e}").expect("a String takes every write"),
        Value::Text(value) => text(value, out),
        Value::List(items) => {
            out.push('[');
            for (nth, item) in items.iter().enumerate() {
                comma(nth, out);
                node(item, out);
            }
            out.push(']');
        }
        Value::Map(entries) => map(entries, out),
    }
}

fn map(entries: &[(Key, Node)], out: &mut String) {
    out.push('{');
    for (nth, (key, item)) in entries.iter().enumerate() {
        comma(nth, out);
        text(&key.text, out);
        out.push(':');
        node(item, out);
    }
    out.push('}');
}

fn comma(nth: usize, out: &mut String) {
    if nth > 0 {
        out.push(',');
    }
}

/// RFC 8259 §7. The texts hold no control characters but these two: the reader refuses others.
fn text(value: &str, out: &mut String) {
    out.push('"');
    for c in value.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            c => out.push(c),
        }
    }
    out.push('"');
}
