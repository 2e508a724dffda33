//! One writer's stream: chain, heads, certificate, and what its role may write.
//!
//! **Invariant:** a stream is believed to be a process's only as far as a head under that
//! process's certified key reaches.

use super::Context;
use super::chain::{Chain, Confirmed, Out};
use super::heads::{self, Note, Reach};
use super::held::{Held, Holdings};
use super::report::{Finding, Name, Report};
use super::runs::{Finished, Runs};
use super::scan::Scanned;
use super::seals::Signer;
use crate::event::Kind;
use crate::layout;
use crate::record::WriterId;
use crate::sink::ReadError;
use countersign_core::time::Timestamp;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// What was learnt of a stream while its records were read.
#[derive(Default)]
struct Seen {
    /// Who the first record's certificate is about, if it is believed.
    signer: Option<Arc<Signer>>,
    /// The kind of record 1, if it was there and readable.
    first: Option<Kind>,
    closed: bool,
    /// The last record over which a head is signed.
    headed: u64,
    unreadable: bool,
    /// The first record after the writer's key was revoked.
    revoked: Option<u64>,
    last_at: Option<Timestamp>,
    span: Option<(Timestamp, Timestamp)>,
}

/// A stream while it is read.
pub(super) struct Stream<'a> {
    context: &'a Arc<Context>,
    writer: &'a WriterId,
    chain: Chain,
    seen: Seen,
    notes: Vec<Note>,
    confirmed: Vec<Confirmed>,
}

impl<'a> Stream<'a> {
    pub(super) fn new(context: &'a Arc<Context>, writer: &'a WriterId, held: &Held) -> Self {
        let anchored = held.anchors.iter().map(|(size, ..)| *size);
        let chain = Chain::new(writer.clone(), held.heads.keys().copied().chain(anchored).collect());
        Self { context, writer, chain, seen: Seen::default(), notes: Vec::new(), confirmed: Vec::new() }
    }

    pub(super) fn segment(&mut self, first: u64, name: &str, scanned: Scanned, runs: &mut Runs, report: &mut Report) {
        let lines = u64::try_from(scanned.lines.len()).unwrap_or(u64::MAX);
        self.context.progress.records.fetch_add(lines, Ordering::Relaxed);
        let mut out = Out { findings: &mut report.findings, confirmed: &mut self.confirmed };
        self.chain.segment(first, name, scanned, &mut out);
        self.release(runs, report);
    }

    pub(super) fn notes(&mut self, notes: Vec<Note>) {
        self.notes.extend(notes);
    }

    fn release(&mut self, runs: &mut Runs, report: &mut Report) {
        let mut confirmed = std::mem::take(&mut self.confirmed);
        for line in confirmed.drain(..) {
            self.record(line, runs, report);
        }
        self.confirmed = confirmed;
    }

    fn record(&mut self, confirmed: Confirmed, runs: &mut Runs, report: &mut Report) {
        let Confirmed { seq, line, stored_at, intact } = confirmed;
        let told = match line.told {
            None => return,
            Some(Ok(told)) => *told,
            Some(Err(error)) => {
                self.seen.unreadable = true;
                if intact {
                    let finding = Finding::new(Name::UnreadableLine, error.to_string());
                    report.findings.push(finding.of(self.writer).at(seq));
                }
                return;
            }
        };
        let seen = &mut self.seen;
        if seq == 1 {
            seen.first = Some(told.kind);
            let signer = told.certificate.as_ref().and_then(|one| self.context.seals.signer(one));
            seen.signer = signer.filter(|signer| signer.claims.role == self.writer.role());
        }
        if intact {
            report.findings.extend(told.findings);
        }
        let seen_at = stored_at.map_or(told.at, |stored| stored.max(told.at));
        if seen.revoked.is_none() && seen.signer.as_ref().is_some_and(|signer| signer.was_revoked(seen_at)) {
            seen.revoked = Some(seq);
        }
        seen.closed |= told.kind == Kind::WriterClosed;
        if matches!(told.kind, Kind::WriterOpened | Kind::Checkpoint | Kind::Heartbeat | Kind::WriterClosed) {
            seen.headed = seq;
        }
        seen.last_at = seen.last_at.max(Some(told.at));
        let (from, to) = seen.span.unwrap_or((told.at, told.at));
        seen.span = Some((from.min(told.at), to.max(told.at)));
        // What a stream says that nobody certified is no part of anybody's account.
        if let (true, Some(part)) = (seen.first.is_none() || seen.signer.is_some(), told.part) {
            runs.take(self.writer, part, intact, report);
        }
    }

    /// Everything of the stream was read: what its heads say of it.
    pub(super) async fn finish(
        mut self,
        holdings: &Holdings,
        runs: &mut Runs,
        report: &mut Report,
    ) -> Result<(), ReadError> {
        let mut out = Out { findings: &mut report.findings, confirmed: &mut self.confirmed };
        self.chain.finish(&mut out);
        self.release(runs, report);
        report.writers += 1;
        report.records = report.records.saturating_add(self.chain.size());
        report.heads += u64::try_from(self.notes.len()).unwrap_or(u64::MAX);
        let has_holes = if self.chain.size() == 0 && !self.chain.damaged {
            let says = "there are heads of it and no records";
            report.findings.push(Finding::new(Name::MissingWriter, says).of(self.writer));
            true
        } else {
            self.heads(holdings, report).await?
        };
        let Seen { closed, last_at, .. } = self.seen;
        runs.finished(self.writer, &Finished { closed, last_at, has_holes });
        Ok(())
    }

