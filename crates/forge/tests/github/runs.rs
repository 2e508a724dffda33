//! Workflow runs, their artifacts, and attestations.

use crate::world::{NAME, World};
use countersign_forge::{BadArchive, Forge, ForgeError, Settings};
use countersign_simulators::github::{Habit, NewRun, Permission, archive};
use serde_json::json;

fn release(world: &World) -> NewRun {
    NewRun {
        path: ".github/workflows/release.yml".to_owned(),
        head_sha: world.root.clone(),
        head_branch: "main".to_owned(),
        head_repository: NAME.to_owned(),
        event: "push".to_owned(),
        conclusion: Some("success".to_owned()),
    }
}

/// A run with the artifact `image`.
fn with_artifact(world: &World, zip: Vec<u8>) -> (u64, u64) {
    world.with(|it| {
        let run = it.run(release(world));
        (run, it.artifact(run, "image", zip))
    })
}

async fn bad(zip: Vec<u8>) -> BadArchive {
    let world = World::new().await;
    let (run, _) = with_artifact(&world, zip);
    match world.forge().artifact(run, "image").await {
        Err(ForgeError::Archive(reason)) => reason,
        other => panic!("{:?}", other.map(|files| files.len())),
    }
}

#[tokio::test]
async fn a_run_is_what_github_says_of_it() {
    let world = World::new().await;
    let id = world.with(|it| it.run(release(&world)));
    let run = world.forge().run(id).await.unwrap();
    assert_eq!((run.workflow.as_str(), run.head_sha.as_str()), (".github/workflows/release.yml", world.root.as_str()));
    assert_eq!((run.head_branch.as_deref(), run.event.as_str(), run.attempt), (Some("main"), "push", 1));
    assert!(run.is_completed && run.is_own && run.conclusion.as_deref() == Some("success"));
    world.with(|it| it.run_again(id, None));
    let run = world.forge().run(id).await.unwrap();
    assert_eq!((run.is_completed, run.conclusion, run.attempt), (false, None, 2));
    assert!(matches!(world.forge().run(1).await, Err(ForgeError::NoRun(1))));
    // Another run than the one that was asked for.
    let other = world.with(|it| it.run(release(&world)));
    let told = json!({
        "id": id, "path": "x", "head_sha": world.root, "event": "push", "status": "completed",
        "repository": { "full_name": NAME },
    });
    world.github.behave(&format!("/runs/{other}"), Habit::says(&told));
    assert!(matches!(world.forge().run(other).await, Err(ForgeError::Strange(..))));
}

#[tokio::test]
async fn a_run_of_a_forks_branch_is_not_one_of_ours_whatever_the_branch_is_called() {
    let world = World::new().await;
    world.everything(|state| state.repository("mallory/infra").publish());
    let head_repository = "mallory/infra".to_owned();
    let event = "pull_request".to_owned();
    let id = world.with(|it| it.run(NewRun { head_repository, event, ..release(&world) }));
    let run = world.forge().run(id).await.unwrap();
    assert_eq!((run.head_branch.as_deref(), run.head_repository.as_deref()), (Some("main"), Some("mallory/infra")));
    assert!(!run.is_own);
    // The fork is gone.
    let head_repository = "mallory/gone".to_owned();
    let id = world.with(|it| it.run(NewRun { head_repository, ..release(&world) }));
    let run = world.forge().run(id).await.unwrap();
    assert!(!run.is_own && run.head_repository.is_none());
}

#[tokio::test]
async fn an_artifact_comes_from_elsewhere_without_the_token() {
    let world = World::new().await;
    let files: [(&str, &[u8]); 2] = [("digest.txt", b"sha256:0a"), ("sub/notes.md", b"# notes")];
    let (run, _) = with_artifact(&world, archive(&files));
    let found = world.forge().artifact(run, "image").await.unwrap();
    let expected: Vec<_> = files.iter().map(|(name, content)| ((*name).to_owned(), content.to_vec())).collect();
    assert_eq!(found, expected);
    let downloads: Vec<_> = world.github.requests().into_iter().filter(|it| it.is_download).collect();
    assert_eq!(downloads.len(), 1);
    assert_eq!(downloads[0].authorization, None);
    assert!(world.github.requests().iter().filter(|it| !it.is_download).all(|it| it.authorization.is_some()));
}

