//! How fast the log is written and verified: appending beside a bare loop that serialises and chains, verifying beside
//! plain SHA-256 of the same bytes.
//!
//! The log that is verified is a day's as it would be: mostly plain reads, some changes that one person agreed to, some
//! requests that were refused; and, for comparison, the same number of records that carry no seal. It lies in memory,
//! so that no disk is measured; one more line reads it from a store that takes 20 ms to answer. Goals: integrity within
//! two and a half times plain SHA-256, 200,000 records a second and core for the full verification of records without
//! seals, scaling with the cores. What a signature costs is physics: some 45 µs each, and most of a log with seals.
//!
//! `cargo bench -p countersign-tests --bench log`. A number as the argument is the count of records.

#![expect(clippy::unwrap_used, reason = "a bench may stop at what it did not expect")]

mod support;
#[path = "../../crates/audit/tests/audit/world.rs"]
#[expect(dead_code, reason = "the log's own tests use more of it")]
mod world;

use async_trait::async_trait;
use countersign_audit::begin::Ended;
use countersign_audit::directory::Directory;
use countersign_audit::event::{Actor, Event, Kind, Typed};
use countersign_audit::log::{AuditLog, Config, Limits};
use countersign_audit::record::{Record, WriterId};
use countersign_audit::sink::{Entry, Inventory, Kept, Key, Object, PutError, ReadError, Sink, Stored};
use countersign_audit::verify::{Conclusion, Depth, Evidence, Report, verify};
use countersign_core::certificate::Role;
use countersign_core::digest::Digest;
use countersign_core::outcome::Ending;
use countersign_core::refusal::{Code, Refusal};
use countersign_core::tier::Tier;
use countersign_core::time::Clock as _;
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use support::{machine, moment, rounds, stopwatch};
use tokio::runtime::Runtime;
use tokio::task::JoinSet;
use world::{START, World, account, person};

const RECORDS: usize = 200_000;
/// Under a test run a log is made of as few records as will do.
const FEW: usize = 500;
/// Requests that are on their way together, so that records share segments as they do under load.
const TOGETHER: usize = 64;
/// What a store takes to keep a segment while the log is made; what comes meanwhile shares the next.
const KEEPING: Duration = Duration::from_millis(5);
/// How often each verification is measured; the fastest counts, whatever else the machine does.
const TIMES: usize = 3;

fn main() {
    let asked = rounds(RECORDS);
    let records = if asked < FEW { FEW } else { asked };
    let runtime = Runtime::new().expect("there are threads");
    println!("{}", machine());
    append(&runtime, records);
    for (name, mix) in [("no seals", Mix::NoSeals), ("a day's mix", Mix::Day)] {
        let store = Arc::new(Memory::default());
        let w = World::new();
        runtime.block_on(fill(&w, &store, mix, records));
        println!("\n{name}: {}", store.describe());
        verifying(&runtime, &w, &store);
        if mix == Mix::Day {
            far_away(&runtime, &w, &store);
        }
    }
}

/// What the log is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mix {
    /// Requests, answers to them and nothing that ran.
    NoSeals,
    /// Of twenty requests fourteen plain reads, three changes with a ballot, three refused.
    Day,
}

/// Appends through the log, and beside it by a loop that does nothing but serialise and chain.
fn append(runtime: &Runtime, records: usize) {
    let count = records / 4;
    println!("\nappending {count} records of {} bytes, {TOGETHER} callers that each wait for theirs", line(1).len());
    let bare = stopwatch(|| {
        let mut prev = writer().genesis();
        for nth in 0..count {
            prev = Digest::of(Record { prev, ..record(nth) }.line().as_bytes());
        }
        std::hint::black_box(prev);
    });
    told("serde_json + SHA-256 in a loop", count, bare, bare);
    let null = runtime.block_on(appended(Arc::new(Null), count));
    told("the log, to a store that keeps nothing", count, null, bare);
    let w = World::new();
    let directory = Directory::open(w.path("log"), w.clock.clone()).expect("the folder is there");
    let durable = runtime.block_on(appended(Arc::new(directory), count));
    told("the log, durable in a folder", count, durable, bare);
}

