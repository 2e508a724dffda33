//! Replica sets, stateful sets, daemon sets and jobs: as many pods as asked for, of the template asked for.

use std::sync::Arc;

use serde_json::{Value, json};

use super::super::kinds::{self, Kind};
use super::super::object;
use super::super::store::{Store, stamp};
use super::pod::{self, PodCondition};
use super::template_hash;

/// Label that says which template a pod of a stateful or daemon set was made from. Source: API reference, apps/v1.
const CONTROLLER_HASH: &str = "controller-revision-hash";

/// What the API server adds to a new stateful or daemon set. Source: API reference, apps/v1.
pub(in super::super) fn fill_set_defaults(set: &mut Value) {
    let replicas = (set["kind"] == "StatefulSet").then(|| json!(1)).filter(|_| set["spec"].get("replicas").is_none());
    if let Some(one) = replicas {
        object::set(set, &["spec", "replicas"], one);
    }
    for (field, value) in [("updateStrategy", json!({"type": "RollingUpdate"})), ("revisionHistoryLimit", json!(10))] {
        if set["spec"].get(field).is_none() {
            object::set(set, &["spec", field], value);
        }
    }
}

/// Scales every replica set, adopting pods that match its selector and belong to nobody.
pub(super) fn settle_replica_sets(store: &mut Store) {
    for set in store.list(kinds::known("replicasets"), None) {
        release(store, &set);
        adopt(store, &set);
        let wanted = count(&set, "/spec/replicas");
        let mut pods = store.owned(kinds::known("pods"), &set);
        // The newest go first, as they do when nothing else tells pods apart.
        pods.sort_by_key(|pod| object::text(pod, "/metadata/resourceVersion").parse::<u64>().unwrap_or(0));
        for surplus in pods.iter().skip(wanted) {
            store.remove(kinds::known("pods"), object::namespace(surplus), object::name(surplus));
        }
        for _ in pods.len()..wanted {
            let name = pod::generated_name(store, object::name(&set));
            let node = pod::place(store);
            pod::create(store, &set, &set["spec"]["template"], &name, &node, PodCondition::Running);
        }
        let pods = store.owned(kinds::known("pods"), &set);
        let mut status = json!({"observedGeneration": set["metadata"]["generation"], "replicas": pods.len()});
        let ready = pods.iter().filter(|pod| pod::ready(pod)).count();
        if !pods.is_empty() {
            status["fullyLabeledReplicas"] = json!(pods.len());
            status["readyReplicas"] = json!(ready);
            status["availableReplicas"] = json!(ready);
        }
        write_status(store, "replicasets", &set, status);
    }
}

/// A pod that lost the labels its replica set selects by is on its own from then on.
fn release(store: &mut Store, set: &Value) {
    for pod in store.owned(kinds::known("pods"), set) {
        if !object::carries(&pod, set.pointer("/spec/selector/matchLabels")) {
            let mut pod = (*pod).clone();
            object::unset(&mut pod, &["metadata", "ownerReferences"]);
            store.put(kinds::known("pods"), pod);
        }
    }
}

fn adopt(store: &mut Store, set: &Value) {
    for pod in store.list(kinds::known("pods"), Some(object::namespace(set))) {
        let free = object::list(&pod, "/metadata/ownerReferences").is_empty();
        if free && object::carries(&pod, set.pointer("/spec/selector/matchLabels")) {
            let mut pod = (*pod).clone();
            object::set(&mut pod, &["metadata", "ownerReferences"], json!([object::owner_reference(set)]));
            store.put(kinds::known("pods"), pod);
        }
    }
}

/// Scales every stateful set; its pods are numbered, and replaced when the template changes.
pub(super) fn settle_stateful_sets(store: &mut Store) {
    for set in store.list(kinds::known("statefulsets"), None) {
        let revision = record_revision(store, &set);
        let wanted = count(&set, "/spec/replicas");
        let names: Vec<String> = (0..wanted).map(|index| format!("{}-{index}", object::name(&set))).collect();
        let places: Vec<(String, Option<String>)> = names.into_iter().map(|name| (name, None)).collect();
        let pods = replace_pods(store, &set, &revision, &places);
        let ready = pods.iter().filter(|pod| pod::ready(pod)).count();
        let status = json!({
            "observedGeneration": set["metadata"]["generation"], "replicas": pods.len(), "readyReplicas": ready,
            "availableReplicas": ready, "currentReplicas": pods.len(), "updatedReplicas": pods.len(),
            "currentRevision": revision, "updateRevision": revision, "collisionCount": 0,
        });
        write_status(store, "statefulsets", &set, status);
    }
}

