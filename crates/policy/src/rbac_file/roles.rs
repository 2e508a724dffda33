//! Reads the roles of rbac.yaml and makes their inheritance flat.
//!
//! **Invariant:** whoever inherits, at whatever depth, carries every permission; a circle is a
//! mistake and never a loop.

use crate::problems::{Mark, ProblemCode};
use crate::rbac::{Permission, Role};
use crate::reader::{Reader, suggestion};
use crate::selector::{Known, selector};
use crate::yaml::Node;
use countersign_core::refusal::shown;
use std::collections::{BTreeMap, BTreeSet};

/// A role as it is written, before inheritance is followed.
struct Written {
    at: Mark,
    inherits: Vec<(String, Mark)>,
    allow: Vec<Permission>,
}

/// The roles by name; where each and each of its permissions stands is put into `places`.
pub(super) fn roles(
    reader: &mut Reader<'_>,
    node: &Node,
    known: &Known,
    places: &mut BTreeMap<String, Mark>,
) -> BTreeMap<String, Role> {
    let mut written = BTreeMap::new();
    for (key, item) in reader.map(node, "`roles`").unwrap_or_default() {
        reader.check_name(key.at, &key.text, "the name of a role");
        if let Some(mut role) = role(reader, item, &key.text, known, places) {
            role.at = key.at;
            places.insert(format!("roles.{}", key.text), key.at);
            written.insert(key.text.clone(), role);
        }
    }
    if written.is_empty() {
        reader.note(node.at, ProblemCode::Empty, "there is no role, so nobody may do anything");
    }
    unknown_parents(reader, &written);
    cycles(reader, &written);
    written.keys().map(|name| (name.clone(), flat(name, &written))).collect()
}

fn role(
    reader: &mut Reader<'_>,
    node: &Node,
    name: &str,
    known: &Known,
    places: &mut BTreeMap<String, Mark>,
) -> Option<Written> {
    let fields = reader.fields(node, "a role", &["inherits", "allow"], &[])?;
    let mut inherits = Vec::new();
    if let Some(node) = fields.of("inherits") {
        for item in reader.one_or_more(node, "`inherits`") {
            if let Some(parent) = reader.name(item, "the name of a role") {
                inherits.push((parent.to_owned(), item.at));
            }
        }
    }
    let mut allow = Vec::new();
    if let Some(node) = fields.of("allow") {
        for (nth, item) in reader.list(node, "`allow`").iter().enumerate() {
            let keys = ["tool", "verb", "tier", "resource"];
            let Some(fields) = reader.fields(item, "a permission", &keys, &[]) else {
                continue;
            };
            reader.required(&fields, "tool", "a permission");
            reader.required(&fields, "tier", "a permission");
            let id = format!("roles.{name}.allow[{nth}]");
            places.insert(id.clone(), item.at);
            allow.push(Permission { id, selector: selector(reader, &fields, known) });
        }
    }
    if inherits.is_empty() && allow.is_empty() {
        reader.note(node.at, ProblemCode::Empty, format!("role `{name}` permits nothing"));
    }
    Some(Written { at: node.at, inherits, allow })
}

fn unknown_parents(reader: &mut Reader<'_>, written: &BTreeMap<String, Written>) {
    for role in written.values() {
        for (parent, at) in &role.inherits {
            unknown_role(reader, *at, parent, written.keys().map(String::as_str));
        }
    }
}

pub(super) fn unknown_role<'r>(reader: &mut Reader<'_>, at: Mark, name: &str, known: impl Iterator<Item = &'r str>) {
    let known: Vec<&str> = known.collect();
    if !known.contains(&name) {
        let hint = suggestion(name, known.into_iter(), "known roles");
        let message = format!("no role `{}`", shown(name));
        reader.note_with_hint(at, ProblemCode::UnknownWord, message, hint);
    }
}

/// Every role that inherits from itself, named once with the whole circle.
fn cycles(reader: &mut Reader<'_>, written: &BTreeMap<String, Written>) {
    let mut told: BTreeSet<BTreeSet<&str>> = BTreeSet::new();
    for (name, role) in written {
        let Some(circle) = circle(name, written) else {
            continue;
        };
        if told.insert(circle.iter().copied().collect()) {
            let message = format!("roles inherit in a circle: {} -> {name}", circle.join(" -> "));
            reader.note(role.at, ProblemCode::Cycle, message);
        }
    }
}

/// The shortest way from a role back to itself.
fn circle<'w>(start: &'w str, written: &'w BTreeMap<String, Written>) -> Option<Vec<&'w str>> {
    let mut ways: Vec<Vec<&str>> = vec![vec![start]];
    let mut seen = BTreeSet::new();
    while !ways.is_empty() {
        let mut next = Vec::new();
        for way in ways {
            let last = way.last().and_then(|name| written.get(*name));
            for (parent, _) in last.map(|role| role.inherits.as_slice()).unwrap_or_default() {
                if parent == start {
                    return Some(way);
                }
                if seen.insert(parent.as_str()) {
                    let mut longer = way.clone();
                    longer.push(parent);
                    next.push(longer);
                }
            }
        }
        ways = next;
    }
    None
}

/// The role with everything it inherits, at any depth; a circle ends by itself.
fn flat(name: &str, written: &BTreeMap<String, Written>) -> Role {
    let mut includes = BTreeSet::new();
    let mut queue = vec![name.to_owned()];
    let mut allow = Vec::new();
    while let Some(next) = queue.pop() {
        if !includes.insert(next.clone()) {
            continue;
        }
        if let Some(role) = written.get(&next) {
            allow.extend(role.allow.iter().cloned());
            queue.extend(role.inherits.iter().map(|(parent, _)| parent.clone()));
        }
    }
    includes.remove(name);
    Role { includes, allow }
}
