//! What Redis does to a queue: dies, forgets, hangs, fails over, lies, and lets too much.

#[path = "../redis_server/mod.rs"]
mod redis_server;
#[path = "../../../core/tests/kernel/world.rs"]
#[expect(dead_code, reason = "the kernel's own tests use more of it")]
mod world;

use countersign_core::ballot::Vote;
use countersign_core::id::{InvocationId, Origin};
use countersign_core::principal::SubjectId;
use countersign_core::time::Timestamp;
use countersign_queue::{
    Board as _, Dispatch as _, Feed as _, JobKey, Kind, Load, Offer, Once as _, Paper, Papers, Progress, RedisQueue,
    Repeat, Topic, Watch as _, Work as _,
};
use redis_server::{Options, RedisServer, Sentinels, connect};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use world::{NOW, World};

const POOL: &str = "main";
const LEASE: Duration = Duration::from_secs(10);

/// Longer than any step takes here; what lasts so long has failed.
const PATIENCE: Duration = Duration::from_mins(1);

fn at(seconds: u64) -> Timestamp {
    NOW.plus(Duration::from_secs(seconds))
}

fn offer(w: &World, name: &str, repeat: Repeat) -> Offer {
    let (job, _, _, invocation) = w.job(name);
    Offer { invocation, pool: POOL.into(), repeat, lock: None, load: Load::Run(job) }
}

fn line(text: impl Into<String>) -> Vec<Progress> {
    vec![Progress::Output(text.into())]
}

/// Asks again until it answers: what a process does while its queue is away.
async fn until_it_answers<T, E>(mut ask: impl AsyncFnMut() -> Result<T, E>) -> T {
    let asking = async {
        loop {
            if let Ok(answer) = ask().await {
                return answer;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, asking).await.expect("it never answers again")
}

/// Each of 10,000 entries is in one place: appended by two processes at once, with a kill -9 of
/// the server in between. What was acknowledged is there; what was not may be, once.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn p28_ten_thousand_appends_and_a_crash_lose_and_double_nothing() {
    let mut server = RedisServer::plain();
    let id = World::new().asked("a").0.id();
    let mut acknowledged = Vec::new();
    for half in 0..2 {
        let processes = [connect(server.settings("p28")), connect(server.settings("p28"))];
        let mut writers = tokio::task::JoinSet::new();
        for writer in 0..100 {
            let queue = processes[writer % 2].clone();
            writers.spawn(async move {
                let mut said = Vec::new();
                for nth in 0..50 {
                    let text = format!("{half}-{writer}-{nth}");
                    if queue.append(id, POOL, at(0), line(&text)).await.is_ok() {
                        said.push(text);
                    }
                }
                said
            });
        }
        if half == 0 {
            // In the middle of it, as the first answers come.
            acknowledged.extend(writers.join_next().await.unwrap().unwrap());
            server.kill();
        }
        while let Some(said) = writers.join_next().await {
            acknowledged.extend(said.unwrap());
        }
        if half == 0 {
            server.revive();
        }
    }
    let queue = connect(server.settings("p28"));
    let mut found: BTreeMap<String, usize> = BTreeMap::new();
    let mut after = 0;
    loop {
        let page = queue.read(id, POOL, after, 1_000).await.unwrap();
        let Some(last) = page.entries.last() else { break };
        assert!(page.entries.windows(2).all(|pair| pair[0].seq < pair[1].seq), "numbers grow");
        after = last.seq;
        for entry in page.entries {
            let Progress::Output(text) = entry.progress else { unreachable!("only output was written") };
            *found.entry(text).or_default() += 1;
        }
    }
    assert!(acknowledged.len() >= 5_000, "the second half met no crash: {}", acknowledged.len());
    assert!(found.values().all(|times| *times == 1), "something is there twice");
    let lost: Vec<_> = acknowledged.iter().filter(|text| !found.contains_key(*text)).collect();
    assert!(lost.is_empty(), "acknowledged and lost: {lost:?}");
}

/// Two thousand pieces of work, eight workers on two connections, a kill -9 in between: each is
/// handed out with a fence of its own, and no worker but the last can finish it.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn p28_work_is_in_one_hand_at_a_time_across_a_crash() {
    let mut server = RedisServer::plain();
    let w = World::new();
    let first = connect(server.settings("work"));
    for nth in 0..200 {
        first.enqueue(offer(&w, &format!("job-{nth}"), Repeat::Never), at(0)).await.unwrap();
    }
    let claim = async |queue: &RedisQueue, worker: &str, now| queue.claim(POOL, worker, now, LEASE).await;
    let mut before = BTreeMap::new();
    for nth in 0..100 {
        let claim = claim(&first, &format!("w{}", nth % 8), at(1)).await.unwrap().unwrap();
        assert!(before.insert(claim.key, claim.fence).is_none(), "handed out twice");
    }
    server.kill();
    assert!(claim(&first, "w", at(2)).await.is_err(), "a queue that is away says so");
    server.revive();
    let second = connect(server.settings("work"));
    let mut later = BTreeMap::new();
    while let Some(claim) = until_it_answers(async || claim(&second, "w", at(3)).await).await {
        assert!(!before.contains_key(&claim.key), "the claim survived the crash");
        later.insert(claim.key, claim.fence);
    }
    assert_eq!((before.len(), later.len()), (100, 100));
    assert!(later.values().min() > before.values().max(), "fences grow");
    // The leases end: everything nobody started is handed out once more, to others.
    assert_eq!(second.reap(POOL, at(60)).await.unwrap().requeued.len(), 200);
    let (key, stale) = before.pop_first().unwrap();
    assert!(second.finish(key, stale).await.is_err(), "an old hand finishes nothing");
}

