//! A cluster with a small kubelet around the runner: the API server's stand-in, an image of all programs, a worker that
//! may do what deploy/kubernetes/jobs.yaml says and nothing else.

use super::World;
use countersign_runner::LocalJail;
use countersign_runner::image;
use countersign_runner::kubernetes::{Access, JobRunner, Network, Pods, Settings};
use countersign_runner::recipe::Recipe;
use countersign_simulators::kubernetes::{Account, Cluster, Effects, Kubelet, Rule, Seed};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// The namespace of jobs.
pub(crate) const JOBS: &str = "countersign-jobs";

/// The image of every program.
pub(crate) const IMAGE: &str =
    "registry.test/countersign/tools@sha256:5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef";

/// The user of everything in a pod.
const USER: u32 = 65_532;

/// The cluster and what runs in it.
pub(crate) struct Ground {
    pub(crate) cluster: Cluster,
    pub(crate) kubelet: Kubelet,
    pub(crate) runner: Arc<JobRunner>,
    tasks: TaskTracker,
    stop: CancellationToken,
}

impl Ground {
    /// A cluster whose image has these programs.
    pub(crate) async fn new(folder: &Path, recipes: &[Recipe], jail: &Arc<LocalJail>) -> Self {
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        let cluster = cluster(&tasks, &stop).await;
        let root = folder.join("image");
        let programs = recipes.iter().flat_map(|recipe| recipe.programs.keys());
        for recipe in recipes {
            image::assemble(recipe, &root).unwrap();
        }
        let kubelet = cluster.run_pods([(IMAGE.to_owned(), root)], &folder.join("kubelet"), &stop).unwrap();
        let settings = Settings {
            images: programs.map(|name| (name.clone(), IMAGE.parse().unwrap())).collect(),
            ..settings(&cluster, folder, &tasks)
        };
        let runner = JobRunner::open(settings, Arc::clone(jail)).await.unwrap();
        runner.probe().await.unwrap();
        Self { cluster, kubelet, runner: Arc::new(runner), tasks, stop }
    }

    /// Jobs, pods and secrets that are left.
    pub(crate) fn left(&self) -> Vec<String> {
        let of = |resource| self.cluster.names(resource, Some(JOBS));
        [of("jobs"), of("pods"), of("secrets")].concat()
    }

    /// The one pod that there is.
    pub(crate) fn pod(&self) -> String {
        let pods = self.cluster.names("pods", Some(JOBS));
        assert_eq!(pods.len(), 1, "{pods:?}");
        pods[0].clone()
    }

    /// Deletes a pod as somebody outside Countersign would.
    pub(crate) fn delete_pod(&self, name: &str) {
        assert!(self.cluster.remove("pods", Some(JOBS), name));
    }

    /// Waits until a pod runs.
    pub(crate) async fn until_running(&self, name: &str) {
        for _ in 0..10_000 {
            let pod = self.cluster.object("pods", Some(JOBS), name);
            if pod.is_some_and(|pod| pod["status"]["phase"] == "Running") {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        }
        panic!("{name} does not run");
    }

    pub(crate) async fn close(self) {
        drop(self.runner);
        self.kubelet.stop().await;
        self.stop.cancel();
        self.cluster.stop().await;
        self.tasks.close();
        self.tasks.wait().await;
    }
}

pub(crate) async fn cluster(tasks: &TaskTracker, stop: &CancellationToken) -> Cluster {
    let node = json!({ "apiVersion": "v1", "kind": "Node", "metadata": { "name": "node-1" } });
    let worker = Account { name: "countersign-worker".into(), rules: rules(), effects: Effects::Real };
    let seed =
        Seed { namespaces: vec![JOBS.to_owned()], objects: vec![node], accounts: vec![worker], ..Seed::empty("jobs") };
    #[expect(clippy::disallowed_methods, reason = "the cluster's own clock")]
    let clock = Arc::new(jiff::Timestamp::now);
    Cluster::start(seed, clock, tasks, stop.clone()).await.unwrap()
}

/// What a runner of this cluster is made of, but for its images.
pub(crate) fn settings(cluster: &Cluster, folder: &Path, tasks: &TaskTracker) -> Settings {
    let (ca, token) = (folder.join("cluster.pem"), folder.join("worker.token"));
    std::fs::write(&ca, cluster.ca_pem()).unwrap();
    std::fs::write(&token, cluster.token("countersign-worker").unwrap()).unwrap();
    Settings {
        access: Access { address: cluster.url(), ca: Some(ca), token },
        pods: Pods {
            namespace: JOBS.to_owned(),
            user: USER,
            runtime_class: None,
            node_selector: BTreeMap::new(),
            pull_secret: None,
        },
        images: BTreeMap::new(),
        listen: "127.0.0.1:0".parse().unwrap(),
        address: None,
        // The stand-in has no network of its own.
        network: Network::PortRules,
        tasks: tasks.clone(),
    }
}

/// The rules of the shipped role.
fn rules() -> Vec<Rule> {
    let text = include_str!("../../../../deploy/kubernetes/jobs.yaml");
    #[expect(clippy::disallowed_methods, reason = "a manifest of ours, read as anybody reads it")]
    let read = |text: &str| serde_yaml::from_str::<Value>(text).unwrap();
    let objects = text.split("\n---\n").map(read);
    let role = objects.into_iter().find(|object| object["kind"] == "Role").unwrap();
    let words = |rule: &Value, key: &str| {
        rule[key].as_array().unwrap().iter().map(|word| word.as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let rule = |rule: &Value| Rule {
        verbs: words(rule, "verbs"),
        groups: words(rule, "apiGroups"),
        resources: words(rule, "resources"),
        namespaces: vec![role["metadata"]["namespace"].as_str().unwrap().to_owned()],
    };
    role["rules"].as_array().unwrap().iter().map(rule).collect()
}

impl World {
    /// The same world, where everything is decided for level `job`.
    pub(crate) async fn in_cluster(self) -> Self {
        let ground = Box::pin(Ground::new(self.folder.path(), &self.recipes, &self.jail)).await;
        let world = self.at(countersign_core::tier::Isolation::Job);
        Self { runner: ground.runner.clone(), ground: Some(ground), ..world }
    }
}
