//! A Terraform stack, prepared outside of the jail: its commit, whether that was reviewed, its files, and the plan that
//! was kept.
//!
//! **Invariant:** what must not be in the jail stays here: the repository's credential, the token of who knows what was
//! reviewed, and the plans' key. What is shown again, and what is applied, is the plan whose digest people agreed to, of
//! the commit the branch is still at; there is no way from here to another plan.

mod commit;
mod refused;
mod target;

pub use target::{NotAStack, Review, Reviewer, Source, Stack};

use crate::folder::JobFolder;
use crate::plans::{PlanId, PlanKey, PlanStore};
use crate::port::RunFault;
use countersign_core::command::Argv;
use countersign_core::digest::Digest;
use countersign_core::refusal::{Code, Refusal};
use countersign_core::time::Timestamp;
use countersign_core::warrant::{Errand, Warrant};
use countersign_jail::{Mount, MountKind, Stdin};
use refused::{no_store, refused};
use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create};
use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Where the files of the commit are inside the jail: the same for every plan, for paths are part of one.
const TREE: &str = "/stack";

/// No plan is larger that leaves a jail.
const LARGEST_PLAN: u64 = 64 << 20;

/// What is done, in the driver's word (countersign-tools, `driver::job::Task`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Task {
    Plan,
    Propose,
    Show,
    Apply,
    Diff,
}

impl Task {
    /// What the warrant's step asks for.
    fn of(warrant: &Warrant, step: &Argv) -> Option<Self> {
        let verb = step.arguments().first().map(String::as_str)?;
        match (verb, warrant.is_dry(), warrant.errand()) {
            ("diff", true, _) => Some(Self::Diff),
            ("plan", true, Errand::Preview) if warrant.plan().is_some() => Some(Self::Show),
            ("plan", true, Errand::Preview) => Some(Self::Propose),
            ("plan", ..) => Some(Self::Plan),
            ("apply", false, Errand::Run) => Some(Self::Apply),
            _ => None,
        }
    }

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Plan => "plan",
            Self::Propose => "propose",
            Self::Show => "show",
            Self::Apply => "apply",
            Self::Diff => "diff",
        }
    }
}

/// A stack that is ready for the jail.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub(crate) task: Task,
    /// All digits.
    pub(crate) commit: String,
    /// The branch, or the revision that was asked for.
    pub(crate) branch: String,
    pub(crate) folder: String,
    /// What was found out about the commit, for people.
    pub(crate) said: Vec<String>,
    /// Whether people watch.
    pub(crate) live: bool,
    tree: Option<PathBuf>,
    /// What the plan comes out in, or in by: a file without a name, so that nobody finds it.
    file: File,
    kept: Option<Kept>,
}

/// Where a plan is kept, and as what.
#[derive(Debug)]
struct Kept {
    store: Arc<PlanStore>,
    key: PlanKey,
}

/// What preparing goes by.
pub(crate) struct Around<'a> {
    pub(crate) folder: &'a JobFolder,
    pub(crate) plans: Option<&'a Arc<PlanStore>>,
    pub(crate) now: Timestamp,
}

