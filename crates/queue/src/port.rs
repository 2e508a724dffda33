//! What the processes ask of a queue, in domain types: six small traits, one [`Queue`].
//!
//! **Invariant:** the queue is a courier and a scoreboard, never an authority. What it returns is
//! sealed and must be opened, or is progress for people to watch. Nothing it says permits a run:
//! a lost, repeated, reordered or invented answer costs time, never a second execution.
//!
//! There is no clock inside: every instant is the caller's. Every method is one atomic step; a
//! process that dies inside has either done all of it or nothing. Dropping a future does not undo
//! the step: it may still happen.

use crate::doc::{
    Cancelled, Cast, Claim, JobKey, News, Offer, Page, Paper, Papers, Posted, Present, Progress, Reaped, Reminder,
    Renewed, Topic, Waiting,
};
use crate::error::{FinishError, ReleaseError, RenewError, StartError, Unavailable};
use crate::fence::Fence;
use async_trait::async_trait;
use countersign_core::ballot::{Ballot, Vote};
use countersign_core::id::InvocationId;
use countersign_core::principal::SubjectId;
use countersign_core::seal::Sealed;
use countersign_core::time::Timestamp;
use std::fmt;
use std::time::Duration;

/// As many reminders are looked at.
pub(crate) const MOST_REMINDERS: usize = 1_000;

/// Sealed documents by invocation: what must survive a restart of the gateway.
#[async_trait]
pub trait Board: Send + Sync {
    /// Puts a document up. An asked record replaces the one before and lists the invocation as
    /// open. Of outcomes the first stays, and of effects as well: people agree to the one that
    /// they were shown, whoever looks a second time.
    ///
    /// An invocation is of one `pool` for life: the asked record says of which, and only that pool's
    /// workers can read it and post beside it.
    ///
    /// If the process dies inside: the document is there, whole, or it is not. Post it again.
    ///
    /// # Errors
    /// [`Unavailable`], also when the invocation is of another pool.
    async fn post(&self, id: InvocationId, pool: &str, paper: Paper) -> Result<Posted, Unavailable>;

    /// Puts a ballot up, unless this human has already cast this vote here: then the first stays.
    ///
    /// If the process dies inside: ask again; a ballot that was stored answers `AlreadyCast`.
    ///
    /// # Errors
    /// [`Unavailable`], also when nothing was asked under this id.
    async fn cast(
        &self,
        id: InvocationId,
        voter: &SubjectId,
        vote: Vote,
        ballot: &Sealed<Ballot>,
    ) -> Result<Cast, Unavailable>;

    /// Everything there is about an invocation; empty when nothing is known.
    ///
    /// # Errors
    /// [`Unavailable`].
    async fn papers(&self, id: InvocationId) -> Result<Papers, Unavailable>;

    /// The invocations that were asked about and not closed, oldest first: what a gateway takes
    /// up again when it starts.
    ///
    /// # Errors
    /// [`Unavailable`].
    async fn open(&self) -> Result<Vec<InvocationId>, Unavailable>;

    /// Takes an invocation off the open list, once the people have been told how it ended. Its
    /// documents stay until they are forgotten.
    ///
    /// If the process dies inside: it may still be open; tell again, close again.
    ///
    /// # Errors
    /// [`Unavailable`].
    async fn close(&self, id: InvocationId, at: Timestamp) -> Result<(), Unavailable>;

    /// Removes all traces of what was closed before this instant: documents, jobs, progress.
    /// Choose it earlier than the longest expiry: a forgotten job could be enqueued again.
    ///
    /// If the process dies inside: nothing of this call was forgotten; call it again.
    ///
    /// # Errors
    /// [`Unavailable`].
    async fn forget(&self, closed_before: Timestamp) -> Result<Vec<InvocationId>, Unavailable>;
}

/// The gateway's side of the work.
#[async_trait]
pub trait Dispatch: Send + Sync {
    /// Offers work to a pool, once for each (invocation, kind): a second offer changes nothing
    /// and answers `Kept`, also when the first has ended.
    ///
    /// If the process dies inside: offer it again.
    ///
    /// # Errors
    /// [`Unavailable`].
    async fn enqueue(&self, offer: Offer, at: Timestamp) -> Result<Posted, Unavailable>;

