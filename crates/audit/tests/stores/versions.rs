//! p26: nothing in the log's bucket is replaced or hidden: what is written again is another version,
//! what is deleted a marker, and both are seen.

use crate::contract::key;
use crate::servers::{Setup, Store};
use crate::{LOCKED, ceph, made, moto, open};
use countersign_audit::s3::Kind;
use countersign_audit::sink::{Irregularity, PutError, Sink as _};

async fn overwrite(store: &Store, bucket: &str, name: &str, bytes: &[u8]) {
    let put = store.admin().put_object().bucket(bucket).key(name).body(bytes.to_vec().into());
    put.send().await.unwrap();
}

async fn the_first_version_is_the_object(store: &Store) {
    let name = made(store, Setup::Locked { days: crate::DAYS }).await;
    let sink = open(store, &name, LOCKED).await;
    for nth in 0..3 {
        sink.put_new(&key(&format!("a/{nth}")), format!("true {nth}").into_bytes()).await.unwrap();
    }
    assert!(sink.inventory("").await.unwrap().irregular.is_empty());
    // More versions than a page of moto holds.
    for nth in 0..12 {
        overwrite(store, &name, "a/1", format!("false {nth}").as_bytes()).await;
    }
    store.admin().delete_object().bucket(&name).key("a/2").send().await.unwrap();
    for kind in [LOCKED, Kind::ReadOnly] {
        let sink = open(store, &name, kind).await;
        let inventory = sink.inventory("").await.unwrap();
        let names: Vec<_> = inventory.entries.iter().map(|entry| entry.name.as_str()).collect();
        assert_eq!(names, ["a/0", "a/1", "a/2"], "what was deleted is listed");
        assert_eq!(
            inventory.irregular,
            [Irregularity::SecondVersion("a/1".into()), Irregularity::DeleteMarker("a/2".into())]
        );
        for (nth, entry) in inventory.entries.iter().enumerate() {
            let truth = format!("true {nth}").into_bytes();
            assert_eq!(sink.read_entry(entry).await.unwrap().unwrap().bytes, truth, "{entry:?}");
            assert_eq!(sink.read(&key(&entry.name)).await.unwrap().unwrap().bytes, truth, "{entry:?}");
        }
    }
}

#[tokio::test]
async fn p26_moto_reads_the_first_version() {
    the_first_version_is_the_object(&moto().store).await;
}

#[tokio::test]
async fn p26_ceph_reads_the_first_version() {
    the_first_version_is_the_object(&ceph().store).await;
}

#[tokio::test]
async fn p26_a_marker_with_nothing_behind_it_is_seen() {
    // moto makes none.
    let ceph = ceph();
    let name = made(&ceph.store, Setup::Locked { days: crate::DAYS }).await;
    ceph.store.admin().delete_object().bucket(&name).key("never-there").send().await.unwrap();
    let inventory = open(&ceph.store, &name, Kind::ReadOnly).await.inventory("").await.unwrap();
    assert_eq!(inventory.irregular, [Irregularity::DeleteMarker("never-there".into())]);
    assert!(inventory.entries.is_empty());
}

#[tokio::test]
async fn p26_a_put_creates_and_never_replaces() {
    let moto = moto();
    for (setup, kind) in [(Setup::Plain, Kind::Plain), (Setup::Locked { days: crate::DAYS }, LOCKED)] {
        let name = made(&moto.store, setup).await;
        let sink = open(&moto.store, &name, kind).await;
        overwrite(&moto.store, &name, "taken", b"by somebody").await;
        assert!(matches!(sink.put_new(&key("taken"), b"mine".to_vec()).await, Err(PutError::Exists)));
        let inventory = sink.inventory("").await.unwrap();
        assert_eq!((inventory.entries.len(), inventory.irregular.len()), (1, 0));
    }
}
