//! The wire breaks: nothing runs unrecorded, nothing is lost or written twice, and work goes on by
//! itself when the store is back.

use crate::servers::proxy::{Proxy, Wire};
use crate::servers::{Setup, Store};
use crate::world::{World, account};
use crate::{LOCKED, RETENTION, ceph, made, moto, reach};
use countersign_audit::anchor::Anchor as _;
use countersign_audit::begin::{BeginError, Particulars};
use countersign_audit::clock::SystemClock;
use countersign_audit::event::{Actor, Event, Kind as Event_};
use countersign_audit::layout;
use countersign_audit::log::{AuditLog, Config, Limits, OpenError};
use countersign_audit::on_record::OnRecord;
use countersign_audit::s3::{Bucket, BucketSettings, Kind};
use countersign_audit::sink::Sink as _;
use countersign_audit::verify::{Conclusion, Evidence, Name, Report, verify};
use countersign_audit::writer::WriteError;
use countersign_core::id::Attempt;
use countersign_core::tier::Tier;
use countersign_core::time::Clock as _;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::task::TaskTracker;

/// An installation whose log and fates are in buckets.
pub(crate) struct Installation {
    pub(crate) world: World,
    pub(crate) log: Arc<Bucket>,
    pub(crate) fates: Arc<Bucket>,
}

impl Installation {
    pub(crate) fn over(log: Arc<Bucket>, fates: Arc<Bucket>) -> Self {
        let mut world = World::at(SystemClock.now());
        world.limits = Limits {
            deadline: Duration::from_secs(10),
            retry_every: Duration::from_millis(20),
            head_every: Duration::from_hours(1),
            ..Limits::default()
        };
        Self { world, log, fates }
    }

    /// In fresh buckets of this store.
    pub(crate) async fn on(store: &Store) -> Self {
        let (log, fates) = (made(store, Setup::Locked { days: crate::DAYS }).await, made(store, Setup::Plain).await);
        let log = crate::open(store, &log, LOCKED).await;
        Self::over(Arc::new(log), Arc::new(crate::open(store, &fates, Kind::Plain).await))
    }

    fn config(&self, name: &str) -> Config {
        Config {
            sink: self.log.clone(),
            fate: self.fates.clone(),
            clock: Arc::new(SystemClock),
            limits: self.world.limits,
            ..self.world.config(name)
        }
    }

    pub(crate) async fn try_open(&self, name: &str) -> Result<AuditLog, OpenError> {
        AuditLog::open(self.config(name)).await
    }

    pub(crate) async fn open(&self, name: &str) -> AuditLog {
        self.try_open(name).await.unwrap()
    }

    pub(crate) async fn report(&self) -> Report {
        let mut evidence = Evidence::new(self.log.clone(), self.world.verifier.clone(), SystemClock.now());
        evidence.anchors = vec![self.world.anchors.clone()];
        evidence.fate = Some(self.fates.clone());
        evidence.retention = Some(RETENTION);
        verify(&evidence).await.unwrap()
    }

    pub(crate) async fn is_sound(&self) {
        let report = self.report().await;
        assert_eq!(report.conclusion(), Conclusion::Sound, "{report}");
    }

    /// Every line of the log, as the bucket holds it.
    async fn lines(&self) -> Vec<serde_json::Value> {
        let mut lines = Vec::new();
        let inventory = self.log.inventory("records/v1/").await.unwrap();
        assert!(inventory.irregular.is_empty(), "{:?}", inventory.irregular);
        for entry in &inventory.entries {
            let bytes = self.log.read_entry(entry).await.unwrap().unwrap().bytes;
            let text = String::from_utf8(bytes).unwrap();
            lines.extend(text.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()));
        }
        lines
    }

    /// What every record says under `nth`.
    async fn numbers(&self) -> Vec<usize> {
        let lines = self.lines().await;
        let nth = |line: &serde_json::Value| line["details"]["nth"].as_str().map(|nth| nth.parse::<usize>().unwrap());
        let mut numbers: Vec<_> = lines.iter().filter_map(nth).collect();
        numbers.sort_unstable();
        numbers
    }
}

/// An installation that reaches its buckets over a wire.
struct Wired {
    it: Installation,
    wire: Proxy,
    /// To the fates.
    other: Proxy,
    /// The same buckets, by a wire that does not break.
    sight: Installation,
}

