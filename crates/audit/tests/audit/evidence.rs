//! What an auditor finds beyond the chain: revoked keys, swapped outputs, short retention, a weak
//! store, and accounts that lack something.

use crate::world::{Moody, START, World};
use countersign_audit::anchor::Heads as _;
use countersign_audit::begin::Ended;
use countersign_audit::event::OutputNote;
use countersign_audit::keys::{self, DigestKey, Process};
use countersign_audit::layout;
use countersign_audit::log::AuditLog;
use countersign_audit::record::WriterId;
use countersign_audit::sink::{Entry, Inventory, Irregularity, Kept, Key, Object, PutError, ReadError, Sink, Stored};
use countersign_audit::verify::{Concern, Conclusion, Depth, Evidence, Name, Report, verify};
use countersign_core::certificate::Role;
use countersign_core::id::KeyId;
use countersign_core::outcome::Ending;
use countersign_core::revocation::{Draft, Revocation, RevocationNote};
use countersign_core::seal::Verifier;
use countersign_core::tier::Tier;
use countersign_core::time::{Clock as _, Timestamp};
use ed25519_dalek::{Signer as _, SigningKey};
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

const YEAR: Duration = Duration::from_hours(365 * 24);

/// One run by a worker, from the request to its output, with every stream closed.
async fn ran(w: &World, trigger: &str) -> WriterId {
    let warrant = w.asked(trigger, Tier::Change, Some("1 of sre")).await;
    let worker = w.open("worker").await;
    run(w, &worker, trigger, warrant).await;
    worker.close().await.unwrap();
    worker.writer().clone()
}

async fn run(w: &World, worker: &AuditLog, trigger: &str, warrant: countersign_core::warrant::Warrant) -> OutputNote {
    let (on_record, mut entry) = worker.begin(warrant, World::particulars()).await.unwrap();
    let text = format!("restarted {trigger}\n").into_bytes();
    let output = worker.keep_output(w.id(trigger), on_record.attempt(), text, 0).await.unwrap();
    let outcome = w.outcome_with(w.id(trigger), on_record.attempt(), Ending::Ran, &output);
    entry.close(&outcome, &Ended { output: Some(output.clone()), ..Ended::default() }).await.unwrap();
    output
}

#[track_caller]
fn found(report: &Report, integrity: &[Name], completeness: &[Name]) {
    assert_eq!(report.names(Concern::Integrity), integrity, "{report}");
    assert_eq!(report.names(Concern::Completeness), completeness, "{report}");
}

fn overwrite(w: &World, name: &str, bytes: &[u8]) {
    let path = w.path("log").join(name);
    std::fs::remove_file(&path).ok();
    std::fs::write(path, bytes).unwrap();
}

/// The note that takes belief away from a process's key, stored where verification reads it.
async fn revoke(w: &World, process: &str, from: Timestamp, root: &SigningKey) -> RevocationNote {
    let key = w.sealer(process).key_id();
    let reason = "the host was stolen".to_owned();
    let revocation = Revocation { v: 1, deployment: w.verifier.deployment().into(), key, from, reason };
    let draft = Draft::of(&revocation);
    let signature = root.sign(&draft.message()).to_bytes();
    let note = draft.signed(signature);
    let bytes = serde_json::to_vec(&note).unwrap();
    let name = layout::revocation(&revocation.key, &bytes).unwrap();
    w.sink.put_new(&name, bytes).await.unwrap();
    note
}

fn root(w: &World) -> SigningKey {
    keys::load(&w.path("keys").join("root.key")).unwrap()
}

#[tokio::test]
async fn losing_a_key_never_blocks_verifying_the_past() {
    let w = World::new();
    ran(&w, "a").await;
    w.clock.advance(Duration::from_mins(1));
    revoke(&w, "worker", w.clock.now(), &root(&w)).await;
    revoke(&w, "gateway", w.clock.now(), &root(&w)).await;
    w.clock.advance(YEAR);
    let report = w.verify().await;
    assert_eq!((report.conclusion(), report.findings.len()), (Conclusion::Sound, 0), "{report}");
}

#[tokio::test]
async fn what_a_revoked_key_wrote_afterwards_is_found_and_nothing_else_is() {
    let w = World::new();
    ran(&w, "a").await;
    w.clock.advance(Duration::from_mins(1));
    revoke(&w, "worker", w.clock.now(), &root(&w)).await;
    let thief = ran(&w, "b").await;
    let report = w.verify().await;
    found(&report, &[Name::AfterRevocation], &[]);
    assert!(report.findings.iter().all(|finding| finding.writer.as_ref() == Some(&thief)), "{report}");
    // Its first record, a head, and the outcome it sealed.
    let about: Vec<_> = report.findings.iter().map(|it| (it.seq, it.object.is_some())).collect();
    assert_eq!(about, [(None, true), (Some(1), false), (Some(3), false)], "{report}");
}

