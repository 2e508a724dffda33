//! Streams, heads, certificates and files of somebody else.

use crate::scene::{Scene, files, overwrite, received};
use crate::world::World;
use countersign_audit::head::Head;
use countersign_audit::record::WriterId;
use countersign_audit::verify::Name;
use countersign_core::certificate::Role;
use countersign_core::digest::Digest;
use countersign_core::seal::Sealer;
use countersign_core::time::Clock as _;
use std::time::Duration;

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
