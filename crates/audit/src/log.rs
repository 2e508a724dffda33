//! A process's audit log.
//!
//! **Invariant:** writes are detached from whoever asks for them: a dropped caller neither loses
//! nor tears a record. What [`AuditLog::record`] returned is durable.

use crate::anchor::{Anchor, AnchorState, Relay, RelaySettings};
use crate::control::ControlLog;
use crate::event::{Event, Kind, OutputNote};
use crate::fate::{self, Fate, FateError};
use crate::keys::DigestKey;
use crate::layout;
use crate::record::{WriterId, may_write};
use crate::sink::{Key, NotKept, PutError, Sink};
use crate::writer::{Done, Gauges, Message, Settings, Waiter, Waiting, WriteError, Writer, Written, rough_size};
use countersign_core::certificate::{CertificateError, Role};
use countersign_core::digest::Digest;
use countersign_core::id::{Attempt, InvocationId, Origin};
use countersign_core::outcome::Outcome;
use countersign_core::seal::{Sealed, Sealer, Verifier};
use countersign_core::time::Clock;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio_util::task::TaskTracker;

/// What a log is opened with.
#[derive(Debug, Clone)]
pub struct Config {
    /// The process's key and certificate.
    pub sealer: Arc<Sealer>,
    /// Believes the installation's root key.
    pub verifier: Verifier,
    /// Where records go.
    pub sink: Arc<dyn Sink>,
    /// Where heads go as well; at least one should be out of the writer's own reach.
    pub anchors: Vec<Arc<dyn Anchor>>,
    /// Where fates are decided.
    pub fate: Arc<dyn Fate>,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// Joins the log's tasks at the end.
    pub tracker: TaskTracker,
    /// For keyed digests of typed text and output.
    pub digest_key: DigestKey,
    /// SHA-256 of the running binary, if known.
    pub binary: Option<Digest>,
    /// The numbers below.
    pub limits: Limits,
}

/// How long and how many.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Deadline of one write.
    pub deadline: Duration,
    /// How many notes may wait.
    pub notes: usize,
    /// How many bytes of records may wait that somebody waits for.
    pub barrier_bytes: usize,
    /// How long notes wait for company.
    pub batching_wait: Duration,
    /// How often the head is signed.
    pub head_every: Duration,
    /// How often a failed write is tried again.
    pub retry_every: Duration,
    /// The longest one try to send a head to a second place may take. Nobody waits for it.
    pub anchor_patience: Duration,
    /// How long records have to be kept. A store that was opened with a longer time holds to that.
    pub retention: Duration,
    /// How long fates have to be known: the longest expiry of a request, and a week.
    pub fates_known: Duration,
}

impl Default for Limits {
    /// The design's: 5 s, 50 ms, a minute; 10,000 notes are some ten megabytes. Half a minute is
    /// enough for a few pushes to a git host far away.
    fn default() -> Self {
        Self {
            deadline: Duration::from_secs(5),
            notes: 10_000,
            barrier_bytes: 64 << 20,
            batching_wait: Duration::from_millis(50),
            head_every: Duration::from_mins(1),
            retry_every: Duration::from_secs(1),
            anchor_patience: Duration::from_secs(30),
            retention: Duration::ZERO,
            fates_known: Duration::from_hours(14 * 24),
        }
    }
}

