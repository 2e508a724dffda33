//! Every single change of a stored log is found, whatever it is and wherever: made by rule, not by
//! imagination.

use crate::world::{DEPLOYMENT, World, account, person};
use countersign_audit::begin::Ended;
use countersign_audit::event::{Actor, Event, Kind};
use countersign_audit::fate::{PROBE_POOL, Reason, fate_key};
use countersign_audit::head::Head;
use countersign_audit::keys::{self, DigestKey};
use countersign_audit::layout;
use countersign_audit::record::WriterId;
use countersign_audit::sink::Sink as _;
use countersign_audit::verify::{Concern, Conclusion, Evidence, Name, Report, verify};
use countersign_core::certificate::Role;
use countersign_core::digest::Digest;
use countersign_core::outcome::Ending;
use countersign_core::refusal::Code;
use countersign_core::revocation::{Draft, Revocation};
use countersign_core::tier::Tier;
use countersign_core::time::Clock as _;
use ed25519_dalek::Signer as _;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Each file takes one in so many of the changes of single bytes.
const SHARE: usize = 9;

/// Files below the installation's folder, by their names there.
type Files = BTreeMap<String, Vec<u8>>;

/// What becomes of one or two files; `None` is removed.
struct Change {
    what: String,
    files: Vec<(String, Option<Vec<u8>>)>,
}

impl Change {
    fn of(name: &str, what: impl std::fmt::Display, bytes: Vec<u8>) -> Self {
        Self { what: format!("{name}: {what}"), files: vec![(name.to_owned(), Some(bytes))] }
    }
}

/// A sound log of everything there is: reads, a change people agreed to, a refusal, an output, heads
/// here and elsewhere, fates, a revoked key, a reader.
async fn sound() -> World {
    let w = World::new();
    for (trigger, tier, quorum) in [("a", Tier::Change, Some("1 of sre")), ("b", Tier::Read, None)] {
        let warrant = w.asked(trigger, tier, quorum).await;
        let worker = w.open("worker").await;
        let (on_record, mut entry) = worker.begin(warrant, World::particulars()).await.unwrap();
        let text = format!("restarted {trigger}\n").into_bytes();
        let output = worker.keep_output(w.id(trigger), on_record.attempt(), text, 0).await.unwrap();
        let outcome = w.outcome_with(w.id(trigger), on_record.attempt(), Ending::Ran, &output);
        entry.close(&outcome, &Ended { output: Some(output), ..Ended::default() }).await.unwrap();
        worker.close().await.unwrap();
    }
    let gateway = w.open("gateway").await;
    gateway.refuse("prod", w.id("c"), Reason::Rejected, Some(Code::Expired)).await.unwrap();
    let refused = Event::about(Kind::Refused, w.id("c")).by(Actor::person(&person("ann"), Some(&account("ann"))));
    gateway.record(refused).await.unwrap();
    gateway.record(Event::about(Kind::Cancelled, w.id("c"))).await.unwrap();
    gateway.close().await.unwrap();
    let operator = w.open("operator").await;
    operator.record(Event::of(Kind::LogRead).detail("read", "requests")).await.unwrap();
    operator.close().await.unwrap();
    revoke_later(&w).await;
    w
}

async fn revoke_later(w: &World) {
    let key = w.sealer("operator").key_id();
    let from = w.clock.now().plus(Duration::from_hours(1));
    let revocation = Revocation { v: 1, deployment: DEPLOYMENT.into(), key, from, reason: "it left".into() };
    let draft = Draft::of(&revocation);
    let root = keys::load(&w.path("keys").join("root.key")).unwrap();
    let note = serde_json::to_vec(&draft.clone().signed(root.sign(&draft.message()).to_bytes())).unwrap();
    w.sink.put_new(&layout::revocation(&revocation.key, &note).unwrap(), note).await.unwrap();
}

async fn find(w: &World) -> Report {
    let digest_key = Some(DigestKey::load(&w.path("keys").join("digest.key")).unwrap());
    // A hang is a finding of this test.
    let evidence = Evidence { digest_key, ..w.evidence() };
    tokio::time::timeout(Duration::from_mins(1), verify(&evidence)).await.expect("verification ends").unwrap()
}

fn read(folder: &Path, below: &str, files: &mut Files) {
    for entry in std::fs::read_dir(folder.join(below)).unwrap() {
        let entry = entry.unwrap();
        let name = format!("{below}/{}", entry.file_name().into_string().unwrap());
        if entry.file_type().unwrap().is_dir() {
            read(folder, &name, files);
        } else {
            files.insert(name, std::fs::read(entry.path()).unwrap());
        }
    }
}

fn stored(w: &World) -> Files {
    let mut files = Files::new();
    for place in ["log", "anchors", "fate"] {
        read(w.folder.path(), place, &mut files);
    }
    files
}

