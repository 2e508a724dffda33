//! What the launcher tells the worker: what was applied, how it ended, or which step failed.
//!
//! **Invariant:** `applied` comes before the command exists; after `setup-error` no command ran; the last record comes
//! when every process of the job is gone.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::plan::Level;

/// One record, a line of JSON on the link.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Status {
    /// The isolation stands; the command is executed next.
    Applied(Applied),
    /// The command ran and it and all its descendants are gone. Nothing follows.
    Exit(Exit),
    /// A step failed and the command never ran. Nothing follows.
    SetupError(SetupError),
}

/// What protects the command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Applied {
    /// The level that was asked for and built.
    pub level: Level,
    /// What was done, in order.
    pub steps: Vec<Step>,
    /// The kernel's Landlock version, capped at the newest one used here; 0 when Landlock is not part of the level.
    pub landlock_abi: u32,
    /// What this host could not give, each of which belongs on the record.
    pub degraded: Vec<Degradation>,
}

/// One thing that was applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Step {
    /// A user namespace with one user that is not the host's root.
    Userns,
    /// A mount namespace.
    Mntns,
    /// A process namespace with an init of ours.
    Pidns,
    /// A network namespace without any device but loopback.
    Netns,
    /// A namespace for System V and POSIX message queues.
    Ipcns,
    /// A namespace for the host name.
    Utsns,
    /// A namespace that hides the control group's path.
    Cgroupns,
    /// A user id of its own on the host.
    OwnUid,
    /// A control group with memory and process limits.
    Cgroup,
    /// A root of its own.
    PivotRoot,
    /// A listener on the inner loopback that leads to the worker's proxy.
    EgressProxy,
    /// No capability in any set, and none to be had back.
    CapsDropped,
    /// Set-uid and file capabilities are ignored.
    NoNewPrivs,
    /// Resource limits.
    Rlimits,
    /// File, port and scope rules.
    Landlock,
    /// The system-call allow-list.
    Seccomp,
    /// The environment is the plan's, all of it.
    Environment,
    /// No descriptor but 0, 1 and 2.
    DescriptorsClosed,
}

/// Something the host could not give.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Degradation {
    /// The launcher is not root: the job shares the worker's host user id.
    NoOwnUid,
    /// The launcher is not root: supplementary groups of the worker still count on the host's files.
    SupplementaryGroups,
    /// No control group could be made: the memory limit binds each process, not the job.
    NoMemoryCgroup,
    /// The kernel's Landlock has no port rules (version below 4).
    NoPortRules,
    /// The kernel's Landlock has no scopes (version below 6): signals and abstract sockets are not fenced.
    NoScopes,
    /// There is no process namespace: other processes' ids are visible.
    SharedProcesses,
    /// There is no network namespace: UDP is not fenced.
    SharedNetwork,
    /// Descendants are found and killed one by one, not by the kernel at once.
    KillByWalk,
    /// There is no isolation at all.
    NoIsolation,
}

impl Degradation {
    /// One sentence for the card and for `doctor`.
    #[must_use]
    pub fn sentence(self) -> &'static str {
        match self {
            Self::NoOwnUid => "the job shares the worker's user id on the host",
            Self::SupplementaryGroups => "the worker's supplementary groups still count on files",
            Self::NoMemoryCgroup => "the memory limit binds each process, not the whole job",
            Self::NoPortRules => "no port rules: Landlock is older than version 4",
            Self::NoScopes => "no scopes: Landlock is older than version 6",
            Self::SharedProcesses => "other processes' ids are visible",
            Self::SharedNetwork => "the network is the host's; only TCP is fenced",
            Self::KillByWalk => "descendants are killed one by one",
            Self::NoIsolation => "there is no isolation",
        }
    }
}

/// How the command ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exit {
    /// Its own end.
    pub end: End,
    /// User and system time of the command and the descendants it waited for, in milliseconds.
    pub cpu_ms: u64,
    /// Largest resident set of any of them, in bytes.
    pub max_rss_bytes: u64,
    /// Whether the control group's memory limit killed something.
    pub out_of_memory: bool,
    /// What could not be removed afterwards (paths on the host); normally empty.
    pub left_behind: Vec<String>,
}

