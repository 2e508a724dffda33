//! What was received, and who looks after what.

use super::RedisQueue;
use crate::error::Unavailable;
use crate::port::{Once, Watch};
use async_trait::async_trait;
use countersign_core::digest::Digest;
use countersign_core::time::Timestamp;

/// Keys come from outside and may be of any length.
fn digest(key: &str) -> String {
    Digest::of(key.as_bytes()).to_string()
}

#[async_trait]
impl Once for RedisQueue {
    async fn first_time(&self, key: &str, until: Timestamp, now: Timestamp) -> Result<bool, Unavailable> {
        let new: i64 = self.run(|all| &all.once, (digest(key), until.as_millis(), now.as_millis())).await?;
        Ok(new == 1)
    }

    async fn seen(&self, key: &str, now: Timestamp) -> Result<bool, Unavailable> {
        let mut command = ::redis::cmd("GET");
        command.arg(self.key("once", digest(key)));
        let until: Option<String> = self.ask(&command).await?;
        Ok(until.and_then(|until| until.parse::<i64>().ok()).is_some_and(|until| now.as_millis() < until))
    }
}

#[async_trait]
impl Watch for RedisQueue {
    async fn watch(&self, name: &str, holder: &str, until: Timestamp, now: Timestamp) -> Result<bool, Unavailable> {
        let arguments = (name, holder, until.as_millis(), now.as_millis());
        let has: i64 = self.run(|all| &all.watch, arguments).await?;
        Ok(has == 1)
    }

    async fn unwatch(&self, name: &str, holder: &str) -> Result<(), Unavailable> {
        self.run::<i64>(|all| &all.unwatch, (name, holder)).await.map(drop)
    }

    async fn time(&self) -> Result<Option<Timestamp>, Unavailable> {
        let (seconds, micros): (i64, i64) = self.ask(&::redis::cmd("TIME")).await?;
        let millis = seconds.checked_mul(1_000).and_then(|millis| millis.checked_add(micros / 1_000));
        millis.map(|millis| Some(Timestamp::from_millis(millis))).ok_or_else(|| Unavailable::new("no such time"))
    }
}
