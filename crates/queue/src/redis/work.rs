//! Work: the same life as [`job`](crate::job) tells, in scripts.

use super::{RedisQueue, believed, posted};
use crate::doc::{Cancelled, Claim, JobKey, Kind, Offer, Orphan, Posted, Present, Reaped, Renewed, Repeat, Waiting};
use crate::error::{FinishError, ReleaseError, RenewError, StartError, Unavailable};
use crate::fence::Fence;
use crate::job::REPEATS;
use crate::port::{Dispatch, Work};
use async_trait::async_trait;
use countersign_core::id::InvocationId;
use countersign_core::time::Timestamp;
use std::time::Duration;

/// As many workers of a pool are told of: one that says it is many fills nobody's memory.
const MOST_WORKERS: u32 = 1_000;

#[async_trait]
impl Dispatch for RedisQueue {
    async fn enqueue(&self, offer: Offer, at: Timestamp) -> Result<Posted, Unavailable> {
        let member = offer.key().to_string();
        let load = serde_json::to_string(&offer.load).map_err(Unavailable::new)?;
        let repeat = match offer.repeat {
            Repeat::Safe => "safe",
            Repeat::Never => "never",
        };
        let (id, lock) = (offer.invocation.to_string(), offer.lock.unwrap_or_default());
        let arguments = (member, id, offer.pool, repeat, lock, at.as_millis(), load);
        posted(self.run(|all| &all.enqueue, arguments).await?)
    }

    async fn cancel(&self, id: InvocationId) -> Result<Cancelled, Unavailable> {
        let members = [Kind::Preview, Kind::Run].map(|kind| JobKey { invocation: id, kind }.to_string());
        let [preview, run] = members;
        let met: i64 = self.run(|all| &all.cancel, (id.to_string(), preview, run)).await?;
        Ok(match met {
            1 => Cancelled::BeforeClaim,
            2 => Cancelled::BeforeStart,
            3 => Cancelled::AfterStart,
            _ => Cancelled::Nothing,
        })
    }

    async fn waiting(&self, id: InvocationId) -> Result<Option<Waiting>, Unavailable> {
        let member = JobKey { invocation: id, kind: Kind::Run }.to_string();
        let found: Option<(String, String, u32)> = self.run(|all| &all.waiting, member).await?;
        Ok(found.map(|(lock, holder, position)| {
            let holder = key_of(&holder).map(|key| key.invocation);
            Waiting { lock, holder, position }
        }))
    }

    async fn hint_control(&self) -> Result<(), Unavailable> {
        let mut publish = ::redis::cmd("PUBLISH");
        publish.arg(format!("{}news:control", self.0.prefix)).arg("");
        self.ask::<i64>(&publish).await.map(drop)
    }

    async fn workers(&self, pool: &str) -> Result<Vec<Present>, Unavailable> {
        let mut command = ::redis::cmd("ZRANGE");
        command.arg(self.of_pool(pool, "here")).arg(0).arg(MOST_WORKERS - 1).arg("WITHSCORES");
        let found: Vec<(String, String)> = self.ask(&command).await?;
        let present =
            |(name, seen): (String, String)| Some(Present { name, seen: Timestamp::from_millis(seen.parse().ok()?) });
        Ok(found.into_iter().filter_map(present).collect())
    }

    async fn reap(&self, pool: &str, now: Timestamp) -> Result<Reaped, Unavailable> {
        let found: (Vec<String>, Vec<String>) = self.run(|all| &all.reap, (pool, now.as_millis(), REPEATS)).await?;
        let (requeued, orphans) = found;
        Ok(Reaped {
            requeued: requeued.iter().filter_map(|member| key_of(member)).collect(),
            orphans: orphans.chunks_exact(3).filter_map(|values| orphan(pool, values)).collect(),
        })
    }
}

#[async_trait]
impl Work for RedisQueue {
    async fn claim(
        &self,
        pool: &str,
        worker: &str,
        now: Timestamp,
        lease: Duration,
    ) -> Result<Option<Claim>, Unavailable> {
        let until = now.plus(lease);
        let arguments = (pool, worker, now.as_millis(), until.as_millis());
        let found: Option<(String, u64, String)> = self.run(|all| &all.claim, arguments).await?;
        let Some((member, fence, load)) = found else { return Ok(None) };
        let (key, load) = (key_of(&member), believed("work", &load));
        if let (Some(key), Some(load)) = (key, load) {
            return Ok(Some(Claim { key, load, fence: Fence(fence), until }));
        }
        // Nobody will ever read it: it must not come back to the next claimer.
        self.run::<String>(|all| &all.finish, (member, fence)).await?;
        Ok(None)
    }

    async fn renew(&self, key: JobKey, fence: Fence, now: Timestamp, lease: Duration) -> Result<Renewed, RenewError> {
        let until = now.plus(lease);
        let arguments = (key.to_string(), fence.0, now.as_millis(), until.as_millis());
        let said: String = self.run(|all| &all.renew, arguments).await?;
        match said.as_str() {
            "held" => Ok(Renewed::Held(until)),
            "cancelled" => Ok(Renewed::Cancelled(until)),
            _ => Err(RenewError::Lost),
        }
    }

    async fn start(&self, key: JobKey, fence: Fence, now: Timestamp) -> Result<(), StartError> {
        let said: String = self.run(|all| &all.start, (key.to_string(), fence.0, now.as_millis())).await?;
        match said.as_str() {
            "ok" => Ok(()),
            "cancelled" => Err(StartError::Cancelled),
            "started" => Err(StartError::AlreadyStarted),
            _ => Err(StartError::Stale),
        }
    }

    async fn finish(&self, key: JobKey, fence: Fence) -> Result<(), FinishError> {
        let said: String = self.run(|all| &all.finish, (key.to_string(), fence.0)).await?;
        if said == "ok" { Ok(()) } else { Err(FinishError::Stale) }
    }

    async fn held(&self, pool: &str) -> Result<Vec<InvocationId>, Unavailable> {
        let members: Vec<String> = self.run(|all| &all.held, pool).await?;
        Ok(members.iter().filter_map(|member| key_of(member)).map(|key| key.invocation).collect())
    }

    async fn release(&self, key: JobKey, fence: Fence, not_before: Timestamp) -> Result<(), ReleaseError> {
        let arguments = (key.to_string(), fence.0, not_before.as_millis());
        let said: String = self.run(|all| &all.release, arguments).await?;
        match said.as_str() {
            "ok" => Ok(()),
            "started" => Err(ReleaseError::Started),
            _ => Err(ReleaseError::Stale),
        }
    }
}

/// `invocation/kind`.
fn key_of(member: &str) -> Option<JobKey> {
    let (invocation, kind) = member.split_once('/')?;
    let kind = [Kind::Preview, Kind::Run].into_iter().find(|known| known.as_str() == kind)?;
    Some(JobKey { invocation: invocation.parse().ok()?, kind })
}

fn orphan(pool: &str, values: &[String]) -> Option<Orphan> {
    let [member, worker, fence] = values else { return None };
    let fence = Fence(fence.parse().ok()?);
    Some(Orphan { key: key_of(member)?, pool: pool.to_owned(), worker: worker.clone(), fence })
}