#[tokio::test]
async fn p41_a_flush_grants_nothing_and_gives_no_number_twice() {
    let server = RedisServer::plain();
    let w = World::new();
    let queue = connect(server.settings("flush"));
    let (asked, _) = w.asked("a");
    let id = asked.id();
    queue.post(id, POOL, Paper::Asked(asked.record(&w.gateway))).await.unwrap();
    let bob = SubjectId { iss: "sso".into(), sub: "bob".into() };
    queue.cast(id, &bob, Vote::Approve, &w.ballot(&asked, "bob", Vote::Approve)).await.unwrap();
    queue.enqueue(offer(&w, "b", Repeat::Never), at(0)).await.unwrap();
    let claim = queue.claim(POOL, "w", at(0), LEASE).await.unwrap().unwrap();
    let number = queue.append(id, POOL, at(0), line("before")).await.unwrap();
    assert!(server.say("FLUSHALL").contains("+OK"));
    assert_eq!(queue.papers(id).await.unwrap(), Papers::default());
    assert!(queue.open().await.unwrap().is_empty());
    assert!(queue.start(claim.key, claim.fence, at(1)).await.is_err(), "a claim that was lost starts nothing");
    assert!(queue.renew(claim.key, claim.fence, at(1), LEASE).await.is_err());
    assert!(queue.append(id, POOL, at(1), line("after")).await.unwrap() > number);
    queue.enqueue(offer(&w, "b", Repeat::Never), at(2)).await.unwrap();
    let again = queue.claim(POOL, "w", at(2), LEASE).await.unwrap().unwrap();
    assert!(again.fence > claim.fence, "fences grow although the counter was lost");
    assert!(queue.finish(claim.key, claim.fence).await.is_err());
}

#[tokio::test]
async fn p42_a_queue_that_hangs_says_so_in_time_and_comes_back_by_itself() {
    let server = RedisServer::plain();
    let queue = connect(server.settings("hang"));
    queue.ping().await.unwrap();
    server.freeze(true);
    // Each call has its own deadline; that it ends at all is the point, the outer one is patience.
    let asked = tokio::time::timeout(PATIENCE, queue.first_time("key", at(60), at(0))).await;
    assert!(asked.expect("it must not wait for ever").is_err());
    server.freeze(false);
    until_it_answers(async || queue.ping().await).await;
    until_it_answers(async || queue.first_time("another", at(60), at(0)).await).await;
}

#[tokio::test]
async fn p42_it_need_not_be_there_at_the_start() {
    let mut server = RedisServer::plain();
    server.kill();
    let queue = connect(server.settings("late"));
    let mut news = queue.listen(Topic::Board);
    assert!(queue.ping().await.is_err());
    server.revive();
    until_it_answers(async || queue.ping().await).await;
    // And news are heard again: at the latest when the subscription is made anew.
    let id = World::new().asked("a").0.id();
    queue.append(id, POOL, at(0), line("x")).await.unwrap();
    news.wait(PATIENCE).await;
}

