//! The registry of a service's images: which digest a tag has, which version is the newest, and what is attested.
//!
//! **Invariant:** a digest that comes out of here was computed from bytes that came in, and what is read of an
//! attestation are bytes whose digest its manifest names. Every answer is bounded, and so is the number of them.
//!
//! Source: OCI distribution specification 1.1.

mod challenge;
mod hosts;
mod manifest;
#[cfg(test)]
mod tests;
mod version;
mod wire;

pub use hosts::registry_hosts;

use super::settings::Service;
use crate::driver::job::Job;
use countersign_command::pattern::Pattern;
use countersign_core::refusal::shown;
use countersign_provenance::read;
use manifest::{Descriptor, Manifest, is_digest, is_tag};
use secrecy::SecretString;
use serde_json::Value;
use std::collections::BTreeSet;
use std::time::Duration;
use version::Version;
use wire::{Answer, Wire, next};

/// For one answer; a person waits for it.
const PATIENCE: Duration = Duration::from_secs(20);

/// So many tags are asked for at once, and so many answers read.
const PAGE: usize = 1000;
const MOST_PAGES: usize = 50;

/// The most of a list of tags that is read.
const LONGEST_LIST: usize = 8 << 20;

/// The most attestations of one image that are looked at.
const MOST_ATTESTATIONS: usize = 64;

/// The longest bundle that is fetched.
const LONGEST_BUNDLE: usize = 1 << 20;

/// What an artifact that holds a Sigstore bundle is called, in every version.
///
/// Source: Sigstore, "Sigstore bundle specification"; GitHub, actions/attest, `push-to-registry`.
const BUNDLE: &str = "application/vnd.dev.sigstore.bundle";

/// The registry of one job.
pub(super) struct Registry {
    wire: Wire,
    /// The repository's path: the image without its host.
    repository: String,
}

/// Whom to ask, and as whom.
struct Settings<'a> {
    image: &'a str,
    address: Option<&'a str>,
    ca: Option<&'a str>,
    /// `user:password`, or a token.
    credential: Option<&'a SecretString>,
    /// The hosts that belong to it, `host:port`.
    hosts: Vec<String>,
    proxy: &'a str,
    patience: Duration,
}

/// Why the registry did not say.
#[derive(Debug, thiserror::Error)]
pub(super) enum RegistryError {
    /// What the catalog or the job says of it.
    #[error("the {0} of the registry cannot be used")]
    Settings(&'static str),
    /// What was asked for is neither a tag nor a digest.
    #[error("it is neither a tag nor a digest")]
    Reference,
    /// Nobody answered.
    #[error("the registry cannot be reached: {0}")]
    Unreachable(String),
    /// It does not let this job in.
    #[error("the registry does not let this job read it: {0}")]
    Denied(String),
    /// There is none.
    #[error("the registry has none")]
    Missing,
    /// It said no to something else.
    #[error("the registry answered {status}: {words}")]
    Refused {
        /// The status of HTTP.
        status: u16,
        /// The beginning of what it said.
        words: String,
    },
    /// It sends its client to a host that is not known as its own.
    #[error("the registry sends {what} to `{place}`, which is not known to be its own")]
    Elsewhere {
        /// What it sends there.
        what: &'static str,
        /// The host and port.
        place: String,
    },
    /// Its answer is not what was asked for.
    #[error("the registry's answer cannot be used: {0}")]
    Strange(String),
    /// One version has two tags, and they are of different images.
    #[error("`{one}` and `{another}` are the same version and different images: name one")]
    Ambiguous {
        /// One tag.
        one: String,
        /// And the other.
        another: String,
    },
}

impl Registry {
    /// The registry that the job's service is in.
    pub(super) fn of(job: &Job, service: &Service) -> Result<Self, RegistryError> {
        Self::new(&Settings {
            image: &service.image,
            address: service.registry.address.as_deref(),
            ca: service.registry.ca.as_deref(),
            credential: service.registry.credential.as_ref(),
            hosts: registry_hosts(&service.image, service.registry.address.as_deref()),
            proxy: &job.proxy,
            patience: PATIENCE.min(job.wall()),
        })
    }

