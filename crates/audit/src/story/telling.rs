//! A story in lines, for a terminal or a page.
//!
//! **Invariant:** every text in a line is harmless to show: what could hide or move its neighbours
//! is escaped here, once, whoever prints it.

use super::Story;
use super::proof::{self, Standing, prove};
use super::summary::summary;
use crate::event::{Actor, Event, Kind, SealKind, SealedCopy};
use crate::record::Record;
use countersign_core::action::Scope;
use countersign_core::ballot::Ballot;
use countersign_core::effect::{Change, Effect, Touched};
use countersign_core::principal::Account;
use countersign_core::refusal::{is_deceptive, shown};
use countersign_core::seal::{Sealable, Sealed, Verifier};
use countersign_core::time::Timestamp;
use countersign_core::warrant::Errand;
use std::collections::BTreeMap;
use std::fmt;

/// What may be at hand besides the records.
#[derive(Debug, Clone, Copy, Default)]
pub struct Aids<'a> {
    /// Believes the root key: sealed documents are verified with it.
    pub verifier: Option<&'a Verifier>,
    /// What commands printed, by the name of the object, to be shown.
    pub outputs: Option<&'a BTreeMap<String, String>>,
}

/// Which part of the story an event belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Somebody asked.
    Asked,
    /// It was decided, and what people agree to was found and shown.
    Shown,
    /// People said yes or no.
    Agreed,
    /// It was started.
    Ran,
    /// It ended.
    CameOut,
    /// Somebody read about it.
    Read,
    /// Anything else.
    Other,
}

/// How a line is to be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Words.
    Plain,
    /// Bytes: a command, a digest, a document.
    Code,
    /// What would be removed.
    Minus,
    /// What would be added.
    Plus,
    /// A proof that holds.
    Good,
    /// A proof that does not.
    Bad,
    /// Bytes that only machines read: shown on demand, and not on a terminal.
    Fold,
}

/// A name, a value, and how to show them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// What it is.
    pub name: String,
    /// What it says; harmless to show.
    pub value: String,
    /// How to show it.
    pub form: Form,
}

/// One record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chapter {
    /// Which part of the story.
    pub part: Part,
    /// When, by the writer's clock.
    pub at: Timestamp,
    /// What happened.
    pub event: String,
    /// In whose stream, and which record: `gateway-… #7`.
    pub place: String,
    /// What it says.
    pub lines: Vec<Line>,
}

/// A whole story in lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Telling {
    /// The request's id.
    pub invocation: String,
    /// The story in a few lines: who, what, where, who agreed, how it ended.
    pub summary: Vec<Line>,
    /// One a record, in order.
    pub chapters: Vec<Chapter>,
    /// Lines that name it and cannot be read by this version.
    pub unreadable: u64,
}

impl Part {
    /// The heading.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Asked => "Asked",
            Self::Shown => "Decided and shown",
            Self::Agreed => "Agreed",
            Self::Ran => "Ran",
            Self::CameOut => "Came out",
            Self::Read => "Read",
            Self::Other => "Other",
        }
    }

    pub(super) const fn of(kind: Kind) -> Self {
        match kind {
            Kind::Received => Self::Asked,
            Kind::Decided | Kind::Previewed | Kind::Asked => Self::Shown,
            Kind::Ballot | Kind::Cleared => Self::Agreed,
            Kind::Intent | Kind::Lease => Self::Ran,
            Kind::Outcome | Kind::Refused | Kind::Expired | Kind::Cancelled | Kind::Reconciled => Self::CameOut,
            Kind::LogRead => Self::Read,
            Kind::Grant
            | Kind::BreakGlass
            | Kind::Freeze
            | Kind::Link
            | Kind::PolicyChanged
            | Kind::WriterOpened
            | Kind::WriterClosed
            | Kind::Checkpoint
            | Kind::Heartbeat => Self::Other,
        }
    }
}

