//! Deployments: one replica set a template, numbered by revision, the newest holding all replicas.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};

use super::super::kinds;
use super::super::object;
use super::super::store::Store;
use super::{condition, rollout, template_hash};

/// Source: Kubernetes, "Deployments", revision and change cause.
const REVISION: &str = "deployment.kubernetes.io/revision";

/// Old replica sets kept when the deployment does not say. Source: API reference, `revisionHistoryLimit`.
const HISTORY: i64 = 10;

/// Gives every deployment its replica sets.
pub(super) fn settle(store: &mut Store) {
    for deployment in store.list(kinds::known("deployments"), None) {
        let sets = owned_sets(store, &deployment);
        let newest = sets.iter().map(|set| revision(set)).max().unwrap_or(0);
        let hash = template_hash(&deployment["spec"]["template"]);
        let current = sets.iter().find(|set| object::label(set, "pod-template-hash") == Some(&hash));
        let (active, number) = match current {
            Some(set) if revision(set) == newest => (object::name(set).to_owned(), newest),
            _ if paused(&deployment) && newest > 0 => match sets.iter().find(|set| revision(set) == newest) {
                Some(set) => (object::name(set).to_owned(), newest),
                None => continue,
            },
            Some(set) => (object::name(set).to_owned(), newest + 1),
            None => (format!("{}-{hash}", object::name(&deployment)), newest + 1),
        };
        if !sets.iter().any(|set| object::name(set) == active) {
            store.put(kinds::known("replicasets"), new_set(&deployment, &active, &hash));
        }
        assign(store, &deployment, &active, number);
        trim_history(store, &deployment, &active);
    }
}

/// Writes every deployment's status from what its replica sets report.
pub(super) fn report(store: &mut Store) {
    for deployment in store.list(kinds::known("deployments"), None) {
        let sets = owned_sets(store, &deployment);
        let hash = template_hash(&deployment["spec"]["template"]);
        let sum = |field: &str| sets.iter().map(|set| object::number(set, field, 0)).sum::<i64>();
        let (replicas, ready) = (sum("/status/replicas"), sum("/status/readyReplicas"));
        let current = sets.iter().find(|set| object::label(set, "pod-template-hash") == Some(&hash));
        let updated = current.map_or(0, |set| object::number(set, "/status/replicas", 0));
        let mut status = json!({"observedGeneration": deployment["metadata"]["generation"]});
        for (field, count) in [
            ("replicas", replicas),
            ("updatedReplicas", updated),
            ("readyReplicas", ready),
            ("availableReplicas", ready),
        ] {
            if count > 0 {
                status[field] = json!(count);
            }
        }
        let wanted = object::number(&deployment, "/spec/replicas", 1);
        let complete = updated >= wanted && replicas <= updated && ready >= updated;
        status["conditions"] = conditions(store, &deployment, current, (ready, complete));
        let mut deployment = (*deployment).clone();
        deployment["status"] = status;
        store.put(kinds::known("deployments"), deployment);
    }
}

fn conditions(
    store: &Store,
    deployment: &Value,
    current: Option<&Arc<Value>>,
    (ready, complete): (i64, bool),
) -> Value {
    let available = ready >= object::number(deployment, "/spec/replicas", 1);
    let late = !complete && store.rollouts.is_late(deployment);
    let (why, text) = if available {
        ("MinimumReplicasAvailable", "Deployment has minimum availability.")
    } else {
        ("MinimumReplicasUnavailable", "Deployment does not have minimum availability.")
    };
    let progress = match current {
        _ if paused(deployment) => ("DeploymentPaused", "Deployment is paused".to_owned()),
        Some(set) if late => {
            ("ProgressDeadlineExceeded", format!("ReplicaSet \"{}\" has timed out progressing.", object::name(set)))
        }
        Some(set) if !complete => {
            ("ReplicaSetUpdated", format!("ReplicaSet \"{}\" is progressing.", object::name(set)))
        }
        Some(set) => {
            ("NewReplicaSetAvailable", format!("ReplicaSet \"{}\" has successfully progressed.", object::name(set)))
        }
        None => ("ReplicaSetUpdated", "Deployment is progressing.".to_owned()),
    };
    json!([
        condition(deployment, "Available", available, why, text, store),
        condition(deployment, "Progressing", !late, progress.0, &progress.1, store),
    ])
}

