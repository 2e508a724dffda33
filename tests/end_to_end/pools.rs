//! Pools: labels, routing, a key, a queue and a Redis user each. What a worker of one pool can do to another's work.
//!
//! Whoever has the dev pool's worker has its key, its Redis user and its host. The attacks are made with these, and some
//! with more: with Redis itself.

#![expect(clippy::unwrap_used, reason = "a world that does not answer ends its test")]

use crate::redis_server::{Options, RedisServer, as_user, as_worker, connect, shipped_acl};
use crate::rig::{Rig, Started};
use crate::site::{Installed, Site};
use countersign::demo::world::{CATALOG, RBAC};
use countersign::recorder::Thread;
use countersign_audit::begin::Ended;
use countersign_audit::event::Kind;
use countersign_audit::fate::Fate as _;
use countersign_audit::verify::Conclusion;
use countersign_chat::{Button, Notice, State};
use countersign_core::ballot::Vote;
use countersign_core::effect::Effect;
use countersign_core::id::{Attempt, InvocationId};
use countersign_core::outcome::{Ending, Outcome};
use countersign_core::refusal::Code;
use countersign_core::warrant::Errand;
use countersign_policy::{LivePolicy, Overrides, Source, Sources};
use countersign_queue::{Board as _, Dispatch as _, Feed as _, Paper, Progress, RedisQueue, Work as _};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// In the pool `prod`; harmless, and held like the real thing: one of sre and one of the owners.
const CHANGE: &str = "/restart-report service=checkout --apply";

/// In the pool `prod`, and nobody has to agree.
const LOOK: &str = "/disk-usage path=/tmp";

/// In the pool `dev`.
const DEV: &str = "/count-lines";

const LEASE: Duration = Duration::from_secs(15);

/// What is of the environment `dev` belongs to the pool `dev`, and all else to `prod`.
fn catalog() -> String {
    let catalog = CATALOG.replace("pool: main", "pool: prod");
    let command = "    env: dev\n    owners: [engineering]\n    pool: prod";
    assert!(catalog.contains(command));
    catalog.replace(command, "    env: dev\n    owners: [engineering]\n    pool: dev")
}

fn policy(catalog: &str) -> Arc<LivePolicy> {
    let sources = Sources { rbac: Source::new("rbac.yaml", RBAC), catalog: Source::new("catalog.yaml", catalog) };
    Arc::new(LivePolicy::load(sources, &[], Overrides::default()).unwrap())
}

/// One gateway over Redis with the shipped users, and workers as a test starts them.
struct Pools {
    site: Site,
    rig: Rig,
    redis: RedisServer,
    gateway: Started,
    /// The installation whose keys, log and people they are. Its own queue is nobody's here.
    ground: Installed,
}

impl Pools {
    async fn start() -> Self {
        Self::with(&catalog()).await
    }

    /// With another catalog at the gateway.
    async fn with(gateways: &str) -> Self {
        let data = tempfile::tempdir().unwrap();
        let people = data.path().join("people.yaml");
        let ground = Installed::start(data, catalog(), BTreeMap::new()).await;
        let acl = format!("{}\nuser root on >root ~* &* +@all", shipped_acl("demo", &["dev", "prod"]));
        let redis =
            tokio::task::spawn_blocking(|| RedisServer::start(Options { acl: Some(acl), ..Options::default() }));
        let redis = redis.await.unwrap();
        let rig = Rig::over(&ground.places, people, &ground.installation.verifier);
        let queue = Arc::new(connect(as_user(redis.settings("demo"), "gateway", "gate", None)));
        let policy = policy(gateways);
        let (gateway, started) = rig.gateway(queue, &policy, ground.chat.clone()).await;
        let site = ground.through(gateway, policy);
        Self { site, rig, redis, gateway: started, ground }
    }

    /// A connection as a worker of this pool has it.
    fn queue(&self, pool: &str) -> RedisQueue {
        connect(as_worker(self.redis.settings("demo"), pool, None))
    }

    /// A connection as the gateway has it: whoever holds Redis can do no more with it.
    fn gateways(&self) -> RedisQueue {
        connect(as_user(self.redis.settings("demo"), "gateway", "gate", None))
    }

