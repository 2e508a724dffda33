//! The three patch formats kubectl sends: JSON patch (RFC 6902), merge patch (RFC 7386) and strategic merge.
//!
//! Strategic merge follows "Update API Objects in Place Using kubectl patch" of the Kubernetes documentation; the merge
//! keys are those the API reference gives as "patch merge key".

use serde_json::{Map, Value};

use super::status::Status;

/// Which of the formats a body is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Json,
    Merge,
    Strategic,
}

impl Format {
    /// Reads the media type of a PATCH request.
    pub(super) fn of_media_type(media_type: &str) -> Option<Self> {
        match media_type.split(';').next().unwrap_or_default().trim() {
            "application/json-patch+json" => Some(Self::Json),
            "application/merge-patch+json" => Some(Self::Merge),
            "application/strategic-merge-patch+json" => Some(Self::Strategic),
            _ => None,
        }
    }

    /// The object after the patch.
    pub(super) fn apply(self, object: &Value, patch: &Value) -> Result<Value, Status> {
        let mut patched = object.clone();
        match self {
            Self::Json => json_patch(&mut patched, patch)?,
            Self::Merge => merge(&mut patched, patch),
            Self::Strategic => strategic(&mut patched, patch, ""),
        }
        Ok(patched)
    }
}

fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(changes) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    let map = target.as_object_mut().expect("made an object just above");
    for (key, change) in changes {
        if change.is_null() {
            map.remove(key);
        } else {
            merge(map.entry(key).or_insert(Value::Null), change);
        }
    }
}

/// Lists that merge by key, and the key. `ports` is a container's or a service's; the first key present decides.
const MERGE_KEYS: &[(&str, &[&str])] = &[
    ("conditions", &["type"]),
    ("containers", &["name"]),
    ("env", &["name"]),
    ("ephemeralContainers", &["name"]),
    ("hostAliases", &["ip"]),
    ("imagePullSecrets", &["name"]),
    ("initContainers", &["name"]),
    ("ownerReferences", &["uid"]),
    ("ports", &["containerPort", "port"]),
    ("secrets", &["name"]),
    ("taints", &["key"]),
    ("topologySpreadConstraints", &["topologyKey"]),
    ("volumeDevices", &["devicePath"]),
    ("volumeMounts", &["mountPath"]),
    ("volumes", &["name"]),
];

fn strategic(target: &mut Value, patch: &Value, field: &str) {
    match patch {
        Value::Object(changes) => strategic_object(target, changes),
        Value::Array(items) => match merge_key(field, items) {
            Some(key) => strategic_list(target, items, key),
            None if field == "finalizers" => union(target, items),
            None => *target = patch.clone(),
        },
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => *target = patch.clone(),
    }
}

fn strategic_object(target: &mut Value, changes: &Map<String, Value>) {
    let directive = changes.get("$patch").and_then(Value::as_str);
    if !target.is_object() || directive.is_some() {
        *target = Value::Object(Map::new());
    }
    if directive == Some("delete") {
        return;
    }
    let map = target.as_object_mut().expect("made an object just above");
    if let Some(kept) = changes.get("$retainKeys").and_then(Value::as_array) {
        map.retain(|key, _| kept.iter().any(|one| one == key.as_str()));
    }
    for (key, change) in changes {
        if let Some(list) = key.strip_prefix("$deleteFromPrimitiveList/") {
            if let (Some(items), Some(gone)) = (map.get_mut(list).and_then(Value::as_array_mut), change.as_array()) {
                items.retain(|item| !gone.contains(item));
            }
        } else if key.starts_with('$') {
            // `$setElementOrder` only orders what the merge already decided.
        } else if change.is_null() {
            map.remove(key);
        } else {
            strategic(map.entry(key).or_insert(Value::Null), change, key);
        }
    }
}

fn merge_key(field: &str, items: &[Value]) -> Option<&'static str> {
    let (_, keys) = MERGE_KEYS.iter().find(|(list, _)| *list == field)?;
    keys.iter().copied().find(|key| items.iter().all(|item| item.get(*key).is_some() || item.get("$patch").is_some()))
}

fn strategic_list(target: &mut Value, items: &[Value], key: &str) {
    if !target.is_array() {
        *target = Value::Array(Vec::new());
    }
    let list = target.as_array_mut().expect("made a list just above");
    if items.iter().any(|item| item["$patch"] == "replace") {
        list.clear();
    }
    for item in items.iter().filter(|item| item["$patch"] != "replace") {
        let at = list.iter().position(|old| old[key] == item[key]);
        match (item["$patch"] == "delete", at) {
            (true, Some(at)) => drop(list.remove(at)),
            (true, None) => {}
            (false, Some(at)) => strategic(&mut list[at], item, ""),
            (false, None) => list.push(item.clone()),
        }
    }
}

