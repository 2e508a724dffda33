//! An honest registry: names and tokens, tags in pages, the newest version, attestations.

use super::{Access, Kind, REPOSITORY, RegistryError, World, named, says};
use countersign_command::pattern::Pattern;
use countersign_simulators::registry::{BUNDLE, Habit, IMAGE, INDEX};
use serde_json::{Value, json};

#[tokio::test]
async fn a_tag_and_a_digest_are_resolved_through_the_proxy() {
    let world = World::open().await;
    let digest = world.registry.push_image(REPOSITORY, "v1.2.3", "one");
    let client = world.client(None);
    assert_eq!(client.resolve("v1.2.3").await.unwrap(), digest);
    assert_eq!(client.resolve(&digest).await.unwrap(), digest);
    assert!(matches!(client.resolve("v9").await, Err(RegistryError::Missing)));
    let other = format!("sha256:{}", "0".repeat(64));
    assert!(matches!(client.resolve(&other).await, Err(RegistryError::Missing)));
    assert!(world.proxy.asked().iter().all(|place| *place == world.registry.host()));
    assert_eq!(world.proxy.asked().len(), world.registry.requests().len());
    world.end().await;
}

#[tokio::test]
async fn what_is_neither_tag_nor_digest_is_not_asked_for() {
    let world = World::open().await;
    let client = world.client(None);
    for odd in ["", "../x", "a/b", "a b", "-x", ".x", "sha256:00", "a?n=1", "a#b", "a%2fb", &"x".repeat(129)] {
        assert!(matches!(client.resolve(odd).await, Err(RegistryError::Reference)), "{odd}");
    }
    assert_eq!(world.registry.requests(), []);
    world.end().await;
}

#[tokio::test]
async fn a_password_is_said_only_when_it_is_asked_for() {
    let access = Access::Basic { user: "robot".to_owned(), password: "s3cret".to_owned() };
    let world = World::of(Kind { access, ..Kind::default() }).await;
    let digest = world.registry.push_image(REPOSITORY, "v1", "one");
    let client = world.client(Some("robot:s3cret"));
    assert_eq!(client.resolve("v1").await.unwrap(), digest);
    assert_eq!(client.resolve("v1").await.unwrap(), digest);
    let said: Vec<bool> = world.registry.requests().iter().map(|request| request.with_credential).collect();
    assert_eq!(said, [false, true, true]);
    says(world.client(Some("robot:wrong")).resolve("v1").await, "does not let this job read it");
    says(world.client(None).resolve("v1").await, "does not let this job read it: authentication required");
    world.end().await;
}

#[tokio::test]
async fn a_token_is_asked_for_once_and_for_reading_this_repository_alone() {
    for (public, credential) in [(false, Some("robot:s3cret")), (true, None), (true, Some("robot:s3cret"))] {
        let world = World::of(Kind { access: named(public), ..Kind::default() }).await;
        let digest = world.registry.push_image(REPOSITORY, "v1", "one");
        let client = world.client(credential);
        assert_eq!(client.resolve("v1").await.unwrap(), digest);
        assert_eq!(client.resolve("v1").await.unwrap(), digest);
        let requests = world.registry.requests();
        let tokens: Vec<_> = requests.iter().filter(|request| request.path.starts_with("/token")).collect();
        assert_eq!(tokens.len(), 1);
        assert!(tokens[0].path.ends_with("scope=repository%3Ashop%2Fcheckout%3Apull"), "{}", tokens[0].path);
        assert_eq!(tokens[0].with_credential, credential.is_some());
        world.end().await;
    }
}

#[tokio::test]
async fn whoever_is_not_let_in_is_told() {
    let world = World::of(Kind { access: named(false), ..Kind::default() }).await;
    world.registry.push_image(REPOSITORY, "v1", "one");
    says(world.client(None).resolve("v1").await, "does not let this job read it");
    says(world.client(Some("robot:wrong")).resolve("v1").await, "does not let this job read it");
    says(world.client(Some("a-token")).resolve("v1").await, "does not let this job read it");
    world.end().await;
    let world = World::of(Kind { access: Access::Fixed("a-token".to_owned()), ..Kind::default() }).await;
    let digest = world.registry.push_image(REPOSITORY, "v1", "one");
    assert_eq!(world.client(Some("a-token")).resolve("v1").await.unwrap(), digest);
    world.end().await;
}

