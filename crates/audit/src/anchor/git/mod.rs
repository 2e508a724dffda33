//! A git repository as the second place: a commit a head, on a branch that only grows.
//!
//! A head's path is its name, with the last six digits of its number making folders:
//! `heads/v1/writer=…/00000000000000/001/00000000000000001234.note`. A stream gets a head a minute,
//! and git writes every folder on the way anew with each commit: with all heads of a stream in one
//! folder a month of one process would cost gigabytes.
//!
//! **Invariant:** a branch is only ever moved forward; of heads pushed at the same time by several
//! processes each ends up in it.

mod error;
mod reading;
mod writing;

pub use countersign_git::{CallError, Program as GitProgram};
pub use error::GitError;

use super::spec::Branch;
use super::{Anchor, Heads, NotAnchored};
use crate::layout;
use crate::sink::{Key, ReadError};
use async_trait::async_trait;
use reading::Reader;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::sync::oneshot;
use tokio_util::task::TaskTracker;
use writing::Pusher;

/// What a place in a git repository is opened with.
#[derive(Debug, Clone)]
pub struct GitSettings {
    /// How git is run.
    pub program: GitProgram,
    /// A URL git understands, or the path of a repository on this machine.
    pub repository: String,
    /// The branch that holds the heads; it begins with the first one.
    pub branch: Branch,
    /// A folder of this process alone, in which a bare repository is made if there is none.
    pub work: PathBuf,
    /// Who commits: a name and an address, neither with `<`, `>` or a line break.
    pub author: (String, String),
}

/// Heads as commits.
#[derive(Debug)]
pub struct GitPlace {
    reader: Reader,
    /// Absent for a clone of an auditor's, which is read as it was last fetched.
    pusher: Option<Arc<Pusher>>,
    tasks: TaskTracker,
}

impl GitPlace {
    /// A place to send heads to, or to read a remote repository: makes the working repository if it
    /// is not there. The remote one is not asked yet.
    ///
    /// # Errors
    /// When the working repository cannot be made, or a setting could be taken for something else.
    pub async fn open(settings: GitSettings) -> Result<Self, GitError> {
        let pusher = Pusher::open(settings).await?;
        let reader = Reader::of_work(&pusher);
        Ok(Self { reader, pusher: Some(Arc::new(pusher)), tasks: TaskTracker::new() })
    }

    /// A clone on this machine, bare or not, to read heads from as they were last fetched.
    ///
    /// # Errors
    /// When there is no repository.
    pub async fn look(program: GitProgram, clone: &Path, branch: &Branch) -> Result<Self, GitError> {
        let reader = Reader::of_clone(program, clone, branch).await?;
        Ok(Self { reader, pusher: None, tasks: TaskTracker::new() })
    }

    /// The heads that an earlier commit held and the branch does not hold any more, or holds
    /// otherwise, by name. Commits that no branch holds any more count as long as the repository
    /// remembers them: a clone that fetched before a branch was replaced shows the replacement.
    ///
    /// # Errors
    /// When git does not answer.
    pub async fn rewritten(&self) -> Result<Vec<String>, GitError> {
        self.refresh().await?;
        self.reader.rewritten().await
    }

    /// Pushes in a task of its own: a push is not broken off because nobody waits for it any more,
    /// and one that had not begun by then does not begin.
    async fn push(&self, pusher: Arc<Pusher>, key: Key, note: String) -> Result<(), GitError> {
        let (done, kept) = oneshot::channel();
        self.tasks.spawn(async move {
            let mut turn = pusher.turn.lock().await;
            if !done.is_closed() {
                // Whoever asked may have gone meanwhile.
                let _ = done.send(pusher.keep(&mut turn, &key, &note).await);
            }
        });
        kept.await.unwrap_or(Err(GitError::Ending))
    }

    async fn refresh(&self) -> Result<(), GitError> {
        match &self.pusher {
            Some(pusher) => pusher.fetch_all().await,
            None => Ok(()),
        }
    }
}

#[async_trait]
impl Anchor for GitPlace {
    fn place(&self) -> &'static str {
        "git"
    }

    async fn keep(&self, key: &Key, note: &str) -> Result<(), NotAnchored> {
        let kept = match &self.pusher {
            Some(pusher) => self.push(pusher.clone(), key.clone(), note.to_owned()).await,
            None => Err(GitError::OnlyRead),
        };
        kept.map_err(|error| NotAnchored { place: "the git repository".into(), source: Box::new(error) })
    }
}

#[async_trait]
impl Heads for GitPlace {
    async fn names(&self) -> Result<Vec<String>, ReadError> {
        self.refresh().await.map_err(unavailable)?;
        self.reader.names().await.map_err(unavailable)
    }

    async fn head(&self, name: &str) -> Result<Option<Vec<u8>>, ReadError> {
        Ok(self.heads(name).await?.into_iter().next())
    }

    async fn heads(&self, name: &str) -> Result<Vec<Vec<u8>>, ReadError> {
        self.reader.heads(name).await.map_err(unavailable)
    }

    async fn rewritten(&self) -> Result<Vec<String>, ReadError> {
        Self::rewritten(self).await.map_err(unavailable)
    }
}

/// Checks what does not change between calls.
fn checked(program: GitProgram) -> Result<GitProgram, GitError> {
    if program.program.is_absolute() {
        return Ok(program);
    }
    Err(GitError::BadSetting(program.program.display().to_string(), "the program needs an absolute path"))
}

fn unavailable(error: GitError) -> ReadError {
    ReadError::Unavailable(Box::new(error))
}

/// Where a head lies in the tree.
fn path_of(name: &str) -> Option<String> {
    let layout::Place::Head(writer, _) = layout::place(name) else { return None };
    let digits = name.rsplit_once('/')?.1.strip_suffix(".note")?;
    let (high, low) = digits.split_at_checked(14)?;
    let thousands = low.get(..3)?;
    Some(format!("{}writer={writer}/{high}/{thousands}/{digits}.note", layout::HEADS))
}

/// The head that lies at a path; other paths are their own names, to be seen as strangers.
fn name_of(path: &str) -> String {
    let short = || {
        let (folder, file) = path.rsplit_once('/')?;
        let (writer, _) = folder.rsplit_once('/')?.0.rsplit_once('/')?;
        let name = format!("{writer}/{file}");
        (path_of(&name).as_deref() == Some(path)).then_some(name)
    };
    short().unwrap_or_else(|| path.to_owned())
}

#[cfg(test)]
mod tests {
    use super::{name_of, path_of};

    #[test]
    fn a_path_is_one_heads_and_strangers_keep_theirs() {
        let writer = "heads/v1/writer=gateway-00000000-0000-4000-8000-000000000000";
        let name = format!("{writer}/00000000000000012345.note");
        let path = format!("{writer}/00000000000000/012/00000000000000012345.note");
        assert_eq!(path_of(&name).as_deref(), Some(path.as_str()));
        assert_eq!(name_of(&path), name);
        for other in [
            name,
            format!("{writer}/00000000000000/013/00000000000000012345.note"),
            format!("{writer}/00000000000000/012/12345.note"),
            "heads/v1/README".to_owned(),
            "heads/v1/a/b/c/d".to_owned(),
        ] {
            assert_eq!(name_of(&other), other);
        }
        assert_eq!(path_of("heads/v1/x"), None);
    }
}
