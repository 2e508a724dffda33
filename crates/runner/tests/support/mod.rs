//! A worker's surroundings: keys, audit log, broker, jail, and the whole way from a command to its record.

pub(crate) mod cluster;
pub(crate) mod container;
pub(crate) mod harness;
pub(crate) mod inside;
pub(crate) mod kubernetes;
pub(crate) mod policy;

use cluster::Ground;
use countersign_audit::begin::Particulars;
use countersign_audit::clock::SystemClock;
use countersign_audit::directory::Directory;
use countersign_audit::keys::{self, DigestKey, Process};
use countersign_audit::log::{AuditLog, Config, Limits};
use countersign_audit::on_record::OnRecord;
use countersign_core::action::Scope;
use countersign_core::certificate::Role;
use countersign_core::command::{Argv, Tool};
use countersign_core::digest::hex;
use countersign_core::id::{InvocationId, Origin};
use countersign_core::input::Input;
use countersign_core::invocation::{Invocation, Receipt, Ruling};
use countersign_core::policy::Facts;
use countersign_core::principal::Account;
use countersign_core::seal::{Sealer, Verifier};
use countersign_core::subject::Subject;
use countersign_core::tier::{Isolation, Mode};
use countersign_core::time::Clock;
use countersign_core::warrant::{Checked, CredentialClass};
use countersign_jail::LauncherPath;
use countersign_runner::recipe::{Candidate, Recipe};
use countersign_runner::target::{Cluster, Target, Targets};
use countersign_runner::{Exit, Known, LocalJail, Narrower, Output, OwnServices, RunFault, Runner, Settings};
use countersign_secrets::{
    Broker as _, Lease, Recipe as Credential, Reference, StaticBroker, StaticConfig, TargetKey, TargetKind, WallLimits,
};
use policy::{OpenPolicy, POOL, requester};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

const DEPLOYMENT: &str = "test";

/// The token of every lease; long enough to be looked for.
pub(crate) const TOKEN: &str = "countersign-test-token-0123456789";

/// The keys of every lease for an AWS account.
pub(crate) const AWS_KEYS: &str =
    r#"{"Version":1,"AccessKeyId":"AKIATEST00000000TEST","SecretAccessKey":"secret-of-the-tests/0123456789+abcdef"}"#;

/// The argument that makes this program the command inside a jail.
pub(crate) const INSIDE: &str = "__inside";

/// Everything a worker has around its runner.
pub(crate) struct World {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) jail: Arc<LocalJail>,
    /// The jail, or what runs jobs in a cluster.
    pub(crate) runner: Arc<dyn Runner>,
    pub(crate) ground: Option<Ground>,
    pub(crate) recipes: Vec<Recipe>,
    pub(crate) clock: Arc<dyn Clock>,
    broker: StaticBroker,
    log: AuditLog,
    gateway: Sealer,
    verifier: Verifier,
    policy: OpenPolicy,
    tasks: TaskTracker,
    count: AtomicU64,
}

/// What a test asks for.
pub(crate) struct Ask<'a> {
    pub(crate) argv: &'a [&'a str],
    pub(crate) filters: Vec<Argv>,
    pub(crate) mode: Mode,
    pub(crate) stdin: Option<&'a str>,
    pub(crate) narrower: Narrower,
    pub(crate) cancel: CancellationToken,
}

impl<'a> Ask<'a> {
    pub(crate) fn apply(argv: &'a [&'a str]) -> Self {
        Self {
            argv,
            filters: Vec::new(),
            mode: Mode::Apply,
            stdin: None,
            narrower: Narrower::default(),
            cancel: CancellationToken::new(),
        }
    }

    /// The same, with filters behind it.
    pub(crate) fn filtered(argv: &'a [&'a str], filters: &[&[&str]]) -> Self {
        let argv_of = |words: &&[&str]| Argv::new(words.iter().map(|it| (*it).to_owned()).collect()).unwrap();
        Self { filters: filters.iter().map(argv_of).collect(), ..Self::apply(argv) }
    }

    pub(crate) fn preview(argv: &'a [&'a str]) -> Self {
        Self { mode: Mode::DryRun, ..Self::apply(argv) }
    }
}

impl World {
    /// A world whose targets may be reached at these addresses.
    pub(crate) async fn new(allowed: &[String]) -> Self {
        Self::with_clock(allowed, Arc::new(SystemClock)).await
    }

