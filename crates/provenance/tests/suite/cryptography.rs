//! A bundle in which anything was exchanged, left out or forged.

use crate::world::{DIGEST, World, altered, build, entry, expected, says};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use countersign_provenance::ProvenanceError;
use countersign_simulators::sigstore::{Authority, Evidence, Logged, SIGNED_AT, Signing};
use serde_json::json;

#[test]
fn an_altered_statement_is_not_what_was_signed() {
    let world = World::new();
    let mut bundle = world.good();
    let envelope = &mut bundle["dsseEnvelope"];
    envelope["payload"] = altered(&envelope["payload"], |payload| payload.push(b' '));
    assert!(matches!(world.verify(&bundle), Err(ProvenanceError::Signature)));
}

#[test]
fn the_kind_of_the_payload_is_signed_as_well() {
    let world = World::new();
    for kind in ["application/json", "application/vnd.in-toto+json ", ""] {
        let mut bundle = world.good();
        bundle["dsseEnvelope"]["payloadType"] = kind.into();
        world.verify(&bundle).unwrap_err();
    }
    let mut signing = Signing::of(build(), DIGEST);
    signing.payload_type = "application/vnd.example+json".to_owned();
    says(&world.refused(&signing), "payload type");
}

#[test]
fn an_envelope_has_one_signature() {
    let world = World::new();
    let other = world.authority.attest(&build(), DIGEST).unwrap();
    let mut bundle = world.good();
    let second = other["dsseEnvelope"]["signatures"][0].clone();
    bundle["dsseEnvelope"]["signatures"].as_array_mut().unwrap().push(second);
    assert!(matches!(world.verify(&bundle), Err(ProvenanceError::Malformed(_))));
    bundle["dsseEnvelope"]["signatures"] = json!([]);
    assert!(matches!(world.verify(&bundle), Err(ProvenanceError::Malformed(_))));
}

#[test]
fn a_signature_of_another_key_is_refused() {
    let world = World::new();
    let other = world.authority.attest(&build(), DIGEST).unwrap();
    let mut bundle = world.good();
    bundle["dsseEnvelope"]["signatures"] = other["dsseEnvelope"]["signatures"].clone();
    assert!(matches!(world.verify(&bundle), Err(ProvenanceError::Signature)));
}

#[test]
fn a_certificate_of_another_authority_is_refused() {
    let world = World::new();
    let bundle = Authority::new().unwrap().attest(&build(), DIGEST).unwrap();
    world.verify(&bundle).unwrap_err();
    // Also when everything else is from the right one.
    let mut mixed = world.good();
    mixed["verificationMaterial"]["certificate"] = bundle["verificationMaterial"]["certificate"].clone();
    assert!(matches!(world.verify(&mixed), Err(ProvenanceError::Authority(_))));
}

#[test]
fn a_certificate_nobody_logged_is_refused() {
    let world = World::new();
    let mut signing = Signing::of(build(), DIGEST);
    signing.logged = Logged::No;
    let bundle = world.authority.sign(&signing).unwrap();
    assert!(matches!(world.verify(&bundle), Err(ProvenanceError::Unlogged(_))));
}

#[test]
fn a_certificate_logged_elsewhere_is_refused() {
    let world = World::new();
    let mut root = world.authority.trusted_root();
    root["ctlogs"] = Authority::new().unwrap().trusted_root()["ctlogs"].clone();
    let trust = countersign_provenance::Trust::from_json(&root.to_string()).unwrap();
    assert!(matches!(trust.verify(&world.good(), &expected()), Err(ProvenanceError::Unlogged(_))));
}

#[test]
fn a_time_outside_of_the_certificates_validity_is_refused() {
    let world = World::new();
    for evidence in [Evidence::Entry, Evidence::EntryAndStamp] {
        for signed_at in [SIGNED_AT - 1, SIGNED_AT + 601, SIGNED_AT + 86_400] {
            let signing = Signing { evidence, signed_at, ..Signing::of(build(), DIGEST) };
            let bundle = world.authority.sign(&signing).unwrap();
            let error = world.verify(&bundle).unwrap_err();
            assert!(matches!(error, ProvenanceError::Validity(_)), "{evidence:?} {signed_at}: {error}");
        }
    }
}

#[test]
fn a_signature_whose_time_nobody_proves_is_refused() {
    let world = World::new();
    let signing = Signing { evidence: Evidence::EntryWithoutTime, ..Signing::of(build(), DIGEST) };
    let mut bundle = world.authority.sign(&signing).unwrap();
    assert!(matches!(world.verify(&bundle), Err(ProvenanceError::Time(_))));
    // A time without a promise is nobody's word.
    entry(&mut bundle)["integratedTime"] = (SIGNED_AT + 5).to_string().into();
    assert!(matches!(world.verify(&bundle), Err(ProvenanceError::Time(_))));
}

#[test]
fn a_time_the_log_did_not_promise_is_refused() {
    let world = World::new();
    let mut bundle = world.good();
    entry(&mut bundle)["integratedTime"] = (SIGNED_AT + 6).to_string().into();
    assert!(matches!(world.verify(&bundle), Err(ProvenanceError::Log(_))));
}

#[test]
fn a_promise_of_another_log_is_refused() {
    let world = World::new();
    let mut other = Authority::new().unwrap().attest(&build(), DIGEST).unwrap();
    let mut bundle = world.good();
    entry(&mut bundle)["inclusionPromise"] = entry(&mut other)["inclusionPromise"].clone();
    assert!(matches!(world.verify(&bundle), Err(ProvenanceError::Log(_))));
}

