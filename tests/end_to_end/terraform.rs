//! `/tf` with the real Terraform in a real jail: what is applied is the plan that people saw, of what was reviewed.

#![expect(clippy::unwrap_used, reason = "a test that cannot build its world must stop there")]

mod stage;

use self::stage::{GOOD, Pull, Stage, plans};
use crate::rig::Rig;
use countersign::demo::world::private;
use countersign_audit::event::Kind;
use countersign_chat::{Button, Notice, State};
use countersign_core::id::InvocationId;
use countersign_core::refusal::Code;
use countersign_core::warrant::Errand;
use serde_json::json;
use std::sync::Arc;

/// Two resources that Terraform itself provides.
const TWO: &str = "resource \"terraform_data\" \"first\" {\n  input = \"one\"\n}\n\
                   resource \"terraform_data\" \"second\" {\n  input = \"two\"\n}\n";

/// The same, and another one.
const THREE: &str = "resource \"terraform_data\" \"first\" {\n  input = \"one\"\n}\n\
                     resource \"terraform_data\" \"second\" {\n  input = \"two\"\n}\n\
                     resource \"terraform_data\" \"third\" {\n  input = \"three\"\n}\n";

/// One resource is there at once; the other tries to reach a host that does not answer, until it is stopped.
const SLOW: &str = "resource \"terraform_data\" \"first\" {\n  input = \"one\"\n}\n\
                    resource \"terraform_data\" \"slow\" {\n  depends_on = [terraform_data.first]\n  \
                    provisioner \"remote-exec\" {\n    inline = [\"true\"]\n    connection {\n      type = \"ssh\"\n      \
                    host = \"127.0.0.1\"\n      port = 9\n      user = \"nobody\"\n      password = \"nothing\"\n      \
                    timeout = \"5m\"\n    }\n  }\n}\n";

