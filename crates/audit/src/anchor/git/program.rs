//! Running git: one fixed program, an environment of our own, a deadline.
//!
//! **Invariant:** no word of a call comes from a person but the repository's address, which was
//! checked and stands behind `--`; when a call is over, or given up, nothing of it runs any more.

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::process::{Pid, PidfdFlags, Signal};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, Command};

/// Most bytes of git's complaint that are told.
const TOLD_BYTES: usize = 600;
/// Most bytes of an answer that is read as a whole.
const MAX_ANSWER_BYTES: u64 = 256 << 20;
/// How long git has to remove its lock files when it is told to end.
const GRACE: Duration = Duration::from_secs(1);
/// git says so when it cannot go on (its `usage.c`).
const FATAL: i32 = 128;

/// How git is run.
#[derive(Debug, Clone)]
pub struct GitProgram {
    /// The program, by its absolute path.
    pub program: PathBuf,
    /// Where git finds the operator's settings, such as a credential helper; none if absent.
    pub home: Option<PathBuf>,
    /// The operator's ssh agent, handed on as `SSH_AUTH_SOCK`.
    pub ssh_auth_sock: Option<OsString>,
    /// The operator's way to call ssh, handed on as `GIT_SSH_COMMAND`.
    pub ssh_command: Option<OsString>,
    /// Deadline of one call.
    pub deadline: Duration,
}

impl Default for GitProgram {
    /// `/usr/bin/git` without any settings, 20 s: a push over ssh to another continent takes some five.
    fn default() -> Self {
        Self {
            program: "/usr/bin/git".into(),
            home: None,
            ssh_auth_sock: None,
            ssh_command: None,
            deadline: Duration::from_secs(20),
        }
    }
}

/// Why git did not do something.
#[derive(Debug, thiserror::Error)]
pub enum GitError {
    /// git could not be started, or broke off.
    #[error("`{0}` cannot be run")]
    Io(PathBuf, #[source] std::io::Error),
    /// git did not end in time.
    #[error("git did not answer within {0:?}")]
    TooSlow(Duration),
    /// git said no.
    #[error("git {call} failed: {said}")]
    Failed {
        /// Which of its commands.
        call: &'static str,
        /// The end of what it wrote.
        said: String,
    },
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

/// What a call gave.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: ExitStatus,
    pub(super) out: Vec<u8>,
    said: Vec<u8>,
}

impl Answer {
    /// What it wrote, if it ended well.
    pub(super) fn good(self, call: &'static str) -> Result<Vec<u8>, GitError> {
        if self.status.success() { Ok(self.out) } else { Err(self.failed(call)) }
    }

    pub(super) fn failed(&self, call: &'static str) -> GitError {
        let said = String::from_utf8_lossy(&self.said);
        let said = said.trim().replace(|one: char| one.is_control(), " ");
        let skipped = said.chars().count().saturating_sub(TOLD_BYTES);
        GitError::Failed { call, said: said.chars().skip(skipped).collect() }
    }

    /// Whether it could not go on at all, in difference to a plain no.
    pub(super) fn fatal(&self) -> bool {
        self.status.code().is_none_or(|code| code >= FATAL)
    }
}

impl GitProgram {
    /// Checks what does not change between calls.
    pub(super) fn checked(self) -> Result<Self, GitError> {
        if self.program.is_absolute() {
            Ok(self)
        } else {
            Err(GitError::BadSetting(self.program.display().to_string(), "the program needs an absolute path"))
        }
    }

    /// Runs git in a repository, hands it `input` and waits for its end.
    ///
    /// # Cancel safety
    /// A dropped future kills the call and everything it started.
    pub(super) async fn run(&self, repository: &Path, words: &[&str], input: &[u8]) -> Result<Answer, GitError> {
        self.run_within(self.deadline, repository, words, input).await
    }

    pub(super) async fn run_within(
        &self,
        deadline: Duration,
        repository: &Path,
        words: &[&str],
        input: &[u8],
    ) -> Result<Answer, GitError> {
        let mut running = self.start(repository, words)?;
        if let Ok(ended) = tokio::time::timeout(deadline, running.finish(input)).await {
            return ended.map_err(|error| GitError::Io(self.program.clone(), error));
        }
        running.group.ask_to_end();
        let _ = tokio::time::timeout(GRACE, running.child.wait()).await;
        Err(GitError::TooSlow(deadline))
    }

