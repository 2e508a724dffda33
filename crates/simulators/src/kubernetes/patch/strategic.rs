//! Strategic merge: a patch that knows by which field the elements of a list are the same.
//!
//! Follows "Update API Objects in Place Using kubectl patch" of the Kubernetes documentation and apimachinery's
//! `strategicpatch`; the merge keys are those of the schema. A list without one is replaced whole.

use serde_json::{Map, Value};

use super::super::schema::{Merge, Message, Type};

/// Merges a patch into an object of a type.
pub(super) fn merge(target: &mut Value, patch: &Value, message: Option<&'static Message>) {
    match patch {
        Value::Object(changes) => merge_object(target, changes, &|key| {
            message.and_then(|message| message.field(key)).map(|field| (&field.holds, &field.merge))
        }),
        other => other.clone_into(target),
    }
}

type Known<'a> = &'a dyn Fn(&str) -> Option<(&'static Type, &'static Merge)>;

fn merge_object(target: &mut Value, changes: &Map<String, Value>, known: Known<'_>) {
    let directive = changes.get("$patch").and_then(Value::as_str);
    if !target.is_object() || matches!(directive, Some("delete" | "replace")) {
        *target = Value::Object(Map::new());
    }
    if directive == Some("delete") {
        return;
    }
    let map = target.as_object_mut().expect("made an object just above");
    if let Some(kept) = changes.get("$retainKeys").and_then(Value::as_array) {
        map.retain(|key, _| kept.iter().any(|one| one == key.as_str()));
    }
    for (key, change) in changes.iter().filter(|(key, _)| !key.starts_with('$')) {
        if change.is_null() {
            map.remove(key);
        } else {
            let order = changes.get(&format!("$setElementOrder/{key}")).and_then(Value::as_array);
            merge_value(map.entry(key).or_insert(Value::Null), change, known(key), order);
        }
    }
    // An order or a deletion may come without a change of the list.
    for (directive, items) in changes {
        let Some(items) = items.as_array() else { continue };
        if let Some(list) = directive.strip_prefix("$deleteFromPrimitiveList/") {
            if let Some(values) = map.get_mut(list).and_then(Value::as_array_mut) {
                values.retain(|value| !items.contains(value));
            }
        } else if let Some(list) = directive.strip_prefix("$setElementOrder/")
            && !changes.contains_key(list)
            && let (Some(values), Some((_, merge))) = (map.get_mut(list).and_then(Value::as_array_mut), known(list))
        {
            let before = values.clone();
            reorder(values, &before, items, merge.key);
        }
    }
}

fn merge_value(
    target: &mut Value,
    patch: &Value,
    known: Option<(&'static Type, &'static Merge)>,
    order: Option<&Vec<Value>>,
) {
    match (patch, known) {
        (Value::Object(changes), Some((Type::Map(of), _))) => {
            let each: &'static Type = of;
            merge_object(target, changes, &|_| Some((each, &PLAIN)));
        }
        (Value::Object(_), Some((holds, _))) => merge(target, patch, holds.leaf()),
        (Value::Object(_), None) => merge(target, patch, None),
        (Value::Array(items), Some((holds, how))) if how.key.is_some() || how.set => {
            let before = target.as_array().cloned().unwrap_or_default();
            match how.key {
                Some(key) => merge_list(target, items, key, holds.leaf()),
                None => unite(target, items),
            }
            if let (Some(order), Some(values)) = (order, target.as_array_mut()) {
                reorder(values, &before, order, how.key);
            }
        }
        (other, _) => other.clone_into(target),
    }
}

/// What the values of a map merge like: objects by field, the rest whole.
static PLAIN: Merge = Merge { key: None, set: false, keys: Vec::new(), whole: false, retain: false };

fn merge_list(target: &mut Value, items: &[Value], key: &str, message: Option<&'static Message>) {
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
            (false, Some(at)) => merge(&mut list[at], item, message),
            (false, None) => {
                let mut new = Value::Null;
                merge(&mut new, item, message);
                list.push(new);
            }
        }
    }
}

fn unite(target: &mut Value, items: &[Value]) {
    let mut all = target.as_array().cloned().unwrap_or_default();
    for item in items {
        if !all.contains(item) {
            all.push(item.clone());
        }
    }
    *target = Value::Array(all);
}

