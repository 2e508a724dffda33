//! Heads into a branch that others push to as well.
//!
//! Each head is a commit on the newest tip this process knows; a push that is not a step forward is
//! refused by git, and done again on the tip that was fetched then. The working repository holds
//! the tip alone (depth 1): what was before is the remote's.
//!
//! **Invariant:** no push is ever forced, and a head counts as kept only when the remote took the
//! commit that holds it.

use super::{CallError, GitError, GitProgram, GitSettings, checked, path_of};
use crate::sink::Key;
use countersign_git::Answer;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::sync::Mutex;

/// How often a push is done again because others were faster.
const TRIES: u32 = 12;
/// The longest pause before the next try, times the number of tries so far.
const PAUSE_MILLIS: u64 = 60;
/// After how many heads the working repository is tidied up, if git finds it necessary.
const TIDY_EVERY: u32 = 256;
/// Deadline of reading a whole history over a network.
const FETCH_ALL: Duration = Duration::from_mins(15);

/// The tip of the branch as this process knows it.
const TIP: &str = "refs/countersign/tip";
/// The commit that is being made.
pub(super) const DRAFT: &str = "refs/countersign/draft";
/// How often, and for how long, a working repository that is in use is asked for.
const TAKE_AGAIN: Duration = Duration::from_millis(20);
const TAKE_AT_MOST: Duration = Duration::from_secs(2);
/// A file in the working repository that its process has locked.
const TAKEN: &str = "countersign.taken";
/// The branch with all its history, for reading.
pub(super) const ALL: &str = "refs/countersign/all";

/// Pushes heads.
#[derive(Debug)]
pub(super) struct Pusher {
    pub(super) settings: GitSettings,
    /// One call at a time; holds how many heads were kept.
    pub(super) turn: Mutex<u32>,
    /// Locked while this process has the working repository.
    _taken: File,
}

impl Pusher {
    pub(super) async fn open(settings: GitSettings) -> Result<Self, GitError> {
        let GitSettings { program, repository, branch, work, author } = settings;
        let program = checked(program)?;
        let repository = remote(&repository)?;
        let plain = |text: &str| !text.trim().is_empty() && !text.contains(['<', '>', '\n', '\r', '\0']);
        if !plain(&author.0) || !plain(&author.1) {
            return Err(GitError::BadSetting(author.0, "an author is a name and an address"));
        }
        let io = |error| GitError::Io(work.clone(), error);
        let work = std::path::absolute(&work).map_err(io)?;
        let made = work.clone();
        let folder = tokio::task::spawn_blocking(move || folder(&made)).await.map_err(|error| io(error.into()))??;
        let taken = take(folder, &work).await?;
        let settings = GitSettings { program, repository, branch, work, author };
        let it = Self { settings, turn: Mutex::new(0), _taken: taken };
        it.git(&["init", "--quiet", "--bare", "--template=", "."], &[]).await?.good("init")?;
        // What a branch was before it was replaced is remembered.
        it.git(&["config", "core.logAllRefUpdates", "always"], &[]).await?.good("config")?;
        Ok(it)
    }

    /// Pushes a head; `kept` is the turn.
    ///
    /// # Cancel safety
    /// A dropped future may have pushed the head.
    pub(super) async fn keep(&self, kept: &mut u32, key: &Key, note: &str) -> Result<(), GitError> {
        let misplaced = || GitError::BadSetting(key.to_string(), "it is not the name of a head");
        let path = path_of(key.as_str()).ok_or_else(misplaced)?;
        unlock(&self.settings.work)?;
        let mut tip = self.known_tip().await?;
        for nth in 0..TRIES {
            if nth > 0 || tip.is_none() {
                pause(nth).await;
                tip = self.fetch_tip().await?;
            }
            if let Some(tip) = &tip
                && let Some(held) = self.held(tip, &path).await?
            {
                let same = held == note.as_bytes();
                return if same { Ok(()) } else { Err(GitError::Occupied(key.to_string())) };
            }
            let draft = self.commit(tip.as_deref(), &path, note).await?;
            if self.push(&draft).await? {
                self.git(&["update-ref", TIP, &draft], &[]).await?.good("update-ref")?;
                *kept += 1;
                if kept.is_multiple_of(TIDY_EVERY) {
                    // It is for speed alone; the next time it is tried again.
                    let _ = self.git(&["gc", "--auto", "--quiet"], &[]).await;
                }
                return Ok(());
            }
        }
        Err(GitError::Crowded(TRIES))
    }

