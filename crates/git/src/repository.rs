//! A repository that is only read: the head of a branch, a commit by its whole id.
//!
//! **Invariant:** git speaks https and file here, follows no redirect, has no settings but ours and no word of a
//! person's but a commit's id and a branch's name, both checked; a commit is given only if a branch or tag of the
//! repository leads to it, so that what somebody pushed to a fork of it is not taken for the repository's; time, memory
//! and room on disk are bounded.

use crate::commit::Commit;
use crate::environment;
use crate::fetched::Fetched;
use crate::running::{Answer, CallError, MAX_ANSWER_BYTES, Running};
use crate::settings::{Private, PrivateError};
use rustix::process::{Resource, Rlimit};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A repository and what proves that we may read it.
#[derive(Debug, Clone)]
pub struct Repository {
    /// `https://host/path` or `file:///path`, without a user.
    pub address: String,
    /// A file with the token that can read it, if it is not public.
    pub credential: Option<PathBuf>,
    /// A file with the authorities to trust, in PEM; the host's own if absent.
    pub authorities: Option<PathBuf>,
    /// How much it may cost.
    pub limits: Limits,
}

/// How much a repository may cost.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Deadline of everything that is asked of it at once.
    pub deadline: Duration,
    /// Most bytes of one file that git writes, its packs above all.
    pub pack_bytes: u64,
    /// Most bytes of memory that each process of git takes.
    pub memory_bytes: u64,
    /// Most bytes of files that are written out.
    pub tree_bytes: u64,
    /// Most files that are written out.
    pub tree_files: usize,
}

impl Default for Limits {
    /// For somebody who waits: 20 s, 256 MiB packed, 1 GiB of memory, 512 MiB in 50,000 files.
    fn default() -> Self {
        Self {
            deadline: Duration::from_secs(20),
            pack_bytes: 256 << 20,
            memory_bytes: 1 << 30,
            tree_bytes: 512 << 20,
            tree_files: 50_000,
        }
    }
}

