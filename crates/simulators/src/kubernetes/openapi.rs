//! As much of `OpenAPI` as kubectl reads before a server-side dry run: which kinds take `dryRun` and `fieldValidation`.
//!
//! Newer clients read version 3 as JSON. Clients before 1.27 read version 2, and only as protobuf; field numbers are
//! those of gnostic's `openapiv2/OpenAPIv2.proto`.

use hyper::Response;
use serde_json::{Map, Value, json};

use super::kinds::{KINDS, Kind};
use super::protobuf::{nested, text};
use super::reply::{self, Body};
use super::status::Status;

/// Media type of the protobuf form. Clients ask for it with an `@` before `v1.0`, which is not legal in an answer.
const PROTOBUF: &str = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf";

/// Query parameters every PATCH takes.
const PARAMETERS: [&str; 4] = ["dryRun", "fieldManager", "fieldValidation", "force"];

/// Answers a path below `/openapi/`.
pub(super) fn document(path: &str, accept: &str) -> Result<Response<Body>, Status> {
    match path {
        "v2" if accept.contains("protobuf") => Ok(reply::typed(200, PROTOBUF, version_2())),
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
    KINDS.iter().filter(|kind| !kind.review)
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
    let rows: Vec<&Kind> = stored().filter(|kind| root(kind) == group_version).collect();
    let parameters: Vec<Value> =
        PARAMETERS.iter().map(|name| json!({"name": name, "in": "query", "schema": {"type": "string"}})).collect();
    let path = |kind: &&Kind| {
        let gvk = json!({"group": kind.group, "version": kind.version, "kind": kind.kind});
        let patch = json!({"parameters": parameters, "responses": {}, "x-kubernetes-group-version-kind": gvk});
        (object_path(kind), json!({"patch": patch}))
    };
    let paths: Map<String, Value> = rows.iter().map(path).collect();
    let info = json!({"title": "Kubernetes", "version": "v1.32.4"});
    (!rows.is_empty()).then(|| json!({"openapi": "3.0.0", "info": info, "paths": paths}))
}

fn version_2() -> Vec<u8> {
    let info = [text(1, "Kubernetes"), text(2, "v1.32.4")].concat();
    let paths: Vec<u8> = stored().flat_map(|kind| nested(2, &path_2(kind))).collect();
    [text(1, "2.0"), nested(2, &info), nested(8, &paths)].concat()
}

fn path_2(kind: &Kind) -> Vec<u8> {
    let parameters = PARAMETERS.iter().flat_map(|name| {
        let query = [text(2, "query"), text(4, name), text(6, "string")].concat();
        // Parameter.non_body_parameter.query_parameter_sub_schema, inside ParametersItem.parameter.
        nested(8, &nested(1, &nested(2, &nested(3, &query))))
    });
    let gvk = format!("group: \"{}\"\nkind: {}\nversion: {}\n", kind.group, kind.kind, kind.version);
    let extension = [text(1, "x-kubernetes-group-version-kind"), nested(2, &text(2, &gvk))].concat();
    let operation: Vec<u8> = parameters.chain(nested(13, &extension)).collect();
    [text(1, &object_path(kind)), nested(2, &nested(8, &operation))].concat()
}
