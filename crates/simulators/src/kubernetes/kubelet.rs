//! A small kubelet: runs the pods of Jobs as processes of this machine.
//!
//! An image is a folder. A container has mount, process, IPC and UTS namespaces, that folder as its
//! read-only root, its volumes, the user and group of its pod, `no_new_privs`, and the environment of its spec; it shares
//! this machine's network and has no control group. **Invariant:** when a pod is gone from the cluster, or the kubelet is
//! stopped, no process of it is left and no folder. Deliberately absent: probes, init and side containers, restarts, the
//! kernel's own limits, any other volume than secrets and empty folders, and network policies.

mod container;
mod image;
mod report;
mod volumes;

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::Value;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use self::container::{Container, Ended};
use self::image::Images;
use super::kinds;
use super::object;
use super::state::{Handle, Keep};

/// How often what depends on time alone is looked at: deadlines and times to live.
const TICK: Duration = Duration::from_millis(200);

/// The kubelet of every node of a cluster. Dropping it ends every pod it runs.
#[derive(Debug)]
pub struct Kubelet {
    node: Arc<Node>,
    tasks: TaskTracker,
}

#[derive(Debug)]
struct Node {
    shared: Handle,
    images: Images,
    folder: PathBuf,
    stop: CancellationToken,
    /// Pods that were lost with their node, by uid: nothing is said about them any more.
    lost: Mutex<BTreeSet<String>>,
    /// Pods whose memory was used up.
    starved: Mutex<BTreeSet<String>>,
}

impl super::Cluster {
    /// Runs the pods of Jobs from now on: each image by its reference, with the folder that is its root. `folder` is the
    /// kubelet's own, and must exist.
    ///
    /// # Errors
    /// When an image cannot be prepared.
    pub fn run_pods(
        &self,
        images: impl IntoIterator<Item = (String, PathBuf)>,
        folder: &Path,
        stop: &CancellationToken,
    ) -> io::Result<Kubelet> {
        let images = Images::prepare(images)?;
        let (shared, stop) = (Arc::clone(&self.shared), stop.child_token());
        let node =
            Node { shared, images, folder: folder.to_owned(), stop, lost: Mutex::default(), starved: Mutex::default() };
        let (node, tasks) = (Arc::new(node), TaskTracker::new());
        drop(node.shared.change(
            Keep::Yes,
            |()| Ok(()),
            |store| {
                store.runs_pods = true;
                Ok(())
            },
        ));
        tasks.spawn(Arc::clone(&node).watch(tasks.clone()));
        Ok(Kubelet { node, tasks })
    }

    /// Removes an object as somebody outside Countersign would. False if it is not there.
    #[must_use]
    pub fn remove(&self, resource: &str, namespace: Option<&str>, name: &str) -> bool {
        let Some(kind) = kinds::named(resource) else { return false };
        let removed = self.shared.change(
            Keep::Yes,
            |_| Ok(()),
            |store| Ok(store.remove(kind, namespace.unwrap_or_default(), name).is_some()),
        );
        removed.is_ok_and(|removed| removed)
    }
}

impl Kubelet {
    /// Ends every pod and waits until their processes are gone.
    pub async fn stop(self) {
        self.node.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }

    /// Takes a pod's node away: its processes die, and nobody says so. False if there is no such pod.
    #[must_use]
    pub fn lose(&self, namespace: &str, pod: &str) -> bool {
        self.node.strike(&self.node.lost, namespace, pod)
    }

    /// Has the kernel kill a pod's processes for their memory. False if there is no such pod.
    #[must_use]
    pub fn starve(&self, namespace: &str, pod: &str) -> bool {
        self.node.strike(&self.node.starved, namespace, pod)
    }
}

impl Drop for Kubelet {
    fn drop(&mut self) {
        self.node.stop.cancel();
    }
}

impl Node {
    fn strike(&self, set: &Mutex<BTreeSet<String>>, namespace: &str, pod: &str) -> bool {
        let uid =
            self.shared.lock().store.get(kinds::known("pods"), namespace, pod).map(|pod| object::uid(pod).to_owned());
        let found = uid.map(|uid| set.lock().unwrap_or_else(PoisonError::into_inner).insert(uid)).is_some();
        self.shared.ring();
        found
    }

    fn struck(set: &Mutex<BTreeSet<String>>, uid: &str) -> bool {
        set.lock().unwrap_or_else(PoisonError::into_inner).contains(uid)
    }

