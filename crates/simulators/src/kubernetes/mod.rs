//! A Kubernetes API server on loopback that the real kubectl accepts.
//!
//! It keeps objects, runs the controllers people rely on at once (a deployment has replica sets, a replica set has
//! pods), checks bearer tokens and rules, and remembers every request. **Invariant:** a dry run and a refused request
//! change nothing. Deliberately absent: a kubelet for anything but the pods of Jobs (see
//! [`Kubelet`]), exec, attach, port-forward and proxy, custom resources, controllers that write events or scale by load,
//! admission besides the dry-run-only accounts, and graceful termination (a deletion is immediate).

mod accounts;
mod api;
mod controller;
mod discovery;
mod fields;
mod kinds;
mod kubeconfig;
mod kubelet;
mod logs;
mod object;
mod openapi;
mod ownership;
mod patch;
mod protobuf;
mod rbac;
mod reply;
mod request;
mod schema;
mod seed;
mod selector;
mod server;
mod state;
mod status;
mod store;
mod table;
mod versions;
mod watch;

use std::net::SocketAddr;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::Value;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use self::kubelet::Kubelet;
pub use self::rbac::{Account, Effects, Rule};
pub use self::seed::{Follow, PodLog, Seed};

use self::accounts::Tokens;
use self::logs::{Line, Log};
use self::state::{Handle, Keep, Shared, State};
use self::status::Status;
use self::store::Store;
use crate::serve::{self, Port, Running};

/// Tells the time; ages, timestamps and token lifetimes come from it.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// Why a cluster did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Nobody could listen there.
    #[error(transparent)]
    Listen(#[from] serve::StartError),
    /// The system gave no randomness for the tokens.
    #[error("could not draw the accounts' tokens")]
    Tokens,
    /// An object of the seed is of a kind this stand-in does not serve, or is not valid.
    #[error("object `{name}` of the seed is refused: {message}")]
    Seed {
        /// The object's name.
        name: String,
        /// What the server said.
        message: String,
    },
}

/// Why an object was not written.
#[derive(Debug, thiserror::Error)]
#[error("object `{name}` is refused: {message}")]
pub struct WriteError {
    name: String,
    message: String,
}

/// One request the server received, in the order of arrival of their answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    /// `GET`, `PATCH`, …
    pub method: String,
    /// The path, as sent.
    pub path: String,
    /// The query, as sent, without the `?`.
    pub query: String,
    /// The body, as JSON; null when there was none, or none that could be read.
    pub body: Value,
    /// The account the token belongs to; `None` when it belongs to none, and for `/version` and health checks.
    pub account: Option<String>,
    /// The user name the server knows that account by.
    pub user: Option<String>,
    /// True when the request asked for a dry run, in its query or in its delete options.
    pub dry_run: bool,
    /// The HTTP status it was answered with.
    pub code: u16,
}

impl Recorded {
    /// True for a request that could have changed something: not a read, not a review, not a dry run, and not refused.
    #[must_use]
    pub fn mutated(&self) -> bool {
        let review = self.path.contains("selfsubject");
        self.method != "GET" && !review && !self.dry_run && self.code < 300
    }
}

/// A running cluster. Dropping it stops it; [`Cluster::stop`] also waits for the end.
#[derive(Debug)]
pub struct Cluster {
    name: String,
    shared: Handle,
    running: Running,
}

impl Cluster {
    /// Starts a cluster on a free port of 127.0.0.1. Its tasks run on `tasks` and end when `stop` is cancelled.
    ///
    /// # Errors
    /// [`StartError`]: no port, no randomness, or a seed object the server itself would refuse.
    ///
    /// # Cancel safety
    /// Nothing runs until this returns; dropping the future leaves nothing behind.
    pub async fn start(
        seed: Seed,
        clock: Clock,
        tasks: &TaskTracker,
        stop: CancellationToken,
    ) -> Result<Self, StartError> {
        let store = plant(&seed, clock())?;
        let tokens = Tokens::new(seed.accounts).map_err(|_| StartError::Tokens)?;
        let state = State { store, history: Vec::new(), requests: Vec::new(), tokens };
        let shared = Arc::new(Shared::new(state, clock));
        let port = Port::tls("kube-apiserver", &stop).await?;
        let (api, stop) = (Arc::new(api::Api { shared: Arc::clone(&shared), stop: port.stopping() }), port.stopping());
        let running = port.serve_each(tasks, move |wire| server::serve(wire, Arc::clone(&api), stop.clone()));
        Ok(Self { name: seed.name, shared, running })
    }

    /// Stops listening, ends every connection and watch, and waits until they have ended.
    ///
    /// # Cancel safety
    /// The stop is given at the first poll; dropping the future only stops the waiting.
    pub async fn stop(self) {
        self.running.stop().await;
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.running.address()
    }

    /// `https://127.0.0.1:PORT`.
    #[must_use]
    pub fn url(&self) -> String {
        self.running.url()
    }

    /// The certificate authority to trust, in PEM.
    #[must_use]
    pub fn ca_pem(&self) -> &str {
        self.running.ca_pem()
    }

    /// The standing token of an account, if there is such an account.
    #[must_use]
    pub fn token(&self, account: &str) -> Option<String> {
        self.shared.lock().tokens.standing(account).map(str::to_owned)
    }

