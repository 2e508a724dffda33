//! Processes die at any instant, Redis with them, and nothing that was promised breaks.
//!
//! The instants come from a seed, which is printed; `COUNTERSIGN_CRASH_SEED` and `COUNTERSIGN_CRASH_KILLS` choose
//! another seed and a longer run.

mod chance;
mod judge;
mod people;
mod plan;
mod program;
#[path = "../../crates/queue/tests/redis_server/mod.rs"]
mod redis_server;
mod rig;

use chance::Chance;
use futures_util::StreamExt as _;
use judge::Evidence;
use people::{Hands, Site, shown};
use plan::Request;
use program::Program;
use redis_server::RedisServer;
use rig::Rig;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// How many requests are on their way at once.
const AT_ONCE: usize = 12;

/// The longest pause between two kills.
const PAUSE: Duration = Duration::from_secs(2);

fn chosen(name: &str, usual: u64) -> u64 {
    #[expect(clippy::disallowed_methods, reason = "how a longer run is asked for")]
    let said = std::env::var(name).ok();
    said.map_or(usual, |said| said.parse().unwrap_or_else(|_| panic!("`{name}` must be a number")))
}

#[tokio::test(flavor = "multi_thread")]
async fn p04_kill_never_runs_twice() {
    let (seed, kills) = (chosen("COUNTERSIGN_CRASH_SEED", 20_261_121), chosen("COUNTERSIGN_CRASH_KILLS", 100));
    println!("seed {seed}, {kills} kills");
    let mut rig = Rig::start().await;
    let mut chance = Chance::new(seed);
    let (over, mut killer_chance) = (AtomicBool::new(false), Chance::new(seed ^ 1));
    let Rig { programs, redis, slack, doors, cluster, .. } = &mut rig;
    let (slack, doors, hands) = (&*slack, &*doors, Hands::default());
    let site = Site { slack, doors, hands: &hands };
    let asking = async {
        let next = |nth: usize| {
            let request = Request::made(nth, &mut chance);
            plan_object(cluster, &request.mark);
            let own = Chance::new(seed ^ nth as u64);
            (!over.load(Ordering::Relaxed)).then(|| site.drive(request, own))
        };
        let all = futures_util::stream::iter((0..).map(next).take_while(Option::is_some).flatten());
        all.buffer_unordered(AT_ONCE).collect::<Vec<Request>>().await
    };
    let killing = async {
        for _ in 0..kills {
            kill_one(programs, redis, &mut killer_chance).await;
        }
        for program in programs.iter_mut() {
            program.is_ready().await;
        }
        over.store(true, Ordering::Relaxed);
    };
    let (mut requests, ()) = tokio::join!(asking, killing);
    site.settle(&mut requests, seed).await;
    finish(rig, &requests, kills).await;
}

/// What a request is about, and nobody else.
fn plan_object(cluster: &countersign_simulators::kubernetes::Cluster, name: &str) {
    let mut pod = cluster.object("pods", Some("payments"), "api-7f").expect("it is seeded");
    pod["metadata"] = serde_json::json!({"name": name, "namespace": "payments", "labels": {"app": "crash"}});
    cluster.write(pod).expect("the simulator takes it");
}

/// At a random instant, one of them.
async fn kill_one(programs: &mut [Program], redis: &mut RedisServer, chance: &mut Chance) {
    let micros = chance.below(usize::try_from(PAUSE.as_micros()).expect("it is short"));
    tokio::time::sleep(Duration::from_micros(micros as u64)).await;
    match chance.below(programs.len() + 1) {
        nth if nth < programs.len() => {
            programs[nth].kill();
            // Half of the time others die while this one is away or starts.
            if chance.percent(50) {
                programs[nth].is_ready().await;
            }
        }
        _ => tokio::task::block_in_place(|| {
            redis.kill();
            redis.revive();
        }),
    }
}

/// Everything ends, and everybody is asked what happened.
async fn finish(mut rig: Rig, requests: &[Request], kills: u64) {
    rig.is_closed().await;
    let evidence = Evidence::gather(&rig, requests).await;
    let hands = Hands::default();
    let site = Site { slack: &rig.slack, doors: &rig.doors, hands: &hands };
    for request in requests {
        let state = site.card(request).and_then(|card| shown(&card));
        let judged = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| evidence.judge(request, state)));
        if let Err(panic) = judged {
            println!("{}", site.thread(request));
            std::panic::resume_unwind(panic);
        }
    }
    let (asked, started) = (requests.len(), evidence.started(requests));
    let acknowledged = requests.iter().filter(|one| one.acknowledged).count();
    let unheard = rig.slack.deliveries().iter().filter(|one| !one.outcome.is_acknowledged()).count();
    let starts: usize = rig.programs.iter().map(Program::starts).sum();
    println!(
        "{asked} requests, {acknowledged} acknowledged, {started} started, {} changes; {kills} kills, {starts} starts of \
         programs, {unheard} lines and clicks that nobody heard",
        evidence.changed()
    );
    assert!(evidence.changed() * 10 > asked, "too little happened to prove anything");
    for (name, status) in rig.stop_programs().await {
        assert_eq!(status.code(), Some(0), "{name} does not end well:\n{}", rig.logged(&name, 40));
    }
    judge::nothing_is_left(&rig);
    judge::verify(&rig).await;
    rig.end().await;
}
