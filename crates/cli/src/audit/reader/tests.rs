use super::*;
use countersign_audit::keys::Process;

/// An installation that nobody wrote to yet, and its auditor.
fn installation() -> (tempfile::TempDir, Log, Reader) {
    let folder = tempfile::tempdir().unwrap();
    for name in ["keys", "audit", "fate", "anchors"] {
        std::fs::create_dir(folder.path().join(name)).unwrap();
    }
    let auditor = Process { name: "auditor", role: Role::Operator, pools: &[] };
    keys::init(&folder.path().join("keys"), "demo", (system_clock().now(), DAY), &[auditor]).unwrap();
    let log = Log {
        data: Some(folder.path().to_owned()),
        audit: None,
        fate: None,
        anchors: Vec::new(),
        root: None,
        deployment: "demo".into(),
        store: places::StoreOptions::default(),
    };
    let reader = Reader { key: None, name: None, unrecorded: false, retention_days: None };
    (folder, log, reader)
}

#[tokio::test]
async fn a_record_that_is_not_written_stops_the_reading() {
    let (folder, log, reader) = installation();
    let keys = folder.path().join("audit/keys/v1");
    std::fs::create_dir_all(&keys).unwrap();
    std::fs::write(keys.join("somebody.json"), "{}").unwrap();
    let reading = reader.open(&log).await.unwrap();
    reading.record("search", None, &[]).await.unwrap();
    let records = folder.path().join("audit/records");
    std::fs::rename(&records, folder.path().join("taken")).unwrap();
    std::fs::write(&records, "no folder").unwrap();
    let refused = reading.record("search", None, &[]).await.unwrap_err();
    assert!(refused.to_string().contains("nothing is shown"), "{refused:#}");
}

#[tokio::test]
async fn without_a_record_nothing_is_opened_and_recording_says_yes() {
    let (folder, log, reader) = installation();
    let reading = Reader { unrecorded: true, ..reader }.open(&log).await.unwrap();
    reading.record("search", None, &[]).await.unwrap();
    reading.close().await.unwrap();
    assert_eq!(std::fs::read_dir(folder.path().join("audit")).unwrap().count(), 0);
}
