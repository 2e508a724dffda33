//! `countersign solo`: a gateway and its workers in one process, on one host.
//!
//! **Invariant:** the two sides have their own keys, streams and copies of the policy, and meet in
//! the queue alone, as they would apart.

use countersign_gateway::installed::Installed as Gateway;
use countersign_service::config::Part;
use countersign_service::health::Health;
use countersign_service::identity::running_binary;
use countersign_service::life::{Ending, Reload};
use countersign_service::program::{self, Failure, Options, Program};
use countersign_service::{metrics, queue};
use countersign_worker::host::installed::Installed as Worker;
use std::process::ExitCode;
use std::sync::Arc;

/// Runs until it is told to end.
pub async fn run(options: &Options) -> ExitCode {
    Program::enter(Part::Solo, options, start).await
}

async fn start(program: Program) -> Result<Ending, Failure> {
    let numbers = metrics::Numbers::start();
    let stores = program.stores().await.map_err(Failure::Unable)?;
    let opened = queue::open(&program.config, &program.environment, &program.life).map_err(Failure::Unable)?;
    let binary = running_binary();
    let worker = Arc::new(Worker::start(&program, &opened.queue, &stores, binary).await?);
    let gateway = Arc::new(Gateway::start(&program, &opened.queue, &stores, binary).await?);
    let health = opened.health(Health::new(numbers, program.life.stop.clone(), program.clock.clone()));
    let health = gateway.health(worker.health(health, &stores), &stores);
    program.serve_health(program.people(health)).await.map_err(Failure::Unable)?;
    gateway.serve(&program).await.map_err(Failure::Unable)?;
    program::say("ready");
    let logs = vec![gateway.log().clone(), worker.log().clone()];
    let reload: Reload = Arc::new(move || {
        let (gateway, worker) = (gateway.clone(), worker.clone());
        Box::pin(async move {
            gateway.reload().await;
            worker.reload().await;
        })
    });
    Ok(program.life.run(program.signals, program.config.drain, &logs, reload).await)
}
