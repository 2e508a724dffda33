//! From a warrant to a recorded one, and from there to an outcome.
//!
//! **Invariant:** fate first, then intent, both durable, then [`OnRecord`]; a fate that was lost is
//! obeyed. An entry that was begun is closed with an outcome, or its loss is counted and logged.

use crate::budget;
use crate::event::{Actor, BallotNote, Event, Kind, LeaseNote, OutputNote, SealKind};
use crate::fate::{Decided, FateDoc, FateError, Reason, Verdict, random_attempt};
use crate::log::AuditLog;
use crate::on_record::OnRecord;
use crate::writer::{WriteError, Written};
use countersign_core::ballot::Ballot;
use countersign_core::budget::Budget;
use countersign_core::certificate::Role;
use countersign_core::digest::Digest;
use countersign_core::id::{Attempt, InvocationId};
use countersign_core::outcome::Outcome;
use countersign_core::refusal::Code;
use countersign_core::seal::Sealed;
use countersign_core::time::Timestamp;
use countersign_core::warrant::{Errand, Warrant};
use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tracing::error;

/// How far apart the own clock and the store's may be (design §7).
pub const MAX_SKEW: Duration = Duration::from_secs(30);

/// What the worker adds to the intent.
#[derive(Debug, Clone, Default)]
pub struct Particulars {
    /// SHA-256 of the isolation profile.
    pub profile: Option<Digest>,
    /// The ticket.
    pub ticket: Option<String>,
    /// Which slots which ballot fills, by the voter's subject.
    pub slots: BTreeMap<String, Vec<String>>,
    /// Anything else: the handle of the lease to be, the runner's manifest digest.
    pub details: BTreeMap<String, String>,
}

/// Why nothing may run.
#[derive(Debug, thiserror::Error)]
pub enum BeginError {
    /// Only workers begin.
    #[error("a {0} does not start commands")]
    NotAWorker(Role),
    /// The request was closed before.
    #[error("the request was closed before it could start")]
    Closed(Box<FateDoc>),
    /// Another attempt has started it.
    #[error("the request was started before")]
    Started(Box<FateDoc>),
    /// Its time is over, by one of the two clocks.
    #[error("the decision expired at {at}")]
    Expired {
        /// When it did.
        at: Timestamp,
        /// The attempt that owes an outcome by then: record it as `not-run`.
        owes: Option<Attempt>,
    },
    /// The requester has no unit of this budget left in this period.
    #[error("budget `{}` is spent", .budget.rule)]
    Spent {
        /// Which.
        budget: Budget,
        /// In which of its periods.
        period: u64,
    },
    /// Own clock and store's are too far apart.
    #[error("this worker's clock and the store's are {} ms apart", .skew.as_millis())]
    ClockSkew {
        /// How far.
        skew: Duration,
        /// The attempt that owes an outcome by then: record it as `not-run`.
        owes: Option<Attempt>,
    },
    /// Whether this process won is not known. Begin again here; nothing has run.
    #[error("the fate of the request is not known")]
    Unanswered(#[source] FateError),
    /// The intent could not be written.
    #[error("the intent could not be recorded, so nothing runs")]
    Unwritten {
        /// Why.
        #[source]
        source: WriteError,
        /// The attempt that owes an outcome by then: record it as `not-run`.
        owes: Option<Attempt>,
    },
    /// The process ends.
    #[error("this process is shutting down")]
    ShuttingDown,
}

impl BeginError {
    /// The attempt that has a fate, or perhaps an intent, and will not run: its outcome is to be
    /// recorded as `not-run` ([`AuditLog::conclude`]) as soon as the log can be written.
    #[must_use]
    pub const fn owes(&self) -> Option<&Attempt> {
        match self {
            Self::Expired { owes, .. } | Self::ClockSkew { owes, .. } | Self::Unwritten { owes, .. } => owes.as_ref(),
            Self::NotAWorker(_)
            | Self::Closed(_)
            | Self::Started(_)
            | Self::Spent { .. }
            | Self::Unanswered(_)
            | Self::ShuttingDown => None,
        }
    }
}

/// A fate of our own or somebody else's, after we tried to close a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Closing {
    /// What holds.
    pub fate: FateDoc,
    /// Whether it is what was asked for.
    pub mine: bool,
}

