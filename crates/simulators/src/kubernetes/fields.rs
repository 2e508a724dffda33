//! Whether an object has only fields that exist, of the type they have.
//!
//! **Invariant:** what is left of an object holds no field that its kind does not have. Source: Kubernetes, "API
//! Concepts", field validation.

use serde_json::Value;

use super::schema::{Message, Type};
use super::status::Status;

/// What becomes of a field that does not exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unknown {
    Dropped,
    /// Dropped, and the client is told.
    Warned,
    Refused,
}

impl Unknown {
    /// Reads the `fieldValidation` of a request. Warning is what the server does when it is not told.
    pub(super) fn parse(asked: Option<&str>) -> Result<Self, Status> {
        match asked {
            Some("Ignore") => Ok(Self::Dropped),
            None | Some("" | "Warn") => Ok(Self::Warned),
            Some("Strict") => Ok(Self::Refused),
            Some(other) => Err(Status::bad_request(format!(
                "fieldValidation: Unsupported value: \"{other}\": supported values: \"Ignore\", \"Strict\", \"Warn\""
            ))),
        }
    }
}

/// Removes the fields that do not exist and gives their paths.
///
/// # Errors
/// In the words of the server's decoder, when a field is not of its type.
pub(super) fn prune(object: &mut Value, message: &'static Message) -> Result<Vec<String>, String> {
    let mut unknown = Vec::new();
    message_fields(object, message, "", true, &mut unknown)?;
    unknown.sort();
    Ok(unknown)
}

fn message_fields(
    value: &mut Value,
    message: &'static Message,
    at: &str,
    whole: bool,
    unknown: &mut Vec<String>,
) -> Result<(), String> {
    let own_type = message.name.rsplit('.').next().unwrap_or_default();
    let Some(map) = value.as_object_mut() else { return mismatch(value, own_type, at) };
    for (name, value) in &mut *map {
        if let Some(field) = message.field(name).filter(|_| !value.is_null()) {
            check(value, &field.holds, &below(at, name), unknown)?;
        }
    }
    let named = |name: &str| message.field(name).is_some() || (whole && matches!(name, "apiVersion" | "kind"));
    map.retain(|name, _| {
        let known = named(name);
        if !known {
            unknown.push(below(at, name));
        }
        known
    });
    Ok(())
}

fn below(at: &str, name: &str) -> String {
    if at.is_empty() { name.to_owned() } else { format!("{at}.{name}") }
}

fn check(value: &mut Value, holds: &Type, at: &str, unknown: &mut Vec<String>) -> Result<(), String> {
    match holds {
        Type::Message(_) => match holds.leaf() {
            Some(message) => message_fields(value, message, at, false, unknown),
            None => Ok(()),
        },
        Type::List(of) | Type::NamedList(of) => match value {
            Value::Array(items) => {
                let mut each = items.iter_mut().enumerate();
                each.try_for_each(|(nth, item)| check(item, of, &format!("{at}[{nth}]"), unknown))
            }
            other => mismatch(other, &go_type(holds), at),
        },
        Type::Map(of) => match value {
            Value::Object(map) => map.iter_mut().try_for_each(|(key, item)| check(item, of, &below(at, key), unknown)),
            other => mismatch(other, &go_type(holds), at),
        },
        scalar if fits(value, scalar) => Ok(()),
        scalar => mismatch(value, &go_type(scalar), at),
    }
}

fn fits(value: &Value, scalar: &Type) -> bool {
    match scalar {
        Type::Text | Type::Bytes | Type::Time => value.is_string() || value.is_null(),
        Type::Integer => value.is_i64() || value.is_null(),
        Type::Number => value.is_number() || value.is_null(),
        Type::Boolean => value.is_boolean() || value.is_null(),
        Type::Quantity => value.is_string() || value.is_number() || value.is_null(),
        Type::IntOrText => value.is_string() || value.is_i64() || value.is_null(),
        Type::Raw | Type::Message(_) | Type::List(_) | Type::NamedList(_) | Type::Map(_) => true,
    }
}

fn go_type(holds: &Type) -> String {
    match holds {
        Type::Text | Type::Bytes | Type::Quantity | Type::IntOrText => "string".to_owned(),
        Type::Integer => "int32".to_owned(),
        Type::Number => "float64".to_owned(),
        Type::Boolean => "bool".to_owned(),
        Type::Time => "v1.Time".to_owned(),
        Type::Raw => "runtime.RawExtension".to_owned(),
        Type::Message(name) => (*name).to_owned(),
        Type::List(of) | Type::NamedList(of) => format!("[]{}", go_type(of)),
        Type::Map(of) => format!("map[string]{}", go_type(of)),
    }
}

fn mismatch(found: &Value, wanted: &str, at: &str) -> Result<(), String> {
    let found = match found {
        Value::Null => return Ok(()),
        Value::Bool(_) => "bool",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    Err(format!("json: cannot unmarshal {found} into Go struct field .{at} of type {wanted}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::schema;
    use super::*;

    #[test]
    fn a_field_that_does_not_exist_is_named_and_dropped() {
        let mut pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a", "labels": {"any": "thing"}},
            "spec": {"containers": [{"name": "a", "imagee": "x", "livenessProbe": {"httpGet": {"port": "http"}}}], "nope": 1}});
        let unknown = prune(&mut pod, schema::of_object("v1", "Pod").unwrap()).unwrap();
        assert_eq!(unknown, ["spec.containers[0].imagee", "spec.nope"]);
        assert_eq!(pod["spec"]["containers"][0].as_object().unwrap().len(), 2);
    }

    #[test]
    fn a_field_of_another_type_is_refused() {
        let deployment = schema::of_object("apps/v1", "Deployment").unwrap();
        for spec in [
            json!({"replicas": "3"}),
            json!({"template": []}),
            json!({"template": {"metadata": {"labels": {"a": 1}}}}),
            json!({"paused": 1}),
        ] {
            let said = prune(&mut json!({"spec": spec}), deployment).unwrap_err();
            assert!(said.starts_with("json: cannot unmarshal"), "{said}");
        }
        assert_eq!(prune(&mut json!({"spec": {"replicas": null}}), deployment), Ok(vec![]));
    }
}