#[test]
fn an_entry_of_another_signature_is_refused() {
    let world = World::new();
    let mut other = world.authority.attest(&build(), DIGEST).unwrap();
    let mut bundle = world.good();
    *entry(&mut bundle) = entry(&mut other).take();
    assert!(matches!(world.verify(&bundle), Err(ProvenanceError::Log(_))));
}

#[test]
fn a_proof_of_another_tree_is_refused() {
    let world = World::new();
    let mut other = Authority::new().unwrap().attest(&build(), DIGEST).unwrap();
    let mut bundle = world.good();
    entry(&mut bundle)["inclusionProof"] = entry(&mut other)["inclusionProof"].clone();
    assert!(matches!(world.verify(&bundle), Err(ProvenanceError::Log(_))));
}

#[test]
fn a_proof_that_was_altered_is_refused() {
    let world = World::new();
    let mut bundle = world.good();
    let hashes = &mut entry(&mut bundle)["inclusionProof"]["hashes"];
    hashes[0] = altered(&hashes[0], |hash| hash[0] ^= 1);
    assert!(matches!(world.verify(&bundle), Err(ProvenanceError::Log(_))));
}

#[test]
fn a_head_nobody_signed_is_refused() {
    let world = World::new();
    let mut other = Authority::new().unwrap().attest(&build(), DIGEST).unwrap();
    let mut bundle = world.good();
    let signed = entry(&mut bundle)["inclusionProof"]["checkpoint"]["envelope"].as_str().unwrap().to_owned();
    let theirs = entry(&mut other)["inclusionProof"]["checkpoint"]["envelope"].as_str().unwrap().to_owned();
    let (head, _) = signed.split_once("\n\n").unwrap();
    let (_, signature) = theirs.split_once("\n\n").unwrap();
    entry(&mut bundle)["inclusionProof"]["checkpoint"]["envelope"] = format!("{head}\n\n{signature}").into();
    assert!(matches!(world.verify(&bundle), Err(ProvenanceError::Log(_))));
}

#[test]
fn a_bundle_without_an_entry_or_without_its_proof_is_refused() {
    let world = World::new();
    let mut bundle = world.good();
    entry(&mut bundle).as_object_mut().unwrap().remove("inclusionProof");
    assert!(matches!(world.verify(&bundle), Err(ProvenanceError::Log(_))));
    bundle["mediaType"] = "application/vnd.dev.sigstore.bundle+json;version=0.1".into();
    assert!(matches!(world.verify(&bundle), Err(ProvenanceError::Log(_))));
    bundle["verificationMaterial"]["tlogEntries"] = json!([]);
    assert!(matches!(world.verify(&bundle), Err(ProvenanceError::Log(_))));
}

#[test]
fn a_timestamp_does_not_stand_in_for_the_log() {
    let world = World::new();
    let signing = Signing { evidence: Evidence::Stamp, ..Signing::of(build(), DIGEST) };
    let bundle = world.authority.sign(&signing).unwrap();
    assert!(matches!(world.verify(&bundle), Err(ProvenanceError::Log(_))));
}

#[test]
fn an_entry_of_the_second_version_needs_its_timestamp() {
    let world = World::new();
    let signing = Signing { evidence: Evidence::EntryAndStamp, ..Signing::of(build(), DIGEST) };
    let mut bundle = world.authority.sign(&signing).unwrap();
    let proven = world.verify(&bundle).unwrap();
    assert_eq!(proven.signed_at.as_deref(), Some("2025-06-01T10:00:05Z"));
    bundle["verificationMaterial"].as_object_mut().unwrap().remove("timestampVerificationData");
    assert!(matches!(world.verify(&bundle), Err(ProvenanceError::Time(_))));
}

#[test]
fn a_timestamp_of_another_signature_or_authority_is_refused() {
    let world = World::new();
    let signing = Signing { evidence: Evidence::EntryAndStamp, ..Signing::of(build(), DIGEST) };
    let good = world.authority.sign(&signing).unwrap();
    let same = world.authority.sign(&signing).unwrap();
    let foreign = Authority::new().unwrap().sign(&signing).unwrap();
    for other in [same, foreign] {
        let mut bundle = good.clone();
        let stamp = other["verificationMaterial"]["timestampVerificationData"].clone();
        bundle["verificationMaterial"]["timestampVerificationData"] = stamp;
        assert!(matches!(world.verify(&bundle), Err(ProvenanceError::Time(_))));
    }
}

#[test]
fn a_key_says_nothing_about_who_built_it() {
    let world = World::new();
    let mut bundle = world.good();
    let material = bundle["verificationMaterial"].as_object_mut().unwrap();
    material.remove("certificate");
    material.insert("publicKey".to_owned(), json!({ "hint": STANDARD.encode([7; 32]) }));
    assert!(matches!(world.verify(&bundle), Err(ProvenanceError::Key)));
}

#[test]
fn a_signature_over_the_artifact_itself_is_no_statement() {
    let world = World::new();
    let mut bundle = world.good();
    let bundle = bundle.as_object_mut().unwrap();
    bundle.remove("dsseEnvelope");
    let digest = STANDARD.encode([0xaa; 32]);
    bundle.insert(
        "messageSignature".to_owned(),
        json!({ "messageDigest": { "algorithm": "SHA2_256", "digest": digest }, "signature": STANDARD.encode([1; 70]) }),
    );
    let bundle = serde_json::Value::Object(bundle.clone());
    assert!(matches!(world.verify(&bundle), Err(ProvenanceError::NoStatement)));
}
