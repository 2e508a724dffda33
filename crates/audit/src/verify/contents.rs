//! What one record says by itself: its seals, its decision, and what it lacks.
//!
//! **Invariant:** every sealed document is verified under the root key before anything in it is
//! compared; a record the chain does not stand behind accuses nobody.

use super::account::{End, Heard, Intent, Part, Shown, person};
use super::report::{Finding, Name};
use super::seals::{Opened, Seals};
use crate::event::{Event, Kind, SealKind, SealedCopy};
use crate::fate::{FateDoc, Verdict};
use crate::record::{Record, WriterId, may_write};
use countersign_core::ballot::{Ballot, Vote};
use countersign_core::certificate::Certificate;
use countersign_core::decision::{Decision, DecisionBytes, RuleDoc};
use countersign_core::digest::Digest;
use countersign_core::effect::Effect;
use countersign_core::id::InvocationId;
use countersign_core::invocation::AskedRecord;
use countersign_core::job::{Job, Preview};
use countersign_core::outcome::Outcome;
use countersign_core::principal::SubjectId;
use countersign_core::quorum::Quorum;
use countersign_core::seal::{SealError, Sealable};
use countersign_core::tier::{Mode, Sensitivity, Tier};
use countersign_core::time::Timestamp;
use countersign_core::warrant::Errand;
use serde::Deserialize;
use std::collections::BTreeSet;

/// What a record tells, as far as others have to fit it.
#[derive(Debug)]
pub(super) struct Told {
    pub(super) kind: Kind,
    pub(super) at: Timestamp,
    /// The writer's certificate, of an opening.
    pub(super) certificate: Option<Certificate>,
    /// What is wrong with it; believed only if the chain stands behind it.
    pub(super) findings: Vec<Finding>,
    /// Its part in a request's story.
    pub(super) part: Option<Part>,
}

impl Told {
    /// What is needed of a stream's first and last record where nothing else is read.
    pub(super) fn only_ends(record: Record) -> Self {
        let Record { at, event, .. } = record;
        Self { kind: event.kind, at, certificate: event.certificate, findings: Vec::new(), part: None }
    }
}

/// Verifies what can be verified of one record by itself.
pub(super) fn tell(seals: &Seals, writer: &WriterId, record: Record, stored_at: Option<Timestamp>) -> Told {
    let mut check = Check {
        seals,
        writer,
        seq: record.seq,
        at: record.at,
        seen_at: stored_at.map_or(record.at, |stored| stored.max(record.at)),
        invocation: record.event.invocation,
        findings: Vec::new(),
    };
    check.writes_its_own(&record);
    let part = check.event(&record.event);
    let Record { at, event, .. } = record;
    Told { kind: event.kind, at, certificate: event.certificate, findings: check.findings, part }
}

/// One record while it is checked.
struct Check<'a> {
    seals: &'a Seals,
    writer: &'a WriterId,
    seq: u64,
    at: Timestamp,
    /// The record's time or the store's, whichever is later: a stolen key can write any time.
    seen_at: Timestamp,
    invocation: Option<InvocationId>,
    findings: Vec<Finding>,
}

/// What of a sealed job or dry run is compared.
#[derive(Deserialize)]
struct Carried {
    #[serde(alias = "draft")]
    decision: DecisionBytes,
}

/// What the sealed documents of a record came to.
#[derive(Default)]
struct Papers {
    /// The decision of the sealed job: what the gateway put its name to.
    decision: Option<DecisionBytes>,
    /// Whether one of them was not believed.
    disbelieved: bool,
    /// Who approved exactly this decision.
    approvals: BTreeSet<SubjectId>,
    effect: Option<Digest>,
    outcome: Option<Outcome>,
}

