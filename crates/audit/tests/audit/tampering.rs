//! Every tampering is found by its name, and by no other's.

use crate::world::{DEPLOYMENT, Moody, World, account};
use countersign_audit::begin::Ended;
use countersign_audit::event::{Actor, Event, Kind};
use countersign_audit::fate::{FateDoc, Reason, Verdict, fate_key};
use countersign_audit::head::Head;
use countersign_audit::record::WriterId;
use countersign_audit::sink::Sink;
use countersign_audit::verify::{Concern, Conclusion, Name, Report};
use countersign_core::certificate::Role;
use countersign_core::digest::Digest;
use countersign_core::outcome::Ending;
use countersign_core::seal::Sealer;
use countersign_core::tier::Tier;
use countersign_core::time::Clock as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// A sound log: a gateway with three segments, the middle one of eight lines, another that asked
/// people about one run, and the worker that ran it. All streams are closed.
struct Scene {
    w: World,
    gateway: WriterId,
    worker: WriterId,
}

impl Scene {
    async fn new() -> Self {
        let w = World::new();
        let (gateway, worker) = (w.open("gateway").await, w.open("worker").await);
        for nth in 0..7 {
            gateway.note(received(nth)).unwrap();
        }
        gateway.record(received(7)).await.unwrap();
        gateway.record(received(8)).await.unwrap();
        let warrant = w.asked("a", Tier::Change, Some("1 of sre")).await;
        let (on_record, mut entry) = worker.begin(warrant, World::particulars()).await.unwrap();
        let output = worker.keep_output(w.id("a"), on_record.attempt(), b"ok".to_vec(), 0).await.unwrap();
        let outcome = w.outcome_with(w.id("a"), on_record.attempt(), Ending::Ran, &output);
        entry.close(&outcome, &Ended { output: Some(output), ..Ended::default() }).await.unwrap();
        gateway.close().await.unwrap();
        worker.close().await.unwrap();
        let it = Self { gateway: gateway.writer().clone(), worker: worker.writer().clone(), w };
        let report = it.w.verify().await;
        assert_eq!((report.conclusion(), report.findings.len()), (Conclusion::Sound, 0), "{report}");
        assert_eq!(it.segments(&it.gateway).len(), 4);
        it
    }

    fn folder(&self, kind: &str, writer: &WriterId) -> PathBuf {
        self.w.path("log").join(kind).join("v1").join(format!("writer={writer}"))
    }

    fn segments(&self, writer: &WriterId) -> Vec<PathBuf> {
        files(&self.folder("records", writer))
    }

    /// All lines of a stream, with the file each is in.
    fn lines(&self, writer: &WriterId) -> Vec<(PathBuf, String)> {
        let of = |path: PathBuf| {
            let text = std::fs::read_to_string(&path).unwrap();
            text.lines().map(|line| (path.clone(), line.to_owned())).collect::<Vec<_>>()
        };
        self.segments(writer).into_iter().flat_map(of).collect()
    }

    fn put(lines: &[(PathBuf, String)]) {
        let mut paths: Vec<_> = lines.iter().map(|(path, _)| path.clone()).collect();
        paths.dedup();
        for path in paths {
            let text: String = lines.iter().filter(|(at, _)| *at == path).flat_map(|(_, line)| [line, "\n"]).collect();
            overwrite(&path, text.as_bytes());
        }
    }

    /// Edits the lines of a stream and leaves the chain as it is.
    fn edit(&self, writer: &WriterId, change: impl Fn(usize, &str) -> String) {
        let mut lines = self.lines(writer);
        for (nth, (_, line)) in lines.iter_mut().enumerate() {
            *line = change(nth + 1, line);
        }
        Self::put(&lines);
    }

