//! Disruption budgets: how many pods may go of their own free will.
//!
//! Source: Kubernetes, "Specifying a Disruption Budget for your Application".

use std::sync::Arc;

use serde_json::{Value, json};

use super::super::kinds;
use super::super::object;
use super::super::store::Store;
use super::pod;

/// Writes every budget's status.
pub(super) fn report(store: &mut Store) {
    for budget in store.list(kinds::known("poddisruptionbudgets"), None) {
        let Standing { expected, healthy, wanted } = standing(store, &budget);
        let mut budget = (*budget).clone();
        budget["status"] = json!({
            "observedGeneration": budget["metadata"]["generation"], "expectedPods": expected, "currentHealthy": healthy,
            "desiredHealthy": wanted, "disruptionsAllowed": healthy.saturating_sub(wanted),
        });
        store.put(kinds::known("poddisruptionbudgets"), budget);
    }
}

/// Whether a pod may be evicted now; the reason when it may not.
pub(in super::super) fn allowed(store: &Store, pod: &Value) -> Result<(), String> {
    let budgets = store.list(kinds::known("poddisruptionbudgets"), Some(object::namespace(pod)));
    let mut own = budgets.iter().filter(|budget| object::carries(pod, budget.pointer("/spec/selector/matchLabels")));
    match own.find(|budget| standing(store, budget).exhausted()) {
        None => Ok(()),
        Some(budget) => {
            let Standing { healthy, wanted, .. } = standing(store, budget);
            let name = object::name(budget);
            Err(format!("The disruption budget {name} needs {wanted} healthy pods and has {healthy} currently"))
        }
    }
}

struct Standing {
    expected: usize,
    healthy: usize,
    wanted: usize,
}

impl Standing {
    fn exhausted(&self) -> bool {
        self.healthy <= self.wanted
    }
}

fn standing(store: &Store, budget: &Value) -> Standing {
    let pods = store.list(kinds::known("pods"), Some(object::namespace(budget)));
    let own: Vec<&Arc<Value>> =
        pods.iter().filter(|pod| object::carries(pod, budget.pointer("/spec/selector/matchLabels"))).collect();
    let (expected, healthy) = (own.len(), own.iter().filter(|pod| pod::ready(pod)).count());
    let spec = &budget["spec"];
    let wanted = match (share(&spec["minAvailable"], expected), share(&spec["maxUnavailable"], expected)) {
        (Some(least), _) => least,
        (None, Some(most)) => expected.saturating_sub(most),
        (None, None) => 0,
    };
    Standing { expected, healthy, wanted }
}

/// A number, or a percentage of the pods, rounded up.
fn share(of: &Value, expected: usize) -> Option<usize> {
    match of {
        Value::Number(number) => number.as_u64().and_then(|number| usize::try_from(number).ok()),
        Value::String(text) => {
            let percent: usize = text.strip_suffix('%')?.parse().ok()?;
            Some((expected * percent).div_ceil(100))
        }
        _ => None,
    }
}
