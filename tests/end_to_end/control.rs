//! Commands that are stopped, and workers that are gone.

use crate::world::World;
use countersign::demo::world::CATALOG;
use countersign::installation::{Places, system_clock};
use countersign_audit::event::Kind;
use countersign_audit::keys;
use countersign_audit::testing::ManualClock;
use countersign_chat::{Answer, Button, Notice, State};
use countersign_core::id::InvocationId;
use countersign_core::invocation::Ruling;
use countersign_core::job::Job;
use countersign_core::outcome::{Ending, Outcome};
use countersign_core::refusal::Code;
use countersign_core::seal::Sealed;
use countersign_core::warrant::Errand;
use countersign_queue::{Load, Offer, Repeat, Topic};
use std::sync::Arc;
use std::time::Duration;

/// A command that takes its time, harmless and held as a change.
fn catalog(wall_seconds: u32) -> String {
    let entry = format!(
        "\n  nap:\n    description: takes its time\n    runner: sleep\n    argv: [\"60\"]\n    tier: change\n    \
         reversibility: reversible\n    sensitive: false\n    env: dev\n    owners: [engineering]\n    pool: main\n    \
         limits: {{ wall_seconds: {wall_seconds}, output_bytes: 65536 }}\n    examples: [\"nap\"]\n"
    );
    format!("{CATALOG}{entry}")
}

#[tokio::test]
async fn p20_a_running_command_is_cancelled_and_nothing_of_it_is_left() {
    let w = World::of(catalog(50)).await;
    let id = w.running("ann", "/nap --apply").await;
    let answer = w.clicks("ann", id, Button::Cancel).await;
    assert!(matches!(answer, Answer::Said(Notice::Cancelled { was_running: true, .. })), "{answer:?}");
    assert_eq!(w.ended(id).await.0, State::Cancelled);
    let records = w.records().await;
    let outcome = records.iter().find(|one| one.event.kind == Kind::Outcome && one.event.invocation == Some(id));
    assert_eq!(outcome.and_then(|one| one.event.ending.as_deref()), Some("cancelled"));
    let left = std::fs::read_dir(w.path("jobs")).expect("it is there").count();
    assert_eq!(left, 0);
    w.stop().await;
}

#[tokio::test]
async fn p20_a_command_that_takes_too_long_is_ended_and_said_to_be() {
    let w = World::of(catalog(1)).await;
    let id = w.asks("ann", "/nap --apply").await;
    let (state, thread) = w.ended(id).await;
    assert_eq!(state, State::TimedOut, "{}", w.chat.transcript(&thread));
    w.stop().await;
}

#[tokio::test]
async fn p57_stopping_ends_what_runs_and_records_it() {
    let w = World::of(catalog(50)).await;
    w.running("ann", "/nap --apply").await;
    let folder = w.stop().await;
    let report = countersign_tests::verified(&Places::below(folder.path())).await;
    assert_eq!(report.conclusion(), countersign_audit::verify::Conclusion::Sound, "{report}");
}

/// A change in the sandbox that the gateway itself cleared and sealed, and that nobody offered yet.
pub(crate) fn cleared(w: &World) -> (InvocationId, Sealed<Job>) {
    let (id, ruling) = w.decided("/kubectl scale deployment api --replicas=0 -n payments --context dev --apply");
    let Ruling::Cleared(cleared) = ruling else { panic!("a sandbox needs nobody: {ruling:?}") };
    let keys = &w.demo.installation.places.keys;
    let gateway = keys::load_sealer(keys, "gateway", "demo").expect("the gateway's own key");
    (id, cleared.into_job(&gateway, w.clock.now().plus(Duration::from_mins(5))))
}