    /// Edits the lines of a stream and makes the chain fit again.
    fn edit_and_rechain(&self, writer: &WriterId, change: impl Fn(usize, &str) -> String) {
        let mut lines = self.lines(writer);
        let mut prev = writer.genesis();
        for (nth, (_, line)) in lines.iter_mut().enumerate() {
            let changed = change(nth + 1, line);
            let rest = changed.split_once("\"schema\"").unwrap().1;
            *line = format!("{{\"seq\":{},\"prev\":\"{prev}\",\"schema\"{rest}", nth + 1);
            prev = Digest::of(line.as_bytes());
        }
        Self::put(&lines);
    }

    /// Signs every head of the store anew, to fit what the stream is now.
    fn sign_heads_anew(&self, writer: &WriterId, sealer: &Sealer) {
        let lines = self.lines(writer);
        for path in files(&self.folder("heads", writer)) {
            let size: usize = path.file_stem().unwrap().to_str().unwrap().parse().unwrap();
            let root = Digest::of(lines[size - 1].1.as_bytes());
            let head = Head { size: size as u64, root, at: self.w.clock.now() };
            overwrite(&path, head.sign(writer, sealer).unwrap().as_bytes());
        }
    }

    async fn find(&self) -> Report {
        self.w.verify().await
    }

    #[track_caller]
    fn expect(report: &Report, integrity: &[Name], completeness: &[Name]) {
        assert_eq!(report.names(Concern::Integrity), integrity, "{report}");
        assert_eq!(report.names(Concern::Completeness), completeness, "{report}");
    }
}

fn received(nth: usize) -> Event {
    Event::of(Kind::Received).by(Actor::stranger(&account("x"))).detail("nth", nth.to_string())
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

fn overwrite(path: &Path, bytes: &[u8]) {
    // Whoever owns the folder can replace a read-only file.
    std::fs::remove_file(path).ok();
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, bytes).unwrap();
}

#[tokio::test]
async fn p25_an_edited_line() {
    for line in [1, 4, 9, 10] {
        let s = Scene::new().await;
        // Another digit in the time keeps the line a record.
        s.edit(
            &s.gateway,
            |nth, text| if nth == line { text.replace("01:00:00.000Z", "01:00:00.001Z") } else { text.into() },
        );
        let report = s.find().await;
        Scene::expect(&report, &[Name::EditedLine], &[]);
        assert_eq!(report.findings[0].seq, Some(line as u64), "{report}");
    }
}

#[tokio::test]
async fn p25_a_line_edited_beyond_reading() {
    let s = Scene::new().await;
    s.edit(&s.gateway, |nth, text| if nth == 4 { "{\"seq\":4}".into() } else { text.into() });
    Scene::expect(&s.find().await, &[Name::EditedLine], &[]);
    let s = Scene::new().await;
    s.edit(&s.gateway, |nth, text| if nth == 4 { text.replace("\"seq\":4,", "\"seq\":40,") } else { text.into() });
    Scene::expect(&s.find().await, &[Name::EditedLine], &[]);
}

#[tokio::test]
async fn p25_a_deleted_middle() {
    let s = Scene::new().await;
    let mut lines = s.lines(&s.gateway);
    lines.remove(4);
    Scene::put(&lines);
    let report = s.find().await;
    Scene::expect(&report, &[Name::Gap], &[]);
    assert_eq!(report.findings[0].seq, Some(5));
}

#[tokio::test]
async fn p25_a_deleted_middle_with_a_chain_made_anew() {
    let s = Scene::new().await;
    let mut lines = s.lines(&s.gateway);
    lines.remove(4);
    Scene::put(&lines);
    // Numbers and digests fit again, but the next segment's name and the heads do not.
    s.edit_and_rechain(&s.gateway, |_, text| text.into());
    let report = s.find().await;
    assert_eq!(report.conclusion(), Conclusion::Broken, "{report}");
    assert!(report.names(Concern::Completeness).contains(&Name::MissingSegment), "{report}");
}

#[tokio::test]
async fn p25_a_changed_order() {
    let s = Scene::new().await;
    let mut lines = s.lines(&s.gateway);
    let (four, five) = (lines[3].1.clone(), lines[4].1.clone());
    (lines[3].1, lines[4].1) = (five, four);
    Scene::put(&lines);
    Scene::expect(&s.find().await, &[Name::Reordered], &[]);
}

