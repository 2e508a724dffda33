//! The job: what a driver knows besides its argv.
//!
//! **Invariant:** it comes from one file that the job alone can read; a key this version does not know is refused, and
//! nothing of it is printed.

use super::deploy::Service;
use secrecy::SecretString;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::time::Duration;

/// A job (format v1), made by the runner.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Job {
    v: u32,
    /// Which request.
    pub(super) invocation: String,
    /// Who asked: a name for people, and the directory's.
    pub(super) requester: String,
    /// What the command acts on.
    pub(super) target: Target,
    /// The target's credential, if it wants one.
    pub(super) bearer: Option<SecretString>,
    /// The only way out: an `http://` address of the jail's loopback.
    pub(super) proxy: String,
    /// Of a Terraform stack, what is done in it.
    pub(super) stack: Option<Stack>,
    /// Of a service, all that a rollout has to know.
    pub(super) service: Option<Service>,
    seconds: u64,
}

/// What a command acts on.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Target {
    /// The section of the catalog, as `alertmanager`.
    pub(super) kind: String,
    /// Its name there.
    pub(super) name: String,
    /// Its address, without a slash at its end.
    pub(super) address: String,
    /// The authorities it is believed by, PEM; the system's if absent.
    pub(super) ca: Option<String>,
}

/// A stack, prepared outside of the jail.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Stack {
    /// What is done.
    pub(super) task: Task,
    /// The commit, all digits.
    pub(super) commit: String,
    /// Where it comes from: the stack's branch, or the revision that was asked for.
    pub(super) branch: String,
    /// The stack's folder in the repository.
    pub(super) folder: String,
    /// Where the commit's files are.
    pub(super) tree: String,
    /// What was found out about the commit, a line each, for people.
    pub(super) said: Vec<String>,
    /// The stack's credential.
    pub(super) variables: BTreeMap<String, SecretString>,
    /// Whether people watch.
    pub(super) live: bool,
}

/// What is done in a stack. A plan is kept in, and comes from, standard input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Task {
    /// Plans, for people to look at.
    Plan,
    /// Plans what is to be applied.
    Propose,
    /// Shows the plan that is to be applied.
    Show,
    /// Applies it.
    Apply,
    /// Says what a commit is, and runs nothing.
    Diff,
}

/// Why there is no job.
#[derive(Debug, thiserror::Error)]
pub(super) enum JobError {
    /// The file.
    #[error("the job cannot be read")]
    Unreadable(#[source] io::Error),
    /// What is in it. The parser's words could quote it.
    #[error("the job is not one of this version")]
    Strange,
}

impl Job {
    pub(super) fn read(path: &Path) -> Result<Self, JobError> {
        let text = std::fs::read(path).map_err(JobError::Unreadable)?;
        let job: Self = serde_json::from_slice(&text).map_err(|_| JobError::Strange)?;
        if job.v == 1 { Ok(job) } else { Err(JobError::Strange) }
    }

    /// The most time that all of it may take.
    pub(super) const fn wall(&self) -> Duration {
        Duration::from_secs(self.seconds)
    }
}
