//! The log after somebody touched it: an outsider with the folder, the root key and the anchors
//! finds it, and calls it by its name.

use crate::world::World;
use countersign_audit::verify::{Concern, Conclusion, Name};
use std::fs;
use std::path::{Path, PathBuf};

/// The segments of all writers below a folder of records, in order.
fn segments(records: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(records).expect("the log is there") {
        let path = entry.expect("the log is there").path();
        if path.is_dir() { found.extend(segments(&path)) } else { found.push(path) }
    }
    found.sort();
    found
}

fn replace(path: &Path, bytes: &[u8]) {
    fs::remove_file(path).expect("whoever owns the host can");
    fs::write(path, bytes).expect("whoever owns the host can");
}

async fn a_day() -> World {
    let w = World::start().await;
    for _ in 0..2 {
        let id = w.asks("dee", "/disk-usage path=/tmp").await;
        w.ended(id).await;
    }
    w
}

#[tokio::test]
async fn p25_an_edited_word_is_found() {
    let w = Box::pin(a_day()).await;
    let path = segments(&w.path("audit/records"))
        .into_iter()
        .find(|path| fs::read_to_string(path).is_ok_and(|text| text.contains("disk-usage")));
    let path = path.expect("something was typed");
    let text = fs::read_to_string(&path).expect("it is text");
    replace(&path, text.replacen("disk-usage", "dusk-usage", 1).as_bytes());
    let report = w.verify().await;
    assert_eq!(report.conclusion(), Conclusion::Broken, "{report}");
    w.stop().await;
}

#[tokio::test]
async fn p25_a_cut_tail_is_found_by_the_anchors() {
    let w = Box::pin(a_day()).await;
    let data = w.path("audit");
    let anchors = w.path("anchors");
    let folder = w.stop().await;
    // Closed: the last head covers everything. The newest segment of the first writer goes.
    let all = segments(&data.join("records"));
    let writer = all[0].parent().expect("a segment lies in a folder").to_owned();
    let newest = all.iter().rfind(|path| path.starts_with(&writer)).expect("it has one");
    fs::remove_file(newest).expect("whoever owns the host can");
    let places = countersign::installation::Places::below(folder.path());
    let root = places.keys.join("root.pub");
    let report = countersign::audit::verify(&places, &[anchors], &root, "demo").await.expect("it can be read");
    assert_ne!(report.conclusion(), Conclusion::Sound, "{report}");
    let names = [report.names(Concern::Integrity), report.names(Concern::Completeness)].concat();
    assert!(!names.is_empty() && !names.contains(&Name::EditedLine), "{report}");
}

#[tokio::test]
async fn p25_a_closed_log_is_sound_without_a_single_notice() {
    let w = Box::pin(a_day()).await;
    let folder = w.stop().await;
    let places = countersign::installation::Places::below(folder.path());
    let report = countersign_tests::verified(&places).await;
    assert_eq!((report.conclusion(), report.findings.len()), (Conclusion::Sound, 0), "{report}");
}