async fn appended(sink: Arc<dyn Sink>, count: usize) -> Duration {
    let w = World::new();
    let log = open(&w, "gateway", sink).await;
    let begun = moment();
    let mut callers = JoinSet::new();
    for caller in 0..TOGETHER {
        let log = log.clone();
        callers.spawn(async move {
            for nth in (caller..count).step_by(TOGETHER) {
                log.record(record(nth).event).await.expect("the store takes it");
            }
        });
    }
    callers.join_all().await;
    begun.elapsed()
}

fn told(name: &str, count: usize, took: Duration, bare: Duration) {
    let (per_second, times) = (per_second(count, took), took.as_secs_f64() / bare.as_secs_f64());
    println!("{name:<44} {per_second:>10.0} records/s   x{times:.2} the loop's time");
}

fn writer() -> WriterId {
    WriterId::mint(Role::Gateway)
}

fn line(nth: usize) -> String {
    record(nth).line()
}

/// A request as a gateway records it.
fn record(nth: usize) -> Record {
    let text = format!("/kubectl get pods -n team-{nth} --context prod-eu -l app=api");
    let mut event = Event::of(Kind::Received).by(Actor::person(&person("ann"), Some(&account("ann"))));
    event.typed = Some(Typed { digest: Digest::of(text.as_bytes()), text });
    let prev = Digest::of(b"");
    thread_local! { static WRITER: WriterId = writer(); }
    Record { seq: 1, prev, at: START, writer: WRITER.with(Clone::clone), event }
}

/// Verifies at 1, 2 and 4 cores, beside plain SHA-256 of the same bytes on one.
fn verifying(runtime: &Runtime, w: &World, store: &Arc<Memory>) {
    let segments = store.segments();
    let plain = fastest(|| {
        let begun = moment();
        for bytes in &segments {
            std::hint::black_box(Sha256::digest(bytes));
        }
        begun.elapsed()
    });
    println!("{:<24} {:>9} {:>9} {:>14} {:>14}", "", "ms", "x SHA-256", "records/s", "a CPU second");
    println!("{:<24} {:>9.1} {:>9.2}", "plain SHA-256, 1 core", plain.as_secs_f64() * 1e3, 1.0);
    for depth in [Depth::Integrity, Depth::Full] {
        for cores in [1, 2, 4] {
            let mut records = 0;
            let mut cpu = Duration::MAX;
            let took = fastest(|| {
                let (begun, used) = (moment(), cpu_time());
                let report = runtime.block_on(verify(&evidence(w, store.clone(), depth, cores))).unwrap();
                let took = begun.elapsed();
                cpu = cpu.min(cpu_time().saturating_sub(used));
                sound(&report);
                records = usize::try_from(report.records).unwrap();
                took
            });
            let name = format!("{depth:?}, {cores} at once");
            let times = took.as_secs_f64() / plain.as_secs_f64();
            let (rate, a_core) = (per_second(records, took), per_second(records, cpu));
            println!("{name:<24} {:>9.1} {times:>9.2} {rate:>14.0} {a_core:>14.0}", took.as_secs_f64() * 1e3);
        }
    }
}

/// The same log in a store that takes 20 ms to answer.
fn far_away(runtime: &Runtime, w: &World, store: &Arc<Memory>) {
    let far = Arc::new(Far { inner: store.clone(), latency: Duration::from_millis(20) });
    let objects = store.objects.lock().unwrap().len();
    let took = stopwatch(|| sound(&runtime.block_on(verify(&evidence(w, far, Depth::Full, 4))).unwrap()));
    let alone = 0.020 * f64::from(u32::try_from(objects).unwrap());
    println!(
        "full, 4 at once, from a store 20 ms away: {:.1} s; {objects} reads one by one would wait {alone:.1} s",
        took.as_secs_f64()
    );
}

