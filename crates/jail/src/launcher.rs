//! The launcher process: takes the plan from the link, builds the level, supervises, reports.
//!
//! **Invariant:** single-threaded from its first instruction; a plan it cannot build completely runs nothing.

use std::fs::File;
use std::io::Read as _;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;

use rustix::fs::{Mode, OFlags};
use rustix::net::RecvFlags;

use crate::direct;
use crate::plan::{Level, Plan};
use crate::probe;
use crate::status::{At as _, SetupError, Status, refuse};
use crate::strict;
use crate::supervise::report;
use crate::sys::{self, Close};
use crate::wire::receive_packet;

/// The argument that turns a program with this library into the launcher.
pub const MARKER: &str = "__countersign-jail";

/// A plan larger than this is refused, in bytes: environment and private files are small.
const LARGEST_PLAN: u64 = 8 << 20;

/// Becomes the launcher if this process was started as one, and then never returns.
///
/// Call it first in `main`, before any thread exists and before anything is read or opened.
pub fn enter_if_asked() {
    let Some(asked) = std::env::args_os().nth(1) else { return };
    if asked == MARKER {
        sys::exit(run())
    }
    // The start-up probe executes the same program inside the jail, where it needs nothing but itself.
    if asked == probe::MARKER {
        sys::exit(probe::run_inside())
    }
}

/// The exit code says only whether the launcher could speak; what happened to the job is in the records.
fn run() -> i32 {
    let _ = rustix::process::setsid();
    if sys::close_from(3, Close::Now).is_err() {
        return 2;
    }
    let Ok(link) = rustix::io::fcntl_dupfd_cloexec(rustix::stdio::stdin(), 10) else { return 2 };
    let mut link = UnixStream::from(link);
    let plan = match receive(&link) {
        Ok(plan) => plan,
        Err(error) => {
            report(&mut link, &Status::SetupError(error));
            return 1;
        }
    };
    let (mut link, last) = match start(&plan, link) {
        Ok(job) => {
            // The job's output ends when the job does, and no message of ours may get into it.
            let _ = silence();
            let (link, last) = job.supervise();
            (link, if plan.level == Level::Strict { last } else { with_home_removed(&plan, last) })
        }
        Err((link, error)) => (link, Status::SetupError(error)),
    };
    report(&mut link, &last);
    0
}

fn start(plan: &Plan, link: UnixStream) -> Result<crate::supervise::Job<'_>, (UnixStream, SetupError)> {
    match plan.level {
        Level::Strict => strict::start(plan, link),
        Level::Nested | Level::None => direct::start(plan, link),
        Level::Job => {
            Err((link, refuse("level-not-available", "level `job` is built by Kubernetes, not by the launcher")))
        }
    }
}

/// Takes the plan, and the command's standard input, from the first packet.
fn receive(link: &UnixStream) -> Result<Plan, SetupError> {
    let (_, fds) = receive_packet(link.as_fd(), RecvFlags::CMSG_CLOEXEC).at("plan", || "receive the plan".into())?;
    let mut fds = fds.into_iter();
    let document = File::from(fds.next().ok_or_else(|| refuse("plan", "no plan came with the first packet"))?);
    let input = match fds.next() {
        Some(input) => input,
        None => null().at("stdin", || "open /dev/null".into())?,
    };
    rustix::stdio::dup2_stdin(&input).at("stdin", || "set the standard input".into())?;
    let mut text = Vec::new();
    document.take(LARGEST_PLAN).read_to_end(&mut text).at("plan", || "read the plan".into())?;
    let plan: Plan = serde_json::from_slice(&text).map_err(|error| refuse("plan", error.to_string()))?;
    plan.check().map_err(|error| refuse("plan", error.to_string()))?;
    Ok(plan)
}

fn silence() -> rustix::io::Result<()> {
    let null = null()?;
    rustix::stdio::dup2_stdin(&null)?;
    rustix::stdio::dup2_stdout(&null)?;
    rustix::stdio::dup2_stderr(&null)
}

fn null() -> rustix::io::Result<OwnedFd> {
    rustix::fs::open("/dev/null", OFlags::RDWR | OFlags::CLOEXEC, Mode::empty())
}

fn with_home_removed(plan: &Plan, status: Status) -> Status {
    let stays = direct::remove_home(plan);
    match status {
        Status::Exit(mut exit) => {
            exit.left_behind.extend(stays);
            Status::Exit(exit)
        }
        Status::SetupError(_) | Status::Applied(_) => status,
    }
}
