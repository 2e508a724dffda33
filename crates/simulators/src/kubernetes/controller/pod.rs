//! Pods: made from a template, placed on a node, running at once.

use jiff::SignedDuration;
use serde_json::{Value, json};

use super::super::kinds;
use super::super::logs::{Line, Log};
use super::super::object;
use super::super::store::{Store, stamp};
use super::rollout;

/// How a made pod stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum PodCondition {
    Running,
    Completed,
}

/// A pod of a workload: named, owned, placed and running.
pub(super) fn create(
    store: &mut Store,
    owner: &Value,
    template: &Value,
    name: &str,
    node: &str,
    condition: PodCondition,
) {
    let pod = from_template(owner, template, name, node);
    complete(store, pod, condition);
}

fn from_template(owner: &Value, template: &Value, name: &str, node: &str) -> Value {
    let mut metadata = template.get("metadata").cloned().unwrap_or_else(|| json!({}));
    object::unset(&mut metadata, &["creationTimestamp"]);
    object::set(&mut metadata, &["name"], name);
    object::set(&mut metadata, &["generateName"], format!("{}-", object::name(owner)));
    object::set(&mut metadata, &["namespace"], object::namespace(owner));
    object::set(&mut metadata, &["ownerReferences"], json!([object::owner_reference(owner)]));
    let mut pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": template["spec"]});
    object::set(&mut pod, &["spec", "nodeName"], node);
    pod
}

/// The same, where a kubelet has to run it first.
pub(super) fn place_only(store: &mut Store, owner: &Value, template: &Value, (name, node): (&str, &str)) {
    let mut pod = from_template(owner, template, name, node);
    fill_defaults(&mut pod);
    let now = stamp(store.now);
    let placed = json!({"type": "PodScheduled", "status": "True", "lastProbeTime": null, "lastTransitionTime": now});
    pod["status"] = json!({"phase": "Pending", "conditions": [placed], "qosClass": "Burstable"});
    store.put(kinds::known("pods"), pod);
}

/// A random name below an owner.
pub(super) fn generated_name(store: &mut Store, owner: &str) -> String {
    let bits = store.draw();
    format!("{owner}-{}", object::name_suffix(bits, 5))
}

/// The node for the next pod: the schedulable one with the fewest. A tainted one waits until its taint is gone.
pub(super) fn place(store: &Store) -> String {
    let pods = store.list(kinds::known("pods"), None);
    let nodes = store.list(kinds::known("nodes"), None);
    let shut = |node: &Value| {
        node["spec"]["unschedulable"] == json!(true)
            || object::list(node, "/spec/taints").iter().any(|taint| taint["effect"] != "PreferNoSchedule")
    };
    let open = nodes.iter().filter(|node| !shut(node));
    let load =
        |node: &Value| pods.iter().filter(|pod| object::text(pod, "/spec/nodeName") == object::name(node)).count();
    open.min_by_key(|node| load(node)).map(|node| object::name(node).to_owned()).unwrap_or_default()
}

/// Removes the pods that do not tolerate a `NoExecute` taint of their node. Source: Kubernetes, "Taints and
/// Tolerations".
pub(super) fn evict_intolerant(store: &mut Store) {
    for node in store.list(kinds::known("nodes"), None) {
        let taints = object::list(&node, "/spec/taints").iter().filter(|taint| taint["effect"] == "NoExecute");
        let taints: Vec<&Value> = taints.collect();
        if taints.is_empty() {
            continue;
        }
        for pod in store.list(kinds::known("pods"), None) {
            let here = object::text(&pod, "/spec/nodeName") == object::name(&node);
            if here && !taints.iter().all(|taint| tolerates(&pod, taint)) {
                store.remove(kinds::known("pods"), object::namespace(&pod), object::name(&pod));
            }
        }
    }
}

fn tolerates(pod: &Value, taint: &Value) -> bool {
    let daemon = object::list(pod, "/metadata/ownerReferences").iter().any(|owner| owner["kind"] == "DaemonSet");
    let fits = |toleration: &Value| {
        let field = |name: &str| toleration[name].as_str().unwrap_or_default();
        let any = field("key").is_empty() && field("operator") == "Exists";
        let effect = field("effect").is_empty() || toleration["effect"] == taint["effect"];
        let value = field("operator") == "Exists" || field("value") == taint["value"].as_str().unwrap_or_default();
        effect && (any || (toleration["key"] == taint["key"] && value))
    };
    daemon || object::list(pod, "/spec/tolerations").iter().any(fits)
}

/// Gives pods that were created without a status (bare pods) a node, a status and a log.
pub(super) fn complete_bare(store: &mut Store) {
    for pod in store.list(kinds::known("pods"), None) {
        if pod.get("status").is_none_or(|status| status.get("phase").is_none()) {
            let mut pod = (*pod).clone();
            if object::text(&pod, "/spec/nodeName").is_empty() {
                let node = place(store);
                object::set(&mut pod, &["spec", "nodeName"], node);
            }
            complete(store, pod, PodCondition::Running);
        }
    }
}

