//! One artifact, the workflow that may build it, and an authority that certifies runs.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use countersign_provenance::{Expected, Proven, ProvenanceError, Trust};
use countersign_simulators::sigstore::{Authority, Build, Signing};
use serde_json::Value;

pub(crate) const DIGEST: &str = "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
pub(crate) const OTHER: &str = "sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";

/// The run that is expected.
pub(crate) fn build() -> Build {
    Build::of("shop/checkout", "release.yml", "refs/heads/main")
}

pub(crate) fn expected() -> Expected {
    Expected {
        digest: DIGEST.to_owned(),
        repository: "shop/checkout".to_owned(),
        workflow: ".github/workflows/release.yml".to_owned(),
        refs: vec!["refs/heads/main".to_owned(), "refs/tags/*".to_owned()],
        issuer: "https://token.actions.githubusercontent.com".to_owned(),
    }
}

pub(crate) struct World {
    pub(crate) authority: Authority,
    pub(crate) trust: Trust,
}

impl World {
    pub(crate) fn new() -> Self {
        let authority = Authority::new().unwrap();
        let trust = Trust::from_json(&authority.trusted_root().to_string()).unwrap();
        Self { authority, trust }
    }

    pub(crate) fn good(&self) -> Value {
        self.authority.attest(&build(), DIGEST).unwrap()
    }

    pub(crate) fn verify(&self, bundle: &Value) -> Result<Proven, ProvenanceError> {
        self.trust.verify(bundle, &expected())
    }

    /// What is said of the artifact when this was signed.
    #[track_caller]
    pub(crate) fn refused(&self, signing: &Signing) -> String {
        self.verify(&self.authority.sign(signing).unwrap()).unwrap_err().to_string()
    }

    /// What is said when this run signed.
    #[track_caller]
    pub(crate) fn refused_build(&self, build: Build) -> String {
        self.refused(&Signing::of(build, DIGEST))
    }
}

/// The only entry of the log in a bundle.
pub(crate) fn entry(bundle: &mut Value) -> &mut Value {
    &mut bundle["verificationMaterial"]["tlogEntries"][0]
}

/// Changes what base64 in a text stands for.
pub(crate) fn altered(text: &Value, change: impl FnOnce(&mut Vec<u8>)) -> Value {
    let mut bytes = STANDARD.decode(text.as_str().unwrap()).unwrap();
    change(&mut bytes);
    STANDARD.encode(bytes).into()
}

/// Asserts that a sentence has these words in it.
#[track_caller]
pub(crate) fn says(sentence: &str, words: &str) {
    assert!(sentence.contains(words), "`{sentence}` does not say `{words}`");
}
