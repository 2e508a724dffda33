//! Work: the state of each piece, and the indexes that find it.

use super::{EmbeddedQueue, Result, Step, next, text};
use crate::doc::{
    Cancelled, Claim, JobKey, Kind, Load, Offer, Orphan, Posted, Present, Reaped, Renewed, Topic, Waiting,
};
use crate::error::{FinishError, ReleaseError, RenewError, StartError, Unavailable};
use crate::fence::Fence;
use crate::job::{Fallen, Stage, State};
use crate::port::{Dispatch, Work};
use async_trait::async_trait;
use countersign_core::id::InvocationId;
use countersign_core::time::Timestamp;
use redb::{ReadableTable as _, TableDefinition, WriteTransaction};
use std::collections::{BTreeMap, HashMap};
use std::sync::PoisonError;
use std::time::Duration;

/// (invocation, kind) to the JSON of its state.
const STATES: TableDefinition<'static, (&str, &str), &str> = TableDefinition::new("states");
/// (invocation, kind) to the JSON of the sealed work.
const LOADS: TableDefinition<'static, (&str, &str), &str> = TableDefinition::new("loads");
/// Index of the queued: (pool, order) to (invocation, kind).
const QUEUED: TableDefinition<'static, (&str, u64), (&str, &str)> = TableDefinition::new("queued");
/// Index of the held: (end of the lease in milliseconds, invocation, kind).
const HELD: TableDefinition<'static, (i64, &str, &str), ()> = TableDefinition::new("held");
/// Index of the orphaned.
const ORPHANED: TableDefinition<'static, (&str, &str), ()> = TableDefinition::new("orphaned");
/// Index of the locks: lock to who has it.
const LOCKS: TableDefinition<'static, &str, (&str, &str)> = TableDefinition::new("locks");
/// Index of who waits for a lock: (lock, order) to (invocation, kind).
const LINES: TableDefinition<'static, (&str, u64), (&str, &str)> = TableDefinition::new("lines");

/// When each worker was heard of, by pool. Kept in memory: the workers end with the file's one process.
pub(super) type Workers = HashMap<String, BTreeMap<String, Timestamp>>;

impl super::Inner {
    fn is_here(&self, pool: &str, worker: &str, now: Timestamp) {
        let mut workers = self.workers.lock().unwrap_or_else(PoisonError::into_inner);
        workers.entry(pool.to_owned()).or_default().insert(worker.to_owned(), now);
    }
}

pub(super) fn create(transaction: &WriteTransaction) -> Result<()> {
    transaction.open_table(STATES)?;
    transaction.open_table(LOADS)?;
    transaction.open_table(QUEUED)?;
    transaction.open_table(HELD)?;
    transaction.open_table(ORPHANED)?;
    transaction.open_table(LOCKS)?;
    transaction.open_table(LINES)?;
    Ok(())
}

/// Removes the ended work of an invocation; `false`, and nothing removed, when some has not ended.
pub(super) fn forget(transaction: &WriteTransaction, id: InvocationId) -> Result<bool> {
    let keys = both(id);
    for key in keys {
        if read(transaction, key)?.is_some_and(|state| state.stage != Stage::Ended) {
            return Ok(false);
        }
    }
    for key in keys {
        let id = text(id);
        transaction.open_table(STATES)?.remove((id.as_str(), key.kind.as_str()))?;
        transaction.open_table(LOADS)?.remove((id.as_str(), key.kind.as_str()))?;
    }
    Ok(true)
}

const fn both(invocation: InvocationId) -> [JobKey; 2] {
    [JobKey { invocation, kind: Kind::Preview }, JobKey { invocation, kind: Kind::Run }]
}

#[async_trait]
impl Dispatch for EmbeddedQueue {
    async fn enqueue(&self, offer: Offer, at: Timestamp) -> std::result::Result<Posted, Unavailable> {
        self.write(move |transaction, topics| {
            let key = offer.key();
            if read(transaction, key)?.is_some() {
                return Ok(Step::Same(Posted::Kept));
            }
            let state = State {
                pool: offer.pool,
                repeat: offer.repeat,
                lock: offer.lock,
                order: next(transaction, "order")?,
                offered_at: at,
                repeated: 0,
                is_cancelled: false,
                stage: Stage::Queued { not_before: None },
            };
            let (id, load) = (text(key.invocation), serde_json::to_string(&offer.load)?);
            transaction.open_table(LOADS)?.insert((id.as_str(), key.kind.as_str()), load.as_str())?;
            replace(transaction, key, None, &state, topics)?;
            Ok(Step::Changed(Posted::Stored))
        })
        .await
    }

