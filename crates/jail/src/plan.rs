//! What the worker asks for: one command, its root, its environment, its limits.
//!
//! **Invariant:** a plan that passes [`Plan::check`] names absolute, normal paths only and never the host's root user.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// How strongly a command is isolated. Chosen by configuration, never by luck: a level that cannot be built is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    /// All namespaces, a root of its own, no capabilities, Landlock, a system-call allow-list, limits.
    Strict,
    /// For pods and containers that forbid namespaces: Landlock, a system-call allow-list, limits.
    Nested,
    /// Each command is a Kubernetes Job; the launcher never builds this level itself.
    Job,
    /// No isolation: cleared environment, closed descriptors and limits only.
    None,
}

impl Level {
    /// The name used in configuration, plans and records.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Strict => "strict",
            Self::Nested => "nested",
            Self::Job => "job",
            Self::None => "none",
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Everything the launcher needs to run one command. The command gets nothing that is not in here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// The isolation to build; if any part of it fails, the command is not run.
    pub level: Level,
    /// The exact arguments. The first is the absolute path of the program inside the root; no search path, no shell.
    pub argv: Vec<String>,
    /// The whole environment of the command.
    pub env: Environment,
    /// What the root holds, all read-only. At `nested`, what may be read and executed.
    pub root: Vec<Mount>,
    /// Files written for this job alone, such as a kubeconfig or a credential.
    pub files: Vec<PrivateFile>,
    /// The private writable directory. At `strict` a fresh tmpfs is mounted there (and another at `/tmp`); at `nested`
    /// and `none` it is a path on the host that must not exist yet, is made 0700 and is removed at the end.
    pub home: String,
    /// Where the command starts.
    pub workdir: String,
    /// Whether files the job itself wrote may be executed.
    pub writable: Writable,
    /// Hard limits. Wall time is the worker's to watch: it asks for an end over the link.
    pub limits: Limits,
    /// The way out, if any.
    pub egress: Egress,
    /// The host user (and group) id the job runs as when the launcher is root. Never 0. Otherwise the launcher's own id.
    /// Nothing else may run as it: at `nested` whoever does is killed before the job and after it.
    pub uid: u32,
}

/// The command's environment. Its values do not appear in `Debug`.
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Environment(pub BTreeMap<String, String>);

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl<K: Into<String>, V: Into<String>> FromIterator<(K, V)> for Environment {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(pairs: I) -> Self {
        Self(pairs.into_iter().map(|(k, v)| (k.into(), v.into())).collect())
    }
}

/// One file or directory of the host, visible read-only in the root.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mount {
    /// Absolute path on the host; symbolic links in it are followed.
    pub source: PathBuf,
    /// Absolute path inside the root. At `nested` and `none` it must equal the source.
    pub target: String,
    /// What the source must be.
    pub kind: MountKind,
}

/// What a mount's source must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MountKind {
    /// A regular file.
    File,
    /// A directory, with everything below it.
    Dir,
}

/// A file that exists for this job alone, mode 0400. Its content does not appear in `Debug`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PrivateFile {
    /// Absolute path inside the root; at `nested` and `none` it must lie below `home`.
    pub path: String,
    /// The bytes, base64 on the wire.
    #[serde(with = "base64_bytes")]
    pub content: Vec<u8>,
}

impl fmt::Debug for PrivateFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PrivateFile").field("path", &self.path).field("bytes", &self.content.len()).finish()
    }
}

/// Whether files the job wrote may be executed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Writable {
    /// They may not: only files of the root are executable.
    #[default]
    NoExec,
    /// They may, for tools that unpack plug-ins into their working directory.
    Exec,
}

/// Hard limits of one job. `cpu_seconds`, `memory_bytes` (without a cgroup) and `open_files` bind each process,
/// `processes` the job, `file_bytes` each file, `tmp_bytes` each of `home` and `/tmp`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// CPU time of each process, in seconds.
    pub cpu_seconds: u64,
    /// Memory, in bytes: of the whole job with a cgroup, of each process's private memory otherwise.
    pub memory_bytes: u64,
    /// Processes and threads alive at once.
    pub processes: u64,
    /// Open descriptors of each process.
    pub open_files: u64,
    /// Size of each written file, in bytes.
    pub file_bytes: u64,
    /// Size of `home` and of `/tmp`, in bytes each (`strict` only).
    pub tmp_bytes: u64,
}