/// Why a log was not opened. The process does not start then.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The own certificate is not believed.
    #[error("this process's certificate is not valid for this installation")]
    Certificate(#[source] CertificateError),
    /// The own certificate is not of the own key, or not of this time.
    #[error("this process's certificate {0}")]
    Unfit(&'static str),
    /// The deployment's name cannot be part of a signed head.
    #[error("`{0}` cannot be the name of a deployment (letters, digits, `-`, `_`, `.`)")]
    BadDeployment(String),
    /// The first record could not be written.
    #[error("the audit log's first record cannot be written")]
    Write(#[source] WriteError),
    /// The certificate could not be stored.
    #[error("the process's certificate cannot be stored")]
    Store(#[source] PutError),
    /// A store does not keep what it holds, by its settings or when it was tried: one sentence each
    /// that names the setting.
    #[error("the log would not be kept: {}", .0.join("; "))]
    NotKept(Vec<String>),
    /// It could not be found out whether the store keeps what it holds.
    #[error("the settings of the audit log's store cannot be checked")]
    Unchecked(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The fate store does not decide, or does not answer.
    #[error("the fate store cannot be used")]
    Fate(#[source] FateError),
}

pub(crate) struct Shared {
    pub(crate) config: Config,
    pub(crate) writer: WriterId,
    pub(crate) gauges: Arc<Gauges>,
    outbox: mpsc::UnboundedSender<Message>,
    places: Arc<Semaphore>,
    /// Kibibytes left for records that somebody waits for.
    barriers: Arc<Semaphore>,
    /// Attempts whose answer was lost: they may be this process's own fate, and nobody else's.
    pub(crate) unanswered: Mutex<BTreeMap<InvocationId, Attempt>>,
    /// Outputs that may have been stored: they are looked for before they are sent again.
    doubtful: Mutex<BTreeSet<Key>>,
}

/// A process's audit log. Cheap to clone; all clones write one stream.
#[derive(Clone)]
pub struct AuditLog {
    pub(crate) shared: Arc<Shared>,
}

impl fmt::Debug for AuditLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AuditLog({})", self.shared.writer)
    }
}

impl AuditLog {
    /// Opens a new stream: tries out the fate store, stores the certificate, writes
    /// `writer-opened` and the first head.
    ///
    /// # Errors
    /// [`OpenError`]; nothing may be accepted then.
    pub async fn open(config: Config) -> Result<Self, OpenError> {
        let role = certified_role(&config)?;
        let deadline = config.limits.deadline;
        check_settings(&config).await?;
        let probe = probe_id(&config);
        let raced = fate::race(config.fate.as_ref(), config.sealer.deployment(), probe);
        tokio::time::timeout(deadline, raced)
            .await
            .unwrap_or_else(|late| Err(FateError::Unavailable(Box::new(late))))
            .map_err(OpenError::Fate)?;
        store_certificate(&config).await?;
        prove_kept(&config).await?;

        let writer = WriterId::mint(role);
        let gauges = Arc::new(Gauges::default());
        let (outbox, inbox) = mpsc::unbounded_channel();
        let mut task = Writer::new(Settings {
            id: writer.clone(),
            sealer: config.sealer.clone(),
            sink: config.sink.clone(),
            relay: relay(&config, &gauges),
            clock: config.clock.clone(),
            gauges: gauges.clone(),
            deadline,
            batching_wait: config.limits.batching_wait,
            head_every: config.limits.head_every,
            retry_every: config.limits.retry_every,
        });
        task.open().await.map_err(OpenError::Write)?;
        config.tracker.spawn(task.run(inbox));
        let room = |places: usize| Arc::new(Semaphore::new(places.min(Semaphore::MAX_PERMITS)));
        let (places, barriers) = (room(config.limits.notes), room(config.limits.barrier_bytes / 1024));
        let unanswered = Mutex::new(BTreeMap::new());
        let doubtful = Mutex::default();
        let shared = Shared { config, writer, gauges, outbox, places, barriers, unanswered, doubtful };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// The store that decides fates, to be asked: only [`refuse`](Self::refuse) and
    /// [`begin`](Self::begin) write it.
    #[must_use]
    pub fn fate(&self) -> &dyn Fate {
        self.shared.config.fate.as_ref()
    }

    /// The sequence in the same store that stops changes and allows them again. It knows nothing yet.
    #[must_use]
    pub fn control(&self) -> ControlLog {
        ControlLog::new(self.shared.config.fate.clone(), self.shared.config.verifier.clone())
    }

    /// How a request ended, if its outcome was published. The seal is the reader's to open.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn outcome_of(&self, pool: &str, invocation: InvocationId) -> Result<Option<Sealed<Outcome>>, FateError> {
        let ended = self.fate().ended(pool, invocation).await?;
        ended.map(|ended| serde_json::from_str(&ended.winner).map_err(FateError::Unreadable)).transpose()
    }

    /// The name of this stream.
    #[must_use]
    pub fn writer(&self) -> &WriterId {
        &self.shared.writer
    }

    /// Counters for the metrics page.
    #[must_use]
    pub fn gauges(&self) -> &Gauges {
        &self.shared.gauges
    }

    /// How the second places are doing, for the metrics page.
    #[must_use]
    pub fn anchors(&self) -> Vec<AnchorState> {
        self.shared.gauges.anchors.states(self.shared.config.clock.boottime())
    }

    /// Keyed digest of typed text or output.
    #[must_use]
    pub fn keyed_digest(&self, bytes: &[u8]) -> Digest {
        self.shared.config.digest_key.digest(bytes)
    }

    /// Writes a record and waits until it is durable.
    ///
    /// # Errors
    /// [`WriteError`]; whoever asked must not go on. The record may still become durable later.
    ///
    /// # Cancel safety
    /// A dropped future writes the record all the same.
    pub async fn record(&self, event: Event) -> Result<Written, WriteError> {
        self.allowed(event.kind)?;
        self.barrier(event).await
    }

    /// Writes a record soon, and does not wait for it.
    ///
    /// # Errors
    /// [`WriteError::Full`] when too many wait: the caller accepts nothing more then.
    pub fn note(&self, event: Event) -> Result<(), WriteError> {
        self.allowed(event.kind)?;
        let place = self.shared.places.clone().try_acquire_owned().map_err(|_| WriteError::Full)?;
        self.send(event, Done::Note(place))
    }

    /// Keeps what an attempt printed, already redacted, as its own object.
    ///
    /// # Errors
    /// When the store does not take it, or something else is stored for this attempt.
    pub async fn keep_output(
        &self,
        invocation: InvocationId,
        attempt: &Attempt,
        bytes: Vec<u8>,
        redactions: u64,
    ) -> Result<OutputNote, PutError> {
        let key = layout::output(invocation, attempt).ok_or(PutError::Exists)?;
        let digest = self.keyed_digest(&bytes);
        let note = OutputNote {
            object: Some(key.to_string()),
            digest,
            bytes: u64::try_from(bytes.len()).unwrap_or(u64::MAX),
            redactions,
        };
        let (sink, deadline) = (self.shared.config.sink.clone(), self.shared.config.limits.deadline);
        let tried = self.doubtful().contains(&key);
        let (own, put) = (key.clone(), async move { put_output(sink.as_ref(), &key, bytes, tried).await });
        let task = self.shared.config.tracker.spawn(tokio::time::timeout(deadline, put));
        let outcome = match task.await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(late)) => Err(PutError::Unavailable(Box::new(late))),
            Err(ended) => Err(PutError::Unavailable(Box::new(ended))),
        };
        if matches!(outcome, Err(PutError::Unavailable(_))) {
            self.doubtful().insert(own);
        } else {
            self.doubtful().remove(&own);
        }
        outcome.map(|()| note)
    }

    fn doubtful(&self) -> std::sync::MutexGuard<'_, BTreeSet<Key>> {
        // A panic while it was held cannot have left half a set.
        self.shared.doubtful.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Writes what waits, `writer-closed` and the last head, and gives the second places the time
    /// of one write to take that head. Nothing can be written afterwards.
    ///
    /// # Errors
    /// When the store does not take them; closing may be tried again.
    pub async fn close(&self) -> Result<Written, WriteError> {
        let (done, closed) = oneshot::channel();
        self.shared.outbox.send(Message::Close(done)).map_err(|_| WriteError::Closed)?;
        closed.await.unwrap_or(Err(WriteError::Closed))
    }

    pub(crate) async fn barrier(&self, event: Event) -> Result<Written, WriteError> {
        let size = u32::try_from(rough_size(&event) / 1024 + 1).unwrap_or(u32::MAX);
        let place = self.shared.barriers.clone().try_acquire_many_owned(size).map_err(|_| WriteError::Full)?;
        let (answer, written) = oneshot::channel();
        self.send(event, Done::Barrier(Waiter { answer, _place: Some(place) }))?;
        written.await.unwrap_or(Err(WriteError::Closed))
    }

    fn send(&self, event: Event, done: Done) -> Result<(), WriteError> {
        let waiting = Waiting { event, at: self.shared.config.clock.now(), done };
        self.shared.outbox.send(Message::Record(Box::new(waiting))).map_err(|_| WriteError::Closed)
    }

    fn allowed(&self, kind: Kind) -> Result<(), WriteError> {
        let own = match kind {
            Kind::WriterOpened
            | Kind::WriterClosed
            | Kind::Checkpoint
            | Kind::Heartbeat
            | Kind::Intent
            | Kind::Outcome => true,
            Kind::Received
            | Kind::Refused
            | Kind::Decided
            | Kind::Previewed
            | Kind::Asked
            | Kind::Ballot
            | Kind::Cleared
            | Kind::Expired
            | Kind::Cancelled
            | Kind::Reconciled
            | Kind::Lease
            | Kind::Grant
            | Kind::BreakGlass
            | Kind::Freeze
            | Kind::Link
            | Kind::PolicyChanged
            | Kind::LogRead => false,
        };
        let role = self.shared.writer.role();
        if own || !may_write(role, kind) {
            return Err(WriteError::NotYours { role: role.as_str(), kind: kind.as_str() });
        }
        Ok(())
    }
}

fn certified_role(config: &Config) -> Result<Role, OpenError> {
    let deployment = config.sealer.deployment();
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    if deployment.is_empty() || !deployment.bytes().all(fits) {
        return Err(OpenError::BadDeployment(deployment.chars().take(80).collect()));
    }
    let certificate = config.sealer.certificate();
    let claims = config.verifier.certified(certificate).map_err(OpenError::Certificate)?;
    if claims.key_id() != Some(config.sealer.key_id()) {
        return Err(OpenError::Unfit("is not of its key"));
    }
    if !claims.covers(config.clock.now()) {
        return Err(OpenError::Unfit("is not valid at this time"));
    }
    Ok(claims.role)
}

fn relay(config: &Config, gauges: &Arc<Gauges>) -> Relay {
    let Limits { deadline, head_every, retry_every, anchor_patience, .. } = config.limits;
    let settings = RelaySettings {
        gauges: gauges.clone(),
        clock: config.clock.clone(),
        patience: anchor_patience,
        deadline,
        retry_every,
        retry_at_most: head_every.max(retry_every),
    };
    Relay::start(&config.anchors, settings, &config.tracker)
}

/// Stores an output, or finds it where an earlier try left it.
async fn put_output(sink: &dyn Sink, key: &Key, bytes: Vec<u8>, tried: bool) -> Result<(), PutError> {
    let arrived = async |bytes: &[u8]| match sink.read(key).await {
        Ok(Some(object)) if object.bytes == bytes => Ok(true),
        Ok(None) => Ok(false),
        Ok(Some(_)) => Err(PutError::Exists),
        Err(error) => Err(PutError::Unavailable(Box::new(error))),
    };
    if tried && arrived(&bytes).await? {
        return Ok(());
    }
    match sink.put_new(key, bytes.clone()).await {
        Err(PutError::Exists) => arrived(&bytes).await.map(|_| ()),
        other => other.map(|_| ()),
    }
}

/// What the stores say about themselves.
async fn check_settings(config: &Config) -> Result<(), OpenError> {
    let Limits { deadline, retention, fates_known, .. } = config.limits;
    let unchecked = |error: Box<dyn std::error::Error + Send + Sync>| OpenError::Unchecked(error);
    let asked = async {
        let mut wrong = config.sink.weaknesses(retention).await.map_err(|error| unchecked(Box::new(error)))?;
        wrong.extend(config.fate.unfit(fates_known).await.map_err(OpenError::Fate)?);
        Ok(wrong)
    };
    let wrong = tokio::time::timeout(deadline, asked).await.map_err(|late| unchecked(Box::new(late)))??;
    if wrong.is_empty() { Ok(()) } else { Err(OpenError::NotKept(wrong)) }
}

/// What the store does, whatever it says: it is tried on the certificate.
async fn prove_kept(config: &Config) -> Result<(), OpenError> {
    let Some(key) = layout::certificate(&config.sealer.key_id()) else { return Ok(()) };
    match tokio::time::timeout(config.limits.deadline, config.sink.prove_kept(&key)).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(NotKept::Weak(how))) => Err(OpenError::NotKept(vec![how])),
        Ok(Err(NotKept::Unread(error))) => Err(OpenError::Unchecked(Box::new(error))),
        Err(late) => Err(OpenError::Unchecked(Box::new(late))),
    }
}