#[tokio::test]
async fn p25_a_repeated_line() {
    let s = Scene::new().await;
    let mut lines = s.lines(&s.gateway);
    let four = lines[3].clone();
    lines.insert(4, four);
    Scene::put(&lines);
    Scene::expect(&s.find().await, &[Name::RepeatedLine], &[]);
}

#[tokio::test]
async fn p25_a_chain_made_anew() {
    let s = Scene::new().await;
    s.edit_and_rechain(&s.gateway, |nth, text| {
        if nth == 4 { text.replace("\"nth\":\"2\"", "\"nth\":\"77\"") } else { text.into() }
    });
    Scene::expect(&s.find().await, &[Name::ReChained], &[]);
}

#[tokio::test]
async fn p25_a_chain_made_anew_with_the_writers_key() {
    let s = Scene::new().await;
    s.edit_and_rechain(&s.gateway, |nth, text| {
        if nth == 4 { text.replace("\"nth\":\"2\"", "\"nth\":\"77\"") } else { text.into() }
    });
    s.sign_heads_anew(&s.gateway, &s.w.sealer("gateway"));
    Scene::expect(&s.find().await, &[Name::UnlikeAnchor], &[]);
}

#[tokio::test]
async fn p25_a_deleted_tail() {
    let s = Scene::new().await;
    std::fs::remove_file(s.segments(&s.gateway).last().unwrap()).unwrap();
    Scene::expect(&s.find().await, &[], &[Name::MissingTail]);
    let s = Scene::new().await;
    let mut lines = s.lines(&s.gateway);
    lines.retain(|(path, line)| !(path.ends_with("00000000000000000002.ndjson") && line.contains("\"nth\":\"7\"")));
    Scene::put(&lines);
    let report = s.find().await;
    Scene::expect(&report, &[], &[Name::MissingSegment]);
}

#[tokio::test]
async fn p25_a_torn_line() {
    let s = Scene::new().await;
    let path = s.segments(&s.gateway).pop().unwrap();
    let bytes = std::fs::read(&path).unwrap();
    overwrite(&path, &bytes[..bytes.len() - 10]);
    let report = s.find().await;
    Scene::expect(&report, &[Name::TornLine], &[Name::MissingTail]);
}

#[tokio::test]
async fn p25_a_missing_segment() {
    let s = Scene::new().await;
    std::fs::remove_file(&s.segments(&s.gateway)[1]).unwrap();
    let report = s.find().await;
    Scene::expect(&report, &[], &[Name::MissingSegment]);
    assert_eq!(report.findings[0].seq, Some(2));
}

#[tokio::test]
async fn p25_an_older_copy_of_the_whole_store() {
    let s = Scene::new().await;
    // The last segment and the head over it had not been written when the copy was made.
    std::fs::remove_file(s.segments(&s.gateway).last().unwrap()).unwrap();
    std::fs::remove_file(files(&s.folder("heads", &s.gateway)).last().unwrap()).unwrap();
    Scene::expect(&s.find().await, &[], &[Name::RolledBack]);
}

#[tokio::test]
async fn p25_a_deleted_log() {
    let s = Scene::new().await;
    for kind in ["records", "heads", "keys", "outputs"] {
        std::fs::remove_dir_all(s.w.path("log").join(kind)).unwrap();
    }
    let report = s.find().await;
    Scene::expect(&report, &[], &[Name::MissingWriter]);
    assert_eq!(report.findings.len(), 3);
    // Without the anchors nobody could tell: the report says so.
    let evidence = countersign_audit::verify::Evidence::new(s.w.sink.clone(), s.w.verifier.clone(), s.w.clock.now());
    let alone = countersign_audit::verify::verify(&evidence).await.unwrap();
    assert_eq!(alone.names(Concern::Notice), [Name::NoAnchors]);
}

