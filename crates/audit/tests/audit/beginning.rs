//! From warrant to record: nothing begins that is not durable.

use crate::world::{Mood, World};
use countersign_audit::begin::{BeginError, CloseError, Ended, Particulars};
use countersign_audit::event::Kind;
use countersign_audit::fate::{Fate as _, FateDoc, Verdict};
use countersign_audit::sink::Sink as _;
use countersign_audit::story;
use countersign_audit::verify::{Concern, Conclusion, Name};
use countersign_core::outcome::Ending;
use countersign_core::tier::Tier;
use countersign_core::time::Clock as _;
use countersign_core::warrant::Errand;
use std::sync::atomic::Ordering;
use std::time::Duration;

#[tokio::test]
async fn p03_while_the_store_fails_nothing_begins_and_then_it_does() {
    for mood in [Mood::Down, Mood::Hangs, Mood::ReadOnly] {
        let w = World::new();
        let worker = w.open("worker").await;
        w.sink.is(mood);
        for (trigger, tier) in [("read", Tier::Read), ("change", Tier::Change)] {
            let begun = worker.begin(w.warrant(trigger, tier, None), Particulars::default()).await;
            let Err(error @ BeginError::Unwritten { .. }) = begun else { panic!("{mood:?} {tier}: {begun:?}") };
            assert_eq!(error.to_string(), "the intent could not be recorded, so nothing runs");
            assert!(error.owes().is_some());
        }
        assert!(!worker.gauges().writable.load(Ordering::Relaxed));
        w.sink.is(Mood::Good);
        w.ran(worker.begin(w.warrant("next", Tier::Change, None), Particulars::default()).await.unwrap()).await;
        assert!(worker.gauges().writable.load(Ordering::Relaxed));
    }
}

#[tokio::test]
async fn p03_while_fate_fails_nothing_begins() {
    let w = World::new();
    let worker = w.open("worker").await;
    w.fate.is(Mood::Down);
    let begun = worker.begin(w.warrant("a", Tier::Change, None), Particulars::default()).await;
    assert!(matches!(begun, Err(BeginError::Unanswered(_))));
    let read = worker.begin(w.warrant("read", Tier::Read, None), Particulars::default()).await.unwrap();
    w.fate.is(Mood::Good);
    w.ran(read).await;
    w.ran(worker.begin(w.warrant("a", Tier::Change, None), Particulars::default()).await.unwrap()).await;
}

#[tokio::test]
async fn p05_the_intent_is_in_the_store_before_there_is_anything_to_run() {
    let w = World::new();
    let worker = w.open("worker").await;
    let warrant = w.asked("a", Tier::Change, Some("1 of sre")).await;
    let begun = worker.begin(warrant, World::particulars()).await.unwrap();
    let told = story::show(w.sink.as_ref(), w.id("a")).await.unwrap();
    let [.., intent] = told.records.as_slice() else { panic!("{told}") };
    assert_eq!(intent.event.kind, Kind::Intent);
    assert_eq!(intent.event.attempt.as_ref(), Some(begun.0.attempt()));
    let fate = w.fate.look("prod", w.id("a")).await.unwrap().unwrap();
    assert_eq!(intent.event.fate, Some(fate.winner));
    assert_eq!(intent.event.sealed.len(), 2, "the job and the ballot, verbatim");
    assert_eq!(begun.0.stored_at(), w.clock.now());
    w.ran(begun).await;
    w.open("gateway").await.close().await.unwrap();
    worker.close().await.unwrap();
    let report = w.verify().await;
    assert_eq!(report.conclusion(), Conclusion::Sound, "{report}");
}

#[tokio::test]
async fn p05_an_intent_without_an_outcome_is_found() {
    let w = World::new();
    let worker = w.open("worker").await;
    let (_, entry) = worker.begin(w.asked("a", Tier::Change, None).await, Particulars::default()).await.unwrap();
    drop(entry);
    assert_eq!(worker.gauges().unclosed.load(Ordering::Relaxed), 1);
    assert_eq!(w.verify().await.names(Concern::Completeness), []);
    assert!(w.verify().await.names(Concern::Notice).contains(&Name::StillRunning));
    w.clock.advance(Duration::from_mins(3));
    assert_eq!(w.verify().await.names(Concern::Completeness), [Name::IntentWithoutOutcome]);
}

