//! A fate store that takes questions and never answers.

use crate::rig::Rig;
use crate::site::Installed;
use countersign::demo::world::{CATALOG, RBAC};
use countersign_audit::directory::Directory;
use countersign_audit::event::Kind;
use countersign_audit::fate::{Decided, Fate, FateDoc, FateError};
use countersign_audit::verify::Conclusion;
use countersign_core::budget::Slot;
use countersign_core::id::InvocationId;
use countersign_policy::{LivePolicy, Overrides, Source, Sources};
use countersign_queue::EmbeddedQueue;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

/// A change that takes a while.
const NAP: &str = "
  nap:
    description: takes its time
    runner: sleep
    argv: [\"4\"]
    tier: change
    reversibility: reversible
    sensitive: false
    env: dev
    owners: [payments]
    pool: main
    examples: [\"nap\"]
";

/// A store whose sequence of freezes hangs from some moment on: whoever reads it then waits for ever.
#[derive(Debug)]
struct Hanging {
    store: Arc<Directory>,
    hangs: AtomicBool,
    waiting: AtomicU32,
}

#[async_trait::async_trait]
impl Fate for Hanging {
    async fn decide(&self, doc: &FateDoc) -> Result<Decided, FateError> {
        self.store.decide(doc).await
    }

    async fn look(&self, pool: &str, invocation: InvocationId) -> Result<Option<Decided>, FateError> {
        self.store.look(pool, invocation).await
    }

    async fn end(&self, pool: &str, invocation: InvocationId, outcome: &str) -> Result<Decided, FateError> {
        self.store.end(pool, invocation, outcome).await
    }

    async fn ended(&self, pool: &str, invocation: InvocationId) -> Result<Option<Decided>, FateError> {
        self.store.ended(pool, invocation).await
    }

    async fn add_control(&self, epoch: u64, note: &str) -> Result<Decided, FateError> {
        self.store.add_control(epoch, note).await
    }

    async fn take(&self, slot: &Slot) -> Result<Decided, FateError> {
        self.store.take(slot).await
    }

    async fn taken(&self, slot: &Slot) -> Result<Option<Decided>, FateError> {
        self.store.taken(slot).await
    }

    async fn control(&self, epoch: u64) -> Result<Option<Decided>, FateError> {
        if self.hangs.load(Ordering::SeqCst) {
            self.waiting.fetch_add(1, Ordering::SeqCst);
            std::future::pending::<()>().await;
        }
        self.store.control(epoch).await
    }
}

/// The watch over a running command waits for the store; the command's end, its record and its lease do not.
#[tokio::test(flavor = "multi_thread")]
async fn p23_a_store_that_never_answers_holds_up_no_commands_end() {
    let data = tempfile::tempdir().unwrap();
    let (people, queue) = (data.path().join("people.yaml"), data.path().join("another-queue.redb"));
    let catalog = format!("{CATALOG}{NAP}");
    let ground = Installed::start(data, catalog.clone(), BTreeMap::new()).await;
    let queue = Arc::new(EmbeddedQueue::open(&queue).unwrap());
    let rig = Rig::over(&ground.places, people, &ground.installation.verifier);
    let sources = Sources { rbac: Source::new("rbac.yaml", RBAC), catalog: Source::new("catalog.yaml", catalog) };
    let policy = Arc::new(LivePolicy::load(sources, &[], Overrides::default()).unwrap());
    let fate = Arc::new(Hanging { store: rig.fates(), hangs: AtomicBool::new(false), waiting: AtomicU32::new(0) });
    let (gateway, first) = rig.gateway(queue.clone(), &policy, ground.chat.clone()).await;
    let worker = rig.worker_with("main", queue, &policy, fate.clone()).await;
    let w = ground.through(gateway, policy);
    let id = w.running("ann", "/nap --apply").await;
    fate.hangs.store(true, Ordering::SeqCst);
    let said = w.done(id).await;
    assert!(fate.waiting.load(Ordering::SeqCst) > 0, "nobody looked while it ran: {said}");
    assert_eq!(w.recorded(id, Kind::Outcome).await.len(), 1);
    worker.stop().await;
    first.stop().await;
    let report = w.verify().await;
    assert_eq!(report.conclusion(), Conclusion::Sound, "{report}");
    ground.installation.stop().await.unwrap();
}