#[tokio::test]
async fn p26_a_record_key_is_written_once() {
    let s = Scene::new().await;
    let name = format!("records/v1/writer={}/{:020}.ndjson", s.gateway, 1);
    let key = countersign_audit::sink::Key::parse(&name).unwrap();
    assert!(s.w.sink.put_new(&key, b"{}\n".to_vec()).await.is_err());
    Scene::expect(&s.find().await, &[], &[]);
}

/// A store that keeps versions, as a bucket does, with something irregular in it.
#[derive(Debug)]
struct Versioned(Arc<Moody>);

#[async_trait::async_trait]
impl Sink for Versioned {
    async fn put_new(
        &self,
        key: &countersign_audit::sink::Key,
        bytes: Vec<u8>,
    ) -> Result<countersign_audit::sink::Stored, countersign_audit::sink::PutError> {
        self.0.put_new(key, bytes).await
    }

    async fn read(
        &self,
        key: &countersign_audit::sink::Key,
    ) -> Result<Option<countersign_audit::sink::Object>, countersign_audit::sink::ReadError> {
        self.0.read(key).await
    }

    async fn inventory(
        &self,
        prefix: &str,
    ) -> Result<countersign_audit::sink::Inventory, countersign_audit::sink::ReadError> {
        use countersign_audit::sink::Irregularity;
        let mut inventory = self.0.inventory(prefix).await?;
        let names = self.0.list("records/v1/").await?;
        inventory.irregular =
            vec![Irregularity::SecondVersion(names[0].clone()), Irregularity::DeleteMarker(names[1].clone())];
        Ok(inventory)
    }
}

#[tokio::test]
async fn p26_second_versions_and_delete_markers_are_found() {
    let s = Scene::new().await;
    let sink = Arc::new(Versioned(s.w.sink.clone()));
    let evidence = countersign_audit::verify::Evidence::new(sink, s.w.verifier.clone(), s.w.clock.now());
    let report = countersign_audit::verify::verify(&evidence).await.unwrap();
    Scene::expect(&report, &[Name::SecondVersion, Name::DeleteMarker], &[]);
}

/// A stream made by hand, signed by whoever has a key.
fn forge(s: &Scene, writer: &WriterId, lines: &[&str], sealer: Option<&Sealer>) {
    forge_as(s, writer, writer, lines, sealer);
}

/// The same, with another writer's name in its records.
fn forge_as(s: &Scene, writer: &WriterId, named: &WriterId, lines: &[&str], sealer: Option<&Sealer>) {
    let mut prev = writer.genesis();
    let mut text = String::new();
    for (nth, rest) in lines.iter().enumerate() {
        let line = format!(
            "{{\"seq\":{},\"prev\":\"{prev}\",\"schema\":1,\"at\":\"{}\",\"writer\":\"{named}\",{rest}}}",
            nth + 1,
            s.w.clock.now()
        );
        prev = Digest::of(line.as_bytes());
        text.push_str(&line);
        text.push('\n');
    }
    overwrite(&s.folder("records", writer).join(format!("{:020}.ndjson", 1)), text.as_bytes());
    if let Some(sealer) = sealer {
        let head = Head { size: lines.len() as u64, root: prev, at: s.w.clock.now() };
        let path = s.folder("heads", writer).join(format!("{:020}.note", lines.len()));
        overwrite(&path, head.sign(writer, sealer).unwrap().as_bytes());
    }
}

fn opening(sealer: &Sealer) -> String {
    format!("\"event\":\"writer-opened\",\"certificate\":{}", serde_json::to_string(sealer.certificate()).unwrap())
}

#[tokio::test]
async fn a_foreign_writer() {
    let s = Scene::new().await;
    let stranger = World::new().sealer("gateway");
    let writer = WriterId::mint(Role::Gateway);
    forge(&s, &writer, &[&opening(&stranger), "\"event\":\"writer-closed\""], Some(&stranger));
    Scene::expect(&s.find().await, &[Name::ForeignWriter], &[]);
}

