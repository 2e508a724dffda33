//! The command line as a newcomer and an auditor use it.

#![expect(clippy::disallowed_methods, reason = "the one place where tests start the program itself")]

use std::path::PathBuf;
use std::process::{Command, Output};

fn program() -> PathBuf {
    let launcher = crate::world::launcher();
    let path = launcher.as_path().with_file_name("countersign");
    assert!(path.exists(), "`{}` is missing: run tests/run, or `cargo build --workspace` first", path.display());
    path
}

fn run(arguments: &[&str]) -> Output {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let root = root.parent().expect("tests/ is a folder of the workspace");
    Command::new(program()).args(arguments).current_dir(root).output().expect("it starts")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn the_tour_keeps_its_promises_and_its_log_verifies() {
    let data = tempfile::tempdir().expect("there is room");
    let data = data.path().to_str().expect("it is text");
    let tour = run(&["demo", "--tour", "--data", data]);
    let said = text(&tour.stdout);
    assert!(tour.status.success(), "{said}\n{}", text(&tour.stderr));
    assert!(said.contains("each as promised"), "{said}");
    let verified = run(&["audit", "verify", "--data", data]);
    assert_eq!(verified.status.code(), Some(0), "{}{}", text(&verified.stdout), text(&verified.stderr));
    assert!(text(&verified.stdout).contains("Integrity: nothing was changed"));
}

#[test]
fn a_page_for_other_machines_is_refused() {
    let out = run(&["demo", "--listen", "0.0.0.0:8080"]);
    assert_eq!(out.status.code(), Some(3));
    assert!(text(&out.stderr).contains("0.0.0.0:8080"), "{}", text(&out.stderr));
}

#[test]
fn the_shipped_files_are_right_and_their_cases_pass() {
    let check = run(&["check", "--people", "crates/cli/src/demo/people.yaml"]);
    assert!(check.status.success(), "{}", text(&check.stderr));
    let test = run(&["test"]);
    assert!(test.status.success(), "{}", text(&test.stderr));
    assert!(text(&test.stdout).contains("cases passed"));
}

#[test]
fn every_mistake_of_a_file_is_named_with_its_place() {
    let folder = tempfile::tempdir().expect("there is room");
    let rbac = folder.path().join("rbac.yaml");
    std::fs::write(&rbac, "version: 1\nroles:\n  viewer: { allow: [ { tool: \"*\", tier: raed } ] }\nbindings:\n  - { group: engineering, role: veiwer }\n")
        .expect("there is room");
    let out = run(&["check", "--rbac", rbac.to_str().expect("it is text")]);
    let said = text(&out.stderr);
    assert_eq!(out.status.code(), Some(1), "{said}");
    assert!(said.contains("rbac.yaml:3:") && said.contains("rbac.yaml:5:"), "{said}");
    assert!(said.contains("read") && said.contains("viewer"), "{said}");
}
