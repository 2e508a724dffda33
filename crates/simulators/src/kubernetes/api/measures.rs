//! `metrics.k8s.io`: what nodes and pods use, made up from what their containers ask for.
//!
//! Source: the resource metrics API of k8s.io/metrics. A running container uses half of what it requests.

use hyper::{Method, Response};
use serde_json::{Value, json};

use super::super::kinds;
use super::super::object;
use super::super::reply::{self, Body};
use super::super::selector::Selector;
use super::super::status::Status;
use super::super::store::{Store, stamp};
use super::Call;

impl Call<'_> {
    pub(super) fn measure(&self, method: &Method) -> Result<Response<Body>, Status> {
        if method != Method::GET {
            return Err(Status::method_not_allowed());
        }
        let selector = Selector::parse(self.query, self.kind())?;
        let state = self.api.shared.lock();
        let found = state.store.list(kinds::known(self.kind().plural), self.target.namespace.as_deref());
        let now = stamp(self.api.shared.now());
        let measured =
            found.iter().filter(|one| selector.matches(one)).map(|one| self.measured(&state.store, one, &now));
        let mut items: Vec<Value> = measured.collect();
        drop(state);
        if let Some(name) = &self.target.name {
            items.retain(|item| object::name(item) == name);
            let found = items.pop().ok_or_else(|| Status::not_found(self.kind(), name))?;
            return Ok(reply::json(200, &found));
        }
        let kind = format!("{}List", self.kind().kind);
        let api_version = self.kind().api_version();
        Ok(reply::json(200, &json!({"kind": kind, "apiVersion": api_version, "metadata": {}, "items": items})))
    }

    fn measured(&self, store: &Store, of: &Value, now: &str) -> Value {
        let (kind, api_version) = (self.kind().kind, self.kind().api_version());
        let mut measured = json!({
            "kind": kind, "apiVersion": api_version, "timestamp": now, "window": "30s",
            "metadata": {"name": object::name(of), "labels": of["metadata"]["labels"], "creationTimestamp": now},
        });
        if self.kind().namespaced() {
            object::set(&mut measured, &["metadata", "namespace"], object::namespace(of));
            let containers = object::list(of, "/spec/containers");
            let usage = |one: &Value| json!({"name": one["name"], "usage": shown(used(one))});
            measured["containers"] = containers.iter().map(usage).collect();
            return measured;
        }
        let pods = store.list(kinds::known("pods"), None);
        let here = pods.iter().filter(|pod| object::text(pod, "/spec/nodeName") == object::name(of));
        let total = here
            .flat_map(|pod| object::list(pod, "/spec/containers"))
            .map(used)
            .fold((0, 0), |(cpu, memory), one| (cpu + one.0, memory + one.1));
        measured["usage"] = shown(total);
        measured
    }
}

/// Thousandths of a processor and mebibytes.
fn used(container: &Value) -> (u64, u64) {
    let requests = |name: &str| object::text(container, &format!("/resources/requests/{name}")).to_owned();
    let whole = |text: String, unit: &str| text.strip_suffix(unit).and_then(|number| number.parse::<u64>().ok());
    (whole(requests("cpu"), "m").unwrap_or(20) / 2, whole(requests("memory"), "Mi").unwrap_or(32) / 2)
}

fn shown((cpu, memory): (u64, u64)) -> Value {
    json!({"cpu": format!("{cpu}m"), "memory": format!("{memory}Mi")})
}
