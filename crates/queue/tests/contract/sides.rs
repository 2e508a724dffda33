//! One queue seen by two users: each step is taken by the side that takes it in production.

use crate::POOL;
use crate::redis_server::{RedisServer, as_user, as_worker, connect};
use async_trait::async_trait;
use countersign_core::ballot::{Ballot, Vote};
use countersign_core::id::InvocationId;
use countersign_core::principal::SubjectId;
use countersign_core::seal::Sealed;
use countersign_core::time::Timestamp;
use countersign_queue::{
    Board, Cancelled, Cast, Claim, Dispatch, Feed, Fence, FinishError, JobKey, News, Offer, Once, Page, Paper, Papers,
    Posted, Present, Progress, Reaped, RedisQueue, ReleaseError, Reminder, RenewError, Renewed, StartError, Topic,
    Unavailable, Waiting, Watch, Work,
};
use std::time::Duration;

/// The gateway's connection and the worker's.
#[derive(Debug)]
pub(crate) struct Sides {
    pub(crate) gateway: RedisQueue,
    pub(crate) worker: RedisQueue,
}

impl Sides {
    pub(crate) fn reach(server: &RedisServer, ca: &str) -> Self {
        let gateway = as_user(server.settings("test"), "gateway", "gate", Some(ca.to_owned()));
        let worker = as_worker(server.settings("test"), POOL, Some(ca.to_owned()));
        Self { gateway: connect(gateway), worker: connect(worker) }
    }
}

#[async_trait]
impl Board for Sides {
    async fn post(&self, id: InvocationId, pool: &str, paper: Paper) -> Result<Posted, Unavailable> {
        match &paper {
            Paper::Asked(_) => self.gateway.post(id, pool, paper).await,
            Paper::Effect(_) | Paper::Outcome(_) => self.worker.post(id, pool, paper).await,
        }
    }

    async fn cast(
        &self,
        id: InvocationId,
        voter: &SubjectId,
        vote: Vote,
        ballot: &Sealed<Ballot>,
    ) -> Result<Cast, Unavailable> {
        self.gateway.cast(id, voter, vote, ballot).await
    }

    async fn papers(&self, id: InvocationId) -> Result<Papers, Unavailable> {
        let (seen, here) = (self.worker.papers(id).await?, self.gateway.papers(id).await?);
        assert_eq!(seen, here, "both sides see the same");
        Ok(seen)
    }

    async fn open(&self) -> Result<Vec<InvocationId>, Unavailable> {
        self.gateway.open().await
    }

    async fn close(&self, id: InvocationId, at: Timestamp) -> Result<(), Unavailable> {
        self.gateway.close(id, at).await
    }

    async fn forget(&self, closed_before: Timestamp) -> Result<Vec<InvocationId>, Unavailable> {
        self.gateway.forget(closed_before).await
    }
}

#[async_trait]
impl Dispatch for Sides {
    async fn enqueue(&self, offer: Offer, at: Timestamp) -> Result<Posted, Unavailable> {
        self.gateway.enqueue(offer, at).await
    }

    async fn cancel(&self, id: InvocationId) -> Result<Cancelled, Unavailable> {
        self.gateway.cancel(id).await
    }

    async fn waiting(&self, id: InvocationId) -> Result<Option<Waiting>, Unavailable> {
        self.gateway.waiting(id).await
    }

    async fn hint_control(&self) -> Result<(), Unavailable> {
        self.gateway.hint_control().await
    }

    async fn workers(&self, pool: &str) -> Result<Vec<Present>, Unavailable> {
        self.gateway.workers(pool).await
    }

    async fn reap(&self, pool: &str, now: Timestamp) -> Result<Reaped, Unavailable> {
        self.worker.reap(pool, now).await
    }
}

#[async_trait]
impl Work for Sides {
    async fn claim(
        &self,
        pool: &str,
        worker: &str,
        now: Timestamp,
        lease: Duration,
    ) -> Result<Option<Claim>, Unavailable> {
        self.worker.claim(pool, worker, now, lease).await
    }

    async fn renew(&self, key: JobKey, fence: Fence, now: Timestamp, lease: Duration) -> Result<Renewed, RenewError> {
        self.worker.renew(key, fence, now, lease).await
    }

    async fn start(&self, key: JobKey, fence: Fence, now: Timestamp) -> Result<(), StartError> {
        self.worker.start(key, fence, now).await
    }

    async fn finish(&self, key: JobKey, fence: Fence) -> Result<(), FinishError> {
        self.worker.finish(key, fence).await
    }

    async fn held(&self, pool: &str) -> Result<Vec<InvocationId>, Unavailable> {
        self.worker.held(pool).await
    }

    async fn release(&self, key: JobKey, fence: Fence, not_before: Timestamp) -> Result<(), ReleaseError> {
        self.worker.release(key, fence, not_before).await
    }
}

#[async_trait]
impl Feed for Sides {
    async fn append(
        &self,
        id: InvocationId,
        pool: &str,
        at: Timestamp,
        progress: Vec<Progress>,
    ) -> Result<u64, Unavailable> {
        self.worker.append(id, pool, at, progress).await
    }

    async fn read(&self, id: InvocationId, pool: &str, after: u64, limit: usize) -> Result<Page, Unavailable> {
        self.gateway.read(id, pool, after, limit).await
    }

    fn listen(&self, topic: Topic) -> News {
        match &topic {
            Topic::Pool(_) | Topic::Cancellation(_) | Topic::Control => self.worker.listen(topic),
            Topic::Invocation(_) | Topic::Board => self.gateway.listen(topic),
        }
    }
}

#[async_trait]
impl Once for Sides {
    async fn first_time(&self, key: &str, until: Timestamp, now: Timestamp) -> Result<bool, Unavailable> {
        self.gateway.first_time(key, until, now).await
    }

    async fn seen(&self, key: &str, now: Timestamp) -> Result<bool, Unavailable> {
        self.gateway.seen(key, now).await
    }
}

#[async_trait]
impl Watch for Sides {
    async fn watch(&self, name: &str, holder: &str, until: Timestamp, now: Timestamp) -> Result<bool, Unavailable> {
        self.gateway.watch(name, holder, until, now).await
    }

    async fn unwatch(&self, name: &str, holder: &str) -> Result<(), Unavailable> {
        self.gateway.unwatch(name, holder).await
    }

    async fn remind(&self, id: InvocationId, at: Timestamp, now: Timestamp) -> Result<(), Unavailable> {
        self.gateway.remind(id, at, now).await
    }

    async fn reminders(&self) -> Result<Vec<Reminder>, Unavailable> {
        self.gateway.reminders().await
    }

    async fn unremind(&self, id: InvocationId) -> Result<(), Unavailable> {
        self.gateway.unremind(id).await
    }

    async fn time(&self) -> Result<Option<Timestamp>, Unavailable> {
        self.worker.time().await?;
        self.gateway.time().await
    }
}