    pub(crate) async fn with_clock(allowed: &[String], clock: Arc<dyn Clock>) -> Self {
        let cluster = Cluster {
            address: "https://127.0.0.1:1".into(),
            ca_pem: None,
            allowed: allowed.iter().map(|text| text.parse().unwrap()).collect(),
        };
        let tests = |path: &Path| (Recipe::parse("tests.yaml", &recipe(&own_copy(path))).unwrap(), BTreeMap::new());
        Self::build(Target::Cluster(cluster), clock, tests).await
    }

    /// A world with kubectl, whose target this is.
    pub(crate) async fn with_kubectl(cluster: Cluster) -> Self {
        let kubectl = |_: &Path| (shipped("kubectl"), BTreeMap::new());
        Self::build(Target::Cluster(cluster), Arc::new(SystemClock), kubectl).await
    }

    /// A world where this very program is the tool of this name, with the shipped recipe.
    pub(crate) async fn with_stand_in(tool: &str, target: Target) -> Self {
        let second = |path: &Path| {
            let own = Candidate::file(own_copy(path).to_string_lossy());
            let own = Candidate { with: vec![INSIDE.into(), "as".into()], ..own };
            let mut recipe = shipped(tool);
            recipe.programs = BTreeMap::from([(tool.to_owned(), vec![own])]);
            recipe.files_if_present.push("/lib/*-linux-gnu/libgcc_s.so.*".into());
            (recipe, BTreeMap::new())
        };
        Self::build(target, Arc::new(SystemClock), second).await
    }

    /// A world with the real tool of this name, from the folder of its installation.
    pub(crate) async fn with_tool(tool: &str, target: Target, place: PathBuf) -> Self {
        Self::with_recipe(shipped(tool), target, BTreeMap::from([(tool.to_owned(), place)])).await
    }

    /// A world with this recipe, and its programs at these places.
    pub(crate) async fn with_recipe(recipe: Recipe, target: Target, places: BTreeMap<String, PathBuf>) -> Self {
        Self::build(target, Arc::new(SystemClock), |_: &Path| (recipe, places)).await
    }

    /// The same, where everything is decided for level `nested`.
    pub(crate) async fn nested(allowed: &[String]) -> Self {
        Self::new(allowed).await.at(Isolation::Nested)
    }

    async fn build(
        target: Target,
        clock: Arc<dyn Clock>,
        second: impl FnOnce(&Path) -> (Recipe, BTreeMap<String, PathBuf>),
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        let tasks = TaskTracker::new();
        let processes = [
            Process { name: "gateway", role: Role::Gateway, pools: &[] },
            Process { name: "worker", role: Role::Worker, pools: &[POOL] },
        ];
        std::fs::create_dir(path.join("keys")).unwrap();
        let valid = (clock.now(), Duration::from_hours(24));
        let root = keys::init(&path.join("keys"), DEPLOYMENT, valid, &processes).unwrap();
        let verifier = Verifier::new(root, DEPLOYMENT);
        let sealer = |name| keys::load_sealer(&path.join("keys"), name, DEPLOYMENT).unwrap();
        let log = open_log(path, sealer("worker"), verifier.clone(), &clock, &tasks).await;
        let (second, programs) = second(path);
        let settings = Settings { programs, ..settings(path, Arc::clone(&clock), second) };
        let recipes = settings.recipes.clone();
        let jail = Arc::new(LocalJail::open(settings).unwrap());
        jail.learn(known(&jail, target));
        if !container::is_around_us() {
            jail.probe(Isolation::Strict).unwrap();
        }
        let broker = StaticBroker::new(credentials(), Arc::clone(&clock));
        let (gateway, policy, count) = (sealer("gateway"), OpenPolicy(Isolation::Strict), AtomicU64::new(0));
        let (runner, ground): (Arc<dyn Runner>, _) = (jail.clone(), None);
        Self { folder, jail, runner, ground, recipes, clock, broker, log, gateway, verifier, policy, tasks, count }
    }

    /// The same world, where everything is decided for this level.
    pub(crate) fn at(mut self, isolation: Isolation) -> Self {
        // Without a root of its own a job passes through the folders above its home.
        let open = std::os::unix::fs::PermissionsExt::from_mode(0o711);
        std::fs::set_permissions(self.folder.path(), open).unwrap();
        self.policy = OpenPolicy(isolation);
        if isolation == Isolation::Nested {
            self.jail.probe(isolation).unwrap();
        }
        self
    }

