//! Heads out of a repository on this machine.
//!
//! **Invariant:** nothing is checked out and nothing in the repository is run; what is listed is
//! what the branch's tip holds, and one git gives all of it.

use super::name_of;
use super::writing::{ALL, DRAFT, Pusher};
use super::{CallError, GitError, GitProgram, checked};
use crate::anchor::spec::Branch;
use crate::layout;
use countersign_git::Running;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::{ChildStdin, ChildStdout};
use tokio::sync::Mutex;
use tokio::time::timeout;

/// A larger file is no head; what it holds is not looked at.
const MAX_HEAD_BYTES: u64 = 64 << 10;
/// Deadline of walking through a whole history.
const WALK: Duration = Duration::from_mins(15);

/// Reads heads.
#[derive(Debug)]
pub(super) struct Reader {
    program: GitProgram,
    repository: PathBuf,
    branch: String,
    /// Where the branch may be, the best first.
    places: Vec<String>,
    state: Mutex<State>,
}

/// Name and object of each head. A head lies under two paths when somebody else added the second.
type Listing = BTreeMap<String, Vec<String>>;

#[derive(Debug, Default)]
struct State {
    /// Once they were listed.
    heads: Option<Listing>,
    batch: Option<Batch>,
}

impl Reader {
    pub(super) fn of_work(pusher: &Pusher) -> Self {
        let (program, work) = pusher.work();
        let branch = pusher.settings.branch.to_string();
        Self { program, repository: work.to_owned(), branch, places: vec![ALL.to_owned()], state: Mutex::default() }
    }

    pub(super) async fn of_clone(program: GitProgram, clone: &Path, branch: &Branch) -> Result<Self, GitError> {
        let repository = std::path::absolute(clone).map_err(|error| GitError::Io(clone.to_owned(), error))?;
        // A clone with a working folder has its own, perhaps older, branch beside what was fetched.
        let places = vec![format!("refs/remotes/origin/{branch}"), format!("refs/heads/{branch}")];
        let program = checked(program)?;
        let it = Self { program, repository, branch: branch.to_string(), places, state: Mutex::default() };
        it.tip().await?;
        Ok(it)
    }

    pub(super) async fn names(&self) -> Result<Vec<String>, GitError> {
        let heads = self.listed().await?;
        let names = heads.keys().cloned().collect();
        self.state.lock().await.heads = Some(heads);
        Ok(names)
    }

    /// Every content of a head.
    pub(super) async fn heads(&self, name: &str) -> Result<Vec<Vec<u8>>, GitError> {
        let mut state = self.state.lock().await;
        if state.heads.is_none() {
            state.heads = Some(self.listed().await?);
        }
        let objects = state.heads.as_ref().and_then(|heads| heads.get(name)).cloned().unwrap_or_default();
        let mut contents = Vec::new();
        for object in objects {
            let mut batch = match state.batch.take() {
                Some(batch) => batch,
                None => Batch::start(&self.program, &self.repository)?,
            };
            let bytes = timeout(self.program.deadline, batch.read(&object))
                .await
                .map_err(|_| CallError::TooSlow(self.program.deadline))?
                .map_err(|error| CallError::Io(self.program.program.clone(), error))?;
            // One that stopped in the middle of an answer is not asked again.
            state.batch = bytes.is_some().then_some(batch);
            contents.push(bytes.unwrap_or_default());
        }
        Ok(contents)
    }

