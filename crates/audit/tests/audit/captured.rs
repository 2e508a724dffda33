//! What a captured worker rewrites with its own key: seals of others, fates and its own earlier words contradict it.

use crate::scene::{Scene, files, overwrite};
use crate::world::{DEPLOYMENT, World};
use countersign_audit::fate::{FateDoc, Reason, Verdict, fate_key};
use countersign_audit::sink::Sink as _;
use countersign_audit::verify::{Concern, Name, Report};
use countersign_core::tier::Tier;
use std::time::Duration;

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