    async fn worker(&self, pool: &str) -> Started {
        self.rig.worker(pool, Arc::new(self.queue(pool)), &policy(&catalog())).await
    }

    /// Commands of whoever owns the server.
    fn root(&self, commands: &str) -> String {
        self.redis.say(&format!("AUTH root root\r\n{commands}"))
    }

    /// Every key that is there, and what it is.
    fn keys(&self, pattern: &str) -> Vec<(String, String)> {
        let listed = self.root(&format!("KEYS {pattern}"));
        let mut names: Vec<String> =
            listed.lines().filter(|line| line.starts_with("{cs:demo}")).map(str::to_owned).collect();
        names.sort();
        let kind = |name: &String| self.root(&format!("TYPE {name}")).lines().nth(1).unwrap_or_default().to_owned();
        names.into_iter().map(|name| (name.clone(), kind(&name))).collect()
    }

    /// Asked for, seen and agreed to, with nobody there yet who could run it.
    async fn queued_change(&self) -> InvocationId {
        let prod = self.worker("prod").await;
        let id = self.site.asks("ann", CHANGE).await;
        self.site.asking(id).await;
        prod.stop().await;
        self.site.approves("bob", id).await;
        self.site.approves("cho", id).await;
        self.is_queued(id).await;
        id
    }

    async fn is_queued(&self, id: InvocationId) {
        self.site.wait(id, "it waits for a worker", |thread| thread.states.last() == Some(&State::Queued)).await;
    }

    /// The gateway reads what is on the board: it pours what a worker says before, and pours again.
    async fn gateway_looks(&self, id: InvocationId) {
        let queue = self.gateways();
        for nth in ["first", "second"] {
            queue
                .append(id, "prod", self.rig.clock.now(), vec![Progress::Output(format!("the {nth}\n"))])
                .await
                .unwrap();
            let shown = |thread: &Thread| format!("{:?}", thread.output).contains(nth);
            self.site.wait(id, "what a worker says is shown", shown).await;
        }
    }

    /// The worker of prod comes, and runs it once.
    async fn is_run_by_prod(&self, id: InvocationId) -> Started {
        let prod = self.worker("prod").await;
        let said = self.site.done(id).await;
        assert_eq!(self.site.runs(id).await, 1, "{said}");
        let starts = self.site.recorded(id, Kind::Intent).await;
        assert!(starts.iter().all(|one| one.event.pool.as_deref() == Some("prod")), "{starts:#?}");
        prod
    }

    async fn end(self, workers: Vec<Started>) {
        for worker in workers {
            worker.stop().await;
        }
        self.gateway.stop().await;
        let report = self.site.verify().await;
        assert_eq!(report.conclusion(), Conclusion::Sound, "{report}");
        self.ground.installation.stop().await.unwrap();
    }
}