#[tokio::test]
async fn a_stolen_key_cannot_write_into_the_past() {
    let w = World::new();
    ran(&w, "a").await;
    let past = w.clock.now();
    w.clock.advance(Duration::from_hours(1));
    revoke(&w, "worker", past.plus(Duration::from_mins(30)), &root(&w)).await;
    // The thief's clock says that it is an hour ago; the store's does not.
    let behind = Arc::new(countersign_audit::testing::ManualClock::at(past));
    let worker = AuditLog::open(countersign_audit::log::Config { clock: behind, ..w.config("worker") }).await.unwrap();
    worker.close().await.unwrap();
    found(&locked(&w, Some(YEAR), "", false).await, &[Name::AfterRevocation], &[]);
    // A folder's times are its files', and a copy has later ones: only the records' own count there.
    found(&w.verify().await, &[], &[]);
}

#[tokio::test]
async fn a_revocation_that_no_root_key_signed_says_nothing() {
    let w = World::new();
    ran(&w, "a").await;
    revoke(&w, "worker", START, &keys::generate()).await;
    found(&w.verify().await, &[Name::ForeignRevocation], &[]);
    // A true one under another's name.
    let w = World::new();
    let note = revoke(&w, "operator", START, &root(&w)).await;
    let bytes = serde_json::to_vec(&note).unwrap();
    let other = layout::revocation(&KeyId::of(&[1; 32]), &bytes).unwrap();
    w.sink.put_new(&other, bytes).await.unwrap();
    found(&w.verify().await, &[Name::ForeignRevocation], &[]);
}

#[tokio::test]
async fn every_root_key_that_is_given_is_believed() {
    let w = World::new();
    ran(&w, "a").await;
    let (old, new) = (root(&w), keys::generate());
    // A worker that the root key which came after has certified.
    let key = keys::generate();
    let process = Process { name: "worker", role: Role::Worker, pools: &["prod"] };
    let valid = (START, Duration::from_hours(24));
    let certificate = keys::certify(&new, &key.verifying_key(), w.verifier.deployment(), valid, &process);
    let sealer = countersign_core::seal::Sealer::new(key, certificate, w.verifier.deployment());
    let both = Verifier::of(vec![new.verifying_key(), old.verifying_key()], w.verifier.deployment());
    let config = w.config("worker");
    let config = countersign_audit::log::Config { sealer: Arc::new(sealer), verifier: both.clone(), ..config };
    AuditLog::open(config).await.unwrap().close().await.unwrap();
    let report = verify(&Evidence { verifier: both, ..w.evidence() }).await.unwrap();
    assert_eq!(report.conclusion(), Conclusion::Sound, "{report}");
    found(&w.verify().await, &[Name::ForeignWriter, Name::ForeignCertificate], &[]);
}

#[tokio::test]
async fn a_swapped_output_is_found_by_who_has_the_digest_key() {
    let w = World::new();
    ran(&w, "a").await;
    ran(&w, "b").await;
    let outputs = w.sink.list(layout::OUTPUTS).await.unwrap();
    let read = |name: &String| std::fs::read(w.path("log").join(name)).unwrap();
    let (one, other) = (read(&outputs[0]), read(&outputs[1]));
    let key = DigestKey::load(&w.path("keys").join("digest.key")).unwrap();
    let evidence = || Evidence { digest_key: Some(key.clone()), ..w.evidence() };
    assert_eq!(verify(&evidence()).await.unwrap().conclusion(), Conclusion::Sound);
    overwrite(&w, &outputs[0], &other);
    overwrite(&w, &outputs[1], &one);
    let report = verify(&evidence()).await.unwrap();
    found(&report, &[Name::ChangedOutput], &[]);
    assert_eq!(report.findings.len(), 2, "{report}");
    // Nobody else can tell two outputs of one length apart, but another length shows.
    found(&w.verify().await, &[], &[]);
    overwrite(&w, &outputs[1], b"restarted nothing at all\n");
    found(&w.verify().await, &[Name::ChangedOutput], &[]);
}

/// A store that says how long it keeps things, and what is wrong with it.
#[derive(Debug)]
struct Locked {
    inner: Arc<Moody>,
    keeps: Option<Duration>,
    weak: bool,
    /// Keeps everything whose name begins so for a day.
    short: &'static str,
}

