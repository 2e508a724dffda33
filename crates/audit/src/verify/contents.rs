//! What the records say to each other: seals, decisions, intents, fates, outcomes.
//!
//! **Invariant:** every sealed document is verified under the root key before anything in it is
//! compared; a record the chain does not stand behind accuses nobody.

use super::Evidence;
use super::report::{Finding, Name, Report};
use crate::event::{Event, Kind, SealKind, SealedCopy};
use crate::fate::{FateDoc, Verdict};
use crate::record::{Record, WriterId};
use crate::sink::ReadError;
use countersign_core::ballot::Ballot;
use countersign_core::decision::DecisionBytes;
use countersign_core::digest::Digest;
use countersign_core::effect::Effect;
use countersign_core::id::{Attempt, InvocationId};
use countersign_core::invocation::AskedRecord;
use countersign_core::job::{Job, Preview};
use countersign_core::outcome::{Ending, Outcome};
use countersign_core::seal::{Sealable, Sealed, Verifier};
use countersign_core::tier::{Mode, Sensitivity, Tier};
use countersign_core::time::Timestamp;
use countersign_core::warrant::Errand;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// A fate store keeps its objects at least this long after the longest expiry (design §7).
const FATE_KEPT: Duration = Duration::from_hours(7 * 24);
/// A stream that was written to this recently belongs to a process that runs.
const ALIVE: Duration = Duration::from_mins(2);

type Run = (InvocationId, Attempt);

struct Intent {
    writer: WriterId,
    seq: u64,
    at: Timestamp,
    pool: String,
    fate: Option<String>,
    needs_fate: bool,
    intact: bool,
}

struct End {
    writer: WriterId,
    seq: u64,
    ending: String,
    output: Option<String>,
    intact: bool,
}

/// What is compared across streams.
pub(super) struct Contents {
    outputs: BTreeSet<String>,
    intents: BTreeMap<Run, Intent>,
    ends: BTreeMap<Run, End>,
    alive: BTreeMap<WriterId, (bool, Option<Timestamp>)>,
}

/// The one field of a job or dry run that is compared; its seal is verified before.
#[derive(Deserialize)]
struct Carried {
    #[serde(alias = "draft")]
    decision: DecisionBytes,
}

impl Contents {
    pub(super) const fn new(outputs: BTreeSet<String>) -> Self {
        Self { outputs, intents: BTreeMap::new(), ends: BTreeMap::new(), alive: BTreeMap::new() }
    }

    /// A stream was read to its end.
    pub(super) fn finished(&mut self, writer: &WriterId, closed: bool, last_at: Option<Timestamp>) {
        self.alive.insert(writer.clone(), (closed, last_at));
    }

    /// Verifies the sealed documents and digests of one record.
    #[expect(clippy::unused_self, reason = "reads as one step of the contents' verification")]
    pub(super) fn check_seals(
        &self,
        verifier: &Verifier,
        writer: &WriterId,
        record: &Record,
        findings: &mut Vec<Finding>,
    ) {
        let event = &record.event;
        // A refusal keeps the forged document it was about.
        if event.kind == Kind::Refused {
            return;
        }
        let digest = event.decision.as_ref().map(|copy| copy.digest);
        let honest = event.decision.as_ref().is_none_or(|copy| Digest::of(copy.text.as_bytes()) == copy.digest);
        let mut add = |name, says: &str| {
            let finding = Finding::new(name, says).of(writer).at(record.seq);
            findings.push(match event.invocation {
                Some(id) => finding.about(id),
                None => finding,
            });
        };
        if !honest {
            add(Name::DecisionMismatch, "the decision's text has another digest");
        }
        for copy in &event.sealed {
            match check(verifier, copy, event, record.at, digest) {
                Ok(()) => {}
                Err((name, says)) => add(name, &says),
            }
        }
        if event.kind == Kind::Intent
            && !event.sealed.iter().any(|copy| matches!(copy.kind, SealKind::Job | SealKind::Preview))
        {
            add(Name::BadSeal, "an intent without the sealed job it starts");
        }
    }

