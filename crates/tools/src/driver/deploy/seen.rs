//! A deployment, as far as a rollout looks at it.
//!
//! **Invariant:** it is one answer of the cluster; nothing in it is put together from two.

use super::marks::Marks;
use super::settings::Service;
use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ManagedFieldsEntry;
use std::collections::BTreeMap;

/// What the cluster says of a deployment.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    pub(super) uid: String,
    /// Every change of it is another one.
    pub(super) version: String,
    /// Every change of its spec is another one.
    pub(super) generation: i64,
    /// The spec that its status speaks of.
    pub(super) observed: i64,
    pub(super) paused: bool,
    /// The image of the container.
    pub(super) image: String,
    pub(super) marks: Marks,
    /// The labels of the pods it makes.
    pub(super) labels: BTreeMap<String, String>,
    pub(super) counts: Counts,
    /// Why the cluster has given up on it.
    pub(super) given_up: Option<String>,
    /// Who changed its spec last, and when.
    pub(super) changed: Option<(String, String)>,
    /// When ours was applied last.
    pub(super) applied: Option<String>,
}

/// How many pods.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) wanted: i32,
    pub(super) all: i32,
    pub(super) updated: i32,
    pub(super) available: i32,
}

/// Why a deployment cannot be rolled out.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unfit {
    #[error("it has no container `{0}`")]
    NoContainer(String),
    #[error("the cluster's answer is not a deployment")]
    Strange,
}

/// By whose name we change things.
pub(super) const MANAGER: &str = "countersign";

impl Seen {
    pub(super) fn of(deployment: &Deployment, service: &Service) -> Result<Self, Unfit> {
        let meta = &deployment.metadata;
        let spec = deployment.spec.as_ref().ok_or(Unfit::Strange)?;
        let status = deployment.status.clone().unwrap_or_default();
        let pods = spec.template.spec.as_ref().ok_or(Unfit::Strange)?;
        let container = pods.containers.iter().find(|one| one.name == service.container);
        let container = container.ok_or_else(|| Unfit::NoContainer(service.container.clone()))?;
        let managed = meta.managed_fields.as_deref().unwrap_or_default();
        let given_up = status
            .conditions
            .iter()
            .flatten()
            .find(|one| one.type_ == "Progressing" && one.reason.as_deref() == Some("ProgressDeadlineExceeded"));
        Ok(Self {
            uid: meta.uid.clone().ok_or(Unfit::Strange)?,
            version: meta.resource_version.clone().ok_or(Unfit::Strange)?,
            generation: meta.generation.unwrap_or_default(),
            observed: status.observed_generation.unwrap_or_default(),
            paused: spec.paused.unwrap_or_default(),
            image: container.image.clone().unwrap_or_default(),
            marks: Marks::of(meta.annotations.as_ref()),
            labels: spec.template.metadata.clone().unwrap_or_default().labels.unwrap_or_default(),
            counts: Counts {
                wanted: spec.replicas.unwrap_or(1),
                all: status.replicas.unwrap_or_default(),
                updated: status.updated_replicas.unwrap_or_default(),
                available: status.available_replicas.unwrap_or_default(),
            },
            given_up: given_up.map(|one| one.message.clone().unwrap_or_default()),
            changed: last_change(managed),
            applied: managed.iter().filter(|one| one.manager.as_deref() == Some(MANAGER)).filter_map(time).max(),
        })
    }

    /// The marks of what runs, if nobody has put another image there since.
    pub(super) fn own(&self) -> Option<&Marks> {
        self.marks.about(&self.image)
    }
}

fn time(entry: &ManagedFieldsEntry) -> Option<String> {
    Some(entry.time.as_ref()?.0.to_string())
}

/// Of an update of the status nobody asks whose it was.
fn last_change(managed: &[ManagedFieldsEntry]) -> Option<(String, String)> {
    let specs = managed.iter().filter(|one| one.subresource.as_deref().unwrap_or_default().is_empty());
    let named = specs.filter_map(|one| Some((time(one)?, one.manager.clone()?)));
    named.max().map(|(time, manager)| (manager, time))
}

/// A replica set: what ran once, or runs.
#[derive(Debug, Clone)]
pub(super) struct Past {
    pub(super) revision: i64,
    pub(super) image: String,
    pub(super) marks: Marks,
}

const REVISION: &str = "deployment.kubernetes.io/revision";

impl Past {
    /// A replica set of the deployment with this uid; `None` for any other.
    pub(super) fn of(set: &ReplicaSet, owner: &str, container: &str) -> Option<Self> {
        let ours = set.metadata.owner_references.iter().flatten().any(|one| one.uid == owner);
        let revision = set.metadata.annotations.as_ref()?.get(REVISION)?.parse().ok()?;
        let pods = set.spec.as_ref()?.template.as_ref()?.spec.as_ref()?;
        let container = pods.containers.iter().find(|one| one.name == container)?;
        let marks = Marks::of(set.metadata.annotations.as_ref());
        ours.then(|| Self { revision, image: container.image.clone().unwrap_or_default(), marks })
    }
}
