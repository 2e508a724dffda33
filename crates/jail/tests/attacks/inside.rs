//! What the attacker does inside a jail. Each attack prints what it achieved; the test decides.
#![expect(unsafe_code, reason = "attacks make system calls no sound program makes")]

use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream, UdpSocket};
use std::os::fd::AsRawFd as _;
use std::os::unix::net::UnixStream;
use std::time::Duration;

pub(crate) const MARKER: &str = "__attack";

pub(crate) fn attack(arguments: &[String]) {
    let rest: Vec<&str> = arguments[1..].iter().map(String::as_str).collect();
    match arguments[0].as_str() {
        "arguments" => println!("{}", serde_json::to_string(&rest).unwrap()),
        "state" => state(),
        "status" => status(),
        "harm" => harm(rest[0].parse().unwrap()),
        "read" => rest.iter().for_each(|path| println!("{path}: {}", told(fs::read(path).map(|bytes| bytes.len())))),
        "print" => print!("{}", fs::read_to_string(rest[0]).unwrap()),
        "write" => rest.iter().for_each(|path| println!("{path}: {}", told(fs::write(path, "x")))),
        "list" => rest.iter().for_each(|path| println!("{path}: {}", list(path))),
        "system-calls" => system_calls(),
        "sockets" => sockets(),
        "connect" => rest.iter().for_each(|address| println!("{address}: {}", told(connect(address)))),
        "echo" => echo(rest[0]),
        "execute" => execute(rest[0]),
        "mark-and-wait" => mark_and_wait(rest[0]),
        "daemons" => daemons(),
        "daemons-and-exit" => daemons_and_exit(),
        "fork-bomb" => fork_bomb(),
        "memory-bomb" => memory_bomb(),
        "hoard-together" => hoard_together(),
        "descriptors" => descriptors(),
        "fill" => fill(rest[0]),
        "spin" => loop {
            std::hint::spin_loop();
        },
        "link" => std::os::unix::fs::symlink(rest[0], rest[1]).unwrap(),
        "copy-input" => drop(io::copy(&mut io::stdin(), &mut io::stdout()).unwrap()),
        "exit" => std::process::exit(rest[0].parse().unwrap()),
        "die" => std::process::abort(),
        other => panic!("no attack `{other}`"),
    }
}

fn told<T: std::fmt::Debug>(result: io::Result<T>) -> String {
    match result {
        Ok(value) => format!("DONE {value:?}"),
        Err(error) => error.raw_os_error().map_or_else(|| error.to_string(), |number| name(number).to_owned()),
    }
}

fn name(errno: i32) -> &'static str {
    match errno {
        libc::EPERM => "EPERM",
        libc::EACCES => "EACCES",
        libc::ENOENT => "ENOENT",
        libc::EROFS => "EROFS",
        libc::ENOSYS => "ENOSYS",
        libc::ENETUNREACH => "ENETUNREACH",
        libc::ECONNREFUSED => "ECONNREFUSED",
        _ => "another error",
    }
}

