//! Subresources: log, scale, status, eviction, token; and a plain no to what needs a kubelet.

use std::sync::Arc;

use hyper::{Method, Response};
use serde_json::{Value, json};

use super::super::controller;
use super::super::kinds;
use super::super::logs::LogRequest;
use super::super::object;
use super::super::reply::{self, Body};
use super::super::schema;
use super::super::status::{self, Status};
use super::super::watch;
use super::object_verbs::{remove, write};
use super::{Call, validation};

impl Call<'_> {
    pub(super) fn subresource(&self, subresource: &str, method: &Method) -> Result<Response<Body>, Status> {
        match (subresource, method) {
            ("log", &Method::GET) => self.log(),
            ("scale", &Method::GET) => {
                let object = self.current(&self.api.shared.lock().store)?;
                Ok(reply::json(200, &scale_of(&object)))
            }
            ("scale", &Method::PUT | &Method::PATCH) => self.write_scale(method),
            ("status" | "approval", &Method::GET) => {
                let object = self.current(&self.api.shared.lock().store)?;
                Ok(self.show(200, &object))
            }
            // An approval is a condition of the status.
            ("status" | "approval", &Method::PUT | &Method::PATCH) => self.write_status(method),
            ("eviction", &Method::POST) => self.evict(),
            ("token", &Method::POST) => self.issue_token(),
            ("exec" | "attach" | "portforward" | "proxy", _) => {
                self.current(&self.api.shared.lock().store)?;
                Err(Status::no_kubelet(subresource))
            }
            _ => Err(Status::method_not_allowed()),
        }
    }

    fn log(&self) -> Result<Response<Body>, Status> {
        let state = self.api.shared.lock();
        let pod = self.current(&state.store)?;
        let request = LogRequest::parse(self.query, &pod, self.api.shared.now())?;
        let backlog = request.backlog(&state.store, object::name(&pod))?;
        drop(state);
        if !request.follow {
            return Ok(reply::typed(200, "text/plain", backlog));
        }
        let lines = watch::follow(Arc::clone(&self.api.shared), self.api.stop.clone(), request, backlog);
        Ok(reply::stream("text/plain", lines))
    }

    /// The new form of what the request writes: the body itself, or the old form with the body's patch.
    fn edited(&self, method: &Method, old: &Value) -> Result<Value, Status> {
        if method == Method::PUT {
            return self.json_body();
        }
        let (format, patch) = self.patch_body()?;
        format.apply(old, &patch, schema::of_object(object::text(old, "/apiVersion"), object::text(old, "/kind")))
    }

    fn write_scale(&self, method: &Method) -> Result<Response<Body>, Status> {
        let (kind, name) = (self.kind(), self.name()?);
        let written = self.api.shared.change(
            self.keep,
            |_| self.admit(name),
            |store| {
                let old = self.current(store)?;
                let scale = self.edited(method, &scale_of(&old))?;
                validation::unchanged_since(kind, &old, &scale)?;
                let mut new = (*old).clone();
                object::set(&mut new, &["spec", "replicas"], object::number(&scale, "/spec/replicas", 0));
                validation::update(kind, &old, &new)?;
                self.owned(&old, &mut new, store.now);
                Ok(write(store, kind, new))
            },
        )?;
        Ok(reply::json(200, &scale_of(&written)))
    }

    fn write_status(&self, method: &Method) -> Result<Response<Body>, Status> {
        let (kind, name) = (self.kind(), self.name()?);
        let written = self.api.shared.change(
            self.keep,
            |_| self.admit(name),
            |store| {
                let old = self.current(store)?;
                let edited = self.edited(method, &old)?;
                validation::unchanged_since(kind, &old, &edited)?;
                let mut new = (*old).clone();
                new["status"] = edited["status"].clone();
                Ok(write(store, kind, new))
            },
        )?;
        Ok(self.show(200, &written))
    }

    fn evict(&self) -> Result<Response<Body>, Status> {
        let name = self.name()?;
        let uid = self.api.shared.change(
            self.keep,
            |_| self.admit(name),
            |store| {
                let pod = self.current(store)?;
                controller::disruption_allowed(store, &pod).map_err(|why| Status::disruption(&why))?;
                remove(store, self.kind(), &pod, &self.eviction_options()?);
                Ok(object::uid(&pod).to_owned())
            },
        )?;
        Ok(reply::json(201, &status::deleted(self.kind(), name, &uid)))
    }

    fn eviction_options(&self) -> Result<super::object_verbs::DeleteOptions, Status> {
        let eviction = self.json_body()?;
        validation::eviction(&eviction)?;
        Ok(super::object_verbs::DeleteOptions::default())
    }

    fn issue_token(&self) -> Result<Response<Body>, Status> {
        let name = self.name()?;
        self.admit(name)?;
        let request = self.json_body()?;
        let now = self.api.shared.now();
        let mut state = self.api.shared.lock();
        let state = &mut *state;
        if state.store.get(kinds::known("serviceaccounts"), self.namespace(), name).is_none() {
            return Err(Status::not_found(self.kind(), name));
        }
        let answer = state.tokens.issue(self.namespace(), name, &request, &state.store, now)?;
        Ok(reply::json(201, &answer))
    }
}

/// The `Scale` of a workload.
fn scale_of(object: &Value) -> Value {
    let metadata = &object["metadata"];
    let labels = object.pointer("/spec/selector/matchLabels").and_then(Value::as_object);
    let pairs =
        labels.into_iter().flatten().map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or_default()));
    json!({
        "kind": "Scale", "apiVersion": "autoscaling/v1",
        "metadata": {
            "name": metadata["name"], "namespace": metadata["namespace"], "uid": metadata["uid"],
            "resourceVersion": metadata["resourceVersion"], "creationTimestamp": metadata["creationTimestamp"],
        },
        "spec": {"replicas": object::number(object, "/spec/replicas", 1)},
        "status": {
            "replicas": object::number(object, "/status/replicas", 0), "selector": pairs.collect::<Vec<_>>().join(","),
        },
    })
}
