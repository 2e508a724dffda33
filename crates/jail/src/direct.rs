//! Levels `nested` and `none`: the command is the launcher's own child, on the host's root and network.
//!
//! **Invariant:** at `nested` Landlock and the system-call list are in force before the command exists, or it never does.

use std::fs::{self, DirBuilder};
use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::os::unix::net::UnixStream;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{DumpableBehavior, Gid, Pid, Uid, WaitOptions, getegid, geteuid, getgroups, getpid};

use crate::cgroup::Cgroup;
use crate::confine;
use crate::fence;
use crate::plan::{Egress, Level, Plan};
use crate::root;
use crate::shim::Shim;
use crate::status::{Applied, At as _, Degradation, SetupError, Step, refuse};
use crate::strict::is_root;
use crate::supervise::{Family, Job};
use crate::sys::{self, Forked, Waited};
use crate::wire::{Note, Wire};

/// The score a command has at least, of 1000: see `proc_pid_oom_score_adj(5)`.
const OOM_SCORE: i32 = 900;

/// Starts the job. On error nothing is left running.
pub(crate) fn start(plan: &Plan, link: UnixStream) -> Result<Job<'_>, (UnixStream, SetupError)> {
    match begin(plan) {
        Ok((wire, child, cgroup, shim, signals)) => {
            Ok(Job { plan, link, wire, child, family: Family::Adopted, cgroup, shim, signals })
        }
        Err(error) => Err((link, error)),
    }
}

type Begun = (Wire, libc::pid_t, Cgroup, Option<Shim>, OwnedFd);

fn begin(plan: &Plan) -> Result<Begun, SetupError> {
    let landlock = if plan.level == Level::Nested { fence::version() } else { 0 };
    if plan.level == Level::Nested && landlock == 0 {
        return Err(refuse("landlock", "the kernel has no Landlock, which level `nested` needs"));
    }
    if plan.level == Level::Nested && landlock < 4 && plan.egress != Egress::None {
        return Err(refuse("level-not-available", "level `nested` with egress needs Landlock version 4 (kernel 6.7)"));
    }
    let signals = sys::signal_descriptor(&[libc::SIGCHLD, libc::SIGTERM, libc::SIGINT])
        .at("launcher", || "listen to signals".into())?;
    rustix::process::set_child_subreaper(Some(getpid())).at("launcher", || "adopt orphans".into())?;
    if let Some(user) = own_user(plan) {
        kill_user(user); // whom a killed launcher left behind
    }
    let shim = shim(plan)?;
    make_home(plan)?;
    let cgroup = Cgroup::create(&plan.limits);
    match launch(plan, landlock, &cgroup) {
        Ok((wire, child)) => Ok((wire, child, cgroup, shim, signals)),
        Err(error) => {
            drop(cgroup.remove());
            remove_home(plan);
            Err(error)
        }
    }
}

fn launch(plan: &Plan, landlock: u32, cgroup: &Cgroup) -> Result<(Wire, libc::pid_t), SetupError> {
    let (ours, theirs) = Wire::pair().at("launcher", || "make the wire".into())?;
    let applied = applied(plan, landlock, cgroup);
    let processes = plan.limits.processes + if own_uid(plan) { 0 } else { own_tasks() };
    let child = match sys::fork(0).at("launcher", || "fork the command".into())? {
        Forked::Child => {
            drop(ours);
            become_job(plan, applied, processes, cgroup, &theirs)
        }
        Forked::Parent(pid) => pid,
    };
    drop(theirs);
    // Not before the fork: the child could not write to its own files in /proc.
    let hidden = rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable)
        .at("launcher", || "hide the launcher".into());
    let go = hidden.and_then(|()| cgroup.adopt(child).at("cgroup", || "join the control group".into()));
    if let Err(error) = go.and_then(|()| ours.send(&Note::Go).at("launcher", || "let the command go on".into())) {
        drop(sys::kill(child, libc::SIGKILL));
        let _ = rustix::process::wait(WaitOptions::empty());
        return Err(error);
    }
    Ok((ours, child))
}

fn become_job(plan: &Plan, applied: Applied, processes: u64, cgroup: &Cgroup, wire: &Wire) -> ! {
    match confine_self(plan, cgroup, wire) {
        Ok(()) => confine::become_command(plan, applied, processes, wire),
        Err(error) => {
            let _ = wire.send(&Note::SetupError(error));
            sys::exit(127)
        }
    }
}