#[tokio::test]
async fn p41_after_a_failover_the_queue_works_and_fences_grow() {
    let mut sentinels = tokio::task::spawn_blocking(Sentinels::start).await.unwrap();
    let w = World::new();
    let queue = connect(sentinels.settings("fail"));
    queue.enqueue(offer(&w, "a", Repeat::Never), at(0)).await.unwrap();
    queue.enqueue(offer(&w, "b", Repeat::Never), at(0)).await.unwrap();
    let first = queue.claim(POOL, "w", at(0), LEASE).await.unwrap().unwrap();
    let port = sentinels.replica.port;
    sentinels.master.kill();
    let sentinels = tokio::task::spawn_blocking(move || {
        sentinels.master_is(port);
        sentinels
    });
    let _sentinels = sentinels.await.unwrap();
    // The newest writes may be lost with the old master. Whatever is handed out has a higher fence.
    let again = until_it_answers(async || {
        queue.reap(POOL, at(60)).await?;
        queue.enqueue(offer(&w, "c", Repeat::Never), at(60)).await?;
        queue.claim(POOL, "w2", at(61), LEASE).await
    })
    .await
    .expect("there is work");
    assert!(again.fence > first.fence);
    assert!(queue.finish(first.key, first.fence).await.is_err() || again.key != first.key);
}

/// Whoever holds Redis writes what he likes into every key: nothing panics, nothing of it is
/// believed, and other requests go on.
#[tokio::test]
async fn p01_garbage_in_every_key_harms_nobody() {
    let server = RedisServer::plain();
    let w = World::new();
    let queue = connect(server.settings("evil"));
    let (asked, _) = w.asked("a");
    let id = asked.id();
    let key = JobKey { invocation: id, kind: Kind::Run };
    for value in ["\"\"", "{", "null", "[1]", "\"\\xff\\xfe\\x00\"", "99999999999999999999999", "-1", "nan"] {
        server.say("FLUSHALL");
        server.say(&format!("SET {{cs:evil}}:where:{id} {POOL}"));
        for kind in ["asked", "effect", "outcome"] {
            server.say(&format!("SET {{cs:evil}}:pool:{POOL}:{kind}:{id} {value}"));
        }
        server.say(&format!("HSET {{cs:evil}}:pool:{POOL}:ballots:{id} who {value}"));
        server.say(&format!("ZADD {{cs:evil}}:open 0 {value}"));
        server.say(&format!("ZADD {{cs:evil}}:pool:{POOL}:ready 1 {value} 2 {key}"));
        server.say(&format!("ZADD {{cs:evil}}:pool:{POOL}:held 1 {value} 2 {key}"));
        server.say(&format!("SADD {{cs:evil}}:pool:{POOL}:orphans {value} {key}"));
        server.say(&format!("ZADD {{cs:evil}}:closed 1 {value}"));
        server.say(&format!("HSET {{cs:evil}}:pool:{POOL}:job:{key} stage queued not_before {value} lock {value} order {value} fence {value} until {value} repeated {value} repeat {value} started 0 cancelled 0 worker {value}"));
        server.say(&format!("SET {{cs:evil}}:pool:{POOL}:load:{key} {value}"));
        server.say(&format!("XADD {{cs:evil}}:pool:{POOL}:feed:{id} 5-0 s {value} e {value}"));
        server.say(&format!(
            "HSET {{cs:evil}}:pool:{POOL}:feedhead:{id} last {value} gone {value} entries {value} bytes {value}"
        ));
        for counter in ["fence", "order"] {
            server.say(&format!("SET {{cs:evil}}:pool:{POOL}:last:{counter} {value}"));
        }
        each_step(&queue, id).await;
        if let Ok(papers) = queue.papers(id).await {
            assert_eq!(papers, Papers::default(), "nothing of `{value}` is a paper");
        }
        assert!(queue.claim(POOL, "w", at(0), LEASE).await.ok().flatten().is_none(), "nothing of `{value}` is work");
    }
    // The wrong type of every key.
    server.say("FLUSHALL");
    server.say(&format!("SET {{cs:evil}}:where:{id} {POOL}"));
    for name in ["ready", "held", "orphans", "here", "last:fence", "last:order"] {
        server.say(&format!("LPUSH {{cs:evil}}:pool:{POOL}:{name} x"));
    }
    for name in ["open".to_owned(), "closed".to_owned(), format!("where:{id}")] {
        server.say(&format!("LPUSH {{cs:evil}}:{name} x"));
        each_step(&queue, id).await;
    }
    each_step(&queue, id).await;
}

