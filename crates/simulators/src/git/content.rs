//! Repositories as people fill them, by git itself.

use std::fmt::Write as _;
use std::io;
use std::path::Path;
use std::process::Stdio;

use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

/// Debian's git.
pub(super) const GIT: &str = "/usr/bin/git";

/// Something in a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// A file.
    File {
        /// From the root.
        path: String,
        /// Its bytes.
        bytes: Vec<u8>,
    },
    /// A file that can be run.
    Program {
        /// From the root.
        path: String,
        /// Its bytes.
        bytes: Vec<u8>,
    },
    /// A symbolic link.
    Link {
        /// From the root.
        path: String,
        /// Where it leads to.
        target: String,
    },
    /// A submodule.
    Submodule {
        /// From the root.
        path: String,
        /// The commit of the other repository.
        commit: String,
    },
}

impl Content {
    /// A file of text.
    #[must_use]
    pub fn text(path: &str, text: &str) -> Self {
        Self::File { path: path.to_owned(), bytes: text.into() }
    }
}

/// Why a repository was not written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// git cannot be run, or the folder cannot be made.
    #[error("git cannot be run")]
    Io(#[from] io::Error),
    /// git said no.
    #[error("git failed: {0}")]
    Failed(String),
}

pub(super) async fn create(folder: &Path) -> Result<(), WriteError> {
    std::fs::create_dir_all(folder)?;
    git(folder, &["init", "--quiet", "--bare", "--template=", "--initial-branch=main", "."], &[]).await?;
    // What a server for many people allows. Source: git-config(1).
    git(folder, &["config", "uploadpack.allowFilter", "true"], &[]).await?;
    Ok(())
}

pub(super) async fn commit(folder: &Path, branch: &str, content: &[Content]) -> Result<String, WriteError> {
    let name = format!("refs/heads/{branch}");
    let listed = git(folder, &["for-each-ref", "--format=%(refname)", &name], &[]).await?;
    let from = if listed.is_empty() { String::new() } else { format!("from {name}^0\n") };
    // Source: git-fast-import(1).
    let mut stream =
        format!("commit {name}\ncommitter Ann <ann@example.com> now\ndata 2\nx\n{from}deleteall\n").into_bytes();
    for one in content {
        match one {
            Content::File { path, bytes } => file(&mut stream, "100644", path, bytes),
            Content::Program { path, bytes } => file(&mut stream, "100755", path, bytes),
            Content::Link { path, target } => file(&mut stream, "120000", path, target.as_bytes()),
            Content::Submodule { path, commit } => {
                stream.extend_from_slice(format!("M 160000 {commit} {path}\n").as_bytes());
            }
        }
    }
    git(folder, &["fast-import", "--quiet", "--date-format=now"], &stream).await?;
    git(folder, &["rev-parse", &name], &[]).await
}

fn file(stream: &mut Vec<u8>, mode: &str, path: &str, bytes: &[u8]) {
    let mut head = String::new();
    let _ = writeln!(head, "M {mode} inline {path}\ndata {}", bytes.len());
    stream.extend_from_slice(head.as_bytes());
    stream.extend_from_slice(bytes);
    stream.push(b'\n');
}

pub(super) async fn forget(folder: &Path, branch: &str) -> Result<(), WriteError> {
    git(folder, &["update-ref", "-d", &format!("refs/heads/{branch}")], &[]).await.map(drop)
}

async fn git(folder: &Path, words: &[&str], input: &[u8]) -> Result<String, WriteError> {
    #[expect(clippy::disallowed_methods, reason = "the stand-in's repositories are made by git itself")]
    let mut command = Command::new(GIT);
    command
        .arg("-C")
        .arg(folder)
        .args(words)
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    let mut child = command.spawn()?;
    let mut stdin = child.stdin.take().ok_or_else(|| io::Error::other("git was started without pipes"))?;
    let feed = async {
        let _ = stdin.write_all(input).await;
        drop(stdin);
    };
    let ((), output) = tokio::join!(feed, child.wait_with_output());
    let output = output?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned());
    }
    Err(WriteError::Failed(String::from_utf8_lossy(&output.stderr).trim().to_owned()))
}