impl Check<'_> {
    fn found(&mut self, name: Name, says: impl Into<String>) {
        let finding = Finding::new(name, says).of(self.writer).at(self.seq);
        self.findings.push(match self.invocation {
            Some(id) => finding.about(id),
            None => finding,
        });
    }

    fn writes_its_own(&mut self, record: &Record) {
        let (role, kind) = (self.writer.role(), record.event.kind);
        if record.writer != *self.writer {
            self.found(Name::StrayRecord, "it names another writer");
        }
        if !may_write(role, kind) {
            self.found(Name::WrongRole, format!("a {role} does not write `{}` records", kind.as_str()));
        }
        if kind == Kind::BreakGlass {
            self.found(Name::BreakGlassUsed, record.event.why.as_deref().unwrap_or("no reason given"));
        }
    }

    fn event(&mut self, event: &Event) -> Option<Part> {
        // A refusal keeps the forged document it was about.
        if event.kind == Kind::Refused {
            return None;
        }
        let honest = event.decision.as_ref().is_none_or(|copy| Digest::of(copy.text.as_bytes()) == copy.digest);
        if !honest {
            self.found(Name::DecisionMismatch, "the decision's text has another digest");
        }
        let mut papers = Papers::default();
        for copy in &event.sealed {
            self.document(copy, event, &mut papers);
        }
        let invocation = event.invocation?;
        match event.kind {
            Kind::Received => Some(Part::Heard(Heard::of(invocation, event))),
            Kind::Decided | Kind::Asked | Kind::Cleared => {
                let digest = event.decision.as_ref()?.digest;
                Some(Part::Shown(Shown { kind: event.kind, digest }))
            }
            Kind::Intent => self.intent(invocation, event, &papers).map(Part::Intent),
            Kind::Outcome => self.outcome(invocation, event, &papers).map(Part::End),
            Kind::Refused
            | Kind::Previewed
            | Kind::Ballot
            | Kind::Expired
            | Kind::Cancelled
            | Kind::Reconciled
            | Kind::Lease
            | Kind::Grant
            | Kind::BreakGlass
            | Kind::Freeze
            | Kind::Link
            | Kind::PolicyChanged
            | Kind::LogRead
            | Kind::WriterOpened
            | Kind::WriterClosed
            | Kind::Checkpoint
            | Kind::Heartbeat => None,
        }
    }

    /// Verifies one sealed document and compares it with the record it is in.
    fn document(&mut self, copy: &SealedCopy, event: &Event, papers: &mut Papers) {
        let read = match copy.kind {
            SealKind::Job => self.carried::<Job>(copy, event, papers),
            SealKind::Preview => self.carried::<Preview>(copy, event, papers),
            SealKind::Asked => self.opened::<AskedRecord>(copy).map(|_| ()),
            SealKind::Ballot => self.ballot(copy, event, papers),
            SealKind::Effect => self.effect(copy, event, papers),
            SealKind::Outcome => self.sealed_outcome(copy, event, papers),
        };
        if let Err((name, says)) = read {
            papers.disbelieved = true;
            self.found(name, says);
        }
    }

    fn ballot(&mut self, copy: &SealedCopy, event: &Event, papers: &mut Papers) -> Result<(), Wrong> {
        let (_, ballot) = self.opened::<Ballot>(copy)?;
        if event.decision.as_ref().is_some_and(|decision| decision.digest != ballot.decision) {
            return mismatch("a ballot is about another decision");
        }
        if ballot.vote == Vote::Approve {
            papers.approvals.insert(ballot.voter);
        }
        Ok(())
    }

    fn effect(&mut self, copy: &SealedCopy, event: &Event, papers: &mut Papers) -> Result<(), Wrong> {
        let (opened, _) = self.opened::<Effect>(copy)?;
        let digest = opened.digest();
        let decided = event.decision.as_ref().and_then(|copy| DecisionBytes::read(copy.text.clone()).ok());
        if decided.is_some_and(|bytes| bytes.decision().effect.is_some_and(|effect| effect != digest)) {
            return mismatch("the effect is not the one that was decided about");
        }
        papers.effect = Some(digest);
        Ok(())
    }

    fn sealed_outcome(&mut self, copy: &SealedCopy, event: &Event, papers: &mut Papers) -> Result<(), Wrong> {
        let (_, outcome) = self.opened::<Outcome>(copy)?;
        // What the record leaves out is lacking; what it says otherwise is a lie.
        let exit = outcome.exit.and_then(|exit| u32::try_from(exit).ok());
        let unlike = event.attempt.as_ref().is_some_and(|own| Some(own) != outcome.attempt.as_ref())
            || event.ending.as_ref().is_some_and(|own| own != outcome.ending.as_str())
            || event.exit.is_some_and(|own| Some(own) != exit)
            || event.duration_ms.is_some_and(|own| own != outcome.duration_ms)
            || event.pool.as_ref().is_some_and(|own| *own != outcome.pool)
            || event.output.as_ref().is_some_and(|own| outcome.output.is_some_and(|sealed| sealed != own.digest));
        papers.outcome = Some(outcome);
        if unlike { Err((Name::BadSeal, "the sealed outcome says something else".into())) } else { Ok(()) }
    }

    fn carried<T: Sealable>(&mut self, copy: &SealedCopy, event: &Event, papers: &mut Papers) -> Result<(), Wrong> {
        let opened = self.unsealed::<T>(copy)?;
        let carried: Result<Carried, _> = serde_json::from_str(&opened.bytes);
        let decision = carried.map_err(|_| bad(&SealError::Unreadable))?.decision;
        self.belongs(decision.decision().invocation)?;
        let other = event.decision.as_ref().is_some_and(|copy| copy.digest != decision.digest());
        papers.decision = (!other).then_some(decision);
        if other { mismatch("the sealed job carries another decision") } else { Ok(()) }
    }

    fn opened<'c, T: Sealable>(&mut self, copy: &'c SealedCopy) -> Result<(Opened<'c>, T), Wrong> {
        let opened = self.unsealed::<T>(copy)?;
        let value: T = opened.read().map_err(|error| bad(&error))?;
        self.belongs(value.invocation())?;
        Ok((opened, value))
    }

    /// The document, if its seal fits and its key was believed at the record's time.
    fn unsealed<'c, T: Sealable>(&mut self, copy: &'c SealedCopy) -> Result<Opened<'c>, Wrong> {
        let opened = self.seals.open::<T>(&copy.text).map_err(|error| bad(&error))?;
        let signer = &opened.signer;
        if signer.was_revoked(self.seen_at) {
            self.found(
                Name::AfterRevocation,
                format!("the key `{}` that sealed a document in it was revoked", signer.id),
            );
        } else if !signer.claims.covers(self.at) {
            return Err(bad(&SealError::OutOfTime));
        }
        Ok(opened)
    }

    fn belongs(&self, invocation: InvocationId) -> Result<(), Wrong> {
        match self.invocation {
            Some(id) if id != invocation => Err(bad(&SealError::OtherInvocation)),
            Some(_) | None => Ok(()),
        }
    }

    fn intent(&mut self, invocation: InvocationId, event: &Event, papers: &Papers) -> Option<Intent> {
        if !event.sealed.iter().any(|copy| matches!(copy.kind, SealKind::Job | SealKind::Preview)) {
            self.found(Name::BadSeal, "an intent without the sealed job it starts");
        }
        let attempt = event.attempt.clone()?;
        let fate = self.fate(invocation, event);
        let mut lacks = lacking_of_intent(event);
        if let Some(bytes) = &papers.decision {
            self.as_decided(event, bytes.decision());
            // A document that is there and is not believed is not missing as well.
            if !papers.disbelieved {
                lacks.extend(lacking_agreement(event, bytes.decision(), papers));
            }
        }
        let decision = papers.decision.as_ref();
        Some(Intent {
            run: (invocation, attempt),
            seq: self.seq,
            at: self.at,
            errand: event.errand.unwrap_or(Errand::Run),
            needs_fate: needs_fate(event),
            mode: if event.errand == Some(Errand::Preview) { Mode::DryRun } else { event.mode.unwrap_or(Mode::Apply) },
            pool: event.pool.clone().unwrap_or_default(),
            fate,
            asker: decision.map(|bytes| person(&bytes.decision().requester)),
            asks: decision.is_some_and(|bytes| bytes.decision().rules.iter().any(asks)),
            decision: decision.map(DecisionBytes::digest),
            lacks,
            intact: false,
        })
    }

    /// What the record says in fields that can be searched is what was decided.
    fn as_decided(&mut self, event: &Event, decision: &Decision) {
        let unlike = [
            ("argv", event.argv.as_ref().is_some_and(|own| *own != decision.argv)),
            ("mode", event.mode.is_some_and(|own| own != decision.mode)),
            ("scope", event.scope.as_ref().is_some_and(|own| *own != decision.scope)),
            ("resources", !event.resources.is_empty() && event.resources != decision.resources),
            ("tier", event.tier.is_some_and(|own| own != decision.tier)),
            ("sensitivity", event.sensitivity.is_some_and(|own| own != decision.sensitive)),
            ("reversibility", event.reversibility.is_some_and(|own| own != decision.reversibility)),
            ("isolation", event.isolation.is_some_and(|own| own != decision.isolation)),
            ("rules", !event.rules.is_empty() && event.rules != decision.rules),
            ("pool", event.pool.as_ref().is_some_and(|own| *own != decision.pool)),
        ];
        let unlike: Vec<&str> = unlike.iter().filter_map(|(what, is)| is.then_some(*what)).collect();
        if !unlike.is_empty() {
            self.found(
                Name::DecisionMismatch,
                format!("it says something else than the decision: {}", unlike.join(", ")),
            );
        }
    }

    /// The fate that an intent carries, if it is the intent's own start.
    fn fate(&mut self, invocation: InvocationId, event: &Event) -> Option<String> {
        let Some(text) = &event.fate else {
            if needs_fate(event) {
                self.found(Name::IntentWithoutFate, "it needed a fate, and carries none");
            }
            return None;
        };
        let pool = event.pool.as_deref().unwrap_or_default();
        let own = FateDoc::read(text.as_bytes(), pool, invocation).ok();
        let fits = own.is_some_and(|doc| match doc.verdict {
            Verdict::Start { worker, attempt } => Some(attempt) == event.attempt && worker == self.writer.as_str(),
            Verdict::Closed { .. } => false,
        });
        if !fits {
            self.found(Name::FateUnlikeIntent, "the fate it carries is not its own start");
        }
        fits.then(|| text.clone())
    }

    fn outcome(&mut self, invocation: InvocationId, event: &Event, papers: &Papers) -> Option<End> {
        let sealed = papers.outcome.as_ref();
        let attempt = event.attempt.clone().or_else(|| sealed.and_then(|outcome| outcome.attempt.clone()))?;
        let ending = event.ending.clone().or_else(|| sealed.map(|outcome| outcome.ending.as_str().to_owned()));
        Some(End {
            run: (invocation, attempt),
            seq: self.seq,
            at: self.at,
            ending: ending.unwrap_or_default(),
            // The seal's word counts: where it is published follows from it.
            pool: sealed.map(|outcome| outcome.pool.clone()).or_else(|| event.pool.clone()).unwrap_or_default(),
            published: event
                .sealed
                .iter()
                .find(|copy| is_run(event) && copy.kind == SealKind::Outcome)
                .map(sealed_digest),
            output: event.output.clone(),
            kept: sealed.and_then(|outcome| outcome.output),
            // What a look printed is not kept: what it found is the effect, which is sealed by itself.
            printed: match event.errand {
                Some(Errand::Preview) => 0,
                Some(Errand::Run) | None => sealed.map_or(0, |outcome| outcome.output_bytes),
            },
            lacks: lacking_of_outcome(event, sealed),
            intact: false,
        })
    }
}

