//! Keys, a clock and a log in a temporary folder, with any second places.

use countersign_audit::anchor::{Anchor, Heads};
use countersign_audit::directory::Directory;
use countersign_audit::event::{Actor, Event, Kind};
use countersign_audit::head::Head;
use countersign_audit::keys::{self, DigestKey, Process};
use countersign_audit::layout;
use countersign_audit::log::{AuditLog, Config, Limits};
use countersign_audit::record::WriterId;
use countersign_audit::sink::Key;
use countersign_audit::testing::ManualClock;
use countersign_audit::verify::{Evidence, Report, verify};
use countersign_core::certificate::Role;
use countersign_core::digest::Digest;
use countersign_core::principal::Account;
use countersign_core::seal::{Sealer, Verifier};
use countersign_core::time::{Clock as _, Timestamp};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use tokio_util::task::TaskTracker;

pub(crate) const START: Timestamp = Timestamp::from_millis(1_795_222_800_000);
pub(crate) const DEPLOYMENT: &str = "demo";
/// A deadline of the tests' own: far longer than anything takes, so that a red test ends.
pub(crate) const LONG: Duration = Duration::from_mins(1);

#[derive(Debug)]
pub(crate) struct Installation {
    folder: TempDir,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) sink: Arc<Directory>,
    fate: Arc<Directory>,
    verifier: Verifier,
    pub(crate) tracker: TaskTracker,
    pub(crate) limits: Limits,
}

impl Installation {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::at(START));
        let made = |name: &str| {
            let path = folder.path().join(name);
            std::fs::create_dir(&path).unwrap();
            path
        };
        let open = |name| Arc::new(Directory::open(made(name), clock.clone()).unwrap());
        let (sink, fate) = (open("log"), open("fate"));
        let gateway = [Process { name: "gateway", role: Role::Gateway, pools: &[] }];
        let root = keys::init(&made("keys"), DEPLOYMENT, (START, Duration::from_hours(24)), &gateway).unwrap();
        let limits = Limits { deadline: LONG, retry_every: Duration::from_millis(5), ..Limits::default() };
        let verifier = Verifier::new(root, DEPLOYMENT);
        Self { clock, sink, fate, verifier, tracker: TaskTracker::new(), limits, folder }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn sealer(&self) -> Sealer {
        keys::load_sealer(&self.path("keys"), "gateway", DEPLOYMENT).unwrap()
    }

    pub(crate) async fn open(&self, anchors: Vec<Arc<dyn Anchor>>) -> AuditLog {
        let config = Config {
            sealer: Arc::new(self.sealer()),
            verifier: self.verifier.clone(),
            sink: self.sink.clone(),
            anchors,
            fate: self.fate.clone(),
            clock: self.clock.clone(),
            tracker: self.tracker.clone(),
            digest_key: DigestKey::load(&self.path("keys").join("digest.key")).unwrap(),
            binary: None,
            limits: self.limits,
        };
        AuditLog::open(config).await.unwrap()
    }

    /// The name and the bytes of a head as this installation's gateway signs them.
    pub(crate) fn head(&self, writer: &WriterId, size: u64) -> (Key, String) {
        let head = Head { size, root: Digest::of(&size.to_be_bytes()), at: self.clock.now() };
        (layout::head(writer, size), head.sign(writer, &self.sealer()).unwrap())
    }

    pub(crate) async fn verify(&self, anchors: Vec<Arc<dyn Heads>>) -> Report {
        let mut evidence = Evidence::new(self.sink.clone(), self.verifier.clone(), self.clock.now());
        evidence.anchors = anchors;
        verify(&evidence).await.unwrap()
    }

    /// Puts the log's store back to a copy that was made of it.
    pub(crate) fn put_back(&self, copy: &Path) {
        std::fs::remove_dir_all(self.path("log")).unwrap();
        copy_folder(copy, &self.path("log"));
    }

    pub(crate) fn copy(&self) -> PathBuf {
        let copy = self.path("copy");
        copy_folder(&self.path("log"), &copy);
        copy
    }
}

pub(crate) fn writer() -> WriterId {
    WriterId::mint(Role::Gateway)
}

pub(crate) fn received() -> Event {
    let account = Account { front: "console".into(), team: "t".into(), user: "ann".into() };
    Event::of(Kind::Received).by(Actor::stranger(&account))
}

fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_folder(&entry.path(), &to);
        } else {
            std::fs::copy(entry.path(), &to).unwrap();
        }
    }
}

/// Waits until it is so; the deadline is for red tests alone.
pub(crate) async fn until<F: Future<Output = bool>>(what: &str, is: impl Fn() -> F) {
    let look = async {
        while !is().await {
            tokio::task::yield_now().await;
        }
    };
    assert!(tokio::time::timeout(LONG, look).await.is_ok(), "{what} did not come");
}
