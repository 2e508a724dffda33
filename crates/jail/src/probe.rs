//! Attacks a level before it is trusted: builds it once, tries to break each promise from inside, and says what broke.
//!
//! **Invariant:** a promise nobody reported on counts as broken.

mod inside;

use std::fs::{self, DirBuilder, Permissions};
use std::io::{self, Read as _};
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

pub(crate) use inside::{MARKER, run as run_inside};

use crate::plan::{Egress, Environment, Level, Limits, Mount, MountKind, Plan, Writable};
use crate::spawn::{Jailed, LauncherPath, SpawnError, Streams, spawn};
use crate::status::{Applied, SetupError, Status};

/// Processes the probe's job may have; small, so that reaching the limit is quick.
const PROCESSES: u64 = 24;

/// What a level promises and the probe attacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Promise {
    /// A world-readable file outside cannot be read.
    NothingReadOutside,
    /// A file in a world-writable directory outside cannot be made.
    NothingWrittenOutside,
    /// A listener of the host cannot be reached.
    NoRoute,
    /// The worker's environment cannot be read; at `strict` not even its process is visible.
    OthersUnreadable,
    /// The process limit holds.
    ProcessLimit,
    /// There is no capability, and the user is not root.
    NoCapability,
    /// Set-uid and file capabilities are ignored.
    NoNewPrivs,
    /// No namespace, mount or other forbidden system call succeeds.
    SystemCallsListed,
    /// A daemonised grandchild ends with the job.
    NothingSurvives,
}

impl Promise {
    const ALL: [Self; 9] = [
        Self::NothingReadOutside,
        Self::NothingWrittenOutside,
        Self::NoRoute,
        Self::OthersUnreadable,
        Self::ProcessLimit,
        Self::NoCapability,
        Self::NoNewPrivs,
        Self::SystemCallsListed,
        Self::NothingSurvives,
    ];

    /// What most likely took the promise away, and what to do.
    fn likely_cause(self) -> &'static str {
        match self {
            Self::NothingReadOutside | Self::NothingWrittenOutside => {
                "Landlock or the mount namespace is not effective: check the kernel's lsm= list, and that no mount of the root covers it"
            }
            Self::NoRoute => {
                "the network namespace, or Landlock's port rules (version 4, kernel 6.7), are not effective"
            }
            Self::OthersUnreadable => "the process namespace, /proc options or Landlock are not effective",
            Self::ProcessLimit => "RLIMIT_NPROC does not bind this user: is the job's host user id root?",
            Self::NoCapability => {
                "capabilities were not dropped: is the launcher started by a wrapper that raises ambient ones?"
            }
            Self::NoNewPrivs => "no_new_privs is not set",
            Self::SystemCallsListed => {
                "the system-call filter is not in force: does the kernel have CONFIG_SECCOMP_FILTER?"
            }
            Self::NothingSurvives => {
                "descendants outlive the job: process namespaces or the subreaper do not work here"
            }
        }
    }
}

/// What one attack found.
#[derive(Debug, Serialize, Deserialize)]
struct Finding {
    promise: Promise,
    held: bool,
    seen: String,
}

