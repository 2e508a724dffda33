//! One job: its folder, user id and proxy, and its steps one after the other.
//!
//! **Invariant:** everything a job holds is released when its value is dropped, however that comes about.

use super::LocalJail;
use super::filter::Filtering;
use super::follow::{End, Followed, Patience, Stop, follow_patiently};
use super::order::{Order, Taking};
use super::pump::{Budget, Finished, Place, Stream};
use crate::egress::{Allowed, Proxy};
use crate::folder::{JobFolder, Uid};
use crate::material::{self, Surroundings};
use crate::port::{Exit, Output, Ran, RunFault, StepOutput};
use crate::program::HOME;
use countersign_audit::on_record::OnRecord;
use countersign_core::command::Argv;
use countersign_core::digest::Digest;
use countersign_core::outcome::Ending;
use countersign_core::refusal::shown;
use countersign_core::time::Clock;
use countersign_jail::{
    Egress, End as CommandEnd, Environment, Jailed, Launcher, LauncherPath, Level, Limits, Plan, PrivateFile, Stdin,
    Streams, Writable, spawn,
};
use countersign_redact::Patterns;
use countersign_secrets::Lease;
use rustix::process::{Pid, Signal, kill_process};
use sha2::{Digest as _, Sha256};
use std::future::Future;
use std::io;
use std::net::Ipv4Addr;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::pin::pin;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::UnixStream;
use tokio::net::unix::pipe;
use tokio::time::{Instant, sleep_until, timeout};

/// From the worker's decision to exec (design: thirty seconds on `CLOCK_BOOTTIME`).
const FRESH: Duration = Duration::from_secs(30);

/// How long a reader may take for what is left when the command has ended, and when it was ended.
const DRAIN: Duration = Duration::from_secs(30);
const DRAIN_STOPPED: Duration = Duration::from_millis(300);

/// People are told when this part of the time is left: four fifths are used then.
const LEFT_WHEN_TOLD: u32 = 5;

/// The proxy's port inside a strict jail, where nothing else listens.
const PROXY_PORT: u16 = 3128;

/// A job ready to run.
pub(super) struct Job {
    on_record: OnRecord,
    order: Order,
    ran: Ran,
    filtering: Option<Filtering>,
    pub(super) patterns: Patterns,
    files: Vec<PrivateFile>,
    env: Environment,
    home: String,
    egress: Egress,
    proxy: Option<Proxy>,
    uid: Uid,
    _folder: JobFolder,
    pub(super) launcher: LauncherPath,
    clock: Arc<dyn Clock>,
    pub(super) out: Output,
    budget: Budget,
    pub(super) output_limit: u64,
    wall: Duration,
    deadline: Instant,
}

/// What the steps came to so far.
pub(super) struct Report {
    pub(super) exit: Exit,
    hash: Sha256,
}

impl Job {
    pub(super) async fn prepare(
        jail: &LocalJail,
        on_record: OnRecord,
        order: Order,
        lease: &Lease,
        out: Output,
    ) -> Result<Self, RunFault> {
        let program = order.usable.program.clone();
        let checked = tokio::task::spawn_blocking(move || program.check().and_then(|()| program.digest())).await;
        checked.map_err(|error| RunFault::Prepare(io::Error::other(error)))?.map_err(RunFault::Program)?;
        let ran = order.ran()?;
        let filtering = Filtering::prepare(jail, &order).await?;
        let patterns = Patterns::new(lease.known_secrets()).map_err(RunFault::Redaction)?;
        let uid = jail.uids.lend().ok_or(RunFault::Busy)?;
        let folder = jail.run.job().map_err(RunFault::Prepare)?;
        let home = match order.level {
            Level::Strict => HOME.to_owned(),
            Level::Nested | Level::Job | Level::None => path_text(&jail.run.fresh().map_err(RunFault::Prepare)?),
        };
        let own = jail.own.clone();
        let (proxy, egress, port) = match &order.way {
            None => (None, Egress::None, 0),
            Some(way) => {
                let allowed = Allowed { hosts: way.hosts.clone(), plain: way.plain.clone(), own };
                let proxy = Proxy::start(folder.path(), allowed).map_err(RunFault::Prepare)?;
                let port = proxy_port(order.level).map_err(RunFault::Prepare)?;
                let egress = Egress::Proxy { socket: proxy.socket().to_owned(), port };
                (Some(proxy), egress, port)
            }
        };
        let (wall, most) = (order.recipe.limits.wall(), order.recipe.limits.output_bytes());
        let wall = out.narrower.wall.map_or(wall, |narrower| narrower.min(wall));
        let requester = on_record.warrant().requester();
        let around = Surroundings {
            home: &home,
            proxy: port,
            steps: &order.steps,
            requester: &format!("{} [{}]", shown(&requester.name), requester.id),
            seconds: wall.as_secs(),
        };
        let (files, env) = private(&order, lease, around)?;
        let output_limit = out.narrower.output_bytes.map_or(most, |narrower| narrower.min(most));
        let budget = Budget::new(output_limit);
        let (launcher, clock) = (jail.launcher.clone(), Arc::clone(&jail.clock));
        let deadline = Instant::now() + wall;
        Ok(Self {
            on_record,
            order,
            ran,
            filtering,
            patterns,
            files,
            env,
            home,
            egress,
            proxy,
            uid,
            _folder: folder,
            launcher,
            clock,
            out,
            budget,
            output_limit,
            wall,
            deadline,
        })
    }

