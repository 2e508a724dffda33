//! Whom we believe, and whether a bundle holds against them.
//!
//! **Invariant:** what a root has, a bundle needs: under a root with a certificate log the certificate was logged, under
//! one with a signature log the signature was. Under a root without (GitHub's own, for private repositories) the time
//! comes from one of its timestamp authorities. There is no fallback to the clock.

use crate::reason::{ProvenanceError, shown};
use crate::{Expected, Proven, backend, claims, statement};
use serde_json::Value;
use sigstore_verify::trust_root::{SIGSTORE_PRODUCTION_TRUSTED_ROOT, TrustedRoot};
use sigstore_verify::types::bundle::VerificationMaterialContent;
use sigstore_verify::types::{ArtifactDigest, Bundle, Sha256Hash, SignatureContent};
use sigstore_verify::{VerificationPolicy, VerificationResult, Verifier};
use std::fmt;

/// The longest bundle that is read, written as JSON. GitHub's are about twelve KiB.
const LONGEST_BUNDLE: usize = 1 << 20;

/// The most log entries and timestamps a bundle may bring: each one costs signatures.
const MOST_PROOFS: usize = 16;

/// The most roots that are believed at once.
const MOST_ROOTS: usize = 8;

/// What a bundle without an entry is, most of the time.
///
/// Source: GitHub Docs, "Artifact attestations", on private repositories.
const PRIVATE: &str = "it has no entry of any log; GitHub signs so for private repositories, and is believed where the \
                       catalog's `trusted_root` is GitHub's own";

/// One or several roots; a bundle has to hold against one of them, entirely.
pub struct Trust {
    roots: Vec<Root>,
}

struct Root {
    verifier: Verifier,
    policy: VerificationPolicy,
}

/// Why a trusted root cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// It is not a Sigstore `TrustedRoot`, nor several of them, one a line.
    #[error("it is not a Sigstore trusted root: {0}")]
    Malformed(String),
    /// It says whom to believe about too little.
    #[error("it has no {0}")]
    Incomplete(&'static str),
}

impl Trust {
    /// Sigstore's public-good instance, which signs for public repositories, as it was when this program was built.
    #[must_use]
    pub fn public_good() -> Self {
        Self::from_json(SIGSTORE_PRODUCTION_TRUSTED_ROOT).expect("the root that is compiled in is a root")
    }

    /// A Sigstore `TrustedRoot`, or several, one a line (as `gh attestation trusted-root` prints them).
    ///
    /// # Errors
    /// It is none, or it names no certificate authority, or nobody who could say when something was signed.
    pub fn from_json(text: &str) -> Result<Self, TrustError> {
        backend::install();
        let documents: Vec<Value> = serde_json::Deserializer::from_str(text)
            .into_iter()
            .take(MOST_ROOTS + 1)
            .collect::<Result<_, _>>()
            .map_err(|error| TrustError::Malformed(shown(&error.to_string())))?;
        if documents.len() > MOST_ROOTS {
            return Err(TrustError::Malformed(format!("there are more than {MOST_ROOTS}")));
        }
        let roots = documents.iter().map(Root::from_json).collect::<Result<Vec<_>, _>>()?;
        if roots.is_empty() { Err(TrustError::Incomplete("root")) } else { Ok(Self { roots }) }
    }

    /// Whether `bundle` proves that the artifact was built by whom `expected` allows.
    ///
    /// # Errors
    /// It does not; the first reason.
    pub fn verify(&self, bundle: &Value, expected: &Expected) -> Result<Proven, ProvenanceError> {
        let digest = expected.digest.strip_prefix("sha256:").filter(|hex| is_digest(hex));
        let digest = digest.ok_or(ProvenanceError::Expectation("digest"))?;
        let artifact = Sha256Hash::from_hex(digest).map_err(|_| ProvenanceError::Expectation("digest"))?;
        let bundle = parse(bundle)?;
        let mut reason: Option<ProvenanceError> = None;
        for root in &self.roots {
            match root.verify(&bundle, artifact.into()) {
                Ok(result) => {
                    statement(&bundle, digest)?;
                    return proven(&result, expected);
                }
                Err(error) if reason.as_ref().is_some_and(|known| known.knowledge() >= error.knowledge()) => {}
                Err(error) => reason = Some(error),
            }
        }
        Err(reason.unwrap_or(ProvenanceError::Authority("nobody is trusted".to_owned())))
    }
}

impl fmt::Debug for Trust {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.debug_struct("Trust").field("roots", &self.roots.len()).finish_non_exhaustive()
    }
}

impl Root {
    fn from_json(document: &Value) -> Result<Self, TrustError> {
        let malformed = |error: &dyn fmt::Display| TrustError::Malformed(shown(&error.to_string()));
        let root = TrustedRoot::from_json(&document.to_string()).map_err(|error| malformed(&error))?;
        if root.certificate_authorities.is_empty() {
            return Err(TrustError::Incomplete("certificate authority"));
        }
        let mut policy = VerificationPolicy::any_identity();
        if root.tlogs.is_empty() {
            if root.timestamp_authorities.is_empty() {
                return Err(TrustError::Incomplete("transparency log and no timestamp authority"));
            }
            policy = policy.skip_tlog_unsafe();
        }
        if root.ctlogs.is_empty() {
            policy = policy.skip_sct();
        }
        let verifier = Verifier::new(&root).map_err(|error| malformed(&error))?;
        Ok(Self { verifier, policy })
    }