#[tokio::test]
async fn p05_a_look_is_lost_only_with_its_process() {
    let w = World::new();
    let (died, closed) = (w.open("worker").await, w.open("worker").await);
    for worker in [&died, &closed] {
        let name = worker.writer().to_string();
        let (_, entry) = worker.begin(w.asked(&name, Tier::Read, None).await, Particulars::default()).await.unwrap();
        drop(entry);
    }
    closed.close().await.unwrap();
    w.clock.advance(Duration::from_mins(3));
    let report = w.verify().await;
    assert_eq!(report.names(Concern::Completeness), [Name::IntentWithoutOutcome], "of the writer that was closed");
    assert!(report.names(Concern::Notice).contains(&Name::LostLook), "{report}");
}

#[tokio::test]
async fn a_caller_that_goes_away_loses_no_record() {
    let w = World::new();
    let worker = w.open("worker").await;
    let warrant = w.asked("a", Tier::Change, None).await;
    let mut stored = w.sink.stored.subscribe();
    let mut begin = Box::pin(worker.begin(warrant, Particulars::default()));
    // Polled once, so that it has begun, and dropped.
    let pending = std::future::poll_fn(|cx| std::task::Poll::Ready(begin.as_mut().poll(cx).is_pending())).await;
    assert!(pending);
    drop(begin);
    let intent = async {
        let is_intent = |record: &countersign_audit::record::Record| record.event.kind == Kind::Intent;
        while !story::show(w.sink.as_ref(), w.id("a")).await.unwrap().records.iter().any(is_intent) {
            stored.changed().await.unwrap();
        }
    };
    tokio::time::timeout(Duration::from_secs(20), intent).await.expect("the write goes on without its caller");
    worker.close().await.unwrap();
    assert_eq!(worker.gauges().unclosed.load(Ordering::Relaxed), 1);
    w.clock.advance(Duration::from_mins(3));
    assert_eq!(w.verify().await.names(Concern::Completeness), [Name::IntentWithoutOutcome]);
}

#[tokio::test]
async fn a_skewed_clock_begins_nothing() {
    let w = World::new();
    let worker = w.open("worker").await;
    // The fate store's clock is its host's; here the worker's own goes wrong.
    let wrong =
        std::sync::Arc::new(countersign_audit::testing::ManualClock::at(w.clock.now().plus(Duration::from_secs(31))));
    let skewed = countersign_audit::log::Config { clock: wrong.clone(), ..w.config("worker") };
    let skewed = countersign_audit::log::AuditLog::open(skewed).await.unwrap();
    match skewed.begin(w.warrant("a", Tier::Change, None), Particulars::default()).await {
        Err(BeginError::ClockSkew { skew, owes: None }) => assert_eq!(skew, Duration::from_secs(31)),
        other => panic!("{other:?}"),
    }
    assert!(w.fate.look("prod", w.id("a")).await.unwrap().is_none(), "a skewed worker leaves fate alone");
    // It goes wrong between its last record and the fate: the fate is won, and nothing runs.
    wrong.set_wall(w.clock.now());
    skewed.record(countersign_audit::event::Event::of(Kind::PolicyChanged)).await.unwrap();
    wrong.set_wall(w.clock.now().plus(Duration::from_secs(31)));
    match skewed.begin(w.warrant("b", Tier::Change, None), Particulars::default()).await {
        Err(BeginError::ClockSkew { owes: Some(_), .. }) => {}
        other => panic!("{other:?}"),
    }
    w.ran(worker.begin(w.warrant("a", Tier::Change, None), Particulars::default()).await.unwrap()).await;
}

