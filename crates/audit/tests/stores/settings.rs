//! p27: a bucket that would not keep the log is named at the start, with the setting that is wrong,
//! and the process does not start.

use crate::contract::key;
use crate::outage::Installation;
use crate::servers::moto::{Moto, allow};
use crate::servers::proxy::{Proxy, Wire};
use crate::servers::{Setup, Store};
use crate::{LOCKED, RETENTION, ceph, made, moto, open, reach};
use aws_sdk_s3::types::{
    BucketLifecycleConfiguration, BucketVersioningStatus, ExpirationStatus, LifecycleExpiration, LifecycleRule,
    LifecycleRuleFilter,
};
use countersign_audit::clock::SystemClock;
use countersign_audit::log::{AuditLog, OpenError};
use countersign_audit::s3::{Bucket, BucketSettings, Credentials, Kind};
use countersign_audit::sink::{Kept, NotKept, Sink};
use std::sync::Arc;
use std::time::Duration;

/// Opens a log on this bucket, and returns why it was refused.
async fn refused(log: Bucket, fates: Bucket) -> String {
    match Installation::over(Arc::new(log), Arc::new(fates)).try_open("worker").await {
        Err(OpenError::NotKept(wrong)) => wrong.join("\n"),
        Err(other) => panic!("{other:?}"),
        Ok(log) => panic!("{log:?} was opened"),
    }
}

#[track_caller]
fn names(sentences: &str, words: &[&str]) {
    for word in words {
        assert!(sentences.contains(word), "`{word}` is not in: {sentences}");
    }
}

async fn weak_buckets_are_refused_and_named(store: &Store) {
    let fates = made(store, Setup::Plain).await;
    let cases: [(Setup, &[&str]); 5] = [
        (Setup::Plain, &["versioning of the bucket", "Object Lock of the bucket", "is off"]),
        (Setup::Versioned, &["Object Lock of the bucket", "is off"]),
        (Setup::NoDefault, &["has no default retention", "`COMPLIANCE` and 2 days"]),
        (Setup::Governance { days: 30 }, &["default retention mode", "is not `COMPLIANCE`"]),
        (Setup::Locked { days: 1 }, &["default retention of the bucket", "is 1 days", "`Days` to 2"]),
    ];
    for (setup, words) in cases {
        let name = made(store, setup).await;
        let sentences = refused(open(store, &name, LOCKED).await, open(store, &fates, Kind::Plain).await).await;
        names(&sentences, words);
        names(&sentences, &[&format!("`{name}`")]);
        let left = open(store, &name, Kind::ReadOnly).await.inventory("").await.unwrap();
        assert!(left.entries.is_empty(), "nothing was written there: {left:?}");
        let auditor = open(store, &name, Kind::ReadOnly).await;
        assert_eq!(auditor.weaknesses(RETENTION).await.unwrap().join("\n"), sentences, "an auditor reads the same");
    }
    let good = made(store, Setup::Locked { days: crate::DAYS }).await;
    let wrong = open(store, &good, LOCKED).await.weaknesses(Duration::ZERO).await.unwrap();
    assert!(wrong.is_empty(), "{wrong:?}");
    // The installation may ask for more than this process locks for.
    let wrong = open(store, &good, LOCKED).await.weaknesses(RETENTION * 2).await.unwrap();
    names(&wrong.join("\n"), &["`Days` to 4"]);
    let wrong = open(store, &fates, Kind::Plain).await.weaknesses(RETENTION).await.unwrap();
    assert!(wrong.is_empty(), "{wrong:?}");
    let wrong = open(store, &good, Kind::Plain).await.weaknesses(RETENTION).await.unwrap();
    names(&wrong.join("\n"), &["fates need one without", "fates need a bucket without"]);
}

#[tokio::test]
async fn p27_weak_buckets_of_moto_are_refused_and_named() {
    let moto = moto();
    weak_buckets_are_refused_and_named(&moto.store).await;
    // Ceph, as AWS, does not let it come to that.
    let name = made(&moto.store, Setup::Locked { days: crate::DAYS }).await;
    moto.store.versioning(&name, BucketVersioningStatus::Suspended).await;
    let wrong = open(&moto.store, &name, LOCKED).await.weaknesses(RETENTION).await.unwrap();
    names(&wrong.join("\n"), &["versioning of the bucket", "is not `Enabled`"]);
}

#[tokio::test]
async fn p27_weak_buckets_of_ceph_are_refused_and_named() {
    weak_buckets_are_refused_and_named(&ceph().store).await;
}