fn complete(store: &mut Store, mut pod: Value, condition: PodCondition) {
    fill_defaults(&mut pod);
    let hinted = object::annotation(&pod, RESTARTS).and_then(|text| text.parse().ok()).unwrap_or(0);
    object::unset(&mut pod, &["metadata", "annotations", RESTARTS]);
    pod["status"] = status(store, &pod, condition, hinted);
    if condition == PodCondition::Running {
        rollout::hold(store, &mut pod);
    }
    let pod = store.put(kinds::known("pods"), pod);
    write_first_lines(store, &pod);
}

/// Seeds only: how often the pod's containers have been killed for memory before the story begins.
pub(in super::super) const RESTARTS: &str = "simulators.countersign/restarts";

/// Seeds only: how long before the start such a pod was killed last.
pub(in super::super) const LAST_RESTART: SignedDuration = SignedDuration::from_mins(7);

fn fill_defaults(pod: &mut Value) {
    let service_account = pod["spec"]["serviceAccountName"].as_str().unwrap_or("default").to_owned();
    let defaults = [
        ("restartPolicy", json!("Always")),
        ("dnsPolicy", json!("ClusterFirst")),
        ("schedulerName", json!("default-scheduler")),
        ("serviceAccountName", json!(service_account)),
        ("terminationGracePeriodSeconds", json!(30)),
        ("priority", json!(0)),
        ("enableServiceLinks", json!(true)),
    ];
    for (field, value) in defaults {
        if pod["spec"].get(field).is_none() {
            object::set(pod, &["spec", field], value);
        }
    }
}

fn status(store: &mut Store, pod: &Value, condition: PodCondition, restarts: i64) -> Value {
    let created = match object::text(pod, "/metadata/creationTimestamp") {
        "" => stamp(store.now),
        at => at.to_owned(),
    };
    let running = condition == PodCondition::Running;
    let node = object::text(pod, "/spec/nodeName").to_owned();
    let containers: Vec<Value> = object::list(pod, "/spec/containers")
        .iter()
        .map(|container| container_status(store, container, &created, condition, restarts))
        .collect();
    let conditions: Vec<Value> = ["PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled"]
        .iter()
        .map(|kind| {
            let met = running || !matches!(*kind, "Ready" | "ContainersReady");
            json!({"type": kind, "status": if met { "True" } else { "False" }, "lastProbeTime": null, "lastTransitionTime": created})
        })
        .collect();
    let ip = store.draw();
    let address = format!("10.42.{}.{}", (ip >> 8) & 0x3f, 2 + ip % 250);
    let host = store.get(kinds::known("nodes"), "", &node).map(|node| node_address(node)).unwrap_or_default();
    json!({
        "phase": if running { "Running" } else { "Succeeded" }, "conditions": conditions, "hostIP": host, "podIP": address,
        "podIPs": [{"ip": address}], "startTime": created, "containerStatuses": containers, "qosClass": "Burstable",
    })
}

fn node_address(node: &Value) -> String {
    object::text(node, "/status/addresses/0/address").to_owned()
}

fn container_status(
    store: &mut Store,
    container: &Value,
    created: &str,
    condition: PodCondition,
    restarts: i64,
) -> Value {
    let image = object::text(container, "/image");
    let digest = format!("{:016x}{:016x}{:016x}{:016x}", store.draw(), store.draw(), store.draw(), store.draw());
    let finished = store.started - LAST_RESTART;
    let began = finished - SignedDuration::from_hours(1);
    let (state, last) = match condition {
        PodCondition::Completed => {
            let ended =
                json!({"exitCode": 0, "reason": "Completed", "startedAt": created, "finishedAt": stamp(store.now)});
            (json!({"terminated": ended}), json!({}))
        }
        PodCondition::Running if restarts > 0 => {
            let killed = json!({"exitCode": 137, "reason": "OOMKilled", "startedAt": stamp(began), "finishedAt": stamp(finished)});
            (json!({"running": {"startedAt": stamp(finished)}}), json!({"terminated": killed}))
        }
        PodCondition::Running => (json!({"running": {"startedAt": created}}), json!({})),
    };
    let running = condition == PodCondition::Running;
    json!({
        "name": container["name"], "image": image, "imageID": format!("{image}@sha256:{digest}"),
        "containerID": format!("containerd://{digest}"), "ready": running, "started": running, "restartCount": restarts,
        "state": state, "lastState": last,
    })
}

fn write_first_lines(store: &mut Store, pod: &Value) {
    for container in object::list(pod, "/spec/containers") {
        let (name, image) = (object::text(container, "/name"), object::text(container, "/image"));
        let lines = [format!("starting {name} from {image}"), "configuration loaded".to_owned(), "ready".to_owned()];
        let current = lines.map(|text| Line { at: store.now, text }).to_vec();
        let log = Log { current, ..Log::default() };
        store.logs.entry((object::uid(pod).to_owned(), name.to_owned())).or_insert(log);
    }
}

/// True when the pod's `Ready` condition holds.
pub(super) fn ready(pod: &Value) -> bool {
    object::list(pod, "/status/conditions").iter().any(|one| one["type"] == "Ready" && one["status"] == "True")
}
