//! The published schemas: what stands in the repository, and that the record's only ever grows.

use crate::world::{Mood, World};
use countersign_audit::event::{Event, Kind};
use countersign_audit::log::Limits;
use countersign_audit::schema;
use countersign_audit::verify::Report;
use expect_test::expect_file;
use serde_json::{Value, json};
use std::collections::BTreeSet;

fn pretty(value: &Value) -> String {
    format!("{}\n", serde_json::to_string_pretty(value).unwrap())
}

#[test]
fn the_published_schemas_are_what_the_code_says() {
    expect_file!["../../../../policies/schema/audit-record.v1.json"].assert_eq(&pretty(&schema::record()));
    expect_file!["../../../../policies/schema/audit-report.v1.json"].assert_eq(&pretty(&schema::report()));
}

/// What the first release promised; never to be changed.
const RELEASED: &str = include_str!("../../../../policies/schema/released/audit-record.v1.0.json");

#[test]
fn the_schema_only_ever_grew() {
    let released: Value = serde_json::from_str(RELEASED).unwrap();
    let mut taken = Vec::new();
    shrunk("", &released, &schema::record(), &mut taken);
    assert!(taken.is_empty(), "{taken:#?}");
}

#[test]
fn taking_something_away_is_noticed() {
    let released: Value = serde_json::from_str(RELEASED).unwrap();
    let changes: [fn(&mut Value); 5] = [
        |now| drop(now["properties"].as_object_mut().unwrap().remove("ticket")),
        |now| now["properties"]["why"]["type"] = json!("integer"),
        |now| now["required"].as_array_mut().unwrap().push(json!("actor")),
        |now| drop(now["$defs"]["Scope"]["properties"].as_object_mut().unwrap().remove("env")),
        |now| drop(now["$defs"].as_object_mut().unwrap().remove("Actor")),
    ];
    for (nth, change) in changes.into_iter().enumerate() {
        let mut now = released.clone();
        change(&mut now);
        let mut taken = Vec::new();
        shrunk("", &released, &now, &mut taken);
        assert_eq!(taken.len(), 1, "change {nth}: {taken:?}");
    }
}

/// Names what `old` allows or promises and `new` does not.
fn shrunk(path: &str, old: &Value, new: &Value, taken: &mut Vec<String>) {
    let words = |value: &Value| -> BTreeSet<String> {
        value.as_array().into_iter().flatten().map(ToString::to_string).collect()
    };
    for same in ["type", "const", "pattern", "$ref", "minimum", "minItems", "additionalProperties"] {
        if old.get(same) != new.get(same) && !(same == "additionalProperties" && old[same].is_object()) {
            taken.push(format!("{path}: {same}"));
        }
    }
    if !words(&old["enum"]).is_subset(&words(&new["enum"])) {
        taken.push(format!("{path}: enum"));
    }
    if !words(&new["required"]).is_subset(&words(&old["required"])) {
        taken.push(format!("{path}: required"));
    }
    for named in ["properties", "$defs"] {
        for (name, old) in old[named].as_object().into_iter().flatten() {
            match new[named].get(name) {
                Some(new) => shrunk(&format!("{path}/{name}"), old, new, taken),
                None => taken.push(format!("{path}/{name}")),
            }
        }
    }
    if old.get("items").is_some() {
        shrunk(&format!("{path}[]"), &old["items"], &new["items"], taken);
    }
    for either in ["anyOf", "oneOf"] {
        // Alternatives are only added.
        for (nth, old) in old[either].as_array().into_iter().flatten().enumerate() {
            match new[either].get(nth) {
                Some(new) => shrunk(&format!("{path}|{nth}"), old, new, taken),
                None => taken.push(format!("{path}|{nth}")),
            }
        }
    }
}

#[tokio::test]
async fn the_report_has_its_published_form() {
    let mut w = World::new();
    w.limits = Limits::default();
    let gateway = w.open("gateway").await;
    gateway.record(Event::of(Kind::Freeze)).await.unwrap();
    let told = |report: &Report| {
        let mut value: Value = serde_json::from_str(&report.to_json()).unwrap();
        // The command line says it in front of what was found.
        value["conclusion"] = json!(["sound", "incomplete", "broken"][usize::from(report.conclusion().exit_code())]);
        value
    };
    let validator = jsonschema::validator_for(&schema::report()).unwrap();
    let sound = told(&w.verify().await);
    assert!(validator.is_valid(&sound), "{sound:#}");
    w.sink.is(Mood::Good);
    std::fs::write(w.path("log").join("stranger\u{1b}"), "x").unwrap();
    let broken = told(&w.verify().await);
    let errors: Vec<_> = validator.iter_errors(&broken).map(|error| error.to_string()).collect();
    assert!(errors.is_empty(), "{errors:?}\n{broken:#}");
    assert_eq!(broken["conclusion"], "broken");
    // Nothing is reported that the schema does not name.
    let schema = schema::report();
    let known = |at: &Value| at["properties"].as_object().unwrap().keys().cloned().collect::<BTreeSet<_>>();
    let keys = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<BTreeSet<_>>();
    assert!(keys(&broken).is_subset(&known(&schema)), "{broken:#}");
    let finding = &schema["properties"]["findings"]["items"];
    for found in broken["findings"].as_array().unwrap() {
        assert!(keys(found).is_subset(&known(finding)), "{found:#}");
    }
}
