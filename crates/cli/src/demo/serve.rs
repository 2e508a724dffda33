//! The demo's two ways: a web page on this machine, or the scripted tour.

use crate::demo::audit_page::{AuditPage, Parts};
use crate::demo::own_cluster::OwnCluster;
use crate::demo::tour::Tour;
use crate::demo::world::{Options, World};
use crate::installation::{people, system_clock};
use crate::recorder::Recorder;
use anyhow::Context as _;
use countersign_audit::directory::Directory as Folder;
use countersign_chat::Chat;
use countersign_console::{Console, Listen, Login, Person, Setup, system_random};
use countersign_identity::StaticDirectory;
use countersign_jail::LauncherPath;
use countersign_service::program::say;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio_util::task::TaskTracker;

/// Things to type, best first.
const EXAMPLES: [&str; 8] = [
    "/kubectl get pods -n payments --context prod",
    "/kubectl logs deployment/api -n payments --context prod --tail=20",
    "/kubectl delete pod api-7f -n payments --context prod",
    "/kubectl delete pod api-7f -n payments --context prod --apply",
    "/kubectl scale deployment api --replicas=5 -n payments --context prod --apply",
    "/restart-report service=checkout --apply",
    "/disk-usage path=/tmp",
    "/countersign help",
];

/// What `countersign demo` was asked for.
#[derive(Debug, clap::Args)]
pub struct Demo {
    /// Where the web page listens; this machine alone.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    pub listen: String,
    /// Where keys, queue and log are kept; a temporary folder if absent.
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// Plays a scripted tour, prints what people would read, and ends.
    #[arg(long)]
    pub tour: bool,
    /// A kubectl to use instead of the one that is found.
    #[arg(long, value_name = "FILE")]
    pub kubectl: Option<PathBuf>,
    /// A kubeconfig: its context becomes the cluster `mine`, read tier only.
    #[arg(long, value_name = "FILE", requires = "context")]
    pub kubeconfig: Option<PathBuf>,
    /// Which context of the kubeconfig.
    #[arg(long, value_name = "NAME", requires = "kubeconfig")]
    pub context: Option<String>,
}

impl Demo {
    /// Runs the demo until it is done or interrupted.
    ///
    /// # Errors
    /// When something cannot be started, or a step of the tour did not come out as promised.
    pub async fn run(self) -> anyhow::Result<()> {
        let listen = Listen::parse(&self.listen)?;
        let temporary = TemporaryData::unless(self.data.clone())?;
        let own = match (&self.kubeconfig, &self.context) {
            (Some(file), Some(context)) => Some(OwnCluster::read(file, context, temporary.path())?),
            _ => None,
        };
        if self.tour { self.play(&temporary, own).await } else { self.serve(listen, &temporary, own).await }
    }

    fn options(&self, data: &Path, own: Option<OwnCluster>, chat: Arc<dyn Chat>) -> Options {
        Options {
            data: data.to_owned(),
            chat,
            clock: system_clock(),
            launcher: LauncherPath::this_program(),
            kubectl: self.kubectl.clone(),
            own,
            rbac: None,
            catalog: None,
            queue: None,
        }
    }

    async fn play(&self, data: &TemporaryData, own: Option<OwnCluster>) -> anyhow::Result<()> {
        let chat = Arc::new(Recorder::new(system_clock()));
        let world = World::start(self.options(data.path(), own, chat.clone())).await?;
        let walked = Tour::new(&world, chat, system_clock(), std::io::stdout().lock()).walk().await;
        world.stop().await?;
        let steps = walked?;
        println!("\nThe tour is over: {steps} steps, each as promised.");
        Ok(())
    }

