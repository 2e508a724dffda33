//! From a sealed job to an outcome on record.
//!
//! **Invariant:** open, decide again, count again, look again, record, lease, run, close: in this
//! order, each with the evidence of the one before.

use crate::Worker;
use crate::job::Settled;
use crate::stopping::Stopping;
use countersign_audit::begin::{BeginError, Concluded, Ended, MAX_SKEW, OpenEntry, Particulars};
use countersign_audit::event::{LeaseNote, SealKind};
use countersign_core::id::{Attempt, InvocationId};
use countersign_core::job::Job;
use countersign_core::outcome::{Ending, Outcome};
use countersign_core::refusal::{Code, Refusal};
use countersign_core::seal::Sealed;
use countersign_core::time::Timestamp;
use countersign_core::warrant::{Checked, Errand, Warrant};
use countersign_queue::{Claim, Paper, StartError};
use countersign_runner::{Exit, Narrower, Output, RunFault};
use countersign_secrets::Lease;
use std::collections::BTreeMap;
use std::error::Error;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// How long an outcome that is owed waits before it is tried again.
const OWED_EVERY: Duration = Duration::from_secs(1);

/// Whether people watch while it runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Show {
    /// Output goes to the feed and is kept.
    Live,
    /// A look at the effect: its steps are read, not shown.
    Silent,
}

/// A command that was recorded and ran.
#[derive(Debug)]
pub(crate) struct Done {
    pub(crate) exit: Exit,
    pub(crate) entry: OpenEntry,
    pub(crate) ended: Ended,
}

/// Why it did not run.
#[derive(Debug)]
pub(crate) enum Halt {
    /// The log said no.
    Begin(BeginError),
    /// It is on record as begun, and its outcome as `not-run`.
    NotRun(Refusal),
    /// It is on record as begun and did not run, and the outcome is still owed.
    Owing(Refusal),
}

impl Worker {
    pub(crate) async fn run(&self, claim: &Claim, sealed: &Sealed<Job>, stopping: &Stopping) -> Settled {
        let id = claim.key.invocation;
        loop {
            let warrant = match Box::pin(self.warrant(claim, sealed, stopping)).await {
                Ok(warrant) => warrant,
                Err(settled) => return settled,
            };
            let dry = warrant.is_dry();
            let form = warrant.effect_form();
            let command = warrant.command().clone();
            let show = if dry { Show::Silent } else { Show::Live };
            return match self.execute(claim, warrant, stopping, show).await {
                Ok(done) if dry => self.close_dry(id, done, form, &command).await,
                Ok(done) => self.close(id, done).await,
                Err(Halt::NotRun(_)) => Settled::Finish,
                Err(Halt::Owing(_)) => Settled::Leave,
                Err(Halt::Begin(BeginError::Unanswered(error))) if !stopping.is_asked() => {
                    // Whether this process won is not known; the same attempt asks again.
                    tracing::warn!(invocation.id = %id, "Fate did not answer: {error}");
                    tokio::time::sleep(OWED_EVERY).await;
                    continue;
                }
                Err(Halt::Begin(error)) => self.not_begun(id, error).await,
            };
        }
    }

    /// Decides again and, where people agreed to an effect, looks at it and then decides once
    /// more: the look takes its time, and what it runs on must be known as of now.
    async fn warrant(&self, claim: &Claim, sealed: &Sealed<Job>, stopping: &Stopping) -> Result<Warrant, Settled> {
        let id = claim.key.invocation;
        self.clocks_agree(id).await?;
        let undrifted = match self.decide_again(claim, sealed).await? {
            Checked::Ready(warrant) => return Ok(warrant),
            Checked::Compare(undrifted) => undrifted,
        };
        let fresh = match self.effect_of(claim, undrifted.look_again(), stopping).await {
            Ok(fresh) => fresh,
            // Nothing is decided by a log that is away for a while.
            Err(refusal) if refusal.code() == Code::AuditUnavailable => return Err(Settled::GiveBack),
            Err(refusal) => return Err(self.refuse(id, *refusal).await),
        };
        let compared = match self.decide_again(claim, sealed).await? {
            Checked::Ready(warrant) => Ok(warrant),
            Checked::Compare(undrifted) => undrifted.compare(&fresh),
        };
        match compared {
            Ok(warrant) => Ok(warrant),
            Err(refusal) => Err(self.refuse(id, *refusal).await),
        }
    }

    /// Leaves work to others while this host's clock and the queue's are far apart: approvals
    /// must not live longer because one clock is slow. Fate stays untouched.
    pub(crate) async fn clocks_agree(&self, id: InvocationId) -> Result<(), Settled> {
        let parts = self.parts();
        let apart = match parts.queue.time().await {
            Ok(None) => return Ok(()),
            Ok(Some(store)) => parts.clock.now().since(store).max(store.since(parts.clock.now())),
            Err(error) => {
                tracing::warn!(invocation.id = %id, "The queue's clock could not be read: {error}");
                return Err(Settled::GiveBack);
            }
        };
        if apart <= MAX_SKEW {
            return Ok(());
        }
        tracing::error!(invocation.id = %id, "This worker's clock and the queue's are {} s apart", apart.as_secs());
        Err(Settled::GiveBack)
    }

