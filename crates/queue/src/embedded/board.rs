//! Sealed documents by invocation.

use super::{EmbeddedQueue, Result, Step, feed, text, watch, work};
use crate::doc::{Cast, Paper, Papers, Posted, Topic};
use crate::error::Unavailable;
use crate::port::Board;
use async_trait::async_trait;
use countersign_core::ballot::{Ballot, Vote};
use countersign_core::digest::Digest;
use countersign_core::id::InvocationId;
use countersign_core::principal::SubjectId;
use countersign_core::seal::Sealed;
use countersign_core::time::Timestamp;
use redb::{ReadTransaction, ReadableTable as _, TableDefinition, WriteTransaction};
use serde::de::DeserializeOwned;

/// (invocation, kind of paper) to JSON.
const PAPERS: TableDefinition<'static, (&str, &str), &str> = TableDefinition::new("papers");
/// (invocation, human and vote) to JSON.
const BALLOTS: TableDefinition<'static, (&str, &str), &str> = TableDefinition::new("ballots");
/// Invocations that somebody waits for. Their ids begin with the time, so they sort by age.
const OPEN: TableDefinition<'static, &str, ()> = TableDefinition::new("open");
/// Invocation to when it was closed, in milliseconds.
const CLOSED: TableDefinition<'static, &str, i64> = TableDefinition::new("closed");

const ASKED: &str = "asked";
const EFFECT: &str = "effect";
const OUTCOME: &str = "outcome";

pub(super) fn create(transaction: &WriteTransaction) -> Result<()> {
    transaction.open_table(PAPERS)?;
    transaction.open_table(BALLOTS)?;
    transaction.open_table(OPEN)?;
    transaction.open_table(CLOSED)?;
    Ok(())
}

/// Whether a request of this id is there.
pub(super) fn is_asked(transaction: &WriteTransaction, id: &str) -> Result<bool> {
    Ok(transaction.open_table(PAPERS)?.get((id, ASKED))?.is_some())
}

#[async_trait]
impl Board for EmbeddedQueue {
    async fn post(&self, id: InvocationId, _pool: &str, paper: Paper) -> std::result::Result<Posted, Unavailable> {
        self.write(move |transaction, topics| {
            let (kind, json) = match &paper {
                Paper::Asked(sealed) => (ASKED, serde_json::to_string(sealed)?),
                Paper::Effect(sealed) => (EFFECT, serde_json::to_string(sealed)?),
                Paper::Outcome(sealed) => (OUTCOME, serde_json::to_string(sealed)?),
            };
            let id_text = text(id);
            let mut papers = transaction.open_table(PAPERS)?;
            if kind != ASKED && papers.get((id_text.as_str(), kind))?.is_some() {
                return Ok(Step::Same(Posted::Kept));
            }
            papers.insert((id_text.as_str(), kind), json.as_str())?;
            if kind == ASKED && transaction.open_table(CLOSED)?.get(id_text.as_str())?.is_none() {
                transaction.open_table(OPEN)?.insert(id_text.as_str(), ())?;
            }
            topics.extend([Topic::Board, Topic::Invocation(id)]);
            Ok(Step::Changed(Posted::Stored))
        })
        .await
    }

    async fn cast(
        &self,
        id: InvocationId,
        voter: &SubjectId,
        vote: Vote,
        ballot: &Sealed<Ballot>,
    ) -> std::result::Result<Cast, Unavailable> {
        let (who, ballot) = (who(voter, vote), ballot.clone());
        self.write(move |transaction, topics| {
            let id_text = text(id);
            let key = (id_text.as_str(), who.as_str());
            let mut ballots = transaction.open_table(BALLOTS)?;
            if let Some(first) = ballots.get(key)? {
                return Ok(Step::Same(Cast::AlreadyCast(serde_json::from_str(first.value())?)));
            }
            ballots.insert(key, serde_json::to_string(&ballot)?.as_str())?;
            topics.extend([Topic::Board, Topic::Invocation(id)]);
            Ok(Step::Changed(Cast::Counted))
        })
        .await
    }