/// Prepares the stack for the warrant's one step.
pub(crate) async fn prepare(
    warrant: &Warrant,
    stack: &Stack,
    step: &Argv,
    around: Around<'_>,
) -> Result<Prepared, RunFault> {
    let task = Task::of(warrant, step).ok_or(RunFault::NotAvailable("this command of Terraform"))?;
    let store = match task {
        Task::Propose | Task::Show | Task::Apply => Some(around.plans.cloned().ok_or_else(no_store)?),
        Task::Plan | Task::Diff => None,
    };
    let wanted = step.arguments().iter().find_map(|word| word.strip_prefix("--ref="));
    let commit = match wanted {
        Some(revision) => commit::of(stack, revision).await?,
        None => commit::head(stack).await?,
    };
    if let Some(revision) = wanted {
        is_what_was_shown(warrant, revision, commit.as_str())?;
    }
    let (file, kept) = match store {
        None => (blank()?, None),
        Some(store) => {
            let kept = Kept::of(warrant, step, store);
            let file = match task {
                Task::Show | Task::Apply => kept.brought(stack, commit.as_str(), around.now).await?,
                Task::Plan | Task::Propose | Task::Diff => blank()?,
            };
            (file, Some(kept))
        }
    };
    let is_for_apply = matches!(task, Task::Propose | Task::Show) || (warrant.is_dry() && task == Task::Plan);
    let mut said = if is_for_apply { stack.reviewed(commit.as_str()).await? } else { Vec::new() };
    let fetched = commit::fetch(stack, &commit).await?;
    let mut tree = None;
    if task == Task::Diff {
        said.extend(commit::difference(stack, &fetched).await?);
    } else {
        said.extend(wanted.map(|_| format!("it is not on `{}`, so that nobody may have reviewed it", stack.branch())));
        tree = Some(export(&fetched, around.folder).await?);
    }
    Ok(Prepared {
        task,
        commit: commit.as_str().to_owned(),
        branch: wanted.unwrap_or(stack.branch()).to_owned(),
        folder: stack.folder().to_owned(),
        said,
        live: !warrant.is_dry(),
        tree,
        file,
        kept,
    })
}

/// A plan of what nobody may have reviewed is of the commit that people agreed to, wherever its name leads now.
fn is_what_was_shown(warrant: &Warrant, revision: &str, commit: &str) -> Result<(), RunFault> {
    if warrant.is_dry() || warrant.plan() == Some(Digest::of(commit.as_bytes())) {
        return Ok(());
    }
    Err(refused::not_shown(revision, commit))
}

impl Kept {
    /// The place of the plan that people agreed to, or of the one that is made now.
    fn of(warrant: &Warrant, step: &Argv, store: Arc<PlanStore>) -> Self {
        let stack = step.arguments().get(1).cloned().unwrap_or_default();
        let pool = warrant.decision().decision().pool.clone();
        // Nothing has the digest of nothing: what is not there yet is not found.
        let digest = warrant.plan().unwrap_or_else(|| Digest::of(b""));
        Self { store, key: PlanKey { pool, stack, invocation: warrant.invocation(), digest } }
    }

    /// The plan that people agreed to, if it is there and of the commit that the branch is at.
    async fn brought(&self, stack: &Stack, commit: &str, now: Timestamp) -> Result<File, RunFault> {
        let got = self.store.get(&self.key, now).await;
        let (id, plan) = got.map_err(|error| refused::plan(&error, &self.key.stack))?;
        if id.commit != commit {
            return Err(refused::moved(stack.branch(), &id.commit, commit));
        }
        sealed(&plan)
    }
}