#[tokio::test]
async fn a_gateways_certificate_makes_no_worker() {
    let s = Scene::new().await;
    let sealer = s.w.sealer("gateway");
    let writer = WriterId::mint(Role::Worker);
    forge(&s, &writer, &[&opening(&sealer), "\"event\":\"writer-closed\""], Some(&sealer));
    Scene::expect(&s.find().await, &[Name::ForeignWriter], &[]);
}

#[tokio::test]
async fn a_copied_certificate_without_its_key() {
    let s = Scene::new().await;
    let (real, stranger) = (s.w.sealer("gateway"), World::new().sealer("gateway"));
    let writer = WriterId::mint(Role::Gateway);
    let lines = [opening(&real), "\"event\":\"writer-closed\"".into()];
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    forge(&s, &writer, &lines, None);
    Scene::expect(&s.find().await, &[Name::UnsignedWriter], &[]);
    forge(&s, &writer, &lines, Some(&stranger));
    Scene::expect(&s.find().await, &[Name::ForgedHead], &[]);
}

/// It accuses nobody: such a stream says nothing but that a process began.
#[tokio::test]
async fn a_process_that_died_before_its_first_head() {
    let s = Scene::new().await;
    let writer = WriterId::mint(Role::Gateway);
    forge(&s, &writer, &[&opening(&s.w.sealer("gateway"))], None);
    let report = s.find().await;
    assert!(report.findings.iter().all(|finding| finding.name != Name::UnsignedWriter), "{:?}", report.findings);
    Scene::expect(&report, &[], &[]);
}

#[tokio::test]
async fn a_role_that_writes_what_is_not_its_own() {
    let s = Scene::new().await;
    let sealer = s.w.sealer("gateway");
    let writer = WriterId::mint(Role::Gateway);
    forge(&s, &writer, &[&opening(&sealer), "\"event\":\"lease\"", "\"event\":\"writer-closed\""], Some(&sealer));
    Scene::expect(&s.find().await, &[Name::WrongRole], &[]);
}

#[tokio::test]
async fn a_stream_without_opening_a_stray_and_an_unreadable_record() {
    let s = Scene::new().await;
    let sealer = s.w.sealer("gateway");
    let writer = WriterId::mint(Role::Gateway);
    forge(&s, &writer, &["\"event\":\"received\"", "\"event\":\"writer-closed\""], Some(&sealer));
    Scene::expect(&s.find().await, &[Name::WriterWithoutOpening], &[]);

    let lines = [&opening(&sealer), "\"event\":\"received\",\"approved\":\"yes\"", "\"event\":\"writer-closed\""];
    std::fs::remove_dir_all(s.folder("heads", &writer)).unwrap();
    forge(&s, &writer, &lines, Some(&sealer));
    Scene::expect(&s.find().await, &[Name::UnreadableLine], &[]);

    let (opening, closing) = (opening(&sealer), "\"event\":\"writer-closed\"");
    forge_as(&s, &writer, &s.gateway, &[&opening, "\"event\":\"received\"", closing], Some(&sealer));
    Scene::expect(&s.find().await, &[Name::StrayRecord], &[]);
}

#[tokio::test]
async fn a_forged_head_here_and_elsewhere() {
    let s = Scene::new().await;
    let stranger = World::new().sealer("gateway");
    let head = Head { size: 3, root: Digest::of(b"x"), at: s.w.clock.now() };
    let note = head.sign(&s.gateway, &stranger).unwrap();
    overwrite(&s.folder("heads", &s.gateway).join(format!("{:020}.note", 3)), note.as_bytes());
    Scene::expect(&s.find().await, &[Name::ForgedHead], &[]);
    let s = Scene::new().await;
    let note = head.sign(&s.gateway, &stranger).unwrap();
    let path = s.w.path("anchors").join(format!("heads/v1/writer={}/{:020}.note", s.gateway, 3));
    overwrite(&path, note.as_bytes());
    Scene::expect(&s.find().await, &[Name::ForgedAnchor], &[]);
}