/// The refusal that ended a request, and what people read.
async fn no(w: &Stage, id: InvocationId) -> (Code, String) {
    let (_, thread) = w.told(id).await;
    let said = w.chat.transcript(&thread);
    let code = thread.said.iter().rev().find_map(|notice| match notice {
        Notice::Refused { refusal, .. } => Some(refusal.code()),
        _ => None,
    });
    (code.unwrap_or_else(|| panic!("it was not refused: {said}")), said)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_is_read_by_whoever_may_look_and_changes_nothing() {
    let Some(w) = Stage::start().await else { return };
    let commit = w.merged(TWO, GOOD).await;
    let id = w.asks("dee", "/tf plan dev").await;
    let said = w.done(id).await;
    assert!(said.contains(&format!("commit {commit} (main)")) && said.contains("2 to create"), "{said}");
    assert!(said.contains("terraform_data.first") && said.contains("\"one\""), "{said}");
    assert_eq!((w.counted("dev"), w.held("dev")), ((1, 0), Vec::<String>::new()));
    assert_eq!(w.kept(), Vec::<std::path::PathBuf>::new(), "nobody applies it, so nothing is kept");
    // Who may only read cannot ask for more.
    assert_eq!(w.refused("dee", "/tf apply dev").await.code(), Code::NotAllowed);
    w.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn p09_what_is_applied_is_the_plan_that_was_agreed_to_and_it_is_applied_once() {
    let Some(w) = Stage::start().await else { return };
    let commit = w.merged(TWO, GOOD).await;
    let id = w.asks("ann", "/tf apply prod").await;
    let effect = w.effect(id).await;
    let text = effect.text.as_deref().unwrap();
    let head = format!(
        "commit {commit} (main)\npull request #1 by ann-of-platform, merged by bob-of-platform: A change\n\
         approved by bob-of-platform; green: build, plan\n2 to create\n"
    );
    assert!(text.starts_with(&head), "{text}");
    let plan = effect.plan.expect("the plan is bound to what is agreed to");
    assert_eq!((w.counted("prod"), w.kept().len()), ((1, 0), 1));
    // The one who asked confirms, and somebody else has to agree.
    assert_eq!(w.in_vain("ann", id, Button::Approve).await, Code::RequesterCannotApprove);
    w.votes("ann", id, Button::Confirm).await;
    assert_eq!(w.runs(id).await, 0);
    w.approves("bob", id).await;
    let said = w.done(id).await;
    assert_eq!(w.held("prod"), ["terraform_data.first", "terraform_data.second"], "{said}");
    assert_eq!((w.counted("prod"), w.kept().len(), w.runs(id).await), ((1, 1), 0, 1), "{said}");
    // What ran, what people agreed to and what was planned are one thing in the log.
    let records = w.records().await;
    let of = |kind| records.iter().filter(move |one| one.event.kind == kind && one.event.invocation == Some(id));
    let asked = of(Kind::Asked).next_back().unwrap();
    assert!(serde_json::to_string(&asked.event).unwrap().contains(&plan.to_string()));
    // The same again is another plan, of a state in which nothing is left to do.
    let again = w.asks("ann", "/tf apply prod").await;
    let text = w.shown(again).await;
    assert!(text.contains("nothing to change"), "{text}");
    w.clicks("ann", again, Button::Cancel).await;
    w.ended(again).await;
    w.end().await;
}

/// Nothing is planned of what nobody else has seen.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_not_merged_reviewed_and_green_is_not_even_planned() {
    let Some(w) = Stage::start().await else { return };
    let cases = [
        (Pull { merged: false, ..GOOD }, "not"),
        (Pull { approved: false, ..GOOD }, "nobody but its author has approved pull request"),
        (Pull { pushed_later: true, ..GOOD }, "what came after was not reviewed"),
        (Pull { check: Some("failure"), ..GOOD }, "plan"),
        (Pull { check: None, ..GOOD }, "are not finished yet: plan"),
    ];
    for (pull, words) in cases {
        w.merged(TWO, pull).await;
        let id = w.asks("ann", "/tf apply prod").await;
        let (code, said) = no(&w, id).await;
        assert_eq!(code, Code::NotReviewed, "{said}");
        assert!(said.contains(words), "`{words}`: {said}");
    }
    assert_eq!((w.counted("prod"), w.kept().len()), ((0, 0), 0));
    w.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn p09_a_branch_that_moved_after_the_approval_is_not_applied() {
    let Some(w) = Stage::start().await else { return };
    w.merged(TWO, GOOD).await;
    let id = w.asks("ann", "/tf apply prod").await;
    w.shown(id).await;
    w.approves("bob", id).await;
    // As well reviewed as the other one, and not what was agreed to.
    w.merged(THREE, GOOD).await;
    w.votes("ann", id, Button::Confirm).await;
    let (code, said) = no(&w, id).await;
    assert_eq!(code, Code::PlanChanged, "{said}");
    assert_eq!((w.counted("prod"), w.runs(id).await, w.held("prod").len()), ((1, 0), 0, 0), "{said}");
    w.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn p09_a_plan_that_was_changed_removed_or_exchanged_is_not_applied_and_not_made_anew() {
    let Some(w) = Stage::start().await else { return };
    w.merged(TWO, GOOD).await;
    let other = w.asks("ann", "/tf apply dev").await;
    w.shown(other).await;
    let [theirs] = w.kept().try_into().expect("one plan is kept");
    let flips = |path: &std::path::Path| {
        let mut bytes = std::fs::read(path).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        replace(path, &bytes);
    };
    let exchanges = |path: &std::path::Path| replace(path, &std::fs::read(&theirs).unwrap());
    let removes = |path: &std::path::Path| std::fs::remove_file(path).unwrap();
    let attacks: [&dyn Fn(&std::path::Path); 3] = [&flips, &exchanges, &removes];
    let codes = [Code::PlanChanged, Code::PlanChanged, Code::PlanMissing];
    for (nth, (attack, expected)) in attacks.into_iter().zip(codes).enumerate() {
        let id = w.asks("ann", "/tf apply prod").await;
        w.shown(id).await;
        let ours = w.kept().into_iter().find(|path| path.display().to_string().contains(&id.to_string()));
        attack(&ours.expect("its plan is kept under its name"));
        w.cleared(id).await;
        let (code, said) = no(&w, id).await;
        assert_eq!(code, expected, "{said}");
        assert!(said.contains("nothing was planned in its place"), "{said}");
        assert_eq!((w.counted("prod"), w.runs(id).await), ((nth + 1, 0), 0), "{said}");
    }
    assert_eq!(w.held("prod").len(), 0);
    w.clicks("ann", other, Button::Cancel).await;
    w.ended(other).await;
    w.end().await;
}

fn replace(path: &std::path::Path, bytes: &[u8]) {
    std::fs::remove_file(path).unwrap();
    std::fs::write(path, bytes).unwrap();
}

/// Terraform's own refusal: the state is not the one that the plan was made of.
#[tokio::test(flavor = "multi_thread")]
async fn p09_a_state_that_changed_after_the_plan_is_left_as_it_is() {
    let Some(w) = Stage::start().await else { return };
    w.merged(TWO, GOOD).await;
    let first = w.asks("ann", "/tf apply prod").await;
    w.shown(first).await;
    w.cleared(first).await;
    w.done(first).await;
    w.merged(THREE, GOOD).await;
    let id = w.asks("ann", "/tf apply prod").await;
    let text = w.shown(id).await;
    assert!(text.contains("1 to create"), "{text}");
    let mut state = w.states.state("prod");
    state["serial"] = json!(state["serial"].as_u64().unwrap() + 1);
    w.states.put("prod", &state);
    w.cleared(id).await;
    let (ended, said) = w.read(id).await;
    assert_eq!(ended, State::Done { exit: 1 }, "{said}");
    assert!(said.contains("nothing was changed, for the state has changed since this plan was made"), "{said}");
    assert_eq!((w.counted("prod").0, w.states.state("prod")), (2, state), "{said}");
    w.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_holds_the_lock_is_shown() {
    let Some(w) = Stage::start().await else { return };
    w.merged(TWO, GOOD).await;
    w.states.hold("prod", "11111111-2222-3333-4444-555555555555", "eve@laptop");
    let id = w.asks("ann", "/tf apply prod").await;
    let (state, said) = w.read(id).await;
    assert!(!matches!(state, State::Done { exit: 0 }), "{said}");
    assert!(said.contains("the state is locked, lock id 11111111-2222-3333-4444-555555555555"), "{said}");
    w.states.release("prod");
    let id = w.asks("ann", "/tf apply prod").await;
    w.shown(id).await;
    w.states.hold("prod", "66666666-2222-3333-4444-555555555555", "eve@laptop");
    w.cleared(id).await;
    let (state, said) = w.read(id).await;
    assert_eq!(state, State::Done { exit: 1 }, "{said}");
    assert!(said.contains("the state is locked, lock id 66666666-2222-3333-4444-555555555555"), "{said}");
    assert_eq!(w.held("prod").len(), 0);
    w.states.release("prod");
    w.end().await;
}

/// Its code runs while it is planned: somebody has to agree to that, seeing the commit, and nothing can be written.
#[tokio::test(flavor = "multi_thread")]
async fn code_that_nobody_reviewed_is_planned_when_somebody_agreed() {
    let Some(w) = Stage::start().await else { return };
    w.merged(TWO, GOOD).await;
    let commit = w.commit("wild", THREE).await;
    assert_eq!(w.refused("dee", "/tf plan dev --ref wild").await.code(), Code::NotAllowed);
    let id = w.asks("ann", "/tf plan dev --ref wild").await;
    let text = w.shown(id).await;
    assert!(text.contains(&commit) && text.contains("its code runs while it is planned"), "{text}");
    assert_eq!(w.counted("dev"), (0, 0), "nothing of it ran");
    // The role that plans is all it runs with.
    for role in ["apply", "destroy"] {
        std::fs::remove_file(w.role(role)).unwrap();
    }
    w.cleared(id).await;
    let said = w.done(id).await;
    assert!(said.contains("3 to create") && said.contains("nobody may have reviewed it"), "{said}");
    assert_eq!((w.counted("dev"), w.held("dev").len()), ((1, 0), 0));
    // A branch that moves between is not what was agreed to.
    let id = w.asks("ann", "/tf plan dev --ref wild").await;
    w.shown(id).await;
    w.commit("wild", TWO).await;
    w.cleared(id).await;
    let (state, said) = w.read(id).await;
    assert_eq!((state, w.counted("dev"), w.runs(id).await), (State::Drifted, (1, 0), 0), "{said}");
    w.end().await;
}

/// The credential that applies is not there while people think, and nobody misses it: it is asked for when they agreed.
#[tokio::test(flavor = "multi_thread")]
async fn p23_the_credential_that_applies_is_issued_after_the_last_approval() {
    let Some(w) = Stage::start().await else { return };
    w.merged(TWO, GOOD).await;
    let (apply, plan) = (w.role("apply"), w.role("plan"));
    let key = std::fs::read_to_string(&apply).unwrap();
    std::fs::remove_file(&apply).unwrap();
    let id = w.asks("ann", "/tf apply prod").await;
    w.shown(id).await;
    w.approves("bob", id).await;
    private(&apply, &key).unwrap();
    w.votes("ann", id, Button::Confirm).await;
    let said = w.done(id).await;
    assert!(!said.contains("token-of-the-role"), "{said}");
    let outcome = w.recorded(id, Kind::Outcome).await.pop().unwrap();
    let [lease] = outcome.event.leases.as_slice() else { panic!("{:?}", outcome.event.leases) };
    let began = w.recorded(id, Kind::Intent).await.pop().unwrap().at;
    assert!(lease.nominal_expiry.since(began).as_secs() <= 3_600 + 60 + 30, "{lease:?}");
    // Without it nothing is applied; without the one that plans nothing is shown.
    w.merged(THREE, GOOD).await;
    let id = w.asks("ann", "/tf apply prod").await;
    w.shown(id).await;
    std::fs::remove_file(&apply).unwrap();
    w.cleared(id).await;
    let (code, said) = no(&w, id).await;
    assert_eq!((code, w.counted("prod").1, w.held("prod").len()), (Code::CredentialUnavailable, 1, 2), "{said}");
    std::fs::remove_file(&plan).unwrap();
    let id = w.asks("ann", "/tf apply prod").await;
    let (code, said) = no(&w, id).await;
    assert_eq!((code, w.counted("prod")), (Code::CredentialUnavailable, (2, 1)), "{said}");
    w.end().await;
}

/// One worker plans, and another one of its pool, which has nothing of the first but the place of plans, applies.
#[tokio::test(flavor = "multi_thread")]
async fn p09_a_plan_of_one_worker_is_applied_by_another() {
    let Some(w) = Stage::start().await else { return };
    w.merged(TWO, GOOD).await;
    let id = w.asks("ann", "/tf apply prod").await;
    w.shown(id).await;
    // The one that planned has its hands full now.
    let mut naps = Vec::new();
    for _ in 0..4 {
        naps.push(w.running("dee", "/doze").await);
    }
    let installation = &w.site.installation;
    let mut rig = Rig::over(&w.places, w.folder.join("people.yaml"), &installation.verifier);
    rig.plans = Some(Arc::new(plans(&w.folder)));
    let other = rig.worker("main", installation.queue.clone(), &installation.policy).await;
    w.cleared(id).await;
    let said = w.done(id).await;
    assert_eq!((w.counted("prod"), w.held("prod").len(), w.kept().len()), ((1, 1), 2, 0), "{said}");
    let records = w.recorded(id, Kind::Intent).await;
    let by = |errand| {
        let of = records.iter().filter(move |one| one.event.errand == Some(errand));
        of.map(|one| one.writer.clone()).collect::<Vec<_>>()
    };
    assert_eq!(by(Errand::Run), [other.log.writer().clone()]);
    assert!(by(Errand::Preview).iter().any(|writer| writer != other.log.writer()), "the other one planned");
    for nap in naps {
        w.clicks("dee", nap, Button::Cancel).await;
        w.ended(nap).await;
    }
    other.stop().await;
    w.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn p20_an_apply_that_is_cancelled_finishes_its_state_and_lets_go_of_the_lock() {
    let Some(w) = Stage::start().await else { return };
    w.merged(SLOW, GOOD).await;
    let id = w.asks("ann", "/tf apply prod").await;
    let text = w.shown(id).await;
    assert!(text.contains("with the provisioner remote-exec"), "{text}");
    w.cleared(id).await;
    let begun = |thread: &countersign::recorder::Thread| {
        format!("{:?}", thread.output).contains("terraform_data.slow: provisioning with remote-exec")
    };
    w.wait(id, "it is in the middle", begun).await;
    w.clicks("ann", id, Button::Cancel).await;
    let (state, said) = w.read(id).await;
    assert_eq!(state, State::Cancelled, "{said}");
    assert_eq!(w.held("prod"), ["terraform_data.first", "terraform_data.slow"], "{said}");
    let slow = &w.states.state("prod")["resources"][1]["instances"][0]["status"];
    assert_eq!(slow, "tainted", "{said}");
    assert!(!w.states.is_locked("prod"), "{said}");
    // People read what became of each.
    assert!(said.contains("done: terraform_data.first"), "{said}");
    assert!(said.contains("terraform_data.slow"), "{said}");
    w.end().await;
}
