//! How an installed program begins: arguments, configuration, runtime, exit code.
//!
//! **Invariant:** everything that can be wrong with the files is found before anything is opened,
//! and all of it is said at once.

use crate::config::{Config, Environment, Part};
use crate::health::Health;
use crate::identity::Identity;
use crate::life::{Ending, Life, Signals};
use crate::listening::{listen, serve};
use crate::revocations::Unlearned;
use crate::stores::{Opening, Stores};
use crate::telemetry;
use crate::{metrics, policy};
use anyhow::Context as _;
use countersign_audit::clock::SystemClock;
use countersign_audit::keys::DigestKey;
use countersign_core::certificate::Role;
use countersign_core::time::Clock;
use countersign_identity::StaticDirectory;
use countersign_policy::{LivePolicy, Overrides, Source};
use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

/// What every installed program is asked.
#[derive(Debug, Clone, clap::Args)]
pub struct Options {
    /// This process's configuration.
    #[arg(long, value_name = "FILE")]
    pub config: PathBuf,
    /// Reads the configuration and every file it names, says what is wrong, and starts nothing.
    #[arg(long)]
    pub check: bool,
}

/// Why a program did not start.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The configuration, or a file it names, is wrong: exit code 2.
    #[error("{0:#}")]
    Wrong(anyhow::Error),
    /// The host or a dependency does not allow a start: exit code 3.
    #[error("{0:#}")]
    Unable(anyhow::Error),
}

impl Failure {
    /// The configuration is wrong.
    pub fn wrong(error: impl Into<anyhow::Error>) -> Self {
        Self::Wrong(error.into())
    }

    /// Something does not allow a start.
    pub fn unable(error: impl Into<anyhow::Error>) -> Self {
        Self::Unable(error.into())
    }

    const fn code(&self) -> u8 {
        match self {
            Self::Wrong(_) => 2,
            Self::Unable(_) => 3,
        }
    }
}

/// A revoked key does not become right by itself, an outage does.
impl From<Unlearned> for Failure {
    fn from(error: Unlearned) -> Self {
        match error {
            Unlearned::Own { .. } => Self::wrong(error),
            Unlearned::Unread(_) => Self::unable(error),
        }
    }
}

/// A program whose configuration was read.
#[derive(Debug)]
pub struct Program {
    /// What it was told.
    pub config: Config,
    /// What `env:` references mean.
    pub environment: Environment,
    /// Where time comes from.
    pub clock: Arc<dyn Clock>,
    /// Its tasks.
    pub life: Life,
    /// What it listens to.
    pub signals: Signals,
    part: Part,
}

