//! Values of a plan as people may see them.
//!
//! **Invariant:** what the plan marks as sensitive on either side of a change is never printed, at any depth; a mark
//! whose form does not fit its value hides all of the value. What is known to be sensitive at one place is hidden at
//! every other, too: providers repeat what they are given, and do not say that they do.

use countersign_core::digest::Digest;
use countersign_core::refusal::is_deceptive;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// What stands in the place of a sensitive value.
pub(super) const HIDDEN: &str = "(sensitive value)";

/// What stands in the place of a value that is not known yet.
const UNKNOWN: &str = "(known after apply)";

/// A shorter text is not looked for elsewhere: it would be found everywhere.
const SHORTEST_SECRET: usize = 4;

/// Of a longer text the beginning is shown, in characters.
const LONGEST_VALUE: usize = 400;

/// Every sensitive value of a plan, as it stands in texts.
#[derive(Default)]
pub(super) struct Secrets {
    texts: BTreeSet<String>,
}

impl Secrets {
    /// Learns what a mark hides.
    pub(super) fn learn(&mut self, value: &Value, mark: &Value) {
        match (value, mark) {
            (_, Value::Bool(false) | Value::Null) => {}
            (_, Value::Object(marks)) if marks.is_empty() => {}
            (_, Value::Array(marks)) if marks.is_empty() && !matches!(value, Value::Array(_)) => {}
            (Value::Object(fields), Value::Object(marks)) => {
                for (key, value) in fields {
                    self.learn(value, marks.get(key).unwrap_or(&Value::Null));
                }
            }
            (Value::Array(items), Value::Array(marks)) => {
                for (nth, value) in items.iter().enumerate() {
                    self.learn(value, marks.get(nth).unwrap_or(&Value::Bool(true)));
                }
            }
            _ => self.learn_all(value),
        }
    }

    /// Learns a value and everything in it.
    pub(super) fn learn_all(&mut self, value: &Value) {
        match value {
            Value::Null | Value::Bool(_) => {}
            Value::Number(number) => self.add(&number.to_string()),
            Value::String(text) => {
                self.add(text);
                // A document in a text, and a text of several lines, of which each may stand alone.
                if let Ok(inner @ (Value::Object(_) | Value::Array(_))) = serde_json::from_str(text) {
                    self.learn_all(&inner);
                }
                text.lines().filter(|line| line.trim().len() >= 16).for_each(|line| self.add(line.trim()));
            }
            Value::Array(items) => items.iter().for_each(|item| self.learn_all(item)),
            Value::Object(fields) => fields.values().for_each(|item| self.learn_all(item)),
        }
    }

    fn add(&mut self, text: &str) {
        if text.trim().len() < SHORTEST_SECRET {
            return;
        }
        self.texts.insert(text.to_owned());
        // As it stands within JSON, and within JSON within JSON.
        let escaped = inner(text);
        self.texts.insert(inner(&escaped));
        self.texts.insert(escaped);
    }

    fn are_in(&self, text: &str) -> bool {
        self.texts.iter().any(|secret| text.contains(secret.as_str()))
    }

    /// A text without them.
    pub(super) fn hide(&self, text: &str) -> String {
        let mut longest: Vec<&String> = self.texts.iter().filter(|secret| text.contains(secret.as_str())).collect();
        longest.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        longest.into_iter().fold(text.to_owned(), |text, secret| text.replace(secret.as_str(), HIDDEN))
    }

    fn shown(&self, value: &Value) -> String {
        match value {
            Value::String(text) if self.are_in(text) => HIDDEN.to_owned(),
            Value::Number(number) if self.texts.contains(&number.to_string()) => HIDDEN.to_owned(),
            Value::String(text) => quoted(text),
            other => other.to_string(),
        }
    }
}

/// A text as it stands between the quotes of JSON.
fn inner(text: &str) -> String {
    let quoted = Value::from(text).to_string();
    quoted[1..quoted.len() - 1].to_owned()
}

/// One line, in quotes; of a long one the beginning, and what tells it from others.
fn quoted(text: &str) -> String {
    let beginning: String = text.chars().take(LONGEST_VALUE).collect();
    let escape = |c: char| if is_deceptive(c) && c != '\n' { c.escape_unicode().to_string() } else { c.to_string() };
    let line = Value::from(beginning.chars().map(escape).collect::<String>()).to_string();
    if beginning.len() == text.len() {
        return line;
    }
    let (more, digest) = (text.chars().count() - LONGEST_VALUE, Digest::of(text.as_bytes()).short());
    format!("{line}… and {more} more characters ({digest})")
}

