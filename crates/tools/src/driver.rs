//! Drivers: commands of ours that are carried out against one target, in the jail.
//!
//! **Invariant:** a driver is told everything by its canonical argv and by one private file, the job; it speaks to the
//! job's target alone, through the job's proxy, and what goes wrong is a sentence and an exit code.

mod client;
mod deploy;
mod job;
mod silence;
mod tf;

pub use deploy::registry_hosts;

use countersign_core::command::Argv;
use countersign_core::time::Timestamp;
use job::Job;
use std::io::{self, Write as _};
use std::path::Path;
use std::time::UNIX_EPOCH;

/// The argument that turns a program with this library into a driver; the command's argv comes after it.
pub const MARKER: &str = "__countersign-driver";

/// The variable that names the job's file.
pub const JOB: &str = "COUNTERSIGN_JOB";

/// It did what it was told.
const DONE: i32 = 0;
/// It did not; why stands on standard error.
const FAILED: i32 = 1;
/// It was not told what a driver has to be told.
const MISUSED: i32 = 2;

/// Why a command was not carried out.
#[derive(Debug, thiserror::Error)]
enum Failure {
    /// The argv or the job are not what a worker makes.
    #[error("{0}")]
    Misused(String),
    /// The target did not do it.
    #[error("{0}")]
    Target(String),
    /// What was found out could not be printed.
    #[error("the output could not be written")]
    Output(#[source] io::Error),
}

/// Carries out the command in `words`, and says with which code to exit.
pub(crate) fn enter(words: Vec<String>) -> i32 {
    let failure = match carry_out(words) {
        Ok(text) => match io::stdout().write_all(text.as_bytes()).and_then(|()| io::stdout().flush()) {
            Ok(()) => return DONE,
            Err(error) => Failure::Output(error),
        },
        Err(failure) => failure,
    };
    // Whoever closed the other end does not read it.
    let _ = writeln!(io::stderr(), "{failure}");
    match failure {
        Failure::Misused(_) => MISUSED,
        Failure::Target(_) | Failure::Output(_) => FAILED,
    }
}

fn carry_out(words: Vec<String>) -> Result<String, Failure> {
    let argv = Argv::new(words).map_err(|error| Failure::Misused(error.to_string()))?;
    let path = std::env::var_os(JOB).ok_or_else(|| Failure::Misused(format!("`{JOB}` names no job")))?;
    let job = Job::read(Path::new(&path)).map_err(|error| Failure::Misused(error.to_string()))?;
    if job.stack.is_some() {
        tf::close_up(Path::new(&path))?;
    }
    let wrong = |error: io::Error| Failure::Misused(format!("nothing can run here: {error}"));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(wrong)?;
    // Another one than ring's is not linked.
    drop(rustls::crypto::ring::default_provider().install_default());
    match argv.program() {
        "deploy" => runtime.block_on(deploy::carry_out(&argv, &job)),
        "silence" => runtime.block_on(silence::carry_out(&argv, &job, now())),
        "tf" => runtime.block_on(tf::carry_out(&argv, &job)),
        other => Err(Failure::Misused(format!("there is no driver for `{other}`"))),
    }
}

#[expect(clippy::disallowed_methods, reason = "the one clock of this process; everything below is handed the instant")]
fn now() -> Timestamp {
    let since = std::time::SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