#[tokio::test]
async fn a_head_of_another_writer_is_no_head() {
    let s = Scene::new().await;
    let sealer = s.w.sealer("gateway");
    let head = Head { size: 3, root: Digest::of(b"x"), at: s.w.clock.now() };
    let note = head.sign(&WriterId::mint(Role::Gateway), &sealer).unwrap();
    overwrite(&s.folder("heads", &s.gateway).join(format!("{:020}.note", 3)), note.as_bytes());
    Scene::expect(&s.find().await, &[Name::ForgedHead], &[]);
}

#[tokio::test]
async fn a_real_head_that_was_changed_or_moved() {
    for size_too in [true, false] {
        let s = Scene::new().await;
        let path = s.folder("heads", &s.gateway).join(format!("{:020}.note", 11));
        let note = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(!note.is_empty(), "{:?}", files(&s.folder("heads", &s.gateway)));
        let changed = if size_too { note.replacen("\n11\n", "\n9\n", 1) } else { note };
        overwrite(&s.folder("heads", &s.gateway).join(format!("{:020}.note", 9)), changed.as_bytes());
        Scene::expect(&s.find().await, &[Name::ForgedHead], &[]);
    }
}

#[tokio::test]
async fn files_that_the_log_does_not_write() {
    let s = Scene::new().await;
    overwrite(&s.folder("records", &s.gateway).join("9.ndjson"), b"x\n");
    Scene::expect(&s.find().await, &[Name::UnknownFile], &[]);
    // A real certificate under another key's name.
    let s = Scene::new().await;
    let certificate = serde_json::to_string(s.w.sealer("operator").certificate()).unwrap();
    overwrite(&s.w.path("log").join(format!("keys/v1/{}.json", "1".repeat(32))), certificate.as_bytes());
    Scene::expect(&s.find().await, &[Name::ForeignCertificate], &[]);
    let s = Scene::new().await;
    overwrite(&s.w.path("log").join("records/v1/notes.txt"), b"x");
    Scene::expect(&s.find().await, &[Name::UnknownFile], &[]);
    let s = Scene::new().await;
    overwrite(&s.w.path("log").join(format!("keys/v1/{}.json", "0".repeat(32))), b"{}");
    Scene::expect(&s.find().await, &[Name::ForeignCertificate], &[]);
    let s = Scene::new().await;
    let first = &s.segments(&s.gateway)[0];
    let renamed = first.with_file_name(format!("{:020}.ndjson", 0));
    std::fs::rename(first, renamed).unwrap();
    Scene::expect(&s.find().await, &[Name::MisnamedSegment], &[]);
}

#[tokio::test]
async fn records_outside_of_their_certificate() {
    let s = Scene::new().await;
    let gateway = s.w.open("gateway").await;
    s.w.clock.advance(Duration::from_hours(25));
    gateway.record(received(1)).await.unwrap();
    gateway.close().await.unwrap();
    Scene::expect(&s.find().await, &[Name::OutsideCertificate], &[]);
}

/// Rewrites the worker's stream with its own key, anchors included: only what records say to each
/// other, and the seals of others, can contradict it.
async fn rewritten(change: impl Fn(usize, &str) -> String) -> Report {
    rewritten_in(&Scene::new().await, change).await
}

async fn rewritten_in(s: &Scene, change: impl Fn(usize, &str) -> String) -> Report {
    s.edit_and_rechain(&s.worker, change);
    let sealer = s.w.sealer("worker");
    s.sign_heads_anew(&s.worker, &sealer);
    for path in files(&s.folder("heads", &s.worker)) {
        let elsewhere =
            s.w.path("anchors").join(format!("heads/v1/writer={}", s.worker)).join(path.file_name().unwrap());
        overwrite(&elsewhere, &std::fs::read(&path).unwrap());
    }
    s.find().await
}

/// The intent is the worker's record 2, the outcome record 3.
async fn with_intent(from: &str, to: &str) -> Report {
    rewritten(|nth, line| {
        if nth != 2 {
            return line.to_owned();
        }
        assert!(line.contains(from), "`{from}` is not in {line}");
        line.replacen(from, to, 1)
    })
    .await
}

