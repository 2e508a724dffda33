//! A folder of a commit, written out as files.
//!
//! **Invariant:** every file is written anew below the folder that was given, with the commit's own bytes; no name leads
//! out of it or into git's own folder, no link leads out of it, and nothing is written before all of it is known to fit.

use crate::fetched::Fetched;
use crate::running::{CallError, Running};
use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::{ChildStdin, ChildStdout};

/// Why a folder was not written out. What was written by then stays.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// There is nothing under that path, or no folder.
    #[error("there is no such folder in this commit")]
    NoFolder,
    /// The commit has more files than may be written.
    #[error("the folder has more than {0} files")]
    TooMany(usize),
    /// Its files have more bytes than may be written.
    #[error("the folder has more than {0} bytes")]
    TooLarge(u64),
    /// A name that a path cannot be made of.
    #[error("`{0}` is no name that is written to a folder")]
    Name(String),
    /// A link to somewhere else.
    #[error("the symbolic link `{0}` leads out of the folder")]
    Link(String),
    /// git cannot be run, or does not read what it fetched.
    #[error("git does not read the commit")]
    Call(#[source] CallError),
    /// The folder cannot be written to.
    #[error("`{0}` cannot be written")]
    Io(PathBuf, #[source] io::Error),
}

/// The longest path and the longest link, in bytes; what the kernel takes (`PATH_MAX`).
const LONGEST_PATH: u64 = 4_096;
/// Of a line about a file, beside its path.
const ABOUT_BYTES: u64 = 128;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    File,
    Program,
    Link,
}

/// A file of the commit.
#[derive(Debug)]
struct Entry {
    kind: Kind,
    object: String,
    bytes: u64,
    /// From the folder that is written out.
    path: String,
}

impl Fetched {
    /// Writes a folder of the commit, or all of it when the path is empty, into a folder that is there. Submodules are
    /// left out; what is kept elsewhere (LFS) stays what the commit has, its pointer.
    ///
    /// # Errors
    /// [`ExportError`].
    ///
    /// # Cancel safety
    /// A dropped future ends git and leaves what was written so far.
    pub async fn export(&self, folder: &str, into: &Path) -> Result<(), ExportError> {
        let entries = self.entries(folder).await?;
        let mut batch = Batch::start(self)?;
        let mut made = BTreeSet::new();
        let (links, files): (Vec<_>, Vec<_>) = entries.into_iter().partition(|entry| entry.kind == Kind::Link);
        for entry in files {
            parents(into, &entry.path, &mut made).await?;
            batch.write(&entry, &into.join(&entry.path)).await?;
        }
        // Last, so that nothing is written through one.
        for entry in links {
            parents(into, &entry.path, &mut made).await?;
            batch.link(&entry, &into.join(&entry.path)).await?;
        }
        Ok(())
    }

    async fn entries(&self, folder: &str) -> Result<Vec<Entry>, ExportError> {
        let folder = folder.trim_end_matches('/');
        let tree = match folder {
            "" => self.commit().to_string(),
            folder if is_path(folder) => format!("{}:{folder}", self.commit()),
            _ => return Err(ExportError::NoFolder),
        };
        let limits = self.limits();
        let most = limits.tree_files as u64 * (LONGEST_PATH + ABOUT_BYTES);
        let listed = self.git(&["ls-tree", "-r", "-z", "--long", "--full-tree", &tree]).map_err(ExportError::Call)?;
        let answer = listed.ended_within(limits.deadline, &[], most.min(crate::running::MAX_ANSWER_BYTES)).await;
        let answer = answer.map_err(|error| match error {
            CallError::TooLong(_) => ExportError::TooMany(limits.tree_files),
            error => ExportError::Call(error),
        })?;
        let out = answer.good("ls-tree").map_err(|_| ExportError::NoFolder)?;
        let mut entries = Vec::new();
        let mut bytes = 0_u64;
        for line in out.split(|byte| *byte == 0).filter(|line| !line.is_empty()) {
            let Some(entry) = entry(line)? else { continue };
            bytes = bytes.saturating_add(entry.bytes);
            entries.push(entry);
            if entries.len() > limits.tree_files {
                return Err(ExportError::TooMany(limits.tree_files));
            }
            if bytes > limits.tree_bytes {
                return Err(ExportError::TooLarge(limits.tree_bytes));
            }
        }
        Ok(entries)
    }
}

/// Reads `<mode> <type> <object> <size>`, a tab and the path (git-ls-tree(1)); a submodule is none of ours.
fn entry(line: &[u8]) -> Result<Option<Entry>, ExportError> {
    let unreadable = || ExportError::Name(String::from_utf8_lossy(line).into_owned());
    let line = std::str::from_utf8(line).map_err(|_| unreadable())?;
    let (about, path) = line.split_once('\t').ok_or_else(unreadable)?;
    let mut about = about.split_ascii_whitespace();
    let kind = match about.next() {
        Some("100644" | "100664") => Kind::File,
        Some("100755") => Kind::Program,
        Some("120000") => Kind::Link,
        Some("160000") => return Ok(None),
        _ => return Err(unreadable()),
    };
    let (object, bytes) = (about.nth(1), about.next().and_then(|bytes| bytes.parse().ok()));
    let (Some(object), Some(bytes)) = (object, bytes) else { return Err(unreadable()) };
    if !is_path(path) {
        return Err(ExportError::Name(path.to_owned()));
    }
    Ok(Some(Entry { kind, object: object.to_owned(), bytes, path: path.to_owned() }))
}