    /// Starts what waits to be started, once each.
    async fn watch(self: Arc<Self>, tasks: TaskTracker) {
        let (mut bell, mut begun) = (self.shared.bell(), BTreeSet::new());
        loop {
            for pod in self.waiting() {
                if begun.insert(object::uid(&pod).to_owned()) {
                    tasks.spawn(Arc::clone(&self).live(pod));
                }
            }
            tokio::select! {
                () = self.stop.cancelled() => return,
                rung = timeout(TICK, bell.changed()) => {
                    if rung.is_err() && self.has_jobs() {
                        // Time alone moves Jobs, too.
                        drop(self.shared.change(Keep::Yes, |()| Ok(()), |_| Ok(())));
                    }
                }
            }
        }
    }

    fn has_jobs(&self) -> bool {
        !self.shared.lock().store.list(kinds::known("jobs"), None).is_empty()
    }

    fn waiting(&self) -> Vec<Value> {
        let pods = self.shared.lock().store.list(kinds::known("pods"), None);
        let of_job =
            |pod: &Value| object::list(pod, "/metadata/ownerReferences").iter().any(|owner| owner["kind"] == "Job");
        let waits = |pod: &Value| object::text(pod, "/status/phase") == "Pending";
        pods.iter().filter(|pod| of_job(pod) && waits(pod)).map(|pod| (**pod).clone()).collect()
    }

    /// One pod, from its start until nothing of it is left.
    async fn live(self: Arc<Self>, pod: Value) {
        let folder = self.folder.join("pods").join(object::uid(&pod));
        let ended = self.run(&pod, &folder).await;
        if let Some(ended) = ended
            && !Self::struck(&self.lost, object::uid(&pod))
        {
            report::ended(&self.shared, &pod, &ended);
        }
        drop(std::fs::remove_dir_all(&folder));
    }

    /// `None` when the pod is gone, or never started.
    async fn run(&self, pod: &Value, folder: &Path) -> Option<Ended> {
        let image = object::text(pod, "/spec/containers/0/image");
        let Some(root) = self.images.root(image) else {
            let why = format!("failed to pull image \"{image}\": not found");
            report::waits(&self.shared, pod, "ErrImagePull", &why);
            return None;
        };
        if let Some(why) = container::refused(pod) {
            report::waits(&self.shared, pod, "CreateContainerConfigError", &why);
            return None;
        }
        report::waits(&self.shared, pod, "ContainerCreating", "");
        let volumes = loop {
            match volumes::mount(&self.shared.lock().store, pod, folder) {
                Ok(Some(volumes)) => break volumes,
                // A secret is missing: the kubelet tries again.
                Ok(None) => {}
                Err(error) => {
                    report::waits(&self.shared, pod, "CreateContainerError", &error.to_string());
                    return None;
                }
            }
            self.changed(pod).await?;
        };
        let mut container = match Container::start(pod, &root, folder, &volumes) {
            Ok(container) => container,
            Err(error) => {
                report::waits(&self.shared, pod, "RunContainerError", &error.to_string());
                return None;
            }
        };
        report::runs(&self.shared, pod);
        self.follow(pod, &mut container).await
    }

    /// Until something changed; `None` when the pod is gone.
    async fn changed(&self, pod: &Value) -> Option<()> {
        let mut bell = self.shared.bell();
        if !self.is_there(pod) {
            return None;
        }
        tokio::select! {
            () = self.stop.cancelled() => None,
            _ = timeout(TICK, bell.changed()) => Some(()),
        }
    }

    fn is_there(&self, pod: &Value) -> bool {
        let state = self.shared.lock();
        let found = state.store.get(kinds::known("pods"), object::namespace(pod), object::name(pod));
        found.is_some_and(|found| object::uid(found) == object::uid(pod))
    }

    async fn follow(&self, pod: &Value, container: &mut Container) -> Option<Ended> {
        let uid = object::uid(pod);
        loop {
            tokio::select! {
                ended = container.ended() => return Some(ended),
                changed = self.changed(pod) => {
                    let starved = Self::struck(&self.starved, uid);
                    if starved || Self::struck(&self.lost, uid) {
                        let ended = container.kill().await;
                        return Some(Ended { starved, ..ended });
                    }
                    if changed.is_none() {
                        let grace = object::number(pod, "/spec/terminationGracePeriodSeconds", 30);
                        container.end(Duration::from_secs(grace.unsigned_abs())).await;
                        return None;
                    }
                }
            }
        }
    }
}
