//! The system calls for which no safe wrapper exists. The only file with `unsafe`.
//!
//! **Invariant:** every caller is single-threaded: the launcher starts no thread, so a forked child may allocate.
#![expect(unsafe_code, reason = "these system calls have no safe wrapper")]

use std::ffi::{CString, c_int, c_ulong};
use std::io;
use std::os::fd::{AsRawFd as _, BorrowedFd, FromRawFd as _, OwnedFd, RawFd};
use std::ptr;

/// Which side of a fork we are on.
pub(crate) enum Forked {
    /// The new process.
    Child,
    /// The old one, with the child's process id in its own process namespace.
    Parent(libc::pid_t),
}

/// What `wait4` tells.
pub(crate) struct Waited {
    pub(crate) pid: libc::pid_t,
    pub(crate) status: c_int,
    pub(crate) cpu_ms: u64,
    pub(crate) max_rss_bytes: u64,
}

/// Forks, the child in the new namespaces that `flags` (`CLONE_NEW…`, or 0) name.
pub(crate) fn fork(flags: c_int) -> io::Result<Forked> {
    let flags = c_ulong::try_from(flags | libc::SIGCHLD).expect("clone flags are positive");
    // SAFETY: without CLONE_VM and with a null stack this is fork(2) with flags; the process has one thread, so no lock
    // can be held by somebody who does not exist in the child. On s390 the arguments are swapped; it is not supported.
    let pid = unsafe { libc::syscall(libc::SYS_clone, flags, 0, 0, 0, 0) };
    match pid {
        -1 => Err(io::Error::last_os_error()),
        0 => Ok(Forked::Child),
        pid => Ok(Forked::Parent(libc::pid_t::try_from(pid).expect("a process id fits"))),
    }
}

/// Puts the process into new namespaces (`CLONE_NEW…`) without forking.
pub(crate) fn unshare(flags: c_int) -> io::Result<()> {
    // SAFETY: only namespace flags are passed, which touch no memory; CLONE_FILES and CLONE_VM are not among them.
    check(unsafe { libc::unshare(flags) }).map(drop)
}

/// Replaces the process; returns only if the kernel refuses.
pub(crate) fn exec(program: &CString, argv: &[CString], env: &[CString]) -> io::Error {
    let pointers = |list: &[CString]| -> Vec<*const libc::c_char> {
        list.iter().map(|text| text.as_ptr()).chain([ptr::null()]).collect()
    };
    let (argv, env) = (pointers(argv), pointers(env));
    // SAFETY: all pointers are to NUL-terminated strings that outlive the call, and both lists end with null.
    unsafe { libc::execve(program.as_ptr(), argv.as_ptr(), env.as_ptr()) };
    io::Error::last_os_error()
}

/// Ends the process at once, without destructors or output flushing that belong to the parent.
pub(crate) fn exit(code: c_int) -> ! {
    // SAFETY: _exit has no preconditions.
    unsafe { libc::_exit(code) }
}

/// Reaps one child, any of them, if one has ended. `None`: children exist and none has ended.
pub(crate) fn reap() -> io::Result<Option<Waited>> {
    // SAFETY: an all-zero rusage is a valid value.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    let mut status = 0;
    // SAFETY: both pointers are to live, writable values of the right type.
    let pid = unsafe { libc::wait4(-1, &raw mut status, libc::WNOHANG, &raw mut usage) };
    match pid {
        -1 => Err(io::Error::last_os_error()),
        0 => Ok(None),
        pid => Ok(Some(Waited {
            pid,
            status,
            cpu_ms: milliseconds(usage.ru_utime) + milliseconds(usage.ru_stime),
            max_rss_bytes: u64::try_from(usage.ru_maxrss).unwrap_or(0) * 1024,
        })),
    }
}

fn milliseconds(time: libc::timeval) -> u64 {
    let (seconds, micros) = (u64::try_from(time.tv_sec).unwrap_or(0), u64::try_from(time.tv_usec).unwrap_or(0));
    seconds * 1000 + micros / 1000
}

/// Blocks the signals we listen to and returns a descriptor they can be read from.
pub(crate) fn signal_descriptor(signals: &[c_int]) -> io::Result<OwnedFd> {
    let set = signal_set(signals);
    // SAFETY: `set` is an initialised signal set; the old mask is not wanted.
    check(unsafe { libc::sigprocmask(libc::SIG_BLOCK, &raw const set, ptr::null_mut()) })?;
    // SAFETY: -1 asks for a new descriptor, `set` is initialised.
    let fd = check(unsafe { libc::signalfd(-1, &raw const set, libc::SFD_CLOEXEC | libc::SFD_NONBLOCK) })?;
    Ok(owned(fd))
}

/// Reads one pending signal's number.
pub(crate) fn next_signal(fd: BorrowedFd<'_>) -> Option<c_int> {
    let mut record = [0u8; size_of::<libc::signalfd_siginfo>()];
    let read = rustix::io::read(fd, &mut record).ok()?;
    let number = record.first_chunk::<4>().filter(|_| read == record.len())?; // ssi_signo is the first field
    c_int::try_from(u32::from_ne_bytes(*number)).ok()
}

/// Gives the command the signal state of a fresh login: every handler default, nothing blocked.
pub(crate) fn reset_signals() {
    // The kernel's own structure: handler, flags, restorer and mask, all zero for the default action. The C library's
    // call would leave out the two signals it keeps for itself.
    let default = [0u64; 4];
    for signal in 1..=64 {
        // SAFETY: `default` is a live, valid action with an eight-byte mask; installing the default action is always
        // sound, and the kernel's refusals (KILL, STOP) do not matter.
        unsafe { libc::syscall(libc::SYS_rt_sigaction, signal, default.as_ptr(), ptr::null::<u64>(), 8) };
    }
    let none = signal_set(&[]);
    // SAFETY: `none` is an initialised signal set.
    unsafe { libc::sigprocmask(libc::SIG_SETMASK, &raw const none, ptr::null_mut()) };
}

