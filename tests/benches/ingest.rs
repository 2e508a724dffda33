//! How fast records get into a bucket that is 20 ms away: our log, and plain PUTs of one record each, one after the
//! other, through the same slow wire into the same kind of bucket.
//!
//! Each record is waited for, as a ballot's or an intent's is; many wait at the same time, as the requests of many
//! people do. What waits goes into the next segment, so that the wire is crossed once for all of them.
//!
//! `cargo bench -p countersign-tests --bench ingest`. A number as the argument is the count of records.

#![expect(clippy::unwrap_used, reason = "a bench may stop at what it did not expect")]

#[path = "../../crates/audit/tests/servers/mod.rs"]
mod servers;
mod support;
#[path = "../../crates/audit/tests/audit/world.rs"]
#[expect(dead_code, reason = "the log's own tests use more of it")]
mod world;

use countersign_audit::clock::SystemClock;
use countersign_audit::event::{Actor, Event, Kind};
use countersign_audit::log::{AuditLog, Config, Limits};
use countersign_audit::s3::{Bucket, BucketSettings, Credentials, Kind as Purpose};
use countersign_audit::sink::{Key, Sink as _};
use countersign_core::time::Clock as _;
use servers::moto::Moto;
use servers::proxy::{Proxy, Wire};
use servers::{Setup, Store};
use std::sync::Arc;
use std::time::Duration;
use support::{machine, moment, rounds};
use tokio::runtime::Runtime;
use tokio::task::JoinSet;
use world::{World, account};

/// Records of ours; of plain PUTs there are a hundredth, for they take as long.
const RECORDS: usize = 20_000;
/// What the wire adds to each request.
const AWAY: Duration = Duration::from_millis(20);
/// How many wait at the same time.
const TOGETHER: [usize; 3] = [1, 50, 500];

fn main() {
    let records = rounds(RECORDS);
    let runtime = Runtime::new().unwrap();
    println!("{}", machine());
    runtime.block_on(measure(records));
}

async fn measure(records: usize) {
    let moto = Moto::with_policies();
    moto.store.make("log", Setup::Locked { days: 1 }).await;
    moto.store.make("fates", Setup::Plain).await;
    let wire = Proxy::before(&moto.store.endpoint);
    let retention = Duration::from_hours(24);
    let log = Arc::new(open(&moto.store, &wire, "log", Purpose::Locked { retention }).await);
    let fates = Arc::new(open(&moto.store, &wire, "fates", Purpose::Plain).await);
    let w = World::at(SystemClock.now());
    let limits = Limits { deadline: Duration::from_mins(1), ..Limits::default() };
    let config = w.config("gateway");
    let config = Config { sink: log.clone(), fate: fates, clock: Arc::new(SystemClock), limits, ..config };
    let audit = AuditLog::open(config).await.unwrap();
    wire.is(Wire::Slow(AWAY));

    println!("a bucket {} ms away; each record is durable before its writer goes on", AWAY.as_millis());
    let few = (records / 100).max(5);
    let plain = one_by_one(&log, few).await;
    println!("{:<44} {:>12} {:>10}", "", "records/s", "x plain");
    println!("{:<44} {plain:>12.0} {:>10.2}", "plain PUTs, one record each, one by one", 1.0);
    for together in TOGETHER {
        let many = if together == 1 { few } else { records };
        let (rate, segments) = ours(&audit, many, together).await;
        let name = format!("our log, {together} waiting, {segments} segments");
        println!("{name:<44} {rate:>12.0} {:>10.2}", rate / plain);
    }
    wire.is(Wire::Good);
    audit.close().await.unwrap();
}

async fn open(store: &Store, wire: &Proxy, name: &str, kind: Purpose) -> Bucket {
    let (id, secret) = store.process.clone();
    let settings = BucketSettings {
        endpoint: Some(wire.endpoint()),
        path_style: true,
        credentials: Credentials::Key { id, secret: secret.into() },
        ..BucketSettings::new(name, store.region, kind)
    };
    Bucket::open(settings, Arc::new(SystemClock)).await.unwrap()
}

/// Records a second of plain PUTs.
async fn one_by_one(bucket: &Bucket, records: usize) -> f64 {
    let line = vec![b'x'; 600];
    let begun = moment();
    for nth in 0..records {
        bucket.put_new(&Key::parse(&format!("plain/{nth:08}")).unwrap(), line.clone()).await.unwrap();
    }
    rate(records, begun.elapsed())
}

/// Records a second of the log, while so many wait at the same time, and in how many segments.
async fn ours(log: &AuditLog, records: usize, together: usize) -> (f64, u64) {
    use std::sync::atomic::Ordering;
    let before = log.gauges().segments.load(Ordering::Relaxed);
    let begun = moment();
    let mut people = JoinSet::new();
    for person in 0..together {
        let (log, own) = (log.clone(), records / together + usize::from(person < records % together));
        people.spawn(async move {
            for _ in 0..own {
                let event =
                    Event::of(Kind::Received).by(Actor::stranger(&account("x"))).detail("text", "x".repeat(300));
                log.record(event).await.unwrap();
            }
        });
    }
    while let Some(ended) = people.join_next().await {
        ended.unwrap();
    }
    let took = begun.elapsed();
    let segments = log.gauges().segments.load(Ordering::Relaxed) - before;
    (rate(records, took), segments)
}

#[expect(clippy::cast_precision_loss, reason = "records are counted in thousands")]
fn rate(records: usize, took: Duration) -> f64 {
    records as f64 / took.as_secs_f64()
}
