//! Effects that kubectl's dry run does not show: it prints the object it fetched before.
//!
//! **Invariant:** the new value is the one the command asks for (`scale`) or the one the cluster
//! keeps for the revision (`rollout undo`); nothing is guessed, and what cannot be found is an
//! error.

use super::{EffectError, Object, differences, flatten, object};
use countersign_core::command::Command;
use countersign_core::effect::{Change, Touched};
use serde_json::Value;
use std::collections::BTreeMap;

/// Where Kubernetes keeps the number of a revision (kubernetes.io, "Deployments").
const REVISION: &str = "/metadata/annotations/deployment.kubernetes.io~1revision";

/// A label that the controller adds to each revision's template; it is not part of the template.
const HASH: &str = "pod-template-hash";

/// `scale`: the replicas as they are, and as argv asks for.
pub(super) fn scaled(command: &Command, before: &[Value]) -> Result<Vec<Touched>, EffectError> {
    let wanted = value_of(command, "--replicas=").ok_or(EffectError::NoNewValue("replicas"))?;
    let touch = |item: &Value| {
        let it = object(item).ok_or(EffectError::NotAnObject(0))?;
        let old = item.pointer("/spec/replicas").map(Value::to_string);
        let changes = if old.as_ref() == Some(&wanted) {
            Vec::new()
        } else {
            vec![Change { path: "/spec/replicas".into(), old, new: Some(wanted.clone()) }]
        };
        Ok(it.touched(&command.action().verb, changes))
    };
    before.iter().map(touch).collect()
}

/// `rollout undo`: the template as it is, and as it was in the revision that is gone back to.
pub(super) fn undone(command: &Command, before: &[Value], sets: &[Value]) -> Result<Vec<Touched>, EffectError> {
    let asked = value_of(command, "--to-revision=").and_then(|text| text.parse().ok()).filter(|number| *number != 0);
    let touch = |item: &Value| {
        let it: Object = object(item).ok_or(EffectError::NotAnObject(0))?;
        if item["kind"] != "Deployment" {
            return Ok(it.touched(&command.action().verb, Vec::new()));
        }
        let set = revision(item, sets, asked).ok_or(EffectError::NoNewValue("revision to go back to"))?;
        let changes = differences(&template(item), &template(set));
        Ok(it.touched(&command.action().verb, changes))
    };
    before.iter().map(touch).collect()
}

/// The replica set of the asked revision, or of the newest one before the present.
fn revision<'a>(deployment: &Value, sets: &'a [Value], asked: Option<u64>) -> Option<&'a Value> {
    let uid = deployment.pointer("/metadata/uid").and_then(Value::as_str)?;
    let present = number(deployment);
    let own = sets.iter().filter(|set| {
        let owners = set.pointer("/metadata/ownerReferences").and_then(Value::as_array);
        owners.is_some_and(|owners| owners.iter().any(|owner| owner["uid"] == uid))
    });
    match asked {
        Some(asked) => own.into_iter().find(|set| number(set) == Some(asked)),
        None => own.filter(|set| number(set) < present).max_by_key(|set| number(set)),
    }
}

fn number(of: &Value) -> Option<u64> {
    of.pointer(REVISION).and_then(Value::as_str)?.parse().ok()
}

fn template(of: &Value) -> BTreeMap<String, String> {
    let mut template = of.pointer("/spec/template").cloned().unwrap_or_default();
    if let Some(labels) = template.pointer_mut("/metadata/labels").and_then(Value::as_object_mut) {
        labels.remove(HASH);
    }
    let mut leaves = BTreeMap::new();
    flatten(&template, "/spec/template".to_owned(), false, &mut leaves);
    leaves
}

/// The value of a flag in canonical argv, which has one spelling: `--name=value`.
fn value_of(command: &Command, flag: &str) -> Option<String> {
    command.argv().elements().iter().find_map(|element| element.strip_prefix(flag)).map(str::to_owned)
}
