//! Records of every kind, with every field, and logs made of them.

use countersign_audit::directory::Directory;
use countersign_audit::event::{
    Actor, ActorKind, BallotNote, DecisionCopy, Event, HeadNote, Kind, LeaseNote, OutputNote, SealKind, SealedCopy,
    Typed,
};
use countersign_audit::layout;
use countersign_audit::record::{Record, WriterId, may_write};
use countersign_audit::sink::Sink as _;
use countersign_audit::testing::ManualClock;
use countersign_core::action::{Resource, Scope};
use countersign_core::ballot::Vote;
use countersign_core::certificate::{Certificate, Role};
use countersign_core::command::Argv;
use countersign_core::decision::RuleDoc;
use countersign_core::digest::Digest;
use countersign_core::id::{Attempt, InvocationId, Origin};
use countersign_core::policy::PolicyDigests;
use countersign_core::principal::{Account, SubjectId};
use countersign_core::refusal::{Code, Refusal};
use countersign_core::tier::{Isolation, Mode, Reversibility, Sensitivity, Tier};
use countersign_core::time::Timestamp;
use countersign_core::warrant::Errand;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

pub(crate) const START: Timestamp = Timestamp::from_millis(1_795_222_800_000);

pub(crate) fn writer(role: Role) -> WriterId {
    format!("{role}-6a9f3c1e-0b7d-4c55-9d7e-1f2a3b4c5d6e").parse().unwrap()
}

pub(crate) fn id(trigger: &str) -> InvocationId {
    InvocationId::derive(Origin { deployment: "demo", front: "console", team: "t", trigger }, START)
}

fn subject(sub: &str) -> SubjectId {
    SubjectId { iss: "https://id.example".into(), sub: sub.into() }
}

pub(crate) fn actor(sub: &str) -> Actor {
    Actor {
        kind: ActorKind::Person,
        on_behalf_of: None,
        account: Some(Account { front: "slack".into(), team: "T1".into(), user: format!("U-{sub}") }),
        principal: Some(subject(sub)),
        name: Some(sub.to_uppercase()),
        known_by: Some("people.yaml@1".into()),
    }
}

pub(crate) fn argv(words: &[&str]) -> Argv {
    Argv::new(words.iter().map(|word| (*word).to_owned()).collect()).unwrap()
}

/// An event in which no field is absent. A field that is added does not compile until it is here.
pub(crate) fn full(kind: Kind) -> Event {
    let digest = Digest::of(b"sample");
    let certificate: Certificate = serde_json::from_str(r#"{"bytes":"{}","sig":"c2ln"}"#).unwrap();
    Event {
        kind,
        invocation: Some(id("full")),
        attempt: Some(Attempt::from_random([7; 16])),
        errand: Some(Errand::Run),
        actor: Some(Actor { kind: ActorKind::Agent, on_behalf_of: Some(subject("ann")), ..actor("bot") }),
        typed: Some(Typed { text: "/kubectl delete pod api-7f -n web --apply".into(), digest }),
        why: Some("it is stuck".into()),
        argv: Some(argv(&["kubectl", "delete", "pods/api-7f", "--namespace=web"])),
        mode: Some(Mode::Apply),
        scope: Some(Scope {
            env: Some("prod".into()),
            target: Some("prod-eu".into()),
            namespace: Some("web".into()),
            region: Some("eu-1".into()),
        }),
        resources: vec![Resource::from_parts(&["k8s", "prod-eu", "ns", "web", "pods", "api-7f"])],
        tier: Some(Tier::Destructive),
        reasons: vec!["deletes pods".into()],
        sensitivity: Some(Sensitivity::Plain),
        reversibility: Some(Reversibility::Reversible),
        isolation: Some(Isolation::Strict),
        granted_by: vec!["bindings[0]".into()],
        rules: vec![RuleDoc { id: "prod-change".into(), quorum: "2 of sre".into(), factor: "none".into() }],
        policy: Some(PolicyDigests { rbac: digest, catalog: digest }),
        binary: Some(digest),
        profile: Some(digest),
        decision: Some(DecisionCopy { digest: Digest::of(b"{}"), text: "{}".into() }),
        ballots: vec![BallotNote {
            voter: subject("bob"),
            vote: Vote::Approve,
            slots: vec!["prod-change: sre".into()],
        }],
        advice: vec!["deletes the only replica".into()],
        refusal: Some(Refusal::new(Code::Drifted, "the effect has changed", "ask again").by_rule("drift").at(3, 4)),
        pool: Some("prod".into()),
        leases: vec![LeaseNote {
            id: "jti-1".into(),
            issuer: String::new(),
            issued_as: None,
            nominal_expiry: START,
            effective_expiry: START,
        }],
        ticket: Some("OPS-1".into()),
        ending: Some("ran".into()),
        exit: Some(137),
        duration_ms: Some(1234),
        output: Some(OutputNote { object: Some("outputs/v1/a/b".into()), digest, bytes: 10, redactions: 2 }),
        fate: Some("{}".into()),
        sealed: [
            SealKind::Job,
            SealKind::Preview,
            SealKind::Asked,
            SealKind::Ballot,
            SealKind::Effect,
            SealKind::Outcome,
        ]
        .map(|kind| SealedCopy { kind, text: "{}".into() })
        .to_vec(),
        certificate: Some(certificate),
        head: Some(HeadNote { size: 41, root: digest }),
        details: [("button".to_owned(), "approve".to_owned())].into(),
    }
}

/// One record of every kind, by a process that may write it: sparse, and full.
pub(crate) fn every_kind() -> Vec<Record> {
    let roles = [Role::Gateway, Role::Worker, Role::Confirm, Role::Operator];
    let mut records = Vec::new();
    for kind in Kind::ALL {
        let role = roles.into_iter().find(|role| may_write(*role, kind)).unwrap();
        for event in [Event::of(kind), full(kind)] {
            let writer = writer(role);
            let seq = u64::try_from(records.len()).unwrap() + 1;
            records.push(Record { seq, prev: writer.genesis(), at: START, writer, event });
        }
    }
    records
}

/// Events into a store's stream, a minute apart.
pub(crate) async fn write(folder: &Path, role: Role, events: Vec<Event>) {
    let times = (1..).map(|nth| START.plus(Duration::from_mins(nth)));
    write_at(folder, role, times.zip(events).collect()).await;
}

/// Events into a store's stream, chained, in segments of five.
pub(crate) async fn write_at(folder: &Path, role: Role, events: Vec<(Timestamp, Event)>) {
    let store = Directory::open(folder, Arc::new(ManualClock::at(START))).unwrap();
    let writer = writer(role);
    let mut prev = writer.genesis();
    let mut segment = (1, String::new());
    let last = events.len();
    for (nth, (at, event)) in events.into_iter().enumerate() {
        let seq = u64::try_from(nth).unwrap() + 1;
        let line = Record { seq, prev, at, writer: writer.clone(), event }.line();
        prev = Digest::of(line.as_bytes());
        segment.1.extend([line.as_str(), "\n"]);
        if seq % 5 == 0 || nth + 1 == last {
            let bytes = std::mem::take(&mut segment.1).into_bytes();
            store.put_new(&layout::segment(&writer, segment.0), bytes).await.unwrap();
            segment.0 = seq + 1;
        }
    }
}