/// What is recorded beside a sealed outcome.
#[derive(Debug, Clone, Default)]
pub struct Ended {
    /// The credentials, with their expiries.
    pub leases: Vec<LeaseNote>,
    /// Where the output is.
    pub output: Option<OutputNote>,
    /// Anything else.
    pub details: BTreeMap<String, String>,
}

/// Why an outcome is not durable in both places. Close again.
#[derive(Debug, thiserror::Error)]
pub enum CloseError {
    /// The outcome is of another invocation or attempt.
    #[error("the outcome belongs to another run")]
    OtherRun,
    /// The record could not be written.
    #[error("the outcome could not be recorded")]
    Unwritten(#[source] WriteError),
    /// It is recorded; `outcome/<pool>/<id>` could not be written.
    #[error("the outcome is recorded and could not be published")]
    Unpublished(#[source] FateError),
}

/// An outcome is durable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Concluded {
    /// The record.
    pub record: Written,
    /// The outcome that others will read, if it is not this one.
    pub superseded_by: Option<String>,
}

/// A run that has an intent and no outcome yet.
#[derive(Debug)]
#[must_use = "a run that was begun needs an outcome"]
pub struct OpenEntry {
    log: AuditLog,
    invocation: InvocationId,
    attempt: Attempt,
    errand: Errand,
    closed: bool,
}

impl OpenEntry {
    /// The attempt that runs.
    #[must_use]
    pub const fn attempt(&self) -> &Attempt {
        &self.attempt
    }

    /// Records how it ended. After an error it may be called again.
    ///
    /// # Errors
    /// [`CloseError`]: the outcome is not durable in both places.
    ///
    /// # Cancel safety
    /// A dropped future writes the outcome all the same; the entry counts as unclosed.
    pub async fn close(&mut self, outcome: &Sealed<Outcome>, ended: &Ended) -> Result<Concluded, CloseError> {
        let read = read_outcome(outcome)?;
        if read.invocation != self.invocation || read.attempt.as_ref() != Some(&self.attempt) {
            return Err(CloseError::OtherRun);
        }
        let concluded = self.log.conclude(outcome, self.errand, ended).await?;
        self.closed = true;
        Ok(concluded)
    }
}

impl Drop for OpenEntry {
    fn drop(&mut self) {
        if !self.closed {
            self.log.shared.gauges.unclosed.fetch_add(1, Ordering::Relaxed);
            error!(invocation.id = %self.invocation, "A run was begun and has no outcome on record");
        }
    }
}

impl AuditLog {
    /// Takes the units of budgets, wins fate if the warrant needs it, writes the intent, and waits until
    /// all are durable.
    ///
    /// # Errors
    /// [`BeginError`]; nothing may run. Where [`BeginError::owes`] names an attempt, an outcome
    /// `not-run` is owed.
    ///
    /// # Cancel safety
    /// A dropped future goes on: the intent is written, and the dropped entry is counted.
    pub async fn begin(&self, warrant: Warrant, more: Particulars) -> Result<(OnRecord, OpenEntry), BeginError> {
        let log = self.clone();
        let task = self.shared.config.tracker.spawn(async move { log.begin_here(warrant, more).await });
        task.await.unwrap_or(Err(BeginError::ShuttingDown))
    }

    async fn begin_here(&self, warrant: Warrant, more: Particulars) -> Result<(OnRecord, OpenEntry), BeginError> {
        let config = &self.shared.config;
        let decided_boottime = config.clock.boottime();
        if self.shared.writer.role() != Role::Worker {
            return Err(BeginError::NotAWorker(self.shared.writer.role()));
        }
        // What the last write told about the clocks: a skewed worker leaves fate alone.
        let known = Duration::from_millis(self.shared.gauges.skew_millis.load(Ordering::Relaxed).unsigned_abs());
        if known > MAX_SKEW {
            return Err(BeginError::ClockSkew { skew: known, owes: None });
        }
        let expires_at = warrant.decision().decision().expires_at;
        if config.clock.now() >= expires_at {
            return Err(BeginError::Expired { at: expires_at, owes: None });
        }
        // Before fate, so that one too many is a no and not a start without a run.
        let units = self.spend(&warrant).await?;
        let (attempt, fate) = if warrant.needs_fate() {
            let (attempt, decided) = self.win(&warrant).await?;
            self.check_clocks(expires_at, decided.at, &attempt)?;
            (attempt, Some(decided))
        } else {
            (random_attempt(), None)
        };
        let mut more = more;
        more.details.extend(budget::noted(&units).map(|noted| ("budgets".to_owned(), noted)));
        let event = self.intent(&warrant, &attempt, fate.as_ref(), more);
        let written = self.barrier(event).await;
        let written = written.map_err(|source| BeginError::Unwritten { source, owes: Some(attempt.clone()) })?;
        // From here on the intent is on record: an error names the attempt that owes an outcome.
        self.check_clocks(expires_at, written.stored_at, &attempt)?;
        let entry = OpenEntry {
            log: self.clone(),
            invocation: warrant.invocation(),
            attempt: attempt.clone(),
            errand: warrant.errand(),
            closed: false,
        };
        let stored_at = fate.map_or(written.stored_at, |decided| decided.at);
        Ok((OnRecord::new(warrant, attempt, stored_at, decided_boottime), entry))
    }

