//! A commit that was fetched, and what is in it.
//!
//! **Invariant:** a file's bytes are those of the commit: nothing is filtered, expanded or fetched on the way. All of
//! it is gone with this.

use crate::commit::Commit;
use crate::export::is_path;
use crate::repository::{FetchError, Limits, start};
use crate::running::{CallError, Running};
use crate::settings::Private;
use std::path::PathBuf;

/// A commit and all its files, without what was before it.
#[derive(Debug)]
pub struct Fetched {
    private: Private,
    place: PathBuf,
    commit: Commit,
    limits: Limits,
}

/// Why a file of a commit was not read.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// There is nothing under that path, or no file.
    #[error("there is no such file in this commit")]
    NoFile,
    /// More than was asked for.
    #[error("the file is longer than {0} bytes")]
    TooLong(u64),
    /// git cannot be run, or does not read what it fetched.
    #[error("git does not read the commit")]
    Call(#[source] CallError),
}

/// What git writes before a file: `<oid> blob <size>` and a line break (git-cat-file(1), "Batch output").
const HEAD_BYTES: u64 = 128;

impl Fetched {
    pub(crate) const fn new(private: Private, place: PathBuf, commit: Commit, limits: Limits) -> Self {
        Self { private, place, commit, limits }
    }

    /// Which commit it is.
    #[must_use]
    pub const fn commit(&self) -> &Commit {
        &self.commit
    }

    pub(crate) const fn limits(&self) -> Limits {
        self.limits
    }

    /// The bytes of a file, by its path from the root; of a symbolic link, the path it leads to.
    ///
    /// # Errors
    /// [`FileError`].
    ///
    /// # Cancel safety
    /// A dropped future ends git.
    pub async fn file(&self, path: &str, most_bytes: u64) -> Result<Vec<u8>, FileError> {
        if !is_path(path) {
            return Err(FileError::NoFile);
        }
        let asks = format!("{}:{path}\n", self.commit);
        let running = self.git(&["cat-file", "--batch"]).map_err(FileError::Call)?;
        let most = HEAD_BYTES + most_bytes + 1;
        let answer = running.ended_within(self.limits.deadline, asks.as_bytes(), most).await;
        let answer = answer.and_then(|answer| answer.good("cat-file")).map_err(|error| match error {
            CallError::TooLong(_) => FileError::TooLong(most_bytes),
            error => FileError::Call(error),
        })?;
        blob(&answer, most_bytes)
    }

    pub(crate) fn git(&self, words: &[&str]) -> Result<Running, CallError> {
        start(&self.private, None, self.limits, &self.place, words).map_err(|error| match error {
            FetchError::Call(error) => error,
            other => CallError::Io(self.place.clone(), std::io::Error::other(other)),
        })
    }
}

/// Reads `<oid> blob <size>\n<bytes>\n`.
fn blob(answer: &[u8], most: u64) -> Result<Vec<u8>, FileError> {
    let end = answer.iter().position(|byte| *byte == b'\n').ok_or(FileError::NoFile)?;
    let (head, rest) = answer.split_at_checked(end).ok_or(FileError::NoFile)?;
    let head = std::str::from_utf8(head).map_err(|_| FileError::NoFile)?;
    let size = match head.split(' ').collect::<Vec<_>>().as_slice() {
        [_, "blob", size] => size.parse::<usize>().map_err(|_| FileError::NoFile)?,
        _ => return Err(FileError::NoFile),
    };
    if size as u64 > most {
        return Err(FileError::TooLong(most));
    }
    rest.get(1..=size).map(<[u8]>::to_vec).ok_or(FileError::NoFile)
}
