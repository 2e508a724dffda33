//! What a cluster begins with, and the story the demo tells.

mod demo;

use jiff::SignedDuration;
use serde_json::{Value, json};

use super::rbac::{ACCOUNT_NAMESPACE, Account};

/// What a cluster holds when it starts.
#[derive(Debug, Clone)]
pub struct Seed {
    /// The cluster's name: its kubeconfig context, and what makes its generated names its own.
    pub name: String,
    /// Namespaces besides `default`, `kube-system` and `countersign`.
    pub namespaces: Vec<String>,
    /// Objects, owners before what they own; workloads get their replica sets and pods by themselves.
    pub objects: Vec<Value>,
    /// Container logs that are more than the few lines every container starts with.
    pub logs: Vec<PodLog>,
    /// Service accounts in the namespace `countersign`, each with a token.
    pub accounts: Vec<Account>,
    /// How long before the start everything was created.
    pub age: SignedDuration,
}

/// One container's log.
#[derive(Debug, Clone)]
pub struct PodLog {
    /// Namespace of the pod.
    pub namespace: String,
    /// Name of the pod.
    pub pod: String,
    /// Name of the container.
    pub container: String,
    /// Lines of the running instance, oldest first, each with how long before the start it was written.
    pub current: Vec<(SignedDuration, String)>,
    /// Lines of the instance before the last restart.
    pub previous: Vec<(SignedDuration, String)>,
    /// Whether a follower waits for more.
    pub follow: Follow,
}

/// What `kubectl logs -f` meets at the end of the lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Follow {
    /// The log is complete and the stream ends.
    Ends,
    /// More lines may come: [`super::Cluster::append_log`] and [`super::Cluster::close_log`].
    Waits,
}

impl Seed {
    /// A cluster with its system namespaces and nothing else.
    #[must_use]
    pub fn empty(name: &str) -> Self {
        let (namespaces, objects, logs, accounts) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        Self { name: name.to_owned(), namespaces, objects, logs, accounts, age: SignedDuration::from_hours(72) }
    }

    /// The objects in the order they are made, namespaces and service accounts included.
    pub(super) fn all_objects(&self) -> Vec<Value> {
        let system = ["default", "kube-system", ACCOUNT_NAMESPACE].map(str::to_owned);
        let namespaces = system.iter().chain(&self.namespaces);
        let mut objects: Vec<Value> = namespaces
            .flat_map(|name| {
                let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
                [namespace, service_account(name, "default")]
            })
            .collect();
        objects.extend(self.accounts.iter().map(|account| service_account(ACCOUNT_NAMESPACE, &account.name)));
        objects.extend(self.objects.iter().cloned());
        objects
    }
}

fn service_account(namespace: &str, name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name, "namespace": namespace}})
}