    async fn cancel(&self, id: InvocationId) -> std::result::Result<Cancelled, Unavailable> {
        self.write(move |transaction, topics| {
            let mut met = Cancelled::Nothing;
            for key in both(id) {
                if let Some(before) = read(transaction, key)? {
                    let mut state = before.clone();
                    met = met.max(state.cancel());
                    replace(transaction, key, Some(&before), &state, topics)?;
                }
            }
            topics.extend([Topic::Cancellation(id), Topic::Invocation(id)]);
            Ok(if met == Cancelled::Nothing { Step::Same(met) } else { Step::Changed(met) })
        })
        .await
    }

    async fn waiting(&self, id: InvocationId) -> std::result::Result<Option<Waiting>, Unavailable> {
        self.look(move |transaction| {
            let name = text(id);
            let states = transaction.open_table(STATES)?;
            let Some(json) = states.get((name.as_str(), Kind::Run.as_str()))? else { return Ok(None) };
            let state: State = serde_json::from_str(json.value())?;
            let (Stage::Queued { .. }, Some(lock)) = (&state.stage, state.lock) else { return Ok(None) };
            let holder = transaction.open_table(LOCKS)?.get(lock.as_str())?.map(|held| key_of(held.value()));
            let holder = holder.transpose()?.map(|key| key.invocation);
            let before =
                transaction.open_table(LINES)?.range((lock.as_str(), 0)..(lock.as_str(), state.order))?.count();
            let position = u32::try_from(before).unwrap_or(u32::MAX).saturating_add(1);
            Ok(Some(Waiting { lock, holder, position }))
        })
        .await
    }

    async fn hint_control(&self) -> std::result::Result<(), Unavailable> {
        self.inner.hints.hint(&[Topic::Control]);
        Ok(())
    }

    async fn workers(&self, pool: &str) -> std::result::Result<Vec<Present>, Unavailable> {
        let workers = self.inner.workers.lock().unwrap_or_else(PoisonError::into_inner);
        let present = |(name, seen): (&String, &Timestamp)| Present { name: name.clone(), seen: *seen };
        Ok(workers.get(pool).into_iter().flatten().map(present).collect())
    }

    async fn reap(&self, pool: &str, now: Timestamp) -> std::result::Result<Reaped, Unavailable> {
        let pool = pool.to_owned();
        self.write(move |transaction, topics| {
            let mut reaped = Reaped::default();
            let overdue = overdue(transaction, now)?.into_iter().map(|key| Ok((key, existing(transaction, key)?)));
            let mut overdue = overdue.collect::<Result<Vec<_>>>()?;
            overdue.retain(|(_, state)| state.pool == pool);
            for (key, before) in &overdue {
                let key = *key;
                let mut state = before.clone();
                if state.reap(Fence(next(transaction, "fence")?)) == Fallen::Requeued {
                    reaped.requeued.push(key);
                }
                replace(transaction, key, Some(before), &state, topics)?;
            }
            reaped.orphans = orphans(transaction)?.into_iter().filter(|orphan| orphan.pool == pool).collect();
            Ok(if overdue.is_empty() { Step::Same(reaped) } else { Step::Changed(reaped) })
        })
        .await
    }
}

#[async_trait]
impl Work for EmbeddedQueue {
    async fn claim(
        &self,
        pool: &str,
        worker: &str,
        now: Timestamp,
        lease: Duration,
    ) -> std::result::Result<Option<Claim>, Unavailable> {
        self.inner.is_here(pool, worker, now);
        let (pool, worker) = (pool.to_owned(), worker.to_owned());
        self.write(move |transaction, topics| {
            let Some((key, before)) = first_free(transaction, &pool, now)? else {
                return Ok(Step::Same(None));
            };
            let (fence, until) = (Fence(next(transaction, "fence")?), now.plus(lease));
            let mut state = before.clone();
            state.claim(worker, fence, until);
            replace(transaction, key, Some(&before), &state, topics)?;
            let id = text(key.invocation);
            let loads = transaction.open_table(LOADS)?;
            let load = loads.get((id.as_str(), key.kind.as_str()))?.ok_or("queued work has no load")?;
            let load: Load = serde_json::from_str(load.value())?;
            Ok(Step::Changed(Some(Claim { key, load, fence, until })))
        })
        .await
    }

