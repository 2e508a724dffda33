//! `OpenAPI`: which kinds there are, what their fields are, and what a request about them takes.
//!
//! kubectl reads it to explain a field, to check an object before it sends it, to make a strategic merge patch, and to
//! know which kinds take a dry run. Newer clients read version 3 as JSON, clients before 1.27 version 2 as protobuf; both
//! are written from the schema.

mod version_2;

use std::collections::BTreeSet;

use hyper::Response;
use serde_json::{Map, Value, json};

use super::discovery::VERSION;
use super::kinds::{KINDS, Kind};
use super::reply::{self, Body};
use super::schema::{self, Field, Message, Type};
use super::status::Status;

/// Media type of the protobuf form. Clients ask for it with an `@` before `v1.0`, which is not legal in an answer.
const PROTOBUF: &str = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf";

/// Query parameters every PATCH takes.
const PARAMETERS: [&str; 4] = ["dryRun", "fieldManager", "fieldValidation", "force"];

/// Answers a path below `/openapi/`.
pub(super) fn document(path: &str, accept: &str) -> Result<Response<Body>, Status> {
    match path {
        "v2" if accept.contains("protobuf") => Ok(reply::typed(200, PROTOBUF, version_2::document())),
        "v2" => Err(Status::not_acceptable()),
        "v3" => Ok(reply::json(200, &index())),
        _ => {
            let group_version = path.strip_prefix("v3/").ok_or_else(Status::no_such_path)?;
            version_3(group_version).map(|document| reply::json(200, &document)).ok_or_else(Status::no_such_path)
        }
    }
}

/// `api/v1` or `apis/GROUP/VERSION`.
fn root(kind: &Kind) -> String {
    let prefix = if kind.group.is_empty() { "api" } else { "apis" };
    format!("{prefix}/{}", kind.api_version())
}

fn object_path(kind: &Kind) -> String {
    let namespace = if kind.namespaced() { "namespaces/{namespace}/" } else { "" };
    format!("/{}/{namespace}{}/{{name}}", root(kind), kind.plural)
}

fn stored() -> impl Iterator<Item = &'static Kind> {
    KINDS.iter().filter(|kind| kind.stored())
}

fn index() -> Value {
    let entries = KINDS.iter().map(|kind| {
        let root = root(kind);
        let url = json!({"serverRelativeURL": format!("/openapi/v3/{root}")});
        (root, url)
    });
    json!({"paths": entries.collect::<Map<_, _>>()})
}

fn version_3(group_version: &str) -> Option<Value> {
    let rows: Vec<&'static Kind> = stored().filter(|kind| root(kind) == group_version).collect();
    let parameters: Vec<Value> =
        PARAMETERS.iter().map(|name| json!({"name": name, "in": "query", "schema": {"type": "string"}})).collect();
    let path = |kind: &&Kind| {
        let patch =
            json!({"parameters": parameters, "responses": {}, "x-kubernetes-group-version-kind": identity(kind)});
        (object_path(kind), json!({"patch": patch}))
    };
    let paths: Map<String, Value> = rows.iter().map(path).collect();
    let schemas: Map<String, Value> =
        reached(&rows).into_iter().map(|name| (full_name(name), object_schema(name, &rows))).collect();
    let info = json!({"title": "Kubernetes", "version": VERSION});
    (!rows.is_empty())
        .then(|| json!({"openapi": "3.0.0", "info": info, "paths": paths, "components": {"schemas": schemas}}))
}

fn identity(kind: &Kind) -> Value {
    json!({"group": kind.group, "version": kind.version, "kind": kind.kind})
}

/// The kind whose objects are of this type.
fn kind_of<'a>(name: &str, kinds: &[&'a Kind]) -> Option<&'a Kind> {
    kinds.iter().copied().find(|kind| schema::of_kind(kind).is_some_and(|message| message.name == name))
}