fn put(path: &PathBuf, bytes: Option<&Vec<u8>>) {
    std::fs::remove_file(path).ok();
    if let Some(bytes) = bytes {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }
}

/// What changes nothing that the log says, or anything that could be told from it.
fn is_harmless(w: &World, before: &Files, change: &Change) -> bool {
    let closed = w.id("c").to_string();
    change.files.iter().all(|(name, bytes)| {
        let is_new = bytes.is_some();
        let all = change.what.as_str();
        // A second place need not have every head: a later one stands for all before it.
        (name.starts_with("anchors/") && all.ends_with(": removed"))
            // Nobody reads a fate or an outcome under a name that no request has.
            || (name.starts_with("fate/") && is_new && !all.contains(" exchanged") && !before.contains_key(name))
            // No record says anything of the fate of what never began.
            || (name.starts_with("fate/fate/") && (name.contains(&closed) || name.contains(PROBE_POOL)))
            // Nobody can miss what only takes belief away: a folder needs a lock of its own.
            || (name.contains("/revoked-") && all.ends_with(": removed"))
    })
}

/// Makes each change by itself, and tells those that nobody noticed.
async fn unnoticed(w: &World, changes: Vec<Change>, harmless: impl Fn(&Change) -> bool) -> Vec<String> {
    let before = stored(w);
    let mut unnoticed = Vec::new();
    for change in changes {
        if change.files.iter().all(|(name, bytes)| before.get(name) == bytes.as_ref()) {
            continue;
        }
        for (name, bytes) in &change.files {
            put(&w.path(name), bytes.as_ref());
        }
        let report = find(w).await;
        if (report.conclusion() == Conclusion::Sound) != harmless(&change) {
            unnoticed.push(format!("{} -> {:?}", change.what, report.conclusion()));
        }
        for (name, _) in &change.files {
            put(&w.path(name), before.get(name));
        }
    }
    assert_eq!(find(w).await.conclusion(), Conclusion::Sound);
    unnoticed
}

/// Offsets all over a file: its ends, and some between.
fn offsets(length: usize) -> Vec<usize> {
    let mut offsets: Vec<usize> = (0..9).map(|part| part * length.saturating_sub(1) / 8).collect();
    offsets.extend([1, length.saturating_sub(2)]);
    offsets.retain(|at| *at < length);
    offsets.sort_unstable();
    offsets.dedup();
    offsets
}

/// One byte more, less, or another.
fn of_bytes(name: &str, bytes: &[u8]) -> Vec<Change> {
    let mut changes = Vec::new();
    for at in offsets(bytes.len()) {
        let (before, rest) = bytes.split_at(at);
        let (byte, after) = rest.split_first().unwrap();
        changes.push(Change::of(name, format!("byte {at} flipped"), [before, &[byte ^ 1], after].concat()));
        changes.push(Change::of(name, format!("byte {at} gone"), [before, after].concat()));
        changes.push(Change::of(name, format!("a byte before {at}"), [before, b"x", rest].concat()));
        changes.push(Change::of(name, format!("a space before {at}"), [before, b" ", rest].concat()));
        changes.push(Change::of(name, format!("cut at {at}"), before.to_vec()));
    }
    for more in [&b"\n"[..], b"\r\n", b"x", b"x\n", b"{}\n", b"\0", b" ", b"\n\n"] {
        let what = format!("{more:?} appended");
        changes.push(Change::of(name, what, [bytes, more].concat()));
        changes.push(Change::of(name, format!("{more:?} in front"), [more, bytes].concat()));
    }
    let last = bytes.split_inclusive(|byte| *byte == b'\n').next_back().unwrap_or_default();
    changes.push(Change::of(name, "its last line twice", [bytes, last].concat()));
    changes.push(Change::of(name, "itself twice", [bytes, bytes].concat()));
    let text = String::from_utf8(bytes.to_vec()).unwrap_or_default();
    changes.push(Change::of(name, "CRLF", text.replace('\n', "\r\n").into_bytes()));
    changes
}

/// The same JSON otherwise written.
fn of_spelling(name: &str, bytes: &[u8]) -> Vec<Change> {
    let text = String::from_utf8(bytes.to_vec()).unwrap_or_default();
    let spaced = text.replacen("\":", "\": ", 1);
    let escaped =
        text.replacen("\"deployment\"", "\"d\\u0065ployment\"", 1).replacen("\"event\"", "\"\\u0065vent\"", 1);
    let sorted = text
        .lines()
        .filter_map(|line| serde_json::from_str::<BTreeMap<String, serde_json::Value>>(line).ok())
        .map(|line| serde_json::to_string(&line).unwrap() + if text.ends_with('\n') { "\n" } else { "" })
        .collect::<String>();
    [("spaced", spaced), ("escaped", escaped), ("sorted", sorted)]
        .into_iter()
        .filter(|(_, other)| !other.is_empty() && *other != text)
        .map(|(what, other)| Change::of(name, what, other.into_bytes()))
        .collect()
}

