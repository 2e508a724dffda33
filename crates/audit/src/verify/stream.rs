//! One writer's stream: chain, heads, certificate, and what its role may write.
//!
//! **Invariant:** a stream is believed to be a process's only as far as a head under that
//! process's certified key reaches.

use super::chain::{Chain, Confirmed};
use super::contents::Contents;
use super::report::{Finding, Name, Report};
use super::{Evidence, Held, fetch};
use crate::event::Kind;
use crate::head::{Head, HeadError};
use crate::record::{Record, WriterId, may_write};
use crate::sink::ReadError;
use countersign_core::certificate::{Certificate, Claims};
use countersign_core::time::Timestamp;

/// What was learnt of a stream while its records were read.
#[derive(Default)]
struct Seen {
    opening: Option<Certificate>,
    /// Whether record 1 was there and readable.
    first_read: bool,
    opened: bool,
    closed: bool,
    last_at: Option<Timestamp>,
    span: Option<(Timestamp, Timestamp)>,
}

pub(super) async fn read(
    evidence: &Evidence<'_>,
    writer: &WriterId,
    held: &Held,
    certificates: &[Certificate],
    report: &mut Report,
    contents: &mut Contents,
) -> Result<(), ReadError> {
    report.writers += 1;
    let anchored = held.anchors.iter().map(|(size, ..)| *size);
    let sizes = held.heads.keys().copied().chain(anchored).collect();
    let mut chain = Chain::new(writer.clone(), sizes);
    let mut seen = Seen::default();
    let mut confirmed = Vec::new();
    for (first, name) in &held.segments {
        let bytes = fetch(evidence.sink, name).await?.unwrap_or_default();
        chain.segment(*first, name, &bytes, &mut report.findings, &mut confirmed);
        for line in confirmed.drain(..) {
            record(evidence, writer, &line, &mut seen, report, contents);
        }
    }
    chain.finish(&mut confirmed);
    for line in confirmed.drain(..) {
        record(evidence, writer, &line, &mut seen, report, contents);
    }
    report.records += chain.size();
    if held.segments.is_empty() {
        let says = "there are heads of it and no records";
        report.findings.push(Finding::new(Name::MissingWriter, says).of(writer));
        return Ok(());
    }
    heads(evidence, writer, held, certificates, &chain, &seen, report).await?;
    contents.finished(writer, seen.closed, seen.last_at);
    Ok(())
}

fn record(
    evidence: &Evidence<'_>,
    writer: &WriterId,
    line: &Confirmed,
    seen: &mut Seen,
    report: &mut Report,
    contents: &mut Contents,
) {
    let finding = |name, says: &str| Finding::new(name, says).of(writer).at(line.seq);
    let record = match Record::read(&line.bytes) {
        Ok(record) => record,
        Err(error) => {
            if line.intact {
                report.findings.push(finding(Name::UnreadableLine, &error.to_string()));
            }
            return;
        }
    };
    if line.seq == 1 {
        seen.first_read = true;
        seen.opened = record.event.kind == Kind::WriterOpened;
        seen.opening.clone_from(&record.event.certificate);
    }
    if line.intact {
        if record.writer != *writer {
            report.findings.push(finding(Name::StrayRecord, "it names another writer"));
        }
        if !may_write(writer.role(), record.event.kind) {
            let says = format!("a {} does not write `{}` records", writer.role(), record.event.kind.as_str());
            report.findings.push(finding(Name::WrongRole, &says));
        }
        if record.event.kind == Kind::BreakGlass {
            report
                .findings
                .push(finding(Name::BreakGlassUsed, record.event.why.as_deref().unwrap_or("no reason given")));
        }
        contents.check_seals(evidence.verifier, writer, &record, &mut report.findings);
    }
    seen.closed |= record.event.kind == Kind::WriterClosed;
    seen.last_at = seen.last_at.max(Some(record.at));
    let (from, to) = seen.span.unwrap_or((record.at, record.at));
    seen.span = Some((from.min(record.at), to.max(record.at)));
    contents.take(writer, record, line.intact);
}

