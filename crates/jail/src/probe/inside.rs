//! The probe's half that runs inside the jail, as the command: one attack a promise, one finding a line.
//!
//! **Invariant:** an attack that cannot be carried out is not a finding that a promise held, unless the jail refused it.

use std::fs;
use std::io::{self, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use super::{Finding, Promise};
use crate::sys::{self, Forked};

/// The argument that turns the launcher's program into the probe.
pub(crate) const MARKER: &str = "__countersign-probe";

/// Processes the probe starts at most, whatever it is told, times four.
const MOST: usize = 64;

/// What the outside half told us.
struct Aim {
    strict: bool,
    folder: String,
    port: u16,
    worker: String,
    processes: usize,
}

/// Runs all attacks and returns the exit code.
pub(crate) fn run() -> i32 {
    let arguments: Vec<String> = std::env::args().skip(2).collect();
    let [level, folder, port, worker, processes] = arguments.as_slice() else { return 2 };
    let (Ok(port), Ok(processes)) = (port.parse(), processes.parse()) else { return 2 };
    let aim = Aim {
        strict: level == "strict",
        folder: folder.clone(),
        port,
        worker: worker.clone(),
        processes: MOST.min(processes),
    };
    if level == "none" {
        return 0;
    }
    let findings = [
        Some(refused(Promise::NothingReadOutside, "read a file outside", &fs::read(aim.at("canary")))),
        Some(refused(Promise::NothingWrittenOutside, "made a file outside", &fs::write(aim.at("open/file"), "x"))),
        Some(route(&aim)),
        Some(others(&aim)),
        capabilities(),
        new_privileges(),
        Some(system_calls()),
        survivor(),
        Some(process_limit(&aim)), // last: afterwards nothing can be forked
    ];
    let mut out = io::stdout().lock();
    for finding in findings.into_iter().flatten() {
        let line = serde_json::to_string(&finding).expect("findings have text keys only");
        if writeln!(out, "{line}").is_err() {
            return 1;
        }
    }
    0
}

impl Aim {
    fn at(&self, name: &str) -> String {
        format!("{}/{name}", self.folder)
    }
}

fn finding(promise: Promise, held: bool, seen: &str) -> Finding {
    Finding { promise, held, seen: seen.to_owned() }
}

fn refused<T>(promise: Promise, seen: &str, attempt: &io::Result<T>) -> Finding {
    finding(promise, attempt.is_err(), seen)
}

fn route(aim: &Aim) -> Finding {
    let reach = |address: (Ipv4Addr, u16)| {
        TcpStream::connect_timeout(&SocketAddr::from(address), Duration::from_secs(1)).is_ok()
    };
    if reach((Ipv4Addr::LOCALHOST, aim.port)) {
        return finding(Promise::NoRoute, false, "reached a listener of the host");
    }
    if reach((Ipv4Addr::new(169, 254, 169, 254), 80)) {
        return finding(Promise::NoRoute, false, "reached the metadata address");
    }
    // Without a mount namespace of its own, a level says nothing about UNIX sockets.
    let socket = aim.strict && UnixStream::connect(aim.at("socket")).is_ok();
    finding(Promise::NoRoute, !socket, "reached a UNIX socket of the host")
}

fn others(aim: &Aim) -> Finding {
    let process = format!("/proc/{}", aim.worker);
    if aim.strict && Path::new(&process).exists() && fs::read(format!("{process}/cmdline")).is_ok_and(|c| !c.is_empty())
    {
        // The number may belong to a process of the jail; only ours may be listed.
        let listed = fs::read_dir("/proc").into_iter().flatten().flatten();
        let foreign =
            listed.filter(|e| e.file_name().to_string_lossy().parse::<u32>().is_ok_and(|pid| pid > 64)).count();
        if foreign > 0 {
            return finding(Promise::OthersUnreadable, false, "other processes are visible");
        }
    }
    let read = ["environ", "maps", "mem"].iter().any(|file| fs::File::open(format!("{process}/{file}")).is_ok());
    let init = aim.strict && fs::read("/proc/1/environ").is_ok();
    finding(Promise::OthersUnreadable, !read && !init, "another process could be read")
}

fn capabilities() -> Option<Finding> {
    let sets = rustix::thread::capabilities(None).ok()?;
    let none = sets.effective.is_empty() && sets.permitted.is_empty() && sets.inheritable.is_empty();
    let root = rustix::process::geteuid().is_root() || rustix::process::getuid().is_root();
    Some(finding(Promise::NoCapability, none && !root, &format!("effective {:?}, root {root}", sets.effective)))
}

fn new_privileges() -> Option<Finding> {
    Some(finding(Promise::NoNewPrivs, rustix::thread::no_new_privs().ok()?, "no_new_privs is off"))
}

fn system_calls() -> Finding {
    let kinds = [libc::CLONE_NEWUSER, libc::CLONE_NEWNS, libc::CLONE_NEWNET];
    if kinds.iter().any(|kind| sys::unshare(*kind).is_ok()) {
        return finding(Promise::SystemCallsListed, false, "made a namespace");
    }
    let cloned = match sys::fork(libc::CLONE_NEWUSER) {
        Ok(Forked::Child) => sys::exit(0),
        Ok(Forked::Parent(_)) => true,
        Err(_) => false,
    };
    let chrooted = rustix::process::chroot("/").err() != Some(rustix::io::Errno::PERM);
    finding(Promise::SystemCallsListed, !cloned && !chrooted, "made a user namespace or changed the root")
}

/// Leaves a daemonised grandchild behind that holds our standard output; the outside half sees whether it dies.
fn survivor() -> Option<Finding> {
    match sys::fork(0).ok()? {
        Forked::Child => {
            let _ = rustix::process::setsid();
            match sys::fork(0) {
                Ok(Forked::Child) => wait_for_ever(),
                _ => sys::exit(0),
            }
        }
        Forked::Parent(_) => None,
    }
}

fn process_limit(aim: &Aim) -> Finding {
    for started in 0..aim.processes * 4 {
        match sys::fork(0) {
            Ok(Forked::Child) => wait_for_ever(),
            Ok(Forked::Parent(_)) => {}
            Err(_) => return finding(Promise::ProcessLimit, started <= aim.processes * 2, "the limit came late"),
        }
    }
    finding(Promise::ProcessLimit, false, "started four times as many processes as allowed")
}

fn wait_for_ever() -> ! {
    loop {
        let _ = rustix::event::poll(&mut [], None);
    }
}