async fn wired(store: &Store) -> Wired {
    let sight = Installation::on(store).await;
    let (wire, other) = (Proxy::before(&store.endpoint), Proxy::before(&store.endpoint));
    let over = async |proxy: &Proxy, bucket: &Bucket| {
        let settings =
            BucketSettings { endpoint: Some(proxy.endpoint()), ..reach(store, bucket.name(), bucket.kind()) };
        Arc::new(Bucket::open(settings, Arc::new(SystemClock)).await.unwrap())
    };
    let (log, fates) = (over(&wire, &sight.log).await, over(&other, &sight.fates).await);
    let it = Installation::over(log, fates);
    // The same keys: what one writes the other verifies.
    let mut sight = sight;
    sight.world.verifier = it.world.verifier.clone();
    sight.world.anchors = it.world.anchors.clone();
    Wired { it, wire, other, sight }
}

fn numbered(nth: usize) -> Event {
    Event::of(Event_::Received).by(Actor::stranger(&account("x"))).detail("nth", nth.to_string())
}

/// Far longer than anything may take; whoever waits so long waits for ever.
async fn in_time<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_mins(2), work).await.expect("it is answered in time")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn p03_whatever_happens_to_the_wire_nothing_runs_unrecorded_and_work_goes_on_by_itself() {
    let moto = moto();
    for breaks in [Wire::Refuses, Wire::Hangs, Wire::LosesAnswers] {
        let mut w = wired(&moto.store).await;
        w.it.world.limits.deadline = Duration::from_secs(2);
        let (gateway, worker) = (w.it.open("gateway").await, w.it.open("worker").await);
        let mut warrants = Vec::new();
        for trigger in ["a", "b", "c", "c"] {
            let (events, warrant) = w.it.world.way(trigger, Tier::Change, None);
            for event in events {
                gateway.record(event).await.unwrap();
            }
            warrants.push(warrant);
        }
        let mut begin = async || in_time(worker.begin(warrants.remove(0), Particulars::default())).await;
        gateway.record(numbered(1)).await.unwrap();
        w.it.world.ran(begin().await.unwrap()).await;

        w.wire.is(breaks);
        let lost = in_time(gateway.record(numbered(2))).await;
        assert!(matches!(lost, Err(WriteError::Unavailable(_) | WriteError::TooSlow(_))), "{breaks:?}: {lost:?}");
        let unbegun = begin().await;
        let Err(BeginError::Unwritten { owes: Some(attempt), .. }) = unbegun else { panic!("{breaks:?}: {unbegun:?}") };
        w.wire.is(Wire::Good);
        // The fates' wire breaks as well: nobody knows who won.
        w.other.is(breaks);
        let unknown = begin().await;
        assert!(matches!(unknown, Err(BeginError::Unanswered(_))), "{breaks:?}: {unknown:?}");
        w.other.is(Wire::Good);

        // Nobody started anything anew, and all goes on.
        in_time(gateway.record(numbered(3))).await.unwrap();
        w.it.world.ran(begin().await.unwrap()).await;
        let outcome = w.it.world.outcome(w.it.world.id("b"), &attempt, countersign_core::outcome::Ending::NotRun);
        let ended = countersign_audit::begin::Ended::default();
        in_time(worker.conclude(&outcome, countersign_core::warrant::Errand::Run, &ended)).await.unwrap();
        for log in [gateway, worker] {
            in_time(log.close()).await.unwrap();
        }
        let numbers = w.sight.numbers().await;
        assert!(numbers == [1, 3] || numbers == [1, 2, 3], "{breaks:?}: {numbers:?}");
        w.sight.is_sound().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn p03_while_the_store_hangs_what_waits_is_bounded() {
    let moto = moto();
    let mut w = wired(&moto.store).await;
    w.it.world.limits =
        Limits { barrier_bytes: 64 << 10, notes: 50, deadline: Duration::from_secs(10), ..w.it.world.limits };
    let log = w.it.open("gateway").await;
    w.wire.is(Wire::Hangs);
    let tracker = TaskTracker::new();
    let first = tracker.spawn({
        let log = log.clone();
        async move { log.record(numbered(0)).await }
    });
    tokio::task::block_in_place(|| w.wire.until_hanging(1));
    let taken = (0..1_000).filter(|nth| log.note(numbered(1_000 + nth)).is_ok()).count();
    assert_eq!(taken, 50);
    // All are asked before the first is answered: the writer waits for the one that hangs.
    let mut asked: Vec<_> = (1..1_000).map(|nth| Box::pin(log.record(numbered(nth)))).collect();
    let mut refused = 0;
    std::future::poll_fn(|context| {
        asked.retain_mut(|one| match one.as_mut().poll(context) {
            std::task::Poll::Ready(Err(WriteError::Full)) => {
                refused += 1;
                false
            }
            std::task::Poll::Ready(other) => panic!("{other:?}"),
            std::task::Poll::Pending => true,
        });
        std::task::Poll::Ready(())
    })
    .await;
    assert_eq!((asked.len(), refused), (63, 999 - 63), "64 KiB are 64 small records, and one is on its way");
    // All that waited hear the truth about as soon as the one in front of them.
    for one in asked {
        assert!(in_time(one).await.is_err());
    }
    assert!(in_time(first).await.unwrap().is_err());
    w.wire.is(Wire::Good);
    in_time(log.record(numbered(5_000))).await.unwrap();
    in_time(log.close()).await.unwrap();
    let numbers = w.sight.numbers().await;
    assert_eq!(numbers.iter().filter(|nth| (1_000..2_000).contains(*nth)).count(), 50, "no note is lost");
    assert!(numbers.contains(&5_000));
    w.sight.is_sound().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn p05_the_intent_is_in_the_bucket_before_anything_may_run() {
    let moto = moto();
    let w = wired(&moto.store).await;
    let worker = w.it.open("worker").await;
    let intents = async || {
        let lines = w.sight.lines().await;
        lines.into_iter().filter(|line| line["event"] == "intent").collect::<Vec<_>>()
    };
    let begun: (OnRecord, _) =
        worker.begin(w.it.world.warrant("a", Tier::Change, None), Particulars::default()).await.unwrap();
    // Somebody else reads it, over another wire, while the command has not started.
    let found = intents().await;
    assert_eq!(found.len(), 1);
    assert_eq!(found[0]["invocation"], begun.0.invocation().to_string());
    assert_eq!(found[0]["attempt"], begun.0.attempt().as_str());
    assert!(w.sight.fates.list("fate/prod/").await.unwrap().len() == 1);
    w.it.world.ran(begun).await;

    // While the store hangs there is neither an intent nor a permission to run.
    w.wire.is(Wire::Hangs);
    let tracker = TaskTracker::new();
    let waits = tracker.spawn({
        let (worker, warrant) = (worker.clone(), w.it.world.warrant("b", Tier::Change, None));
        async move { worker.begin(warrant, Particulars::default()).await }
    });
    tokio::task::block_in_place(|| w.wire.until_hanging(1));
    assert_eq!(intents().await.len(), 1);
    assert!(!waits.is_finished());
    let outcome = in_time(waits).await.unwrap();
    assert!(matches!(outcome, Err(BeginError::Unwritten { .. })), "{outcome:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_lost_answer_makes_no_second_version_where_the_store_takes_a_name_twice() {
    for store in [&ceph().store, &moto().store] {
        let w = wired(store).await;
        let log = w.it.open("gateway").await;
        w.wire.is(Wire::LosesOneAnswer);
        // The connection broke, so the log looked for what it had sent, and found it.
        in_time(log.record(numbered(1))).await.unwrap();
        in_time(log.record(numbered(2))).await.unwrap();
        let attempt = Attempt::from_random([1; 16]);
        let id = w.it.world.id("a");
        w.wire.is(Wire::LosesOneAnswer);
        log.keep_output(id, &attempt, b"hello".to_vec(), 0).await.unwrap();
        assert_eq!(w.sight.log.list("outputs/v1/").await.unwrap().len(), 1);
        w.wire.is(Wire::LosesAnswers);
        let lost = in_time(log.record(numbered(3))).await;
        assert!(matches!(lost, Err(WriteError::Unavailable(_))), "{lost:?}");
        w.wire.is(Wire::Good);
        in_time(log.close()).await.unwrap();
        assert_eq!(w.sight.numbers().await, [1, 2, 3], "each is there once");
        let inventory = w.sight.log.inventory("").await.unwrap();
        assert!(inventory.irregular.is_empty(), "{:?}", inventory.irregular);
    }
}

/// A head is sent again when its answer was lost, also to a store that takes a name twice.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_head_that_is_sent_twice_is_there_once() {
    for store in [&ceph().store, &moto().store] {
        let it = Installation::on(store).await;
        let key = layout::head(it.open("gateway").await.writer(), 9);
        for _ in 0..2 {
            it.log.as_ref().keep(&key, "a note\n").await.unwrap();
        }
        let inventory = it.log.inventory(layout::HEADS).await.unwrap();
        assert!(inventory.irregular.is_empty(), "{:?}", inventory.irregular);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn p26_verification_sees_what_was_written_over_and_what_was_deleted() {
    for store in [&ceph().store, &moto().store] {
        let it = Installation::on(store).await;
        let log = it.open("gateway").await;
        for nth in 0..3 {
            log.record(numbered(nth)).await.unwrap();
        }
        log.close().await.unwrap();
        it.is_sound().await;
        let names = it.log.list("records/v1/").await.unwrap();
        let (admin, bucket) = (store.admin(), it.log.name());
        admin.put_object().bucket(bucket).key(&names[1]).body(b"{}\n".to_vec().into()).send().await.unwrap();
        admin.delete_object().bucket(bucket).key(&names[2]).send().await.unwrap();
        let report = it.report().await;
        let found: BTreeSet<_> = report
            .findings
            .iter()
            .filter(|one| one.concern == countersign_audit::verify::Concern::Integrity)
            .map(|one| (one.name, one.object.clone().unwrap_or_default()))
            .collect();
        let wanted = BTreeSet::from([(Name::SecondVersion, names[1].clone()), (Name::DeleteMarker, names[2].clone())]);
        assert_eq!(found, wanted, "the records themselves are whole: {report}");
    }
}

/// A runtime that can be stopped at once, as a process is by a kill: no task goes on.
struct Mortal(Option<tokio::runtime::Runtime>);

impl Mortal {
    fn born() -> Self {
        Self(Some(tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()))
    }

    fn dies(&mut self) {
        self.0.take().expect("it dies once").shutdown_background();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn p28_ten_thousand_appends_of_two_writers_survive_a_crash_each_exactly_once() {
    const ALL: usize = 10_000;
    let moto = moto();
    let mut w = wired(&moto.store).await;
    w.it.world.limits = Limits { deadline: Duration::from_mins(1), ..w.it.world.limits };
    let survivor = w.sight_writer("gateway").await;
    let mut mortal = Mortal::born();
    let (confirm, mut confirmed) = tokio::sync::mpsc::unbounded_channel();
    let config = w.it.config("gateway");
    let dying = mortal.0.as_ref().unwrap();
    let doomed = dying.spawn(async move { AuditLog::open(config).await.unwrap() }).await.unwrap();
    let tracker = TaskTracker::new();
    let lives: Vec<_> = (0..ALL / 2)
        .map(|nth| {
            let log = survivor.clone();
            tracker.spawn(async move { log.record(numbered(nth)).await.map(|_| nth) })
        })
        .collect();
    for nth in ALL / 2..ALL {
        let (log, confirm) = (doomed.clone(), confirm.clone());
        // In waves, so that there is a middle to die in.
        dying.spawn(async move {
            for _ in 0..nth % 50 {
                tokio::task::yield_now().await;
            }
            if log.record(numbered(nth)).await.is_ok() {
                let _ = confirm.send(nth);
            }
        });
    }
    drop((doomed, confirm));
    // Some are confirmed; then one PUT is under way, and the process dies of it.
    let mut known = BTreeSet::new();
    known.extend(in_time(confirmed.recv()).await);
    w.wire.is(Wire::Hangs);
    tokio::task::block_in_place(|| w.wire.until_hanging(1));
    mortal.dies();
    w.wire.is(Wire::Refuses);
    while let Some(nth) = confirmed.recv().await {
        known.insert(nth);
    }
    for task in lives {
        task.await.unwrap().unwrap();
    }
    let there: BTreeSet<_> = w.sight.numbers().await.into_iter().collect();
    assert!(known.is_subset(&there), "what was confirmed is there");
    assert!(there.len() < ALL, "something was under way");
    // Whoever comes after looks what is there, and writes the rest.
    let heir = w.sight_writer("gateway").await;
    let missing = (0..ALL).filter(|nth| !there.contains(nth));
    let rest: Vec<_> = missing
        .map(|nth| {
            let log = heir.clone();
            tracker.spawn(async move { log.record(numbered(nth)).await.map(|_| ()) })
        })
        .collect();
    for task in rest {
        task.await.unwrap().unwrap();
    }
    for log in [survivor, heir] {
        log.close().await.unwrap();
    }
    assert_eq!(w.sight.numbers().await, (0..ALL).collect::<Vec<_>>());
    let report = w.sight.report().await;
    assert_eq!(report.conclusion(), Conclusion::Sound, "{report}");
    assert!(report.findings.iter().any(|one| one.name == Name::UnclosedWriter), "{report}");
}

impl Wired {
    /// A log of the same installation over the wire that does not break.
    async fn sight_writer(&self, name: &str) -> AuditLog {
        let config = Config { sink: self.sight.log.clone(), fate: self.sight.fates.clone(), ..self.it.config(name) };
        AuditLog::open(config).await.unwrap()
    }
}
