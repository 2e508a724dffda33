//! Rollouts that fail, take too long, are cancelled, or are overtaken.

use super::world::{BEFORE, World};
use countersign_chat::{Answer, Button, Notice, State};
use countersign_core::id::InvocationId;

/// A rollout that has begun.
async fn begun(w: &World, text: &str) -> InvocationId {
    let id = w.asks("ann", text).await;
    w.effect(id).await;
    w.confirms("ann", id).await;
    id
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_that_cannot_be_pulled_is_taken_back_and_the_pods_reason_is_told() {
    let w = World::start("provenance: none").await;
    let digest = w.push("3.2.0");
    let image = format!("registry.example.com/shop/front@{digest}");
    w.cluster.break_image(&image, "ImagePullBackOff", "Back-off pulling image: 403 Forbidden");
    let id = begun(&w, "/deploy front dev 3.2.0").await;
    let (state, said) = w.read(id).await;
    assert_eq!(state, State::Done { exit: 1 }, "{said}");
    assert!(said.contains("container front: ImagePullBackOff: Back-off pulling image: 403 Forbidden"), "{said}");
    assert!(said.contains(&format!("rolled back: {BEFORE} runs again (2 of 2 updated, 2 ready ██)")), "{said}");
    assert_eq!(w.image(), BEFORE);
    let annotations = w.deployment()["metadata"]["annotations"].to_string();
    assert!(!annotations.contains("countersign.dev"), "what runs was not put there by it: {annotations}");
    w.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_that_crashes_is_taken_back() {
    let w = World::start("provenance: none").await;
    let first = w.push("3.2.0");
    w.rolls_out("/deploy front dev 3.2.0").await;
    let digest = w.push("3.3.0");
    let image = format!("registry.example.com/shop/front@{digest}");
    w.cluster.break_image(&image, "CrashLoopBackOff", "back-off 40s restarting failed container");
    let id = begun(&w, "/deploy front dev 3.3.0").await;
    let (state, said) = w.read(id).await;
    assert_eq!(state, State::Done { exit: 1 }, "{said}");
    assert!(said.contains("CrashLoopBackOff"), "{said}");
    assert!(w.image().ends_with(&first));
    // What was put there before is known again, and can be taken back again.
    let status = w.does("dee", "/deploy status front dev").await;
    assert!(status.contains("(3.2.0)") && !status.contains("not put there"), "{status}");
    w.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rollout_that_the_cluster_gives_up_on_is_taken_back() {
    let w = World::start("provenance: none").await;
    w.push("3.2.0");
    w.cluster.hold_rollouts("web", "front");
    let id = begun(&w, "/deploy front dev 3.2.0").await;
    w.prints(id, "1 of 2 updated, 0 ready").await;
    w.cluster.time_out("web", "front");
    let (state, said) = w.read(id).await;
    assert_eq!(state, State::Done { exit: 1 }, "{said}");
    assert!(said.contains("ProgressDeadlineExceeded: ReplicaSet") && said.contains("rolled back: "), "{said}");
    assert_eq!(w.image(), BEFORE);
    w.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn p20_a_rollout_that_is_cancelled_is_taken_back_first() {
    let w = World::start("provenance: none").await;
    w.push("3.2.0");
    w.cluster.hold_rollouts("web", "front");
    let id = begun(&w, "/deploy front dev 3.2.0").await;
    w.prints(id, "1 of 2 updated, 0 ready").await;
    let answer = w.clicks("ann", id, Button::Cancel).await;
    assert!(matches!(answer, Answer::Said(Notice::Cancelled { was_running: true, .. })), "{answer:?}");
    let (state, said) = w.read(id).await;
    assert_eq!(state, State::Cancelled, "{said}");
    assert!(said.contains("the rollout failed: it was cancelled"), "{said}");
    assert!(said.contains(&format!("rolled back: {BEFORE} runs again")), "{said}");
    assert_eq!(w.image(), BEFORE);
    w.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_somebody_else_puts_there_meanwhile_is_told_and_left_alone() {
    let w = World::start("provenance: none").await;
    w.push("3.2.0");
    w.cluster.hold_rollouts("web", "front");
    let id = begun(&w, "/deploy front dev 3.2.0").await;
    w.prints(id, "1 of 2 updated, 0 ready").await;
    let other = "registry.example.com/shop/front:3.1.9";
    w.somebody_sets(other).await;
    let (state, said) = w.read(id).await;
    assert_eq!(state, State::Done { exit: 1 }, "{said}");
    assert!(said.contains(&format!("somebody else has put {other} there ('kubectl-set'")), "{said}");
    assert!(said.contains("that is left alone"), "{said}");
    assert_eq!(w.image(), other);
    w.end().await;
}

/// Another change of the deployment is no other image: the rollout goes on, and says so.
#[tokio::test(flavor = "multi_thread")]
async fn a_deployment_that_is_scaled_meanwhile_is_rolled_out_all_the_same() {
    let w = World::start("provenance: none").await;
    let digest = w.push("3.2.0");
    w.cluster.hold_rollouts("web", "front");
    let id = begun(&w, "/deploy front dev 3.2.0").await;
    w.prints(id, "1 of 2 updated, 0 ready").await;
    let mut scaled = w.deployment();
    scaled["spec"]["replicas"] = 1.into();
    w.cluster.write(scaled).unwrap();
    w.steps(id, "somebody else has changed the deployment meanwhile").await;
    let said = w.done(id).await;
    assert!(said.contains("1 of 1 updated, 1 ready █"), "{said}");
    assert!(w.image().ends_with(&digest));
    assert_eq!(w.deployment()["spec"]["replicas"], 1, "and left as it was");
    w.end().await;
}
