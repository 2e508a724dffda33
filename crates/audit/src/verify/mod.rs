//! Whether the log is what was written, and whether all of it is there.
//!
//! **Invariant:** integrity is decided on raw bytes before anything is parsed; nothing is believed
//! but the root key, and what hangs from it by signatures.

mod chain;
mod contents;
mod report;
mod stream;

pub use report::{Concern, Conclusion, Finding, Name, Report};

use crate::fate::Fate;
use crate::layout::{self, Place};
use crate::record::WriterId;
use crate::sink::{Irregularity, Key, ReadError, Sink, Versions};
use contents::Contents;
use countersign_core::certificate::Certificate;
use countersign_core::seal::Verifier;
use countersign_core::time::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

/// What is verified, and what is believed.
#[derive(Debug)]
pub struct Evidence<'a> {
    /// The store.
    pub sink: &'a dyn Sink,
    /// The other places where heads are kept.
    pub anchors: &'a [&'a dyn Sink],
    /// The fate store, if it is at hand.
    pub fate: Option<&'a dyn Fate>,
    /// Believes the root key.
    pub verifier: &'a Verifier,
    /// The time of the verification.
    pub now: Timestamp,
}

/// What the store holds of one writer, by its names alone.
#[derive(Debug, Default)]
pub(crate) struct Held {
    pub(crate) segments: BTreeMap<u64, String>,
    pub(crate) heads: BTreeMap<u64, String>,
    /// Number of the anchor store, and the name in it.
    pub(crate) anchors: BTreeSet<(u64, usize, String)>,
}

/// Verifies everything.
///
/// # Errors
/// When a store does not answer: nothing is known then.
pub async fn verify(evidence: &Evidence<'_>) -> Result<Report, ReadError> {
    let mut report = Report::default();
    let mut writers: BTreeMap<WriterId, Held> = BTreeMap::new();
    let mut certificates = Vec::new();
    let mut outputs = BTreeSet::new();
    for name in evidence.sink.list("").await? {
        match layout::place(&name) {
            Place::Segment(writer, first) => {
                writers.entry(writer).or_default().segments.insert(first, name);
            }
            Place::Head(writer, size) => {
                writers.entry(writer).or_default().heads.insert(size, name);
            }
            Place::Certificate => certificates.extend(certificate(evidence, &name, &mut report).await?),
            Place::Output => {
                outputs.insert(name);
            }
            Place::Unknown => unknown(&name, &mut report),
        }
    }
    anchors(evidence, &mut writers, &mut report).await?;
    irregularities(evidence, &mut report).await?;
    let mut contents = Contents::new(outputs);
    for (writer, held) in &writers {
        stream::read(evidence, writer, held, &certificates, &mut report, &mut contents).await?;
    }
    contents.compare(evidence, &mut report).await?;
    report.findings.sort_by_key(|finding| (finding.concern, finding.name));
    Ok(report)
}

/// Reads an object whose name the store itself told; `None` also for names no object has.
pub(crate) async fn fetch(sink: &dyn Sink, name: &str) -> Result<Option<Vec<u8>>, ReadError> {
    let Ok(key) = Key::parse(name) else { return Ok(None) };
    match sink.read(&key).await {
        Ok(object) => Ok(object.map(|object| object.bytes)),
        Err(ReadError::NotPlain(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

async fn certificate(
    evidence: &Evidence<'_>,
    name: &str,
    report: &mut Report,
) -> Result<Option<Certificate>, ReadError> {
    let bytes = fetch(evidence.sink, name).await?.unwrap_or_default();
    let read = serde_json::from_slice::<Certificate>(&bytes).ok();
    let verifier = evidence.verifier;
    let believed = read.filter(|one| {
        let claims = one.open(verifier.root(), verifier.deployment());
        // Its name is its key's.
        claims.is_ok_and(|claims| claims.key_id().is_some_and(|id| name == format!("{}{id}.json", layout::KEYS)))
    });
    if believed.is_none() {
        let says = "the root key did not sign it for this deployment and key";
        report.findings.push(Finding::new(Name::ForeignCertificate, says).object(name));
    }
    Ok(believed)
}

fn unknown(name: &str, report: &mut Report) {
    // A fate store may share the folder.
    if !name.starts_with("fate/") && !name.starts_with("outcome/") {
        report.findings.push(Finding::new(Name::UnknownFile, "the log does not write such a name").object(name));
    }
}

async fn anchors(
    evidence: &Evidence<'_>,
    writers: &mut BTreeMap<WriterId, Held>,
    report: &mut Report,
) -> Result<(), ReadError> {
    if evidence.anchors.is_empty() {
        let says = "give the second place of the heads to see whether the whole store was put back";
        report.findings.push(Finding::new(Name::NoAnchors, says));
    }
    for (nth, anchor) in evidence.anchors.iter().enumerate() {
        for name in anchor.list(layout::HEADS).await? {
            match layout::place(&name) {
                Place::Head(writer, size) => {
                    writers.entry(writer).or_default().anchors.insert((size, nth, name));
                }
                Place::Segment(..) | Place::Output | Place::Certificate | Place::Unknown => unknown(&name, report),
            }
        }
    }
    Ok(())
}

async fn irregularities(evidence: &Evidence<'_>, report: &mut Report) -> Result<(), ReadError> {
    let Versions::Irregular(list) = evidence.sink.versions("").await? else { return Ok(()) };
    for one in list {
        let finding = match one {
            Irregularity::SecondVersion(name) => Finding::new(Name::SecondVersion, "it was written again").object(name),
            Irregularity::DeleteMarker(name) => Finding::new(Name::DeleteMarker, "it was deleted").object(name),
            Irregularity::ShortRetention(name) => {
                Finding::new(Name::ShortRetention, "it is locked for less than the installation's time").object(name)
            }
        };
        report.findings.push(finding);
    }
    Ok(())
}
