//! Where an artifact comes from, proven: Sigstore bundles and what they attest.
//!
//! **Invariant:** a [`Proven`] exists only for a bundle whose signature, certificate, log entry and time were verified
//! against a [`Trust`], whose statement is about the expected digest, and whose *certificate* (never its statement
//! alone) names the expected repository, workflow and ref. Nothing here reads a file, a variable or a network.
//!
//! What the bundle format demands is the business of the Sigstore project's own library; the signatures are verified
//! by ring. What is ours is the question who may have built it: see [`Expected`].

mod backend;
mod claims;
mod document;
mod reason;
mod reference;
mod statement;
mod trust;

pub use claims::Expected;
pub use document::{DocumentError, read};
pub use reason::ProvenanceError;
pub use trust::{Trust, TrustError};

/// What a verified bundle says about an artifact; every word is the certificate's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proven {
    /// Whose source was built, `owner/name`.
    pub repository: String,
    /// What built it: a path in that repository, or in full (`owner/name/path@ref`) a reusable workflow of another one.
    pub workflow: String,
    /// The ref that was built, in full: `refs/heads/main`.
    pub r#ref: String,
    /// The commit that was built, in hexadecimal digits.
    pub commit: String,
    /// Where the run can be looked at.
    pub run: Option<String>,
    /// The earliest time that was proven for the signature, RFC 3339 in UTC.
    pub signed_at: Option<String>,
}
