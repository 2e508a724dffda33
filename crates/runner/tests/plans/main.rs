//! Saved plans in a folder and in a bucket (moto), each run through the same attacks.
//!
//! The place is untrusted here as it is there: every attack is somebody with write access to it.

#![expect(clippy::unwrap_used, reason = "a test may stop at what it did not expect")]

mod place;
#[path = "../../../audit/tests/servers/mod.rs"]
mod servers;

use countersign_core::digest::Digest;
use countersign_core::id::{InvocationId, Origin};
use countersign_core::time::Timestamp;
use countersign_runner::plans::{
    LARGEST_PLAN, PlanError, PlanId, PlanKey, PlanPlace, PlanSettings, PlanStore, PoolKey,
};
use place::{Bucket, Folder, Place};
use secrecy::SecretString;
use std::time::Duration;

const PLAN: &[u8] = b"PK\x03\x04 a plan with the password hunter2-of-the-database in it";
const NOW: Timestamp = Timestamp::from_millis(1_795_222_800_000);
/// `openssl rand -base64 32`
const KEY: &str = "T2sKb0n1f1pQ2m3q7c8d9e0f1g2h3i4j5k6l7m8n9o8=";
const OTHER_KEY: &str = "b1hZc2tleXNrZXlza2V5c2tleXNrZXlza2V5c2tleXM=";

fn key(text: &str) -> PoolKey {
    PoolKey::parse(&SecretString::from(text)).unwrap()
}

fn store_with(place: PlanPlace, key_text: &str, deployment: &str) -> PlanStore {
    let keep = Duration::from_hours(24);
    PlanStore::open(PlanSettings { deployment: deployment.to_owned(), place, key: key(key_text), keep }).unwrap()
}

fn store(place: PlanPlace) -> PlanStore {
    store_with(place, KEY, "acme")
}

fn invocation(trigger: &str) -> InvocationId {
    InvocationId::derive(Origin { deployment: "acme", front: "slack", team: "T1", trigger }, NOW)
}

fn id_of(pool: &str, stack: &str, trigger: &str, plan: &[u8]) -> PlanId {
    PlanId {
        deployment: "acme".into(),
        pool: pool.into(),
        stack: stack.into(),
        invocation: invocation(trigger),
        commit: "0a".repeat(20),
        digest: Digest::of(plan),
    }
}

fn key_of(id: &PlanId) -> PlanKey {
    PlanKey { pool: id.pool.clone(), stack: id.stack.clone(), invocation: id.invocation, digest: id.digest }
}

fn soon() -> Timestamp {
    NOW.plus(Duration::from_hours(1))
}

