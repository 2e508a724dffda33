//! The `countersign-gateway` program.

use clap::Parser as _;
use countersign_gateway::installed::Installed;
use countersign_service::health::Health;
use countersign_service::identity::running_binary;
use countersign_service::life::{Ending, Reload};
use countersign_service::program::{self, Failure, Options, Program};
use countersign_service::{Part, metrics, queue};
use std::process::ExitCode;
use std::sync::Arc;

/// Receives what people type in Slack, decides, collects approvals, seals and reports.
#[derive(Debug, clap::Parser)]
#[command(name = "countersign-gateway", version)]
struct Arguments {
    #[command(flatten)]
    options: Options,
}

fn main() -> ExitCode {
    Program::main(Part::Gateway, &Arguments::parse().options, run)
}

async fn run(program: Program) -> Result<Ending, Failure> {
    let numbers = metrics::Numbers::start();
    let stores = program.stores().await.map_err(Failure::Unable)?;
    let opened = queue::open(&program.config, &program.environment, &program.life).map_err(Failure::Unable)?;
    let gateway = Arc::new(Installed::start(&program, &opened.queue, &stores, running_binary()).await?);
    let health = opened.health(Health::new(numbers, program.life.stop.clone(), program.clock.clone()));
    let health = program.people(gateway.health(health, &stores));
    program.serve_health(health).await.map_err(Failure::Unable)?;
    gateway.serve(&program).await.map_err(Failure::Unable)?;
    program::say("ready");
    let (logs, reloaded) = (vec![gateway.log().clone()], gateway.clone());
    let reload: Reload = Arc::new(move || {
        let gateway = reloaded.clone();
        Box::pin(async move { gateway.reload().await })
    });
    Ok(program.life.run(program.signals, program.config.drain, &logs, reload).await)
}
