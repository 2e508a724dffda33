//! The command line: the demo, the checks of the two files, and what an auditor asks.
//!
//! **Invariant:** the only crate besides the tests that reaches both sides, gateway and worker.

pub mod audit;
pub mod check;
pub mod control;
pub mod demo;
pub mod installation;
pub mod key;
pub mod places;
pub mod policy;
pub mod recorder;
pub mod redact;
pub mod solo;

use countersign_service::program::Options;
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
    Test(policy::test::Test),
    /// Says what would come of a line, and why: tier, rules, who must agree.
    Explain(policy::explain::Explain),
    /// Says whether somebody may run a line, and who must agree.
    CanI(policy::who::Question),
    /// Says who could run a line, and who could agree.
    WhoCan(policy::who::Question),
    /// Compares policies, replays requests under another one, prints schemas.
    #[command(subcommand)]
    Policy(Box<policy::Policy>),
    /// Runs an installation in one process: gateway and workers on one host.
    Solo(Options),
    /// Stops all changes in an environment, or everywhere: without chat, without the queue.
    Freeze(Box<control::Stop>),
    /// Allows changes again that were frozen.
    Lift(Box<control::Lifting>),
    /// Takes secrets out of a text: standard input to standard output.
    Redact(redact::Redact),
    /// Makes keys and certificates.
    #[command(subcommand)]
    Key(Box<key::Key>),
    /// Verifies the log, or tells the story of one request.
    #[command(subcommand)]
    Audit(Box<audit::Audit>),
}

impl CommandLine {
    /// Whether it is a program that is installed, and writes its log as its configuration says.
    #[must_use]
    pub const fn is_installed(&self) -> bool {
        matches!(self.what, What::Solo(_))
    }

    /// Does what was asked.
    ///
    /// # Errors
    /// With a text for the person who asked.
    pub async fn run(self) -> anyhow::Result<ExitCode> {
        match self.what {
            What::Demo(demo) => demo.run().await.map(|()| ExitCode::SUCCESS),
            What::Check(check) => check.run(),
            What::Test(test) => test.run(),
            What::Explain(explain) => explain.run(),
            What::CanI(question) => question.can_i(),
            What::WhoCan(question) => question.who_can(),
            What::Policy(policy) => policy.run().await,
            What::Solo(options) => Ok(solo::run(&options).await),
            What::Freeze(stop) => Box::pin(stop.run()).await,
            What::Lift(lifting) => Box::pin(lifting.run()).await,
            What::Redact(redact) => redact.run(),
            What::Key(key) => Box::pin(key.run()).await,
            What::Audit(audit) => Box::pin(audit.run()).await,
        }
    }
}
