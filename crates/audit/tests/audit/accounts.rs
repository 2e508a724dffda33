//! The account of every request, rebuilt by somebody who has the store and the root key alone.

use crate::world::{World, person};
use countersign_audit::begin::Ended;
use countersign_audit::event::{Kind, SealKind};
use countersign_audit::head::Head;
use countersign_audit::layout;
use countersign_audit::record::WriterId;
use countersign_audit::sink::{Key, Sink as _};
use countersign_audit::story;
use countersign_audit::verify::{Concern, Conclusion, Name, Report};
use countersign_core::digest::Digest;
use countersign_core::id::InvocationId;
use countersign_core::outcome::Ending;
use countersign_core::tier::Tier;
use countersign_core::time::Clock as _;
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::Duration;

const REQUESTS: usize = 130;
const SAMPLE: usize = 100;
/// Another seed takes another sample.
const SEED: u64 = 0x5eed_0060;

/// A field that an account cannot do without: in which record it is, and what its absence is called.
struct Field {
    kind: &'static str,
    name: &'static str,
    called: &'static str,
    /// Plain reads have no ballots.
    of: Of,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Of {
    All,
    Changes,
}

const fn field(kind: &'static str, name: &'static str, called: &'static str) -> Field {
    Field { kind, name, called, of: Of::All }
}

const fn of_changes(kind: &'static str, name: &'static str, called: &'static str) -> Field {
    Field { kind, name, called, of: Of::Changes }
}

/// `event` drops the record itself: it becomes one of another kind, so that only its absence shows.
const FIELDS: &[Field] = &[
    field("received", "event", "received"),
    field("received", "actor", "received.actor.principal"),
    field("received", "actor/account", "received.actor.account"),
    field("received", "actor/known_by", "received.actor.known_by"),
    field("received", "typed", "received.typed"),
    of_changes("asked", "event", "asked"),
    field("cleared", "event", "cleared"),
    field("cleared", "decision", "cleared"),
    field("intent", "errand", "intent.errand"),
    field("intent", "actor", "intent.actor"),
    field("intent", "argv", "intent.argv"),
    field("intent", "mode", "intent.mode"),
    field("intent", "scope", "intent.scope"),
    field("intent", "resources", "intent.resources"),
    field("intent", "tier", "intent.tier"),
    field("intent", "sensitivity", "intent.sensitivity"),
    field("intent", "reversibility", "intent.reversibility"),
    field("intent", "isolation", "intent.isolation"),
    field("intent", "policy", "intent.policy"),
    field("intent", "pool", "intent.pool"),
    field("intent", "decision", "intent.decision"),
    of_changes("intent", "rules", "intent.rules"),
    of_changes("intent", "ballots", "intent.ballots"),
    of_changes("intent", "sealed/1", "intent.sealed.ballot"),
    field("outcome", "sealed", "outcome.sealed"),
    field("outcome", "attempt", "outcome.attempt"),
    field("outcome", "errand", "outcome.errand"),
    field("outcome", "pool", "outcome.pool"),
    field("outcome", "ending", "outcome.ending"),
    field("outcome", "exit", "outcome.exit"),
    field("outcome", "duration_ms", "outcome.duration_ms"),
    field("outcome", "output", "outcome.output"),
];

/// A log of many requests: who is in it, and each stream's lines as they were written.
struct Log {
    w: World,
    streams: Vec<(&'static str, WriterId, Vec<String>)>,
    requests: Vec<(InvocationId, bool)>,
}

impl Log {
    async fn new() -> Self {
        let mut w = World::new();
        // Nothing here is about time, and the machine may be busy.
        w.limits.deadline = Duration::from_mins(1);
        let (gateway, worker) = (w.open("gateway").await, w.open("worker").await);
        let mut requests = Vec::new();
        for nth in 0..REQUESTS {
            let trigger = nth.to_string();
            let is_change = nth % 3 == 0;
            let (tier, quorum) = if is_change { (Tier::Change, Some("1 of sre")) } else { (Tier::Read, None) };
            let (events, warrant) = w.way(&trigger, tier, quorum);
            for event in events {
                gateway.record(event).await.unwrap();
            }
            let id = w.id(&trigger);
            let (on_record, mut entry) = worker.begin(warrant, World::particulars()).await.unwrap();
            let text = format!("output of {trigger}").into_bytes();
            let output = worker.keep_output(id, on_record.attempt(), text, 0).await.unwrap();
            let outcome = w.outcome_with(id, on_record.attempt(), Ending::Ran, &output);
            entry.close(&outcome, &Ended { output: Some(output), ..Ended::default() }).await.unwrap();
            requests.push((id, is_change));
        }
        gateway.close().await.unwrap();
        worker.close().await.unwrap();
        let streams = vec![("gateway", gateway.writer().clone()), ("worker", worker.writer().clone())];
        let lines = |(name, writer): (&'static str, WriterId)| {
            let folder = w.path("log").join("records/v1").join(format!("writer={writer}"));
            let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()).collect();
            files.sort();
            let text: String = files.iter().map(|path| std::fs::read_to_string(path).unwrap()).collect();
            (name, writer, text.lines().map(str::to_owned).collect())
        };
        let streams = streams.into_iter().map(lines).collect();
        Self { w, streams, requests }
    }

