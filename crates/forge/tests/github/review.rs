//! Every way a commit is not what was reviewed, and the ways it is.

use crate::world::{ACTIONS, NAME, OTHER_APP, World};
use countersign_forge::{Forge, ForgeError, NotReviewed, Settings};
use countersign_simulators::github::{Habit, How, NewPull, Permission, Repository, Role, Verdict};

#[tokio::test]
async fn a_commit_that_was_merged_reviewed_and_checked_is_reviewed_however_it_was_merged() {
    for how in [How::MergeCommit, How::Squash, How::Rebase] {
        let world = World::new().await;
        let opened = world.ready();
        world.with(|it| it.status(&opened.head, "terraform/plan", "success"));
        let commit = world.merge_as(opened.pull, &how);
        let review = world.review_with(&commit, &["build", "terraform/plan"]).await.unwrap();
        assert_eq!((review.pull, review.title.as_str()), (opened.pull, "Widen the subnet"));
        assert_eq!((review.author.as_str(), review.merged_by.as_deref()), ("ann", Some("bob")), "{how:?}");
        assert_eq!(review.approved_by, ["bob"]);
        assert_eq!(review.checks, ["build", "terraform/plan"]);
        assert_eq!(world.review(&commit).await.unwrap(), review);
    }
}

#[tokio::test]
async fn p09_a_commit_without_a_pull_request_is_not_reviewed() {
    let world = World::new().await;
    let pushed = world.with(|it| {
        let sha = it.commit(&[&world.root], world.ann, "hotfix");
        it.push("main", &sha);
        sha
    });
    assert_eq!(world.no(&pushed).await, NotReviewed::NoPull { commit: pushed.clone() });
    // On top of a merge, too.
    let opened = world.ready();
    let merged = world.merge(opened.pull);
    world.review(&merged).await.unwrap();
    let on_top = world.with(|it| it.commit(&[&merged], world.ann, "one more thing"));
    assert!(matches!(world.no(&on_top).await, NotReviewed::NoPull { .. }));
    let nobody_knows = "0b".repeat(20);
    let unknown = world.review(&nobody_knows).await.unwrap_err();
    assert!(matches!(&unknown, ForgeError::UnknownCommit(sha) if *sha == nobody_knows), "{unknown:?}");
    for text in ["main", "HEAD", "", "0b0b", "../../x", &"0B".repeat(20)] {
        assert!(matches!(world.review(text).await, Err(ForgeError::Question(..))), "{text}");
    }
}

#[tokio::test]
async fn p09_a_part_of_a_pull_request_is_not_its_merge() {
    for how in [How::MergeCommit, How::Squash, How::Rebase] {
        let world = World::new().await;
        let opened = world.ready();
        let merged = world.merge_as(opened.pull, &how);
        let no = world.no(&opened.head).await;
        let expected = NotReviewed::NotTheMerge { pull: opened.pull, commit: opened.head.clone(), merged };
        assert_eq!(no, expected, "{how:?}");
    }
}

#[tokio::test]
async fn p09_what_is_not_merged_or_merged_elsewhere_is_not_reviewed() {
    let world = World::new().await;
    let opened = world.ready();
    assert_eq!(world.no(&opened.head).await, NotReviewed::NotMerged { pull: opened.pull });
    // GitHub's own trial of a merge has the id that a merge would have, and stands on no branch.
    let trial = world.github.state().repository(NAME).trial_of(opened.pull).unwrap();
    assert_eq!(world.no(&trial).await, NotReviewed::NotMerged { pull: opened.pull });
    world.with(|it| it.close(opened.pull).unwrap());
    assert_eq!(world.no(&opened.head).await, NotReviewed::NotMerged { pull: opened.pull });

    let release = world.with(|it| {
        let head = it.commit(&[&world.root], world.ann, "for the release");
        it.check(&head, ACTIONS, "build", Some("success"));
        let pull = it.open(NewPull {
            author: world.ann,
            title: "For the release".to_owned(),
            base: "release".to_owned(),
            branch: "main".to_owned(),
            head,
            fork: None,
        });
        it.review(pull, world.bob, Verdict::Approve).unwrap();
        (pull, it.merge(pull, world.bob, &How::MergeCommit).unwrap())
    });
    let (base, branch) = ("release".to_owned(), "main".to_owned());
    assert_eq!(world.no(&release.1).await, NotReviewed::OtherBranch { pull: release.0, base, branch });
    // Branches are told apart by case.
    let shouted = world.forge().review(&release.1, "RELEASE", &[].into()).await.unwrap_err();
    assert!(matches!(shouted, ForgeError::NotReviewed(NotReviewed::OtherBranch { .. })), "{shouted:?}");
}