#[tokio::test]
async fn p27_fates_must_not_expire_too_soon() {
    let moto = moto();
    let (log, fates) =
        (made(&moto.store, Setup::Locked { days: crate::DAYS }).await, made(&moto.store, Setup::Plain).await);
    let expire = async |days: i32, prefix: &str, status: ExpirationStatus| {
        let rule = LifecycleRule::builder()
            .id("tidy-up")
            .status(status)
            .filter(LifecycleRuleFilter::builder().prefix(prefix).build())
            .expiration(LifecycleExpiration::builder().days(days).build());
        let rules = BucketLifecycleConfiguration::builder().rules(rule.build().unwrap()).build().unwrap();
        let put = moto.store.admin().put_bucket_lifecycle_configuration().bucket(&fates).lifecycle_configuration(rules);
        put.send().await.unwrap();
    };
    let weak = async || open(&moto.store, &fates, Kind::Plain).await.weaknesses(RETENTION * 7).await.unwrap();
    expire(13, "", ExpirationStatus::Enabled).await;
    names(&weak().await.join("\n"), &["`tidy-up`", "sooner than after 14 days"]);
    let sentences = refused(open(&moto.store, &log, LOCKED).await, open(&moto.store, &fates, Kind::Plain).await).await;
    names(&sentences, &["`tidy-up`"]);
    expire(13, "fate/", ExpirationStatus::Enabled).await;
    names(&weak().await.join("\n"), &["`tidy-up`"]);
    expire(13, "", ExpirationStatus::Disabled).await;
    assert!(weak().await.is_empty());
    expire(14, "fate/", ExpirationStatus::Enabled).await;
    assert!(weak().await.is_empty());
    // A freeze holds until somebody lifts it, however long that takes.
    for prefix in ["", "control/", "control/000"] {
        expire(3_650, prefix, ExpirationStatus::Enabled).await;
        names(&weak().await.join("\n"), &["`tidy-up`", "expires `control/`", "freezes"]);
    }
}

/// What a writer needs, and nothing else.
fn writer(bucket: &str, more: &[&str]) -> String {
    let actions = [
        "s3:PutObject",
        "s3:GetObject",
        "s3:GetObjectVersion",
        "s3:GetObjectRetention",
        "s3:ListBucketVersions",
        "s3:GetBucketVersioning",
        "s3:GetBucketObjectLockConfiguration",
    ];
    allow(bucket, &[&actions, more].concat())
}

fn by(settings: BucketSettings, (id, secret): (String, String)) -> BucketSettings {
    BucketSettings { credentials: Credentials::Key { id, secret: secret.into() }, ..settings }
}

#[tokio::test]
async fn p27_who_may_shorten_the_lock_does_not_start_and_who_may_not_does() {
    let moto = Moto::start();
    let log = made(&moto.store, Setup::Locked { days: crate::DAYS }).await;
    let fates = made(&moto.store, Setup::Plain).await;
    let fate_actions = [
        "s3:PutObject",
        "s3:GetObject",
        "s3:ListBucket",
        "s3:GetBucketVersioning",
        "s3:GetBucketObjectLockConfiguration",
        "s3:GetLifecycleConfiguration",
    ];
    let rights = ["s3:DeleteObjectVersion", "s3:PutObjectRetention", "s3:BypassGovernanceRetention"];
    let fate = moto.user("fates", &allow(&fates, &fate_actions));
    let plain = moto.user("writer", &writer(&log, &[]));
    let strong = moto.user("strong-writer", &writer(&log, &rights));
    let half = moto.user("half", &allow(&log, &["s3:ListBucketVersions"]));
    let nobody = moto.user("nobody", &allow("elsewhere", &["s3:*"]));
    moto.enforces(true);
    let as_user = async |user, kind| {
        let name = if kind == Kind::Plain { &fates } else { &log };
        Bucket::open(by(reach(&moto.store, name, kind), user), Arc::new(SystemClock)).await
    };
    let fates = as_user(fate, Kind::Plain).await.unwrap();
    let good = as_user(plain, LOCKED).await.unwrap();
    let install = Installation::over(Arc::new(good), Arc::new(fates.clone()));
    let opened = install.try_open("worker").await.unwrap();
    opened.close().await.unwrap();
    let sentences = refused(as_user(strong, LOCKED).await.unwrap(), fates).await;
    names(&sentences, &["shorten the lock", "`s3:PutObjectRetention`", "`s3:BypassGovernanceRetention`", &log]);
    // A permission that is missing is named too.
    let reader = as_user(half, Kind::ReadOnly).await.unwrap();
    let wrong = reader.weaknesses(RETENTION).await.unwrap().join("\n");
    names(&wrong, &["allow `s3:GetBucketVersioning`", "allow `s3:GetBucketObjectLockConfiguration`"]);
    let entry = &reader.inventory("keys/").await.unwrap().entries[0];
    names(&chain(&reader.read_entry(entry).await.unwrap_err()), &["s3:GetObjectVersion"]);
    names(&chain(&as_user(nobody, LOCKED).await.unwrap_err()), &["s3:ListBucketVersions"]);
    // A key the store does not know is no answer to whether a lock holds.
    let unknown = ("AKIAUNKNOWN".to_owned(), "x".to_owned());
    names(&chain(&as_user(unknown, LOCKED).await.unwrap_err()), &["InvalidAccessKeyId"]);
}

