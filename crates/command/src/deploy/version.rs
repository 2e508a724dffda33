//! What can be rolled out: a tag, a digest, or what a run of a workflow built.
//!
//! **Invariant:** each means one image, for ever; a name that moves is none of them.

use crate::no::{Checked, Pointing, no, quoted};
use crate::vocabulary::Service;
use crate::words::Word;
use countersign_core::refusal::Code;

/// What is to be rolled out, as it was typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Version {
    /// A tag of the service's image.
    Tag(String),
    /// The digest of an image's manifest, with `sha256:`.
    Digest(String),
    /// The run of the service's workflow that built it: GitHub's number of it.
    Run(u64),
}

/// Tags that mean another image tomorrow.
const MOVING: [&str; 16] = [
    "latest",
    "stable",
    "current",
    "main",
    "master",
    "trunk",
    "head",
    "edge",
    "nightly",
    "canary",
    "next",
    "dev",
    "develop",
    "staging",
    "prod",
    "production",
];

const DIGEST: &str = "sha256:";
const RUN: &str = "run:";

impl Version {
    /// Reads a version, whichever service it is of; `None` when it is none.
    pub(super) fn read(text: &str) -> Option<Self> {
        if let Some(hash) = text.strip_prefix(DIGEST) {
            let fits = hash.len() == 64 && hash.chars().all(|c| matches!(c, '0'..='9' | 'a'..='f'));
            return fits.then(|| Self::Digest(text.to_owned()));
        }
        if let Some(number) = text.strip_prefix(RUN) {
            let plain = number.bytes().all(|byte| byte.is_ascii_digit()) && !number.starts_with('0');
            return number.parse().ok().filter(|_| plain).map(Self::Run);
        }
        is_tag(text).then(|| Self::Tag(text.to_owned()))
    }
}

/// Refuses what is no version of this service.
pub(super) fn check(word: &Word, name: &str, service: &Service) -> Checked<()> {
    let text = &word.text;
    let Some(version) = Version::read(text) else {
        let run = if service.runs { "; or a run that built it, as `run:123456`" } else { "" };
        return Err(no(
            Code::BadValue,
            format!("{} is not a version", quoted(text)),
            format!(
                "write a tag, as `1.4.2`, or a digest, as `sha256:` and 64 characters; the image is the catalog's{run}"
            ),
        )
        .over(word));
    };
    match version {
        Version::Run(_) if !service.runs => Err(no(
            Code::BadValue,
            format!("the catalog does not say which workflow builds `{name}`"),
            "write a tag or a digest; `run:` of the service in catalog.yaml would name the workflow",
        )
        .over(word)),
        Version::Tag(_) if MOVING.iter().any(|moving| moving.eq_ignore_ascii_case(text)) => Err(no(
            Code::BadValue,
            format!("{} is another image tomorrow than today", quoted(text)),
            "write the version it means, so that everybody agrees to the same one",
        )
        .over(word)),
        Version::Tag(_) => match &service.versions {
            Some(pattern) if !pattern.matches(text) => Err(no(
                Code::BadValue,
                format!("versions of `{name}` match {}, and {} does not", quoted(pattern.as_str()), quoted(text)),
                "see `/deploy status` for what runs now",
            )
            .over(word)),
            _ => Ok(()),
        },
        Version::Digest(_) | Version::Run(_) => Ok(()),
    }
}

/// Source: OCI distribution specification 1.1, the grammar of `<reference>` as a tag.
fn is_tag(text: &str) -> bool {
    text.len() <= 128
        && text.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_one_image() {
        let digest = format!("sha256:{}", "0f".repeat(32));
        assert_eq!(Version::read(&digest), Some(Version::Digest(digest.clone())));
        assert_eq!(Version::read("1.4.2"), Some(Version::Tag("1.4.2".into())));
        assert_eq!(Version::read("run:123456"), Some(Version::Run(123_456)));
        let long = "run:99999999999999999999";
        for text in ["sha256:0f", "run:", "run:0", "run:01", "run:+1", "run:1a", "run: 1", long, "a/b", "a:b", "-a", ""]
        {
            assert_eq!(Version::read(text), None, "{text}");
        }
    }
}