#[tokio::test]
async fn p09_what_a_list_says_of_a_pull_request_has_to_hold_for_it() {
    let world = World::new().await;
    let opened = world.ready();
    let commit = world.merge(opened.pull);
    let told = world.github.state().listed_pull(NAME, opened.pull).unwrap();
    for (key, value) in [
        ("merged_at", serde_json::Value::Null),
        ("merge_commit_sha", "0c".repeat(20).into()),
        ("number", 2.into()),
        ("base", serde_json::json!({ "ref": "release", "sha": "0a", "repo": { "full_name": NAME } })),
        ("base", serde_json::json!({ "ref": "main", "sha": "0a", "repo": { "full_name": "mallory/infra" } })),
        ("head", serde_json::json!({ "ref": "subnet", "sha": "main", "repo": null })),
    ] {
        let mut other = told.clone();
        other[key] = value;
        // The one alone, and not what belongs to it.
        world.github.behave("/pulls/1", Habit::says(&other));
        world.github.behave("/pulls/1/", Habit::Serves);
        assert!(world.review(&commit).await.is_err(), "{key}");
    }
    world.github.behave("/pulls/1", Habit::says(&told));
    world.github.behave("/pulls/1/", Habit::Serves);
    world.review(&commit).await.unwrap();
}

#[tokio::test]
async fn p09_the_same_commit_in_a_fork_is_another_matter() {
    let world = World::new().await;
    let fork = "mallory/infra";
    let commit = world.everything(|state| {
        let mallory = state.person("mallory");
        // In the fork she is everybody: a pull request, reviewed and merged there.
        let helper = state.person("mallory-too");
        let root = world.root.clone();
        let it = state.repository(fork);
        it.publish();
        it.allow(mallory, Role::Admin);
        it.allow(helper, Role::Write);
        it.know(&root, &[], world.ann, "begin");
        it.push("main", &root);
        let head = it.commit(&[&root], mallory, "evil");
        it.check(&head, ACTIONS, "build", Some("success"));
        let pull = it.open(NewPull {
            author: mallory,
            title: "Evil".to_owned(),
            base: "main".to_owned(),
            branch: "evil".to_owned(),
            head: head.clone(),
            fork: None,
        });
        it.review(pull, helper, Verdict::Approve).unwrap();
        let merged = it.merge(pull, helper, &How::Squash).unwrap();
        // Objects of forks can be asked for in the repository they are forks of.
        state.repository(NAME).know(&merged, &[&root], mallory, "evil");
        merged
    });
    assert!(matches!(world.no(&commit).await, NotReviewed::NoPull { .. }));
    // Told of it all the same, it is of another repository.
    let listed = world.everything(|state| state.listed_pull(fork, 1).unwrap());
    world.github.behave(&format!("{NAME}/commits/"), Habit::says(&[listed].into()));
    let expected = NotReviewed::OtherRepository { pull: 1, repository: fork.to_owned() };
    assert_eq!(world.no(&commit).await, expected);
}

#[tokio::test]
async fn a_pull_request_from_a_fork_is_reviewed_like_any_other() {
    let world = World::new().await;
    let pull = world.everything(|state| {
        let eve = state.person("eve");
        let it = state.repository(NAME);
        let head = it.commit(&[&world.root], eve, "from outside");
        it.check(&head, ACTIONS, "build", Some("success"));
        let pull = it.open(NewPull {
            author: eve,
            title: "From outside".to_owned(),
            base: "main".to_owned(),
            branch: "main".to_owned(),
            head,
            fork: Some("eve/infra".to_owned()),
        });
        it.review(pull, world.bob, Verdict::Approve).unwrap();
        pull
    });
    let commit = world.merge(pull);
    assert_eq!(world.review(&commit).await.unwrap().author, "eve");
}