    async fn renew(
        &self,
        key: JobKey,
        fence: Fence,
        now: Timestamp,
        lease: Duration,
    ) -> std::result::Result<Renewed, RenewError> {
        let holder = move |state: &mut State| {
            let renewed = state.renew(fence, now, now.plus(lease))?;
            let Stage::Held { worker, .. } = &state.stage else { return Err(RenewError::Lost) };
            Ok((renewed, state.pool.clone(), worker.clone()))
        };
        let (renewed, pool, worker) = self.change(key, RenewError::Lost, holder).await??;
        self.inner.is_here(&pool, &worker, now);
        Ok(renewed)
    }

    async fn start(&self, key: JobKey, fence: Fence, now: Timestamp) -> std::result::Result<(), StartError> {
        self.change(key, StartError::Stale, move |state| state.start(fence, now)).await?
    }

    async fn finish(&self, key: JobKey, fence: Fence) -> std::result::Result<(), FinishError> {
        self.change(key, FinishError::Stale, move |state| state.finish(fence)).await?
    }

    async fn held(&self, pool: &str) -> std::result::Result<Vec<InvocationId>, Unavailable> {
        let pool = pool.to_owned();
        self.look(move |transaction| {
            let states = transaction.open_table(STATES)?;
            let (held, orphaned) = (transaction.open_table(HELD)?, transaction.open_table(ORPHANED)?);
            let held = held.iter()?.map(|entry| {
                let entry = entry?;
                let (_, id, kind) = entry.0.value();
                Ok((id.to_owned(), kind.to_owned()))
            });
            let orphaned = orphaned.iter()?.map(|entry| {
                let entry = entry?;
                let (id, kind) = entry.0.value();
                Ok((id.to_owned(), kind.to_owned()))
            });
            let mut found = Vec::new();
            for name in held.chain(orphaned) {
                let (id, kind) = name.map_err(|error: redb::StorageError| error)?;
                let Some(json) = states.get((id.as_str(), kind.as_str()))? else { continue };
                let state: State = serde_json::from_str(json.value())?;
                if state.pool == pool {
                    found.push(id.parse()?);
                }
            }
            Ok(found)
        })
        .await
    }

    async fn release(&self, key: JobKey, fence: Fence, not_before: Timestamp) -> std::result::Result<(), ReleaseError> {
        self.change(key, ReleaseError::Stale, move |state| state.release(fence, not_before)).await?
    }
}

impl EmbeddedQueue {
    /// One step of one piece of work; `unknown` is the answer when there is no such work.
    async fn change<T: Send + 'static, E: Send + 'static>(
        &self,
        key: JobKey,
        unknown: E,
        step: impl FnOnce(&mut State) -> std::result::Result<T, E> + Send + 'static,
    ) -> std::result::Result<std::result::Result<T, E>, Unavailable> {
        self.write(move |transaction, topics| {
            let Some(before) = read(transaction, key)? else {
                return Ok(Step::Same(Err(unknown)));
            };
            let mut state = before.clone();
            match step(&mut state) {
                Err(no) => Ok(Step::Same(Err(no))),
                Ok(done) => {
                    replace(transaction, key, Some(&before), &state, topics)?;
                    Ok(Step::Changed(Ok(done)))
                }
            }
        })
        .await
    }
}

fn read(transaction: &WriteTransaction, key: JobKey) -> Result<Option<State>> {
    let states = transaction.open_table(STATES)?;
    let state = states.get((text(key.invocation).as_str(), key.kind.as_str()))?;
    state.map(|json| Ok(serde_json::from_str(json.value())?)).transpose()
}

fn existing(transaction: &WriteTransaction, key: JobKey) -> Result<State> {
    read(transaction, key)?.ok_or_else(|| format!("an index names unknown work {key}").into())
}