/// The types of these kinds and of everything in them.
fn reached(kinds: &[&'static Kind]) -> BTreeSet<&'static str> {
    let mut todo: Vec<&'static Message> = kinds.iter().filter_map(|kind| schema::of_kind(kind)).collect();
    let mut done = BTreeSet::new();
    while let Some(message) = todo.pop() {
        if done.insert(message.name) {
            todo.extend(message.all().filter_map(|field| field.holds.leaf()));
        }
    }
    done
}

/// `io.k8s.api.core.v1.Container`, as the real documents name a type.
fn full_name(name: &str) -> String {
    match name.strip_prefix("meta.") {
        Some(rest) => format!("io.k8s.apimachinery.pkg.apis.meta.{rest}"),
        None => format!("io.k8s.api.{name}"),
    }
}

fn object_schema(name: &str, kinds: &[&Kind]) -> Value {
    let Some(message) = schema::message(name) else { return json!({"type": "object"}) };
    let mut properties: Map<String, Value> =
        message.all().map(|field| (field.name.to_owned(), property(field))).collect();
    let required: Vec<&str> = message.all().filter(|field| field.required).map(|field| field.name).collect();
    let mut schema = json!({"type": "object", "description": sentence(message.about)});
    if let Some(kind) = kind_of(name, kinds) {
        for (field, about) in TYPE_META {
            properties.insert(field.to_owned(), json!({"type": "string", "description": about}));
        }
        schema["x-kubernetes-group-version-kind"] = json!([identity(kind)]);
    }
    schema["properties"] = Value::Object(properties);
    if !required.is_empty() {
        schema["required"] = json!(required);
    }
    schema
}

/// Source: apimachinery, `TypeMeta`.
const TYPE_META: [(&str, &str); 2] = [
    ("apiVersion", "APIVersion defines the versioned schema of this representation of an object."),
    ("kind", "Kind is a string value representing the REST resource this object represents."),
];

fn sentence(about: &str) -> String {
    if about.is_empty() || about.ends_with('…') { about.to_owned() } else { format!("{about}.") }
}

fn property(field: &Field) -> Value {
    let mut property = type_schema(&field.holds);
    property["description"] = json!(sentence(field.about));
    for (name, value) in extensions(field) {
        property[name] = value;
    }
    property
}

/// How the field merges, in Kubernetes' extensions.
fn extensions(field: &Field) -> Vec<(&'static str, Value)> {
    let merge = &field.merge;
    let mut found = Vec::new();
    let strategy: Vec<&str> = [(merge.key.is_some() || merge.set, "merge"), (merge.retain, "retainKeys")]
        .into_iter()
        .filter_map(|(is, word)| is.then_some(word))
        .collect();
    if !strategy.is_empty() {
        found.push(("x-kubernetes-patch-strategy", json!(strategy.join(","))));
    }
    found.extend(merge.key.map(|key| ("x-kubernetes-patch-merge-key", json!(key))));
    if !merge.keys.is_empty() {
        found.push(("x-kubernetes-list-type", json!("map")));
        found.push(("x-kubernetes-list-map-keys", json!(merge.keys)));
    } else if merge.whole && matches!(field.holds, Type::List(_)) {
        found.push(("x-kubernetes-list-type", json!("atomic")));
    }
    found
}

fn type_schema(holds: &Type) -> Value {
    match holds {
        Type::Message(name) => json!({"allOf": [{"$ref": format!("#/components/schemas/{}", full_name(name))}]}),
        Type::List(of) | Type::NamedList(of) => json!({"type": "array", "items": type_schema(of)}),
        Type::Map(of) => json!({"type": "object", "additionalProperties": type_schema(of)}),
        Type::Raw => json!({"type": "object"}),
        Type::IntOrText => json!({"format": "int-or-string", "oneOf": [{"type": "integer"}, {"type": "string"}]}),
        Type::Quantity => json!({"oneOf": [{"type": "string"}, {"type": "number"}]}),
        other => {
            let (kind, format) = scalar(other);
            format.map_or_else(|| json!({"type": kind}), |format| json!({"type": kind, "format": format}))
        }
    }
}

/// The JSON type of a scalar and its format.
fn scalar(holds: &Type) -> (&'static str, Option<&'static str>) {
    match holds {
        Type::Integer => ("integer", Some("int32")),
        Type::Number => ("number", Some("double")),
        Type::Boolean => ("boolean", None),
        Type::Bytes => ("string", Some("byte")),
        Type::Time => ("string", Some("date-time")),
        Type::IntOrText => ("string", Some("int-or-string")),
        _ => ("string", None),
    }
}
