//! The worker's part of an installed process: alone in `countersign-worker`, beside a gateway in
//! `countersign solo`.
//!
//! **Invariant:** nothing is claimed before the policy is loaded, the jail proven and the log open.

use crate::host::{Host, HostError, Settings, fresh_name, issuer_settings, job_settings, plan_store};
use crate::{Parts, Worker};
use anyhow::Context as _;
use countersign_audit::log::AuditLog;
use countersign_core::certificate::Role;
use countersign_core::digest::Digest;
use countersign_core::id::KeyId;
use countersign_identity::StaticDirectory;
use countersign_jail::LauncherPath;
use countersign_policy::LivePolicy;
use countersign_queue::Queue;
use countersign_runner::OwnServices;
use countersign_service::config::PolicyFiles;
use countersign_service::health::Health;
use countersign_service::identity::Identity;
use countersign_service::metrics;
use countersign_service::policy::{self, Reloaded};
use countersign_service::program::{Failure, Program};
use countersign_service::revocations::{Freshness, Revocations};
use countersign_service::stores::Stores;
use std::sync::Arc;

/// A worker that was started as its configuration says.
#[derive(Debug)]
pub struct Installed {
    log: AuditLog,
    policy: Arc<LivePolicy>,
    host: Host,
    files: PolicyFiles,
    key: KeyId,
    freshness: Freshness,
    /// Its key is held while the process runs.
    _identity: Identity,
}

impl Installed {
    /// Starts a worker for each pool.
    ///
    /// # Errors
    /// [`Failure`]: the files are wrong, or the host does not allow it.
    pub async fn start(
        program: &Program,
        queue: &Arc<dyn Queue>,
        stores: &Stores,
        binary: Option<Digest>,
    ) -> Result<Self, Failure> {
        let config = &program.config;
        let policy = Arc::new(program.policy().map_err(Failure::Wrong)?);
        let identity = program.identity(Role::Worker).map_err(Failure::Wrong)?;
        let digest_key = program.digest_key().map_err(Failure::Wrong)?;
        let host = open_host(program, &policy).await?;
        let who = (&identity.sealer, &identity.verifier);
        let revocations = Revocations::learn(stores, &identity, &program.clock).await?;
        let log = stores.log(who, digest_key, binary, &program.clock, &program.life.last).await;
        let log = log.map_err(Failure::Unable)?;
        let name = fresh_name(config.worker().name.as_deref());
        for pool in &config.worker().pools {
            metrics::serves(pool);
            Worker::start(Parts {
                name: name.clone(),
                pool: pool.clone(),
                deployment: config.deployment.clone(),
                clock: program.clock.clone(),
                policy: policy.clone(),
                directory: Arc::new(StaticDirectory::new(&config.people)),
                queue: queue.clone(),
                log: log.clone(),
                fate: stores.fate.clone(),
                broker: host.broker(),
                runner: host.runner(),
                sealer: identity.sealer.clone(),
                verifier: identity.verifier.clone(),
                profiles: host.profiles(),
                at_once: config.worker().at_once,
                lease: config.worker().lease,
                tasks: program.life.tasks.clone(),
                stop: program.life.stop.clone(),
                abort: program.life.abort.clone(),
            });
        }
        let freshness = revocations.freshness();
        program.life.last.spawn(revocations.watch(program.life.clone()));
        tracing::info!(worker = name, pools = config.worker().pools.join(","), writer = %log.writer(), "Claiming");
        let key = identity.sealer.key_id();
        Ok(Self { log, policy, host, files: config.policy.clone(), key, freshness, _identity: identity })
    }

    /// Its log.
    #[must_use]
    pub const fn log(&self) -> &AuditLog {
        &self.log
    }

    /// Puts the policy's files as they are now in force, and says how that went.
    pub async fn reload(&self) {
        if policy::reload_and_tell(&self.policy, &self.log, &self.files).await != Some(Reloaded::Changed) {
            return;
        }
        if let Err(error) = self.host.learn(self.policy.current().catalog()) {
            tracing::error!("The new catalog's targets cannot be used, the old ones stay: {error}");
        }
    }

    /// What it needs.
    #[must_use]
    pub fn health(self: &Arc<Self>, health: Health, stores: &Stores) -> Health {
        let this = self.clone();
        let jail = move || {
            let proven = !this.host.profiles().is_empty();
            std::future::ready(if proven { Ok(()) } else { Err("it does not hold what it promises".to_owned()) })
        };
        health
            .needs_log(self.log.clone(), stores.audit.clone(), self.key.clone())
            .needs_revocations(self.freshness.clone())
            .needs("jail", jail)
    }
}

async fn open_host(program: &Program, policy: &Arc<LivePolicy>) -> Result<Host, Failure> {
    let worker = program.config.worker();
    let launcher = LauncherPath::new(&worker.launcher).map_err(Failure::wrong)?;
    let plans = worker.plans.as_ref().map(|plans| plan_store(&program.config.deployment, plans, &program.environment));
    let plans = plans.transpose().map_err(Failure::Wrong)?;
    let settings = Settings {
        launcher,
        jobs: worker.jobs.clone(),
        programs: worker.programs.clone(),
        uids: worker.uids.clone(),
        own_services: OwnServices(countersign_service::own_services::addresses(&program.config).await),
        environment: program.environment.all().clone(),
        extra_credentials: std::collections::BTreeMap::new(),
        issuers: issuer_settings(&worker.issuers),
        clock: program.clock.clone(),
        plans: plans.map(Arc::new),
    };
    let policy = policy.clone();
    let open = if worker.jobs_in.is_some() { Host::open_for_jobs } else { Host::open };
    let opened = tokio::task::spawn_blocking(move || open(settings, policy.current().catalog())).await;
    let mut host =
        opened.context("preparing the jail died").map_err(Failure::Unable)?.map_err(|error| match error {
            HostError::Address(..) | HostError::Stack(..) => Failure::wrong(error),
            other => Failure::unable(other),
        })?;
    if let Some(jobs) = &worker.jobs_in {
        let settings = job_settings(jobs, &program.life.last).map_err(Failure::Wrong)?;
        host = Box::pin(host.with_jobs(settings)).await.map_err(Failure::unable)?;
    }
    for (name, why) in host.missing() {
        tracing::warn!(program = name, why, "It cannot be used, so nothing that needs it runs here");
    }
    Ok(host)
}