impl Telling {
    pub(super) fn of(story: &Story, aids: &Aids<'_>) -> Self {
        Self {
            invocation: story.invocation.to_string(),
            summary: summary(&story.records),
            chapters: story.records.iter().map(|record| chapter(record, aids)).collect(),
            unreadable: story.unreadable,
        }
    }

    /// Sealed documents that do not verify, apart from those a refusal is about.
    #[must_use]
    pub fn broken(&self) -> usize {
        self.chapters.iter().flat_map(|chapter| &chapter.lines).filter(|line| line.form == Form::Bad).count()
    }
}

impl fmt::Display for Telling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "Invocation {}", self.invocation)?;
        if self.chapters.is_empty() {
            writeln!(f, "Nothing is on record.")?;
        }
        for line in &self.summary {
            writeln!(f, "  {:<9} {}", line.name, line.value)?;
        }
        for chapter in &self.chapters {
            writeln!(f, "{}  {}  ({})", chapter.at, chapter.event, chapter.place)?;
            for Line { name, value, form } in &chapter.lines {
                match form {
                    Form::Fold => {}
                    Form::Plain | Form::Code | Form::Minus | Form::Plus | Form::Good | Form::Bad => {
                        writeln!(f, "    {name}: {value}")?;
                    }
                }
            }
        }
        match self.unreadable {
            0 => Ok(()),
            1 => writeln!(f, "One line names it and cannot be read by this version."),
            many => writeln!(f, "{many} lines name it and cannot be read by this version."),
        }
    }
}

/// A text whose control, bidirectional and invisible characters are spelled as `\u{…}`; nothing is cut.
#[must_use]
pub fn harmless(text: &str) -> String {
    text.chars().flat_map(|c| if is_deceptive(c) { c.escape_unicode().collect::<Vec<_>>() } else { vec![c] }).collect()
}

/// Gathers lines.
#[derive(Default)]
pub(super) struct Lines(pub(super) Vec<Line>);

impl Lines {
    pub(super) fn add(&mut self, name: &str, value: impl Into<String>) {
        self.form(Form::Plain, name, value);
    }

    pub(super) fn code(&mut self, name: &str, value: impl Into<String>) {
        self.form(Form::Code, name, value);
    }

    pub(super) fn form(&mut self, form: Form, name: &str, value: impl Into<String>) {
        self.0.push(Line { name: name.to_owned(), value: value.into(), form });
    }
}

fn chapter(record: &Record, aids: &Aids<'_>) -> Chapter {
    let Record { event, at, writer, seq, .. } = record;
    let mut lines = Lines::default();
    request(event, &mut lines);
    decided(event, &mut lines);
    for copy in &event.sealed {
        sealed(copy, record, aids, &mut lines);
    }
    run(event, aids, &mut lines);
    if let Some(certificate) = &event.certificate {
        lines.code("certificate", proof::certificate(certificate, aids.verifier));
    }
    for (name, value) in &event.details {
        lines.add(&shown(name), harmless(value));
    }
    let preview = if event.errand == Some(Errand::Preview) { " (preview)" } else { "" };
    Chapter {
        part: Part::of(event.kind),
        at: *at,
        event: format!("{}{preview}", event.kind.as_str()),
        place: format!("{writer} #{seq}"),
        lines: lines.0,
    }
}

fn request(event: &Event, lines: &mut Lines) {
    if let Some(actor) = &event.actor {
        lines.add("who", who(actor));
    }
    if let Some(typed) = &event.typed {
        lines.code("typed", harmless(&typed.text));
        lines.form(Form::Fold, "typed digest", typed.digest.to_string());
    }
    if let Some(why) = &event.why {
        lines.add("reason", harmless(why));
    }
    if let Some(argv) = &event.argv {
        let mode = event.mode.map(|mode| format!(" ({mode})")).unwrap_or_default();
        lines.code("command", format!("{}{mode}", harmless(&argv.to_string())));
    }
    if let Some(scope) = &event.scope {
        lines.add("where", place(scope));
    }
    if !event.resources.is_empty() {
        let resources: Vec<_> = event.resources.iter().map(|one| harmless(one.as_str())).collect();
        lines.code("on", resources.join(", "));
    }
}