    /// Runs the steps until one does not end with 0, and then lets go of everything.
    pub(super) async fn run(mut self) -> Result<Exit, RunFault> {
        let mut report = self.report();
        let ended = self.steps(&mut report).await;
        if let Some(proxy) = self.proxy.take() {
            report.exit.notes.extend(proxy.stop().await);
        }
        ended.map(|()| report.exit)
    }

    async fn steps(&self, report: &mut Report) -> Result<(), RunFault> {
        if self.clock.boottime().saturating_sub(self.on_record.decided_boottime()) > FRESH {
            return Err(RunFault::Stale);
        }
        let begun = self.clock.boottime();
        for argv in &self.order.steps {
            if self.out.cancel.is_cancelled() {
                // Between two steps of a preview, or before anything ran.
                report.exit.notes.push(self.sentence(Stop::Cancelled));
                break;
            }
            if self.step(argv, report).await? == Next::End {
                break;
            }
        }
        report.exit.duration = self.clock.boottime().saturating_sub(begun);
        Ok(())
    }

    fn report(&self) -> Report {
        let exit = Exit {
            invocation: self.on_record.invocation(),
            attempt: self.on_record.attempt().clone(),
            ending: Ending::NotRun,
            code: None,
            duration: Duration::ZERO,
            output_bytes: 0,
            output: Digest::of(b""),
            redactions: 0,
            steps: Vec::new(),
            ran: self.ran.clone(),
            notes: Vec::new(),
        };
        Report { exit, hash: Sha256::new() }
    }

    async fn step(&self, argv: &Argv, report: &mut Report) -> Result<Next, RunFault> {
        match &self.filtering {
            Some(filtering) => Box::pin(self.filtered(filtering, argv, report)).await,
            None => self.settle(argv, self.command(argv, self.takers()).await?, report),
        }
    }

    /// Runs one step in a jail of its own.
    pub(super) async fn command(&self, argv: &Argv, takers: (Stream, Option<Stream>)) -> Result<Taken, RunFault> {
        let (streams, pipes) = pipes(self.order.taking, self.stdin(argv)).map_err(RunFault::Prepare)?;
        let Jailed { link, mut launcher, .. } =
            spawn(&self.plan(argv), &self.launcher, streams).map_err(RunFault::Spawn)?;
        let link = link.into_stream();
        link.set_nonblocking(true).map_err(RunFault::Prepare)?;
        let link = UnixStream::from_std(link).map_err(RunFault::Prepare)?;
        let (mut out, mut err) = takers;
        let patience = Patience::of(self.order.recipe.limits.interrupt_seconds);
        let (followed, all) = self
            .both(follow_patiently(link, patience, self.stop()), pump(&mut out, &mut err, pipes, &self.budget))
            .await;
        if matches!(followed.end, End::Lost(_)) {
            kill(&launcher);
        }
        // It ends right after its last record. No zombie is left when a step has ended.
        let reaped = tokio::task::spawn_blocking(move || launcher.reap().map(drop)).await;
        drop(reaped);
        let whole = all && followed.stop.is_none();
        let (out, err) = finished(out, err, whole, &self.budget).await;
        let late = !all || (whole && out.cut);
        Ok(Taken { followed, out, err, late })
    }

    /// The command's input for a step that reads its objects from there; nothing for any other.
    fn stdin(&self, step: &Argv) -> Stdin {
        match self.on_record.warrant().input_of(step) {
            Some(input) => Stdin::Bytes(input.text().as_bytes().to_vec()),
            None => Stdin::Null,
        }
    }