impl Program {
    /// Runs an installed program in a runtime of its own: reads, checks, starts.
    pub fn main(part: Part, options: &Options, start: impl AsyncFnOnce(Self) -> Result<Ending, Failure>) -> ExitCode {
        if rustls::crypto::ring::default_provider().install_default().is_err() {
            eprintln!("another TLS backend is linked; this build is not to be used");
            return ExitCode::from(3);
        }
        let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
            Ok(runtime) => runtime,
            Err(error) => {
                eprintln!("cannot start: {error}");
                return ExitCode::from(3);
            }
        };
        let code = runtime.block_on(Self::enter(part, options, start));
        // Whatever still blocks has had its time.
        runtime.shutdown_background();
        code
    }

    /// The same within a runtime that is there already.
    pub async fn enter(
        part: Part,
        options: &Options,
        start: impl AsyncFnOnce(Self) -> Result<Ending, Failure>,
    ) -> ExitCode {
        let outcome = match Self::read(part, options) {
            Ok(program) if options.check => {
                return match program.check() {
                    0 => {
                        println!("{}\nThe configuration is right.", program.config.audit);
                        for remark in program.config.audit.remarks() {
                            println!("Look at this: {remark}.");
                        }
                        ExitCode::SUCCESS
                    }
                    _ => ExitCode::from(2),
                };
            }
            Ok(program) => {
                telemetry::start(program.config.log);
                telemetry::quiet_panics(program.life.died.clone());
                Box::pin(start(program)).await
            }
            Err(failure) => Err(failure),
        };
        match outcome {
            Ok(Ending::Drained) => ExitCode::SUCCESS,
            Ok(Ending::Cut) => ExitCode::from(1),
            Err(failure) => {
                eprintln!("{failure}");
                ExitCode::from(failure.code())
            }
        }
    }

    fn read(part: Part, options: &Options) -> Result<Self, Failure> {
        let path = &options.config;
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("`{}` cannot be read", path.display()))
            .map_err(Failure::Wrong)?;
        let environment = Environment::new(
            std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?))),
        );
        let file = Source::new(path.display().to_string(), text);
        let config = Config::read(part, &file, &environment).map_err(Failure::wrong)?;
        let signals = Signals::listen().map_err(Failure::unable)?;
        Ok(Self { config, environment, clock: Arc::new(SystemClock), life: Life::new(), signals, part })
    }

    /// Says everything that is wrong with the files the configuration names; how much that is.
    fn check(&self) -> usize {
        let config = &self.config;
        let mut wrong: Vec<String> = Vec::new();
        let mut note = |outcome: anyhow::Result<()>| wrong.extend(outcome.err().map(|error| format!("{error:#}")));
        note(self.policy().map(drop));
        note(StaticDirectory::new(&config.people).check().map_err(anyhow::Error::from));
        note(DigestKey::load(&config.keys.digest).map(drop).map_err(anyhow::Error::from));
        let own = if self.part.speaks() { Role::Gateway } else { Role::Worker };
        let keys =
            std::iter::once((&config.keys.process, own)).chain(config.keys.worker.iter().map(|it| (it, Role::Worker)));
        for (files, role) in keys {
            let found = Identity::look(files, &config.keys.root, &config.deployment, role, self.clock.as_ref());
            note(found.and_then(|found| self.pools_are_certified(role, &found.pools)));
        }
        if let crate::config::Queue::Redis(redis) = &config.queue {
            note(crate::queue::settings(redis, config, &self.environment).map(drop));
        }
        if let Some(slack) = &config.slack {
            let previous = slack.previous_signing_secret.iter();
            for secret in [&slack.signing_secret, &slack.bot_token].into_iter().chain(previous) {
                note(secret.read(&self.environment).map(drop).map_err(anyhow::Error::from));
            }
        }
        let plans = config.worker.as_ref().and_then(|worker| worker.plans.as_ref());
        if let Some(plans) = plans {
            note(plans.key.read(&self.environment).map(drop).map_err(anyhow::Error::from));
        }
        let buckets = config.audit.buckets().chain(plans.and_then(crate::config::Plans::bucket));
        for key in buckets.filter_map(|bucket| bucket.access_key.as_ref()) {
            for secret in [&key.id, &key.secret] {
                note(secret.read(&self.environment).map(drop).map_err(anyhow::Error::from));
            }
        }
        for path in config.worker.iter().flat_map(|it| it.programs.values().chain([&it.launcher])) {
            note(std::fs::File::open(path).map(drop).with_context(|| format!("`{}` cannot be read", path.display())));
        }
        for line in &wrong {
            eprintln!("{line}");
        }
        wrong.len()
    }

    fn pools_are_certified(&self, role: Role, certified: &[String]) -> anyhow::Result<()> {
        let pools = self.config.worker.iter().filter(|_| role == Role::Worker).flat_map(|worker| &worker.pools);
        for pool in pools {
            anyhow::ensure!(certified.contains(pool), "the certificate of this worker does not name pool `{pool}`");
        }
        Ok(())
    }

    /// The policy as its files are now.
    ///
    /// # Errors
    /// Every mistake.
    pub fn policy(&self) -> anyhow::Result<LivePolicy> {
        let (sources, cases) = policy::read(&self.config.policy)?;
        let live = LivePolicy::load(sources, &cases, Overrides::default())?;
        policy::cast_shadow(&live, &self.config.policy);
        Ok(live)
    }

    /// The log's stores, as they were configured.
    ///
    /// # Errors
    /// See [`Stores::open`].
    pub async fn stores(&self) -> anyhow::Result<Stores> {
        let opening = Opening {
            places: &self.config.audit,
            deployment: &self.config.deployment,
            process: &self.config.keys.process.name,
            environment: &self.environment,
            clock: &self.clock,
        };
        Stores::open(opening).await
    }

    /// A process's key, taken for this process; a worker's must name all pools it serves.
    ///
    /// # Errors
    /// See [`Identity::take`].
    pub fn identity(&self, role: Role) -> anyhow::Result<Identity> {
        let keys = &self.config.keys;
        let files = keys.worker.as_ref().filter(|_| role == Role::Worker).unwrap_or(&keys.process);
        let identity = Identity::take(files, &keys.root, &self.config.deployment, role, self.clock.as_ref())?;
        self.pools_are_certified(role, &identity.pools)?;
        metrics::certificate(role, identity.not_after);
        Ok(identity)
    }

    /// The directory file is needed, and readable as people know it.
    #[must_use]
    pub fn people(&self, health: Health) -> Health {
        let people = StaticDirectory::new(&self.config.people);
        health.needs("people", move || {
            std::future::ready(
                people.check().map_err(|wrong| format!("{} mistakes in the directory file", wrong.0.len())),
            )
        })
    }

    /// Serves the three pages to the very end.
    ///
    /// # Errors
    /// When the address is taken.
    pub async fn serve_health(&self, health: Health) -> anyhow::Result<()> {
        let listener = listen("health", self.config.listen).await?;
        self.life.last.spawn(serve(listener, health.router(), self.life.end.clone()));
        Ok(())
    }

    /// The key for keyed digests.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn digest_key(&self) -> anyhow::Result<DigestKey> {
        Ok(DigestKey::load(&self.config.keys.digest)?)
    }
}

/// A line for whoever started the program. Nobody reading is no reason to end.
pub fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}
