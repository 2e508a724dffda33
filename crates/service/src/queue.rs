//! The queue a process was told to use.

use crate::config::Environment;
use crate::config::{Config, Queue as Configured, Redis, RedisAddress};
use crate::health::Health;
use crate::life::Life;
use anyhow::Context as _;
use countersign_queue::redis::{RedisAddress as Address, RedisTls};
use countersign_queue::{EmbeddedQueue, Queue, RedisQueue, RedisSettings};
use std::sync::Arc;

/// An open queue.
#[derive(Debug, Clone)]
pub struct Opened {
    /// The queue.
    pub queue: Arc<dyn Queue>,
    /// The same, when it is another process.
    redis: Option<RedisQueue>,
}

impl Opened {
    /// It is needed.
    #[must_use]
    pub fn health(&self, health: Health) -> Health {
        let this = self.clone();
        health.needs("queue", move || {
            let this = this.clone();
            async move { this.ping().await }
        })
    }

    /// Whether it answers.
    ///
    /// # Errors
    /// What is said to whoever asks whether this process is ready.
    pub async fn ping(&self) -> Result<(), String> {
        match &self.redis {
            Some(redis) => redis.ping().await.map_err(|error| error.to_string()),
            None => Ok(()),
        }
    }
}

/// Opens the queue. Redis need not be there yet.
///
/// # Errors
/// When its settings cannot be used, or its file is not to be had.
pub fn open(config: &Config, environment: &Environment, life: &Life) -> anyhow::Result<Opened> {
    match &config.queue {
        Configured::Embedded(path) => {
            let queue = EmbeddedQueue::open(path).with_context(|| {
                format!("the queue `{}` cannot be opened; one process alone has it", path.display())
            })?;
            Ok(Opened { queue: Arc::new(queue), redis: None })
        }
        Configured::Redis(redis) => {
            let settings = settings(redis, config, environment)?;
            let queue = RedisQueue::connect(settings, &life.last, life.end.clone())?;
            Ok(Opened { queue: Arc::new(queue.clone()), redis: Some(queue) })
        }
    }
}

/// What the adapter wants to know.
///
/// # Errors
/// When the password or the authority cannot be read.
pub fn settings(redis: &Redis, config: &Config, environment: &Environment) -> anyhow::Result<RedisSettings> {
    // With a gateway in the same process its user serves both, and has a right to all pools.
    let worker = config.worker.as_ref().filter(|_| config.slack.is_none());
    let pools = worker.map(|worker| worker.pools.clone()).unwrap_or_default();
    let ca = redis
        .ca
        .as_ref()
        .map(|path| std::fs::read_to_string(path).with_context(|| format!("`{}` cannot be read", path.display())));
    let address = match redis.address.clone() {
        RedisAddress::Server(host, port) => Address::Server(host, port),
        RedisAddress::Sentinel { nodes, master } => Address::Sentinel { nodes, master },
    };
    Ok(RedisSettings {
        address,
        user: redis.user.clone(),
        password: redis.password.as_ref().map(|secret| secret.read(environment)).transpose()?,
        tls: if redis.tls { Some(RedisTls { ca: ca.transpose()? }) } else { None },
        name: config.deployment.clone(),
        pools,
        deadline: redis.deadline,
    })
}
