//! The whole installation over a real Redis that forgets, tells the wrong time, or is in an attacker's hands: nothing
//! is granted, nothing runs twice, and people are told the truth.

use crate::redis_server::{RedisServer, connect};
use crate::rig::Rig;
use crate::world::{How, World};
use countersign::installation::system_clock;
use countersign::recorder::Thread;
use countersign_audit::event::{Kind, SealKind};
use countersign_audit::testing::ManualClock;
use countersign_audit::verify::Conclusion;
use countersign_chat::{Button, State};
use countersign_core::id::{InvocationId, Origin};
use countersign_core::refusal::Code;
use countersign_core::time::{Clock, Timestamp};
use countersign_core::warrant::Errand;
use countersign_queue::{Load, Offer, Queue, Renewed, Repeat};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

/// Harmless, and held like the real thing: one of sre and one of the owners.
const COMMAND: &str = "/restart-report service=checkout --apply";

/// How long people wait for something that may never come.
const SHORTLY: Duration = Duration::from_secs(15);

struct Installed {
    world: World,
    redis: RedisServer,
}

impl Installed {
    async fn start(clock: Arc<dyn Clock>) -> Self {
        let redis = RedisServer::plain();
        let queue: Arc<dyn Queue> = Arc::new(connect(redis.settings("demo")));
        let world = World::made(How { clock: Some(clock), queue: Some(queue), ..How::default() }).await;
        Self { world, redis }
    }

    /// Asked, and seen and approved by Bob.
    async fn half_approved(&self) -> InvocationId {
        let id = self.world.asks("ann", COMMAND).await;
        self.world.asking(id).await;
        self.world.approves("bob", id).await;
        id
    }

    /// Ends without a run, as everybody is told.
    async fn ends_without_a_run(&self, id: InvocationId) {
        let is_told = |thread: &Thread| self.world.chat.transcript(thread).contains("nothing was started");
        let thread = self.world.wait(id, "people are told", is_told).await;
        let state = thread.card.as_ref().map(|card| card.state);
        assert_eq!((state, self.world.runs(id).await), (Some(State::Refused), 0));
    }

