//! From the first task to the last: signals, draining, the end.
//!
//! **Invariant:** after the first SIGTERM or SIGINT nothing is accepted or claimed; what runs may
//! end until the deadline or a second signal, then it is ended; the log is closed last. A process
//! whose key is revoked ends the same way and signs nothing more.

use countersign_audit::log::AuditLog;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// After the abort tasks end by themselves, or the process ends without them.
const LAST_WORDS: Duration = Duration::from_secs(20);

/// What SIGHUP does. It reports its own mistakes.
pub type Reload = Arc<dyn Fn() -> Pin<Box<dyn Future<Output = ()> + Send>> + Send + Sync>;

/// What a process's tasks share.
#[derive(Debug, Clone)]
pub struct Life {
    /// Work: it is drained.
    pub tasks: TaskTracker,
    /// No more of it.
    pub stop: CancellationToken,
    /// What runs is ended.
    pub abort: CancellationToken,
    /// What the work needs to its end: the log, news from the queue, health.
    pub last: TaskTracker,
    /// And its end.
    pub end: CancellationToken,
    /// Its key is not believed any more, so it ends by itself.
    pub disowned: CancellationToken,
    /// Whether a task died.
    pub died: Arc<AtomicBool>,
}

/// The signals of a process; listening begins when it is made.
#[derive(Debug)]
pub struct Signals {
    hangup: Signal,
    terminate: Signal,
    interrupt: Signal,
}

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// Everything that ran has ended by itself, and the log is closed.
    Drained,
    /// Something was ended, died, or could not be written.
    Cut,
}

impl Default for Life {
    fn default() -> Self {
        Self::new()
    }
}

impl Life {
    /// Nothing runs yet.
    #[must_use]
    pub fn new() -> Self {
        Self {
            tasks: TaskTracker::new(),
            stop: CancellationToken::new(),
            abort: CancellationToken::new(),
            last: TaskTracker::new(),
            end: CancellationToken::new(),
            disowned: CancellationToken::new(),
            died: Arc::default(),
        }
    }

    /// Lives until it is told to end, and ends.
    pub async fn run(self, mut signals: Signals, drain: Duration, logs: &[AuditLog], reload: Reload) -> Ending {
        let turn = Arc::new(tokio::sync::Mutex::new(()));
        loop {
            tokio::select! {
                _ = signals.hangup.recv() => {
                    let (reload, turn) = (reload.clone(), turn.clone());
                    self.tasks.spawn(async move {
                        let _turn = turn.lock().await;
                        reload().await;
                    });
                }
                _ = signals.terminate.recv() => break,
                _ = signals.interrupt.recv() => break,
                () = self.disowned.cancelled() => break,
            }
        }
        tracing::info!("Told to end: nothing more is accepted; what runs may end");
        let drained = self.drain(&mut signals, drain).await;
        // What a revoked key signs is believed by nobody, and would look like a thief's in the log.
        let closed = !self.disowned.is_cancelled() && close(logs).await;
        self.end.cancel();
        self.last.close();
        let gone = tokio::time::timeout(LAST_WORDS, self.last.wait()).await.is_ok();
        let whole = drained && closed && gone && !self.died.load(Ordering::Relaxed);
        tracing::info!(drained, closed, "Ended");
        if whole { Ending::Drained } else { Ending::Cut }
    }

    /// Whether everything ended by itself.
    async fn drain(&self, signals: &mut Signals, patience: Duration) -> bool {
        self.stop.cancel();
        self.tasks.close();
        tokio::select! {
            () = self.tasks.wait() => return true,
            () = tokio::time::sleep(patience) => tracing::warn!("What runs did not end in time and is ended"),
            () = signals.told_to_end() => tracing::warn!("Told a second time: what runs is ended"),
        }
        self.abort.cancel();
        if tokio::time::timeout(LAST_WORDS, self.tasks.wait()).await.is_err() {
            tracing::error!("Something does not end; the process ends without it");
        }
        false
    }
}

async fn close(logs: &[AuditLog]) -> bool {
    let mut closed = true;
    for log in logs {
        let outcome = tokio::time::timeout(LAST_WORDS, log.close()).await;
        if !matches!(outcome, Ok(Ok(_))) {
            tracing::error!("The audit log could not be closed; its tail is not signed");
            closed = false;
        }
    }
    closed
}

impl Signals {
    /// Listens from now on: none is lost afterwards.
    ///
    /// # Errors
    /// When the system does not let it.
    pub fn listen() -> std::io::Result<Self> {
        Ok(Self {
            hangup: signal(SignalKind::hangup())?,
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    async fn told_to_end(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