/// Puts the named elements into the wanted order; one that only the server has stays before those it was before.
fn reorder(values: &mut Vec<Value>, before: &[Value], order: &[Value], key: Option<&str>) {
    let same = |a: &Value, b: &Value| key.map_or_else(|| a == b, |key| a[key] == b[key]);
    let place = |of: &Value, among: &[Value]| among.iter().position(|one| same(one, of));
    let (mut named, others): (Vec<Value>, Vec<Value>) =
        std::mem::take(values).into_iter().partition(|value| place(value, order).is_some());
    named.sort_by_key(|value| place(value, order));
    let mut named = named.into_iter().peekable();
    for other in others {
        let own = place(&other, before);
        while let Some(next) =
            named.next_if(|next| place(next, before).is_none() || place(next, before) < own || own.is_none())
        {
            values.push(next);
        }
        values.push(other);
    }
    values.extend(named);
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::super::schema;
    use super::*;

    #[track_caller]
    fn becomes(api_version: &str, kind: &str, before: &Value, patch: &Value, after: &Value) {
        let mut object = before.clone();
        merge(&mut object, patch, schema::of_object(api_version, kind));
        assert_eq!(object, *after);
    }

    #[track_caller]
    fn pod(before: &Value, patch: &Value, after: &Value) {
        let with = |spec: &Value| json!({"spec": spec});
        becomes("v1", "Pod", &with(before), &with(patch), &with(after));
    }

    #[test]
    fn containers_and_what_is_in_them_merge_by_their_keys() {
        let container = json!({"name": "a", "image": "1", "args": ["x"], "env": [{"name": "K", "value": "1"}],
            "ports": [{"containerPort": 80, "name": "http"}], "resources": {"limits": {"cpu": "1"}}});
        let patch = json!({"name": "a", "image": "2", "args": ["y"], "env": [{"name": "L", "value": "2"}, {"name": "K", "value": "3"}],
            "ports": [{"containerPort": 80, "protocol": "TCP"}], "resources": {"limits": {"memory": "1Gi"}}});
        let after = json!({"name": "a", "image": "2", "args": ["y"], "env": [{"name": "K", "value": "3"}, {"name": "L", "value": "2"}],
            "ports": [{"containerPort": 80, "name": "http", "protocol": "TCP"}], "resources": {"limits": {"cpu": "1", "memory": "1Gi"}}});
        let other = json!({"name": "b", "image": "1"});
        pod(
            &json!({"containers": [container, other]}),
            &json!({"containers": [patch]}),
            &json!({"containers": [after, other]}),
        );
    }

    #[test]
    fn what_is_atomic_is_replaced() {
        pod(
            &json!({"tolerations": [{"key": "a"}], "nodeSelector": {"x": "1"}}),
            &json!({"tolerations": [{"key": "b"}], "nodeSelector": {"y": "2"}}),
            &json!({"tolerations": [{"key": "b"}], "nodeSelector": {"x": "1", "y": "2"}}),
        );
        let taints = |key: &str| json!({"spec": {"taints": [{"key": key}]}});
        becomes("v1", "Node", &taints("a"), &taints("b"), &taints("b"));
    }

    #[test]
    fn directives() {
        let two = json!({"containers": [{"name": "a"}, {"name": "b"}], "nodeSelector": {"x": "1"}});
        let gone =
            json!({"containers": [{"name": "a", "$patch": "delete"}], "nodeSelector": {"$patch": "replace", "y": "2"}});
        pod(&two, &gone, &json!({"containers": [{"name": "b"}], "nodeSelector": {"y": "2"}}));
        let replaced = json!({"containers": [{"$patch": "replace"}, {"name": "c"}], "nodeSelector": null});
        pod(&two, &replaced, &json!({"containers": [{"name": "c"}]}));
        let meta = |finalizers: &[&str]| json!({"metadata": {"finalizers": finalizers}});
        let less = json!({"metadata": {"$deleteFromPrimitiveList/finalizers": ["a"], "finalizers": ["c"]}});
        becomes("v1", "Pod", &meta(&["a", "b"]), &less, &meta(&["b", "c"]));
        let strategy = |of: Value| json!({"spec": {"strategy": of}});
        let recreate = strategy(json!({"$retainKeys": ["type"], "type": "Recreate"}));
        let rolling = strategy(json!({"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1}}));
        becomes("apps/v1", "Deployment", &rolling, &recreate, &strategy(json!({"type": "Recreate"})));
    }

    #[test]
    fn elements_come_into_the_wanted_order() {
        let names = |names: &[&str]| names.iter().map(|name| json!({"name": name})).collect::<Vec<_>>();
        let patch =
            json!({"$setElementOrder/containers": names(&["d", "a"]), "containers": [{"name": "d", "image": "x"}]});
        let after = json!({"containers": [{"name": "d", "image": "x"}, {"name": "a"}, {"name": "b"}, {"name": "c"}]});
        pod(&json!({"containers": names(&["a", "b", "c"])}), &patch, &after);
        let only = json!({"$setElementOrder/containers": names(&["c", "a"])});
        let after = json!({"containers": names(&["b", "c", "a"])});
        pod(&json!({"containers": names(&["a", "b", "c"])}), &only, &after);
    }
}
