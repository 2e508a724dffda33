//! Commands that are stopped while they run: by people, by their own time, by a freeze, by a lost role; and changes
//! that wait for each other.

#![expect(clippy::unwrap_used, reason = "a world that does not answer ends its test")]

use crate::redis_server::{RedisServer, connect};
use crate::world::{How, World};
use countersign::demo::world::CATALOG;
use countersign::installation::system_clock;
use countersign::recorder::Thread;
use countersign_audit::control::ControlLog;
use countersign_audit::event::Kind;
use countersign_audit::fate::Fate;
use countersign_audit::keys;
use countersign_audit::testing::ManualClock;
use countersign_chat::{Answer, Button, Notice, State};
use countersign_core::control::{Freeze, Lift};
use countersign_core::id::InvocationId;
use countersign_core::refusal::Code;
use countersign_core::time::Clock;
use countersign_queue::Queue;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

/// How soon a click must have ended a command, whatever the command does.
const TWO_SECONDS: Duration = Duration::from_secs(2);

/// Commands that take their time: changes in `dev` of one account each, and a look.
fn catalog() -> String {
    let mut text = CATALOG.to_owned();
    for (name, tier, seconds, wall) in
        [("nap", "change", 60, 100), ("doze", "read", 60, 100), ("short", "change", 60, 5), ("quick", "change", 0, 5)]
    {
        let reversible = if tier == "read" { "none-needed" } else { "reversible" };
        write!(
            text,
            "\n  {name}:\n    description: takes its time\n    runner: sleep\n    argv: [\"{seconds}\"]\n    tier: {tier}\n    \
             reversibility: {reversible}\n    sensitive: false\n    env: dev\n    owners: [payments]\n    pool: main\n    \
             limits: {{ wall_seconds: {wall}, output_bytes: 65536 }}\n    examples: [\"{name}\"]\n"
        )
        .unwrap();
    }
    text.push_str(
        "\n  flood:\n    description: prints without end\n    runner: \"yes\"\n    argv: [\"flood\"]\n    tier: read\n    \
         reversibility: none-needed\n    sensitive: false\n    env: dev\n    owners: [payments]\n    pool: main\n    \
         limits: { wall_seconds: 50, output_bytes: 65536 }\n    examples: [\"flood\"]\n",
    );
    text
}

async fn world_over(clock: Arc<dyn Clock>, queue: Option<Arc<dyn Queue>>) -> World {
    World::made(How { clock: Some(clock), catalog: Some(catalog()), queue, ..How::default() }).await
}

async fn world() -> World {
    World::of(catalog()).await
}

/// Who is named in the record of the stop, and how it ended.
async fn stopped_by(w: &World, id: InvocationId) -> (Option<String>, Option<String>) {
    let by = w.recorded(id, Kind::Cancelled).await.pop().and_then(|one| one.event.actor).and_then(|actor| actor.name);
    let ending = w.recorded(id, Kind::Outcome).await.pop().and_then(|one| one.event.ending);
    (by, ending)
}