#[tokio::test]
async fn p09_nobody_approves_their_own_change() {
    let world = World::new().await;
    let opened = world.open();
    world.with(|it| {
        it.check(&opened.head, ACTIONS, "build", Some("success"));
        it.review(opened.pull, world.ann, Verdict::Approve).unwrap_err();
        it.review(opened.pull, world.ann, Verdict::Comment).unwrap();
        it.review(opened.pull, world.bob, Verdict::Comment).unwrap();
    });
    let commit = world.merge(opened.pull);
    assert_eq!(world.no(&commit).await, NotReviewed::NotApproved { pull: opened.pull });
    // GitHub does not let her; if it told of it all the same, under whatever name she has by now, it is hers.
    world.everything(|state| state.rename(world.ann, "not-ann"));
    world.with(|it| it.review(opened.pull, world.bob, Verdict::Approve).unwrap());
    let mut told = world.github.state().told_reviews(NAME, opened.pull).unwrap();
    let (by_ann, by_bob) = (told[0]["user"].clone(), told[2]["user"].clone());
    told[2]["user"] = by_ann;
    let path = format!("/pulls/{}/reviews", opened.pull);
    world.github.behave(&path, Habit::says(&told));
    assert_eq!(world.no(&commit).await, NotReviewed::NotApproved { pull: opened.pull });
    told[2]["user"] = by_bob;
    world.github.behave(&path, Habit::says(&told));
    assert_eq!(world.review(&commit).await.unwrap().approved_by, ["bob"]);
}

#[tokio::test]
async fn another_account_of_the_author_is_another_person_to_github_and_needs_a_right_of_its_own() {
    let world = World::new().await;
    let opened = world.open();
    let second = world.everything(|state| state.person("ann-private"));
    world.with(|it| {
        it.check(&opened.head, ACTIONS, "build", Some("success"));
        it.review(opened.pull, second, Verdict::Approve).unwrap();
    });
    let commit = world.merge(opened.pull);
    assert_eq!(world.no(&commit).await, NotReviewed::NoRight { pull: opened.pull, by: "ann-private".to_owned() });
    for role in [Role::Read, Role::Triage] {
        world.with(|it| it.allow(second, role));
        assert!(matches!(world.no(&commit).await, NotReviewed::NoRight { .. }), "{role:?}");
    }
    // GitHub cannot know whose second account it is: whoever gives it the right to write does.
    world.with(|it| it.allow(second, Role::Maintain));
    assert_eq!(world.review(&commit).await.unwrap().approved_by, ["ann-private"]);
}

#[tokio::test]
async fn a_stranger_cannot_approve_in_a_public_repository_and_cannot_take_a_name_over() {
    let world = World::new().await;
    let opened = world.open();
    world.with(|it| it.check(&opened.head, ACTIONS, "build", Some("success")));
    world.with(Repository::publish);
    let stranger = world.everything(|state| state.person("stranger"));
    world.with(|it| it.review(opened.pull, stranger, Verdict::Approve).unwrap());
    let commit = world.merge(opened.pull);
    assert_eq!(world.no(&commit).await, NotReviewed::NoRight { pull: opened.pull, by: "stranger".to_owned() });
    // Bob leaves his login, and somebody else who may write takes it: the login says yes, the number is another.
    let reviews = world.everything(|state| {
        let told = state.told_reviews(NAME, opened.pull).unwrap();
        state.rename(world.bob, "robert");
        state.rename(stranger, "bob");
        let mut told = told;
        told[0]["user"]["login"] = "robert".into();
        told
    });
    let path = format!("/pulls/{}/reviews", opened.pull);
    world.github.behave(&path, Habit::says(&reviews));
    assert!(matches!(world.no(&commit).await, NotReviewed::NoRight { .. }));
}

#[tokio::test]
async fn p09_what_was_pushed_after_the_approval_was_not_approved() {
    let world = World::new().await;
    let opened = world.ready();
    let later = world.with(|it| {
        let later = it.commit(&[&opened.head], world.ann, "and a back door");
        it.push_to(opened.pull, &later).unwrap();
        it.check(&later, ACTIONS, "build", Some("success"));
        later
    });
    let commit = world.merge(opened.pull);
    let stale = NotReviewed::Stale {
        pull: opened.pull,
        by: "bob".to_owned(),
        approved: opened.head.clone(),
        head: later.clone(),
    };
    assert_eq!(world.no(&commit).await, stale);
    // A comment on the new head renews nothing; an approval of it does.
    world.with(|it| it.review(opened.pull, world.bob, Verdict::Comment).unwrap());
    assert_eq!(world.no(&commit).await, stale);
    world.with(|it| it.review(opened.pull, world.bob, Verdict::Approve).unwrap());
    world.review(&commit).await.unwrap();
}