    async fn serve(&self, listen: Listen, data: &TemporaryData, own: Option<OwnCluster>) -> anyhow::Result<()> {
        let listener = TcpListener::bind(listen.address())
            .await
            .with_context(|| format!("`{}` cannot be listened on; try --listen 127.0.0.1:0", self.listen))?;
        let listen = Listen::at(listener.local_addr()?)?;
        let tasks = TaskTracker::new();
        let pickable = data.path().join("picker.yaml");
        crate::demo::world::private(&pickable, crate::demo::world::PEOPLE)?;
        let console = Console::new(Setup {
            listen,
            login: Login::Demo(persons(&pickable)?),
            examples: EXAMPLES.map(str::to_owned).to_vec(),
            clock: system_clock(),
            random: system_random().map_err(|error| anyhow::anyhow!("no random bytes: {error}"))?,
            tasks: tasks.clone(),
        });
        let world = World::start(self.options(data.path(), own, console.chat())).await?;
        announce(&console, &world, data.path());
        let gate = Arc::new(world.installation.gateway.clone());
        let page = Arc::new(AuditPage::new(audit_parts(&world, &tasks)?));
        let router = console.router(gate, page);
        axum::serve(listener, router).with_graceful_shutdown(interrupted()).await?;
        eprintln!("Stopping: running commands may end, then the log is closed.");
        tasks.close();
        world.stop().await
    }
}

fn audit_parts(world: &World, tasks: &TaskTracker) -> anyhow::Result<Parts> {
    let (places, clock) = (&world.installation.places, system_clock());
    let look = |folder: &Path| {
        Folder::look(folder, clock.clone()).with_context(|| format!("`{}` cannot be read", folder.display()))
    };
    Ok(Parts {
        store: look(&places.audit)?,
        heads: look(&places.anchors)?,
        fate: look(&places.fate)?,
        verifier: world.installation.verifier.clone(),
        log: world.installation.log().clone(),
        directory: Arc::new(StaticDirectory::new(&world.people)),
        clock: clock.clone(),
        tasks: tasks.clone(),
    })
}

async fn interrupted() {
    use tokio::signal::unix::{SignalKind, signal};
    match signal(SignalKind::terminate()) {
        Ok(mut terminate) => {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminate.recv() => {}
            }
        }
        Err(_) => drop(tokio::signal::ctrl_c().await),
    }
}

fn announce(console: &Console, world: &World, data: &Path) {
    say(&format!(
        "Countersign demo. Open this on this machine (the token is for you alone):\n\n    {}\n",
        console.url()
    ));
    say("Pick a person at the top right, and type as in Slack:\n");
    for example in EXAMPLES {
        say(&format!("    {example}"));
    }
    if !world.has_kubectl() {
        say("\nNo kubectl on this machine: `/kubectl …` is refused until `apt-get install kubernetes-client`.");
    }
    say(&format!(
        "\nKeys, queue and log are in {}. Check the log at any time, also while this runs:\n",
        data.display()
    ));
    say(&format!("    countersign audit verify --data {}\n", data.display()));
    say("Ctrl-C ends the demo.");
}

fn persons(file: &Path) -> anyhow::Result<Vec<Person>> {
    let people = people(file)?;
    let pick = |(principal, accounts): (countersign_core::principal::Principal, Vec<_>)| {
        let account = accounts.into_iter().next()?;
        let groups: Vec<String> = principal.groups.iter().cloned().collect();
        let role = match principal.standing {
            countersign_core::principal::Standing::Active => format!("groups: {}", groups.join(", ")),
            countersign_core::principal::Standing::Guest => "a guest: may neither ask nor agree".into(),
            countersign_core::principal::Standing::Deactivated => "deactivated in the directory".into(),
            countersign_core::principal::Standing::Bot => "a program".into(),
        };
        Some(Person { account, name: principal.name, role })
    };
    Ok(people.into_iter().filter_map(pick).collect())
}

/// The data folder: the one that was named, or one that goes away with the demo.
#[derive(Debug)]
enum TemporaryData {
    Kept(PathBuf),
    Temporary(tempfile::TempDir),
}

impl TemporaryData {
    fn unless(named: Option<PathBuf>) -> anyhow::Result<Self> {
        match named {
            Some(path) => {
                std::fs::create_dir_all(&path).with_context(|| format!("`{}` cannot be made", path.display()))?;
                Ok(Self::Kept(path.canonicalize()?))
            }
            None => Ok(Self::Temporary(tempfile::Builder::new().prefix("countersign-demo-").tempdir()?)),
        }
    }

    fn path(&self) -> &Path {
        match self {
            Self::Kept(path) => path,
            Self::Temporary(folder) => folder.path(),
        }
    }
}
