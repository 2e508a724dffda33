//! What becomes of an invocation, decided once.
//!
//! **Invariant:** of all who write a fate the first wins, and everybody obeys what is read back; a
//! no is as final as a start. Only whoever holds the attempt's random bits may take an existing
//! start for its own.

use crate::sink::{Key, PutError, Sink};
use async_trait::async_trait;
use countersign_core::budget::Slot;
use countersign_core::canonical::canonical;
use countersign_core::id::{Attempt, InvocationId};
use countersign_core::refusal::Code;
use countersign_core::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::time::Duration;

/// The pool under which processes try out the store when they start; no real pool has the name.
pub const PROBE_POOL: &str = "startup-probe";

/// Why an invocation will never start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// An approver said no.
    Rejected,
    /// Somebody cancelled it.
    Cancelled,
    /// Its time was over.
    Expired,
    /// A freeze was on.
    Frozen,
    /// The effect was no longer the approved one.
    Drifted,
    /// The worker refused; see the code.
    Refused,
}

/// Start, or never.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Verdict {
    /// This attempt of this worker starts.
    Start {
        /// The writer that starts it.
        worker: String,
        /// Its random bits.
        attempt: Attempt,
    },
    /// Nothing will start.
    Closed {
        /// Why.
        reason: Reason,
        /// The stable code of the refusal.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        code: Option<Code>,
        /// The writer that said so.
        by: String,
    },
}

/// A fate (wire format v1). Kept as canonical JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FateDoc {
    /// Wire format version: 1.
    pub v: u32,
    /// Name of the installation.
    pub deployment: String,
    /// Which pool's workers it concerns.
    pub pool: String,
    /// Which request.
    pub invocation: InvocationId,
    /// What becomes of it.
    pub verdict: Verdict,
}

impl FateDoc {
    /// The exact bytes that are stored.
    #[must_use]
    pub fn bytes(&self) -> String {
        canonical(self).expect("a fate holds strings and integers only")
    }

    /// Reads bytes that were stored for this pool and invocation.
    ///
    /// # Errors
    /// When they are not a fate of this version, or of something else.
    pub fn read(bytes: &[u8], pool: &str, invocation: InvocationId) -> Result<Self, FateError> {
        let doc: Self = serde_json::from_slice(bytes).map_err(FateError::Unreadable)?;
        if doc.v == 1 && doc.pool == pool && doc.invocation == invocation { Ok(doc) } else { Err(FateError::Misplaced) }
    }
}

/// What is written once, and who wrote it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decided {
    /// The exact bytes that hold.
    pub winner: String,
    /// Whether they are the caller's.
    pub mine: bool,
    /// When they were stored, by the store's clock.
    pub at: Timestamp,
}

/// Why a fate is not known.
#[derive(Debug, thiserror::Error)]
pub enum FateError {
    /// The name of the pool cannot be part of a key.
    #[error("`{0}` cannot be the name of a pool")]
    BadPool(String),
    /// The store does not answer; whether the fate was written is not known.
    #[error("the fate store cannot be reached")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The bytes are not of this version's form.
    #[error("the stored fate cannot be read")]
    Unreadable(#[source] serde_json::Error),
    /// The bytes are about another pool or invocation.
    #[error("the stored fate belongs to another invocation")]
    Misplaced,
    /// Of eight who wrote the same fate not exactly one won.
    #[error("the fate store let {0} of 8 writers win; it must be exactly one")]
    NotExclusive(usize),
}

/// The store that decides. Create-only: nothing in it is replaced.
#[async_trait]
pub trait Fate: Send + Sync + fmt::Debug {
    /// Writes the fate, if there is none yet, and tells which one holds.
    ///
    /// # Errors
    /// When the store does not answer. The fate may have been written then: ask again with the
    /// same bytes.
    ///
    /// # Cancel safety
    /// A dropped future may have written it.
    async fn decide(&self, doc: &FateDoc) -> Result<Decided, FateError>;

