//! Builds the sandbox a command runs in, and starts it there.
//!
//! The worker calls [`spawn`] with a [`Plan`]; a small single-threaded launcher process builds the level, executes the
//! command, and reports [`Status`] records until every process of the job is gone.
//!
//! **Invariant:** a command runs with everything its level promises, or not at all; what the host could not give is said
//! in [`Applied::degraded`]. This is the only crate with `unsafe`, all of it in one file.

mod cgroup;
mod confine;
mod direct;
mod fence;
mod filter;
mod init;
mod launcher;
mod plan;
mod probe;
mod profile;
mod root;
mod shim;
mod spawn;
mod status;
mod strict;
mod supervise;
mod sys;
mod syscalls;
mod wire;

pub use cgroup::sweep;
pub use launcher::{MARKER, enter_if_asked};
pub use plan::{Egress, Environment, Level, Limits, Mount, MountKind, Plan, PlanError, PrivateFile, Writable};
pub use probe::{ProbeFailure, Promise, probe};
pub use profile::profile;
pub use spawn::{Jailed, LARGEST_STDIN, Launcher, LauncherPath, Link, SpawnError, Stdin, Streams, parse, spawn};
pub use status::{Applied, Degradation, End, Exit, SetupError, Status, Step};
pub use supervise::{INTERRUPT, KILL, TERMINATE};
