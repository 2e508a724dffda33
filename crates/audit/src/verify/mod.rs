//! Whether the log is what was written, and whether all of it is there.
//!
//! **Invariant:** integrity is decided on raw bytes before anything is parsed; nothing is believed
//! but the root keys, and what hangs from them by signatures. The same store gives the same report,
//! however many segments are worked on at once.

mod account;
mod ahead;
mod chain;
mod contents;
mod heads;
mod held;
mod late;
mod report;
mod retention;
mod runs;
mod scan;
mod seals;
mod stream;

pub use report::{Concern, Conclusion, Finding, Name, Report};

use crate::anchor::Heads;
use crate::begin::MAX_SKEW;
use crate::fate::Fate;
use crate::keys::DigestKey;
use crate::record::WriterId;
use crate::sink::{Entry, Kept, Key, Object, ReadError, Sink};
use ahead::Ahead;
use countersign_core::seal::Verifier;
use countersign_core::time::Timestamp;
use heads::{At, Note};
use held::{Held, Outputs};
use retention::Short;
use runs::Runs;
use scan::{Scanned, Which};
use seals::Seals;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use stream::Stream;
use tokio::sync::Semaphore;

/// How much of the log is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Depth {
    /// Chains and signed heads, on raw bytes: whether anything was changed, cut off or put back.
    Integrity,
    /// What the records say as well: seals, decisions, fates, outcomes, and whether every account
    /// is complete.
    #[default]
    Full,
}

/// What is verified, and what is believed.
#[derive(Debug, Clone)]
pub struct Evidence {
    /// The store.
    pub sink: Arc<dyn Sink>,
    /// The other places where heads are kept.
    pub anchors: Vec<Arc<dyn Heads>>,
    /// The fate store, if it is at hand.
    pub fate: Option<Arc<dyn Fate>>,
    /// Believes the root keys. What is revoked is learned from the store.
    pub verifier: Verifier,
    /// The time of the verification.
    pub now: Timestamp,
    /// How long objects have to be kept after they were stored; not checked if absent.
    pub retention: Option<Duration>,
    /// The key for keyed digests, for whoever may check what outputs hold.
    pub digest_key: Option<DigestKey>,
    /// How much is looked at.
    pub depth: Depth,
    /// How far the verification is, for a progress bar.
    pub progress: Arc<Progress>,
    /// How many streams and segments are worked on at once.
    pub at_once: NonZeroUsize,
}

impl Evidence {
    /// A store and who is believed, at this time; everything else is absent.
    #[must_use]
    pub fn new(sink: Arc<dyn Sink>, verifier: Verifier, now: Timestamp) -> Self {
        Self {
            sink,
            anchors: Vec::new(),
            fate: None,
            verifier,
            now,
            retention: None,
            digest_key: None,
            depth: Depth::Full,
            progress: Arc::default(),
            at_once: std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN),
        }
    }
}

/// A stream that was written to this recently belongs to a process that runs.
const ALIVE: Duration = Duration::from_mins(2);

/// How far a verification is.
#[derive(Debug, Default)]
pub struct Progress {
    /// Bytes of records there are; 0 until they are known.
    pub bytes: AtomicU64,
    /// Bytes of records that were read.
    pub bytes_read: AtomicU64,
    /// Records that were checked.
    pub records: AtomicU64,
}

