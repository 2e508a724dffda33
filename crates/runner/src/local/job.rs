//! One job: its folder, user id and proxy, and its steps one after the other.
//!
//! **Invariant:** everything a job holds is released when its value is dropped, however that comes about.

mod prepare;

use super::Usable;
use super::filter::Filtering;
use super::follow::{End, Followed, Patience, Stop, follow_patiently};
use super::order::{Order, Runs, Taking};
use super::pump::{Budget, Finished, Place, Stream};
use super::site::{Pipes, Site, Started};
use crate::egress::Proxy;
use crate::folder::JobFolder;
use crate::kubernetes::{Came, Over, wire};
use crate::port::{Exit, Output, Ran, RunFault, StepOutput};
use crate::stack;
use countersign_audit::on_record::OnRecord;
use countersign_core::command::Argv;
use countersign_core::digest::Digest;
use countersign_core::outcome::Ending;
use countersign_core::time::Clock;
use countersign_jail::{
    Applied, Egress, End as CommandEnd, Environment, Exit as Ended, Launcher, LauncherPath, Limits, Plan, PrivateFile,
    Stdin, Streams, Writable,
};
use countersign_redact::Patterns;
use rustix::process::{Pid, Signal, kill_process};
use sha2::{Digest as _, Sha256};
use std::future::Future;
use std::io;
use std::os::fd::OwnedFd;
use std::pin::pin;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::unix::pipe;
use tokio::time::{Instant, sleep_until, timeout};

/// From the worker's decision to exec (design: thirty seconds on `CLOCK_BOOTTIME`).
pub(crate) const FRESH: Duration = Duration::from_secs(30);

/// How long a reader may take for what is left when the command has ended, and when it was ended.
const DRAIN: Duration = Duration::from_secs(30);
const DRAIN_STOPPED: Duration = Duration::from_millis(300);

/// People are told when this part of the time is left: four fifths are used then.
const LEFT_WHEN_TOLD: u32 = 5;

/// A job ready to run.
pub(crate) struct Job {
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
    site: Site,
    /// Of a Terraform stack, what was prepared for it.
    prepared: Option<stack::Prepared>,
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
    /// Runs the steps until one does not end with 0, and then lets go of everything.
    pub(crate) async fn run(mut self) -> Result<Exit, RunFault> {
        let mut report = self.report();
        let ended = match self.ready().await {
            Ok(()) => self.steps(&mut report).await,
            Err(fault) => Err(fault),
        };
        report.exit.notes.extend(self.site.release().await);
        if let Some(proxy) = self.proxy.take() {
            report.exit.notes.extend(proxy.stop().await);
        }
        ended?;
        self.keep(&mut report.exit).await?;
        Ok(report.exit)
    }

    /// What a look at a stack comes to is bound to what is kept of it; what was applied is not kept.
    async fn keep(&self, exit: &mut Exit) -> Result<(), RunFault> {
        let Some(prepared) = &self.prepared else { return Ok(()) };
        prepared.forget().await;
        if exit.ending == Ending::Ran && exit.code == Some(0) {
            let decision = self.on_record.warrant().decision().decision();
            exit.plan = prepared.keep(&decision.deployment, self.clock.now()).await?;
        }
        Ok(())
    }

    /// Waits for the pod of a job that has one; its time begins when it is there.
    async fn ready(&mut self) -> Result<(), RunFault> {
        let Site::Pod(pod) = &self.site else { return Ok(()) };
        let gone = self.clock.boottime().saturating_sub(self.on_record.decided_boottime());
        if gone > FRESH {
            return Err(RunFault::Stale);
        }
        let late = Instant::now() + FRESH.saturating_sub(gone);
        if pod.ready(&self.out.cancel, late).await? == Came::Yes {
            self.deadline = Instant::now() + self.wall;
        }
        Ok(())
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
            plan: None,
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
        let Started { link, pipes, launcher } = match self.start(argv).await? {
            Ok(started) => started,
            Err(followed) => return Ok(Taken::lost(followed, takers, &self.budget).await),
        };
        let (mut out, mut err) = takers;
        let (mut followed, all) = self
            .both(follow_patiently(link, self.patience(), self.stop()), pump(&mut out, &mut err, pipes, &self.budget))
            .await;
        let lost = matches!(followed.end, End::Lost(_));
        match (launcher, &self.site) {
            (Some(mut launcher), _) => {
                if lost {
                    kill(&launcher);
                }
                // It ends right after its last record. No zombie is left when a step has ended.
                let reaped = tokio::task::spawn_blocking(move || launcher.reap().map(drop)).await;
                drop(reaped);
            }
            (None, Site::Pod(pod)) if lost => followed.end = pod_end(&pod.fate().await),
            (None, Site::Here(_) | Site::Pod(_)) => {}
        }
        // What was cut off may have been the rest of a secret.
        let whole = all && followed.stop.is_none() && !lost;
        let (out, err) = finished(out, err, whole, &self.budget).await;
        let broken = out.broken || err.as_ref().is_some_and(|err| err.broken);
        let late = !all || (whole && out.cut && !broken);
        Ok(Taken { followed, out, err, late, broken })
    }

