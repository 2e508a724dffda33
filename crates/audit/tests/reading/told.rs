//! A story tells every part, says which keys stand behind it, and cannot be told by its own text.

use crate::sample::full;
use crate::world::World;
use countersign_audit::begin::{Ended, Particulars};
use countersign_audit::event::{Event, Kind, LeaseNote, SealKind};
use countersign_audit::log::Limits;
use countersign_audit::search::PartialId;
use countersign_audit::story::{self, Aids, FindError, Form, Standing, Story, prove};
use countersign_core::effect::{Change, Effect, Touched};
use countersign_core::outcome::Ending;
use countersign_core::refusal::{Code, Refusal, is_deceptive};
use countersign_core::tier::Tier;
use countersign_core::time::Clock as _;
use std::collections::BTreeMap;

/// A world whose store may take its time.
fn patient() -> World {
    let mut world = World::new();
    world.limits = Limits::default();
    world
}

fn effect(w: &World, trigger: &str) -> Effect {
    let change = Change { path: "/spec/replicas".into(), old: Some("3".into()), new: Some("0".into()) };
    let touched = Touched {
        verb: "scale".into(),
        kind: "deployments.apps".into(),
        namespace: Some("web".into()),
        name: "api".into(),
        uid: Some("u-1".into()),
        changes: vec![change],
    };
    let text = Some(" unchanged\n-old <b>\n+new \u{202e}\n".into());
    Effect::new("demo".into(), "prod".into(), w.id(trigger), vec![touched], text)
}

/// A request that went the whole way, and what it printed.
async fn whole(w: &World) -> (Story, BTreeMap<String, String>) {
    let (gateway, worker) = (w.open("gateway").await, w.open("worker").await);
    let (said, warrant) = w.way("a", Tier::Change, Some("1 of sre"));
    for event in said {
        gateway.record(event).await.unwrap();
    }
    let shown =
        Event::about(Kind::Previewed, w.id("a")).seal(SealKind::Effect, &effect(w, "a").seal(&w.sealer("worker")));
    gateway.record(shown).await.unwrap();
    let (on_record, mut entry) = worker.begin(warrant, Particulars::default()).await.unwrap();
    let printed = b"restarted <script>alert(1)</script>\x1b[2J\nsecond\n".to_vec();
    let kept = worker.keep_output(on_record.invocation(), on_record.attempt(), printed.clone(), 2).await.unwrap();
    let outputs = [(kept.object.clone().unwrap(), String::from_utf8(printed).unwrap())].into();
    let lease = LeaseNote {
        id: "jti-1".into(),
        issuer: String::new(),
        issued_as: None,
        nominal_expiry: w.clock.now(),
        effective_expiry: w.clock.now(),
    };
    let ended = Ended { leases: vec![lease], output: Some(kept), ..Ended::default() };
    entry.close(&w.outcome(w.id("a"), on_record.attempt(), Ending::Ran), &ended).await.unwrap();
    (story::show(w.sink.as_ref(), w.id("a")).await.unwrap(), outputs)
}

const PARTS: [&str; 18] = [
    "ann <https://id.example#ann> from console/t/ann, known by people.yaml@1",
    "/kubectl rollout restart deployment/api -n web --apply",
    "kubectl rollout restart deployment/api",
    "env=prod target=prod-eu",
    "change, plain, reversible: restarts pods",
    "sre-owner",
    "1 of sre by rule prod-change, factor none",
    "rbac sha256:",
    "sha256:",
    "scale deployments.apps api in namespace web (uid u-1)",
    "- /spec/replicas: 3",
    "+ /spec/replicas: 0",
    "approve by https://id.example#bob",
    "ballot, by key ",
    "{\"deployment\":\"demo\"",
    "jti-1 until",
    "ran, exit 0, 12 ms",
    "2 redactions, sha256:",
];

#[tokio::test]
async fn p60_every_part_of_the_account_is_told_as_text_and_as_a_page() {
    let w = patient();
    let (story, outputs) = whole(&w).await;
    let told = story.tell(&Aids { verifier: Some(&w.verifier), outputs: Some(&outputs) });
    let (text, page) = (told.to_string(), told.to_html("for a test"));
    let unescaped = |page: &str| {
        page.replace("&#60;", "<")
            .replace("&#62;", ">")
            .replace("&#34;", "\"")
            .replace("&#38;", "&")
            .replace("&#39;", "'")
    };
    for part in PARTS {
        assert!(text.contains(part), "`{part}` is missing in\n{text}");
        assert!(unescaped(&page).contains(part), "`{part}` is missing in\n{page}");
    }
    assert_eq!(told.broken(), 0, "{text}");
    let seals = told.chapters.iter().flat_map(|chapter| &chapter.lines).filter(|line| line.name == "seal");
    assert!(seals.clone().count() >= 4);
    assert!(seals.clone().all(|line| line.form == Form::Good), "{text}");
    // A part that is not on record is not told.
    let records = story.records.iter().filter(|record| record.event.kind != Kind::Outcome).cloned().collect();
    let less = Story { records, ..story }.to_string();
    assert!(!less.contains("ran, exit 0") && !less.contains("jti-1 until"), "{less}");
    assert!(less.contains("not checked (give --root)"));
}