/// Verifies everything.
///
/// # Errors
/// When a store does not answer: nothing is known then.
///
/// # Cancel safety
/// Nothing is written; a dropped future stops reading.
pub async fn verify(evidence: &Evidence) -> Result<Report, ReadError> {
    let (mut report, mut short) = (Report::default(), Short::default());
    for says in evidence.sink.weaknesses(evidence.retention.unwrap_or_default()).await? {
        report.findings.push(Finding::new(Name::WeakStore, says));
    }
    let holdings = held::look(evidence, &mut short, &mut report).await?;
    let context = Arc::new(Context::of(evidence));
    let mut runs = Runs::new(context.clone(), holdings.outputs.clone());
    let questions: Vec<Question> = holdings.writers.iter().flat_map(|(writer, held)| of_stream(writer, held)).collect();
    evidence.progress.bytes.store(questions.iter().map(Question::record_bytes).sum(), Ordering::Relaxed);
    let ask = |question: Question| (question.size(), answer(context.clone(), question));
    let mut answers = Ahead::new(questions.into_iter().map(ask));
    for (writer, held) in &holdings.writers {
        let mut stream = Stream::new(&context, writer, held);
        for _ in 0..held.objects() {
            match answers.next().await? {
                Some(Got::Segment(first, entry, scanned, kept)) => {
                    short.look_at(Some(writer), &entry.name, kept, evidence.retention);
                    stream.segment(first, &entry.name, scanned, &mut runs, &mut report);
                    runs.ask(false, &mut report).await?;
                }
                Some(Got::Notes(name, notes, kept)) => {
                    short.look_at(Some(writer), &name, kept, evidence.retention);
                    stream.notes(notes);
                }
                None => break,
            }
        }
        stream.finish(&holdings, &mut runs, &mut report).await?;
    }
    match evidence.depth {
        Depth::Full => runs.finish(&mut report).await?,
        Depth::Integrity => {
            let says = "only chains and heads were looked at, not what the records say";
            report.findings.push(Finding::new(Name::ContentsNotRead, says));
        }
    }
    short.report(&mut report);
    report.sort();
    Ok(report)
}

/// What everything that is asked and computed at once needs.
#[derive(Debug)]
struct Context {
    sink: Arc<dyn Sink>,
    anchors: Vec<Arc<dyn Heads>>,
    fate: Option<Arc<dyn Fate>>,
    seals: Seals,
    now: Timestamp,
    retention: Option<Duration>,
    digest_key: Option<DigestKey>,
    depth: Depth,
    progress: Arc<Progress>,
    cores: Semaphore,
}

impl Context {
    fn of(evidence: &Evidence) -> Self {
        Self {
            sink: evidence.sink.clone(),
            anchors: evidence.anchors.clone(),
            fate: evidence.fate.clone(),
            seals: Seals::new(evidence.verifier.clone()),
            now: evidence.now,
            retention: evidence.retention,
            digest_key: evidence.digest_key.clone(),
            depth: evidence.depth,
            progress: evidence.progress.clone(),
            cores: Semaphore::new(evidence.at_once.get().min(Semaphore::MAX_PERMITS)),
        }
    }

    /// Whether a process that wrote then may still run: a time that is yet to come is nobody's.
    fn is_recent(&self, at: Timestamp) -> bool {
        self.now.since(at) < ALIVE && at.since(self.now) <= MAX_SKEW
    }

    /// Computes where it holds nobody up, as many at once as the evidence asks for.
    async fn compute<T: Send + 'static>(
        &self,
        what: Work,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, ReadError> {
        let _core = self.cores.acquire().await.map_err(|error| ReadError::Unavailable(Box::new(error)))?;
        if what == Work::Short {
            return Ok(work());
        }
        tokio::task::spawn_blocking(work).await.map_err(|error| ReadError::Unavailable(Box::new(error)))
    }
}

/// How long a computation takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Work {
    /// Well under a millisecond: handing it on would take as long.
    Short,
    /// Long enough to hold up whoever shares the thread.
    Long,
}

impl Work {
    /// How long it takes to look at so many bytes of records.
    const fn on(bytes: u64, depth: Depth) -> Self {
        // A gigabyte a second is hashed; a signature of 1.5 kB takes some 50 microseconds.
        let short = match depth {
            Depth::Integrity => 256 << 10,
            Depth::Full => 8 << 10,
        };
        if bytes <= short { Self::Short } else { Self::Long }
    }
}

/// One object of a stream, to be read.
#[derive(Debug)]
enum Question {
    Segment { writer: WriterId, first: u64, entry: Entry, last: bool },
    Head { size: u64, entry: Entry },
    Anchor { size: u64, nth: usize, name: String },
}