#[tokio::test(flavor = "multi_thread")]
async fn p20_a_click_ends_a_command_within_two_seconds_over_either_queue() {
    let redis = RedisServer::plain();
    for queue in [None, Some(Arc::new(connect(redis.settings("demo"))) as Arc<dyn Queue>)] {
        let over = queue.as_ref().map_or("a file", |_| "Redis");
        let w = world_over(system_clock(), queue).await;
        let id = w.running("ann", "/nap --apply").await;
        let clicked = w.clock.boottime();
        let answer = w.clicks("ann", id, Button::Cancel).await;
        assert!(matches!(answer, Answer::Said(Notice::Cancelled { was_running: true, .. })), "{answer:?}");
        assert_eq!(w.ended(id).await.0, State::Cancelled);
        let took = w.clock.boottime().saturating_sub(clicked);
        println!("from the click until people read the end, over {over}: {} ms", took.as_millis());
        assert!(took < TWO_SECONDS, "{took:?} over {over}");
        assert_eq!(stopped_by(&w, id).await, (Some("Ann (SRE)".into()), Some("cancelled".into())));
        assert_eq!(std::fs::read_dir(w.path("jobs")).unwrap().count(), 0);
        w.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn p32_a_second_click_is_told_that_it_is_being_stopped_or_over() {
    let w = world().await;
    let id = w.running("ann", "/nap --apply").await;
    // An owner of what it is about, who neither asked nor could approve.
    let (first, second) = tokio::join!(w.clicks("cho", id, Button::Cancel), w.in_vain("eve", id, Button::Cancel));
    assert!(matches!(first, Answer::Said(Notice::Cancelled { was_running: true, .. })), "{first:?}");
    assert_eq!(second, Code::ApproverNotEligible, "who only looks stops nothing");
    let again = w.in_vain("ann", id, Button::Cancel).await;
    assert!(matches!(again, Code::AlreadyDecided | Code::UnknownButton), "{again}");
    assert_eq!(w.ended(id).await.0, State::Cancelled);
    w.is_over("ann", id, Button::Cancel).await;
    assert_eq!(w.recorded(id, Kind::Cancelled).await.len(), 1);
    w.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn p20_a_typed_line_ends_a_look_as_well() {
    let w = world().await;
    let id = w.running("ann", "/doze").await;
    let text = format!("/countersign cancel {}", id.short());
    let answer = w.types("ann", &text).await;
    assert!(matches!(answer, Answer::Said(Notice::Cancelled { was_running: true, .. })), "{answer:?}");
    assert_eq!(w.ended(id).await.0, State::Cancelled);
    assert_eq!(stopped_by(&w, id).await, (Some("Ann (SRE)".into()), Some("cancelled".into())));
    w.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn p20_people_are_warned_once_before_the_time_is_over_and_read_why_it_ended() {
    let w = world().await;
    let id = w.running("ann", "/short --apply").await;
    let (state, thread) = w.told(id).await;
    assert_eq!(state, State::TimedOut);
    let warned = thread.said.iter().filter(|said| matches!(said, Notice::TimeRunsOut { left } if left.as_secs() == 1));
    assert_eq!(warned.count(), 1, "{}", w.chat.transcript(&thread));
    assert!(w.chat.transcript(&thread).contains("ended by the time limit of 5 s"));
    w.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn p44_whoever_floods_is_ended_and_everybody_reads_why() {
    let w = world().await;
    let id = w.asks("ann", "/flood").await;
    let (_, thread) = w.told(id).await;
    let sentence = "ended by the output limit of 65536 bytes";
    assert!(w.chat.transcript(&thread).contains(sentence), "{}", w.chat.transcript(&thread));
    let outcome = w.recorded(id, Kind::Outcome).await.pop().unwrap().event;
    assert!(outcome.sealed.iter().any(|copy| copy.text.contains(sentence)), "{outcome:?}");
    w.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_of_one_target_wait_for_each_other_and_people_read_for_whom() {
    let w = world().await;
    let first = w.running("ann", "/nap --apply").await;
    let second = w.asks("bob", "/nap --apply").await;
    let third = w.asks("bob", "/nap --apply").await;
    let waits = |place| {
        move |thread: &Thread| {
            let is = |said: &Notice| matches!(said, Notice::InLine { behind: Some(who), position } if *position == place && who.starts_with("Ann"));
            thread.said.iter().any(is)
        }
    };
    w.wait(second, "it is told for whom it waits", waits(1)).await;
    w.wait(third, "it is told for whom it waits", waits(2)).await;
    // What only looks waits for nobody.
    let look = w.running("ann", "/doze").await;
    w.clicks("ann", look, Button::Cancel).await;
    w.clicks("bob", third, Button::Cancel).await;
    assert_eq!((w.ended(third).await.0, w.runs(third).await), (State::Cancelled, 0));
    w.clicks("ann", first, Button::Cancel).await;
    w.runs_now(second).await;
    w.clicks("bob", second, Button::Cancel).await;
    assert_eq!(w.ended(second).await.0, State::Cancelled);
    w.stop().await;
}

/// The sequence, as an operator reaches it: without chat and without the queue.
fn sequence(w: &World) -> ControlLog {
    let fate = w.fate();
    let fate: Arc<dyn Fate> = Arc::new(fate);
    ControlLog::new(fate, w.demo.installation.verifier.clone())
}

async fn frozen_by_operator(w: &World, env: Option<&str>) -> u64 {
    let sealer = keys::load_sealer(&w.demo.installation.places.keys, "auditor", "demo").unwrap();
    let (now, invocation) = (w.clock.now(), crate::control::cleared(w).0);
    let freeze = |epoch| Freeze {
        v: 1,
        deployment: "demo".into(),
        epoch,
        invocation,
        env: env.map(str::to_owned),
        why: "the rollout deletes data".into(),
        by: "operator".into(),
        at: now,
    };
    sequence(w).add(|epoch| freeze(epoch).seal(&sealer)).await.unwrap()
}

async fn lifted(w: &World, lifts: u64, key: &str) {
    let sealer = keys::load_sealer(&w.demo.installation.places.keys, key, "demo").unwrap();
    let (now, invocation) = (w.clock.now(), crate::control::cleared(w).0);
    let lift = |epoch| Lift {
        v: 1,
        deployment: "demo".into(),
        epoch,
        invocation,
        lifts,
        why: "it is mended".into(),
        by: "operator".into(),
        at: now,
    };
    sequence(w).add(|epoch| lift(epoch).seal(&sealer)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_freeze_out_of_band_stops_changes_within_two_seconds_and_nothing_else() {
    let w = world().await;
    let (change, look) = (w.running("ann", "/nap --apply").await, w.running("ann", "/doze").await);
    let at = w.clock.boottime();
    let number = frozen_by_operator(&w, Some("dev")).await;
    let (state, thread) = w.told(change).await;
    let took = w.clock.boottime().saturating_sub(at);
    println!("from the freeze until people read the end: {} ms", took.as_millis());
    assert_eq!(state, State::Cancelled);
    assert!(w.chat.transcript(&thread).contains("changes are frozen in `dev`"), "{}", w.chat.transcript(&thread));
    assert_eq!(stopped_by(&w, change).await.1.as_deref(), Some("cancelled"));
    let why = w.recorded(change, Kind::Cancelled).await.pop().unwrap().event.refusal.unwrap();
    assert_eq!(why.code(), Code::Frozen);
    // The look goes on, and what begins now is refused before anybody is asked.
    assert!(!w.chat.thread(look).unwrap().states.iter().any(|state| state.is_final()));
    assert_eq!(w.refused("ann", "/nap --apply").await.code(), Code::Frozen);
    // A gateway cannot lift it, whatever it writes.
    lifted(&w, number, "gateway").await;
    assert_eq!(w.refused("ann", "/nap --apply").await.code(), Code::Frozen);
    lifted(&w, number, "auditor").await;
    let again = w.running("ann", "/nap --apply").await;
    for id in [again, look] {
        w.clicks("ann", id, Button::Cancel).await;
        w.ended(id).await;
    }
    w.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_freeze_from_chat_stops_what_runs_and_closes_what_waits() {
    let redis = RedisServer::plain();
    let w = world_over(system_clock(), Some(Arc::new(connect(redis.settings("demo"))))).await;
    let change = w.running("ann", "/nap --apply").await;
    let waiting = w.asks("ann", "/nap --apply").await;
    assert_eq!(w.refused("eve", "/countersign freeze dev because").await.code(), Code::NotAllowed);
    assert_eq!(w.refused("ann", "/countersign freeze nowhere because").await.code(), Code::UnknownTarget);
    assert_eq!(w.refused("ann", "/countersign freeze dev").await.code(), Code::MissingValue);
    let at = w.clock.boottime();
    let answer = w.types("cho", "/countersign freeze dev the rollout deletes data").await;
    let Answer::Said(Notice::Listed { title, .. }) = &answer else { panic!("{answer:?}") };
    assert_eq!(title, "Changes are frozen");
    assert_eq!(w.ended(change).await.0, State::Cancelled);
    let took = w.clock.boottime().saturating_sub(at);
    println!("from typing until people read the end: {} ms", took.as_millis());
    assert!(took < TWO_SECONDS, "{took:?}");
    let (state, thread) = w.told(waiting).await;
    assert_eq!((state, w.runs(waiting).await), (State::Refused, 0), "{}", w.chat.transcript(&thread));
    let frozen = w.records().await.into_iter().filter(|one| one.event.kind == Kind::Freeze);
    let frozen: Vec<_> = frozen.map(|one| one.event.actor.unwrap().name.unwrap()).collect();
    assert_eq!(frozen, ["Cho (payments team lead)"]);
    let answer = w.types("eve", "/countersign freeze").await;
    assert!(format!("{answer:?}").contains("the rollout deletes data"), "{answer:?}");
    assert_eq!(w.refused("cho", "/countersign lift 1").await.code(), Code::NotAllowed);
    w.stop().await;
}

/// What a jail leaves behind is counted beside the runner, over ten thousand jobs; here is what the queue keeps of them.
#[tokio::test(flavor = "multi_thread")]
async fn p46_no_claim_and_no_lock_is_left_after_many_jobs() {
    let redis = RedisServer::plain();
    for queue in [None, Some(Arc::new(connect(redis.settings("demo"))) as Arc<dyn Queue>)] {
        let w = world_over(system_clock(), queue).await;
        let ids: Vec<_> = futures_util::future::join_all((0..24).map(|_| w.asks("ann", "/quick --apply"))).await;
        for (nth, id) in ids.iter().enumerate() {
            if nth % 5 == 0 {
                w.clicks("ann", *id, Button::Cancel).await;
            }
        }
        for id in ids {
            let (state, thread) = w.told(id).await;
            assert!(matches!(state, State::Done { exit: 0 } | State::Cancelled), "{}", w.chat.transcript(&thread));
        }
        let queue = w.demo.installation.queue.clone();
        let settled = async {
            while !queue.held("main").await.unwrap().is_empty() {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(30), settled).await.expect("nobody holds anything");
        assert_eq!(queue.reap("main", w.clock.now()).await.unwrap().orphans, []);
        assert_eq!(std::fs::read_dir(w.path("jobs")).unwrap().count(), 0);
        // The lock is free: the next one waits for nobody.
        let next = w.asks("ann", "/quick --apply").await;
        let (_, thread) = w.ended(next).await;
        assert!(
            !thread.said.iter().any(|said| matches!(said, Notice::InLine { .. })),
            "{}",
            w.chat.transcript(&thread)
        );
        w.stop().await;
    }
    for kind in ["lock", "line"] {
        let kept = redis.say(&format!("KEYS {{cs:demo}}:pool:main:{kind}:*"));
        assert!(!kept.contains("{cs:demo}"), "{kept}");
    }
}

/// A worker that starts on an empty disk reads the sequence from its beginning.
#[tokio::test(flavor = "multi_thread")]
async fn p12_a_freeze_while_people_agree_is_met_at_the_start() {
    let w = world().await;
    let id = w.asks("ann", "/restart-report service=checkout --apply").await;
    w.asking(id).await;
    w.approves("bob", id).await;
    frozen_by_operator(&w, None).await;
    w.approves("cho", id).await;
    let (state, thread) = w.told(id).await;
    assert_eq!((state, w.runs(id).await), (State::Refused, 0), "{}", w.chat.transcript(&thread));
    let fate = w.fate();
    let doc = fate.look("main", id).await.unwrap().unwrap().winner;
    assert!(doc.contains("frozen"), "{doc}");
    w.stop().await;
}

/// A worker won the fate and died: nobody knows how it ended, until somebody looks.
#[tokio::test(flavor = "multi_thread")]
async fn p04_a_person_says_how_it_ended_when_nobody_saw_it() {
    let w = world().await;
    let id = w.asks("ann", "/restart-report service=checkout --apply").await;
    w.asking(id).await;
    let said = w.refused("bob", &format!("/countersign reconcile {id} happened")).await;
    assert_eq!(said.code(), Code::AlreadyDecided, "it has not even started: {said}");
    w.starts_and_dies(id).await;
    w.approves("bob", id).await;
    w.approves("cho", id).await;
    let (state, thread) = w.told(id).await;
    assert_eq!(state, State::Unknown);
    let text = w.chat.transcript(&thread);
    assert!(text.contains(&format!("/countersign reconcile {id} happened")), "{text}");
    for (who, code) in [("ann", Code::ApproverNotEligible), ("eve", Code::ApproverNotEligible)] {
        assert_eq!(w.refused(who, &format!("/countersign reconcile {id} did-not")).await.code(), code, "{who}");
    }
    let answer = w.types("bob", &format!("/countersign reconcile {id} happened the report was sent twice")).await;
    assert!(matches!(answer, Answer::Said(Notice::Reconciled { happened: true, .. })), "{answer:?}");
    let record = w.recorded(id, Kind::Reconciled).await.pop().unwrap().event;
    assert_eq!(record.actor.unwrap().name.as_deref(), Some("Bob (SRE)"));
    assert_eq!(record.why.as_deref(), Some("the report was sent twice"));
    assert_eq!(record.details.get("happened").map(String::as_str), Some("yes"));
    // The outcome stays what it was.
    assert_eq!(w.recorded(id, Kind::Outcome).await.pop().unwrap().event.ending.as_deref(), Some("unknown"));
    let ran = w.asks("dee", "/disk-usage path=/tmp").await;
    w.ended(ran).await;
    assert_eq!(w.refused("bob", &format!("/countersign reconcile {ran} happened")).await.code(), Code::AlreadyDecided);
    w.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn p12_whoever_leaves_while_their_command_runs_is_stopped() {
    let clock = Arc::new(ManualClock::at(system_clock().now()));
    let w = world_over(clock.clone(), None).await;
    let id = w.running("ann", "/nap --apply").await;
    let text = std::fs::read_to_string(&w.demo.worker_people).unwrap();
    let gone =
        text.replace("name: Ann (SRE),                standing: active", "name: Ann (SRE), standing: deactivated");
    assert_ne!(text, gone);
    std::fs::write(&w.demo.worker_people, gone).unwrap();
    // Less than a lease, so that the claim is not lost by it.
    clock.advance(Duration::from_secs(10));
    let (state, thread) = w.told(id).await;
    assert_eq!(state, State::Cancelled, "{}", w.chat.transcript(&thread));
    let why = w.recorded(id, Kind::Cancelled).await.pop().unwrap().event.refusal.unwrap();
    assert_eq!(why.code(), Code::Deactivated);
    w.stop().await;
}
