//! One step of a job inside its pod: the plan, the launcher, and the streams between both and the worker.
//!
//! **Invariant:** when this returns, no process of the step is left and all it said has been sent, or the connection it
//! would have been sent on is gone.

use super::WRITABLE;
use super::connect::Worker;
use crate::files::expand;
use crate::kubernetes::wire::{Channel, Step};
use crate::program::{HOME, Program};
use countersign_jail::{
    Egress, INTERRUPT, Jailed, KILL, Launcher, LauncherPath, Level, Plan, SetupError, Status, Stdin, Streams,
    TERMINATE, Writable, spawn,
};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream as StdUnixStream;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWriteExt as _, copy, copy_bidirectional};
use tokio::net::unix::pipe;
use tokio::net::{TcpStream, UnixListener, UnixStream};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::JoinSet;
use tokio::time::sleep;
use tokio_rustls::client::TlsStream;

/// From being asked to end until the kill, when the cluster ends the pod.
const ASKED: Duration = Duration::from_millis(500);

type Link = TlsStream<TcpStream>;

/// What is started and has to be carried.
struct Started {
    records: UnixStream,
    launcher: Launcher,
    out: pipe::Receiver,
    err: Option<pipe::Receiver>,
}

/// Runs one step to its end.
pub(super) async fn run(worker: &Worker, number: u32, step: Step, mut link: Link) -> io::Result<()> {
    // The worker waits for both before it follows.
    let out = worker.connect(Channel::Out(number)).await?;
    let err = if step.apart { Some(worker.connect(Channel::Err(number)).await?) } else { None };
    let mut carried = JoinSet::new();
    let socket = step.proxy.map(|_| Path::new(WRITABLE).join("proxy"));
    if let Some(socket) = &socket {
        drop(std::fs::remove_file(socket));
        carried.spawn(serve(UnixListener::bind(socket)?, worker.clone()));
    }
    let interrupted = Duration::from_millis(step.interrupted_ms);
    let started = match start(step, socket) {
        Ok(started) => started,
        Err(error) => {
            let mut record = serde_json::to_vec(&Status::SetupError(error))?;
            record.push(b'\n');
            link.write_all(&record).await?;
            hand_over(&mut link).await;
            return Ok(());
        }
    };
    let mut ends = signal(SignalKind::terminate())?;
    let Started { records, mut launcher, out: from_out, err: from_err } = started;
    let streams = async {
        let errors = async {
            if let (Some(from), Some(to)) = (from_err, err) {
                carry(from, to).await;
            }
        };
        tokio::join!(carry(from_out, out), errors);
    };
    let records = async {
        let relayed = relay(records, &mut link, &mut ends, interrupted).await;
        // At once: the worker hears of the end however slowly it takes the output.
        hand_over(&mut link).await;
        relayed
    };
    // Both end when the job does, whatever becomes of the connections.
    let (relayed, ()) = tokio::join!(records, streams);
    drop(tokio::task::spawn_blocking(move || launcher.reap().map(drop)).await);
    relayed
}

/// Makes the plan from what the image holds, and starts its launcher.
fn start(step: Step, socket: Option<PathBuf>) -> Result<Started, SetupError> {
    let wrong = |what: &'static str| move |error: &dyn std::error::Error| failed(what, error);
    let apart = step.apart;
    let stdin = step.stdin.clone().map_or(Stdin::Null, |text| Stdin::Bytes(text.into_bytes()));
    let plan = plan(step, socket)?;
    let pipes = |error: io::Error| wrong("pipes")(&error);
    let (out, into_out) = io::pipe().map_err(pipes)?;
    let (err, into_err) = if apart {
        let (err, into_err) = io::pipe().map_err(pipes)?;
        (Some(err), into_err)
    } else {
        (None, into_out.try_clone().map_err(pipes)?)
    };
    let receiver = |reader: io::PipeReader| pipe::Receiver::from_owned_fd(OwnedFd::from(reader)).map_err(pipes);
    let (out, err) = (receiver(out)?, err.map(receiver).transpose()?);
    let streams = Streams { stdin, stdout: Stdio::from(into_out), stderr: Stdio::from(into_err) };
    let Jailed { link, launcher, .. } =
        spawn(&plan, &LauncherPath::this_program(), streams).map_err(|error| wrong("launcher")(&error))?;
    let records = asynchronous(link.into_stream()).map_err(pipes)?;
    Ok(Started { records, launcher, out, err })
}

