//! Units of budgets, taken before a command runs.
//!
//! **Invariant:** the slots of a period are taken in order and never given back, so that the last one
//! tells whether all are gone. Of several who try for one slot exactly one has it; the period is the
//! store's, whatever the own clock says.

use crate::begin::BeginError;
use crate::fate::{Decided, FateError};
use crate::log::AuditLog;
use countersign_core::budget::{Budget, Slot};
use countersign_core::id::InvocationId;
use countersign_core::principal::SubjectId;
use countersign_core::refusal::Refusal;
use countersign_core::time::Timestamp;
use countersign_core::warrant::Warrant;
use std::sync::atomic::Ordering;

/// As often as the store may say that a slot was taken in another period than the one it is of: at the
/// end of one that happens once.
const PERIODS_TRIED: usize = 3;

/// Where a command stands in one period of one budget.
struct Count<'a> {
    log: &'a AuditLog,
    budget: &'a Budget,
    person: &'a SubjectId,
    invocation: InvocationId,
    period: u64,
}

impl AuditLog {
    /// The no to a command whose budget can be seen to be spent. It is a hint: who comes next may be
    /// faster, and the worker that runs the command takes the unit.
    ///
    /// # Errors
    /// When the store does not answer.
    ///
    /// # Cancel safety
    /// May be dropped.
    pub async fn spent(
        &self,
        budgets: &[Budget],
        person: &SubjectId,
        invocation: InvocationId,
    ) -> Result<Option<Refusal>, FateError> {
        for budget in budgets {
            let period = budget.per.period(self.store_now());
            let count = Count { log: self, budget, person, invocation, period };
            if count.look(budget.units.saturating_sub(1)).await?.is_some() {
                return Ok(Some(budget.refusal(period)));
            }
        }
        Ok(None)
    }

    /// Takes a unit of each budget of the command. A unit stays taken if the command is stopped on its
    /// way after that.
    pub(crate) async fn spend(&self, warrant: &Warrant) -> Result<Vec<Slot>, BeginError> {
        let (invocation, person) = (warrant.invocation(), &warrant.requester().id);
        if warrant.budgets().is_empty() {
            return Ok(Vec::new());
        }
        // Somebody who is about to lose the fate of the command takes nothing for it; and who asks again
        // after an answer was lost took its units before.
        if warrant.needs_fate() && self.is_fated(warrant).await? {
            return Ok(Vec::new());
        }
        // None is taken for a command that another budget holds up.
        let unanswered = BeginError::Unanswered;
        for budget in warrant.budgets().iter().filter(|_| warrant.budgets().len() > 1) {
            let period = budget.per.period(self.store_now());
            let count = Count { log: self, budget, person, invocation, period };
            count.first_free().await.map_err(unanswered)?.ok_or_else(|| count.spent())?;
        }
        let mut taken = Vec::new();
        for budget in warrant.budgets() {
            let period = budget.per.period(self.store_now());
            taken.push(Count { log: self, budget, person, invocation, period }.take().await?);
        }
        Ok(taken)
    }

    async fn is_fated(&self, warrant: &Warrant) -> Result<bool, BeginError> {
        let (fate, pool) = (self.shared.config.fate.clone(), warrant.decision().decision().pool.clone());
        let invocation = warrant.invocation();
        let found = self.detached(async move { fate.look(&pool, invocation).await }).await;
        Ok(found.map_err(BeginError::Unanswered)?.is_some())
    }

    /// The store's time, as far as the last write told.
    fn store_now(&self) -> Timestamp {
        let skew = self.shared.gauges.skew_millis.load(Ordering::Relaxed);
        Timestamp::from_millis(self.shared.config.clock.now().as_millis().saturating_add(skew))
    }
}

impl Count<'_> {
    fn slot(&self, nth: u32) -> Slot {
        Slot {
            v: 1,
            deployment: self.log.shared.config.sealer.deployment().to_owned(),
            rule: self.budget.rule.clone(),
            person: self.person.clone(),
            per: self.budget.per,
            period: self.period,
            nth,
            invocation: self.invocation,
        }
    }

    fn spent(&self) -> BeginError {
        BeginError::Spent { budget: self.budget.clone(), period: self.period }
    }

    async fn look(&self, nth: u32) -> Result<Option<Decided>, FateError> {
        let (fate, slot) = (self.log.shared.config.fate.clone(), self.slot(nth));
        self.log.detached(async move { fate.taken(&slot).await }).await
    }

    async fn put(&self, nth: u32) -> Result<Decided, FateError> {
        let (fate, slot) = (self.log.shared.config.fate.clone(), self.slot(nth));
        self.log.detached(async move { fate.take(&slot).await }).await
    }

    /// The first slot that nobody has, or the one that this command has; `None` when all are gone. Slots are
    /// taken in order, so few of them have to be looked at.
    async fn first_free(&self) -> Result<Option<u32>, FateError> {
        let last = self.budget.units.saturating_sub(1);
        let is_own = |found: &Decided, nth| found.winner == self.slot(nth).bytes();
        if let Some(found) = self.look(last).await? {
            return Ok(is_own(&found, last).then_some(last));
        }
        let (mut taken, mut free) = (0, last);
        let mut probe = 0;
        while taken < free {
            match self.look(probe).await? {
                Some(found) if is_own(&found, probe) => return Ok(Some(probe)),
                Some(_) => taken = probe + 1,
                None => free = probe,
            }
            // Upwards in growing steps until one is free, then the middle of what is left.
            let is_rising = free == last;
            let next = if is_rising { probe.saturating_mul(2) + 1 } else { taken + (free - taken) / 2 };
            probe = if next < free { next.max(taken) } else { taken + (free - taken) / 2 };
        }
        Ok(Some(free))
    }

    async fn take(mut self) -> Result<Slot, BeginError> {
        for _ in 0..PERIODS_TRIED {
            let mut next = self.first_free().await.map_err(BeginError::Unanswered)?;
            while let Some(nth) = next.filter(|nth| *nth < self.budget.units) {
                let decided = self.put(nth).await.map_err(BeginError::Unanswered)?;
                let period = self.budget.per.period(decided.at);
                match (decided.mine, period == self.period) {
                    (true, true) => return Ok(self.slot(nth)),
                    // The store says that another period is on: one that is over gives nobody anything.
                    (true, false) => {
                        self.period = period;
                        break;
                    }
                    (false, _) => next = nth.checked_add(1),
                }
            }
            if next.is_none_or(|nth| nth >= self.budget.units) {
                return Err(self.spent());
            }
        }
        Err(self.spent())
    }
}

/// The units that were taken, for the record of the intent.
pub(crate) fn noted(taken: &[Slot]) -> Option<String> {
    let one = |slot: &Slot| {
        let begins = slot.per.begins(slot.period);
        format!("{} unit {} of the {} from {begins}", slot.rule, u64::from(slot.nth) + 1, slot.per.as_str())
    };
    (!taken.is_empty()).then(|| taken.iter().map(one).collect::<Vec<_>>().join("; "))
}
