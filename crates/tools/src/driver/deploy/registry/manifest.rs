//! What a registry stores, taken at its bytes and not at its word.
//!
//! **Invariant:** a manifest's digest is computed here from the bytes that came; a document that could be read as two
//! kinds of manifest is neither.

use super::RegistryError;
use countersign_core::digest::Digest;
use countersign_core::refusal::shown;
use countersign_provenance::read;
use serde_json::Value;

/// Kinds of manifests that are images, or lists of them.
///
/// Source: OCI image specification 1.1, "Media types"; distribution, "Image Manifest Version 2, Schema 2".
pub(super) const ACCEPTED: [&str; 4] = [
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.docker.distribution.manifest.v2+json",
];

/// The most of a manifest that is read.
///
/// Source: OCI distribution specification 1.1, "Pushing Manifests": registries should take 4 MiB.
pub(super) const LONGEST: usize = 4 << 20;

/// A manifest, and its digest.
#[derive(Debug)]
pub(super) struct Manifest {
    pub(super) digest: String,
    pub(super) document: Value,
}

/// Something a manifest or an index points to.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Descriptor {
    pub(super) kind: String,
    pub(super) digest: String,
    pub(super) size: u64,
    /// What an artifact says it is.
    pub(super) artifact: Option<String>,
}

impl Manifest {
    /// The manifest in `bytes`, which came with this media type.
    pub(super) fn of(bytes: &[u8], kind: &str) -> Result<Self, RegistryError> {
        let strange = |why: &str| RegistryError::Strange(why.to_owned());
        let kind = kind.split(';').next().unwrap_or_default().trim();
        if !ACCEPTED.contains(&kind) {
            return Err(RegistryError::Strange(format!("it is no image, but a `{}`", shown(kind))));
        }
        let document = read(bytes, LONGEST).map_err(|error| RegistryError::Strange(shown(&error.to_string())))?;
        if document.get("schemaVersion").and_then(Value::as_u64) != Some(2) {
            return Err(strange("its manifest is not of version 2"));
        }
        if document.get("mediaType").is_some_and(|said| said.as_str() != Some(kind)) {
            return Err(strange("its manifest is said to be of two kinds"));
        }
        // CVE-2021-41190: the same bytes, understood in two ways.
        let is_list = kind == ACCEPTED[0] || kind == ACCEPTED[2];
        let (list, image) = (document.get("manifests"), document.get("layers").or(document.get("config")));
        if list.is_some() != is_list || image.is_some() == is_list {
            return Err(strange("its manifest is of two kinds at once"));
        }
        Ok(Self { digest: digest(bytes), document })
    }

    /// What the array `key` points to.
    pub(super) fn descriptors(&self, key: &str) -> Vec<Descriptor> {
        let items = self.document.get(key).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        items.iter().filter_map(Descriptor::of).collect()
    }
}

impl Descriptor {
    fn of(value: &Value) -> Option<Self> {
        let text = |key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
        let digest = text("digest").filter(|digest| is_digest(digest))?;
        let size = value.get("size").and_then(Value::as_u64)?;
        Some(Self { kind: text("mediaType")?, digest, size, artifact: text("artifactType") })
    }
}

/// `sha256:` and the hash in hexadecimal digits.
pub(super) fn digest(bytes: &[u8]) -> String {
    Digest::of(bytes).to_string()
}

/// Whether a text is a digest of the one kind that is understood.
pub(super) fn is_digest(text: &str) -> bool {
    let hash = text.strip_prefix("sha256:").unwrap_or_default();
    hash.len() == 64 && hash.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// Whether a text may be a tag.
///
/// Source: OCI distribution specification 1.1, "Pulling manifests".
pub(super) fn is_tag(text: &str) -> bool {
    let plain = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte));
    plain && (1..=128).contains(&text.len()) && !text.starts_with(['.', '-'])
}
