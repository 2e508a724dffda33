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

async fn heads(
    evidence: &Evidence<'_>,
    writer: &WriterId,
    held: &Held,
    certificates: &[Certificate],
    chain: &Chain,
    seen: &Seen,
    report: &mut Report,
) -> Result<(), ReadError> {
    let mut own = Vec::new();
    for (size, name) in &held.heads {
        own.push((*size, name, fetch(evidence.sink, name).await?.unwrap_or_default()));
    }
    let mut kept = Vec::new();
    for (size, nth, name) in &held.anchors {
        let Some(anchor) = evidence.anchors.get(*nth) else { continue };
        kept.push((*size, name, fetch(*anchor, name).await?.unwrap_or_default()));
    }
    report.heads += u64::try_from(own.len() + kept.len()).unwrap_or(u64::MAX);
    let notes: Vec<&[u8]> = own.iter().chain(&kept).map(|(_, _, note)| note.as_slice()).collect();
    let push = |report: &mut Report, name, says: &str, object: Option<&str>| {
        let finding = Finding::new(name, says).of(writer);
        report.findings.push(match object {
            Some(object) => finding.object(object),
            None => finding,
        });
    };
    if seen.first_read && !seen.opened {
        push(report, Name::WriterWithoutOpening, "its first record is not `writer-opened`", None);
    }
    let Some(claims) = believed(evidence, writer, seen, certificates, &notes) else {
        push(report, Name::ForeignWriter, "no certificate of the root key is for this stream's key and role", None);
        return Ok(());
    };
    if seen.span.is_some_and(|(from, to)| !claims.covers(from) || !claims.covers(to)) {
        push(report, Name::OutsideCertificate, "a record's time is outside of its writer's certificate", None);
    }
    let mut best = 0;
    let mut anchored = 0;
    let mut rechained = false;
    for (nth, (size, name, note)) in own.iter().chain(&kept).enumerate() {
        let is_own = nth < own.len();
        let Ok(head) = open(evidence, writer, &claims, *size, note) else {
            let name_of = if is_own { Name::ForgedHead } else { Name::ForgedAnchor };
            push(report, name_of, "the writer's key did not sign it", Some(name.as_str()));
            continue;
        };
        if is_own {
            best = best.max(head.size)
        } else {
            anchored = anchored.max(head.size)
        }
        let unlike = chain.roots.get(&head.size).is_some_and(|root| *root != head.root);
        // In a damaged stream the damage is the finding; here everything fits but the signature.
        if !unlike || chain.damaged || rechained {
            continue;
        }
        rechained = true;
        if is_own {
            push(report, Name::ReChained, "the stream was made anew after its head was signed", Some(name.as_str()));
        } else {
            push(report, Name::UnlikeAnchor, "the stream and its own heads were made anew", Some(name.as_str()));
        }
    }
    let says = |size| format!("{size} records were signed for, {} are here", chain.size());
    if best > chain.size() {
        push(report, Name::MissingTail, &says(best), None);
    } else if anchored > chain.size() {
        push(report, Name::RolledBack, &says(anchored), None);
    }
    let reach = best.max(anchored);
    if own.is_empty() && kept.is_empty() {
        push(report, Name::UnsignedWriter, "no head of it was ever signed", None);
    } else if reach < chain.size() {
        push(report, Name::UnsignedTail, &format!("{} records", chain.size() - reach), None);
    }
    if !seen.closed {
        push(report, Name::UnclosedWriter, "its process runs, or died", None);
    }
    Ok(())
}

/// The claims of the certificate that stands behind the stream: the opening's, or a stored one
/// under whose key a head was signed.
fn believed(
    evidence: &Evidence<'_>,
    writer: &WriterId,
    seen: &Seen,
    certificates: &[Certificate],
    notes: &[&[u8]],
) -> Option<Claims> {
    let verifier = evidence.verifier;
    let open = |certificate: &Certificate| {
        let claims = certificate.open(verifier.root(), verifier.deployment()).ok()?;
        (claims.role == writer.role()).then_some(claims)
    };
    let signed = |claims: &Claims| {
        let key = claims.public_key();
        key.is_some_and(|key| notes.iter().any(|note| Head::open(note, verifier.deployment(), writer, &key).is_ok()))
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