impl Locked {
    fn kept(&self, name: &str, at: Timestamp) -> Kept {
        match self.keeps {
            Some(_) if !self.short.is_empty() && name.starts_with(self.short) => {
                Kept::Until(at.plus(Duration::from_hours(24)))
            }
            Some(keeps) => Kept::Until(at.plus(keeps)),
            None => Kept::Removable,
        }
    }
}

#[async_trait::async_trait]
impl Sink for Locked {
    async fn put_new(&self, key: &Key, bytes: Vec<u8>) -> Result<Stored, PutError> {
        self.inner.put_new(key, bytes).await
    }

    async fn read(&self, key: &Key) -> Result<Option<Object>, ReadError> {
        let object = self.inner.read(key).await?;
        Ok(object.map(|object| Object { kept: self.kept(key.as_str(), object.at), ..object }))
    }

    async fn inventory(&self, prefix: &str) -> Result<Inventory, ReadError> {
        self.inner.inventory(prefix).await
    }

    async fn weaknesses(&self, _retention: Duration) -> Result<Vec<String>, ReadError> {
        Ok(if self.weak { vec!["versioning is suspended".into()] } else { Vec::new() })
    }
}

async fn locked(w: &World, keeps: Option<Duration>, short: &'static str, weak: bool) -> Report {
    let sink = Arc::new(Locked { inner: w.sink.clone(), keeps, weak, short });
    verify(&Evidence { sink, retention: Some(YEAR), ..w.evidence() }).await.unwrap()
}

#[tokio::test]
async fn p27_what_is_not_kept_long_enough_is_found() {
    let w = World::new();
    ran(&w, "a").await;
    let but = |hours| YEAR.checked_sub(Duration::from_hours(hours));
    found(&locked(&w, Some(YEAR), "", false).await, &[], &[]);
    found(&locked(&w, but(24), "", false).await, &[], &[]);
    for short in ["records/", "heads/", "keys/", "outputs/"] {
        found(&locked(&w, Some(YEAR), short, false).await, &[Name::ShortRetention], &[]);
    }
    found(&locked(&w, but(25), "", false).await, &[Name::ShortRetention], &[]);
    let open = locked(&w, None, "", false).await;
    found(&open, &[Name::ShortRetention], &[]);
    assert!(open.to_string().contains("it is not locked"), "{open}");
    found(&locked(&w, Some(YEAR), "", true).await, &[Name::WeakStore], &[]);
    // A folder promises nothing.
    found(&verify(&Evidence { retention: Some(YEAR), ..w.evidence() }).await.unwrap(), &[], &[]);
}

/// A second place that was a bucket, where a head was deleted and another written again.
#[derive(Debug)]
struct Rewritten(Arc<Moody>);

#[async_trait::async_trait]
impl Sink for Rewritten {
    async fn put_new(&self, key: &Key, bytes: Vec<u8>) -> Result<Stored, PutError> {
        self.0.put_new(key, bytes).await
    }

    async fn read(&self, key: &Key) -> Result<Option<Object>, ReadError> {
        self.0.read(key).await
    }

    async fn inventory(&self, prefix: &str) -> Result<Inventory, ReadError> {
        let mut inventory = self.0.inventory(prefix).await?;
        let names: Vec<_> = inventory.entries.iter().map(|entry| entry.name.clone()).collect();
        inventory.irregular =
            vec![Irregularity::SecondVersion(names[0].clone()), Irregularity::DeleteMarker(names[1].clone())];
        Ok(inventory)
    }
}

#[tokio::test]
async fn p26_a_second_place_that_was_written_again_is_found() {
    let w = World::new();
    ran(&w, "a").await;
    let anchor = Arc::new(Rewritten(w.anchors.clone()));
    assert_eq!(anchor.rewritten().await.unwrap().len(), 2);
    let report = verify(&Evidence { anchors: vec![anchor], ..w.evidence() }).await.unwrap();
    found(&report, &[Name::RewrittenAnchor], &[]);
    assert_eq!(report.findings.len(), 2, "{report}");
}

