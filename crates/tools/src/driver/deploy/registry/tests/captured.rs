//! A registry that lies, or sends its client elsewhere.

use super::{Kind, REPOSITORY, World, named, says};
use crate::driver::deploy::registry::manifest::Manifest;
use countersign_command::pattern::Pattern;
use countersign_simulators::registry::{BUNDLE, DOCKER_IMAGE, Habit, IMAGE, INDEX};
use serde_json::json;

#[tokio::test]
async fn other_bytes_than_those_of_the_digest_are_refused() {
    let world = World::open().await;
    let digest = world.registry.push_image(REPOSITORY, "v1", "one");
    world.registry.attach(REPOSITORY, &digest, &json!({ "bundle": 1 }));
    world.registry.misbehave(Habit::OtherManifests);
    says(world.client(None).resolve(&digest).await, "not the one of the digest");
    // The digest of a tag is what its bytes have, and the registry says another one.
    says(world.client(None).resolve("v1").await, "not the one of the digest");
    says(world.client(None).attestations(&digest).await, "not the one of the digest");
    world.registry.misbehave(Habit::NoDigest);
    says(world.client(None).resolve(&digest).await, "not the one of the digest");
    // A tag is whatever it says; what comes out is the digest of what came.
    assert_ne!(world.client(None).resolve("v1").await.unwrap(), digest);
    world.end().await;
}

#[tokio::test]
async fn another_blob_than_the_one_of_its_digest_is_refused() {
    let world = World::open().await;
    let digest = world.registry.push_image(REPOSITORY, "v1", "one");
    // Of the same length, so that nothing but the digest tells.
    world.registry.attach(REPOSITORY, &digest, &json!({ "bundle": 1 }));
    world.registry.misbehave(Habit::OtherBlobs);
    says(world.client(None).attestations(&digest).await, "not the one of its digest");
    world.end().await;
}

#[tokio::test]
async fn a_digest_it_only_says_is_not_believed() {
    let world = World::open().await;
    world.registry.push_image(REPOSITORY, "v1", "one");
    world.registry.misbehave(Habit::OtherDigest);
    says(world.client(None).resolve("v1").await, "not the one of the digest");
    world.end().await;
}

#[tokio::test]
async fn a_password_is_given_to_no_strange_place_for_tokens() {
    let stranger = World::of(Kind { access: named(false), ..Kind::default() }).await;
    for (realm, words) in [
        (format!("{}/token", stranger.registry.url()), "sends its client for tokens to `127.0.0.1:"),
        ("https://auth.docker.io/token".to_owned(), "sends its client for tokens to `auth.docker.io:443`"),
        ("http://169.254.169.254/latest".to_owned(), "sends its client for tokens to `169.254.169.254:80`"),
        ("file:///etc/passwd".to_owned(), "sends its client for tokens"),
        ("not a place".to_owned(), "its place for tokens is none"),
    ] {
        let world = World::of(Kind { access: named(false), ..Kind::default() }).await;
        world.registry.push_image(REPOSITORY, "v1", "one");
        world.registry.misbehave(Habit::TokensAt(realm));
        says(world.client(Some("robot:s3cret")).resolve("v1").await, words);
        assert!(world.proxy.asked().iter().all(|place| *place == world.registry.host()));
        world.end().await;
    }
    assert_eq!(stranger.registry.requests(), []);
    stranger.end().await;
}

#[tokio::test]
async fn a_place_for_tokens_with_a_name_in_it_is_strange() {
    let world = World::of(Kind { access: named(false), ..Kind::default() }).await;
    let realm = world.registry.url().replacen("https://", "https://robot:x@", 1);
    world.registry.misbehave(Habit::TokensAt(format!("{realm}/token")));
    says(world.client(Some("robot:s3cret")).resolve("v1").await, "sends its client for tokens");
    world.end().await;
}

#[tokio::test]
async fn a_next_page_elsewhere_is_no_page() {
    let stranger = World::open().await;
    for link in [
        format!("{}/v2/{REPOSITORY}/tags/list?last=a&n=1", stranger.registry.url()),
        "/v2/shop/other/tags/list?last=a".to_owned(),
        "//evil.example/v2/shop/checkout/tags/list?last=a".to_owned(),
    ] {
        let world = World::open().await;
        world.registry.push_image(REPOSITORY, "v1.0.0", "one");
        world.registry.misbehave(Habit::NextPageAt(link));
        assert!(world.client(None).newest(&Pattern::new(".*").unwrap()).await.unwrap().is_some());
        assert_eq!(world.proxy.asked().len(), 2, "the list and the manifest");
        world.end().await;
    }
    assert_eq!(stranger.registry.requests(), []);
    stranger.end().await;
}

