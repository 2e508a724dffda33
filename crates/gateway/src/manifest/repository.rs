//! One file of one commit of a catalogued repository.
//!
//! **Invariant:** what is fetched is the commit that was named, of the repository that is catalogued; a few at a time,
//! within a deadline, and nothing of it is left when the call is over.

use countersign_command::Source;
use countersign_core::input::Input;
use countersign_git::{FetchError as GitError, FileError, Limits, NotACommit};
use countersign_policy::catalog::{Reference, Repository};
use std::time::Duration;
use tokio::sync::Semaphore;

/// A person waits for it.
const DEADLINE: Duration = Duration::from_secs(20);
/// A repository takes room on disk while it is fetched.
static AT_ONCE: Semaphore = Semaphore::const_new(4);

/// Why a file could not be fetched. A person reads it: what git said is for the log.
#[derive(Debug, thiserror::Error)]
pub(super) enum FetchError {
    /// The catalog changed meanwhile.
    #[error("the catalog does not know the repository any more")]
    Unknown,
    /// Its token or its authority is not kept in a file.
    #[error("the repository's credential or authority is not a file")]
    Credential,
    /// The process ends.
    #[error("nothing is fetched any more")]
    Ending,
    /// The commit is none.
    #[error(transparent)]
    Commit(#[from] NotACommit),
    /// The repository gave nothing.
    #[error(transparent)]
    Git(#[from] GitError),
    /// The commit has no such file, or one that is too long.
    #[error(transparent)]
    File(#[from] FileError),
    /// Not UTF-8.
    #[error("the file is not text")]
    NotText,
}

/// The text of the file.
///
/// # Cancel safety
/// A dropped future ends git and removes what it fetched.
pub(super) async fn fetch(repository: &Repository, source: &Source) -> Result<String, FetchError> {
    let repository = countersign_git::Repository {
        credential: repository.credential.as_ref().map(path).transpose()?,
        authorities: repository.ca.as_ref().map(path).transpose()?,
        limits: Limits { deadline: DEADLINE, ..Limits::default() },
        ..countersign_git::Repository::at(&repository.address)
    };
    let commit = source.commit().parse()?;
    let asked = async {
        let _turn = AT_ONCE.acquire().await.map_err(|_| FetchError::Ending)?;
        let fetched = repository.fetch(&commit).await?;
        Ok::<_, FetchError>(fetched.file(source.path(), Input::MOST_BYTES as u64).await?)
    };
    // Waiting for a turn counts.
    let asked = tokio::time::timeout(DEADLINE, asked).await;
    let bytes = asked.map_err(|_| FetchError::Git(GitError::TooSlow(DEADLINE)))??;
    String::from_utf8(bytes).map_err(|_| FetchError::NotText)
}

fn path(credential: &Reference) -> Result<std::path::PathBuf, FetchError> {
    match credential {
        Reference::File(path) => Ok(path.into()),
        Reference::Env(_) => Err(FetchError::Credential),
    }
}

#[cfg(test)]
mod tests;
