//! Where Redis is and who we are there.

use secrecy::SecretString;
use std::time::Duration;

/// One server, or the names of those who know which one is the master.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RedisAddress {
    /// Host and port.
    Server(String, u16),
    /// Sentinel.
    Sentinel {
        /// Host and port of each Sentinel.
        nodes: Vec<(String, u16)>,
        /// The name they know the master by.
        master: String,
    },
}

/// How the connection is encrypted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RedisTls {
    /// The authority that signed the server's certificate, PEM; the system's when absent.
    pub ca: Option<String>,
}

/// Everything a process needs to reach its queue.
#[derive(Debug, Clone)]
pub struct RedisSettings {
    /// Where.
    pub address: RedisAddress,
    /// The ACL user; `None` is Redis' default user.
    pub user: Option<String>,
    /// Its password.
    pub password: Option<SecretString>,
    /// Encryption; `None` is plain TCP.
    pub tls: Option<RedisTls>,
    /// Name of the installation: letters, digits, `.`, `_`, `-`. Part of every key.
    pub name: String,
    /// The pools whose keys this user has a right to; empty for a gateway, which has it to all.
    pub pools: Vec<String>,
    /// After so long a call answers that the queue is away.
    pub deadline: Duration,
}

/// Which channels a process listens to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Channels {
    /// `{cs:NAME}:`.
    pub(super) prefix: String,
    /// Patterns, each as the access list writes it: Redis compares the two letter by letter.
    pub(super) patterns: Vec<String>,
}

/// Why settings cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The name would break out of its keys.
    #[error("`{0}` cannot be the name of a queue: 1 to 64 letters, digits, `.`, `_` or `-`")]
    Name(String),
    /// The client library refused; its text holds no secret.
    #[error("these settings cannot be used for Redis: {0}")]
    Client(String),
}

impl RedisSettings {
    /// A server without password and encryption, as on one machine.
    #[must_use]
    pub fn plain(host: impl Into<String>, port: u16, name: impl Into<String>) -> Self {
        Self {
            address: RedisAddress::Server(host.into(), port),
            user: None,
            password: None,
            tls: None,
            name: name.into(),
            pools: Vec::new(),
            deadline: Duration::from_secs(1),
        }
    }

    /// A gateway hears of everything; a worker of its pools, and of freezes.
    pub(super) fn channels(&self) -> Result<Channels, SettingsError> {
        let prefix = self.prefix()?;
        let of_pool = |pool: &String| format!("{}news:*", super::pool_prefix(&prefix, pool));
        let mut patterns: Vec<String> = self.pools.iter().map(of_pool).collect();
        patterns.push(format!("{prefix}{}", if patterns.is_empty() { "*" } else { "news:*" }));
        Ok(Channels { prefix, patterns })
    }

    pub(super) fn prefix(&self) -> Result<String, SettingsError> {
        let is_fine = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        if self.name.is_empty() || self.name.len() > 64 || !self.name.chars().all(is_fine) {
            return Err(SettingsError::Name(self.name.chars().take(80).collect()));
        }
        Ok(format!("{{cs:{}}}:", self.name))
    }
}