    /// Starts a step where the job runs; a pod that is lost by then may have begun it.
    async fn start(&self, argv: &Argv) -> Result<Result<Started, Followed>, RunFault> {
        match &self.site {
            Site::Here(uid) => {
                Site::start_here(&self.plan(argv, uid.number), &self.launcher, self.pipes(argv)?).map(Ok)
            }
            Site::Pod(pod) => match pod.run(self.pod_step(argv)).await {
                Ok(streams) => Ok(Ok(streams.into())),
                Err(_) => Ok(Err(Followed { end: pod_end(&pod.fate().await), stop: None, applied: None })),
            },
        }
    }

    fn pipes(&self, argv: &Argv) -> Result<(Streams, Pipes), RunFault> {
        let stdin = match &self.prepared {
            Some(prepared) => prepared.stdin().map_err(RunFault::Prepare)?,
            None => self.input(argv).map_or(Stdin::Null, |text| Stdin::Bytes(text.into_bytes())),
        };
        pipes(self.order.taking, stdin).map_err(RunFault::Prepare)
    }

    fn patience(&self) -> Patience {
        Patience::of(self.order.recipe.limits.interrupt_seconds)
    }

    /// The command's input for a step that reads its objects from there; nothing for any other.
    fn input(&self, step: &Argv) -> Option<String> {
        self.on_record.warrant().input_of(step).map(|input| input.text().to_owned())
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

    /// What a pod's launcher built is a part of level `job`.
    fn built(&self, applied: Applied) -> Applied {
        Applied { level: self.order.level, ..applied }
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
        let Taken { followed, out, err, late, broken } = taken;
        let exit = &mut report.exit;
        exit.notes.extend(late.then(|| "the end of the output was dropped: it was not read in time".to_owned()));
        exit.notes.extend(broken.then(|| "the end of the output was lost on its way".to_owned()));
        exit.ran.applied = followed.applied.map(|it| self.built(it)).or(exit.ran.applied.take());
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
        // Half of what a preview said is nothing to decide about.
        let code = if broken && self.order.taking == Taking::Apart { None } else { code };
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

    /// A step as a pod is told it, which makes the plan from what its image holds.
    fn pod_step(&self, argv: &Argv) -> wire::Step {
        let recipe = &self.order.recipe;
        wire::Step {
            program: self.order.name.clone(),
            candidates: recipe.programs.get(&self.order.name).cloned().unwrap_or_default(),
            files: recipe.files.clone(),
            files_if_present: recipe.files_if_present.clone(),
            arguments: argv.arguments().to_vec(),
            env: self.env.clone(),
            private: self.files.clone(),
            stdin: self.input(argv),
            limits: limits(&recipe.limits),
            proxy: match self.egress {
                Egress::None => None,
                Egress::Proxy { port, .. } => Some(port),
            },
            apart: self.order.taking != Taking::Live,
            interrupted_ms: u64::try_from(self.patience().interrupted.as_millis()).unwrap_or(u64::MAX),
        }
    }

    fn plan(&self, argv: &Argv, uid: u32) -> Plan {
        let level = self.order.level;
        let Runs::Here(usable) = &self.order.runs else { unreachable!("a job that runs here has its program here") };
        let Usable { program, files } = &**usable;
        let inside = program.inside(level);
        let own = program.mounts(level, &inside);
        let files = files.iter().map(|file| file.mount(level));
        let files = files.filter(|mount| !own.iter().any(|own| own.target == mount.target));
        let fixed = program.fixed(level).chain(argv.arguments().iter().cloned());
        Plan {
            level,
            argv: std::iter::once(inside).chain(fixed).collect(),
            env: self.env.clone(),
            root: files
                .chain(own.iter().cloned())
                .chain(self.prepared.as_ref().and_then(stack::Prepared::mount))
                .collect(),
            files: self.files.clone(),
            home: self.home.clone(),
            workdir: self.home.clone(),
            writable: Writable::NoExec,
            limits: limits(&self.order.recipe.limits),
            egress: self.egress.clone(),
            uid,
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
    /// Whether it was lost on its way from a pod.
    broken: bool,
}

impl Taken {
    /// A step whose streams never came.
    async fn lost(followed: Followed, (out, err): (Stream, Option<Stream>), budget: &Budget) -> Self {
        let (out, err) = finished(out, err, false, budget).await;
        Self { followed, out, err, late: false, broken: false }
    }
}

/// How a command ended whose pod was lost. The kernel's kill for memory takes the launcher along with the command.
fn pod_end(over: &Over) -> End {
    if over.out_of_memory {
        let end = CommandEnd::Signal(Signal::KILL.as_raw());
        return End::Exit(Ended { end, cpu_ms: 0, max_rss_bytes: 0, out_of_memory: true, left_behind: Vec::new() });
    }
    End::Lost(format!("the connection to the job's pod was lost: {}", over.why))
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
    let out = Box::new(receiver(out)?);
    let err = err.map(receiver).transpose()?.map(|err| Box::new(err) as Box<_>);
    let pipes = Pipes { out, err };
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