fn list(path: &str) -> String {
    let names = fs::read_dir(path).map(|entries| {
        let mut names: Vec<String> = entries.flatten().map(|e| e.file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    });
    told(names)
}

fn state() {
    let environment: Vec<(String, String)> = std::env::vars().collect();
    println!("environment {environment:?}");
    // The descriptor that lists the others is one itself.
    let open: Vec<i32> = (0..1024).filter(|fd| unsafe { libc::fcntl(*fd, libc::F_GETFD) } != -1).collect();
    println!("descriptors {open:?}");
    println!("session {}", unsafe { libc::getsid(0) == libc::getpid() });
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    for line in status
        .lines()
        .filter(|l| ["Uid", "Gid", "Cap", "NoNew", "Seccomp:", "SigBlk", "SigIgn"].iter().any(|p| l.starts_with(p)))
    {
        println!("{line}");
    }
}

/// The same without /proc, which `nested` does not show.
fn status() {
    let capabilities = rustix::thread::capabilities(None).unwrap();
    let none = capabilities.effective.is_empty()
        && capabilities.permitted.is_empty()
        && capabilities.inheritable.is_empty()
        && !(0..41).any(|it| unsafe { libc::prctl(libc::PR_CAP_AMBIENT, libc::PR_CAP_AMBIENT_IS_SET, it, 0, 0) } == 1);
    println!("no_new_privs {}", rustix::thread::no_new_privs().unwrap());
    println!("capabilities {}", if none { "none".to_owned() } else { format!("{capabilities:?}") });
    println!("root {}", rustix::process::geteuid().is_root() || rustix::process::getuid().is_root());
    // The mode is asked for by a call the list does not have; its refusal is the filter's.
    let listed =
        unsafe { libc::prctl(libc::PR_GET_SECCOMP) } == -1 && io::Error::last_os_error().raw_os_error() == Some(1);
    println!("seccomp {}", if listed { 2 } else { 0 });
}

/// Everything one process can do to another by its number, where the kernel asks for no more than the same user.
fn harm(victim: libc::pid_t) {
    let done = |name: &str, result: libc::c_long| {
        let result = if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) };
        println!("{name}: {}", told(result));
    };
    let limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    let (user, one) = (unsafe { libc::getuid() }, [1u64; 16]);
    // SIGCONT, for the attack itself would be over if its first shot hit the worker.
    done("kill", unsafe { libc::kill(victim, libc::SIGCONT) }.into());
    done("tgkill", unsafe { libc::syscall(libc::SYS_tgkill, victim, victim, libc::SIGCONT) });
    done("pidfd", unsafe {
        let fd = libc::syscall(libc::SYS_pidfd_open, victim, 0);
        if fd < 0 { fd } else { libc::syscall(libc::SYS_pidfd_send_signal, fd, libc::SIGCONT, 0, 0) }
    });
    done("limit", unsafe { libc::syscall(libc::SYS_prlimit64, victim, libc::RLIMIT_CORE, &raw const limit, 0) });
    done("limit read", unsafe {
        let mut old = limit;
        libc::syscall(libc::SYS_prlimit64, victim, libc::RLIMIT_CPU, 0, &raw mut old)
    });
    done("priority", unsafe { libc::syscall(libc::SYS_setpriority, libc::PRIO_PROCESS, victim, 19) });
    done("priority of a user", unsafe { libc::syscall(libc::SYS_setpriority, libc::PRIO_USER, user, 19) });
    done("affinity", unsafe { libc::syscall(libc::SYS_sched_setaffinity, victim, 128, &raw const one) });
    done("io priority", unsafe { libc::syscall(libc::SYS_ioprio_set, 1, victim, 0) });
    done("ptrace", unsafe { libc::syscall(libc::SYS_ptrace, libc::PTRACE_ATTACH, victim, 0, 0) });
}

fn connect(address: &str) -> io::Result<()> {
    if let Some(path) = address.strip_prefix("unix:") {
        return UnixStream::connect(path).map(drop);
    }
    if let Some(name) = address.strip_prefix("abstract:") {
        use std::os::linux::net::SocketAddrExt as _;
        return UnixStream::connect_addr(&std::os::unix::net::SocketAddr::from_abstract_name(name)?).map(drop);
    }
    if let Some(address) = address.strip_prefix("udp:") {
        return UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?.send_to(b"x", address).map(drop);
    }
    TcpStream::connect_timeout(&address.parse::<SocketAddr>().unwrap(), Duration::from_secs(2)).map(drop)
}

