//! What every store must do; each adapter is run through the same functions.
//!
//! What is proved where. moto keeps conditions and policies as AWS does, but lets compliance mode be
//! shortened; Ceph keeps locks, but ignores `If-None-Match` in a bucket with versions.
//!
//! | promise | folder | moto plain | moto locked | Ceph plain | Ceph locked |
//! |---|---|---|---|---|---|
//! | stores once | yes | yes | yes | yes | no: the first is read, the second is irregular |
//! | reads back | yes | yes | yes | yes | yes |
//! | lists in order, below a prefix | yes | yes | yes | yes | yes |
//! | lists page by page | - | yes | yes | - | - |
//! | of eight writers one wins | yes | yes | yes | yes | no |
//! | fates: one winner, the same answer for all | yes | yes | - | yes | - |
//! | units of budgets: one has each | yes | yes | - | yes | - |
//! | kept for as long as promised | - | - | yes | - | yes |
//! | a second version, a delete marker (p26) | - | - | yes | - | yes |
//! | nobody deletes or shortens (p27) | - | - | by policy alone | - | yes |
//! | weak settings are named (p27) | - | yes | yes | - | yes |

use crate::servers::Setup;
use crate::servers::Store;
use crate::world::START;
use crate::{LOCKED, RETENTION, ceph, made, moto, open, reach};
use countersign_audit::clock::SystemClock;
use countersign_audit::directory::Directory;
use countersign_audit::fate::{self, Fate};
use countersign_audit::s3::{Bucket, BucketError, Kind};
use countersign_audit::sink::{Kept, Key, PutError, Sink};
use countersign_audit::testing::ManualClock;
use countersign_core::budget::{Per, Slot};
use countersign_core::id::{InvocationId, Origin};
use countersign_core::principal::SubjectId;
use countersign_core::time::Clock as _;
use std::sync::Arc;
use std::time::Duration;

pub(crate) fn key(text: &str) -> Key {
    Key::parse(text).unwrap()
}

async fn reads_back(sink: &dyn Sink) {
    let name = key("records/v1/writer=a/1.ndjson");
    assert!(sink.read(&name).await.unwrap().is_none());
    // A name that only begins like it is another one.
    sink.put_new(&key("records/v1/writer=a/1.ndjson2"), b"longer".to_vec()).await.unwrap();
    assert!(sink.read(&name).await.unwrap().is_none());
    let stored = sink.put_new(&name, b"one\n".to_vec()).await.unwrap();
    let object = sink.read(&name).await.unwrap().unwrap();
    assert_eq!(object.bytes, b"one\n");
    // A store tells when it got an object in whole seconds.
    let apart = object.at.since(stored.at).max(stored.at.since(object.at));
    assert!(apart <= Duration::from_secs(2), "{apart:?}");
    let [entry] = &sink.inventory("records/v1/writer=a/").await.unwrap().entries[..1] else { panic!("one of two") };
    assert_eq!((entry.name.as_str(), entry.size), (name.as_str(), 4));
    assert_eq!(sink.read_entry(entry).await.unwrap().unwrap(), object);
    assert_eq!(sink.kept(entry).await.unwrap(), object.kept);
    sink.put_new(&key("empty"), Vec::new()).await.unwrap();
    assert_eq!(sink.read(&key("empty")).await.unwrap().unwrap().bytes, b"");
    let large = vec![7; 9 << 20];
    sink.put_new(&key("large"), large.clone()).await.unwrap();
    assert!(sink.read(&key("large")).await.unwrap().unwrap().bytes == large);
}

async fn stores_once(sink: &dyn Sink) {
    let name = key("once/1");
    sink.put_new(&name, b"one\n".to_vec()).await.unwrap();
    assert!(matches!(sink.put_new(&name, b"two\n".to_vec()).await, Err(PutError::Exists)));
    assert!(matches!(sink.put_new(&name, b"one\n".to_vec()).await, Err(PutError::Exists)));
    assert_eq!(sink.read(&name).await.unwrap().unwrap().bytes, b"one\n");
    assert!(sink.inventory("once/").await.unwrap().irregular.is_empty());
}

async fn lists_in_order_below_a_prefix(sink: &dyn Sink) {
    for name in ["heads/v1/writer=a/2.note", "heads/v1/writer=a/1.note", "heads/v1/writer=b/1.note", "keys/v1/k.json"] {
        sink.put_new(&key(name), vec![1]).await.unwrap();
    }
    let names = sink.list("heads/v1/").await.unwrap();
    assert_eq!(names, ["heads/v1/writer=a/1.note", "heads/v1/writer=a/2.note", "heads/v1/writer=b/1.note"]);
    assert_eq!(sink.list("heads/v1/writer=b/").await.unwrap().len(), 1);
    assert!(sink.list("nothing/").await.unwrap().is_empty());
    // More than a page of moto, which is told to make short ones.
    let many: Vec<_> = (0..25).map(|nth| format!("many/{nth:02}")).collect();
    for name in &many {
        sink.put_new(&key(name), vec![1]).await.unwrap();
    }
    assert_eq!(sink.list("many/").await.unwrap(), many);
}