#[tokio::test]
async fn the_newest_version_that_is_allowed_is_found_over_all_pages() {
    let world = World::of(Kind { page: 2, ..Kind::default() }).await;
    for tag in ["latest", "main", "v1.9.0", "v1.10.0", "v1.2.3", "v2.0.0-rc.1", "v0.1.0", "w3.0.0"] {
        world.registry.push_image(REPOSITORY, tag, tag);
    }
    let client = world.client(None);
    let newest = async |pattern: &str| client.newest(&Pattern::new(pattern).unwrap()).await.unwrap();
    let digest = client.resolve("v1.10.0").await.unwrap();
    assert_eq!(newest("v.*").await, Some(("v1.10.0".to_owned(), digest)));
    assert_eq!(newest(r"v1\.\d\.\d").await.unwrap().0, "v1.9.0");
    assert_eq!(newest("v2.*").await.unwrap().0, "v2.0.0-rc.1");
    assert_eq!(newest("main|latest").await, None);
    assert_eq!(newest("v7.*").await, None);
    world.end().await;
}

#[tokio::test]
async fn two_tags_of_one_version_must_be_the_same_image() {
    let world = World::open().await;
    let digest = world.registry.push_image(REPOSITORY, "v1.2.3", "one");
    world.registry.push_image(REPOSITORY, "1.2.3", "one");
    let all = Pattern::new(".*").unwrap();
    assert_eq!(world.client(None).newest(&all).await.unwrap().unwrap().1, digest);
    world.registry.push_image(REPOSITORY, "1.2.3", "two");
    says(world.client(None).newest(&all).await, "`1.2.3` and `v1.2.3` are the same version and different images");
    world.end().await;
}

#[tokio::test]
async fn a_repository_that_is_not_there_is_missing() {
    let world = World::open().await;
    assert!(matches!(world.client(None).newest(&Pattern::new(".*").unwrap()).await, Err(RegistryError::Missing)));
    assert_eq!(
        world.client(None).attestations(&format!("sha256:{}", "0".repeat(64))).await.unwrap(),
        Vec::<Value>::new()
    );
    world.end().await;
}

#[tokio::test]
async fn attestations_are_found_with_and_without_an_interface_for_them() {
    for referrers in [true, false] {
        let world = World::of(Kind { referrers, ..Kind::default() }).await;
        let digest = world.registry.push_image(REPOSITORY, "v1", "one");
        let other = world.registry.push_image(REPOSITORY, "v2", "two");
        let client = world.client(None);
        assert_eq!(client.attestations(&digest).await.unwrap(), Vec::<Value>::new());
        let (one, two) = (json!({ "bundle": 1 }), json!({ "bundle": 2 }));
        world.registry.attach(REPOSITORY, &digest, &one);
        world.registry.attach(REPOSITORY, &digest, &two);
        world.registry.attach(REPOSITORY, &other, &json!({ "bundle": 3 }));
        let mut found = client.attestations(&digest).await.unwrap();
        found.sort_by_key(ToString::to_string);
        assert_eq!(found, [one, two], "referrers: {referrers}");
        world.end().await;
    }
}

#[tokio::test]
async fn a_registry_may_say_in_several_ways_that_it_has_no_interface_for_referrers() {
    for status in [303, 400, 404, 405, 501] {
        let world = World::open().await;
        let digest = world.registry.push_image(REPOSITORY, "v1", "one");
        let artifact = world.registry.attach(REPOSITORY, &digest, &json!({ "bundle": 1 }));
        let listed = json!({ "mediaType": IMAGE, "digest": artifact, "size": 1, "artifactType": BUNDLE });
        let index = json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": [listed] });
        let tag = digest.replace(':', "-");
        world.registry.push_manifest(REPOSITORY, &tag, INDEX, index.to_string().as_bytes());
        world.registry.misbehave(Habit::NoReferrers(status));
        assert_eq!(world.client(None).attestations(&digest).await.unwrap(), [json!({ "bundle": 1 })], "{status}");
        assert!(world.proxy.asked().iter().all(|place| *place == world.registry.host()));
        world.end().await;
    }
    let world = World::open().await;
    let digest = world.registry.push_image(REPOSITORY, "v1", "one");
    world.registry.misbehave(Habit::NoReferrers(500));
    says(world.client(None).attestations(&digest).await, "the registry answered 500");
    world.end().await;
}