/// An exit code or a signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum End {
    /// The code the command exited with.
    Code(i32),
    /// The signal that ended it.
    Signal(i32),
}

/// The step that failed. The command never ran.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SetupError {
    /// Which step, in kebab case, such as `userns` or `mount`.
    pub step: String,
    /// The kernel's error number, when it was the kernel that refused.
    pub errno: Option<i32>,
    /// What was tried.
    pub message: String,
    /// The likely cause and the way forward, when we know one.
    pub hint: Option<String>,
}

impl fmt::Display for SetupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "step `{}`: {}", self.step, self.message)?;
        if let Some(errno) = self.errno {
            write!(f, ": {}", std::io::Error::from_raw_os_error(errno))?;
        }
        match &self.hint {
            Some(hint) => write!(f, " ({hint})"),
            None => Ok(()),
        }
    }
}

/// Names the step of a failed system call.
pub(crate) trait At<T> {
    fn at(self, step: &'static str, what: impl FnOnce() -> String) -> Result<T, SetupError>;
}

impl<T, E: Into<std::io::Error>> At<T> for Result<T, E> {
    fn at(self, step: &'static str, what: impl FnOnce() -> String) -> Result<T, SetupError> {
        self.map_err(|error| {
            let errno = error.into().raw_os_error();
            SetupError { step: step.to_owned(), errno, message: what(), hint: hint(step, errno).map(str::to_owned) }
        })
    }
}

/// A failure that is not a system call's.
pub(crate) fn refuse(step: &'static str, message: impl Into<String>) -> SetupError {
    SetupError {
        step: step.to_owned(),
        errno: None,
        message: message.into(),
        hint: hint(step, None).map(str::to_owned),
    }
}

/// The causes seen in the field: container runtimes' filters, distributions' `AppArmor` rule, sysctls, masked /proc.
fn hint(step: &str, errno: Option<i32>) -> Option<&'static str> {
    match (step, errno) {
        ("userns", Some(libc::EPERM | libc::ENOSYS)) => Some(
            "a container's system-call filter or kernel.apparmor_restrict_unprivileged_userns=1 forbids user namespaces: \
             allow them for this binary (an AppArmor profile with `userns,`), or choose level `nested` or `job`",
        ),
        ("userns", Some(libc::ENOSPC | libc::EUSERS)) => Some("raise user.max_user_namespaces"),
        ("id-map" | "ids", Some(libc::EPERM)) => Some(
            "kernel.apparmor_restrict_unprivileged_userns=1 takes the capabilities away; at level `nested`, root without \
             CHOWN, SETUID, SETGID and SETPCAP cannot become another user: run the worker as an ordinary one",
        ),
        ("home", Some(libc::EPERM)) => Some(
            "root without CHOWN, SETUID, SETGID and SETPCAP cannot run a job as another user: run the worker as an ordinary one",
        ),
        ("mount" | "pivot-root", Some(libc::EPERM)) => {
            Some("an AppArmor or SELinux rule forbids mounts in user namespaces")
        }
        ("proc", Some(libc::EPERM)) => Some(
            "the container runtime masks parts of /proc: use `procMount: Unmasked` with `hostUsers: false`, or level `nested`",
        ),
        ("proc", Some(libc::EINVAL)) => {
            Some("level `strict` needs kernel 5.13: /proc without its system part came with 5.8")
        }
        ("mount", Some(libc::ENOSYS)) => {
            Some("level `strict` needs kernel 5.13: restricting mounts by descriptor came with 5.12")
        }
        ("egress", Some(libc::EADDRINUSE)) => {
            Some("something on the host has taken the port: choose another one for each job")
        }
        ("landlock", _) => Some("Landlock is missing: needs kernel 5.13 with `landlock` in the lsm= list"),
        ("level-not-available", _) => Some("choose another level in runner.yaml"),
        _ => None,
    }
}