/// An error and all its sources.
fn chain(error: &dyn std::error::Error) -> String {
    let all: Vec<_> = std::iter::successors(Some(error), |error| error.source()).map(ToString::to_string).collect();
    all.join(": ")
}

async fn proof(sink: &Bucket, name: &str) -> String {
    match sink.prove_kept(&key(name)).await {
        Err(NotKept::Weak(how)) => how,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn p27_what_the_store_did_not_lock_is_seen() {
    let ceph = ceph();
    let name = made(&ceph.store, Setup::Versioned).await;
    ceph.store.admin().put_object().bucket(&name).key("bare").body(vec![1].into()).send().await.unwrap();
    let governed = made(&ceph.store, Setup::Governance { days: 30 }).await;
    ceph.store.admin().put_object().bucket(&governed).key("bare").body(vec![1].into()).send().await.unwrap();
    for name in [name, governed] {
        let sink = open(&ceph.store, &name, LOCKED).await;
        names(&proof(&sink, "bare").await, &["did not lock `bare` in compliance mode", &name]);
        let entry = &sink.inventory("").await.unwrap().entries[0];
        assert_eq!(sink.kept(entry).await.unwrap(), Kept::Removable);
        assert_eq!(sink.read_entry(entry).await.unwrap().unwrap().kept, Kept::Removable);
        assert_eq!(sink.inventory("").await.unwrap().entries.len(), 1, "what is not locked is not tried");
        names(&proof(&sink, "absent").await, &["is not there"]);
    }
}

#[tokio::test]
async fn p27_a_store_that_deletes_what_it_locked_is_seen() {
    let ceph = ceph();
    let name = made(&ceph.store, Setup::Locked { days: crate::DAYS }).await;
    let proxy = Proxy::before(&ceph.store.endpoint);
    let settings = BucketSettings { endpoint: Some(proxy.endpoint()), ..reach(&ceph.store, &name, LOCKED) };
    let sink = Bucket::open(settings, Arc::new(SystemClock)).await.unwrap();
    sink.put_new(&key("a"), vec![1]).await.unwrap();
    sink.prove_kept(&key("a")).await.unwrap();
    proxy.is(Wire::SaysDeleted);
    names(&proof(&sink, "a").await, &["let this process delete `a`", "`s3:DeleteObjectVersion`"]);
    proxy.is(Wire::Refuses);
    assert!(matches!(sink.prove_kept(&key("a")).await, Err(NotKept::Unread(_))), "an outage proves nothing");
}

#[tokio::test]
async fn fates_are_not_decided_where_everybody_wins() {
    let ceph = ceph();
    let (log, fates) =
        (made(&ceph.store, Setup::Locked { days: crate::DAYS }).await, made(&ceph.store, Setup::Versioned).await);
    let (log, fates) = (open(&ceph.store, &log, LOCKED).await, open(&ceph.store, &fates, Kind::Plain).await);
    names(&refused(log.clone(), fates.clone()).await, &["fates need one without"]);
    // The race finds it as well, whatever the settings say.
    let install = Installation::over(Arc::new(log), Arc::new(fates));
    let id = install.world.id("probe");
    let raced = countersign_audit::fate::race(install.fates.as_ref(), "demo", id).await;
    assert!(raced.is_err(), "{raced:?}");
}

#[tokio::test]
async fn a_log_is_opened_again_without_a_second_version() {
    let ceph = ceph();
    let install = Installation::on(&ceph.store).await;
    for _ in 0..2 {
        let log: AuditLog = install.open("worker").await;
        log.close().await.unwrap();
    }
    let inventory = install.log.inventory("").await.unwrap();
    assert!(inventory.irregular.is_empty(), "{inventory:?}");
    install.is_sound().await;
}
