//! One invocation's whole story, in order.
//!
//! **Invariant:** a story tells what the records say and nothing else; whether they can be
//! believed is [`verify`](crate::verify::verify)'s answer.

use crate::event::{Event, Kind, SealKind};
use crate::layout::{self, Place};
use crate::log::AuditLog;
use crate::record::Record;
use crate::sink::{ReadError, Sink};
use crate::verify::fetch;
use crate::writer::WriteError;
use countersign_core::ballot::Ballot;
use countersign_core::effect::Effect;
use countersign_core::id::InvocationId;
use countersign_core::refusal::{is_deceptive, shown};
use countersign_core::seal::Sealed;
use std::fmt;

/// Everything on record about one invocation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Story {
    /// Which request.
    pub invocation: InvocationId,
    /// Its records, in the order they were written.
    pub records: Vec<Record>,
    /// Lines that name it and cannot be read by this version.
    pub unreadable: u64,
}

/// Reads everything on record about one invocation.
///
/// # Errors
/// When the store does not answer.
pub async fn show(sink: &dyn Sink, invocation: InvocationId) -> Result<Story, ReadError> {
    let id = invocation.to_string();
    let mut story = Story { invocation, records: Vec::new(), unreadable: 0 };
    for name in sink.list(layout::RECORDS).await? {
        let Place::Segment(..) = layout::place(&name) else { continue };
        let bytes = fetch(sink, &name).await?.unwrap_or_default();
        // Only lines that name it are parsed.
        for line in String::from_utf8_lossy(&bytes).lines().filter(|line| line.contains(&id)) {
            match Record::read(line.as_bytes()) {
                Ok(record) if record.event.invocation == Some(invocation) => story.records.push(record),
                Ok(_) => {}
                Err(_) => story.unreadable += 1,
            }
        }
    }
    story.records.sort_by(|a, b| {
        (a.at, stage(a.event.kind), &a.writer, a.seq).cmp(&(b.at, stage(b.event.kind), &b.writer, b.seq))
    });
    Ok(story)
}

impl AuditLog {
    /// Reads everything on record about one invocation, after recording who reads it.
    ///
    /// # Errors
    /// When the reading could not be recorded; then nothing is read.
    pub async fn show(&self, reader: Event, invocation: InvocationId) -> Result<Story, ShowError> {
        let event = Event { kind: Kind::LogRead, invocation: Some(invocation), ..reader };
        self.record(event).await.map_err(ShowError::Unrecorded)?;
        show(self.shared.config.sink.as_ref(), invocation).await.map_err(ShowError::Unreadable)
    }
}

/// Why a story is not shown.
#[derive(Debug, thiserror::Error)]
pub enum ShowError {
    /// Reading is itself a record.
    #[error("the reading could not be recorded")]
    Unrecorded(#[source] WriteError),
    /// The store does not answer.
    #[error("the log cannot be read")]
    Unreadable(#[source] ReadError),
}

/// Order of what different writers recorded in the same millisecond.
const fn stage(kind: Kind) -> u8 {
    match kind {
        Kind::Received => 0,
        Kind::Decided => 1,
        Kind::Previewed => 2,
        Kind::Asked => 3,
        Kind::Ballot => 4,
        Kind::Cleared => 5,
        Kind::Intent => 6,
        Kind::Lease => 7,
        Kind::Outcome => 8,
        Kind::Refused
        | Kind::Expired
        | Kind::Cancelled
        | Kind::Grant
        | Kind::BreakGlass
        | Kind::Freeze
        | Kind::Link
        | Kind::PolicyChanged
        | Kind::LogRead
        | Kind::WriterOpened
        | Kind::WriterClosed
        | Kind::Checkpoint
        | Kind::Heartbeat => 9,
    }
}

impl fmt::Display for Story {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "Invocation {}", self.invocation)?;
        if self.records.is_empty() {
            writeln!(f, "Nothing is on record.")?;
        }
        for record in &self.records {
            writeln!(f, "{}  {}  ({} #{})", record.at, record.event.kind.as_str(), record.writer, record.seq)?;
            tell(&record.event, f)?;
        }
        if self.unreadable > 0 {
            writeln!(f, "{} lines cannot be read by this version.", self.unreadable)?;
        }
        Ok(())
    }
}

/// Long texts of an auditor's page are not cut, and nothing in them can hide.
fn whole(text: &str) -> String {
    text.chars().flat_map(|c| if is_deceptive(c) { c.escape_unicode().collect::<Vec<_>>() } else { vec![c] }).collect()
}