fn confine_self(plan: &Plan, cgroup: &Cgroup, wire: &Wire) -> Result<(), SetupError> {
    match wire.receive() {
        Ok(Some((Note::Go, _))) => {}
        _ => return Err(refuse("launcher", "the launcher is gone")),
    }
    cgroup.enter().at("cgroup", || "join the control group".into())?;
    raise_oom_score().at("oom", || "raise the out-of-memory score".into())?;
    if own_uid(plan) {
        let ids = |result: rustix::io::Result<()>, what: &str| result.at("ids", || what.to_owned());
        let (gid, uid) = (Gid::from_raw(plan.uid), Uid::from_raw(plan.uid));
        ids(rustix::thread::set_thread_groups(&[]), "drop the groups")?;
        ids(rustix::thread::set_thread_res_gid(gid, gid, gid), "become the job's group")?;
        confine::lock_capabilities()?;
        ids(rustix::thread::set_thread_res_uid(uid, uid, uid), "become the job's user")?;
    }
    if plan.level == Level::Nested {
        confine::drop_capabilities()?;
    }
    // The launcher kills us when it ends by itself; this is for when it is killed.
    let bound = rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL));
    bound.at("ids", || "bind the command to the launcher".into())?;
    if wire.try_receive().err() != Some(rustix::io::Errno::AGAIN) {
        return Err(refuse("launcher", "the launcher is gone"));
    }
    confine::no_new_privs()?;
    plan.files.iter().try_for_each(root::write)
}

/// Makes the command a likelier victim than its launcher. A small pod's processes have a higher score already, which
/// they cannot lower.
fn raise_oom_score() -> io::Result<()> {
    let path = "/proc/self/oom_score_adj";
    let now = fs::read_to_string(path)?;
    if now.trim().parse().is_ok_and(|now: i32| now >= OOM_SCORE) {
        Ok(())
    } else {
        fs::write(path, OOM_SCORE.to_string())
    }
}

/// At `nested` a root launcher always gives the job a user of its own; `none` promises nothing and changes nothing.
fn own_uid(plan: &Plan) -> bool {
    plan.level == Level::Nested && is_root()
}

fn shim(plan: &Plan) -> Result<Option<Shim>, SetupError> {
    let Egress::Proxy { socket, port } = &plan.egress else { return Ok(None) };
    let listener =
        TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).at("egress", || format!("listen on 127.0.0.1:{port}"))?;
    Shim::new(listener.into(), socket.clone()).map(Some).at("egress", || "serve the listener".into())
}

fn make_home(plan: &Plan) -> Result<(), SetupError> {
    let make = DirBuilder::new().mode(0o700).create(&plan.home);
    make.at("home", || format!("make the private directory `{}`, which must not exist yet", plan.home))?;
    if own_uid(plan) {
        let owned = std::os::unix::fs::chown(&plan.home, Some(plan.uid), Some(plan.uid));
        owned.at("home", || format!("give `{}` to the job", plan.home))?;
    }
    Ok(())
}

/// Removes the private directory; returns what would not go. Links in it are removed, not followed.
pub(crate) fn remove_home(plan: &Plan) -> Option<String> {
    match fs::remove_dir_all(&plan.home) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Some(plan.home.clone()),
        _ => None,
    }
}

fn applied(plan: &Plan, landlock: u32, cgroup: &Cgroup) -> Applied {
    let mut steps = Vec::new();
    let mut degraded = Vec::new();
    if own_uid(plan) {
        steps.push(Step::OwnUid);
    } else {
        degraded.push(Degradation::NoOwnUid);
        if getgroups().is_ok_and(|groups| groups.iter().any(|group| *group != getegid())) {
            degraded.push(Degradation::SupplementaryGroups);
        }
    }
    if cgroup.limits_memory() {
        steps.push(Step::Cgroup);
    } else {
        degraded.push(Degradation::NoMemoryCgroup);
    }
    if plan.egress != Egress::None {
        steps.push(Step::EgressProxy);
    }
    if plan.level == Level::Nested {
        steps.push(Step::CapsDropped);
    }
    steps.extend([Step::NoNewPrivs, Step::Environment, Step::DescriptorsClosed, Step::Rlimits]);
    degraded.extend([Degradation::SharedProcesses, Degradation::SharedNetwork, Degradation::KillByWalk]);
    if plan.level == Level::Nested {
        steps.extend([Step::Landlock, Step::Seccomp]);
        degraded.extend(fence::degradations(landlock));
    } else {
        degraded.push(Degradation::NoIsolation);
    }
    Applied { level: plan.level, steps, landlock_abi: landlock, degraded }
}

