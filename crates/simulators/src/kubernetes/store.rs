//! What the cluster holds, and the only way to change it.
//!
//! **Invariant:** a change happens on a copy and is kept whole or not at all, so a dry run and a refused request leave
//! no trace. Every kept change has its own resource version and one event for the watchers.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::Value;

use super::controller::Rollouts;
use super::kinds::{self, Kind};
use super::logs::Log;
use super::object;

/// One change of one object, for watchers.
#[derive(Debug, Clone)]
pub(super) struct Event {
    pub(super) version: u64,
    pub(super) kind: &'static Kind,
    pub(super) before: Option<Arc<Value>>,
    pub(super) after: Option<Arc<Value>>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    resource: &'static str,
    group: &'static str,
    namespace: String,
    name: String,
}

impl Key {
    fn new(kind: &'static Kind, namespace: &str, name: &str) -> Self {
        let namespace = if kind.namespaced() { namespace.to_owned() } else { String::new() };
        Self { resource: kind.plural, group: kind.group, namespace, name: name.to_owned() }
    }
}

/// All objects and logs at one resource version.
#[derive(Debug, Clone)]
pub(super) struct Store {
    objects: BTreeMap<Key, Arc<Value>>,
    /// Logs by pod uid and container.
    pub(super) logs: BTreeMap<(String, String), Log>,
    /// The time of the change under way; every timestamp written is this one.
    pub(super) now: Timestamp,
    /// When the server started; the story of a seed is told relative to it.
    pub(super) started: Timestamp,
    /// What of the deployments does not go by itself.
    pub(super) rollouts: Rollouts,
    version: u64,
    draws: u64,
    /// True while nothing of it will be kept.
    pub(super) rehearsed: bool,
    /// Whether a kubelet runs the pods of Jobs.
    pub(super) runs_pods: bool,
    events: Vec<Event>,
}

impl Store {
    /// An empty cluster. `name` makes the generated names of two clusters differ.
    pub(super) fn new(name: &str, now: Timestamp, started: Timestamp) -> Self {
        let draws = object::fingerprint(&Value::from(name));
        let (objects, logs, events) = (BTreeMap::new(), BTreeMap::new(), Vec::new());
        let rollouts = Rollouts::default();
        Self { objects, logs, now, started, rollouts, version: 1000, draws, rehearsed: false, runs_pods: false, events }
    }

    pub(super) fn version(&self) -> u64 {
        self.version
    }

    /// Makes this copy one of which nothing is kept: a dry run draws other names and uids each time.
    pub(super) fn rehearse(&mut self, nth: usize) {
        self.rehearsed = true;
        self.draws ^= object::fingerprint(&Value::from(nth));
    }

    /// The next bits for names and uids: splitmix64, so that a run's names are the same every time.
    pub(super) fn draw(&mut self) -> u64 {
        self.draws = self.draws.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.draws;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }

    /// A uid in the form of a random UUID (RFC 9562, version 4).
    pub(super) fn fresh_uid(&mut self) -> String {
        let (high, low) = (self.draw(), self.draw());
        let variant = ((low >> 48) & 0x3fff) | 0x8000;
        let (middle, node) = ((high >> 16) & 0xffff, low & 0xffff_ffff_ffff);
        format!("{:08x}-{middle:04x}-4{:03x}-{variant:04x}-{node:012x}", high >> 32, high & 0xfff)
    }

    pub(super) fn get(&self, kind: &'static Kind, namespace: &str, name: &str) -> Option<&Arc<Value>> {
        self.objects.get(&Key::new(kind, namespace, name))
    }

    /// Objects of a kind in one namespace, or in all, by namespace and name.
    pub(super) fn list(&self, kind: &'static Kind, namespace: Option<&str>) -> Vec<Arc<Value>> {
        let of_kind = self.objects.iter().filter(|(key, _)| key.resource == kind.plural && key.group == kind.group);
        of_kind
            .filter(|(key, _)| namespace.is_none_or(|wanted| key.namespace == wanted))
            .map(|(_, object)| Arc::clone(object))
            .collect()
    }

    /// Objects of a kind controlled by the owner with this uid.
    pub(super) fn owned(&self, kind: &'static Kind, owner: &Value) -> Vec<Arc<Value>> {
        let mut objects = self.list(kind, Some(object::namespace(owner)));
        objects.retain(|object| object::controller_uid(object) == Some(object::uid(owner)));
        objects
    }

