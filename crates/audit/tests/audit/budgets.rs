//! Units of budgets: whoever attacks them from the side of workers, clocks and other people.

use crate::world::{Mood, START, World, person};
use countersign_audit::begin::{BeginError, Particulars};
use countersign_audit::directory::Directory;
use countersign_audit::event::Kind;
use countersign_audit::fate::{Fate as _, Reason};
use countersign_audit::log::{AuditLog, Config};
use countersign_audit::sink::Sink as _;
use countersign_audit::story;
use countersign_audit::testing::ManualClock;
use countersign_core::budget::{Budget, Per};
use countersign_core::principal::{Principal, SubjectId};
use countersign_core::tier::Tier;
use countersign_core::time::{Clock as _, Timestamp};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

fn budget(rule: &str, units: u32, per: Per) -> Budget {
    Budget { rule: rule.into(), units, per }
}

/// Whether the command was begun; it ran then, too. What is no answer about budgets stops the test.
async fn runs(w: &World, worker: &AuditLog, who: &str, trigger: &str, budgets: &[Budget]) -> bool {
    let warrant = w.counted(&person(who), trigger, Tier::Change, budgets);
    match worker.begin(warrant, Particulars::default()).await {
        Ok(begun) => {
            w.ran(begun).await;
            true
        }
        Err(BeginError::Spent { .. }) => false,
        Err(other) => panic!("{other:?}"),
    }
}

async fn slots(w: &World) -> Vec<String> {
    w.fate.list("slot/").await.unwrap()
}

#[tokio::test]
async fn one_more_than_the_budget_is_refused_and_leaves_fate_alone() {
    let w = World::new();
    let worker = w.open("worker").await;
    let three = [budget("three-a-day", 3, Per::Day)];
    for nth in 0..3 {
        assert!(runs(&w, &worker, "ann", &format!("a{nth}"), &three).await);
    }
    let warrant = w.counted(&person("ann"), "more", Tier::Change, &three);
    let Err(error) = worker.begin(warrant, Particulars::default()).await else { panic!("it began") };
    assert!(
        error.owes().is_none() && matches!(&error, BeginError::Spent { budget, .. } if budget.rule == "three-a-day")
    );
    assert!(w.fate.look("prod", w.id("more")).await.unwrap().is_none(), "a no is written by whoever tells it");
    let seen = worker.spent(&three, &person("ann").id, w.id("x")).await.unwrap().unwrap();
    assert_eq!(seen.rule(), Some("three-a-day"));
    assert!(worker.spent(&three, &person("bob").id, w.id("x")).await.unwrap().is_none());
    // The next day is another one.
    let tomorrow = Per::Day.begins(Per::Day.period(START) + 1);
    w.clock.advance(tomorrow.since(w.clock.now()));
    assert!(worker.spent(&three, &person("ann").id, w.id("x")).await.unwrap().is_none());
    assert!(runs(&w, &worker, "ann", "next", &three).await);
    // What was taken is in the intent's record.
    let told = story::show(w.sink.as_ref(), w.id("a2")).await.unwrap();
    let intent = told.records.iter().find(|one| one.event.kind == Kind::Intent).unwrap();
    assert_eq!(intent.event.details["budgets"], "three-a-day unit 3 of the day from 2026-11-21T00:00:00.000Z");
}

#[tokio::test]
async fn a_minute_ends_with_its_last_millisecond() {
    let w = World::new();
    let worker = w.open("worker").await;
    let two = [budget("two-a-minute", 2, Per::Minute)];
    let next = Per::Minute.begins(Per::Minute.period(START) + 1);
    w.clock.set_wall(Timestamp::from_millis(next.as_millis() - 1));
    assert!(runs(&w, &worker, "ann", "a", &two).await && runs(&w, &worker, "ann", "b", &two).await);
    assert!(!runs(&w, &worker, "ann", "c", &two).await);
    w.clock.advance(Duration::from_millis(1));
    assert!(runs(&w, &worker, "ann", "d", &two).await && runs(&w, &worker, "ann", "e", &two).await);
    assert!(!runs(&w, &worker, "ann", "f", &two).await);
}