/// The whole file gone, elsewhere, twice, or another's.
fn of_files(name: &str, bytes: &[u8], all: &Files) -> Vec<Change> {
    let gone = || (name.to_owned(), None);
    let mut changes = vec![Change { what: format!("{name}: removed"), files: vec![gone()] }];
    for (what, other) in other_names(name, all) {
        if all.contains_key(&other) {
            continue;
        }
        let there = || (other.clone(), Some(bytes.to_vec()));
        changes.push(Change { what: format!("{name}: renamed to {what}"), files: vec![gone(), there()] });
        changes.push(Change { what: format!("{name}: also as {what}"), files: vec![there()] });
    }
    let kind = |name: &str| name.split('/').take(2).map(str::to_owned).collect::<Vec<_>>();
    for (other, theirs) in all.iter().filter(|(other, _)| kind(other) == kind(name)) {
        if other.as_str() > name && theirs != bytes {
            let files = vec![(name.to_owned(), Some(theirs.clone())), (other.clone(), Some(bytes.to_vec()))];
            changes.push(Change { what: format!("{name} and {other} exchanged"), files });
        }
    }
    changes
}

/// Names the log could have written instead, and some that it could not.
fn other_names(name: &str, all: &Files) -> Vec<(String, String)> {
    let (folder, file) = name.rsplit_once('/').unwrap();
    let (stem, ending) = file.split_once('.').map_or((file, String::new()), |(stem, end)| (stem, format!(".{end}")));
    let mut names = vec![format!("{folder}/{file}.bak"), format!("{folder}/{file}~")];
    if let Ok(number) = stem.parse::<u64>() {
        for other in [0, number + 1, number + 1000, u64::MAX, 9_999_999_999_999_999_999] {
            names.push(format!("{folder}/{other:020}{ending}"));
        }
        let stream = name.split('/').take(3).collect::<Vec<_>>().join("/");
        let others = all.keys().filter(|other| other.starts_with(&stream) && !other.starts_with(folder));
        names.extend(others.filter_map(|other| Some(format!("{}/{file}", other.rsplit_once('/')?.0))));
        let unknown = uuid::Uuid::new_v4();
        names.push(format!("{stream}/writer=worker-{unknown}/{file}"));
    } else {
        let digits = |text: &str| text.replace(|digit: char| digit.is_ascii_hexdigit(), "7");
        names.push(format!("{folder}/{}{ending}", digits(stem)));
    }
    names.sort();
    names.dedup();
    names.into_iter().map(|other| (other.clone(), other)).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p25_any_single_change_is_found() {
    let w = sound().await;
    let report = find(&w).await;
    assert_eq!((report.conclusion(), report.findings.len()), (Conclusion::Sound, 0), "{report}");
    let all = stored(&w);
    let mut changes = Vec::new();
    for (nth, (name, bytes)) in all.iter().filter(|(name, _)| !name.contains(PROBE_POOL)).enumerate() {
        // Files of one kind are many, so that each takes a share.
        changes.extend(of_bytes(name, bytes).into_iter().skip(nth % SHARE).step_by(SHARE));
        changes.extend(of_spelling(name, bytes));
        changes.extend(of_files(name, bytes, &all));
    }
    let count = changes.len();
    let unnoticed = unnoticed(&w, changes, |change| is_harmless(&w, &all, change)).await;
    assert!(unnoticed.is_empty(), "{} of {count}:\n{}", unnoticed.len(), unnoticed.join("\n"));
}

#[track_caller]
fn found(report: &Report, integrity: &[Name], completeness: &[Name]) {
    assert_eq!(report.names(Concern::Integrity), integrity, "{report}");
    assert_eq!(report.names(Concern::Completeness), completeness, "{report}");
}

fn one<'a>(all: &'a Files, below: &str) -> &'a str {
    all.keys().rfind(|name| name.starts_with(below)).unwrap()
}

#[tokio::test]
async fn p25_what_stands_beside_the_chain_is_found_by_its_name() {
    let w = sound().await;
    let all = stored(&w);
    let cases = [
        (one(&all, "log/heads/"), None, None, Some(Name::MissingHead)),
        (one(&all, "fate/outcome/"), Some(&b"{}"[..]), Some(Name::OutcomeUnlikeRecord), None),
        (one(&all, "fate/outcome/"), Some(&b"\xff"[..]), Some(Name::OutcomeUnlikeRecord), None),
        (one(&all, "fate/outcome/"), None, None, Some(Name::MissingFate)),
    ];
    for (name, bytes, integrity, completeness) in cases {
        put(&w.path(name), bytes.map(<[u8]>::to_vec).as_ref());
        found(&find(&w).await, integrity.as_slice(), completeness.as_slice());
        put(&w.path(name), all.get(name));
    }
    let certificate = layout::certificate(&w.sealer("worker").key_id()).unwrap();
    std::fs::remove_file(w.path("log").join(certificate.as_str())).unwrap();
    let report = find(&w).await;
    found(&report, &[], &[Name::MissingCertificate]);
    assert_eq!(report.findings.len(), 1, "once a key and not once a stream: {report}");
}

