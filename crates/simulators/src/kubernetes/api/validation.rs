//! What the API server refuses about an object itself.
//!
//! Limits are those of the Kubernetes documentation, "Object Names and IDs" and "Labels and Selectors".

use serde_json::Value;

use super::super::kinds::Kind;
use super::super::object;
use super::super::status::Status;

/// Longest object name in characters.
const MAX_NAME: usize = 253;
/// Most pods one workload of this stand-in may ask for; the real server has no such limit.
const MAX_PODS: i64 = 500;
/// Longest label value in characters.
const MAX_LABEL: usize = 63;

const NAME_RULE: &str = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character";
const LABEL_RULE: &str = "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character";

/// A patch can make anything of an object; what is no object any more is refused.
pub(super) fn is_object(new: &Value) -> Result<(), Status> {
    if new.is_object() { Ok(()) } else { Err(Status::bad_request("the patched object is not an object")) }
}

/// A body of another type than the path's is refused.
pub(super) fn same_type(kind: &Kind, body: &Value) -> Result<(), Status> {
    let (api_version, found) = (object::text(body, "/apiVersion"), object::text(body, "/kind"));
    if api_version == kind.api_version() && found == kind.kind {
        return Ok(());
    }
    Err(Status::bad_request(format!(
        "{found} in version \"{api_version}\" cannot be handled as a {}: no kind \"{found}\" is registered for this path",
        kind.kind
    )))
}

/// A body of another namespace than the path's is refused.
pub(super) fn same_namespace(body: &Value, namespace: &str) -> Result<(), Status> {
    let own = object::namespace(body);
    if own.is_empty() || own == namespace {
        return Ok(());
    }
    Err(Status::bad_request("the namespace of the provided object does not match the namespace sent on the request"))
}

/// An eviction names a pod.
pub(super) fn eviction(body: &Value) -> Result<(), Status> {
    match object::text(body, "/kind") {
        "Eviction" => Ok(()),
        other => Err(Status::bad_request(format!("`{other}` is not an Eviction"))),
    }
}

/// Checks a new object.
pub(super) fn create(kind: &Kind, new: &Value) -> Result<(), Status> {
    let name = object::name(new);
    if name.is_empty() {
        return Err(Status::invalid(kind, name, "metadata.name", "Required value: name or generateName is required"));
    }
    let legal = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '.');
    // Names of RBAC objects may be almost anything, and `system:` ones are.
    let colon = kind.group == "rbac.authorization.k8s.io";
    let characters = name.chars().all(|c| legal(c) || (colon && c == ':'));
    if !characters || name.len() > MAX_NAME || !edges_alphanumeric(name) {
        return Err(Status::invalid(kind, name, "metadata.name", &format!("Invalid value: \"{name}\": {NAME_RULE}")));
    }
    common(kind, new)
}

/// Checks a changed object against the old one.
pub(super) fn update(kind: &Kind, old: &Value, new: &Value) -> Result<(), Status> {
    let (was, is) = (object::name(old), object::name(new));
    if was != is || object::namespace(old) != object::namespace(new) {
        let message = format!("the name of the object ({is}) does not match the name on the URL ({was})");
        return Err(Status::bad_request(message));
    }
    same_type(kind, new)?;
    unchanged_since(kind, old, new)?;
    if kind.group == "apps" && old["spec"]["selector"] != new["spec"]["selector"] {
        return Err(Status::invalid(kind, is, "spec.selector", "Invalid value: field is immutable"));
    }
    if kind.kind == "Secret" && old["type"] != new["type"] {
        return Err(Status::invalid(kind, is, "type", "Invalid value: field is immutable"));
    }
    common(kind, new)
}

/// A write that names a version or uid other than the current one is refused.
pub(super) fn unchanged_since(kind: &Kind, old: &Value, new: &Value) -> Result<(), Status> {
    let name = object::name(old);
    let (was, is) = (object::uid(old), object::uid(new));
    if !is.is_empty() && was != is {
        let why = format!("Precondition failed: UID in precondition: {is}, UID in object meta: {was}");
        return Err(Status::conflict(kind, name, &why));
    }
    let (was, is) = (object::text(old, "/metadata/resourceVersion"), object::text(new, "/metadata/resourceVersion"));
    if !is.is_empty() && was != is {
        let why = "the object has been modified; please apply your changes to the latest version and try again";
        return Err(Status::conflict(kind, name, why));
    }
    Ok(())
}

fn common(kind: &Kind, new: &Value) -> Result<(), Status> {
    let name = object::name(new);
    if let Some(labels) = new.pointer("/metadata/labels").and_then(Value::as_object) {
        for value in labels.values() {
            let text = value.as_str().unwrap_or("\u{0}");
            if !label_value(text) {
                let problem = format!("Invalid value: \"{}\": {LABEL_RULE}", text.escape_default());
                return Err(Status::invalid(kind, name, "metadata.labels", &problem));
            }
        }
    }
    let replicas = object::number(new, "/spec/replicas", 0);
    if kind.group == "apps" && replicas < 0 {
        let problem = format!("Invalid value: {replicas}: must be greater than or equal to 0");
        return Err(Status::invalid(kind, name, "spec.replicas", &problem));
    }
    for field in ["replicas", "completions"] {
        let pods = object::number(new, &format!("/spec/{field}"), 0);
        if pods > MAX_PODS {
            let problem = format!("Invalid value: {pods}: this stand-in runs at most {MAX_PODS} pods of a workload");
            return Err(Status::invalid(kind, name, &format!("spec.{field}"), &problem));
        }
    }
    let workload = matches!(kind.kind, "Deployment" | "ReplicaSet" | "StatefulSet" | "DaemonSet");
    let template = &new["spec"]["template"];
    if workload && !object::carries(template, new.pointer("/spec/selector/matchLabels")) {
        let labels = &template["metadata"]["labels"];
        let problem = format!("Invalid value: {labels}: `selector` does not match template `labels`");
        return Err(Status::invalid(kind, name, "spec.template.metadata.labels", &problem));
    }
    Ok(())
}

fn label_value(text: &str) -> bool {
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    text.is_empty() || (text.len() <= MAX_LABEL && text.chars().all(legal) && edges_alphanumeric(text))
}

fn edges_alphanumeric(text: &str) -> bool {
    let alphanumeric = |c: char| c.is_ascii_alphanumeric();
    text.starts_with(alphanumeric) && text.ends_with(alphanumeric)
}
