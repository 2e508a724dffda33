//! Checks and statuses: which count, which of several runs, and what is not finished.

use crate::world::{ACTIONS, OTHER_APP, World};
use countersign_forge::NotReviewed;
use countersign_simulators::github::Verdict;

#[tokio::test]
async fn p09_checks_that_are_named_must_be_there_and_green() {
    let world = World::new().await;
    let opened = world.ready();
    let commit = world.merge(opened.pull);
    let missing = NotReviewed::CheckMissing { pull: opened.pull, name: "plan".to_owned(), head: opened.head.clone() };
    assert_eq!(world.no_with(&commit, &["build", "plan"]).await, missing);
    // A check of the merge is not one of what was reviewed.
    world.with(|it| it.check(&commit, ACTIONS, "plan", Some("success")));
    assert_eq!(world.no_with(&commit, &["plan"]).await, missing);
    for how in
        ["failure", "cancelled", "timed_out", "action_required", "stale", "startup_failure", "skipped", "neutral"]
    {
        let world = World::new().await;
        let opened = world.ready();
        world.with(|it| it.check(&opened.head, ACTIONS, "plan", Some(how)));
        let commit = world.merge(opened.pull);
        let failed = NotReviewed::CheckFailed { pull: opened.pull, name: "plan".to_owned(), how: how.to_owned() };
        assert_eq!(world.no_with(&commit, &["plan"]).await, failed);
        // What was not named does not count.
        world.review_with(&commit, &["build"]).await.unwrap();
    }
    for how in ["failure", "error"] {
        let world = World::new().await;
        let opened = world.ready();
        world.with(|it| it.status(&opened.head, "plan", how));
        let commit = world.merge(opened.pull);
        assert!(matches!(world.no_with(&commit, &["plan"]).await, NotReviewed::CheckFailed { .. }), "{how}");
    }
}

#[tokio::test]
async fn without_names_every_check_counts_and_one_must_have_succeeded() {
    let world = World::new().await;
    let opened = world.open();
    world.with(|it| it.review(opened.pull, world.bob, Verdict::Approve).unwrap());
    let commit = world.merge(opened.pull);
    assert_eq!(world.no(&commit).await, NotReviewed::NoChecks { pull: opened.pull });
    for how in ["skipped", "neutral"] {
        world.with(|it| it.check(&opened.head, ACTIONS, how, Some(how)));
    }
    assert_eq!(world.no(&commit).await, NotReviewed::NoChecks { pull: opened.pull });
    world.with(|it| it.status(&opened.head, "ci/other", "success"));
    assert_eq!(world.review(&commit).await.unwrap().checks, ["ci/other", "neutral", "skipped"]);
    world.with(|it| it.check(&opened.head, ACTIONS, "lint", Some("failure")));
    assert!(matches!(world.no(&commit).await, NotReviewed::CheckFailed { .. }));
}

#[tokio::test]
async fn what_is_not_finished_is_waited_for_and_never_guessed() {
    let world = World::new().await;
    let opened = world.ready();
    let check = world.with(|it| it.check(&opened.head, ACTIONS, "plan", None));
    world.with(|it| it.status(&opened.head, "ci/slow", "pending"));
    let commit = world.merge(opened.pull);
    let names = vec!["ci/slow".to_owned(), "plan".to_owned()];
    let pending = world.no(&commit).await;
    assert_eq!(pending, NotReviewed::ChecksPending { pull: opened.pull, names });
    assert!(pending.to_string().contains("not finished yet: ci/slow, plan"), "{pending}");
    assert!(matches!(world.no_with(&commit, &["plan"]).await, NotReviewed::ChecksPending { .. }));
    world.with(|it| {
        it.check_again(check, Some("success"));
        it.status(&opened.head, "ci/slow", "success");
    });
    world.review(&commit).await.unwrap();
}

#[tokio::test]
async fn of_a_check_that_ran_again_the_last_counts_whichever_way_it_went() {
    let world = World::new().await;
    let opened = world.ready();
    let check = world.with(|it| it.check(&opened.head, ACTIONS, "plan", Some("failure")));
    let commit = world.merge(opened.pull);
    assert!(matches!(world.no_with(&commit, &["plan"]).await, NotReviewed::CheckFailed { .. }));
    world.with(|it| it.check_again(check, Some("success")));
    world.review_with(&commit, &["plan"]).await.unwrap();
    world.with(|it| it.check_again(check, None));
    assert!(matches!(world.no_with(&commit, &["plan"]).await, NotReviewed::ChecksPending { .. }));
    world.with(|it| it.check_again(check, Some("failure")));
    assert!(matches!(world.no_with(&commit, &["plan"]).await, NotReviewed::CheckFailed { .. }));
}

#[tokio::test]
async fn p09_a_check_of_the_same_name_does_not_stand_in_for_one_that_failed() {
    // By another app, before and after, by another workflow of the same app, and as a status.
    for (app, first) in [(OTHER_APP, true), (OTHER_APP, false), (ACTIONS, true), (ACTIONS, false)] {
        let world = World::new().await;
        let opened = world.ready();
        let order = if first { ["success", "failure"] } else { ["failure", "success"] };
        world.with(|it| {
            it.check(&opened.head, ACTIONS, "plan", Some(order[0]));
            it.check(&opened.head, app, "plan", Some(order[1]));
        });
        let commit = world.merge(opened.pull);
        assert!(matches!(world.no_with(&commit, &["plan"]).await, NotReviewed::CheckFailed { .. }), "{app} {first}");
    }
    let world = World::new().await;
    let opened = world.ready();
    world.with(|it| {
        it.check(&opened.head, ACTIONS, "plan", Some("failure"));
        it.status(&opened.head, "plan", "success");
    });
    let commit = world.merge(opened.pull);
    assert!(matches!(world.no_with(&commit, &["plan"]).await, NotReviewed::CheckFailed { .. }));
}