/// A head as it lies in a store.
struct Note {
    size: u64,
    name: String,
    bytes: Vec<u8>,
    place: At,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum At {
    /// Beside the records.
    Home,
    /// In the second place.
    Anchor,
}

async fn notes(evidence: &Evidence<'_>, held: &Held) -> Result<Vec<Note>, ReadError> {
    let mut notes = Vec::new();
    for (size, name) in &held.heads {
        let bytes = fetch(evidence.sink, name).await?.unwrap_or_default();
        notes.push(Note { size: *size, name: name.clone(), bytes, place: At::Home });
    }
    for (size, nth, name) in &held.anchors {
        let Some(anchor) = evidence.anchors.get(*nth) else { continue };
        let bytes = fetch(*anchor, name).await?.unwrap_or_default();
        notes.push(Note { size: *size, name: name.clone(), bytes, place: At::Anchor });
    }
    Ok(notes)
}

async fn heads(
    evidence: &Evidence<'_>,
    writer: &WriterId,
    held: &Held,
    certificates: &[Certificate],
    chain: &Chain,
    seen: &Seen,
    report: &mut Report,
) -> Result<(), ReadError> {
    let notes = notes(evidence, held).await?;
    report.heads += u64::try_from(notes.len()).unwrap_or(u64::MAX);
    let finding = |name, says: &str| Finding::new(name, says).of(writer);
    if seen.first_read && !seen.opened {
        report.findings.push(finding(Name::WriterWithoutOpening, "its first record is not `writer-opened`"));
    }
    let Some(claims) = believed(evidence, writer, seen, certificates, &notes) else {
        let says = "no certificate of the root key is for this stream's key and role";
        report.findings.push(finding(Name::ForeignWriter, says));
        return Ok(());
    };
    if seen.span.is_some_and(|(from, to)| !claims.covers(from) || !claims.covers(to)) {
        let says = "a record's time is outside of its writer's certificate";
        report.findings.push(finding(Name::OutsideCertificate, says));
    }
    let reach = compare(evidence, writer, &claims, &notes, chain, report);
    let says = |size| format!("{size} records were signed for, {} are here", chain.size());
    let best = reach.home.max(reach.anchor);
    if reach.home > chain.size() {
        report.findings.push(finding(Name::MissingTail, &says(reach.home)));
    } else if reach.anchor > chain.size() {
        report.findings.push(finding(Name::RolledBack, &says(reach.anchor)));
    }
    if notes.is_empty() {
        report.findings.push(finding(Name::UnsignedWriter, "no head of it was ever signed"));
    } else if best < chain.size() {
        report.findings.push(finding(Name::UnsignedTail, &format!("{} records", chain.size() - best)));
    }
    if !seen.closed {
        report.findings.push(finding(Name::UnclosedWriter, "its process runs, or died"));
    }
    Ok(())
}

/// The largest sizes that were signed for.
struct Reach {
    home: u64,
    anchor: u64,
}

/// Compares every head with the line it speaks about.
fn compare(
    evidence: &Evidence<'_>,
    writer: &WriterId,
    claims: &Claims,
    notes: &[Note],
    chain: &Chain,
    report: &mut Report,
) -> Reach {
    let mut reach = Reach { home: 0, anchor: 0 };
    let mut remade = false;
    for note in notes {
        let finding = |name, says: &str| Finding::new(name, says).of(writer).object(note.name.as_str());
        let Ok(head) = open(evidence, writer, claims, note.size, &note.bytes) else {
            let name = match note.place {
                At::Home => Name::ForgedHead,
                At::Anchor => Name::ForgedAnchor,
            };
            report.findings.push(finding(name, "the writer's key did not sign it"));
            continue;
        };
        let best = match note.place {
            At::Home => &mut reach.home,
            At::Anchor => &mut reach.anchor,
        };
        *best = head.size.max(*best);
        let unlike = chain.roots.get(&head.size).is_some_and(|root| *root != head.root);
        // In a damaged stream the damage is the finding; here everything fits but the signature.
        if unlike && !chain.damaged && !remade {
            remade = true;
            report.findings.push(match note.place {
                At::Home => finding(Name::ReChained, "the stream was made anew after its head was signed"),
                At::Anchor => finding(Name::UnlikeAnchor, "the stream and its own heads were made anew"),
            });
        }
    }
    reach
}

/// The claims of the certificate that stands behind the stream: the opening's, or a stored one
/// under whose key a head was signed.
fn believed(
    evidence: &Evidence<'_>,
    writer: &WriterId,
    seen: &Seen,
    certificates: &[Certificate],
    notes: &[Note],
) -> Option<Claims> {
    let verifier = evidence.verifier;
    let open = |certificate: &Certificate| {
        let claims = certificate.open(verifier.root(), verifier.deployment()).ok()?;
        (claims.role == writer.role()).then_some(claims)
    };
    let signed = |claims: &Claims| {
        let key = claims.public_key();
        key.is_some_and(|key| {
            notes.iter().any(|note| Head::open(&note.bytes, verifier.deployment(), writer, &key).is_ok())
        })
    };
    let opening = seen.opening.as_ref().and_then(open);
    opening.or_else(|| certificates.iter().filter_map(open).find(signed))
}

fn open(
    evidence: &Evidence<'_>,
    writer: &WriterId,
    claims: &Claims,
    size: u64,
    note: &[u8],
) -> Result<Head, HeadError> {
    let key = claims.public_key().ok_or(HeadError::Forged)?;
    let head = Head::open(note, evidence.verifier.deployment(), writer, &key)?;
    if head.size == size { Ok(head) } else { Err(HeadError::Forged) }
}