    /// Follows the job to its end while its output is taken. Whether all of it was taken.
    pub(super) async fn both(
        &self,
        follow: impl Future<Output = Followed>,
        pumps: impl Future<Output = ()>,
    ) -> (Followed, bool) {
        let (mut follow, mut pumps) = (pin!(follow), pin!(pumps));
        let mut all = false;
        loop {
            tokio::select! {
                followed = &mut follow => {
                    let patience = if followed.stop.is_some() { DRAIN_STOPPED } else { DRAIN };
                    all = all || timeout(patience, pumps).await.is_ok();
                    return (followed, all);
                }
                () = &mut pumps, if !all => all = true,
            }
        }
    }

    /// When and why the job is to be ended.
    async fn stop(&self) -> Stop {
        tokio::select! {
            () = self.out.cancel.cancelled() => Stop::Cancelled,
            () = self.budget.used_up() => Stop::OutputLimit,
            () = self.time() => Stop::WallClock,
        }
    }

    /// Until the time is over; says once, before, that most of it is.
    async fn time(&self) {
        let left = self.wall / LEFT_WHEN_TOLD;
        if self.out.left.borrow().is_none() {
            sleep_until(self.deadline.checked_sub(left).unwrap_or(self.deadline)).await;
            self.out.left.send_replace(Some(left));
        }
        sleep_until(self.deadline).await;
    }

    fn sentence(&self, stop: Stop) -> String {
        match stop {
            Stop::Cancelled => "cancelled".into(),
            Stop::WallClock if self.order.follows => {
                format!("followed for {} s, which is as long as it may take", self.wall.as_secs())
            }
            Stop::WallClock => format!("ended by the time limit of {} s", self.wall.as_secs()),
            Stop::OutputLimit => format!("ended by the output limit of {} bytes", self.output_limit),
        }
    }

    fn takers(&self) -> (Stream, Option<Stream>) {
        let stream = |place| Stream::new(&self.patterns, place);
        match self.order.taking {
            Taking::Live => (stream(Place::Live(Some(self.out.chunks.clone()))), None),
            Taking::Apart | Taking::Filtered => {
                (stream(Place::Whole(Vec::new())), Some(stream(Place::Beginning(Vec::new()))))
            }
        }
    }

    /// Adds a step to the report. Whether the next one may run.
    pub(super) fn settle(&self, argv: &Argv, taken: Taken, report: &mut Report) -> Result<Next, RunFault> {
        let Taken { followed, out, err, late } = taken;
        let exit = &mut report.exit;
        exit.notes.extend(late.then(|| "the end of the output was dropped: it was not read in time".to_owned()));
        exit.ran.applied = followed.applied.or(exit.ran.applied.take());
        exit.notes.extend(followed.stop.map(|stop| self.sentence(stop)));
        let code = match followed.end {
            End::Setup(_) if followed.stop.is_some() => None,
            End::Setup(error) => return Err(RunFault::Setup(error)),
            End::Lost(why) => {
                exit.notes.push(why);
                exit.ending = Ending::Unknown;
                None
            }
            End::Exit(ended) => {
                // What would go on for ever has done what was asked when its time is over.
                let enough = self.order.follows && followed.stop == Some(Stop::WallClock);
                exit.ending = if enough { Ending::Ran } else { ending(followed.stop) };
                exit.notes.extend(ended.out_of_memory.then(|| "ended by the memory limit".to_owned()));
                exit.notes.extend(ended.left_behind.iter().map(|path| format!("could not be removed: {path}")));
                Some(match ended.end {
                    _ if enough => 0,
                    CommandEnd::Code(code) => code,
                    CommandEnd::Signal(signal) => 128 + signal,
                })
            }
        };
        exit.code = code;
        exit.output_bytes += out.bytes + err.as_ref().map_or(0, |err| err.bytes);
        exit.redactions += out.redactions + err.as_ref().map_or(0, |err| err.redactions);
        match (self.order.taking, err) {
            (Taking::Apart, Some(err)) => {
                report.hash.update(&out.kept);
                report.hash.update(&err.kept);
                exit.output = Digest::from_bytes(report.hash.clone().finalize().into());
                let (stdout, stderr) = (out.kept, err.kept);
                exit.steps.extend(code.map(|code| StepOutput { argv: argv.clone(), code, stdout, stderr }));
            }
            (Taking::Apart | Taking::Live | Taking::Filtered, _) => exit.output = out.digest(),
        }
        Ok(if code == Some(0) && followed.stop.is_none() { Next::Step } else { Next::End })
    }

