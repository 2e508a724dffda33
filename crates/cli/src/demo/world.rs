//! The demo's world: two simulated clusters, an installation over the shipped files, people.
//!
//! **Invariant:** the shipped rbac.yaml and catalog.yaml decide; only addresses and credentials
//! are the simulators'.

use crate::demo::own_cluster::OwnCluster;
use crate::installation::{Installation, Settings};
use anyhow::Context as _;
use countersign_chat::Chat;
use countersign_core::time::Clock;
use countersign_jail::LauncherPath;
use countersign_policy::catalog::{Credential, Credentials, Reference};
use countersign_policy::{ClusterOverride, Overrides, Source, Sources};
use countersign_queue::Queue;
use countersign_simulators::kubernetes::{Cluster, Seed};
use std::collections::BTreeMap;
use std::fmt;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// The shipped files, compiled in.
pub const RBAC: &str = include_str!("../../../../rbac.yaml");
/// What there is, and where.
pub const CATALOG: &str = include_str!("../../../../catalog.yaml");
/// The demo's directory.
pub const PEOPLE: &str = include_str!("people.yaml");
/// Cases that must pass before the policy is taken.
const CASES: [(&str, &str); 2] = [
    ("policies/tests/kubectl.yaml", include_str!("../../../../policies/tests/kubectl.yaml")),
    ("policies/tests/commands.yaml", include_str!("../../../../policies/tests/commands.yaml")),
];

/// How a world is made.
pub struct Options {
    /// Where it keeps its things.
    pub data: PathBuf,
    /// Where people are told.
    pub chat: Arc<dyn Chat>,
    /// Where time comes from.
    pub clock: Arc<dyn Clock>,
    /// The program that builds jails.
    pub launcher: LauncherPath,
    /// kubectl, if the usual places are not to be looked at.
    pub kubectl: Option<PathBuf>,
    /// The asker's own cluster, read tier only.
    pub own: Option<OwnCluster>,
    /// rbac.yaml's text; the shipped one if absent.
    pub rbac: Option<String>,
    /// catalog.yaml's text; the shipped one if absent.
    pub catalog: Option<String>,
    /// Between the two sides; a file below `data` if absent.
    pub queue: Option<Arc<dyn Queue>>,
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options").field("data", &self.data).finish_non_exhaustive()
    }
}

/// A running demo.
#[derive(Debug)]
pub struct World {
    /// Gateway, workers, queue, log.
    pub installation: Installation,
    /// The simulated clusters, by catalog name.
    pub clusters: BTreeMap<String, Cluster>,
    /// The directory file of the gateway.
    pub people: PathBuf,
    /// The directory file of the workers.
    pub worker_people: PathBuf,
    tasks: TaskTracker,
    stop: CancellationToken,
}

impl World {
    /// Starts the simulators and an installation that knows them.
    ///
    /// # Errors
    /// When something cannot be started; the text says what and why.
    pub async fn start(options: Options) -> anyhow::Result<Self> {
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        std::fs::create_dir_all(&options.data)
            .with_context(|| format!("`{}` cannot be made", options.data.display()))?;
        let mut clusters = BTreeMap::new();
        let mut overrides = Overrides::default();
        for name in ["dev", "prod"] {
            let time = options.clock.clone();
            let clock: countersign_simulators::kubernetes::Clock = Arc::new(move || instant(time.as_ref()));
            let cluster = Cluster::start(Seed::demo(name), clock, &tasks, stop.clone()).await?;
            overrides.clusters.insert(name.to_owned(), known(&options.data, name, &cluster)?);
            clusters.insert(name.to_owned(), cluster);
        }
        let shipped = options.rbac.is_none() && options.catalog.is_none();
        let catalog = options.catalog.unwrap_or_else(|| CATALOG.to_owned());
        let catalog = match &options.own {
            Some(own) => own.add_to(&catalog)?,
            None => catalog,
        };
        let people = private(&options.data.join("people.yaml"), PEOPLE)?;
        let worker_people = private(&options.data.join("worker-people.yaml"), PEOPLE)?;
        let installation = Installation::start(Settings {
            deployment: "demo".into(),
            data: options.data.clone(),
            sources: Sources {
                rbac: Source::new("rbac.yaml", options.rbac.as_deref().unwrap_or(RBAC)),
                catalog: Source::new("catalog.yaml", catalog),
            },
            cases: if shipped { cases() } else { Vec::new() },
            overrides,
            people: people.clone(),
            worker_people: worker_people.clone(),
            clock: options.clock,
            launcher: options.launcher,
            programs: options.kubectl.into_iter().map(|path| ("kubectl".to_owned(), path)).collect(),
            environment: BTreeMap::new(),
            extra_credentials: options.own.map(|own| own.credentials()).unwrap_or_default(),
            chat: options.chat,
            queue: options.queue,
            plans: None,
        })
        .await?;
        Ok(Self { installation, clusters, people, worker_people, tasks, stop })
    }

    /// Whether a real kubectl was found.
    #[must_use]
    pub fn has_kubectl(&self) -> bool {
        self.installation.missing.iter().all(|(name, _)| name != "kubectl")
    }

    /// Stops the installation and the simulators.
    ///
    /// # Errors
    /// When the log could not be closed.
    pub async fn stop(self) -> anyhow::Result<()> {
        let stopped = self.installation.stop().await;
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
        stopped
    }
}

fn cases() -> Vec<Source> {
    CASES.iter().map(|(name, text)| Source::new(*name, *text)).collect()
}

fn instant(clock: &dyn Clock) -> jiff::Timestamp {
    jiff::Timestamp::from_millisecond(clock.now().as_millis()).unwrap_or(jiff::Timestamp::UNIX_EPOCH)
}

/// A simulator's address, authority and tokens, as the catalog takes them.
fn known(data: &Path, name: &str, cluster: &Cluster) -> anyhow::Result<ClusterOverride> {
    let folder = data.join("credentials").join(name);
    std::fs::create_dir_all(&folder)?;
    let file = |file: &str, text: &str| -> anyhow::Result<Option<Reference>> {
        let path = private(&folder.join(file), text)?;
        Ok(Some(Reference::File(path.to_string_lossy().into_owned())))
    };
    let token = |account: &str| -> anyhow::Result<Option<Credential>> {
        let token = cluster.token(account).with_context(|| format!("the simulator has no account `{account}`"))?;
        Ok(file(&format!("{account}.token"), &token)?.map(Credential::from))
    };
    Ok(ClusterOverride {
        address: cluster.url(),
        ca: file("ca.pem", cluster.ca_pem())?,
        credentials: Credentials {
            read: token("read")?,
            sensitive: token("sensitive")?,
            preview: token("preview")?,
            change: token("change")?,
            destructive: token("destructive")?,
        },
    })
}

/// Writes a file that only this user reads, replacing what an earlier start left.
///
/// # Errors
/// When it cannot be written.
pub fn private(path: &Path, text: &str) -> anyhow::Result<PathBuf> {
    let wrong = || format!("`{}` cannot be written", path.display());
    if path.exists() {
        std::fs::remove_file(path).with_context(wrong)?;
    }
    let mut file =
        std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).with_context(wrong)?;
    file.write_all(text.as_bytes()).with_context(wrong)?;
    Ok(path.to_owned())
}
