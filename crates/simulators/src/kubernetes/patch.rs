//! The three patch formats kubectl sends: JSON patch (RFC 6902), merge patch (RFC 7386) and strategic merge.

mod strategic;

use serde_json::{Map, Value};

use super::schema::Message;
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

    /// The object after the patch; a strategic merge needs to know its type.
    pub(super) fn apply(
        self,
        object: &Value,
        patch: &Value,
        message: Option<&'static Message>,
    ) -> Result<Value, Status> {
        let mut patched = object.clone();
        match self {
            Self::Json => json_patch(&mut patched, patch)?,
            Self::Merge => merge(&mut patched, patch),
            Self::Strategic => strategic::merge(&mut patched, patch, message),
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
        assert_eq!(format.apply(before, patch, None).unwrap(), *after);
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
    fn a_json_patch_is_whole_or_nothing() {
        let before = json!({"a": {"b/c": 1}, "l": [1, 2]});
        let patch = json!([{"op": "replace", "path": "/a/b~1c", "value": 2}, {"op": "add", "path": "/l/-", "value": 3}, {"op": "remove", "path": "/l/0"}]);
        becomes(Format::Json, &before, &patch, &json!({"a": {"b/c": 2}, "l": [2, 3]}));
        let failing = json!([{"op": "remove", "path": "/a"}, {"op": "test", "path": "/l/0", "value": 9}]);
        assert!(Format::Json.apply(&before, &failing, None).is_err());
    }
}