/// Offers the job and waits for what the worker makes of it.
pub(crate) async fn settled(w: &World, id: InvocationId, job: Sealed<Job>) -> Outcome {
    let queue = w.demo.installation.queue.clone();
    let mut news = queue.listen(Topic::Invocation(id));
    let load = Load::Run(job);
    let offer = Offer { invocation: id, pool: "main".into(), repeat: Repeat::Never, lock: None, load };
    queue.enqueue(offer, w.clock.now()).await.expect("it answers");
    let outcome = async {
        loop {
            if let Some(sealed) = queue.papers(id).await.expect("it answers").outcome {
                return sealed.open(&w.demo.installation.verifier, id, w.clock.now()).expect("a worker sealed it");
            }
            news.wait(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(Duration::from_mins(1), outcome).await.expect("it is settled within a minute")
}

/// A worker won the fate and died. Whoever gets the job next must not run it, and must say so.
#[tokio::test]
async fn p04_what_somebody_else_has_started_is_unknown_and_never_run_again() {
    let w = World::start().await;
    let (id, job) = cleared(&w);
    w.starts_and_dies(id).await;
    let outcome = settled(&w, id, job).await;
    assert_eq!(outcome.ending, Ending::Unknown);
    assert_eq!(w.runs(id).await, 0);
    let dev = &w.demo.clusters["dev"];
    assert!(!dev.requests().iter().any(countersign_simulators::kubernetes::Recorded::mutated));
    w.end().await;
}

/// The same, and meanwhile the job's time is over: what has started is not closed as expired.
#[tokio::test]
async fn p04_what_has_started_is_unknown_although_it_would_be_refused_now() {
    let clock = Arc::new(ManualClock::at(system_clock().now()));
    let w = World::at(clock.clone()).await;
    let (id, job) = cleared(&w);
    w.starts_and_dies(id).await;
    clock.advance(Duration::from_mins(6));
    let outcome = settled(&w, id, job).await;
    assert_eq!((outcome.ending, w.runs(id).await), (Ending::Unknown, 0));
    w.stop().await;
}

#[tokio::test]
async fn p29_a_job_that_waited_too_long_is_closed_as_expired_and_not_called_a_forgery() {
    let clock = Arc::new(ManualClock::at(system_clock().now()));
    let w = World::at(clock.clone()).await;
    let (id, job) = cleared(&w);
    clock.advance(Duration::from_mins(6));
    let outcome = settled(&w, id, job).await;
    assert_eq!(outcome.refusal.map(|refusal| refusal.code()), Some(Code::Expired));
    assert_eq!((outcome.ending, w.runs(id).await), (Ending::NotRun, 0));
    w.stop().await;
}

/// A change in production whose preview takes its time.
fn slow_to_look() -> String {
    let entry = "\n  slow:\n    description: slow to look at\n    runner: sleep\n    argv: [\"0\"]\n    preview: [\"2\"]\n    \
                 tier: change\n    reversibility: reversible\n    sensitive: false\n    env: prod\n    owners: [payments]\n    \
                 pool: main\n    examples: [\"slow\"]\n";
    format!("{CATALOG}{entry}")
}

/// People agree, the worker looks at the effect once more, and meanwhile an approver leaves.
#[tokio::test]
async fn p12_whoever_leaves_while_the_worker_looks_no_longer_counts() {
    let w = World::of(slow_to_look()).await;
    let id = w.asks("ann", "/slow --apply").await;
    w.asking(id).await;
    w.approves("bob", id).await;
    let looks = async {
        loop {
            let records = w.records().await;
            let looks = records
                .iter()
                .filter(|one| one.event.errand == Some(Errand::Preview) && one.event.kind == Kind::Intent);
            if looks.count() == 2 {
                return;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_mins(1), looks).await.expect("the worker looks again");
    let text = std::fs::read_to_string(&w.demo.worker_people).expect("it is there");
    let without =
        text.replace("name: Bob (SRE),                standing: active", "name: Bob (SRE), standing: deactivated");
    assert_ne!(text, without);
    std::fs::write(&w.demo.worker_people, without).expect("it is ours");
    let (state, thread) = w.ended(id).await;
    assert_eq!((state, w.runs(id).await), (State::Refused, 0), "{}", w.chat.transcript(&thread));
    w.stop().await;
}
