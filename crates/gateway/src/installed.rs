//! The gateway's part of an installed process, and Slack before it: alone in
//! `countersign-gateway`, beside a worker in `countersign solo`.
//!
//! **Invariant:** Slack is not listened to before the policy is loaded and the log open; its
//! secrets are read from where they are, replaced when they change, and never shown.

use crate::{Gateway, Parts};
use countersign_audit::log::AuditLog;
use countersign_core::certificate::Role;
use countersign_core::digest::Digest;
use countersign_core::id::KeyId;
use countersign_core::time::Clock;
use countersign_identity::StaticDirectory;
use countersign_policy::LivePolicy;
use countersign_queue::Queue;
use countersign_service::config::{Environment, PolicyFiles, SecretError, Slack};
use countersign_service::health::Health;
use countersign_service::identity::Identity;
use countersign_service::listening::{listen, serve};
use countersign_service::program::{Failure, Program};
use countersign_service::revocations::{Freshness, Revocations};
use countersign_service::stores::Stores;
use countersign_service::{policy, telemetry};
use countersign_slack::inbound::{Allowed, Front, Secrets, Settings, Setup};
use countersign_slack::{People, SlackApi, SlackThreads, Token, Web};
use std::sync::Arc;
use std::time::Duration;

/// How long Slack's word about the token is believed.
const BELIEVED: Duration = Duration::from_mins(1);

/// And how long its refusal is.
const DOUBTED: Duration = Duration::from_secs(5);

/// A gateway that was started as its configuration says.
#[derive(Debug)]
pub struct Installed {
    gateway: Gateway,
    log: AuditLog,
    policy: Arc<LivePolicy>,
    files: PolicyFiles,
    key: KeyId,
    slack: Arc<Wire>,
    freshness: Freshness,
    /// Its key is held while the process runs.
    _identity: Identity,
}

/// Slack, as it was configured.
#[derive(Debug)]
struct Wire {
    configured: Slack,
    environment: Environment,
    api: Arc<dyn SlackApi>,
    token: Token,
    secrets: Secrets,
    clock: Arc<dyn Clock>,
    /// When the token was last tried (boot time), and what Slack said.
    tried: tokio::sync::Mutex<Option<(Duration, Result<(), String>)>>,
}

impl Installed {
    /// Starts the gateway; Slack is not listened to yet.
    ///
    /// # Errors
    /// [`Failure`]: a file is wrong, or a store does not allow it.
    pub async fn start(
        program: &Program,
        queue: &Arc<dyn Queue>,
        stores: &Stores,
        binary: Option<Digest>,
    ) -> Result<Self, Failure> {
        let config = &program.config;
        let policy = Arc::new(program.policy().map_err(Failure::Wrong)?);
        let identity = program.identity(Role::Gateway).map_err(Failure::Wrong)?;
        let digest_key = program.digest_key().map_err(Failure::Wrong)?;
        let slack = Arc::new(Wire::new(program)?);
        let who = (&identity.sealer, &identity.verifier);
        let revocations = Revocations::learn(stores, &identity, &program.clock).await?;
        let log = stores.log(who, digest_key, binary, &program.clock, &program.life.last).await;
        let log = log.map_err(Failure::Unable)?;
        let chat = SlackThreads::new(slack.api.clone(), program.clock.clone(), program.life.tasks.clone());
        let gateway = Gateway::start(Parts {
            deployment: config.deployment.clone(),
            clock: program.clock.clone(),
            policy: policy.clone(),
            directory: Arc::new(StaticDirectory::new(&config.people)),
            queue: queue.clone(),
            log: log.clone(),
            chat: Arc::new(chat),
            sealer: identity.sealer.clone(),
            verifier: identity.verifier.clone(),
            tasks: program.life.tasks.clone(),
            stop: program.life.stop.clone(),
        });
        let freshness = revocations.freshness();
        program.life.last.spawn(revocations.watch(program.life.clone()));
        tracing::info!(writer = %log.writer(), "Deciding");
        let (files, key) = (config.policy.clone(), identity.sealer.key_id());
        Ok(Self { gateway, log, policy, files, key, slack, freshness, _identity: identity })
    }