#[tokio::test]
async fn p25_a_fate_that_is_no_text_is_a_finding_and_no_outage() {
    let w = sound().await;
    let path = w.path("fate").join(fate_key("prod", w.id("a")).unwrap().as_str());
    put(&path, Some(&vec![0xff, 0xfe]));
    found(&find(&w).await, &[Name::FateUnlikeIntent], &[]);
    std::fs::remove_file(&path).unwrap();
    std::os::unix::fs::symlink("/etc/hostname", &path).unwrap();
    found(&find(&w).await, &[Name::FateUnlikeIntent], &[]);
}

#[tokio::test]
async fn p25_an_output_that_no_run_printed_is_a_stranger() {
    let w = sound().await;
    let name = format!("outputs/v1/{}/{}", w.id("nobody"), "7".repeat(32));
    put(&w.path("log").join(name), Some(&b"all is well\n".to_vec()));
    found(&find(&w).await, &[Name::UnknownFile], &[]);
}

#[tokio::test]
async fn p25_names_that_count_on_or_are_no_text_are_strangers() {
    use std::os::unix::ffi::OsStrExt as _;
    let w = sound().await;
    let all = stored(&w);
    let segment = one(&all, "log/records/");
    let (folder, _) = segment.rsplit_once('/').unwrap();
    for name in [format!("{folder}/{}.ndjson", u64::MAX), format!("{folder}/99999999999999999999.ndjson")] {
        put(&w.path(&name), all.get(segment));
        found(&find(&w).await, &[Name::UnknownFile], &[]);
        put(&w.path(&name), None);
    }
    let strange = w.path(folder).join(std::ffi::OsStr::from_bytes(b"\xff\xfe.ndjson"));
    put(&strange, Some(&b"x".to_vec()));
    found(&find(&w).await, &[Name::UnknownFile], &[]);
    put(&strange, None);
    std::fs::create_dir(&strange).unwrap();
    put(&strange.join("inside"), Some(&b"x".to_vec()));
    found(&find(&w).await, &[Name::UnknownFile], &[]);
}

/// A stream under a certified key, with these events after its link.
fn stream(w: &World, process: &str, events: &[String]) {
    let sealer = w.sealer(process);
    let writer = WriterId::mint(Role::Worker);
    let (mut prev, mut text) = (writer.genesis(), String::new());
    for (nth, event) in events.iter().enumerate() {
        let (seq, at) = (nth + 1, w.clock.now());
        let line = format!(
            "{{\"seq\":{seq},\"prev\":\"{prev}\",\"schema\":1,\"at\":\"{at}\",\"writer\":\"{writer}\",{event}}}"
        );
        prev = Digest::of(line.as_bytes());
        text += &line;
        text.push('\n');
    }
    put(&w.path("log").join(layout::segment(&writer, 1).as_str()), Some(&text.into_bytes()));
    let size = u64::try_from(events.len()).unwrap();
    let note = Head { size, root: prev, at: w.clock.now() }.sign(&writer, &sealer).unwrap();
    put(&w.path("log").join(layout::head(&writer, size).as_str()), Some(&note.into_bytes()));
}

/// What such a stream says is left out, and may not be left out silently.
#[tokio::test]
async fn p25_an_opening_without_its_certificate_hides_nothing() {
    let w = sound().await;
    stream(&w, "worker", &["\"event\":\"writer-opened\"".into(), "\"event\":\"writer-closed\"".into()]);
    found(&find(&w).await, &[Name::WriterWithoutOpening], &[]);
}

#[tokio::test]
async fn p25_a_line_that_is_too_deep_or_too_large_is_read_by_nobody() {
    let w = sound().await;
    let certificate = serde_json::to_string(w.sealer("worker").certificate()).unwrap();
    let deep = format!("\"event\":\"heartbeat\",\"details\":{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let number = format!("\"event\":\"heartbeat\",\"duration_ms\":{}", "9".repeat(1000));
    let opening = format!("\"event\":\"writer-opened\",\"certificate\":{certificate}");
    stream(&w, "worker", &[opening, deep, number, "\"event\":\"writer-closed\"".into()]);
    let report = find(&w).await;
    found(&report, &[Name::UnreadableLine], &[]);
    assert_eq!(report.findings.len(), 2, "{report}");
}
