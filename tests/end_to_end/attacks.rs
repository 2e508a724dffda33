//! Attacks on a whole installation, named after the properties they hold.

use crate::site::Site;
use crate::world::{How, World};
use base64::Engine as _;
use countersign::installation::system_clock;
use countersign_audit::event::{Kind, SealKind};
use countersign_audit::testing::ManualClock;
use countersign_chat::{Answer, Button, Clicked, Gate as _, Inbound, State};
use countersign_core::certificate::{Certificate, Claims, Role};
use countersign_core::digest::Digest;
use countersign_core::id::InvocationId;
use countersign_core::invocation::Ruling;
use countersign_core::job::Job;
use countersign_core::refusal::Code;
use countersign_core::seal::{Sealed, Sealer};
use countersign_core::time::Timestamp;
use countersign_core::warrant::Errand;
use countersign_policy::{Source, Sources};
use countersign_queue::{Load, Offer, Paper, Repeat};
use ed25519_dalek::SigningKey;
use std::fs;
use std::sync::Arc;
use std::time::Duration;

const RESTART: &str = "/restart-report service=checkout --apply";

/// A read that policy allows, sealed with a key that the installation's root never certified.
fn forged(w: &World) -> (InvocationId, Sealed<Job>) {
    let (id, ruling) = w.decided_for(("dee", "Dee"), ["engineering".to_owned()].into(), "/disk-usage path=/tmp");
    let Ruling::Cleared(cleared) = ruling else { panic!("allowed") };
    let now = w.clock.now();
    (id, cleared.into_job(&foreign_gateway(now), now.plus(Duration::from_mins(5))))
}

fn foreign_gateway(now: Timestamp) -> Sealer {
    let (root, key) = (SigningKey::from_bytes(&[7; 32]), SigningKey::from_bytes(&[8; 32]));
    let claims = Claims {
        v: 1,
        deployment: "demo".into(),
        key: base64::engine::general_purpose::STANDARD.encode(key.verifying_key().as_bytes()),
        role: Role::Gateway,
        pools: vec![],
        not_before: Timestamp::from_millis(0),
        not_after: now.plus(Duration::from_hours(1)),
    };
    Sealer::new(key, Certificate::issue(&claims, &root), "demo")
}

async fn offer(w: &World, id: InvocationId, job: Sealed<Job>) {
    let offer = Offer { invocation: id, pool: "main".into(), repeat: Repeat::Never, lock: None, load: Load::Run(job) };
    w.demo.installation.queue.enqueue(offer, w.clock.now()).await.expect("whoever writes the queue can write it");
}

