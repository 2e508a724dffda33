//! Bundles of the real Sigstore hold against the root that is compiled in, and so against ring.
//!
//! They are test data of the sigstore-verify crate (Apache-2.0), see `tests/data/README.md`.

use countersign_provenance::{Expected, ProvenanceError, Trust};
use serde_json::Value;
use sigstore_verify::trust_root::SIGSTORE_STAGING_TRUSTED_ROOT;

const CONDA: &str = include_str!("../data/conda-attestation.sigstore.json");

fn of(digest: &str) -> Expected {
    Expected {
        digest: format!("sha256:{digest}"),
        repository: "prefix-dev/rattler-build".to_owned(),
        workflow: ".github/workflows/release.yml".to_owned(),
        refs: vec!["refs/heads/main".to_owned()],
        issuer: "https://token.actions.githubusercontent.com".to_owned(),
    }
}

const PACKAGE: &str = "54303491a8418fbed24344b513546182c29b43bf282ceb433af65e2299f9271f";

fn conda() -> Value {
    serde_json::from_str(CONDA).unwrap()
}

/// All of their signatures hold; they say that something was published, and not from where it comes. The second one is
/// of Sigstore's instance for trials, in the log's second version: its heads are signed with Ed25519, its time is a
/// timestamp with SHA-384.
#[test]
fn real_bundles_hold_and_only_what_they_say_is_not_asked_for() {
    let staging = Trust::from_json(SIGSTORE_STAGING_TRUSTED_ROOT).unwrap();
    let second = include_str!("../data/conda-attestation-rekor2.sigstore.json");
    for (trust, text) in [(Trust::public_good(), CONDA), (staging, second)] {
        let bundle: Value = serde_json::from_str(text).unwrap();
        let error = trust.verify(&bundle, &of(PACKAGE)).unwrap_err();
        assert!(matches!(error, ProvenanceError::Predicate { .. }), "{error}");
    }
}

#[test]
fn a_real_bundle_that_was_altered_does_not() {
    let trust = Trust::public_good();
    let error = trust.verify(&conda(), &of(&"0".repeat(64))).unwrap_err();
    assert!(matches!(error, ProvenanceError::Artifact), "{error}");
    let mut altered = conda();
    let time = &mut altered["verificationMaterial"]["tlogEntries"][0]["integratedTime"];
    let later = time.as_str().unwrap().parse::<i64>().unwrap() + 1;
    *time = later.to_string().into();
    assert!(matches!(trust.verify(&altered, &of(PACKAGE)), Err(ProvenanceError::Log(_))));
    let mut altered = conda();
    altered["dsseEnvelope"]["payload"] = "e30=".into();
    trust.verify(&altered, &of(PACKAGE)).unwrap_err();
}
