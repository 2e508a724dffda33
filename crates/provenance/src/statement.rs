//! What was signed: an in-toto statement about artifacts.
//!
//! **Invariant:** of a statement only the kind of claim and the digests of its subjects are used. Who built what, from
//! where, is read from the certificate: a statement's own words about that are the builder's to choose.

use crate::document;
use crate::reason::{ProvenanceError, shown};
use serde_json::Value;

/// The longest statement that is read: a thousand subjects, and the run around them.
const LONGEST_STATEMENT: usize = 1 << 20;

/// Statements are of this kind, in one of two versions.
///
/// Source: in-toto attestation framework, "Statement" (v1 and v0.1).
const STATEMENTS: [&str; 2] = ["https://in-toto.io/Statement/v1", "https://in-toto.io/Statement/v0.1"];

/// Claims about how something was built: SLSA provenance, as it is now and as older generators still write it.
///
/// Source: SLSA specification, "Provenance", v1.0 and v0.2.
const PROVENANCE: [&str; 2] = ["https://slsa.dev/provenance/v1", "https://slsa.dev/provenance/v0.2"];

/// Whether `payload` is a claim of provenance about the artifact with the SHA-256 `digest` (hexadecimal, lower case).
///
/// # Errors
/// It is none, or about something else.
pub(crate) fn check(payload: &[u8], digest: &str) -> Result<(), ProvenanceError> {
    let statement = document::read(payload, LONGEST_STATEMENT)
        .map_err(|error| ProvenanceError::Malformed(format!("its statement cannot be used: {error}")))?;
    let text = |key: &str| statement.get(key).and_then(Value::as_str).unwrap_or_default();
    if !STATEMENTS.contains(&text("_type")) {
        return Err(ProvenanceError::Malformed(format!("`{}` is no kind of statement", shown(text("_type")))));
    }
    if !PROVENANCE.contains(&text("predicateType")) {
        return Err(ProvenanceError::Predicate { found: shown(text("predicateType")) });
    }
    let subjects = statement.get("subject").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let about = |subject: &Value| subject.pointer("/digest/sha256").and_then(Value::as_str) == Some(digest);
    // A statement may be about several artifacts of one build: its signer vouches for each of them.
    if subjects.iter().any(about) { Ok(()) } else { Err(ProvenanceError::Artifact) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn of(statement: &Value) -> Result<(), ProvenanceError> {
        check(statement.to_string().as_bytes(), "aa")
    }

    fn good() -> Value {
        json!({
            "_type": STATEMENTS[0], "predicateType": PROVENANCE[0], "subject": [{ "digest": { "sha256": "aa" } }],
            "predicate": {},
        })
    }

    #[test]
    fn a_statement_names_the_artifact_by_the_hash_that_images_are_named_by() {
        of(&good()).unwrap();
        for digest in [json!({ "sha512": "aa" }), json!({ "sha256": "AA" }), json!({ "sha256": "ab" }), json!("aa")] {
            let mut other = good();
            other["subject"][0]["digest"] = digest;
            assert!(matches!(of(&other), Err(ProvenanceError::Artifact)));
        }
        for subject in [json!([]), json!({ "digest": { "sha256": "aa" } }), json!(null)] {
            let mut other = good();
            other["subject"] = subject;
            assert!(matches!(of(&other), Err(ProvenanceError::Artifact)));
        }
    }

    #[test]
    fn a_statement_says_what_it_is() {
        for kind in ["", "https://in-toto.io/Statement/v2"] {
            let mut other = good();
            other["_type"] = kind.into();
            assert!(matches!(of(&other), Err(ProvenanceError::Malformed(_))));
        }
    }
}