/// One value within a bigger one.
#[derive(Clone, PartialEq)]
enum Leaf<'a> {
    Hidden(&'a Value),
    Unknown,
    Is(&'a Value),
}

/// The sides of a change.
#[derive(Clone, Copy)]
pub(super) struct Sides<'a> {
    pub(super) before: &'a Value,
    pub(super) after: &'a Value,
    pub(super) unknown: &'a Value,
    /// The marks of both sides.
    pub(super) marks: [&'a Value; 2],
}

/// A line for each value that is different, `path: old -> new`, in the order of paths. Of what is created there is no old
/// side, of what is destroyed no new one.
pub(super) fn differences(sides: Sides<'_>, secrets: &Secrets) -> Vec<String> {
    let (mut old, mut new) = (BTreeMap::new(), BTreeMap::new());
    leaves(sides.before, &Value::Null, &sides.marks, String::new(), &mut old);
    leaves(sides.after, sides.unknown, &sides.marks, String::new(), &mut new);
    let paths: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    let (creates, destroys) = (sides.before.is_null(), sides.after.is_null() && !has_unknown(sides.unknown));
    let line = |path: &&String| {
        let (old, new) = (old.get(*path), new.get(*path));
        if old == new {
            return None;
        }
        let side = |leaf: Option<&Leaf<'_>>| match leaf {
            None => "nothing".to_owned(),
            Some(Leaf::Hidden(_)) => HIDDEN.to_owned(),
            Some(Leaf::Unknown) => UNKNOWN.to_owned(),
            Some(Leaf::Is(value)) => secrets.shown(value),
        };
        let is_empty = |leaf: Option<&Leaf<'_>>| matches!(leaf, None | Some(Leaf::Is(Value::Null)));
        let name = if path.is_empty() { String::new() } else { format!("{path}: ") };
        match (creates, destroys) {
            (true, _) => (!is_empty(new)).then(|| format!("{name}{}", side(new))),
            (_, true) => (!is_empty(old)).then(|| format!("{name}{}", side(old))),
            _ => Some(format!("{name}{} -> {}", side(old), side(new))),
        }
    };
    paths.iter().filter_map(line).collect()
}

fn has_unknown(unknown: &Value) -> bool {
    match unknown {
        Value::Bool(is) => *is,
        Value::Array(items) => items.iter().any(has_unknown),
        Value::Object(fields) => fields.values().any(has_unknown),
        _ => false,
    }
}

/// The value of one side, with what stands for it in `unknown` and in the marks.
fn leaves<'a>(
    value: &'a Value,
    unknown: &'a Value,
    marks: &[&'a Value],
    at: String,
    all: &mut BTreeMap<String, Leaf<'a>>,
) {
    if marks.iter().any(|mark| hides(mark, value)) {
        // Whether it is known tells nothing of what it is.
        all.insert(at, if has_unknown(unknown) { Leaf::Unknown } else { Leaf::Hidden(value) });
        return;
    }
    match (value, unknown) {
        (_, Value::Bool(true)) => {
            all.insert(at, Leaf::Unknown);
        }
        (Value::Object(fields), _) if !fields.is_empty() || has_unknown(unknown) => {
            let later = unknown.as_object().into_iter().flat_map(|fields| fields.keys());
            let keys: BTreeSet<&String> = fields.keys().chain(later).collect();
            for key in keys {
                let value = fields.get(key).unwrap_or(&Value::Null);
                let inner: Vec<&Value> = marks.iter().map(|mark| mark.get(key).unwrap_or(&Value::Null)).collect();
                let unknown = unknown.get(key).unwrap_or(&Value::Null);
                leaves(value, unknown, &inner, field(&at, key), all);
            }
        }
        (Value::Array(items), _) if !items.is_empty() => {
            for (nth, item) in items.iter().enumerate() {
                let inner: Vec<&Value> = marks.iter().map(|mark| of_item(mark, nth)).collect();
                let unknown = unknown.get(nth).unwrap_or(&Value::Null);
                leaves(item, unknown, &inner, format!("{at}[{nth}]"), all);
            }
        }
        (Value::Null, Value::Object(_) | Value::Array(_)) if has_unknown(unknown) => {
            all.insert(at, Leaf::Unknown);
        }
        _ => {
            all.insert(at, Leaf::Is(value));
        }
    }
}

/// A list that is marked within is marked in full: an item without a mark of its own is hidden.
fn of_item(mark: &Value, nth: usize) -> &Value {
    match mark {
        Value::Array(marks) => marks.get(nth).unwrap_or(&Value::Bool(true)),
        _ => &Value::Null,
    }
}

/// Whether a mark hides all of a value.
fn hides(mark: &Value, value: &Value) -> bool {
    match (mark, value) {
        (Value::Bool(is), _) => *is,
        (Value::Null, _)
        | (_, Value::Null)
        | (Value::Object(_), Value::Object(_))
        | (Value::Array(_), Value::Array(_)) => false,
        // A mark of another form: of what it speaks cannot be said.
        (Value::Object(marks), _) => !marks.is_empty(),
        (Value::Array(marks), _) => !marks.is_empty(),
        _ => true,
    }
}

