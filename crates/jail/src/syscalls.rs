//! The system calls a command may make: an allow-list wide enough for Go, Python, coreutils and terraform.
//!
//! **Invariant:** what is not listed answers EPERM; `clone3` answers ENOSYS, so that libraries fall back to `clone`,
//! whose flags can be seen and may not ask for a namespace.

use std::collections::BTreeMap;

use libc::c_long;
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
};

use crate::filter;
use crate::status::{SetupError, refuse};

/// Every namespace flag of `clone` (linux/sched.h), the time namespace included.
const NAMESPACES: u64 = (libc::CLONE_NEWNS
    | libc::CLONE_NEWCGROUP
    | libc::CLONE_NEWUTS
    | libc::CLONE_NEWIPC
    | libc::CLONE_NEWUSER
    | libc::CLONE_NEWPID
    | libc::CLONE_NEWNET
    | 0x80) as u64;

/// Terminal and descriptor requests only: nothing that types into a terminal, moves a console or speaks to a device.
/// `0x802c_542a` is `TCGETS2`; the last two clone file contents, for `cp`.
const IOCTLS: [u64; 15] = [
    libc::TCGETS,
    libc::TCSETS,
    libc::TCSETSW,
    libc::TCSETSF,
    0x802c_542a,
    libc::TIOCGWINSZ,
    libc::TIOCGPGRP,
    libc::TIOCSPGRP,
    libc::FIONREAD,
    libc::FIONBIO,
    libc::FIOASYNC,
    libc::FIOCLEX,
    libc::FIONCLEX,
    libc::FICLONE,
    libc::FICLONERANGE,
];

/// Names, death signals, subreaping and questions. `0x5356_4d41` is `PR_SET_VMA`, which Go's runtime uses.
const PRCTLS: [u64; 14] = [
    libc::PR_SET_NAME as u64,
    libc::PR_GET_NAME as u64,
    libc::PR_SET_PDEATHSIG as u64,
    libc::PR_GET_PDEATHSIG as u64,
    libc::PR_SET_DUMPABLE as u64,
    libc::PR_GET_DUMPABLE as u64,
    libc::PR_SET_NO_NEW_PRIVS as u64,
    libc::PR_GET_NO_NEW_PRIVS as u64,
    libc::PR_CAPBSET_READ as u64,
    libc::PR_SET_CHILD_SUBREAPER as u64,
    libc::PR_SET_TIMERSLACK as u64,
    libc::PR_GET_TIMERSLACK as u64,
    libc::PR_SET_THP_DISABLE as u64,
    0x5356_4d41,
];

/// Address families: local, IPv4, IPv6. No netlink, packet, vsock or anything a kernel module could add.
const FAMILIES: [u64; 3] = [libc::AF_UNIX as u64, libc::AF_INET as u64, libc::AF_INET6 as u64];

/// Socket types: stream, datagram, sequenced packets. No raw socket.
const TYPES: [u64; 3] = [libc::SOCK_STREAM as u64, libc::SOCK_DGRAM as u64, libc::SOCK_SEQPACKET as u64];