#[tokio::test]
async fn of_two_workers_one_has_the_last_unit() {
    let w = World::new();
    let (one, other) = (w.open("worker").await, w.open("worker").await);
    for round in 0..8 {
        let budgets = [budget(&format!("round-{round}"), 3, Per::Hour)];
        let begin = async |worker: &AuditLog, trigger: String| {
            let warrant = w.counted(&person("ann"), &trigger, Tier::Change, &budgets);
            worker.begin(warrant, Particulars::default()).await
        };
        let name = |nth: u32| format!("{round}-{nth}");
        let begun = tokio::join!(
            begin(&one, name(0)),
            begin(&other, name(1)),
            begin(&one, name(2)),
            begin(&other, name(3)),
            begin(&one, name(4)),
            begin(&other, name(5)),
        );
        let mut won = 0;
        for begun in [begun.0, begun.1, begun.2, begun.3, begun.4, begun.5] {
            match begun {
                Ok(begun) => {
                    won += 1;
                    w.ran(begun).await;
                }
                Err(BeginError::Spent { .. }) => {}
                Err(other) => panic!("{other:?}"),
            }
        }
        assert_eq!(won, 3, "round {round}");
    }
    assert_eq!(slots(&w).await.len(), 24);
}

#[tokio::test]
async fn nobody_takes_another_ones_units_whatever_rules_and_people_are_called() {
    let w = World::new();
    let worker = w.open("worker").await;
    let odd = ["a", "a/b", "../../fate/prod", "a\u{202e}b", "A", " ", "a\n", "slot/a", &"x".repeat(5_000)];
    for (nth, rule) in odd.iter().enumerate() {
        for who in ["ann", "a/../bob", "bob", "\u{0}"] {
            let one = [budget(rule, 1, Per::Day)];
            assert!(runs(&w, &worker, who, &format!("{nth}-{who}"), &one).await, "{rule:?} {who:?}");
            assert!(!runs(&w, &worker, who, &format!("{nth}-{who}-more"), &one).await, "{rule:?} {who:?}");
        }
    }
    let other = Principal { id: SubjectId { iss: "elsewhere".into(), sub: "ann".into() }, ..person("ann") };
    let begun =
        worker.begin(w.counted(&other, "other", Tier::Change, &[budget("a", 1, Per::Day)]), Particulars::default());
    w.ran(begun.await.unwrap()).await;
    let names = slots(&w).await;
    assert_eq!(names.len(), odd.len() * 4 + 1);
    let plain = |name: &&String| name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'/');
    assert_eq!(names.iter().filter(plain).count(), names.len());
    assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len());
}

/// Of all who ask several times, each has its own unit, and only one.
#[tokio::test]
async fn a_command_counts_once() {
    let w = World::new();
    let worker = w.open("worker").await;
    let ten = [budget("ten", 10, Per::Day), budget("twenty", 20, Per::Hour)];
    // The answer of the store is lost on the way, so it is begun once more.
    w.fate.is(Mood::Drops);
    let begun = worker.begin(w.counted(&person("ann"), "a", Tier::Change, &ten), Particulars::default()).await;
    assert!(matches!(begun, Err(BeginError::Unanswered(_))), "{begun:?}");
    assert!(runs(&w, &worker, "ann", "a", &ten).await);
    assert_eq!(slots(&w).await.len(), 2, "the unit that was taken is found again");
    // Whoever comes late to a command that has its fate takes none.
    let late = worker.begin(w.counted(&person("ann"), "a", Tier::Change, &ten), Particulars::default()).await;
    assert!(matches!(late, Err(BeginError::Started(_))), "{late:?}");
    worker.refuse("prod", w.id("b"), Reason::Cancelled, None).await.unwrap();
    let closed = worker.begin(w.counted(&person("ann"), "b", Tier::Change, &ten), Particulars::default()).await;
    assert!(matches!(closed, Err(BeginError::Closed(_))), "{closed:?}");
    assert_eq!(slots(&w).await.len(), 2);
}

