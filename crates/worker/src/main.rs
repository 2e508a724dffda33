//! The `countersign-worker` program.

use clap::Parser as _;
use countersign_service::health::Health;
use countersign_service::identity::running_binary;
use countersign_service::life::{Ending, Reload};
use countersign_service::program::{self, Failure, Options, Program};
use countersign_service::{Part, metrics, queue};
use countersign_worker::host::installed::Installed;
use std::process::ExitCode;
use std::sync::Arc;

/// Claims, verifies, records, runs and closes what gateways sealed.
#[derive(Debug, clap::Parser)]
#[command(name = "countersign-worker", version)]
struct Arguments {
    #[command(flatten)]
    options: Options,
}

fn main() -> ExitCode {
    Program::main(Part::Worker, &Arguments::parse().options, run)
}

async fn run(program: Program) -> Result<Ending, Failure> {
    let numbers = metrics::Numbers::start();
    let stores = program.stores().await.map_err(Failure::Unable)?;
    let opened = queue::open(&program.config, &program.environment, &program.life).map_err(Failure::Unable)?;
    let worker = Arc::new(Installed::start(&program, &opened.queue, &stores, running_binary()).await?);
    let health = opened.health(Health::new(numbers, program.life.stop.clone(), program.clock.clone()));
    let health = program.people(worker.health(health, &stores));
    program.serve_health(health).await.map_err(Failure::Unable)?;
    program::say("ready");
    let (logs, reloaded) = (vec![worker.log().clone()], worker.clone());
    let reload: Reload = Arc::new(move || {
        let worker = reloaded.clone();
        Box::pin(async move { worker.reload().await })
    });
    Ok(program.life.run(program.signals, program.config.drain, &logs, reload).await)
}
