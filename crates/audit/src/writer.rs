//! The one task that writes a process's stream.
//!
//! **Invariant:** at most one segment is on its way. Until it is known to be stored, nothing that
//! comes after it is written, and what is tried again for its name are the same bytes. Another
//! content under that name ends the stream for ever.

use crate::anchor::{Anchor as _, AnchorGauges, Relay};
use crate::event::{Event, HeadNote, Kind};
use crate::head::Head;
use crate::layout;
use crate::record::{Record, WriterId};
use crate::sink::{Key, PutError, ReadError, Sink, Stored};
use countersign_core::digest::Digest;
use countersign_core::seal::Sealer;
use countersign_core::time::{Clock, Timestamp};
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};
use tokio::time::{Instant, MissedTickBehavior, timeout};
use tracing::{error, info, warn};

/// Most bytes of one record; S3 and readers take far more, people do not.
const MAX_RECORD_BYTES: usize = 4 << 20;
/// So many heads wait for a store that does not take them: a day's.
const UNSTORED_HEADS: usize = 24 * 60;
/// A segment takes no further record beyond this many bytes.
const MAX_SEGMENT_BYTES: usize = 8 << 20;

/// A record is durable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// Its number in the writer's stream.
    pub seq: u64,
    /// When, by the store's clock.
    pub stored_at: Timestamp,
}

/// Why a record is not durable.
#[derive(Debug, Clone, thiserror::Error)]
pub enum WriteError {
    /// The store did not take it. It may be stored later, when the store is back.
    #[error("the audit log cannot be written")]
    Unavailable(#[source] Arc<PutError>),
    /// The store did not answer in time. It may be stored later.
    #[error("the audit log did not answer within {0:?}")]
    TooSlow(Duration),
    /// Somebody else wrote under this writer's name: nothing is written any more by this process.
    #[error(
        "the audit log's object `{0}` holds something this process did not write; start the process anew and look at `countersign audit verify`"
    )]
    Forked(String),
    /// Too much waits: the caller accepts nothing more until it is written.
    #[error("too many records wait for the audit log")]
    Full,
    /// The stream was closed.
    #[error("this process has closed its audit log")]
    Closed,
    /// The record is larger than a record may be.
    #[error("a record of {0} bytes is too large")]
    TooLarge(usize),
    /// The process's role may not write records of this kind, or the kind is written by the log alone.
    #[error("a {role} does not write `{kind}` records this way")]
    NotYours {
        /// What the process is.
        role: &'static str,
        /// What it tried to write.
        kind: &'static str,
    },
}

/// Counters for the metrics page.
#[derive(Debug, Default)]
pub struct Gauges {
    /// Records stored.
    pub records: AtomicU64,
    /// Segments stored.
    pub segments: AtomicU64,
    /// Segments the store did not take or not in time; each is tried again.
    pub failed_puts: AtomicU64,
    /// Heads that were not stored in one of their places; what failed is tried again.
    pub failed_heads: AtomicU64,
    /// How the second places are doing.
    pub anchors: AnchorGauges,
    /// Entries that were begun and dropped without an outcome.
    pub unclosed: AtomicU64,
    /// Whether the last write went well.
    pub writable: AtomicBool,
    /// The store's clock minus the own one, at the last write; milliseconds.
    pub skew_millis: AtomicI64,
}

/// Something for the writer.
pub(crate) enum Message {
    /// A record.
    Record(Box<Waiting>),
    /// The end of the stream.
    Close(oneshot::Sender<Result<Written, WriteError>>),
}

/// A record on its way.
pub(crate) struct Waiting {
    pub(crate) event: Event,
    pub(crate) at: Timestamp,
    pub(crate) done: Done,
}

/// Who waits for it.
pub(crate) enum Done {
    /// Somebody who goes on only when it is durable.
    Barrier(Waiter),
    /// Nobody; its place in the buffer is freed when it is durable.
    Note(OwnedSemaphorePermit),
}

/// Somebody who waits.
pub(crate) struct Waiter {
    pub(crate) answer: oneshot::Sender<Result<Written, WriteError>>,
    /// Its bytes in the buffer, freed when it has its answer.
    pub(crate) _place: Option<OwnedSemaphorePermit>,
}