    /// Writes every stream anew, as one segment, with its own process's key, anchors included, each line as `change`
    /// makes it: only what is no longer said can show.
    fn rewrite(&self, change: impl Fn(&str) -> String) {
        for (name, writer, lines) in &self.streams {
            let sealer = self.w.sealer(name);
            let mut prev = writer.genesis();
            let (mut roots, mut text) = (BTreeMap::new(), String::new());
            for (line, seq) in lines.iter().zip(1_u64..) {
                let (_, rest) = line.split_once("\"schema\"").unwrap();
                let line = format!("{{\"seq\":{seq},\"prev\":\"{prev}\",\"schema\"{}", change(rest));
                prev = Digest::of(line.as_bytes());
                roots.insert(seq, prev);
                text.push_str(&line);
                text.push('\n');
            }
            let folder = self.w.path("log").join("records/v1").join(format!("writer={writer}"));
            std::fs::remove_dir_all(&folder).unwrap();
            std::fs::create_dir(&folder).unwrap();
            self.put("log", &layout::segment(writer, 1), text.as_bytes());
            for size in [1, roots.len() as u64] {
                let head = Head { size, root: roots[&size], at: self.w.clock.now() };
                let note = head.sign(writer, &sealer).unwrap();
                self.put("log", &layout::head(writer, size), note.as_bytes());
                self.put("anchors", &layout::head(writer, size), note.as_bytes());
            }
        }
    }

    fn put(&self, place: &str, key: &Key, bytes: &[u8]) {
        let path = self.w.path(place).join(key.as_str());
        // Whoever owns the folder can replace a read-only file.
        std::fs::remove_file(&path).ok();
        std::fs::write(path, bytes).unwrap();
    }

