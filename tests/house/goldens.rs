//! What is generated or listed must be complete.

use crate::root;
use countersign_audit::verify::Name;
use countersign_core::refusal::Code;
use std::fs;

#[track_caller]
fn names_all(file: &str, words: impl Iterator<Item = &'static str>) {
    let text = fs::read_to_string(root().join(file)).unwrap_or_else(|error| panic!("{file}: {error}"));
    let missing: Vec<_> = words.filter(|word| !text.contains(&format!("`{word}`"))).collect();
    assert_eq!(missing, Vec::<&str>::new(), "{file} does not name them");
}

#[test]
fn every_refusal_code_is_documented() {
    names_all("docs/operations.md", Code::ALL.iter().map(|code| code.as_str()));
}

#[test]
fn every_finding_of_verify_is_documented() {
    names_all("docs/audit.md", Name::ALL.iter().map(|name| name.as_str()));
}