impl Waiter {
    fn hear(self, outcome: Result<Written, WriteError>) {
        // A caller that went away has its record all the same.
        let _ = self.answer.send(outcome);
    }
}

/// What the writer works with.
pub(crate) struct Settings {
    pub(crate) id: WriterId,
    pub(crate) sealer: Arc<Sealer>,
    pub(crate) sink: Arc<dyn Sink>,
    pub(crate) relay: Relay,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) gauges: Arc<Gauges>,
    pub(crate) deadline: Duration,
    pub(crate) batching_wait: Duration,
    pub(crate) head_every: Duration,
    pub(crate) retry_every: Duration,
}

/// A segment that is on its way.
struct Segment {
    key: Key,
    bytes: Vec<u8>,
    first: u64,
    records: u64,
    /// It was sent before, and may have arrived.
    tried: bool,
    /// Places in the buffer, freed when the segment is stored.
    places: Vec<OwnedSemaphorePermit>,
}

/// The stream of one process.
pub(crate) struct Writer {
    set: Settings,
    size: u64,
    last: Digest,
    /// Size at the last head, so that an idle minute is called one.
    headed: u64,
    /// Heads that the store did not take yet.
    unstored: VecDeque<(Key, String)>,
    pending: Option<Segment>,
    /// Notes that came while the store was away.
    backlog: VecDeque<Waiting>,
    forked: Option<WriteError>,
}

type Waiters = Vec<(u64, Waiter)>;

impl Writer {
    pub(crate) fn new(set: Settings) -> Self {
        let last = set.id.genesis();
        Self {
            set,
            size: 0,
            last,
            headed: 0,
            unstored: VecDeque::new(),
            pending: None,
            backlog: VecDeque::new(),
            forked: None,
        }
    }

    /// The first record and the first head; a process that cannot write them does not start.
    pub(crate) async fn open(&mut self) -> Result<Written, WriteError> {
        let mut event = Event::of(Kind::WriterOpened);
        event.certificate = Some(self.set.sealer.certificate().clone());
        let written = self.own(event).await?;
        self.sign_head().await;
        Ok(written)
    }

    pub(crate) async fn run(mut self, mut inbox: mpsc::UnboundedReceiver<Message>) {
        let mut ticks = tokio::time::interval_at(Instant::now() + self.set.head_every, self.set.head_every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let behind = self.forked.is_none() && (self.pending.is_some() || !self.backlog.is_empty());
            tokio::select! {
                message = inbox.recv() => {
                    let Some(message) = message else {
                        // Everybody let go of the log without closing it: what waits is still written.
                        let _ = self.write(Vec::new()).await;
                        return;
                    };
                    if self.take(message, &mut inbox).await {
                        return;
                    }
                }
                _ = ticks.tick() => self.head_due().await,
                () = tokio::time::sleep(self.set.retry_every), if behind => {
                    let _ = self.write(Vec::new()).await;
                }
            }
        }
    }

    /// Writes this message and what waits behind it. Returns whether the stream is closed.
    async fn take(&mut self, message: Message, inbox: &mut mpsc::UnboundedReceiver<Message>) -> bool {
        let mut batch = Vec::new();
        let mut close = None;
        let mut next = Some(message);
        let mut bytes = 0;
        let mut somebody_waits = false;
        let until = Instant::now() + self.set.batching_wait;
        loop {
            match next.take() {
                Some(Message::Record(waiting)) => {
                    bytes += rough_size(&waiting.event);
                    somebody_waits |= matches!(waiting.done, Done::Barrier(_));
                    batch.push(*waiting);
                }
                Some(Message::Close(done)) => {
                    close = Some(done);
                    break;
                }
                None => break,
            }
            if bytes > MAX_SEGMENT_BYTES {
                break;
            }
            next = match inbox.try_recv() {
                Ok(message) => Some(message),
                // Notes alone wait a little for company; a barrier waits for nobody.
                Err(_) if somebody_waits => None,
                Err(_) => tokio::time::timeout_at(until, inbox.recv()).await.ok().flatten(),
            };
        }
        let failed = self.write(batch).await.err();
        // Who came meanwhile hears the same, instead of waiting for a deadline of their own.
        while let (Some(error), None) = (&failed, &close) {
            match inbox.try_recv() {
                Ok(Message::Record(waiting)) => self.put_off(vec![*waiting], error),
                Ok(Message::Close(done)) => close = Some(done),
                Err(_) => break,
            }
        }
        let Some(done) = close else { return false };
        let closed = self.own(Event::of(Kind::WriterClosed)).await;
        if closed.is_ok() {
            self.sign_head().await;
            self.set.relay.finish().await;
        }
        let ended = closed.is_ok();
        // Whoever closes may have gone; the stream is closed all the same.
        let _ = done.send(closed);
        ended
    }

