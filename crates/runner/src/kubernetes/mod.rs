//! Runs warrants as Kubernetes Jobs: level `job`.
//!
//! Each command has a pod of its own. The pod comes to its worker, over TLS and with a token of this job alone, and is
//! handed the command, its input and its credential there; output, orders and every connection of the command to the
//! outside go the same way. So neither the cluster's storage nor its logs hold anything of a command, and a pod has no
//! way anywhere but to its worker.
//!
//! **Invariant:** one pod is ever told to run a job, whatever the cluster starts for it; filters run on the worker's own
//! host, at `strict`; when a run has ended, its Job is deleted, and would remove itself if the worker could not.

mod cluster;
mod door;
mod image;
mod manifest;
mod pod_job;
mod pod_link;
mod seen;
pub(crate) mod wire;

pub use cluster::{Access, ClusterError};
pub use image::{Image, Images, NotAnImage};
pub use manifest::Pods;
pub(crate) use pod_job::{Came, PodJob};
pub(crate) use pod_link::Streams;
pub(crate) use seen::Over;

use crate::local::{FRESH, Job, LocalJail, Order};
use crate::port::{Exit, Output, Ran, RunFault, Runner};
use async_trait::async_trait;
use cluster::Cluster;
use countersign_audit::on_record::OnRecord;
use countersign_core::digest::{Digest, hex};
use countersign_core::tier::Isolation;
use countersign_core::warrant::Warrant;
use countersign_jail::{Applied, Level, profile};
use countersign_secrets::Lease;
use door::Door;
use manifest::Wanted;
use std::collections::BTreeSet;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::net::{UdpSocket, lookup_host};
use tokio::runtime::Handle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use wire::Probe;

/// The first server that gives pods a user namespace without being asked to know of it: 1.33. Source: Kubernetes, "User
/// Namespaces".
const OWN_USERS_SINCE: u32 = 33;

/// Time for a pod of the probe: nobody waits for it but the worker that starts.
const PROBE_WAIT: Duration = Duration::from_mins(3);

/// Where the metadata of a cloud's machines is.
const METADATA: &str = "169.254.169.254:80";

/// What a [`JobRunner`] is made of.
#[derive(Debug)]
pub struct Settings {
    /// The cluster.
    pub access: Access,
    /// Where and how jobs run there.
    pub pods: Pods,
    /// Which image has which program.
    pub images: Images,
    /// Where pods come to.
    pub listen: SocketAddr,
    /// What pods are told: `host:port`, resolved when the worker starts. Absent: the address from which this host reaches
    /// the cluster, which in a pod is the pod's own, and the listener's port.
    pub address: Option<String>,
    /// What keeps pods from everything else.
    pub network: Network,
    /// Deletions that nobody waits for run on it.
    pub tasks: TaskTracker,
}

/// What keeps a pod from everything but its worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Network {
    /// A network policy, which the cluster's plugin enforces: the probe says so, or no job is taken.
    #[default]
    Policy,
    /// The jail's own port rules alone, which leave UDP open.
    PortRules,
}

