//! What every store must do; each adapter is run through the same functions.

use crate::world::START;
use countersign_audit::directory::{Directory, DirectoryError};
use countersign_audit::sink::{Key, PutError, ReadError, Sink};
use countersign_audit::testing::ManualClock;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;

fn key(text: &str) -> Key {
    Key::parse(text).unwrap()
}

async fn stores_once_and_reads_back(sink: &dyn Sink) {
    let name = key("records/v1/writer=a/1.ndjson");
    assert!(sink.read(&name).await.unwrap().is_none());
    let stored = sink.put_new(&name, b"one\n".to_vec()).await.unwrap();
    assert!(matches!(sink.put_new(&name, b"two\n".to_vec()).await, Err(PutError::Exists)));
    assert!(matches!(sink.put_new(&name, b"one\n".to_vec()).await, Err(PutError::Exists)));
    let object = sink.read(&name).await.unwrap().unwrap();
    assert_eq!((object.bytes.as_slice(), object.at), (b"one\n".as_slice(), stored.at));
}

async fn lists_in_order_below_a_prefix(sink: &dyn Sink) {
    for name in ["heads/v1/writer=a/2.note", "heads/v1/writer=a/1.note", "heads/v1/writer=b/1.note", "keys/v1/k.json"] {
        sink.put_new(&key(name), vec![1]).await.unwrap();
    }
    let names = sink.list("heads/v1/").await.unwrap();
    assert_eq!(names, ["heads/v1/writer=a/1.note", "heads/v1/writer=a/2.note", "heads/v1/writer=b/1.note"]);
    assert_eq!(sink.list("heads/v1/writer=b/").await.unwrap().len(), 1);
    assert!(sink.list("nothing/").await.unwrap().is_empty());
}

async fn of_eight_writers_one_wins(sink: Arc<dyn Sink>) {
    let tracker = tokio_util::task::TaskTracker::new();
    for round in 0..20 {
        let name = key(&format!("race/{round}"));
        let tasks: Vec<_> = (0..8_u8)
            .map(|nth| {
                let (sink, name) = (sink.clone(), name.clone());
                tracker.spawn(async move { sink.put_new(&name, vec![nth; 4096]).await })
            })
            .collect();
        let mut winners = Vec::new();
        for (nth, task) in (0..8_u8).zip(tasks) {
            match task.await.unwrap() {
                Ok(_) => winners.push(nth),
                Err(PutError::Exists) => {}
                Err(error) => panic!("{error}"),
            }
        }
        let [winner] = winners.as_slice() else { panic!("{winners:?}") };
        assert_eq!(sink.read(&name).await.unwrap().unwrap().bytes, vec![*winner; 4096]);
    }
}

fn directory(path: &std::path::Path) -> Result<Directory, DirectoryError> {
    Directory::open(path, Arc::new(ManualClock::at(START)))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_directory_is_a_store() {
    let folder = tempfile::tempdir().unwrap();
    let sink = Arc::new(directory(folder.path()).unwrap());
    stores_once_and_reads_back(sink.as_ref()).await;
    lists_in_order_below_a_prefix(sink.as_ref()).await;
    of_eight_writers_one_wins(sink).await;
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
