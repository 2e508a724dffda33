//! A process's audit log.
//!
//! **Invariant:** writes are detached from whoever asks for them: a dropped caller neither loses
//! nor tears a record. What [`AuditLog::record`] returned is durable.

use crate::event::{Event, Kind, OutputNote};
use crate::fate::{self, Fate, FateError};
use crate::keys::DigestKey;
use crate::layout;
use crate::record::{WriterId, may_write};
use crate::sink::{PutError, Sink};
use crate::writer::{Done, Gauges, Message, Settings, Waiting, WriteError, Writer, Written};
use countersign_core::certificate::{CertificateError, Role};
use countersign_core::digest::Digest;
use countersign_core::id::{Attempt, InvocationId, Origin};
use countersign_core::outcome::Outcome;
use countersign_core::seal::{Sealed, Sealer, Verifier};
use countersign_core::time::Clock;
use std::collections::BTreeMap;
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
    pub anchors: Vec<Arc<dyn Sink>>,
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
    /// How long notes wait for company.
    pub batching_wait: Duration,
    /// How often the head is signed.
    pub head_every: Duration,
    /// How often a failed write is tried again.
    pub retry_every: Duration,
}

impl Default for Limits {
    /// The design's: 5 s, 50 ms, a minute; 10,000 notes are some ten megabytes.
    fn default() -> Self {
        Self {
            deadline: Duration::from_secs(5),
            notes: 10_000,
            batching_wait: Duration::from_millis(50),
            head_every: Duration::from_mins(1),
            retry_every: Duration::from_secs(1),
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
    /// Attempts whose answer was lost: they may be this process's own fate, and nobody else's.
    pub(crate) unanswered: Mutex<BTreeMap<InvocationId, Attempt>>,
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
        let probe = probe_id(&config);
        let raced = fate::race(config.fate.as_ref(), config.sealer.deployment(), probe);
        tokio::time::timeout(deadline, raced)
            .await
            .unwrap_or_else(|late| Err(FateError::Unavailable(Box::new(late))))
            .map_err(OpenError::Fate)?;
        store_certificate(&config).await?;

        let writer = WriterId::mint(role);
        let gauges = Arc::new(Gauges::default());
        let (outbox, inbox) = mpsc::unbounded_channel();
        let mut task = Writer::new(Settings {
            id: writer.clone(),
            sealer: config.sealer.clone(),
            sink: config.sink.clone(),
            anchors: config.anchors.clone(),
            clock: config.clock.clone(),
            gauges: gauges.clone(),
            deadline,
            batching_wait: config.limits.batching_wait,
            head_every: config.limits.head_every,
            retry_every: config.limits.retry_every,
        });
        task.open().await.map_err(OpenError::Write)?;
        config.tracker.spawn(task.run(inbox));
        let places = Arc::new(Semaphore::new(config.limits.notes.min(Semaphore::MAX_PERMITS)));
        let unanswered = Mutex::new(BTreeMap::new());
        Ok(Self { shared: Arc::new(Shared { config, writer, gauges, outbox, places, unanswered }) })
    }

    /// The store that decides fates, to be asked: only [`refuse`](Self::refuse) and
    /// [`begin`](Self::begin) write it.
    #[must_use]
    pub fn fate(&self) -> &dyn Fate {
        self.shared.config.fate.as_ref()
    }

    /// How a request ended, if its outcome was published. The seal is the reader's to open.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn outcome_of(&self, invocation: InvocationId) -> Result<Option<Sealed<Outcome>>, FateError> {
        let ended = self.fate().ended(invocation).await?;
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
        let put = async move {
            match sink.put_new(&key, bytes.clone()).await {
                Err(PutError::Exists) => match sink.read(&key).await {
                    Ok(Some(object)) if object.bytes == bytes => Ok(()),
                    _ => Err(PutError::Exists),
                },
                other => other.map(|_| ()),
            }
        };
        let task = self.shared.config.tracker.spawn(tokio::time::timeout(deadline, put));
        match task.await {
            Ok(Ok(outcome)) => outcome.map(|()| note),
            Ok(Err(late)) => Err(PutError::Unavailable(Box::new(late))),
            Err(ended) => Err(PutError::Unavailable(Box::new(ended))),
        }
    }

    /// Writes what waits, `writer-closed` and the last head. Nothing can be written afterwards.
    ///
    /// # Errors
    /// When the store does not take them; closing may be tried again.
    pub async fn close(&self) -> Result<Written, WriteError> {
        let (done, closed) = oneshot::channel();
        self.shared.outbox.send(Message::Close(done)).map_err(|_| WriteError::Closed)?;
        closed.await.unwrap_or(Err(WriteError::Closed))
    }

    pub(crate) async fn barrier(&self, event: Event) -> Result<Written, WriteError> {
        let (done, written) = oneshot::channel();
        self.send(event, Done::Barrier(done))?;
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
    let claims = certificate.open(config.verifier.root(), deployment).map_err(OpenError::Certificate)?;
    if claims.key_id() != Some(config.sealer.key_id()) {
        return Err(OpenError::Unfit("is not of its key"));
    }
    if !claims.covers(config.clock.now()) {
        return Err(OpenError::Unfit("is not valid at this time"));
    }
    Ok(claims.role)
}

async fn store_certificate(config: &Config) -> Result<(), OpenError> {
    let text = serde_json::to_string(config.sealer.certificate()).expect("a certificate is made of strings");
    let Some(key) = layout::certificate(&config.sealer.key_id()) else { return Ok(()) };
    let put = config.sink.put_new(&key, text.into_bytes());
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
