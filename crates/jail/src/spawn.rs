//! The worker's side: starts a launcher with a plan and follows what it says.
//!
//! **Invariant:** no job outlives its [`Launcher`] value or the process that holds it, and no zombie stays behind.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Seek as _, SeekFrom, Write as _};
use std::net::Shutdown;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, ChildStdout, Command, ExitStatus, Stdio};

use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create};

use crate::launcher::MARKER;
use crate::plan::{Plan, PlanError};
use crate::status::Status;
use crate::supervise::{INTERRUPT, KILL, TERMINATE};
use crate::wire::send_packet;

/// Most bytes of standard input a job may be given: 256 KiB.
pub const LARGEST_STDIN: usize = 256 * 1024;

/// The program that builds jails, by absolute path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LauncherPath(PathBuf);

impl LauncherPath {
    /// The installed launcher.
    ///
    /// # Errors
    /// `InvalidInput` if the path is not absolute: no search path is consulted.
    pub fn new(path: impl Into<PathBuf>) -> io::Result<Self> {
        let path = path.into();
        if path.is_absolute() {
            Ok(Self(path))
        } else {
            Err(io::Error::new(io::ErrorKind::InvalidInput, "launcher path is not absolute"))
        }
    }

    /// This very program, whose `main` begins with [`crate::enter_if_asked`]. It stays valid if the file is replaced.
    #[must_use]
    pub fn this_program() -> Self {
        Self(PathBuf::from("/proc/self/exe"))
    }

    /// The path.
    #[must_use]
    pub fn as_path(&self) -> &Path {
        &self.0
    }
}

/// What the command reads.
#[derive(Debug, Default)]
pub enum Stdin {
    /// Nothing: `/dev/null`.
    #[default]
    Null,
    /// These bytes, at most [`LARGEST_STDIN`].
    Bytes(Vec<u8>),
    /// What comes out of this pipe, until its other end is closed.
    Pipe(OwnedFd),
}

/// The command's standard streams.
#[derive(Debug)]
pub struct Streams {
    /// What it reads.
    pub stdin: Stdin,
    /// Where its output goes.
    pub stdout: Stdio,
    /// Where its errors go.
    pub stderr: Stdio,
}

impl Streams {
    /// No input; output and errors are pipes to the caller.
    #[must_use]
    pub fn piped() -> Self {
        Self { stdin: Stdin::Null, stdout: Stdio::piped(), stderr: Stdio::piped() }
    }
}