    /// Takes a command all the way to its record, as gateway and worker do.
    pub(crate) async fn on_record(&self, ask: &Ask<'_>) -> OnRecord {
        let tool = Tool::from(ask.argv[0].to_owned());
        let scope = scope(ask.argv[0]);
        let command = policy::command(tool, ask.argv, ask.mode, scope, &ask.filters);
        let stdin = ask.stdin.map(|text| Input::new(text.to_owned()).unwrap());
        let command = policy::with_stdin(&command, stdin);
        let trigger = self.count.fetch_add(1, Ordering::SeqCst).to_string();
        let origin = Origin { deployment: DEPLOYMENT, front: "cli", team: "t", trigger: &trigger };
        let now = self.clock.now();
        let account = Account { front: "cli".into(), team: "t".into(), user: "ann".into() };
        let receipt = Receipt {
            id: InvocationId::derive(origin, now),
            deployment: DEPLOYMENT.into(),
            account,
            thread: "t".into(),
            channel: None,
            typed: String::new(),
            reason: None,
            at: now,
        };
        let (id, facts) = (receipt.id, Facts::new(now, [requester()]));
        let invocation = Invocation::receive(receipt, requester(), Subject::Command(Box::new(command)));
        let Ruling::Cleared(cleared) = invocation.decide(&self.policy, &facts, &[]) else { panic!("not cleared") };
        let expires_at = cleared.decision().decision().expires_at;
        let job = cleared.into_job(&self.gateway, expires_at).open_job(&self.verifier, id, now).unwrap();
        let checked = job.decide_again(&self.policy, &facts, &[], None, &self.verifier, POOL).unwrap();
        let Checked::Ready(warrant) = checked else { panic!("an effect nobody approved") };
        self.log.begin(warrant, Particulars::default()).await.unwrap().0
    }

    pub(crate) async fn lease(&self, on_record: &OnRecord) -> Lease {
        self.broker.issue(on_record).await.unwrap()
    }

    /// Runs a command and gives back its end and its output.
    pub(crate) async fn run(&self, ask: Ask<'_>) -> (Result<Exit, RunFault>, Vec<u8>) {
        let on_record = self.on_record(&ask).await;
        let lease = self.lease(&on_record).await;
        let (out, mut chunks) = Output::new(ask.cancel, ask.narrower);
        let collect = async {
            let mut all = Vec::new();
            while let Some(chunk) = chunks.recv().await {
                all.extend(chunk);
            }
            all
        };
        tokio::join!(self.runner.run(on_record, &lease, out), collect)
    }

    /// Runs a command that must start, and gives its output as text.
    pub(crate) async fn text(&self, argv: &[&str]) -> (Exit, String) {
        let (exit, output) = self.run(Ask::apply(argv)).await;
        (exit.unwrap(), String::from_utf8(output).unwrap())
    }

    /// What is in the folder for running jobs.
    pub(crate) fn left_in_run_folder(&self) -> usize {
        let left = self.ground.as_ref().map_or(0, |ground| ground.left().len());
        left + std::fs::read_dir(self.folder.path().join("run")).unwrap().count()
    }

    pub(crate) async fn close(self) {
        if let Some(ground) = self.ground {
            drop(self.runner);
            ground.close().await;
        }
        self.log.close().await.unwrap();
        self.tasks.close();
        drop(self.log);
        self.tasks.wait().await;
    }
}

async fn open_log(
    path: &Path,
    sealer: Sealer,
    verifier: Verifier,
    clock: &Arc<dyn Clock>,
    tasks: &TaskTracker,
) -> AuditLog {
    for name in ["log", "fate"] {
        std::fs::create_dir(path.join(name)).unwrap();
    }
    let sink = Directory::open(path.join("log"), Arc::clone(clock)).unwrap();
    let fate = Directory::open(path.join("fate"), Arc::clone(clock)).unwrap();
    let config = Config {
        sealer: Arc::new(sealer),
        verifier,
        sink: Arc::new(sink),
        anchors: Vec::new(),
        fate: Arc::new(fate),
        clock: Arc::clone(clock),
        tracker: tasks.clone(),
        digest_key: DigestKey::generate(),
        binary: None,
        limits: Limits::default(),
    };
    AuditLog::open(config).await.unwrap()
}

/// The shipped recipe that has this program.
pub(crate) fn shipped(program: &str) -> Recipe {
    Recipe::shipped().into_iter().find(|recipe| recipe.programs.contains_key(program)).unwrap()
}

pub(crate) fn settings(path: &Path, clock: Arc<dyn Clock>, second: Recipe) -> Settings {
    Settings {
        launcher: launcher(path),
        run_folder: path.join("run"),
        recipes: vec![shipped("printf"), second],
        programs: BTreeMap::new(),
        uids: job_users(),
        own_services: OwnServices::default(),
        plans: None,
        clock,
    }
}