/// Gives every daemon set one pod a node.
pub(super) fn settle_daemon_sets(store: &mut Store) {
    for set in store.list(kinds::known("daemonsets"), None) {
        let revision = record_revision(store, &set);
        let nodes: Vec<String> =
            store.list(kinds::known("nodes"), None).iter().map(|node| object::name(node).to_owned()).collect();
        let places: Vec<(String, Option<String>)> = nodes
            .into_iter()
            .map(|node| {
                let bits = object::fingerprint(&json!([object::uid(&set), revision, node]));
                (format!("{}-{}", object::name(&set), object::name_suffix(bits, 5)), Some(node))
            })
            .collect();
        let pods = replace_pods(store, &set, &revision, &places);
        let ready = pods.iter().filter(|pod| pod::ready(pod)).count();
        let status = json!({
            "observedGeneration": set["metadata"]["generation"], "desiredNumberScheduled": places.len(),
            "currentNumberScheduled": pods.len(), "numberReady": ready, "numberAvailable": ready,
            "updatedNumberScheduled": pods.len(), "numberMisscheduled": 0,
        });
        write_status(store, "daemonsets", &set, status);
    }
}

/// Runs every job to its end at once.
pub(super) fn settle_jobs(store: &mut Store) {
    for job in store.list(kinds::known("jobs"), None) {
        if job["status"].get("completionTime").is_some() || job["spec"]["suspend"] == json!(true) {
            continue;
        }
        let completions = usize::try_from(object::number(&job, "/spec/completions", 1)).unwrap_or(0);
        let mut template = job["spec"]["template"].clone();
        object::set(&mut template, &["metadata", "labels", "batch.kubernetes.io/job-name"], object::name(&job));
        object::set(&mut template, &["metadata", "labels", "job-name"], object::name(&job));
        for _ in 0..completions {
            let name = pod::generated_name(store, object::name(&job));
            let node = pod::place(store);
            pod::create(store, &job, &template, &name, &node, PodCondition::Completed);
        }
        let now = stamp(store.now);
        let complete = json!({"type": "Complete", "status": "True", "lastProbeTime": now, "lastTransitionTime": now});
        let status = json!({
            "startTime": now, "completionTime": now, "succeeded": completions, "ready": 0, "conditions": [complete],
        });
        write_status(store, "jobs", &job, status);
    }
}

/// Removes pods that are not wanted or of another revision, and makes the missing ones.
fn replace_pods(
    store: &mut Store,
    set: &Value,
    revision: &str,
    places: &[(String, Option<String>)],
) -> Vec<Arc<Value>> {
    for pod in store.owned(kinds::known("pods"), set) {
        let wanted = places.iter().any(|(name, _)| name == object::name(&pod));
        if !wanted || object::label(&pod, CONTROLLER_HASH) != Some(revision) {
            store.remove(kinds::known("pods"), object::namespace(&pod), object::name(&pod));
        }
    }
    let mut template = set["spec"]["template"].clone();
    object::set(&mut template, &["metadata", "labels", CONTROLLER_HASH], revision);
    for (name, node) in places {
        if store.get(kinds::known("pods"), object::namespace(set), name).is_none() {
            let node = node.clone().unwrap_or_else(|| pod::place(store));
            pod::create(store, set, &template, name, &node, PodCondition::Running);
        }
    }
    store.owned(kinds::known("pods"), set)
}

/// Keeps a `ControllerRevision` of the template, which is what the history of these sets is made of.
fn record_revision(store: &mut Store, set: &Value) -> String {
    let kind: &'static Kind = kinds::known("controllerrevisions");
    let hash = template_hash(&set["spec"]["template"]);
    let name = format!("{}-{hash}", object::name(set));
    let kept = store.owned(kind, set);
    let newest = kept.iter().map(|one| object::number(one, "/revision", 0)).max().unwrap_or(0);
    let current = kept.iter().find(|one| object::name(one) == name);
    if current.is_some_and(|one| object::number(one, "/revision", 0) == newest) {
        return name;
    }
    let mut labels = set["spec"]["template"]["metadata"]["labels"].clone();
    object::set(&mut labels, &[CONTROLLER_HASH], hash);
    let mut template = set["spec"]["template"].clone();
    object::set(&mut template, &["$patch"], "replace");
    let revision = json!({
        "apiVersion": "apps/v1", "kind": "ControllerRevision", "revision": newest + 1,
        "metadata": {
            "name": name, "namespace": object::namespace(set), "labels": labels,
            "annotations": set["metadata"]["annotations"], "ownerReferences": [object::owner_reference(set)],
        },
        "data": {"spec": {"template": template}},
    });
    store.put(kind, revision);
    name
}

fn count(set: &Value, pointer: &str) -> usize {
    usize::try_from(object::number(set, pointer, 1)).unwrap_or(0)
}

fn write_status(store: &mut Store, plural: &str, object: &Value, status: Value) {
    let mut object = object.clone();
    object["status"] = status;
    store.put(kinds::known(plural), object);
}
