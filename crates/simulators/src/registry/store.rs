//! What a registry holds: repositories with blobs, manifests and tags.
//!
//! **Invariant:** what is stored under a digest has it, and a manifest points to what is there.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::answer::{BAD_DIGEST, BAD_MANIFEST, BAD_TAG, NO_BLOB_OF_MANIFEST, NO_MANIFEST, Refused};
use crate::chance::hex;

/// An OCI image.
pub const IMAGE: &str = "application/vnd.oci.image.manifest.v1+json";
/// A list of images, one a platform.
pub const INDEX: &str = "application/vnd.oci.image.index.v1+json";
/// An image as Docker has it.
pub const DOCKER_IMAGE: &str = "application/vnd.docker.distribution.manifest.v2+json";
/// A list of images as Docker has it.
pub const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";

/// Manifests and blobs of one name.
#[derive(Debug, Default)]
pub(super) struct Repository {
    pub(super) blobs: BTreeMap<String, Vec<u8>>,
    pub(super) manifests: BTreeMap<String, Stored>,
    pub(super) tags: BTreeMap<String, String>,
    pub(super) uploads: BTreeSet<String>,
}

/// A manifest, byte for byte.
#[derive(Clone, Debug)]
pub(super) struct Stored {
    pub(super) kind: String,
    pub(super) bytes: Vec<u8>,
}

/// `sha256:` and the hash.
pub(super) fn digest(bytes: &[u8]) -> String {
    format!("sha256:{}", hex(&Sha256::digest(bytes)))
}

pub(super) fn is_digest(text: &str) -> bool {
    let hash = text.strip_prefix("sha256:").unwrap_or_default();
    hash.len() == 64 && hash.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

pub(super) fn is_tag(text: &str) -> bool {
    let plain = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte));
    plain && (1..=128).contains(&text.len()) && !text.starts_with(['.', '-'])
}

/// Source: OCI distribution specification 1.1, "Pulling manifests", `<name>`:
/// `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*`, and slashes between those.
pub(super) fn is_name(text: &str) -> bool {
    let word = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit();
    let component = |part: &str| {
        let between = part.split(word).filter(|run| !run.is_empty());
        let ends_well = part.starts_with(word) && part.ends_with(word);
        let separators = between.map(|run| matches!(run, "." | "_" | "__") || run.bytes().all(|byte| byte == b'-'));
        ends_well && separators.into_iter().all(|fits| fits)
    };
    text.len() <= 255 && text.split('/').all(component)
}

impl Repository {
    pub(super) fn put_blob(&mut self, wanted: &str, bytes: Vec<u8>) -> Result<String, Refused> {
        if digest(&bytes) != wanted {
            return Err(BAD_DIGEST);
        }
        self.blobs.insert(wanted.to_owned(), bytes);
        Ok(wanted.to_owned())
    }

    /// Stores a manifest under its digest, and under a tag if `reference` is one. Gives the digest, and that of what it
    /// refers to.
    pub(super) fn put_manifest(
        &mut self,
        reference: &str,
        kind: &str,
        bytes: Vec<u8>,
    ) -> Result<(String, Option<String>), Refused> {
        let document: Value = serde_json::from_slice(&bytes).map_err(|_| BAD_MANIFEST)?;
        if document["schemaVersion"] != 2 || document.get("mediaType").is_some_and(|said| said != kind) {
            return Err(BAD_MANIFEST);
        }
        self.complete(kind, &document)?;
        let digest = digest(&bytes);
        match reference {
            same if same == digest => {}
            other if is_digest(other) => return Err(BAD_DIGEST),
            tag if is_tag(tag) => drop(self.tags.insert(tag.to_owned(), digest.clone())),
            _ => return Err(BAD_TAG),
        }
        self.manifests.insert(digest.clone(), Stored { kind: kind.to_owned(), bytes });
        let subject = document.pointer("/subject/digest").and_then(Value::as_str).map(str::to_owned);
        Ok((digest, subject))
    }

    /// Everything a manifest needs has to be there already; what it refers to may come later.
    fn complete(&self, kind: &str, document: &Value) -> Result<(), Refused> {
        let named = |value: &Value| value["digest"].as_str().map(str::to_owned).ok_or(BAD_MANIFEST);
        let list = |key: &str| document[key].as_array().ok_or(BAD_MANIFEST);
        match kind {
            INDEX | DOCKER_LIST => {
                let parts = list("manifests")?.iter().map(named).collect::<Result<Vec<_>, _>>()?;
                let there = |part: &String| self.manifests.contains_key(part);
                if parts.iter().all(there) { Ok(()) } else { Err(NO_MANIFEST) }
            }
            IMAGE | DOCKER_IMAGE => {
                let mut parts = list("layers")?.iter().map(named).collect::<Result<Vec<_>, _>>()?;
                parts.push(named(&document["config"])?);
                let there = |part: &String| self.blobs.contains_key(part);
                if parts.iter().all(there) { Ok(()) } else { Err(NO_BLOB_OF_MANIFEST) }
            }
            _ => Err(BAD_MANIFEST),
        }
    }

    pub(super) fn manifest(&self, reference: &str) -> Option<(&str, &Stored)> {
        let digest = if is_digest(reference) { reference } else { self.tags.get(reference)? };
        self.manifests.get_key_value(digest).map(|(digest, stored)| (digest.as_str(), stored))
    }

    /// What refers to a digest, as an index lists it.
    pub(super) fn referrers(&self, subject: &str, artifact: Option<&str>) -> Value {
        let described = self.manifests.iter().filter_map(|(digest, stored)| {
            let document: Value = serde_json::from_slice(&stored.bytes).ok()?;
            let fits = document.pointer("/subject/digest")?.as_str()? == subject;
            let kind = document.get("artifactType").or_else(|| document.pointer("/config/mediaType")).cloned();
            let fits = fits && artifact.is_none_or(|wanted| kind.as_ref().is_some_and(|kind| kind == wanted));
            fits.then(|| {
                json!({
                    "mediaType": stored.kind, "digest": digest, "size": stored.bytes.len(), "artifactType": kind,
                    "annotations": document.get("annotations").cloned().unwrap_or_else(|| json!({})),
                })
            })
        });
        json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": described.collect::<Vec<_>>() })
    }
}

#[cfg(test)]
mod tests {
    use super::is_name;

    #[test]
    fn names_are_those_of_the_specification() {
        for good in ["a", "shop/checkout", "a.b/c_d/e__f/g--h", "0/1"] {
            assert!(is_name(good), "{good}");
        }
        for bad in ["", "A", "a//b", "/a", "a/", "a..b", "a___b", "-a", "a-", "a b", "a/../b", "a%2fb"] {
            assert!(!is_name(bad), "{bad}");
        }
    }
}
