//! Tables: the columns `kubectl get` prints, rendered by the server.
//!
//! Column names and priorities are those kubectl shows for each kind; priority 1 appears with `-o wide` only.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::kinds::Kind;
use super::object;
use super::request::Include;

/// One column: its title, its priority, and how it reads from an object.
type Column = (&'static str, u8, fn(&Value, Timestamp) -> Value);

/// A table of objects. `list` carries the list's metadata.
pub(super) fn render(
    kind: &Kind,
    items: &[Value],
    metadata: Value,
    version: &str,
    include: Include,
    now: Timestamp,
) -> Value {
    let columns = columns(kind);
    let definitions: Vec<Value> = columns.iter().map(|(name, priority, _)| definition(name, *priority)).collect();
    let rows: Vec<Value> = items
        .iter()
        .map(|item| {
            let cells: Vec<Value> = columns.iter().map(|(_, _, cell)| cell(item, now)).collect();
            json!({"cells": cells, "object": carried(item, include)})
        })
        .collect();
    json!({"kind": "Table", "apiVersion": version, "metadata": metadata, "columnDefinitions": definitions, "rows": rows})
}

/// An object's metadata alone.
pub(super) fn partial(item: &Value) -> Value {
    json!({"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": item["metadata"]})
}

fn carried(item: &Value, include: Include) -> Value {
    match include {
        Include::Nothing => Value::Null,
        Include::Metadata => partial(item),
        Include::Object => item.clone(),
    }
}

fn definition(name: &str, priority: u8) -> Value {
    let format = if name == "Name" { "name" } else { "" };
    json!({"name": name, "type": "string", "format": format, "description": name, "priority": priority})
}

const NAME: Column = ("Name", 0, |o, _| json!(object::name(o)));
const AGE: Column = ("Age", 0, |o, now| json!(age(object::text(o, "/metadata/creationTimestamp"), now)));
const CONTAINERS: Column = ("Containers", 1, |o, _| json!(joined(o, "/spec/template/spec/containers", "/name")));
const IMAGES: Column = ("Images", 1, |o, _| json!(joined(o, "/spec/template/spec/containers", "/image")));
const SELECTOR: Column = ("Selector", 1, |o, _| json!(pairs(o.pointer("/spec/selector/matchLabels"))));

#[expect(clippy::too_many_lines, reason = "one block a kind, and the blocks are all alike")]
fn columns(kind: &Kind) -> Vec<Column> {
    match kind.kind {
        "Pod" => vec![
            NAME,
            ("Ready", 0, |o, _| json!(pod_ready(o))),
            ("Status", 0, |o, _| json!(pod_status(o))),
            ("Restarts", 0, |o, now| json!(pod_restarts(o, now))),
            AGE,
            ("IP", 1, |o, _| or_none(object::text(o, "/status/podIP"))),
            ("Node", 1, |o, _| or_none(object::text(o, "/spec/nodeName"))),
            ("Nominated Node", 1, |_, _| json!("<none>")),
            ("Readiness Gates", 1, |_, _| json!("<none>")),
        ],
        "Deployment" => vec![
            NAME,
            ("Ready", 0, |o, _| json!(format!("{}/{}", count(o, "/status/readyReplicas"), count(o, "/spec/replicas")))),
            ("Up-to-date", 0, |o, _| json!(count(o, "/status/updatedReplicas"))),
            ("Available", 0, |o, _| json!(count(o, "/status/availableReplicas"))),
            AGE,
            CONTAINERS,
            IMAGES,
            SELECTOR,
        ],
        "ReplicaSet" => vec![
            NAME,
            ("Desired", 0, |o, _| json!(count(o, "/spec/replicas"))),
            ("Current", 0, |o, _| json!(count(o, "/status/replicas"))),
            ("Ready", 0, |o, _| json!(count(o, "/status/readyReplicas"))),
            AGE,
            CONTAINERS,
            IMAGES,
            SELECTOR,
        ],
        "StatefulSet" => vec![
            NAME,
            ("Ready", 0, |o, _| json!(format!("{}/{}", count(o, "/status/readyReplicas"), count(o, "/spec/replicas")))),
            AGE,
            CONTAINERS,
            IMAGES,
        ],
        "DaemonSet" => vec![
            NAME,
            ("Desired", 0, |o, _| json!(count(o, "/status/desiredNumberScheduled"))),
            ("Current", 0, |o, _| json!(count(o, "/status/currentNumberScheduled"))),
            ("Ready", 0, |o, _| json!(count(o, "/status/numberReady"))),
            ("Up-to-date", 0, |o, _| json!(count(o, "/status/updatedNumberScheduled"))),
            ("Available", 0, |o, _| json!(count(o, "/status/numberAvailable"))),
            ("Node Selector", 0, |o, _| json!(pairs(o.pointer("/spec/template/spec/nodeSelector")))),
            AGE,
            CONTAINERS,
            IMAGES,
            SELECTOR,
        ],
        "Job" => vec![
            NAME,
            ("Status", 0, |o, _| {
                json!(if o["status"].get("completionTime").is_some() { "Complete" } else { "Running" })
            }),
            ("Completions", 0, |o, _| {
                json!(format!("{}/{}", count(o, "/status/succeeded"), object::number(o, "/spec/completions", 1)))
            }),
            AGE,
            CONTAINERS,
            IMAGES,
        ],
        "CronJob" => vec![
            NAME,
            ("Schedule", 0, |o, _| json!(object::text(o, "/spec/schedule"))),
            ("Timezone", 0, |o, _| or_none(object::text(o, "/spec/timeZone"))),
            ("Suspend", 0, |o, _| json!(if o["spec"]["suspend"] == json!(true) { "True" } else { "False" })),
            ("Active", 0, |o, _| json!(object::list(o, "/status/active").len())),
            ("Last Schedule", 0, |o, now| or_none(&age_or_empty(object::text(o, "/status/lastScheduleTime"), now))),
            AGE,
        ],
        "Service" => vec![
            NAME,
            ("Type", 0, |o, _| json!(o["spec"]["type"].as_str().unwrap_or("ClusterIP"))),
            ("Cluster-IP", 0, |o, _| or_none(object::text(o, "/spec/clusterIP"))),
            ("External-IP", 0, |_, _| json!("<none>")),
            ("Port(s)", 0, |o, _| json!(ports(o))),
            AGE,
            ("Selector", 1, |o, _| json!(pairs(o.pointer("/spec/selector")))),
        ],
        "ConfigMap" => {
            vec![NAME, ("Data", 0, |o, _| json!(o["data"].as_object().map_or(0, serde_json::Map::len))), AGE]
        }
        "Secret" => vec![
            NAME,
            ("Type", 0, |o, _| json!(object::text(o, "/type"))),
            ("Data", 0, |o, _| json!(o["data"].as_object().map_or(0, serde_json::Map::len))),
            AGE,
        ],
        "Namespace" => vec![NAME, ("Status", 0, |o, _| json!(object::text(o, "/status/phase"))), AGE],
        "Node" => vec![
            NAME,
            ("Status", 0, |o, _| json!(node_status(o))),
            ("Roles", 0, |_, _| json!("<none>")),
            AGE,
            ("Version", 0, |o, _| json!(object::text(o, "/status/nodeInfo/kubeletVersion"))),
            ("Internal-IP", 1, |o, _| or_none(object::text(o, "/status/addresses/0/address"))),
        ],
        "HorizontalPodAutoscaler" => vec![
            NAME,
            ("Reference", 0, |o, _| {
                let target = |field: &str| object::text(o, &format!("/spec/scaleTargetRef/{field}")).to_owned();
                json!(format!("{}/{}", target("kind"), target("name")))
            }),
            ("Targets", 0, |o, _| json!(autoscaler_targets(o))),
            ("MinPods", 0, |o, _| json!(object::number(o, "/spec/minReplicas", 1))),
            ("MaxPods", 0, |o, _| json!(count(o, "/spec/maxReplicas"))),
            ("Replicas", 0, |o, _| json!(count(o, "/status/currentReplicas"))),
            AGE,
        ],
        "PodDisruptionBudget" => vec![
            NAME,
            ("Min Available", 0, |o, _| or_not_available(&o["spec"]["minAvailable"])),
            ("Max Unavailable", 0, |o, _| or_not_available(&o["spec"]["maxUnavailable"])),
            ("Allowed Disruptions", 0, |o, _| json!(count(o, "/status/disruptionsAllowed"))),
            AGE,
        ],
        "CertificateSigningRequest" => vec![
            NAME,
            AGE,
            ("SignerName", 0, |o, _| or_none(object::text(o, "/spec/signerName"))),
            ("Requestor", 0, |o, _| or_none(object::text(o, "/spec/username"))),
            ("RequestedDuration", 0, |_, _| json!("<none>")),
            ("Condition", 0, |o, _| {
                let conditions = object::list(o, "/status/conditions");
                json!(conditions.last().map_or("Pending", |last| object::text(last, "/type")))
            }),
        ],
        "ServiceAccount" => vec![NAME, ("Secrets", 0, |o, _| json!(object::list(o, "/secrets").len())), AGE],
        "Ingress" => vec![
            NAME,
            ("Class", 0, |o, _| or_none(object::text(o, "/spec/ingressClassName"))),
            ("Hosts", 0, |o, _| json!(joined(o, "/spec/rules", "/host"))),
            ("Address", 0, |_, _| json!("")),
            ("Ports", 0, |o, _| json!(if object::list(o, "/spec/tls").is_empty() { "80" } else { "80, 443" })),
            AGE,
        ],
        "Event" => vec![
            ("Last Seen", 0, |o, now| json!(age(object::text(o, "/lastTimestamp"), now))),
            ("Type", 0, |o, _| json!(object::text(o, "/type"))),
            ("Reason", 0, |o, _| json!(object::text(o, "/reason"))),
            ("Object", 0, |o, _| {
                let kind = object::text(o, "/involvedObject/kind").to_lowercase();
                json!(format!("{kind}/{}", object::text(o, "/involvedObject/name")))
            }),
            ("Message", 0, |o, _| json!(object::text(o, "/message"))),
            ("Name", 1, |o, _| json!(object::name(o))),
        ],
        _ => vec![NAME, AGE],
    }
}

fn count(item: &Value, pointer: &str) -> i64 {
    object::number(item, pointer, 0)
}

/// What `kubectl get hpa` shows while nothing has been measured.
fn autoscaler_targets(autoscaler: &Value) -> String {
    let one = |metric: &Value| {
        let name = object::text(metric, "/resource/name");
        let percent = object::number(metric, "/resource/target/averageUtilization", 0);
        format!("{name}: <unknown>/{percent}%")
    };
    let targets: Vec<String> = object::list(autoscaler, "/spec/metrics").iter().map(one).collect();
    if targets.is_empty() { "<none>".to_owned() } else { targets.join(", ") }
}

fn or_not_available(value: &Value) -> Value {
    match value {
        Value::Null => json!("N/A"),
        Value::String(text) => json!(text),
        other => json!(other.to_string()),
    }
}

fn or_none(text: &str) -> Value {
    json!(if text.is_empty() { "<none>" } else { text })
}

fn joined(item: &Value, list: &str, field: &str) -> String {
    object::list(item, list).iter().map(|one| object::text(one, field)).collect::<Vec<_>>().join(",")
}

fn pairs(labels: Option<&Value>) -> String {
    let Some(map) = labels.and_then(Value::as_object).filter(|map| !map.is_empty()) else { return "<none>".to_owned() };
    map.iter().map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or_default())).collect::<Vec<_>>().join(",")
}