fn tell(event: &Event, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let mut line = |name: &str, value: String| writeln!(f, "    {name}: {value}");
    if let Some(actor) = &event.actor {
        let who = actor.principal.as_ref().map_or("somebody unknown".into(), |id| whole(&id.to_string()));
        let name = actor.name.as_ref().map(|name| format!("{} ", shown(name))).unwrap_or_default();
        let from =
            actor.account.as_ref().map(|account| format!(" from {}", shown(&account.to_string()))).unwrap_or_default();
        let known = actor.known_by.as_ref().map(|by| format!(", known by {}", shown(by))).unwrap_or_default();
        line("who", format!("{name}<{who}>{from}{known}"))?;
    }
    if let Some(typed) = &event.typed {
        line("typed", whole(&typed.text))?;
    }
    if let Some(why) = &event.why {
        line("reason", whole(why))?;
    }
    if let Some(argv) = &event.argv {
        line("command", whole(&argv.to_string()))?;
    }
    if let Some(scope) = &event.scope {
        let parts = [
            ("env", &scope.env),
            ("target", &scope.target),
            ("namespace", &scope.namespace),
            ("region", &scope.region),
        ];
        let parts: Vec<_> = parts
            .iter()
            .filter_map(|(name, part)| part.as_ref().map(|part| format!("{name}={}", shown(part))))
            .collect();
        line("where", parts.join(" "))?;
    }
    if let Some(tier) = event.tier {
        let sensitivity = event.sensitivity.map_or("", |one| one.as_str());
        let reversibility = event.reversibility.map_or("", |one| one.as_str());
        line("tier", format!("{tier}, {sensitivity}, {reversibility}: {}", whole(&event.reasons.join("; "))))?;
    }
    if !event.granted_by.is_empty() {
        line("allowed by", whole(&event.granted_by.join(", ")))?;
    }
    for rule in &event.rules {
        line("needed", whole(&format!("{} by rule {}, factor {}", rule.quorum, rule.id, rule.factor)))?;
    }
    if let Some(policy) = &event.policy {
        line("policy", format!("rbac {} catalog {}", policy.rbac, policy.catalog))?;
    }
    if let Some(decision) = &event.decision {
        line("decision", decision.digest.to_string())?;
    }
    for sealed in &event.sealed {
        for told in tell_sealed(sealed.kind, &sealed.text) {
            line("sealed", told)?;
        }
    }
    for ballot in &event.ballots {
        line("ballot", whole(&format!("{} {} {}", ballot.vote.as_str(), ballot.voter, ballot.slots.join(", "))))?;
    }
    for advice in &event.advice {
        line("advice", whole(advice))?;
    }
    tell_run(event, &mut line)?;
    for (name, value) in &event.details {
        line(&shown(name), whole(value))?;
    }
    Ok(())
}

fn tell_run(event: &Event, line: &mut dyn FnMut(&str, String) -> fmt::Result) -> fmt::Result {
    if let Some(refusal) = &event.refusal {
        let rule = refusal.rule().map(|rule| format!(" (rule {})", shown(rule))).unwrap_or_default();
        line("refused", format!("{}: {}{rule}", refusal.code(), whole(&refusal.to_string())))?;
    }
    if let Some(isolation) = event.isolation {
        line("isolation", isolation.to_string())?;
    }
    if let Some(attempt) = &event.attempt {
        line("attempt", shown(attempt.as_str()))?;
    }
    if let Some(fate) = &event.fate {
        line("fate", whole(fate))?;
    }
    for lease in &event.leases {
        line(
            "lease",
            format!("{} until {} (in fact {})", shown(&lease.id), lease.nominal_expiry, lease.effective_expiry),
        )?;
    }
    if let Some(ticket) = &event.ticket {
        line("ticket", shown(ticket))?;
    }
    if let Some(ending) = &event.ending {
        let exit = event.exit.map(|exit| format!(", exit {exit}")).unwrap_or_default();
        let lasted = event.duration_ms.map(|ms| format!(", {ms} ms")).unwrap_or_default();
        line("ended", format!("{}{exit}{lasted}", shown(ending)))?;
    }
    if let Some(output) = &event.output {
        let object = output.object.as_deref().unwrap_or("not kept");
        line(
            "output",
            format!("{} ({} bytes, {} redactions, {})", shown(object), output.bytes, output.redactions, output.digest),
        )?;
    }
    Ok(())
}

/// What the sealed documents that people read say; the others are named in the fields already.
fn tell_sealed(kind: SealKind, text: &str) -> Vec<String> {
    match kind {
        SealKind::Ballot => read::<Ballot>(text).map_or_else(Vec::new, |ballot| {
            let why = ballot.reason.as_ref().map(|why| format!(": {}", whole(why))).unwrap_or_default();
            vec![format!("{} by {} at {}{why}", ballot.vote.as_str(), whole(&ballot.voter.to_string()), ballot.at)]
        }),
        SealKind::Effect => read::<Effect>(text).map_or_else(Vec::new, |effect| {
            let objects = effect.objects.iter().map(|object| format!("effect: {}", whole(&object.line())));
            objects.chain(effect.text.iter().map(|text| format!("effect: {}", whole(text)))).collect()
        }),
        SealKind::Job | SealKind::Preview | SealKind::Asked | SealKind::Outcome => Vec::new(),
    }
}

fn read<T: countersign_core::seal::Sealable>(text: &str) -> Option<T> {
    let sealed: Sealed<T> = serde_json::from_str(text).ok()?;
    serde_json::from_str(sealed.bytes()).ok()
}
