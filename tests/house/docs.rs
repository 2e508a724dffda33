//! What the documents promise and the tree must keep.

use crate::root;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

fn files(folder: &Path, found: &mut Vec<std::path::PathBuf>) {
    for entry in fs::read_dir(folder).expect("folders of the workspace can be read") {
        let path = entry.expect("folders of the workspace can be read").path();
        if path.is_dir() {
            if path.file_name().is_some_and(|name| name != "target" && name != ".git" && name != ".cache") {
                files(&path, found);
            }
        } else {
            found.push(path);
        }
    }
}

/// All Rust text below a folder.
pub(crate) fn sources(folder: &Path) -> String {
    let mut found = Vec::new();
    files(folder, &mut found);
    let rust = found.iter().filter(|path| path.extension().is_some_and(|end| end == "rs"));
    rust.map(|path| fs::read_to_string(path).expect("sources are text")).collect()
}

/// Names of all test functions below crates/ and tests/.
fn tests() -> BTreeSet<String> {
    let mut found = Vec::new();
    files(&root().join("crates"), &mut found);
    files(&root().join("tests"), &mut found);
    let rust = found.iter().filter(|path| path.extension().is_some_and(|end| end == "rs"));
    rust.flat_map(|path| {
        let text = fs::read_to_string(path).expect("sources are text");
        let names = text.lines().filter_map(|line| {
            let line = line.trim_start().trim_start_matches("pub(crate) ").trim_start_matches("async ");
            let name = line.strip_prefix("fn ")?.split(['(', '<']).next()?;
            Some(name.to_owned())
        });
        names.collect::<Vec<_>>()
    })
    .collect()
}

/// docs/threat-model.md names the properties that hold today; each has a test called after it.
#[test]
fn every_property_that_is_promised_has_a_test() {
    let text = fs::read_to_string(root().join("docs/threat-model.md")).expect("the threat model is written");
    let tests = tests();
    let numbered = |line: &&str| {
        let rest = line.strip_prefix("| p").unwrap_or_default();
        rest.len() > 2 && rest.bytes().take(2).all(|byte| byte.is_ascii_digit())
    };
    let rows = text.lines().filter(numbered);
    let mut promised = 0;
    for row in rows {
        promised += 1;
        let property = row.trim_start_matches("| ").split(' ').next().expect("a row starts with its property");
        let has = tests.iter().any(|name| name.starts_with(&format!("{property}_")));
        assert!(has, "docs/threat-model.md promises {property}, and no test is called {property}_…");
    }
    assert!(promised >= 20, "only {promised} properties are promised");
}

/// The top level shows what the project is, and nothing else.
#[test]
fn the_top_level_stays_tidy() {
    let allowed: BTreeSet<&str> = [
        "Cargo.toml",
        "Cargo.lock",
        "README.md",
        "CHANGELOG.md",
        "LICENSE",
        "rbac.yaml",
        "catalog.yaml",
        "crates",
        "policies",
        "runners",
        "deploy",
        "tests",
        "docs",
        "target",
    ]
    .into();
    let found = fs::read_dir(root()).expect("the workspace can be read");
    for entry in found {
        let name = entry.expect("the workspace can be read").file_name().into_string().expect("names are text");
        assert!(name.starts_with('.') || allowed.contains(name.as_str()), "`{name}` does not belong at the top level");
    }
}