/// Sends a mebibyte through the proxy while reading it back.
fn echo(port: &str) {
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port.parse().unwrap())).unwrap();
    let sent: Vec<u8> = (0..1 << 20u32).map(|i: u32| i.to_le_bytes()[0] ^ i.to_le_bytes()[2]).collect();
    let (copy, mut writer) = (sent.clone(), stream.try_clone().unwrap());
    let sender = std::thread::spawn(move || {
        writer.write_all(&copy).unwrap();
        writer.shutdown(std::net::Shutdown::Write).unwrap();
    });
    let mut back = Vec::new();
    (&stream).read_to_end(&mut back).unwrap();
    sender.join().unwrap();
    println!("echoed {}", back == sent);
}

fn sockets() {
    let kinds = [
        ("netlink", libc::AF_NETLINK, libc::SOCK_RAW),
        ("packet", libc::AF_PACKET, libc::SOCK_RAW),
        ("raw", libc::AF_INET, libc::SOCK_RAW),
        ("vsock", libc::AF_VSOCK, libc::SOCK_STREAM),
        ("alg", libc::AF_ALG, libc::SOCK_SEQPACKET),
        ("tcp", libc::AF_INET, libc::SOCK_STREAM | libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK),
        ("unix", libc::AF_UNIX, libc::SOCK_DGRAM),
    ];
    for (name, family, kind) in kinds {
        let result = unsafe { libc::socket(family, kind, 0) };
        println!("{name}: {}", told(if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }));
    }
}

fn system_calls() {
    let user = libc::CLONE_NEWUSER as u64;
    let calls: &[(&str, libc::c_long, [u64; 3])] = &[
        ("unshare", libc::SYS_unshare, [user, 0, 0]),
        ("setns", libc::SYS_setns, [0, user, 0]),
        ("clone", libc::SYS_clone, [user | libc::SIGCHLD as u64, 0, 0]),
        ("clone3", libc::SYS_clone3, [0, 0, 0]),
        ("mount", libc::SYS_mount, [0, 0, 0]),
        ("umount2", libc::SYS_umount2, [0, 0, 0]),
        ("pivot_root", libc::SYS_pivot_root, [0, 0, 0]),
        ("chroot", libc::SYS_chroot, [0, 0, 0]),
        ("open_tree", libc::SYS_open_tree, [0, 0, 0]),
        ("ptrace", libc::SYS_ptrace, [u64::from(libc::PTRACE_TRACEME), 0, 0]),
        ("process_vm_readv", libc::SYS_process_vm_readv, [1, 0, 0]),
        ("keyctl", libc::SYS_keyctl, [0, 0, 0]),
        ("add_key", libc::SYS_add_key, [0, 0, 0]),
        ("bpf", libc::SYS_bpf, [0, 0, 0]),
        ("perf_event_open", libc::SYS_perf_event_open, [0, 0, 0]),
        ("userfaultfd", libc::SYS_userfaultfd, [0, 0, 0]),
        ("io_uring_setup", libc::SYS_io_uring_setup, [0, 0, 0]),
        ("init_module", libc::SYS_init_module, [0, 0, 0]),
        ("kexec_load", libc::SYS_kexec_load, [0, 0, 0]),
        ("memfd_create", libc::SYS_memfd_create, [0, 0, 0]),
        ("seccomp", libc::SYS_seccomp, [0, 0, 0]),
        ("personality", libc::SYS_personality, [0x004_0000, 0, 0]),
        ("tiocsti", libc::SYS_ioctl, [0, libc::TIOCSTI, 0]),
        ("tioclinux", libc::SYS_ioctl, [0, libc::TIOCLINUX, 0]),
        ("tiocsti-high-bits", libc::SYS_ioctl, [0, libc::TIOCSTI | 1 << 32, 0]),
        ("x32", 0x4000_0000 + libc::SYS_getpid, [0, 0, 0]),
    ];
    for (name, number, [a, b, c]) in calls {
        let result = unsafe { libc::syscall(*number, *a, *b, *c, 0, 0, 0) };
        if *name == "clone" && result == 0 {
            unsafe { libc::_exit(0) };
        }
        println!("{name}: {}", told(if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }));
    }
}

