//! What a gateway left half done, or could not write, is gone on with.

#![expect(clippy::unwrap_used, reason = "a world that does not answer ends its test")]

use crate::world::{How, World};
use countersign::demo::world::CATALOG;
use countersign::installation::system_clock;
use countersign_audit::event::Kind;
use countersign_audit::fate::Fate as _;
use countersign_audit::keys;
use countersign_audit::testing::ManualClock;
use countersign_chat::{Button, State};
use countersign_core::effect::Effect;
use countersign_core::id::{Attempt, InvocationId};
use countersign_core::invocation::{Invocation, Pending, Resumed, Ruling};
use countersign_core::outcome::{Ending, Outcome};
use countersign_core::refusal::Code;
use countersign_queue::Paper;
use std::sync::Arc;
use std::time::Duration;

/// One change that shows no effect, one whose effect takes longer to find than anybody waits, and a slow read.
const COMMANDS: &str = "
  plain:
    description: a change without a preview
    runner: printf
    argv: ['done\\n']
    tier: change
    reversibility: reversible
    sensitive: false
    env: prod
    owners: [payments]
    pool: main
    examples: [\"plain\"]
  slow:
    description: slow to look at
    runner: sleep
    argv: [\"0\"]
    preview: [\"50\"]
    tier: change
    reversibility: reversible
    sensitive: false
    env: prod
    owners: [payments]
    pool: main
    examples: [\"slow\"]
  linger:
    description: a read that takes its time
    runner: sleep
    argv: [\"1\"]
    tier: read
    reversibility: none-needed
    sensitive: false
    env: prod
    owners: [payments]
    pool: main
    examples: [\"linger\"]
";

async fn world() -> World {
    World::of(catalog()).await
}

fn catalog() -> String {
    format!("{CATALOG}{COMMANDS}")
}

/// A request as a gateway has it that was killed before anybody was asked.
fn pending(w: &World, text: &str) -> (InvocationId, Invocation<Pending>) {
    match w.decided(text) {
        (id, Ruling::Pending(pending)) => (id, pending),
        (_, other) => panic!("somebody must agree: {other:?}"),
    }
}

/// What needs nobody's agreement is not only what looks: a dry run, and a change in a sandbox.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_cleared_at_once_is_offered_although_the_gateway_died_before_it_could() {
    for text in [
        "/kubectl delete deployment api -n payments --context prod",
        "/kubectl scale deployment api --replicas=2 -n payments --context dev --apply",
    ] {
        let w = world().await;
        let (id, ruling) = w.decided(text);
        let Ruling::Cleared(cleared) = ruling else { panic!("nobody must agree: {ruling:?}") };
        let gateway = keys::load_sealer(&w.demo.installation.places.keys, "gateway", "demo").unwrap();
        w.demo.installation.queue.post(id, "main", Paper::Asked(cleared.record(&gateway))).await.unwrap();
        let (state, thread) = w.ended(id).await;
        assert_eq!(state, State::Done { exit: 0 }, "{}", w.chat.transcript(&thread));
        w.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn people_are_asked_although_the_gateway_died_before_it_asked_them() {
    let w = world().await;
    let (id, pending) = pending(&w, "/plain --apply");
    let gateway = keys::load_sealer(&w.demo.installation.places.keys, "gateway", "demo").unwrap();
    w.demo.installation.queue.post(id, "main", Paper::Asked(pending.record(&gateway))).await.unwrap();
    w.asking(id).await;
    w.approves("bob", id).await;
    assert_eq!((w.ended(id).await.0, w.runs(id).await), (State::Done { exit: 0 }, 1));
    w.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_another_gateway_asked_meanwhile_is_counted_and_not_waited_for() {
    let w = world().await;
    let id = w.asks("ann", "/slow --apply").await;
    let (installation, now) = (&w.demo.installation, w.clock.now());
    let (queue, verifier) = (installation.queue.clone(), &installation.verifier);
    let record = queue.papers(id).await.unwrap().asked.unwrap();
    let Resumed::Pending(pending) = record.resume(verifier, id, now).unwrap() else { panic!("its effect is awaited") };
    // Another gateway and another worker were quicker.
    let load = |name| keys::load_sealer(&installation.places.keys, name, "demo").unwrap();
    let effect = Effect::new("demo".into(), "main".into(), id, Vec::new(), Some("nothing\n".into()));
    let effect = effect.seal(&load("worker-main"));
    let asked = pending.with_effect(Some(&effect), verifier, now).unwrap();
    queue.post(id, "main", Paper::Asked(asked.record(&load("gateway")))).await.unwrap();
    queue.post(id, "main", Paper::Effect(effect)).await.unwrap();
    let thread = w.asking(id).await;
    assert_eq!(thread.card.unwrap().decision, Some(asked.decision().digest()));
    w.clicks("ann", id, Button::Cancel).await;
    assert_eq!(w.ended(id).await.0, State::Cancelled);
    w.stop().await;
}

/// The worker died with the queue's memory of its work: nobody is left who would find it.
#[tokio::test(flavor = "multi_thread")]
async fn what_started_and_never_ended_is_said_to_be_unknown_in_the_end() {
    let clock = Arc::new(ManualClock::at(system_clock().now()));
    let w = World::made(How { clock: Some(clock.clone()), catalog: Some(catalog()), ..How::default() }).await;
    let id = w.asks("ann", "/plain --apply").await;
    w.asking(id).await;
    w.starts_and_dies(id).await;
    w.runs_now(id).await;
    clock.advance(Duration::from_hours(12));
    assert_eq!(w.ended(id).await.0, State::Unknown);
    w.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_no_that_cannot_be_written_is_not_told_and_is_written_later() {
    let w = world().await;
    let id = w.asks("ann", "/plain --apply").await;
    w.asking(id).await;
    let fate = w.demo.installation.places.fate.clone();
    let away = fate.with_extension("away");
    std::fs::rename(&fate, &away).unwrap();
    assert_eq!(w.in_vain("ann", id, Button::Cancel).await, Code::AuditUnavailable);
    std::fs::rename(&away, &fate).unwrap();
    assert_eq!((w.ended(id).await.0, w.runs(id).await), (State::Cancelled, 0));
    w.stop().await;
}

/// A read may be tried again, and the outcome that others read is the first one's: it is on record, whoever records it.
#[tokio::test(flavor = "multi_thread")]
async fn the_outcome_of_a_try_that_died_before_recording_it_is_recorded() {
    let (published, recorded) = Box::pin(published_meanwhile("worker-main")).await;
    assert_eq!((recorded.len(), recorded.contains(&published)), (2, true), "{recorded:#?}");
}

/// Whoever can write the fate store puts nothing on record by that, and holds nobody up.
#[tokio::test(flavor = "multi_thread")]
async fn an_outcome_that_no_worker_sealed_is_not_recorded() {
    let (published, recorded) = Box::pin(published_meanwhile("gateway")).await;
    assert_eq!((recorded.len(), recorded.contains(&published)), (1, false), "{recorded:#?}");
}

/// An outcome under this process's key is published while a read runs: it, and the outcomes on record in the end.
async fn published_meanwhile(key: &str) -> (String, Vec<String>) {
    let w = world().await;
    let id = w.asks("ann", "/linger").await;
    w.runs_now(id).await;
    let sealer = keys::load_sealer(&w.demo.installation.places.keys, key, "demo").unwrap();
    let published = serde_json::to_string(&first_try(&w, id).seal(&sealer)).unwrap();
    assert!(w.fate().end("main", id, &published).await.unwrap().mine);
    let (places, clock) = (w.places.clone(), w.clock.clone());
    w.ended(id).await;
    let _data = w.stop().await;
    let events = countersign_tests::records(&places, clock).await.into_iter().map(|record| record.event);
    let ends = events.filter(|event| event.kind == Kind::Outcome);
    let sealed = ends.flat_map(|event| event.sealed).map(|copy| copy.text).collect();
    (published, sealed)
}

/// What a worker published that died then.
fn first_try(w: &World, invocation: InvocationId) -> Outcome {
    Outcome {
        v: 1,
        deployment: "demo".into(),
        pool: "main".into(),
        invocation,
        attempt: Some(Attempt::from_random([7; 16])),
        ending: Ending::Ran,
        exit: Some(0),
        refusal: None,
        at: w.clock.now(),
        duration_ms: 5,
        output: None,
        output_bytes: 0,
        redactions: 0,
        notes: Vec::new(),
    }
}
