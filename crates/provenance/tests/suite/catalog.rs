//! A true bundle of somebody else, or of another run, proves nothing.

use crate::world::{DIGEST, OTHER, World, build, expected, says};
use countersign_provenance::{Expected, ProvenanceError};
use countersign_simulators::sigstore::{Build, Signing, provenance};

#[test]
fn what_the_certificate_says_is_what_is_proven() {
    let world = World::new();
    let proven = world.verify(&world.good()).unwrap();
    assert_eq!(proven.repository, "shop/checkout");
    assert_eq!(proven.workflow, ".github/workflows/release.yml");
    assert_eq!(proven.r#ref, "refs/heads/main");
    assert_eq!(proven.commit, build().commit);
    assert_eq!(proven.run.as_deref(), Some("https://github.com/shop/checkout/actions/runs/123456/attempts/1"));
    assert_eq!(proven.signed_at.as_deref(), Some("2025-06-01T10:00:05Z"));
}

#[test]
fn a_bundle_about_another_artifact_is_refused() {
    let world = World::new();
    let bundle = world.authority.attest(&build(), OTHER).unwrap();
    assert!(matches!(world.verify(&bundle), Err(ProvenanceError::Artifact)));
}

#[test]
fn a_statement_may_be_about_several_artifacts_if_one_is_this() {
    let world = World::new();
    let mut signing = Signing::of(build(), DIGEST);
    signing.payload = provenance(&build(), &[OTHER, DIGEST]).to_string().into_bytes();
    assert!(world.verify(&world.authority.sign(&signing).unwrap()).is_ok());
    signing.payload = provenance(&build(), &[OTHER, OTHER]).to_string().into_bytes();
    says(&world.refused(&signing), "another artifact");
}

#[test]
fn a_digest_of_another_kind_or_place_is_not_the_subject() {
    let world = World::new();
    let hex = DIGEST.strip_prefix("sha256:").unwrap();
    for (key, value) in [("sha1", hex), ("gitCommit", hex), ("sha256", &hex[..63]), ("sha256", "")] {
        let mut statement = provenance(&build(), &[OTHER]);
        statement["subject"][0] = serde_json::json!({ "name": DIGEST, "digest": { key: value } });
        statement["predicate"]["subject"] = provenance(&build(), &[DIGEST])["subject"].clone();
        let mut signing = Signing::of(build(), DIGEST);
        signing.payload = statement.to_string().into_bytes();
        world.refused(&signing);
    }
}

#[test]
fn another_repository_is_another_one_however_alike() {
    let world = World::new();
    for other in [
        "shop/checkout2",
        "shop/check",
        "evil/checkout",
        "shop/checkout/x",
        "xshop/checkout",
        "Shop/Checkout",
        "shop.checkout",
        "shop/checkout%2f",
        "shop/checkout.git",
    ] {
        let mut build = build();
        build.repository = other.to_owned();
        says(&world.refused_build(build), &format!("it was built from `https://github.com/{other}`, not from"));
    }
}

#[test]
fn a_fork_builds_with_the_same_workflow_and_is_refused() {
    let world = World::new();
    says(&world.refused_build(Build::of("mallory/checkout", "release.yml", "refs/heads/main")), "mallory/checkout");
}

#[test]
fn another_forge_is_another_place() {
    let world = World::new();
    for server in ["https://github.com.evil.example", "http://github.com", "https://ghe.example.com"] {
        let mut build = build();
        build.server = server.to_owned();
        says(&world.refused_build(build), "it was built from");
    }
}

#[test]
fn a_ref_nobody_allowed_is_refused() {
    let world = World::new();
    for other in [
        "refs/pull/7/merge",
        "refs/pull/7/head",
        "refs/heads/main2",
        "refs/heads/mai",
        "refs/heads/main/x",
        "refs/tags/v1/x",
        "refs/tags/../heads/evil",
        "refs/tags/",
        "main",
        "refs/heads/refs/heads/main",
    ] {
        let build = Build { r#ref: other.to_owned(), ..build() };
        says(&world.refused_build(build), &format!("it was built from `{other}`, and only `refs/heads/main`"));
    }
    let tag = Build::of("shop/checkout", "release.yml", "refs/tags/v1.2.3");
    let proven = world.verify(&world.authority.attest(&tag, DIGEST).unwrap()).unwrap();
    assert_eq!(proven.r#ref, "refs/tags/v1.2.3");
}

#[test]
fn a_pull_request_of_a_stranger_must_not_build_in_the_name_of_its_target() {
    let world = World::new();
    let build = Build { trigger: "pull_request_target".to_owned(), ..build() };
    says(&world.refused_build(build), "`pull_request_target`, which may build what nobody merged");
}

#[test]
fn another_workflow_of_the_repository_is_refused() {
    let world = World::new();
    for file in ["test.yml", "release.yml.yml", "release.yaml", "sub/release.yml"] {
        says(
            &world.refused_build(Build::of("shop/checkout", file, "refs/heads/main")),
            "it was built by `shop/checkout/",
        );
    }
}

#[test]
fn a_workflow_at_a_ref_nobody_allowed_is_refused_though_the_caller_is_allowed() {
    let world = World::new();
    for at in ["refs/heads/evil", "refs/pull/7/merge", "0123456789012345678901234567890123456789"] {
        let workflow = format!("shop/checkout/.github/workflows/release.yml@{at}");
        says(&world.refused_build(Build { workflow, ..build() }), "the workflow that built it is");
    }
}

#[test]
fn a_reusable_workflow_of_another_repository_has_to_be_named_in_full() {
    let world = World::new();
    let shared = "builders/shared/.github/workflows/release.yml@refs/tags/v2";
    let run = Build { workflow: shared.to_owned(), ..build() };
    let bundle = world.authority.attest(&run, DIGEST).unwrap();
    says(&world.verify(&bundle).unwrap_err().to_string(), "a reusable workflow of another repository");
    let named = |workflow: &str| Expected { workflow: workflow.to_owned(), ..expected() };
    let proven = world.trust.verify(&bundle, &named(shared)).unwrap();
    assert_eq!((proven.workflow.as_str(), proven.repository.as_str()), (shared, "shop/checkout"));
    world.trust.verify(&bundle, &named("builders/shared/.github/workflows/release.yml@refs/tags/v*")).unwrap();
    let commit = "0123456789abcdef0123456789abcdef01234567";
    let by_commit = format!("builders/shared/.github/workflows/release.yml@{commit}");
    let run = Build { workflow: by_commit.clone(), ..build() };
    let pinned = world.authority.attest(&run, DIGEST).unwrap();
    world.trust.verify(&pinned, &named(&by_commit)).unwrap();
    world.trust.verify(&pinned, &named(shared)).unwrap_err();
    world.trust.verify(&bundle, &named(&by_commit)).unwrap_err();
    for other in [
        "builders/shared/.github/workflows/release.yml",
        "builders/shared/.github/workflows/release.yml@refs/tags/v3",
        "builders/shared/.github/workflows/other.yml@refs/tags/v2",
    ] {
        world.trust.verify(&bundle, &named(other)).unwrap_err();
    }
    for odd in ["release.yml@refs/tags/v2", "release.yml", "a/b/release.yml@refs/tags/v2"] {
        says(&world.trust.verify(&bundle, &named(odd)).unwrap_err().to_string(), "the expected workflow");
    }
}

#[test]
fn somebody_elses_word_for_the_run_is_refused() {
    let world = World::new();
    for issuer in [
        "https://accounts.google.com",
        "https://gitlab.com",
        "https://token.actions.githubusercontent.com.evil.example",
        "https://token.actions.githubusercontent.com/acme",
    ] {
        let build = Build { issuer: issuer.to_owned(), ..build() };
        says(&world.refused_build(build), &format!("the run is vouched for by `{issuer}`"));
    }
}

#[test]
fn every_claim_that_is_compared_has_to_be_there() {
    let world = World::new();
    for (number, name) in
        [(8, "vouches"), (9, "workflow"), (12, "repository"), (13, "commit"), (14, "ref"), (20, "started")]
    {
        let build = Build { without: vec![number], ..build() };
        says(&world.refused_build(build), name);
    }
    assert!(
        world
            .verify(&world.authority.attest(&Build { without: vec![21], ..build() }, DIGEST).unwrap())
            .unwrap()
            .run
            .is_none()
    );
    says(&world.refused_build(Build { commit: "main".to_owned(), ..build() }), "a commit in full");
}

#[test]
fn whom_the_certificate_is_for_and_who_signed_are_one() {
    let world = World::new();
    let foreign = "https://github.com/mallory/checkout/.github/workflows/release.yml@refs/heads/main";
    let build = Build { instead: vec![(9, foreign.to_owned())], ..build() };
    says(&world.refused_build(build), "one workflow as its subject and as its signer");
}

#[test]
fn a_link_to_a_run_is_one_of_the_repository() {
    let world = World::new();
    let repository = "https://github.com/shop/checkout";
    for odd in [
        "https://evil.example/actions/runs/1".to_owned(),
        format!("{repository}2/actions/runs/1"),
        format!("{repository}/actions/runs/1?x=<@U1>"),
        format!("{repository}/actions/runs/../../settings"),
    ] {
        let build = Build { instead: vec![(21, odd)], ..build() };
        let proven = world.verify(&world.authority.attest(&build, DIGEST).unwrap()).unwrap();
        assert_eq!(proven.run, None);
    }
}

#[test]
fn the_statement_is_not_believed_about_who_built_it() {
    let world = World::new();
    let foreign = Build::of("mallory/checkout", "release.yml", "refs/heads/main");
    let mut signing = Signing::of(foreign, DIGEST);
    signing.payload = provenance(&build(), &[DIGEST]).to_string().into_bytes();
    says(&world.refused(&signing), "it was built from `https://github.com/mallory/checkout`");
}

#[test]
fn a_statement_about_something_else_is_no_provenance() {
    let world = World::new();
    for kind in [
        "https://spdx.dev/Document/v2.3",
        "https://in-toto.io/attestation/release/v0.1",
        "https://slsa.dev/provenance/v1x",
        "",
    ] {
        let mut statement = provenance(&build(), &[DIGEST]);
        statement["predicateType"] = kind.into();
        let mut signing = Signing::of(build(), DIGEST);
        signing.payload = statement.to_string().into_bytes();
        says(&world.refused(&signing), &format!("it is a `{kind}`"));
    }
    let mut statement = provenance(&build(), &[DIGEST]);
    statement["predicateType"] = "https://slsa.dev/provenance/v0.2".into();
    statement["_type"] = "https://in-toto.io/Statement/v0.1".into();
    let mut signing = Signing::of(build(), DIGEST);
    signing.payload = statement.to_string().into_bytes();
    world.verify(&world.authority.sign(&signing).unwrap()).unwrap();
}

#[test]
fn a_server_of_an_enterprise_is_its_own_forge() {
    let world = World::new();
    for (issuer, server) in [
        ("https://ghe.example.com/_services/token", "https://ghe.example.com"),
        ("https://token.actions.acme.ghe.com", "https://acme.ghe.com"),
        ("https://token.actions.githubusercontent.com/acme", "https://github.com"),
    ] {
        let run = Build { issuer: issuer.to_owned(), server: server.to_owned(), ..build() };
        let bundle = world.authority.attest(&run, DIGEST).unwrap();
        let theirs = Expected { issuer: issuer.to_owned(), ..expected() };
        world.trust.verify(&bundle, &theirs).unwrap();
        let elsewhere = Build { server: "https://evil.example".to_owned(), ..run };
        let bundle = world.authority.attest(&elsewhere, DIGEST).unwrap();
        says(&world.trust.verify(&bundle, &theirs).unwrap_err().to_string(), "https://evil.example/shop/checkout");
    }
    let run = Build { issuer: "https://gitlab.example.com".to_owned(), ..build() };
    let bundle = world.authority.attest(&run, DIGEST).unwrap();
    let odd = Expected { issuer: run.issuer, ..expected() };
    says(&world.trust.verify(&bundle, &odd).unwrap_err().to_string(), "the expected issuer");
}

#[test]
fn an_expectation_that_is_none_matches_nothing() {
    let world = World::new();
    let bundle = world.good();
    for digest in ["", "sha256:", "sha512:aa", &DIGEST.replace('a', "A").replace("shA", "sha"), &DIGEST[..70], "aaaa"] {
        let odd = Expected { digest: digest.to_owned(), ..expected() };
        says(&world.trust.verify(&bundle, &odd).unwrap_err().to_string(), "the expected digest");
    }
    let nothing = Expected { refs: Vec::new(), ..expected() };
    world.trust.verify(&bundle, &nothing).unwrap_err();
}
