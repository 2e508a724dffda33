//! Which image is meant, and who is known to have built it.
//!
//! **Invariant:** what comes out is a digest that the catalog's repository has. Unless the catalog asks for no proof, an
//! attestation was verified that names the catalog's repository, workflow and ref; of a run it names the run's commit,
//! too. What cannot be asked is not proven.

use super::plan::{New, Proof, brief};
use super::registry::Registry;
use super::settings::{Attestations, Provenance, Service, WorkflowRun};
use super::source::forge;
use crate::driver::Failure;
use crate::driver::job::Job;
use countersign_command::deploy::Version;
use countersign_command::pattern::Pattern;
use countersign_core::refusal::shown;
use countersign_forge::{Forge, Run};
use countersign_provenance::{Expected, Proven, Trust};
use serde_json::Value;
use std::collections::BTreeSet;

/// What a run may have been started by. Whoever opens a pull request starts runs, too, and of a branch of any name.
///
/// Source: GitHub Docs, "Events that trigger workflows".
const OWN_EVENTS: [&str; 6] = ["push", "release", "create", "schedule", "workflow_dispatch", "repository_dispatch"];

/// The key of a build's digest in what `docker/build-push-action` calls its metadata.
const METADATA: &str = "containerimage.digest";

/// Where a service's images come from.
pub(super) struct Artifacts<'a> {
    service: &'a Service,
    registry: Registry,
    forge: Option<Forge>,
}

/// An image, before anybody has asked where it comes from.
struct Found {
    digest: String,
    tag: Option<String>,
    /// The commit of the run that is said to have built it.
    commit: Option<String>,
}

impl<'a> Artifacts<'a> {
    pub(super) fn of(job: &Job, service: &'a Service) -> Result<Self, Failure> {
        let registry =
            Registry::of(job, service).map_err(|error| Failure::Misused(format!("the registry: {error}")))?;
        Ok(Self { service, registry, forge: forge(job, service)? })
    }

    /// The image of a version; of the newest one if none is named.
    pub(super) async fn find(&self, version: Option<&Version>) -> Result<New, Failure> {
        let found = match version {
            Some(Version::Tag(tag)) => Found { digest: self.resolve(tag).await?, tag: Some(tag.clone()), commit: None },
            Some(Version::Digest(digest)) => Found { digest: self.resolve(digest).await?, tag: None, commit: None },
            Some(Version::Run(run)) => self.of_run(*run).await?,
            None => self.newest().await?,
        };
        let proof = self.proof(&found.digest, found.commit.as_deref()).await?;
        let proven = if let Proof::By(proven) = &proof { Some(proven.commit.clone()) } else { None };
        Ok(New {
            image: format!("{}@{}", self.service.image, found.digest),
            version: found.tag,
            commit: proven.or(found.commit),
            proof,
        })
    }

    /// Whether it is known who built the image; of a run, from which commit.
    pub(super) async fn proof(&self, digest: &str, commit: Option<&str>) -> Result<Proof, Failure> {
        let Some(asked) = &self.service.provenance else { return Ok(Proof::NotAsked) };
        let trust = match &asked.trusted_root {
            Some(json) => {
                Trust::from_json(json).map_err(|error| Failure::Misused(format!("the trusted root: {error}")))?
            }
            None => Trust::public_good(),
        };
        let bundles = self.bundles(asked, digest).await?;
        if bundles.is_empty() {
            return Err(Failure::Target(format!(
                "nobody has attested who built {}, and the catalog wants it to be proven",
                brief(digest)
            )));
        }
        let expected = Expected {
            digest: digest.to_owned(),
            repository: asked.repository.clone(),
            workflow: asked.workflow.clone(),
            refs: asked.refs.clone(),
            issuer: asked.issuer.clone(),
        };
        best(&trust, &bundles, &expected, commit)
            .map(Proof::By)
            .map_err(|why| Failure::Target(format!("who built {} is not proven: {why}", brief(digest))))
    }