#[tokio::test]
async fn an_expired_decision_begins_nothing() {
    let w = World::new();
    let worker = w.open("worker").await;
    let warrant = w.warrant("a", Tier::Change, None);
    w.clock.advance(Duration::from_mins(11));
    let begun = worker.begin(warrant, Particulars::default()).await;
    assert!(matches!(begun, Err(BeginError::Expired { owes: None, .. })), "{begun:?}");
    assert!(w.fate.look("prod", w.id("a")).await.unwrap().is_none());
}

#[tokio::test]
async fn what_won_fate_and_did_not_run_gets_its_outcome_later() {
    let w = World::new();
    let worker = w.open("worker").await;
    let warrant = w.asked("a", Tier::Change, None).await;
    w.sink.is(Mood::Down);
    let begun = worker.begin(warrant, Particulars::default()).await;
    let attempt = begun.unwrap_err().owes().unwrap().clone();
    w.sink.is(Mood::Good);
    let outcome = w.outcome(w.id("a"), &attempt, Ending::NotRun);
    worker.conclude(&outcome, Errand::Run, &Ended::default()).await.unwrap();
    assert!(w.fate.ended("prod", w.id("a")).await.unwrap().is_some());
    worker.close().await.unwrap();
    let report = w.verify().await;
    assert_eq!(report.conclusion(), Conclusion::Sound, "{report}");
}

#[tokio::test]
async fn an_outcome_of_another_run_closes_nothing_and_the_first_outcome_stays() {
    let w = World::new();
    let worker = w.open("worker").await;
    let (on_record, mut entry) =
        worker.begin(w.warrant("a", Tier::Change, None), Particulars::default()).await.unwrap();
    let foreign = w.outcome(w.id("b"), on_record.attempt(), Ending::Ran);
    assert!(matches!(entry.close(&foreign, &Ended::default()).await, Err(CloseError::OtherRun)));
    // A reaper thought the worker dead and wrote first.
    let reaper = w.open("worker").await;
    let unknown = w.outcome(w.id("a"), on_record.attempt(), Ending::Unknown);
    assert!(reaper.conclude(&unknown, Errand::Run, &Ended::default()).await.unwrap().superseded_by.is_none());
    let ran = w.outcome(w.id("a"), on_record.attempt(), Ending::Ran);
    let concluded = entry.close(&ran, &Ended::default()).await.unwrap();
    assert_eq!(concluded.superseded_by, Some(serde_json::to_string(&unknown).unwrap()));
}

#[tokio::test]
async fn a_gateway_begins_nothing() {
    let w = World::new();
    let gateway = w.open("gateway").await;
    let begun = gateway.begin(w.warrant("a", Tier::Read, None), Particulars::default()).await;
    assert!(matches!(begun, Err(BeginError::NotAWorker(_))));
}

#[tokio::test]
async fn a_plain_read_leaves_fate_alone() {
    let w = World::new();
    let worker = w.open("worker").await;
    w.ran(worker.begin(w.warrant("a", Tier::Read, None), Particulars::default()).await.unwrap()).await;
    assert!(w.fate.look("prod", w.id("a")).await.unwrap().is_none());
    // The same read may be tried again.
    w.ran(worker.begin(w.warrant("a", Tier::Read, None), Particulars::default()).await.unwrap()).await;
}

#[tokio::test]
async fn the_fate_names_worker_and_attempt() {
    let w = World::new();
    let worker = w.open("worker").await;
    let begun = worker.begin(w.warrant("a", Tier::Change, None), Particulars::default()).await.unwrap();
    let fate = w.fate.look("prod", w.id("a")).await.unwrap().unwrap();
    let doc = FateDoc::read(fate.winner.as_bytes(), "prod", w.id("a")).unwrap();
    let verdict = Verdict::Start { worker: worker.writer().to_string(), attempt: begun.0.attempt().clone() };
    assert_eq!(doc.verdict, verdict);
    w.ran(begun).await;
    assert!(w.sink.list("fate/").await.unwrap().is_empty());
}