    /// Fetches the branch with all its history.
    pub(super) async fn fetch_all(&self) -> Result<(), GitError> {
        let _turn = self.turn.lock().await;
        unlock(&self.settings.work)?;
        if self.remote_tip().await?.is_none() {
            let GitSettings { repository, branch, .. } = &self.settings;
            return Err(GitError::NoBranch(repository.clone(), branch.to_string()));
        }
        self.fetch(ALL, "--depth=2147483647", FETCH_ALL).await
    }

    async fn known_tip(&self) -> Result<Option<String>, GitError> {
        let answer = self.git(&["rev-parse", "--verify", "--quiet", TIP], &[]).await?;
        if answer.fatal() {
            return Err(answer.failed("rev-parse").into());
        }
        Ok(word(&answer.out))
    }

    async fn remote_tip(&self) -> Result<Option<String>, GitError> {
        let branch = format!("refs/heads/{}", self.settings.branch);
        let words = ["ls-remote", "--quiet", "--", &self.settings.repository, &branch];
        Ok(word(&self.git(&words, &[]).await?.good("ls-remote")?))
    }

    async fn fetch_tip(&self) -> Result<Option<String>, GitError> {
        if self.remote_tip().await?.is_none() {
            self.git(&["update-ref", "-d", TIP], &[]).await?.good("update-ref")?;
            return Ok(None);
        }
        self.fetch(TIP, "--depth=1", self.settings.program.deadline).await?;
        self.known_tip().await
    }

    async fn fetch(&self, into: &str, depth: &str, deadline: Duration) -> Result<(), GitError> {
        let GitSettings { program, repository, branch, work, .. } = &self.settings;
        let what = format!("+refs/heads/{branch}:{into}");
        let mut words = vec!["fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--no-auto-maintenance"];
        words.extend(["--no-recurse-submodules", depth, "--", repository, &what]);
        program.run_within(deadline, work, &words, &[]).await?.good("fetch")?;
        Ok(())
    }

    /// What is kept at this path, if anything.
    async fn held(&self, tip: &str, path: &str) -> Result<Option<Vec<u8>>, GitError> {
        let listed = self.git(&["ls-tree", "--full-tree", tip, "--", path], &[]).await?.good("ls-tree")?;
        if listed.is_empty() {
            return Ok(None);
        }
        let held = self.git(&["cat-file", "blob", &format!("{tip}:{path}")], &[]).await?;
        // A folder in its place is something else as well.
        Ok(Some(if held.status.success() { held.out } else { Vec::new() }))
    }

    /// Makes a commit with one more file. fast-import reads only the folders on the way to it, where
    /// an index would hold every head there ever was.
    async fn commit(&self, tip: Option<&str>, path: &str, note: &str) -> Result<String, GitError> {
        let (name, address) = &self.settings.author;
        let says = format!("Keep {path}\n");
        let from = tip.map(|tip| format!("from {tip}\n")).unwrap_or_default();
        let stream = format!(
            "feature done\ncommit {DRAFT}\nmark :1\ncommitter {name} <{address}> now\ndata {}\n{says}\n{from}M 100644 inline {path}\ndata {}\n{note}\nget-mark :1\ndone\n",
            says.len(),
            note.len(),
        );
        // What may never be pushed is not remembered as if it had been.
        let words = ["-c", "core.logAllRefUpdates=false", "fast-import", "--quiet", "--force", "--date-format=now"];
        let out = self.git(&words, stream.as_bytes()).await?.good("fast-import")?;
        word(&out).ok_or_else(|| CallError::Failed { call: "fast-import", said: "it named no commit".into() }.into())
    }