fn execute(path: &str) {
    use std::os::unix::fs::PermissionsExt as _;
    fs::copy("/usr/bin/true", path).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o700)).unwrap();
    println!("{}", told(crate::harness::command(path.as_ref()).status().map(|status| status.success())));
}

fn mark_and_wait(mark: &str) {
    // The second is for `strict`, where /tmp is the job's own.
    fs::write("mark", mark).unwrap();
    drop(fs::write("/tmp/mark", mark));
    println!("ready");
    io::stdout().flush().unwrap();
    wait();
}

fn wait() -> ! {
    loop {
        unsafe { libc::pause() };
    }
}

/// Session leaders, double forks, and a process that never stops forking.
fn daemons() {
    let (mut alive, mut sign) = io::pipe().unwrap();
    for _ in 0..3 {
        fork_then(|| {
            unsafe { libc::setsid() };
            fork_then(|| {
                sign.write_all(b"x").unwrap();
                wait()
            });
            unsafe { libc::_exit(0) }
        });
    }
    fork_then(|| {
        unsafe { libc::setsid() };
        sign.write_all(b"x").unwrap();
        loop {
            // Each generation leaves at once, so that no list of processes is ever complete.
            if unsafe { libc::fork() } > 0 {
                unsafe { libc::_exit(0) };
            }
        }
    });
    fork_then(|| {
        sign.write_all(b"x").unwrap();
        // The same, and nobody is in a group of anybody else's.
        loop {
            unsafe { libc::setsid() };
            if unsafe { libc::fork() } > 0 {
                unsafe { libc::_exit(0) };
            }
        }
    });
    alive.read_exact(&mut [0; 5]).unwrap();
    println!("ready");
    io::stdout().flush().unwrap();
    wait();
}

fn daemons_and_exit() {
    fork_then(|| {
        unsafe { libc::setsid() };
        fork_then(|| wait());
        unsafe { libc::_exit(0) }
    });
}

fn fork_then(child: impl FnOnce()) {
    if unsafe { libc::fork() } == 0 {
        child();
    }
}

fn fork_bomb() {
    let mut started = 0;
    while started < 4096 {
        match unsafe { libc::fork() } {
            -1 => break,
            0 => wait(),
            _ => started += 1,
        }
    }
    println!("{started}");
}

fn memory_bomb() {
    let mut hoard: Vec<Vec<u8>> = Vec::new();
    loop {
        hoard.push(vec![1; 1 << 20]);
        if hoard.len() > 2048 {
            println!("took 2 GiB");
            return;
        }
    }
}

/// Four processes that each keep 30 MiB: within a limit of 64 MiB for each, beyond it together.
fn hoard_together() {
    for _ in 0..4 {
        let (mut kept, mut sign) = io::pipe().unwrap();
        fork_then(|| {
            let hoard = vec![1u8; 30 << 20];
            sign.write_all(&hoard[..1]).unwrap();
            wait();
        });
        // A byte when it is kept, the end of the pipe when the kernel killed for it.
        drop(sign);
        let _ = kept.read(&mut [0]).unwrap();
    }
}

fn descriptors() {
    let mut hoard = Vec::new();
    while let Ok(file) = File::open("/dev/null") {
        hoard.push(file);
    }
    println!("{}", hoard.last().map_or(0, |file| file.as_raw_fd() + 1));
}

fn fill(folder: &str) {
    let (mut total, mut file) = (0u64, 0);
    let block = vec![7u8; 64 << 10];
    loop {
        let Ok(mut to) = File::create(format!("{folder}/{file}")) else { break };
        let mut wrote = 0;
        while let Ok(n) = to.write(&block) {
            wrote += n as u64;
            if wrote >= 1 << 20 {
                break;
            }
        }
        if wrote == 0 || total > 1 << 30 {
            break;
        }
        (total, file) = (total + wrote, file + 1);
    }
    println!("{total}");
}