    fn new(settings: &Settings<'_>) -> Result<Self, RegistryError> {
        let (_, repository) = settings.image.split_once('/').ok_or(RegistryError::Settings("image"))?;
        Ok(Self { wire: Wire::of(settings, repository)?, repository: repository.to_owned() })
    }

    /// The digest of a tag, or a digest if it is there.
    pub(super) async fn resolve(&self, reference: &str) -> Result<String, RegistryError> {
        self.manifest(reference).await?.map(|found| found.digest).ok_or(RegistryError::Missing)
    }

    /// The highest version that the pattern allows, whole: its tag and its digest. A release comes before any
    /// pre-release.
    pub(super) async fn newest(&self, versions: &Pattern) -> Result<Option<(String, String)>, RegistryError> {
        let tags = self.tags().await?;
        let allowed = tags.iter().filter(|tag| versions.matches(tag));
        let mut known: Vec<_> = allowed.filter_map(|tag| Some((Version::of(tag)?, tag))).collect();
        known.sort();
        let Some((newest, tag)) = known.pop() else { return Ok(None) };
        let digest = self.resolve(tag).await?;
        // `v1.2.3` beside `1.2.3`.
        if let Some((_, other)) = known.pop().filter(|(version, _)| *version == newest)
            && self.resolve(other).await? != digest
        {
            return Err(RegistryError::Ambiguous { one: other.clone(), another: tag.clone() });
        }
        Ok(Some((tag.clone(), digest)))
    }

    /// Sigstore bundles among the referrers of a digest. One that cannot be read is left out, as long as another can.
    pub(super) async fn attestations(&self, digest: &str) -> Result<Vec<Value>, RegistryError> {
        if !is_digest(digest) {
            return Err(RegistryError::Reference);
        }
        let (mut bundles, mut reason) = (Vec::new(), None);
        for referrer in self.referrers(digest).await? {
            match self.bundle(&referrer, digest).await {
                Ok(bundle) => bundles.extend(bundle),
                Err(error) => reason = Some(error),
            }
        }
        match reason {
            Some(reason) if bundles.is_empty() => Err(reason),
            _ => Ok(bundles),
        }
    }

