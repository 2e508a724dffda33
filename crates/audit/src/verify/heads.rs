//! Signed heads: how far a stream was, here and in the second place.
//!
//! **Invariant:** a head is believed only under the key of the stream's certificate; where several
//! are kept under one name, a forged one never hides the true one.

use super::ahead::Ahead;
use super::chain::Chain;
use super::report::{Finding, Name, Report};
use super::seals::Signer;
use super::{Context, Work};
use crate::head::Head;
use crate::record::WriterId;
use crate::sink::ReadError;
use countersign_core::certificate::Certificate;
use countersign_core::time::Timestamp;
use std::collections::BTreeSet;
use std::sync::Arc;

/// So many signatures are verified in one go.
const CHUNK: usize = 64;

/// A head as it lies in a store.
#[derive(Debug)]
pub(super) struct Note {
    pub(super) size: u64,
    pub(super) name: String,
    pub(super) bytes: Vec<u8>,
    pub(super) place: At,
    /// When it was stored, by the store's clock, where there is one.
    pub(super) stored_at: Option<Timestamp>,
}

/// Where a head lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum At {
    /// Beside the records.
    Home,
    /// In the second place.
    Anchor,
}

/// The largest sizes that were signed for.
#[derive(Debug, Default)]
pub(super) struct Reach {
    pub(super) home: u64,
    pub(super) anchor: u64,
    /// Whether a head beside the records was not believed.
    pub(super) forged: bool,
    /// Whether the stream is another than its heads are about.
    pub(super) remade: bool,
    /// Whether a head that the second place has is not beside the records that are here.
    pub(super) gone: bool,
}

/// Who stands behind the stream: the opening's certificate, or a stored one under whose key a
/// head was signed.
pub(super) fn believed(
    context: &Context,
    writer: &WriterId,
    opening: Option<Arc<Signer>>,
    certificates: &[Certificate],
    notes: &[Note],
) -> Option<Arc<Signer>> {
    let of_role = |signer: &Arc<Signer>| signer.claims.role == writer.role();
    let deployment = context.seals.deployment();
    let signed = |signer: &Arc<Signer>| {
        notes.iter().any(|note| Head::open(&note.bytes, deployment, writer, &signer.key).is_ok())
    };
    let stored = || certificates.iter().filter_map(|one| context.seals.signer(one)).filter(of_role).find(signed);
    opening.or_else(stored)
}

/// Compares every head with the line it speaks about.
pub(super) async fn compare(
    context: &Arc<Context>,
    writer: &WriterId,
    signer: &Arc<Signer>,
    notes: Vec<Note>,
    chain: &Chain,
    report: &mut Report,
) -> Result<Reach, ReadError> {
    let home = notes.iter().filter(|note| note.place == At::Home).map(|note| note.size).collect();
    let mut judge = Judge { writer, signer, chain, home, reach: Reach::default(), late: false };
    let mut opened = Ahead::new(
        chunks(notes).into_iter().map(|chunk| (0, open(context.clone(), writer.clone(), signer.clone(), chunk))),
    );
    while let Some(heads) = opened.next().await? {
        for (note, head) in heads {
            judge.head(&note, head, report);
        }
    }
    Ok(judge.reach)
}

fn chunks(notes: Vec<Note>) -> Vec<Vec<Note>> {
    let mut chunks: Vec<Vec<Note>> = Vec::new();
    for note in notes {
        match chunks.last_mut() {
            Some(chunk) if chunk.len() < CHUNK => chunk.push(note),
            _ => chunks.push(vec![note]),
        }
    }
    chunks
}

async fn open(
    context: Arc<Context>,
    writer: WriterId,
    signer: Arc<Signer>,
    notes: Vec<Note>,
) -> Result<Vec<(Note, Option<Head>)>, ReadError> {
    let work = context.clone();
    let open = move |note: Note| {
        let head = Head::open(&note.bytes, work.seals.deployment(), &writer, &signer.key).ok();
        let head = head.filter(|head| head.size == note.size);
        (note, head)
    };
    context.compute(Work::Long, move || notes.into_iter().map(open).collect()).await
}

/// What the heads of one stream come to.
struct Judge<'a> {
    writer: &'a WriterId,
    signer: &'a Signer,
    chain: &'a Chain,
    /// Sizes of the heads beside the records.
    home: BTreeSet<u64>,
    reach: Reach,
    late: bool,
}

impl Judge<'_> {
    fn head(&mut self, note: &Note, head: Option<Head>, report: &mut Report) {
        let finding = |name, says: &str| Finding::new(name, says).of(self.writer).object(note.name.as_str());
        let Some(head) = head else {
            let name = match note.place {
                At::Home => Name::ForgedHead,
                At::Anchor => Name::ForgedAnchor,
            };
            self.reach.forged |= note.place == At::Home;
            report.findings.push(finding(name, "the writer's key did not sign it"));
            return;
        };
        let signed_at = note.stored_at.map_or(head.at, |stored| stored.max(head.at));
        if self.signer.was_revoked(signed_at) && !self.late {
            self.late = true;
            report.findings.push(finding(Name::AfterRevocation, "it was signed when its key was revoked"));
        }
        self.reach.gone |= head.size <= self.chain.size() && !self.home.contains(&head.size);
        let best = match note.place {
            At::Home => &mut self.reach.home,
            At::Anchor => &mut self.reach.anchor,
        };
        *best = head.size.max(*best);
        let unlike = self.chain.roots.get(&head.size).is_some_and(|root| *root != head.root);
        // In a damaged stream the damage is the finding; here everything fits but the signature.
        if unlike && !self.chain.damaged && !self.reach.remade {
            self.reach.remade = true;
            report.findings.push(match note.place {
                At::Home => finding(Name::ReChained, "the stream was made anew after its head was signed"),
                At::Anchor => finding(Name::UnlikeAnchor, "the stream and its own heads were made anew"),
            });
        }
    }
}