#[tokio::test]
async fn p09_an_approval_that_was_dismissed_does_not_count() {
    let world = World::new().await;
    let opened = world.open();
    let review = world.with(|it| {
        it.check(&opened.head, ACTIONS, "build", Some("success"));
        it.review(opened.pull, world.bob, Verdict::Approve).unwrap()
    });
    world.with(|it| it.dismiss(opened.pull, review).unwrap());
    let commit = world.merge(opened.pull);
    let dismissed = NotReviewed::Dismissed { pull: opened.pull, by: "bob".to_owned() };
    assert_eq!(world.no(&commit).await, dismissed);
    // Whom a protected branch dismisses at the next push.
    let world = World::new().await;
    world.with(Repository::dismiss_stale_approvals);
    let opened = world.ready();
    let later = world.with(|it| {
        let later = it.commit(&[&opened.head], world.ann, "more");
        it.push_to(opened.pull, &later).unwrap();
        later
    });
    world.with(|it| it.check(&later, ACTIONS, "build", Some("success")));
    let commit = world.merge(opened.pull);
    assert!(matches!(world.no(&commit).await, NotReviewed::Dismissed { .. }));
}

#[tokio::test]
async fn somebody_who_wants_changes_stops_it_until_they_say_otherwise() {
    let world = World::new().await;
    let opened = world.ready();
    let carol = world.everything(|state| state.person("carol"));
    let against = world.with(|it| it.review(opened.pull, carol, Verdict::RequestChanges).unwrap());
    world.with(|it| it.review(opened.pull, carol, Verdict::Comment).unwrap());
    let commit = world.merge(opened.pull);
    let no = NotReviewed::ChangesRequested { pull: opened.pull, by: "carol".to_owned() };
    assert_eq!(world.no(&commit).await, no);
    // Their account is gone, and their no is not.
    world.everything(|state| state.delete_account(carol));
    assert!(matches!(world.no(&commit).await, NotReviewed::ChangesRequested { .. }));
    world.with(|it| it.dismiss(opened.pull, against).unwrap());
    world.review(&commit).await.unwrap();
    // Whoever approved and thought better of it.
    world.with(|it| it.review(opened.pull, world.bob, Verdict::RequestChanges).unwrap());
    assert!(matches!(world.no(&commit).await, NotReviewed::ChangesRequested { .. }));
    world.with(|it| it.review(opened.pull, world.bob, Verdict::Approve).unwrap());
    world.review(&commit).await.unwrap();
}

#[tokio::test]
async fn programs_and_accounts_that_are_gone_do_not_approve() {
    let world = World::new().await;
    let opened = world.open();
    let bot = world.everything(|state| state.bot("approver[bot]"));
    world.with(|it| {
        it.allow(bot, Role::Write);
        it.check(&opened.head, ACTIONS, "build", Some("success"));
        it.review(opened.pull, bot, Verdict::Approve).unwrap();
    });
    let commit = world.merge(opened.pull);
    let only = NotReviewed::OnlyPrograms { pull: opened.pull, by: "approver[bot]".to_owned() };
    assert_eq!(world.no(&commit).await, only);
    world.with(|it| it.review(opened.pull, world.bob, Verdict::Approve).unwrap());
    assert_eq!(world.review(&commit).await.unwrap().approved_by, ["bob"]);
    world.everything(|state| state.delete_account(world.bob));
    assert_eq!(world.no(&commit).await, only);
    // Nobody can be told from an author who is gone.
    world.everything(|state| state.delete_account(world.ann));
    assert_eq!(world.no(&commit).await, NotReviewed::AuthorUnknown { pull: opened.pull });
}

#[tokio::test]
async fn the_change_of_a_program_needs_a_person() {
    let world = World::new().await;
    let bot = world.everything(|state| state.bot("dependabot[bot]"));
    let pull = world.with(|it| {
        let head = it.commit(&[&world.root], bot, "bump");
        it.check(&head, ACTIONS, "build", Some("success"));
        let pull = it.open(NewPull {
            author: bot,
            title: "Bump".to_owned(),
            base: "main".to_owned(),
            branch: "bump".to_owned(),
            head,
            fork: None,
        });
        it.review(pull, world.bob, Verdict::Approve).unwrap();
        pull
    });
    let commit = world.merge(pull);
    assert_eq!(world.review(&commit).await.unwrap().author, "dependabot[bot]");
}