fn evidence(w: &World, sink: Arc<dyn Sink>, depth: Depth, cores: usize) -> Evidence {
    let mut evidence = Evidence::new(sink.clone(), w.verifier.clone(), w.clock.now());
    evidence.anchors = vec![Arc::new(NoHeads)];
    evidence.depth = depth;
    evidence.at_once = NonZeroUsize::new(cores).expect("at least one");
    evidence
}

fn sound(report: &Report) {
    assert_eq!(report.conclusion(), Conclusion::Sound, "{report}");
}

fn fastest(mut work: impl FnMut() -> Duration) -> Duration {
    (0..TIMES).map(|_| work()).min().unwrap_or_default()
}

fn per_second(records: usize, took: Duration) -> f64 {
    f64::from(u32::try_from(records).unwrap_or(u32::MAX)) / took.as_secs_f64()
}

/// What all threads of this process have computed.
fn cpu_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(u64::try_from(time.tv_sec).unwrap_or(0), u32::try_from(time.tv_nsec).unwrap_or(0))
}

async fn open(w: &World, name: &str, sink: Arc<dyn Sink>) -> AuditLog {
    let limits = Limits { deadline: Duration::from_mins(1), ..Limits::default() };
    let config = Config { sink, anchors: Vec::new(), fate: Arc::new(Memory::default()), limits, ..w.config(name) };
    AuditLog::open(config).await.expect("the store takes it")
}

/// Fills a store with two gateways' and two workers' streams.
async fn fill(w: &World, store: &Arc<Memory>, mix: Mix, records: usize) {
    let gateways = [open(w, "gateway", store.clone()).await, open(w, "gateway", store.clone()).await];
    let workers = [open(w, "worker", store.clone()).await, open(w, "worker", store.clone()).await];
    let mut nth = 0;
    while store.records() < records {
        let mut calls = JoinSet::new();
        for _ in 0..TOGETHER * 4 {
            nth += 1;
            let (gateway, worker) = (gateways[nth % 2].clone(), workers[nth % 2].clone());
            let (events, warrant) = match (mix, nth % 20) {
                (Mix::NoSeals, _) | (Mix::Day, 0..3) => (refused(w, nth), None),
                (Mix::Day, 3..6) => warranted(w, nth, Tier::Change, Some("1 of sre")),
                (Mix::Day, _) => warranted(w, nth, Tier::Read, None),
            };
            for event in events {
                gateway.note(event).expect("there is room");
            }
            let (id, sealer) = (w.id(&nth.to_string()), w.sealer("worker"));
            let Some(warrant) = warrant else { continue };
            calls.spawn(async move {
                let (on_record, mut entry) = worker.begin(warrant, World::particulars()).await.unwrap();
                let outcome = World::ended(id, on_record.attempt(), Ending::Ran).seal(&sealer);
                entry.close(&outcome, &Ended::default()).await.unwrap();
            });
        }
        calls.join_all().await;
        for gateway in &gateways {
            gateway.record(record(nth).event).await.unwrap();
        }
    }
    for log in gateways.into_iter().chain(workers) {
        log.close().await.unwrap();
    }
}

type Way = (Vec<Event>, Option<countersign_core::warrant::Warrant>);

fn warranted(w: &World, nth: usize, tier: Tier, quorum: Option<&'static str>) -> Way {
    let (events, warrant) = w.way(&nth.to_string(), tier, quorum);
    (events, Some(warrant))
}

/// A request and its no, with the typed text and everything about the person.
fn refused(w: &World, nth: usize) -> Vec<Event> {
    let id = w.id(&nth.to_string());
    let no = Refusal::new(Code::UnknownVerb, "kubectl has no verb `restrat`", "Did you mean `rollout restart`?");
    let event = Event { invocation: Some(id), ..record(nth).event };
    let refusal = Event { kind: Kind::Refused, ..event.clone() }.refusing(&no);
    vec![event, refusal]
}