#[tokio::test]
async fn of_several_artifacts_of_one_name_the_newest_is_meant_and_a_missing_one_is_named() {
    let world = World::new().await;
    let (run, first) = with_artifact(&world, archive(&[("digest.txt", b"old")]));
    let second = world.with(|it| it.artifact(run, "image", archive(&[("digest.txt", b"new")])));
    let other = world.with(|it| it.run(release(&world)));
    world.with(|it| it.artifact(other, "image", archive(&[("digest.txt", b"of another run")])));
    assert_eq!(world.forge().artifact(run, "image").await.unwrap()[0].1, b"new");
    let missing = world.forge().artifact(run, "images").await.unwrap_err();
    assert!(matches!(missing, ForgeError::NoArtifact { .. }), "{missing:?}");
    assert!(matches!(world.forge().artifact(1, "image").await, Err(ForgeError::NoRun(1))));
    // A server that does not know the filter lists all.
    let told = world.github.state().told_artifact(NAME, second).unwrap();
    let mut others = told.clone();
    (others["name"], others["id"]) = (json!("images-of-cats"), json!(u64::MAX));
    world.github.behave("/artifacts?", Habit::says(&json!({ "total_count": 2, "artifacts": [told, others] })));
    assert_eq!(world.forge().artifact(run, "image").await.unwrap()[0].1, b"new");
    world.github.behave("/artifacts?", Habit::Serves);
    // The newest is gone: an older one is another thing.
    world.with(|it| it.expire_artifact(second));
    let expired = world.forge().artifact(run, "image").await.unwrap_err();
    assert!(matches!(expired, ForgeError::ArtifactExpired { .. }), "{expired:?}");
    world.with(|it| it.expire_artifact(first));
    // It went away between the list and the download.
    let third = world.with(|it| it.artifact(run, "image", archive(&[("digest.txt", b"x")])));
    world.github.behave(&format!("/artifacts/{third}/zip"), Habit::fails(410));
    assert!(matches!(world.forge().artifact(run, "image").await, Err(ForgeError::ArtifactExpired { .. })));
}

#[tokio::test]
async fn a_download_from_a_host_that_was_not_named_is_refused_before_anything_is_sent() {
    let (world, elsewhere) = (World::new().await, World::new().await);
    let (run, _) = with_artifact(&world, archive(&[("digest.txt", b"x")]));
    let away = format!("{}/artifact.zip?sig=secret-signature", elsewhere.github.url());
    for to in [
        away.as_str(),
        "https://evil.example/artifact.zip?sig=secret-signature",
        "https://a.blob.core.windows.net.evil.example/?sig=secret-signature",
        "http://a.blob.core.windows.net/?sig=secret-signature",
        "https://user@a.blob.core.windows.net/?sig=secret-signature",
        "file:///etc/passwd",
        "//evil.example/",
        "",
    ] {
        world.github.behave("/zip", Habit::redirects(302, to));
        let hosts = [world.github.download_host(), "*.blob.core.windows.net".to_owned()].to_vec();
        let forge = Forge::new(Settings { artifact_hosts: hosts, ..world.settings() }).unwrap();
        let error = forge.artifact(run, "image").await.unwrap_err();
        assert!(matches!(error, ForgeError::ForeignHost(_)), "{to}: {error:?}");
        assert!(!format!("{error} {error:?}").contains("secret-signature"), "{error:?}");
    }
    assert!(elsewhere.github.requests().is_empty());
    // Other redirects than the documented one, and bytes where a redirect should be.
    for code in [301, 303, 307, 308] {
        world.github.behave("/zip", Habit::redirects(code, &away));
        assert!(matches!(world.forge().artifact(run, "image").await, Err(ForgeError::Moved(_))), "{code}");
    }
    world.github.behave("/zip", Habit::fails(200));
    assert!(matches!(world.forge().artifact(run, "image").await, Err(ForgeError::Strange(..))));
    // No host was named: nothing is downloaded.
    world.github.behave("/zip", Habit::Serves);
    let forge = Forge::new(Settings { artifact_hosts: Vec::new(), ..world.settings() }).unwrap();
    assert!(matches!(forge.artifact(run, "image").await, Err(ForgeError::ForeignHost(_))));
}