async fn of_eight_writers_one_wins(sink: Arc<dyn Sink>) {
    let tracker = tokio_util::task::TaskTracker::new();
    for round in 0..10 {
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

async fn decides_fates(fates: &dyn Fate) {
    for trigger in ["a", "b", "c"] {
        let origin = Origin { deployment: "demo", front: "console", team: "t", trigger };
        fate::race(fates, "demo", InvocationId::derive(origin, START)).await.unwrap();
    }
}

/// Eight commands of one person, and one unit left: the same person's other units, and everybody else's, are their
/// own.
async fn of_eight_who_take_a_unit_one_has_it(fates: &dyn Fate) {
    let slot = |sub: &str, nth: u32, trigger: &str| Slot {
        v: 1,
        deployment: "demo".into(),
        rule: "a/../b \u{202e} ten a day".into(),
        person: SubjectId { iss: "https://id.example".into(), sub: sub.into() },
        per: Per::Day,
        period: 20_412,
        nth,
        invocation: InvocationId::derive(Origin { deployment: "demo", front: "console", team: "t", trigger }, START),
    };
    for nth in 0..3 {
        let tries = ["a", "b", "c", "d", "e", "f", "g", "h"].map(|trigger| slot("ann", nth, trigger));
        assert!(fates.taken(&tries[0]).await.unwrap().is_none());
        let [one, two, three, four, five, six, seven, eight] = &tries;
        let decided = tokio::join!(
            fates.take(one),
            fates.take(two),
            fates.take(three),
            fates.take(four),
            fates.take(five),
            fates.take(six),
            fates.take(seven),
            fates.take(eight),
        );
        let decided = [decided.0, decided.1, decided.2, decided.3, decided.4, decided.5, decided.6, decided.7];
        let decided = decided.map(Result::unwrap);
        assert_eq!(decided.iter().filter(|one| one.mine).count(), 1, "{decided:?}");
        let held = fates.taken(one).await.unwrap().unwrap();
        assert!(decided.iter().all(|one| one.winner == held.winner));
        // The same command again has what it has.
        let own = tries.iter().find(|one| one.bytes() == held.winner).unwrap();
        assert!(fates.take(own).await.unwrap().mine);
        assert!(fates.take(&slot("bob", nth, "a")).await.unwrap().mine);
    }
}

async fn keeps_for_as_long_as_promised(sink: &dyn Sink) {
    let stored = sink.put_new(&key("kept/1"), b"x".to_vec()).await.unwrap();
    let object = sink.read(&key("kept/1")).await.unwrap().unwrap();
    let Kept::Until(until) = object.kept else { panic!("{:?}", object.kept) };
    assert!(until >= stored.at.plus(RETENTION) && until <= stored.at.plus(RETENTION + Duration::from_hours(2)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_directory_is_a_store() {
    let folder = tempfile::tempdir().unwrap();
    let sink = Arc::new(Directory::open(folder.path(), Arc::new(ManualClock::at(START))).unwrap());
    reads_back(sink.as_ref()).await;
    stores_once(sink.as_ref()).await;
    lists_in_order_below_a_prefix(sink.as_ref()).await;
    decides_fates(sink.as_ref()).await;
    of_eight_who_take_a_unit_one_has_it(sink.as_ref()).await;
    of_eight_writers_one_wins(sink).await;
}

async fn a_plain_bucket_is_a_store(store: &Store) {
    let name = made(store, Setup::Plain).await;
    let sink = Arc::new(open(store, &name, Kind::Plain).await);
    reads_back(sink.as_ref()).await;
    stores_once(sink.as_ref()).await;
    lists_in_order_below_a_prefix(sink.as_ref()).await;
    decides_fates(sink.as_ref()).await;
    of_eight_who_take_a_unit_one_has_it(sink.as_ref()).await;
    of_eight_writers_one_wins(sink).await;
}

async fn a_locked_bucket_is_a_store(store: &Store) -> Arc<Bucket> {
    let name = made(store, Setup::Locked { days: crate::DAYS }).await;
    let sink = Arc::new(open(store, &name, LOCKED).await);
    reads_back(sink.as_ref()).await;
    lists_in_order_below_a_prefix(sink.as_ref()).await;
    keeps_for_as_long_as_promised(sink.as_ref()).await;
    // Whoever only reads sees the same.
    let reader = open(store, &name, Kind::ReadOnly).await;
    assert_eq!(reader.inventory("").await.unwrap(), sink.inventory("").await.unwrap());
    assert_eq!(reader.read(&key("kept/1")).await.unwrap(), sink.read(&key("kept/1")).await.unwrap());
    sink
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_plain_bucket_of_moto_is_a_store() {
    a_plain_bucket_is_a_store(&moto().store).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_plain_bucket_of_ceph_is_a_store() {
    a_plain_bucket_is_a_store(&ceph().store).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_locked_bucket_of_moto_is_a_store() {
    let moto = moto();
    let sink = a_locked_bucket_is_a_store(&moto.store).await;
    stores_once(sink.as_ref()).await;
    of_eight_writers_one_wins(sink).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_locked_bucket_of_ceph_is_a_store_that_nobody_can_empty() {
    let ceph = ceph();
    let sink = a_locked_bucket_is_a_store(&ceph.store).await;
    sink.prove_kept(&key("kept/1")).await.unwrap();
    let object = sink.read(&key("kept/1")).await.unwrap().unwrap();
    assert!(matches!(object.kept, Kept::Until(_)), "it was tried and is as it was: {object:?}");
}

#[tokio::test]
async fn a_prefix_keeps_two_logs_of_one_bucket_apart() {
    let moto = moto();
    let name = made(&moto.store, Setup::Locked { days: crate::DAYS }).await;
    let below = async |prefix: &str| {
        let settings = crate::BucketSettings { prefix: Some(prefix.into()), ..reach(&moto.store, &name, LOCKED) };
        Bucket::open(settings, Arc::new(SystemClock)).await.unwrap()
    };
    let (one, other) = (below("one").await, below("one-more").await);
    one.put_new(&key("a"), b"1".to_vec()).await.unwrap();
    other.put_new(&key("a"), b"2".to_vec()).await.unwrap();
    assert_eq!(one.list("").await.unwrap(), ["a"]);
    assert_eq!(other.read(&key("a")).await.unwrap().unwrap().bytes, b"2");
    assert_eq!(open(&moto.store, &name, LOCKED).await.list("").await.unwrap(), ["one-more/a", "one/a"]);
}

#[tokio::test]
async fn foreign_names_are_listed_as_they_are() {
    for store in [&moto().store, &ceph().store] {
        for (setup, kind) in [(Setup::Plain, Kind::Plain), (Setup::Locked { days: crate::DAYS }, LOCKED)] {
            let name = made(store, setup).await;
            let strange = "records/ä +%20&<x>";
            let put = store.admin().put_object().bucket(&name).key(strange).body(b"x".to_vec().into());
            put.send().await.unwrap();
            let sink = open(store, &name, kind).await;
            let inventory = sink.inventory("records/").await.unwrap();
            assert_eq!(inventory.entries[0].name, strange);
            assert_eq!(sink.read_entry(&inventory.entries[0]).await.unwrap().unwrap().bytes, b"x");
        }
    }
}

#[tokio::test]
async fn a_missing_bucket_and_a_dead_store_are_told_apart() {
    let moto = moto();
    let missing = Bucket::open(reach(&moto.store, "nobody-made-it", LOCKED), Arc::new(SystemClock)).await;
    assert!(matches!(missing, Err(BucketError::Missing(..))), "{missing:?}");
    let name = made(&moto.store, Setup::Plain).await;
    let sink = open(&moto.store, &name, Kind::Plain).await;
    moto.store.admin().delete_bucket().bucket(&name).send().await.unwrap();
    assert!(matches!(sink.put_new(&key("a"), vec![1]).await, Err(PutError::Missing(_))));
    assert!(sink.read(&key("a")).await.is_err(), "a bucket that is gone is no empty one");
    let mut dead = reach(&moto.store, &name, LOCKED);
    dead.endpoint = Some(format!("http://127.0.0.1:{}", crate::servers::free_port()));
    let dead = Bucket::open(dead, Arc::new(SystemClock)).await;
    assert!(matches!(dead, Err(BucketError::Unread(..))), "{dead:?}");
}

#[tokio::test]
async fn the_time_is_the_stores() {
    let moto = moto();
    let name = made(&moto.store, Setup::Locked { days: crate::DAYS }).await;
    // This process's clock is a year behind: what it stores is locked by the store's clock all the same.
    let now = SystemClock.now();
    let late = Arc::new(ManualClock::at(countersign_core::time::Timestamp::from_millis(
        now.as_millis() - 365 * 24 * 3_600_000,
    )));
    let sink = Bucket::open(reach(&moto.store, &name, LOCKED), late).await.unwrap();
    let stored = sink.put_new(&key("first"), vec![1]).await.unwrap();
    assert!(stored.at.since(now) < Duration::from_mins(10) && now.since(stored.at) < Duration::from_secs(2));
    let Kept::Until(until) = sink.read(&key("first")).await.unwrap().unwrap().kept else { panic!("it is locked") };
    assert!(until >= stored.at.plus(RETENTION));
}