/// Every step answers something; which, is the garbage's business.
async fn each_step(queue: &RedisQueue, id: InvocationId) {
    let key = JobKey { invocation: id, kind: Kind::Run };
    drop((queue.papers(id).await, queue.open().await, queue.close(id, at(0)).await, queue.forget(at(1)).await));
    drop((
        queue.workers(POOL).await,
        queue.reap(POOL, at(1_000)).await,
        queue.cancel(id).await,
        queue.read(id, POOL, 0, 10).await,
    ));
    drop((queue.append(id, POOL, at(0), line("x")).await, queue.time().await));
    drop((queue.first_time("k", at(10), at(0)).await, queue.seen("k", at(0)).await));
    drop((queue.watch("k", "me", at(10), at(0)).await, queue.unwatch("k", "me").await));
    if let Some(fence) = queue.claim(POOL, "w", at(2_000), LEASE).await.ok().flatten().map(|claim| claim.fence) {
        drop(queue.start(key, fence, at(2_000)).await);
    }
}

#[tokio::test]
async fn p01_each_shipped_user_can_do_its_own_side_and_no_more() {
    let acl = Some(redis_server::shipped_acl("acl", &[POOL]));
    let server = RedisServer::start(Options { acl, ..Options::default() });
    let w = World::new();
    let (asked, effect) = w.asked("a");
    let id = asked.id();
    let worker = connect(redis_server::as_worker(server.settings("acl"), POOL, None));
    let gateway = connect(redis_server::as_user(server.settings("acl"), "gateway", "gate", None));
    let bob = SubjectId { iss: "sso".into(), sub: "bob".into() };
    let ballot = w.ballot(&asked, "bob", Vote::Approve);
    assert!(worker.post(id, POOL, Paper::Asked(asked.record(&w.gateway))).await.is_err(), "requests are the gateway's");
    gateway.post(id, POOL, Paper::Asked(asked.record(&w.gateway))).await.unwrap();
    assert!(worker.post(id, POOL, Paper::Asked(asked.record(&w.gateway))).await.is_err(), "nor once they are there");
    assert!(worker.cast(id, &bob, Vote::Approve, &ballot).await.is_err(), "ballots are the gateway's");
    assert!(worker.enqueue(offer(&w, "b", Repeat::Safe), at(0)).await.is_err(), "sealed work is the gateway's");
    assert!(worker.first_time("k", at(9), at(0)).await.is_err());
    worker.post(id, POOL, Paper::Effect(effect)).await.unwrap();
    gateway.enqueue(offer(&w, "b", Repeat::Safe), at(0)).await.unwrap();
    assert!(worker.enqueue(offer(&w, "b", Repeat::Safe), at(0)).await.is_err(), "nor once it is there");
    assert!(worker.claim(POOL, "w", at(0), LEASE).await.unwrap().is_some());
    let other = connect(redis_server::as_user(server.settings("other"), "gateway", "gate", None));
    assert!(other.first_time("k", at(9), at(0)).await.is_err(), "another installation's keys are not there");
    let stranger = connect(server.settings("acl"));
    assert!(stranger.ping().await.is_err(), "nobody without a name");
    let wrong = connect(redis_server::as_user(server.settings("acl"), "gateway", "guess", None));
    assert!(wrong.ping().await.is_err());
    let worker = (format!("worker-{POOL}"), format!("work-{POOL}"));
    for command in ["FLUSHALL", "CONFIG GET *", "KEYS *", "ACL LIST", "SCRIPT FLUSH", "SHUTDOWN"] {
        for (user, password) in [("gateway", "gate"), (worker.0.as_str(), worker.1.as_str())] {
            let said = server.say(&format!("AUTH {user} {password}\r\n{command}"));
            assert!(said.contains("NOPERM"), "{user} may {command}: {said}");
        }
    }
}