/// Allowed whatever the arguments.
#[rustfmt::skip]
const ALLOWED: &[c_long] = &[
    // files
    libc::SYS_read, libc::SYS_write, libc::SYS_readv, libc::SYS_writev, libc::SYS_pread64, libc::SYS_pwrite64, libc::SYS_preadv,
    libc::SYS_pwritev, libc::SYS_preadv2, libc::SYS_pwritev2, libc::SYS_openat, libc::SYS_openat2, libc::SYS_close,
    libc::SYS_close_range, libc::SYS_lseek, libc::SYS_fstat, libc::SYS_newfstatat, libc::SYS_statx, libc::SYS_statfs,
    libc::SYS_fstatfs, libc::SYS_faccessat, libc::SYS_faccessat2, libc::SYS_getdents64, libc::SYS_readlinkat, libc::SYS_getcwd,
    libc::SYS_chdir, libc::SYS_fchdir, libc::SYS_mkdirat, libc::SYS_unlinkat, libc::SYS_linkat, libc::SYS_symlinkat,
    libc::SYS_renameat, libc::SYS_renameat2, libc::SYS_truncate, libc::SYS_ftruncate, libc::SYS_fallocate, libc::SYS_fchmod,
    libc::SYS_fchmodat, libc::SYS_fchown, libc::SYS_fchownat, libc::SYS_utimensat, libc::SYS_umask, libc::SYS_fsync,
    libc::SYS_fdatasync, libc::SYS_sync_file_range, libc::SYS_syncfs, libc::SYS_fadvise64, libc::SYS_readahead, libc::SYS_flock,
    libc::SYS_fcntl, libc::SYS_dup, libc::SYS_dup3, libc::SYS_pipe2, libc::SYS_sendfile, libc::SYS_splice, libc::SYS_tee,
    libc::SYS_copy_file_range, libc::SYS_getxattr, libc::SYS_lgetxattr, libc::SYS_fgetxattr, libc::SYS_listxattr,
    libc::SYS_llistxattr, libc::SYS_flistxattr, libc::SYS_inotify_init1, libc::SYS_inotify_add_watch, libc::SYS_inotify_rm_watch,
    // waiting
    libc::SYS_ppoll, libc::SYS_pselect6, libc::SYS_epoll_create1, libc::SYS_epoll_ctl, libc::SYS_epoll_pwait,
    libc::SYS_epoll_pwait2, libc::SYS_eventfd2, libc::SYS_timerfd_create, libc::SYS_timerfd_settime, libc::SYS_timerfd_gettime,
    libc::SYS_signalfd4,
    // memory
    libc::SYS_mmap, libc::SYS_munmap, libc::SYS_mprotect, libc::SYS_mremap, libc::SYS_madvise, libc::SYS_brk, libc::SYS_msync,
    libc::SYS_mincore, libc::SYS_mlock, libc::SYS_mlock2, libc::SYS_munlock, libc::SYS_membarrier, libc::SYS_get_mempolicy,
    // processes
    libc::SYS_execve, libc::SYS_execveat, libc::SYS_exit, libc::SYS_exit_group, libc::SYS_wait4, libc::SYS_waitid,
    libc::SYS_getpid, libc::SYS_getppid, libc::SYS_gettid, libc::SYS_getpgid, libc::SYS_setpgid, libc::SYS_getsid, libc::SYS_setsid,
    libc::SYS_getuid, libc::SYS_geteuid, libc::SYS_getgid, libc::SYS_getegid, libc::SYS_getresuid, libc::SYS_getresgid,
    libc::SYS_getgroups, libc::SYS_setuid, libc::SYS_setgid, libc::SYS_setreuid, libc::SYS_setregid, libc::SYS_setresuid,
    libc::SYS_setresgid, libc::SYS_capget, libc::SYS_kill, libc::SYS_tkill, libc::SYS_tgkill, libc::SYS_pidfd_open,
    libc::SYS_pidfd_send_signal, libc::SYS_getrlimit, libc::SYS_setrlimit, libc::SYS_getrusage, libc::SYS_times,
    libc::SYS_getpriority, libc::SYS_ioprio_get, libc::SYS_uname, libc::SYS_sysinfo,
    libc::SYS_getcpu, libc::SYS_sched_yield, libc::SYS_sched_getaffinity, libc::SYS_sched_getparam,
    libc::SYS_sched_getscheduler, libc::SYS_sched_get_priority_max, libc::SYS_sched_get_priority_min, libc::SYS_sched_rr_get_interval,
    // threads, signals, time
    libc::SYS_set_tid_address, libc::SYS_set_robust_list, libc::SYS_get_robust_list, libc::SYS_rseq, libc::SYS_futex,
    SYS_FUTEX_WAITV, libc::SYS_rt_sigaction, libc::SYS_rt_sigprocmask, libc::SYS_rt_sigreturn, libc::SYS_rt_sigpending,
    libc::SYS_rt_sigsuspend, libc::SYS_rt_sigtimedwait, libc::SYS_rt_sigqueueinfo, libc::SYS_rt_tgsigqueueinfo,
    libc::SYS_sigaltstack, libc::SYS_restart_syscall, libc::SYS_clock_gettime, libc::SYS_clock_getres, libc::SYS_clock_nanosleep,
    libc::SYS_nanosleep, libc::SYS_gettimeofday, libc::SYS_getitimer, libc::SYS_setitimer, libc::SYS_timer_create,
    libc::SYS_timer_settime, libc::SYS_timer_gettime, libc::SYS_timer_getoverrun, libc::SYS_timer_delete, libc::SYS_getrandom,
    // sockets, once made
    libc::SYS_connect, libc::SYS_bind, libc::SYS_listen, libc::SYS_accept, libc::SYS_accept4, libc::SYS_shutdown, libc::SYS_sendto,
    libc::SYS_recvfrom, libc::SYS_sendmsg, libc::SYS_recvmsg, libc::SYS_sendmmsg, libc::SYS_recvmmsg, libc::SYS_getsockname,
    libc::SYS_getpeername, libc::SYS_getsockopt, libc::SYS_setsockopt,
];

