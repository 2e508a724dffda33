//! Rollouts that take their time: pods that become ready when they are told to, images that never run, and the deadline.
//!
//! **Invariant:** a deployment that was not held, of an image that was not broken, is rolled out at once, as all others.
//! One that is held never has fewer available pods than its strategy allows, nor more pods in all.
//!
//! Source: Kubernetes, "Deployments", rolling update; API reference, `RollingUpdateDeployment`.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::super::state::Keep;
use super::super::store::Store;
use super::super::{Cluster, kinds, object};
use super::pod;
use super::template_hash;

/// What of the cluster's rollouts does not go by itself.
#[derive(Debug, Clone, Default)]
pub(in super::super) struct Rollouts {
    /// Namespace and name of deployments whose pods start when they are told to.
    held: BTreeSet<(String, String)>,
    /// Images that do not run, and the kubelet's reason and words.
    broken: BTreeMap<String, (String, String)>,
    /// Namespace, name and template of deployments whose time is over.
    late: BTreeSet<(String, String, String)>,
}

/// Why a pod's containers do not run.
enum Waiting<'a> {
    Starting,
    Broken { reason: &'a str, message: &'a str },
}

/// How often a container that crashes has been started when anybody looks.
const CRASHES: i64 = 3;

impl Rollouts {
    /// Whether a deployment's rollout goes step by step.
    pub(super) fn goes_slowly(&self, deployment: &Value) -> bool {
        self.is_held(deployment) || images(&deployment["spec"]["template"]).any(|image| self.broken.contains_key(image))
    }

    fn is_held(&self, deployment: &Value) -> bool {
        self.held.contains(&(object::namespace(deployment).to_owned(), object::name(deployment).to_owned()))
    }

    /// Whether the time for this template is over.
    pub(super) fn is_late(&self, deployment: &Value) -> bool {
        self.late.contains(&late(deployment))
    }
}

fn late(deployment: &Value) -> (String, String, String) {
    let hash = template_hash(&deployment["spec"]["template"]);
    (object::namespace(deployment).to_owned(), object::name(deployment).to_owned(), hash)
}

fn images(template: &Value) -> impl Iterator<Item = &str> {
    object::list(template, "/spec/containers").iter().map(|container| object::text(container, "/image"))
}

/// How many pods the sets of a deployment get next: the new one's, and each old one's by name.
pub(super) fn next(store: &Store, deployment: &Value, active: &str, sets: &[Value]) -> BTreeMap<String, i64> {
    let wanted = object::number(deployment, "/spec/replicas", 1);
    let strategy = |field: &str| &deployment["spec"]["strategy"]["rollingUpdate"][field];
    let (surge, unavailable) =
        (share(strategy("maxSurge"), wanted, true), share(strategy("maxUnavailable"), wanted, false));
    // Both at 0 would be a rollout that never begins.
    let surge = if surge == 0 && unavailable == 0 { 1 } else { surge };
    let pods = |set: &Value| store.owned(kinds::known("pods"), set);
    let ready = |set: &Value| i64::try_from(pods(set).iter().filter(|pod| pod::ready(pod)).count()).unwrap_or(0);
    let mut removable = (sets.iter().map(&ready).sum::<i64>() - (wanted - unavailable)).max(0);
    let mut plan = BTreeMap::new();
    let mut kept = 0;
    for set in sets.iter().filter(|set| object::name(set) != active) {
        // What is not ready is of no use to anybody and goes first.
        let healthy = ready(set).min(object::number(set, "/spec/replicas", 0));
        let gone = healthy.min(removable);
        removable -= gone;
        kept += healthy - gone;
        plan.insert(object::name(set).to_owned(), healthy - gone);
    }
    plan.insert(active.to_owned(), wanted.min((wanted + surge - kept).max(0)));
    plan
}

/// A number or a percentage of the pods.
fn share(value: &Value, wanted: i64, up: bool) -> i64 {
    let percent = value.as_str().and_then(|text| text.strip_suffix('%')).and_then(|text| text.parse::<i64>().ok());
    match percent {
        Some(percent) => (wanted * percent + if up { 99 } else { 0 }) / 100,
        None => value.as_i64().unwrap_or(0),
    }
}

