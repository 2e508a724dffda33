//! The controllers, applied at once inside the change that calls for them.
//!
//! **Invariant:** after [`settle`] every workload has exactly the pods it asks for, every status says so, and nothing is
//! left whose owner is gone. A real cluster gets there by and by; this one is there when the request is answered.

mod deployment;
mod disruption;
mod jobs;
mod pod;
mod rollout;
mod workload;

use serde_json::{Value, json};

use super::object;
use super::store::{Store, stamp};

pub(super) use deployment::fill_defaults as fill_deployment_defaults;
pub(super) use disruption::allowed as disruption_allowed;
pub(super) use pod::{LAST_RESTART, RESTARTS};
pub(super) use rollout::Rollouts;
pub(super) use workload::fill_set_defaults;

/// Brings the cluster to where its specs say it should be.
pub(super) fn settle(store: &mut Store) {
    store.collect_garbage();
    pod::evict_intolerant(store);
    pod::complete_bare(store);
    deployment::settle(store);
    workload::settle_replica_sets(store);
    deployment::report(store);
    workload::settle_stateful_sets(store);
    workload::settle_daemon_sets(store);
    if store.runs_pods {
        jobs::settle(store);
    } else {
        workload::settle_jobs(store);
    }
    store.collect_garbage();
    disruption::report(store);
}

/// The `pod-template-hash` of a pod template.
pub(super) fn template_hash(template: &Value) -> String {
    let mut template = template.clone();
    object::unset(&mut template, &["metadata", "labels", "pod-template-hash"]);
    object::unset(&mut template, &["metadata", "creationTimestamp"]);
    object::name_suffix(object::fingerprint(&template), 10)
}

/// A condition that keeps its times while its status stays the same.
fn condition(old: &Value, kind: &str, status: bool, reason: &str, message: &str, store: &Store) -> Value {
    let status = if status { "True" } else { "False" };
    let before = object::list(old, "/status/conditions").iter().find(|one| one["type"] == kind);
    let now = stamp(store.now);
    let since = match before {
        Some(before) if before["status"] == status => object::text(before, "/lastTransitionTime").to_owned(),
        Some(_) | None => now.clone(),
    };
    let updated = match before {
        Some(before) if before["status"] == status && before["message"] == message => {
            object::text(before, "/lastUpdateTime").to_owned()
        }
        Some(_) | None => now,
    };
    json!({
        "type": kind, "status": status, "reason": reason, "message": message,
        "lastTransitionTime": since, "lastUpdateTime": updated,
    })
}
