//! The filters share a crate with the drivers, and nothing else.

use std::fs;
use std::path::Path;

/// What no filter names: the network, files, the environment, clocks, programs, and the drivers.
const STRANGE: [&str; 14] = [
    "reqwest",
    "rustls",
    "tokio",
    "secrecy",
    "driver",
    "std::net",
    "std::fs",
    "std::env",
    "std::process",
    "std::time",
    "std::os",
    "std::path",
    "include!",
    "extern",
];

fn sources(folder: &Path, all: &mut Vec<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, all);
        } else if path.extension().is_some_and(|it| it == "rs") {
            all.push(fs::read_to_string(path).unwrap());
        }
    }
}

#[test]
fn p17_filters_name_nothing_that_leads_out() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut all = vec![fs::read_to_string(here.join("filters.rs")).unwrap()];
    sources(&here.join("filters"), &mut all);
    assert!(all.len() > 5, "the filters have moved");
    for source in &all {
        let code = source.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n");
        let found: Vec<&&str> = STRANGE.iter().filter(|name| code.contains(*name)).collect();
        assert_eq!(found, Vec::<&&str>::new());
    }
}