const IOPRIO_WHO_PROCESS: u64 = 1; // linux/ioprio.h

const SYS_FUTEX_WAITV: c_long = 449; // linux/uapi/asm-generic/unistd.h, the same on every architecture

/// Calls that only the older architecture has.
#[cfg(target_arch = "x86_64")]
#[rustfmt::skip]
const LEGACY: &[c_long] = &[
    libc::SYS_open, libc::SYS_creat, libc::SYS_stat, libc::SYS_lstat, libc::SYS_access, libc::SYS_readlink, libc::SYS_mkdir,
    libc::SYS_rmdir, libc::SYS_unlink, libc::SYS_link, libc::SYS_symlink, libc::SYS_rename, libc::SYS_chmod, libc::SYS_chown,
    libc::SYS_lchown, libc::SYS_utime, libc::SYS_utimes, libc::SYS_futimesat, libc::SYS_getdents, libc::SYS_dup2, libc::SYS_pipe,
    libc::SYS_poll, libc::SYS_select, libc::SYS_epoll_create, libc::SYS_epoll_wait, libc::SYS_eventfd, libc::SYS_signalfd,
    libc::SYS_inotify_init, libc::SYS_fork, libc::SYS_vfork, libc::SYS_getpgrp, libc::SYS_alarm, libc::SYS_pause, libc::SYS_time,
    libc::SYS_arch_prctl,
];
#[cfg(not(target_arch = "x86_64"))]
const LEGACY: &[c_long] = &[];

/// Puts the allow-list in force for the calling process and all it will start.
///
/// Needs `no_new_privs`, and itself sets it again.
pub(crate) fn apply() -> Result<(), SetupError> {
    seccompiler::apply_filter(&program()?).map_err(|error| refuse("seccomp", error.to_string()))
}

/// A line for the profile: every allowed number and argument, so that its digest changes with the list.
pub(crate) fn describe() -> String {
    format!(
        "allow={ALLOWED:?} legacy={LEGACY:?} ioctl={IOCTLS:x?} prctl={PRCTLS:x?} family={FAMILIES:?} type={TYPES:?} clone-without={NAMESPACES:x} \
         personality=[0,ffffffff] prlimit,affinity,priority=own clone3=ENOSYS else=EPERM"
    )
}

fn program() -> Result<BpfProgram, SetupError> {
    let always: Vec<c_long> = ALLOWED.iter().chain(LEGACY).copied().collect();
    let conditions = conditions().map_err(|error| refuse("seccomp", error.to_string()))?;
    filter::assemble(&always, &conditions)
}

