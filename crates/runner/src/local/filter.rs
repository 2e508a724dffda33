//! The filters over a command's output: a process of their own, in a jail of their own.
//!
//! **Invariant:** what goes into the filters is redacted, and what comes out is redacted again; they have no
//! credential, no way out, no file and no environment. However they end, the command's own end stays what it was.

use super::beside::beside;
use super::follow::{End, Followed, Stop, follow};
use super::job::{Job, Next, kill, limits};
use super::order::Order;
use super::pump::{Budget, Finished, Place, Stream};
use super::{Installed, LocalJail, OpenError};
use crate::files::expand;
use crate::folder::Uid;
use crate::port::{RunFault, WAITING_CHUNKS};
use crate::program::{HOME, Program, ProgramError};
use crate::recipe::Recipe;
use countersign_core::command::Argv;
use countersign_core::digest::Digest;
use countersign_core::refusal::shown;
use countersign_jail::{
    Egress, End as CommandEnd, Environment, Exit, Jailed, Launcher, LauncherPath, Level, Plan, Stdin, Streams,
    Writable, spawn,
};
use countersign_tools::MARKER;
use sha2::{Digest as _, Sha256};
use std::io;
use std::os::fd::OwnedFd;
use std::process::Stdio;
use std::sync::Arc;
use tokio::net::UnixStream;
use tokio::net::unix::pipe;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

/// The program's name, beside the launcher.
pub(super) const PROGRAM: &str = "countersign-filter";

/// Most lines of what a filter says that are told.
const TOLD: usize = 5;

/// SIGXCPU and SIGKILL (signal(7)): how the kernel ends what computes for too long.
const TOO_LONG: [i32; 2] = [24, 9];

/// Finds the program: beside the launcher, or this very program when it is its own launcher.
pub(super) fn install(launcher: &LauncherPath) -> Result<Installed, OpenError> {
    let recipe = Recipe::of_filters();
    let files = Arc::new(expand(&recipe.files, &recipe.files_if_present).map_err(OpenError::Files)?);
    let program = beside(launcher, PROGRAM).and_then(|path| Program::open(PROGRAM, &path, &recipe.manifest));
    let usable = program.map(|program| super::Usable { program, files }).map_err(|error| error.to_string());
    Ok(Installed::found(recipe, usable))
}

/// Filters ready to run.
pub(super) struct Filtering {
    recipe: Arc<Recipe>,
    usable: super::Usable,
    /// The filters' argvs, as the program reads them.
    chain: String,
    uid: Uid,
}

impl Filtering {
    /// What a job needs for its filters, if it has any.
    pub(super) async fn prepare(jail: &LocalJail, order: &Order) -> Result<Option<Self>, RunFault> {
        if order.filters.is_empty() {
            return Ok(None);
        }
        let usable = jail.filter.usable().clone().map_err(|reason| {
            RunFault::Program(ProgramError::NoCandidate { name: PROGRAM.to_owned(), reasons: vec![reason] })
        })?;
        let program = usable.program.clone();
        let checked = tokio::task::spawn_blocking(move || program.check()).await;
        checked.map_err(|error| RunFault::Prepare(io::Error::other(error)))?.map_err(RunFault::Program)?;
        let chain = serde_json::to_string(&order.filters).map_err(|error| RunFault::Prepare(error.into()))?;
        let uid = jail.uids.lend().ok_or(RunFault::Busy)?;
        Ok(Some(Self { recipe: Arc::clone(&jail.filter.recipe), usable, chain, uid }))
    }

    fn plan(&self) -> Plan {
        let inside = self.usable.program.inside(Level::Strict);
        let own = self.usable.program.mounts(Level::Strict, &inside);
        let files = self.usable.files.iter().map(|file| file.mount(Level::Strict));
        Plan {
            level: Level::Strict,
            argv: vec![inside, MARKER.to_owned(), self.chain.clone()],
            env: Environment::default(),
            root: files.filter(|mount| own.iter().all(|own| own.target != mount.target)).chain(own.clone()).collect(),
            files: Vec::new(),
            home: HOME.to_owned(),
            workdir: HOME.to_owned(),
            writable: Writable::NoExec,
            limits: limits(&self.recipe.limits),
            egress: Egress::None,
            uid: self.uid.number,
        }
    }

    fn start(&self, launcher: &LauncherPath) -> Result<Started, RunFault> {
        let prepare = RunFault::Prepare;
        let ((input, feed), (out, into_out), (err, into_err)) =
            (io::pipe().map_err(prepare)?, io::pipe().map_err(prepare)?, io::pipe().map_err(prepare)?);
        let stdin = Stdin::Pipe(OwnedFd::from(input));
        let streams = Streams { stdin, stdout: Stdio::from(into_out), stderr: Stdio::from(into_err) };
        let Jailed { link, launcher, .. } = spawn(&self.plan(), launcher, streams).map_err(RunFault::Spawn)?;
        let link = link.into_stream();
        link.set_nonblocking(true).map_err(prepare)?;
        Ok(Started {
            link: UnixStream::from_std(link).map_err(prepare)?,
            launcher,
            feed: pipe::Sender::from_owned_fd(OwnedFd::from(feed)).map_err(prepare)?,
            out: pipe::Receiver::from_owned_fd(OwnedFd::from(out)).map_err(prepare)?,
            err: pipe::Receiver::from_owned_fd(OwnedFd::from(err)).map_err(prepare)?,
        })
    }

