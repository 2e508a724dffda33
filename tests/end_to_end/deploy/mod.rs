//! `/deploy` in a real jail: a cluster that rolls out step by step, a registry, and attestations that are verified.

#![expect(clippy::unwrap_used, reason = "a world that does not answer ends its test")]

mod attested;
mod failing;
mod runs;
mod world;

use countersign_audit::event::Kind;
use countersign_chat::{Answer, Button, Notice, State};
use serde_json::Value;
use world::{BEFORE, World, wanted};

#[tokio::test(flavor = "multi_thread")]
async fn a_rollout_is_shown_agreed_to_followed_and_taken_back() {
    let w = World::start("provenance: none").await;
    let digest = w.push("3.2.0");
    w.cluster.hold_rollouts("web", "front");
    let id = w.asks("ann", "/deploy front dev 3.2.0").await;
    let effect = w.effect(id).await;
    let image = format!("registry.example.com/shop/front@{digest}");
    assert_eq!(
        effect.text.as_deref().unwrap(),
        format!(
            "rolls out front in dev, in the name of Ann (SRE) [demo#ann]:\n  front in dev: cluster dev, deployment \
             web/front, container front\n  image now: {BEFORE}\n  image new: {image} (3.2.0)\nnobody has proven where \
             this image comes from (catalog: provenance: none)\nif it does not become ready, the image before comes \
             back by itself\n"
        )
    );
    let now = effect.now.unwrap();
    assert!(now.starts_with("2 of 2 updated, 2 ready ██\n"), "{now}");
    assert!(w.mutations().is_empty(), "nothing was changed yet");
    w.confirms("ann", id).await;
    w.steps(id, "1 of 2 updated, 0 ready, 2 old ▁▁").await;
    w.steps(id, "2 of 2 updated, 1 ready, 1 old █▁").await;
    let said = w.done(id).await;
    assert!(said.contains(&format!("front in dev runs {image} (3.2.0): 2 of 2 updated, 2 ready ██")), "{said}");
    assert_eq!(w.image(), image);
    let annotations = w.deployment()["metadata"]["annotations"].clone();
    let mark = |name: &str| annotations[format!("countersign.dev/{name}")].as_str().map(str::to_owned);
    assert_eq!(mark("invocation"), Some(id.to_string()));
    assert_eq!(mark("requester").as_deref(), Some("Ann (SRE) [demo#ann]"));
    assert_eq!((mark("image-before").as_deref(), mark("version").as_deref()), (Some(BEFORE), Some("3.2.0")));

    let status = w.does("dee", "/deploy status front dev").await;
    assert!(status.contains(&format!("runs {image} (3.2.0)")) && status.contains(&format!("request {id}")), "{status}");

    // The button of the card that is over; what comes of it is a request of its own.
    let Answer::Accepted { invocation: undo } = w.clicks("ann", id, Button::Undo).await else {
        panic!("it can be taken back")
    };
    let effect = w.effect(undo).await;
    let text = effect.text.unwrap();
    assert!(text.starts_with(&format!("takes back the change of the request {id}: front in dev")), "{text}");
    assert!(text.contains(&format!("  image new: {BEFORE} (3.1.0)\nit ran here before (revision 1)")), "{text}");
    w.confirms("ann", undo).await;
    w.steps(undo, "1 of 2 updated").await;
    w.steps(undo, "2 of 2 updated, 1 ready").await;
    w.done(undo).await;
    assert_eq!(w.image(), BEFORE);
    w.end().await;
}