impl Prepared {
    /// Where the files of the commit are inside the jail.
    pub(crate) const fn tree_inside() -> &'static str {
        TREE
    }

    /// The files of the commit, read-only.
    pub(crate) fn mount(&self) -> Option<Mount> {
        let source = self.tree.clone()?;
        Some(Mount { source, target: TREE.to_owned(), kind: MountKind::Dir })
    }

    /// What the driver gets for its standard input.
    pub(crate) fn stdin(&self) -> io::Result<Stdin> {
        Ok(Stdin::Pipe(self.file.try_clone()?.into()))
    }

    /// What is bound to the effect when all went well: the plan, which is kept now, or the commit.
    pub(crate) async fn keep(&self, deployment: &str, now: Timestamp) -> Result<Option<Digest>, RunFault> {
        match (self.task, &self.kept) {
            (Task::Diff, _) => Ok(Some(Digest::of(self.commit.as_bytes()))),
            (Task::Show, Some(kept)) => Ok(Some(kept.key.digest)),
            (Task::Propose, Some(Kept { store, key })) => {
                let plan = self.came_out()?;
                let digest = Digest::of(&plan);
                let id = PlanId {
                    deployment: deployment.to_owned(),
                    pool: key.pool.clone(),
                    stack: key.stack.clone(),
                    invocation: key.invocation,
                    commit: self.commit.clone(),
                    digest,
                };
                store.put(&id, &plan, store.until(now)).await.map_err(|error| refused::plan(&error, &key.stack))?;
                Ok(Some(digest))
            }
            _ => Ok(None),
        }
    }

    /// A plan that was applied, or tried to be, is never applied again.
    pub(crate) async fn forget(&self) {
        if let (Task::Apply, Some(Kept { store, key })) = (self.task, &self.kept)
            && let Err(error) = store.forget(key).await
        {
            tracing::warn!(invocation.id = %key.invocation, "A plan that was used could not be removed: {error}");
        }
    }

    /// The plan that Terraform has written; nothing of the job runs any more.
    fn came_out(&self) -> Result<zeroize::Zeroizing<Vec<u8>>, RunFault> {
        let mut file = self.file.try_clone().map_err(RunFault::Prepare)?;
        file.seek(SeekFrom::Start(0)).map_err(RunFault::Prepare)?;
        let mut plan = zeroize::Zeroizing::new(Vec::new());
        file.take(LARGEST_PLAN + 1).read_to_end(&mut plan).map_err(RunFault::Prepare)?;
        if plan.is_empty() || plan.len() as u64 > LARGEST_PLAN {
            let sentence = format!("Terraform made no plan of at most {} MiB", LARGEST_PLAN >> 20);
            return Err(refused(Code::PreviewFailed, sentence, "Plan a smaller part of the stack with `-target`."));
        }
        Ok(plan)
    }
}

/// A file in memory, without a name.
fn blank() -> Result<File, RunFault> {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    memfd_create("plan", flags).map(File::from).map_err(|errno| RunFault::Prepare(errno.into()))
}

/// The same with these bytes, which nobody can change any more.
fn sealed(bytes: &[u8]) -> Result<File, RunFault> {
    let mut file = blank()?;
    file.write_all(bytes).and_then(|()| file.seek(SeekFrom::Start(0))).map_err(RunFault::Prepare)?;
    let seals = SealFlags::WRITE | SealFlags::GROW | SealFlags::SHRINK | SealFlags::SEAL;
    fcntl_add_seals(&file, seals).map_err(|errno| RunFault::Prepare(errno.into()))?;
    Ok(file)
}

/// Writes out the files of the commit, for everybody to read and nobody to run.
async fn export(fetched: &countersign_git::Fetched, folder: &JobFolder) -> Result<PathBuf, RunFault> {
    let tree = folder.path().join("tree");
    std::fs::create_dir(&tree).map_err(RunFault::Prepare)?;
    fetched.export("", &tree).await.map_err(|error| refused::export(&error))?;
    let root = tree.clone();
    let opened = tokio::task::spawn_blocking(move || open_up(&root)).await;
    opened.map_err(|error| RunFault::Prepare(io::Error::other(error)))?.map_err(RunFault::Prepare)?;
    Ok(tree)
}

fn open_up(folder: &Path) -> io::Result<()> {
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o755))?;
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        if kind.is_dir() {
            open_up(&entry.path())?;
        } else if kind.is_file() {
            std::fs::set_permissions(entry.path(), std::fs::Permissions::from_mode(0o444))?;
        }
    }
    Ok(())
}

/// What is said when somebody cancelled before anything ran.
pub(crate) fn cancelled() -> Refusal {
    Refusal::new(
        Code::Cancelled,
        "it was cancelled while it was prepared; nothing ran",
        "Ask again if it is still wanted.",
    )
}

/// A refusal as the end of a run that did not begin.
impl From<Refusal> for RunFault {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(Box::new(refusal))
    }
}