    async fn papers(&self, id: InvocationId) -> std::result::Result<Papers, Unavailable> {
        self.look(move |transaction| {
            let id = text(id);
            let ballots = transaction.open_table(BALLOTS)?;
            let ballots = ballots.range((id.as_str(), "")..=(id.as_str(), LAST))?;
            Ok(Papers {
                asked: paper(transaction, &id, ASKED)?,
                ballots: ballots.map(|entry| Ok(serde_json::from_str(entry?.1.value())?)).collect::<Result<_>>()?,
                effect: paper(transaction, &id, EFFECT)?,
                outcome: paper(transaction, &id, OUTCOME)?,
            })
        })
        .await
    }

    async fn open(&self) -> std::result::Result<Vec<InvocationId>, Unavailable> {
        self.look(|transaction| {
            let open = transaction.open_table(OPEN)?;
            open.iter()?.map(|entry| Ok(entry?.0.value().parse()?)).collect()
        })
        .await
    }

    async fn close(&self, id: InvocationId, at: Timestamp) -> std::result::Result<(), Unavailable> {
        self.write(move |transaction, topics| {
            let id_text = text(id);
            transaction.open_table(OPEN)?.remove(id_text.as_str())?;
            let mut closed = transaction.open_table(CLOSED)?;
            if closed.get(id_text.as_str())?.is_some() {
                return Ok(Step::Same(()));
            }
            closed.insert(id_text.as_str(), at.as_millis())?;
            topics.extend([Topic::Board, Topic::Invocation(id)]);
            Ok(Step::Changed(()))
        })
        .await
    }

    async fn forget(&self, closed_before: Timestamp) -> std::result::Result<Vec<InvocationId>, Unavailable> {
        self.write(move |transaction, _| {
            let mut forgotten = Vec::new();
            for id in closed_before_then(transaction, closed_before)? {
                // A lease on it would dangle; it is forgotten when the work has ended and nothing is left to say of it.
                if watch::is_due(transaction, &text(id))? || !work::forget(transaction, id)? {
                    continue;
                }
                let id_text = text(id);
                let id_text = id_text.as_str();
                transaction.open_table(CLOSED)?.remove(id_text)?;
                for table in [PAPERS, BALLOTS] {
                    transaction.open_table(table)?.retain_in((id_text, "")..=(id_text, LAST), |_, _| false)?;
                }
                feed::forget(transaction, id_text)?;
                forgotten.push(id);
            }
            Ok(if forgotten.is_empty() { Step::Same(forgotten) } else { Step::Changed(forgotten) })
        })
        .await
    }
}

/// Sorts behind every second part of a key here.
const LAST: &str = "\u{10ffff}";

fn paper<T: DeserializeOwned>(transaction: &ReadTransaction, id: &str, kind: &str) -> Result<Option<T>> {
    let papers = transaction.open_table(PAPERS)?;
    let json = papers.get((id, kind))?;
    json.map(|json| Ok(serde_json::from_str(json.value())?)).transpose()
}

/// One human and one vote. Lengths are hashed too, so that no two humans run together.
pub(crate) fn who(voter: &SubjectId, vote: Vote) -> String {
    let human = Digest::of(format!("{}:{}{}", voter.iss.len(), voter.iss, voter.sub).as_bytes());
    format!("{human}/{}", vote.as_str())
}

fn closed_before_then(transaction: &WriteTransaction, then: Timestamp) -> Result<Vec<InvocationId>> {
    let closed = transaction.open_table(CLOSED)?;
    let mut old = Vec::new();
    for entry in closed.iter()? {
        let (id, at) = entry?;
        if at.value() < then.as_millis() {
            old.push(id.value().parse()?);
        }
    }
    Ok(old)
}