    /// Opens the seal, reads ballots and people anew, and asks this worker's own policy.
    async fn decide_again(&self, claim: &Claim, sealed: &Sealed<Job>) -> Result<Checked, Settled> {
        let parts = self.parts();
        let id = claim.key.invocation;
        let open = match sealed.open_job(&parts.verifier, id, parts.clock.now()) {
            Ok(open) => open,
            Err(error) => return Err(self.bad_seal(claim, SealKind::Job, sealed, &error).await),
        };
        self.not_frozen(open.decision().decision()).await?;
        let papers = match parts.queue.papers(id).await {
            Ok(papers) => papers,
            Err(error) => {
                tracing::warn!(invocation.id = %id, "The ballots could not be read: {error}");
                return Err(Settled::GiveBack);
            }
        };
        let facts = self.known(open.decision(), &papers.ballots).await?;
        let policy = parts.policy.current();
        let effect = papers.effect.as_ref();
        let checked = open.decide_again(policy.as_ref(), &facts, &papers.ballots, effect, &parts.verifier, &parts.pool);
        match checked {
            Ok(checked) => Ok(checked),
            Err(refusal) => Err(self.refuse(id, *refusal).await),
        }
    }

    /// Records, leases, runs, takes the lease back.
    pub(crate) async fn execute(
        &self,
        claim: &Claim,
        warrant: Warrant,
        stopping: &Stopping,
        show: Show,
    ) -> Result<Done, Halt> {
        let parts = self.parts();
        let id = warrant.invocation();
        let particulars = self.particulars(&warrant);
        let isolation = warrant.allowance().isolation;
        let narrower = self.narrower(&warrant);
        let ongoing = warrant.ongoing();
        let (on_record, mut entry) = parts.log.begin(warrant, particulars).await.map_err(Halt::Begin)?;
        // Whoever froze changes while fate was decided must not have come too late.
        if ongoing.changes()
            && let Some(refusal) = self.frozen(ongoing.env()).await.unwrap_or_else(Some)
        {
            return Err(self.halted(id, &mut entry, Vec::new(), refusal).await);
        }
        let lease = match parts.broker.issue(&on_record).await {
            Ok(lease) => lease,
            Err(error) => return Err(self.halted(id, &mut entry, Vec::new(), error.refusal()).await),
        };
        let leases = vec![LeaseNote::from(&lease)];
        if show == Show::Live {
            let started = match parts.lease_time().await {
                Ok(now) => parts.queue.start(claim.key, claim.fence, now).await,
                Err(error) => Err(error.into()),
            };
            if let Err(error) = started {
                self.take_back(lease).await;
                return Err(self.halted(id, &mut entry, leases, not_started(&error)).await);
            }
            self.tell(id, "started", format!("running on {} in level {isolation}", parts.name)).await;
        }
        let (attempt, decided) = (on_record.attempt().clone(), on_record.decided_boottime());
        let (out, chunks) = Output::new(stopping.token(), narrower);
        let over = CancellationToken::new();
        let (pump, warning) = (self.pour(id, chunks, show), self.warn(id, out.time_left(), show, &over));
        let run = async {
            let ran = parts.runner.run(on_record, &lease, out).await;
            over.cancel();
            ran
        };
        let (ran, bytes, (), ()) =
            tokio::join!(run, pump, warning, self.guard(id, (&ongoing, decided), stopping, &over));
        self.take_back(lease).await;
        match ran {
            Ok(mut exit) => {
                if exit.ending == Ending::Cancelled
                    && let Some(why) = stopping.why()
                {
                    exit.notes.push(format!("stopped: {why} ({})", why.code()));
                }
                let output = self.keep(id, &attempt, &exit, bytes).await;
                let ended = Ended { leases, output, ..Ended::default() };
                Ok(Done { exit, entry, ended })
            }
            Err(fault) => Err(self.halted(id, &mut entry, leases, fault_refusal(&fault)).await),
        }
    }

    /// The catalog's limits, where they are narrower than the runner's own.
    fn narrower(&self, warrant: &Warrant) -> Narrower {
        let limits = self.parts().policy.current().catalog().limits_of(warrant.command().tool().name());
        Narrower { wall: Some(limits.wall), output_bytes: Some(limits.output_bytes) }
    }

