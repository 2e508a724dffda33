//! A git that runs: fed, read, waited for, and ended as a whole.
//!
//! **Invariant:** when it is over, or given up, no process of its group is left; what it writes is read up to a bound.

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, Signal};
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, Command};

/// Most bytes of git's complaint that are told.
const TOLD_BYTES: usize = 600;
/// Most bytes of an answer that is read as a whole.
pub(crate) const MAX_ANSWER_BYTES: u64 = 256 << 20;
/// How long git has to remove its lock files when it is told to end.
const GRACE: Duration = Duration::from_secs(1);
/// How often waiting for that is interrupted at most.
const MOST_INTERRUPTIONS: u32 = 64;
/// git says so when it cannot go on (its `usage.c`).
const FATAL: i32 = 128;

/// Why a call gave no answer, or not the one that was needed.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// git could not be started, or broke off.
    #[error("`{0}` cannot be run")]
    Io(PathBuf, #[source] io::Error),
    /// git did not end in time.
    #[error("git did not answer within {0:?}")]
    TooSlow(Duration),
    /// git wrote more than its answer may have.
    #[error("the answer of git is longer than {0} bytes")]
    TooLong(u64),
    /// git said no.
    #[error("git {call} failed: {said}")]
    Failed {
        /// Which of its commands.
        call: &'static str,
        /// The end of what it wrote.
        said: String,
    },
}

/// What a call gave.
#[derive(Debug)]
pub struct Answer {
    /// How it ended.
    pub status: ExitStatus,
    /// All that it wrote to its standard output.
    pub out: Vec<u8>,
    said: Vec<u8>,
}

impl Answer {
    /// What it wrote, if it ended well.
    ///
    /// # Errors
    /// [`CallError::Failed`] if it did not.
    pub fn good(self, call: &'static str) -> Result<Vec<u8>, CallError> {
        if self.status.success() { Ok(self.out) } else { Err(self.failed(call)) }
    }

    /// Its no as an error, with the end of its complaint.
    #[must_use]
    pub fn failed(&self, call: &'static str) -> CallError {
        CallError::Failed { call, said: self.said() }
    }

    /// The end of its complaint, without anything a terminal acts on.
    #[must_use]
    pub fn said(&self) -> String {
        let said = String::from_utf8_lossy(&self.said);
        let said = said.trim().replace(|one: char| one.is_control(), " ");
        let skipped = said.chars().count().saturating_sub(TOLD_BYTES);
        said.chars().skip(skipped).collect()
    }

    /// Whether it could not go on at all, in difference to a plain no.
    #[must_use]
    pub fn fatal(&self) -> bool {
        self.status.code().is_none_or(|code| code >= FATAL)
    }
}

/// git and all that it started; ended when it is dropped.
#[derive(Debug)]
pub struct Running {
    // Dropped first: the group is killed while its leader still holds the number.
    group: Group,
    /// The process itself.
    pub child: Child,
    program: PathBuf,
}

impl Running {
    pub(crate) fn start(command: &mut Command, program: &Path) -> Result<Self, CallError> {
        let child = command.spawn().map_err(|error| CallError::Io(program.to_owned(), error))?;
        Ok(Self { group: Group::of(&child), child, program: program.to_owned() })
    }

    /// The process's number, while it runs.
    pub(crate) const fn pid(&self) -> Option<Pid> {
        self.group.0
    }

    /// Hands it `input` and waits for its end, with an answer of at most `most` bytes.
    pub(crate) async fn ended_within(
        mut self,
        deadline: Duration,
        input: &[u8],
        most: u64,
    ) -> Result<Answer, CallError> {
        if let Ok(ended) = tokio::time::timeout(deadline, self.ended(input, most)).await {
            return ended;
        }
        self.group.ask_to_end();
        let _ = tokio::time::timeout(GRACE, self.child.wait()).await;
        Err(CallError::TooSlow(deadline))
    }

    async fn ended(&mut self, input: &[u8], most: u64) -> Result<Answer, CallError> {
        let program = self.program.clone();
        let io = |error| CallError::Io(program.clone(), error);
        let pipes = (self.child.stdin.take(), self.child.stdout.take(), self.child.stderr.take());
        let (Some(mut stdin), Some(stdout), Some(stderr)) = pipes else {
            return Err(io(io::Error::other("git was started without pipes")));
        };
        let mut out = Vec::new();
        let feed = async {
            // Whether git wanted all of it is told by its exit.
            let _ = stdin.write_all(input).await;
            drop(stdin);
            Ok(())
        };
        let mut stdout = stdout.take(most + 1);
        let read = async {
            stdout.read_to_end(&mut out).await.map_err(io)?;
            // What is left of a longer answer is not waited for.
            if out.len() as u64 > most { Err(CallError::TooLong(most)) } else { Ok(()) }
        };
        let said = async { ending(stderr).await.map_err(io) };
        let ((), (), said) = tokio::try_join!(feed, read, said)?;
        let status = self.child.wait().await.map_err(io)?;
        self.group.0 = None;
        Ok(Answer { status, out, said })
    }
}

/// The end of a stream that is read to its end, whatever its length.
async fn ending(mut from: impl AsyncRead + Unpin) -> io::Result<Vec<u8>> {
    const KEPT: usize = TOLD_BYTES * 8;
    let (mut kept, mut piece) = (Vec::new(), [0_u8; 4_096]);
    loop {
        let length = from.read(&mut piece).await?;
        if length == 0 {
            return Ok(kept);
        }
        kept.extend_from_slice(piece.get(..length).unwrap_or_default());
        kept.drain(..kept.len().saturating_sub(KEPT));
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
            // The end of any other child interrupts it.
            for _ in 0..MOST_INTERRUPTIONS {
                let waited = rustix::event::poll(&mut watched, Timespec::try_from(GRACE).ok().as_ref());
                if waited != Err(Errno::INTR) {
                    break;
                }
            }
        }
        // The members of a group keep its number in use as long as there is one of them.
        let _ = rustix::process::kill_process_group(pid, Signal::KILL);
    }
}