#[tokio::test]
async fn an_artifact_with_other_bytes_than_github_names_is_refused() {
    let world = World::new().await;
    let (run, artifact) = with_artifact(&world, archive(&[("digest.txt", b"good")]));
    // What GitHub says was said of the first bytes.
    let first = world.github.state().told_artifact(NAME, artifact).unwrap();
    world.with(|it| it.swap_artifact(artifact, true, |zip| *zip = archive(&[("digest.txt", b"evil")])));
    let listed = json!({ "total_count": 1, "artifacts": [first] });
    world.github.behave("/artifacts?", Habit::says(&listed));
    let error = world.forge().artifact(run, "image").await.unwrap_err();
    assert!(matches!(error, ForgeError::Archive(BadArchive::NotIt)), "{error:?}");
    // Older ones have none to compare with.
    world.github.behave("/artifacts?", Habit::Serves);
    world.with(|it| it.swap_artifact(artifact, false, |_| {}));
    assert_eq!(world.forge().artifact(run, "image").await.unwrap()[0].1, b"evil");
}

#[tokio::test]
async fn an_archive_is_bounded_and_has_plain_names() {
    assert_eq!(bad(b"not a zip".to_vec()).await, BadArchive::NotAnArchive);
    assert_eq!(bad(Vec::new()).await, BadArchive::NotAnArchive);
    let whole = archive(&[("a", b"text")]);
    assert_eq!(bad(whole[..whole.len() - 5].to_vec()).await, BadArchive::NotAnArchive);
    let names: Vec<String> = (0..101).map(|nth| format!("{nth}")).collect();
    let many: Vec<(&str, &[u8])> = names.iter().map(|name| (name.as_str(), b"x".as_slice())).collect();
    assert_eq!(bad(archive(&many)).await, BadArchive::TooMany);
    // 8 MiB of zeros in some kilobytes.
    let zeros = vec![0; 8 << 20];
    assert_eq!(bad(archive(&[("zeros", &zeros)])).await, BadArchive::Bomb);
    for name in ["../evil", "/etc/passwd", "a/../b", "a\\b", "C:evil", "a//b", "./a", "a\u{202e}b", "a\nb", ""] {
        assert!(matches!(bad(archive(&[(name, b"x")])).await, BadArchive::Name(_)), "{name:?}");
    }
    let long = "x".repeat(201);
    assert!(matches!(bad(archive(&[(&long, b"x")])).await, BadArchive::Name(_)));
}

#[tokio::test]
async fn what_an_archive_says_of_its_sizes_is_not_believed() {
    // The central directory says one byte; the file is large.
    let zeros = vec![0; 8 << 20];
    let mut zip = archive(&[("zeros", &zeros)]);
    let size = u32::try_from(zeros.len()).unwrap().to_le_bytes();
    let places: Vec<usize> = zip.windows(4).enumerate().filter(|(_, it)| *it == size).map(|(at, _)| at).collect();
    for at in places {
        zip[at..at + 4].copy_from_slice(&1_u32.to_le_bytes());
    }
    let reason = bad(zip).await;
    assert!(matches!(reason, BadArchive::Bomb | BadArchive::NotAnArchive), "{reason:?}");
    // More bytes than are taken, before unpacking, by its own word.
    let world = World::new().await;
    let (run, artifact) = with_artifact(&world, archive(&[("a", b"x")]));
    let mut told = world.github.state().told_artifact(NAME, artifact).unwrap();
    told["size_in_bytes"] = json!(65 << 20);
    world.github.behave("/artifacts?", Habit::says(&json!({ "total_count": 1, "artifacts": [told] })));
    let error = world.forge().artifact(run, "image").await.unwrap_err();
    assert!(matches!(error, ForgeError::Archive(BadArchive::TooLarge)), "{error:?}");
}