    fn particulars(&self, warrant: &Warrant) -> Particulars {
        let profile = self.parts().profiles.get(&warrant.allowance().isolation).copied();
        let handle = Lease::handle_for(warrant);
        let mut slots: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (rule, _, filling) in warrant.filled() {
            for slot in filling.slots() {
                if let Some(by) = &slot.by {
                    let groups: Vec<&str> = slot.any_of.iter().map(String::as_str).collect();
                    let taken = slots.entry(by.to_string()).or_default();
                    let name = format!("{rule}: {}", groups.join(" or "));
                    if !taken.contains(&name) {
                        taken.push(name);
                    }
                }
            }
        }
        let mut details = BTreeMap::from([("lease".to_owned(), handle)]);
        // What cannot be described will not run either.
        if let Ok(ran) = self.parts().runner.describe(warrant) {
            details.insert("program".to_owned(), ran.program.display().to_string());
            details.insert("program_digest".to_owned(), ran.digest.to_string());
        }
        Particulars { profile, slots, details, ..Particulars::default() }
    }

    /// Begun, on record, and not run after all.
    async fn halted(&self, id: InvocationId, entry: &mut OpenEntry, leases: Vec<LeaseNote>, refusal: Refusal) -> Halt {
        let outcome = self.not_run(id, refusal.clone(), Some(entry.attempt().clone()));
        let sealed = outcome.seal(&self.parts().sealer);
        if !self.close_entry(id, entry, &sealed, &Ended { leases, ..Ended::default() }).await {
            return Halt::Owing(refusal);
        }
        self.publish(id, sealed).await;
        Halt::NotRun(refusal)
    }

    /// An outcome is owed until it is durable: the log may be away for a while. `false` when this
    /// process ends before; nobody is told then what is not on record.
    pub(crate) async fn close_entry(
        &self,
        id: InvocationId,
        entry: &mut OpenEntry,
        sealed: &Sealed<Outcome>,
        ended: &Ended,
    ) -> bool {
        loop {
            match entry.close(sealed, ended).await {
                Ok(concluded) => return self.holds(id, &concluded).await,
                Err(error) => {
                    tracing::error!(invocation.id = %id, "The outcome is not on record yet: {}", chain(&error));
                }
            }
            if !self.waits_to_pay().await {
                return false;
            }
        }
    }

    /// Of two tries at a read the outcome that was published first is the one that others read, and
    /// its process may have died before it recorded it. `false` when this process ends before.
    async fn holds(&self, id: InvocationId, concluded: &Concluded) -> bool {
        let Some(winner) = &concluded.superseded_by else { return true };
        let believed = serde_json::from_str::<Sealed<Outcome>>(winner)
            .is_ok_and(|sealed| sealed.open(&self.parts().verifier, id, self.parts().clock.now()).is_ok());
        if !believed {
            tracing::error!(invocation.id = %id, "The published outcome is nobody's, and is not put on record");
            return true;
        }
        while self.record_again(id, winner).await != Settled::Finish {
            if !self.waits_to_pay().await {
                return false;
            }
        }
        true
    }

    /// `false` when this process is told to end.
    async fn waits_to_pay(&self) -> bool {
        tokio::select! {
            () = tokio::time::sleep(OWED_EVERY) => true,
            () = self.parts().abort.cancelled() => false,
        }
    }

    async fn take_back(&self, lease: Lease) {
        let handle = lease.handle().to_owned();
        if let Err(error) = self.parts().broker.revoke(lease).await {
            tracing::warn!(lease = %handle, "A lease could not be taken back yet; the sweep will: {}", chain(&error));
        }
    }

    /// What a finished run comes to.
    pub(crate) fn outcome_of(&self, id: InvocationId, done: &Done) -> Outcome {
        let exit = &done.exit;
        Outcome {
            attempt: Some(exit.attempt.clone()),
            exit: exit.code,
            duration_ms: u64::try_from(exit.duration.as_millis()).unwrap_or(u64::MAX),
            output: done.ended.output.as_ref().map(|note| note.digest),
            output_bytes: exit.output_bytes,
            redactions: exit.redactions,
            notes: exit.notes.clone(),
            ..self.outcome(id, exit.ending)
        }
    }

    async fn close(&self, id: InvocationId, mut done: Done) -> Settled {
        let sealed = self.outcome_of(id, &done).seal(&self.parts().sealer);
        if !self.close_entry(id, &mut done.entry, &sealed, &done.ended).await {
            return Settled::Leave;
        }
        self.publish(id, sealed).await;
        Settled::Finish
    }

