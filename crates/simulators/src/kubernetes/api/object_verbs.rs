//! get, list, watch, create, update, patch, delete and deletecollection of whole objects.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use hyper::{Method, Response};
use serde_json::{Value, json};

use super::super::controller::{self, LAST_RESTART};
use super::super::kinds::{self, Kind};
use super::super::object;
use super::super::patch;
use super::super::reply::{self, Body};
use super::super::request::Format;
use super::super::schema;
use super::super::selector::Selector;
use super::super::status::{self, Status};
use super::super::store::{Store, stamp};
use super::super::table;
use super::super::versions;
use super::super::watch::{Scope, Watch};
use super::{Call, validation};

/// What a deletion asks for besides the object.
#[derive(Debug, Default)]
pub(super) struct DeleteOptions {
    uid: Option<String>,
    resource_version: Option<String>,
    orphan: bool,
    grace_seconds: i64,
}

impl Call<'_> {
    pub(super) fn object(&self, method: &Method) -> Result<Response<Body>, Status> {
        match (method, self.target.name.is_some()) {
            (&Method::GET, true) => self.get(),
            (&Method::GET, false) if self.query.flag("watch") => self.watch(),
            (&Method::GET, false) => self.list(),
            (&Method::POST, false) => self.create(),
            (&Method::PUT, true) => self.update(),
            (&Method::PATCH, true) => self.patch(),
            (&Method::DELETE, true) => self.delete(),
            (&Method::DELETE, false) => self.delete_collection(),
            _ => Err(Status::method_not_allowed()),
        }
    }

    /// The object the request names.
    pub(super) fn current(&self, store: &Store) -> Result<Arc<Value>, Status> {
        let name = self.name()?;
        let found = store.get(self.kind(), self.namespace(), name);
        found.cloned().ok_or_else(|| Status::not_found(self.kind(), name))
    }

    fn get(&self) -> Result<Response<Body>, Status> {
        let found = self.current(&self.api.shared.lock().store)?;
        Ok(self.show(200, &found))
    }

    fn list(&self) -> Result<Response<Body>, Status> {
        let selector = Selector::parse(self.query, self.kind())?;
        let state = self.api.shared.lock();
        let (mut items, version) =
            (state.store.list(self.kind(), self.target.namespace.as_deref()), state.store.version());
        drop(state);
        items.retain(|item| selector.matches(item));
        let after = self.query.value("continue").filter(|token| !token.is_empty()).map(continue_from).transpose()?;
        if let Some(after) = after {
            items.retain(|item| list_key(item) > after);
        }
        let mut metadata = json!({"resourceVersion": version.to_string()});
        let limit =
            self.query.number("limit")?.and_then(|limit| usize::try_from(limit).ok()).filter(|limit| *limit > 0);
        if let Some(limit) = limit.filter(|limit| *limit < items.len()) {
            metadata["remainingItemCount"] = json!(items.len() - limit);
            items.truncate(limit);
            metadata["continue"] = json!(items.last().map(|last| URL_SAFE_NO_PAD.encode(list_key(last))));
        }
        Ok(self.show_list(&items, metadata))
    }

    fn show_list(&self, items: &[Arc<Value>], metadata: Value) -> Response<Body> {
        let kind = self.kind();
        let items: Vec<Value> = items.iter().map(|item| versions::to_served(kind, (**item).clone())).collect();
        let body = match self.format {
            Format::Objects => json!({
                "kind": format!("{}List", kind.kind), "apiVersion": kind.api_version(), "metadata": metadata, "items": items,
            }),
            Format::Metadata => json!({
                "kind": "PartialObjectMetadataList", "apiVersion": "meta.k8s.io/v1", "metadata": metadata,
                "items": items.iter().map(table::partial).collect::<Vec<_>>(),
            }),
            Format::Table { version, include } => {
                table::render(kind, &items, metadata, version, include, self.api.shared.now())
            }
        };
        reply::json(200, &body)
    }

    fn watch(&self) -> Result<Response<Body>, Status> {
        let selector = Selector::parse(self.query, self.kind())?;
        let scope =
            Scope { kind: self.kind(), namespace: self.target.namespace.clone(), selector, format: self.format };
        let watch = Watch::open(Arc::clone(&self.api.shared), self.api.stop.clone(), scope, self.query)?;
        Ok(reply::stream("application/json;stream=watch", watch.into_stream()))
    }

    fn create(&self) -> Result<Response<Body>, Status> {
        let kind = self.kind();
        validation::same_type(kind, &self.json_body()?)?;
        let mut object = self.typed_body()?;
        if kind.namespaced() {
            let own = self.target.namespace.as_deref().ok_or_else(Status::method_not_allowed)?;
            validation::same_namespace(&object, own)?;
            object::set(&mut object, &["metadata", "namespace"], own);
        }
        let created = self.api.shared.change(
            self.keep,
            |created: &Arc<Value>| self.admit(object::name(created)),
            |store| {
                let kind = self.stored_kind();
                self.owned(&Value::Null, &mut object, store.now);
                insert(store, kind, object)
            },
        )?;
        Ok(self.show(201, &created))
    }

    fn update(&self) -> Result<Response<Body>, Status> {
        let object = self.typed_body()?;
        self.replace(|_| Ok(object))
    }

    fn patch(&self) -> Result<Response<Body>, Status> {
        if self.media_type.starts_with(super::apply::MEDIA_TYPE) {
            return self.apply();
        }
        let (format, patch) = self.patch_body()?;
        self.replace(|old| {
            let old = versions::to_served(self.kind(), old.clone());
            let mut new = format.apply(&old, &patch, schema::of_kind(self.kind()))?;
            validation::is_object(&new)?;
            self.known_fields(&mut new, |why| {
                if why.starts_with("strict") {
                    let problem = format!("Invalid value: \"{}\": {why}", patch.to_string().escape_default());
                    Status::invalid(self.kind(), "", "patch", &problem)
                } else {
                    Status::bad_request(why)
                }
            })?;
            Ok(versions::to_stored(self.kind(), new))
        })
    }

    /// The patch in the body and its format.
    pub(super) fn patch_body(&self) -> Result<(patch::Format, Value), Status> {
        let format = patch::Format::of_media_type(self.media_type)
            .ok_or_else(|| Status::unsupported_media_type(self.media_type))?;
        let body = serde_json::from_slice(self.body).map_err(|_| Status::bad_request("the patch is not JSON"))?;
        Ok((format, body))
    }

    fn replace(&self, edit: impl FnOnce(&Value) -> Result<Value, Status>) -> Result<Response<Body>, Status> {
        let (kind, name) = (self.stored_kind(), self.name()?);
        let written = self.api.shared.change(
            self.keep,
            |_| self.admit(name),
            |store| {
                let old = self.current(store)?;
                let mut new = edit(&old)?;
                validation::is_object(&new)?;
                // Status is written through its own subresource.
                if kind.has_subresource("status") {
                    match old.get("status") {
                        Some(status) => new["status"] = status.clone(),
                        None => object::unset(&mut new, &["status"]),
                    }
                }
                validation::update(kind, &old, &new)?;
                self.owned(&old, &mut new, store.now);
                Ok(write(store, kind, new))
            },
        )?;
        Ok(self.show(200, &written))
    }

    fn delete(&self) -> Result<Response<Body>, Status> {
        let options = self.delete_options()?;
        let name = self.name()?;
        let answer = self.api.shared.change(
            self.keep,
            |_| self.admit(name),
            |store| {
                let object = self.current(store)?;
                options.check(self.kind(), &object)?;
                Ok(remove(store, self.kind(), &object, &options))
            },
        )?;
        Ok(reply::json(200, &answer))
    }

    fn delete_collection(&self) -> Result<Response<Body>, Status> {
        let selector = Selector::parse(self.query, self.kind())?;
        let options = self.delete_options()?;
        let removed = self.api.shared.change(
            self.keep,
            |removed: &Vec<Arc<Value>>| removed.first().map_or(Ok(()), |first| self.admit(object::name(first))),
            |store| {
                let mut found = store.list(self.kind(), self.target.namespace.as_deref());
                found.retain(|object| selector.matches(object));
                for object in &found {
                    remove(store, self.kind(), object, &options);
                }
                Ok(found)
            },
        )?;
        Ok(self.show_list(&removed, json!({})))
    }

    /// Reads the options from the body and, where the body is silent, from the query.
    pub(super) fn delete_options(&self) -> Result<DeleteOptions, Status> {
        let body: Value = if self.body.is_empty() { json!({}) } else { self.json_body()? };
        let text = |pointer: &str| body.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
        let policy = text("/propagationPolicy").or_else(|| self.query.value("propagationPolicy").map(str::to_owned));
        let grace = body["gracePeriodSeconds"]
            .as_i64()
            .map_or_else(|| self.query.number("gracePeriodSeconds"), |g| Ok(Some(g)))?;
        Ok(DeleteOptions {
            uid: text("/preconditions/uid"),
            resource_version: text("/preconditions/resourceVersion"),
            orphan: policy.as_deref() == Some("Orphan") || body["orphanDependents"] == json!(true),
            grace_seconds: grace.unwrap_or(30),
        })
    }
}

