//! What travels through the queue, and what its steps answer.

use crate::fence::Fence;
use countersign_core::ballot::Ballot;
use countersign_core::effect::Effect;
use countersign_core::id::InvocationId;
use countersign_core::invocation::AskedRecord;
use countersign_core::job::{Job, Preview};
use countersign_core::outcome::Outcome;
use countersign_core::seal::Sealed;
use countersign_core::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::time::Duration;
use tokio::sync::watch;

/// A sealed document for the board.
#[derive(Debug, Clone)]
pub enum Paper {
    /// The request, as it must survive a restart.
    Asked(Sealed<AskedRecord>),
    /// What its preview found.
    Effect(Sealed<Effect>),
    /// How it ended.
    Outcome(Sealed<Outcome>),
}

/// All documents of one invocation. Each is to be opened before anything in it is believed.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Papers {
    /// The request.
    pub asked: Option<Sealed<AskedRecord>>,
    /// The ballots, in no particular order.
    pub ballots: Vec<Sealed<Ballot>>,
    /// What the preview found.
    pub effect: Option<Sealed<Effect>>,
    /// How it ended.
    pub outcome: Option<Sealed<Outcome>>,
}

/// Whether something new was stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Posted {
    /// It is stored now.
    Stored,
    /// An earlier one is there, and stays.
    Kept,
}

/// Whether a ballot was stored.
#[derive(Debug, Clone, PartialEq)]
pub enum Cast {
    /// It is stored now.
    Counted,
    /// This human cast this vote before; here is that ballot.
    AlreadyCast(Sealed<Ballot>),
}

/// Which of the two kinds of work an invocation can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// The dry run before people are asked.
    Preview,
    /// The command.
    Run,
}

impl Kind {
    /// The word used in keys and logs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Preview => "preview",
            Self::Run => "run",
        }
    }
}

/// Names one piece of work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JobKey {
    /// Which request.
    pub invocation: InvocationId,
    /// Its preview or its run.
    pub kind: Kind,
}

impl fmt::Display for JobKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.invocation, self.kind.as_str())
    }
}

/// The sealed work itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Load {
    /// A dry run.
    Preview(Sealed<Preview>),
    /// A cleared command.
    Run(Sealed<Job>),
}

impl Load {
    /// Which kind of work it is.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Preview(_) => Kind::Preview,
            Self::Run(_) => Kind::Run,
        }
    }
}

/// Whether work whose worker died after the start may be tried again. A hint for the reaper: who
/// lies here meets the fate object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Repeat {
    /// It only looks: previews, and reads cleared without ballot, grant or sensitivity.
    Safe,
    /// It changes something: never twice.
    Never,
}

/// Work as the gateway offers it. Everything beside the load is for routing, and outside the seal.
#[derive(Debug, Clone)]
pub struct Offer {
    /// Which request; the worker compares it with the id inside the seal.
    pub invocation: InvocationId,
    /// Which workers may see it.
    pub pool: String,
    /// Whether it may be tried again.
    pub repeat: Repeat,
    /// At most one piece of work with the same lock is claimed at a time; `None` for no such limit.
    pub lock: Option<String>,
    /// The work.
    pub load: Load,
}

impl Offer {
    /// The name of the work.
    #[must_use]
    pub const fn key(&self) -> JobKey {
        JobKey { invocation: self.invocation, kind: self.load.kind() }
    }
}

/// Work that a worker holds.
#[derive(Debug, Clone, PartialEq)]
pub struct Claim {
    /// Its name.
    pub key: JobKey,
    /// The work. Nothing is permitted yet.
    pub load: Load,
    /// Proves in later steps that it is this claim.
    pub fence: Fence,
    /// When the lease ends unless it is renewed.
    pub until: Timestamp,
}

/// The answer to a renewal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Renewed {
    /// Go on; the lease ends then.
    Held(Timestamp),
    /// Somebody cancelled: stop the command, record it, and finish. The lease ends then.
    Cancelled(Timestamp),
}

/// What a cancellation met; of two pieces of work the one that got further.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cancelled {
    /// There is no unfinished work.
    Nothing,
    /// Nobody had claimed it; nobody will.
    BeforeClaim,
    /// A worker holds it and has not marked a start.
    BeforeStart,
    /// A worker has marked the start; it stops when it hears of this, at its next renewal at the latest.
    AfterStart,
}

/// Work that waits for others of the same lock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// The lock.
    pub lock: String,
    /// Whose work has it now; `None` when it is free, or has just become so.
    pub holder: Option<InvocationId>,
    /// Its place in the line of those who wait; 1 is the next.
    pub position: u32,
}

/// Work whose worker is gone after it marked the start, or after somebody cancelled it: look at the recorded outcome, then at
/// fate, and settle it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Orphan {
    /// Its name.
    pub key: JobKey,
    /// Its pool.
    pub pool: String,
    /// Who had started it.
    pub worker: String,
    /// Settles it, with [`Work::finish`](crate::port::Work::finish).
    pub fence: Fence,
}

/// A worker that was heard of. Unsealed, like everything here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Present {
    /// Its name.
    pub name: String,
    /// When it claimed or renewed last, to within a few seconds.
    pub seen: Timestamp,
}

/// Something that is to be looked at later. Unsealed: what there is to say follows from the sealed papers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reminder {
    /// About which request.
    pub invocation: InvocationId,
    /// When.
    pub at: Timestamp,
}

/// What a reaper found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reaped {
    /// Waits to be claimed again.
    pub requeued: Vec<JobKey>,
    /// Waits to be settled.
    pub orphans: Vec<Orphan>,
}

/// Something to watch while a command waits or runs. Never a result: it is not sealed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Progress {
    /// Redacted output of the command, as it came.
    Output(String),
    /// Something happened: `claimed`, `previewing`, `started`, …
    Event {
        /// A stable kebab-case word.
        name: String,
        /// A sentence for people.
        text: String,
    },
}

impl Progress {
    /// Its size in bytes, as it counts against the bound of a feed.
    #[must_use]
    pub fn size(&self) -> u64 {
        let bytes = match self {
            Self::Output(text) => text.len(),
            Self::Event { name, text } => name.len() + text.len(),
        };
        u64::try_from(bytes).unwrap_or(u64::MAX)
    }
}

/// One entry of a feed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Its number; read on after it.
    pub seq: u64,
    /// When, by the writer's clock.
    pub at: Timestamp,
    /// What.
    pub progress: Progress,
}

/// A part of a feed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Page {
    /// In order.
    pub entries: Vec<Entry>,
    /// Entries that the reader has not seen are gone already, because the feed was too long.
    pub is_cut: bool,
}

/// What there can be news about.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Topic {
    /// Work for this pool.
    Pool(String),
    /// Documents, ballots, a cancellation or progress of this invocation.
    Invocation(InvocationId),
    /// Somebody asked that work of this invocation be stopped.
    Cancellation(InvocationId),
    /// Any document of any invocation.
    Board,
    /// Something was added to the sequence that stops and allows changes.
    Control,
}

/// Hints that something changed since the last look.
#[derive(Debug)]
pub struct News(pub(crate) watch::Receiver<u64>);

impl News {
    /// Returns at the next hint, at once if there was one since the last call, or after
    /// `at_most`.
    ///
    /// # Cancel safety
    /// A hint is not lost when the future is dropped.
    pub async fn wait(&mut self, at_most: Duration) {
        // A closed channel gives no hints; looking every `at_most` is then all there is.
        let hint = async {
            if self.0.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        };
        let _ = tokio::time::timeout(at_most, hint).await;
    }
}
