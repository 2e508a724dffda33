//! A control group a job: memory and process limits for the whole job, where the host lets us write.
//!
//! **Invariant:** groups are made below the launcher's own group, so no limit set on the worker is ever escaped, and
//! are removed when the job is gone.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use crate::plan::Limits;

const ROOT: &str = "/sys/fs/cgroup";
const PREFIX: &str = "countersign-job-";

/// The groups of one job: one with cgroup v2, one a controller with v1.
#[derive(Debug, Default)]
pub(crate) struct Cgroup {
    folders: Vec<PathBuf>,
    memory: Option<PathBuf>,
    processes: Option<PathBuf>,
    doors: Vec<Door>,
}

/// How a process gets into a group.
#[derive(Debug)]
enum Door {
    /// v1: the process writes into this file itself. Only for itself may the kernel skip a lock that can cost an idle
    /// host some fifteen milliseconds (`cgroup_threadgroup_rwsem`).
    Own(File),
    /// v2: the launcher writes the process id into this file.
    Launcher(PathBuf),
}

/// A folder that can hold groups, and the files that carry the limits there.
struct Parent {
    folder: PathBuf,
    memory: Option<&'static str>,
    processes: Option<&'static str>,
}

impl Cgroup {
    /// Makes the job's groups; whatever the host does not allow is left out, and [`Cgroup::limits_memory`] says so.
    pub(crate) fn create(limits: &Limits) -> Self {
        let name = format!("{PREFIX}{}", std::process::id());
        let mut cgroup = Self::default();
        for parent in parents() {
            let folder = parent.folder.join(&name);
            // A launcher that was killed may have left a group of this name; if it is in use, it stays and we go without.
            let _ = fs::remove_dir(&folder);
            if fs::create_dir(&folder).is_err() {
                continue;
            }
            let memory =
                parent.memory.is_some_and(|file| fs::write(folder.join(file), limits.memory_bytes.to_string()).is_ok());
            // One more for init.
            let processes = parent
                .processes
                .is_some_and(|file| fs::write(folder.join(file), (limits.processes + 1).to_string()).is_ok());
            if memory {
                cgroup.memory = Some(folder.clone());
            }
            if processes {
                cgroup.processes = parent.processes.map(|file| folder.join(file));
            }
            if memory || processes {
                let own = OpenOptions::new().write(true).open(folder.join("tasks"));
                cgroup.doors.push(own.map_or_else(|_| Door::Launcher(folder.join("cgroup.procs")), Door::Own));
                cgroup.folders.push(folder);
            } else {
                drop(fs::remove_dir(&folder));
            }
        }
        cgroup
    }

    /// Whether the job's memory as a whole is limited.
    pub(crate) fn limits_memory(&self) -> bool {
        self.memory.is_some()
    }

    /// The launcher's half of moving a fresh process, which waits for it, into the groups.
    pub(crate) fn adopt(&self, pid: libc::pid_t) -> io::Result<()> {
        self.doors.iter().try_for_each(|door| match door {
            Door::Launcher(file) => fs::write(file, pid.to_string()),
            Door::Own(_) => Ok(()),
        })
    }

    /// The process's own half, before it gives anything up. The launcher opened the files; its rights count.
    pub(crate) fn enter(&self) -> io::Result<()> {
        self.doors.iter().try_for_each(|door| match door {
            Door::Own(file) => (&*file).write_all(b"0"),
            Door::Launcher(_) => Ok(()),
        })
    }

    /// Lets nothing of the job fork any more, so that a list of its processes becomes complete.
    pub(crate) fn stop_forking(&self) {
        if let Some(limit) = &self.processes {
            let _ = fs::write(limit, "0");
        }
    }

    /// Whether the kernel killed something of the job for its memory.
    pub(crate) fn out_of_memory(&self) -> bool {
        let Some(folder) = &self.memory else { return false };
        ["memory.events", "memory.oom_control"].iter().any(|file| {
            let text = fs::read_to_string(folder.join(file)).unwrap_or_default();
            text.lines().filter_map(|line| line.strip_prefix("oom_kill ")).any(|count| count.trim() != "0")
        })
    }

