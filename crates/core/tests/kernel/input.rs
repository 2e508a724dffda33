//! The text for standard input: decided about by its digest, believed by nothing else.

#![expect(clippy::unwrap_used, reason = "what a test sets up is right or the test ends")]

use crate::world::{DEPLOYMENT, NOW, World};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use countersign_core::command::{Argv, Command};
use countersign_core::input::Input;
use countersign_core::invocation::{AskedRecord, Resumed, Ruling};
use countersign_core::job::{Job, Preview};
use countersign_core::refusal::Code;
use countersign_core::seal::{SealError, Sealed};
use countersign_core::warrant::{Checked, READS_INPUT};
use ed25519_dalek::{Signer as _, SigningKey};

const POOL: &str = "prod-write";
const MANIFEST: &str = r#"{"kind":"ConfigMap","replicas":3}"#;
const OTHER: &str = r#"{"kind":"ConfigMap","replicas":9}"#;

/// A world whose one command reads a manifest.
fn world() -> World {
    let mut w = World::new();
    let mut parts = w.policy.command.parts().clone();
    let argv = ["kubectl", "apply", READS_INPUT].map(str::to_owned).to_vec();
    parts.argv = Argv::new(argv).unwrap();
    parts.stdin = Some(Input::new(MANIFEST.into()).unwrap());
    w.policy.command = Command::new(parts).unwrap();
    w
}

/// What a captured gateway could do: the same seal with other bytes, signed with the gateway's key.
fn resealed<T>(sealed: &Sealed<T>, purpose: &str, change: impl Fn(&mut serde_json::Value)) -> Sealed<T>
where
    Sealed<T>: serde::Serialize + serde::de::DeserializeOwned,
{
    let mut wire = serde_json::to_value(sealed).unwrap();
    let mut document: serde_json::Value = serde_json::from_str(wire["bytes"].as_str().unwrap()).unwrap();
    change(&mut document);
    let bytes = countersign_core::canonical::canonical(&document).unwrap();
    let message = format!("{purpose}\0{DEPLOYMENT}\0{bytes}");
    // The world's gateway has this seed.
    let signature = SigningKey::from_bytes(&[2; 32]).sign(message.as_bytes());
    wire["bytes"] = bytes.into();
    wire["sig"] = BASE64.encode(signature.to_bytes()).into();
    serde_json::from_value(wire).unwrap()
}

fn replaced(document: &mut serde_json::Value) {
    assert_eq!(document["input"], MANIFEST);
    document["input"] = OTHER.into();
}

fn left_out(document: &mut serde_json::Value) {
    document.as_object_mut().unwrap().remove("input").unwrap();
}

#[test]
fn p08_a_job_with_another_or_no_text_for_standard_input_is_refused() {
    let w = world();
    let (job, ballots, effect, id) = w.job("a");
    for change in [replaced, left_out] {
        let forged = resealed(&job, "countersign/job/v1", change);
        let open = forged.open_job(&w.verifier, id, NOW).unwrap();
        let checked = open.decide_again(&w.policy, &w.facts(), &ballots, Some(&effect), &w.verifier, POOL);
        assert_eq!(checked.map(|_| "a warrant").unwrap_err().code(), Code::CommandChanged);
    }
    let untouched: Sealed<Job> = resealed(&job, "countersign/job/v1", |_| ());
    let open = untouched.open_job(&w.verifier, id, NOW).unwrap();
    assert!(open.decide_again(&w.policy, &w.facts(), &ballots, Some(&effect), &w.verifier, POOL).is_ok());
}

#[test]
fn p08_a_preview_with_another_text_for_standard_input_is_refused() {
    let w = world();
    let it = w.received("a");
    let id = it.id();
    let Ruling::Pending(pending) = it.decide(&w.policy, &w.facts(), &[]) else { panic!("not pending") };
    let preview = pending.preview(&w.gateway);
    for change in [replaced, left_out] {
        let forged: Sealed<Preview> = resealed(&preview, "countersign/preview/v1", change);
        let refused = forged.open_preview(&w.verifier, id, NOW).unwrap().decide_again(&w.policy, &w.facts(), POOL);
        assert_eq!(refused.map(|_| "a warrant").unwrap_err().code(), Code::CommandChanged);
    }
}

/// The worker's own grammar has the last word about what the text means.
#[test]
fn p08_a_worker_that_reads_another_manifest_out_of_it_refuses() {
    let mut w = world();
    let (job, ballots, effect, id) = w.job("a");
    let mut parts = w.policy.command.parts().clone();
    parts.stdin = Some(Input::new(OTHER.into()).unwrap());
    w.policy.command = Command::new(parts).unwrap();
    let open = job.open_job(&w.verifier, id, NOW).unwrap();
    let checked = open.decide_again(&w.policy, &w.facts(), &ballots, Some(&effect), &w.verifier, POOL);
    assert_eq!(checked.map(|_| "a warrant").unwrap_err().code(), Code::CommandChanged);
}

#[test]
fn p08_a_restarted_gateway_resumes_the_text_that_was_decided_about_and_no_other() {
    let w = world();
    let (asked, _) = w.asked("a");
    let id = asked.id();
    let record = asked.record(&w.gateway);
    let Resumed::Asked(again) = record.resume(&w.verifier, id, NOW).unwrap() else { panic!("was asked") };
    assert_eq!(again.input().map(Input::text), Some(MANIFEST));
    assert_eq!(again.decision().decision().stdin, again.input().map(Input::digest));
    for change in [replaced, left_out] {
        let forged: Sealed<AskedRecord> = resealed(&record, "countersign/asked/v1", change);
        assert!(matches!(forged.resume(&w.verifier, id, NOW).unwrap_err(), SealError::Inconsistent(_)));
    }
}

#[test]
fn only_steps_that_read_standard_input_get_it() {
    let w = world();
    let (job, ballots, effect, id) = w.job("a");
    let open = job.open_job(&w.verifier, id, NOW).unwrap();
    let checked = open.decide_again(&w.policy, &w.facts(), &ballots, Some(&effect), &w.verifier, POOL).unwrap();
    let Checked::Compare(undrifted) = checked else { panic!("must compare") };
    let look = undrifted.look_again();
    assert_eq!(look.steps().iter().filter_map(|step| look.input_of(step)).count(), 0);
    let warrant = undrifted.compare(&World::effect(id, "uid-1")).unwrap();
    let given: Vec<&str> = warrant.steps().iter().filter_map(|step| warrant.input_of(step)).map(Input::text).collect();
    assert_eq!(given, [MANIFEST]);
}