    /// Stores what is pending, then the backlog and the batch. Barriers hear how it went.
    async fn write(&mut self, batch: Vec<Waiting>) -> Result<(), WriteError> {
        if let Err(error) = self.settle().await {
            self.put_off(batch, &error);
            return Err(error);
        }
        let mut all: VecDeque<Waiting> = std::mem::take(&mut self.backlog);
        all.extend(batch);
        while !all.is_empty() {
            let waiters = self.fill(&mut all);
            let outcome = self.settle().await;
            let failed = outcome.as_ref().err().cloned();
            for (seq, waiter) in waiters {
                waiter.hear(outcome.clone().map(|stored| Written { seq, stored_at: stored.at }));
            }
            if let Some(error) = failed {
                self.put_off(all.into(), &error);
                return Err(error);
            }
        }
        Ok(())
    }

    /// Barriers fail, notes wait.
    fn put_off(&mut self, batch: Vec<Waiting>, error: &WriteError) {
        for waiting in batch {
            match waiting.done {
                Done::Barrier(waiter) => waiter.hear(Err(error.clone())),
                Done::Note(_) => self.backlog.push_back(waiting),
            }
        }
    }

    /// Makes the next segment out of the front of `all`.
    fn fill(&mut self, all: &mut VecDeque<Waiting>) -> Waiters {
        let first = self.size + 1;
        let mut segment = Segment {
            key: layout::segment(&self.set.id, first),
            bytes: Vec::new(),
            first,
            records: 0,
            tried: false,
            places: Vec::new(),
        };
        let mut waiters = Vec::new();
        while segment.bytes.len() < MAX_SEGMENT_BYTES {
            let Some(waiting) = all.pop_front() else { break };
            let record = Record {
                seq: self.size + 1,
                prev: self.last,
                at: waiting.at,
                writer: self.set.id.clone(),
                event: waiting.event,
            };
            let line = record.line();
            if line.len() > MAX_RECORD_BYTES {
                error!(audit.record_bytes = line.len(), "A record is too large and was not written");
                if let Done::Barrier(waiter) = waiting.done {
                    waiter.hear(Err(WriteError::TooLarge(line.len())));
                }
                continue;
            }
            self.size += 1;
            self.last = Digest::of(line.as_bytes());
            segment.records += 1;
            segment.bytes.extend_from_slice(line.as_bytes());
            segment.bytes.push(b'\n');
            match waiting.done {
                Done::Barrier(waiter) => waiters.push((record.seq, waiter)),
                Done::Note(place) => segment.places.push(place),
            }
        }
        if segment.records > 0 {
            self.pending = Some(segment);
        }
        waiters
    }

    /// Stores the pending segment, if there is one.
    async fn settle(&mut self) -> Result<Stored, WriteError> {
        if let Some(forked) = &self.forked {
            return Err(forked.clone());
        }
        let Some(segment) = &self.pending else {
            return Ok(Stored { at: self.set.clock.now() });
        };
        let outcome = match timeout(self.set.deadline, self.store(segment)).await {
            Ok(outcome) => outcome,
            Err(_) => Err(WriteError::TooSlow(self.set.deadline)),
        };
        let gauges = &self.set.gauges;
        let first = segment.first;
        let was_writable = gauges.writable.swap(outcome.is_ok(), Ordering::Relaxed);
        match &outcome {
            Ok(stored) => {
                gauges.records.fetch_add(segment.records, Ordering::Relaxed);
                gauges.segments.fetch_add(1, Ordering::Relaxed);
                let skew = stored.at.as_millis() - self.set.clock.now().as_millis();
                gauges.skew_millis.store(skew, Ordering::Relaxed);
                if !was_writable {
                    info!(audit.seq = first, "The audit log can be written");
                }
                self.pending = None;
            }
            Err(failure) => {
                if let Some(segment) = &mut self.pending {
                    segment.tried = true;
                }
                gauges.failed_puts.fetch_add(1, Ordering::Relaxed);
                if was_writable {
                    error!(audit.seq = first, "The audit log cannot be written, so nothing runs: {failure}");
                }
                if matches!(failure, WriteError::Forked(_)) {
                    self.forked = Some(failure.clone());
                }
            }
        }
        outcome
    }