impl Default for Limits {
    /// Room for kubectl, terraform and Python tools; small enough that one job cannot hurt its neighbours.
    fn default() -> Self {
        Self {
            cpu_seconds: 300,
            memory_bytes: 1 << 30,
            processes: 256,
            open_files: 1024,
            file_bytes: 256 << 20,
            tmp_bytes: 256 << 20,
        }
    }
}

/// The way out of a jail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Egress {
    /// No network at all.
    None,
    /// TCP to `127.0.0.1:port` inside reaches the worker's proxy, and nothing else does.
    Proxy {
        /// The proxy's UNIX socket on the host. The job never holds it: the launcher, outside, connects.
        socket: PathBuf,
        /// The port inside. At `nested` it is taken on the host's loopback, so it must be free and hard to guess.
        port: u16,
    },
}

/// Why a plan is not accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// There is no program.
    #[error("argv is empty")]
    EmptyArgv,
    /// A text that goes to the kernel contains a NUL byte.
    #[error("{0} contains a NUL byte")]
    Nul(&'static str),
    /// A path is relative, or holds `.`, `..`, an empty part or a trailing slash.
    #[error("{what} `{path}` is not an absolute, normal path")]
    Path {
        /// Which path.
        what: &'static str,
        /// The path as given.
        path: String,
    },
    /// An environment name is empty or contains `=`.
    #[error("environment name `{0}` is not a name")]
    EnvironmentName(String),
    /// The host's root user, or the "no change" id.
    #[error("uid {0} is not allowed")]
    Uid(u32),
    /// A limit of zero.
    #[error("limit `{0}` is zero")]
    ZeroLimit(&'static str),
    /// Port 0.
    #[error("egress port is zero")]
    ZeroPort,
    /// Without a root of its own, a mount cannot rename and a private file cannot lie anywhere.
    #[error("level `{level}` cannot place {what} `{path}`")]
    NeedsOwnRoot {
        /// The level asked for.
        level: Level,
        /// Which path.
        what: &'static str,
        /// The path as given.
        path: String,
    },
}

impl Plan {
    /// Refuses a plan that could not mean what it says.
    ///
    /// # Errors
    /// The first thing found wrong.
    pub fn check(&self) -> Result<(), PlanError> {
        let program = self.argv.first().ok_or(PlanError::EmptyArgv)?;
        normal("program", program)?;
        normal("home", &self.home)?;
        normal_or_root("workdir", &self.workdir)?;
        self.argv.iter().try_for_each(|a| no_nul("argv", a))?;
        self.check_environment()?;
        self.check_paths()?;
        if self.uid == 0 || self.uid == u32::MAX {
            return Err(PlanError::Uid(self.uid));
        }
        self.limits.check()?;
        match &self.egress {
            Egress::Proxy { port: 0, .. } => Err(PlanError::ZeroPort),
            Egress::Proxy { socket, .. } => normal("proxy socket", &socket.to_string_lossy()),
            Egress::None => Ok(()),
        }
    }

    fn check_environment(&self) -> Result<(), PlanError> {
        for (name, value) in &self.env.0 {
            if name.is_empty() || name.contains('=') {
                return Err(PlanError::EnvironmentName(name.clone()));
            }
            no_nul("an environment name", name)?;
            no_nul("an environment value", value)?;
        }
        Ok(())
    }

    fn check_paths(&self) -> Result<(), PlanError> {
        let own_root = self.level == Level::Strict;
        for mount in &self.root {
            let source = mount.source.to_string_lossy();
            normal_or_root("mount source", &source)?;
            normal("mount target", &mount.target)?;
            if !own_root && source != mount.target {
                return Err(PlanError::NeedsOwnRoot { level: self.level, what: "mount", path: mount.target.clone() });
            }
        }
        for file in &self.files {
            normal("private file", &file.path)?;
            if !own_root && !file.path.strip_prefix(&self.home).is_some_and(|rest| rest.starts_with('/')) {
                return Err(PlanError::NeedsOwnRoot {
                    level: self.level,
                    what: "private file",
                    path: file.path.clone(),
                });
            }
        }
        Ok(())
    }
}

impl Limits {
    fn check(&self) -> Result<(), PlanError> {
        let all = [
            ("cpu_seconds", self.cpu_seconds),
            ("memory_bytes", self.memory_bytes),
            ("processes", self.processes),
            ("open_files", self.open_files),
            ("file_bytes", self.file_bytes),
            ("tmp_bytes", self.tmp_bytes),
        ];
        match all.into_iter().find(|(_, value)| *value == 0) {
            Some((name, _)) => Err(PlanError::ZeroLimit(name)),
            None => Ok(()),
        }
    }
}

fn no_nul(what: &'static str, text: &str) -> Result<(), PlanError> {
    if text.contains('\0') { Err(PlanError::Nul(what)) } else { Ok(()) }
}

fn normal_or_root(what: &'static str, path: &str) -> Result<(), PlanError> {
    if path == "/" { Ok(()) } else { normal(what, path) }
}

fn normal(what: &'static str, path: &str) -> Result<(), PlanError> {
    no_nul(what, path)?;
    let normal = |part: &str| !part.is_empty() && part != "." && part != "..";
    if path.strip_prefix('/').is_some_and(|rest| rest.split('/').all(normal)) {
        Ok(())
    } else {
        Err(PlanError::Path { what, path: path.to_owned() })
    }
}

mod base64_bytes {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(bytes))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        STANDARD.decode(String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan() -> Plan {
        Plan {
            level: Level::Strict,
            argv: vec!["/usr/bin/true".into()],
            env: [("TOKEN", "hunter2")].into_iter().collect(),
            root: vec![Mount { source: "/usr".into(), target: "/usr".into(), kind: MountKind::Dir }],
            files: vec![PrivateFile { path: "/run/job/token".into(), content: b"hunter2".to_vec() }],
            home: "/home/job".into(),
            workdir: "/home/job".into(),
            writable: Writable::NoExec,
            limits: Limits::default(),
            egress: Egress::None,
            uid: 61_000,
        }
    }

    #[track_caller]
    fn refused(change: impl FnOnce(&mut Plan), sentence: &str) {
        let mut plan = plan();
        change(&mut plan);
        assert_eq!(plan.check().unwrap_err().to_string(), sentence);
    }

    #[test]
    fn a_plan_survives_the_wire() {
        let text = serde_json::to_string(&plan()).unwrap();
        assert_eq!(serde_json::from_str::<Plan>(&text).unwrap(), plan());
        assert!(!text.contains("\"content\":\"hunter2\""), "content is base64");
        plan().check().unwrap();
    }

    #[test]
    fn an_unknown_key_is_refused() {
        let text = serde_json::to_string(&plan()).unwrap().replacen('{', "{\"shell\":true,", 1);
        assert!(serde_json::from_str::<Plan>(&text).unwrap_err().to_string().contains("unknown field `shell`"));
    }

    #[test]
    fn debug_holds_no_secret() {
        assert!(!format!("{:?}", plan()).contains("hunter2"));
    }

    #[test]
    fn what_could_not_mean_what_it_says_is_refused() {
        refused(|p| p.argv.clear(), "argv is empty");
        refused(|p| p.argv[0] = "kubectl".into(), "program `kubectl` is not an absolute, normal path");
        refused(|p| p.argv.push("a\0b".into()), "argv contains a NUL byte");
        refused(
            |p| p.root[0].target = "/usr/../etc".into(),
            "mount target `/usr/../etc` is not an absolute, normal path",
        );
        refused(|p| p.files[0].path = "/run//x".into(), "private file `/run//x` is not an absolute, normal path");
        refused(|p| p.home = "/".into(), "home `/` is not an absolute, normal path");
        refused(|p| drop(p.env.0.insert("A=B".into(), String::new())), "environment name `A=B` is not a name");
        refused(|p| p.uid = 0, "uid 0 is not allowed");
        refused(|p| p.limits.processes = 0, "limit `processes` is zero");
        refused(|p| p.egress = Egress::Proxy { socket: "/run/p".into(), port: 0 }, "egress port is zero");
        refused(|p| p.level = Level::Nested, "level `nested` cannot place private file `/run/job/token`");
        refused(
            |p| (p.level, p.root[0].target) = (Level::None, "/opt".into()),
            "level `none` cannot place mount `/opt`",
        );
    }
}
