//! Why nothing is proven, in words for people.

use sigstore_verify::{CertificateError, Error};

/// Why nothing is proven. Each one is a sentence for the person who deploys.
#[derive(Debug, thiserror::Error)]
pub enum ProvenanceError {
    /// The catalog's own words, or the digest that was looked for, are not what they have to be.
    #[error("the expected {0} cannot be compared with anything")]
    Expectation(&'static str),
    /// Not a bundle, or not one of a version that is known.
    #[error("the attestation is not a bundle that can be read: {0}")]
    Malformed(String),
    /// It has a key where a certificate belongs.
    #[error("the attestation is signed with a key, and no certificate says whose it is")]
    Key,
    /// It is a signature over something else than a statement.
    #[error("the attestation holds no in-toto statement")]
    NoStatement,
    /// A true statement about something else: a bill of materials, a scan, a release.
    #[error("the attestation says nothing about where the artifact comes from: it is a `{found}`")]
    Predicate {
        /// The type of predicate it has.
        found: String,
    },
    /// Another artifact.
    #[error("the attestation is about another artifact")]
    Artifact,
    /// The envelope was changed, or another key signed it.
    #[error("the signature of the attestation is wrong")]
    Signature,
    /// The certificate is from somebody who is not trusted, or not for this.
    #[error("the certificate of the attestation is not from a trusted authority: {0}")]
    Authority(String),
    /// It was signed when its certificate was not valid.
    #[error("the attestation was not signed while its certificate was valid: {0}")]
    Validity(String),
    /// The certificate is in no certificate log that is trusted.
    #[error("the certificate of the attestation was not logged: {0}")]
    Unlogged(String),
    /// The signature is in no log that is trusted, or the log holds another one.
    #[error("the attestation is not proven to be in a trusted log: {0}")]
    Log(String),
    /// Nobody who is trusted says when it was signed.
    #[error("the time of the signature is not proven: {0}")]
    Time(String),
    /// A certificate without a claim that is needed.
    #[error("the certificate of the attestation does not name {0}")]
    Claim(&'static str),
    /// Somebody else vouches for the run.
    #[error("the run is vouched for by `{found}`, not by `{expected}`")]
    Issuer {
        /// Who does.
        found: String,
        /// Who should.
        expected: String,
    },
    /// Built from other source.
    #[error("it was built from `{found}`, not from `{expected}`")]
    Repository {
        /// From which.
        found: String,
        /// From which it should.
        expected: String,
    },
    /// Built by another workflow of the repository, or another one than was named in full.
    #[error("it was built by `{found}`, not by `{expected}`")]
    Workflow {
        /// By which.
        found: String,
        /// By which it should.
        expected: String,
    },
    /// Built by the right workflow, at a ref that nobody allowed.
    #[error("the workflow that built it is `{found}`, and only `{allowed}` may")]
    WorkflowRef {
        /// The workflow, and its ref.
        found: String,
        /// The refs that are allowed.
        allowed: String,
    },
    /// Built by a reusable workflow that is not the repository's own.
    #[error(
        "it was built by `{found}`, a reusable workflow of another repository: the catalog has to name it in full, \
         with its ref"
    )]
    Foreign {
        /// The workflow, and its ref.
        found: String,
    },
    /// Built from a ref that nobody allowed.
    #[error("it was built from `{found}`, and only `{allowed}` may be")]
    Ref {
        /// From which.
        found: String,
        /// Those that are allowed.
        allowed: String,
    },
    /// Built on behalf of whoever opened a pull request.
    #[error("its run was started by `{found}`, which may build what nobody merged")]
    Trigger {
        /// What started it.
        found: String,
    },
}

impl ProvenanceError {
    /// How much of the bundle a root knew that gave this reason. A root that has nothing to do with a bundle misses its
    /// log's key first, or its timestamp authority, or its certificate authority.
    pub(crate) const fn knowledge(&self) -> u8 {
        match self {
            Self::Authority(_) => 0,
            Self::Log(_) | Self::Time(_) => 1,
            _ => 2,
        }
    }

    /// The library's reason in our words; its own go behind them where they say more.
    pub(crate) fn of(error: &Error) -> Self {
        let words = shown(&error.to_string());
        match error {
            Error::Certificate(CertificateError::Sct(_)) => Self::Unlogged(words),
            Error::Certificate(
                CertificateError::Expired { .. }
                | CertificateError::NotYetValid { .. }
                | CertificateError::NoValidAuthority { .. },
            ) => Self::Validity(words),
            // The chain is verified at every proven time, and the library keeps of its reason the name alone.
            Error::Certificate(CertificateError::ChainInvalid(why))
                if why.contains("CertExpired") || why.contains("CertNotValidYet") =>
            {
                Self::Validity(words)
            }
            Error::Certificate(_) => Self::Authority(words),
            Error::TransparencyLog(_) => Self::Log(words),
            Error::Timestamp(_) => Self::Time(words),
            Error::SignatureInvalid(_) => Self::Signature,
            Error::ArtifactMismatch(_) => Self::Artifact,
            _ => Self::Malformed(words),
        }
    }
}

/// Foreign words as they may stand in a sentence: one line, printable, and not long.
pub(crate) fn shown(text: &str) -> String {
    const MOST: usize = 200;
    let plain = |character: char| if character.is_ascii_graphic() || character == ' ' { character } else { '?' };
    let mut words: String = text.chars().take(MOST).map(plain).collect();
    words = words.replace('`', "'");
    if text.chars().nth(MOST).is_some() {
        words.push_str("...");
    }
    words
}