    fn plan(&self, argv: &Argv) -> Plan {
        let level = self.order.level;
        let program = &self.order.usable.program;
        let inside = program.inside(level);
        let own = program.mounts(level, &inside);
        let files = self.order.usable.files.iter().map(|file| file.mount(level));
        let files = files.filter(|mount| !own.iter().any(|own| own.target == mount.target));
        let fixed = program.fixed(level).chain(argv.arguments().iter().cloned());
        Plan {
            level,
            argv: std::iter::once(inside).chain(fixed).collect(),
            env: self.env.clone(),
            root: files.chain(own.iter().cloned()).collect(),
            files: self.files.clone(),
            home: self.home.clone(),
            workdir: self.home.clone(),
            writable: Writable::NoExec,
            limits: limits(&self.order.recipe.limits),
            egress: self.egress.clone(),
            uid: self.uid.number,
        }
    }
}

/// What one step came to.
pub(super) struct Taken {
    followed: Followed,
    out: Finished,
    err: Option<Finished>,
    /// Whether the end of the output was not read in time.
    late: bool,
}

/// Whether the next step may run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    Step,
    End,
}

const fn ending(stop: Option<Stop>) -> Ending {
    match stop {
        None => Ending::Ran,
        Some(Stop::WallClock) => Ending::TimedOut,
        Some(Stop::Cancelled | Stop::OutputLimit) => Ending::Cancelled,
    }
}

/// The files and variables made for this job alone.
fn private(
    order: &Order,
    lease: &Lease,
    around: Surroundings<'_>,
) -> Result<(Vec<PrivateFile>, Environment), RunFault> {
    let mut env = order.recipe.env.clone();
    let private = material::render(order.recipe.credential, order.target.as_ref(), lease, around);
    let fault = || RunFault::Material { program: order.usable.program.name.clone(), class: lease.class() };
    let private = private.ok_or_else(fault)?;
    env.insert("HOME".into(), around.home.to_owned());
    env.extend(private.env);
    Ok((private.files, Environment(env)))
}

pub(super) fn limits(of: &crate::recipe::Limits) -> Limits {
    Limits {
        cpu_seconds: of.cpu_seconds,
        memory_bytes: of.memory_mib << 20,
        processes: of.processes,
        open_files: of.open_files,
        file_bytes: of.file_mib << 20,
        tmp_bytes: of.tmp_mib << 20,
    }
}

/// A port for the proxy inside. Without a network namespace it is one of the host's, free a moment ago and random.
fn proxy_port(level: Level) -> io::Result<u16> {
    match level {
        Level::Strict => Ok(PROXY_PORT),
        Level::Nested | Level::Job | Level::None => {
            Ok(std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
        }
    }
}

struct Pipes {
    out: pipe::Receiver,
    err: Option<pipe::Receiver>,
}

/// One pipe for both streams keeps their order; two keep them apart.
fn pipes(taking: Taking, stdin: Stdin) -> io::Result<(Streams, Pipes)> {
    let (out, into_out) = io::pipe()?;
    let (err, into_err) = match taking {
        Taking::Live => (None, into_out.try_clone()?),
        Taking::Apart | Taking::Filtered => {
            let (err, into_err) = io::pipe()?;
            (Some(err), into_err)
        }
    };
    let receiver = |reader: io::PipeReader| pipe::Receiver::from_owned_fd(OwnedFd::from(reader));
    let pipes = Pipes { out: receiver(out)?, err: err.map(receiver).transpose()? };
    Ok((Streams { stdin, stdout: Stdio::from(into_out), stderr: Stdio::from(into_err) }, pipes))
}

async fn pump(out: &mut Stream, err: &mut Option<Stream>, pipes: Pipes, budget: &Budget) {
    let errors = async {
        if let (Some(err), Some(pipe)) = (err, pipes.err) {
            err.pump(pipe, budget).await;
        }
    };
    tokio::join!(out.pump(pipes.out, budget), errors);
}

/// Ends both streams; a reader that does not read is not waited for.
async fn finished(out: Stream, err: Option<Stream>, whole: bool, budget: &Budget) -> (Finished, Option<Finished>) {
    let err = match err {
        Some(err) => Some(err.finish(whole, budget).await),
        None => None,
    };
    (out.finish(whole, budget).await, err)
}

/// Takes the launcher away, and with it the whole job: its first process dies with it.
pub(super) fn kill(launcher: &Launcher) {
    let id = i32::try_from(launcher.id()).ok().and_then(Pid::from_raw);
    if let Some(id) = id {
        // It may be gone already.
        let _ = kill_process(id, Signal::KILL);
    }
}

fn path_text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}
