//! Terraform itself: how it is started, listened to and stopped.
//!
//! **Invariant:** its environment is made here from nothing; it gets one SIGINT and no other signal of ours, and what
//! it has started is left to it.

use super::line::{Diagnostic, Said, read};
use crate::driver::Failure;
use rustix::process::{Pid, Signal, kill_process};
use secrecy::{ExposeSecret as _, SecretString};
use std::collections::BTreeMap;
use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio::signal::unix::{Signal as Signals, SignalKind, signal};
use tokio::time::timeout;

/// A plan that is printed is not larger.
const LONGEST_PLAN: u64 = 128 << 20;

/// Of what Terraform says besides its lines of JSON the end is kept.
const LONGEST_ERROR: usize = 4 << 10;

/// From being told that everything ends until nothing runs any more there is half a second.
const LAST: Duration = Duration::from_millis(300);

/// No program is found there, whatever the code that is planned looks for.
const NO_PROGRAMS: &str = "/var/empty";

/// Where a worker's mirror of providers is, besides a folder `providers` beside Terraform (runners/terraform).
const MIRROR: &str = "/usr/share/countersign/terraform-providers";

/// Terraform in the folder of one stack.
pub(super) struct Terraform {
    program: PathBuf,
    home: PathBuf,
    folder: PathBuf,
    env: BTreeMap<String, SecretString>,
    stop: Stop,
}

/// What this process was told by whoever ends commands.
struct Stop {
    interrupt: Signals,
    terminate: Signals,
    is_asked: bool,
}

/// How one call ended.
#[derive(Debug, Default)]
pub(super) struct Ended {
    /// `None` when nobody saw it end.
    pub(super) status: Option<ExitStatus>,
    pub(super) problems: Vec<Diagnostic>,
    /// What it said last besides its lines of JSON.
    pub(super) error: String,
}

/// What is around a stack.
pub(super) struct Surroundings<'a> {
    pub(super) program: &'a Path,
    pub(super) home: &'a Path,
    pub(super) folder: &'a Path,
    pub(super) proxy: &'a str,
    pub(super) variables: &'a BTreeMap<String, SecretString>,
}

impl Ended {
    pub(super) fn is_good(&self) -> bool {
        self.status.is_some_and(|status| status.success())
    }

    /// The first error, or else what is known of the end.
    pub(super) fn sentence(&self) -> String {
        if let Some(error) = self.problems.iter().find(|problem| problem.is_error()) {
            return error.sentence();
        }
        let status = self.status.map_or("nobody saw it end".to_owned(), |status| {
            let signal = status.signal().map(|signal| format!("signal {signal}"));
            signal.or_else(|| status.code().map(|code| format!("exit code {code}"))).unwrap_or_default()
        });
        let last = self.error.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or_default();
        let colon = if last.is_empty() { "" } else { ": " };
        format!("{status}{colon}{}", countersign_core::refusal::shown(last.trim()))
    }
}

impl Terraform {
    /// Writes Terraform's own settings and makes its folders.
    pub(super) fn prepare(around: &Surroundings<'_>) -> Result<Self, Failure> {
        let wrong = |error: io::Error| Failure::Misused(format!("nothing can be prepared here: {error}"));
        let beside = around.program.parent().unwrap_or(Path::new("/")).join("providers");
        let own = around.home.join("no-providers");
        let mirror = [beside, PathBuf::from(MIRROR)].into_iter().find(|folder| folder.is_dir());
        let settings = around.home.join("terraform.rc");
        std::fs::create_dir(&own).map_err(wrong)?;
        std::fs::write(&settings, self::settings(mirror.as_deref().unwrap_or(&own))).map_err(wrong)?;
        let stop = Stop {
            interrupt: signal(SignalKind::interrupt()).map_err(wrong)?,
            terminate: signal(SignalKind::terminate()).map_err(wrong)?,
            is_asked: false,
        };
        let text = |path: &Path| path.to_string_lossy().into_owned();
        let fixed = [
            ("PATH", NO_PROGRAMS.to_owned()),
            ("HOME", text(around.home)),
            ("LANG", "C.UTF-8".to_owned()),
            ("TF_IN_AUTOMATION", "1".to_owned()),
            ("TF_INPUT", "0".to_owned()),
            ("CHECKPOINT_DISABLE", "1".to_owned()),
            ("TF_CLI_CONFIG_FILE", text(&settings)),
            ("TF_DATA_DIR", text(&around.home.join("data"))),
            ("HTTPS_PROXY", around.proxy.to_owned()),
            ("AWS_EC2_METADATA_DISABLED", "true".to_owned()),
        ];
        let mut env = around.variables.clone();
        env.extend(fixed.map(|(name, value)| (name.to_owned(), value.into())));
        let (program, home) = (around.program.to_owned(), around.home.to_owned());
        Ok(Self { program, home, folder: around.folder.to_owned(), env, stop })
    }

    /// Terraform's folder for what it has prepared.
    pub(super) fn data(&self) -> PathBuf {
        self.home.join("data")
    }

    /// Whether somebody asked to stop.
    pub(super) const fn is_stopped(&self) -> bool {
        self.stop.is_asked
    }