/// Why a level is not to be trusted on this host.
#[derive(Debug, thiserror::Error)]
pub enum ProbeFailure {
    /// The level could not be built; the step says which part.
    #[error("the level could not be built: {0}")]
    Setup(SetupError),
    /// The level was built and a promise did not hold.
    #[error("promise `{promise:?}` does not hold: {seen} ({})", promise.likely_cause())]
    Broken {
        /// Which.
        promise: Promise,
        /// What the attack saw.
        seen: String,
    },
    /// The launcher does not start.
    #[error("the launcher does not start")]
    Spawn(#[from] SpawnError),
    /// The probe could not set its targets up.
    #[error("the probe could not prepare its targets")]
    Prepare(#[source] io::Error),
    /// The probe's job ended without saying what stands.
    #[error("the launcher ended without a word")]
    Silent,
}

/// Attacks `level` with the given launcher and says what stands on this host.
///
/// `scratch` is an existing directory the job's user may traverse; a folder is made in it and removed. `uid` is the host
/// user id jobs run as when the worker is root. Blocks for some ten milliseconds. `none` promises nothing and is only
/// started once.
///
/// # Errors
/// The first promise that does not hold, or why it cannot be known.
pub fn probe(level: Level, launcher: &LauncherPath, uid: u32, scratch: &Path) -> Result<Applied, ProbeFailure> {
    let targets = Targets::prepare(scratch).map_err(ProbeFailure::Prepare)?;
    let program = fs::canonicalize(launcher.as_path()).map_err(ProbeFailure::Prepare)?;
    let plan = targets.plan(level, &program, uid);
    let (applied, findings) = attack(spawn(&plan, launcher, Streams::piped())?)?;
    if level == Level::None {
        return Ok(applied);
    }
    for promise in Promise::ALL {
        match findings.iter().find(|finding| finding.promise == promise) {
            Some(finding) if finding.held => {}
            Some(finding) => return Err(ProbeFailure::Broken { promise, seen: finding.seen.clone() }),
            None => return Err(ProbeFailure::Broken { promise, seen: "the attack did not report".to_owned() }),
        }
    }
    targets.untouched()?;
    Ok(applied)
}

fn attack(jailed: Jailed) -> Result<(Applied, Vec<Finding>), ProbeFailure> {
    let mut output = jailed.stdout.expect("the probe pipes its output");
    let mut applied = None;
    for record in jailed.link.records() {
        match record.map_err(ProbeFailure::Prepare)? {
            Status::Applied(it) => applied = Some(it),
            Status::SetupError(error) => return Err(ProbeFailure::Setup(error)),
            Status::Exit(_) => break,
        }
    }
    // Every process of the job is gone by its last record. If one were not, it would hold the pipe open and the read
    // would have to wait for it, which a non-blocking pipe tells.
    rustix::io::ioctl_fionbio(&output, true).map_err(|error| ProbeFailure::Prepare(error.into()))?;
    let mut text = Vec::new();
    let survivors = output.read_to_end(&mut text).err();
    let mut findings: Vec<Finding> =
        text.split(|b| *b == b'\n').filter_map(|line| serde_json::from_slice(line).ok()).collect();
    let seen = survivors
        .as_ref()
        .map_or_else(String::new, |error| format!("a daemonised grandchild holds the output: {error}"));
    findings.push(Finding { promise: Promise::NothingSurvives, held: survivors.is_none(), seen });
    Ok((applied.ok_or(ProbeFailure::Silent)?, findings))
}

/// What the attacks aim at, all of it harmless.
struct Targets {
    folder: PathBuf,
    tcp: TcpListener,
    _unix: UnixListener,
}

impl Targets {
    fn prepare(scratch: &Path) -> io::Result<Self> {
        let folder = scratch.join(format!("probe-{}", std::process::id()));
        DirBuilder::new().mode(0o711).create(&folder)?;
        fs::write(folder.join("canary"), "outside")?;
        fs::set_permissions(folder.join("canary"), Permissions::from_mode(0o644))?;
        fs::create_dir(folder.join("open"))?;
        fs::set_permissions(folder.join("open"), Permissions::from_mode(0o777))?;
        let unix = UnixListener::bind(folder.join("socket"))?;
        fs::set_permissions(folder.join("socket"), Permissions::from_mode(0o777))?;
        let tcp = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        tcp.set_nonblocking(true)?;
        Ok(Self { folder, tcp, _unix: unix })
    }

    fn plan(&self, level: Level, program: &Path, uid: u32) -> Plan {
        let own_root = level == Level::Strict;
        let inside = if own_root { "/probe".to_owned() } else { program.to_string_lossy().into_owned() };
        let home =
            if own_root { "/home/job".to_owned() } else { self.folder.join("home").to_string_lossy().into_owned() };
        let libraries = ["/usr", "/lib", "/lib64"].into_iter().filter(|path| Path::new(path).is_dir());
        let mut root: Vec<_> = libraries
            .map(|path| Mount { source: path.into(), target: path.to_owned(), kind: MountKind::Dir })
            .collect();
        root.push(Mount { source: program.to_owned(), target: inside.clone(), kind: MountKind::File });
        let port = self.tcp.local_addr().map_or(0, |address| address.port());
        let arguments = [
            self.folder.to_string_lossy().into_owned(),
            port.to_string(),
            std::process::id().to_string(),
            PROCESSES.to_string(),
        ];
        Plan {
            level,
            argv: [inside, MARKER.to_owned(), level.name().to_owned()].into_iter().chain(arguments).collect(),
            env: Environment::default(),
            root,
            files: Vec::new(),
            workdir: home.clone(),
            home,
            writable: Writable::NoExec,
            limits: Limits { processes: PROCESSES, tmp_bytes: 1 << 20, ..Limits::default() },
            egress: Egress::None,
            uid,
        }
    }

    /// What can only be seen from outside.
    fn untouched(&self) -> Result<(), ProbeFailure> {
        let broken = |promise, seen: &str| Err(ProbeFailure::Broken { promise, seen: seen.to_owned() });
        if self.tcp.accept().is_ok() {
            return broken(Promise::NoRoute, "the host's listener was reached");
        }
        match fs::read_dir(self.folder.join("open")).map(Iterator::count) {
            Ok(0) => Ok(()),
            _ => broken(Promise::NothingWrittenOutside, "a file appeared outside"),
        }
    }
}

impl Drop for Targets {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}