    /// What people should know about how the filters ended.
    fn told(&self, followed: &Followed, said: &[u8]) -> Vec<String> {
        let limits = &self.recipe.limits;
        let said = String::from_utf8_lossy(said);
        let mut notes: Vec<String> = said.lines().take(TOLD).map(|line| format!("filter: {}", shown(line))).collect();
        let why = match (followed.stop, &followed.end) {
            (Some(Stop::Cancelled), _) => None,
            (Some(Stop::WallClock), _) => {
                Some(format!("the filter was ended {} s after the command", limits.wall_seconds))
            }
            (Some(Stop::OutputLimit), _) => Some("the filter was ended by the output limit".to_owned()),
            (None, End::Setup(error)) => {
                Some(format!("the output is not shown, for it could not be filtered: {error}"))
            }
            (None, End::Lost(why)) => Some(format!("the filter was lost: {why}")),
            (None, End::Exit(exit)) => ended(exit, limits.cpu_seconds, limits.memory_mib),
        };
        notes.extend(why);
        notes
    }
}

/// The process says with its code how it went (countersign-tools, `program`).
fn ended(exit: &Exit, seconds: u64, mib: u64) -> Option<String> {
    match exit.end {
        CommandEnd::Code(0) => None,
        CommandEnd::Code(1) => Some("no line matched".to_owned()),
        CommandEnd::Code(2) => Some("the filter could not go on, so not all of the output is shown".to_owned()),
        _ if exit.out_of_memory => Some(format!("the filter was ended by its memory limit of {mib} MiB")),
        CommandEnd::Signal(signal) if TOO_LONG.contains(&signal) => {
            Some(format!("the filter was ended by its limit of {seconds} s of computing"))
        }
        CommandEnd::Code(_) | CommandEnd::Signal(_) => {
            Some(format!("the filter broke down: it needs more than {mib} MiB, or goes too deep"))
        }
    }
}

/// A filter process that runs.
struct Started {
    link: UnixStream,
    launcher: Launcher,
    feed: pipe::Sender,
    out: pipe::Receiver,
    err: pipe::Receiver,
}

/// What the filters came to.
struct Filtered {
    followed: Followed,
    out: Finished,
    said: Finished,
}

impl Job {
    /// Runs the command with its output going through the filters.
    pub(super) async fn filtered(
        &self,
        filtering: &Filtering,
        argv: &Argv,
        report: &mut super::job::Report,
    ) -> Result<Next, RunFault> {
        let Started { link, launcher, feed, out, err } = filtering.start(&self.launcher)?;
        let (chunks, relayed) = mpsc::channel(WAITING_CHUNKS);
        let ended = CancellationToken::new();
        let stream = |place| Stream::new(&self.patterns, place);
        let takers = (stream(Place::Into(Some(feed))), Some(stream(Place::Live(Some(chunks.clone())))));
        let command = async {
            let taken = self.command(argv, takers).await;
            ended.cancel();
            taken
        };
        let streams = (stream(Place::Live(Some(chunks))), stream(Place::Beginning(Vec::new())));
        let filters = self.filters(filtering, (link, launcher), (out, err), streams, &ended);
        let (taken, filtered, relayed) = tokio::join!(command, filters, self.relay(relayed));
        let next = self.settle(argv, taken?, report)?;
        let exit = &mut report.exit;
        (exit.output_bytes, exit.output) = relayed;
        exit.redactions += filtered.out.redactions + filtered.said.redactions;
        exit.notes.extend(filtering.told(&filtered.followed, &filtered.said.kept));
        Ok(next)
    }

    /// Follows the filters to their end while what they print is taken.
    async fn filters(
        &self,
        filtering: &Filtering,
        (link, mut launcher): (UnixStream, Launcher),
        pipes: (pipe::Receiver, pipe::Receiver),
        (mut out, mut said): (Stream, Stream),
        ended: &CancellationToken,
    ) -> Filtered {
        let budget = Budget::new(self.output_limit.min(filtering.recipe.limits.output_bytes()));
        let words = Budget::new(filtering.recipe.limits.output_bytes());
        let stop = async {
            tokio::select! {
                () = self.out.cancel.cancelled() => Stop::Cancelled,
                () = budget.used_up() => Stop::OutputLimit,
                () = async {
                    ended.cancelled().await;
                    sleep_until(Instant::now() + filtering.recipe.limits.wall()).await;
                } => Stop::WallClock,
            }
        };
        let pumps = async {
            tokio::join!(out.pump(pipes.0, &budget), said.pump(pipes.1, &words));
        };
        let (followed, all) = self.both(follow(link, stop), pumps).await;
        if matches!(followed.end, End::Lost(_)) {
            kill(&launcher);
        }
        drop(tokio::task::spawn_blocking(move || launcher.reap().map(drop)).await);
        let whole = all && followed.stop.is_none();
        Filtered { followed, out: out.finish(whole, &budget).await, said: said.finish(whole, &words).await }
    }

    /// Hands on what both streams give, in order of arrival: how many bytes, and their digest.
    async fn relay(&self, mut chunks: mpsc::Receiver<Vec<u8>>) -> (u64, Digest) {
        let (mut bytes, mut hash) = (0, Sha256::new());
        while let Some(chunk) = chunks.recv().await {
            hash.update(&chunk);
            bytes += chunk.len() as u64;
            // A reader that is gone stops nothing.
            let _ = self.out.chunks.send(chunk).await;
        }
        (bytes, Digest::from_bytes(hash.finalize().into()))
    }
}