    /// Removes the groups, whose processes must be gone; returns what would not go.
    pub(crate) fn remove(self) -> Vec<String> {
        let stays = |folder: &PathBuf| fs::remove_dir(folder).is_err() && folder.exists();
        self.folders.iter().filter(|f| stays(f)).map(|f| f.display().to_string()).collect()
    }
}

/// Removes the empty groups that killed launchers left behind below the caller's own group; returns how many.
///
/// A group is left alone while its launcher lives or a process is in it, so running and starting jobs are safe.
#[must_use]
pub fn sweep() -> usize {
    let entries = parents().into_iter().filter_map(|parent| fs::read_dir(parent.folder).ok()).flatten().flatten();
    let orphaned = |name: &str| name.strip_prefix(PREFIX).is_some_and(|pid| !Path::new("/proc").join(pid).exists());
    let ours = entries.filter(|entry| orphaned(&entry.file_name().to_string_lossy()));
    ours.filter(|entry| fs::remove_dir(entry.path()).is_ok()).count()
}

fn parents() -> Vec<Parent> {
    let own = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    own.lines().filter_map(|line| parent(Path::new(ROOT), line)).collect()
}

/// One line of `/proc/self/cgroup` (cgroups(7)): `id:controllers:path`, id 0 and no controller for v2.
fn parent(root: &Path, line: &str) -> Option<Parent> {
    let mut fields = line.splitn(3, ':');
    let (_, controllers, path) = (fields.next()?, fields.next()?, fields.next()?.trim_start_matches('/'));
    let v1 = |controller: &str| controllers.split(',').any(|c| c == controller);
    if v1("memory") {
        let folder = root.join("memory").join(path);
        return Some(Parent { folder, memory: Some("memory.limit_in_bytes"), processes: None });
    }
    if v1("pids") {
        return Some(Parent { folder: root.join("pids").join(path), memory: None, processes: Some("pids.max") });
    }
    if !controllers.is_empty() {
        return None;
    }
    let folder = root.join(path);
    // In the hybrid layout the v2 tree lies elsewhere and carries no controllers worth having. A group that holds
    // processes cannot delegate controllers, so a delegated worker sits in a leaf of its own and we go beside it.
    let delegated = [folder.clone(), folder.parent()?.to_path_buf()].into_iter().find(|folder| {
        let enabled = fs::read_to_string(folder.join("cgroup.subtree_control")).unwrap_or_default();
        folder.starts_with(root) && enabled.split_whitespace().any(|c| c == "memory")
    })?;
    Some(Parent { folder: delegated, memory: Some("memory.max"), processes: Some("pids.max") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn v1_lines_lead_to_their_controller() {
        let memory = parent(Path::new("/cg"), "4:memory:/a/b").unwrap();
        assert_eq!((memory.folder, memory.memory), (PathBuf::from("/cg/memory/a/b"), Some("memory.limit_in_bytes")));
        let pids = parent(Path::new("/cg"), "8:pids:/").unwrap();
        assert_eq!((pids.folder, pids.processes), (PathBuf::from("/cg/pids/"), Some("pids.max")));
        assert!(parent(Path::new("/cg"), "1:cpu:/").is_none());
    }

    #[test]
    fn v2_goes_beside_the_workers_leaf() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join("unit/worker")).unwrap();
        fs::write(root.path().join("unit/cgroup.subtree_control"), "memory pids\n").unwrap();
        let found = parent(root.path(), "0::/unit/worker").unwrap();
        assert_eq!((found.folder, found.memory), (root.path().join("unit"), Some("memory.max")));
    }

    #[test]
    fn without_controllers_there_is_nothing_to_make() {
        let root = tempfile::tempdir().unwrap();
        assert!(parent(root.path(), "0::/").is_none());
    }
}