fn union(target: &mut Value, items: &[Value]) {
    let mut all = target.as_array().cloned().unwrap_or_default();
    all.extend(items.iter().filter(|item| !target.as_array().is_some_and(|old| old.contains(item))).cloned());
    *target = Value::Array(all);
}

fn json_patch(target: &mut Value, patch: &Value) -> Result<(), Status> {
    let operations = patch.as_array().ok_or_else(|| Status::bad_request("a JSON patch is a list of operations"))?;
    operations.iter().try_for_each(|operation| {
        apply_operation(target, operation).ok_or_else(|| {
            Status::bad_request(format!("the server rejected our request due to an error in our request: {operation}"))
        })
    })
}

fn apply_operation(target: &mut Value, operation: &Value) -> Option<()> {
    let path = operation["path"].as_str()?;
    match operation["op"].as_str()? {
        "add" => insert(target, path, operation.get("value")?.clone()),
        "remove" => take(target, path).map(drop),
        "replace" => {
            *target.pointer_mut(path)? = operation.get("value")?.clone();
            Some(())
        }
        "move" => {
            let value = take(target, operation["from"].as_str()?)?;
            insert(target, path, value)
        }
        "copy" => {
            let value = target.pointer(operation["from"].as_str()?)?.clone();
            insert(target, path, value)
        }
        "test" => (target.pointer(path)? == operation.get("value")?).then_some(()),
        _ => None,
    }
}

fn insert(target: &mut Value, path: &str, value: Value) -> Option<()> {
    let Some((parent, token)) = path.rsplit_once('/') else {
        *target = value;
        return Some(());
    };
    match target.pointer_mut(parent)? {
        Value::Object(map) => drop(map.insert(unescape(token), value)),
        Value::Array(items) if token == "-" => items.push(value),
        Value::Array(items) => {
            let at: usize = token.parse().ok().filter(|at| *at <= items.len())?;
            items.insert(at, value);
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => return None,
    }
    Some(())
}

fn take(target: &mut Value, path: &str) -> Option<Value> {
    let (parent, token) = path.rsplit_once('/')?;
    match target.pointer_mut(parent)? {
        Value::Object(map) => map.remove(&unescape(token)),
        Value::Array(items) => {
            let at: usize = token.parse().ok().filter(|at| *at < items.len())?;
            Some(items.remove(at))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
    }
}

/// Source: RFC 6901 §4, in this order.
fn unescape(token: &str) -> String {
    token.replace("~1", "/").replace("~0", "~")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn becomes(format: Format, before: &Value, patch: &Value, after: &Value) {
        assert_eq!(format.apply(before, patch).unwrap(), *after);
    }

    #[test]
    fn a_merge_patch_removes_what_is_null() {
        becomes(
            Format::Merge,
            &json!({"a": 1, "b": {"c": 2}}),
            &json!({"a": null, "b": {"d": 3}}),
            &json!({"b": {"c": 2, "d": 3}}),
        );
    }

    #[test]
    fn a_strategic_patch_merges_containers_by_name_and_replaces_arguments() {
        let before = json!({"containers": [{"name": "a", "image": "1", "args": ["x"]}, {"name": "b", "image": "1"}]});
        let patch = json!({"$setElementOrder/containers": [{"name": "a"}], "containers": [{"name": "a", "image": "2", "args": ["y"]}]});
        let after = json!({"containers": [{"name": "a", "image": "2", "args": ["y"]}, {"name": "b", "image": "1"}]});
        becomes(Format::Strategic, &before, &patch, &after);
    }

    #[test]
    fn strategic_directives() {
        let before = json!({"containers": [{"name": "a"}, {"name": "b"}], "spec": {"x": 1}});
        let patch = json!({"containers": [{"name": "a", "$patch": "delete"}], "spec": {"$patch": "replace", "y": 2}});
        becomes(Format::Strategic, &before, &patch, &json!({"containers": [{"name": "b"}], "spec": {"y": 2}}));
    }

    #[test]
    fn a_json_patch_is_whole_or_nothing() {
        let before = json!({"a": {"b/c": 1}, "l": [1, 2]});
        let patch = json!([{"op": "replace", "path": "/a/b~1c", "value": 2}, {"op": "add", "path": "/l/-", "value": 3}, {"op": "remove", "path": "/l/0"}]);
        becomes(Format::Json, &before, &patch, &json!({"a": {"b/c": 2}, "l": [2, 3]}));
        let failing = json!([{"op": "remove", "path": "/a"}, {"op": "test", "path": "/l/0", "value": 9}]);
        assert!(Format::Json.apply(&before, &failing).is_err());
    }
}