/// Whether it is about what was asked for, and not about a look at its effect.
fn is_run(event: &Event) -> bool {
    event.errand == Some(Errand::Run)
}

fn sealed_digest(copy: &SealedCopy) -> Digest {
    Digest::of(copy.text.as_bytes())
}

type Wrong = (Name, String);

fn bad(error: &SealError) -> Wrong {
    (Name::BadSeal, error.to_string())
}

fn mismatch(says: &str) -> Result<(), Wrong> {
    Err((Name::DecisionMismatch, says.to_owned()))
}

/// Whether the command could not do without a fate: everything but plain reads nobody agreed to.
fn needs_fate(event: &Event) -> bool {
    let only_looks = event.tier == Some(Tier::Read)
        && event.sensitivity == Some(Sensitivity::Plain)
        && event.mode == Some(Mode::Apply)
        && event.ballots.is_empty();
    event.errand == Some(Errand::Run) && !only_looks
}

/// Whether somebody has to agree by this rule; one that cannot be read asks for somebody.
fn asks(rule: &RuleDoc) -> bool {
    !rule.quorum.parse::<Quorum>().is_ok_and(|quorum| quorum.is_none())
}

fn names(lacks: &[(&'static str, bool)]) -> Vec<&'static str> {
    lacks.iter().filter_map(|(name, lacks)| lacks.then_some(*name)).collect()
}

/// What ran: every intent tells all of it.
fn lacking_of_intent(event: &Event) -> Vec<&'static str> {
    names(&[
        ("intent.errand", event.errand.is_none()),
        ("intent.actor", event.actor.as_ref().is_none_or(|actor| actor.principal.is_none())),
        ("intent.argv", event.argv.is_none()),
        ("intent.mode", event.mode.is_none()),
        ("intent.scope", event.scope.is_none()),
        ("intent.tier", event.tier.is_none()),
        ("intent.sensitivity", event.sensitivity.is_none()),
        ("intent.reversibility", event.reversibility.is_none()),
        ("intent.isolation", event.isolation.is_none()),
        ("intent.policy", event.policy.is_none()),
        ("intent.pool", event.pool.is_none()),
        ("intent.decision", event.decision.is_none()),
    ])
}

/// Who agreed, and to what: as many as each rule of the decision names, in slots of that rule.
fn lacking_agreement(event: &Event, decision: &Decision, papers: &Papers) -> Vec<&'static str> {
    let is_run = event.errand != Some(Errand::Preview);
    let mut approvers: BTreeSet<&SubjectId> = papers.approvals.iter().collect();
    approvers.remove(&decision.requester);
    let people = |rule: &RuleDoc| rule.quorum.parse::<Quorum>().map_or(1, |quorum| quorum.people());
    let in_slots = |rule: &RuleDoc| {
        let of_rule = format!("{}: ", rule.id);
        let takes = |slots: &[String]| slots.iter().any(|slot| slot.starts_with(&of_rule));
        let voters = event.ballots.iter().filter(|note| approvers.contains(&note.voter) && takes(&note.slots));
        voters.map(|note| &note.voter).collect::<BTreeSet<_>>().len()
    };
    let rules = || decision.rules.iter().filter(|_| is_run);
    names(&[
        ("intent.resources", event.resources.is_empty() && !decision.resources.is_empty()),
        ("intent.rules", event.rules.is_empty() && !decision.rules.is_empty()),
        ("intent.sealed.ballot", rules().any(|rule| approvers.len() < people(rule))),
        ("intent.ballots", rules().any(|rule| in_slots(rule) < people(rule))),
        ("intent.sealed.effect", is_run && decision.effect.is_some() && papers.effect != decision.effect),
    ])
}

/// What came out, as far as the record itself and the seal in it say.
fn lacking_of_outcome(event: &Event, sealed: Option<&Outcome>) -> Vec<&'static str> {
    let exited = sealed.is_some_and(|outcome| outcome.exit.is_some_and(|exit| exit >= 0));
    let attempted = sealed.is_some_and(|outcome| outcome.attempt.is_some());
    names(&[
        ("outcome.sealed", !event.sealed.iter().any(|copy| copy.kind == SealKind::Outcome)),
        ("outcome.attempt", event.attempt.is_none() && attempted),
        ("outcome.errand", event.errand.is_none()),
        ("outcome.pool", event.pool.is_none()),
        ("outcome.ending", event.ending.is_none()),
        ("outcome.exit", event.exit.is_none() && exited),
        ("outcome.duration_ms", event.duration_ms.is_none()),
        ("outcome.refusal", event.refusal.is_none() && sealed.is_some_and(|outcome| outcome.refusal.is_some())),
    ])
}
