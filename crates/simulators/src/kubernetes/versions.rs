//! Kinds that are served in more than one version: autoscalers, whose version 1 is what `kubectl autoscale` makes.
//!
//! **Invariant:** an object is stored in the first version of the table; what version 1 cannot say is left out of it.
//! Source: API reference, `HorizontalPodAutoscaler` of autoscaling/v1 and autoscaling/v2.

use serde_json::{Value, json};

use super::kinds::Kind;
use super::object;

/// The object as a request of this kind's version sees it.
pub(super) fn to_served(kind: &Kind, mut object: Value) -> Value {
    if !old_autoscaler(kind) || object::text(&object, "/apiVersion") != "autoscaling/v2" {
        return object;
    }
    object["apiVersion"] = json!("autoscaling/v1");
    let metrics = object::list(&object, "/spec/metrics");
    let cpu = metrics.iter().find(|metric| metric.pointer("/resource/name") == Some(&json!("cpu")));
    let percent = cpu.and_then(|cpu| cpu.pointer("/resource/target/averageUtilization")).cloned();
    object::unset(&mut object, &["spec", "metrics"]);
    if let Some(percent) = percent {
        object::set(&mut object, &["spec", "targetCPUUtilizationPercentage"], percent);
    }
    object
}

/// The object as it is stored, from what a request of this kind's version brought.
pub(super) fn to_stored(kind: &Kind, mut object: Value) -> Value {
    if !old_autoscaler(kind) {
        return object;
    }
    object["apiVersion"] = json!("autoscaling/v2");
    let percent = object.pointer("/spec/targetCPUUtilizationPercentage").cloned();
    object::unset(&mut object, &["spec", "targetCPUUtilizationPercentage"]);
    if let Some(percent) = percent {
        let target = json!({"type": "Utilization", "averageUtilization": percent});
        let metric = json!({"type": "Resource", "resource": {"name": "cpu", "target": target}});
        object::set(&mut object, &["spec", "metrics"], json!([metric]));
    }
    object
}

fn old_autoscaler(kind: &Kind) -> bool {
    kind.group == "autoscaling" && kind.version == "v1"
}
