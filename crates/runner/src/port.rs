//! The port: who runs a recorded warrant, what comes out, and why nothing ran.
//!
//! **Invariant:** a run consumes its [`OnRecord`], so that one recorded intent starts one run; raw output never crosses
//! this boundary.

use crate::files::FilesError;
use crate::kubernetes::ClusterError;
use crate::program::ProgramError;
use async_trait::async_trait;
use countersign_audit::on_record::OnRecord;
use countersign_core::command::Argv;
use countersign_core::digest::Digest;
use countersign_core::id::{Attempt, InvocationId};
use countersign_core::outcome::Ending;
use countersign_core::refusal::Refusal;
use countersign_core::tier::Isolation;
use countersign_core::warrant::{CredentialClass, Warrant};
use countersign_jail::{Applied, SetupError, SpawnError};
use countersign_redact::NotASecret;
use countersign_secrets::Lease;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

/// Chunks that may wait for a slow reader; each has at most some 64 KiB. When they are full, the command waits.
pub(crate) const WAITING_CHUNKS: usize = 8;

/// Runs recorded warrants.
#[async_trait]
pub trait Runner: Send + Sync + fmt::Debug {
    /// What would run for this warrant, for the intent record.
    ///
    /// # Errors
    /// [`RunFault`], as running it would.
    fn describe(&self, warrant: &Warrant) -> Result<Ran, RunFault>;

    /// Runs what is on record, once, with the lease that was issued for it. The lease stays the caller's, to be revoked
    /// whatever comes of this.
    ///
    /// # Errors
    /// [`RunFault`]: no step of the errand ran, or only earlier steps of a preview, which change nothing.
    ///
    /// # Cancel safety
    /// Dropping the future kills the whole job, at the latest a moment later; its end is then unknown. To end a job and
    /// learn how it ended, cancel the token of `out`.
    async fn run(&self, on_record: OnRecord, lease: &Lease, out: Output) -> Result<Exit, RunFault>;

    /// Removes what was kept for runs of this pool that will not come any more.
    ///
    /// # Cancel safety
    /// What is removed is removed.
    async fn tidy(&self, _pool: &str) {}
}

/// Where output goes while a command runs, how to end it early, and how much it may take.
#[derive(Debug)]
pub struct Output {
    pub(crate) chunks: mpsc::Sender<Vec<u8>>,
    pub(crate) cancel: CancellationToken,
    pub(crate) narrower: Narrower,
    /// Told once: how much time is left when most of it is used.
    pub(crate) left: watch::Sender<Option<Duration>>,
}

/// Limits of the catalog that are narrower than the runner's own; a wider one changes nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Narrower {
    /// Wall-clock time of all steps together.
    pub wall: Option<Duration>,
    /// Bytes of output of all steps together.
    pub output_bytes: Option<u64>,
}

impl Output {
    /// An output and the end to read it from: redacted chunks, in order of arrival. A chunk may end within a character.
    /// A reader that is slow makes the command wait; one that is gone does not.
    #[must_use]
    pub fn new(cancel: CancellationToken, narrower: Narrower) -> (Self, mpsc::Receiver<Vec<u8>>) {
        let (chunks, reader) = mpsc::channel(WAITING_CHUNKS);
        (Self { chunks, cancel, narrower, left: watch::Sender::default() }, reader)
    }