fn signal_set(signals: &[c_int]) -> libc::sigset_t {
    // SAFETY: an all-zero sigset_t is valid memory for sigemptyset to initialise.
    let mut set = unsafe { std::mem::zeroed() };
    // SAFETY: `set` is live and writable; the signal numbers are constants of libc.
    unsafe { libc::sigemptyset(&raw mut set) };
    for signal in signals {
        // SAFETY: as above.
        unsafe { libc::sigaddset(&raw mut set, *signal) };
    }
    set
}

/// Sends a signal to a process. `pid` -1 means every process the caller may signal.
pub(crate) fn kill(pid: libc::pid_t, signal: c_int) -> io::Result<()> {
    // SAFETY: kill has no memory preconditions.
    check(unsafe { libc::kill(pid, signal) }).map(drop)
}

/// Adds mount attributes (`MOUNT_ATTR_…`) to a whole mounted or detached tree.
pub(crate) fn restrict_mount(tree: BorrowedFd<'_>, attributes: u64, recursive: bool) -> io::Result<()> {
    let attr = libc::mount_attr { attr_set: attributes, attr_clr: 0, propagation: 0, userns_fd: 0 };
    let flags = libc::AT_EMPTY_PATH | if recursive { libc::AT_RECURSIVE } else { 0 };
    // SAFETY: the path is an empty C string and `attr` is live and of the size given.
    let result = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            tree.as_raw_fd(),
            c"".as_ptr(),
            flags,
            &raw const attr,
            size_of_val(&attr),
        )
    };
    if result == -1 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Brings the loopback device of the current network namespace up.
pub(crate) fn bring_loopback_up() -> io::Result<()> {
    // SAFETY: socket has no memory preconditions.
    let socket = owned(check(unsafe { libc::socket(libc::AF_INET, libc::SOCK_DGRAM | libc::SOCK_CLOEXEC, 0) })?);
    // SAFETY: an all-zero ifreq is a valid value.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    for (to, from) in request.ifr_name.iter_mut().zip(c"lo".to_bytes()) {
        *to = libc::c_char::try_from(*from).expect("`lo` is ASCII");
    }
    request.ifr_ifru.ifru_flags = libc::c_short::try_from(libc::IFF_UP | libc::IFF_RUNNING).expect("small flags");
    // SAFETY: SIOCSIFFLAGS reads an ifreq, and `request` is one.
    check(unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCSIFFLAGS, &raw const request) }).map(drop)
}

/// Sets the host name of the current UTS namespace.
pub(crate) fn set_host_name(name: &str) -> io::Result<()> {
    // SAFETY: pointer and length describe `name`.
    check(unsafe { libc::sethostname(name.as_ptr().cast(), name.len()) }).map(drop)
}

/// Marks every descriptor from `first` on to be closed at exec, or closes it now.
pub(crate) fn close_from(first: RawFd, when: Close) -> io::Result<()> {
    let flags = match when {
        Close::Now => 0,
        Close::AtExec => libc::CLOSE_RANGE_CLOEXEC,
    };
    // SAFETY: no memory is passed. `Close::Now` is called once, at the very start, when no owned descriptor above
    // `first` exists yet.
    let result = unsafe { libc::syscall(libc::SYS_close_range, first, u32::MAX, flags) };
    if result == -1 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// When [`close_from`] closes.
#[derive(Clone, Copy)]
pub(crate) enum Close {
    Now,
    AtExec,
}

/// Removes every capability from the bounding set; needs `CAP_SETPCAP`, like the securebits.
pub(crate) fn empty_bounding_set() -> io::Result<()> {
    for capability in 0..64 as c_ulong {
        // SAFETY: integers only. EINVAL is the kernel's way to say that there are no more capabilities.
        if unsafe { libc::prctl(libc::PR_CAPBSET_DROP, capability, 0, 0, 0) } == -1 {
            let error = io::Error::last_os_error();
            return if error.raw_os_error() == Some(libc::EINVAL) { Ok(()) } else { Err(error) };
        }
    }
    Ok(())
}

/// Locks the rules under which uid 0 or a change of uid would bring capabilities back.
pub(crate) fn lock_securebits() -> io::Result<()> {
    // Source: linux/securebits.h: NOROOT, NO_SETUID_FIXUP, NO_CAP_AMBIENT_RAISE, each with its lock, and KEEP_CAPS locked off.
    const BITS: c_ulong = 0b1110_1111;
    // SAFETY: integers only.
    check(unsafe { libc::prctl(libc::PR_SET_SECUREBITS, BITS, 0, 0, 0) }).map(drop)
}

/// The Landlock version of the running kernel; 0 if there is none.
pub(crate) fn landlock_version() -> u32 {
    const VERSION: u32 = 1; // LANDLOCK_CREATE_RULESET_VERSION, linux/landlock.h
    // SAFETY: with the version flag the kernel reads no memory; null and 0 are what it demands.
    let version = unsafe { libc::syscall(libc::SYS_landlock_create_ruleset, ptr::null::<u8>(), 0, VERSION) };
    u32::try_from(version).unwrap_or(0)
}

fn owned(fd: RawFd) -> OwnedFd {
    // SAFETY: the callers pass a descriptor the kernel just made and nobody else knows.
    unsafe { OwnedFd::from_raw_fd(fd) }
}

fn check(result: c_int) -> io::Result<c_int> {
    if result == -1 { Err(io::Error::last_os_error()) } else { Ok(result) }
}