    /// A kubeconfig for an account, if there is such an account. Its one context is named like the cluster; it runs no
    /// programs; with `proxy_url` kubectl reaches the server through that proxy.
    #[must_use]
    pub fn kubeconfig(&self, account: &str, proxy_url: Option<&str>) -> Option<String> {
        let token = self.token(account)?;
        Some(self.kubeconfig_for_token(&token, proxy_url))
    }

    /// A kubeconfig for any token, e.g. one issued by `TokenRequest`.
    #[must_use]
    pub fn kubeconfig_for_token(&self, token: &str, proxy_url: Option<&str>) -> String {
        kubeconfig::render(&self.name, &self.url(), self.ca_pem(), token, proxy_url)
    }

    /// Every request answered so far, oldest first.
    #[must_use]
    pub fn requests(&self) -> Vec<Recorded> {
        self.shared.lock().requests.clone()
    }

    /// An object as it is now. `resource` is a plural, e.g. `pods` or `deployments.apps`.
    #[must_use]
    pub fn object(&self, resource: &str, namespace: Option<&str>, name: &str) -> Option<Value> {
        let kind = kinds::named(resource)?;
        let state = self.shared.lock();
        state.store.get(kind, namespace.unwrap_or_default(), name).map(|object| (**object).clone())
    }

    /// The names of a resource's objects in one namespace, or in all, sorted by namespace and name.
    #[must_use]
    pub fn names(&self, resource: &str, namespace: Option<&str>) -> Vec<String> {
        let Some(kind) = kinds::named(resource) else { return Vec::new() };
        let objects = self.shared.lock().store.list(kind, namespace);
        objects.iter().map(|object| object::name(object).to_owned()).collect()
    }

    /// Writes an object as somebody outside Countersign would: a new one is created, an existing one replaced.
    ///
    /// # Errors
    /// [`WriteError`]: the kind is not served or the object is not valid.
    pub fn write(&self, object: Value) -> Result<(), WriteError> {
        let name = object::name(&object).to_owned();
        self.shared
            .change(Keep::Yes, |()| Ok(()), |store| plant_one(store, object))
            .map_err(|status| WriteError { name, message: message(&status) })
    }

    /// Adds a line to a container's log; false when there is no such pod or container.
    #[must_use]
    pub fn append_log(&self, namespace: &str, pod: &str, container: &str, text: &str) -> bool {
        let line = Line { at: self.shared.now(), text: text.to_owned() };
        self.with_log(namespace, pod, container, |log| log.current.push(line))
    }

    /// Completes a container's log, so that `kubectl logs -f` ends; false when there is no such pod or container.
    #[must_use]
    pub fn close_log(&self, namespace: &str, pod: &str, container: &str) -> bool {
        self.with_log(namespace, pod, container, |log| log.open = false)
    }

    /// Lets `kubectl logs -f` wait for more of a container's log; false when there is no such pod or container.
    #[must_use]
    pub fn open_log(&self, namespace: &str, pod: &str, container: &str) -> bool {
        self.with_log(namespace, pod, container, |log| log.open = true)
    }

    fn with_log(&self, namespace: &str, pod: &str, container: &str, edit: impl FnOnce(&mut Log)) -> bool {
        let mut state = self.shared.lock();
        let pod = state.store.get(kinds::known("pods"), namespace, pod).map(|pod| object::uid(pod).to_owned());
        let log = pod.and_then(|uid| state.store.logs.get_mut(&(uid, container.to_owned())));
        let found = log.map(edit).is_some();
        drop(state);
        self.shared.ring();
        found
    }
}

fn message(status: &Status) -> String {
    object::text(&status.body(), "/message").to_owned()
}

/// A store with everything of the seed in it and the controllers' work done.
fn plant(seed: &Seed, now: Timestamp) -> Result<Store, StartError> {
    let mut store = Store::new(&seed.name, now - seed.age, now);
    for object in seed.all_objects() {
        let name = object::name(&object).to_owned();
        plant_one(&mut store, object).map_err(|status| StartError::Seed { name, message: message(&status) })?;
    }
    controller::settle(&mut store);
    for log in &seed.logs {
        let pod = store.get(kinds::known("pods"), &log.namespace, &log.pod);
        let unknown = || StartError::Seed { name: log.pod.clone(), message: "a log without its pod".to_owned() };
        let uid = object::uid(pod.ok_or_else(unknown)?).to_owned();
        let lines = |lines: &[(jiff::SignedDuration, String)]| {
            lines.iter().map(|(before, text)| Line { at: now - *before, text: text.clone() }).collect()
        };
        let open = log.follow == Follow::Waits;
        let planted = Log { current: lines(&log.current), previous: lines(&log.previous), open };
        store.logs.insert((uid, log.container.clone()), planted);
    }
    store.now = now;
    drop(store.take_events());
    Ok(store)
}

fn plant_one(store: &mut Store, object: Value) -> Result<(), Status> {
    let (api_version, kind) = (object::text(&object, "/apiVersion"), object::text(&object, "/kind"));
    let kind = kinds::of_object(api_version, kind)
        .ok_or_else(|| Status::bad_request(format!("no kind `{kind}` in version `{api_version}`")))?;
    let existing = store.get(kind, object::namespace(&object), object::name(&object)).cloned();
    match existing {
        Some(_) => drop(api::write(store, kind, object)),
        None => drop(api::insert(store, kind, object)?),
    }
    Ok(())
}
