//! Which image has which program.
//!
//! **Invariant:** an image is named by its digest: what its bytes are is decided where it is configured, and nobody who
//! can write to the registry changes what runs.

use countersign_core::digest::Digest;
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

/// An image by its digest: `registry.example/countersign/kubectl@sha256:…`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    reference: String,
    digest: Digest,
}

/// The image of each program, by the program's name.
pub type Images = BTreeMap<String, Image>;

/// Not an image that jobs run from.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an image by its digest, such as `registry.example/name@sha256:` and 64 digits")]
pub struct NotAnImage(String);

impl Image {
    /// As the cluster is told it.
    #[must_use]
    pub fn reference(&self) -> &str {
        &self.reference
    }

    /// The digest of its manifest.
    #[must_use]
    pub const fn digest(&self) -> Digest {
        self.digest
    }
}

impl FromStr for Image {
    type Err = NotAnImage;

    fn from_str(text: &str) -> Result<Self, NotAnImage> {
        let wrong = || NotAnImage(text.to_owned());
        let (name, digest) = text.split_once('@').ok_or_else(wrong)?;
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '/' | ':');
        if name.is_empty() || !name.chars().all(plain) || name.starts_with(['/', '-', '.', ':']) {
            return Err(wrong());
        }
        let digest = digest.parse().map_err(|_| wrong())?;
        Ok(Self { reference: text.to_owned(), digest })
    }
}

impl fmt::Display for Image {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reference)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p59_an_image_is_named_by_its_digest() {
        let digest = "0123456789abcdef".repeat(4);
        let image: Image = format!("registry.example:5000/a/kubectl@sha256:{digest}").parse().unwrap();
        assert_eq!(image.digest().to_string(), format!("sha256:{digest}"));
        for text in ["kubectl", "kubectl:1.32", "kubectl@sha256:12", "@sha256:00", "a b@sha256:00", ""] {
            assert!(text.parse::<Image>().is_err(), "{text}");
        }
        assert!(format!("a b@sha256:{digest}").parse::<Image>().is_err());
    }
}