async fn store_certificate(config: &Config) -> Result<(), OpenError> {
    let text = serde_json::to_string(config.sealer.certificate()).expect("a certificate is made of strings");
    let Some(key) = layout::certificate(&config.sealer.key_id()) else { return Ok(()) };
    let put = async {
        match config.sink.read(&key).await {
            // A store that keeps versions may take it once more.
            Ok(Some(_)) => Err(PutError::Exists),
            Ok(None) => config.sink.put_new(&key, text.into_bytes()).await,
            Err(error) => Err(PutError::Unavailable(Box::new(error))),
        }
    };
    match tokio::time::timeout(config.limits.deadline, put).await {
        // An earlier start stored it; the one of this start is in its first record anyway.
        Ok(Ok(_) | Err(PutError::Exists)) => Ok(()),
        Ok(Err(error)) => Err(OpenError::Store(error)),
        Err(late) => Err(OpenError::Store(PutError::Unavailable(Box::new(late)))),
    }
}

/// A fresh id for the start-up race.
fn probe_id(config: &Config) -> InvocationId {
    let nonce = uuid::Uuid::new_v4().to_string();
    let origin = Origin { deployment: config.sealer.deployment(), front: "startup", team: "probe", trigger: &nonce };
    InvocationId::derive(origin, config.clock.now())
}