#[tokio::test]
async fn integrity_alone_reads_no_record_and_finds_what_the_chain_tells() {
    let w = World::new();
    let worker = ran(&w, "a").await;
    let evidence = || Evidence { depth: Depth::Integrity, ..w.evidence() };
    let report = verify(&evidence()).await.unwrap();
    found(&report, &[], &[]);
    assert_eq!(report.names(Concern::Notice), [Name::ContentsNotRead], "{report}");
    // An output is none of the chain's business; a line is.
    overwrite(&w, &w.sink.list(layout::OUTPUTS).await.unwrap()[0], b"other");
    found(&verify(&evidence()).await.unwrap(), &[], &[]);
    let name = layout::segment(&worker, 2).to_string();
    let text = std::fs::read_to_string(w.path("log").join(&name)).unwrap();
    overwrite(&w, &name, text.replacen("\"tier\":\"change\"", "\"tier\":\"chance\"", 1).as_bytes());
    found(&verify(&evidence()).await.unwrap(), &[Name::EditedLine], &[]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_report_is_the_same_however_many_segments_are_read_at_once() {
    let w = World::new();
    for nth in 0..12 {
        ran(&w, &format!("r{nth}")).await;
    }
    let names = w.sink.list(layout::RECORDS).await.unwrap();
    for name in names.iter().step_by(5) {
        let text = std::fs::read_to_string(w.path("log").join(name)).unwrap();
        overwrite(&w, name, text.replacen("01:00:00", "01:00:01", 1).as_bytes());
    }
    let at_once = |cores| Evidence { at_once: NonZeroUsize::new(cores).unwrap(), ..w.evidence() };
    let one = verify(&at_once(1)).await.unwrap();
    assert_eq!(one.conclusion(), Conclusion::Broken, "{one}");
    for cores in [2, 4, 16] {
        assert_eq!(verify(&at_once(cores)).await.unwrap(), one);
    }
}

#[tokio::test]
async fn progress_ends_where_the_log_does() {
    let w = World::new();
    ran(&w, "a").await;
    let evidence = w.evidence();
    let report = verify(&evidence).await.unwrap();
    let progress = &evidence.progress;
    let is_record = |entry: &Entry| entry.name.starts_with(layout::RECORDS);
    let entries = w.sink.inventory("").await.unwrap().entries;
    let bytes: u64 = entries.iter().filter(|entry| is_record(entry)).map(|entry| entry.size).sum();
    assert_eq!((progress.bytes.load(Ordering::Relaxed), progress.bytes_read.load(Ordering::Relaxed)), (bytes, bytes));
    assert_eq!(progress.records.load(Ordering::Relaxed), report.records);
}

/// A store whose answers come only when several are waited for.
#[derive(Debug)]
struct Crowded {
    inner: Arc<Moody>,
    waiting: tokio::sync::Barrier,
}

#[async_trait::async_trait]
impl Sink for Crowded {
    async fn put_new(&self, key: &Key, bytes: Vec<u8>) -> Result<Stored, PutError> {
        self.inner.put_new(key, bytes).await
    }

    async fn read(&self, key: &Key) -> Result<Option<Object>, ReadError> {
        if key.as_str().starts_with(layout::RECORDS) {
            self.waiting.wait().await;
        }
        self.inner.read(key).await
    }

    async fn inventory(&self, prefix: &str) -> Result<Inventory, ReadError> {
        self.inner.inventory(prefix).await
    }
}

#[tokio::test]
async fn many_reads_are_on_their_way_at_once() {
    let w = World::new();
    for trigger in ["a", "b"] {
        ran(&w, trigger).await;
    }
    let segments = w.sink.list(layout::RECORDS).await.unwrap().len();
    // All of these segments have to be asked for before the first of them comes.
    let waiting = tokio::sync::Barrier::new(segments);
    let sink = Arc::new(Crowded { inner: w.sink.clone(), waiting });
    let evidence = Evidence { sink, ..w.evidence() };
    let report = tokio::time::timeout(Duration::from_secs(20), verify(&evidence)).await.expect("reads go out together");
    assert_eq!(report.unwrap().conclusion(), Conclusion::Sound);
    assert!(segments > 20, "{segments}");
}

#[tokio::test]
async fn p25_the_public_root_key_and_the_last_anchor_are_enough() {
    let w = World::new();
    let worker = ran(&w, "a").await;
    let alone = |sink: Arc<dyn Sink>| {
        let mut evidence = Evidence::new(sink, Verifier::new(root(&w).verifying_key(), "demo"), w.clock.now());
        evidence.anchors = vec![w.anchors.clone()];
        evidence
    };
    assert_eq!(verify(&alone(w.sink.clone())).await.unwrap().conclusion(), Conclusion::Sound);
    // The thief has the worker's key and the store: the tail goes, and the heads over it.
    let last = layout::segment(&worker, 4);
    std::fs::remove_file(w.path("log").join(last.as_str())).unwrap();
    std::fs::remove_file(w.path("log").join(layout::head(&worker, 4).as_str())).unwrap();
    found(&verify(&alone(w.sink.clone())).await.unwrap(), &[], &[Name::RolledBack]);
}
