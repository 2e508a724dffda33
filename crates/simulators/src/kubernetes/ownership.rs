//! Who set which field: `metadata.managedFields`, and server-side apply on top of it.
//!
//! **Invariant:** a field has the manager that wrote its present value among its owners, and an apply takes nobody's field
//! away without being forced. Source: Kubernetes, "Server-Side Apply", and structured-merge-diff's field sets.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::object;
use super::schema::{Field, Message, Type};

/// One step into an object, as a field set writes it: `f:NAME`, `k:{KEYS}`, `v:VALUE` or `.`, the element itself.
type Path = Vec<String>;

/// The paths of a set of fields.
pub(super) type Fields = BTreeSet<Path>;

/// Somebody who sets fields, and how.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Manager {
    pub(super) name: String,
    pub(super) operation: &'static str,
}

/// The owners of an object's fields.
#[derive(Debug, Default)]
pub(super) struct Owners(BTreeMap<Manager, Fields>);

/// A field that two managers want to be different.
#[derive(Debug)]
pub(super) struct Conflict {
    pub(super) manager: Manager,
    /// `.spec.replicas`
    pub(super) field: String,
}

impl Owners {
    /// Reads an object's `managedFields`.
    pub(super) fn of(object: &Value) -> Self {
        let entries = object::list(object, "/metadata/managedFields").iter().map(|entry| {
            let operation = if entry["operation"] == "Apply" { "Apply" } else { "Update" };
            let mut fields = Fields::new();
            read(&entry["fieldsV1"], &mut Vec::new(), &mut fields);
            (Manager { name: object::text(entry, "/manager").to_owned(), operation }, fields)
        });
        Self(entries.collect())
    }

    /// Writes them into an object.
    pub(super) fn write(&self, into: &mut Value, now: &str) {
        let api_version = into["apiVersion"].clone();
        let kept = object::list(into, "/metadata/managedFields").to_vec();
        let owned = self.0.iter().filter(|(_, fields)| !fields.is_empty());
        let entries: Vec<Value> = owned
            .map(|(manager, fields)| {
                let entry = json!({
                    "manager": manager.name, "operation": manager.operation, "apiVersion": api_version,
                    "fieldsType": "FieldsV1", "fieldsV1": written(fields),
                });
                let same = |old: &&Value| {
                    entry.as_object().is_some_and(|new| new.iter().all(|(key, value)| old[key] == *value))
                };
                let since = kept.iter().find(same).map_or(json!(now), |old| old["time"].clone());
                let mut entry = entry;
                entry["time"] = since;
                entry
            })
            .collect();
        if entries.is_empty() {
            object::unset(into, &["metadata", "managedFields"]);
        } else {
            object::set(into, &["metadata", "managedFields"], entries);
        }
    }

    /// Records that a manager made `new` out of `old`: what it changed is its own, and what is gone is nobody's.
    pub(super) fn updated(&mut self, manager: &Manager, old: &Value, new: &Value, message: &'static Message) {
        let (before, after) = (values(old, message), values(new, message));
        let changed: Fields = after
            .iter()
            .filter(|(path, value)| before.get(*path) != Some(*value))
            .map(|(path, _)| path.clone())
            .collect();
        for fields in self.0.values_mut() {
            fields.retain(|path| after.contains_key(path) && !changed.contains(path));
        }
        self.0.entry(manager.clone()).or_default().extend(changed);
    }

    /// The fields of others that an apply would change.
    pub(super) fn conflicts(
        &self,
        manager: &Manager,
        live: &Value,
        applied: &Value,
        message: &'static Message,
    ) -> Vec<Conflict> {
        let (now, wanted) = (values(live, message), values(applied, message));
        let differ: Vec<&Path> =
            wanted.iter().filter(|(path, value)| now.get(*path) != Some(*value)).map(|(path, _)| path).collect();
        let others = self.0.iter().filter(|(other, _)| *other != manager);
        others
            .flat_map(|(other, fields)| {
                let theirs = differ.iter().filter(|path| fields.contains(**path));
                theirs.map(|path| Conflict { manager: other.clone(), field: dotted(path) })
            })
            .collect()
    }

