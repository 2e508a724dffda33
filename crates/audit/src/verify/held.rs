//! What the stores hold, by the names of their objects alone; and the keys, which are read first.
//!
//! **Invariant:** what takes belief away from a key is known before anything the key signed is
//! looked at.

use super::ahead::Ahead;
use super::report::{Finding, Name, Report};
use super::retention::Short;
use super::{Evidence, plain};
use crate::fate::CONTROL;
use crate::layout::{self, Place};
use crate::record::WriterId;
use crate::sink::{Entry, Inventory, Irregularity, Object, ReadError};
use countersign_core::certificate::Certificate;
use countersign_core::id::KeyId;
use countersign_core::revocation::RevocationNote;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

/// What the stores hold of one writer.
#[derive(Debug, Default)]
pub(super) struct Held {
    pub(super) segments: BTreeMap<u64, Entry>,
    pub(super) heads: BTreeMap<u64, Entry>,
    /// Number of the anchor store, and the name in it.
    pub(super) anchors: BTreeSet<(u64, usize, String)>,
}

impl Held {
    /// How many objects there are of it, in all stores.
    pub(super) fn objects(&self) -> usize {
        self.segments.len() + self.heads.len() + self.anchors.len()
    }
}

/// The outputs that are kept, by name.
pub(super) type Outputs = HashMap<String, Entry>;

/// What the stores hold of everybody.
#[derive(Debug, Default)]
pub(super) struct Holdings {
    pub(super) writers: BTreeMap<WriterId, Held>,
    pub(super) outputs: Arc<Outputs>,
    pub(super) certificates: Vec<Certificate>,
    /// The names of certificates, also of those that are not believed.
    pub(super) certified: HashSet<String>,
}

/// Lists the stores, and reads revocations and certificates.
pub(super) async fn look(evidence: &Evidence, short: &mut Short, report: &mut Report) -> Result<Holdings, ReadError> {
    let (mut it, mut outputs) = (Holdings::default(), Outputs::new());
    let (mut certificates, mut revocations) = (Vec::new(), Vec::new());
    let Inventory { entries, irregular } = evidence.sink.inventory("").await?;
    irregularities(&irregular, report);
    for entry in entries {
        match layout::place(&entry.name) {
            Place::Segment(writer, first) => {
                it.writers.entry(writer).or_default().segments.insert(first, entry);
            }
            Place::Head(writer, size) => {
                it.writers.entry(writer).or_default().heads.insert(size, entry);
            }
            Place::Certificate => {
                it.certified.insert(entry.name.clone());
                certificates.push(entry);
            }
            Place::Revocation => revocations.push(entry),
            Place::Output => drop(outputs.insert(entry.name.clone(), entry)),
            Place::Unknown => unknown(&entry.name, report),
        }
    }
    it.outputs = Arc::new(outputs);
    for (name, object) in objects(evidence, revocations).await? {
        revocation(evidence, &name, object.as_ref(), report);
        kept(evidence, &name, object.as_ref(), short);
    }
    for (name, object) in objects(evidence, certificates).await? {
        it.certificates.extend(certificate(evidence, &name, object.as_ref(), report));
        kept(evidence, &name, object.as_ref(), short);
    }
    anchors(evidence, &mut it.writers, report).await?;
    Ok(it)
}

/// Reads small objects, many at once.
async fn objects(evidence: &Evidence, entries: Vec<Entry>) -> Result<Vec<(String, Option<Object>)>, ReadError> {
    let mut answers = Ahead::new(entries.into_iter().map(|entry| {
        let sink = evidence.sink.clone();
        (entry.size, async move {
            let object = plain(sink.read_entry(&entry).await)?;
            Ok((entry.name, object))
        })
    }));
    let mut objects = Vec::new();
    while let Some(object) = answers.next().await? {
        objects.push(object);
    }
    Ok(objects)
}

fn kept(evidence: &Evidence, name: &str, object: Option<&Object>, short: &mut Short) {
    if let Some(object) = object {
        short.look_at(None, name, Some((object.kept, object.at)), evidence.retention);
    }
}

/// Learns from a note of the root key; its name is its key's and its bytes'.
fn revocation(evidence: &Evidence, name: &str, object: Option<&Object>, report: &mut Report) {
    let bytes = object.map_or(&[][..], |object| &object.bytes);
    let learned =
        serde_json::from_slice::<RevocationNote>(bytes).ok().and_then(|note| evidence.verifier.learn(&note).ok());
    let named = |id: &KeyId| layout::revocation(id, bytes).is_some_and(|key| key.as_str() == name);
    if !learned.is_some_and(|revocation| named(&revocation.key)) {
        let says = "the root key did not sign it for this deployment and key";
        report.findings.push(Finding::new(Name::ForeignRevocation, says).object(name));
    }
}

fn certificate(evidence: &Evidence, name: &str, object: Option<&Object>, report: &mut Report) -> Option<Certificate> {
    let read = object.and_then(|object| {
        let read = serde_json::from_slice::<Certificate>(&object.bytes).ok()?;
        // There is one spelling: what it is beside its signed bytes is nobody's to choose.
        serde_json::to_vec(&read).is_ok_and(|own| own == object.bytes).then_some(read)
    });
    let verifier = &evidence.verifier;
    let believed = read.filter(|one| {
        let claims = verifier.certified(one);
        // Its name is its key's.
        claims.is_ok_and(|claims| claims.key_id().is_some_and(|id| name == format!("{}{id}.json", layout::KEYS)))
    });
    if believed.is_none() {
        let says = "the root key did not sign it for this deployment and key";
        report.findings.push(Finding::new(Name::ForeignCertificate, says).object(name));
    }
    believed
}

fn unknown(name: &str, report: &mut Report) {
    // A fate store may share the folder.
    if !["fate/", "outcome/", "slot/", CONTROL].iter().any(|own| name.starts_with(own)) {
        report.findings.push(Finding::new(Name::UnknownFile, "the log does not write such a name").object(name));
    }
}

async fn anchors(
    evidence: &Evidence,
    writers: &mut BTreeMap<WriterId, Held>,
    report: &mut Report,
) -> Result<(), ReadError> {
    if evidence.anchors.is_empty() {
        let says = "give the second place of the heads to see whether the whole store was put back";
        report.findings.push(Finding::new(Name::NoAnchors, says));
    }
    for (nth, anchor) in evidence.anchors.iter().enumerate() {
        for name in anchor.names().await? {
            match layout::place(&name) {
                Place::Head(writer, size) => {
                    writers.entry(writer).or_default().anchors.insert((size, nth, name));
                }
                Place::Segment(..) | Place::Output | Place::Certificate | Place::Revocation | Place::Unknown => {
                    unknown(&name, report);
                }
            }
        }
        for name in anchor.rewritten().await? {
            let says = "the second place of the heads had it, or had it otherwise";
            report.findings.push(Finding::new(Name::RewrittenAnchor, says).object(name));
        }
    }
    Ok(())
}

fn irregularities(irregular: &[Irregularity], report: &mut Report) {
    for one in irregular {
        report.findings.push(match one {
            Irregularity::SecondVersion(name) => {
                Finding::new(Name::SecondVersion, "it was written again; the first of them is read here")
                    .object(name.as_str())
            }
            Irregularity::DeleteMarker(name) => {
                Finding::new(Name::DeleteMarker, "it was deleted; what is hidden is read here").object(name.as_str())
            }
        });
    }
}