/// Why no job can run in the cluster.
#[derive(Debug, thiserror::Error)]
pub enum JobsError {
    /// The cluster.
    #[error("the cluster that jobs run in cannot be used")]
    Cluster(#[source] ClusterError),
    /// The listener for pods.
    #[error("pods cannot come to this worker at {0}")]
    Listen(SocketAddr, #[source] io::Error),
    /// What pods would be told.
    #[error("`{0}` leads nowhere, so no pod would find its worker")]
    Address(String),
    /// There is no image, so there is nothing to run.
    #[error("no image is configured")]
    NoImage,
    /// A program that no recipe has.
    #[error("no recipe has a program `{0}`")]
    UnknownProgram(String),
    /// The probe's pod.
    #[error("the level could not be attacked")]
    Probe(#[source] RunFault),
    /// The probe's answer.
    #[error("the probe's pod was lost")]
    Lost(#[source] io::Error),
    /// A promise that does not hold on the node that the probe ran on.
    #[error("level `job` does not hold there: {0}")]
    Broken(String),
    /// A pod reaches what it must not.
    #[error(
        "a pod reaches {}: no network policy is enforced; apply deploy/kubernetes/jobs.yaml with a network plugin that \
         enforces it, or accept the jail's port rules alone with `network: port-rules`",
        .0.join(" and ")
    )]
    Open(Vec<String>),
}

/// Everything that jobs share.
#[derive(Debug)]
struct Shared {
    cluster: Cluster,
    pods: Pods,
    door: Door,
    /// Where pods are told to come.
    address: SocketAddr,
    own_users: bool,
    tasks: TaskTracker,
    /// Where those run: a value may be dropped by whoever stops everything.
    runtime: Handle,
}

/// Makes Jobs for orders.
#[derive(Debug)]
pub(crate) struct Jobs(Arc<Shared>);

/// Runs warrants of level `job` in a cluster, and all others on its own host.
#[derive(Debug)]
pub struct JobRunner {
    jail: Arc<LocalJail>,
    jobs: Jobs,
    images: Images,
    network: Network,
    /// The cluster's own API, which pods must not reach.
    api: String,
    proven: AtomicBool,
}

/// What a level applies besides what the jail says: the pod's own part.
pub(crate) fn profile_digest() -> Digest {
    static DIGEST: OnceLock<Digest> = OnceLock::new();
    *DIGEST.get_or_init(|| {
        let (job, nested, pod) = (profile(Level::Job), profile(Level::Nested), manifest::profile());
        Digest::of(format!("{job}{nested}pod: {pod}\n").as_bytes())
    })
}

/// A port for the proxy in a pod, where nothing else listens: one that nobody could know, for the port is all that the
/// fence there compares.
pub(crate) fn proxy_port() -> io::Result<u16> {
    let mut random = [0_u8; 2];
    getrandom::fill(&mut random).map_err(|_| io::Error::other("no randomness"))?;
    // Below the ports that connections begin at (ip_local_port_range).
    Ok(10_240 + u16::from_be_bytes(random) % 20_480)
}

impl JobRunner {
    /// Opens the listener and learns what the cluster is. Jobs run when [`Self::probe`] held.
    ///
    /// # Errors
    /// [`JobsError`].
    pub async fn open(settings: Settings, jail: Arc<LocalJail>) -> Result<Self, JobsError> {
        let Settings { access, pods, images, listen, address, network, tasks } = settings;
        if images.is_empty() {
            return Err(JobsError::NoImage);
        }
        if let Some(unknown) = images.keys().find(|name| !jail.knows(name)) {
            return Err(JobsError::UnknownProgram(unknown.clone()));
        }
        let cluster = Cluster::connect(&access, &pods).map_err(JobsError::Cluster)?;
        let own_users = cluster.minor_version().await.map_err(JobsError::Cluster)? >= OWN_USERS_SINCE;
        let door = Door::open(listen).await.map_err(|error| JobsError::Listen(listen, error))?;
        let api = access.address.trim_start_matches("https://").trim_end_matches('/');
        let api = if api.contains(':') { api.to_owned() } else { format!("{api}:443") };
        let told = told(address.as_deref(), &api, door.at).await;
        let address = told.ok_or_else(|| JobsError::Address(address.unwrap_or_else(|| api.clone())))?;
        let shared = Shared { cluster, pods, door, address, own_users, tasks, runtime: Handle::current() };
        let (jobs, proven) = (Jobs(Arc::new(shared)), AtomicBool::new(false));
        Ok(Self { jail, jobs, images, network, api, proven })
    }

    /// Where pods come to.
    #[must_use]
    pub fn listens_at(&self) -> SocketAddr {
        self.jobs.0.door.at
    }

    /// Attacks the level in a pod of its own: the jail there, and the network around it. What holds on the node that the
    /// pod ran on; on every other node a jail that cannot be built is refused when it is built.
    ///
    /// # Errors
    /// [`JobsError`]; no job runs then.
    pub async fn probe(&self) -> Result<Applied, JobsError> {
        let held = self.attack().await;
        self.proven.store(held.is_ok(), Ordering::SeqCst);
        held
    }

    async fn attack(&self) -> Result<Applied, JobsError> {
        let (program, image) = self.images.first_key_value().ok_or(JobsError::NoImage)?;
        let limits = self.jail.limits_of(program).ok_or_else(|| JobsError::UnknownProgram(program.clone()))?;
        let mut random = [0_u8; 8];
        getrandom::fill(&mut random).map_err(|_| JobsError::Lost(io::Error::other("no randomness")))?;
        let wanted = Wanted {
            name: &format!("countersign-probe-{}", hex(&random)),
            image: image.reference(),
            limits: &limits,
            deadline: PROBE_WAIT * 2,
            grace: Duration::from_secs(1),
            purpose: "probe",
            own_users: self.jobs.0.own_users,
        };
        let mut pod = PodJob::create(&self.jobs.0, &wanted, None).await.map_err(JobsError::Probe)?;
        let late = Instant::now() + PROBE_WAIT;
        let came = pod.ready(&CancellationToken::new(), late).await;
        let found = match came {
            Ok(_) => pod.probe(Probe { unreachable: self.forbidden().await }).await.map_err(JobsError::Lost),
            Err(fault) => Err(JobsError::Probe(fault)),
        };
        drop(pod.remove().await);
        let found = found?;
        if !found.reached.is_empty() && self.network == Network::Policy {
            return Err(JobsError::Open(found.reached));
        }
        found.jail.map(|applied| Applied { level: Level::Job, ..applied }).map_err(JobsError::Broken)
    }

    /// What a pod has no business with, by address: it resolves no names.
    async fn forbidden(&self) -> Vec<String> {
        let mut addresses = BTreeSet::from([METADATA.to_owned()]);
        addresses.extend(lookup_host(&self.api).await.into_iter().flatten().map(|address| address.to_string()));
        addresses.into_iter().collect()
    }

    /// The level's profile, once it held.
    #[must_use]
    pub fn proven(&self) -> Option<(Isolation, Digest)> {
        self.proven.load(Ordering::SeqCst).then(|| (Isolation::Job, profile_digest()))
    }

    fn order(&self, warrant: &Warrant) -> Result<Order, RunFault> {
        self.jail.order_with(warrant, &self.images, self.proven().map(|(level, _)| level))
    }
}

/// The address that pods are told.
async fn told(address: Option<&str>, api: &str, listens: SocketAddr) -> Option<SocketAddr> {
    if let Some(address) = address {
        return lookup_host(address).await.ok()?.next();
    }
    let api = lookup_host(api).await.ok()?.next()?;
    // Nothing is sent: the kernel chooses the address it would send from.
    let any: SocketAddr =
        if api.is_ipv4() { (Ipv4Addr::UNSPECIFIED, 0).into() } else { (Ipv6Addr::UNSPECIFIED, 0).into() };
    let socket = UdpSocket::bind(any).await.ok()?;
    socket.connect(api).await.ok()?;
    Some(SocketAddr::new(socket.local_addr().ok()?.ip(), listens.port()))
}

impl Jobs {
    /// The Job of an order, and its Secret.
    pub(crate) async fn create(
        &self,
        on_record: &OnRecord,
        order: &Order,
        wall: Duration,
        proxy: Option<&Path>,
    ) -> Result<PodJob, RunFault> {
        let grace = order.grace() + Duration::from_secs(2);
        let wanted = Wanted {
            name: &name(on_record),
            image: order.image().ok_or(RunFault::NotAvailable("level `job` without an image"))?.reference(),
            limits: order.limits(),
            // From the moment that the cluster takes it: the wait for its pod, all it may take, and its end.
            deadline: FRESH + wall + grace + Duration::from_secs(30),
            grace,
            purpose: "run",
            own_users: self.0.own_users,
        };
        PodJob::create(&self.0, &wanted, proxy).await
    }
}

/// The name of a Job: of one invocation, attempt and errand, and of no other.
fn name(on_record: &OnRecord) -> String {
    let handle = Lease::handle_for(on_record.warrant());
    let attempt = Digest::of(format!("{}\0{handle}", on_record.attempt().as_str()).as_bytes());
    let attempt: String = hex(attempt.as_bytes()).chars().take(12).collect();
    // At most 63 characters, for it becomes a label of the pod.
    format!("countersign-{}-{attempt}", on_record.invocation())
}

#[async_trait]
impl Runner for JobRunner {
    fn describe(&self, warrant: &Warrant) -> Result<Ran, RunFault> {
        self.order(warrant)?.ran()
    }

    async fn run(&self, on_record: OnRecord, lease: &Lease, out: Output) -> Result<Exit, RunFault> {
        let order = self.order(on_record.warrant())?;
        order.fits(&on_record, lease)?;
        let jobs = order.image().is_some().then_some(&self.jobs);
        let job = Box::pin(Job::prepare((&self.jail, jobs), on_record, order, lease, out)).await?;
        Box::pin(job.run()).await
    }

    async fn tidy(&self, pool: &str) {
        self.jail.tidy(pool).await;
    }
}