    async fn bundles(&self, asked: &Provenance, digest: &str) -> Result<Vec<Value>, Failure> {
        match (asked.attestations, &self.forge) {
            (Attestations::Registry, _) => {
                let bundles = self.registry.attestations(digest).await;
                bundles.map_err(|error| Failure::Target(format!("the registry's attestations: {error}")))
            }
            (Attestations::Github, Some(forge)) => {
                let bundles = forge.attestations(digest).await;
                bundles.map_err(|error| Failure::Target(format!("the attestations: {error}")))
            }
            (Attestations::Github, None) => {
                Err(Failure::Misused("the catalog names no source whose attestations could be asked for".to_owned()))
            }
        }
    }

    /// The digest of a tag, or of a digest that is there.
    async fn resolve(&self, reference: &str) -> Result<String, Failure> {
        let digest = self.registry.resolve(reference).await;
        digest.map_err(|error| Failure::Target(format!("{} {}: {error}", self.service.image, brief(reference))))
    }

    async fn newest(&self) -> Result<Found, Failure> {
        let versions = self.service.versions.as_deref().map(Pattern::new).transpose();
        let versions = versions.map_err(|_| Failure::Misused("the service's `versions` cannot be read".to_owned()))?;
        let versions = versions.ok_or_else(|| Failure::Misused("the service has no `versions`".to_owned()))?;
        let newest = self.registry.newest(&versions).await;
        let newest = newest.map_err(|error| Failure::Target(format!("{}: {error}", self.service.image)))?;
        let (tag, digest) = newest.ok_or_else(|| {
            Failure::Target(format!("{} has no tag that `{}` allows", self.service.image, versions.as_str()))
        })?;
        Ok(Found { digest, tag: Some(tag), commit: None })
    }

    /// What a run of the service's workflow built.
    async fn of_run(&self, id: u64) -> Result<Found, Failure> {
        let (Some(forge), Some(made)) = (&self.forge, &self.service.run) else {
            return Err(Failure::Misused("the catalog does not say which workflow builds it".to_owned()));
        };
        let no = |why: String| Failure::Target(format!("run {id}: {why}"));
        let run = forge.run(id).await.map_err(|error| no(error.to_string()))?;
        fits(&run, made).map_err(no)?;
        let files = forge.artifact(id, &made.artifact).await.map_err(|error| no(error.to_string()))?;
        let digest = digest_in(&files, &self.service.image)
            .map_err(|why| no(format!("its artifact `{}` {why}", shown(&made.artifact))))?;
        // What a run says it has built may never have been pushed, or to somewhere else.
        let digest = self.resolve(&digest).await?;
        Ok(Found { digest, tag: None, commit: Some(run.head_sha) })
    }
}

/// Whether a run is one that may build what is rolled out.
fn fits(run: &Run, made: &WorkflowRun) -> Result<(), String> {
    let file = run.workflow.rsplit('/').next().unwrap_or_default();
    if file != made.workflow {
        return Err(format!("it is a run of `{}`, not of `{}`", shown(&run.workflow), made.workflow));
    }
    if !run.is_completed {
        return Err("it has not ended yet".to_owned());
    }
    if run.conclusion.as_deref() != Some("success") {
        return Err(format!(
            "it did not end well: {}",
            shown(run.conclusion.as_deref().unwrap_or("it has no conclusion"))
        ));
    }
    if !run.is_own || !OWN_EVENTS.contains(&run.event.as_str()) {
        return Err(format!("it was started by `{}`, with code that nobody may have merged", shown(&run.event)));
    }
    Ok(())
}

