//! What a folder must do besides what every store must (see the test binary `stores`).

use crate::world::START;
use countersign_audit::directory::{Directory, DirectoryError};
use countersign_audit::sink::{Key, PutError, ReadError, Sink};
use countersign_audit::testing::ManualClock;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;

fn key(text: &str) -> Key {
    Key::parse(text).unwrap()
}

fn directory(path: &std::path::Path) -> Result<Directory, DirectoryError> {
    Directory::open(path, Arc::new(ManualClock::at(START)))
}

#[tokio::test]
async fn a_stored_file_is_whole_read_only_and_nothing_is_left_beside_it() {
    let folder = tempfile::tempdir().unwrap();
    let sink = directory(folder.path()).unwrap();
    sink.put_new(&key("a/b"), b"x".to_vec()).await.unwrap();
    let meta = std::fs::metadata(folder.path().join("a/b")).unwrap();
    assert_eq!(meta.permissions().mode() & 0o777, 0o440);
    let left: Vec<_> = std::fs::read_dir(folder.path().join("a")).unwrap().collect();
    assert_eq!(left.len(), 1);
}

#[tokio::test]
async fn no_link_is_followed() {
    let folder = tempfile::tempdir().unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    let sink = directory(folder.path()).unwrap();
    let link = |name: &str| std::os::unix::fs::symlink(elsewhere.path(), folder.path().join(name)).unwrap();
    link("records");
    assert!(matches!(sink.put_new(&key("records/x"), vec![1]).await, Err(PutError::Missing(_))));
    std::fs::write(elsewhere.path().join("y"), "secret").unwrap();
    assert!(matches!(sink.read(&key("records/y")).await, Err(ReadError::NotPlain(_))));
    std::os::unix::fs::symlink(elsewhere.path().join("y"), folder.path().join("z")).unwrap();
    assert!(matches!(sink.read(&key("z")).await, Err(ReadError::NotPlain(_))));
    assert!(matches!(sink.put_new(&key("z"), vec![1]).await, Err(PutError::Exists)));
    // A link is seen, and not what is behind it.
    assert_eq!(sink.list("").await.unwrap(), ["records", "z"]);
    let whole = folder.path().join("whole");
    std::os::unix::fs::symlink(elsewhere.path(), &whole).unwrap();
    assert!(matches!(directory(&whole), Err(DirectoryError::Unwritable(_, PutError::Missing(_)))));
}

#[tokio::test]
async fn a_missing_folder_is_an_outage_and_not_an_empty_store() {
    let folder = tempfile::tempdir().unwrap();
    let (here, gone) = (folder.path().join("log"), folder.path().join("gone"));
    assert!(matches!(directory(&here), Err(DirectoryError::Unwritable(_, PutError::Missing(_)))));
    std::fs::create_dir(&here).unwrap();
    let sink = directory(&here).unwrap();
    std::fs::rename(&here, &gone).unwrap();
    assert!(matches!(sink.put_new(&key("a"), vec![1]).await, Err(PutError::Missing(_))));
    assert!(matches!(sink.read(&key("a")).await, Err(ReadError::Unavailable(_))));
    assert!(matches!(sink.list("").await, Err(ReadError::Unavailable(_))));
    std::fs::rename(&gone, &here).unwrap();
    sink.put_new(&key("a"), vec![1]).await.unwrap();
}
