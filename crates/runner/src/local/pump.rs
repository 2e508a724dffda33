//! Takes a step's output out of its pipe: through the redactor, within the budget.
//!
//! **Invariant:** nothing passes that did not go through the redactor, and no more waits in memory than one read, the
//! reader's queue, and what the capture's own cap allows; a reader that is slow makes the command wait.

use countersign_core::digest::Digest;
use countersign_redact::{Patterns, Redactor};
use sha2::{Digest as _, Sha256};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::unix::pipe;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

/// One read: a pipe's own capacity (pipe(7)).
const READ: usize = 64 * 1024;

/// What is kept of a preview step's standard output; a larger one ends the job, for half a document is none.
const MOST_STDOUT: usize = 8 << 20;

/// What is kept of its standard error; the rest is dropped.
const MOST_STDERR: usize = 64 << 10;

/// How long a reader may take for the last chunk, and when the command was ended.
const PATIENCE: Duration = Duration::from_secs(30);
const PATIENCE_WHEN_CUT: Duration = Duration::from_millis(300);

/// Bytes of raw output all steps of a job may write together. When they are used up, the job is ended.
#[derive(Debug)]
pub(super) struct Budget {
    left: AtomicU64,
    used_up: CancellationToken,
}

impl Budget {
    pub(super) fn new(bytes: u64) -> Self {
        Self { left: AtomicU64::new(bytes), used_up: CancellationToken::new() }
    }

    /// How many of these bytes may still pass.
    fn take(&self, bytes: usize) -> usize {
        let wanted = bytes as u64;
        let left =
            self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| Some(left.saturating_sub(wanted)));
        let before = left.unwrap_or_default();
        if before < wanted {
            self.used_up.cancel();
        }
        usize::try_from(before.min(wanted)).unwrap_or(bytes)
    }

    /// Ends the job as if nothing were left.
    fn exhaust(&self) {
        self.used_up.cancel();
    }

    /// Waits until nothing is left.
    pub(super) async fn used_up(&self) {
        self.used_up.cancelled().await;
    }

    fn is_used_up(&self) -> bool {
        self.used_up.is_cancelled()
    }
}

/// Where redacted output goes.
pub(super) enum Place {
    /// To the reader, as it comes. `None` once nobody reads any more.
    Live(Option<mpsc::Sender<Vec<u8>>>),
    /// Into the filters' standard input. `None` once they have read enough.
    Into(Option<pipe::Sender>),
    /// Into memory, the whole or the job ends.
    Whole(Vec<u8>),
    /// Into memory, the beginning.
    Beginning(Vec<u8>),
}

/// One stream of a step.
pub(super) struct Stream {
    redactor: Redactor,
    delivery: Delivery,
}

struct Delivery {
    place: Place,
    hash: Sha256,
    bytes: u64,
    cut: bool,
    /// Whether the rest was lost on its way.
    broken: bool,
}

impl Stream {
    pub(super) fn new(patterns: &Patterns, place: Place) -> Self {
        let delivery = Delivery { place, hash: Sha256::new(), bytes: 0, cut: false, broken: false };
        Self { redactor: Redactor::over(patterns), delivery }
    }

    /// Reads to the end of the pipe. What comes after the budget is read and dropped, so that the command can be asked
    /// to end while it writes.
    pub(super) async fn pump(&mut self, mut pipe: impl AsyncRead + Unpin, budget: &Budget) {
        let mut buffer = vec![0; READ];
        loop {
            let read = match pipe.read(&mut buffer).await {
                Ok(0) => return,
                Ok(read) => read,
                Err(_) => {
                    (self.delivery.cut, self.delivery.broken) = (true, true);
                    return;
                }
            };
            let allowed = budget.take(read);
            if allowed > 0 && !self.delivery.cut {
                let redacted = self.redactor.push(&buffer[..allowed]);
                self.delivery.take(redacted, budget).await;
            }
            self.delivery.cut |= allowed < read || budget.is_used_up();
        }
    }

    /// Ends the stream. `whole`: the command wrote all it wanted to. Otherwise what the redactor still holds back may be
    /// the beginning of a secret whose end was cut off, and is dropped.
    pub(super) async fn finish(self, whole: bool, budget: &Budget) -> Finished {
        let Self { redactor, mut delivery } = self;
        let whole = whole && !delivery.cut;
        let (rest, counts) = if whole { redactor.finish() } else { redactor.cut() };
        let patience = if whole { PATIENCE } else { PATIENCE_WHEN_CUT };
        if timeout(patience, delivery.take(rest, budget)).await.is_err() {
            delivery.cut = true;
        }
        let kept = match delivery.place {
            Place::Live(_) | Place::Into(_) => Vec::new(),
            Place::Whole(kept) | Place::Beginning(kept) => kept,
        };
        let Delivery { bytes, cut, broken, hash, .. } = delivery;
        Finished { kept, redactions: counts.total(), bytes, cut, broken, hash }
    }
}

impl Delivery {
    async fn take(&mut self, redacted: Vec<u8>, budget: &Budget) {
        if redacted.is_empty() {
            return;
        }
        let kept = match &mut self.place {
            Place::Live(reader) => {
                self.hash.update(&redacted);
                let bytes = redacted.len();
                let gone = match reader {
                    Some(sender) => sender.send(redacted).await.is_err(),
                    None => false,
                };
                if gone {
                    *reader = None;
                }
                bytes
            }
            // It counts when it comes out of the filters.
            Place::Into(filters) => {
                let gone = match filters {
                    Some(pipe) => pipe.write_all(&redacted).await.is_err(),
                    None => false,
                };
                if gone {
                    *filters = None;
                }
                0
            }
            Place::Whole(kept) if kept.len() + redacted.len() > MOST_STDOUT => {
                self.cut = true;
                budget.exhaust();
                0
            }
            Place::Whole(kept) => {
                kept.extend_from_slice(&redacted);
                redacted.len()
            }
            Place::Beginning(kept) => {
                let room = MOST_STDERR.saturating_sub(kept.len()).min(redacted.len());
                kept.extend(redacted.iter().take(room));
                room
            }
        };
        self.bytes += kept as u64;
    }
}

/// A stream that has ended.
pub(super) struct Finished {
    pub(super) kept: Vec<u8>,
    pub(super) redactions: u64,
    pub(super) bytes: u64,
    /// Whether something of the end is missing.
    pub(super) cut: bool,
    /// Whether that was lost on its way from a pod.
    pub(super) broken: bool,
    hash: Sha256,
}

impl Finished {
    /// SHA-256 of what went to the reader.
    pub(super) fn digest(self) -> Digest {
        Digest::from_bytes(self.hash.finalize().into())
    }
}