#[tokio::test]
async fn a_captured_worker_cannot_rewrite_what_others_sealed() {
    // The approved text is in the decision copy, and in the gateway's seal.
    let forged = |text: &str| text.replace("deployment/api", "deployment/db");
    let whole = rewritten(|nth, line| if nth == 2 { forged(line) } else { line.to_owned() }).await;
    let names = whole.names(Concern::Integrity);
    assert_eq!(names, [Name::BadSeal, Name::DecisionMismatch], "{whole}");
    let dropped = with_intent("\"kind\":\"job\"", "\"kind\":\"effect\"").await;
    assert_eq!(dropped.names(Concern::Integrity), [Name::BadSeal], "{dropped}");
}

/// The intent with one of its sealed documents, the `nth`, exchanged for a genuine other one.
async fn with_document(nth: usize, other: impl Fn(&World) -> String) -> Report {
    let s = Scene::new().await;
    let other = other(&s.w);
    rewritten_in(&s, |line, text| {
        if line != 2 {
            return text.to_owned();
        }
        let (link, event) = text.split_once("\"schema\"").unwrap();
        let record: serde_json::Value = serde_json::from_str(text).unwrap();
        let old = serde_json::to_string(&record["sealed"][nth]["text"]).unwrap();
        assert!(event.contains(&old));
        format!("{link}\"schema\"{}", event.replacen(&old, &serde_json::to_string(&other).unwrap(), 1))
    })
    .await
}

#[tokio::test]
async fn a_genuine_seal_of_something_else_does_not_pass() {
    let job_of_b = with_document(0, |w| w.warrant("b", Tier::Change, Some("1 of sre")).sealed().to_owned()).await;
    Scene::expect(&job_of_b, &[Name::BadSeal], &[]);
    let other_decision = |w: &World| w.warrant("a", Tier::Destructive, Some("1 of sre"));
    let job = with_document(0, |w| other_decision(w).sealed().to_owned()).await;
    Scene::expect(&job, &[Name::DecisionMismatch], &[]);
    let ballot = with_document(1, |w| other_decision(w).ballots()[0].clone()).await;
    Scene::expect(&ballot, &[Name::DecisionMismatch], &[]);
}

#[tokio::test]
async fn a_run_without_its_fate() {
    let report = rewritten(|nth, line| {
        if nth != 2 {
            return line.to_owned();
        }
        let (before, rest) = line.split_once(",\"fate\":\"").unwrap();
        let (_, after) = rest.split_once("}\",").unwrap();
        format!("{before},{after}")
    })
    .await;
    Scene::expect(&report, &[Name::IntentWithoutFate], &[]);
}

#[tokio::test]
async fn an_intent_with_another_attempts_fate() {
    let s = Scene::new().await;
    // With the fate store gone as well, the intent contradicts itself.
    std::fs::remove_dir_all(s.w.path("fate").join("fate")).unwrap();
    let report = rewritten_in(&s, |nth, line| {
        let worker = "\\\"worker\\\":\\\"worker-";
        if nth == 2 { line.replacen(worker, &worker.replace("worker-", "worker_"), 1) } else { line.to_owned() }
    })
    .await;
    Scene::expect(&report, &[Name::FateUnlikeIntent], &[]);
}

#[tokio::test]
async fn a_fate_store_that_says_something_else() {
    let s = Scene::new().await;
    let path = s.w.path("fate").join(fate_key("prod", s.w.id("a")).unwrap().as_str());
    let verdict = Verdict::Closed { reason: Reason::Rejected, code: None, by: s.gateway.to_string() };
    let closed = FateDoc { v: 1, deployment: DEPLOYMENT.into(), pool: "prod".into(), invocation: s.w.id("a"), verdict };
    let original = std::fs::read_to_string(&path).unwrap();
    overwrite(&path, closed.bytes().as_bytes());
    Scene::expect(&s.find().await, &[Name::ClosedFateWithRun], &[]);
    overwrite(&path, original.replace("worker-", "worker_").as_bytes());
    Scene::expect(&s.find().await, &[Name::FateUnlikeIntent], &[]);
    std::fs::remove_file(&path).unwrap();
    Scene::expect(&s.find().await, &[], &[Name::MissingFate]);
    // The fate store keeps its objects for a week.
    s.w.clock.advance(Duration::from_hours(8 * 24));
    Scene::expect(&s.find().await, &[], &[]);
}