    /// Without `--apply` the effect is the answer.
    async fn close_dry(
        &self,
        id: InvocationId,
        mut done: Done,
        form: Option<countersign_core::command::EffectForm>,
        command: &countersign_core::command::Command,
    ) -> Settled {
        let found = self.read_effect(id, &done, form, command);
        let outcome = self.outcome_of(id, &done);
        let outcome = match &found {
            Ok(_) => outcome,
            Err(refusal) => Outcome { ending: Ending::NotRun, refusal: Some(refusal.as_ref().clone()), ..outcome },
        };
        let sealed = outcome.seal(&self.parts().sealer);
        if !self.close_entry(id, &mut done.entry, &sealed, &done.ended).await {
            return Settled::Leave;
        }
        let parts = self.parts();
        if let Ok(effect) = found
            && let Err(error) = parts.queue.post(id, &parts.pool, Paper::Effect(effect.seal(&parts.sealer))).await
        {
            tracing::error!(invocation.id = %id, "An effect could not be posted: {error}");
        }
        self.publish(id, sealed).await;
        Settled::Finish
    }

    /// The log would not begin: obey, and pay what is owed.
    pub(crate) async fn not_begun(&self, id: InvocationId, error: BeginError) -> Settled {
        let text = chain(&error);
        let refusal = match &error {
            BeginError::Closed(_) => return Settled::Finish,
            BeginError::Started(_) => return Settled::Started,
            BeginError::NotAWorker(_) | BeginError::ShuttingDown => return Settled::GiveBack,
            // Perhaps it won: given back, cancelled work would be dropped without a word.
            BeginError::Unanswered(_) => return Settled::Leave,
            BeginError::Expired { at, .. } => expired(*at),
            BeginError::Spent { budget, period } => budget.refusal(*period),
            BeginError::ClockSkew { .. } => {
                Refusal::new(Code::ClockSkew, text, "Tell the operators to set this worker's clock.")
            }
            BeginError::Unwritten { .. } => Refusal::new(
                Code::AuditUnavailable,
                "the audit log cannot be written, so nothing ran",
                "Ask again when the operators have it back.",
            ),
        };
        match error.owes() {
            Some(attempt) => self.owe(id, refusal, attempt.clone(), Errand::Run).await,
            // Fate is untouched: a worker with a right clock or a working log may do it.
            None if matches!(refusal.code(), Code::ClockSkew | Code::AuditUnavailable) => Settled::GiveBack,
            None => self.refuse(id, refusal).await,
        }
    }

    /// An intent or a fate without a run: the outcome `not-run` is owed until it is durable.
    pub(crate) async fn owe(&self, id: InvocationId, refusal: Refusal, attempt: Attempt, errand: Errand) -> Settled {
        let sealed = self.not_run(id, refusal, Some(attempt)).seal(&self.parts().sealer);
        loop {
            match self.parts().log.conclude(&sealed, errand, &Ended::default()).await {
                Ok(concluded) if self.holds(id, &concluded).await => break,
                Ok(_) => return Settled::Leave,
                Err(error) => {
                    tracing::error!(invocation.id = %id, "The outcome is not on record yet: {}", chain(&error));
                }
            }
            if !self.waits_to_pay().await {
                return Settled::Leave;
            }
        }
        if errand == Errand::Run {
            self.publish(id, sealed).await;
        }
        Settled::Finish
    }
}

pub(crate) fn expired(at: Timestamp) -> Refusal {
    let text = format!("the time for this request ended at {}", at.clock_time());
    Refusal::new(Code::Expired, text, "Ask again; the approvals given so far are void.")
}

fn not_started(error: &StartError) -> Refusal {
    let code = match error {
        StartError::Cancelled => Code::Cancelled,
        StartError::Stale | StartError::AlreadyStarted | StartError::Unavailable(_) => Code::QueueUnavailable,
    };
    Refusal::new(code, format!("it did not start: {error}"), "Ask again if it is still wanted.")
}

/// What a person reads when the jail could not run it.
pub(crate) fn fault_refusal(fault: &RunFault) -> Refusal {
    if let RunFault::Refused(refusal) = fault {
        return refusal.as_ref().clone();
    }
    let code = match fault {
        RunFault::OtherLease(_) | RunFault::Material { .. } | RunFault::Redaction(_) => Code::CredentialUnavailable,
        RunFault::Stale => Code::StartedTooLate,
        RunFault::NoPreview => Code::NeedsApply,
        RunFault::NoTarget => Code::UnknownTarget,
        RunFault::NotAvailable(_) => Code::NotAvailableYet,
        // It was answered above.
        RunFault::Refused(_)
        | RunFault::NoRunner(_)
        | RunFault::Program(_)
        | RunFault::Files(_)
        | RunFault::Isolation { .. }
        | RunFault::Busy
        | RunFault::Prepare(_)
        | RunFault::Spawn(_)
        | RunFault::Cluster(_)
        | RunFault::Pod(_)
        | RunFault::Setup(_) => Code::IsolationUnavailable,
    };
    Refusal::new(code, format!("it could not be started: {}", chain(fault)), "Tell the operators of the workers.")
}

/// An error with everything it came from, one after the other.
pub(crate) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        text = format!("{text}: {source}");
        next = source.source();
    }
    text
}