    /// Remembers what is compared later.
    pub(super) fn take(&mut self, writer: &WriterId, record: Record, intact: bool) {
        let Record { seq, at, event, .. } = record;
        let (Some(invocation), Some(attempt)) = (event.invocation, event.attempt.clone()) else { return };
        let run = (invocation, attempt);
        if event.kind == Kind::Intent {
            let needs_fate = needs_fate(&event);
            let pool = event.pool.unwrap_or_default();
            let intent = Intent { writer: writer.clone(), seq, at, pool, fate: event.fate, needs_fate, intact };
            self.intents.insert(run, intent);
        } else if event.kind == Kind::Outcome {
            let output = event.output.and_then(|note| note.object);
            let end = End { writer: writer.clone(), seq, ending: event.ending.unwrap_or_default(), output, intact };
            self.ends.insert(run, end);
        }
    }

    /// Compares everything that was remembered.
    pub(super) async fn compare(&self, evidence: &Evidence<'_>, report: &mut Report) -> Result<(), ReadError> {
        report.intents = u64::try_from(self.intents.len()).unwrap_or(u64::MAX);
        for (run, intent) in &self.intents {
            let finding = |name, says: &str| Finding::new(name, says).of(&intent.writer).at(intent.seq).about(run.0);
            if !self.ends.contains_key(run) {
                report.findings.push(if self.is_running(intent, evidence.now) {
                    finding(Name::StillRunning, "it has not ended yet")
                } else if self.lost_its_process(intent) {
                    finding(Name::LostLook, "it only looked, and its process died")
                } else {
                    finding(Name::IntentWithoutOutcome, "it began, and nothing says how it ended")
                });
            }
            if intent.intact
                && let Some((name, says)) = fate(evidence, run, intent).await?
            {
                report.findings.push(finding(name, says));
            }
        }
        for (run, end) in &self.ends {
            let finding = |name, says: &str| Finding::new(name, says).of(&end.writer).at(end.seq).about(run.0);
            // These two are written for runs that never came to an intent.
            let may_lack = [Ending::NotRun, Ending::Unknown].iter().any(|ending| ending.as_str() == end.ending);
            if !self.intents.contains_key(run) && !may_lack {
                report.findings.push(finding(Name::OutcomeWithoutIntent, "it ended, and nothing says that it began"));
            }
            if end.intact && end.output.as_ref().is_some_and(|object| !self.outputs.contains(object)) {
                report.findings.push(finding(Name::MissingOutput, "the output it names is not here"));
            }
        }
        Ok(())
    }

    /// A process that ended properly owes the end of everything it began; one that died leaves
    /// only looks without an end, since whatever else it began is concluded by another.
    fn lost_its_process(&self, intent: &Intent) -> bool {
        !intent.needs_fate && matches!(self.alive.get(&intent.writer), Some((false, _)))
    }

    fn is_running(&self, intent: &Intent, now: Timestamp) -> bool {
        match self.alive.get(&intent.writer) {
            Some((false, Some(last))) => now.since(*last) < ALIVE,
            Some((true, _) | (false, None)) | None => false,
        }
    }
}

/// Whether the command could not do without a fate: everything but plain reads nobody agreed to.
fn needs_fate(event: &Event) -> bool {
    let only_looks = event.tier == Some(Tier::Read)
        && event.sensitivity == Some(Sensitivity::Plain)
        && event.mode == Some(Mode::Apply)
        && event.ballots.is_empty();
    event.errand == Some(Errand::Run) && !only_looks
}

type Wrong = (Name, String);