pub(super) fn who(actor: &Actor) -> String {
    let who = actor.principal.as_ref().map_or("somebody unknown".into(), |id| harmless(&id.to_string()));
    let name = actor.name.as_ref().map(|name| format!("{} ", shown(name))).unwrap_or_default();
    let from = actor.account.as_ref().map(|account| format!(" from {}", account_shown(account))).unwrap_or_default();
    let for_whom = actor.on_behalf_of.as_ref().map(|id| format!(", for {}", harmless(&id.to_string())));
    let known = actor.known_by.as_ref().map(|by| format!(", known by {}", shown(by))).unwrap_or_default();
    format!("{name}<{who}>{from}{}{known}", for_whom.unwrap_or_default())
}

fn account_shown(account: &Account) -> String {
    shown(&account.to_string())
}

pub(super) fn place(scope: &Scope) -> String {
    let parts =
        [("env", &scope.env), ("target", &scope.target), ("namespace", &scope.namespace), ("region", &scope.region)];
    let given = parts.iter().filter_map(|(name, part)| part.as_ref().map(|part| format!("{name}={}", shown(part))));
    given.collect::<Vec<_>>().join(" ")
}

fn decided(event: &Event, lines: &mut Lines) {
    if let Some(tier) = event.tier {
        let sensitivity = event.sensitivity.map_or("", |one| one.as_str());
        let reversibility = event.reversibility.map_or("", |one| one.as_str());
        let reasons = harmless(&event.reasons.join("; "));
        let reasons = if reasons.is_empty() { reasons } else { format!(": {reasons}") };
        lines.add("tier", format!("{tier}, {sensitivity}, {reversibility}{reasons}"));
    }
    if !event.granted_by.is_empty() {
        lines.add("allowed by", harmless(&event.granted_by.join(", ")));
    }
    for rule in &event.rules {
        lines.add("needed", harmless(&format!("{} by rule {}, factor {}", rule.quorum, rule.id, rule.factor)));
    }
    if let Some(policy) = &event.policy {
        lines.code("policy", format!("rbac {} catalog {}", policy.rbac, policy.catalog));
    }
    if let Some(decision) = &event.decision {
        lines.code("decision", decision.digest.to_string());
        lines.form(Form::Fold, "decision bytes", harmless(&decision.text));
    }
    for ballot in &event.ballots {
        let slots =
            if ballot.slots.is_empty() { String::new() } else { format!(", fills {}", ballot.slots.join(", ")) };
        lines.add("ballot", harmless(&format!("{} {}{slots}", ballot.vote.as_str(), ballot.voter)));
    }
    for advice in &event.advice {
        lines.add("advice", harmless(advice));
    }
}

/// What the sealed documents that people read say, and whether each holds.
fn sealed(copy: &SealedCopy, record: &Record, aids: &Aids<'_>, lines: &mut Lines) {
    match copy.kind {
        SealKind::Ballot => {
            if let Some(ballot) = read::<Ballot>(&copy.text) {
                let why = ballot.reason.as_ref().map(|why| format!(": {}", harmless(why))).unwrap_or_default();
                let (vote, voter) = (ballot.vote.as_str(), harmless(&ballot.voter.to_string()));
                lines.add("sealed", format!("{vote} by {voter} at {}{why}", ballot.at));
            }
        }
        SealKind::Effect => {
            if let Some(effect) = read::<Effect>(&copy.text) {
                told_effect(&effect, lines);
            }
        }
        SealKind::Job | SealKind::Preview | SealKind::Asked | SealKind::Outcome => {}
    }
    let proof = prove(copy, &record.event, record.at, aids.verifier);
    let form = match (&proof.standing, record.event.kind) {
        (Standing::Verified, _) => Form::Good,
        // A refusal keeps the forged document it was about.
        (Standing::NotChecked, _) | (Standing::Broken(_), Kind::Refused) => Form::Code,
        (Standing::Broken(_), _) => Form::Bad,
    };
    lines.form(form, "seal", harmless(&proof.in_a(record.event.kind)));
    lines.form(Form::Fold, "sealed document", harmless(&copy.text));
}