#[tokio::test]
async fn p48_hostile_text_reaches_neither_terminal_nor_page() {
    let w = patient();
    let (mut story, outputs) = whole(&w).await;
    let nasty =
        "</dd><script>alert(1)</script>\u{1b}]0;x\u{7}\r\n2026-11-21T01:00:00.000Z  outcome\u{202e}\u{9b}2J\u{0}";
    let mut hostile = full(Kind::Refused).refusing(&Refusal::new(Code::BadSeal, nasty, nasty).by_rule(nasty));
    hostile.why = Some(nasty.into());
    hostile.ticket = Some(nasty.into());
    hostile.fate = Some(nasty.into());
    hostile.advice = vec![nasty.into()];
    hostile.ending = Some(nasty.into());
    hostile.granted_by = vec![nasty.into()];
    hostile.details = [(nasty.to_owned(), nasty.to_owned())].into();
    if let Some(typed) = &mut hostile.typed {
        typed.text = nasty.into();
    }
    if let Some(actor) = &mut hostile.actor {
        (actor.name, actor.known_by) = (Some(nasty.into()), Some(nasty.into()));
    }
    if let Some(decision) = &mut hostile.decision {
        decision.text = nasty.into();
    }
    if let Some(output) = &mut hostile.output {
        output.object = Some(nasty.into());
    }
    let hostile =
        hostile.seal_text(SealKind::Job, nasty).seal(SealKind::Effect, &effect(&w, "a").seal(&w.sealer("worker")));
    story.records.first_mut().unwrap().event = hostile;
    let told = story.tell(&Aids { verifier: Some(&w.verifier), outputs: Some(&outputs) });
    let (text, page) = (told.to_string(), told.to_html(nasty));
    let deceives = |text: &str| text.chars().find(|c| is_deceptive(*c) && *c != '\n');
    assert_eq!(deceives(&text), None, "{text:?}");
    assert!(!text.contains("\n2026-11-21T01:00:00.000Z  outcome\\u"), "{text}");
    assert_eq!(deceives(&page), None);
    assert!(!page.contains("<script") && !page.contains("</dd><s") && !page.contains("<b>"), "{page}");
    assert_eq!(page.matches("<script").count() + page.matches("http-equiv=\"refresh\"").count(), 0);
    assert!(page.contains("default-src 'none'") && !page.contains("src=\"") && !page.contains("href=\""));
}

#[tokio::test]
async fn a_seal_that_does_not_hold_is_said_to_be_broken_where_it_stands() {
    let w = patient();
    let (mut story, _) = whole(&w).await;
    let outcome = story.records.iter_mut().find(|record| record.event.kind == Kind::Outcome).unwrap();
    for copy in &mut outcome.event.sealed {
        copy.text = copy.text.replace("\\\"exit\\\":0", "\\\"exit\\\":1");
    }
    let (event, at) = (outcome.event.clone(), outcome.at);
    let proof = prove(&event.sealed[0], &event, at, Some(&w.verifier));
    assert_eq!(proof.standing, Standing::Broken("the signature does not fit".into()));
    let told = story.tell(&Aids { verifier: Some(&w.verifier), outputs: None });
    assert_eq!(told.broken(), 1, "{told}");
    assert!(told.to_string().contains("NOT VERIFIED: the signature does not fit"));
    // Another installation's root stands behind nothing.
    let other = patient();
    let told = story.tell(&Aids { verifier: Some(&other.verifier), outputs: None });
    assert!(told.broken() >= 4 && !told.to_string().contains(": verified"), "{told}");
}

#[tokio::test]
async fn a_seal_of_another_request_or_decision_is_broken() {
    let w = patient();
    let (story, _) = whole(&w).await;
    let ballot = story.records.iter().find(|record| record.event.kind == Kind::Intent).unwrap();
    let copy = ballot.event.sealed.iter().find(|copy| copy.kind == SealKind::Ballot).unwrap();
    let says = |event: &Event| prove(copy, event, ballot.at, Some(&w.verifier)).standing;
    assert_eq!(says(&ballot.event), Standing::Verified);
    let elsewhere = Event { invocation: Some(w.id("b")), ..ballot.event.clone() };
    assert_eq!(says(&elsewhere), Standing::Broken("it belongs to another invocation".into()));
    let mut otherwise = ballot.event.clone();
    otherwise.decision.as_mut().unwrap().digest = countersign_core::digest::Digest::of(b"other");
    assert_eq!(says(&otherwise), Standing::Broken("it is about another decision".into()));
}

#[tokio::test]
async fn a_part_of_an_id_finds_the_one_request_or_says_which_there_are() {
    let w = patient();
    let gateway = w.open("gateway").await;
    for trigger in ["a", "b"] {
        gateway.record(Event::about(Kind::Refused, w.id(trigger))).await.unwrap();
    }
    let find = async |text: &str| story::find(w.sink.as_ref(), &text.parse::<PartialId>().unwrap()).await;
    assert_eq!(find(&w.id("a").short()).await.unwrap().invocation, w.id("a"));
    assert_eq!(find(&w.id("b").to_string()).await.unwrap().records.len(), 1);
    // Both were asked in the same millisecond, so that they begin alike.
    match find(&w.id("a").to_string()[..8]).await {
        Err(FindError::Ambiguous { ids, .. }) => assert_eq!(ids.len(), 2),
        other => panic!("{other:?}"),
    }
    assert!(matches!(find("00000000").await, Err(FindError::Nothing(_))));
}