    /// The object after an apply: what is applied is set, and what this manager alone applied before and leaves out now
    /// goes away.
    pub(super) fn apply(
        &mut self,
        manager: &Manager,
        live: &Value,
        applied: &Value,
        message: &'static Message,
    ) -> Value {
        let mut merged = live.clone();
        merge(&mut merged, applied, message);
        let wanted = values(applied, message);
        let now = values(live, message);
        for (_, fields) in self.0.iter_mut().filter(|(other, _)| *other != manager) {
            fields.retain(|path| wanted.get(path).is_none_or(|value| now.get(path) == Some(value)));
        }
        let wanted: Fields = wanted.into_keys().collect();
        let before = self.0.insert(manager.clone(), wanted.clone()).unwrap_or_default();
        // An element is held by whoever holds anything in it.
        let held = |path: &Path| match path.split_last() {
            Some((last, element)) if last == "." => self.0.values().flatten().any(|theirs| theirs.starts_with(element)),
            _ => self.0.values().any(|fields| fields.contains(path)),
        };
        // In order, an element comes before what is in it.
        for path in before.iter().filter(|path| !held(path)) {
            remove(&mut merged, path);
        }
        merged
    }
}

fn read(fields: &Value, at: &mut Path, found: &mut Fields) {
    let Some(map) = fields.as_object() else { return };
    for (step, below) in map {
        at.push(step.clone());
        if below.as_object().is_none_or(Map::is_empty) {
            found.insert(at.clone());
        } else {
            read(below, at, found);
        }
        at.pop();
    }
}

fn written(fields: &Fields) -> Value {
    let mut tree = json!({});
    for path in fields {
        let steps: Vec<&str> = path.iter().map(String::as_str).collect();
        object::set(&mut tree, &steps, json!({}));
    }
    tree
}

/// `.spec.template.spec.containers[name="api"].image`, as a conflict names a field.
fn dotted(path: &Path) -> String {
    let step = |step: &String| match step.split_once(':') {
        Some(("f", name)) => format!(".{name}"),
        Some(("k", keys)) => {
            let keys: Map<String, Value> = serde_json::from_str(keys).unwrap_or_default();
            let pairs: Vec<String> = keys.iter().map(|(key, value)| format!("{key}={value}")).collect();
            format!("[{}]", pairs.join(","))
        }
        Some(("v", value)) => format!("[={value}]"),
        _ => String::new(),
    };
    path.iter().map(step).collect()
}

/// Who an object is cannot be owned, nor can who owns it.
const NOBODYS: [&str; 8] = [
    "name",
    "namespace",
    "uid",
    "resourceVersion",
    "generation",
    "creationTimestamp",
    "managedFields",
    "deletionTimestamp",
];

/// The leaves of an object by path.
fn values<'a>(of: &'a Value, message: &'static Message) -> BTreeMap<Path, &'a Value> {
    let mut found = BTreeMap::new();
    fields_of(of, message, &mut Vec::new(), &mut found);
    found
}

fn fields_of<'a>(of: &'a Value, message: &'static Message, at: &mut Path, found: &mut BTreeMap<Path, &'a Value>) {
    let Some(map) = of.as_object() else { return };
    for (name, value) in map {
        let Some(field) = message.field(name) else { continue };
        if at.len() == 1 && at[0] == "f:metadata" && NOBODYS.contains(&name.as_str()) {
            continue;
        }
        at.push(format!("f:{name}"));
        leaves(value, field, at, found);
        at.pop();
    }
}