impl DeleteOptions {
    pub(super) fn check(&self, kind: &Kind, object: &Value) -> Result<(), Status> {
        let (name, uid) = (object::name(object), object::uid(object));
        if let Some(wanted) = self.uid.as_deref().filter(|wanted| *wanted != uid) {
            let why = format!("Precondition failed: UID in precondition: {wanted}, UID in object meta: {uid}");
            return Err(Status::conflict(kind, name, &why));
        }
        let version = object::text(object, "/metadata/resourceVersion");
        if let Some(wanted) = self.resource_version.as_deref().filter(|wanted| *wanted != version) {
            let why = format!(
                "Precondition failed: ResourceVersion in precondition: {wanted}, ResourceVersion in object meta: {version}"
            );
            return Err(Status::conflict(kind, name, &why));
        }
        Ok(())
    }
}

/// Adds an object with its defaults; everything about it is checked.
pub(in super::super) fn insert(
    store: &mut Store,
    kind: &'static Kind,
    mut object: Value,
) -> Result<Arc<Value>, Status> {
    let prefix = object::text(&object, "/metadata/generateName").to_owned();
    if object::name(&object).is_empty() && !prefix.is_empty() {
        let bits = store.draw();
        object::set(&mut object, &["metadata", "name"], format!("{prefix}{}", object::name_suffix(bits, 5)));
    }
    let (namespace, name) = (object::namespace(&object).to_owned(), object::name(&object).to_owned());
    validation::create(kind, &object)?;
    if kind.namespaced() && store.get(kinds::known("namespaces"), "", &namespace).is_none() {
        return Err(Status::not_found(kinds::known("namespaces"), &namespace));
    }
    if store.get(kind, &namespace, &name).is_some() {
        return Err(Status::already_exists(kind, &name));
    }
    fill_defaults(store, kind, &mut object);
    fill_workload_defaults(kind, &mut object);
    Ok(store.put(kind, object))
}

