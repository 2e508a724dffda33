//! What was received, and who looks after what, now and later.

use super::RedisQueue;
use crate::doc::Reminder;
use crate::error::Unavailable;
use crate::port::{MOST_REMINDERS, Once, Watch};
use async_trait::async_trait;
use countersign_core::digest::Digest;
use countersign_core::id::InvocationId;
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

    async fn remind(&self, id: InvocationId, at: Timestamp, now: Timestamp) -> Result<(), Unavailable> {
        let known: i64 = self.run(|all| &all.remind, (id.to_string(), at.as_millis(), now.as_millis())).await?;
        if known == 1 { Ok(()) } else { Err(Unavailable::new("nothing was asked that this could be a reminder of")) }
    }

    async fn reminders(&self) -> Result<Vec<Reminder>, Unavailable> {
        let mut command = ::redis::cmd("ZRANGE");
        command.arg(format!("{}due", self.0.prefix)).arg(0).arg(MOST_REMINDERS - 1).arg("WITHSCORES");
        let found: Vec<(String, String)> = self.ask(&command).await?;
        let reminder = |(id, at): (String, String)| {
            Some(Reminder { invocation: id.parse().ok()?, at: Timestamp::from_millis(at.parse().ok()?) })
        };
        Ok(found.into_iter().filter_map(reminder).collect())
    }

    async fn unremind(&self, id: InvocationId) -> Result<(), Unavailable> {
        let mut command = ::redis::cmd("ZREM");
        command.arg(format!("{}due", self.0.prefix)).arg(id.to_string());
        self.ask::<i64>(&command).await.map(drop)
    }

    async fn time(&self) -> Result<Option<Timestamp>, Unavailable> {
        let (seconds, micros): (i64, i64) = self.ask(&::redis::cmd("TIME")).await?;
        let millis = seconds.checked_mul(1_000).and_then(|millis| millis.checked_add(micros / 1_000));
        millis.map(|millis| Some(Timestamp::from_millis(millis))).ok_or_else(|| Unavailable::new("no such time"))
    }
}