    /// Whether the remote took it; a plain no is no error.
    async fn push(&self, commit: &str) -> Result<bool, GitError> {
        let what = format!("{commit}:refs/heads/{}", self.settings.branch);
        let mut words = vec!["push", "--porcelain", "--quiet", "--no-verify", "--no-follow-tags"];
        words.extend(["--recurse-submodules=no", "--", &self.settings.repository, &what]);
        let answer = self.git(&words, &[]).await?;
        // Source: git-push(1), "Output": a flag, a tab, the refs.
        let refused = answer.out.split(|byte| *byte == b'\n').any(|line| line.starts_with(b"!\t"));
        if answer.status.success() {
            Ok(true)
        } else if refused {
            Ok(false)
        } else {
            Err(answer.failed("push").into())
        }
    }

    async fn git(&self, words: &[&str], input: &[u8]) -> Result<Answer, GitError> {
        Ok(self.settings.program.run(&self.settings.work, words, input).await?)
    }

    pub(super) fn work(&self) -> (GitProgram, &Path) {
        (self.settings.program.clone(), &self.settings.work)
    }
}

/// The first word of an answer.
fn word(out: &[u8]) -> Option<String> {
    String::from_utf8_lossy(out).split_whitespace().next().map(str::to_owned)
}

/// Whoever lost a race waits a little, each for another time.
async fn pause(nth: u32) {
    let mut random = [0_u8; 2];
    // Without random bits all wait for the same time, which is slower and no worse.
    let _ = getrandom::fill(&mut random);
    let share = u64::from(u16::from_le_bytes(random));
    let millis = PAUSE_MILLIS * u64::from(nth) * share / u64::from(u16::MAX);
    tokio::time::sleep(Duration::from_millis(millis)).await;
}

/// The repository as git gets it: a path becomes absolute, since git runs in the working repository.
fn remote(text: &str) -> Result<String, GitError> {
    let bad = |why| Err(GitError::BadSetting(text.to_owned(), why));
    if text.is_empty() || text.starts_with('-') || text.contains("::") {
        return bad("it is not the address of a repository");
    }
    let before_slash = text.split('/').next().unwrap_or_default();
    if text.contains("://") || before_slash.contains(':') {
        return Ok(text.to_owned());
    }
    match std::path::absolute(text).map(PathBuf::into_os_string).map(std::ffi::OsString::into_string) {
        Ok(Ok(path)) => Ok(path),
        _ => bad("the path is not UTF-8, or there is no current folder"),
    }
}

/// The file to lock in the folder of the working repository, which is made if need be; a folder with
/// something else in it is not touched.
fn folder(work: &Path) -> Result<File, GitError> {
    use std::os::unix::fs::DirBuilderExt as _;
    let io = |error| GitError::Io(work.to_owned(), error);
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(work).map_err(io)?;
    let empty = std::fs::read_dir(work).map_err(io)?.next().is_none();
    let ours = work.join(TAKEN).is_file() || (work.join("HEAD").is_file() && work.join("objects").is_dir());
    if !empty && !ours {
        let why = "the folder holds something else than a bare repository";
        return Err(GitError::BadSetting(work.display().to_string(), why));
    }
    File::create(work.join(TAKEN)).map_err(io)
}

/// Takes the working repository for this process.
async fn take(taken: File, work: &Path) -> Result<File, GitError> {
    // A program that is just being started by another thread holds the lock until it is.
    let held = async {
        while taken.try_lock().is_err() {
            tokio::time::sleep(TAKE_AGAIN).await;
        }
    };
    if tokio::time::timeout(TAKE_AT_MOST, held).await.is_err() {
        return Err(GitError::BadSetting(work.display().to_string(), "another process uses the folder"));
    }
    unlock(work)?;
    Ok(taken)
}

/// Removes what a git that was ended left locked; nobody else works here, and nothing of ours does
/// at the moment.
fn unlock(work: &Path) -> Result<(), GitError> {
    for folder in [work.to_owned(), work.join("refs/countersign")] {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            if entry.path().extension().is_some_and(|ending| ending == "lock") {
                std::fs::remove_file(entry.path()).map_err(|error| GitError::Io(work.to_owned(), error))?;
            }
        }
    }
    Ok(())
}
