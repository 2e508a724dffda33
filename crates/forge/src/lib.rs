//! What GitHub says of a commit: pull requests, reviews, checks, workflow runs and what they made.
//!
//! **Invariant:** GitHub is believed about its own records and about nothing else: every answer is bounded, read into
//! the fields that are needed, and held against the repository, branch and commit that were asked about. The token goes
//! to the configured address alone and is in no message; no redirect is followed but the one of an artifact, without the
//! token, to a host that was named.
//!
//! Source of paths and fields: GitHub's REST API, version 2022-11-28 (docs.github.com/rest), each named where it is used.

mod answers;
mod archive;
mod attestations;
mod client;
mod commits;
mod download;
mod error;
mod review;
mod runs;
mod verdict;
mod words;

pub use archive::BadArchive;
pub use client::Settings;
pub use commits::{Commit, Commits, NEWEST};
pub use download::ARTIFACT_HOSTS;
pub use error::{ForgeError, NotReviewed};
pub use review::Review;
pub use runs::Run;

use client::Client;
use std::collections::BTreeSet;
use std::time::Duration;

/// Asks GitHub about one repository. Cheap to clone; Debug shows no token.
#[derive(Debug, Clone)]
pub struct Forge {
    client: Client,
    deadline: Duration,
}

impl Forge {
    /// Prepares to ask; nothing is sent.
    ///
    /// # Errors
    /// [`ForgeError::Settings`].
    pub fn new(settings: Settings) -> Result<Self, ForgeError> {
        let deadline = settings.deadline;
        Ok(Self { client: Client::new(settings)?, deadline })
    }

    /// Whether this commit is what a pull request of this repository made of this branch, approved by somebody who did
    /// not ask for it and with every check green: the `checks` that are named, or without names all that ran.
    ///
    /// A person is an account of GitHub here: that two accounts are one person is not known to it.
    ///
    /// # Errors
    /// [`ForgeError::NotReviewed`] with the reason, [`ForgeError::UnknownCommit`], or why GitHub did not say.
    ///
    /// # Cancel safety
    /// Nothing is written, here or there.
    pub async fn review(&self, commit: &str, branch: &str, checks: &BTreeSet<String>) -> Result<Review, ForgeError> {
        self.in_time(review::review(&self.client, commit, branch, checks)).await
    }

    /// What lies between two commits, the newest first.
    ///
    /// # Errors
    /// [`ForgeError::UnknownCommit`] names the one that is not there; or why GitHub did not say.
    ///
    /// # Cancel safety
    /// Nothing is written, here or there.
    pub async fn commits_between(&self, from: &str, to: &str) -> Result<Commits, ForgeError> {
        self.in_time(commits::between(&self.client, from, to)).await
    }

    /// A run of a workflow.
    ///
    /// # Errors
    /// [`ForgeError::NoRun`], or why GitHub did not say.
    ///
    /// # Cancel safety
    /// Nothing is written, here or there.
    pub async fn run(&self, id: u64) -> Result<Run, ForgeError> {
        self.in_time(runs::run(&self.client, id)).await
    }

    /// The files of a run's artifact by their names in the archive, which are plain relative paths. Bounded: see
    /// [`BadArchive`].
    ///
    /// # Errors
    /// [`ForgeError::NoArtifact`], [`ForgeError::ArtifactExpired`], [`ForgeError::Archive`],
    /// [`ForgeError::ForeignHost`], or why GitHub did not say.
    ///
    /// # Cancel safety
    /// Nothing is written, here or there.
    pub async fn artifact(&self, run: u64, name: &str) -> Result<Vec<(String, Vec<u8>)>, ForgeError> {
        self.in_time(runs::artifact(&self.client, run, name)).await
    }

    /// The Sigstore bundles that are stored for this digest, `sha256:…`; none if there is none. They prove nothing
    /// before somebody has verified them.
    ///
    /// # Errors
    /// Why GitHub did not say.
    ///
    /// # Cancel safety
    /// Nothing is written, here or there.
    pub async fn attestations(&self, digest: &str) -> Result<Vec<serde_json::Value>, ForgeError> {
        self.in_time(attestations::of(&self.client, digest)).await
    }

    async fn in_time<T>(&self, question: impl Future<Output = Result<T, ForgeError>>) -> Result<T, ForgeError> {
        let answer = tokio::time::timeout(self.deadline, Box::pin(question)).await;
        answer.unwrap_or(Err(ForgeError::TooSlow { seconds: self.deadline.as_secs() }))
    }
}