fn plan(step: Step, socket: Option<PathBuf>) -> Result<Plan, SetupError> {
    let level = Level::Nested;
    let program = Program::find(&step.program, &step.candidates, &[]).map_err(|error| failed("image", &error))?;
    let files = expand(&step.files, &step.files_if_present).map_err(|error| failed("image", &error))?;
    let inside = program.inside(level);
    let own = program.mounts(level, &inside);
    let files = files.iter().map(|file| file.mount(level));
    let root = files.filter(|mount| !own.iter().any(|own| own.target == mount.target)).chain(own.clone()).collect();
    let egress = match (step.proxy, socket) {
        (Some(port), Some(socket)) => Egress::Proxy { socket, port },
        _ => Egress::None,
    };
    Ok(Plan {
        level,
        argv: std::iter::once(inside).chain(program.fixed(level)).chain(step.arguments).collect(),
        env: step.env,
        root,
        files: step.private,
        home: HOME.to_owned(),
        workdir: HOME.to_owned(),
        writable: Writable::NoExec,
        limits: step.limits,
        egress,
        uid: rustix::process::geteuid().as_raw(),
    })
}

fn failed(step: &str, error: &dyn std::error::Error) -> SetupError {
    let mut message = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        message = format!("{message}: {error}");
        source = error.source();
    }
    SetupError { step: step.to_owned(), errno: None, message, hint: None }
}

fn asynchronous(stream: StdUnixStream) -> io::Result<UnixStream> {
    stream.set_nonblocking(true)?;
    UnixStream::from_std(stream)
}

/// Everything the command says, until its end.
async fn carry(mut from: impl AsyncRead + Unpin, mut to: Link) {
    if copy(&mut from, &mut to).await.is_err() {
        // Nobody listens any more, and the command is being ended for it; until then it may write.
        drop(copy(&mut from, &mut tokio::io::sink()).await);
    }
    hand_over(&mut to).await;
}

/// Ends what is said, and waits until the worker has heard it: a connection that is closed while something of the other
/// side was not read is reset, and what was on its way is lost (RFC 9293, section 3.10.4).
async fn hand_over(link: &mut Link) {
    if link.shutdown().await.is_ok() {
        drop(copy(link, &mut tokio::io::sink()).await);
    }
}

/// The launcher's records to the worker and the worker's orders to the launcher. A worker that is gone ends the job, as
/// does a cluster that ends the pod.
async fn relay(launcher: UnixStream, link: &mut Link, ends: &mut Signal, interrupted: Duration) -> io::Result<()> {
    let (mut records, mut orders) = launcher.into_split();
    let (mut from_worker, mut to_worker) = tokio::io::split(link);
    let said = async {
        let sent = copy(&mut records, &mut to_worker).await;
        if sent.is_err() {
            drop(copy(&mut records, &mut tokio::io::sink()).await);
        }
        sent
    };
    let ordered = async {
        tokio::select! {
            _ = copy(&mut from_worker, &mut orders) => {}
            _ = ends.recv() => {
                for (order, wait) in [(INTERRUPT, interrupted), (TERMINATE, ASKED), (KILL, Duration::ZERO)] {
                    drop(orders.write_all(&[order]).await);
                    sleep(wait).await;
                }
            }
        }
        // The end of its link kills the job.
        drop(orders);
        std::future::pending::<()>().await;
    };
    tokio::select! {
        sent = said => sent.map(drop),
        () = ordered => Ok(()),
    }
}

/// Carries each connection of the command to the worker's proxy.
async fn serve(listener: UnixListener, worker: Worker) {
    let mut carried = JoinSet::new();
    while let Ok((mut inside, _)) = listener.accept().await {
        while carried.try_join_next().is_some() {}
        let worker = worker.clone();
        carried.spawn(async move {
            if let Ok(mut outside) = worker.connect(Channel::Egress).await {
                drop(copy_bidirectional(&mut inside, &mut outside).await);
            }
        });
    }
}