    /// The fate that holds, if there is one.
    ///
    /// # Errors
    /// When the store does not answer.
    async fn look(&self, pool: &str, invocation: InvocationId) -> Result<Option<Decided>, FateError>;

    /// Writes how the run ended (a sealed outcome, verbatim), if nobody has yet.
    ///
    /// # Errors
    /// When the store does not answer. It may have been written then.
    async fn end(&self, pool: &str, invocation: InvocationId, outcome: &str) -> Result<Decided, FateError>;

    /// How the run ended, if somebody wrote it.
    ///
    /// # Errors
    /// When the store does not answer.
    async fn ended(&self, pool: &str, invocation: InvocationId) -> Result<Option<Decided>, FateError>;

    /// Writes an entry of the sequence that stops and allows changes, if its place is free yet.
    ///
    /// # Errors
    /// When the store does not answer. It may have been written then.
    async fn add_control(&self, epoch: u64, note: &str) -> Result<Decided, FateError>;

    /// The entry at this place of the sequence, if there is one.
    ///
    /// # Errors
    /// When the store does not answer.
    async fn control(&self, epoch: u64) -> Result<Option<Decided>, FateError>;

    /// Takes a unit of somebody's budget, if nobody has, and tells whose it is.
    ///
    /// # Errors
    /// When the store does not answer. It may have been taken then: ask again with the same bytes.
    async fn take(&self, slot: &Slot) -> Result<Decided, FateError>;

    /// Who has this unit, if somebody took it.
    ///
    /// # Errors
    /// When the store does not answer.
    async fn taken(&self, slot: &Slot) -> Result<Option<Decided>, FateError>;

    /// What is wrong with the store's settings, one sentence each that names the setting. `kept` is
    /// how long a fate has to be known: the longest expiry of a request, and a week.
    ///
    /// # Errors
    /// When the store does not answer.
    async fn unfit(&self, kept: Duration) -> Result<Vec<String>, FateError> {
        let _ = kept;
        Ok(Vec::new())
    }
}

/// Eight racers write one fate of the probe pool. A store where not exactly one wins cannot be used.
///
/// # Errors
/// [`FateError::NotExclusive`], or when the store does not answer.
pub async fn race(fate: &dyn Fate, deployment: &str, invocation: InvocationId) -> Result<(), FateError> {
    let mut docs = Vec::new();
    for _ in 0..8 {
        let verdict = Verdict::Start { worker: "probe".into(), attempt: random_attempt() };
        docs.push(FateDoc { v: 1, deployment: deployment.to_owned(), pool: PROBE_POOL.into(), invocation, verdict });
    }
    let [one, two, three, four, five, six, seven, eight] = docs.as_slice() else {
        return Err(FateError::NotExclusive(0));
    };
    let tries = tokio::join!(
        fate.decide(one),
        fate.decide(two),
        fate.decide(three),
        fate.decide(four),
        fate.decide(five),
        fate.decide(six),
        fate.decide(seven),
        fate.decide(eight),
    );
    let tries = [tries.0?, tries.1?, tries.2?, tries.3?, tries.4?, tries.5?, tries.6?, tries.7?];
    let winners = tries.iter().filter(|answer| answer.mine).count();
    let agree = tries.windows(2).all(|pair| matches!(pair, [first, next] if first.winner == next.winner));
    if winners == 1 && agree { Ok(()) } else { Err(FateError::NotExclusive(winners)) }
}

/// Fresh random bits for one attempt to start.
#[must_use]
pub(crate) fn random_attempt() -> Attempt {
    let mut bits = [0_u8; 16];
    getrandom::fill(&mut bits).expect("the kernel gives random bytes once it has booted");
    Attempt::from_random(bits)
}

async fn once(sink: &(impl Sink + ?Sized), key: &Key, bytes: &str) -> Result<Decided, FateError> {
    match sink.put_new(key, bytes.as_bytes().to_vec()).await {
        Ok(stored) => Ok(Decided { winner: bytes.to_owned(), mine: true, at: stored.at }),
        Err(PutError::Exists) => {
            let found = held(sink, key).await?.ok_or(FateError::Misplaced)?;
            // The same bytes are the caller's own: a start holds its random bits.
            Ok(Decided { mine: found.winner == bytes, ..found })
        }
        Err(error) => Err(FateError::Unavailable(Box::new(error))),
    }
}

async fn held(sink: &(impl Sink + ?Sized), key: &Key) -> Result<Option<Decided>, FateError> {
    let found = sink.read(key).await.map_err(|error| FateError::Unavailable(Box::new(error)))?;
    found
        .map(|object| {
            let winner = String::from_utf8(object.bytes).map_err(|_| FateError::Misplaced)?;
            Ok(Decided { winner, mine: false, at: object.at })
        })
        .transpose()
}

/// Every store that creates exclusively can decide fates.
#[async_trait]
impl<S: Sink + ?Sized> Fate for S {
    async fn decide(&self, doc: &FateDoc) -> Result<Decided, FateError> {
        once(self, &fate_key(&doc.pool, doc.invocation)?, &doc.bytes()).await
    }