fn field(at: &str, key: &str) -> String {
    let plain = !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
    match (at.is_empty(), plain) {
        (true, true) => key.to_owned(),
        (false, true) => format!("{at}.{key}"),
        (_, false) => format!("{at}[{}]", quoted(key)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[track_caller]
    fn shown(before: &Value, after: &Value, unknown: &Value, marks: [&Value; 2]) -> Vec<String> {
        let mut secrets = Secrets::default();
        secrets.learn(before, marks[0]);
        secrets.learn(after, marks[1]);
        differences(Sides { before, after, unknown, marks }, &secrets)
    }

    #[test]
    fn p24_a_sensitive_value_is_hidden_at_any_depth() {
        let after = json!({"list": ["a", "s3cret-1", {"deep": ["s3cret-2", "open"]}], "map": {"k.e y": "s3cret-3"}});
        let mark = json!({"list": [false, true, {"deep": [true, false]}], "map": {"k.e y": true}});
        let none = Value::Bool(false);
        let lines = shown(&Value::Null, &after, &Value::Null, [&none, &mark]);
        let expected = [
            "list[0]: \"a\"",
            "list[1]: (sensitive value)",
            "list[2].deep[0]: (sensitive value)",
            "list[2].deep[1]: \"open\"",
            "map[\"k.e y\"]: (sensitive value)",
        ];
        assert_eq!(lines, expected);
    }

    #[test]
    fn p24_what_was_sensitive_on_either_side_is_hidden_on_both() {
        let (before, after) = (json!({"a": "old-secret", "b": 1}), json!({"a": "new-value", "b": 2}));
        let (marked, not) = (json!({"a": true}), json!({}));
        for marks in [[&marked, &not], [&not, &marked]] {
            let lines = shown(&before, &after, &json!({}), marks);
            assert_eq!(lines, ["a: (sensitive value) -> (sensitive value)", "b: 1 -> 2"]);
        }
        let same = shown(&before, &before, &json!({}), [&marked, &not]);
        assert_eq!(same, Vec::<String>::new());
    }

    #[test]
    fn p24_a_mark_of_another_form_hides_everything() {
        for (value, mark) in [
            (json!({"a": "s3cret"}), json!([true])),
            (json!(["s3cret"]), json!({"a": true})),
            (json!("s3cret"), json!({"a": true})),
            (json!("s3cret"), json!("yes")),
            (json!(["open", "s3cret"]), json!([false])),
        ] {
            let lines = shown(&Value::Null, &json!({"x": value}), &Value::Null, [&Value::Null, &json!({"x": mark})]);
            assert!(!lines.join("\n").contains("s3cret"), "{lines:?}");
        }
    }

    #[test]
    fn p24_a_secret_that_is_repeated_without_a_mark_is_hidden() {
        let after = json!({
            "input": "s3cret \"x\"", "output": "s3cret \"x\"", "url": "postgres://u:s3cret \"x\"@db",
            "json": "{\"password\":\"s3cret \\\"x\\\"\"}", "port": 54321, "other": 54321, "short": "no",
        });
        let mark = json!({"input": true, "port": true});
        let lines = shown(&Value::Null, &after, &Value::Null, [&Value::Null, &mark]);
        assert!(!lines.join("\n").contains("s3cret") && !lines.join("\n").contains("54321"), "{lines:?}");
        assert_eq!(lines.last().unwrap(), "url: (sensitive value)");
        assert!(lines.contains(&"short: \"no\"".to_owned()));
    }

    #[test]
    fn what_is_not_known_yet_says_so() {
        let (before, after) = (json!({"id": "1", "n": {"x": 1}}), json!({"n": {}}));
        let unknown = json!({"id": true, "n": {"x": true}, "new": [true]});
        let lines = shown(&before, &after, &unknown, [&json!({}), &json!({})]);
        let expected = [
            "id: \"1\" -> (known after apply)",
            "n.x: 1 -> (known after apply)",
            "new: nothing -> (known after apply)",
        ];
        assert_eq!(lines, expected);
    }

    #[test]
    fn p48_a_value_is_one_line_and_says_how_long_it_is() {
        let long = format!("a\u{202e}\n{}", "x".repeat(1_000));
        let lines = shown(&Value::Null, &json!({"a": long}), &Value::Null, [&Value::Null, &Value::Null]);
        assert_eq!(lines.len(), 1);
        assert!(lines[0].starts_with("a: \"a\\\\u{202e}\\nxxx") && lines[0].contains("… and 603 more characters ("));
        let lines = shown(&Value::Null, &json!({"a": "x\u{1b}[2J"}), &Value::Null, [&Value::Null, &Value::Null]);
        assert_eq!(lines, ["a: \"x\\\\u{1b}[2J\""]);
    }
}
