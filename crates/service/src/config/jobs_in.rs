//! `worker.jobs_in`: the cluster in which commands of isolation level `job` run.
//!
//! **Invariant:** an image is named by its digest, and the worker's own token is a file, which the cluster renews.

use super::read::Reading;
use countersign_policy::ProblemCode;
use countersign_policy::reader::Fields;
use countersign_policy::yaml::Node;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// Where the kubelet gives a pod its token and the cluster's authority.
///
/// Source: Kubernetes, "Accessing the Kubernetes API from a Pod".
const POD_FILES: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

/// The cluster's API as its pods know it. Same source.
const POD_API: &str = "https://kubernetes.default.svc";

/// A user that no image has, unless the file says another one.
const USER: i64 = 65_532;

/// The cluster in which commands of isolation level `job` run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobsIn {
    /// The cluster's API; the one around the worker unless the file names another.
    pub cluster: String,
    /// Its authority.
    pub ca: PathBuf,
    /// The worker's own token.
    pub token: PathBuf,
    /// The namespace of jobs.
    pub namespace: String,
    /// Which image has which program, each by its digest.
    pub images: BTreeMap<String, String>,
    /// Where pods come to.
    pub listen: SocketAddr,
    /// What pods are told, `host:port`; if absent, the address from which this host reaches the cluster.
    pub address: Option<String>,
    /// The user of everything in a pod.
    pub user: u32,
    /// The runtime of its nodes that jobs need.
    pub runtime_class: Option<String>,
    /// Labels of the nodes that run jobs.
    pub nodes: BTreeMap<String, String>,
    /// The Secret that images are pulled with.
    pub pull_secret: Option<String>,
    /// What keeps pods from everything but their worker.
    pub network: JobNetwork,
}

/// What keeps a job's pod from everything but its worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum JobNetwork {
    /// A network policy that the cluster's plugin enforces: a worker that finds it does not takes no such job.
    #[default]
    Policy,
    /// The jail's port rules alone, which leave UDP open.
    PortRules,
}

impl Reading<'_, '_> {
    pub(super) fn jobs_in(&mut self, node: &Node) -> Option<JobsIn> {
        let keys = [
            "cluster",
            "ca",
            "token",
            "namespace",
            "images",
            "listen",
            "address",
            "user",
            "runtime_class",
            "nodes",
            "pull_secret",
            "network",
        ];
        let own = self.reader.fields(node, "`worker.jobs_in`", &keys, &[])?;
        let cluster = own.of("cluster").map_or(Some(POD_API.to_owned()), |node| self.api(node));
        let ca = self.optional_path(&own, "ca").unwrap_or_else(|| Path::new(POD_FILES).join("ca.crt"));
        let token = self.optional_path(&own, "token").unwrap_or_else(|| Path::new(POD_FILES).join("token"));
        let namespace = self.required_text(&own, "namespace", "`worker.jobs_in`");
        let images = self.images(&own);
        let listen = self.address(&own, "listen", "`worker.jobs_in`");
        let user = own.of("user").map_or(Some(USER), |node| self.reader.whole(node, "`user`", 1_000, 4_000_000_000));
        let mut text =
            |key: &str| own.of(key).and_then(|node| self.reader.name(node, &format!("`{key}`"))).map(str::to_owned);
        let (address, runtime_class, pull_secret) = (text("address"), text("runtime_class"), text("pull_secret"));
        let nodes = own.of("nodes").map_or(Some(BTreeMap::new()), |node| self.words(node, "`nodes`"));
        let network = own.of("network").map_or(Some(JobNetwork::Policy), |node| self.network(node));
        Some(JobsIn {
            cluster: cluster?,
            ca,
            token,
            namespace: namespace?,
            images: images?,
            listen: listen?,
            address,
            user: u32::try_from(user?).ok()?,
            runtime_class,
            nodes: nodes?,
            pull_secret,
            network: network?,
        })
    }

    fn api(&mut self, node: &Node) -> Option<String> {
        let text = self.reader.name(node, "`cluster`")?;
        let host =
            text.strip_prefix("https://").filter(|host| !host.is_empty() && !host.contains(['/', '@', '?', '#']));
        if host.is_none() {
            let hint = "write `https://host:port`";
            self.reader.note_with_hint(node.at, ProblemCode::Value, "this is not the address of a cluster", hint);
            return None;
        }
        Some(text.to_owned())
    }

    fn images(&mut self, own: &Fields<'_>) -> Option<BTreeMap<String, String>> {
        let node = self.reader.required(own, "images", "`worker.jobs_in`")?;
        let entries = self.reader.map(node, "`images`")?;
        let mut images = BTreeMap::new();
        for (key, node) in entries {
            let text = self.reader.text(node, "an image")?;
            let digits = text.split_once("@sha256:").map(|(_, digits)| digits);
            let whole =
                |digits: &str| digits.len() == 64 && digits.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
            if !digits.is_some_and(whole) {
                let hint = "a tag can be moved: write `registry/name@sha256:…`, as the push printed it";
                self.reader.note_with_hint(node.at, ProblemCode::Value, "an image is named by its digest", hint);
                return None;
            }
            images.insert(key.text.clone(), text.to_owned());
        }
        Some(images)
    }

    fn words(&mut self, node: &Node, what: &str) -> Option<BTreeMap<String, String>> {
        let entries = self.reader.map(node, what)?;
        let one = |(key, node): (&countersign_policy::yaml::Key, &Node)| {
            Some((key.text.clone(), self.reader.text(node, "a label")?.to_owned()))
        };
        entries.into_iter().map(one).collect()
    }

    fn network(&mut self, node: &Node) -> Option<JobNetwork> {
        match self.reader.name(node, "`network`")? {
            "policy" => Some(JobNetwork::Policy),
            "port-rules" => Some(JobNetwork::PortRules),
            _ => {
                self.reader.note(node.at, ProblemCode::Value, "`network` is `policy` or `port-rules`");
                None
            }
        }
    }
}
