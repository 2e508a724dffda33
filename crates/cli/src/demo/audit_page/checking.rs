//! Verification beside the pages: one at a time, and nobody waits for it.

use countersign_audit::verify::{Concern, Evidence, Finding, Progress, Report, verify};
use countersign_console::{Verdict, Verification, VerifyView};
use countersign_core::time::{Clock, Timestamp};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio_util::task::TaskTracker;

/// What is known of the log.
#[derive(Debug, Default)]
pub(super) struct Checking {
    now: Mutex<Now>,
}

#[derive(Debug, Default)]
struct Now {
    running: Option<Arc<Progress>>,
    last: Option<VerifyView>,
}

/// Ends the turn however the verification ends.
struct Turn(Arc<Checking>);

impl Drop for Turn {
    fn drop(&mut self) {
        self.0.now().running = None;
    }
}

impl Checking {
    fn now(&self) -> MutexGuard<'_, Now> {
        // Each change is one assignment.
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn as_it_is(&self) -> Verification {
        let now = self.now();
        let read = |progress: &Arc<Progress>| countersign_console::Progress {
            bytes: progress.bytes.load(Ordering::Relaxed),
            bytes_read: progress.bytes_read.load(Ordering::Relaxed),
            records: progress.records.load(Ordering::Relaxed),
        };
        Verification { running: now.running.as_ref().map(read), last: now.last.clone() }
    }

    /// Starts one, unless one is under way.
    pub(super) fn start(self: &Arc<Self>, evidence: Evidence, clock: Arc<dyn Clock>, tasks: &TaskTracker) {
        {
            let mut now = self.now();
            if now.running.is_some() {
                return;
            }
            now.running = Some(evidence.progress.clone());
        }
        let turn = Turn(self.clone());
        tasks.spawn(async move {
            let began = clock.boottime();
            let found = verify(&evidence).await;
            let took = clock.boottime().saturating_sub(began);
            let view = match found {
                Ok(report) => told(&report, evidence.now, took),
                Err(error) => unknown(&error, evidence.now, took),
            };
            turn.0.now().last = Some(view);
        });
    }
}

fn told(report: &Report, at: Timestamp, took: Duration) -> VerifyView {
    let verdict = |concern| if report.names(concern).is_empty() { Verdict::Holds } else { Verdict::Broken };
    VerifyView {
        at,
        took,
        integrity: verdict(Concern::Integrity),
        completeness: verdict(Concern::Completeness),
        records: report.records,
        heads: report.heads,
        says: report.findings.iter().map(|finding| (concern(finding), finding.to_string())).collect(),
    }
}

fn unknown(error: &dyn std::error::Error, at: Timestamp, took: Duration) -> VerifyView {
    let says = vec![(countersign_console::Concern::Integrity, error.to_string())];
    let (integrity, completeness) = (Verdict::NotKnown, Verdict::NotKnown);
    VerifyView { at, took, integrity, completeness, records: 0, heads: 0, says }
}

const fn concern(finding: &Finding) -> countersign_console::Concern {
    match finding.concern {
        Concern::Integrity => countersign_console::Concern::Integrity,
        Concern::Completeness => countersign_console::Concern::Completeness,
        Concern::Notice => countersign_console::Concern::Notice,
    }
}
