//! What somebody who writes policy starts from: presets, schemas, and refusals that help.

use countersign_core::refusal::is_deceptive;
use countersign_policy::answer::{Answer, Asker, ask};
use countersign_policy::lint::lint;
use countersign_policy::schema::{File, schema};
use countersign_policy::yaml::{self, Node, Value};
use countersign_policy::{Overrides, Policy, Source, Sources, cases};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn source(path: &str) -> Source {
    Source::new(path, std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}")))
}

fn policy(rbac: &str) -> Policy {
    let sources = Sources { rbac: source(rbac), catalog: source("catalog.yaml") };
    Policy::load(sources, &Overrides::default()).unwrap_or_else(|problems| panic!("{problems}"))
}

const PRESETS: [&str; 3] = ["read-only", "approvals", "self-service"];

#[test]
fn a_preset_loads_without_a_warning_and_its_cases_try_every_rule() {
    for preset in PRESETS {
        let policy = policy(&format!("policies/presets/{preset}/rbac.yaml"));
        assert!(lint(&policy, None).is_empty(), "{preset}: {}", lint(&policy, None));
        let report = cases::run(&policy, &[source(&format!("policies/presets/{preset}/cases.yaml"))]);
        assert!(report.failures().is_empty(), "{report}");
        assert_eq!(report.coverage().uncovered(), [], "{preset}");
    }
}

/// To accept a change of the language, run the test once with `UPDATE_EXPECT=1`.
#[test]
fn the_schemas_are_the_ones_that_are_checked_in() {
    for file in File::ALL {
        let path = root().join(format!("policies/schema/{}.schema.json", file.name()));
        expect_test::expect_file![path].assert_eq(&schema(file));
    }
}

#[test]
fn what_is_shipped_is_valid_by_its_schema_and_what_is_misspelt_is_not() {
    let valid = |file: File, path: &str, text: &str| {
        let schema = serde_json::from_str(&schema(file)).expect("a schema is JSON");
        let validator = jsonschema::validator_for(&schema).expect("a schema");
        let document = json(&yaml::parse(path, text).unwrap_or_else(|problem| panic!("{problem}")));
        let wrong: Vec<String> =
            validator.iter_errors(&document).map(|error| format!("{path}{}: {error}", error.instance_path())).collect();
        wrong
    };
    let none = Vec::<String>::new();
    for preset in PRESETS {
        let path = format!("policies/presets/{preset}/rbac.yaml");
        assert_eq!(valid(File::Rbac, &path, &source(&path).text), none);
    }
    assert_eq!(valid(File::Rbac, "rbac.yaml", &source("rbac.yaml").text), none);
    assert_eq!(valid(File::Catalog, "catalog.yaml", &source("catalog.yaml").text), none);
    for file in case_files() {
        assert_eq!(valid(File::Cases, &file.name, &file.text), none);
    }
    let misspelt = source("rbac.yaml").text.replace("quorum:", "qourum:");
    assert!(!valid(File::Rbac, "rbac.yaml", &misspelt).is_empty());
    let misspelt = source("catalog.yaml").text.replace("tier: read", "tier: raed");
    assert!(!valid(File::Catalog, "catalog.yaml", &misspelt).is_empty());
}

fn json(node: &Node) -> serde_json::Value {
    match &node.value {
        Value::Null | Value::Float => serde_json::Value::Null,
        Value::Bool(value) => (*value).into(),
        Value::Int(value) => (*value).into(),
        Value::Text(text) => text.as_str().into(),
        Value::List(items) => items.iter().map(json).collect(),
        Value::Map(entries) => entries.iter().map(|(key, node)| (key.text.clone(), json(node))).collect(),
    }
}

fn case_files() -> Vec<Source> {
    let entries = std::fs::read_dir(root().join("policies/tests")).expect("the folder of cases");
    let paths: BTreeSet<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    let names = paths.iter().filter_map(|path| path.file_name());
    names.map(|name| source(&format!("policies/tests/{}", name.to_string_lossy()))).collect()
}

/// Every text that stands in the case files, and who types it there matters not.
fn texts() -> BTreeSet<String> {
    fn collect(node: &Node, key: Option<&str>, found: &mut BTreeSet<String>) {
        match &node.value {
            Value::Text(text) if matches!(key, Some("text" | "texts")) => {
                found.insert(text.clone());
            }
            Value::List(items) => items.iter().for_each(|item| collect(item, key, found)),
            Value::Map(entries) => entries.iter().for_each(|(key, node)| collect(node, Some(&key.text), found)),
            _ => {}
        }
    }
    let mut found = BTreeSet::new();
    for file in case_files() {
        let root = yaml::parse(&file.name, &file.text).unwrap_or_else(|problem| panic!("{problem}"));
        collect(&root, None, &mut found);
    }
    found
}

#[test]
fn p56_every_no_names_its_rule_and_a_way_forward_and_cannot_move_the_cursor() {
    let policy = policy("rbac.yaml");
    let mut codes = BTreeSet::new();
    for text in texts() {
        for groups in [&["sre"][..], &[]] {
            let answer: Answer = ask(&policy, &Asker::in_groups(groups.iter().copied()), &text);
            let Some(refusal) = answer.refusal else { continue };
            codes.insert(refusal.code());
            assert!(refusal.rule().is_some_and(|rule| !rule.is_empty()), "{text}: {refusal} has no rule");
            assert!(!refusal.hint().trim().is_empty(), "{text}: {refusal} has no hint");
            for said in [&refusal.to_string(), refusal.hint(), refusal.rule().unwrap_or_default()] {
                assert!(!said.chars().any(is_deceptive), "{text}: {said:?}");
            }
            if let Some(place) = refusal.place() {
                assert!(place.column >= 1 && place.column <= text.chars().count(), "{text}: column {}", place.column);
            }
        }
    }
    assert!(codes.len() >= 6, "{codes:?}");
}