/// The one digest that the files of an artifact name.
fn digest_in(files: &[(String, Vec<u8>)], image: &str) -> Result<String, &'static str> {
    let mut digests = BTreeSet::new();
    for (_, bytes) in files {
        let Ok(text) = std::str::from_utf8(bytes) else { continue };
        let metadata = serde_json::from_str::<Value>(text).ok();
        let named = metadata.as_ref().and_then(|value| value.get(METADATA)).and_then(Value::as_str);
        let plain = text.trim();
        let plain = plain.strip_prefix(image).and_then(|rest| rest.strip_prefix('@')).unwrap_or(plain);
        digests.extend([named, Some(plain)].into_iter().flatten().filter(|one| is_digest(one)).map(str::to_owned));
    }
    match (digests.pop_first(), digests.is_empty()) {
        (Some(digest), true) => Ok(digest),
        (Some(_), false) => Err("names several images"),
        (None, _) => Err("names no image: it has to hold a build's metadata, or one digest"),
    }
}

fn is_digest(text: &str) -> bool {
    let hash = text.strip_prefix("sha256:").unwrap_or_default();
    hash.len() == 64 && hash.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// The latest proof; without any, why the one that came closest is none.
fn best(trust: &Trust, bundles: &[Value], expected: &Expected, commit: Option<&str>) -> Result<Proven, String> {
    let mut proofs = Vec::new();
    let mut reasons = Vec::new();
    for bundle in bundles {
        match trust.verify(bundle, expected) {
            Ok(proven) if commit.is_some_and(|commit| commit != proven.commit) => {
                reasons.push(format!("it was built from commit {}, and the run from another", shown(&proven.commit)));
            }
            Ok(proven) => proofs.push(proven),
            Err(error) => reasons.push(error.to_string()),
        }
    }
    proofs.sort_by(|one, another| {
        (&one.signed_at, &one.commit, &one.run).cmp(&(&another.signed_at, &another.commit, &another.run))
    });
    reasons.sort();
    reasons.dedup();
    proofs.pop().ok_or_else(|| reasons.join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run() -> Run {
        Run {
            id: 7,
            workflow: ".github/workflows/release.yml".into(),
            head_sha: "a".repeat(40),
            head_branch: Some("main".into()),
            head_repository: Some("shop/checkout".into()),
            is_own: true,
            event: "push".into(),
            is_completed: true,
            conclusion: Some("success".into()),
            attempt: 1,
        }
    }

    #[test]
    fn a_run_is_of_the_catalogs_workflow_ended_well_and_was_not_a_strangers() {
        let made = WorkflowRun { workflow: "release.yml".into(), artifact: "image".into(), hosts: Vec::new() };
        assert_eq!(fits(&run(), &made), Ok(()));
        for other in [
            Run { workflow: ".github/workflows/evil-release.yml".into(), ..run() },
            Run { is_completed: false, ..run() },
            Run { conclusion: Some("failure".into()), ..run() },
            Run { conclusion: None, ..run() },
            Run { is_own: false, ..run() },
            Run { event: "pull_request".into(), ..run() },
            Run { event: "pull_request_target".into(), ..run() },
            Run { event: "workflow_run".into(), ..run() },
        ] {
            assert!(fits(&other, &made).is_err(), "{other:?}");
        }
    }

    #[test]
    fn an_artifact_names_one_digest() {
        let digest = format!("sha256:{}", "0f".repeat(32));
        let file = |text: &str| ("x".to_owned(), text.as_bytes().to_vec());
        let of = |files: &[(String, Vec<u8>)]| digest_in(files, "r/x");
        let metadata = format!(
            r#"{{"containerimage.config.digest":"sha256:{}","containerimage.digest":"{digest}"}}"#,
            "1".repeat(64)
        );
        for good in [metadata.clone(), digest.clone(), format!("{digest}\n"), format!("r/x@{digest}\n")] {
            assert_eq!(of(&[file(&good), file("hello")]), Ok(digest.clone()), "{good}");
        }
        assert_eq!(of(&[file(&metadata), file(&digest)]), Ok(digest.clone()), "the same twice");
        let other = format!("sha256:{}", "2".repeat(64));
        for bad in [
            &[file(&digest), file(&other)][..],
            &[],
            &[file(&format!("evil/x@{digest}"))],
            &[file(&format!("{digest} {other}"))],
        ] {
            assert!(of(bad).is_err());
        }
    }
}