/// Lets a pod that was just made wait, if its deployment is held or its image broken.
pub(super) fn hold(store: &Store, pod: &mut Value) {
    let broken = images(pod).find_map(|image| store.rollouts.broken.get(image)).cloned();
    match broken {
        Some((reason, message)) => wait(pod, &Waiting::Broken { reason: &reason, message: &message }),
        None if deployment_of(store, pod).is_some_and(|deployment| store.rollouts.is_held(&deployment)) => {
            wait(pod, &Waiting::Starting);
        }
        None => {}
    }
}

fn deployment_of(store: &Store, pod: &Value) -> Option<Value> {
    let owner = |object: &Value, plural: &str| {
        let owners = object::list(object, "/metadata/ownerReferences");
        let owner = owners.iter().find(|one| one["kind"] == kinds::known(plural).kind)?;
        let name = object::text(owner, "/name");
        store.get(kinds::known(plural), object::namespace(object), name).map(|found| (**found).clone())
    };
    owner(&owner(pod, "replicasets")?, "deployments")
}

fn wait(pod: &mut Value, waiting: &Waiting<'_>) {
    let (reason, message, restarts) = match waiting {
        Waiting::Starting => ("ContainerCreating", "", 0),
        Waiting::Broken { reason, message } => {
            (*reason, *message, if *reason == "CrashLoopBackOff" { CRASHES } else { 0 })
        }
    };
    pod["status"]["phase"] = json!("Pending");
    for condition in pod["status"]["conditions"].as_array_mut().into_iter().flatten() {
        if condition["type"] == "Ready" || condition["type"] == "ContainersReady" {
            condition["status"] = json!("False");
        }
    }
    for container in pod["status"]["containerStatuses"].as_array_mut().into_iter().flatten() {
        let mut state = json!({"reason": reason});
        if !message.is_empty() {
            state["message"] = json!(message);
        }
        container["state"] = json!({"waiting": state});
        container["ready"] = json!(false);
        container["started"] = json!(false);
        container["restartCount"] = json!(restarts);
        container["imageID"] = json!("");
    }
}

/// Starts what waits to be started.
fn start(store: &mut Store) {
    for pod in store.list(kinds::known("pods"), None) {
        let waits = object::text(&pod, "/status/containerStatuses/0/state/waiting/reason") == "ContainerCreating";
        if !waits {
            continue;
        }
        let mut pod = (*pod).clone();
        pod["status"]["phase"] = json!("Running");
        for condition in pod["status"]["conditions"].as_array_mut().into_iter().flatten() {
            condition["status"] = json!("True");
        }
        let now = super::super::store::stamp(store.now);
        for container in pod["status"]["containerStatuses"].as_array_mut().into_iter().flatten() {
            container["state"] = json!({"running": {"startedAt": now}});
            container["ready"] = json!(true);
            container["started"] = json!(true);
        }
        store.put(kinds::known("pods"), pod);
    }
}

impl Cluster {
    /// From now on new pods of this deployment start only with [`Cluster::step`].
    pub fn hold_rollouts(&self, namespace: &str, deployment: &str) {
        let key = (namespace.to_owned(), deployment.to_owned());
        self.edit(|store| store.rollouts.held.extend([key]));
    }

    /// Starts the pods that wait to be started; their deployments go on from there.
    pub fn step(&self) {
        self.edit(start);
    }

    /// From now on containers of this image wait for ever, with this reason of the kubelet's (`ImagePullBackOff`).
    pub fn break_image(&self, image: &str, reason: &str, message: &str) {
        let why = (reason.to_owned(), message.to_owned());
        self.edit(|store| store.rollouts.broken.extend([(image.to_owned(), why)]));
    }

    /// Lets the time be over that a deployment's present template has to become ready (`progressDeadlineSeconds`).
    pub fn time_out(&self, namespace: &str, deployment: &str) {
        self.edit(|store| {
            let found = store.get(kinds::known("deployments"), namespace, deployment).cloned();
            store.rollouts.late.extend(found.map(|deployment| late(&deployment)));
        });
    }

    fn edit(&self, edit: impl FnOnce(&mut Store)) {
        let edited = self.shared.change(
            Keep::Yes,
            |()| Ok(()),
            |store| {
                edit(store);
                Ok(())
            },
        );
        drop(edited);
    }
}
