//! Questions to the stores that records raise: the fate that was decided, the output that was kept.
//!
//! **Invariant:** what is asked does not depend on what was answered before, so that many
//! questions are on their way at once.

use super::ahead::Ahead;
use super::report::{Finding, Name, Report};
use super::retention;
use super::{Context, plain};
use crate::fate::{Decided, FateDoc, FateError, Verdict};
use crate::record::WriterId;
use crate::sink::{Entry, ReadError};
use countersign_core::digest::Digest;
use countersign_core::id::InvocationId;
use countersign_core::time::Timestamp;
use std::sync::Arc;
use std::time::Duration;

/// A fate store keeps its objects at least this long after the longest expiry (design §7).
const FATE_KEPT: Duration = Duration::from_hours(7 * 24);

/// Which record raised it.
#[derive(Debug, Clone)]
pub(super) struct About {
    pub(super) writer: WriterId,
    pub(super) seq: u64,
    pub(super) invocation: InvocationId,
    pub(super) at: Timestamp,
}

impl About {
    pub(super) fn finding(&self, name: Name, says: impl Into<String>) -> Finding {
        Finding::new(name, says).of(&self.writer).at(self.seq).about(self.invocation)
    }
}

/// An outcome that others read, and that is not the one the question was about.
#[derive(Debug)]
pub(super) struct Published {
    pub(super) about: About,
    pub(super) digest: Digest,
}

enum Answer {
    Found(Vec<Finding>),
    Another(Published),
}

/// A question.
#[derive(Debug)]
pub(super) struct Late {
    about: About,
    what: What,
}

#[derive(Debug)]
enum What {
    Fate { pool: String, text: String },
    Outcome { pool: String, digest: Digest },
    Output { entry: Entry, digest: Option<Digest> },
}

impl Late {
    /// Whether the fate store has this fate.
    pub(super) const fn fate(about: About, pool: String, text: String) -> Self {
        Self { about, what: What::Fate { pool, text } }
    }

    /// Whether the outcome that others read is this one.
    pub(super) const fn outcome(about: About, pool: String, digest: Digest) -> Self {
        Self { about, what: What::Outcome { pool, digest } }
    }

    /// Whether the output is what was kept, and is kept long enough.
    pub(super) const fn output(about: About, entry: Entry, digest: Option<Digest>) -> Self {
        Self { about, what: What::Output { entry, digest } }
    }

    async fn ask(self, context: Arc<Context>) -> Result<Answer, ReadError> {
        match self.what {
            What::Fate { pool, text } => Ok(Answer::Found(fate(&context, &self.about, &pool, &text).await?)),
            What::Outcome { pool, digest } => outcome(&context, self.about, &pool, digest).await,
            What::Output { entry, digest } => Ok(Answer::Found(output(&context, &self.about, &entry, digest).await?)),
        }
    }

    const fn size(&self) -> u64 {
        match &self.what {
            What::Fate { .. } | What::Outcome { .. } => 0,
            What::Output { entry, .. } => entry.size,
        }
    }
}

/// Asks them all.
pub(super) async fn ask(
    context: &Arc<Context>,
    late: Vec<Late>,
    report: &mut Report,
) -> Result<Vec<Published>, ReadError> {
    let mut others = Vec::new();
    let mut answers = Ahead::new(late.into_iter().map(|one| (one.size(), one.ask(context.clone()))));
    while let Some(answer) = answers.next().await? {
        match answer {
            Answer::Found(findings) => report.findings.extend(findings),
            Answer::Another(published) => others.push(published),
        }
    }
    Ok(others)
}

/// What the fate store has under this name; `Err` in it when that is nothing this program writes.
fn held(answer: Result<Option<Decided>, FateError>) -> Result<Result<Option<Decided>, FateError>, ReadError> {
    match answer {
        Err(FateError::Unavailable(error)) => match error.downcast::<ReadError>() {
            Ok(error) if matches!(*error, ReadError::NotPlain(_)) => Ok(Err(FateError::Misplaced)),
            Ok(error) => Err(*error),
            Err(error) => Err(ReadError::Unavailable(error)),
        },
        answer => Ok(answer),
    }
}

/// Compares the outcome that others read with the one on record.
async fn outcome(context: &Context, about: About, pool: &str, digest: Digest) -> Result<Answer, ReadError> {
    let Some(store) = &context.fate else { return Ok(Answer::Found(Vec::new())) };
    Ok(match held(store.ended(pool, about.invocation).await)? {
        Ok(Some(held)) => match Digest::of(held.winner.as_bytes()) {
            same if same == digest => Answer::Found(Vec::new()),
            digest => Answer::Another(Published { about, digest }),
        },
        Ok(None) if context.now.since(about.at) < FATE_KEPT => {
            Answer::Found(vec![about.finding(Name::MissingFate, "the fate store has no outcome of it")])
        }
        Ok(None) => Answer::Found(Vec::new()),
        Err(_) => {
            let says = "what the fate store has is no outcome";
            Answer::Found(vec![about.finding(Name::OutcomeUnlikeRecord, says)])
        }
    })
}

/// Compares the fate that an intent carries with the store's.
async fn fate(context: &Context, about: &About, pool: &str, text: &str) -> Result<Vec<Finding>, ReadError> {
    let Some(store) = &context.fate else { return Ok(Vec::new()) };
    let Ok(held) = held(store.look(pool, about.invocation).await)? else {
        return Ok(vec![about.finding(Name::FateUnlikeIntent, "what the fate store has is no fate")]);
    };
    let found = match held {
        None if context.now.since(about.at) < FATE_KEPT => Some((Name::MissingFate, "the fate store has none")),
        None => None,
        Some(held) if held.winner == text => None,
        Some(held) => {
            let verdict = FateDoc::read(held.winner.as_bytes(), pool, about.invocation).map(|doc| doc.verdict);
            Some(match verdict {
                Ok(Verdict::Closed { .. }) => (Name::ClosedFateWithRun, "the request was closed before"),
                Ok(Verdict::Start { .. }) | Err(_) => (Name::FateUnlikeIntent, "the fate store has another"),
            })
        }
    };
    Ok(found.map(|(name, says)| about.finding(name, says)).into_iter().collect())
}

/// Reads an output only if there is a key to compare it with.
async fn output(
    context: &Context,
    about: &About,
    entry: &Entry,
    digest: Option<Digest>,
) -> Result<Vec<Finding>, ReadError> {
    let mut findings = Vec::new();
    let mut kept = None;
    if let (Some(key), Some(digest)) = (&context.digest_key, digest) {
        let object = plain(context.sink.read_entry(entry).await)?;
        kept = object.as_ref().map(|object| object.kept);
        let same = object.is_some_and(|object| key.digest(&object.bytes) == digest);
        if !same {
            let finding = about.finding(Name::ChangedOutput, "the output it names is not what was printed");
            findings.push(finding.object(entry.name.as_str()));
        }
    }
    if let Some(retention) = context.retention {
        let kept = match kept {
            Some(kept) => kept,
            None => context.sink.kept(entry).await?,
        };
        // An output is stored just before the record that names it.
        if let Some(says) = retention::is_short(kept, about.at, retention) {
            findings.push(about.finding(Name::ShortRetention, says).object(entry.name.as_str()));
        }
    }
    Ok(findings)
}