/// What is allowed with some arguments only.
fn conditions() -> Result<BpfProgram, seccompiler::BackendError> {
    let refused = SeccompAction::Errno(libc::EPERM.unsigned_abs());
    SeccompFilter::new(rules()?, refused, SeccompAction::Allow, std::env::consts::ARCH.try_into()?)?.try_into()
}

fn rules() -> Result<BTreeMap<i64, Vec<SeccompRule>>, seccompiler::BackendError> {
    let mut rules = BTreeMap::new();
    let no_namespace = condition(0, SeccompCmpOp::MaskedEq(NAMESPACES), 0)?;
    rules.insert(libc::SYS_clone, vec![SeccompRule::new(vec![no_namespace])?]);
    rules.insert(libc::SYS_ioctl, one_of(1, &IOCTLS)?);
    rules.insert(libc::SYS_prctl, one_of(0, &PRCTLS)?);
    rules.insert(libc::SYS_personality, one_of(0, &[0, 0xffff_ffff])?);
    // Limits, priority and processors of the caller alone: without a process namespace a number names anybody's process,
    // and where the user is the worker's the kernel would not mind.
    rules.insert(libc::SYS_prlimit64, one_of(0, &[0])?);
    rules.insert(libc::SYS_sched_setaffinity, one_of(0, &[0])?);
    let own = |one_process| {
        let conditions = vec![condition(0, SeccompCmpOp::Eq, one_process)?, condition(1, SeccompCmpOp::Eq, 0)?];
        Ok::<_, seccompiler::BackendError>(vec![SeccompRule::new(conditions)?])
    };
    rules.insert(libc::SYS_setpriority, own(libc::PRIO_PROCESS.into())?);
    rules.insert(libc::SYS_ioprio_set, own(IOPRIO_WHO_PROCESS)?);
    rules.insert(libc::SYS_socketpair, one_of(0, &FAMILIES[..1])?);
    let mut sockets = Vec::new();
    for family in FAMILIES {
        for kind in TYPES {
            // The type shares its argument with SOCK_NONBLOCK and SOCK_CLOEXEC; the low four bits are the type.
            let kind = condition(1, SeccompCmpOp::MaskedEq(0xf), kind)?;
            sockets.push(SeccompRule::new(vec![condition(0, SeccompCmpOp::Eq, family)?, kind])?);
        }
    }
    rules.insert(libc::SYS_socket, sockets);
    Ok(rules)
}

fn one_of(argument: u8, values: &[u64]) -> Result<Vec<SeccompRule>, seccompiler::BackendError> {
    values.iter().map(|value| SeccompRule::new(vec![condition(argument, SeccompCmpOp::Eq, *value)?])).collect()
}