    /// Asks that neither the preview nor the run of an invocation starts, or goes on. Work that
    /// nobody has claimed is ended here; who has claimed it learns at start or at the next
    /// renewal. The flag is a hint like everything here: the fate object decides.
    ///
    /// If the process dies inside: cancel again.
    ///
    /// # Errors
    /// [`Unavailable`].
    async fn cancel(&self, id: InvocationId) -> Result<Cancelled, Unavailable>;

    /// What the run of an invocation waits for, while it is queued and has a lock. A courtesy to
    /// whoever waits: by the time it is read it may be otherwise.
    ///
    /// # Errors
    /// [`Unavailable`].
    async fn waiting(&self, id: InvocationId) -> Result<Option<Waiting>, Unavailable>;

    /// Tells whoever listens to [`Topic::Control`] to look now. A hint: they look by themselves as
    /// well, and what they look at is not here.
    ///
    /// # Errors
    /// [`Unavailable`].
    async fn hint_control(&self) -> Result<(), Unavailable>;

    /// The workers of a pool that were heard of lately, by name. They say so themselves when they claim and
    /// renew, so it is for people to read: nothing is decided by it.
    ///
    /// # Errors
    /// [`Unavailable`].
    async fn workers(&self, pool: &str) -> Result<Vec<Present>, Unavailable>;

    /// Looks for leases in a pool that ended. Claimed work goes back to its place in the queue; started
    /// work that only looks goes back at most twice; all other started or cancelled work is an
    /// [`Orphan`](crate::doc::Orphan), reported by every call until somebody settles it with
    /// [`Work::finish`] and the orphan's fence. The old fence is stale from here on.
    ///
    /// If the process dies inside or before it settled the orphans: reap again.
    ///
    /// # Errors
    /// [`Unavailable`].
    async fn reap(&self, pool: &str, now: Timestamp) -> Result<Reaped, Unavailable>;
}

/// The worker's side of the work. The fence of the claim must match in every later step.
#[async_trait]
pub trait Work: Send + Sync {
    /// Takes the oldest work of a pool that may be taken, and leases it to `worker`; `None` when
    /// there is none. Of any number of racing claimers one gets it.
    ///
    /// If the process dies inside or afterwards: the lease ends, and the work is reaped.
    ///
    /// # Errors
    /// [`Unavailable`].
    async fn claim(
        &self,
        pool: &str,
        worker: &str,
        now: Timestamp,
        lease: Duration,
    ) -> Result<Option<Claim>, Unavailable>;

    /// Extends a lease that has not ended, and tells whether somebody cancelled.
    ///
    /// # Errors
    /// [`RenewError::Lost`]: stop at once, somebody else may have it.
    async fn renew(&self, key: JobKey, fence: Fence, now: Timestamp, lease: Duration) -> Result<Renewed, RenewError>;

    /// Marks that the command is about to start. Succeeds once for a claim.
    ///
    /// If the process dies inside: whether it is marked decides between `requeued` and `orphan`
    /// at the reaper; the fate object decides whether anything ran.
    ///
    /// # Errors
    /// [`StartError`]: do not start.
    async fn start(&self, key: JobKey, fence: Fence, now: Timestamp) -> Result<(), StartError>;

    /// Ends the work: it ran, or it never will. Also settles an orphan.
    ///
    /// If the process dies inside: the reaper reports an orphan; the recorded outcome settles it.
    ///
    /// # Errors
    /// [`FinishError::Stale`]: somebody else has it, or it has ended.
    async fn finish(&self, key: JobKey, fence: Fence) -> Result<(), FinishError>;

    /// Whose work of this pool some worker holds, or is still to be settled: what they left outside
    /// is not abandoned yet.
    ///
    /// # Errors
    /// [`Unavailable`].
    async fn held(&self, pool: &str) -> Result<Vec<InvocationId>, Unavailable>;

    /// Gives back work that was not started; nobody gets it before `not_before`.
    ///
    /// If the process dies inside: the lease ends, and the work is reaped.
    ///
    /// # Errors
    /// [`ReleaseError`] when it was started, or is somebody else's.
    async fn release(&self, key: JobKey, fence: Fence, not_before: Timestamp) -> Result<(), ReleaseError>;
}

