//! A container's filter around the tests: what Docker's and Kubernetes' defaults forbid without `CAP_SYS_ADMIN`.

use super::harness::command;
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};

/// The argument that makes this program run its tests inside the filter.
pub(crate) const CONTAINED: &str = "__contained";

// Source: linux/sched.h and the system calls' numbers, which the crate does not take from C.
const NAMESPACES: [u64; 7] =
    [0x0002_0000, 0x0200_0000, 0x0400_0000, 0x0800_0000, 0x1000_0000, 0x2000_0000, 0x4000_0000];
const EPERM: u32 = 1;
const ENOSYS: u32 = 38;
/// `open_tree`, `move_mount`, `fsopen`, `fsconfig`, `fsmount`, `fspick`, `mount_setattr`: the same on every architecture.
const NEW_MOUNTS: [i64; 7] = [428, 429, 430, 431, 432, 433, 442];
const CLONE3: i64 = 435;
#[cfg(target_arch = "x86_64")]
const CLONE: i64 = 56;
#[cfg(target_arch = "aarch64")]
const CLONE: i64 = 220;
/// `unshare`, `setns`, `mount`, `umount2`, `pivot_root`.
#[cfg(target_arch = "x86_64")]
const MOUNTS: [i64; 5] = [272, 308, 165, 166, 155];
#[cfg(target_arch = "aarch64")]
const MOUNTS: [i64; 5] = [97, 268, 40, 39, 41];

static AROUND_US: AtomicBool = AtomicBool::new(false);

/// Whether the filter is in force for this process.
pub(crate) fn is_around_us() -> bool {
    AROUND_US.load(Ordering::SeqCst)
}

/// Puts this process, and all it will start, behind the filter. Before the first thread.
pub(crate) fn enter() {
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> =
        NEW_MOUNTS.into_iter().chain(MOUNTS).map(|call| (call, Vec::new())).collect();
    rules.insert(CLONE, NAMESPACES.into_iter().map(asks_for).collect());
    seccompiler::apply_filter(&answer(rules, EPERM)).unwrap();
    seccompiler::apply_filter(&answer(BTreeMap::from([(CLONE3, Vec::new())]), ENOSYS)).unwrap();
    AROUND_US.store(true, Ordering::SeqCst);
}

fn asks_for(flag: u64) -> SeccompRule {
    let set = SeccompCondition::new(0, SeccompCmpArgLen::Dword, SeccompCmpOp::MaskedEq(flag), flag).unwrap();
    SeccompRule::new(vec![set]).unwrap()
}

fn answer(rules: BTreeMap<i64, Vec<SeccompRule>>, errno: u32) -> BpfProgram {
    let arch = std::env::consts::ARCH.try_into().unwrap();
    SeccompFilter::new(rules, SeccompAction::Allow, SeccompAction::Errno(errno), arch).unwrap().try_into().unwrap()
}

/// Runs the chosen tests once more in a process behind the filter. Whether they held.
pub(crate) fn again(arguments: &[String]) -> bool {
    command(&std::env::current_exe().unwrap()).arg(CONTAINED).args(arguments).status().unwrap().success()
}