/// What the API server adds to a new deployment. Source: API reference, `DeploymentSpec`.
pub(in super::super) fn fill_defaults(deployment: &mut Value) {
    let rolling = json!({"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"}});
    let defaults = [
        ("replicas", json!(1)),
        ("strategy", rolling),
        ("revisionHistoryLimit", json!(HISTORY)),
        ("progressDeadlineSeconds", json!(600)),
    ];
    for (field, value) in defaults {
        if deployment["spec"].get(field).is_none() {
            object::set(deployment, &["spec", field], value);
        }
    }
}

fn owned_sets(store: &Store, deployment: &Value) -> Vec<Arc<Value>> {
    store.owned(kinds::known("replicasets"), deployment)
}

fn revision(set: &Value) -> i64 {
    object::annotation(set, REVISION).and_then(|text| text.parse().ok()).unwrap_or(0)
}

fn paused(deployment: &Value) -> bool {
    deployment["spec"]["paused"] == json!(true)
}

fn new_set(deployment: &Value, name: &str, hash: &str) -> Value {
    let mut template = deployment["spec"]["template"].clone();
    object::set(&mut template, &["metadata", "labels", "pod-template-hash"], hash);
    let mut selector = deployment["spec"]["selector"].clone();
    object::set(&mut selector, &["matchLabels", "pod-template-hash"], hash);
    json!({
        "apiVersion": "apps/v1", "kind": "ReplicaSet",
        "metadata": {
            "name": name, "namespace": object::namespace(deployment), "labels": template["metadata"]["labels"],
            "ownerReferences": [object::owner_reference(deployment)],
        },
        "spec": {"replicas": 0, "selector": selector, "template": template},
    })
}

/// Gives the active replica set all replicas and the revision, the others none; the deployment carries the revision too.
fn assign(store: &mut Store, deployment: &Value, active: &str, number: i64) {
    let wanted = object::number(deployment, "/spec/replicas", 1);
    let sets: Vec<Value> = owned_sets(store, deployment).iter().map(|set| (**set).clone()).collect();
    let slowly = store.rollouts.goes_slowly(deployment) && sets.len() > 1;
    let shares = if slowly { rollout::next(store, deployment, active, &sets) } else { BTreeMap::new() };
    for mut set in sets {
        let share = shares.get(object::name(&set)).copied();
        if object::name(&set) == active {
            copy_annotations(deployment, &mut set);
            object::set(&mut set, &["metadata", "annotations", REVISION], number.to_string());
            for field in ["desired-replicas", "max-replicas"] {
                let key = format!("deployment.kubernetes.io/{field}");
                object::set(&mut set, &["metadata", "annotations", &key], wanted.to_string());
            }
            object::set(&mut set, &["spec", "replicas"], share.unwrap_or(wanted));
        } else {
            object::set(&mut set, &["spec", "replicas"], share.unwrap_or(0));
        }
        store.put(kinds::known("replicasets"), set);
    }
    let mut deployment = deployment.clone();
    object::set(&mut deployment, &["metadata", "annotations", REVISION], number.to_string());
    store.put(kinds::known("deployments"), deployment);
}

/// The change cause and other annotations show in the history; what kubectl last applied does not.
fn copy_annotations(deployment: &Value, set: &mut Value) {
    let Some(annotations) = deployment["metadata"]["annotations"].as_object() else { return };
    for (key, value) in annotations {
        if key != REVISION && key != "kubectl.kubernetes.io/last-applied-configuration" {
            object::set(set, &["metadata", "annotations", key], value.clone());
        }
    }
}

fn trim_history(store: &mut Store, deployment: &Value, active: &str) {
    let keep = object::number(deployment, "/spec/revisionHistoryLimit", HISTORY);
    let mut old = owned_sets(store, deployment);
    old.retain(|set| object::name(set) != active);
    old.sort_by_key(|set| std::cmp::Reverse(revision(set)));
    for set in old.iter().skip(usize::try_from(keep).unwrap_or(0)) {
        store.remove(kinds::known("replicasets"), object::namespace(set), object::name(set));
    }
}