/// Stores a state and brings every index along.
fn replace(
    transaction: &WriteTransaction,
    key: JobKey,
    before: Option<&State>,
    after: &State,
    topics: &mut Vec<Topic>,
) -> Result<()> {
    let id = text(key.invocation);
    let name = (id.as_str(), key.kind.as_str());
    if let Some(before) = before {
        unindex(transaction, name, before)?;
    }
    index(transaction, name, after)?;
    transaction.open_table(STATES)?.insert(name, serde_json::to_string(after)?.as_str())?;
    // Work that is free, and a lock that is, are news for the pool.
    if before.is_none_or(|before| before.stage != after.stage) && !matches!(after.stage, Stage::Held { .. }) {
        topics.push(Topic::Pool(after.pool.clone()));
    }
    Ok(())
}

fn unindex(transaction: &WriteTransaction, name: (&str, &str), state: &State) -> Result<()> {
    match &state.stage {
        Stage::Queued { .. } => {
            transaction.open_table(QUEUED)?.remove((state.pool.as_str(), state.order))?;
            if let Some(lock) = &state.lock {
                transaction.open_table(LINES)?.remove((lock.as_str(), state.order))?;
            }
        }
        Stage::Held { until, .. } => {
            transaction.open_table(HELD)?.remove((until.as_millis(), name.0, name.1))?;
        }
        Stage::Orphaned { .. } => drop(transaction.open_table(ORPHANED)?.remove(name)?),
        Stage::Ended => {}
    }
    if let (true, Some(lock)) = (state.is_locking(), &state.lock) {
        transaction.open_table(LOCKS)?.remove(lock.as_str())?;
    }
    Ok(())
}

fn index(transaction: &WriteTransaction, name: (&str, &str), state: &State) -> Result<()> {
    match &state.stage {
        Stage::Queued { .. } => {
            transaction.open_table(QUEUED)?.insert((state.pool.as_str(), state.order), name)?;
            if let Some(lock) = &state.lock {
                transaction.open_table(LINES)?.insert((lock.as_str(), state.order), name)?;
            }
        }
        Stage::Held { until, .. } => {
            transaction.open_table(HELD)?.insert((until.as_millis(), name.0, name.1), ())?;
        }
        Stage::Orphaned { .. } => {
            transaction.open_table(ORPHANED)?.insert(name, ())?;
        }
        Stage::Ended => {}
    }
    if let (true, Some(lock)) = (state.is_locking(), &state.lock) {
        transaction.open_table(LOCKS)?.insert(lock.as_str(), name)?;
    }
    Ok(())
}

fn first_free(transaction: &WriteTransaction, pool: &str, now: Timestamp) -> Result<Option<(JobKey, State)>> {
    let queued = transaction.open_table(QUEUED)?;
    let locks = transaction.open_table(LOCKS)?;
    for entry in queued.range((pool, 0)..=(pool, u64::MAX))? {
        let (_, name) = entry?;
        let key = key_of(name.value())?;
        let state = existing(transaction, key)?;
        let is_locked = match &state.lock {
            Some(lock) => locks.get(lock.as_str())?.is_some(),
            None => false,
        };
        if state.is_free(now) && !is_locked {
            return Ok(Some((key, state)));
        }
    }
    Ok(None)
}

fn overdue(transaction: &WriteTransaction, now: Timestamp) -> Result<Vec<JobKey>> {
    let held = transaction.open_table(HELD)?;
    let first_alive = (now.as_millis().saturating_add(1), "", "");
    held.range(..first_alive)?
        .map(|entry| {
            let entry = entry?;
            let (_, id, kind) = entry.0.value();
            key_of((id, kind))
        })
        .collect()
}

fn orphans(transaction: &WriteTransaction) -> Result<Vec<Orphan>> {
    let orphaned = transaction.open_table(ORPHANED)?;
    orphaned
        .iter()?
        .map(|entry| {
            let key = key_of(entry?.0.value())?;
            let state = existing(transaction, key)?;
            match state.stage {
                Stage::Orphaned { worker, fence } => Ok(Orphan { key, pool: state.pool, worker, fence }),
                Stage::Queued { .. } | Stage::Held { .. } | Stage::Ended => {
                    Err(format!("{key} is listed as an orphan and is none").into())
                }
            }
        })
        .collect()
}

fn key_of((invocation, kind): (&str, &str)) -> Result<JobKey> {
    let invocation: InvocationId = invocation.parse()?;
    both(invocation)
        .into_iter()
        .find(|key| key.kind.as_str() == kind)
        .ok_or_else(|| format!("`{kind}` is no kind of work").into())
}