    /// Runs a command that says what it does a line at a time. `plan` becomes its standard input, which is where it finds
    /// the plan's file.
    pub(super) async fn run(
        &mut self,
        arguments: &[String],
        plan: Option<OwnedFd>,
        mut each: impl FnMut(Said) -> io::Result<()>,
    ) -> Result<Ended, Failure> {
        self.goes_on()?;
        let mut child = self.start(arguments, plan)?;
        let mut lines = BufReader::new(child.stdout.take().expect("it is piped")).lines();
        let error = tail(child.stderr.take().expect("it is piped"));
        let mut ended = Ended::default();
        let mut error = std::pin::pin!(error);
        let (mut open, mut said) = (true, None);
        loop {
            tokio::select! {
                line = lines.next_line(), if open => match line.map_err(Failure::Output)? {
                    Some(line) => match read(&line) {
                        Some(Said::Problem(problem)) => {
                            each(Said::Problem(problem.clone())).map_err(Failure::Output)?;
                            ended.problems.push(problem);
                        }
                        Some(other) => each(other).map_err(Failure::Output)?,
                        None => {}
                    },
                    None => open = false,
                },
                text = &mut error, if said.is_none() => said = Some(text),
                status = child.wait(), if !open => {
                    ended.status = Some(status.map_err(Failure::Output)?);
                    ended.error = said.unwrap_or_default();
                    return Ok(ended);
                }
                Some(()) = self.stop.interrupt.recv() => {
                    if !self.stop.is_asked {
                        self.stop.is_asked = true;
                        let begun = "stopping: Terraform finishes what it has begun and lets go of the lock";
                        each(Said::Step(begun.to_owned())).map_err(Failure::Output)?;
                        interrupt(&child);
                    }
                }
                Some(()) = self.stop.terminate.recv() => {
                    self.stop.is_asked = true;
                    // It was told as well, and ends without finishing anything.
                    if let Ok(Ok(status)) = timeout(LAST, child.wait()).await {
                        ended.status = Some(status);
                    }
                    return Ok(ended);
                }
            }
        }
    }

    /// Runs a command that prints one document.
    pub(super) async fn print(&mut self, arguments: &[String], plan: OwnedFd) -> Result<(Ended, Vec<u8>), Failure> {
        self.goes_on()?;
        let mut child = self.start(arguments, Some(plan))?;
        let stdout = child.stdout.take().expect("it is piped");
        let error = tail(child.stderr.take().expect("it is piped"));
        let document = async {
            let mut bytes = Vec::new();
            stdout.take(LONGEST_PLAN + 1).read_to_end(&mut bytes).await.map(|_| bytes)
        };
        let both = async { tokio::join!(document, error) };
        let (document, error) = tokio::select! {
            both = both => both,
            Some(()) = self.stop.interrupt.recv() => {
                self.stop.is_asked = true;
                return Ok((Ended::default(), Vec::new()));
            }
            Some(()) = self.stop.terminate.recv() => {
                self.stop.is_asked = true;
                return Ok((Ended::default(), Vec::new()));
            }
        };
        let document = document.map_err(Failure::Output)?;
        if document.len() as u64 > LONGEST_PLAN {
            let words = format!("the plan is longer than {} MiB when it is printed", LONGEST_PLAN >> 20);
            return Err(Failure::Target(words));
        }
        let status = Some(child.wait().await.map_err(Failure::Output)?);
        Ok((Ended { status, problems: Vec::new(), error }, document))
    }

    /// Whoever asked to stop while one command ran means the next one as well.
    fn goes_on(&self) -> Result<(), Failure> {
        if self.stop.is_asked { Err(Failure::Target("stopped, as was asked".to_owned())) } else { Ok(()) }
    }

    #[expect(clippy::disallowed_methods, reason = "the one place where Terraform is started: inside the jail, by path")]
    fn start(&self, arguments: &[String], plan: Option<OwnedFd>) -> Result<Child, Failure> {
        let mut command = Command::new(&self.program);
        command
            .args(arguments)
            .env_clear()
            .envs(self.env.iter().map(|(name, value)| (name, value.expose_secret())))
            .current_dir(&self.folder)
            .stdin(plan.map_or_else(Stdio::null, Stdio::from))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command.spawn().map_err(|error| Failure::Misused(format!("Terraform cannot be started: {error}")))
    }
}

/// The settings file: providers come from the mirror and from nowhere else.
///
/// Source: Terraform, "CLI Configuration File".
fn settings(mirror: &Path) -> String {
    let path = serde_json::Value::from(mirror.to_string_lossy());
    format!(
        "disable_checkpoint = true\n\
         provider_installation {{\n  filesystem_mirror {{\n    path    = {path}\n    include = [\"*/*/*\"]\n  }}\n}}\n"
    )
}

/// One SIGINT to Terraform alone: a second one would make it drop what it does, and its providers would end before it.
fn interrupt(child: &Child) {
    let id = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
    if let Some(id) = id {
        // It may have ended this very moment.
        let _ = kill_process(id, Signal::INT);
    }
}

async fn tail(mut from: impl tokio::io::AsyncRead + Unpin) -> String {
    let mut kept = Vec::new();
    let mut piece = [0; 1024];
    while let Ok(read @ 1..) = from.read(&mut piece).await {
        kept.extend_from_slice(&piece[..read]);
        let over = kept.len().saturating_sub(LONGEST_ERROR);
        kept.drain(..over);
    }
    String::from_utf8_lossy(&kept).into_owned()
}

/// What the runner keeps a plan in, or brings one in by: this process's standard input.
pub(super) fn kept() -> Result<OwnedFd, Failure> {
    io::stdin().as_fd().try_clone_to_owned().map_err(|error| Failure::Misused(format!("there is no plan: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p59_providers_come_from_the_mirror_alone() {
        let text = settings(Path::new("/a \"b\"/${x}"));
        assert!(text.contains(r#"path    = "/a \"b\"/${x}""#), "{text}");
        assert!(
            !text.contains("direct") && !text.contains("network_mirror") && text.contains("disable_checkpoint = true")
        );
    }

    #[tokio::test]
    async fn the_end_of_what_was_said_is_kept() {
        let text = format!("{}the end", "x".repeat(10_000));
        let kept = tail(text.as_bytes()).await;
        assert!(kept.len() == LONGEST_ERROR && kept.ends_with("the end"));
    }
}