    /// Starts git in a repository.
    pub(super) fn start(&self, repository: &Path, words: &[&str]) -> Result<Running, GitError> {
        #[expect(
            clippy::disallowed_methods,
            reason = "git is the wire to this second place: a fixed program, no word of a person's, no shell"
        )]
        let mut command = Command::new(&self.program);
        command
            .args(["-c", "protocol.ext.allow=never", "-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false"])
            .args(["-c", "gc.autoDetach=false", "-c", "maintenance.autoDetach=false", "-c", "push.gpgSign=false"])
            .arg("-C")
            .arg(repository)
            .args(words)
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("LC_ALL", "C")
            .env("GIT_TERMINAL_PROMPT", "0")
            // A repository somebody else made must not make git fetch, and run, what it names.
            .env("GIT_NO_LAZY_FETCH", "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true);
        match &self.home {
            Some(home) => command.env("HOME", home),
            None => command.env("GIT_CONFIG_GLOBAL", "/dev/null"),
        };
        if let Some(socket) = &self.ssh_auth_sock {
            command.env("SSH_AUTH_SOCK", socket);
        }
        if let Some(ssh) = &self.ssh_command {
            command.env("GIT_SSH_COMMAND", ssh);
        }
        let child = command.spawn().map_err(|error| GitError::Io(self.program.clone(), error))?;
        Ok(Running { group: Group::of(&child), child })
    }
}

/// git and all that it started.
#[derive(Debug)]
pub(super) struct Running {
    // Dropped first: the group is killed while its leader still holds the number.
    group: Group,
    pub(super) child: Child,
}

impl Running {
    async fn finish(&mut self, input: &[u8]) -> std::io::Result<Answer> {
        let pipes = (self.child.stdin.take(), self.child.stdout.take(), self.child.stderr.take());
        let (Some(mut stdin), Some(stdout), Some(mut stderr)) = pipes else {
            return Err(std::io::Error::other("git was started without pipes"));
        };
        let (mut out, mut said) = (Vec::new(), Vec::new());
        let feed = async {
            // Whether git wanted all of it is told by its exit.
            let _ = stdin.write_all(input).await;
            drop(stdin);
            Ok(())
        };
        let mut stdout = stdout.take(MAX_ANSWER_BYTES);
        tokio::try_join!(feed, stdout.read_to_end(&mut out), stderr.read_to_end(&mut said))?;
        if out.len() as u64 == MAX_ANSWER_BYTES {
            return Err(std::io::Error::other("git's answer is longer than it may be"));
        }
        let status = self.child.wait().await?;
        self.group.0 = None;
        Ok(Answer { status, out, said })
    }
}

/// The process group of a call; ended as a whole unless the call came to its end.
///
/// git removes its lock files when it is asked to end, and leaves them when it is killed: a lock
/// that stays would refuse every later push.
#[derive(Debug)]
struct Group(Option<Pid>);

impl Group {
    fn of(child: &Child) -> Self {
        let pid = child.id().and_then(|pid| i32::try_from(pid).ok());
        Self(pid.and_then(Pid::from_raw))
    }

    fn ask_to_end(&self) {
        if let Some(pid) = self.0 {
            let _ = rustix::process::kill_process_group(pid, Signal::TERM);
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        let Some(pid) = self.0 else { return };
        // Whoever gave the call up waits for git's end here; it takes milliseconds, or a second.
        self.ask_to_end();
        if let Ok(leader) = rustix::process::pidfd_open(pid, PidfdFlags::empty()) {
            let mut watched = [PollFd::new(&leader, PollFlags::IN)];
            let _ = rustix::event::poll(&mut watched, Timespec::try_from(GRACE).ok().as_ref());
        }
        // The members of a group keep its number in use as long as there is one of them.
        let _ = rustix::process::kill_process_group(pid, Signal::KILL);
    }
}