    async fn look(&self, pool: &str, invocation: InvocationId) -> Result<Option<Decided>, FateError> {
        held(self, &fate_key(pool, invocation)?).await
    }

    async fn end(&self, pool: &str, invocation: InvocationId, outcome: &str) -> Result<Decided, FateError> {
        once(self, &outcome_key(pool, invocation)?, outcome).await
    }

    async fn ended(&self, pool: &str, invocation: InvocationId) -> Result<Option<Decided>, FateError> {
        held(self, &outcome_key(pool, invocation)?).await
    }

    async fn add_control(&self, epoch: u64, note: &str) -> Result<Decided, FateError> {
        once(self, &control_key(epoch), note).await
    }

    async fn control(&self, epoch: u64) -> Result<Option<Decided>, FateError> {
        held(self, &control_key(epoch)).await
    }

    async fn take(&self, slot: &Slot) -> Result<Decided, FateError> {
        once(self, &slot_key(slot), &slot.bytes()).await
    }

    async fn taken(&self, slot: &Slot) -> Result<Option<Decided>, FateError> {
        held(self, &slot_key(slot)).await
    }

    async fn unfit(&self, kept: Duration) -> Result<Vec<String>, FateError> {
        self.weaknesses(kept).await.map_err(|error| FateError::Unavailable(Box::new(error)))
    }
}

/// `fate/<pool>/<invocation>`.
///
/// # Errors
/// When the pool's name cannot be part of a key.
pub fn fate_key(pool: &str, invocation: InvocationId) -> Result<Key, FateError> {
    key_of_pool("fate", pool, invocation)
}

/// `outcome/<pool>/<invocation>`: below a name of the pool's, so that a bucket's policy lets no other pool's worker take
/// the place.
///
/// # Errors
/// When the pool's name cannot be part of a key.
pub fn outcome_key(pool: &str, invocation: InvocationId) -> Result<Key, FateError> {
    key_of_pool("outcome", pool, invocation)
}

fn key_of_pool(kind: &str, pool: &str, invocation: InvocationId) -> Result<Key, FateError> {
    let bad = || FateError::BadPool(pool.chars().take(80).collect());
    if pool.contains('/') {
        return Err(bad());
    }
    Key::parse(&format!("{kind}/{pool}/{invocation}")).map_err(|_| bad())
}

/// `slot/<digest of whose and which budget>/<period>/<which unit>`.
#[must_use]
pub fn slot_key(slot: &Slot) -> Key {
    Key::parse(&slot.place()).expect("the place of a slot is made of digits and letters")
}

/// Below it is the sequence that stops and allows changes.
pub const CONTROL: &str = "control/";

/// `control/<epoch, 20 digits>`.
#[must_use]
pub fn control_key(epoch: u64) -> Key {
    Key::parse(&format!("{CONTROL}{epoch:020}")).expect("a number is made of digits")
}