    /// Wins fate for this process, or says who did.
    async fn win(&self, warrant: &Warrant) -> Result<(Attempt, Decided), BeginError> {
        let invocation = warrant.invocation();
        let kept = self.unanswered().remove(&invocation);
        let attempt = kept.unwrap_or_else(random_attempt);
        let verdict = Verdict::Start { worker: self.shared.writer.to_string(), attempt: attempt.clone() };
        let doc = self.fate_doc(&warrant.decision().decision().pool, invocation, verdict);
        let decided = match self.decide(&doc).await {
            // An answer may have been lost on the way: the same bytes are asked about once more.
            Err(FateError::Unavailable(_)) => self.decide(&doc).await,
            answer => answer,
        };
        let decided = decided.map_err(|error| {
            self.unanswered().insert(invocation, attempt.clone());
            BeginError::Unanswered(error)
        })?;
        if decided.mine {
            return Ok((attempt, decided));
        }
        let winner = FateDoc::read(decided.winner.as_bytes(), &doc.pool, invocation).map_err(BeginError::Unanswered)?;
        Err(match winner.verdict {
            Verdict::Start { .. } => BeginError::Started(Box::new(winner)),
            Verdict::Closed { .. } => BeginError::Closed(Box::new(winner)),
        })
    }

    fn unanswered(&self) -> std::sync::MutexGuard<'_, BTreeMap<InvocationId, Attempt>> {
        // A panic while it was held cannot have left half a map.
        self.shared.unanswered.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Closes a request: whoever wrote first decides.
    ///
    /// # Errors
    /// When the fate store does not answer: no "no" may be told then.
    ///
    /// # Cancel safety
    /// A dropped future may have closed the request.
    pub async fn refuse(
        &self,
        pool: &str,
        invocation: InvocationId,
        reason: Reason,
        code: Option<Code>,
    ) -> Result<Closing, FateError> {
        let verdict = Verdict::Closed { reason, code, by: self.shared.writer.to_string() };
        let doc = self.fate_doc(pool, invocation, verdict);
        let decided = self.decide(&doc).await?;
        let fate = FateDoc::read(decided.winner.as_bytes(), pool, invocation)?;
        Ok(Closing { fate, mine: decided.mine })
    }

    /// Records an outcome for a run this process holds no entry of: one that won fate and did not
    /// run, or one whose worker died.
    ///
    /// # Errors
    /// [`CloseError`]: the outcome is not durable in both places.
    pub async fn conclude(
        &self,
        outcome: &Sealed<Outcome>,
        errand: Errand,
        ended: &Ended,
    ) -> Result<Concluded, CloseError> {
        let read = read_outcome(outcome)?;
        let text = serde_json::to_string(outcome).expect("a seal is made of strings");
        // A look at the effect is not the end of the request, so it is not published as one.
        let published = match errand {
            Errand::Run => Some(self.publish(read.pool.clone(), read.invocation, text.clone()).await),
            Errand::Preview => None,
        };
        let mut event = Event::about(Kind::Outcome, read.invocation).seal_text(SealKind::Outcome, text.clone());
        event.attempt = read.attempt;
        event.errand = Some(errand);
        event.pool = Some(read.pool);
        event.ending = Some(read.ending.as_str().to_owned());
        event.exit = read.exit.and_then(|exit| u32::try_from(exit).ok());
        event.duration_ms = Some(read.duration_ms);
        event.refusal = read.refusal;
        event.leases.clone_from(&ended.leases);
        event.output.clone_from(&ended.output);
        event.details.clone_from(&ended.details);
        let record = self.barrier(event).await.map_err(CloseError::Unwritten)?;
        let superseded_by = match published {
            Some(Err(error)) => return Err(CloseError::Unpublished(error)),
            Some(Ok(decided)) if !decided.mine => Some(decided.winner),
            Some(Ok(_)) | None => None,
        };
        Ok(Concluded { record, superseded_by })
    }