/// Progress of an invocation for people to watch: output and events. Bounded: of a long feed the
/// oldest entries go. A crash of the machine can lose the newest ones; nothing depends on them.
#[async_trait]
pub trait Feed: Send + Sync {
    /// Appends to the feed in this invocation's pool, in order. The returned number is the last one given; numbers only grow, are never
    /// given twice and may have gaps.
    ///
    /// # Errors
    /// [`Unavailable`].
    async fn append(
        &self,
        id: InvocationId,
        pool: &str,
        at: Timestamp,
        progress: Vec<Progress>,
    ) -> Result<u64, Unavailable>;

    /// At most `limit` entries with numbers above `after`, in order; 0 reads from the start.
    ///
    /// # Errors
    /// [`Unavailable`].
    async fn read(&self, id: InvocationId, pool: &str, after: u64, limit: usize) -> Result<Page, Unavailable>;

    /// News about a topic from now on: a hint to look, never a promise that there is something.
    /// Listen first, then look, then wait; and look again now and then without a hint.
    fn listen(&self, topic: Topic) -> News;
}

/// Remembers what was received.
#[async_trait]
pub trait Once: Send + Sync {
    /// Whether this key comes for the first time. It is remembered until `until`, exclusive.
    ///
    /// If the process dies inside: the key may count as seen although nobody acted on it; the
    /// person is told that nothing started and asks again.
    ///
    /// # Errors
    /// [`Unavailable`]; the caller must refuse then.
    async fn first_time(&self, key: &str, until: Timestamp, now: Timestamp) -> Result<bool, Unavailable>;

    /// Whether this key came before and is still remembered; changes nothing.
    ///
    /// # Errors
    /// [`Unavailable`].
    async fn seen(&self, key: &str, now: Timestamp) -> Result<bool, Unavailable>;
}

/// Which of several gateways looks after what, what is to be looked after later, and what time it is for all of them.
#[async_trait]
pub trait Watch: Send + Sync {
    /// Takes or extends the watch over `name` until `until`, exclusive; `false` when somebody
    /// else has it now. Of any number of racing holders one gets it. A hint like everything here:
    /// two who both believe they watch say a thing twice, and decide nothing twice.
    ///
    /// If the process dies inside or afterwards: the watch ends by itself.
    ///
    /// # Errors
    /// [`Unavailable`].
    async fn watch(&self, name: &str, holder: &str, until: Timestamp, now: Timestamp) -> Result<bool, Unavailable>;

    /// Ends a watch, if `holder` has it.
    ///
    /// # Errors
    /// [`Unavailable`].
    async fn unwatch(&self, name: &str, holder: &str) -> Result<(), Unavailable>;

    /// Puts a reminder up about an invocation, or moves the one that is there. Its papers are kept at least until
    /// somebody took the reminder down, or long after `at`.
    ///
    /// If the process dies inside: it is there, whole, or it is not. Put it up again.
    ///
    /// # Errors
    /// [`Unavailable`], also when nothing was asked under this id.
    async fn remind(&self, id: InvocationId, at: Timestamp, now: Timestamp) -> Result<(), Unavailable>;

    /// The reminders that are up, the soonest first, a thousand at most.
    ///
    /// # Errors
    /// [`Unavailable`].
    async fn reminders(&self) -> Result<Vec<Reminder>, Unavailable>;

    /// Takes a reminder down, if there is one.
    ///
    /// # Errors
    /// [`Unavailable`].
    async fn unremind(&self, id: InvocationId) -> Result<(), Unavailable>;

    /// The time by the store's own clock; `None` when it has none but this machine's.
    ///
    /// # Errors
    /// [`Unavailable`].
    async fn time(&self) -> Result<Option<Timestamp>, Unavailable>;
}

/// Everything together, for one `Arc<dyn Queue>`.
pub trait Queue: Board + Dispatch + Work + Feed + Once + Watch + fmt::Debug {}

impl<T: Board + Dispatch + Work + Feed + Once + Watch + fmt::Debug> Queue for T {}