/// How many processes and threads our own user has now: the kernel counts them towards the job's limit.
fn own_tasks() -> u64 {
    let uid = geteuid().as_raw();
    let ours = numbers("/proc").filter(|pid| fs::metadata(format!("/proc/{pid}")).is_ok_and(|m| m.uid() == uid));
    ours.map(|pid| numbers(&format!("/proc/{pid}/task")).count() as u64).sum()
}

/// The user to whom nothing but this job belongs, if there is one.
pub(crate) fn own_user(plan: &Plan) -> Option<u32> {
    own_uid(plan).then_some(plan.uid)
}

/// Kills every process of a user at once: the kernel goes through all of them while nobody can fork (kill(2), pid -1).
///
/// A process of that user has to do it, for then the kernel leaves everybody else alone. The job cannot stop it: its
/// scope, or where that is missing its death, keeps it from sending a signal first.
fn kill_user(user: u32) {
    match sys::fork(0) {
        Ok(Forked::Child) => {
            let uid = Uid::from_raw(user);
            if rustix::thread::set_thread_res_uid(uid, uid, uid).is_ok() {
                drop(sys::kill(-1, libc::SIGKILL));
            }
            sys::exit(0)
        }
        Ok(Forked::Parent(pid)) => drop(rustix::process::waitpid(Pid::from_raw(pid), WaitOptions::empty())),
        Err(_) => {} // without a process to spare the walk has to do
    }
}

/// Asks every descendant to end (SIGTERM). What it starts meanwhile is met by the kill that follows.
pub(crate) fn ask_all_to_end() {
    for (pid, _) in descendants() {
        drop(sys::kill(pid, libc::SIGTERM));
    }
}

/// Kills every descendant until none is left; the launcher, as their subreaper, is the parent of every orphan. A user
/// of the job's own is killed as a whole.
pub(crate) fn end_all(signals: &OwnedFd, user: Option<u32>, note: &mut dyn FnMut(Waited)) {
    let own_group = rustix::process::getpgrp().as_raw_pid();
    loop {
        if let Some(user) = user {
            kill_user(user);
        }
        for (pid, group) in descendants() {
            drop(sys::kill(pid, libc::SIGKILL));
            // A group dies at once, with what it is forking. Each is a descendant's own: the command began a session.
            if group != own_group && group > 1 {
                drop(sys::kill(-group, libc::SIGKILL));
            }
        }
        loop {
            match sys::reap() {
                Ok(Some(ended)) => note(ended),
                Ok(None) => break,
                Err(_) => return, // ECHILD: nobody is left
            }
        }
        // A descendant that forked while we looked becomes our child when its parent dies, which is a signal.
        let soon = rustix::event::Timespec { tv_sec: 0, tv_nsec: 20_000_000 };
        let _ = poll(&mut [PollFd::new(signals, PollFlags::IN)], Some(&soon));
        while sys::next_signal(signals.as_fd()).is_some() {}
    }
}

/// The processes below us, each with its process group. Who is ours is asked of each process in turn, which takes some
/// microseconds: a list of the whole host takes so long that a chain of forks is always elsewhere.
fn descendants() -> Vec<(libc::pid_t, libc::pid_t)> {
    let mut found = vec![getpid().as_raw_pid()];
    let mut next = 0;
    while let Some(of) = found.get(next).copied() {
        found.extend(children(of));
        next += 1;
    }
    let group = |pid: libc::pid_t| {
        let group = rustix::process::getpgid(Some(Pid::from_raw(pid)?)).ok()?;
        Some((pid, group.as_raw_pid()))
    };
    found.split_off(1).into_iter().filter_map(group).collect()
}

/// The children of every thread of a process.
fn children(of: libc::pid_t) -> Vec<libc::pid_t> {
    let threads = numbers(&format!("/proc/{of}/task"));
    let lists = threads.map(|thread| fs::read_to_string(format!("/proc/{of}/task/{thread}/children")));
    match lists.collect::<Result<Vec<_>, _>>() {
        Ok(lists) => lists.iter().flat_map(|list| list.split_whitespace()).filter_map(|pid| pid.parse().ok()).collect(),
        // A thread ended, or this kernel does not keep the list (CONFIG_PROC_CHILDREN).
        Err(_) => numbers("/proc").filter(|pid| parent(*pid) == Some(of)).collect(),
    }
}

fn parent(pid: libc::pid_t) -> Option<libc::pid_t> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name, in parentheses, may hold anything; state and parent follow the last one (proc_pid_stat(5)).
    stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
}

fn numbers(folder: &str) -> impl Iterator<Item = libc::pid_t> + use<> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}
