//! Records that were written once, and can be read for ever.

use crate::sample::every_kind;
use countersign_audit::event::Kind;
use countersign_audit::record::Record;
use serde_json::Value;
use std::collections::BTreeSet;

/// Written by the first version of the form; never to be changed.
const FIRST: &str = include_str!("../golden/v1/records.ndjson");

/// The same, of the kind that came after.
const RECONCILED: &str = include_str!("../golden/v1/reconciled.ndjson");

#[test]
fn what_was_written_once_is_read_and_written_the_same() {
    let mut kinds = BTreeSet::new();
    for line in FIRST.lines().chain(RECONCILED.lines()) {
        let record = Record::read(line.as_bytes()).unwrap();
        kinds.insert(record.event.kind);
        assert_eq!(record.line(), line);
    }
    assert_eq!(kinds, Kind::ALL.into_iter().collect());
}

#[test]
fn the_schema_accepts_what_was_written_once_and_what_is_written_now() {
    let schema = countersign_audit::schema::record();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let now: Vec<String> = every_kind().iter().map(Record::line).collect();
    for line in FIRST.lines().chain(RECONCILED.lines()).chain(now.iter().map(String::as_str)) {
        let value: Value = serde_json::from_str(line).unwrap();
        let errors: Vec<_> = validator.iter_errors(&value).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{errors:?}\n{line}");
    }
}

#[test]
fn no_field_of_the_schema_is_without_a_golden_record() {
    let schema = countersign_audit::schema::record();
    let mut seen = BTreeSet::new();
    for line in FIRST.lines() {
        names("", &serde_json::from_str(line).unwrap(), &mut seen);
    }
    for name in schema["properties"].as_object().unwrap().keys() {
        assert!(seen.contains(&format!("/{name}")), "`{name}` is new: add a golden file with it");
    }
    for inner in ["/actor/on_behalf_of/sub", "/refusal/place/column", "/scope/region", "/head/root", "/leases/id"] {
        assert!(seen.contains(inner), "{inner}");
    }
}

fn names(path: &str, value: &Value, seen: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                let path = format!("{path}/{name}");
                names(&path, value, seen);
                seen.insert(path);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| names(path, item, seen)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[test]
fn the_schema_refuses_what_is_no_record() {
    let schema = countersign_audit::schema::record();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let good: Value = serde_json::from_str(FIRST.lines().nth(1).unwrap()).unwrap();
    assert!(validator.is_valid(&good));
    let changed = |name: &str, value: Option<Value>| {
        let mut bad = good.clone();
        match value {
            Some(value) => bad[name] = value,
            None => drop(bad.as_object_mut().unwrap().remove(name)),
        }
        bad
    };
    for (name, value) in [
        ("approved", Some("yes".into())),
        ("event", Some("deployed".into())),
        ("seq", None),
        ("prev", Some("sha256:00".into())),
        ("schema", Some(2.into())),
        ("at", Some("2026-11-21T01:00:00Z".into())),
        ("writer", Some("root-1".into())),
        ("tier", Some("harmless".into())),
        ("invocation", Some("1".into())),
        ("exit", Some((-1).into())),
    ] {
        assert!(!validator.is_valid(&changed(name, value)), "{name}");
    }
}