#[tokio::test]
async fn attestations_are_the_bundles_of_exactly_this_digest() {
    let world = World::new().await;
    let (one, two) = (format!("sha256:{}", "0a".repeat(32)), format!("sha256:{}", "0b".repeat(32)));
    world.with(|it| {
        it.attest(&one, json!({ "mediaType": "first" }));
        it.attest(&one, json!({ "mediaType": "second" }));
    });
    let found = world.forge().attestations(&one).await.unwrap();
    assert_eq!(found, [json!({ "mediaType": "first" }), json!({ "mediaType": "second" })]);
    assert!(world.forge().attestations(&two).await.unwrap().is_empty());
    for bad in ["0a0a", "sha256:0a", "sha512:00", &one.to_uppercase(), "sha256:../../x"] {
        assert!(matches!(world.forge().attestations(bad).await, Err(ForgeError::Question(..))), "{bad}");
    }
    // Somebody who sees nothing is not told that there is nothing.
    let token = world.everything(|state| {
        let person = state.person("outsider");
        state.token(person, &[], &Permission::ALL)
    });
    let forge = Forge::new(Settings { token: Some(token.into()), ..world.settings() }).unwrap();
    assert!(matches!(forge.attestations(&one).await, Err(ForgeError::NoRepository(_))));
    let listed = json!({ "attestations": [{ "bundle": null, "bundle_url": "https://elsewhere.example/" }] });
    world.github.behave("/attestations/", Habit::says(&listed));
    assert!(matches!(world.forge().attestations(&one).await, Err(ForgeError::Strange(..))));
    let many: Vec<_> = (0..100).map(|nth| json!({ "bundle": { "mediaType": nth } })).collect();
    world.github.behave("/attestations/", Habit::says(&json!({ "attestations": many })));
    assert!(matches!(world.forge().attestations(&one).await, Err(ForgeError::TooMany(_))));
}

#[tokio::test]
async fn over_tls_a_download_has_an_authority_that_is_known() {
    let world = World::new().await;
    let (tasks, stop) = (tokio_util::task::TaskTracker::new(), tokio_util::sync::CancellationToken::new());
    let github = countersign_simulators::github::Github::start(&tasks, &stop).await.unwrap();
    let (run, token) = {
        let mut state = github.state();
        let person = state.person("somebody");
        let it = state.repository(NAME);
        it.know(&world.root, &[], person, "begin");
        let run = it.run(release(&world));
        it.artifact(run, "image", archive(&[("digest.txt", b"sha256:0a")]));
        (run, state.token(person, &[NAME], &[Permission::Actions]))
    };
    let forge = |ca_pem: String| {
        let hosts = vec![github.download_host()];
        let (address, token) = (github.url(), Some(token.clone().into()));
        let settings = Settings { address, token, ca_pem: Some(ca_pem), artifact_hosts: hosts, ..world.settings() };
        Forge::new(settings).unwrap()
    };
    let stranger = forge(github.ca_pem().to_owned()).artifact(run, "image").await.unwrap_err();
    assert!(matches!(stranger, ForgeError::Unreachable(_)), "{stranger:?}");
    assert!(github.requests().iter().all(|it| !it.is_download));
    let both = format!("{}{}", github.ca_pem(), github.download_ca_pem());
    assert_eq!(forge(both).artifact(run, "image").await.unwrap()[0].0, "digest.txt");
}
