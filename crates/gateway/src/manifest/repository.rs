//! One file of one commit of a catalogued repository, by git.
//!
//! **Invariant:** git gets no word of a person's as an argument but a commit id of 40 digits, behind
//! `--`; the path goes to its standard input. No other protocol than https and file, no settings
//! but ours, no hooks, a deadline, and nothing of it is left when the call is over.

use countersign_command::Source;
use countersign_core::input::Input;
use countersign_policy::catalog::{Reference, Repository};
use std::io;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::Command;
use tokio::sync::Semaphore;

const GIT: &str = "/usr/bin/git";
/// A person waits for it.
const DEADLINE: Duration = Duration::from_secs(20);
/// A repository takes room on disk while it is fetched.
static AT_ONCE: Semaphore = Semaphore::const_new(4);
/// A longer token is none.
const LONGEST_TOKEN_BYTES: u64 = 4_096;
/// What git writes before the file: `<oid> blob <size>` and a line break.
const HEAD_BYTES: u64 = 128;

/// Why a file could not be fetched. A person reads it: what git said is for the log.
#[derive(Debug, thiserror::Error)]
pub(super) enum FetchError {
    /// The catalog changed meanwhile.
    #[error("the catalog does not know the repository any more")]
    Unknown,
    /// Its token cannot be read here.
    #[error("the repository's credential cannot be read")]
    Credential(#[source] io::Error),
    /// git cannot be started, or broke off.
    #[error("git cannot be run")]
    Io(#[source] io::Error),
    /// git did not end in time.
    #[error("the repository did not answer within {DEADLINE:?}")]
    TooSlow,
    /// git said no.
    #[error("the repository does not give this commit")]
    NoCommit(#[source] Said),
    /// There is nothing under that path, or a folder.
    #[error("there is no such file in this commit")]
    NoFile,
    /// More than an input may have.
    #[error("the file is longer than {most} bytes", most = Input::MOST_BYTES)]
    TooLong,
    /// Not UTF-8.
    #[error("the file is not text")]
    NotText,
}

/// What git said last.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Said(String);

/// The text of the file.
///
/// # Cancel safety
/// A dropped future kills git and removes what it fetched.
pub(super) async fn fetch(repository: &Repository, source: &Source) -> Result<String, FetchError> {
    let _turn = AT_ONCE.acquire().await.map_err(|error| FetchError::Io(io::Error::other(error)))?;
    let fetched = tokio::time::timeout(DEADLINE, fetch_now(repository, source)).await;
    fetched.map_err(|_| FetchError::TooSlow)?
}

async fn fetch_now(repository: &Repository, source: &Source) -> Result<String, FetchError> {
    // Readable by this process alone, and gone with it.
    let folder = TempDir::with_prefix("countersign-manifest-").map_err(FetchError::Io)?;
    let header = repository.credential.as_ref().map(header).transpose().map_err(FetchError::Credential)?;
    let git = Git { folder: folder.path(), header };
    git.run(&["init", "--quiet", "--bare", "."], &[], 0).await?;
    let fetch = ["fetch", "--quiet", "--depth=1", "--no-tags", "--no-auto-gc", "--recurse-submodules=no", "--"];
    let words: Vec<&str> = fetch.into_iter().chain([repository.address.as_str(), source.commit()]).collect();
    git.run(&words, &[], 0).await?;
    let asks = format!("{}:{}\n", source.commit(), source.path());
    let most = HEAD_BYTES + Input::MOST_BYTES as u64 + 1;
    let answer = git.run(&["cat-file", "--batch"], asks.as_bytes(), most).await?;
    text(&answer)
}

/// Reads `<oid> blob <size>\n<bytes>\n`.
fn text(answer: &[u8]) -> Result<String, FetchError> {
    let end = answer.iter().position(|byte| *byte == b'\n').ok_or(FetchError::NoFile)?;
    let (head, rest) = answer.split_at_checked(end).ok_or(FetchError::NoFile)?;
    let head = std::str::from_utf8(head).map_err(|_| FetchError::NoFile)?;
    let size = match head.split(' ').collect::<Vec<_>>().as_slice() {
        [_, "blob", size] => size.parse::<usize>().map_err(|_| FetchError::NoFile)?,
        _ => return Err(FetchError::NoFile),
    };
    if size > Input::MOST_BYTES {
        return Err(FetchError::TooLong);
    }
    let bytes = rest.get(1..=size).ok_or(FetchError::NoFile)?;
    String::from_utf8(bytes.to_vec()).map_err(|_| FetchError::NotText)
}

/// The header that proves a token to the servers of git: any name, and the token for a password.
fn header(credential: &Reference) -> io::Result<String> {
    use base64::Engine as _;
    let Reference::File(path) = credential else {
        return Err(io::Error::other("it is not a file"));
    };
    let file = std::fs::File::open(path)?;
    let mut token = String::new();
    io::Read::read_to_string(&mut io::Read::take(file, LONGEST_TOKEN_BYTES), &mut token)?;
    let pair = format!("x-access-token:{}", token.trim());
    Ok(format!("Authorization: Basic {}", base64::engine::general_purpose::STANDARD.encode(pair)))
}

struct Git<'a> {
    folder: &'a Path,
    header: Option<String>,
}

impl Git<'_> {
    /// Runs git and gives at most `most` bytes of what it wrote.
    async fn run(&self, words: &[&str], input: &[u8], most: u64) -> Result<Vec<u8>, FetchError> {
        let mut child = self.command(words).spawn().map_err(FetchError::Io)?;
        let pipes = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let (Some(mut stdin), Some(stdout), Some(stderr)) = pipes else {
            return Err(FetchError::Io(io::Error::other("git was started without pipes")));
        };
        let (mut out, mut said) = (Vec::new(), Vec::new());
        let feed = async {
            // Whether git wanted all of it is told by its exit.
            let _ = stdin.write_all(input).await;
            drop(stdin);
            Ok(())
        };
        let (mut stdout, mut stderr) = (stdout.take(most), stderr.take(HEAD_BYTES * 16));
        tokio::try_join!(feed, stdout.read_to_end(&mut out), stderr.read_to_end(&mut said)).map_err(FetchError::Io)?;
        // What is longer than that is not read: git notices and ends.
        drop((stdout, stderr));
        let status = child.wait().await.map_err(FetchError::Io)?;
        if status.success() || (most > 0 && out.len() as u64 == most) {
            return Ok(out);
        }
        let said = String::from_utf8_lossy(&said).replace(|one: char| one.is_control(), " ");
        Err(FetchError::NoCommit(Said(said)))
    }

    fn command(&self, words: &[&str]) -> Command {
        #[expect(
            clippy::disallowed_methods,
            reason = "git is the wire to a catalogued repository: a fixed program, no shell, no word of a person's"
        )]
        let mut command = Command::new(GIT);
        command
            .args(["-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false", "-c", "protocol.version=2"])
            .args(["-c", "fetch.fsckObjects=true", "-c", "http.followRedirects=false"])
            .arg("-C")
            .arg(self.folder)
            .args(words)
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("LC_ALL", "C")
            .env("HOME", self.folder)
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_ALLOW_PROTOCOL", "https:file")
            .env("GIT_TERMINAL_PROMPT", "0")
            .env("GIT_NO_LAZY_FETCH", "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true);
        if let Some(header) = &self.header {
            // Not an argument: arguments are everybody's to read.
            command.env("GIT_CONFIG_COUNT", "1").env("GIT_CONFIG_KEY_0", "http.extraHeader");
            command.env("GIT_CONFIG_VALUE_0", header);
        }
        command
    }
}

#[cfg(test)]
mod tests;