    fn verify(&self, bundle: &Bundle, artifact: ArtifactDigest) -> Result<VerificationResult, ProvenanceError> {
        let entries = &bundle.verification_material.tlog_entries;
        if self.policy.verifies_tlog() && entries.is_empty() {
            return Err(ProvenanceError::Log(PRIVATE.to_owned()));
        }
        // The oldest bundles may have a log's promise alone; a proof is what everybody can compute again.
        if self.policy.verifies_tlog() && entries.iter().any(|entry| entry.inclusion_proof.is_none()) {
            return Err(ProvenanceError::Log("there is no proof of inclusion".to_owned()));
        }
        self.verifier.verify(artifact, bundle, &self.policy).map_err(|error| ProvenanceError::of(&error))
    }
}

/// A bundle that can be what is looked for, before anything is computed.
fn parse(bundle: &Value) -> Result<Bundle, ProvenanceError> {
    let text = bundle.to_string();
    if text.len() > LONGEST_BUNDLE {
        return Err(ProvenanceError::Malformed(format!("it is longer than {} MiB", LONGEST_BUNDLE >> 20)));
    }
    let bundle = Bundle::from_json(&text).map_err(|error| ProvenanceError::Malformed(shown(&error.to_string())))?;
    let material = &bundle.verification_material;
    let stamps = material.timestamp_verification_data.rfc3161_timestamps.len();
    if material.tlog_entries.len() > MOST_PROOFS || stamps > MOST_PROOFS {
        return Err(ProvenanceError::Malformed(format!("it has more than {MOST_PROOFS} proofs")));
    }
    if matches!(material.content, VerificationMaterialContent::PublicKey(_)) {
        return Err(ProvenanceError::Key);
    }
    match bundle.content {
        SignatureContent::DsseEnvelope(_) => Ok(bundle),
        _ => Err(ProvenanceError::NoStatement),
    }
}

/// Whether what was signed is provenance, and about this artifact.
fn statement(bundle: &Bundle, digest: &str) -> Result<(), ProvenanceError> {
    let SignatureContent::DsseEnvelope(envelope) = &bundle.content else { return Err(ProvenanceError::NoStatement) };
    statement::check(envelope.payload.as_bytes(), digest)
}

/// Who built it, if the bundle held, and if that is who should.
fn proven(result: &VerificationResult, expected: &Expected) -> Result<Proven, ProvenanceError> {
    let certificate = result.certificate().filter(|_| result.certificate_verified()).ok_or(ProvenanceError::Key)?;
    let proven = claims::check(certificate, expected)?;
    let signed_at = result.verified_timestamps().iter().min().map(ToString::to_string);
    Ok(Proven { signed_at, ..proven })
}

fn is_digest(hex: &str) -> bool {
    hex.len() == 64 && hex.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use sigstore_verify::types::HashAlgorithm;

    /// The provenance of `sigstore` 2.0.0 on npm, which names its artifact by another hash than images are named by;
    /// everything below that question can be asked.
    #[test]
    fn the_provenance_of_a_real_package_holds_and_says_who_built_it() {
        let text = include_str!("../tests/data/sigstore-js-2.0.0-provenance.sigstore.json");
        let bundle = parse(&serde_json::from_str(text).unwrap()).unwrap();
        let digest = "46d4e2f74c4877316640000a6fdf8a8b59f1e0847667973e9859f774dd31b8f1\
                      e0937813b777fb66a2ac67d50540fe34640966eee9fc2ccca387082b4c85cd3c";
        let bytes = (0..64).map(|at| u8::from_str_radix(&digest[at * 2..at * 2 + 2], 16).unwrap());
        let artifact = ArtifactDigest::new(HashAlgorithm::Sha2512, bytes.collect::<Vec<_>>()).unwrap();
        let trust = Trust::public_good();
        let result = trust.roots[0].verify(&bundle, artifact).unwrap();
        assert!(result.sct_verified() && result.tlog_verified() && result.certificate_verified());
        let mut expected = Expected {
            digest: String::new(),
            repository: "sigstore/sigstore-js".to_owned(),
            workflow: ".github/workflows/release.yml".to_owned(),
            refs: vec!["refs/heads/*".to_owned()],
            issuer: "https://token.actions.githubusercontent.com".to_owned(),
        };
        let proven = proven(&result, &expected).unwrap();
        assert_eq!(proven.commit, "f0b49a04e5a62250e0f60fb128004a73110fe311");
        assert_eq!(proven.r#ref, "refs/heads/main");
        let run = "https://github.com/sigstore/sigstore-js/actions/runs/5904696764/attempts/1";
        assert_eq!(proven.run.as_deref(), Some(run));
        assert_eq!(proven.signed_at.as_deref(), Some("2023-08-18T16:05:35Z"));
        expected.repository = "sigstore/sigstore".to_owned();
        assert!(matches!(super::proven(&result, &expected), Err(ProvenanceError::Repository { .. })));
        assert!(matches!(statement(&bundle, &"0".repeat(64)), Err(ProvenanceError::Artifact)));
    }
}