fn unattended(thread: &Thread) -> Vec<&Notice> {
    thread.said.iter().filter(|said| matches!(said, Notice::NobodyThere { .. })).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_goes_to_its_pool_and_people_hear_when_nobody_is_there() {
    let w = Pools::start().await;
    let dev = w.worker("dev").await;
    let id = w.site.asks("dee", DEV).await;
    w.site.done(id).await;
    let waits = w.site.asks("dee", LOOK).await;
    let thread = w.site.wait(waits, "people hear that nobody is there", |thread| !unattended(thread).is_empty()).await;
    let said = w.site.chat.transcript(&thread);
    assert!(said.contains("no worker of pool prod was heard of. Nothing has started."), "{said}");
    assert!(said.contains("start a worker with `pools: [prod]`"), "{said}");
    let status = format!("{:?}", w.site.types("dee", &format!("/countersign status {}", waits.short())).await);
    assert!(status.contains("prod, no worker is there"), "{status}");
    let prod = w.worker("prod").await;
    w.site.done(waits).await;
    assert_eq!(unattended(&w.site.chat.thread(waits).unwrap()).len(), 1, "it is told once");
    let pools = |records: Vec<countersign_audit::record::Record>| -> Vec<String> {
        records.into_iter().filter_map(|one| one.event.pool).collect()
    };
    assert_eq!(pools(w.site.recorded(id, Kind::Intent).await), ["dev"]);
    assert_eq!(pools(w.site.recorded(waits, Kind::Intent).await), ["prod"]);
    w.end(vec![dev, prod]).await;
}

/// With the worker's own program: nothing of it is there for the other pool's user.
#[tokio::test(flavor = "multi_thread")]
async fn p01_a_worker_of_dev_neither_sees_nor_claims_prods_work() {
    let w = Pools::start().await;
    let id = w.queued_change().await;
    let (dev, gateways) = (w.queue("dev"), w.gateways());
    let now = w.rig.clock.now();
    assert_eq!(dev.claim("dev", "w", now, LEASE).await.unwrap(), None, "its own pool is empty");
    let papers = gateways.papers(id).await.unwrap();
    let ballot = papers.ballots.first().unwrap();
    let who = countersign_core::principal::SubjectId { iss: "demo".into(), sub: "eve".into() };
    let line = || vec![Progress::Output("rm -rf /".into())];
    assert!(dev.claim("prod", "w", now, LEASE).await.is_err());
    assert!(dev.held("prod").await.is_err());
    assert!(dev.reap("prod", now).await.is_err());
    assert!(dev.workers("prod").await.is_err());
    assert!(dev.papers(id).await.is_err());
    assert!(dev.read(id, "prod", 0, 10).await.is_err());
    assert!(dev.append(id, "prod", now, line()).await.is_err());
    assert!(dev.cancel(id).await.is_err());
    assert!(dev.waiting(id).await.is_err());
    assert!(dev.cast(id, &who, Vote::Reject, ballot).await.is_err());
    assert!(dev.post(id, "prod", Paper::Effect(papers.effect.clone().unwrap())).await.is_err());
    assert!(dev.post(id, "dev", Paper::Asked(papers.asked.clone().unwrap())).await.is_err());
    assert!(dev.close(id, now).await.is_err());
    // What it puts into its own pool about it nobody reads.
    dev.append(id, "dev", now, line()).await.unwrap();
    dev.post(id, "dev", Paper::Effect(papers.effect.unwrap())).await.unwrap();
    assert_eq!(gateways.papers(id).await.unwrap().ballots.len(), 2);
    let prod = w.is_run_by_prod(id).await;
    let thread = w.site.chat.transcript(&w.site.chat.thread(id).unwrap());
    assert!(!thread.contains("rm -rf"), "{thread}");
    w.end(vec![prod]).await;
}

/// With the user's password alone, key by key.
#[tokio::test(flavor = "multi_thread")]
async fn p01_no_key_of_prod_and_none_of_the_gateway_is_there_for_devs_redis_user() {
    let w = Pools::start().await;
    let prod = w.worker("prod").await;
    let ran = w.site.asks("dee", LOOK).await;
    w.site.done(ran).await;
    prod.stop().await;
    let id = w.queued_change().await;
    let waits = w.site.asks("dee", LOOK).await;
    w.is_queued(waits).await;
    let mut keys = w.keys("{cs:demo}:*");
    keys.retain(|(name, _)| !name.starts_with("{cs:demo}:where:"));
    let kinds =
        ["ready", "job:", "load:", "asked:", "ballots:", "effect:", "outcome:", "feed:", "feedhead:", "last:", "here"];
    for kind in kinds {
        assert!(
            keys.iter().any(|(name, _)| name.starts_with(&format!("{{cs:demo}}:pool:prod:{kind}"))),
            "{kind}: {keys:?}"
        );
    }
    assert!(keys.iter().any(|(name, _)| name == "{cs:demo}:open") && keys.len() > 20, "{keys:?}");
    let before = w.keys("{cs:demo}:pool:prod:*");
    for (key, kind) in &keys {
        let look = match kind.as_str() {
            "+string" => format!("GET {key}"),
            "+hash" => format!("HVALS {key}"),
            "+zset" => format!("ZRANGE {key} 0 -1"),
            "+set" => format!("SMEMBERS {key}"),
            "+stream" => format!("XRANGE {key} - +"),
            other => panic!("{key} is {other}"),
        };
        let touch = [
            look,
            format!("EXISTS {key}"),
            format!("DEL {key}"),
            format!("SET {key} x"),
            format!("HSET {key} cancelled 1"),
            format!("ZADD {key} 1 x"),
            format!("ZREM {key} {id}/run"),
            format!("SADD {key} x"),
            format!("XADD {key} * s 1 e x"),
            format!("EXPIRE {key} 1"),
        ];
        let said = w.redis.say(&format!("AUTH worker-dev work-dev\r\n{}", touch.join("\r\n")));
        assert_eq!(said.matches("-NOPERM").count(), touch.len(), "{key}: {said}");
    }
    let mine = format!("{{cs:demo}}:where:{id}");
    let other = [
        format!("SET {mine} dev"),
        format!("DEL {mine}"),
        "SET {cs:demo}:pool:dev:load:x/run x".to_owned(),
        "SET {cs:demo}:pool:dev:asked:x x".to_owned(),
        "SET {cs:demo}:pool:dev2:job:x x".to_owned(),
        "PUBLISH {cs:demo}:pool:prod:news:work x".to_owned(),
        format!("PUBLISH {{cs:demo}}:pool:prod:news:cancellation:{id} x"),
        "PSUBSCRIBE {cs:demo}:pool:prod:news:*".to_owned(),
        "PSUBSCRIBE {cs:demo}:*".to_owned(),
        "KEYS *".to_owned(),
    ];
    let said = w.redis.say(&format!("AUTH worker-dev work-dev\r\n{}", other.join("\r\n")));
    assert_eq!(said.matches("-NOPERM").count(), other.len(), "{said}");
    assert_eq!(w.keys("{cs:demo}:pool:prod:*"), before);
    let prod = w.is_run_by_prod(id).await;
    w.site.done(waits).await;
    w.end(vec![prod]).await;
}

/// Whoever holds Redis itself hands prod's sealed job to dev's worker.
#[tokio::test(flavor = "multi_thread")]
async fn p01_a_worker_of_dev_does_not_open_prods_job_whoever_brings_it() {
    let w = Pools::start().await;
    let id = w.queued_change().await;
    let (prods, devs) = ("{cs:demo}:pool:prod:", "{cs:demo}:pool:dev:");
    for key in [format!("load:{id}/run"), format!("job:{id}/run"), format!("asked:{id}"), format!("ballots:{id}")] {
        assert!(w.root(&format!("COPY {prods}{key} {devs}{key}")).contains(":1"), "{key}");
    }
    w.root(&format!("ZADD {devs}ready 1 {id}/run"));
    // So that every later step of dev's worker finds it as well.
    w.root(&format!("SET {{cs:demo}}:where:{id} dev"));
    let dev = w.worker("dev").await;
    let claimed = async {
        while w.root(&format!("HGET {devs}job:{id}/run stage")).contains("queued") {
            tokio::task::yield_now().await;
        }
        while w.site.recorded(id, Kind::Refused).await.is_empty() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(countersign_tests::PATIENCE, claimed).await.expect("dev's worker says no");
    let refused = w.site.recorded(id, Kind::Refused).await;
    let codes: Vec<_> = refused.iter().map(|one| one.event.refusal.as_ref().unwrap().code()).collect();
    assert_eq!(codes, [Code::WrongPool]);
    assert_eq!(w.site.runs(id).await, 0);
    // Its no is one of its own pool: prod's fate is untouched, and prod runs it.
    let fate = w.site.fate();
    assert!(fate.look("dev", id).await.unwrap().is_some());
    assert!(fate.look("prod", id).await.unwrap().is_none());
    w.root(&format!("SET {{cs:demo}}:where:{id} prod"));
    let prod = w.is_run_by_prod(id).await;
    w.end(vec![dev, prod]).await;
}

fn forged(w: &Pools, invocation: InvocationId, pool: &str) -> Outcome {
    Outcome {
        v: 1,
        deployment: "demo".into(),
        pool: pool.into(),
        invocation,
        attempt: Some(Attempt::from_random([7; 16])),
        ending: Ending::Ran,
        exit: Some(0),
        refusal: None,
        at: w.rig.clock.now(),
        duration_ms: 5,
        output: None,
        output_bytes: 0,
        redactions: 0,
        notes: Vec::new(),
    }
}

/// In every place where an outcome can lie, also where dev's worker cannot put it: the queue, the fate store.
#[tokio::test(flavor = "multi_thread")]
async fn p01_an_outcome_that_dev_sealed_ends_no_request_of_prod() {
    for pool in ["prod", "dev"] {
        let w = Pools::start().await;
        let dev = w.worker("dev").await;
        let id = w.queued_change().await;
        let sealed = forged(&w, id, pool).seal(&dev.sealer);
        w.gateways().post(id, "prod", Paper::Outcome(sealed.clone())).await.unwrap();
        w.site.fate().end("prod", id, &serde_json::to_string(&sealed).unwrap()).await.unwrap();
        w.gateway_looks(id).await;
        w.site.clicks("ann", id, Button::Cancel).await;
        assert_eq!(w.site.ended(id).await.0, State::Cancelled, "{pool}");
        assert_eq!(w.site.runs(id).await, 0);
        w.end(vec![dev]).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn p08_nobody_agrees_to_an_effect_that_dev_sealed() {
    for pool in ["prod", "dev"] {
        let w = Pools::start().await;
        let dev = w.worker("dev").await;
        let id = w.site.asks("ann", CHANGE).await;
        let effect = Effect::new("demo".into(), pool.into(), id, Vec::new(), Some("nothing at all\n".into()));
        w.gateways().post(id, "prod", Paper::Effect(effect.seal(&dev.sealer))).await.unwrap();
        let (state, said) = w.site.read(id).await;
        assert_eq!(state, State::Refused, "{pool}: {said}");
        assert!(said.contains("cannot be believed") && !said.contains("nothing at all"), "{said}");
        w.end(vec![dev]).await;
    }
}

/// An auditor is told what dev's key put on record about prod's request.
#[tokio::test(flavor = "multi_thread")]
async fn p25_what_dev_recorded_about_prods_request_is_found() {
    for (pool, found) in
        [("prod", "bad-seal: the sealing key does not belong to the pool"), ("dev", "outcome-without-intent")]
    {
        let w = Pools::start().await;
        let dev = w.worker("dev").await;
        let id = w.queued_change().await;
        let prod = w.is_run_by_prod(id).await;
        prod.stop().await;
        let sealed = forged(&w, id, pool).seal(&dev.sealer);
        dev.log.conclude(&sealed, Errand::Run, &Ended::default()).await.unwrap();
        dev.stop().await;
        w.gateway.stop().await;
        let report = w.site.verify().await;
        let about = report.to_string().lines().filter(|line| line.contains(&id.to_string())).collect::<String>();
        assert!(report.conclusion() != Conclusion::Sound && about.contains(found), "{pool}: {report}");
        w.ground.installation.stop().await.unwrap();
    }
}

/// Somebody changed the gateway's catalog, so that prod's target is dev's.
#[tokio::test(flavor = "multi_thread")]
async fn p12_a_label_that_was_changed_at_the_gateway_gives_dev_no_prod() {
    let changed = catalog().replace("pool: prod", "pool: dev");
    let w = Pools::with(&changed).await;
    let dev = w.worker("dev").await;
    let id = w.site.asks("dee", LOOK).await;
    let (state, said) = w.site.read(id).await;
    assert_eq!(state, State::Refused, "{said}");
    assert!(said.contains("another pool"), "{said}");
    // A catalog that was changed at dev's worker as well: what it would need to act is not on its host.
    dev.stop().await;
    let dev = w.rig.worker("dev", Arc::new(w.queue("dev")), &policy(&changed)).await;
    let id = w.site.asks("dee", "/aws prod ec2 describe-instances").await;
    let (state, said) = w.site.read(id).await;
    assert_eq!(state, State::Refused, "{said}");
    assert!(said.contains(Code::CredentialUnavailable.as_str()), "{said}");
    w.end(vec![dev]).await;
}