    fn path<'a>(&'a self, rest: &[&'a str]) -> Vec<&'a str> {
        std::iter::once("v2").chain(self.repository.split('/')).chain(rest.iter().copied()).collect()
    }

    /// A manifest by its tag or its digest, if there is one.
    async fn manifest(&self, reference: &str) -> Result<Option<Manifest>, RegistryError> {
        let asked = is_digest(reference);
        if !asked && !is_tag(reference) {
            return Err(RegistryError::Reference);
        }
        let accept = manifest::ACCEPTED.join(", ");
        let answer = self.wire.ask(&self.path(&["manifests", reference]), "", &accept, manifest::LONGEST).await?;
        if !answer.is_there {
            return Ok(None);
        }
        let found = Manifest::of(&answer.bytes, answer.header("content-type").unwrap_or_default())?;
        let said = answer.header("docker-content-digest").filter(|said| said.starts_with("sha256:"));
        if (asked && found.digest != reference) || said.is_some_and(|said| said != found.digest) {
            return Err(RegistryError::Strange("its manifest is not the one of the digest".to_owned()));
        }
        Ok(Some(found))
    }

    /// All tags, as long as there are not too many.
    async fn tags(&self) -> Result<BTreeSet<String>, RegistryError> {
        let path = self.path(&["tags", "list"]);
        let mut query = format!("n={PAGE}");
        let mut tags = BTreeSet::new();
        for _ in 0..MOST_PAGES {
            let answer = self.wire.ask(&path, &query, "application/json", LONGEST_LIST).await?;
            if !answer.is_there {
                return Err(RegistryError::Missing);
            }
            let page = document(&answer, LONGEST_LIST)?;
            // A repository without any says `null`, or nothing.
            let page = page.get("tags").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
            let before = tags.len();
            tags.extend(page.iter().filter_map(Value::as_str).filter(|tag| is_tag(tag)).map(str::to_owned));
            match next(&answer, &self.wire, &path) {
                Some(following) if following != query && tags.len() > before => query = following,
                Some(_) => return Err(RegistryError::Strange("its list of tags has no end".to_owned())),
                None => return Ok(tags),
            }
        }
        Err(RegistryError::Strange(format!("it has more than {} tags", tags.len())))
    }

    /// What refers to a digest and says it is a bundle.
    async fn referrers(&self, digest: &str) -> Result<Vec<Descriptor>, RegistryError> {
        let path = self.path(&["referrers", digest]);
        let (mut query, mut found) = (String::new(), Vec::new());
        for _ in 0..MOST_PAGES {
            let answer = match self.wire.ask(&path, &query, manifest::ACCEPTED[0], manifest::LONGEST).await {
                Ok(answer) if answer.is_there => answer,
                // Not every registry that has no such interface says so with a 404.
                Ok(_) | Err(RegistryError::Refused { status: 300..=399 | 400 | 405 | 501, .. }) => {
                    return self.referrers_by_tag(digest).await;
                }
                Err(error) => return Err(error),
            };
            let index = Manifest::of(&answer.bytes, answer.header("content-type").unwrap_or_default())?;
            found.extend(bundles(&index));
            match next(&answer, &self.wire, &path) {
                Some(following) if following != query && found.len() <= MOST_ATTESTATIONS => query = following,
                _ => return bounded(found),
            }
        }
        bounded(found)
    }

    /// Where a registry without an interface for referrers keeps them.
    ///
    /// Source: OCI distribution specification 1.1, "Referrers Tag Schema".
    async fn referrers_by_tag(&self, digest: &str) -> Result<Vec<Descriptor>, RegistryError> {
        let tag = digest.replace(':', "-");
        let index = self.manifest(&tag).await?;
        bounded(index.as_ref().map(bundles).unwrap_or_default())
    }

    /// The bundle in an artifact that refers to `subject`; none if it refers to something else.
    async fn bundle(&self, artifact: &Descriptor, subject: &str) -> Result<Option<Value>, RegistryError> {
        let found = self.manifest(&artifact.digest).await?.ok_or(RegistryError::Missing)?;
        if found.document.pointer("/subject/digest").and_then(Value::as_str) != Some(subject) {
            return Ok(None);
        }
        let layers = found.descriptors("layers");
        let [layer] = layers.as_slice() else {
            return Err(RegistryError::Strange("an attestation has not one layer".to_owned()));
        };
        if !layer.kind.starts_with(BUNDLE) {
            return Err(RegistryError::Strange(format!("an attestation holds a `{}`", shown(&layer.kind))));
        }
        let size = usize::try_from(layer.size).ok().filter(|size| *size <= LONGEST_BUNDLE);
        let size = size.ok_or_else(|| RegistryError::Strange("an attestation is too long".to_owned()))?;
        let answer = self.wire.ask_blob(&self.path(&["blobs", &layer.digest]), size).await?;
        if !answer.is_there {
            return Err(RegistryError::Missing);
        }
        if manifest::digest(&answer.bytes) != layer.digest {
            return Err(RegistryError::Strange("an attestation is not the one of its digest".to_owned()));
        }
        document(&answer, LONGEST_BUNDLE).map(Some)
    }
}

fn document(answer: &Answer, limit: usize) -> Result<Value, RegistryError> {
    read(&answer.bytes, limit).map_err(|error| RegistryError::Strange(shown(&error.to_string())))
}

fn bundles(index: &Manifest) -> Vec<Descriptor> {
    let all = index.descriptors("manifests").into_iter();
    all.filter(|one| one.artifact.as_deref().is_some_and(|kind| kind.starts_with(BUNDLE))).collect()
}

fn bounded(found: Vec<Descriptor>) -> Result<Vec<Descriptor>, RegistryError> {
    if found.len() > MOST_ATTESTATIONS {
        return Err(RegistryError::Strange(format!("the image has more than {MOST_ATTESTATIONS} attestations")));
    }
    Ok(found)
}