fn ports(service: &Value) -> String {
    let one = |port: &Value| {
        let protocol = port["protocol"].as_str().unwrap_or("TCP");
        format!("{}/{protocol}", object::number(port, "/port", 0))
    };
    object::list(service, "/spec/ports").iter().map(one).collect::<Vec<_>>().join(",")
}

fn pod_ready(pod: &Value) -> String {
    let containers = object::list(pod, "/status/containerStatuses");
    let ready = containers.iter().filter(|one| one["ready"] == json!(true)).count();
    format!("{ready}/{}", object::list(pod, "/spec/containers").len())
}

fn pod_status(pod: &Value) -> String {
    let states = object::list(pod, "/status/containerStatuses").iter();
    let reason = |state: &Value| {
        let waiting = object::text(state, "/state/waiting/reason");
        let ended = object::text(state, "/state/terminated/reason");
        [waiting, ended].into_iter().find(|reason| !reason.is_empty()).map(str::to_owned)
    };
    if !object::text(pod, "/metadata/deletionTimestamp").is_empty() {
        return "Terminating".to_owned();
    }
    states.rev().find_map(reason).unwrap_or_else(|| object::text(pod, "/status/phase").to_owned())
}

fn pod_restarts(pod: &Value, now: Timestamp) -> String {
    let statuses = object::list(pod, "/status/containerStatuses");
    let restarts: i64 = statuses.iter().map(|one| object::number(one, "/restartCount", 0)).sum();
    let last =
        statuses.iter().map(|one| object::text(one, "/lastState/terminated/finishedAt")).max().unwrap_or_default();
    if restarts == 0 || last.is_empty() { restarts.to_string() } else { format!("{restarts} ({} ago)", age(last, now)) }
}

