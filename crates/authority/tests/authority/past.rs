//! A lost process key never blocks verifying the past.

use countersign_audit::directory::Directory;
use countersign_audit::keys::{self, DigestKey, Process};
use countersign_audit::log::{AuditLog, Config, Limits};
use countersign_audit::testing::ManualClock;
use countersign_audit::verify::{Evidence, Name, Report, verify};
use countersign_authority::folder::Folder;
use countersign_authority::publish::publish;
use countersign_authority::revoke::{Order, revoke};
use countersign_authority::root::Root;
use countersign_authority::rotate::rotate;
use countersign_authority::show;
use countersign_authority::signer::FileRoot;
use countersign_core::certificate::Role;
use countersign_core::seal::{Sealer, Verifier};
use countersign_core::time::{Clock as _, Timestamp};
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use tokio_util::task::TaskTracker;

const START: Timestamp = Timestamp::from_millis(1_795_222_800_000);
const DAY: Duration = Duration::from_hours(24);
const HOUR: Duration = Duration::from_hours(1);

struct World {
    temp: TempDir,
    clock: Arc<ManualClock>,
    store: Arc<Directory>,
    folder: Folder,
    root: Root,
}

impl World {
    async fn new() -> Self {
        let temp = tempfile::tempdir().unwrap();
        for name in ["keys", "log", "anchors", "fate"] {
            std::fs::create_dir(temp.path().join(name)).unwrap();
        }
        let clock = Arc::new(ManualClock::at(START));
        let folder = Folder::new(temp.path().join("keys"));
        let worker = Process { name: "worker", role: Role::Worker, pools: &["main"] };
        keys::init(folder.path(), "acme", (START, DAY), &[worker]).unwrap();
        let root = Root::new(Box::new(FileRoot::new(folder.file("root.key")))).await.unwrap();
        let store = Arc::new(Directory::open(temp.path().join("log"), clock.clone()).unwrap());
        Self { temp, clock, store, folder, root }
    }

    fn sealer(&self) -> Sealer {
        keys::load_sealer(self.folder.path(), "worker", "acme").unwrap()
    }

    fn place(&self, name: &str) -> Arc<Directory> {
        Arc::new(Directory::open(self.temp.path().join(name), self.clock.clone()).unwrap())
    }

    /// A process's life: it starts, and ends an hour later.
    async fn live(&self, sealer: Sealer) {
        let log = AuditLog::open(Config {
            sealer: Arc::new(sealer),
            verifier: Verifier::new(*self.root.public(), "acme"),
            sink: self.store.clone(),
            anchors: vec![self.place("anchors")],
            fate: self.place("fate"),
            clock: self.clock.clone(),
            tracker: TaskTracker::new(),
            digest_key: DigestKey::load(&self.folder.file("digest.key")).unwrap(),
            binary: None,
            limits: Limits::default(),
        })
        .await
        .unwrap();
        self.clock.advance(HOUR);
        log.close().await.unwrap();
    }

    async fn verify(&self) -> Report {
        let verifier = Verifier::new(*self.root.public(), "acme");
        let mut evidence = Evidence::new(self.store.clone(), verifier, self.clock.now());
        evidence.anchors = vec![self.place("anchors")];
        evidence.fate = Some(self.place("fate"));
        verify(&evidence).await.unwrap()
    }
}

#[track_caller]
fn sound(report: &Report) {
    assert_eq!(report.findings, [], "nothing is wrong");
}

#[tokio::test]
async fn a_lost_key_never_blocks_verifying_the_past() {
    let w = World::new().await;
    w.live(w.sealer()).await;
    sound(&w.verify().await);

    // The key is replaced; what the old one wrote stays sound, and so is what the new one writes.
    let stolen = w.sealer();
    let rotated = rotate(&w.folder, &w.root, "worker", (w.clock.now(), DAY)).await.unwrap();
    w.live(w.sealer()).await;
    sound(&w.verify().await);

    // It turns out that the old one was stolen.
    let now = w.clock.now();
    let order = Order { key: &rotated.old, deployment: "acme", from: now, reason: "stolen laptop", now };
    let note = revoke(&w.folder, &w.root, order).await.unwrap();
    let published = publish(w.store.as_ref(), &w.folder).await.unwrap();
    assert_eq!(published.put, [format!("keys/v1/{note}")], "each writer had stored its own certificate");
    sound(&w.verify().await);

    // The thief writes with it.
    w.clock.advance(HOUR);
    w.live(stolen).await;
    let report = w.verify().await;
    let names: Vec<Name> = report.findings.iter().map(|finding| finding.name).collect();
    assert!(names.contains(&Name::AfterRevocation), "{:?}", report.findings);

    let known = show::store(w.store.as_ref(), &w.folder.roots().unwrap()).await.unwrap();
    assert_eq!(known.rows.len(), 2);
    let revoked: Vec<_> = known.rows.iter().filter(|row| row.revoked.is_some()).map(|row| &row.id).collect();
    assert_eq!(revoked, [&rotated.old]);
    assert_eq!((known.foreign, known.orphans), (vec![], vec![]));
}
