//! Why a place in a git repository did not take or give heads.

use countersign_git::CallError;
use std::path::PathBuf;

/// Why git did not do something.
#[derive(Debug, thiserror::Error)]
pub enum GitError {
    /// git could not be started, broke off, did not end in time, or said no.
    #[error(transparent)]
    Call(#[from] CallError),
    /// The working repository cannot be made or used.
    #[error("`{0}` cannot be used")]
    Io(PathBuf, #[source] std::io::Error),
    /// Others pushed again and again in between.
    #[error("others pushed each of {0} times in between")]
    Crowded(u32),
    /// Another content is kept under the same name.
    #[error("the repository holds another head under `{0}`")]
    Occupied(String),
    /// The process ends.
    #[error("the process ends, and its git with it")]
    Ending,
    /// A clone was opened for reading.
    #[error("this repository was opened for reading only")]
    OnlyRead,
    /// A setting could be taken for something else.
    #[error("`{0}` cannot be used: {1}")]
    BadSetting(String, &'static str),
    /// There is no repository, or it has no such branch.
    #[error("`{0}` is not a git repository, or has no branch `{1}`")]
    NoBranch(String, String),
}