fn node_status(node: &Value) -> &'static str {
    let ready =
        object::list(node, "/status/conditions").iter().any(|one| one["type"] == "Ready" && one["status"] == "True");
    match (ready, node["spec"]["unschedulable"] == json!(true)) {
        (true, false) => "Ready",
        (true, true) => "Ready,SchedulingDisabled",
        (false, false) => "NotReady",
        (false, true) => "NotReady,SchedulingDisabled",
    }
}

fn age_or_empty(since: &str, now: Timestamp) -> String {
    if since.is_empty() { String::new() } else { age(since, now) }
}

/// A duration in at most two units. Source: apimachinery `duration.HumanDuration`.
fn age(since: &str, now: Timestamp) -> String {
    let Ok(since) = since.parse::<Timestamp>() else { return "<unknown>".to_owned() };
    let seconds = now.duration_since(since).as_secs().max(0);
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    let with = |whole: i64, unit: &str, rest: i64, small: &str| {
        if rest == 0 { format!("{whole}{unit}") } else { format!("{whole}{unit}{rest}{small}") }
    };
    match seconds {
        0..120 => format!("{seconds}s"),
        120..600 => with(minutes, "m", seconds % 60, "s"),
        600..10_800 => format!("{minutes}m"),
        10_800..28_800 => with(hours, "h", minutes % 60, "m"),
        28_800..172_800 => format!("{hours}h"),
        172_800..691_200 => with(days, "d", hours % 24, "h"),
        691_200..63_072_000 => format!("{days}d"),
        _ => with(days / 365, "y", days % 365, "d"),
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;

    #[test]
    fn ages_read_as_kubectl_prints_them() {
        let start: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        for (seconds, text) in [
            (5, "5s"),
            (119, "119s"),
            (120, "2m"),
            (605, "10m"),
            (11_000, "3h3m"),
            (90_000, "25h"),
            (180_000, "2d2h"),
            (900_000, "10d"),
        ] {
            assert_eq!(age("2026-01-01T00:00:00Z", start + SignedDuration::from_secs(seconds)), text);
        }
    }
}