fn check(
    verifier: &Verifier,
    copy: &SealedCopy,
    event: &Event,
    at: Timestamp,
    decision: Option<Digest>,
) -> Result<(), Wrong> {
    let mismatch = |says: &str| Err((Name::DecisionMismatch, says.to_owned()));
    match copy.kind {
        SealKind::Job => carried::<Job>(verifier, copy, event, at, decision),
        SealKind::Preview => carried::<Preview>(verifier, copy, event, at, decision),
        SealKind::Asked => opened::<AskedRecord>(verifier, copy, event, at).map(|_| ()),
        SealKind::Ballot => {
            let (_, ballot) = opened::<Ballot>(verifier, copy, event, at)?;
            match decision {
                Some(digest) if ballot.decision != digest => mismatch("a ballot is about another decision"),
                Some(_) | None => Ok(()),
            }
        }
        SealKind::Effect => {
            let (sealed, _) = opened::<Effect>(verifier, copy, event, at)?;
            match event.decision.as_ref().and_then(|copy| DecisionBytes::read(copy.text.clone()).ok()) {
                Some(bytes) if bytes.decision().effect.is_some_and(|effect| effect != sealed.digest()) => {
                    mismatch("the effect is not the one that was decided about")
                }
                Some(_) | None => Ok(()),
            }
        }
        SealKind::Outcome => {
            let (_, outcome) = opened::<Outcome>(verifier, copy, event, at)?;
            let same = outcome.attempt == event.attempt && Some(outcome.ending.as_str()) == event.ending.as_deref();
            if same { Ok(()) } else { Err((Name::BadSeal, "the sealed outcome says something else".into())) }
        }
    }
}

fn opened<T: Sealable>(
    verifier: &Verifier,
    copy: &SealedCopy,
    event: &Event,
    at: Timestamp,
) -> Result<(Sealed<T>, T), Wrong> {
    let bad = |says: String| (Name::BadSeal, says);
    let sealed: Sealed<T> = serde_json::from_str(&copy.text).map_err(|_| bad("it is not a sealed document".into()))?;
    let value = sealed.open_any(verifier, at).map_err(|error| bad(error.to_string()))?;
    match event.invocation {
        Some(id) if id != value.invocation() => Err(bad("it belongs to another invocation".into())),
        Some(_) | None => Ok((sealed, value)),
    }
}

fn carried<T: Sealable>(
    verifier: &Verifier,
    copy: &SealedCopy,
    event: &Event,
    at: Timestamp,
    decision: Option<Digest>,
) -> Result<(), Wrong> {
    let (sealed, _) = opened::<T>(verifier, copy, event, at)?;
    let carried: Carried = serde_json::from_str(sealed.bytes()).map_err(|_| (Name::BadSeal, "no decision".into()))?;
    if decision.is_some_and(|digest| digest != carried.decision.digest()) {
        return Err((Name::DecisionMismatch, "the sealed job carries another decision".into()));
    }
    Ok(())
}

/// Compares the fate that an intent carries with the intent and with the store's.
async fn fate(evidence: &Evidence<'_>, run: &Run, intent: &Intent) -> Result<Option<(Name, &'static str)>, ReadError> {
    let Some(text) = &intent.fate else {
        let says = "it needed a fate, and carries none";
        return Ok(intent.needs_fate.then_some((Name::IntentWithoutFate, says)));
    };
    let own = FateDoc::read(text.as_bytes(), &intent.pool, run.0).ok();
    let fits = own.is_some_and(|doc| match doc.verdict {
        Verdict::Start { worker, attempt } => attempt == run.1 && worker == intent.writer.as_str(),
        Verdict::Closed { .. } => false,
    });
    if !fits {
        return Ok(Some((Name::FateUnlikeIntent, "the fate it carries is not its own start")));
    }
    let Some(store) = evidence.fate else { return Ok(None) };
    let held = store.look(&intent.pool, run.0).await.map_err(|error| ReadError::Unavailable(Box::new(error)))?;
    Ok(match held {
        None if evidence.now.since(intent.at) < FATE_KEPT => Some((Name::MissingFate, "the fate store has none")),
        None => None,
        Some(held) if held.winner == *text => None,
        Some(held) => {
            let verdict = FateDoc::read(held.winner.as_bytes(), &intent.pool, run.0).map(|doc| doc.verdict);
            Some(match verdict {
                Ok(Verdict::Closed { .. }) => (Name::ClosedFateWithRun, "the request was closed before"),
                Ok(Verdict::Start { .. }) | Err(_) => (Name::FateUnlikeIntent, "the fate store has another"),
            })
        }
    })
}