    async fn publish(&self, pool: String, invocation: InvocationId, text: String) -> Result<Decided, FateError> {
        let fate = self.shared.config.fate.clone();
        self.detached(async move { fate.end(&pool, invocation, &text).await }).await
    }

    async fn decide(&self, doc: &FateDoc) -> Result<Decided, FateError> {
        let (fate, doc) = (self.shared.config.fate.clone(), doc.clone());
        self.detached(async move { fate.decide(&doc).await }).await
    }

    /// Runs on its own, with the log's deadline.
    pub(crate) async fn detached<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, FateError>> + Send + 'static,
    ) -> Result<T, FateError> {
        let deadline = self.shared.config.limits.deadline;
        match self.shared.config.tracker.spawn(tokio::time::timeout(deadline, work)).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(late)) => Err(FateError::Unavailable(Box::new(late))),
            Err(ended) => Err(FateError::Unavailable(Box::new(ended))),
        }
    }

    fn fate_doc(&self, pool: &str, invocation: InvocationId, verdict: Verdict) -> FateDoc {
        let deployment = self.shared.config.sealer.deployment().to_owned();
        FateDoc { v: 1, deployment, pool: pool.to_owned(), invocation, verdict }
    }

    fn check_clocks(&self, expires_at: Timestamp, stored: Timestamp, attempt: &Attempt) -> Result<(), BeginError> {
        let now = self.shared.config.clock.now();
        let skew = now.since(stored).max(stored.since(now));
        if skew > MAX_SKEW {
            return Err(BeginError::ClockSkew { skew, owes: Some(attempt.clone()) });
        }
        if now.max(stored) >= expires_at {
            return Err(BeginError::Expired { at: expires_at, owes: Some(attempt.clone()) });
        }
        Ok(())
    }

    fn intent(&self, warrant: &Warrant, attempt: &Attempt, fate: Option<&Decided>, more: Particulars) -> Event {
        let kind = match warrant.errand() {
            Errand::Preview if warrant.ballots().is_empty() && warrant.effect().is_none() => SealKind::Preview,
            Errand::Preview | Errand::Run => SealKind::Job,
        };
        let mut event = Event::of(Kind::Intent)
            .by(Actor::person(warrant.requester(), None))
            .deciding(warrant.decision())
            .seal_text(kind, warrant.sealed());
        for ballot in warrant.ballots() {
            event.ballots.extend(ballot_note(ballot, &more.slots));
            event = event.seal_text(SealKind::Ballot, ballot.as_str());
        }
        if let Some(effect) = warrant.effect() {
            event = event.seal_text(SealKind::Effect, effect);
        }
        event.attempt = Some(attempt.clone());
        event.errand = Some(warrant.errand());
        event.reasons.clone_from(&warrant.allowance().reasons);
        event.granted_by.clone_from(&warrant.allowance().granted_by);
        event.policy = Some(warrant.policy().clone());
        event.binary = self.shared.config.binary;
        event.profile = more.profile;
        event.ticket = more.ticket;
        event.fate = fate.map(|decided| decided.winner.clone());
        event.details = more.details;
        event
    }
}

fn read_outcome(outcome: &Sealed<Outcome>) -> Result<Outcome, CloseError> {
    // The caller sealed it; what is read here only names the record.
    serde_json::from_str(outcome.bytes()).map_err(|_| CloseError::OtherRun)
}

fn ballot_note(sealed: &str, slots: &BTreeMap<String, Vec<String>>) -> Option<BallotNote> {
    let sealed: Sealed<Ballot> = serde_json::from_str(sealed).ok()?;
    let ballot: Ballot = serde_json::from_str(sealed.bytes()).ok()?;
    let slots = slots.get(&ballot.voter.to_string()).cloned().unwrap_or_default();
    Some(BallotNote { voter: ballot.voter, vote: ballot.vote, slots })
}
