//! The log in real stores: a folder, moto and Ceph, each run through the same contract; and what
//! happens while the wire to one of them breaks.

#![expect(clippy::unwrap_used, reason = "a test may stop at what it did not expect")]

mod contract;
mod control;
mod outage;
#[path = "../servers/mod.rs"]
mod servers;
mod settings;
mod versions;
#[path = "../audit/world.rs"]
#[expect(dead_code, reason = "it serves another test binary as well")]
mod world;

use countersign_audit::clock::SystemClock;
use countersign_audit::s3::{Bucket, BucketSettings, Credentials, Kind};
use servers::ceph::Ceph;
use servers::moto::Moto;
use servers::{Setup, Store};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

/// How long the buckets of tests keep what is in them.
pub(crate) const DAYS: i32 = 2;
/// The same.
pub(crate) const RETENTION: Duration = Duration::from_hours(48);

/// One server for all tests that run at the same time; it ends with the last of them.
fn shared<T>(held: &Mutex<Weak<T>>, start: impl FnOnce() -> T) -> Arc<T> {
    let mut held = held.lock().unwrap_or_else(PoisonError::into_inner);
    held.upgrade().unwrap_or_else(|| {
        let started = Arc::new(start());
        *held = Arc::downgrade(&started);
        started
    })
}

/// moto, where policies hold.
pub(crate) fn moto() -> Arc<Moto> {
    static HELD: Mutex<Weak<Moto>> = Mutex::new(Weak::new());
    shared(&HELD, Moto::with_policies)
}

/// Ceph's S3 front.
pub(crate) fn ceph() -> Arc<Ceph> {
    static HELD: Mutex<Weak<Ceph>> = Mutex::new(Weak::new());
    shared(&HELD, Ceph::start)
}

/// A fresh bucket's name.
pub(crate) async fn made(store: &Store, setup: Setup) -> String {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    let name = format!("log-{}", NEXT.fetch_add(1, Ordering::Relaxed));
    store.make(&name, setup).await;
    name
}

/// How to reach a bucket as a process does.
pub(crate) fn reach(store: &Store, name: &str, kind: Kind) -> BucketSettings {
    BucketSettings {
        endpoint: Some(store.endpoint.clone()),
        path_style: true,
        credentials: Credentials::Key { id: store.process.0.clone(), secret: store.process.1.clone().into() },
        ..BucketSettings::new(name, store.region, kind)
    }
}

/// Opens a bucket as a process does.
pub(crate) async fn open(store: &Store, name: &str, kind: Kind) -> Bucket {
    Bucket::open(reach(store, name, kind), Arc::new(SystemClock)).await.unwrap()
}

/// What a bucket of the log is for, in tests.
pub(crate) const LOCKED: Kind = Kind::Locked { retention: RETENTION };