fn leaves<'a>(value: &'a Value, field: &'static Field, at: &mut Path, found: &mut BTreeMap<Path, &'a Value>) {
    match (&field.holds, value) {
        (Type::Message(_), Value::Object(map)) if !field.merge.whole && !map.is_empty() => {
            if let Some(message) = field.holds.leaf() {
                fields_of(value, message, at, found);
            }
        }
        (Type::Map(_), Value::Object(map)) if !field.merge.whole && !map.is_empty() => {
            for (key, item) in map {
                at.push(format!("f:{key}"));
                found.insert(at.clone(), item);
                at.pop();
            }
        }
        (Type::List(_), Value::Array(items)) if !field.merge.keys.is_empty() => {
            for item in items {
                at.push(element(item, field));
                at.push(".".to_owned());
                found.insert(at.clone(), &Value::Null);
                at.pop();
                if let Some(message) = field.holds.leaf() {
                    fields_of(item, message, at, found);
                }
                at.pop();
            }
        }
        (Type::List(_), Value::Array(items)) if field.merge.set => {
            for item in items {
                at.push(format!("v:{item}"));
                found.insert(at.clone(), item);
                at.pop();
            }
        }
        _ => drop(found.insert(at.clone(), value)),
    }
}

/// The step to an element of a list that is a map.
fn element(item: &Value, field: &Field) -> String {
    let keys: Map<String, Value> =
        field.merge.keys.iter().map(|key| ((*key).to_owned(), key_value(item, key))).collect();
    format!("k:{}", Value::Object(keys))
}

/// A protocol that is left out is TCP. Source: API reference, `ContainerPort` and `ServicePort`.
fn key_value(item: &Value, key: &str) -> Value {
    match item.get(key) {
        Some(value) => value.clone(),
        None if key == "protocol" => json!("TCP"),
        None => Value::Null,
    }
}

fn merge(target: &mut Value, applied: &Value, message: &'static Message) {
    let Some(wanted) = applied.as_object() else { return };
    for (name, value) in wanted {
        match message.field(name) {
            Some(field) => {
                let mut slot = target.get_mut(name).map(Value::take).unwrap_or_default();
                merge_field(&mut slot, value, field);
                object::set(target, &[name], slot);
            }
            None => object::set(target, &[name], value.clone()),
        }
    }
}

fn merge_field(target: &mut Value, value: &Value, field: &'static Field) {
    match (&field.holds, value) {
        (Type::Message(_), Value::Object(_)) if !field.merge.whole => {
            if !target.is_object() {
                *target = json!({});
            }
            if let Some(message) = field.holds.leaf() {
                merge(target, value, message);
            }
        }
        (Type::Map(_), Value::Object(map)) if !field.merge.whole => {
            for (key, item) in map {
                object::set(target, &[key], item.clone());
            }
            if !target.is_object() {
                *target = json!({});
            }
        }
        (Type::List(_), Value::Array(items)) if !field.merge.keys.is_empty() => {
            let mut list = target.as_array().cloned().unwrap_or_default();
            for item in items {
                let same = list.iter().position(|old| element(old, field) == element(item, field));
                match (same, field.holds.leaf()) {
                    (Some(at), Some(message)) => merge(&mut list[at], item, message),
                    _ => list.push(item.clone()),
                }
            }
            *target = Value::Array(list);
        }
        (Type::List(_), Value::Array(items)) if field.merge.set => {
            let mut list = target.as_array().cloned().unwrap_or_default();
            list.extend(items.iter().filter(|item| !target.as_array().is_some_and(|old| old.contains(item))).cloned());
            *target = Value::Array(list);
        }
        (_, other) => other.clone_into(target),
    }
}

