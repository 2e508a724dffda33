//! The job: what a driver knows besides its argv.
//!
//! **Invariant:** it comes from one file that the job alone can read; a key this version does not know is refused, and
//! nothing of it is printed.

use secrecy::SecretString;
use serde::Deserialize;
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
