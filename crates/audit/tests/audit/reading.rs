//! One invocation's story, rebuilt from the log alone.

use crate::world::{Mood, World, account, person};
use countersign_audit::begin::{Ended, Particulars};
use countersign_audit::event::{Actor, Event, Kind, LeaseNote, Typed};
use countersign_audit::story::{self, ShowError};
use countersign_core::outcome::Ending;
use countersign_core::refusal::{Code, Refusal};
use countersign_core::tier::Tier;
use countersign_core::time::Clock as _;
use std::time::Duration;

#[tokio::test]
async fn the_story_says_who_what_why_and_what_came_out() {
    let w = World::new();
    let (gateway, worker) = (w.open("gateway").await, w.open("worker").await);
    let receipt = w.receipt("a");
    let mut received =
        Event::about(Kind::Received, receipt.id).by(Actor::person(&person("ann"), Some(&account("ann"))));
    received.typed = Some(Typed { digest: gateway.keyed_digest(receipt.typed.as_bytes()), text: receipt.typed });
    received.why = receipt.reason;
    gateway.record(received).await.unwrap();
    w.clock.advance(Duration::from_secs(1));
    let warrant = w.warrant("a", Tier::Change, Some("1 of sre"));
    let (on_record, mut entry) = worker.begin(warrant, Particulars::default()).await.unwrap();
    w.clock.advance(Duration::from_secs(1));
    let kept =
        worker.keep_output(on_record.invocation(), on_record.attempt(), b"restarted\n".to_vec(), 2).await.unwrap();
    let lease = LeaseNote {
        id: "jti-1".into(),
        issuer: String::new(),
        issued_as: None,
        nominal_expiry: w.clock.now(),
        effective_expiry: w.clock.now(),
    };
    let ended = Ended { leases: vec![lease], output: Some(kept), ..Ended::default() };
    entry.close(&w.outcome(w.id("a"), on_record.attempt(), Ending::Ran), &ended).await.unwrap();

    let told = story::show(w.sink.as_ref(), w.id("a")).await.unwrap();
    let kinds: Vec<_> = told.records.iter().map(|record| record.event.kind).collect();
    assert_eq!(kinds, [Kind::Received, Kind::Intent, Kind::Outcome]);
    let text = told.to_string();
    for part in [
        "who: ann <https://id.example#ann> from console/t/ann, known by people.yaml@1",
        "typed: /kubectl rollout restart deployment/api -n web --apply",
        "reason: stuck",
        "command: kubectl rollout restart deployment/api",
        "where: env=prod target=prod-eu",
        "tier: change, plain, reversible: restarts pods",
        "allowed by: sre-owner",
        "needed: 1 of sre by rule prod-change, factor none",
        "policy: rbac sha256:",
        "decision: sha256:",
        "sealed: approve by https://id.example#bob at 2026-11-21T01:00:01.000Z: go",
        "fate: {",
        "lease: jti-1 until",
        "ended: ran, exit 0, 12 ms",
        "(10 bytes, 2 redactions, sha256:",
    ] {
        assert!(text.contains(part), "`{part}` is missing in\n{text}");
    }
}

#[tokio::test]
async fn a_story_cannot_be_told_by_its_own_text() {
    let w = World::new();
    let gateway = w.open("gateway").await;
    let mut event = Event::about(Kind::Refused, w.id("a"));
    event.why = Some("x\n2026-11-21T01:00:00.000Z  outcome  (worker #1)\u{202e}".into());
    let event = event.refusing(&Refusal::new(Code::BadSeal, "no\u{1b}[2J", "ask again"));
    gateway.record(event).await.unwrap();
    let text = story::show(w.sink.as_ref(), w.id("a")).await.unwrap().to_string();
    assert!(
        text.contains("reason: x\\u{a}2026") && text.contains("\\u{202e}") && text.contains("no\\u{1b}[2J"),
        "{text}"
    );
}

#[tokio::test]
async fn reading_is_itself_a_record_or_does_not_happen() {
    let w = World::new();
    let operator = w.open("operator").await;
    let reader = || Event::of(Kind::LogRead).by(Actor::person(&person("eve"), None));
    let told = operator.show(reader(), w.id("a")).await.unwrap();
    let [record] = told.records.as_slice() else { panic!("{told}") };
    assert_eq!(record.event.kind, Kind::LogRead);
    w.sink.is(Mood::Down);
    assert!(matches!(operator.show(reader(), w.id("a")).await, Err(ShowError::Unrecorded(_))));
}

#[tokio::test]
async fn what_an_attempt_printed_is_kept_once() {
    let w = World::new();
    let worker = w.open("worker").await;
    let begun = worker.begin(w.warrant("a", Tier::Read, None), Particulars::default()).await.unwrap();
    let attempt = begun.0.attempt().clone();
    let keep = |bytes: &[u8]| worker.keep_output(w.id("a"), &attempt, bytes.to_vec(), 0);
    let first = keep(b"one").await.unwrap();
    assert_eq!(keep(b"one").await.unwrap(), first);
    assert!(keep(b"two").await.is_err());
    w.ran(begun).await;
}
