//! Which freezes are on, read from the sequence in the fate store.
//!
//! **Invariant:** the sequence has no gaps and is read from its first entry; an entry that cannot be
//! believed says nothing and hides nothing. What was read stays known while the store is away, and
//! whoever is about to change something looks first.

use crate::fate::{Fate, FateError};
use countersign_core::control::{Control, ControlNote, Freeze};
use countersign_core::seal::Verifier;
use std::sync::Arc;
use tokio::sync::{Mutex, watch};
use tracing::{error, info};

/// The freezes that are on, in the order they came.
pub type Freezes = Arc<Vec<Freeze>>;

/// What is known of the sequence, and how it becomes known.
#[derive(Debug)]
pub struct ControlLog {
    fate: Arc<dyn Fate>,
    verifier: Verifier,
    /// The last entry that was read. Held while reading, so that each is read once.
    last: Mutex<u64>,
    freezes: watch::Sender<Freezes>,
}

impl ControlLog {
    /// Knows nothing yet: [`look`](Self::look) first.
    #[must_use]
    pub fn new(fate: Arc<dyn Fate>, verifier: Verifier) -> Self {
        Self { fate, verifier, last: Mutex::default(), freezes: watch::Sender::default() }
    }

    /// Reads what is new.
    ///
    /// # Errors
    /// When the store does not answer; what was read before stays known.
    ///
    /// # Cancel safety
    /// May be dropped; the next look goes on where this one was.
    pub async fn look(&self) -> Result<Freezes, FateError> {
        let mut last = self.last.lock().await;
        loop {
            let epoch = *last + 1;
            let found = match self.fate.control(epoch).await {
                Ok(Some(found)) => found,
                Ok(None) => break,
                // Not even text: nobody's entry.
                Err(FateError::Misplaced) => {
                    error!(control.epoch = epoch, "An entry that stops or allows changes is ignored: it is no text");
                    *last = epoch;
                    continue;
                }
                Err(other) => return Err(other),
            };
            let note = serde_json::from_str::<ControlNote>(&found.winner).map_err(|error| error.to_string());
            let control =
                note.and_then(|note| note.open(&self.verifier, epoch, found.at).map_err(|error| error.to_string()));
            match control {
                Ok(control) => self.take(control),
                Err(why) => error!(control.epoch = epoch, "An entry that stops or allows changes is ignored: {why}"),
            }
            *last = epoch;
        }
        Ok(self.freezes())
    }

    fn take(&self, control: Control) {
        self.freezes.send_modify(|freezes| {
            let freezes = Arc::make_mut(freezes);
            match control {
                Control::Freeze(freeze) => {
                    info!(control.epoch = freeze.epoch, "Changes are frozen");
                    freezes.push(freeze);
                }
                Control::Lift(lift) => {
                    info!(control.epoch = lift.lifts, "A freeze is lifted");
                    freezes.retain(|freeze| freeze.epoch != lift.lifts);
                }
            }
        });
    }

    /// The freezes that are on, as far as was read.
    #[must_use]
    pub fn freezes(&self) -> Freezes {
        self.freezes.borrow().clone()
    }

    /// The first freeze that stops changes in this environment.
    #[must_use]
    pub fn frozen(&self, env: Option<&str>) -> Option<Freeze> {
        self.freezes().iter().find(|freeze| freeze.touches(env)).cloned()
    }

    /// Tells when the freezes change.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<Freezes> {
        self.freezes.subscribe()
    }

    /// Adds an entry at the end, and reads it back. `make` seals it for the place that is tried; it
    /// is tried again for the next place when somebody else was faster.
    ///
    /// # Errors
    /// When the store does not answer. The entry may have been written then: a second one does no harm.
    pub async fn add(&self, make: impl Fn(u64) -> ControlNote + Send + Sync) -> Result<u64, FateError> {
        self.look().await?;
        let mut epoch = *self.last.lock().await + 1;
        loop {
            let note = serde_json::to_string(&make(epoch)).expect("a seal is made of strings");
            if self.fate.add_control(epoch, &note).await?.mine {
                self.look().await?;
                return Ok(epoch);
            }
            epoch += 1;
        }
    }
}