impl Question {
    const fn size(&self) -> u64 {
        match self {
            Self::Segment { entry, .. } | Self::Head { entry, .. } => entry.size,
            Self::Anchor { .. } => 0,
        }
    }

    const fn record_bytes(&self) -> u64 {
        match self {
            Self::Segment { entry, .. } => entry.size,
            Self::Head { .. } | Self::Anchor { .. } => 0,
        }
    }
}

/// An object of a stream, read.
enum Got {
    Segment(u64, Entry, Scanned, Option<(Kept, Timestamp)>),
    Notes(String, Vec<Note>, Option<(Kept, Timestamp)>),
}

/// The objects of one stream in the order they are looked at.
fn of_stream(writer: &WriterId, held: &Held) -> Vec<Question> {
    let end = held.segments.keys().next_back().copied();
    let segment = |(first, entry): (&u64, &Entry)| Question::Segment {
        writer: writer.clone(),
        first: *first,
        entry: entry.clone(),
        last: Some(*first) == end,
    };
    let head = |(size, entry): (&u64, &Entry)| Question::Head { size: *size, entry: entry.clone() };
    let anchor =
        |(size, nth, name): &(u64, usize, String)| Question::Anchor { size: *size, nth: *nth, name: name.clone() };
    let segments = held.segments.iter().map(segment);
    segments.chain(held.heads.iter().map(head)).chain(held.anchors.iter().map(anchor)).collect()
}

/// When an object was stored, by a store that would not let anybody say otherwise: a file's time is
/// whoever's who copied it.
fn store_time(object: &Object) -> Option<Timestamp> {
    (object.kept != Kept::NotApplicable).then_some(object.at)
}

async fn answer(context: Arc<Context>, question: Question) -> Result<Got, ReadError> {
    match question {
        Question::Segment { writer, first, entry, last } => {
            let object = plain(context.sink.read_entry(&entry).await)?;
            let kept = object.as_ref().map(|object| (object.kept, object.at));
            let which = Which { writer, stored_at: object.as_ref().and_then(store_time), last };
            let bytes = object.map(|object| object.bytes).unwrap_or_default();
            let read = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
            context.progress.bytes_read.fetch_add(read, Ordering::Relaxed);
            let (work, how_long) = (context.clone(), Work::on(read, context.depth));
            let scanned = context.compute(how_long, move || scan::scan(&work, &which, &bytes)).await?;
            Ok(Got::Segment(first, entry, scanned, kept))
        }
        Question::Head { size, entry } => {
            let object = plain(context.sink.read_entry(&entry).await)?;
            let kept = object.as_ref().map(|object| (object.kept, object.at));
            let stored_at = object.as_ref().and_then(store_time);
            let bytes = object.map(|object| object.bytes).unwrap_or_default();
            let note = Note { size, name: entry.name.clone(), bytes, place: At::Home, stored_at };
            Ok(Got::Notes(entry.name, vec![note], kept))
        }
        Question::Anchor { size, nth, name } => {
            let Some(place) = context.anchors.get(nth) else { return Ok(Got::Notes(name, Vec::new(), None)) };
            let note = |bytes| Note { size, name: name.clone(), bytes, place: At::Anchor, stored_at: None };
            let notes = place.heads(&name).await?.into_iter().map(note).collect();
            Ok(Got::Notes(name, notes, None))
        }
    }
}

/// Reads an object whose name the store itself told; `None` also for names no object has.
pub(crate) async fn fetch(sink: &(impl Sink + ?Sized), name: &str) -> Result<Option<Vec<u8>>, ReadError> {
    let Ok(key) = Key::parse(name) else { return Ok(None) };
    Ok(plain(sink.read(&key).await)?.map(|object| object.bytes))
}

/// What is no plain object is none.
fn plain(read: Result<Option<Object>, ReadError>) -> Result<Option<Object>, ReadError> {
    match read {
        Err(ReadError::NotPlain(_)) => Ok(None),
        answer => answer,
    }
}