#[tokio::test]
async fn an_outcome_without_its_intent_and_a_changed_outcome() {
    let report = with_intent("\"event\":\"intent\"", "\"event\":\"refused\"").await;
    Scene::expect(&report, &[], &[Name::OutcomeWithoutIntent]);
    let report = rewritten(|nth, line| {
        if nth == 3 { line.replacen("\"ending\":\"ran\"", "\"ending\":\"not-run\"", 1) } else { line.to_owned() }
    })
    .await;
    Scene::expect(&report, &[Name::BadSeal], &[]);
}

#[tokio::test]
async fn an_output_that_is_gone() {
    let s = Scene::new().await;
    std::fs::remove_dir_all(s.w.path("log").join("outputs")).unwrap();
    Scene::expect(&s.find().await, &[], &[Name::MissingOutput]);
}

#[tokio::test]
async fn what_a_hole_explains_is_not_called_missing_as_well() {
    // The intent, the outcome, and both with the end of the stream.
    for (gone, called) in [(&[2][..], Name::MissingSegment), (&[3], Name::MissingSegment), (&[3, 4], Name::MissingTail)]
    {
        let s = Scene::new().await;
        for first in gone {
            std::fs::remove_file(s.folder("records", &s.worker).join(format!("{first:020}.ndjson"))).unwrap();
        }
        Scene::expect(&s.find().await, &[], &[called]);
    }
    // What people were asked, in the gateway's stream.
    let s = Scene::new().await;
    let streams = s.w.sink.list("records/v1/").await.unwrap();
    let asked =
        |name: &&String| std::fs::read_to_string(s.w.path("log").join(name)).unwrap().contains("\"event\":\"asked\"");
    std::fs::remove_file(s.w.path("log").join(streams.iter().find(asked).unwrap())).unwrap();
    Scene::expect(&s.find().await, &[], &[Name::MissingSegment]);
}

#[tokio::test]
async fn an_intent_that_says_something_else_than_was_decided() {
    for (from, to) in [
        ("\"argv\":[\"kubectl\",\"rollout\",", "\"argv\":[\"kubectl\",\"rolled\","),
        ("\"isolation\":\"strict\"", "\"isolation\":\"job\""),
    ] {
        Scene::expect(&with_intent(from, to).await, &[Name::DecisionMismatch], &[]);
    }
}

#[tokio::test]
async fn an_outcome_that_says_something_else_than_was_sealed() {
    for (from, to) in [("\"exit\":0", "\"exit\":1"), ("\"duration_ms\":12", "\"duration_ms\":1")] {
        let change = |nth, line: &str| if nth == 3 { line.replacen(from, to, 1) } else { line.to_owned() };
        Scene::expect(&rewritten(change).await, &[Name::BadSeal], &[]);
    }
}

#[tokio::test]
async fn p52_a_break_glass_is_seen_in_every_report() {
    let s = Scene::new().await;
    let gateway = s.w.open("gateway").await;
    let mut event = Event::of(Kind::BreakGlass);
    event.why = Some("cluster on fire".into());
    gateway.record(event).await.unwrap();
    gateway.close().await.unwrap();
    let report = s.find().await;
    assert_eq!(report.conclusion(), Conclusion::Sound);
    assert!(report.to_string().contains("break-glass-used: cluster on fire"), "{report}");
    assert_eq!(report.conclusion().exit_code(), 0);
    assert!(report.to_json().contains("\"name\": \"break-glass-used\""));
}
