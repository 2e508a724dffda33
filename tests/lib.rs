//! One package for everything that tests more than one crate.
//!
//! `house` keeps the workspace in order: layering, licences, names. `scenarios` read like a
//! thread. `attacks` are named after the properties they hold.

use countersign::audit;
use countersign::installation::{Installation, Places};
use countersign_audit::directory::Directory;
use countersign_audit::event::Kind;
use countersign_audit::layout::RECORDS;
use countersign_audit::record::Record;
use countersign_audit::sink::{Key, Sink as _};
use countersign_audit::verify::{Conclusion, Report};
use countersign_core::id::InvocationId;
use countersign_core::time::Clock;
use countersign_core::warrant::Errand;
use countersign_jail::LauncherPath;
use countersign_queue::Topic;
use std::sync::Arc;
use std::time::Duration;

/// Longer than anything here takes on a slow machine; a test that waits so long has failed.
pub const PATIENCE: Duration = Duration::from_mins(1);

/// The jail's launcher, built with the workspace beside this test.
///
/// # Panics
/// When it is not built.
#[must_use]
pub fn launcher() -> LauncherPath {
    let test = std::env::current_exe().expect("a test runs from a file");
    let path = test.parent().and_then(|deps| deps.parent()).expect("it lies in `deps`").join("countersign-jail");
    assert!(path.exists(), "`{}` is missing: run tests/run, or `cargo build --workspace` first", path.display());
    LauncherPath::new(path).expect("it is there")
}

/// What an auditor is told about the log of the installation that is kept here.
///
/// # Panics
/// When the log cannot be read.
pub async fn verified(places: &Places) -> Report {
    let report =
        audit::verify(places, std::slice::from_ref(&places.anchors), &places.keys.join("root.pub"), "demo").await;
    report.expect("the log can be read")
}

/// Every record of the log that is kept here.
///
/// # Panics
/// When the log cannot be read.
pub async fn records(places: &Places, clock: Arc<dyn Clock>) -> Vec<Record> {
    let store = Directory::open(places.audit.clone(), clock).expect("the log is there");
    let mut records = Vec::new();
    for name in store.list(RECORDS).await.expect("the log can be listed") {
        let key = Key::parse(&name).expect("the log names its own");
        let object = store.read(&key).await.expect("the log can be read").expect("what is listed is there");
        let lines = object.bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        records.extend(lines.map(|line| Record::read(line).expect("a line is a record")));
    }
    records
}

/// The request of every start that is on record, looks at an effect left out.
#[must_use]
pub fn runs(records: Vec<Record>) -> Vec<InvocationId> {
    let events = records.into_iter().map(|record| record.event);
    let starts = events.filter(|event| event.kind == Kind::Intent && event.errand == Some(Errand::Run));
    starts.filter_map(|event| event.invocation).collect()
}

/// How every scenario ends: nothing is open, the log is sound, no job left anything behind.
///
/// # Panics
/// When it is not so.
pub async fn settled(installation: &Installation) {
    let mut news = installation.queue.listen(Topic::Board);
    let closed = async {
        while !installation.queue.open().await.expect("the queue answers").is_empty() {
            news.wait(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(PATIENCE, closed).await.expect("requests are left open");
    let report = verified(&installation.places).await;
    assert_eq!(report.conclusion(), Conclusion::Sound, "{report}");
    let jobs = std::fs::read_dir(&installation.places.jobs).expect("the folder of jobs is there").count();
    assert_eq!(jobs, 0, "a job left something behind");
}