/// Takes what a path leads to out of an object.
fn remove(from: &mut Value, path: &[String]) {
    let [step, rest @ ..] = path else { return };
    match step.split_once(':') {
        Some(("f", name)) if rest.is_empty() => object::unset(from, &[name]),
        Some(("f", name)) => {
            if let Some(below) = from.get_mut(name) {
                remove(below, rest);
                if below.as_object().is_some_and(Map::is_empty) || below.as_array().is_some_and(Vec::is_empty) {
                    object::unset(from, &[name]);
                }
            }
        }
        Some(("k", keys)) => {
            let keys: Map<String, Value> = serde_json::from_str(keys).unwrap_or_default();
            let is = |item: &Value| keys.iter().all(|(key, value)| key_value(item, key) == *value);
            let Some(items) = from.as_array_mut() else { return };
            // While the element is there, so is what it is found by.
            let found_by = |step: &str| step.strip_prefix("f:").is_some_and(|name| keys.contains_key(name));
            if rest == ["."] {
                items.retain(|item| !is(item));
            } else if matches!(rest, [one] if found_by(one)) {
            } else if let Some(item) = items.iter_mut().find(|item| is(item)) {
                remove(item, rest);
            }
        }
        Some(("v", value)) => {
            let gone: Option<Value> = serde_json::from_str(value).ok();
            if let Some(items) = from.as_array_mut() {
                items.retain(|item| Some(item) != gone.as_ref());
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::super::schema;
    use super::*;

    fn deployment(containers: &Value) -> Value {
        json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "a", "labels": {"x": "1"}},
            "spec": {"replicas": 2, "template": {"spec": {"containers": containers}}}})
    }

    fn manager(name: &str) -> Manager {
        Manager { name: name.to_owned(), operation: "Apply" }
    }

    #[test]
    fn owners_survive_being_written() {
        let message = schema::of_object("apps/v1", "Deployment").unwrap();
        let mut object = deployment(&json!([{"name": "c", "image": "x", "ports": [{"containerPort": 80}]}]));
        let mut owners = Owners::default();
        owners.updated(&manager("ann"), &Value::Null, &object, message);
        owners.write(&mut object, "now");
        let fields = &object["metadata"]["managedFields"][0]["fieldsV1"];
        let container = &fields["f:spec"]["f:template"]["f:spec"]["f:containers"]["k:{\"name\":\"c\"}"];
        assert_eq!(container["f:image"], json!({}));
        assert_eq!(container["f:ports"]["k:{\"containerPort\":80,\"protocol\":\"TCP\"}"]["."], json!({}));
        assert_eq!(fields["f:metadata"], json!({"f:labels": {"f:x": {}}}));
        assert_eq!(Owners::of(&object).0, owners.0);
    }

    #[test]
    fn another_managers_field_is_a_conflict_only_when_it_would_change() {
        let message = schema::of_object("apps/v1", "Deployment").unwrap();
        let live = deployment(&json!([{"name": "c", "image": "x"}]));
        let mut owners = Owners::default();
        owners.updated(&manager("ann"), &Value::Null, &live, message);
        let conflicts = |wanted: &Value| {
            let found = owners.conflicts(&manager("bob"), &live, wanted, message);
            found.into_iter().map(|one| one.field).collect::<Vec<_>>()
        };
        assert_eq!(conflicts(&live), [""; 0]);
        let wanted = deployment(&json!([{"name": "c", "image": "y"}]));
        assert_eq!(conflicts(&wanted), [".spec.template.spec.containers[name=\"c\"].image"]);
        // Whoever changes a field takes it over.
        owners.updated(&manager("cho"), &live, &wanted, message);
        let now: Vec<String> = owners
            .conflicts(&manager("bob"), &wanted, &live, message)
            .into_iter()
            .map(|one| one.manager.name)
            .collect();
        assert_eq!(now, ["cho"]);
    }

    #[test]
    fn what_is_no_longer_applied_goes_unless_somebody_else_applies_it_too() {
        let message = schema::of_object("apps/v1", "Deployment").unwrap();
        let both = deployment(&json!([{"name": "c", "image": "x"}, {"name": "d", "image": "x"}]));
        let mut owners = Owners::default();
        let live = owners.apply(&manager("ann"), &json!({}), &both, message);
        let live = owners.apply(&manager("bob"), &live, &json!({"spec": {"replicas": 2}}), message);
        let less = json!({"spec": {"template": {"spec": {"containers": [{"name": "d", "image": "x"}]}}}});
        let after = owners.apply(&manager("ann"), &live, &less, message);
        assert_eq!(after["spec"]["template"]["spec"]["containers"], json!([{"name": "d", "image": "x"}]));
        assert_eq!(after["spec"]["replicas"], 2);
        assert_eq!(after["metadata"].get("labels"), None);
    }
}
