//! Bundles that are too long, too deep, say things twice, or are none.

use crate::world::{DIGEST, World, build, says};
use countersign_provenance::ProvenanceError;
use countersign_simulators::sigstore::{Signing, provenance};
use serde_json::{Value, json};

#[test]
fn what_is_no_bundle_is_refused() {
    let world = World::new();
    for odd in [json!(null), json!({}), json!([]), json!("x"), json!({ "mediaType": "application/json" })] {
        assert!(matches!(world.verify(&odd), Err(ProvenanceError::Malformed(_))), "{odd}");
    }
    let mut bundle = world.good();
    bundle["mediaType"] = "application/vnd.dev.sigstore.bundle.v9+json".into();
    assert!(matches!(world.verify(&bundle), Err(ProvenanceError::Malformed(_))));
}

#[test]
fn a_bundle_is_bounded() {
    let world = World::new();
    let mut bundle = world.good();
    bundle["dsseEnvelope"]["payload"] = "A".repeat(5 << 20).into();
    says(&world.verify(&bundle).unwrap_err().to_string(), "longer than");
    let mut bundle = world.good();
    let entry = bundle["verificationMaterial"]["tlogEntries"][0].clone();
    bundle["verificationMaterial"]["tlogEntries"] = Value::Array(vec![entry; 17]);
    says(&world.verify(&bundle).unwrap_err().to_string(), "more than 16 proofs");
}

#[test]
fn a_signed_statement_that_says_something_twice_is_refused() {
    let world = World::new();
    let good = provenance(&build(), &[DIGEST]).to_string();
    let twice = good.replacen('{', r#"{"predicateType":"https://spdx.dev/Document","#, 1);
    let deep =
        good.replacen(r#""predicate":{"#, &format!(r#""predicate":{{"x":{}{},"#, "[".repeat(200), "]".repeat(200)), 1);
    let within = good.replacen(r#""buildDefinition":{"#, r#""buildDefinition":{"buildType":1,"#, 1);
    for odd in [twice, deep, within, "[]".to_owned(), "\"x\"".to_owned(), String::new()] {
        let mut signing = Signing::of(build(), DIGEST);
        signing.payload = odd.into_bytes();
        let bundle = world.authority.sign(&signing).unwrap();
        assert!(matches!(world.verify(&bundle), Err(ProvenanceError::Malformed(_))));
    }
}

#[test]
fn foreign_words_in_a_sentence_are_plain() {
    let world = World::new();
    let mut statement = provenance(&build(), &[DIGEST]);
    statement["predicateType"] = "a`b\n\u{202e}<https://evil>".into();
    let mut signing = Signing::of(build(), DIGEST);
    signing.payload = statement.to_string().into_bytes();
    says(&world.refused(&signing), "`a'b??<https://evil>`");
}