#[tokio::test]
async fn a_blob_is_fetched_from_another_host_of_the_registry_without_the_credential() {
    let access = Access::Basic { user: "robot".to_owned(), password: "s3cret".to_owned() };
    let world = World::of(Kind { access, storage: true, ..Kind::default() }).await;
    let digest = world.registry.push_image(REPOSITORY, "v1", "one");
    world.registry.attach(REPOSITORY, &digest, &json!({ "bundle": 1 }));
    let client = world.client_of(Some("robot:s3cret"), vec![world.registry.storage().unwrap()]);
    assert_eq!(client.attestations(&digest).await.unwrap(), [json!({ "bundle": 1 })]);
    let there: Vec<bool> =
        world.registry.requests().iter().filter(|request| request.storage).map(|it| it.with_credential).collect();
    assert_eq!(there, [false]);
    world.end().await;
}

#[tokio::test]
async fn what_refers_to_an_image_and_is_no_bundle_is_left_alone() {
    let world = World::open().await;
    let digest = world.registry.push_image(REPOSITORY, "v1", "one");
    let (config, size) = world.registry.push_blob(REPOSITORY, b"{}");
    let config = json!({ "mediaType": "application/vnd.oci.empty.v1+json", "digest": config, "size": size });
    let sbom = json!({
        "schemaVersion": 2, "mediaType": IMAGE, "artifactType": "application/spdx+json", "config": config,
        "layers": [config], "subject": { "mediaType": IMAGE, "digest": digest, "size": 1 },
    });
    world.registry.attach_artifact(REPOSITORY, &digest, &sbom);
    assert_eq!(world.client(None).attestations(&digest).await.unwrap(), Vec::<Value>::new());
    assert!(!world.registry.requests().iter().any(|request| request.path.contains("/blobs/")));
    world.end().await;
}

#[tokio::test]
async fn one_attestation_that_cannot_be_read_does_not_hide_another() {
    let world = World::open().await;
    let digest = world.registry.push_image(REPOSITORY, "v1", "one");
    let (config, size) = world.registry.push_blob(REPOSITORY, b"{}");
    let config = json!({ "mediaType": "application/vnd.oci.empty.v1+json", "digest": config, "size": size });
    let (layer, size) = world.registry.push_blob(REPOSITORY, br#"{"a":1,"a":2}"#);
    let layer = |size: usize| json!({ "mediaType": BUNDLE, "digest": layer, "size": size });
    let broken = |layers: Value| {
        json!({
            "schemaVersion": 2, "mediaType": IMAGE, "artifactType": BUNDLE, "config": config, "layers": layers,
            "subject": { "mediaType": IMAGE, "digest": digest, "size": 1 },
        })
    };
    let cases = [
        (broken(json!([layer(size)])), "twice"),
        (broken(json!([layer(size), layer(size)])), "not one layer"),
        (broken(json!([layer(5 << 20)])), "too long"),
        (broken(json!([layer(3)])), "longer than"),
        (broken(json!([config])), "an attestation holds a `application/vnd.oci.empty.v1+json`"),
    ];
    for (artifact, words) in cases {
        let world = World::open().await;
        for blob in [&b"{}"[..], br#"{"a":1,"a":2}"#] {
            world.registry.push_blob(REPOSITORY, blob);
        }
        world.registry.attach_artifact(REPOSITORY, &digest, &artifact);
        says(world.client(None).attestations(&digest).await, words);
        world.registry.attach(REPOSITORY, &digest, &json!({ "good": true }));
        assert_eq!(world.client(None).attestations(&digest).await.unwrap(), [json!({ "good": true })]);
        world.end().await;
    }
    world.end().await;
}

#[tokio::test]
async fn an_index_is_an_image_as_well() {
    let world = World::open().await;
    let image = world.registry.push_image(REPOSITORY, "amd64", "one");
    let index = json!({
        "schemaVersion": 2, "mediaType": INDEX,
        "manifests": [{ "mediaType": IMAGE, "digest": image, "size": 1, "platform": { "architecture": "amd64", "os": "linux" } }],
    });
    let digest = world.registry.push_manifest(REPOSITORY, "v1", INDEX, index.to_string().as_bytes());
    assert_eq!(world.client(None).resolve("v1").await.unwrap(), digest);
    world.end().await;
}
