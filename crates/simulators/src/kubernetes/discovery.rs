//! Discovery: which groups, versions and resources there are, in the old form and the aggregated one.
//!
//! Source: Kubernetes, "API Discovery" (aggregated discovery, `apidiscovery.k8s.io`).

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::kinds::{self, KINDS, Kind};
use super::status::Status;

/// The version this stand-in is like.
pub(super) const VERSION: &str = "v1.32.4";

/// The server version told to clients; kubectl warns when it is more than one minor version away.
pub(super) fn version() -> Value {
    json!({
        "major": "1", "minor": "32", "gitVersion": VERSION, "gitCommit": "", "gitTreeState": "clean",
        "buildDate": "2025-04-22T16:00:00Z", "goVersion": "go1.23.6", "compiler": "gc", "platform": "linux/amd64",
    })
}

/// A discovery answer and its content type.
pub(super) struct Answer {
    pub(super) body: Value,
    pub(super) content_type: String,
}

impl Answer {
    fn plain(body: Value) -> Self {
        Self { body, content_type: "application/json".to_owned() }
    }
}

/// `/api`: the core group.
pub(super) fn core(accept: &str) -> Answer {
    match aggregated_version(accept) {
        Some(version) => aggregated(version, &[""]),
        None => Answer::plain(json!({
            "kind": "APIVersions", "versions": ["v1"],
            "serverAddressByClientCIDRs": [{"clientCIDR": "0.0.0.0/0", "serverAddress": "127.0.0.1"}],
        })),
    }
}

/// `/apis`: all other groups.
pub(super) fn groups(accept: &str) -> Answer {
    let names: Vec<&str> = group_names().into_iter().collect();
    if let Some(version) = aggregated_version(accept) {
        return aggregated(version, &names);
    }
    let groups: Vec<Value> = names.iter().filter_map(|name| group_object(name)).collect();
    Answer::plain(json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": groups}))
}

/// `/apis/GROUP`.
pub(super) fn group(name: &str) -> Result<Value, Status> {
    let mut group = group_object(name).ok_or_else(Status::no_such_path)?;
    group["kind"] = json!("APIGroup");
    group["apiVersion"] = json!("v1");
    Ok(group)
}

/// `/api/v1` and `/apis/GROUP/VERSION`.
pub(super) fn resources(group: &str, version: &str) -> Result<Value, Status> {
    let rows: Vec<&Kind> = KINDS.iter().filter(|kind| kind.group == group && kind.version == version).collect();
    let Some(first) = rows.first() else { return Err(Status::no_such_path()) };
    let group_version = first.api_version();
    let resources: Vec<Value> = rows.iter().flat_map(|kind| legacy_entries(kind)).collect();
    Ok(json!({"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": group_version, "resources": resources}))
}

fn group_names() -> BTreeSet<&'static str> {
    KINDS.iter().map(|kind| kind.group).filter(|group| !group.is_empty()).collect()
}

/// The versions of a group, the preferred one first.
fn versions(group: &str) -> Vec<&'static str> {
    let mut versions: Vec<&str> = KINDS.iter().filter(|kind| kind.group == group).map(|kind| kind.version).collect();
    versions.dedup();
    versions
}

fn group_object(name: &str) -> Option<Value> {
    let version = |version: &&str| json!({"groupVersion": format!("{name}/{version}"), "version": version});
    let versions: Vec<Value> = versions(name).iter().map(version).collect();
    let preferred = versions.first().filter(|_| !name.is_empty())?;
    Some(json!({"name": name, "preferredVersion": preferred, "versions": versions}))
}

fn legacy_entries(kind: &Kind) -> Vec<Value> {
    let mut entry = json!({
        "name": kind.plural, "singularName": kind.singular(), "namespaced": kind.namespaced(), "kind": kind.kind,
        "verbs": kind.verbs(),
    });
    if !kind.short.is_empty() {
        entry["shortNames"] = json!(kind.short);
    }
    if kind.in_all {
        entry["categories"] = json!(["all"]);
    }
    let mut entries = vec![entry];
    for (subresource, speaks) in kind.subresources {
        let mut entry = json!({
            "name": format!("{}/{subresource}", kind.plural), "singularName": "", "namespaced": kind.namespaced(),
            "kind": speaks, "verbs": kinds::subresource_verbs(subresource),
        });
        if let Some((group, version)) = foreign_group(speaks) {
            entry["group"] = json!(group);
            entry["version"] = json!(version);
        }
        entries.push(entry);
    }
    entries
}

/// Subresource kinds of another group than their resource.
fn foreign_group(kind: &str) -> Option<(&'static str, &'static str)> {
    match kind {
        "Scale" => Some(("autoscaling", "v1")),
        "Eviction" => Some(("policy", "v1")),
        "TokenRequest" => Some(("authentication.k8s.io", "v1")),
        _ => None,
    }
}

/// The aggregated version a client asks for first, if it asks for one.
fn aggregated_version(accept: &str) -> Option<&'static str> {
    accept.split(',').find_map(|offer| {
        let parts: Vec<&str> = offer.split(';').map(str::trim).collect();
        let asks = parts.contains(&"as=APIGroupDiscoveryList") && parts.first() == Some(&"application/json");
        match asks {
            true if parts.contains(&"v=v2") => Some("v2"),
            true if parts.contains(&"v=v2beta1") => Some("v2beta1"),
            true | false => None,
        }
    })
}

fn aggregated(version: &str, names: &[&str]) -> Answer {
    let items: Vec<Value> = names.iter().map(|name| aggregated_group(name)).collect();
    Answer {
        body: json!({
            "kind": "APIGroupDiscoveryList", "apiVersion": format!("apidiscovery.k8s.io/{version}"), "metadata": {},
            "items": items,
        }),
        content_type: format!("application/json;g=apidiscovery.k8s.io;v={version};as=APIGroupDiscoveryList"),
    }
}

fn aggregated_group(name: &str) -> Value {
    let version = |version: &&str| {
        let rows = KINDS.iter().filter(|kind| kind.group == name && kind.version == *version);
        let resources: Vec<Value> = rows.map(aggregated_entry).collect();
        json!({"version": version, "resources": resources, "freshness": "Current"})
    };
    let versions: Vec<Value> = versions(name).iter().map(version).collect();
    let metadata = if name.is_empty() { json!({}) } else { json!({"name": name}) };
    json!({"metadata": metadata, "versions": versions})
}

fn aggregated_entry(kind: &Kind) -> Value {
    let response = |name: &str| match foreign_group(name) {
        Some((group, version)) => json!({"group": group, "version": version, "kind": name}),
        None => json!({"group": kind.group, "version": kind.version, "kind": name}),
    };
    let mut entry = json!({
        "resource": kind.plural, "responseKind": response(kind.kind), "singularResource": kind.singular(),
        "scope": if kind.namespaced() { "Namespaced" } else { "Cluster" }, "verbs": kind.verbs(),
    });
    if !kind.short.is_empty() {
        entry["shortNames"] = json!(kind.short);
    }
    if kind.in_all {
        entry["categories"] = json!(["all"]);
    }
    let subresources: Vec<Value> = kind
        .subresources
        .iter()
        .map(|(name, speaks)| {
            json!({"subresource": name, "responseKind": response(speaks), "verbs": kinds::subresource_verbs(name)})
        })
        .collect();
    if !subresources.is_empty() {
        entry["subresources"] = json!(subresources);
    }
    entry
}