/// Ten thousand changes that wait for each other at thirty locks, a few at once: run, cancelled, given back, and left by
/// workers that died. In the end nothing of them is held, waits, or locks anything, and nothing is kept.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn p46_ten_thousand_jobs_leave_no_claim_no_lock_and_no_place_in_a_line() {
    const JOBS: u64 = 10_000;
    let server = RedisServer::start(Options { forgetful: true, ..Options::default() });
    let w = World::new();
    let queue = connect(server.settings("many"));
    let (job, ..) = w.job("a");
    let id = |nth: u64| {
        let trigger = nth.to_string();
        InvocationId::derive(Origin { deployment: "test", front: "f", team: "t", trigger: &trigger }, NOW)
    };
    let next = AtomicU64::new(0);
    let lane = async |lane: u64| loop {
        let nth = next.fetch_add(1, Ordering::SeqCst);
        if nth >= JOBS {
            return;
        }
        // Time goes on with the work, so that the leases of the dead end while others wait.
        let now = at(nth / 20);
        if nth % 64 == 63 {
            for orphan in queue.reap(POOL, now).await.unwrap().orphans {
                let _another_lane_was_faster = queue.finish(orphan.key, orphan.fence).await;
            }
        }
        let lock = Some(format!("kubectl/prod/ns-{}", nth % 30));
        let load = Load::Run(job.clone());
        let offer = Offer { invocation: id(nth), pool: POOL.into(), repeat: Repeat::Never, lock, load };
        queue.enqueue(offer, now).await.unwrap();
        if nth.is_multiple_of(11) {
            queue.cancel(id(nth)).await.unwrap();
        }
        let Some(claim) = queue.claim(POOL, &format!("w{lane}"), now, LEASE).await.unwrap() else { continue };
        match nth % 16 {
            // Its worker dies before the start, or after it.
            0 => {}
            1 => queue.start(claim.key, claim.fence, now).await.unwrap_or_default(),
            2 => queue.release(claim.key, claim.fence, now).await.unwrap(),
            _ => {
                let _cancelled = queue.start(claim.key, claim.fence, now).await;
                queue.finish(claim.key, claim.fence).await.unwrap();
            }
        }
    };
    tokio::join!(lane(0), lane(1), lane(2), lane(3), lane(4), lane(5), lane(6), lane(7));
    // The leases of the dead end; what is left is run, and what started is settled.
    for round in 1.. {
        let now = at(600 + 60 * round);
        let reaped = queue.reap(POOL, now).await.unwrap();
        for orphan in &reaped.orphans {
            queue.finish(orphan.key, orphan.fence).await.unwrap();
        }
        let mut ran = 0;
        while let Some(claim) = queue.claim(POOL, "last", now, LEASE).await.unwrap() {
            queue.finish(claim.key, claim.fence).await.unwrap();
            ran += 1;
        }
        if reaped.orphans.is_empty() && reaped.requeued.is_empty() && ran == 0 {
            break;
        }
    }
    assert!(queue.held(POOL).await.unwrap().is_empty());
    let kept = |what: &str| server.say(&format!("KEYS {{cs:many}}:pool:{POOL}:{what}")).matches("{cs:many}").count();
    for what in ["ready", "held", "orphans", "lock:*", "line:*"] {
        assert_eq!(kept(what), 0, "{what}");
    }
    assert_eq!(kept("job:*"), 10_000, "each is remembered, so that none is offered again");
    for nth in 0..JOBS {
        queue.close(id(nth), at(1)).await.unwrap();
    }
    while !queue.forget(at(2)).await.unwrap().is_empty() {}
    assert_eq!((kept("job:*"), kept("load:*")), (0, 0));
    let left = server.say("DBSIZE");
    assert!(left.starts_with(":3\r\n"), "the two numbers and who was here: {left}");
}

#[tokio::test]
async fn the_server_must_show_the_certificate_of_our_authority() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let made = || {
        let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
        (made.cert.pem(), made.signing_key.serialize_pem())
    };
    let ((ours, key), (other, _)) = (made(), made());
    let tls = Some((ours.clone(), ours.clone(), key));
    let server = RedisServer::start(Options { tls, ..Options::default() });
    let with = |ca| {
        let tls = Some(countersign_queue::redis::RedisTls { ca });
        connect(countersign_queue::RedisSettings { tls, ..server.settings("tls") })
    };
    with(Some(ours)).ping().await.unwrap();
    assert!(with(Some(other)).ping().await.is_err(), "another authority");
    assert!(with(None).ping().await.is_err(), "the system's authorities");
    assert!(connect(server.settings("tls")).ping().await.is_err(), "in the clear");
}

#[test]
fn p58_nothing_that_is_printed_holds_the_password() {
    let settings = redis_server::as_user(
        countersign_queue::RedisSettings::plain("127.0.0.1", 1, "secret"),
        "gateway",
        "hunter2-hunter2",
        None,
    );
    assert!(!format!("{settings:?}").contains("hunter2"));
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let error = runtime.block_on(async { connect(settings).ping().await.unwrap_err() });
    assert!(!format!("{error:?} {error}").contains("hunter2"));
}
