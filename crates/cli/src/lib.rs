//! The command line: the demo, the checks of the two files, and what an auditor asks.
//!
//! **Invariant:** the only crate besides the tests that reaches both sides, gateway and worker.

pub mod audit;
pub mod check;
pub mod demo;
pub mod installation;
pub mod recorder;

use std::process::ExitCode;

/// Run infrastructure commands from chat: decided, agreed, jailed, on record.
#[derive(Debug, clap::Parser)]
#[command(name = "countersign", version, arg_required_else_help = true)]
pub struct CommandLine {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Tries everything on this machine: simulated clusters, real jail, real log.
    Demo(demo::serve::Demo),
    /// Checks rbac.yaml and catalog.yaml and names every mistake.
    Check(check::Check),
    /// Runs the cases that say what the policy must decide.
    Test(check::Test),
    /// Verifies the log, or tells the story of one request.
    #[command(subcommand)]
    Audit(audit::Audit),
}

impl CommandLine {
    /// Does what was asked.
    ///
    /// # Errors
    /// With a text for the person who asked.
    pub async fn run(self) -> anyhow::Result<ExitCode> {
        match self.what {
            What::Demo(demo) => demo.run().await.map(|()| ExitCode::SUCCESS),
            What::Check(check) => check.run(),
            What::Test(test) => test.run(),
            What::Audit(audit) => audit.run().await,
        }
    }
}