#[tokio::test]
async fn a_list_without_an_end_is_given_up() {
    let world = World::open().await;
    world.registry.push_image(REPOSITORY, "v1.0.0", "one");
    world.registry.misbehave(Habit::NextPageAt(format!("/v2/{REPOSITORY}/tags/list?n=7")));
    says(world.client(None).newest(&Pattern::new(".*").unwrap()).await, "has no end");
    assert_eq!(world.registry.requests().len(), 2);
    world.end().await;
}

#[tokio::test]
async fn blobs_elsewhere_are_not_fetched() {
    let world = World::of(Kind { storage: true, ..Kind::default() }).await;
    let digest = world.registry.push_image(REPOSITORY, "v1", "one");
    world.registry.attach(REPOSITORY, &digest, &json!({ "bundle": 1 }));
    let place = world.registry.storage().unwrap();
    says(world.client(None).attestations(&digest).await, &format!("sends blobs to `{place}`"));
    assert!(!world.registry.requests().iter().any(|request| request.storage));
    world.registry.misbehave(Habit::BlobsAt("http://169.254.169.254/latest/meta-data".to_owned()));
    says(world.client(None).attestations(&digest).await, "sends blobs to `169.254.169.254:80`");
    world.end().await;
}

#[tokio::test]
async fn a_blob_may_be_at_another_place_of_the_registry_but_not_further() {
    let world = World::open().await;
    let digest = world.registry.push_image(REPOSITORY, "v1", "one");
    world.registry.attach(REPOSITORY, &digest, &json!({ "bundle": 1 }));
    let (elsewhere, _) = world.registry.push_blob("shop/mirror", json!({ "bundle": 1 }).to_string().as_bytes());
    world.registry.misbehave(Habit::BlobsAt(format!("/v2/shop/mirror/blobs/{elsewhere}")));
    says(world.client(None).attestations(&digest).await, "on and on");
    world.end().await;
}

#[tokio::test]
async fn an_attestation_that_is_listed_for_an_image_it_does_not_refer_to_is_left_out() {
    let world = World::of(Kind { referrers: false, ..Kind::default() }).await;
    let digest = world.registry.push_image(REPOSITORY, "v1", "one");
    let other = world.registry.push_image(REPOSITORY, "v2", "two");
    let artifact = world.registry.attach(REPOSITORY, &other, &json!({ "bundle": 1 }));
    let listed = json!({ "mediaType": IMAGE, "digest": artifact, "size": 1, "artifactType": BUNDLE });
    let index = json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": [listed] });
    let tag = digest.replace(':', "-");
    world.registry.push_manifest(REPOSITORY, &tag, INDEX, index.to_string().as_bytes());
    assert_eq!(world.client(None).attestations(&other).await.unwrap().len(), 1);
    assert!(world.client(None).attestations(&digest).await.unwrap().is_empty());
    world.end().await;
}

#[tokio::test]
async fn too_many_attestations_are_not_looked_at() {
    let world = World::open().await;
    let digest = world.registry.push_image(REPOSITORY, "v1", "one");
    for number in 0..65 {
        world.registry.attach(REPOSITORY, &digest, &json!({ "bundle": number }));
    }
    says(world.client(None).attestations(&digest).await, "more than 64 attestations");
    world.end().await;
}

#[tokio::test]
async fn a_registry_that_is_not_there_is_unreachable() {
    let world = World::open().await;
    let client = world.client(None);
    let World { registry, proxy, tasks, stop } = world;
    drop(registry);
    says(client.resolve("v1").await, "cannot be reached");
    drop(proxy);
    stop.cancel();
    tasks.close();
    tasks.wait().await;
}

/// A list for platforms and an image have different keys: one document with both means two things (CVE-2021-41190).
#[test]
fn a_manifest_of_two_kinds_is_none() {
    let image = json!({ "schemaVersion": 2, "config": {}, "layers": [] });
    let index = json!({ "schemaVersion": 2, "manifests": [] });
    let both = json!({ "schemaVersion": 2, "manifests": [], "config": {}, "layers": [] });
    let of = |document: &serde_json::Value, kind: &str| Manifest::of(document.to_string().as_bytes(), kind);
    assert!(of(&image, IMAGE).is_ok());
    assert!(of(&image, &format!("{DOCKER_IMAGE}; charset=utf-8")).is_ok());
    assert!(of(&index, INDEX).is_ok());
    for kind in [IMAGE, INDEX] {
        assert!(of(&both, kind).is_err());
    }
    assert!(of(&image, INDEX).is_err());
    assert!(of(&index, IMAGE).is_err());
    assert!(of(&json!({ "schemaVersion": 2, "mediaType": INDEX, "config": {}, "layers": [] }), IMAGE).is_err());
    assert!(of(&json!({ "schemaVersion": 1, "config": {}, "layers": [] }), IMAGE).is_err());
    assert!(of(&image, "application/vnd.docker.distribution.manifest.v1+prettyjws").is_err());
    assert!(of(&image, BUNDLE).is_err());
    assert!(Manifest::of(br#"{"schemaVersion":2,"config":{},"layers":[],"layers":[]}"#, IMAGE).is_err());
}
