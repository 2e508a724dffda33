//! The last steps before the command: capabilities, limits, fences, and the exec itself.
//!
//! **Invariant:** [`become_command`] executes the program only after every step succeeded; otherwise it reports which one
//! failed and exits.

use std::convert::Infallible;
use std::ffi::CString;
use std::io;

use rustix::process::{Resource, Rlimit};
use rustix::thread::{CapabilitySet, CapabilitySets};

use crate::fence;
use crate::plan::{Level, Limits, Plan};
use crate::status::{Applied, At as _, SetupError};
use crate::sys::{self, Close};
use crate::syscalls;
use crate::wire::{Note, Wire};

/// Closes the ways by which a capability could come back. Needs `CAP_SETPCAP`.
pub(crate) fn lock_capabilities() -> Result<(), SetupError> {
    sys::lock_securebits().at("capabilities", || "lock the secure bits".into())?;
    sys::empty_bounding_set().at("capabilities", || "empty the bounding set".into())
}

/// Gives up every capability the process holds.
pub(crate) fn drop_capabilities() -> Result<(), SetupError> {
    let step = |result: rustix::io::Result<()>, what: &str| result.at("capabilities", || what.to_owned());
    step(rustix::thread::clear_ambient_capability_set(), "clear the ambient set")?;
    let none = CapabilitySet::empty();
    let sets = CapabilitySets { effective: none, permitted: none, inheritable: none };
    step(rustix::thread::set_capabilities(None, sets), "drop all capabilities")
}

/// Set-uid bits and file capabilities no longer count for this process and its descendants.
pub(crate) fn no_new_privs() -> Result<(), SetupError> {
    rustix::thread::set_no_new_privs(true).at("no-new-privs", || "set no_new_privs".into())
}

/// Turns the calling process into the command, after reporting `applied`. `processes` is the number of processes its
/// user may have, which is more than the plan's limit where that user has others.
pub(crate) fn become_command(plan: &Plan, applied: Applied, processes: u64, wire: &Wire) -> ! {
    let Err(error) = prepare_and_exec(plan, applied, processes, wire);
    // If even the report fails, the end of the wire tells the launcher that something did.
    let _ = wire.send(&Note::SetupError(error));
    sys::exit(127)
}

fn prepare_and_exec(plan: &Plan, applied: Applied, processes: u64, wire: &Wire) -> Result<Infallible, SetupError> {
    sys::reset_signals();
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
    rustix::process::chdir(plan.workdir.as_str()).at("workdir", || format!("enter `{}`", plan.workdir))?;
    rustix::process::setsid().at("session", || "start a session".into())?;
    sys::close_from(3, Close::AtExec).at("descriptors", || "close inherited descriptors".into())?;
    let text = |text: &String| CString::new(text.as_str()).expect("a checked plan holds no NUL");
    let argv: Vec<_> = plan.argv.iter().map(text).collect();
    let env: Vec<_> = plan.env.0.iter().map(|(name, value)| text(&format!("{name}={value}"))).collect();
    limit(&plan.limits, processes)?;
    match plan.level {
        Level::Strict | Level::Nested => {
            fence::apply(plan, applied.landlock_abi)?;
            syscalls::apply()?;
        }
        Level::Job | Level::None => {}
    }
    wire.send(&Note::Applied(applied)).at("launcher", || "report".into())?;
    Err(sys::exec(&argv[0], &argv, &env)).at("exec", || format!("execute `{}`", plan.argv[0]))
}

fn limit(limits: &Limits, processes: u64) -> Result<(), SetupError> {
    let list = [
        (Resource::Core, 0),
        (Resource::Nofile, limits.open_files),
        (Resource::Fsize, limits.file_bytes),
        (Resource::Cpu, limits.cpu_seconds),
        (Resource::Data, limits.memory_bytes),
        (Resource::Nproc, processes),
        (Resource::Memlock, 0),
        (Resource::Msgqueue, 0),
    ];
    list.iter().try_for_each(|(what, most)| set_limit(*what, *most)).at("rlimits", || "set the resource limits".into())
}

/// Sets both limits, never above a hard limit that is already lower.
fn set_limit(what: Resource, most: u64) -> io::Result<()> {
    let most = rustix::process::getrlimit(what).maximum.map_or(most, |hard| hard.min(most));
    Ok(rustix::process::setrlimit(what, Rlimit { current: Some(most), maximum: Some(most) })?)
}