    /// Returns whether records of it are missing, cannot be read, or are nobody's.
    async fn heads(&mut self, holdings: &Holdings, report: &mut Report) -> Result<bool, ReadError> {
        let (writer, seen, size) = (self.writer, &self.seen, self.chain.size());
        let finding = |name, says: &str| Finding::new(name, says).of(writer);
        if seen.first.is_some_and(|kind| kind != Kind::WriterOpened) {
            report.findings.push(finding(Name::WriterWithoutOpening, "its first record is not `writer-opened`"));
        }
        let notes = std::mem::take(&mut self.notes);
        let certificates = &holdings.certificates;
        let Some(signer) = heads::believed(self.context, writer, seen.signer.clone(), certificates, &notes) else {
            let says = "no certificate of the root key is for this stream's key and role";
            report.findings.push(finding(Name::ForeignWriter, says));
            return Ok(true);
        };
        self.times(&signer, report);
        certificate(&signer, holdings, report);
        let unsigned = notes.is_empty();
        let reach = heads::compare(self.context, writer, &signer, notes, &self.chain, report).await?;
        let says = |signed| format!("{signed} records were signed for, {size} are here");
        let best = reach.home.max(reach.anchor);
        if reach.home > size {
            report.findings.push(finding(Name::MissingTail, &says(reach.home)));
        } else if reach.anchor > size {
            report.findings.push(finding(Name::RolledBack, &says(reach.anchor)));
        }
        // A process that dies between its first record and its first head leaves this; it says nothing of anybody.
        let only_opened = size == 1 && seen.first == Some(Kind::WriterOpened);
        if unsigned && !only_opened {
            report.findings.push(finding(Name::UnsignedWriter, "no head of it was ever signed"));
        } else if best < size {
            report.findings.push(finding(Name::UnsignedTail, &format!("{} records", size - best)));
        }
        if !unsigned && best <= size && !self.chain.damaged && !reach.forged && self.lacks_a_head(&reach) {
            report.findings.push(finding(Name::MissingHead, &format!("{} of {size} records have one", reach.home)));
        }
        if !seen.closed {
            report.findings.push(finding(Name::UnclosedWriter, "its process runs, or died"));
        }
        // Its opening was not believed, so what its records say was left out.
        let left_out = seen.first.is_some() && seen.signer.is_none();
        if left_out && seen.first == Some(Kind::WriterOpened) && !self.chain.damaged && !reach.remade {
            let says = "its opening has no certificate of its key";
            report.findings.push(finding(Name::WriterWithoutOpening, says));
        }
        Ok(best > size || seen.unreadable || left_out || self.chain.damaged)
    }

    /// Whether a head was signed that is not beside the records, over its end or known elsewhere. A process that died
    /// may have died before it signed the next one, and one that runs is about to.
    fn lacks_a_head(&self, reach: &Reach) -> bool {
        let (seen, size) = (&self.seen, self.chain.size());
        let runs = !seen.closed && seen.last_at.is_some_and(|last| self.context.is_recent(last));
        let was_signed = seen.closed || (!runs && seen.headed < size);
        (reach.gone && !runs) || (was_signed && reach.home < seen.headed)
    }

    /// Whether all of it was written while its key was believed.
    fn times(&self, signer: &Signer, report: &mut Report) {
        let Some((from, to)) = self.seen.span else { return };
        let finding = |name, says: String| Finding::new(name, says).of(self.writer);
        if !signer.claims.covers(from) || !signer.claims.covers(to) {
            let says = "a record's time is outside of its writer's certificate";
            report.findings.push(finding(Name::OutsideCertificate, says.into()));
        }
        let says = || format!("its key `{}` was revoked before that record", signer.id);
        match self.seen.revoked {
            Some(seq) => report.findings.push(finding(Name::AfterRevocation, says()).at(seq)),
            // Its opening is missing, so its key was not known while it was read.
            None if signer.was_revoked(to) => report.findings.push(finding(Name::AfterRevocation, says())),
            None => {}
        }
    }
}

/// The certificate is in every opening as well, and must be where it is looked for. Told once a key.
fn certificate(signer: &Signer, holdings: &Holdings, report: &mut Report) {
    let name = layout::certificate(&signer.id).map(|key| key.to_string());
    let Some(name) = name.filter(|name| !holdings.certified.contains(name)) else { return };
    let is_told = |it: &Finding| it.name == Name::MissingCertificate && it.object.as_ref() == Some(&name);
    if !report.findings.iter().any(is_told) {
        let says = "the key's streams are here, and its certificate is not";
        report.findings.push(Finding::new(Name::MissingCertificate, says).object(name));
    }
}
