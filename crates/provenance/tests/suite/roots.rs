//! Whom to believe: which roots are taken, and what each one asks of a bundle.

use crate::world::{DIGEST, World, build, expected};
use countersign_provenance::{ProvenanceError, Trust, TrustError};
use countersign_simulators::sigstore::{Authority, Evidence, Logged, SIGNED_AT, Signing};
use serde_json::json;

fn private(signed_at: i64) -> Signing {
    Signing { evidence: Evidence::Stamp, logged: Logged::No, signed_at, ..Signing::of(build(), DIGEST) }
}

#[test]
fn a_root_without_logs_believes_a_timestamp_and_nothing_less() {
    let world = World::new();
    let trust = Trust::from_json(&world.authority.private_root().to_string()).unwrap();
    let bundle = world.authority.sign(&private(SIGNED_AT + 5)).unwrap();
    let proven = trust.verify(&bundle, &expected()).unwrap();
    assert_eq!(proven.signed_at.as_deref(), Some("2025-06-01T10:00:05Z"));
    let late = world.authority.sign(&private(SIGNED_AT + 601)).unwrap();
    assert!(matches!(trust.verify(&late, &expected()), Err(ProvenanceError::Validity(_))));
    // Its log is nobody's: neither its time nor its entry counts.
    assert!(trust.verify(&world.good(), &expected()).is_err());
    let mut none = bundle;
    none["verificationMaterial"].as_object_mut().unwrap().remove("timestampVerificationData");
    trust.verify(&none, &expected()).unwrap_err();
}

#[test]
fn several_roots_are_believed_one_at_a_time() {
    let (ours, theirs) = (Authority::new().unwrap(), Authority::new().unwrap());
    let trust = Trust::from_json(&format!("{}\n{}\n", ours.trusted_root(), theirs.private_root())).unwrap();
    trust.verify(&ours.attest(&build(), DIGEST).unwrap(), &expected()).unwrap();
    trust.verify(&theirs.sign(&private(SIGNED_AT)).unwrap(), &expected()).unwrap();
    // What one root asks for is not waived because another one does not.
    let lax = ours.sign(&private(SIGNED_AT)).unwrap();
    trust.verify(&lax, &expected()).unwrap_err();
    // The root that knows the certificate has the reason, whichever comes first.
    let mut unlogged = Signing::of(build(), DIGEST);
    unlogged.logged = Logged::No;
    let bundle = ours.sign(&unlogged).unwrap();
    let turned =
        Trust::from_json(&format!("{}\n{}", Authority::new().unwrap().trusted_root(), ours.trusted_root())).unwrap();
    for trust in [&trust, &turned] {
        let error = trust.verify(&bundle, &expected()).unwrap_err();
        assert!(matches!(error, ProvenanceError::Unlogged(_)), "{error}");
    }
}

#[test]
fn a_root_has_to_be_one() {
    let world = World::new();
    for text in ["", "{", "null", "{}", "[1]", "not json"] {
        Trust::from_json(text).unwrap_err();
    }
    let without = |keys: &[&str]| {
        let mut root = world.authority.trusted_root();
        for key in keys {
            root[*key] = json!([]);
        }
        Trust::from_json(&root.to_string())
    };
    assert!(matches!(without(&["certificateAuthorities"]), Err(TrustError::Incomplete(_))));
    assert!(matches!(without(&["tlogs", "timestampAuthorities"]), Err(TrustError::Incomplete(_))));
    let many = format!("{}\n", world.authority.trusted_root()).repeat(9);
    assert!(matches!(Trust::from_json(&many), Err(TrustError::Malformed(_))));
}

#[test]
fn an_authority_whose_time_is_over_is_not_believed() {
    let world = World::new();
    let mut root = world.authority.trusted_root();
    let over = json!({ "start": "2025-01-01T00:00:00Z", "end": "2025-05-01T00:00:00Z" });
    root["certificateAuthorities"][0]["validFor"] = over.clone();
    let trust = Trust::from_json(&root.to_string()).unwrap();
    assert!(matches!(trust.verify(&world.good(), &expected()), Err(ProvenanceError::Validity(_))));
    let mut root = world.authority.trusted_root();
    root["tlogs"][0]["publicKey"]["validFor"] = over;
    let trust = Trust::from_json(&root.to_string()).unwrap();
    assert!(matches!(trust.verify(&world.good(), &expected()), Err(ProvenanceError::Log(_))));
}
