//! The one place where git is started: its arguments before the command, its environment, its pipes.
//!
//! **Invariant:** nothing of this process's environment reaches git, no hook and no monitor runs, no transport but
//! git's own is started, nobody is asked for a password, and what a repository says about itself fetches nothing.

use std::path::Path;
use std::process::Stdio;
use tokio::process::Command;

/// Switched off for every call. Source: git-config(1).
const OFF: &[&str] = &[
    "protocol.ext.allow=never",
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "core.attributesFile=/dev/null",
    "gc.autoDetach=false",
    "maintenance.autoDetach=false",
    "push.gpgSign=false",
    "submodule.recurse=false",
    "transfer.bundleURI=false",
];

/// git, about to run a command at a place.
pub(crate) fn command(program: &Path, at: &Path, words: &[&str]) -> Command {
    #[expect(
        clippy::disallowed_methods,
        reason = "git is the wire to repositories: a fixed program, no shell, no word of a person's but what was checked"
    )]
    let mut command = Command::new(program);
    for setting in OFF {
        command.args(["-c", setting]);
    }
    command
        .arg("-C")
        .arg(at)
        .args(words)
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("LC_ALL", "C")
        .env("GIT_TERMINAL_PROMPT", "0")
        .env("GIT_ATTR_NOSYSTEM", "1")
        // A repository somebody else made must not make git fetch, and run, what it names.
        .env("GIT_NO_LAZY_FETCH", "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true);
    command
}