/// A store in memory.
#[derive(Debug, Default)]
struct Memory {
    objects: Mutex<BTreeMap<String, Vec<u8>>>,
    records: AtomicUsize,
}

impl Memory {
    fn segments(&self) -> Vec<Vec<u8>> {
        let objects = self.objects.lock().unwrap();
        objects.iter().filter(|(name, _)| name.starts_with("records/")).map(|(_, bytes)| bytes.clone()).collect()
    }

    fn records(&self) -> usize {
        self.records.load(Ordering::Relaxed)
    }

    fn describe(&self) -> String {
        let (segments, records) = (self.segments(), self.records());
        let bytes: usize = segments.iter().map(Vec::len).sum();
        format!("{records} records, {bytes} bytes, {} segments", segments.len())
    }
}

#[async_trait]
impl Sink for Memory {
    async fn put_new(&self, key: &Key, bytes: Vec<u8>) -> Result<Stored, PutError> {
        if key.as_str().starts_with("records/") {
            self.records.fetch_add(bytes.split(|byte| *byte == b'\n').count() - 1, Ordering::Relaxed);
            tokio::time::sleep(KEEPING).await;
        }
        let mut objects = self.objects.lock().unwrap();
        if objects.contains_key(key.as_str()) {
            return Err(PutError::Exists);
        }
        objects.insert(key.to_string(), bytes);
        Ok(Stored { at: START })
    }

    async fn read(&self, key: &Key) -> Result<Option<Object>, ReadError> {
        let bytes = self.objects.lock().unwrap().get(key.as_str()).cloned();
        Ok(bytes.map(|bytes| Object { bytes, at: START, kept: Kept::NotApplicable }))
    }

    async fn inventory(&self, prefix: &str) -> Result<Inventory, ReadError> {
        let objects = self.objects.lock().unwrap();
        let names = objects.iter().filter(|(name, _)| name.starts_with(prefix));
        let entry = |(name, bytes): (&String, &Vec<u8>)| Entry {
            name: name.clone(),
            version: None,
            size: u64::try_from(bytes.len()).unwrap(),
        };
        Ok(Inventory { entries: names.map(entry).collect(), irregular: Vec::new() })
    }
}

/// A second place of the heads that has none.
#[derive(Debug)]
struct NoHeads;

#[async_trait]
impl countersign_audit::anchor::Heads for NoHeads {
    async fn names(&self) -> Result<Vec<String>, ReadError> {
        Ok(Vec::new())
    }

    async fn head(&self, _name: &str) -> Result<Option<Vec<u8>>, ReadError> {
        Ok(None)
    }
}

/// Takes everything and keeps nothing.
#[derive(Debug)]
struct Null;

#[async_trait]
impl Sink for Null {
    async fn put_new(&self, _key: &Key, bytes: Vec<u8>) -> Result<Stored, PutError> {
        std::hint::black_box(bytes);
        Ok(Stored { at: START })
    }

    async fn read(&self, _key: &Key) -> Result<Option<Object>, ReadError> {
        Ok(None)
    }

    async fn inventory(&self, _prefix: &str) -> Result<Inventory, ReadError> {
        Ok(Inventory::default())
    }
}

/// A store that is some way off.
#[derive(Debug)]
struct Far {
    inner: Arc<Memory>,
    latency: Duration,
}

#[async_trait]
impl Sink for Far {
    async fn put_new(&self, key: &Key, bytes: Vec<u8>) -> Result<Stored, PutError> {
        self.inner.put_new(key, bytes).await
    }

    async fn read(&self, key: &Key) -> Result<Option<Object>, ReadError> {
        tokio::time::sleep(self.latency).await;
        self.inner.read(key).await
    }

    async fn inventory(&self, prefix: &str) -> Result<Inventory, ReadError> {
        self.inner.inventory(prefix).await
    }
}