/// Why nothing was fetched. Display is for people; what git said is the source, for the log.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// The address is none, or could be taken for something else.
    #[error("the repository's address is not one of https or file")]
    Address,
    /// The branch's name is none.
    #[error("this is not the name of a branch")]
    Branch,
    /// The token cannot be read here.
    #[error("the repository's credential cannot be read")]
    Credential(#[source] io::Error),
    /// The server does not take the token, or wants one.
    #[error("the repository does not let us in: its credential is missing, wrong, or may not read it")]
    Refused(#[source] CallError),
    /// The server sends us somewhere else.
    #[error("the repository's address redirects, and redirects are not followed")]
    Redirected(#[source] CallError),
    /// There is no folder to work in.
    #[error("there is no room for a repository")]
    Io(#[source] io::Error),
    /// git cannot be run.
    #[error("git cannot be run")]
    Call(#[source] CallError),
    /// It did not end in time.
    #[error("the repository did not answer within {0:?}")]
    TooSlow(Duration),
    /// There is more than may be fetched.
    #[error("the repository holds more than may be fetched")]
    TooLarge(#[source] CallError),
    /// The server cannot be reached or does not talk to us.
    #[error("the repository cannot be read")]
    Unavailable(#[source] CallError),
    /// There is no such branch.
    #[error("the repository has no such branch")]
    NoBranch,
    /// The server does not give this commit.
    #[error("the repository does not give this commit")]
    NoCommit(#[source] CallError),
    /// git found something in it that no honest git makes.
    #[error("the commit holds what git does not take")]
    Malformed(#[source] CallError),
    /// It exists there, and nothing of the repository's own leads to it.
    #[error("no branch or tag of the repository leads to this commit")]
    Unreachable,
}

/// The one program; the installation has it there.
const GIT: &str = "/usr/bin/git";
/// What the server gives by its id, and nothing before it.
const ONE_COMMIT: &[&str] = &["fetch", "--quiet", "--depth=1", "--no-tags", "--no-write-fetch-head", "--"];
/// Commits alone; a server that cannot leave the rest away sends all of it.
const HISTORY: &[&str] = &["fetch", "--quiet", "--filter=tree:0", "--no-tags", "--no-write-fetch-head", "--"];
const EVERY_REF: [&str; 2] = ["+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*"];

impl Repository {
    /// A public repository with the usual limits.
    #[must_use]
    pub fn at(address: impl Into<String>) -> Self {
        Self { address: address.into(), credential: None, authorities: None, limits: Limits::default() }
    }

    /// The commit a branch is at now.
    ///
    /// # Errors
    /// [`FetchError`].
    ///
    /// # Cancel safety
    /// A dropped future ends git and leaves nothing behind.
    pub async fn head(&self, branch: &str) -> Result<Commit, FetchError> {
        if !is_branch(branch) {
            return Err(FetchError::Branch);
        }
        self.in_time(async {
            let name = format!("refs/heads/{branch}");
            let refs = Session::open(self)?.refs(&[&name]).await?;
            // A pattern also fits names that end like it.
            let head = refs.into_iter().find(|(_, own)| *own == name).map(|(commit, _)| commit);
            head.ok_or(FetchError::NoBranch)
        })
        .await
    }

    /// A commit, by its id.
    ///
    /// # Errors
    /// [`FetchError`].
    ///
    /// # Cancel safety
    /// A dropped future ends git and leaves nothing behind.
    pub async fn fetch(&self, commit: &Commit) -> Result<Fetched, FetchError> {
        self.in_time(async {
            let session = Session::open(self)?;
            let is_tip = session.refs(&[]).await?.iter().any(|(tip, _)| tip == commit);
            let place = session.bare("content").await?;
            let words = [ONE_COMMIT, &[&self.address, commit.as_str()]].concat();
            session.call(&place, &words).await?.good("fetch").map_err(told).map_err(missing)?;
            if !is_tip {
                session.led_to(commit).await?;
            }
            session.private.forget().map_err(FetchError::Io)?;
            Ok(Fetched::new(session.private, place, commit.clone(), self.limits))
        })
        .await
    }

    async fn in_time<T>(&self, asked: impl Future<Output = Result<T, FetchError>>) -> Result<T, FetchError> {
        let deadline = self.limits.deadline;
        tokio::time::timeout(deadline, asked).await.map_err(|_| FetchError::TooSlow(deadline))?
    }
}

/// What one question to a repository needs.
struct Session<'a> {
    repository: &'a Repository,
    private: Private,
}

impl<'a> Session<'a> {
    fn open(repository: &'a Repository) -> Result<Self, FetchError> {
        if !is_address(&repository.address) {
            return Err(FetchError::Address);
        }
        let private = Private::make(&repository.address, repository.credential.as_deref());
        let private = private.map_err(|error| match error {
            PrivateError::Folder(error) => FetchError::Io(error),
            PrivateError::Credential(error) => FetchError::Credential(error),
        })?;
        Ok(Self { repository, private })
    }

    /// Branches and tags, what an annotated tag stands for as well.
    async fn refs(&self, patterns: &[&str]) -> Result<Vec<(Commit, String)>, FetchError> {
        let words = ["ls-remote", "--quiet", "--heads", "--tags", "--", &self.repository.address];
        let answer = self.call(self.private.path(), &[&words, patterns].concat()).await?;
        let out = answer.good("ls-remote").map_err(told)?;
        let text = String::from_utf8_lossy(&out);
        let refs = text.lines().filter_map(|line| {
            let (commit, name) = line.split_once('\t')?;
            Some((commit.parse().ok()?, name.to_owned()))
        });
        Ok(refs.collect())
    }

    /// Whether a branch or tag leads to a commit. Only commits are looked at.
    async fn led_to(&self, commit: &Commit) -> Result<(), FetchError> {
        let place = self.bare("history").await?;
        let words = [HISTORY, &[&self.repository.address], &EVERY_REF].concat();
        self.call(&place, &words).await?.good("fetch").map_err(told)?;
        let contains = format!("--contains={commit}");
        let words = ["for-each-ref", "--count=1", "--format=%(refname)", &contains];
        // A commit that is not there is a no as well.
        match self.call(&place, &words).await?.good("for-each-ref") {
            Ok(found) if !found.is_empty() => Ok(()),
            Ok(_) | Err(_) => Err(FetchError::Unreachable),
        }
    }

    async fn bare(&self, name: &str) -> Result<PathBuf, FetchError> {
        let place = self.private.place(name);
        std::fs::create_dir(&place).map_err(FetchError::Io)?;
        let answer = self.call(&place, &["init", "--quiet", "--bare", "--template=", "."]).await?;
        answer.good("init").map_err(FetchError::Call)?;
        Ok(place)
    }

    async fn call(&self, at: &Path, words: &[&str]) -> Result<Answer, FetchError> {
        let Repository { authorities, limits, .. } = self.repository;
        let running = start(&self.private, authorities.as_deref(), *limits, at, words)?;
        // The deadline of the whole question is the nearer one.
        let ended = running.ended_within(limits.deadline, &[], MAX_ANSWER_BYTES).await;
        ended.map_err(|error| match error {
            CallError::TooSlow(deadline) => FetchError::TooSlow(deadline),
            error => FetchError::Call(error),
        })
    }
}

/// git without anybody's settings, within the limits.
pub(crate) fn start(
    private: &Private,
    authorities: Option<&Path>,
    limits: Limits,
    at: &Path,
    words: &[&str],
) -> Result<Running, FetchError> {
    let mut command = environment::command(Path::new(GIT), at, words);
    command
        .env("HOME", private.path())
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", private.settings())
        .env("GIT_CEILING_DIRECTORIES", private.path())
        .env("GIT_ALLOW_PROTOCOL", "https:file");
    if let Some(authorities) = authorities {
        command.env("GIT_SSL_CAINFO", authorities);
    }
    let running = Running::start(&mut command, Path::new(GIT)).map_err(FetchError::Call)?;
    // Nobody's number would be our own.
    let pid = running.pid().ok_or_else(|| FetchError::Io(io::Error::other("git was started without a number")))?;
    // What it starts has the same limits, and it starts nothing before it has talked to the repository.
    for (what, most) in [(Resource::Fsize, limits.pack_bytes), (Resource::Data, limits.memory_bytes)] {
        let limit = Rlimit { current: Some(most), maximum: Some(most) };
        // One that is over already needs no limit.
        match rustix::process::prlimit(Some(pid), what, limit) {
            Ok(_) | Err(rustix::io::Errno::SRCH) => {}
            Err(error) => return Err(FetchError::Io(error.into())),
        }
    }
    Ok(running)
}

/// What is left to say when the limit of a file's size has ended whoever wrote the pack; about a pack that is broken
/// more is said before it.
const CUT_OFF: &str = "fatal: fetch-pack: invalid index-pack output";

/// What a no of git's means. Source: git's `http.c`, `remote-curl.c`, `credential.c` and `fetch-pack.c`, in the locale C.
fn told(error: CallError) -> FetchError {
    let CallError::Failed { said, .. } = &error else { return FetchError::Call(error) };
    let says = |any: &[&str]| any.iter().any(|words| said.contains(words));
    if says(&["could not read Username", "Authentication failed", "returned error: 401", "returned error: 403"]) {
        FetchError::Refused(error)
    } else if says(&["unable to update url base from redirection", "returned error: 30"]) {
        FetchError::Redirected(error)
    } else if says(&["fsck error"]) {
        FetchError::Malformed(error)
    } else if says(&["Out of memory", "out of memory"]) || said == CUT_OFF {
        FetchError::TooLarge(error)
    } else {
        FetchError::Unavailable(error)
    }
}

/// The repository has answered before: what is not there now is the commit.
fn missing(error: FetchError) -> FetchError {
    match error {
        FetchError::Unavailable(error) => FetchError::NoCommit(error),
        other => other,
    }
}

/// An https address without a user, or a folder of this host; nothing in it needs quotes anywhere.
fn is_address(text: &str) -> bool {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("file://").filter(|it| it.starts_with('/')));
    let plain = |c: char| c.is_ascii_graphic() && !matches!(c, '"' | '\\' | '@' | '#' | '?' | '*');
    rest.is_some_and(|rest| !rest.is_empty() && rest.chars().all(plain))
}

/// Source: git-check-ref-format(1), the letters that people use.
fn is_branch(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/' | '+');
    let parts = text.split('/').all(|part| !part.is_empty() && !part.starts_with(['.', '-']) && !part.contains(".."));
    parts && text.chars().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p31_an_address_is_a_web_server_or_a_folder() {
        for good in ["https://git.example.com/team/x.git", "https://127.0.0.1:8443/x", "file:///srv/git/x.git"] {
            assert!(is_address(good), "{good}");
        }
        for bad in [
            "",
            "x.git",
            "http://h/x",
            "ssh://h/x",
            "git://h/x",
            "ext::sh -c id",
            "ext::sh",
            "--upload-pack=x",
            "h:x",
            "https://user@h/x",
            "https://",
            "file://host/x",
            "https://h/\"]\nx",
            "https://h/ x",
            "https://h/?a",
            "HTTPS://h/x",
        ] {
            assert!(!is_address(bad), "{bad}");
        }
        for bad in ["", "-x", "a/-x", "a..b", "a/../b", "a b", "refs/*", "a:b", "^a", "a/"] {
            assert!(!is_branch(bad), "{bad}");
        }
        assert!(is_branch("release/2026-11"));
    }
}
