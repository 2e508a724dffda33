//! What lies between two commits.

use crate::world::World;
use countersign_forge::{ForgeError, NEWEST};
use countersign_simulators::github::Habit;
use serde_json::json;

#[tokio::test]
async fn commits_are_counted_and_the_newest_are_named() {
    for count in [1, 3, 20, 21, 100, 101, 119, 120, 205] {
        let world = World::new().await;
        let last = world.with(|it| {
            (0..count).fold(world.root.clone(), |parent, nth| it.commit(&[&parent], world.ann, &format!("step {nth}")))
        });
        let between = world.forge().commits_between(&world.root, &last).await.unwrap();
        assert_eq!((between.total, between.behind, between.newest.len()), (count, 0, count.min(NEWEST)), "{count}");
        let titles: Vec<_> = between.newest.iter().map(|it| it.title.clone()).collect();
        let expected: Vec<_> = (0..count).rev().take(NEWEST).map(|nth| format!("step {nth}")).collect();
        assert_eq!(titles, expected);
        assert_eq!((between.newest[0].sha.as_str(), between.newest[0].author.as_str()), (last.as_str(), "ann"));
    }
}

#[tokio::test]
async fn going_back_is_seen_as_going_back() {
    let world = World::new().await;
    let (one, two, side) = world.with(|it| {
        let one = it.commit(&[&world.root], world.ann, "one");
        (one.clone(), it.commit(&[&one], world.ann, "two"), it.commit(&[&one], world.bob, "aside"))
    });
    let same = world.forge().commits_between(&two, &two).await.unwrap();
    assert_eq!((same.total, same.behind, same.newest.len()), (0, 0, 0));
    let back = world.forge().commits_between(&two, &world.root).await.unwrap();
    assert_eq!((back.total, back.behind), (0, 2));
    let aside = world.forge().commits_between(&two, &side).await.unwrap();
    assert_eq!((aside.total, aside.behind), (1, 1));
    assert_ne!(one, two);
}

#[tokio::test]
async fn a_commit_that_is_not_there_is_named() {
    let world = World::new().await;
    let unknown = "0c".repeat(20);
    let error = world.forge().commits_between(&unknown, &world.root).await.unwrap_err();
    assert!(matches!(&error, ForgeError::UnknownCommit(sha) if *sha == unknown), "{error:?}");
    let error = world.forge().commits_between(&world.root, &unknown).await.unwrap_err();
    assert!(matches!(&error, ForgeError::UnknownCommit(sha) if *sha == unknown), "{error:?}");
    for bad in ["main", "main...evil", "", "0c0c"] {
        assert!(matches!(world.forge().commits_between(bad, &world.root).await, Err(ForgeError::Question(..))));
    }
}

#[tokio::test]
async fn titles_are_one_harmless_line_and_counts_are_not_made_up() {
    let world = World::new().await;
    let last = world.with(|it| it.commit(&[&world.root], world.ann, "fix \u{202e}`it`\n\nlong story"));
    let between = world.forge().commits_between(&world.root, &last).await.unwrap();
    assert_eq!(between.newest[0].title, "fix \\u{202e}\\u{60}it\\u{60}");
    world.github.behave("/compare/", Habit::says(&json!({ "total_commits": 7, "behind_by": 0, "commits": [] })));
    let error = world.forge().commits_between(&world.root, &last).await.unwrap_err();
    assert!(error.to_string().contains("fewer than it counts"), "{error}");
    let evil = json!({ "total_commits": 1, "behind_by": 0, "commits": [{ "sha": "../x", "commit": {} }] });
    world.github.behave("/compare/", Habit::says(&evil));
    assert!(matches!(world.forge().commits_between(&world.root, &last).await, Err(ForgeError::Strange(..))));
}