    /// Its stream of the log.
    #[must_use]
    pub const fn log(&self) -> &AuditLog {
        &self.log
    }

    /// Listens to Slack until the process is told to end.
    ///
    /// # Errors
    /// When the address is taken or not this host's.
    pub async fn serve(&self, program: &Program) -> anyhow::Result<()> {
        let listener = listen("slack", self.slack.configured.listen).await?;
        let front = self.slack.front(Arc::new(self.gateway.clone()), program);
        program.life.tasks.spawn(serve(listener, front.router(), program.life.stop.clone()));
        Ok(())
    }

    /// Puts the policy's files and Slack's secrets as they are now in force, and says how that went.
    pub async fn reload(&self) {
        policy::reload_and_tell(&self.policy, &self.log, &self.files).await;
        match self.slack.reload().await {
            Ok(()) => tracing::info!("Slack's secrets were read again"),
            Err(error) => tracing::error!("Slack's secrets stay as they are: {}", telemetry::chain(&error)),
        }
    }

    /// What it needs.
    #[must_use]
    pub fn health(&self, health: Health, stores: &Stores) -> Health {
        let slack = self.slack.clone();
        let token = move || {
            let slack = slack.clone();
            async move { slack.token_works().await }
        };
        health
            .needs_log(self.log.clone(), stores.audit.clone(), self.key.clone())
            .needs_revocations(self.freshness.clone())
            .needs("slack", token)
    }
}

impl Wire {
    fn new(program: &Program) -> Result<Self, Failure> {
        let configured = program.config.slack().clone();
        let read = |from: &Slack| -> Result<_, SecretError> {
            let (current, previous) = signing(from, &program.environment)?;
            Ok((Token::new(from.bot_token.read(&program.environment)?), Secrets::new(current, previous)))
        };
        let (token, secrets) = read(&configured).map_err(Failure::wrong)?;
        let api = Arc::new(Web::new(&configured.api, token.clone()).map_err(Failure::wrong)?);
        Ok(Self {
            configured,
            environment: program.environment.clone(),
            api,
            token,
            secrets,
            clock: program.clock.clone(),
            tried: tokio::sync::Mutex::default(),
        })
    }

    fn front(&self, gate: Arc<Gateway>, program: &Program) -> Front {
        let allowed = Allowed {
            app: self.configured.app.clone(),
            teams: self.configured.teams.iter().cloned().collect(),
            enterprises: self.configured.enterprises.iter().cloned().collect(),
        };
        Front::new(Setup {
            settings: Settings::new(allowed, self.secrets.clone()),
            gate,
            api: self.api.clone(),
            people: Arc::new(People::new(self.api.clone())),
            clock: program.clock.clone(),
            tasks: program.life.tasks.clone(),
        })
    }

    /// All of them or none.
    async fn reload(&self) -> Result<(), SecretError> {
        let (current, previous) = signing(&self.configured, &self.environment)?;
        let token = self.configured.bot_token.read(&self.environment)?;
        self.secrets.replace(current, previous);
        self.token.replace(token);
        *self.tried.lock().await = None;
        Ok(())
    }

    /// Whether Slack takes the token. It is not asked more often than it must be.
    async fn token_works(&self) -> Result<(), String> {
        let mut tried = self.tried.lock().await;
        let now = self.clock.boottime();
        if let Some((at, said)) = tried.as_ref() {
            let fresh = if said.is_ok() { BELIEVED } else { DOUBTED };
            if now.saturating_sub(*at) < fresh {
                return said.clone();
            }
        }
        let said = self.api.auth_test().await.map_err(|error| error.to_string());
        *tried = Some((now, said.clone()));
        said
    }
}

type Signing = (secrecy::SecretString, Option<secrecy::SecretString>);

fn signing(slack: &Slack, environment: &Environment) -> Result<Signing, SecretError> {
    let previous = slack.previous_signing_secret.as_ref().map(|secret| secret.read(environment)).transpose()?;
    Ok((slack.signing_secret.read(environment)?, previous))
}
