//! A rotation that was interrupted, and files that do not fit together.

use countersign_audit::keys::{self, Process};
use countersign_authority::certify::CertifyError;
use countersign_authority::folder::Folder;
use countersign_authority::root::Root;
use countersign_authority::rotate::rotate;
use countersign_authority::signer::FileRoot;
use countersign_core::certificate::Role;
use countersign_core::id::KeyId;
use countersign_core::time::Timestamp;
use std::io::{Read as _, Seek as _};
use std::time::Duration;
use tempfile::TempDir;

const START: Timestamp = Timestamp::from_millis(1_795_222_800_000);
const DAY: Duration = Duration::from_hours(24);

async fn founded() -> (TempDir, Folder, Root) {
    let temp = tempfile::tempdir().unwrap();
    let worker = Process { name: "worker", role: Role::Worker, pools: &["main"] };
    let gateway = Process { name: "gateway", role: Role::Gateway, pools: &[] };
    keys::init(temp.path(), "acme", (START, DAY), &[worker, gateway]).unwrap();
    let root = Root::new(Box::new(FileRoot::new(temp.path().join("root.key")))).await.unwrap();
    let folder = Folder::new(temp.path());
    (temp, folder, root)
}

fn id(folder: &Folder, file: &str) -> KeyId {
    KeyId::of(keys::load(&folder.file(file)).unwrap().verifying_key().as_bytes())
}

#[tokio::test]
async fn a_new_key_is_for_the_same_process_and_the_old_one_is_destroyed() {
    let (_temp, folder, root) = founded().await;
    let mut old_file = std::fs::File::open(folder.file("worker.key")).unwrap();
    let old = id(&folder, "worker.key");
    let later = START.plus(Duration::from_hours(1));
    let done = rotate(&folder, &root, "worker", (later, DAY)).await.unwrap();
    assert_eq!((&done.old, &done.new), (&old, &id(&folder, "worker.key")));
    let present = folder.certified("worker").unwrap();
    assert_eq!((present.id, present.claims.role, present.claims.pools), (done.new, Role::Worker, vec!["main".into()]));
    assert_eq!((present.claims.not_before, present.claims.not_after), (later, later.plus(DAY)));
    let kept = folder.certificates().unwrap().into_iter().find(|it| it.replaced).unwrap();
    assert_eq!((kept.id, kept.file, kept.name), (old, done.kept, "worker".into()));
    // Whoever has the old file open reads zeros.
    let mut bytes = Vec::new();
    old_file.rewind().unwrap();
    old_file.read_to_end(&mut bytes).unwrap();
    assert!(!bytes.is_empty() && bytes.iter().all(|byte| *byte == 0));
    for left in ["worker.key.new", "worker.cert.json.new"] {
        assert!(!folder.file(left).exists(), "{left}");
    }
}

#[tokio::test]
async fn an_interrupted_rotation_is_finished_by_the_next() {
    let (_temp, folder, root) = founded().await;
    // The certificate was moved, and the key was not.
    let old = keys::load(&folder.file("worker.key")).unwrap();
    let middle = rotate(&folder, &root, "worker", (START, DAY)).await.unwrap().new;
    std::fs::rename(folder.file("worker.key"), folder.file("worker.key.new")).unwrap();
    keys::save(&folder.file("worker.key"), &old).unwrap();
    let done = rotate(&folder, &root, "worker", (START, DAY)).await.unwrap();
    assert_eq!(done.old, middle);
    assert_eq!(folder.certified("worker").unwrap().id, id(&folder, "worker.key"));

    // Both new files were written, and nothing was moved.
    let present = id(&folder, "worker.key");
    keys::save(&folder.file("worker.key.new"), &keys::generate()).unwrap();
    std::fs::write(folder.file("worker.cert.json.new"), "{}").unwrap();
    let done = rotate(&folder, &root, "worker", (START, DAY)).await.unwrap();
    assert_eq!(done.old, present);
    assert_eq!(folder.certified("worker").unwrap().id, id(&folder, "worker.key"));
}

#[tokio::test]
async fn a_key_that_is_not_the_certified_one_is_not_destroyed() {
    let (_temp, folder, root) = founded().await;
    std::fs::rename(folder.file("gateway.key"), folder.file("worker.key")).unwrap();
    let before = id(&folder, "worker.key");
    let error = rotate(&folder, &root, "worker", (START, DAY)).await.unwrap_err();
    assert!(matches!(error, CertifyError::Mixed(_)), "{error}");
    assert_eq!(id(&folder, "worker.key"), before);
}

#[tokio::test]
async fn what_the_root_did_not_sign_is_named() {
    let (_temp, folder, _) = founded().await;
    let (_other, foreign, _) = founded().await;
    std::fs::copy(foreign.file("worker.cert.json"), folder.file("worker-9.cert.json")).unwrap();
    let error = folder.certificates().unwrap_err().to_string();
    assert!(error.contains("worker-9.cert.json") && error.contains("root.pub"), "{error}");
}
