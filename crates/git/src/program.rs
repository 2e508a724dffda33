//! git with what its operator set up for it: a credential helper, an agent, a way to call ssh.
//!
//! **Invariant:** no word of a call comes from a person but a repository's address, which was checked and stands behind
//! `--`.

use crate::environment;
use crate::running::{Answer, CallError, MAX_ANSWER_BYTES, Running};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How git is run.
#[derive(Debug, Clone)]
pub struct Program {
    /// The program, by its absolute path.
    pub program: PathBuf,
    /// Where git finds the operator's settings, such as a credential helper; none if absent.
    pub home: Option<PathBuf>,
    /// The operator's ssh agent, handed on as `SSH_AUTH_SOCK`.
    pub ssh_auth_sock: Option<OsString>,
    /// The operator's way to call ssh, handed on as `GIT_SSH_COMMAND`.
    pub ssh_command: Option<OsString>,
    /// Deadline of one call.
    pub deadline: Duration,
}

impl Default for Program {
    /// `/usr/bin/git` without any settings, 20 s: a push over ssh to another continent takes some five.
    fn default() -> Self {
        Self {
            program: "/usr/bin/git".into(),
            home: None,
            ssh_auth_sock: None,
            ssh_command: None,
            deadline: Duration::from_secs(20),
        }
    }
}

impl Program {
    /// Runs git at a repository, hands it `input` and waits for its end.
    ///
    /// # Errors
    /// When git cannot be started, breaks off or does not end in time. A no of git's is an [`Answer`].
    ///
    /// # Cancel safety
    /// A dropped future ends the call and everything it started.
    pub async fn run(&self, at: &Path, words: &[&str], input: &[u8]) -> Result<Answer, CallError> {
        self.run_within(self.deadline, at, words, input).await
    }

    /// The same with another deadline.
    ///
    /// # Errors
    /// As [`Self::run`].
    ///
    /// # Cancel safety
    /// As [`Self::run`].
    pub async fn run_within(
        &self,
        deadline: Duration,
        at: &Path,
        words: &[&str],
        input: &[u8],
    ) -> Result<Answer, CallError> {
        self.start(at, words)?.ended_within(deadline, input, MAX_ANSWER_BYTES).await
    }

    /// Starts git at a repository.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start(&self, at: &Path, words: &[&str]) -> Result<Running, CallError> {
        let mut command = environment::command(&self.program, at, words);
        match &self.home {
            Some(home) => command.env("HOME", home),
            None => command.env("GIT_CONFIG_GLOBAL", "/dev/null"),
        };
        if let Some(socket) = &self.ssh_auth_sock {
            command.env("SSH_AUTH_SOCK", socket);
        }
        if let Some(ssh) = &self.ssh_command {
            command.env("GIT_SSH_COMMAND", ssh);
        }
        Running::start(&mut command, &self.program)
    }
}
