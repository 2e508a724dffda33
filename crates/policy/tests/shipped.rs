//! The files that are shipped come out as they say: cases, examples, matrix.

use countersign_command::{Context, Typed};
use countersign_core::command::Command;
use countersign_core::policy::{Canonical, Policy as _};
use countersign_policy::{Overrides, Policy, Source, Sources, cases, matrix};
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn source(path: &Path) -> Source {
    let text = std::fs::read_to_string(path).expect("a shipped file");
    let name = path.file_name().expect("a file").to_string_lossy().into_owned();
    Source::new(name, text)
}

fn shipped() -> Policy {
    let sources = Sources { rbac: source(&root().join("rbac.yaml")), catalog: source(&root().join("catalog.yaml")) };
    Policy::load(sources, &Overrides::default()).unwrap_or_else(|problems| panic!("{problems}"))
}

fn parse(policy: &Policy, text: &str) -> Command {
    let typed = countersign_command::parse(text, &Context::default(), policy.vocabulary());
    match typed.unwrap_or_else(|refusal| panic!("{text}: {refusal}")) {
        Typed::Run { command, .. } => command,
        Typed::Ask(_) => panic!("{text} runs nothing"),
    }
}

#[test]
fn every_shipped_case_passes_and_none_is_missing() {
    let folder = root().join("policies/tests");
    let entries = std::fs::read_dir(folder).expect("the folder of cases");
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    paths.sort();
    let files: Vec<Source> = paths.iter().map(|path| source(path)).collect();
    let report = cases::run(&shipped(), &files);
    assert!(report.is_green(), "{report}");
    assert!(report.passed() >= 40, "{report}");
}

#[test]
fn every_example_of_the_catalog_is_a_command() {
    let policy = shipped();
    for command in policy.catalog().commands().values() {
        for example in &command.grammar.examples {
            let parsed = parse(&policy, example);
            assert_eq!(parsed.tool().name(), command.grammar.name, "{example}");
        }
    }
}

#[test]
fn what_was_parsed_is_understood_again_from_its_canonical_form() {
    let policy = shipped();
    for text in [
        "kubectl get pods -n web --context prod",
        "kubectl delete pod api -n web --context prod --apply",
        "kubectl delete pod api -n web --context prod",
        "restart-report service=checkout --apply",
    ] {
        let command = parse(&policy, text);
        assert_eq!(policy.parse_again(&Canonical::of(&command)).expect("it was parsed before"), command, "{text}");
    }
}

/// The reviewer reads the difference. To accept it, run the test once with `UPDATE_EXPECT=1`.
#[test]
fn the_matrix_is_the_one_that_was_reviewed() {
    expect_test::expect_file!["snapshots/matrix.txt"].assert_eq(&matrix(&shipped()));
}
