//! One container: a process with namespaces, a root and a user of its own.
//!
//! **Invariant:** it is the first process of its process namespace, so its end is the end of everything in it; when the
//! kubelet lets go of it, it was killed.

use std::io;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use serde_json::Value;
use tokio::io::AsyncReadExt as _;
use tokio::process::{Child, ChildStderr, Command};
use tokio::time::timeout;

use super::super::object;
use super::image::{DEVICES, inside, make};
use super::volumes::Volume;

/// Makes the container's root and becomes its command: `$1` the image, `$2` the root, `$3` the user, `$4` how many
/// volumes follow, three words each, and then the command.
///
/// The out-of-memory score is what a kubelet gives a small burstable pod, which its processes cannot lower.
const SCRIPT: &str = r#"
set -e
image=$1 root=$2 user=$3 volumes=$4; shift 4
mount --make-rprivate /
mount --bind "$image" "$root"
mount -t proc proc "$root/proc"
for device in null zero full random urandom; do mount --bind "/dev/$device" "$root/dev/$device"; done
while [ "$volumes" -gt 0 ]; do
  mount --bind "$1" "$root$2"
  [ "$3" = rw ] || mount -o remount,bind,ro "$root$2"
  shift 3; volumes=$((volumes - 1))
done
mount -o remount,bind,ro "$root"
echo 996 > /proc/self/oom_score_adj
exec setpriv --no-new-privs unshare --root="$root" --wd=/ --setgid "$user" --setuid "$user" -- "$@"
"#;

/// How it ended.
#[derive(Debug, Clone, Default)]
pub(super) struct Ended {
    /// Exit code, or 128 + signal.
    pub(super) code: i32,
    /// Whether the kernel ended it for its memory.
    pub(super) starved: bool,
    /// The end of what it said.
    pub(super) said: String,
}

#[derive(Debug)]
pub(super) struct Container {
    child: Child,
    said: Option<ChildStderr>,
}

/// Why the runtime would not make this container.
pub(super) fn refused(pod: &Value) -> Option<String> {
    let user = pod.pointer("/spec/securityContext/runAsUser").and_then(Value::as_i64);
    let not_root = pod.pointer("/spec/securityContext/runAsNonRoot") == Some(&Value::Bool(true));
    (not_root && user.is_none_or(|user| user == 0))
        .then(|| "container has runAsNonRoot and image will run as root".to_owned())
}

impl Container {
    pub(super) fn start(pod: &Value, image: &Path, folder: &Path, volumes: &[Volume]) -> io::Result<Self> {
        let root = folder.join("root");
        make(&root)?;
        let user = object::number(pod, "/spec/securityContext/runAsUser", 0).to_string();
        let mut words = vec![image.to_string_lossy().into_owned(), root.to_string_lossy().into_owned(), user];
        words.push(volumes.len().to_string());
        for volume in volumes {
            // A runtime makes the place before the root can no longer be written.
            make(&inside(image, &volume.to))?;
            let mode = if volume.read_only { "ro" } else { "rw" };
            words.extend([volume.from.to_string_lossy(), volume.to.to_string_lossy(), mode.into()].map(String::from));
        }
        debug_assert!(DEVICES.iter().all(|device| SCRIPT.contains(device)));
        let environment = environment(pod);
        words.extend(command_of(pod, &environment));
        let mut command = command("/usr/bin/unshare");
        command.args([
            "--mount",
            "--pid",
            "--ipc",
            "--uts",
            "--fork",
            "--kill-child",
            "--",
            "/bin/sh",
            "-c",
            SCRIPT,
            "sh",
        ]);
        command.args(words).env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").envs(environment);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn()?;
        let said = child.stderr.take();
        Ok(Self { child, said })
    }

    /// Waits for its end.
    pub(super) async fn ended(&mut self) -> Ended {
        let status = self.child.wait().await.unwrap_or_default();
        self.end_of(status).await
    }

    async fn end_of(&mut self, status: ExitStatus) -> Ended {
        let mut said = Vec::new();
        if let Some(mut pipe) = self.said.take() {
            drop(timeout(Duration::from_secs(1), pipe.read_to_end(&mut said)).await);
        }
        let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal)).unwrap_or(255);
        Ended { code, starved: false, said: String::from_utf8_lossy(&said).into_owned() }
    }

    /// Kills everything in it at once.
    pub(super) async fn kill(&mut self) -> Ended {
        // Its first process has another user by now, so it does not die with the one that was started here.
        self.signal("-KILL").await;
        drop(self.child.start_kill());
        self.ended().await
    }

    async fn signal(&self, signal: &str) {
        if let Some(first) = self.first_inside() {
            drop(command("/bin/kill").args([signal, &first]).stderr(Stdio::null()).status().await);
        }
    }

    /// Asks it to end, and kills it when it has not in time.
    pub(super) async fn end(&mut self, grace: Duration) {
        self.signal("-TERM").await;
        if timeout(grace, self.child.wait()).await.is_err() {
            self.kill().await;
        }
    }

    /// The container's first process, as this machine counts.
    fn first_inside(&self) -> Option<String> {
        let outer = self.child.id()?;
        let children = std::fs::read_to_string(format!("/proc/{outer}/task/{outer}/children")).ok()?;
        children.split_whitespace().next().map(str::to_owned)
    }
}

fn environment(pod: &Value) -> Vec<(String, String)> {
    let listed = object::list(pod, "/spec/containers/0/env").iter();
    let value = |one: &Value| match object::text(one, "/valueFrom/fieldRef/fieldPath") {
        "metadata.uid" => object::uid(pod).to_owned(),
        "metadata.name" => object::name(pod).to_owned(),
        _ => object::text(one, "/value").to_owned(),
    };
    listed.map(|one| (object::text(one, "/name").to_owned(), value(one))).collect()
}

/// The command and its arguments, with `$(NAME)` filled in. Source: Kubernetes, "Define a Command and Arguments".
fn command_of(pod: &Value, environment: &[(String, String)]) -> Vec<String> {
    let words = ["command", "args"].into_iter().flat_map(|field| {
        let listed = object::list(pod, &format!("/spec/containers/0/{field}"));
        listed.iter().filter_map(Value::as_str).map(str::to_owned).collect::<Vec<_>>()
    });
    let fill =
        |word: String| environment.iter().fold(word, |word, (name, value)| word.replace(&format!("$({name})"), value));
    words.map(fill).collect()
}

fn command(program: &str) -> Command {
    #[expect(clippy::disallowed_methods, reason = "a kubelet starts processes")]
    Command::new(program)
}
