//! Writing: every record in exactly one place, whatever happens on the way.

use crate::world::{Mood, Moody, World, account};
use countersign_audit::event::{Actor, Event, Kind};
use countersign_audit::layout;
use countersign_audit::log::{AuditLog, Config, Limits};
use countersign_audit::sink::{Inventory, Key, Object, PutError, ReadError, Sink, Stored};
use countersign_audit::verify::{Conclusion, Name};
use countersign_audit::writer::WriteError;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

fn numbered(nth: usize) -> Event {
    Event::of(Kind::Received).by(Actor::stranger(&account("x"))).detail("nth", nth.to_string())
}

/// What every record of the log says under `nth`.
async fn numbers(w: &World) -> Vec<usize> {
    let mut found = Vec::new();
    for name in w.sink.list("records/v1/").await.unwrap() {
        let bytes = w.sink.read(&Key::parse(&name).unwrap()).await.unwrap().unwrap().bytes;
        for line in String::from_utf8(bytes).unwrap().lines() {
            let value: serde_json::Value = serde_json::from_str(line).unwrap();
            found.extend(value["details"]["nth"].as_str().map(|nth| nth.parse::<usize>().unwrap()));
        }
    }
    found.sort_unstable();
    found
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn p28_ten_thousand_appends_of_two_writers_are_each_in_one_place() {
    let mut w = World::new();
    w.limits = Limits { deadline: Duration::from_mins(1), ..w.limits };
    let logs = [w.open("gateway").await, w.open("gateway").await];
    let tasks: Vec<_> = (0..10_000)
        .map(|nth: usize| {
            let log = logs[nth % 2].clone();
            w.tracker.spawn(async move { (nth % 2, log.record(numbered(nth)).await.unwrap().seq) })
        })
        .collect();
    let mut seqs = BTreeSet::new();
    for task in tasks {
        assert!(seqs.insert(task.await.unwrap()), "no number is given twice");
    }
    assert_eq!(numbers(&w).await, (0..10_000).collect::<Vec<_>>());
    for log in &logs {
        log.close().await.unwrap();
        let (records, segments) = (&log.gauges().records, &log.gauges().segments);
        assert!(segments.load(Ordering::Relaxed) * 10 < records.load(Ordering::Relaxed), "what waits goes together");
    }
    let report = w.verify().await;
    assert_eq!((report.conclusion(), report.records), (Conclusion::Sound, 10_004), "{report}");
}

#[tokio::test]
async fn p28_a_process_that_dies_in_between_leaves_whole_records_and_a_new_stream_goes_on() {
    let w = World::new();
    for nth in 0..3 {
        let log = w.open("gateway").await;
        log.record(numbered(nth)).await.unwrap();
        // Notes that nobody waited for may be lost with the process; what was confirmed is not.
        log.note(numbered(100 + nth)).unwrap();
        drop(log);
    }
    let confirmed: Vec<_> = numbers(&w).await.into_iter().filter(|nth| *nth < 100).collect();
    assert_eq!(confirmed, [0, 1, 2]);
    let report = w.verify().await;
    assert_eq!(report.conclusion(), Conclusion::Sound, "{report}");
    assert!(report.findings.iter().any(|finding| finding.name == Name::UnclosedWriter));
}

#[tokio::test]
async fn after_a_failure_the_same_bytes_go_first_and_nothing_is_written_twice() {
    for mood in [Mood::Down, Mood::Mute, Mood::Drops] {
        let w = World::new();
        let log = w.open("gateway").await;
        w.sink.is(mood);
        let first = log.record(numbered(1)).await;
        assert!(matches!(first, Err(WriteError::Unavailable(_) | WriteError::TooSlow(_))), "{mood:?}: {first:?}");
        w.sink.is(Mood::Good);
        log.record(numbered(2)).await.unwrap();
        log.close().await.unwrap();
        assert_eq!(numbers(&w).await, [1, 2], "{mood:?}");
        let report = w.verify().await;
        assert_eq!(report.conclusion(), Conclusion::Sound, "{report}");
    }
}

#[tokio::test]
async fn work_resumes_by_itself_and_notes_are_not_lost() {
    let mut w = World::new();
    w.limits = Limits { head_every: Duration::from_hours(1), ..w.limits };
    let log = w.open("gateway").await;
    w.sink.is(Mood::Down);
    for nth in 0..5 {
        log.note(numbered(nth)).unwrap();
    }
    assert!(log.record(numbered(5)).await.is_err());
    log.note(numbered(6)).unwrap();
    assert!(log.record(numbered(7)).await.is_err(), "while the first segment waits, this one has no number yet");
    let mut stored = w.sink.stored.subscribe();
    w.sink.is(Mood::Good);
    // Nobody writes anything: the log itself tries again.
    let again = tokio::time::timeout(Duration::from_secs(20), stored.changed());
    again.await.expect("the log tries again").unwrap();
    log.close().await.unwrap();
    assert_eq!(numbers(&w).await, [0, 1, 2, 3, 4, 5, 6]);
}

#[tokio::test]
async fn a_full_buffer_takes_no_more_and_then_it_does() {
    let mut w = World::new();
    w.limits = Limits { notes: 3, ..w.limits };
    let log = w.open("gateway").await;
    w.sink.is(Mood::Down);
    for nth in 0..3 {
        log.note(numbered(nth)).unwrap();
    }
    assert!(matches!(log.note(numbered(9)), Err(WriteError::Full)));
    assert!(log.record(numbered(3)).await.is_err());
    assert!(matches!(log.note(numbered(9)), Err(WriteError::Full)), "a failed write frees no place");
    w.sink.is(Mood::Good);
    log.record(numbered(4)).await.unwrap();
    log.note(numbered(5)).unwrap();
    log.close().await.unwrap();
    assert_eq!(numbers(&w).await, [0, 1, 2, 3, 4, 5]);
}

#[tokio::test]
async fn somebody_else_under_our_name_ends_the_stream_for_ever() {
    let w = World::new();
    let log = w.open("gateway").await;
    let key = Key::parse(&format!("records/v1/writer={}/{:020}.ndjson", log.writer(), 2)).unwrap();
    w.sink.put_new(&key, b"{}\n".to_vec()).await.unwrap();
    for _ in 0..2 {
        assert!(matches!(log.record(numbered(1)).await, Err(WriteError::Forked(name)) if name == key.as_str()));
    }
    assert!(log.close().await.is_err());
}

#[tokio::test]
async fn a_process_without_a_store_or_with_a_foreign_certificate_does_not_open() {
    use countersign_audit::log::{AuditLog, OpenError};
    let w = World::new();
    w.sink.is(Mood::Down);
    assert!(matches!(AuditLog::open(w.config("gateway")).await, Err(OpenError::Store(_))));
    w.sink.is(Mood::Good);
    w.fate.is(Mood::Down);
    assert!(matches!(AuditLog::open(w.config("gateway")).await, Err(OpenError::Fate(_))));
    w.fate.is(Mood::Good);
    let other = World::new();
    let mut config = w.config("gateway");
    config.sealer = std::sync::Arc::new(other.sealer("gateway"));
    assert!(matches!(AuditLog::open(config).await, Err(OpenError::Certificate(_))));
    w.clock.advance(Duration::from_hours(24));
    assert!(matches!(AuditLog::open(w.config("gateway")).await, Err(OpenError::Unfit(_))));
}

#[tokio::test]
async fn a_role_writes_its_own_kinds_and_nobody_writes_the_logs_own() {
    let w = World::new();
    let (gateway, worker) = (w.open("gateway").await, w.open("worker").await);
    assert!(matches!(worker.record(Event::of(Kind::Ballot)).await, Err(WriteError::NotYours { .. })));
    assert!(matches!(gateway.note(Event::of(Kind::Lease)), Err(WriteError::NotYours { .. })));
    for kind in [Kind::Intent, Kind::Outcome, Kind::Heartbeat, Kind::WriterClosed] {
        assert!(matches!(worker.record(Event::of(kind)).await, Err(WriteError::NotYours { .. })), "{kind:?}");
    }
}

#[tokio::test]
async fn the_head_is_signed_again_and_again_also_when_idle() {
    let mut w = World::new();
    w.limits = Limits { head_every: Duration::from_millis(2), ..w.limits };
    let log = w.open("gateway").await;
    // Each head is stored by the log itself: opening's, then two idle ones.
    let mut stored = w.sink.stored.subscribe();
    while w.sink.list("heads/v1/").await.unwrap().len() < 3 {
        stored.changed().await.unwrap();
    }
    log.record(numbered(1)).await.unwrap();
    log.close().await.unwrap();
    assert!(matches!(log.record(numbered(2)).await, Err(WriteError::Closed)));
    let report = w.verify().await;
    assert_eq!(report.conclusion(), Conclusion::Sound, "{report}");
    // Elsewhere only the newest head counts.
    let (own, elsewhere) = (w.sink.list("heads/v1/").await.unwrap(), w.anchors.list("heads/v1/").await.unwrap());
    assert!(elsewhere.iter().all(|name| own.contains(name)) && elsewhere.last() == own.last());
    let kinds = String::from_utf8_lossy(&all(&w).await).into_owned();
    assert!(kinds.contains("\"event\":\"heartbeat\""));
}

async fn all(w: &World) -> Vec<u8> {
    let mut all = Vec::new();
    for name in w.sink.list("records/v1/").await.unwrap() {
        all.extend(w.sink.read(&Key::parse(&name).unwrap()).await.unwrap().unwrap().bytes);
    }
    all
}

/// A store that does not take the first head.
#[derive(Debug)]
struct Forgetful(Arc<Moody>, AtomicBool);

#[async_trait::async_trait]
impl Sink for Forgetful {
    async fn put_new(&self, key: &Key, bytes: Vec<u8>) -> Result<Stored, PutError> {
        if key.as_str().starts_with(layout::HEADS) && !self.1.swap(true, Ordering::SeqCst) {
            return Err(PutError::Unavailable("away".into()));
        }
        self.0.put_new(key, bytes).await
    }

    async fn read(&self, key: &Key) -> Result<Option<Object>, ReadError> {
        self.0.read(key).await
    }

    async fn inventory(&self, prefix: &str) -> Result<Inventory, ReadError> {
        self.0.inventory(prefix).await
    }
}

#[tokio::test]
async fn a_head_that_the_store_did_not_take_is_stored_with_the_next() {
    let w = World::new();
    let sink = Arc::new(Forgetful(w.sink.clone(), AtomicBool::default()));
    let log = AuditLog::open(Config { sink, ..w.config("gateway") }).await.unwrap();
    assert!(w.sink.list(layout::HEADS).await.unwrap().is_empty());
    log.close().await.unwrap();
    assert_eq!(w.sink.list(layout::HEADS).await.unwrap().len(), 2);
    assert_eq!(w.verify().await.findings, []);
}