#[tokio::test]
async fn long_lists_are_read_to_their_end_and_no_further_than_the_bound() {
    let world = World::new().await;
    let opened = world.ready();
    world.with(|it| {
        for nth in 0..250 {
            it.check(&opened.head, ACTIONS, &format!("check {nth:03}"), Some("success"));
        }
        for _ in 0..230 {
            it.review(opened.pull, world.bob, Verdict::Comment).unwrap();
        }
    });
    let commit = world.merge(opened.pull);
    assert_eq!(world.review(&commit).await.unwrap().checks.len(), 251);
    // The last of many is the one that failed.
    world.with(|it| it.check(&opened.head, OTHER_APP, "the last", Some("failure")));
    assert!(matches!(world.no(&commit).await, NotReviewed::CheckFailed { .. }));
    world.with(|it| it.review(opened.pull, world.bob, Verdict::RequestChanges).unwrap());
    assert!(matches!(world.no(&commit).await, NotReviewed::ChangesRequested { .. }));
    world.with(|it| {
        for _ in 0..800 {
            it.review(opened.pull, world.bob, Verdict::Comment).unwrap();
        }
    });
    assert!(matches!(world.review(&commit).await, Err(ForgeError::TooMany("pull requests"))));
}

#[tokio::test]
async fn a_page_may_be_shorter_than_it_was_asked_to_be() {
    let world = World::new().await;
    let opened = world.ready();
    world.with(|it| it.review(opened.pull, world.bob, Verdict::RequestChanges).unwrap());
    let commit = world.merge(opened.pull);
    let told = world.github.state().told_reviews(NAME, opened.pull).unwrap();
    let first = Habit::Answers {
        code: 200,
        headers: vec![("link".to_owned(), "<https://elsewhere.example/>; rel=\"next\"".to_owned())],
        body: serde_json::json!([told[0]]).to_string(),
    };
    world.github.behave("/reviews?per_page=100&page=1", first);
    world.github.behave("/reviews?per_page=100&page=2", Habit::says(&serde_json::json!([told[1]])));
    assert!(matches!(world.no(&commit).await, NotReviewed::ChangesRequested { .. }));
}

#[tokio::test]
async fn of_two_pull_requests_with_one_merge_one_that_was_reviewed_is_enough() {
    let world = World::new().await;
    let (one, two) = (world.open(), world.ready());
    let commit = world.with(|it| it.commit(&[&one.head, &two.head], world.bob, "both at once"));
    for pull in [one.pull, two.pull] {
        world.merge_as(pull, &How::As(commit.clone()));
    }
    assert_eq!(world.review(&commit).await.unwrap().pull, two.pull);
    world.with(|it| it.review(two.pull, world.bob, Verdict::RequestChanges).unwrap());
    // The first one's reason is told.
    assert_eq!(world.no(&commit).await, NotReviewed::NotApproved { pull: one.pull });
}

#[tokio::test]
async fn a_token_needs_each_permission_and_it_is_said_which() {
    let world = World::new().await;
    let opened = world.ready();
    let commit = world.merge(opened.pull);
    let machine = world.everything(|state| state.person("machine"));
    world.with(|it| it.allow(machine, Role::Write));
    for (missing, words) in [
        (Permission::PullRequests, "\"Pull requests\" (read)"),
        (Permission::Checks, "\"Checks\" (read)"),
        (Permission::Statuses, "\"Commit statuses\" (read)"),
    ] {
        let may: Vec<_> = Permission::ALL.into_iter().filter(|it| *it != missing).collect();
        let token = world.everything(|state| state.token(machine, &[NAME], &may));
        let forge = Forge::new(Settings { token: Some(token.into()), ..world.settings() });
        let error = forge.unwrap().review(&commit, "main", &[].into()).await.unwrap_err();
        assert!(matches!(error, ForgeError::NotAllowed { .. }), "{error:?}");
        assert!(error.to_string().contains(words), "{error}");
    }
    // Somebody who may not write is not told who may.
    world.with(|it| it.allow(machine, Role::Read));
    let token = world.everything(|state| state.token(machine, &[NAME], &Permission::ALL));
    let settings = Settings { token: Some(token.into()), ..world.settings() };
    let forge = Forge::new(settings).unwrap();
    let error = forge.review(&commit, "main", &[].into()).await.unwrap_err();
    assert!(error.to_string().contains("of somebody who may write"), "{error}");
    let token = world.everything(|state| state.app_token(&[NAME], &Permission::ALL));
    let settings = Settings { token: Some(token.into()), ..world.settings() };
    Forge::new(settings).unwrap().review(&commit, "main", &[].into()).await.unwrap();
}
