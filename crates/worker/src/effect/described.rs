//! What aws and gcloud describe, as a text for people that stays the same while the things do.
//!
//! **Invariant:** nothing of the answer is left out but what changes by itself: markers of pages, ids of requests, and
//! the times at which a thing was last seen or used.

use super::Printed;
use countersign_core::command::Command;
use serde_json::Value;
use std::fmt::Write as _;

/// Keys whose values change although nobody changes the thing, in lower case and without dashes.
///
/// Source: the response shapes of botocore 1.43.11 and Google's discovery documents, for members of these meanings.
const RESTLESS: &[&str] = &[
    "currenttime",
    "lastaccessed",
    "lastaccesseddate",
    "lastaccesstime",
    "lastattachtimestamp",
    "lastauthenticated",
    "lastheartbeat",
    "lastheartbeattime",
    "lastpingdatetime",
    "lastseen",
    "lastuseddate",
    "lastusedtime",
    "nextpagetoken",
    "nexttoken",
    "passwordlastused",
    "requestid",
    "responsemetadata",
    "servertime",
];

/// Each step and what it found.
pub(super) fn text(command: &Command, steps: &[Printed<'_>]) -> String {
    let asked = command.parts().preview.iter().flat_map(|plan| plan.steps.iter());
    let mut text = String::new();
    for (nth, (step, printed)) in asked.zip(steps).enumerate() {
        let gap = if nth == 0 { "" } else { "\n" };
        let _ = writeln!(text, "{gap}now, by `{}`:", step.elements().join(" "));
        text.push_str(&found(printed.stdout));
    }
    text
}

fn found(printed: &str) -> String {
    if printed.trim().is_empty() {
        return "nothing\n".to_owned();
    }
    let Ok(value) = serde_json::from_str::<Value>(printed) else { return lines(printed) };
    let mut text = String::new();
    outline(&value, 0, &mut text);
    if text.is_empty() { "nothing\n".to_owned() } else { text }
}

/// A text that is no JSON, as gcloud's YAML: its lines without the restless ones.
fn lines(printed: &str) -> String {
    let stays =
        |line: &&str| !line.split_once(':').is_some_and(|(key, _)| is_restless(key.trim_start_matches([' ', '-'])));
    printed.lines().filter(stays).fold(String::new(), |text, line| text + line.trim_end() + "\n")
}

fn is_restless(key: &str) -> bool {
    let plain: String = key.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect();
    RESTLESS.binary_search(&plain.as_str()).is_ok()
}

/// An outline by indentation, keys sorted; short values stand behind their key.
fn outline(value: &Value, depth: usize, text: &mut String) {
    match value {
        Value::Object(map) => {
            for (key, item) in map.iter().filter(|(key, _)| !is_restless(key)) {
                entry(&format!("{key}:"), item, depth, text);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| entry("-", item, depth, text)),
        leaf => {
            let _ = writeln!(text, "{:depth$}{}", "", short(leaf), depth = 2 * depth);
        }
    }
}

fn entry(head: &str, item: &Value, depth: usize, text: &mut String) {
    let inner = match item {
        Value::Object(map) => !map.is_empty(),
        Value::Array(items) => !items.is_empty(),
        _ => false,
    };
    let indent = 2 * depth;
    if inner {
        let _ = writeln!(text, "{:indent$}{head}", "");
        outline(item, depth + 1, text);
    } else {
        let _ = writeln!(text, "{:indent$}{head} {}", "", short(item));
    }
}

/// A value on one line: a text without quotes where nothing in it could be taken for something else.
fn short(value: &Value) -> String {
    match value {
        Value::String(text) if !text.is_empty() && text.trim() == text && !text.chars().any(char::is_control) => {
            text.clone()
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn restless_keys_are_sorted() {
        assert!(RESTLESS.is_sorted());
        assert!(is_restless("NextToken") && is_restless("last-heartbeat-time") && !is_restless("LastModified"));
    }

    #[test]
    fn what_is_found_is_an_outline_without_what_changes_by_itself() {
        let printed = r#"{"Reservations":[{"Instances":[{"InstanceId":"i-1","Tags":[],"State":{"Name":"running"},
            "Note":"a\nb","On":true}]}],"NextToken":"x","ResponseMetadata":{"RequestId":"y"}}"#;
        let expected = "\
Reservations:
  -
    Instances:
      -
        InstanceId: i-1
        Note: \"a\\nb\"
        On: true
        State:
          Name: running
        Tags: []
";
        assert_eq!(found(printed), expected);
        assert_eq!(found(&printed.replace("\"x\"", "\"z\"").replace("\"y\"", "\"w\"")), expected);
        assert_ne!(found(&printed.replace("running", "stopped")), expected);
    }

    #[test]
    fn a_text_keeps_its_lines() {
        assert_eq!(
            found("name: web\nlastHeartbeatTime: '1'\n- lastSeen: 2\nstatus: UP  \n"),
            "name: web\nstatus: UP\n"
        );
        assert_eq!((found(""), found("{}"), found("[]")), ("nothing\n".into(), "nothing\n".into(), "nothing\n".into()));
    }
}
