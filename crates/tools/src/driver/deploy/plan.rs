//! What a rollout would do, in the words people agree to.
//!
//! **Invariant:** the same cluster, registry and forge give the same words, byte for byte; what others wrote stays on
//! its line. Nothing is done whose [`essence`](Plan::essence) does not stand in what people agreed to.

use super::marks::Marks;
use super::seen::Seen;
use super::settings::Service;
use countersign_command::deploy::Act;
use countersign_core::refusal::shown;
use countersign_provenance::Proven;
use std::fmt::Write as _;

/// Why it is all right that this image runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Proof {
    /// An attestation was verified.
    By(Proven),
    /// The catalog asks for none.
    NotAsked,
    /// It ran here before.
    RanBefore(Option<i64>),
}

impl Proof {
    pub(super) fn line(&self) -> String {
        match self {
            Self::By(it) => {
                let run = it.run.as_ref().map(|run| format!(", {}", shown(run))).unwrap_or_default();
                let (workflow, at) = (shown(&it.workflow), shown(&it.r#ref));
                format!(
                    "proven: built by {}, {workflow} at {at}, from commit {}{run}",
                    shown(&it.repository),
                    shown(&it.commit)
                )
            }
            Self::NotAsked => NOBODY.to_owned(),
            Self::RanBefore(Some(revision)) => {
                format!("it ran here before (revision {revision}): where it comes from is not proven again")
            }
            Self::RanBefore(None) => "it ran here before: where it comes from is not proven again".to_owned(),
        }
    }
}

/// What a card says of an image without provenance.
pub(super) const NOBODY: &str = "nobody has proven where this image comes from (catalog: provenance: none)";

/// What is to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct New {
    /// By its digest, if it has not run here before by something else.
    pub(super) image: String,
    /// What people call it.
    pub(super) version: Option<String>,
    pub(super) commit: Option<String>,
    pub(super) proof: Proof,
}

/// A rollout that is decided upon.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    /// What the deployment was when it was planned.
    pub(super) seen: Seen,
    pub(super) new: New,
    /// What is done, as its first line.
    pub(super) headline: String,
    /// The commits that it brings or takes away.
    pub(super) commits: Vec<String>,
    /// Whoever else manages the image.
    pub(super) taken_from: Vec<String>,
}

impl Plan {
    /// What a run must find again in what people agreed to.
    pub(super) fn essence(&self, act: &Act, service: &Service) -> Vec<String> {
        let now = named(&self.seen.image, self.seen.own().and_then(|marks| marks.version.as_deref()));
        let new = named(&self.new.image, self.new.version.as_deref());
        vec![
            format!("  {}", place(act, service)),
            format!("  image now: {now}"),
            format!("  image new: {new}"),
            self.new.proof.line(),
        ]
    }

    /// All that people agree to.
    pub(super) fn text(&self, act: &Act, service: &Service) -> String {
        let mut text = format!("{}:\n", self.headline);
        for line in self.essence(act, service) {
            let _ = writeln!(text, "{line}");
        }
        for who in &self.taken_from {
            let _ = writeln!(text, "the image is managed by `{who}` now, which may put its own there again");
        }
        for line in &self.commits {
            let _ = writeln!(text, "{line}");
        }
        text.push_str("if it does not become ready, the image before comes back by itself\n");
        text
    }

    /// What a run finds otherwise than people agreed to.
    pub(super) fn differs(&self, act: &Act, service: &Service, agreed: &str) -> Option<String> {
        self.essence(act, service).into_iter().find(|line| !agreed.lines().any(|one| one == line))
    }

    /// What stands on the deployment from then on.
    pub(super) fn marks(&self, invocation: &str, requester: &str) -> Marks {
        Marks {
            invocation: Some(invocation.to_owned()),
            requester: Some(requester.to_owned()),
            image: Some(self.new.image.clone()),
            image_before: Some(self.seen.image.clone()),
            commit: self.new.commit.clone(),
            version: self.new.version.clone(),
        }
    }
}

/// Where it runs.
pub(super) fn place(act: &Act, service: &Service) -> String {
    let Service { cluster, namespace, deployment, container, .. } = service;
    format!(
        "{} in {}: cluster {}, deployment {namespace}/{deployment}, container {container}",
        act.service, act.env, cluster.name
    )
}

/// As many characters of a digest as people read.
const SHORT: usize = 12;

/// An image in a sentence, which has to stay short: of a refusal people read 200 characters.
pub(super) fn brief(image: &str) -> String {
    match image.split_once("sha256:") {
        Some((name, hash)) => {
            let (start, rest) = hash.split_at_checked(SHORT).unwrap_or((hash, ""));
            shown(&format!("{name}sha256:{start}{}", if rest.is_empty() { "" } else { "…" }))
        }
        None => shown(image),
    }
}

/// An image and what people call it.
pub(super) fn named(image: &str, version: Option<&str>) -> String {
    let version = version.map(|version| format!(" ({})", shown(version))).unwrap_or_default();
    format!("{}{version}", shown(image))
}

#[cfg(test)]
pub(super) mod tests;