/// Makes a test of each for the folder and for the bucket.
macro_rules! in_each_place {
    ($($name:ident),+ $(,)?) => {
        mod folder {
            $(#[tokio::test] async fn $name() { super::$name(&super::Folder::new()).await; })+
        }
        mod bucket {
            $(#[tokio::test] async fn $name() { super::$name(&super::Bucket::new().await).await; })+
        }
    };
}

in_each_place!(
    a_plan_comes_back_on_another_worker_of_the_pool_until_it_is_forgotten,
    p09_a_plan_that_is_there_is_not_written_over,
    p09_of_eight_workers_that_save_one_plan_one_does,
    p09_no_byte_of_a_saved_plan_can_be_another,
    p09_a_plan_of_somebody_else_under_this_name_is_refused,
    p09_a_plan_with_another_key_or_of_another_installation_is_refused,
    p09_a_plan_that_expired_or_is_gone_is_refused,
    p09_what_is_saved_is_what_its_name_says,
    p22_nothing_of_a_plan_can_be_read_in_its_place,
    a_sweep_removes_what_expired_and_nothing_else,
    a_sweep_leaves_what_it_cannot_open,
    names_of_pools_do_not_run_together,
);

async fn a_plan_comes_back_on_another_worker_of_the_pool_until_it_is_forgotten(place: &impl Place) {
    let (one, other) = (store(place.settings()), store(place.settings()));
    let id = id_of("main", "dev", "1", PLAN);
    one.put(&id, PLAN, soon()).await.unwrap();
    let (found, plan) = other.get(&key_of(&id), NOW).await.unwrap();
    assert_eq!((found, plan.as_slice()), (id.clone(), PLAN));
    other.forget(&key_of(&id)).await.unwrap();
    assert!(matches!(one.get(&key_of(&id), NOW).await, Err(PlanError::Missing)));
    // A second worker that forgets it has nothing to do.
    one.forget(&key_of(&id)).await.unwrap();
    let large: Vec<u8> = (0..3_000_000_u32).map(|it| it.to_le_bytes()[0]).collect();
    let id = id_of("main", "dev", "2", &large);
    one.put(&id, &large, soon()).await.unwrap();
    assert!(other.get(&key_of(&id), NOW).await.unwrap().1.as_slice() == large);
}

async fn p09_a_plan_that_is_there_is_not_written_over(place: &impl Place) {
    let store = store(place.settings());
    let id = id_of("main", "dev", "1", PLAN);
    store.put(&id, PLAN, soon()).await.unwrap();
    let before = place.read(&place.only().await).await;
    for until in [soon(), soon().plus(Duration::from_hours(99))] {
        assert!(matches!(store.put(&id, PLAN, until).await, Err(PlanError::Exists)));
    }
    assert_eq!(place.read(&place.only().await).await, before);
    // A preview that was made again has a plan of its own, and the decision names one of them.
    let again = id_of("main", "dev", "1", b"another plan");
    store.put(&again, b"another plan", soon()).await.unwrap();
    assert_eq!(store.get(&key_of(&id), NOW).await.unwrap().1.as_slice(), PLAN);
    assert_eq!(store.get(&key_of(&again), NOW).await.unwrap().1.as_slice(), b"another plan");
}

async fn p09_of_eight_workers_that_save_one_plan_one_does(place: &impl Place) {
    let stores: Vec<_> = (0..8).map(|_| store(place.settings())).collect();
    let id = id_of("main", "dev", "1", PLAN);
    let put = |nth: usize| stores[nth].put(&id, PLAN, soon());
    let puts = <[_; 8]>::from(tokio::join!(put(0), put(1), put(2), put(3), put(4), put(5), put(6), put(7)));
    assert_eq!(puts.iter().filter(|put| put.is_ok()).count(), 1);
    assert!(puts.iter().all(|put| matches!(put, Ok(()) | Err(PlanError::Exists))), "{puts:?}");
    stores[0].get(&key_of(&id), NOW).await.unwrap();
}

async fn p09_no_byte_of_a_saved_plan_can_be_another(place: &impl Place) {
    let store = store(place.settings());
    let id = id_of("main", "dev", "1", PLAN);
    store.put(&id, PLAN, soon()).await.unwrap();
    let name = place.only().await;
    let whole = place.read(&name).await;
    // Each byte where looking is cheap; every third where it is a request.
    for nth in (0..whole.len()).step_by(place.step()) {
        let mut bytes = whole.clone();
        bytes[nth] ^= 1;
        place.write(&name, &bytes).await;
        let got = store.get(&key_of(&id), NOW).await;
        assert!(matches!(got, Err(PlanError::Changed)), "byte {nth}: {got:?}");
    }
    for torn in [&whole[..0], &whole[..10], &whole[..whole.len() / 2], &whole[..whole.len() - 1]] {
        place.write(&name, torn).await;
        let got = store.get(&key_of(&id), NOW).await;
        assert!(matches!(got, Err(PlanError::Changed)), "{} bytes: {got:?}", torn.len());
    }
    place.write(&name, &[whole.as_slice(), b"x"].concat()).await;
    assert!(matches!(store.get(&key_of(&id), NOW).await, Err(PlanError::Changed)));
    place.write(&name, &whole).await;
    store.get(&key_of(&id), NOW).await.unwrap();
}

async fn p09_a_plan_of_somebody_else_under_this_name_is_refused(place: &impl Place) {
    let store = store(place.settings());
    let own = id_of("main", "dev", "1", PLAN);
    store.put(&own, PLAN, soon()).await.unwrap();
    let own_name = place.only().await;
    // The same plan, so that nothing but whose it is could tell them apart.
    for other in [
        id_of("other", "dev", "1", PLAN),
        id_of("main", "dev", "2", PLAN),
        PlanId { commit: "0b".repeat(20), ..id_of("main", "prod", "3", PLAN) },
    ] {
        store.put(&other, PLAN, soon()).await.unwrap();
        let names = place.names().await;
        let other_name = names.iter().find(|name| **name != own_name).unwrap();
        let foreign = place.read(other_name).await;
        place.write(&own_name, &foreign).await;
        let got = store.get(&key_of(&own), NOW).await;
        assert!(matches!(got, Err(PlanError::Changed)), "{other:?}: {got:?}");
        store.forget(&key_of(&other)).await.unwrap();
    }
    store.forget(&key_of(&own)).await.unwrap();
    // A name has no stack in it, so that the seal alone tells.
    let stacks = (id_of("main", "dev", "1", PLAN), id_of("main", "prod", "1", PLAN));
    store.put(&stacks.1, PLAN, soon()).await.unwrap();
    assert!(matches!(store.get(&key_of(&stacks.0), NOW).await, Err(PlanError::Changed)));
}

async fn p09_a_plan_with_another_key_or_of_another_installation_is_refused(place: &impl Place) {
    let own = store(place.settings());
    let id = id_of("main", "dev", "1", PLAN);
    own.put(&id, PLAN, soon()).await.unwrap();
    let other = store_with(place.settings(), OTHER_KEY, "acme");
    assert!(matches!(other.get(&key_of(&id), NOW).await, Err(PlanError::Changed)));
    let elsewhere = store_with(place.settings(), KEY, "acme-staging");
    assert!(matches!(elsewhere.get(&key_of(&id), NOW).await, Err(PlanError::Changed)));
    assert!(matches!(elsewhere.put(&id, PLAN, soon()).await, Err(PlanError::Misnamed)));
}

async fn p09_a_plan_that_expired_or_is_gone_is_refused(place: &impl Place) {
    let store = store(place.settings());
    let id = id_of("main", "dev", "1", PLAN);
    assert!(matches!(store.get(&key_of(&id), NOW).await, Err(PlanError::Missing)));
    store.put(&id, PLAN, soon()).await.unwrap();
    let last = Timestamp::from_millis(soon().as_millis() - 1);
    store.get(&key_of(&id), last).await.unwrap();
    let got = store.get(&key_of(&id), soon()).await;
    assert!(matches!(got, Err(PlanError::Expired { until }) if until == soon()), "{got:?}");
    // Two plans of one request share nothing but the request.
    let never_made = PlanKey { digest: Digest::of(b"another"), ..key_of(&id) };
    assert!(matches!(store.get(&never_made, NOW).await, Err(PlanError::Missing)));
}

async fn p09_what_is_saved_is_what_its_name_says(place: &impl Place) {
    let store = store(place.settings());
    let id = id_of("main", "dev", "1", PLAN);
    assert!(matches!(store.put(&id, b"another plan", soon()).await, Err(PlanError::Misnamed)));
    let huge = vec![0; LARGEST_PLAN + 1];
    assert!(matches!(store.put(&id, &huge, soon()).await, Err(PlanError::TooLarge { .. })));
    let boundless = PlanId { stack: "s".repeat(5_000), ..id };
    assert!(matches!(store.put(&boundless, PLAN, soon()).await, Err(PlanError::Misnamed)));
    assert!(place.names().await.is_empty());
}

async fn p22_nothing_of_a_plan_can_be_read_in_its_place(place: &impl Place) {
    let store = store(place.settings());
    for trigger in ["1", "2"] {
        store.put(&id_of("main", "dev", trigger, PLAN), PLAN, soon()).await.unwrap();
    }
    let names = place.names().await;
    let mut bodies = Vec::new();
    for name in &names {
        let object = place.read(name).await;
        assert!(!object.windows(8).any(|it| it == b"hunter2-"), "the plan can be read");
        // What is before the seal's 16 bytes, which are of the name as well.
        bodies.push(object[object.len() - 16 - PLAN.len()..object.len() - 16].to_vec());
    }
    // The same plan twice does not look the same: each has a nonce of its own.
    assert_ne!(bodies[0], bodies[1]);
    let shown = format!("{store:?}");
    assert!(!shown.contains(KEY) && !shown.contains("T2sKb0n1"), "{shown}");
}

async fn a_sweep_removes_what_expired_and_nothing_else(place: &impl Place) {
    let own = store(place.settings());
    let (old, new) = (id_of("main", "dev", "old", PLAN), id_of("main", "dev", "new", PLAN));
    let foreign = id_of("other", "dev", "old", PLAN);
    own.put(&old, PLAN, soon()).await.unwrap();
    own.put(&new, PLAN, soon().plus(Duration::from_hours(1))).await.unwrap();
    store_with(place.settings(), OTHER_KEY, "acme").put(&foreign, PLAN, soon()).await.unwrap();
    assert_eq!(own.sweep("main", NOW).await.unwrap(), 0);
    assert_eq!(own.sweep("main", soon()).await.unwrap(), 1);
    assert!(matches!(own.get(&key_of(&old), NOW).await, Err(PlanError::Missing)));
    own.get(&key_of(&new), soon()).await.unwrap();
    // Another pool's plans are not this worker's to remove, by name and by key.
    assert_eq!(own.sweep("other", soon()).await.unwrap(), 0);
    assert_eq!(place.names().await.len(), 2);
    assert_eq!(own.sweep("nobody", soon()).await.unwrap(), 0);
    // More than a page of moto, which is told to make short ones.
    for nth in 0..25 {
        let id = id_of("main", "dev", &format!("many {nth}"), PLAN);
        own.put(&id, PLAN, soon()).await.unwrap();
    }
    assert_eq!(own.sweep("main", soon()).await.unwrap(), 25);
}

async fn a_sweep_leaves_what_it_cannot_open(place: &impl Place) {
    let store = store(place.settings());
    let (own, foreign) = (id_of("main", "dev", "1", PLAN), id_of("other", "dev", "1", PLAN));
    store.put(&own, PLAN, soon().plus(Duration::from_hours(9))).await.unwrap();
    let name = place.only().await;
    let whole = place.read(&name).await;
    // Somebody writes an earlier end into the head, so that a worker removes a plan for them.
    let head = String::from_utf8_lossy(&whole[..whole.len() - PLAN.len() - 40]).into_owned();
    let until = soon().plus(Duration::from_hours(9)).to_string();
    let at = head.find(&until).unwrap();
    let mut forged = whole.clone();
    forged[at..at + until.len()].copy_from_slice(NOW.to_string().as_bytes());
    place.write(&name, &forged).await;
    assert_eq!(store.sweep("main", soon()).await.unwrap(), 0);
    // Or lays another pool's plan there.
    store.put(&foreign, PLAN, NOW).await.unwrap();
    let names = place.names().await;
    let foreign_name = names.iter().find(|it| **it != name).unwrap();
    let object = place.read(foreign_name).await;
    place.write(&name, &object).await;
    assert_eq!(store.sweep("main", soon()).await.unwrap(), 0);
    assert_eq!(place.read(&name).await, object);
    for garbage in [b"".as_slice(), b"garbage", b"countersign-plan-v1\n\xff\xff\xff\xff"] {
        place.write(&name, garbage).await;
        assert_eq!(store.sweep("main", soon()).await.unwrap(), 0);
    }
}

async fn names_of_pools_do_not_run_together(place: &impl Place) {
    let store = store(place.settings());
    let pools = ["a", "a/b", "a=2fb", "../a", "..", "A", ".a"];
    for pool in pools {
        store.put(&id_of(pool, "dev", "1", PLAN), PLAN, soon()).await.unwrap();
    }
    assert_eq!(place.names().await.len(), pools.len());
    for pool in pools {
        let id = id_of(pool, "dev", "1", PLAN);
        assert_eq!(store.get(&key_of(&id), NOW).await.unwrap().0, id);
    }
    assert_eq!(store.sweep("a", soon()).await.unwrap(), 1);
    assert_eq!(place.names().await.len(), pools.len() - 1);
}

#[test]
fn a_key_is_32_bytes_and_not_all_zero() {
    let zeros = "A".repeat(43) + "=";
    for bad in ["", "T2sKb0n1", &KEY[1..], &zeros, &format!("{KEY}AAAA"), "not base64 at all, not even nearly so it is"]
    {
        let error = PoolKey::parse(&SecretString::from(bad)).unwrap_err();
        assert!(bad.is_empty() || !error.to_string().contains(bad), "{error}");
    }
    PoolKey::parse(&SecretString::from(format!("{KEY}\n"))).unwrap();
    assert!(!format!("{:?}", key(KEY)).contains("79"), "the key is shown");
}
