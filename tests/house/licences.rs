//! What may be linked: licences, banned crates, and where crates come from.

use crate::{metadata, root};

/// Licences that a security officer signs off without asking (the same as `.config/deny.toml`).
const ALLOWED: [&str; 16] = [
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    "CDLA-Permissive-2.0",
    "ISC",
    "MIT",
    "MIT-0",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
    "MPL-2.0",
    "MPL-2.0+",
];

/// One TLS backend, no unmaintained YAML, no OpenSSL.
const BANNED: [&str; 8] =
    ["aws-lc-rs", "aws-lc-sys", "openssl-sys", "native-tls", "serde_yaml", "serde_yml", "unsafe-libyaml", "hyper-tls"];

/// Whether one alternative of an SPDX expression is made of allowed licences only.
fn acceptable(expression: &str) -> bool {
    let expression = expression.replace('/', " OR ");
    let group = |text: &str| text.trim().trim_start_matches('(').trim_end_matches(')').trim().to_owned();
    let all = |text: &str| {
        text.split(" AND ").all(|part| group(part).split(" OR ").any(|one| ALLOWED.contains(&group(one).as_str())))
    };
    if expression.contains(" AND ") {
        all(&expression)
    } else {
        expression.split(" OR ").any(|one| ALLOWED.contains(&group(one).as_str()))
    }
}

#[test]
fn every_licence_is_allowed() {
    let metadata = metadata();
    let bad: Vec<_> = metadata
        .packages
        .iter()
        .filter(|package| !package.license.as_deref().is_some_and(acceptable))
        .map(|package| format!("{} {}: {:?}", package.name, package.version, package.license))
        .collect();
    assert_eq!(bad, Vec::<String>::new());
}

#[test]
fn no_banned_crate_is_linked() {
    let metadata = metadata();
    let bad: Vec<_> = metadata
        .packages
        .iter()
        .filter(|package| BANNED.contains(&package.name.as_str()))
        .map(|package| &package.name)
        .collect();
    assert!(bad.is_empty(), "{bad:?}");
}

#[test]
fn every_crate_comes_from_the_registry() {
    let lock = std::fs::read_to_string(root().join("Cargo.lock")).expect("Cargo.lock is checked in");
    let foreign: Vec<_> = lock
        .lines()
        .filter_map(|line| line.strip_prefix("source = "))
        .filter(|source| *source != "\"registry+https://github.com/rust-lang/crates.io-index\"")
        .collect();
    assert_eq!(foreign, Vec::<&str>::new());
}

/// style.md: each dependency has a line saying why.
#[test]
fn every_dependency_says_why() {
    let manifest = std::fs::read_to_string(root().join("Cargo.toml")).expect("the workspace has a manifest");
    let silent: Vec<_> = manifest
        .lines()
        .skip_while(|line| *line != "[workspace.dependencies]")
        .skip(1)
        .take_while(|line| !line.starts_with('['))
        .filter(|line| line.contains(" = ") && !line.contains("path = ") && !line.contains('#'))
        .collect();
    assert_eq!(silent, Vec::<&str>::new());
}

/// What a manifest names its sources use. A word in a comment is enough: this is a broom, not a judge.
#[test]
fn no_crate_names_a_dependency_it_does_not_use() {
    let mut idle = Vec::new();
    for entry in std::fs::read_dir(root().join("crates")).expect("the workspace has crates") {
        let folder = entry.expect("the workspace has crates").path();
        let manifest = std::fs::read_to_string(folder.join("Cargo.toml")).expect("a crate has a manifest");
        let sources = crate::docs::sources(&folder);
        let named = manifest.lines().filter_map(|line| line.split_once(".workspace = true")).map(|(name, _)| name);
        let own = ["version", "edition", "rust-version", "license", "publish"];
        for name in named.filter(|name| !own.contains(name)) {
            let used = sources.contains(&name.replace('-', "_"));
            // The queue's tests are written over the kernel's world, which needs these two.
            let borrowed = folder.ends_with("queue") && matches!(name, "base64" | "ed25519-dalek");
            if !used && !borrowed {
                idle.push(format!("{}: {name}", folder.display()));
            }
        }
    }
    assert_eq!(idle, Vec::<String>::new());
}
