//! The first process of a strict jail: builds the inside, starts the command, reaps, passes INT on to the command
//! and TERM to everything inside.
//!
//! **Invariant:** when it ends, for whatever reason, the kernel kills every process of the job; it ends with the command,
//! with the launcher, or when a step fails.

use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::os::fd::{AsFd as _, OwnedFd};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::process::{DumpableBehavior, Gid, Signal, Uid};

use crate::cgroup::Cgroup;
use crate::confine;
use crate::plan::{Egress, Plan};
use crate::root::{self, JOB_ID, Sources};
use crate::status::{Applied, At as _, End, Exit, SetupError, refuse};
use crate::sys::{self, Forked, Waited};
use crate::wire::{Note, Wire};

/// The host name inside.
const HOST_NAME: &str = "job";

/// Runs init to its end. Called in the new namespaces, before the ids are mapped. `applied` is what will be true when
/// every step has succeeded; it is reported then.
pub(crate) fn run(plan: &Plan, applied: Applied, cgroup: &Cgroup, wire: &Wire) -> ! {
    match stages(plan, applied, cgroup, wire) {
        Ok(exit) => {
            let _ = wire.send(&Note::Exit(exit));
            sys::exit(0)
        }
        Err(error) => {
            let _ = wire.send(&Note::SetupError(error));
            sys::exit(1)
        }
    }
}

fn stages(plan: &Plan, applied: Applied, cgroup: &Cgroup, wire: &Wire) -> Result<Exit, SetupError> {
    match wire.receive() {
        Ok(Some((Note::Go, _))) => {}
        _ => return Err(refuse("launcher", "the launcher is gone")),
    }
    cgroup.enter().at("cgroup", || "join the control group".into())?;
    let sources = Sources::open(plan)?;
    become_job_user(wire)?;
    unshare_cgroup()?;
    root::build(plan, &sources)?;
    drop(sources);
    sys::set_host_name(HOST_NAME).at("utsns", || "set the host name".into())?;
    if let Egress::Proxy { port, .. } = plan.egress {
        offer_listener(port, wire)?;
    }
    confine::lock_capabilities()?;
    confine::drop_capabilities()?;
    confine::no_new_privs()?;
    let signals = sys::signal_descriptor(&[libc::SIGCHLD, libc::SIGTERM, libc::SIGINT])
        .at("init", || "listen to signals".into())?;
    let command = match sys::fork(0).at("init", || "fork the command".into())? {
        // The namespace's only user has one more process: this one.
        Forked::Child => confine::become_command(plan, applied, plan.limits.processes + 1, wire),
        Forked::Parent(pid) => pid,
    };
    reap_until(command, &signals).at("init", || "wait for the command".into())
}

/// Becomes the one user the namespace knows, unreadable for it, and bound to the launcher's life.
fn become_job_user(wire: &Wire) -> Result<(), SetupError> {
    let ids = |result: rustix::io::Result<()>, what: &str| result.at("ids", || what.to_owned());
    match rustix::thread::set_thread_groups(&[]) {
        // Without privilege on the host, setgroups is denied by the kernel; the launcher states the degradation.
        Ok(()) | Err(Errno::PERM) => {}
        Err(error) => return ids(Err(error), "drop the groups"),
    }
    let (gid, uid) = (Gid::from_raw(JOB_ID), Uid::from_raw(JOB_ID));
    ids(rustix::thread::set_thread_res_gid(gid, gid, gid), "become the job's group")?;
    ids(rustix::thread::set_thread_res_uid(uid, uid, uid), "become the job's user")?;
    // Memory, descriptors and environment of init are not for the job, which has the same user id.
    ids(rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable), "hide init")?;
    // The kernel forgets the death signal when ids change, so it comes after them. If the launcher died before this
    // line, its end of the wire is closed by now; if it dies later, the signal comes.
    ids(rustix::process::set_parent_process_death_signal(Some(Signal::KILL)), "bind init to the launcher")?;
    match wire.try_receive() {
        Err(Errno::AGAIN) => Ok(()),
        _ => Err(refuse("launcher", "the launcher is gone")),
    }
}

/// Hides the path of the job's control group; the launcher has moved us into it before.
fn unshare_cgroup() -> Result<(), SetupError> {
    sys::unshare(libc::CLONE_NEWCGROUP).at("cgroupns", || "hide the control group's path".into())
}

/// Opens the inner end of the egress shim and hands it out: the launcher accepts, so nothing inside can reach the proxy
/// but through this listener.
fn offer_listener(port: u16, wire: &Wire) -> Result<(), SetupError> {
    sys::bring_loopback_up().at("egress", || "bring the inner loopback up".into())?;
    let listener =
        TcpListener::bind((Ipv4Addr::LOCALHOST, port)).at("egress", || format!("listen on 127.0.0.1:{port} inside"))?;
    wire.send_with(&Note::Listener, &[listener.as_fd()]).at("egress", || "hand the listener out".into())
}

fn reap_until(command: libc::pid_t, signals: &OwnedFd) -> io::Result<Exit> {
    loop {
        while let Some(ended) = sys::reap()? {
            if ended.pid == command {
                return Ok(exit(&ended));
            }
        }
        rustix::io::retry_on_intr(|| poll(&mut [PollFd::new(signals, PollFlags::IN)], None))?;
        while let Some(signal) = sys::next_signal(signals.as_fd()) {
            match signal {
                libc::SIGCHLD => {}
                libc::SIGTERM => ask_all_to_end()?,
                _ => sys::kill(command, signal)?, // the command is not reaped yet, so the id is its own
            }
        }
    }
}

/// SIGTERM to everything inside. The kernel spares whoever sends it (kill(2), pid -1), and nothing else is left to tell
/// when the last of them has gone.
fn ask_all_to_end() -> io::Result<()> {
    match sys::kill(-1, libc::SIGTERM) {
        Err(error) if error.raw_os_error() == Some(libc::ESRCH) => Ok(()),
        told => told,
    }
}

/// The record of an ended command; what concerns the host is filled in by the launcher.
pub(crate) fn exit(ended: &Waited) -> Exit {
    let end = if libc::WIFEXITED(ended.status) {
        End::Code(libc::WEXITSTATUS(ended.status))
    } else {
        End::Signal(libc::WTERMSIG(ended.status))
    };
    Exit {
        end,
        cpu_ms: ended.cpu_ms,
        max_rss_bytes: ended.max_rss_bytes,
        out_of_memory: false,
        left_behind: Vec::new(),
    }
}
