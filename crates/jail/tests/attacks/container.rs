//! What a container leaves a worker: the system calls that runtimes forbid, and the level that does without them.

use std::collections::BTreeMap;

use countersign_jail::{Degradation, Level, ProbeFailure, Step, probe};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
};

use crate::harness::{World, job_user};

/// The tests whose promises level `nested` makes too; they run once more inside a container's filter.
pub(crate) const HOLDS_NESTED: &[&str] = &[
    "p15_arguments_are_literal",
    "p17_no_route_out",
    "p17_the_proxy_is_reachable_at_nested",
    "p17_no_raw_or_netlink_socket",
    "p18_environment_and_descriptors_are_the_plans",
    "p18_nothing_of_the_worker_is_readable",
    "p18_private_files_are_private",
    "p18_no_privilege_is_left_at_nested",
    "p18_forbidden_system_calls",
    "p18_the_home_alone_is_writable_at_nested",
    "p18_written_files_do_not_execute_unless_allowed",
    "p19_jobs_do_not_see_each_other_at_nested",
    "p19_jobs_do_not_harm_each_other",
    "p20_a_killed_job_leaves_nobody",
    "p20_a_dropped_job_leaves_nobody",
    "p20_a_finished_job_leaves_nobody",
    "p20_a_dead_worker_leaves_nobody",
    "p20_a_dead_launcher_leaves_nobody_of_its_user_for_long",
    "p20_terminate_and_interrupt_reach_the_command",
    "p45_fork_bomb",
    "p45_memory_bomb",
    "p45_descriptor_leak",
    "p45_cpu_hog",
    "p46_nothing_is_left_after_many_jobs",
    "p47_a_planted_link_is_removed_not_followed",
    "input_output_and_exit_codes_arrive",
    "strict_is_refused_in_a_container_and_nested_is_not",
];

/// Puts this process, and everything it starts, behind what Docker's and Kubernetes' default filters forbid a container
/// without `CAP_SYS_ADMIN`: namespaces and mounts answer EPERM, `clone3` ENOSYS. Nothing of it can be taken back.
pub(crate) fn enter() {
    for filter in [forbidden(), hidden()] {
        seccompiler::apply_filter(&filter).unwrap();
    }
}

fn forbidden() -> BpfProgram {
    let calls = [
        libc::SYS_unshare,
        libc::SYS_setns,
        libc::SYS_mount,
        libc::SYS_umount2,
        libc::SYS_pivot_root,
        libc::SYS_open_tree,
        libc::SYS_move_mount,
        libc::SYS_fsopen,
        libc::SYS_fsconfig,
        libc::SYS_fsmount,
        libc::SYS_fspick,
        libc::SYS_mount_setattr,
        libc::SYS_sethostname,
        libc::SYS_bpf,
        libc::SYS_perf_event_open,
        libc::SYS_keyctl,
        libc::SYS_userfaultfd,
    ];
    let namespaces = [
        libc::CLONE_NEWNS,
        libc::CLONE_NEWCGROUP,
        libc::CLONE_NEWUTS,
        libc::CLONE_NEWIPC,
        libc::CLONE_NEWUSER,
        libc::CLONE_NEWPID,
        libc::CLONE_NEWNET,
    ];
    let asks_for = |flag: libc::c_int| {
        let flag = u64::from(flag.unsigned_abs());
        let set = SeccompCondition::new(0, SeccompCmpArgLen::Dword, SeccompCmpOp::MaskedEq(flag), flag).unwrap();
        SeccompRule::new(vec![set]).unwrap()
    };
    let mut rules: BTreeMap<_, _> = calls.into_iter().map(|call| (call, Vec::new())).collect();
    rules.insert(libc::SYS_clone, namespaces.into_iter().map(asks_for).collect());
    answer(rules, libc::EPERM)
}

fn hidden() -> BpfProgram {
    answer(BTreeMap::from([(libc::SYS_clone3, Vec::new())]), libc::ENOSYS)
}

fn answer(rules: BTreeMap<libc::c_long, Vec<SeccompRule>>, errno: libc::c_int) -> BpfProgram {
    let arch = std::env::consts::ARCH.try_into().unwrap();
    let refused = SeccompAction::Errno(errno.unsigned_abs());
    SeccompFilter::new(rules, SeccompAction::Allow, refused, arch).unwrap().try_into().unwrap()
}

/// Runs in every round, and says in each what the probe may say there.
pub(crate) fn strict_is_refused_in_a_container_and_nested_is_not(world: &World) {
    let strict = probe(Level::Strict, &world.launcher, job_user(0), &world.folder);
    if world.has_strict() {
        strict.unwrap();
    } else {
        let failure = strict.unwrap_err();
        assert!(matches!(&failure, ProbeFailure::Setup(error) if error.step == "userns"), "{failure}");
        let outcome = world.run_plan(&world.plan(Level::Strict, "arguments", &["ran"]));
        let error = outcome.end.unwrap_err();
        assert_eq!((error.step.as_str(), error.errno), ("userns", Some(libc::EPERM)));
        assert!(error.hint.unwrap().contains("choose level `nested` or `job`"));
        assert_eq!(outcome.out, "", "nothing ran at a weaker level instead");
    }
    let applied = probe(Level::Nested, &world.launcher, job_user(0), &world.folder).unwrap();
    let root = rustix::process::geteuid().is_root();
    assert_eq!(applied.steps.contains(&Step::OwnUid), root);
    assert_eq!(applied.degraded.contains(&Degradation::NoOwnUid), !root);
    for stated in [Degradation::SharedNetwork, Degradation::SharedProcesses] {
        assert!(applied.degraded.contains(&stated), "{applied:?}");
    }
    for stands in [Step::CapsDropped, Step::NoNewPrivs, Step::Rlimits, Step::Landlock, Step::Seccomp] {
        assert!(applied.steps.contains(&stands), "{applied:?}");
    }
    assert_eq!(world.says(&world.plan(Level::Nested, "arguments", &["ran"])), "[\"ran\"]\n");
}