#[tokio::test]
async fn a_budget_that_is_spent_costs_the_others_nothing() {
    let w = World::new();
    let worker = w.open("worker").await;
    assert!(runs(&w, &worker, "ann", "a", &[budget("one", 1, Per::Day)]).await);
    let both = [budget("many", 100, Per::Day), budget("one", 1, Per::Day)];
    assert!(!runs(&w, &worker, "ann", "b", &both).await);
    assert_eq!(slots(&w).await.len(), 1);
}

#[tokio::test]
async fn a_limit_that_changes_keeps_what_was_spent() {
    let w = World::new();
    let worker = w.open("worker").await;
    let of = |units| [budget("a", units, Per::Day)];
    for nth in 0..7 {
        assert!(runs(&w, &worker, "ann", &format!("a{nth}"), &of(10)).await);
    }
    assert!(!runs(&w, &worker, "ann", "lowered", &of(5)).await);
    assert!(runs(&w, &worker, "ann", "raised", &of(8)).await);
    assert!(!runs(&w, &worker, "ann", "again", &of(8)).await);
    assert!(runs(&w, &worker, "ann", "wide", &of(10_000)).await);
    assert_eq!(slots(&w).await.len(), 9);
}

/// Whoever sets a clock back finds the units of then taken; the store's clock says which period it is.
#[tokio::test]
async fn p29_a_clock_that_jumps_gives_no_second_budget() {
    let w = World::new();
    let worker = w.open("worker").await;
    let two = [budget("two-a-minute", 2, Per::Minute)];
    let first = w.clock.now();
    assert!(runs(&w, &worker, "ann", "a", &two).await && runs(&w, &worker, "ann", "b", &two).await);
    w.clock.advance(Duration::from_mins(1));
    assert!(runs(&w, &worker, "ann", "c", &two).await && runs(&w, &worker, "ann", "d", &two).await);
    w.clock.set_wall(first);
    assert!(!runs(&w, &worker, "ann", "e", &two).await);
    w.clock.set_wall(first.plus(Duration::from_mins(1)));
    assert!(!runs(&w, &worker, "ann", "f", &two).await);
    let places: BTreeSet<String> = slots(&w).await.into_iter().collect();
    assert_eq!(places.len(), 4);
}

/// A worker 20 seconds behind the store is not stopped for that, and still lives in the store's minute.
#[tokio::test]
async fn p29_the_period_is_the_stores() {
    let w = World::new();
    let boundary = Per::Minute.begins(Per::Minute.period(START) + 1);
    w.clock.set_wall(Timestamp::from_millis(boundary.as_millis() - 10_000));
    let ahead = Arc::new(ManualClock::at(boundary.plus(Duration::from_secs(10))));
    let store = Directory::open(w.path("fate"), ahead).unwrap();
    let config = Config { fate: Arc::new(store), ..w.config("worker") };
    let worker = AuditLog::open(config).await.unwrap();
    let two = [budget("two-a-minute", 2, Per::Minute)];
    assert!(runs(&w, &worker, "ann", "a", &two).await && runs(&w, &worker, "ann", "b", &two).await);
    assert!(!runs(&w, &worker, "ann", "c", &two).await);
    let period = format!("/{:020}/", Per::Minute.period(boundary));
    assert_eq!(slots(&w).await.iter().filter(|name| name.contains(&period)).count(), 2);
    // When its clock is right again, there is nothing left in that minute.
    w.clock.set_wall(boundary.plus(Duration::from_secs(10)));
    assert!(!runs(&w, &worker, "ann", "d", &two).await);
}

#[tokio::test]
async fn while_the_store_is_away_nothing_is_counted_and_nothing_begins() {
    let w = World::new();
    let worker = w.open("worker").await;
    let two = [budget("two", 2, Per::Day)];
    w.fate.is(Mood::Down);
    // A read needs no fate, and still has to be counted.
    for tier in [Tier::Read, Tier::Change] {
        let begun = worker.begin(w.counted(&person("ann"), "a", tier, &two), Particulars::default()).await;
        assert!(matches!(begun, Err(BeginError::Unanswered(_))), "{begun:?}");
    }
    w.fate.is(Mood::Good);
    assert!(slots(&w).await.is_empty());
    assert!(runs(&w, &worker, "ann", "a", &two).await);
}