/// Why no launcher was started. Nothing ran.
#[derive(Debug, thiserror::Error)]
pub enum SpawnError {
    /// The plan contradicts itself.
    #[error("the plan is not valid")]
    Plan(#[from] PlanError),
    /// More standard input than [`LARGEST_STDIN`].
    #[error("standard input has {0} bytes, more than {LARGEST_STDIN}")]
    StdinTooLarge(usize),
    /// The launcher could not be executed.
    #[error("could not start the launcher `{path}`")]
    Launcher {
        /// The launcher.
        path: PathBuf,
        /// The reason.
        #[source]
        source: io::Error,
    },
    /// The plan could not be handed over.
    #[error("could not hand the plan to the launcher")]
    HandOver(#[source] io::Error),
}

/// A started job. The parts may be taken apart; dropping `launcher` ends the job, dropping the others does not.
#[derive(Debug)]
pub struct Jailed {
    /// The command's output, if it was piped. Ends when the job ends.
    pub stdout: Option<ChildStdout>,
    /// The command's errors, if they were piped.
    pub stderr: Option<ChildStderr>,
    /// Records in, orders out.
    pub link: Link,
    /// The launcher process. Dropping it kills the job and waits for the end, some milliseconds.
    pub launcher: Launcher,
}

/// The link to a launcher.
#[derive(Debug)]
pub struct Link(UnixStream);

/// A launcher process to be reaped.
#[derive(Debug)]
pub struct Launcher {
    child: Child,
    link: UnixStream,
}

/// Starts a launcher and hands it the plan. Takes about a millisecond; the job is then being built.
///
/// The first record tells whether the isolation stands. The launcher has an empty environment, its own session and no
/// descriptor of the caller's.
///
/// # Errors
/// Nothing ran if this fails.
pub fn spawn(plan: &Plan, launcher: &LauncherPath, streams: Streams) -> Result<Jailed, SpawnError> {
    plan.check()?;
    // A path that is not UTF-8 has no JSON form.
    let document = serde_json::to_vec(plan)
        .map_err(io::Error::from)
        .and_then(|text| sealed(&text))
        .map_err(SpawnError::HandOver)?;
    let input = match streams.stdin {
        Stdin::Null => None,
        Stdin::Bytes(bytes) if bytes.len() > LARGEST_STDIN => return Err(SpawnError::StdinTooLarge(bytes.len())),
        Stdin::Bytes(bytes) => Some(sealed(&bytes).map_err(SpawnError::HandOver)?),
        Stdin::Pipe(pipe) => Some(pipe),
    };
    let (ours, theirs) = UnixStream::pair().map_err(SpawnError::HandOver)?;
    let mut child = start(launcher, theirs, streams.stdout, streams.stderr)?;
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let mut process = match ours.try_clone() {
        Ok(link) => Launcher { child, link },
        Err(error) => {
            // Without `ours` the launcher reads the end of the link and goes.
            drop(ours);
            drop(child.wait());
            return Err(SpawnError::HandOver(error));
        }
    };
    let fds: Vec<_> = std::iter::once(&document).chain(input.as_ref()).map(|fd| fd.as_fd()).collect();
    if let Err(error) = send_packet(ours.as_fd(), b"plan", &fds) {
        process.end();
        return Err(SpawnError::HandOver(error.into()));
    }
    Ok(Jailed { stdout, stderr, link: Link(ours), launcher: process })
}

#[expect(clippy::disallowed_methods, reason = "the one place where the launcher is started")]
fn start(launcher: &LauncherPath, link: UnixStream, stdout: Stdio, stderr: Stdio) -> Result<Child, SpawnError> {
    let mut command = Command::new(&launcher.0);
    command.arg(MARKER).env_clear().current_dir("/").stdin(OwnedFd::from(link)).stdout(stdout).stderr(stderr);
    command.spawn().map_err(|source| SpawnError::Launcher { path: launcher.0.clone(), source })
}

/// An anonymous file that can no longer change, ready to be read from its start.
fn sealed(bytes: &[u8]) -> io::Result<OwnedFd> {
    let mut file = File::from(memfd_create("countersign", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)?);
    file.write_all(bytes)?;
    file.seek(SeekFrom::Start(0))?;
    fcntl_add_seals(&file, SealFlags::WRITE | SealFlags::GROW | SealFlags::SHRINK | SealFlags::SEAL)?;
    Ok(file.into())
}

impl Link {
    /// Asks everything inside to end (SIGTERM).
    ///
    /// # Errors
    /// The launcher is gone, which means the job is.
    pub fn terminate(&self) -> io::Result<()> {
        (&self.0).write_all(&[TERMINATE])
    }

    /// Interrupts the command (SIGINT), which terraform takes as a request to stop cleanly.
    ///
    /// # Errors
    /// The launcher is gone, which means the job is.
    pub fn interrupt(&self) -> io::Result<()> {
        (&self.0).write_all(&[INTERRUPT])
    }

    /// Kills the whole job.
    ///
    /// # Errors
    /// The launcher is gone, which means the job is.
    pub fn kill(&self) -> io::Result<()> {
        (&self.0).write_all(&[KILL])
    }

    /// Another handle of the same link, to give orders from elsewhere.
    ///
    /// # Errors
    /// The process has no descriptor left.
    pub fn try_clone(&self) -> io::Result<Self> {
        self.0.try_clone().map(Self)
    }

    /// The records, one after the other, waiting for each. Ends after the last.
    pub fn records(self) -> impl Iterator<Item = io::Result<Status>> {
        BufReader::new(self.0).lines().map(|line| parse(&line?))
    }

    /// The stream itself, for an asynchronous reader; each line is for [`parse`].
    #[must_use]
    pub fn into_stream(self) -> UnixStream {
        self.0
    }
}

/// One line of the link.
///
/// # Errors
/// `InvalidData` if it is not a record.
pub fn parse(line: &str) -> io::Result<Status> {
    serde_json::from_str(line).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
}

impl Launcher {
    /// The launcher's process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits for the launcher, which ends right after its last record. Its exit status says nothing about the job.
    ///
    /// # Errors
    /// The kernel would not let us wait.
    pub fn reap(&mut self) -> io::Result<ExitStatus> {
        self.child.wait()
    }

    fn end(&mut self) {
        drop(self.link.shutdown(Shutdown::Both)); // seen by the launcher whoever else holds the link
        drop(self.child.wait());
    }
}

impl Drop for Launcher {
    fn drop(&mut self) {
        if !matches!(self.child.try_wait(), Ok(Some(_))) {
            self.end();
        }
    }
}
