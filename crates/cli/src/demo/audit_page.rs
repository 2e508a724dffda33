//! What the console's audit page reads.
//!
//! **Invariant:** reading the log is itself on record before anything is shown.

use crate::audit;
use crate::installation::Places;
use async_trait::async_trait;
use countersign_audit::event::{Event, Kind};
use countersign_audit::layout::RECORDS;
use countersign_audit::log::AuditLog;
use countersign_audit::record::Record;
use countersign_audit::sink::{Key, Sink as _};
use countersign_audit::verify::{Concern, Report};
use countersign_console::{AuditRow, AuditView, Verdict, VerifyView};
use countersign_core::id::InvocationId;
use countersign_core::warrant::Errand;

/// Reads the log of one installation.
#[derive(Debug)]
pub struct AuditPage {
    places: Places,
    log: AuditLog,
    deployment: String,
}

impl AuditPage {
    /// A page over these places; its reading is recorded in `log`.
    #[must_use]
    pub const fn new(places: Places, log: AuditLog, deployment: String) -> Self {
        Self { places, log, deployment }
    }

    async fn records(&self) -> anyhow::Result<Vec<Record>> {
        let store = audit::open(&self.places.audit)?;
        let mut records = Vec::new();
        for name in store.list(RECORDS).await? {
            let Some(object) = store.read(&Key::parse(&name)?).await? else { continue };
            let lines = object.bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
            records.extend(lines.filter_map(|line| Record::read(line).ok()));
        }
        records.sort_by_key(|record| (record.at, record.seq));
        Ok(records)
    }

    async fn verified(&self) -> anyhow::Result<Report> {
        let anchors = [self.places.anchors.clone()];
        audit::verify(&self.places, &anchors, &self.places.keys.join("root.pub"), self.deployment.as_str()).await
    }
}

#[async_trait]
impl AuditView for AuditPage {
    async fn recent(&self, most: usize) -> Vec<AuditRow> {
        let records = self.records().await.unwrap_or_else(|error| {
            tracing::error!("The audit page could not read the log: {error:#}");
            Vec::new()
        });
        let quiet = |kind: Kind| matches!(kind, Kind::Heartbeat | Kind::Checkpoint);
        records.iter().rev().filter(|record| !quiet(record.event.kind)).take(most).map(row).collect()
    }

    async fn verify(&self) -> VerifyView {
        match self.verified().await {
            Ok(report) => VerifyView {
                integrity: verdict(&report, Concern::Integrity),
                completeness: verdict(&report, Concern::Completeness),
                records: report.records,
                says: report.findings.iter().map(ToString::to_string).collect(),
            },
            Err(error) => VerifyView {
                integrity: Verdict::NotKnown,
                completeness: Verdict::NotKnown,
                records: 0,
                says: vec![format!("the log cannot be read: {error:#}")],
            },
        }
    }

    async fn story(&self, id: InvocationId) -> Option<String> {
        let read = Event::about(Kind::LogRead, id).detail("front", "console");
        if let Err(error) = self.log.record(read).await {
            return Some(format!("Reading the log could not be recorded, so it is not shown: {error}"));
        }
        let store = audit::open(&self.places.audit).ok()?;
        let story = countersign_audit::story::show(&store, id).await.ok()?;
        (!story.records.is_empty()).then(|| story.to_string())
    }
}

fn verdict(report: &Report, concern: Concern) -> Verdict {
    if report.names(concern).is_empty() { Verdict::Holds } else { Verdict::Broken }
}

fn row(record: &Record) -> AuditRow {
    let event = &record.event;
    let who = event.actor.as_ref().and_then(|actor| {
        let name = actor.name.clone().or_else(|| actor.principal.as_ref().map(ToString::to_string));
        name.or_else(|| actor.account.as_ref().map(ToString::to_string))
    });
    let what = event
        .refusal
        .as_ref()
        .map(|refusal| format!("{}: {refusal}", refusal.code()))
        .or_else(|| event.argv.as_ref().map(ToString::to_string))
        .or_else(|| event.typed.as_ref().map(|typed| typed.text.clone()))
        .or_else(|| event.ending.clone())
        .or_else(|| event.ballots.first().map(|note| note.vote.as_str().to_owned()));
    AuditRow {
        at: record.at,
        event: match event.errand {
            Some(Errand::Preview) => format!("{} (preview)", event.kind.as_str()),
            Some(Errand::Run) | None => event.kind.as_str().to_owned(),
        },
        who: who.unwrap_or_else(|| record.writer.to_string()),
        what: what.unwrap_or_default(),
        invocation: event.invocation,
    }
}