/// What was shown is what runs, and the look differs from the run in the switch alone.
#[tokio::test(flavor = "multi_thread")]
async fn p36_p37_a_look_asks_for_a_dry_run_of_the_very_same_change() {
    let w = World::start("provenance: none").await;
    w.push("3.2.0");
    let id = w.asks("ann", "/deploy front dev 3.2.0").await;
    w.effect(id).await;
    assert!(w.mutations().is_empty(), "{:?}", w.mutations());
    w.confirms("ann", id).await;
    w.done(id).await;
    let patches: Vec<_> =
        w.cluster.requests().into_iter().filter(|one| one.method == "PATCH" && one.code < 300).collect();
    let (dry, real): (Vec<_>, Vec<_>) = patches.into_iter().partition(|one| one.dry_run);
    assert_eq!(real.len(), 1, "{real:?}");
    assert!(dry.len() >= 2, "it is looked at again before it runs");
    for look in &dry {
        assert_eq!(look.user.as_deref(), Some("system:serviceaccount:countersign:preview"));
        assert_eq!(look.body, real[0].body, "the same change, of the same version of the object");
        assert_eq!(look.query.replace("dryRun=All&", "").replace("&dryRun=All", ""), real[0].query);
        assert_eq!(look.path, real[0].path);
    }
    assert_eq!(real[0].user.as_deref(), Some("system:serviceaccount:countersign:change"));
    w.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn p08_another_image_than_the_one_that_was_agreed_to_is_not_rolled_out() {
    let w = World::start("provenance: none").await;
    w.push("3.2.0");
    let id = w.asks("ann", "/deploy front dev").await;
    let text = w.effect(id).await.text.unwrap();
    assert!(text.contains("(3.2.0)"), "{text}");
    w.push("3.3.0");
    w.confirms("ann", id).await;
    let (state, said) = w.read(id).await;
    assert_eq!(state, State::Drifted, "{said}");
    assert!(w.mutations().is_empty());
    assert_eq!(w.image(), BEFORE);
    // Asked anew, it is the newest.
    let id = w.asks("ann", "/deploy front dev").await;
    assert!(w.effect(id).await.text.unwrap().contains("(3.3.0)"));
    w.clicks("ann", id, Button::Cancel).await;
    w.read(id).await;
    w.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rollback_goes_back_by_one_and_an_undo_leaves_what_others_changed() {
    let w = World::start("provenance: none").await;
    let (first, second) = (w.push("3.2.0"), w.push("3.3.0"));
    let one = w.rolls_out("/deploy front dev 3.2.0").await;
    w.rolls_out(&format!("/deploy front dev {second}")).await;
    // That change is not the last one any more.
    let said = w.not_shown("ann", &format!("/deploy undo front dev {one}")).await;
    assert!(said.contains(&format!("the last change is not that of the request {one}")), "{said}");
    w.rolls_out("/deploy rollback front dev").await;
    assert!(w.image().ends_with(&first), "{}", w.image());
    // Somebody else has the last word.
    w.somebody_sets("registry.example.com/shop/front:9.9.9").await;
    let said = w.not_shown("ann", "/deploy undo front dev").await;
    assert!(said.contains("was not rolled out by Countersign but by 'kubectl-set'"), "{said}");
    let status = w.does("dee", "/deploy status front dev").await;
    assert!(status.contains("not put there by Countersign: `kubectl-set`"), "{status}");
    // A rollout takes the image over, and says from whom.
    let id = w.asks("ann", "/deploy front dev 3.3.0").await;
    let text = w.effect(id).await.text.unwrap();
    assert!(text.contains("the image is managed by `kubectl-set` now"), "{text}");
    w.confirms("ann", id).await;
    w.done(id).await;
    assert!(w.image().ends_with(&second));
    w.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn p56_an_image_of_another_repository_is_no_way_back() {
    let w = World::start("provenance: none").await;
    w.push("3.2.0");
    w.somebody_sets("evil.example/x:1").await;
    w.rolls_out("/deploy front dev 3.2.0").await;
    for back in ["rollback", "undo"] {
        let said = w.not_shown("ann", &format!("/deploy {back} front dev")).await;
        assert!(said.contains("what ran before is 'evil.example/x:1', which is no image of"), "{said}");
    }
    w.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_is_told_in_one_sentence() {
    let w = World::start("provenance: none").await;
    let said = w.not_shown("ann", "/deploy front dev 4.0.0").await;
    assert!(said.contains("registry.example.com/shop/front 4.0.0:"), "{said}");
    w.push("3.2.0");
    w.rolls_out("/deploy front dev 3.2.0").await;
    let said = w.not_shown("ann", "/deploy front dev 3.2.0").await;
    assert!(said.contains("nothing would change: front in dev runs"), "{said}");
    let mut paused = w.deployment();
    paused["spec"]["paused"] = Value::Bool(true);
    w.cluster.write(paused).unwrap();
    let said = w.not_shown("ann", "/deploy rollback front dev").await;
    assert!(said.contains("is paused"), "{said}");
    w.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn p23_a_credential_that_may_not_is_told_and_changes_nothing() {
    // What may only be looked at is what a change would be made with.
    let w = World::with("provenance: none", |class| if class == "change" { "read" } else { class }).await;
    w.push("3.2.0");
    let id = w.asks("ann", "/deploy front dev 3.2.0").await;
    w.effect(id).await;
    w.confirms("ann", id).await;
    let (state, said) = w.read(id).await;
    assert_eq!(state, State::Done { exit: 1 }, "{said}");
    assert!(said.contains("its credential may not do this: ") && said.contains("cannot patch"), "{said}");
    assert_eq!(w.image(), BEFORE);
    w.end().await;
}

/// A job has the credential of its own class, and it is in no output and no record.
#[tokio::test(flavor = "multi_thread")]
async fn p18_no_credential_is_shown_or_kept() {
    let w = World::start("provenance: none").await;
    w.push("3.2.0");
    let id = w.asks("ann", "/deploy front dev 3.2.0").await;
    w.effect(id).await;
    w.confirms("ann", id).await;
    let said = w.done(id).await;
    let records = format!("{:?}", w.records().await);
    for class in ["read", "preview", "change", "destructive"] {
        let token = w.cluster.token(class).unwrap();
        assert!(!said.contains(&token) && !records.contains(&token), "{class}");
    }
    assert!(!said.contains(world::PASSWORD) && !records.contains(world::PASSWORD));
    assert!(w.recorded(id, Kind::Intent).await.len() >= 3, "the look, the look again, and the run");
    w.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancel_before_anything_was_agreed_changes_nothing() {
    let w = World::start("provenance: none").await;
    w.push("3.2.0");
    let id = w.asks("ann", "/deploy front dev 3.2.0").await;
    w.effect(id).await;
    let answer = w.clicks("ann", id, Button::Cancel).await;
    assert!(matches!(answer, Answer::Said(Notice::Cancelled { was_running: false, .. })), "{answer:?}");
    w.read(id).await;
    assert_eq!(wanted(&w.deployment()), BEFORE);
    w.end().await;
}