/// Waits until the log says something of this kind about the request.
async fn recorded(w: &World, id: InvocationId, kind: Kind) -> countersign_audit::record::Record {
    let found = async {
        loop {
            let records = w.records().await;
            let found = records.into_iter().find(|one| one.event.invocation == Some(id) && one.event.kind == kind);
            if let Some(record) = found {
                return record;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_mins(1), found).await.expect("it is recorded within a minute")
}

#[tokio::test]
async fn p01_a_job_forged_into_the_queue_runs_nothing_and_is_on_record() {
    let w = World::start().await;
    let (id, job) = forged(&w);
    offer(&w, id, job).await;
    let record = recorded(&w, id, Kind::Refused).await;
    assert_eq!(record.event.refusal.map(|refusal| refusal.code()), Some(Code::BadSeal));
    assert_eq!(w.runs(id).await, 0);
    w.end().await;
}

#[tokio::test]
async fn p02_a_job_that_ran_does_not_run_again_after_the_queue_forgot_it() {
    let w = World::start().await;
    let id = w.asks("ann", RESTART).await;
    w.asking(id).await;
    w.approves("bob", id).await;
    w.approves("cho", id).await;
    w.ended(id).await;
    let queue = w.demo.installation.queue.clone();
    let papers = queue.papers(id).await.expect("it is there");
    // The queue is flushed, and an attacker who kept a copy puts everything back.
    let records = w.records().await;
    let is = |event: &countersign_audit::event::Event| {
        event.kind == Kind::Intent && event.invocation == Some(id) && event.errand == Some(Errand::Run)
    };
    let intent = records.iter().find(|one| is(&one.event)).expect("it ran");
    let copy = intent.event.sealed.iter().find(|copy| copy.kind == SealKind::Job).expect("the job is embedded");
    let job: Sealed<Job> = serde_json::from_str(&copy.text).expect("it is the seal, verbatim");
    queue.close(id, w.clock.now()).await.expect("it is there");
    let forgotten = queue.forget(w.clock.now().plus(Duration::from_hours(1))).await.expect("it is there");
    assert_eq!(forgotten, vec![id]);
    queue.post(id, "main", Paper::Effect(papers.effect.expect("it had one"))).await.expect("it is there");
    for ballot in &papers.ballots {
        let voter = ballot.open(&w.demo.installation.verifier, id, w.clock.now()).expect("it is real");
        queue.cast(id, &voter.voter, voter.vote, ballot).await.expect("it is there");
    }
    let before = w.records().await.len();
    offer(&w, id, job).await;
    // The worker looks at the effect again, asks fate, and obeys.
    let looked = async {
        while w.records().await.len() < before + 2 {
            tokio::task::yield_now().await;
        }
        let mut news = queue.listen(countersign_queue::Topic::Invocation(id));
        while queue.papers(id).await.expect("it is there").outcome.is_none() {
            news.wait(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(Duration::from_mins(1), looked).await.expect("the worker answers within a minute");
    assert_eq!(w.runs(id).await, 1);
    w.stop().await;
}

#[tokio::test]
async fn p03_p05_without_a_log_nothing_starts_and_people_hear_it_and_afterwards_work_goes_on() {
    let w = World::start().await;
    let (records, aside) = (w.path("audit/records"), w.path("audit/aside"));
    fs::rename(&records, &aside).expect("the folder is ours");
    fs::write(&records, "not a folder").expect("the folder is ours");
    let refusal = w.refused("dee", "/disk-usage path=/tmp").await;
    assert_eq!(refusal.code(), Code::AuditUnavailable);
    fs::remove_file(&records).expect("it is ours");
    fs::rename(&aside, &records).expect("it is ours");
    // What could not be recorded is written first; then everything is as before.
    let id = loop {
        match w.types("dee", "/disk-usage path=/tmp").await {
            Answer::Accepted { invocation } => break invocation,
            Answer::Refused(refusal) if refusal.code() == Code::AuditUnavailable => tokio::task::yield_now().await,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(w.ended(id).await.0, State::Done { exit: 0 });
    w.end().await;
}

#[tokio::test]
async fn p05_every_run_has_its_intent_before_its_outcome() {
    let w = World::start().await;
    let id = w.asks("dee", "/disk-usage path=/tmp").await;
    w.ended(id).await;
    let records = w.records().await;
    let of = |kind: Kind| records.iter().find(|one| one.event.invocation == Some(id) && one.event.kind == kind);
    let (intent, outcome) = (of(Kind::Intent).expect("recorded"), of(Kind::Outcome).expect("recorded"));
    assert_eq!(intent.writer, outcome.writer);
    assert!(intent.seq < outcome.seq);
    w.end().await;
}

#[tokio::test]
async fn p06_the_requester_cannot_approve_from_any_account() {
    let w = World::start().await;
    let id = w.asks("ann", RESTART).await;
    w.asking(id).await;
    assert_eq!(w.in_vain("ann", id, Button::Approve).await, Code::RequesterCannotApprove);
    assert_eq!(w.in_vain("ann-phone", id, Button::Approve).await, Code::RequesterCannotApprove);
    assert_eq!(w.in_vain("gil", id, Button::Approve).await, Code::NotAMember);
    assert_eq!(w.in_vain("ola", id, Button::Approve).await, Code::NotAMember);
    assert_eq!(w.in_vain("nobody", id, Button::Approve).await, Code::UnknownAccount);
    w.clicks("ann", id, Button::Cancel).await;
    w.end().await;
}

#[tokio::test]
async fn p07_one_person_counts_once() {
    let w = World::start().await;
    let id = w.asks("ann", RESTART).await;
    w.asking(id).await;
    w.approves("bob", id).await;
    assert_eq!(w.in_vain("bob", id, Button::Approve).await, Code::AlreadyVoted);
    assert_eq!(w.runs(id).await, 0);
    w.clicks("ann", id, Button::Cancel).await;
    w.end().await;
}

#[tokio::test]
async fn p08_one_pod_more_than_was_approved_is_another_effect() {
    let w = World::start().await;
    let text = "/kubectl delete pods -l app=api -n payments --context prod --apply";
    let id = w.asks("ann", text).await;
    w.asking(id).await;
    w.approves("bob", id).await;
    // Between the approvals one more pod comes under the selector.
    let mut pod = w.prod().object("pods", Some("payments"), "api-7f").expect("it is seeded");
    pod["metadata"] = serde_json::json!({"name": "bystander", "namespace": "payments", "labels": {"app": "api"}});
    w.prod().write(pod).expect("the simulator takes it");
    w.approves("cho", id).await;
    let (state, thread) = w.ended(id).await;
    let told = w.chat.transcript(&thread);
    assert_eq!(state, State::Drifted, "{told}");
    assert!(told.contains("bystander"), "{told}");
    assert_eq!((w.runs(id).await, w.changes().len()), (0, 0));
    w.end().await;
}

#[tokio::test]
async fn p08_a_click_on_another_decision_changes_nothing() {
    let w = World::start().await;
    let id = w.asks("ann", RESTART).await;
    w.asking(id).await;
    w.clicks("bob", id, Button::ShowWhole).await;
    let clicked = Clicked {
        account: countersign::demo::tour::account("bob"),
        membership: countersign_chat::Membership::Full,
        thread: None,
        invocation: id,
        decision: Some(Digest::of(b"an edited card")),
        button: Button::Approve,
        nonce: "x".into(),
        at: w.clock.now(),
    };
    let answer = w.demo.installation.gateway.receive(Inbound::Clicked(clicked)).await;
    let Answer::Said(countersign_chat::Notice::NotCounted { why }) = answer else { panic!("{answer:?}") };
    assert_eq!(why.code(), Code::DecisionChanged);
    w.clicks("ann", id, Button::Cancel).await;
    w.end().await;
}

#[tokio::test]
async fn p11_one_delivery_is_one_request_however_often_it_comes() {
    let w = World::start().await;
    let at = w.clock.now();
    let mut ids = Vec::new();
    for _ in 0..5 {
        let answer = w.delivers("dee", "/disk-usage path=/tmp", "same", at).await;
        ids.push(Site::accepted(answer));
    }
    ids.dedup();
    assert_eq!(ids.len(), 1);
    w.ended(ids[0]).await;
    assert_eq!(w.runs(ids[0]).await, 1);
    let received = w.records().await.iter().filter(|one| one.event.kind == Kind::Received).count();
    assert_eq!(received, 1);
    w.end().await;
}

#[tokio::test]
async fn p12_the_workers_own_directory_decides_at_execution() {
    let w = World::start().await;
    let id = w.asks("ann", RESTART).await;
    w.asking(id).await;
    w.approves("bob", id).await;
    // Bob leaves the group; the gateway's copy of the directory does not know it yet.
    let text = fs::read_to_string(&w.demo.worker_people).expect("it is there");
    let without = text.replace(
        "sub: bob, name: Bob (SRE),                standing: active,      groups: [engineering, sre]",
        "sub: bob, name: Bob (SRE), standing: active, groups: [engineering]",
    );
    assert_ne!(text, without);
    fs::write(&w.demo.worker_people, without).expect("it is ours");
    w.approves("cho", id).await;
    let (state, thread) = w.ended(id).await;
    assert_eq!((state, w.runs(id).await), (State::Refused, 0), "{}", w.chat.transcript(&thread));
    let record = recorded(&w, id, Kind::Refused).await;
    assert_eq!(record.event.refusal.map(|refusal| refusal.code()), Some(Code::MoreApprovalNeeded));
    w.end().await;
}

#[tokio::test]
async fn p12_a_requester_who_was_deactivated_meanwhile_runs_nothing() {
    let w = World::start().await;
    let id = w.asks("ann", RESTART).await;
    w.asking(id).await;
    w.approves("bob", id).await;
    let text = fs::read_to_string(&w.demo.worker_people).expect("it is there");
    let without =
        text.replace("name: Ann (SRE),                standing: active", "name: Ann (SRE), standing: deactivated");
    assert_ne!(text, without);
    fs::write(&w.demo.worker_people, without).expect("it is ours");
    w.approves("cho", id).await;
    assert_eq!((w.ended(id).await.0, w.runs(id).await), (State::Refused, 0));
    w.end().await;
}

#[tokio::test]
async fn p29_an_expired_request_cannot_be_approved() {
    let clock = Arc::new(ManualClock::at(system_clock().now()));
    let w = World::at(clock.clone()).await;
    let id = w.asks("ann", RESTART).await;
    w.asking(id).await;
    w.approves("bob", id).await;
    clock.advance(Duration::from_mins(16));
    let (state, _) = w.ended(id).await;
    assert_eq!((state, w.runs(id).await), (State::Expired, 0));
    w.is_over("cho", id, Button::Approve).await;
    w.stop().await;
}

#[tokio::test]
async fn p30_p32_the_whole_must_be_seen_and_a_decided_card_is_dead() {
    let w = World::start().await;
    let id = w.asks("ann", RESTART).await;
    w.asking(id).await;
    assert_eq!(w.in_vain("bob", id, Button::Approve).await, Code::FullViewFirst);
    w.clicks("bob", id, Button::ShowWhole).await;
    w.clicks("bob", id, Button::Reject { reason: Some("not today".into()) }).await;
    assert_eq!(w.ended(id).await.0, State::Rejected);
    for button in [Button::Approve, Button::Cancel, Button::Reject { reason: None }] {
        w.is_over("cho", id, button).await;
    }
    w.end().await;
}

#[tokio::test]
async fn p33_guests_leavers_and_strangers_are_refused_before_their_text_is_read() {
    let w = World::start().await;
    for (who, code) in [("gil", Code::NotAMember), ("ola", Code::NotAMember), ("nobody", Code::UnknownAccount)] {
        assert_eq!(w.refused(who, "/disk-usage path=/tmp").await.code(), code, "{who}");
    }
    let records = w.records().await;
    let refused = records.iter().filter(|one| one.event.kind == Kind::Refused);
    let codes: Vec<_> =
        refused.filter_map(|one| one.event.refusal.as_ref().map(countersign_core::refusal::Refusal::code)).collect();
    assert_eq!(codes, [Code::NotAMember, Code::NotAMember, Code::UnknownAccount]);
    w.end().await;
}

#[tokio::test]
async fn p34_a_policy_that_says_nothing_starts_nothing() {
    for rbac in ["", "version: 1\n", "version: 1\nroles: {viewer: {allow: [", "version: 2\nroles: {}\nbindings: []\n"] {
        let error =
            World::try_made(How { rbac: Some(rbac.to_owned()), ..How::default() }).await.err().expect("must not start");
        assert!(error.contains("rbac.yaml"), "{error}");
    }
}

#[tokio::test]
async fn p34_a_directory_that_cannot_be_read_knows_nobody() {
    let w = World::start().await;
    fs::write(&w.demo.people, "version: 1\npeople: [").expect("it is ours");
    assert_eq!(w.refused("dee", "/disk-usage path=/tmp").await.code(), Code::DirectoryUnavailable);
    w.end().await;
}

#[tokio::test]
async fn p35_a_file_without_an_approval_rule_opens_nothing_in_production() {
    let shipped = countersign::demo::world::RBAC;
    let start = shipped.find("  - { id: prod-change,").expect("the shipped file has it");
    let end = start + shipped[start..].find('\n').expect("it is a line") + 1;
    let without = format!("{}{}", &shipped[..start], &shipped[end..]);
    match World::try_made(How { rbac: Some(without), ..How::default() }).await {
        Err(error) => assert!(error.contains("prod"), "{error}"),
        Ok(w) => {
            let text = "/kubectl label pod api-7f tier=gold -n payments --context prod --apply";
            let refusal = w.refused("ann", text).await;
            assert!(matches!(refusal.code(), Code::Floor | Code::NoApprovalRule), "{refusal}");
            w.end().await;
        }
    }
}

#[tokio::test]
async fn p36_without_apply_no_change_reaches_the_api() {
    let w = World::start().await;
    for text in [
        "/kubectl delete pod api-7f -n payments --context prod",
        "/kubectl delete pods --all -n payments --context prod",
        "/kubectl scale deployment api --replicas=9 -n payments --context prod",
        "/kubectl label pod api-7f tier=gold -n payments --context prod",
        "/kubectl rollout restart deployment api -n payments --context prod",
        "/kubectl rollout undo deployment api -n payments --context prod",
    ] {
        let id = w.asks("ann", text).await;
        let (state, thread) = w.ended(id).await;
        assert!(matches!(state, State::Done { exit: 0 } | State::Refused), "{text}: {}", w.chat.transcript(&thread));
    }
    assert_eq!(w.changes().len(), 0, "{:?}", w.changes());
    let users: std::collections::BTreeSet<_> = w.prod().requests().into_iter().filter_map(|one| one.account).collect();
    assert_eq!(users, ["preview".to_owned()].into());
    w.end().await;
}

#[tokio::test]
async fn p40_one_reject_ends_it_whatever_was_said_before() {
    let w = World::start().await;
    let id = w.asks("ann", RESTART).await;
    w.asking(id).await;
    w.approves("bob", id).await;
    w.clicks("cho", id, Button::ShowWhole).await;
    w.clicks("cho", id, Button::Reject { reason: Some("wrong service".into()) }).await;
    let (state, thread) = w.ended(id).await;
    assert_eq!((state, w.runs(id).await), (State::Rejected, 0));
    assert!(w.chat.transcript(&thread).contains("wrong service"));
    w.is_over("cho", id, Button::Approve).await;
    w.end().await;
}

fn sources(rbac: String) -> Sources {
    let catalog = countersign::demo::world::CATALOG;
    Sources { rbac: Source::new("rbac.yaml", rbac), catalog: Source::new("catalog.yaml", catalog) }
}

#[tokio::test]
async fn p34_a_bad_reload_keeps_the_last_good_policy_and_both_digests_are_on_record() {
    let w = World::start().await;
    let bad = sources("version: 1\nroles: {}\n".into());
    let error = w.demo.installation.reload(&bad, &[]).await.expect_err("it has mistakes");
    assert!(format!("{error:#}").contains("rbac.yaml:"), "{error:#}");
    let id = w.asks("dee", "/disk-usage path=/tmp").await;
    assert_eq!(w.ended(id).await.0, State::Done { exit: 0 });
    let records = w.records().await;
    let changed: Vec<_> = records.iter().filter(|one| one.event.kind == Kind::PolicyChanged).collect();
    assert_eq!(changed.len(), 1);
    let event = &changed[0].event;
    assert_eq!(event.refusal.as_ref().map(countersign_core::refusal::Refusal::code), Some(Code::NoPolicy));
    assert_eq!(event.details["new-rbac"], bad.digests().rbac.to_string());
    assert_ne!(event.details["old-rbac"], event.details["new-rbac"]);
    w.end().await;
}

#[tokio::test]
async fn p34_a_good_reload_is_on_record_and_decides_from_then_on() {
    let w = World::start().await;
    let id = w.asks("ann", "/kubectl label pod api-7f tier=gold -n payments --context dev").await;
    assert_eq!(w.ended(id).await.0, State::Done { exit: 0 });
    let shipped = countersign::demo::world::RBAC;
    let without = shipped.replace("group: sre,          role: owner", "group: sre,          role: viewer");
    assert_ne!(shipped, without);
    w.demo.installation.reload(&sources(without), &[]).await.expect("it loads");
    let refusal = w.refused("ann", "/kubectl label pod api-7f tier=gold -n payments --context dev").await;
    assert_eq!(refusal.code(), Code::NotAllowed);
    let changed = w.records().await.iter().filter(|one| one.event.kind == Kind::PolicyChanged).count();
    assert_eq!(changed, 2, "gateway and worker each say so");
    w.end().await;
}

#[tokio::test]
async fn p12_a_stricter_policy_at_the_worker_stops_what_was_approved() {
    let w = World::start().await;
    let id = w.asks("ann", RESTART).await;
    w.asking(id).await;
    w.approves("bob", id).await;
    let shipped = countersign::demo::world::RBAC;
    let stricter = shipped.replace("1 of sre and 1 of owners-of-target", "2 of sre and 1 of owners-of-target");
    assert_ne!(shipped, stricter);
    w.demo.installation.reload_workers(&sources(stricter), &[]).await.expect("it loads");
    w.approves("cho", id).await;
    let (state, thread) = w.ended(id).await;
    assert_eq!((state, w.runs(id).await), (State::Refused, 0));
    assert!(w.chat.transcript(&thread).contains("2 of sre"), "{}", w.chat.transcript(&thread));
    w.end().await;
}

#[tokio::test]
async fn p24_a_secret_is_read_only_when_somebody_agreed_and_with_its_own_credential() {
    let w = World::start().await;
    let id = w.asks("dee", "/kubectl get secret db-password -o yaml -n payments --context prod").await;
    w.asking(id).await;
    assert_eq!((w.runs(id).await, w.prod().requests().len()), (0, 0));
    w.approves("bob", id).await;
    assert_eq!(w.ended(id).await.0, State::Done { exit: 0 });
    let users: std::collections::BTreeSet<_> = w.prod().requests().into_iter().filter_map(|one| one.account).collect();
    assert_eq!(users, ["sensitive".to_owned()].into());
    w.end().await;
}

#[tokio::test]
async fn p24_the_read_credential_cannot_read_a_secret_whatever_the_classifier_thinks() {
    let w = World::start().await;
    // A plain listing is a read; the cluster itself refuses it to the read credential.
    let id = w.asks("dee", "/kubectl get secrets -n payments --context prod").await;
    let (state, thread) = w.ended(id).await;
    assert_eq!(state, State::Done { exit: 1 });
    assert!(w.chat.transcript(&thread).contains("forbidden"), "{}", w.chat.transcript(&thread));
    w.end().await;
}
