//! How heads leave the writer: a task a place, each with the newest head and nothing older.
//!
//! **Invariant:** handing over a head waits for nobody. A place that is away gets the newest head
//! when it is back, and at the end each place has as long as one write of the log for the last.

use super::Anchor;
use crate::sink::Key;
use crate::writer::Gauges;
use countersign_core::time::Clock;
use std::error::Error as _;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;
use tracing::{info, warn};

/// How a place is doing, for the metrics page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnchorState {
    /// What kind of place it is, numbered from the second of its kind on: `git`, `store-2`.
    pub place: String,
    /// How long ago it took a head; since the log was opened if it never did.
    pub lag: Duration,
    /// Whether it took the last head that it was sent.
    pub answers: bool,
}

/// The places' gauges.
#[derive(Debug, Default)]
pub struct AnchorGauges(RwLock<Vec<Arc<Lag>>>);

impl AnchorGauges {
    /// How each place is doing, in the order of the configuration. `now` is the time since boot.
    #[must_use]
    pub fn states(&self, now: Duration) -> Vec<AnchorState> {
        let lags = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let of = |lag: &Arc<Lag>| AnchorState {
            place: lag.place.clone(),
            lag: now.saturating_sub(Duration::from_millis(lag.kept_at_millis.load(Ordering::Relaxed))),
            answers: lag.answers.load(Ordering::Relaxed),
        };
        lags.iter().map(of).collect()
    }

    fn add(&self, place: &dyn Anchor, now: Duration) -> Arc<Lag> {
        let mut lags = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let kind = place.place();
        let same = lags.iter().filter(|lag| lag.kind == kind).count();
        let place = if same == 0 { kind.to_owned() } else { format!("{kind}-{}", same + 1) };
        let lag = Lag { kind, place, kept_at_millis: AtomicU64::new(millis(now)), answers: AtomicBool::new(true) };
        let lag = Arc::new(lag);
        lags.push(lag.clone());
        lag
    }
}

#[derive(Debug)]
struct Lag {
    kind: &'static str,
    place: String,
    /// When it took a head, in milliseconds since boot.
    kept_at_millis: AtomicU64,
    answers: AtomicBool,
}

/// What a relay works with.
pub(crate) struct RelaySettings {
    pub(crate) gauges: Arc<Gauges>,
    pub(crate) clock: Arc<dyn Clock>,
    /// The longest one try may take.
    pub(crate) patience: Duration,
    /// The longest the end may take.
    pub(crate) deadline: Duration,
    /// The pause after a first failure; it doubles with each up to `retry_at_most`.
    pub(crate) retry_every: Duration,
    pub(crate) retry_at_most: Duration,
}

/// A head on its way.
#[derive(Clone)]
struct Note {
    key: Key,
    text: Arc<str>,
}

/// The ways to all places.
pub(crate) struct Relay {
    newest: watch::Sender<Option<Note>>,
    lanes: Vec<JoinHandle<()>>,
    /// Cancels when it is dropped: then only the last head is still delivered.
    ending: Option<DropGuard>,
}

impl Relay {
    /// Starts a task for each place.
    pub(crate) fn start(places: &[Arc<dyn Anchor>], settings: RelaySettings, tracker: &TaskTracker) -> Self {
        let newest = watch::Sender::new(None);
        let ending = CancellationToken::new();
        let settings = Arc::new(settings);
        let lane = |place: &Arc<dyn Anchor>| {
            let lag = settings.gauges.anchors.add(place.as_ref(), settings.clock.boottime());
            let lane =
                Lane { place: place.clone(), newest: newest.subscribe(), lag, delivered: None, set: settings.clone() };
            tracker.spawn(lane.run(ending.clone()))
        };
        let lanes = places.iter().map(lane).collect();
        Self { newest, lanes, ending: Some(ending.drop_guard()) }
    }

    /// Hands over a head, and goes on.
    pub(crate) fn hand_over(&self, key: Key, note: &str) {
        self.newest.send_replace(Some(Note { key, text: note.into() }));
    }

    /// Waits until each place has the last head, or the deadline is over.
    pub(crate) async fn finish(&mut self) {
        self.ending = None;
        for lane in self.lanes.drain(..) {
            // A lane that panicked has said so.
            let _ = lane.await;
        }
    }
}

/// The way to one place.
struct Lane {
    place: Arc<dyn Anchor>,
    newest: watch::Receiver<Option<Note>>,
    lag: Arc<Lag>,
    delivered: Option<Key>,
    set: Arc<RelaySettings>,
}

impl Lane {
    async fn run(mut self, ending: CancellationToken) {
        // A try that is under way is given up as well: the last head comes after it.
        ending.run_until_cancelled_owned(self.keep_up()).await;
        let deadline = self.set.deadline;
        if timeout(deadline, self.keep_last()).await.is_err() {
            self.set.gauges.failed_heads.fetch_add(1, Ordering::Relaxed);
            warn!(audit.anchor = self.lag.place, "A second place did not get the last head of this process");
        }
    }

    async fn keep_up(&mut self) {
        while self.newest.changed().await.is_ok() {
            let mut pause = self.set.retry_every;
            while !self.deliver().await {
                tokio::select! {
                    newer = self.newest.changed() => if newer.is_err() { break },
                    () = tokio::time::sleep(pause) => {}
                }
                pause = pause.saturating_mul(2).min(self.set.retry_at_most);
            }
        }
        // Nothing comes any more: the end is near.
        std::future::pending::<()>().await;
    }

    async fn keep_last(&mut self) {
        while !self.deliver().await {
            tokio::time::sleep(self.set.retry_every).await;
        }
    }

    /// Sends the newest head, unless the place has it. Returns whether it has it now.
    async fn deliver(&mut self) -> bool {
        let newest = self.newest.borrow_and_update().clone();
        let Some(note) = newest.filter(|note| self.delivered.as_ref() != Some(&note.key)) else { return true };
        let kept = match timeout(self.set.patience, self.place.keep(&note.key, &note.text)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(whole(&error)),
            Err(_) => Err(format!("no answer within {:?}", self.set.patience)),
        };
        let answered = self.lag.answers.swap(kept.is_ok(), Ordering::Relaxed);
        match kept {
            Ok(()) => {
                self.lag.kept_at_millis.store(millis(self.set.clock.boottime()), Ordering::Relaxed);
                self.delivered = Some(note.key);
                if !answered {
                    info!(audit.anchor = self.lag.place, "A second place takes heads again");
                }
                true
            }
            Err(failure) => {
                self.set.gauges.failed_heads.fetch_add(1, Ordering::Relaxed);
                if answered {
                    warn!(audit.anchor = self.lag.place, "A second place does not take heads: {failure}");
                }
                false
            }
        }
    }
}

/// An error with all its sources.
fn whole(error: &super::NotAnchored) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(next) = source {
        write!(text, ": {next}").expect("a string takes everything");
        source = next.source();
    }
    text
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