    /// Writes an object: gives a new one its uid and time, bumps the resource version, and the generation when the spec
    /// changed. Writing what is already there changes nothing.
    pub(super) fn put(&mut self, kind: &'static Kind, mut object: Value) -> Arc<Value> {
        let kind = kinds::find_stored(kind.group, kind.plural);
        let key = Key::new(kind, object::namespace(&object), object::name(&object));
        let before = self.objects.get(&key).cloned();
        let has_spec = object.get("spec").is_some();
        match &before {
            None => {
                let uid = self.fresh_uid();
                object::set(&mut object, &["metadata", "uid"], uid);
                if object::text(&object, "/metadata/creationTimestamp").is_empty() {
                    object::set(&mut object, &["metadata", "creationTimestamp"], stamp(self.now));
                }
                if has_spec {
                    object::set(&mut object, &["metadata", "generation"], 1);
                }
            }
            Some(old) => {
                for field in ["uid", "creationTimestamp", "resourceVersion", "generation"] {
                    object["metadata"][field] = old["metadata"][field].clone();
                }
                if has_spec && object["spec"] != old["spec"] {
                    let generation = object::number(old, "/metadata/generation", 0) + 1;
                    object::set(&mut object, &["metadata", "generation"], generation);
                }
                object["metadata"]
                    .as_object_mut()
                    .expect("fields were just written")
                    .retain(|_, value| !value.is_null());
                if object == **old {
                    return Arc::clone(old);
                }
            }
        }
        self.version += 1;
        object::set(&mut object, &["metadata", "resourceVersion"], self.version.to_string());
        let after = Arc::new(object);
        self.objects.insert(key, Arc::clone(&after));
        self.events.push(Event { version: self.version, kind, before, after: Some(Arc::clone(&after)) });
        after
    }

    /// Removes an object and, for a pod, its logs.
    pub(super) fn remove(&mut self, kind: &'static Kind, namespace: &str, name: &str) -> Option<Arc<Value>> {
        let kind = kinds::find_stored(kind.group, kind.plural);
        let removed = self.objects.remove(&Key::new(kind, namespace, name))?;
        self.version += 1;
        self.logs.retain(|(pod, _), _| pod != object::uid(&removed));
        self.events.push(Event { version: self.version, kind, before: Some(Arc::clone(&removed)), after: None });
        Some(removed)
    }

    /// Removes everything inside a namespace.
    pub(super) fn empty_namespace(&mut self, namespace: &str) {
        for kind in kinds::KINDS.iter().filter(|kind| kind.namespaced()) {
            for object in self.list(kind, Some(namespace)) {
                self.remove(kind, namespace, object::name(&object));
            }
        }
    }

    /// Removes what its owners left behind, until nothing is left to remove.
    pub(super) fn collect_garbage(&mut self) {
        loop {
            let uids: Vec<String> = self.objects.values().map(|object| object::uid(object).to_owned()).collect();
            let orphans: Vec<Key> = self
                .objects
                .iter()
                .filter(|(_, object)| abandoned(object, &uids))
                .map(|(key, _)| key.clone())
                .collect();
            if orphans.is_empty() {
                return;
            }
            for key in orphans {
                let kind = kinds::find_stored(key.group, key.resource);
                self.remove(kind, &key.namespace, &key.name);
            }
        }
    }

    /// Takes the owner with this uid out of every object, so that its removal leaves them be.
    pub(super) fn release_dependents(&mut self, owner_uid: &str) {
        let held: Vec<(Key, Arc<Value>)> = self
            .objects
            .iter()
            .filter(|(_, object)| {
                object::list(object, "/metadata/ownerReferences").iter().any(|o| o["uid"] == owner_uid)
            })
            .map(|(key, object)| (key.clone(), Arc::clone(object)))
            .collect();
        for (key, object) in held {
            let mut object = (*object).clone();
            if let Some(owners) = object["metadata"]["ownerReferences"].as_array_mut() {
                owners.retain(|owner| owner["uid"] != owner_uid);
            }
            self.put(kinds::find_stored(key.group, key.resource), object);
        }
    }

    /// The events of the change under way.
    pub(super) fn take_events(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.events)
    }
}

fn abandoned(object: &Value, uids: &[String]) -> bool {
    let owners = object::list(object, "/metadata/ownerReferences");
    !owners.is_empty() && owners.iter().all(|owner| !uids.iter().any(|uid| owner["uid"] == uid.as_str()))
}

/// A time as Kubernetes writes it: RFC 3339, UTC, whole seconds.
pub(super) fn stamp(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}