    pub(super) async fn rewritten(&self) -> Result<Vec<String>, GitError> {
        let now = self.listed().await?;
        // Everything that any commit added or changed, also on sides that a merge dropped and on what
        // only the log of a reference remembers.
        let mut words = vec!["-c", "log.showRoot=true", "-c", "log.showSignature=false", "log"];
        let draft = format!("--exclude={DRAFT}");
        words.extend([
            draft.as_str(),
            "--all",
            "--reflog",
            "--full-history",
            "-m",
            "--raw",
            "--no-abbrev",
            "--no-renames",
        ]);
        words.extend(["--no-ext-diff", "--no-textconv", "--no-notes", "--format=", "-z", "--", layout::HEADS]);
        let out = self.program.run_within(WALK, &self.repository, &words, &[]).await?.good("log")?;
        let mut lost = BTreeSet::new();
        let mut parts = out.split(|byte| *byte == 0).map(String::from_utf8_lossy);
        while let Some(part) = parts.next() {
            // `:100644 100644 <object before> <object> <status>`, then the path (git-diff(1), "Raw").
            let Some(raw) = part.trim_start().strip_prefix(':') else { continue };
            let Some(object) = raw.split(' ').nth(3) else { continue };
            let Some(path) = parts.next() else { break };
            let gone = object.bytes().all(|byte| byte == b'0');
            let name = name_of(&path);
            if !gone && now.get(&name).is_none_or(|held| !held.iter().any(|one| one == object)) {
                lost.insert(name);
            }
        }
        Ok(lost.into_iter().collect())
    }

    async fn tip(&self) -> Result<String, GitError> {
        for place in &self.places {
            let tree = format!("{place}^{{tree}}");
            let answer = self.program.run(&self.repository, &["rev-parse", "--verify", "--quiet", &tree], &[]).await?;
            if answer.status.success() {
                return Ok(String::from_utf8_lossy(&answer.out).trim().to_owned());
            }
            // git's own words tell of a repository of another owner.
            if answer.fatal() {
                return Err(answer.failed("rev-parse").into());
            }
        }
        Err(GitError::NoBranch(self.repository.display().to_string(), self.branch.clone()))
    }

    async fn listed(&self) -> Result<Listing, GitError> {
        let tip = self.tip().await?;
        let words = ["ls-tree", "-r", "-z", "--full-tree", &tip, "--", layout::HEADS];
        let out = self.program.run_within(WALK, &self.repository, &words, &[]).await?.good("ls-tree")?;
        let mut heads = Listing::new();
        for entry in out.split(|byte| *byte == 0).map(String::from_utf8_lossy) {
            // `<mode> <type> <object>`, a tab, the path (git-ls-tree(1)).
            let Some((about, path)) = entry.split_once('\t') else { continue };
            let Some(object) = about.split(' ').nth(2) else { continue };
            let held = heads.entry(name_of(path)).or_default();
            if !held.iter().any(|one| one == object) {
                held.push(object.to_owned());
            }
        }
        Ok(heads)
    }
}

/// One `git cat-file --batch`.
#[derive(Debug)]
struct Batch {
    asks: ChildStdin,
    answers: BufReader<ChildStdout>,
    _running: Running,
}

impl Batch {
    fn start(program: &GitProgram, repository: &Path) -> Result<Self, GitError> {
        let mut running = program.start(repository, &["cat-file", "--batch"])?;
        running.child.stderr = None;
        let (Some(asks), Some(answers)) = (running.child.stdin.take(), running.child.stdout.take()) else {
            let error = std::io::Error::other("git was started without pipes");
            return Err(CallError::Io(program.program.clone(), error).into());
        };
        Ok(Self { asks, answers: BufReader::new(answers), _running: running })
    }

    /// The bytes of an object; `None` when it is none, or too large for a head.
    async fn read(&mut self, object: &str) -> std::io::Result<Option<Vec<u8>>> {
        self.asks.write_all(format!("{object}\n").as_bytes()).await?;
        self.asks.flush().await?;
        let mut header = String::new();
        (&mut self.answers).take(512).read_line(&mut header).await?;
        // `<object> blob <size>`, or `<object> missing` (git-cat-file(1), "Batch output").
        let size = header.trim_end().split(' ').nth(2).and_then(|size| size.parse::<u64>().ok());
        let Some(size) = size.filter(|size| *size <= MAX_HEAD_BYTES) else { return Ok(None) };
        let mut bytes = Vec::new();
        (&mut self.answers).take(size + 1).read_to_end(&mut bytes).await?;
        let whole = bytes.len() as u64 == size + 1 && bytes.pop() == Some(b'\n');
        if whole { Ok(Some(bytes)) } else { Err(std::io::ErrorKind::UnexpectedEof.into()) }
    }
}
