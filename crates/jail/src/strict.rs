//! Level `strict`: starts init in namespaces of its own and maps its one user to the host.
//!
//! **Invariant:** init does nothing before its ids and control group are set from outside.

use std::fs;
use std::io;
use std::os::unix::net::UnixStream;

use rustix::process::{DumpableBehavior, getegid, geteuid, getgroups};

use crate::cgroup::Cgroup;
use crate::fence;
use crate::init;
use crate::plan::{Egress, Level, Plan};
use crate::root::JOB_ID;
use crate::status::{Applied, At as _, Degradation, SetupError, Step, refuse};
use crate::supervise::{Family, Job};
use crate::sys::{self, Forked};
use crate::wire::{Note, Wire};

const NAMESPACES: libc::c_int = libc::CLONE_NEWUSER
    | libc::CLONE_NEWNS
    | libc::CLONE_NEWPID
    | libc::CLONE_NEWNET
    | libc::CLONE_NEWIPC
    | libc::CLONE_NEWUTS;

/// Worth a kernel's choice before anything of the worker.
const OOM_SCORE_ADJ: &str = "900";

/// Starts the job. On error nothing is left running.
pub(crate) fn start(plan: &Plan, link: UnixStream) -> Result<Job<'_>, (UnixStream, SetupError)> {
    match begin(plan) {
        Ok((wire, child, cgroup, signals)) => {
            Ok(Job { plan, link, wire, child, family: Family::Namespace, cgroup, shim: None, signals })
        }
        Err(error) => Err((link, error)),
    }
}

type Begun = (Wire, libc::pid_t, Cgroup, std::os::fd::OwnedFd);

fn begin(plan: &Plan) -> Result<Begun, SetupError> {
    if fence::version() == 0 {
        return Err(refuse("landlock", "the kernel has no Landlock"));
    }
    let signals = sys::signal_descriptor(&[libc::SIGCHLD, libc::SIGTERM, libc::SIGINT])
        .at("launcher", || "listen to signals".into())?;
    let cgroup = Cgroup::create(&plan.limits);
    let started = launch(plan, &cgroup);
    match started {
        Ok((wire, child)) => Ok((wire, child, cgroup, signals)),
        Err(error) => {
            drop(cgroup.remove());
            Err(error)
        }
    }
}

fn launch(plan: &Plan, cgroup: &Cgroup) -> Result<(Wire, libc::pid_t), SetupError> {
    let (ours, theirs) = Wire::pair().at("launcher", || "make the wire".into())?;
    let applied = applied(plan, cgroup);
    let child = match sys::fork(NAMESPACES).at("userns", || "make the namespaces".into())? {
        Forked::Child => {
            drop(ours);
            init::run(plan, applied, cgroup, &theirs)
        }
        Forked::Parent(pid) => pid,
    };
    drop(theirs);
    let outside =
        map_ids(plan, child).and_then(|()| cgroup.adopt(child).at("cgroup", || "join the control group".into()));
    let gone = outside.and_then(|()| ours.send(&Note::Go).at("launcher", || "let init go on".into()));
    if let Err(error) = gone {
        drop(sys::kill(child, libc::SIGKILL));
        let _ = rustix::process::wait(rustix::process::WaitOptions::empty());
        return Err(error);
    }
    // The plan's secrets are in our memory. Not earlier: the child's files in /proc would not be ours to write.
    rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable)
        .at("launcher", || "hide the launcher".into())?;
    Ok((ours, child))
}

/// Maps one user and one group, and marks the job as the first to go when memory runs out.
fn map_ids(plan: &Plan, child: libc::pid_t) -> Result<(), SetupError> {
    let write = |file: &str, text: &str| -> io::Result<()> { fs::write(format!("/proc/{child}/{file}"), text) };
    let (uid, gid) = if is_root() { (plan.uid, plan.uid) } else { (geteuid().as_raw(), getegid().as_raw()) };
    if !is_root() {
        // The kernel demands it of an unprivileged writer of gid_map (user_namespaces(7)).
        write("setgroups", "deny").at("id-map", || "deny setgroups".into())?;
    }
    write("gid_map", &format!("{JOB_ID} {gid} 1")).at("id-map", || format!("map the job's group to {gid}"))?;
    write("uid_map", &format!("{JOB_ID} {uid} 1")).at("id-map", || format!("map the job's user to {uid}"))?;
    write("oom_score_adj", OOM_SCORE_ADJ).at("oom", || "raise the out-of-memory score".into())
}

/// What stands when init has finished.
fn applied(plan: &Plan, cgroup: &Cgroup) -> Applied {
    let mut steps = vec![Step::Userns, Step::Mntns, Step::Pidns, Step::Netns, Step::Ipcns, Step::Utsns];
    let mut degraded = Vec::new();
    if is_root() {
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
    steps.extend([Step::Cgroupns, Step::PivotRoot]);
    if plan.egress != Egress::None {
        steps.push(Step::EgressProxy);
    }
    steps.extend([Step::CapsDropped, Step::NoNewPrivs, Step::Environment, Step::DescriptorsClosed]);
    steps.extend([Step::Rlimits, Step::Landlock, Step::Seccomp]);
    degraded.extend(fence::degradations(fence::version()));
    Applied { level: Level::Strict, steps, landlock_abi: fence::version(), degraded }
}

/// Whether ids can be chosen: effective root with the capability to map them.
pub(crate) fn is_root() -> bool {
    geteuid().is_root()
}