fn told_effect(effect: &Effect, lines: &mut Lines) {
    for object in &effect.objects {
        let head = Touched { changes: Vec::new(), ..object.clone() };
        lines.code("effect", harmless(&head.line()));
        for Change { path, old, new } in &object.changes {
            if let Some(old) = old {
                lines.form(Form::Minus, "change", format!("- {}: {}", harmless(path), harmless(old)));
            }
            if let Some(new) = new {
                lines.form(Form::Plus, "change", format!("+ {}: {}", harmless(path), harmless(new)));
            }
        }
    }
    // One line of the preview's own words each, so that a diff reads as one.
    for line in effect.text.iter().flat_map(|text| text.lines()) {
        let form = match line.as_bytes().first() {
            Some(b'+') => Form::Plus,
            Some(b'-') => Form::Minus,
            Some(_) | None => Form::Code,
        };
        lines.form(form, "effect", harmless(line));
    }
}

fn run(event: &Event, aids: &Aids<'_>, lines: &mut Lines) {
    if let Some(refusal) = &event.refusal {
        let rule = refusal.rule().map(|rule| format!(" (rule {})", shown(rule))).unwrap_or_default();
        lines.add("refused", format!("{}: {}{rule}", refusal.code(), harmless(&refusal.to_string())));
        lines.add("hint", harmless(refusal.hint()));
    }
    if let Some(isolation) = event.isolation {
        let profile = event.profile.map(|digest| format!(", profile {digest}")).unwrap_or_default();
        lines.add("isolation", format!("{isolation}{profile}"));
    }
    if let Some(pool) = &event.pool {
        lines.add("pool", shown(pool));
    }
    if let Some(binary) = &event.binary {
        lines.code("binary", binary.to_string());
    }
    if let Some(attempt) = &event.attempt {
        lines.code("attempt", shown(attempt.as_str()));
    }
    if let Some(fate) = &event.fate {
        lines.code("fate", harmless(fate));
    }
    for lease in &event.leases {
        let (id, nominal) = (shown(&lease.id), lease.nominal_expiry);
        let issued = lease
            .issued_as
            .as_deref()
            .map_or_else(String::new, |name| format!(", {} calls it {}", harmless(&lease.issuer), shown(name)));
        lines.add("lease", format!("{id} until {nominal} (in fact {}){issued}", lease.effective_expiry));
    }
    if let Some(ticket) = &event.ticket {
        lines.add("ticket", shown(ticket));
    }
    if let Some(ending) = &event.ending {
        lines.add("ended", ended(event, ending));
    }
    if let Some(output) = &event.output {
        let object = output.object.as_deref().unwrap_or("not kept");
        let (bytes, secrets, digest) = (output.bytes, output.redactions, output.digest);
        lines.code("output", format!("{} ({bytes} bytes, {secrets} redactions, {digest})", shown(object)));
        for line in aids.outputs.and_then(|outputs| outputs.get(object)).iter().flat_map(|text| text.lines()) {
            lines.code("|", harmless(line));
        }
    }
}

pub(super) fn ended(event: &Event, ending: &str) -> String {
    let exit = event.exit.map(|exit| format!(", exit {exit}")).unwrap_or_default();
    let lasted = event.duration_ms.map(|ms| format!(", {ms} ms")).unwrap_or_default();
    format!("{}{exit}{lasted}", shown(ending))
}

fn read<T: Sealable>(text: &str) -> Option<T> {
    let sealed: Sealed<T> = serde_json::from_str(text).ok()?;
    serde_json::from_str(sealed.bytes()).ok()
}
