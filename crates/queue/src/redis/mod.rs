//! The queue between processes: one Redis, or a master that Sentinel names.
//!
//! **Invariant:** every step is one script, so it happens whole or not at all; the time is always
//! the caller's; a value that cannot be read is treated as absent, whoever put it there. Numbers
//! (fences, order, feed) grow even after the server has lost everything, because they are at
//! least its time in microseconds.
//!
//! What a worker may touch lies below `{cs:NAME}:pool:POOL:`, apart from the invocations' pools, which it may read:
//! so each pool has a user of its own, to whom the work of the others is not there (`deploy/redis/users.acl`).
//!
//! Every call answers within a deadline: a queue that is away says so, and works again by itself
//! when it is back. Nothing blocks on the shared connection; news come over one of their own.

mod board;
mod feed;
mod link;
mod listen;
mod once;
mod settings;
mod work;

pub use settings::{RedisAddress, RedisSettings, RedisTls, SettingsError};

use crate::doc::Posted;
use crate::error::Unavailable;
use crate::hints::Hints;
use ::redis::{FromRedisValue, Script, ToRedisArgs};
use link::Link;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// The queue in Redis; cheap to clone.
#[derive(Clone)]
pub struct RedisQueue(Arc<Inner>);

struct Inner {
    link: Link,
    hints: Arc<Hints>,
    scripts: Scripts,
    /// `{cs:NAME}:`, the one hash tag of the installation.
    prefix: String,
}

impl fmt::Debug for RedisQueue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RedisQueue({})", self.0.prefix)
    }
}

macro_rules! scripts {
    ($($name:ident,)*) => {
        /// One script a step, each with the prelude before it.
        struct Scripts { $($name: Script,)* }

        impl Scripts {
            fn new() -> Self {
                Self { $($name: Script::new(concat!(
                    include_str!("scripts/prelude.lua"),
                    include_str!(concat!("scripts/", stringify!($name), ".lua")),
                )),)* }
            }
        }
    };
}

scripts! {
    enqueue, claim, renew, start, finish, release, cancel, waiting, held, reap,
    post, cast, papers, close, forget, append, once, watch, unwatch, remind,
}

/// Where everything of one pool is, `{cs:NAME}:pool:POOL:`: an access list can tell it from the others'.
fn pool_prefix(prefix: &str, pool: &str) -> String {
    format!("{prefix}pool:{pool}:")
}

impl RedisQueue {
    /// Prepares the queue; it need not be there yet. News arrive until `stop`.
    ///
    /// # Errors
    /// When the settings cannot be used, whatever the server says.
    pub fn connect(
        settings: RedisSettings,
        tasks: &TaskTracker,
        stop: CancellationToken,
    ) -> Result<Self, SettingsError> {
        let (prefix, channels) = (settings.prefix()?, settings.channels()?);
        let link = Link::new(settings)?;
        let hints = Arc::new(Hints::default());
        tasks.spawn(listen::listen(link.clone(), channels, hints.clone(), stop));
        Ok(Self(Arc::new(Inner { link, hints, scripts: Scripts::new(), prefix })))
    }

    /// Whether the queue answers.
    ///
    /// # Errors
    /// [`Unavailable`].
    pub async fn ping(&self) -> Result<(), Unavailable> {
        self.ask::<String>(&::redis::cmd("PING")).await.map(drop)
    }

    /// One script.
    async fn run<T: FromRedisValue>(
        &self,
        script: impl FnOnce(&Scripts) -> &Script,
        arguments: impl ToRedisArgs,
    ) -> Result<T, Unavailable> {
        let script = script(&self.0.scripts);
        let mut invocation = script.key(&self.0.prefix);
        invocation.arg(arguments);
        self.0.link.with(async |mut connection| invocation.invoke_async(&mut connection).await).await
    }

    /// One plain command that changes nothing that is kept.
    async fn ask<T: FromRedisValue>(&self, command: &::redis::Cmd) -> Result<T, Unavailable> {
        self.0.link.with(async |mut connection| command.query_async(&mut connection).await).await
    }

    async fn ask_all<T: FromRedisValue>(&self, commands: &::redis::Pipeline) -> Result<T, Unavailable> {
        self.0.link.with(async |mut connection| commands.query_async(&mut connection).await).await
    }

    fn key(&self, kind: &str, name: impl fmt::Display) -> String {
        format!("{}{kind}:{name}", self.0.prefix)
    }

    /// A key that only this pool's workers, and the gateways, have a right to.
    fn of_pool(&self, pool: &str, name: &str) -> String {
        format!("{}{name}", pool_prefix(&self.0.prefix, pool))
    }
}

/// What a step that stores once says: -1 is what only a wrong catalog or a forged request comes to.
fn posted(said: i64) -> Result<Posted, Unavailable> {
    match said {
        1 => Ok(Posted::Stored),
        0 => Ok(Posted::Kept),
        _ => Err(Unavailable::new("the invocation is of another pool")),
    }
}

/// How many values could not be read since the process started.
static UNREADABLE: AtomicU64 = AtomicU64::new(0);

/// A value that somebody put there. What cannot be read is as good as absent, and is said without
/// its content.
fn believed<T: serde::de::DeserializeOwned>(what: &str, json: &str) -> Option<T> {
    let read = serde_json::from_str(json);
    if read.is_err() {
        let times = UNREADABLE.fetch_add(1, Ordering::Relaxed).saturating_add(1);
        // Whoever can write there must not be able to fill the log as well.
        if times.is_power_of_two() {
            tracing::error!("A value in Redis is not of our making and counts as absent: {what}, the {times}. so far");
        }
    }
    read.ok()
}
