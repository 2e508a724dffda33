use super::*;
use crate::catalog::Overrides;
use crate::policy::{Source, Sources};

const RBAC: &str = include_str!("../../../../rbac.yaml");
const CATALOG: &str = include_str!("../../../../catalog.yaml");

fn policy(rbac: &str) -> Policy {
    let sources = Sources { rbac: Source::new("rbac.yaml", rbac), catalog: Source::new("catalog.yaml", CATALOG) };
    Policy::load(sources, &Overrides::default()).unwrap_or_else(|problems| panic!("{problems}"))
}

fn told(new: &str) -> Vec<String> {
    let found = compare(&policy(RBAC), &policy(new));
    found.differences.iter().map(ToString::to_string).collect()
}

#[track_caller]
fn has(told: &[String], line: &str) {
    assert!(told.iter().any(|one| one.contains(line)), "no `{line}` in\n{}", told.join("\n"));
}

#[test]
fn another_order_and_another_layout_differ_in_nothing() {
    let (head, bindings) = RBAC.split_once("bindings:\n").unwrap();
    let (bindings, rest) = bindings.split_once("\n\n").unwrap();
    let mut lines: Vec<&str> = bindings.lines().collect();
    lines.reverse();
    let reordered = format!("{head}bindings:\n{}\n\n{rest}\n# the end\n", lines.join("\n"));
    assert_ne!(reordered, RBAC);
    assert_eq!(told(&reordered), Vec::<String>::new());
    assert_eq!(told(&RBAC.replace("id: prod-change", "id: changes-in-prod")), Vec::<String>::new());
}

#[test]
fn a_right_gained_through_inheritance_is_found() {
    let new = RBAC.replace("viewer:   {                       allow", "viewer:   { inherits: [changer], allow");
    let new = new.replace("roles:\n", "roles:\n  changer: { allow: [ { tool: kubectl, tier: change } ] }\n");
    let told = told(&new);
    has(&told, "`kubectl scale` (change) in dev (runs at once; was refused: not-allowed)");
    has(&told, "`kubectl scale` (change) in prod (needs 1 of sre; was refused: not-allowed)");
    assert!(told.iter().all(|line| line.starts_with("group engineering gains ")), "{told:#?}");
}

#[test]
fn a_quorum_a_freeze_a_protection_and_a_denial_are_told() {
    let two = RBAC.replace("env: prod,           quorum: \"1 of sre\",   ", "env: prod, quorum: \"2 of sre\", ");
    assert_ne!(two, RBAC);
    has(&told(&two), "in prod (needs 2 of sre; was needs 1 of sre)");
    let thawed = RBAC.replace("to: 2026-01-03T00:00Z", "to: 2026-01-02T00:00Z");
    let told_thawed = told(&thawed);
    has(&told_thawed, "at 2026-01-02T00:00:00");
    has(&told_thawed, "was refused: frozen");
    let open = RBAC.replace("k8s/*/ns/kube-*", "k8s/*/ns/kube-flannel");
    has(&told(&open), "on `k8s/*/ns/kube-*` (runs at once; was refused: protected)");
    let undenied: String = RBAC
        .lines()
        .filter(|line| !line.contains("only-prod-deploys"))
        .fold(String::new(), |text, line| text + line + "\n");
    has(&told(&undenied.replace("deny:\n", "deny: []\n")), "group sre gains");
}

#[test]
fn what_a_catalog_changes_is_told() {
    let catalog = CATALOG.replace("  - { objects: 20, tier: destructive }", "  - { objects: 5, tier: destructive }");
    assert_ne!(catalog, CATALOG);
    let sources = Sources { rbac: Source::new("rbac.yaml", RBAC), catalog: Source::new("catalog.yaml", catalog) };
    let new = Policy::load(sources, &Overrides::default()).unwrap();
    let found = compare(&policy(RBAC), &new).to_string();
    assert!(
        found.contains("`kubectl scale` (change) in prod on 5 objects (needs 1 of sre and 1 of payments"),
        "{found}"
    );
    assert!(!found.contains("4 objects"), "{found}");
}