    async fn stop(self) {
        let report = self.world.verify().await;
        assert_eq!(report.conclusion(), Conclusion::Sound, "{report}");
        self.world.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn p41_what_redis_forgets_is_told_and_not_granted() {
    let at = Installed::start(system_clock()).await;
    let id = at.half_approved().await;
    at.redis.say("FLUSHALL");
    at.ends_without_a_run(id).await;
    at.world.is_over("cho", id, Button::Approve).await;
    // Whoever asks again is served.
    let again = at.half_approved().await;
    at.world.approves("cho", again).await;
    assert_eq!((at.world.ended(again).await.0, at.world.runs(again).await), (State::Done { exit: 0 }, 1));
    at.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn p41_a_restart_of_redis_loses_no_approval() {
    let mut at = Installed::start(system_clock()).await;
    let id = at.half_approved().await;
    at.redis.kill();
    let refused = at.world.clicks("cho", id, Button::ShowWhole).await;
    let countersign_chat::Answer::Said(countersign_chat::Notice::NotCounted { why }) = refused else {
        panic!("nobody can vote without a queue: {refused:?}")
    };
    assert_eq!(why.code(), Code::QueueUnavailable);
    tokio::task::block_in_place(|| at.redis.revive());
    at.world.approves("cho", id).await;
    assert_eq!((at.world.ended(id).await.0, at.world.runs(id).await), (State::Done { exit: 0 }, 1));
    at.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn p42_while_redis_hangs_people_hear_so_and_nothing_of_it_runs_later() {
    let at = Installed::start(system_clock()).await;
    let id = at.half_approved().await;
    at.redis.freeze(true);
    let refusal = at.world.refused("dee", "/disk-usage path=/tmp").await;
    assert_eq!(refusal.code(), Code::QueueUnavailable);
    assert_eq!(at.world.in_vain("cho", id, Button::ShowWhole).await, Code::QueueUnavailable);
    // What was sent meanwhile is still in its sockets, and Redis does all of it now.
    at.redis.freeze(false);
    at.world.approves("cho", id).await;
    assert_eq!(at.world.ended(id).await.0, State::Done { exit: 0 });
    let again = at.world.asks("dee", "/disk-usage path=/tmp").await;
    assert_eq!(at.world.ended(again).await.0, State::Done { exit: 0 });
    assert_eq!(at.world.all_runs().await, [id, again]);
    at.stop().await;
}

/// A `ConfigMap` in YAML of some 240 KiB: as long as a manifest gets, with what JSON must escape.
fn large() -> String {
    let line = |nth: usize| format!("  key-{nth:03}: \"{nth} {}\"\n", "\\\"é\\n".repeat(167));
    let data: String = (0..240).map(line).collect();
    format!("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: large\ndata:\n{data}")
}

/// Through every document in Redis and back: the request, the preview's job and effect, the ballots, the job.
#[tokio::test(flavor = "multi_thread")]
async fn a_manifest_of_240_kib_is_previewed_agreed_to_and_applied_over_redis() {
    let at = Installed::start(system_clock()).await;
    let manifest = large();
    assert!((230 << 10..=256 << 10).contains(&manifest.len()), "{}", manifest.len());
    let text =
        format!("/kubectl apply -n payments --context prod --reason \"much to keep\" --apply\n```yaml\n{manifest}```");
    let id = at.world.asks("ann", &text).await;
    let card = at.world.asking(id).await.card.expect("there is a card");
    let input = card.input.clone().expect("the card has the manifest");
    assert!(input.text().len() > 200 << 10, "{}", input.text().len());
    assert_eq!(Some(input.digest()), card.stdin);
    assert!(at.world.prod().object("configmaps", Some("payments"), "large").is_none());
    assert_eq!(at.world.in_vain("bob", id, Button::Approve).await, Code::FullViewFirst);
    at.world.clicks("bob", id, Button::ShowWhole).await;
    at.world.approves("bob", id).await;
    let (state, thread) = at.world.ended(id).await;
    assert_eq!(state, State::Done { exit: 0 }, "{}", at.world.chat.transcript(&thread));
    let made = at.world.prod().object("configmaps", Some("payments"), "large").expect("it was applied");
    let data = made["data"].as_object().expect("it has data");
    assert_eq!(data.len(), 240);
    for (key, value) in data {
        let nth: usize = key.trim_start_matches("key-").parse().expect("a key ends with its number");
        assert_eq!(value.as_str(), Some(format!("{nth} {}", "\"é\n".repeat(167)).as_str()), "{key}");
    }
    at.stop().await;
}

fn moved(now: Timestamp, hours: i64) -> Timestamp {
    Timestamp::from_millis(now.as_millis() + hours * 3_600_000)
}

#[tokio::test(flavor = "multi_thread")]
async fn p29_a_clock_that_is_an_hour_off_extends_no_approval() {
    let now = system_clock().now();
    // The keys are older than the fault, as they are in any installation.
    let clock = Arc::new(ManualClock::at(moved(now, -2)));
    let at = Installed::start(clock.clone()).await;
    clock.set_wall(now);
    let id = at.half_approved().await;
    clock.set_wall(moved(now, -1));
    at.world.clicks("cho", id, Button::ShowWhole).await;
    assert_eq!(at.world.in_vain("cho", id, Button::Approve).await, Code::ClockSkew);
    clock.set_wall(system_clock().now());
    at.world.approves("cho", id).await;
    assert_eq!((at.world.ended(id).await.0, at.world.runs(id).await), (State::Done { exit: 0 }, 1));
    let other = at.half_approved().await;
    clock.set_wall(moved(now, 1));
    // It is over by this clock; by Redis' it is not, and nobody is asked which is right.
    let (state, _) = at.world.ended(other).await;
    assert_eq!((state, at.world.runs(other).await), (State::Expired, 0));
    at.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn p29_a_worker_whose_clock_is_ahead_takes_nobodys_work_for_abandoned() {
    let at = Installed::start(system_clock()).await;
    // A queue where one worker reaps and takes nothing, so that only this test claims.
    let queue: Arc<dyn Queue> = Arc::new(connect(at.redis.settings("elsewhere")));
    let now = system_clock().now();
    let clock = Arc::new(ManualClock::at(now));
    let installation = &at.world.demo.installation;
    let people = at.world.data.path().join("worker-people.yaml");
    let mut rig = Rig::over(&installation.places, people, &installation.verifier);
    (rig.clock, rig.at_once) = (clock.clone(), 0);
    let worker = rig.worker("main", queue.clone(), &installation.policy).await;
    let (_, job) = crate::control::cleared(&at.world);
    let origin = |trigger| Origin { deployment: "demo", front: "f", team: "t", trigger };
    let claim = async |trigger, lease| {
        let (invocation, pool) = (InvocationId::derive(origin(trigger), now), "main".to_owned());
        let load = Load::Run(job.clone());
        let offer = Offer { invocation, pool, repeat: Repeat::Never, lock: None, load };
        queue.enqueue(offer, system_clock().now()).await.expect("it answers");
        queue.claim("main", "w", system_clock().now(), lease).await.expect("it answers").expect("it is there")
    };
    let held = claim("held", Duration::from_mins(10)).await;
    clock.set_wall(moved(now, 1));
    claim("dropped", Duration::from_millis(1)).await;
    let reaped = async {
        while queue.claim("main", "w", system_clock().now(), SHORTLY).await.expect("it answers").is_none() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(Duration::from_mins(1), reaped).await.expect("what was dropped comes back");
    let renewed = queue.renew(held.key, held.fence, system_clock().now(), SHORTLY).await;
    assert!(matches!(renewed, Ok(Renewed::Held(_))), "{renewed:?}");
    worker.stop().await;
    at.stop().await;
}

/// Splitmix: the same attacks every time.
fn next(seed: &mut u64) -> usize {
    *seed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mixed = (*seed ^ (*seed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    usize::try_from((mixed ^ (mixed >> 27)) >> 33).expect("31 bits")
}

/// Whoever holds Redis: swaps, drops, replays and serves again whatever is there, never a byte of their own, since a
/// seal stops those (p01).
struct Attacker<'a> {
    redis: &'a RedisServer,
    seed: u64,
}

impl Attacker<'_> {
    fn keys(&self, of: InvocationId) -> Vec<String> {
        let found = self.redis.say(&format!("KEYS {{cs:demo}}:*{of}*"));
        found.lines().filter(|line| line.starts_with("{cs:demo}")).map(str::to_owned).collect()
    }

    /// Keeps everything as it is now.
    fn copy(&self, of: InvocationId) {
        for key in self.keys(of) {
            self.redis.say(&format!("COPY {key} old:{key} REPLACE"));
        }
    }

    /// One attack on one of two requests.
    fn attack(&mut self, one: InvocationId, two: InvocationId) {
        let keys = self.keys(one);
        if keys.is_empty() {
            return;
        }
        let key = &keys[next(&mut self.seed) % keys.len()];
        let twin = key.replace(&one.to_string(), &two.to_string());
        match next(&mut self.seed) % 8 {
            0 => {
                self.redis.say(&format!("RENAME {key} swapped:{key}"));
                self.redis.say(&format!("RENAME {twin} {key}"));
                self.redis.say(&format!("RENAME swapped:{key} {twin}"));
            }
            1 => drop(self.redis.say(&format!("DEL {key}"))),
            2 => drop(self.redis.say(&format!("COPY old:{key} {key} REPLACE"))),
            3 => drop(self.redis.say(&format!("COPY {twin} {key} REPLACE"))),
            // The work of both is there to be claimed, whatever became of it.
            4 => {
                for id in [one, two] {
                    self.redis
                        .say(&format!("HSET {{cs:demo}}:pool:main:job:{id}/run stage queued lock \"\" not_before 0"));
                    self.redis.say(&format!("ZADD {{cs:demo}}:pool:main:ready 1 {id}/run"));
                }
            }
            _ => {}
        }
    }
}

/// Two requests, of which the attacker makes what they can while people vote. How each ended.
async fn under_attack(at: &Installed, seed: u64) -> [(InvocationId, State); 2] {
    let mut attacker = Attacker { redis: &at.redis, seed };
    let ids = [at.world.asks("ann", COMMAND).await, at.world.asks("ann", COMMAND).await];
    for id in ids {
        at.world.asking(id).await;
        attacker.copy(id);
    }
    for (who, nth) in [("bob", 0), ("cho", 1), ("cho", 0)] {
        at.world.clicks(who, ids[nth], Button::ShowWhole).await;
        at.world.clicks(who, ids[nth], Button::Approve).await;
        attacker.attack(ids[nth], ids[1 - nth]);
    }
    let mut ended = Vec::new();
    for id in ids {
        // Whatever waits for people, or for work that was taken away, is taken back in the end.
        let is_over = |thread: &Thread| thread.card.as_ref().is_some_and(|card| card.state.is_final());
        if at.world.chat.wait(id, SHORTLY, is_over).await.is_err() {
            at.world.clicks("ann", id, Button::Cancel).await;
        }
        ended.push((id, at.world.ended(id).await.0));
    }
    [ended[0], ended[1]]
}

#[tokio::test(flavor = "multi_thread")]
async fn p42_redis_in_an_attackers_hands_grants_nothing_and_runs_nothing_twice() {
    let at = Installed::start(system_clock()).await;
    let rounds = futures_util::future::join_all((0..24).map(|seed| under_attack(&at, seed))).await;
    let records = at.world.records().await;
    let mut ran = 0;
    for (id, state) in rounds.into_iter().flatten() {
        let is_start = |kind: Kind, errand| kind == Kind::Intent && errand == Some(Errand::Run);
        let of = || records.iter().map(|record| &record.event).filter(|event| event.invocation == Some(id));
        let starts: Vec<_> = of().filter(|event| is_start(event.kind, event.errand)).collect();
        // On record as begun, and then the queue no longer let it start. Whoever finds an outcome records it once
        // more, in the words of the worker that sealed it.
        let not_run = |kind: Kind, errand| kind == Kind::Outcome && errand == Some(Errand::Run);
        let not_run =
            of().filter(|event| not_run(event.kind, event.errand) && event.ending.as_deref() == Some("not-run"));
        let not_run: BTreeSet<&str> = not_run
            .flat_map(|event| &event.sealed)
            .filter(|copy| copy.kind == SealKind::Outcome)
            .map(|copy| copy.text.as_str())
            .collect();
        let told = || at.world.chat.thread(id).map(|thread| at.world.chat.transcript(&thread)).unwrap_or_default();
        assert!(starts.len() <= 1, "started {} times: {}", starts.len(), told());
        ran += starts.len();
        for start in &starts {
            let ballots = start.sealed.iter().filter(|copy| copy.kind == SealKind::Ballot).count();
            assert_eq!(ballots, 2, "two people agreed to it: {}", told());
        }
        match state {
            State::Done { exit: 0 } => assert_eq!(starts.len(), 1, "{}", told()),
            State::Unknown | State::Cancelled => {}
            state => assert_eq!(starts.len(), not_run.len(), "{state:?}: {}", told()),
        }
    }
    assert!(ran > 4, "only {ran} of 48 ran: too few to prove anything");
    tokio::time::timeout(Duration::from_mins(1), at.stop()).await.expect("it stops");
}