    /// As many different requests as the sample has, drawn with a seed.
    fn sample(&self) -> Vec<(InvocationId, bool)> {
        let mut state = SEED;
        let mut left = self.requests.clone();
        let mut draw = || {
            // Knuth's MMIX generator.
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            left.swap_remove(usize::try_from(state >> 33).unwrap() % left.len())
        };
        (0..SAMPLE).map(|_| draw()).collect()
    }
}

/// The rest of a record's line without one of its fields.
fn without(rest: &str, field: &str) -> String {
    let (own, event) = rest.split_once(",\"event\":").unwrap();
    let mut event: Value = serde_json::from_str(&format!("{{\"event\":{event}")).unwrap();
    if field == "event" {
        event["event"] = "log-read".into();
    } else {
        let (parent, name) = field.split_once('/').map_or(("", field), |(parent, name)| (parent, name));
        let parent = if parent.is_empty() { &mut event } else { &mut event[parent] };
        let dropped = match parent {
            Value::Array(list) => list.remove(name.parse().unwrap()),
            other => other.as_object_mut().unwrap().remove(name).unwrap(),
        };
        assert!(!dropped.is_null());
    }
    // A record's kind comes first, as the log writes it.
    let kind = event.as_object_mut().unwrap().remove("event").unwrap();
    let text = event.to_string();
    format!("{own},\"event\":{kind},{}", text.strip_prefix('{').unwrap())
}

/// What the report calls incomplete, by request.
fn lacking(report: &Report) -> BTreeMap<InvocationId, String> {
    let incomplete = report.findings.iter().filter(|finding| finding.name == Name::IncompleteStory);
    incomplete.map(|finding| (finding.invocation.unwrap(), finding.says.clone())).collect()
}

#[tokio::test]
async fn p60_every_account_can_be_rebuilt_and_each_missing_field_fails() {
    let log = Log::new().await;
    let report = log.w.verify().await;
    assert_eq!((report.conclusion(), report.findings.len()), (Conclusion::Sound, 0), "{report}");
    let sample = log.sample();
    for (id, is_change) in &sample {
        rebuilt(&log.w, *id, *is_change).await;
    }
    // In every round each request of the sample lacks another field; after all rounds, each has lacked each.
    for round in 0..FIELDS.len() {
        let dropped: BTreeMap<String, &Field> = sample
            .iter()
            .enumerate()
            .map(|(nth, (id, is_change))| (id, is_change, &FIELDS[(nth + round) % FIELDS.len()]))
            .filter(|(_, is_change, field)| field.of == Of::All || **is_change)
            .map(|(id, _, field)| (id.to_string(), field))
            .collect();
        log.rewrite(|rest| {
            let about = rest.split_once("\"invocation\":\"").and_then(|(_, id)| dropped.get(id.get(..36)?));
            match about {
                Some(field) if rest.contains(&format!(",\"event\":\"{}\",", field.kind)) => without(rest, field.name),
                Some(_) | None => rest.to_owned(),
            }
        });
        let report = log.w.verify().await;
        let lacking = lacking(&report);
        for (id, _) in &sample {
            let says = lacking.get(id).map(String::as_str).unwrap_or_default();
            match dropped.get(&id.to_string()) {
                Some(field) => {
                    assert!(says.split([' ', ',']).any(|it| it == field.called), "{}: `{says}`", field.called);
                }
                None => assert_eq!(says, ""),
            }
        }
        assert_eq!(lacking.len(), dropped.len(), "nobody else's account lacks anything: {report}");
        assert!(!report.names(Concern::Integrity).contains(&Name::UnlikeAnchor), "{report}");
    }
}

/// Who asked, what was shown, who agreed, what ran, by which policy, and what came out.
async fn rebuilt(w: &World, id: InvocationId, is_change: bool) {
    let story = story::show(w.sink.as_ref(), id).await.unwrap();
    let of = |kind| &story.records.iter().find(|record| record.event.kind == kind).unwrap().event;
    let (received, intent, outcome) = (of(Kind::Received), of(Kind::Intent), of(Kind::Outcome));
    assert_eq!(received.actor.as_ref().unwrap().principal, Some(person("ann").id));
    assert!(received.typed.as_ref().unwrap().text.starts_with("/kubectl rollout restart"));
    let decided = intent.decision.as_ref().unwrap();
    assert_eq!(of(Kind::Cleared).decision.as_ref(), Some(decided));
    let agreed: Vec<_> = intent.ballots.iter().map(|ballot| (&ballot.voter, ballot.slots.as_slice())).collect();
    let bob = (&person("bob").id, &["prod-change: sre".to_owned()][..]);
    if is_change {
        assert_eq!(of(Kind::Asked).decision.as_ref(), Some(decided));
        assert_eq!(agreed, [bob]);
    } else {
        assert!(agreed.is_empty());
    }
    assert_eq!(intent.argv.as_ref().unwrap().to_string(), "kubectl rollout restart deployment/api");
    assert_eq!(intent.policy.as_ref().unwrap().rbac, Digest::of(b"rbac"));
    assert_eq!((outcome.ending.as_deref(), outcome.exit), (Some("ran"), Some(0)));
    assert_eq!(outcome.sealed.iter().filter(|copy| copy.kind == SealKind::Outcome).count(), 1);
    let object = outcome.output.as_ref().unwrap().object.clone().unwrap();
    let kept = w.sink.read(&Key::parse(&object).unwrap()).await.unwrap().unwrap();
    assert!(kept.bytes.starts_with(b"output of "));
}
