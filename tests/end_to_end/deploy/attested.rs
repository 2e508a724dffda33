//! Who built an image: what is proven, and what is refused.

use super::world::{BEFORE, REPOSITORY, World};
use countersign::demo::world::private;
use countersign_simulators::sigstore::{Authority, Build};

const FRONT: &str = "shop/front";
const MAIN: &str = "refs/heads/main";

/// A service whose images must have been built by the release workflow of its repository.
async fn world(authority: &Authority) -> World {
    let root = authority.trusted_root().to_string();
    let folder = tempfile::tempdir().unwrap();
    let file = private(&folder.path().join("root.json"), &root).unwrap();
    let provenance = format!(
        "provenance: {{ repository: {FRONT}, workflow: .github/workflows/release.yml, refs: [{MAIN}, \"refs/tags/*\"], \
         attestations: registry, trusted_root: \"file:{}\" }}",
        file.display()
    );
    // It is read when the catalog is learnt.
    World::start(&provenance).await
}

fn release(at: &str) -> Build {
    Build::of(FRONT, "release.yml", at)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_that_the_workflow_built_is_rolled_out_and_the_card_says_who_built_it() {
    let authority = Authority::new().unwrap();
    let w = world(&authority).await;
    let digest = w.push("3.2.0");
    let build = release("refs/tags/3.2.0");
    w.registry.attach(REPOSITORY, &digest, &authority.attest(&build, &digest).unwrap());
    let id = w.asks("ann", "/deploy front dev 3.2.0").await;
    let text = w.effect(id).await.text.unwrap();
    let proven = format!(
        "proven: built by {FRONT}, .github/workflows/release.yml at refs/tags/3.2.0, from commit {}",
        build.commit
    );
    assert!(text.contains(&proven), "{text}");
    w.confirms("ann", id).await;
    w.done(id).await;
    assert_eq!(w.deployment()["metadata"]["annotations"]["countersign.dev/commit"], build.commit);
    let status = w.does("dee", "/deploy status front dev").await;
    assert!(status.contains(&proven), "{status}");
    w.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_that_nobody_or_somebody_else_built_is_refused() {
    let authority = Authority::new().unwrap();
    let w = world(&authority).await;
    let nobody = w.push("3.2.0");
    let said = w.not_shown("ann", "/deploy front dev 3.2.0").await;
    assert!(said.contains(&format!("nobody has attested who built {}…", &nobody[..19])), "{said}");
    let stranger = Authority::new().unwrap();
    let wrong = [
        ("3.2.1", &authority, Build::of("evil/front", "release.yml", MAIN), "it was built from"),
        ("3.2.2", &authority, Build::of(FRONT, "test.yml", MAIN), "it was built by"),
        ("3.2.3", &authority, release("refs/heads/feature"), "@refs/heads/feature'"),
        ("3.2.4", &stranger, release(MAIN), "not proven to be in a trusted log"),
    ];
    for (tag, signer, build, why) in wrong {
        let digest = w.push(tag);
        w.registry.attach(REPOSITORY, &digest, &signer.attest(&build, &digest).unwrap());
        let said = w.not_shown("ann", &format!("/deploy front dev {tag}")).await;
        assert!(said.contains("is not proven: ") && said.contains(why), "{tag}: {said}");
    }
    // A true attestation of another image proves nothing about this one.
    let (good, other) = (w.push("3.3.0"), w.push("3.3.1"));
    w.registry.attach(REPOSITORY, &other, &authority.attest(&release(MAIN), &good).unwrap());
    let said = w.not_shown("ann", "/deploy front dev 3.3.1").await;
    assert!(said.contains("about another artifact"), "{said}");
    assert!(w.mutations().is_empty());
    assert_eq!(w.image(), BEFORE);
    w.end().await;
}
