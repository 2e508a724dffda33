//! Server-side apply, and the record of who set which field.
//!
//! Source: Kubernetes, "Server-Side Apply". A configuration is read as JSON, which is what kubectl sends.

use std::sync::Arc;

use hyper::Response;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::super::object;
use super::super::ownership::Owners;
use super::super::reply::Body;
use super::super::schema;
use super::super::status::Status;
use super::super::store::{Store, stamp};
use super::super::versions;
use super::object_verbs::{insert, write};
use super::{Call, validation};

/// Media type of an apply configuration.
pub(super) const MEDIA_TYPE: &str = "application/apply-patch+yaml";

/// What became of an apply.
enum Applied {
    Made(Arc<Value>),
    Changed(Arc<Value>),
}

impl Call<'_> {
    pub(super) fn apply(&self) -> Result<Response<Body>, Status> {
        let name = self.name()?;
        if self.query.value("fieldManager").is_none_or(str::is_empty) {
            return Err(Status::bad_request(
                "PatchOptions.meta.k8s.io \"\" is invalid: fieldManager: Required value: is required for apply patch",
            ));
        }
        let configuration = self.json_body()?;
        validation::same_type(self.kind(), &configuration)?;
        validation::same_namespace(&configuration, self.namespace())?;
        if object::name(&configuration) != name {
            return Err(Status::bad_request("the name of the object does not match the name on the URL"));
        }
        let mut configuration = self.typed_body()?;
        if self.kind().namespaced() {
            object::set(&mut configuration, &["metadata", "namespace"], self.namespace());
        }
        let applied =
            self.api.shared.change(self.keep, |_| self.admit(name), |store| self.apply_to(store, configuration))?;
        Ok(match applied {
            Applied::Made(object) => self.show(201, &object),
            Applied::Changed(object) => self.show(200, &object),
        })
    }

    fn apply_to(&self, store: &mut Store, mut configuration: Value) -> Result<Applied, Status> {
        let (kind, now) = (self.stored_kind(), stamp(store.now));
        let message = schema::of_kind(kind).ok_or_else(Status::method_not_allowed)?;
        let Ok(live) = self.current(store) else {
            if !object::uid(&configuration).is_empty() {
                let why = "uid mismatch: the provided object specified a uid, and no existing object was found";
                return Err(Status::conflict(kind, object::name(&configuration), why));
            }
            let mut owners = Owners::default();
            drop(owners.apply(&self.manager, &json!({}), &configuration, message));
            owners.write(&mut configuration, &now);
            return insert(store, kind, configuration).map(Applied::Made);
        };
        let mut owners = Owners::of(&live);
        let conflicts = owners.conflicts(&self.manager, &live, &configuration, message);
        if !conflicts.is_empty() && !self.query.flag("force") {
            let told: Vec<(String, String)> = conflicts.into_iter().map(|one| (one.manager.name, one.field)).collect();
            return Err(Status::apply_conflict(&told));
        }
        let mut new = owners.apply(&self.manager, &live, &configuration, message);
        owners.write(&mut new, &now);
        validation::unchanged_since(kind, &live, &configuration)?;
        validation::update(kind, &live, &new)?;
        Ok(Applied::Changed(write(store, kind, new)))
    }

    /// Records on a changed object that the fields that changed are the sender's.
    pub(super) fn owned(&self, old: &Value, new: &mut Value, now: Timestamp) {
        let Some(message) = schema::of_kind(self.stored_kind()) else { return };
        let told = !object::list(new, "/metadata/managedFields").is_empty();
        let mut owners = Owners::of(if told { new } else { old });
        owners.updated(&self.manager, old, &versions::to_stored(self.kind(), new.clone()), message);
        if !told && old.is_object() {
            new["metadata"]["managedFields"] = old["metadata"]["managedFields"].clone();
        }
        owners.write(new, &stamp(now));
    }
}