fn fill_defaults(store: &mut Store, kind: &Kind, object: &mut Value) {
    match kind.kind {
        "Namespace" => {
            object["status"] = json!({"phase": "Active"});
            let name = object::name(object).to_owned();
            object::set(object, &["metadata", "labels", "kubernetes.io/metadata.name"], name);
        }
        "Secret" => {
            if object.get("type").is_none() {
                object["type"] = json!("Opaque");
            }
            for (key, value) in object["stringData"].as_object().cloned().unwrap_or_default() {
                object::set(object, &["data", &key], STANDARD.encode(value.as_str().unwrap_or_default()));
            }
            object::unset(object, &["stringData"]);
        }
        "Event" if object::text(object, "/lastTimestamp").is_empty() => {
            // One of a seed tells of the last restart that the story has.
            let at = store.now.max(store.started - LAST_RESTART);
            for field in ["firstTimestamp", "lastTimestamp"] {
                object::set(object, &[field], stamp(at));
            }
            let about = &object["involvedObject"];
            let kind = kinds::of_object(object::text(about, "/apiVersion"), object::text(about, "/kind"));
            let subject =
                kind.and_then(|kind| store.get(kind, object::text(about, "/namespace"), object::text(about, "/name")));
            if let Some(uid) = subject.map(|subject| object::uid(subject).to_owned()) {
                object::set(object, &["involvedObject", "uid"], uid);
            }
        }
        "Service" if object::text(object, "/spec/clusterIP").is_empty() => {
            let bits = store.draw();
            // A dry run allocates nothing and answers with the range itself.
            let host = if store.rehearsed { (0, 0) } else { ((bits >> 8) & 0xff, 2 + bits % 250) };
            let address = format!("10.43.{}.{}", host.0, host.1);
            object::set(object, &["spec", "clusterIPs"], json!([address]));
            object::set(object, &["spec", "clusterIP"], address);
            if object["spec"].get("type").is_none() {
                object::set(object, &["spec", "type"], "ClusterIP");
            }
        }
        _ => {}
    }
}

/// Fields a later write that leaves them out gets again.
fn fill_workload_defaults(kind: &Kind, object: &mut Value) {
    match kind.kind {
        "Deployment" => controller::fill_deployment_defaults(object),
        "StatefulSet" | "DaemonSet" => controller::fill_set_defaults(object),
        _ => {}
    }
}

/// Writes a changed object; one that only waited for its last finalizer goes away.
pub(in super::super) fn write(store: &mut Store, kind: &'static Kind, mut object: Value) -> Arc<Value> {
    fill_workload_defaults(kind, &mut object);
    let waited = !object::text(&object, "/metadata/deletionTimestamp").is_empty();
    let written = store.put(kind, object);
    if waited && object::list(&written, "/metadata/finalizers").is_empty() {
        store.remove(kind, object::namespace(&written), object::name(&written));
    }
    written
}

/// Removes an object, or marks it when a finalizer holds it. The answer is a pod's last state, or a `Status`.
pub(super) fn remove(store: &mut Store, kind: &'static Kind, object: &Value, options: &DeleteOptions) -> Value {
    let mut last = object.clone();
    object::set(&mut last, &["metadata", "deletionTimestamp"], stamp(store.now));
    object::set(&mut last, &["metadata", "deletionGracePeriodSeconds"], options.grace_seconds);
    if !object::list(object, "/metadata/finalizers").is_empty() {
        return (*store.put(kind, last)).clone();
    }
    if options.orphan {
        store.release_dependents(object::uid(object));
    }
    if kind.kind == "Namespace" {
        store.empty_namespace(object::name(object));
    }
    store.remove(kind, object::namespace(object), object::name(object));
    if kind.kind == "Pod" { last } else { status::deleted(kind, object::name(object), object::uid(object)) }
}

fn list_key(item: &Value) -> String {
    format!("{}/{}", object::namespace(item), object::name(item))
}

fn continue_from(token: &str) -> Result<String, Status> {
    let bytes = URL_SAFE_NO_PAD.decode(token).ok();
    let text = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
    text.ok_or_else(|| Status::bad_request("continue key is not valid"))
}
