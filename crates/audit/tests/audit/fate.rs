//! Fate: one winner, lost answers, a no as final as a yes.

use crate::world::{Mood, World};
use countersign_audit::begin::{BeginError, Particulars};
use countersign_audit::fate::{Fate as _, FateDoc, FateError, Reason, Verdict, fate_key};
use countersign_core::id::Attempt;
use countersign_core::refusal::Code;
use countersign_core::tier::Tier;

fn start(w: &World, trigger: &str, nth: u8) -> FateDoc {
    let verdict = Verdict::Start { worker: "w".into(), attempt: Attempt::from_random([nth; 16]) };
    FateDoc { v: 1, deployment: "demo".into(), pool: "prod".into(), invocation: w.id(trigger), verdict }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_eight_racers_one_wins_and_all_read_the_same() {
    let w = World::new();
    for round in 0..20 {
        let trigger = format!("r{round}");
        let tasks: Vec<_> = (0..8)
            .map(|nth| {
                let (fate, doc) = (w.fate.clone(), start(&w, &trigger, nth));
                w.tracker.spawn(async move { fate.decide(&doc).await.unwrap() })
            })
            .collect();
        let mut answers = Vec::new();
        for task in tasks {
            answers.push(task.await.unwrap());
        }
        assert_eq!(answers.iter().filter(|one| one.mine).count(), 1);
        assert!(answers.iter().all(|one| one.winner == answers[0].winner));
    }
}

#[tokio::test]
async fn only_the_same_attempt_may_ask_twice() {
    let w = World::new();
    assert!(w.fate.decide(&start(&w, "a", 1)).await.unwrap().mine);
    assert!(w.fate.decide(&start(&w, "a", 1)).await.unwrap().mine, "a lost answer is asked for again");
    assert!(!w.fate.decide(&start(&w, "a", 2)).await.unwrap().mine, "the same worker with other bits is another start");
}

#[tokio::test]
async fn a_no_is_as_final_as_a_yes() {
    let w = World::new();
    let (gateway, worker) = (w.open("gateway").await, w.open("worker").await);
    let no = gateway.refuse("prod", w.id("a"), Reason::Rejected, Some(Code::Rejected)).await.unwrap();
    assert!(no.mine);
    match worker.begin(w.warrant("a", Tier::Change, None), Particulars::default()).await {
        Err(BeginError::Closed(fate)) => assert_eq!(*fate, no.fate),
        other => panic!("{other:?}"),
    }
    w.ran(worker.begin(w.warrant("b", Tier::Change, None), Particulars::default()).await.unwrap()).await;
    let late = gateway.refuse("prod", w.id("b"), Reason::Cancelled, None).await.unwrap();
    assert!(!late.mine && matches!(late.fate.verdict, Verdict::Start { .. }));
    assert!(matches!(
        worker.begin(w.warrant("b", Tier::Change, None), Particulars::default()).await,
        Err(BeginError::Started(_))
    ));
}

#[tokio::test]
async fn a_lost_answer_is_our_own_start_and_a_second_process_never_takes_it() {
    let w = World::new();
    let (one, other) = (w.open("worker").await, w.open("worker").await);
    w.fate.is(Mood::Mute);
    let lost = one.begin(w.warrant("a", Tier::Change, None), Particulars::default()).await;
    assert!(matches!(lost, Err(BeginError::Unanswered(_))), "{lost:?}");
    w.fate.is(Mood::Good);
    let stolen = other.begin(w.warrant("a", Tier::Change, None), Particulars::default()).await;
    assert!(matches!(stolen, Err(BeginError::Started(_))), "{stolen:?}");
    w.ran(one.begin(w.warrant("a", Tier::Change, None), Particulars::default()).await.unwrap()).await;
    let again = one.begin(w.warrant("a", Tier::Change, None), Particulars::default()).await;
    assert!(matches!(again, Err(BeginError::Started(_))), "an attempt starts once: {again:?}");
}

#[tokio::test]
async fn an_answer_that_was_dropped_once_is_asked_for_again_at_once() {
    let w = World::new();
    let worker = w.open("worker").await;
    w.fate.is(Mood::Drops);
    w.ran(worker.begin(w.warrant("a", Tier::Change, None), Particulars::default()).await.unwrap()).await;
}

#[tokio::test]
async fn a_fate_under_the_wrong_name_is_nobodys() {
    let w = World::new();
    let (a, b) = (start(&w, "a", 1), start(&w, "b", 1));
    assert!(matches!(FateDoc::read(a.bytes().as_bytes(), "prod", b.invocation), Err(FateError::Misplaced)));
    assert!(matches!(FateDoc::read(a.bytes().as_bytes(), "dev", a.invocation), Err(FateError::Misplaced)));
    assert_eq!(FateDoc::read(a.bytes().as_bytes(), "prod", a.invocation).unwrap(), a);
    for pool in ["../x", "a/b", "", ".hidden"] {
        assert!(matches!(fate_key(pool, a.invocation), Err(FateError::BadPool(_))), "{pool}");
    }
}