/// This very program: the launcher, and beside it what runs filters.
fn launcher(path: &Path) -> LauncherPath {
    let beside = path.join("countersign-filter");
    let own = path.join("countersign-jail");
    // A copy, as of the command's program.
    if !own.exists() {
        std::fs::copy(std::env::current_exe().unwrap(), &own).unwrap();
        std::fs::hard_link(&own, beside).unwrap();
    }
    LauncherPath::new(own).unwrap()
}

/// User ids that no other job of this machine has: at `nested` everything of a job's user is killed with it.
pub(crate) fn job_users() -> std::ops::Range<u32> {
    let first = 400_000 + std::process::id() * 16;
    first..first + 16
}

/// A copy of this program, so that nobody can change it while the tests run, whatever the build folder's modes are.
fn own_copy(path: &Path) -> PathBuf {
    let own = path.join("inside");
    std::fs::copy(std::env::current_exe().unwrap(), &own).unwrap();
    own
}

/// A recipe with a shell and with this very program, both with a credential and a way out.
fn recipe(own: &Path) -> String {
    format!(
        r#"
version: 1
programs: {{ sh: [/usr/bin/dash], inside: ["{}"] }}
files:
  - /usr/bin/cat
  - /usr/bin/setsid
  - /usr/bin/sleep
  - /lib/*-linux-gnu/libc.so.*
  - /lib/*-linux-gnu/libgcc_s.so.*
files_if_present: [ /lib64/ld-linux-x86-64.so.*, /lib/ld-linux-aarch64.so.*, /lib/*-linux-gnu/libm.so.* ]
env: {{ LANG: C.UTF-8, PATH: /usr/bin }}
credential: kubeconfig
egress: target
isolation: [strict, nested, job]
limits:
  {{ wall_seconds: 60, cpu_seconds: 60, memory_mib: 256, processes: 64,
    open_files: 64, file_mib: 16, tmp_mib: 16, output_mib: 64 }}
"#,
        own.display()
    )
}

fn known(jail: &LocalJail, target: Target) -> Known {
    let names: Vec<String> = jail.programs().map(|program| program.name.clone()).collect();
    Known {
        targets: Targets::from([(TargetKey::new(kind_of(&target), "demo"), target)]),
        commands: names.into_iter().map(|name| (name.clone(), name)).collect(),
    }
}

/// The programs with a credential have a target; those of coreutils have neither.
fn scope(program: &str) -> Scope {
    let target = matches!(program, "sh" | "inside" | "kubectl" | "aws" | "gcloud").then(|| "demo".to_owned());
    Scope { target, ..Scope::default() }
}

const fn kind_of(target: &Target) -> TargetKind {
    match target {
        Target::Cluster(_) => TargetKind::Cluster,
        Target::Profile(_) => TargetKind::Profile,
        Target::Project(_) => TargetKind::Project,
        Target::Alertmanager(_) => TargetKind::Alertmanager,
        Target::Stack(_) => TargetKind::Stack,
        Target::Service(_) => TargetKind::Service,
    }
}

fn credentials() -> StaticConfig {
    let classes = [CredentialClass::Read, CredentialClass::Preview];
    let from = |name: &str| name.parse::<Reference>().unwrap();
    let of_class = |class| {
        [
            ((TargetKey::cluster("demo"), class), Credential::BearerToken(from("env:TOKEN"))),
            ((TargetKey::new(TargetKind::Profile, "demo"), class), Credential::Aws(from("env:AWS"))),
            ((TargetKey::new(TargetKind::Project, "demo"), class), Credential::AccessToken(from("env:TOKEN"))),
        ]
    };
    StaticConfig {
        credentials: classes.into_iter().flat_map(of_class).collect(),
        without_credential: shipped("printf").programs.into_keys().collect(),
        wall: WallLimits { default: Duration::from_mins(1), by_tool: BTreeMap::new() },
        environment: BTreeMap::from([("TOKEN".to_owned(), TOKEN.into()), ("AWS".to_owned(), AWS_KEYS.into())]),
    }
}

/// The processes of the host whose command line holds this text.
pub(crate) fn processes_with(text: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir("/proc").unwrap().flatten().map(|entry| entry.path());
    let holds = |path: &PathBuf| {
        let line = std::fs::read(path.join("cmdline")).unwrap_or_default();
        hex(&line).contains(&hex(text.as_bytes()))
    };
    entries.filter(holds).collect()
}