/// A relative path that stays inside and touches nothing of git's.
pub(crate) fn is_path(path: &str) -> bool {
    let plain = |part: &str| !matches!(part, "" | "." | "..") && !part.eq_ignore_ascii_case(".git");
    path.len() as u64 <= LONGEST_PATH && !path.contains(char::is_control) && path.split('/').all(plain)
}

/// Whether a link at `path` to `target` stays inside. A `..` behind a name would lead from wherever another link led.
fn stays_inside(path: &str, target: &str) -> bool {
    let is_up = |part: &&str| *part == "..";
    let depth = path.split('/').count() - 1;
    let mut parts = target.split('/').filter(|part| !matches!(*part, "" | "."));
    let up = parts.by_ref().take_while(is_up).count();
    let inside = up <= depth && !parts.any(|part| part == "..");
    inside && !target.is_empty() && !target.starts_with('/') && !target.contains(char::is_control)
}

async fn parents(into: &Path, path: &str, made: &mut BTreeSet<String>) -> Result<(), ExportError> {
    let Some((folder, _)) = path.rsplit_once('/') else { return Ok(()) };
    if made.insert(folder.to_owned()) {
        let place = into.join(folder);
        tokio::fs::create_dir_all(&place).await.map_err(|error| ExportError::Io(place, error))?;
    }
    Ok(())
}

/// One `git cat-file --batch`.
struct Batch {
    asks: ChildStdin,
    answers: BufReader<ChildStdout>,
    _running: Running,
}

impl Batch {
    fn start(fetched: &Fetched) -> Result<Self, ExportError> {
        let mut running = fetched.git(&["cat-file", "--batch"]).map_err(ExportError::Call)?;
        running.child.stderr = None;
        let (Some(asks), Some(answers)) = (running.child.stdin.take(), running.child.stdout.take()) else {
            return Err(broken(io::Error::other("git was started without pipes")));
        };
        Ok(Self { asks, answers: BufReader::new(answers), _running: running })
    }

    /// Asks for an object; its bytes and a line break are to be read next.
    async fn ask(&mut self, entry: &Entry) -> Result<(), ExportError> {
        let asked = async {
            self.asks.write_all(format!("{}\n", entry.object).as_bytes()).await?;
            self.asks.flush().await?;
            let mut head = String::new();
            (&mut self.answers).take(512).read_line(&mut head).await?;
            let expected = format!("{} blob {}", entry.object, entry.bytes);
            if head.trim_end() == expected { Ok(()) } else { Err(io::Error::other("git answered something else")) }
        };
        asked.await.map_err(broken)
    }

    async fn end(&mut self) -> Result<(), ExportError> {
        let byte = self.answers.read_u8().await.map_err(broken)?;
        if byte == b'\n' { Ok(()) } else { Err(broken(io::ErrorKind::InvalidData.into())) }
    }

    async fn write(&mut self, entry: &Entry, to: &Path) -> Result<(), ExportError> {
        self.ask(entry).await?;
        let io = |error| ExportError::Io(to.to_owned(), error);
        let mode = if entry.kind == Kind::Program { 0o755 } else { 0o644 };
        // What is there already is not ours to write to, and a link is not followed.
        let mut file = tokio::fs::File::options();
        let mut file = file.write(true).create_new(true).mode(mode).open(to).await.map_err(io)?;
        let written = tokio::io::copy(&mut (&mut self.answers).take(entry.bytes), &mut file).await.map_err(io)?;
        file.flush().await.map_err(io)?;
        if written != entry.bytes {
            return Err(broken(io::ErrorKind::UnexpectedEof.into()));
        }
        self.end().await
    }

    async fn link(&mut self, entry: &Entry, to: &Path) -> Result<(), ExportError> {
        let leads_out = || ExportError::Link(entry.path.clone());
        if entry.bytes > LONGEST_PATH {
            return Err(leads_out());
        }
        self.ask(entry).await?;
        let mut target = String::new();
        (&mut self.answers).take(entry.bytes).read_to_string(&mut target).await.map_err(|_| leads_out())?;
        self.end().await?;
        if !stays_inside(&entry.path, &target) {
            return Err(leads_out());
        }
        tokio::fs::symlink(&target, to).await.map_err(|error| ExportError::Io(to.to_owned(), error))
    }
}

fn broken(error: io::Error) -> ExportError {
    ExportError::Call(CallError::Io("git cat-file".into(), error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_stays_inside_and_out_of_gits_own_folder() {
        for good in ["main.tf", "a/b/c.tf", ".gitignore", "a/...", "a b/ä"] {
            assert!(is_path(good), "{good}");
        }
        for bad in ["", "/etc/passwd", "a//b", "../x", "a/../x", "a/.", ".git/hooks/x", "a/.GIT/config", "a\nb"] {
            assert!(!is_path(bad), "{bad}");
        }
    }

    #[test]
    fn a_link_stays_inside() {
        for (path, target) in [("a", "b"), ("a/b", "../c"), ("a/b/c", "../../d"), ("a", "./b")] {
            assert!(stays_inside(path, target), "{path} -> {target}");
        }
        for (path, target) in
            [("a", "../b"), ("a", "/etc/passwd"), ("a/b", "../../c"), ("a", "b/../c"), ("p/y", "x/../z"), ("a", "")]
        {
            assert!(!stays_inside(path, target), "{path} -> {target}");
        }
    }
}