    /// Sends a segment. One that was sent before is looked for first: a store that keeps versions
    /// may take it a second time.
    async fn store(&self, segment: &Segment) -> Result<Stored, WriteError> {
        if segment.tried
            && let Some(stored) = self.arrived(segment).await?
        {
            return Ok(stored);
        }
        match self.set.sink.put_new(&segment.key, segment.bytes.clone()).await {
            Ok(stored) => Ok(stored),
            Err(PutError::Exists) => {
                self.arrived(segment).await?.ok_or_else(|| WriteError::Forked(segment.key.to_string()))
            }
            Err(error) => Err(WriteError::Unavailable(Arc::new(error))),
        }
    }

    /// Whether an earlier try arrived, whose answer was lost.
    async fn arrived(&self, segment: &Segment) -> Result<Option<Stored>, WriteError> {
        match self.set.sink.read(&segment.key).await {
            Ok(Some(object)) if object.bytes == segment.bytes => Ok(Some(Stored { at: object.at })),
            Ok(Some(_)) | Err(ReadError::NotPlain(_)) => Err(WriteError::Forked(segment.key.to_string())),
            Ok(None) => Ok(None),
            Err(error) => Err(WriteError::Unavailable(Arc::new(PutError::Unavailable(Box::new(error))))),
        }
    }

    /// Writes a record of the log's own.
    async fn own(&mut self, event: Event) -> Result<Written, WriteError> {
        let (answer, written) = oneshot::channel();
        let at = self.set.clock.now();
        // The log's own records are few, and are never too many.
        let done = Done::Barrier(Waiter { answer, _place: None });
        self.write(vec![Waiting { event, at, done }]).await?;
        written.await.unwrap_or(Err(WriteError::Closed))
    }

    /// A minute is over: the head becomes a record, and is signed.
    async fn head_due(&mut self) {
        let kind = if self.size == self.headed { Kind::Heartbeat } else { Kind::Checkpoint };
        let mut event = Event::of(kind);
        event.head = Some(HeadNote { size: self.size, root: self.last });
        if self.own(event).await.is_ok() {
            self.sign_head().await;
        }
    }

    /// Signs how far the stored stream is, puts the head beside the records and sends it on its way
    /// to every other place.
    async fn sign_head(&mut self) {
        let head = Head { size: self.size, root: self.last, at: self.set.clock.now() };
        let Some(note) = head.sign(&self.set.id, &self.set.sealer) else { return };
        let key = layout::head(&self.set.id, head.size);
        self.headed = self.size;
        self.unstored.push_back((key.clone(), note.clone()));
        self.store_heads().await;
        self.set.relay.hand_over(key, &note);
    }

    /// Stores the heads that are not beside the records yet, the oldest first.
    async fn store_heads(&mut self) {
        while let Some((key, note)) = self.unstored.front() {
            let kept = timeout(self.set.deadline, self.set.sink.as_ref().keep(key, note)).await;
            if !matches!(kept, Ok(Ok(()))) {
                self.set.gauges.failed_heads.fetch_add(1, Ordering::Relaxed);
                warn!(audit.seq = self.headed, "A signed head was not stored beside the records; it is tried again");
                break;
            }
            self.unstored.pop_front();
        }
        if self.unstored.len() > UNSTORED_HEADS {
            self.unstored.pop_front();
        }
    }
}

/// About how many bytes the event's texts take: seals, the decision, and what people typed.
pub(crate) fn rough_size(event: &Event) -> usize {
    let sealed = event.sealed.iter().map(|one| one.text.len()).sum::<usize>();
    let decision = event.decision.as_ref().map_or(0, |copy| copy.text.len());
    let details = event.details.iter().map(|(name, text)| name.len() + text.len()).sum::<usize>();
    500 + sealed + decision + details + event.why.as_ref().map_or(0, String::len)
}
