//! What a level applies, as text, so that its digest can be put on record.
//!
//! **Invariant:** whatever changes what a job may do changes this text.

use crate::plan::Level;
use crate::root::{DEVICES, JOB_ID};
use crate::syscalls;

/// Everything that is the same for all jobs of a level, in a fixed order. What differs from job to job is in the plan.
#[must_use]
pub fn profile(level: Level) -> String {
    let common = "environment: the plan's alone\ndescriptors: 0 1 2\nno_new_privs: yes\n\
                  rlimits: core=0 memlock=0 msgqueue=0 nofile fsize cpu data nproc\numask: 077\noom_score_adj: 900\n";
    let fence = "landlock: every right handled; execute only the plan's mounts; write only home, /tmp and devices; \
                 tcp bind none; tcp connect the egress port alone; scopes signal, abstract-unix-socket\n";
    let seccomp = format!("seccomp: {}\n", syscalls::describe());
    let level_line = format!("countersign-jail profile 1\nlevel: {level}\n");
    match level {
        Level::Strict => format!(
            "{level_line}namespaces: user mount pid network ipc uts cgroup\nids: {JOB_ID} inside, never 0 outside\n\
             root: tmpfs, read-only, nosuid, nodev; mounts read-only, nosuid, nodev\ndevices: {DEVICES:?}\n\
             proc: subset=pid hidepid=invisible\nwritable: home and /tmp, tmpfs, 0700, nosuid, nodev\n\
             capabilities: none in any set; securebits locked\ncgroup: memory and pids where writable\n\
             network: loopback, up with egress only\ninit: reaps, undumpable, dies with the launcher\n{common}{fence}{seccomp}"
        ),
        Level::Nested => format!(
            "{level_line}namespaces: none\ndevices: {DEVICES:?}\nwritable: home, 0700\ncapabilities: none\n\
             kill: by walking the descendants\n{common}{fence}{seccomp}"
        ),
        Level::Job => format!("{level_line}built by Kubernetes; inside the pod: nested\n"),
        Level::None => format!("{level_line}namespaces: none\nkill: by walking the descendants\n{common}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_level_has_a_profile_of_its_own() {
        let all = [Level::Strict, Level::Nested, Level::Job, Level::None].map(profile);
        assert!((1..all.len()).all(|i| !all[..i].contains(&all[i])));
        assert!(all[0].contains("seccomp: allow=") && !all[3].contains("seccomp"));
    }
}
