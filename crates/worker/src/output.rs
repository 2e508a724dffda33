//! What a command prints while it runs: for people to watch, and for the record.
//!
//! **Invariant:** what comes here is redacted. What is shown may be lost; what is recorded is all of it.

use crate::Worker;
use crate::run::{Show, chain};
use countersign_audit::event::OutputNote;
use countersign_core::id::{Attempt, InvocationId};
use countersign_queue::Progress;
use countersign_runner::Exit;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

/// The word in the feed by which a worker tells how many seconds a command has left.
const TIME_LEFT: &str = "time-left";

/// A line longer than this is fed in parts.
const LONGEST_LINE: usize = 16 * 1024;

impl Worker {
    /// Says once that most of the time is used, unless it is `over` before.
    pub(crate) async fn warn(
        &self,
        id: InvocationId,
        mut left: watch::Receiver<Option<Duration>>,
        show: Show,
        over: &CancellationToken,
    ) {
        tokio::select! {
            told = left.changed() => if told.is_err() { return },
            () = over.cancelled() => return,
        }
        let seconds = left.borrow().map_or(0, |left| left.as_secs());
        if show == Show::Live && seconds > 0 {
            self.tell(id, TIME_LEFT, seconds.to_string()).await;
        }
    }

    /// Redacted chunks to the feed, line by line, and all of them for the record.
    pub(crate) async fn pour(&self, id: InvocationId, mut chunks: mpsc::Receiver<Vec<u8>>, show: Show) -> Vec<u8> {
        let mut all = Vec::new();
        let mut line = Vec::new();
        while let Some(chunk) = chunks.recv().await {
            all.extend_from_slice(&chunk);
            line.extend_from_slice(&chunk);
            let end = line.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
            let end = if line.len() > LONGEST_LINE { line.len() } else { end };
            if end > 0 && show == Show::Live {
                let rest = line.split_off(end);
                self.feed(id, &line).await;
                line = rest;
            }
        }
        if !line.is_empty() && show == Show::Live {
            self.feed(id, &line).await;
        }
        all
    }

    async fn feed(&self, id: InvocationId, bytes: &[u8]) {
        let text = String::from_utf8_lossy(bytes).into_owned();
        let (parts, output) = (self.parts(), vec![Progress::Output(text)]);
        let said = parts.queue.append(id, &parts.pool, parts.clock.now(), output).await;
        if let Err(error) = said {
            tracing::warn!(invocation.id = %id, "Output could not be told: {error}");
        }
    }

    pub(crate) async fn keep(
        &self,
        id: InvocationId,
        attempt: &Attempt,
        exit: &Exit,
        bytes: Vec<u8>,
    ) -> Option<OutputNote> {
        if bytes.is_empty() {
            return None;
        }
        match self.parts().log.keep_output(id, attempt, bytes, exit.redactions).await {
            Ok(note) => Some(note),
            Err(error) => {
                tracing::error!(invocation.id = %id, "The output could not be kept: {}", chain(&error));
                None
            }
        }
    }
}