/// Compares the low half of an argument: all of ours are C `int`s, of which the kernel looks at nothing else.
fn condition(argument: u8, operator: SeccompCmpOp, value: u64) -> Result<SeccompCondition, seccompiler::BackendError> {
    SeccompCondition::new(argument, SeccompCmpArgLen::Dword, operator, value)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The program's answer to a call with these first two arguments.
    fn answer(number: c_long, arguments: [u64; 2]) -> u32 {
        let mut data = [0; 16];
        data[0] = u32::try_from(number).unwrap();
        data[1] = if cfg!(target_arch = "x86_64") { 0xc000_003e } else { 0xc000_00b7 }; // AUDIT_ARCH_…, linux/audit.h
        for (at, argument) in arguments.into_iter().enumerate() {
            (data[4 + 2 * at], data[5 + 2 * at]) = ((argument & 0xffff_ffff) as u32, (argument >> 32) as u32);
        }
        filter::answer(&program().unwrap(), data)
    }

    const YES: u32 = 0x7fff_0000;
    const EPERM: u32 = 0x0005_0001;

    #[test]
    fn every_number_is_answered_as_listed() {
        let conditional = rules().unwrap();
        for number in (0..600).filter(|number| !conditional.contains_key(number)) {
            let listed = ALLOWED.contains(&number) || LEGACY.contains(&number);
            let expected = if number == libc::SYS_clone3 {
                0x0005_0026
            } else if listed {
                YES
            } else {
                EPERM
            };
            assert_eq!(answer(number, [0, 0]), expected, "system call {number}");
        }
        assert!(program().unwrap().len() < 1024);
    }

    #[test]
    fn arguments_decide_where_they_must() {
        assert_eq!(answer(libc::SYS_clone, [libc::SIGCHLD as u64, 0]), YES);
        assert_eq!(answer(libc::SYS_clone, [libc::CLONE_NEWUSER as u64, 0]), EPERM);
        assert_eq!(answer(libc::SYS_ioctl, [0, libc::TCGETS]), YES);
        assert_eq!(answer(libc::SYS_ioctl, [0, libc::TIOCSTI]), EPERM);
        assert_eq!(
            answer(libc::SYS_socket, [libc::AF_INET6 as u64, (libc::SOCK_DGRAM | libc::SOCK_CLOEXEC) as u64]),
            YES
        );
        for call in [libc::SYS_prlimit64, libc::SYS_sched_setaffinity] {
            assert_eq!((answer(call, [0, 0]), answer(call, [1, 0])), (YES, EPERM), "the caller's own alone");
        }
        for (call, process, user) in [(libc::SYS_setpriority, 0, 2), (libc::SYS_ioprio_set, 1, 3)] {
            assert_eq!(answer(call, [process, 0]), YES);
            assert_eq!((answer(call, [process, 1]), answer(call, [user, 0])), (EPERM, EPERM));
        }
        assert_eq!(answer(libc::SYS_socket, [libc::AF_NETLINK as u64, libc::SOCK_DGRAM as u64]), EPERM);
    }

    #[test]
    fn another_architecture_is_killed() {
        assert_eq!(filter::answer(&program().unwrap(), [0; 16]), 0x8000_0000); // SECCOMP_RET_KILL_PROCESS
    }

    #[test]
    fn what_must_never_be_allowed_is_not_listed() {
        #[rustfmt::skip]
        let never = [
            libc::SYS_unshare, libc::SYS_setns, libc::SYS_mount, libc::SYS_umount2, libc::SYS_pivot_root, libc::SYS_chroot,
            libc::SYS_fsopen, libc::SYS_fsmount, libc::SYS_move_mount, libc::SYS_open_tree, libc::SYS_mount_setattr, libc::SYS_ptrace,
            libc::SYS_process_vm_readv, libc::SYS_process_vm_writev, libc::SYS_pidfd_getfd, libc::SYS_keyctl, libc::SYS_add_key,
            libc::SYS_request_key, libc::SYS_bpf, libc::SYS_perf_event_open, libc::SYS_userfaultfd, libc::SYS_io_uring_setup,
            libc::SYS_io_uring_enter, libc::SYS_io_uring_register, libc::SYS_kexec_load, libc::SYS_init_module, libc::SYS_finit_module,
            libc::SYS_delete_module, libc::SYS_reboot, libc::SYS_swapon, libc::SYS_open_by_handle_at, libc::SYS_syslog,
            libc::SYS_sethostname, libc::SYS_settimeofday, libc::SYS_clock_settime, libc::SYS_capset, libc::SYS_mknodat,
            libc::SYS_memfd_create, libc::SYS_shmget, libc::SYS_mq_open, libc::SYS_seccomp,
        ];
        for number in never {
            assert_eq!(answer(number, [0, 0]), EPERM, "system call {number}");
        }
        for request in [libc::TIOCSTI, libc::TIOCLINUX as libc::Ioctl] {
            assert!(!IOCTLS.contains(&request));
        }
    }
}