    /// Tells, once, when four fifths of the wall-clock time are used: how long it is until the end.
    #[must_use]
    pub fn time_left(&self) -> watch::Receiver<Option<Duration>> {
        self.left.subscribe()
    }
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exit {
    /// Which request.
    pub invocation: InvocationId,
    /// Which attempt.
    pub attempt: Attempt,
    /// What became of it. `Cancelled` stands for an end by the output limit, too; `notes` tell them apart.
    pub ending: Ending,
    /// Exit code of the last step that ran, or 128 + signal.
    pub code: Option<i32>,
    /// From the first step's start to the last one's end.
    pub duration: Duration,
    /// Bytes of redacted output.
    pub output_bytes: u64,
    /// SHA-256 of the redacted output: live chunks as they were sent, or each preview step's stdout and stderr. Whoever
    /// records it keys it first, for short outputs can be guessed.
    pub output: Digest,
    /// How many secrets were removed.
    pub redactions: u64,
    /// What the steps of a preview printed; empty when the command itself ran, whose output was streamed.
    pub steps: Vec<StepOutput>,
    /// What ran.
    pub ran: Ran,
    /// What a person should know, a sentence each.
    pub notes: Vec<String>,
    /// Of a look: what was kept for the run, which is bound to it.
    pub plan: Option<Digest>,
}

/// Which program ran, and what protected it; for the record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ran {
    /// The program's path, as the recipe names it.
    pub program: PathBuf,
    /// SHA-256 of its bytes; of a program with several parts, of the list of them with their digests.
    pub digest: Digest,
    /// SHA-256 of the isolation level's profile.
    pub profile: Digest,
    /// What was applied; `None` when the job was cancelled before it was built.
    pub applied: Option<Applied>,
}

/// One step of a preview.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepOutput {
    /// The step's argv as it was decided.
    pub argv: Argv,
    /// Exit code, or 128 + signal.
    pub code: i32,
    /// Redacted standard output, whole.
    pub stdout: Vec<u8>,
    /// Redacted standard error, its beginning.
    pub stderr: Vec<u8>,
}

/// Why nothing ran.
#[derive(Debug, thiserror::Error)]
pub enum RunFault {
    /// It must not run; the answer is for whoever asked.
    #[error("{0}")]
    Refused(Box<Refusal>),
    /// The lease was issued for something else.
    #[error("the lease is not for this run: {0}")]
    OtherLease(&'static str),
    /// The lease holds something the program cannot use, or lacks what it needs.
    #[error("a lease of class `{class}` does not hold what `{program}` needs", class = .class.as_str())]
    Material {
        /// Which program.
        program: String,
        /// The lease's class.
        class: CredentialClass,
    },
    /// No runner.yaml has this program, or the custom command is not known here.
    #[error("this worker has no runner for `{0}`")]
    NoRunner(String),
    /// The program cannot be used on this host.
    #[error("the program cannot be used")]
    Program(#[source] ProgramError),
    /// The files of the jail's root cannot be used.
    #[error("the files the program needs cannot be used")]
    Files(#[source] FilesError),
    /// The decided level is not one the runner accepts.
    #[error("`{program}` does not run at isolation level `{level}`")]
    Isolation {
        /// Which program.
        program: String,
        /// The decided level.
        level: Isolation,
    },
    /// Decided, and not available in this version.
    #[error("{0} is not available yet")]
    NotAvailable(&'static str),
    /// A dry run of a command that has none.
    #[error("the command has no preview")]
    NoPreview,
    /// The command names no target that this worker knows.
    #[error("this worker does not know the target of the command")]
    NoTarget,
    /// More than thirty seconds went by since the worker decided.
    #[error("too much time went by between decision and start")]
    Stale,
    /// As many jobs run as there are user ids for.
    #[error("this worker has no free user id for another job")]
    Busy,
    /// The lease's secrets cannot be looked for in the output.
    #[error("the lease's secrets cannot be redacted")]
    Redaction(#[source] NotASecret),
    /// The job's folder, pipes or proxy could not be made.
    #[error("the job could not be prepared")]
    Prepare(#[source] std::io::Error),
    /// The launcher was not started.
    #[error("the jail's launcher could not be started")]
    Spawn(#[source] SpawnError),
    /// The cluster did not take the job.
    #[error("the cluster did not take the job")]
    Cluster(#[source] ClusterError),
    /// The job's pod never asked for its command.
    #[error("the job's pod did not start: {0}")]
    Pod(String),
    /// The jail could not be built.
    #[error("the jail could not be built: {0}")]
    Setup(SetupError),
}
