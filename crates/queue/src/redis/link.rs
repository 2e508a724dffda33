//! The connection that all calls share, and how it comes back.
//!
//! **Invariant:** a call ends within the deadline, connecting included. A connection that failed
//! once is not used again. No text of the server's reaches a log: it may be anybody's.

use super::settings::{RedisAddress, RedisSettings, SettingsError};
use crate::error::Unavailable;
use ::redis::aio::{MultiplexedConnection, PubSub};
use ::redis::sentinel::{SentinelClient, SentinelClientBuilder, SentinelServerType};
use ::redis::{
    AsyncConnectionConfig, Client, ConnectionAddr, ErrorKind, IntoConnectionInfo as _, RedisConnectionInfo, RedisError,
    RedisResult, ServerErrorKind, TlsCertificates, TlsMode,
};
use secrecy::ExposeSecret as _;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;

/// What went wrong, in our own words.
#[derive(Debug, thiserror::Error)]
pub(super) enum Trouble {
    #[error("Redis did not answer in time")]
    Late,
    #[error("Redis cannot be reached")]
    Unreachable,
    #[error("Redis does not let this user do that")]
    NotPermitted,
    #[error("Redis is a replica, is loading, or cannot write")]
    NotReady,
    #[error("Redis answered something else than was asked")]
    Nonsense,
}

impl Trouble {
    fn of(error: &RedisError) -> Self {
        if error.is_timeout() {
            return Self::Late;
        }
        if error.is_io_error() || error.is_connection_dropped() || error.is_connection_refusal() {
            return Self::Unreachable;
        }
        match error.kind() {
            ErrorKind::AuthenticationFailed | ErrorKind::Server(ServerErrorKind::NoPerm) => Self::NotPermitted,
            ErrorKind::Server(
                ServerErrorKind::ReadOnly
                | ServerErrorKind::BusyLoading
                | ServerErrorKind::MasterDown
                | ServerErrorKind::TryAgain,
            ) => Self::NotReady,
            _ => match error.code() {
                Some("NOPERM" | "NOAUTH" | "WRONGPASS") => Self::NotPermitted,
                Some("READONLY" | "LOADING" | "OOM" | "MISCONF" | "NOREPLICAS" | "MASTERDOWN") => Self::NotReady,
                _ => Self::Nonsense,
            },
        }
    }

    /// Whether another connection may do better.
    const fn breaks(&self) -> bool {
        matches!(self, Self::Late | Self::Unreachable | Self::NotReady)
    }
}

/// Cheap to clone.
#[derive(Clone)]
pub(super) struct Link(Arc<Inner>);

struct Inner {
    source: Source,
    deadline: Duration,
    /// The present connection and how many there were before.
    present: Mutex<(u64, Option<MultiplexedConnection>)>,
}

enum Source {
    Server(Box<Client>),
    Sentinel(Box<Mutex<SentinelClient>>),
}

impl Link {
    pub(super) fn new(settings: RedisSettings) -> Result<Self, SettingsError> {
        let deadline = settings.deadline;
        let source = source(&settings).map_err(|error| {
            // The library's text names the setting, and was made before any server was asked.
            SettingsError::Client(error.category().to_owned())
        })?;
        Ok(Self(Arc::new(Inner { source, deadline, present: Mutex::new((0, None)) })))
    }

    /// Does something with the shared connection.
    pub(super) async fn with<T>(
        &self,
        ask: impl AsyncFnOnce(MultiplexedConnection) -> RedisResult<T>,
    ) -> Result<T, Unavailable> {
        let mut used = None;
        let asked = async {
            let (number, connection) = self.connection().await?;
            used = Some(number);
            ask(connection).await
        };
        let answer = tokio::time::timeout(self.0.deadline, asked).await;
        let trouble = match answer {
            Ok(Ok(value)) => return Ok(value),
            Ok(Err(error)) => Trouble::of(&error),
            Err(_) => Trouble::Late,
        };
        if let Some(number) = used.filter(|_| trouble.breaks()) {
            let mut present = self.0.present.lock().await;
            if present.0 == number {
                present.1 = None;
            }
        }
        Err(Unavailable::new(trouble))
    }

    async fn connection(&self) -> RedisResult<(u64, MultiplexedConnection)> {
        let mut present = self.0.present.lock().await;
        if let Some(connection) = &present.1 {
            return Ok((present.0, connection.clone()));
        }
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(self.0.deadline))
            .set_response_timeout(Some(self.0.deadline));
        let connection = match &self.0.source {
            Source::Server(client) => client.get_multiplexed_async_connection_with_config(&config).await?,
            Source::Sentinel(sentinel) => sentinel.lock().await.get_async_connection_with_config(&config).await?,
        };
        *present = (present.0 + 1, Some(connection.clone()));
        Ok((present.0, connection))
    }

    /// The next call makes a new connection.
    pub(super) async fn forget_connection(&self) {
        self.0.present.lock().await.1 = None;
    }

    /// A connection of its own, for news.
    pub(super) async fn news(&self) -> Result<PubSub, Trouble> {
        let connecting = async {
            match &self.0.source {
                Source::Server(client) => client.get_async_pubsub().await,
                Source::Sentinel(sentinel) => {
                    let client = sentinel.lock().await.async_get_client().await?;
                    client.get_async_pubsub().await
                }
            }
        };
        match tokio::time::timeout(self.0.deadline * 2, connecting).await {
            Ok(connected) => connected.map_err(|error| Trouble::of(&error)),
            Err(_) => Err(Trouble::Late),
        }
    }
}

fn source(settings: &RedisSettings) -> RedisResult<Source> {
    let certificates = TlsCertificates {
        client_tls: None,
        root_cert: settings.tls.as_ref().and_then(|tls| tls.ca.as_ref()).map(|ca| ca.clone().into_bytes()),
    };
    let address = |host: &str, port: u16| match settings.tls {
        Some(_) => ConnectionAddr::TcpTls { host: host.to_owned(), port, insecure: false, tls_params: None },
        None => ConnectionAddr::Tcp(host.to_owned(), port),
    };
    match &settings.address {
        RedisAddress::Server(host, port) => {
            let mut login = RedisConnectionInfo::default();
            if let Some(user) = &settings.user {
                login = login.set_username(user);
            }
            if let Some(password) = &settings.password {
                login = login.set_password(password.expose_secret());
            }
            let info = address(host, *port).into_connection_info()?.set_redis_settings(login);
            let client = match settings.tls {
                Some(_) => Client::build_with_tls(info, certificates)?,
                None => Client::open(info)?,
            };
            Ok(Source::Server(Box::new(client)))
        }
        RedisAddress::Sentinel { nodes, master } => {
            let nodes: Vec<ConnectionAddr> = nodes.iter().map(|(host, port)| address(host, *port)).collect();
            let mut builder = SentinelClientBuilder::new(nodes, master.clone(), SentinelServerType::Master)?;
            if let Some(user) = &settings.user {
                builder = builder.set_client_to_redis_username(user);
            }
            if let Some(password) = &settings.password {
                builder = builder.set_client_to_redis_password(password.expose_secret());
            }
            if settings.tls.is_some() {
                builder = builder
                    .set_client_to_redis_tls_mode(TlsMode::Secure)
                    .set_client_to_redis_certificates(certificates.clone())
                    .set_client_to_sentinel_tls_mode(TlsMode::Secure)
                    .set_client_to_sentinel_certificates(certificates);
            }
            Ok(Source::Sentinel(Box::new(Mutex::new(builder.build()?))))
        }
    }
}
