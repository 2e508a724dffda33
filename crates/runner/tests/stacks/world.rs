//! Two workers of one pool, a repository, a place for plans, and Terraform's states: the whole way from a typed line to
//! its record, as gateway and worker go it.

use countersign_audit::begin::Particulars;
use countersign_audit::clock::SystemClock;
use countersign_audit::directory::Directory;
use countersign_audit::keys::{self, DigestKey, Process};
use countersign_audit::log::{AuditLog, Config, Limits};
use countersign_command::vocabulary::{self, Vocabulary};
use countersign_command::{Context, parse, parse_again};
use countersign_core::ballot::{Ballot, Vote};
use countersign_core::certificate::Role;
use countersign_core::command::Command;
use countersign_core::digest::Digest;
use countersign_core::effect::Effect;
use countersign_core::id::{InvocationId, Origin};
use countersign_core::invocation::{Invocation, Receipt, Ruling, Tally};
use countersign_core::job::Job;
use countersign_core::policy::{
    Allowance, Canonical, Confirmation, Factor, Facts, Judgement, Policy, PolicyDigests, Request, Rule,
};
use countersign_core::principal::{Account, Principal, Standing, SubjectId};
use countersign_core::quorum::Quorum;
use countersign_core::refusal::Refusal;
use countersign_core::seal::{Sealed, Sealer, Verifier};
use countersign_core::subject::Subject;
use countersign_core::tier::{Isolation, Tier};
use countersign_core::time::Clock;
use countersign_core::warrant::{Checked, CredentialClass, Undrifted, Warrant};
use countersign_jail::LauncherPath;
use countersign_runner::plans::{PlanPlace, PlanSettings, PlanStore, PoolKey};
use countersign_runner::recipe::Recipe;
use countersign_runner::stack::{Review, Source, Stack};
use countersign_runner::target::{Target, Targets};
use countersign_runner::{Exit, Known, LocalJail, Narrower, Output, OwnServices, RunFault, Runner as _, Settings};
use countersign_secrets::{
    Broker as _, Recipe as Credential, StaticBroker, StaticConfig, TargetKey, TargetKind, WallLimits,
};
use countersign_simulators::states::States;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

const DEPLOYMENT: &str = "test";
const POOL: &str = "default";

/// What the stack's credential holds, in every class; long enough to be looked for.
pub(crate) const TOKEN: &str = "countersign-test-token-0123456789";

pub(crate) struct World {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) states: States,
    pub(crate) workers: Vec<LocalJail>,
    pub(crate) repository: Repository,
    broker: StaticBroker,
    clock: Arc<dyn Clock>,
    log: AuditLog,
    gateway: Sealer,
    worker: Sealer,
    verifier: Verifier,
    policy: Everything,
    tasks: TaskTracker,
    stop: CancellationToken,
    count: AtomicU64,
}

/// What is special about a world.
pub(crate) struct Wish {
    pub(crate) review: Review,
    pub(crate) keeps_plans: bool,
    pub(crate) terraform: Option<PathBuf>,
    pub(crate) hosts: Vec<String>,
}

impl Default for Wish {
    fn default() -> Self {
        Self { review: Review::None, keeps_plans: true, terraform: None, hosts: Vec::new() }
    }
}

/// A command that was shown, and waits.
pub(crate) struct Shown {
    pub(crate) id: InvocationId,
    pub(crate) effect: Effect,
    sealed: Sealed<Effect>,
    job: Sealed<Job>,
    ballots: Vec<Sealed<Ballot>>,
}

/// What a run came to.
pub(crate) struct Ran {
    pub(crate) exit: Result<Exit, RunFault>,
    pub(crate) output: String,
}

impl Ran {
    /// The refusal's code of a run that did not begin.
    pub(crate) fn refusal(self) -> Refusal {
        match self.exit {
            Err(RunFault::Refused(refusal)) => *refusal,
            other => panic!("not refused: {other:?} {}", self.output),
        }
    }

    pub(crate) fn code(&self) -> Option<i32> {
        self.exit.as_ref().unwrap_or_else(|fault| panic!("{fault:?}")).code
    }
}

impl World {
    pub(crate) async fn new(main: impl Into<String>) -> Self {
        Self::with(&main.into(), Wish::default()).await
    }

    /// `main` is the configuration on the branch, where `BACKEND` stands for the block that keeps the state.
    pub(crate) async fn with(main: &str, wish: Wish) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
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
        let states = States::start(&tasks, stop.clone()).await.unwrap();
        let repository = Repository::new(&path.join("repository"));
        repository.commit(
            "dev/main.tf",
            &main
                .replace("BACKEND", &states.backend("dev"))
                .replace("DRIVER", &path.join("a/countersign-driver").to_string_lossy()),
        );
        let hosts: Vec<String> = std::iter::once(states.url()).chain(wish.hosts).collect();
        let source = Source { address: repository.address(), credential: None, authorities: None };
        let stack = Stack::new(source, ("main", "dev"), &hosts, wish.review).unwrap();
        let workers = ["a", "b"].map(|name| {
            let plans = wish.keeps_plans.then(|| Arc::new(plans(&path.join("plans"))));
            worker(&path.join(name), plans, wish.terraform.clone(), &clock, stack.clone())
        });
        let broker = StaticBroker::new(credentials(), Arc::clone(&clock));
        Self {
            workers: workers.into(),
            states,
            repository,
            broker,
            clock,
            log,
            gateway: sealer("gateway"),
            worker: sealer("worker"),
            verifier,
            policy: Everything::default(),
            tasks,
            stop,
            count: AtomicU64::new(0),
            folder,
        }
    }

    /// Asks for a command that shows its effect first; worker `at` looks.
    pub(crate) async fn show(&self, at: usize, line: &str) -> Result<Shown, Ran> {
        let invocation = self.invocation(line);
        let (id, now) = (invocation.id(), self.clock.now());
        let Ruling::Pending(pending) = invocation.decide(&self.policy, &self.facts(), &[]) else {
            panic!("`{line}` does not wait for anybody")
        };
        let open = pending.preview(&self.gateway).open_preview(&self.verifier, id, now).unwrap();
        let warrant = open.decide_again(&self.policy, &self.facts(), POOL).unwrap();
        let effect = self.look(at, warrant).await?;
        let sealed = effect.seal(&self.worker);
        let asked = pending.with_effect(Some(&sealed), &self.verifier, now).unwrap();
        let confirm = Ballot {
            v: 1,
            deployment: DEPLOYMENT.into(),
            invocation: id,
            decision: asked.decision().digest(),
            vote: Vote::Confirm,
            voter: requester().id,
            account: account(),
            at: now,
            reason: None,
        };
        let ballots = vec![confirm.seal(&self.gateway)];
        let Tally::Cleared(cleared) = asked.tally(&ballots, &self.verifier, &self.facts()) else {
            panic!("not cleared")
        };
        let expires_at = cleared.decision().decision().expires_at;
        Ok(Shown { id, effect, sealed, job: cleared.into_job(&self.gateway, expires_at), ballots })
    }

    /// Looks again, and runs what was shown if it is still that; worker `at` does both.
    pub(crate) async fn run_shown(&self, at: usize, shown: &Shown) -> Ran {
        self.run_until(at, shown, None).await
    }

    /// The same, cancelled as soon as its output has this text.
    pub(crate) async fn run_until(&self, at: usize, shown: &Shown, until: Option<&str>) -> Ran {
        let fresh = match self.look(at, self.undrifted(shown).look_again()).await {
            Ok(fresh) => fresh,
            Err(ran) => return ran,
        };
        match self.undrifted(shown).compare(&fresh) {
            Ok(warrant) => self.run(at, warrant, until).await,
            Err(drifted) => Ran { exit: Err(RunFault::Refused(drifted)), output: String::new() },
        }
    }

    /// Runs what was shown without looking again: what a worker finds that is late.
    pub(crate) async fn run_unlooked(&self, at: usize, shown: &Shown) -> Ran {
        let warrant = self.undrifted(shown).compare(&shown.effect).unwrap();
        self.run(at, warrant, None).await
    }

    /// Runs a command that waits for nobody.
    pub(crate) async fn text(&self, line: &str) -> Ran {
        let invocation = self.invocation(line);
        let (id, now) = (invocation.id(), self.clock.now());
        let Ruling::Cleared(cleared) = invocation.decide(&self.policy, &self.facts(), &[]) else {
            panic!("`{line}` waits for somebody")
        };
        let expires_at = cleared.decision().decision().expires_at;
        let open = cleared.into_job(&self.gateway, expires_at).open_job(&self.verifier, id, now).unwrap();
        let checked = open.decide_again(&self.policy, &self.facts(), &[], None, &self.verifier, POOL).unwrap();
        let Checked::Ready(warrant) = checked else { panic!("an effect nobody approved") };
        self.run(0, warrant, None).await
    }

    fn undrifted(&self, shown: &Shown) -> Undrifted {
        let open = shown.job.open_job(&self.verifier, shown.id, self.clock.now()).unwrap();
        let facts = self.facts();
        let effect = Some(&shown.sealed);
        match open.decide_again(&self.policy, &facts, &shown.ballots, effect, &self.verifier, POOL).unwrap() {
            Checked::Compare(undrifted) => undrifted,
            Checked::Ready(_) => panic!("no effect was approved"),
        }
    }

    async fn look(&self, at: usize, warrant: Warrant) -> Result<Effect, Ran> {
        let id = warrant.invocation();
        let ran = self.run(at, warrant, None).await;
        match &ran.exit {
            Ok(exit) if exit.code == Some(0) => {
                let text = String::from_utf8(exit.steps[0].stdout.clone()).unwrap();
                let effect = Effect::new(DEPLOYMENT.into(), POOL.into(), id, Vec::new(), Some(text));
                Ok(effect.split_at_now().with_plan(exit.plan))
            }
            _ => Err(ran),
        }
    }

    async fn run(&self, at: usize, warrant: Warrant, until: Option<&str>) -> Ran {
        let cancel = CancellationToken::new();
        let on_record = self.log.begin(warrant, Particulars::default()).await.unwrap().0;
        let lease = self.broker.issue(&on_record).await.unwrap();
        let (out, mut chunks) = Output::new(cancel.clone(), Narrower::default());
        let collect = async {
            let mut all = Vec::new();
            while let Some(chunk) = chunks.recv().await {
                all.extend(chunk);
                if until.is_some_and(|until| String::from_utf8_lossy(&all).contains(until)) {
                    cancel.cancel();
                }
            }
            String::from_utf8(all).unwrap()
        };
        let (exit, mut output) = tokio::join!(self.workers[at].run(on_record, &lease, out), collect);
        for step in exit.iter().flat_map(|exit| &exit.steps) {
            output.push_str(&String::from_utf8_lossy(&step.stdout));
            output.push_str(&String::from_utf8_lossy(&step.stderr));
        }
        assert!(!output.contains(TOKEN), "{output}");
        Ran { exit, output }
    }

    fn invocation(&self, line: &str) -> Invocation<countersign_core::invocation::Received> {
        let typed = parse(line, &Context::default(), &self.policy.0).unwrap_or_else(|no| panic!("{line}: {no}"));
        let countersign_command::Typed::Run { command, .. } = typed else { panic!("`{line}` is no command") };
        let trigger = self.count.fetch_add(1, Ordering::SeqCst).to_string();
        let origin = Origin { deployment: DEPLOYMENT, front: "cli", team: "t", trigger: &trigger };
        let now = self.clock.now();
        let receipt = Receipt {
            id: InvocationId::derive(origin, now),
            deployment: DEPLOYMENT.into(),
            account: account(),
            thread: "t".into(),
            channel: None,
            typed: String::new(),
            reason: None,
            at: now,
        };
        Invocation::receive(receipt, requester(), Subject::Command(Box::new(command)))
    }

    fn facts(&self) -> Facts {
        Facts::new(self.clock.now(), [requester()])
    }

    /// Shows and applies; both must go well.
    pub(crate) async fn applied(&self, line: &str) -> String {
        let shown = self.show(0, line).await.unwrap_or_else(|ran| panic!("{:?} {}", ran.exit, ran.output));
        let ran = self.run_shown(0, &shown).await;
        assert_eq!(ran.code(), Some(0), "{}", ran.output);
        ran.output
    }

    /// The files in which plans are kept.
    pub(crate) fn plans(&self) -> Vec<PathBuf> {
        let mut found = Vec::new();
        let mut folders = vec![self.folder.path().join("plans")];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
                if entry.path().is_dir() { folders.push(entry.path()) } else { found.push(entry.path()) }
            }
        }
        found
    }

    /// What is in the folders for running jobs.
    pub(crate) fn left_in_run_folders(&self) -> usize {
        ["a", "b"]
            .map(|name| std::fs::read_dir(self.folder.path().join(name).join("run")).unwrap().count())
            .iter()
            .sum()
    }

    pub(crate) async fn close(self) {
        assert_eq!(self.left_in_run_folders(), 0);
        self.log.close().await.unwrap();
        self.stop.cancel();
        self.tasks.close();
        drop((self.log, self.states));
        self.tasks.wait().await;
    }
}

fn worker(
    path: &Path,
    plans: Option<Arc<PlanStore>>,
    terraform: Option<PathBuf>,
    clock: &Arc<dyn Clock>,
    stack: Stack,
) -> LocalJail {
    std::fs::create_dir(path).unwrap();
    let own = path.join("countersign-jail");
    std::fs::copy(std::env::current_exe().unwrap(), &own).unwrap();
    for beside in ["countersign-filter", "countersign-driver"] {
        std::fs::hard_link(&own, path.join(beside)).unwrap();
    }
    let first = 500_000 + std::process::id() * 32 + if path.ends_with("a") { 0 } else { 16 };
    let recipe = Recipe::shipped().into_iter().find(|recipe| recipe.programs.contains_key("tf")).unwrap();
    let jail = LocalJail::open(Settings {
        launcher: LauncherPath::new(own).unwrap(),
        run_folder: path.join("run"),
        recipes: vec![recipe],
        programs: terraform.map(|place| ("tf".to_owned(), place)).into_iter().collect(),
        uids: first..first + 16,
        own_services: OwnServices::default(),
        clock: Arc::clone(clock),
        plans,
    })
    .unwrap();
    let key = TargetKey::new(TargetKind::Stack, "dev");
    jail.learn(Known { targets: Targets::from([(key, Target::Stack(Box::new(stack)))]), commands: BTreeMap::new() });
    assert_eq!(jail.missing().collect::<Vec<_>>(), []);
    jail.probe(Isolation::Strict).unwrap();
    jail
}

fn plans(folder: &Path) -> PlanStore {
    let key = PoolKey::parse(&"MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=".to_owned().into()).unwrap();
    let place = PlanPlace::Folder(folder.to_owned());
    let keep = Duration::from_hours(1);
    PlanStore::open(PlanSettings { deployment: DEPLOYMENT.into(), place, key, keep }).unwrap()
}

fn credentials() -> StaticConfig {
    use CredentialClass as Class;
    let key = TargetKey::new(TargetKind::Stack, "dev");
    let classes = [Class::Read, Class::Preview, Class::Change, Class::Destructive];
    let of = |class: Class| {
        let name = format!("env:{}", class.as_str().to_uppercase());
        ((key.clone(), class), Credential::Variables(name.parse().unwrap()))
    };
    let text = |class: Class| {
        let document = format!(r#"{{"GITHUB_TOKEN":"{TOKEN}","DD_APP_KEY":"role-{}"}}"#, class.as_str());
        (class.as_str().to_uppercase(), document.into())
    };
    StaticConfig {
        credentials: classes.into_iter().map(of).collect(),
        without_credential: std::collections::BTreeSet::new(),
        wall: WallLimits { default: Duration::from_mins(2), by_tool: BTreeMap::new() },
        environment: classes.into_iter().map(text).collect(),
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
    let config = Config {
        sealer: Arc::new(sealer),
        verifier,
        sink: Arc::new(Directory::open(path.join("log"), Arc::clone(clock)).unwrap()),
        anchors: Vec::new(),
        fate: Arc::new(Directory::open(path.join("fate"), Arc::clone(clock)).unwrap()),
        clock: Arc::clone(clock),
        tracker: tasks.clone(),
        digest_key: DigestKey::generate(),
        binary: None,
        limits: Limits::default(),
    };
    AuditLog::open(config).await.unwrap()
}

fn requester() -> Principal {
    Principal {
        id: SubjectId { iss: "test".into(), sub: "ann".into() },
        name: "Ann".into(),
        groups: ["engineering".to_owned()].into(),
        standing: Standing::Active,
        known_by: "test".into(),
    }
}

fn account() -> Account {
    Account { front: "cli".into(), team: "t".into(), user: "ann".into() }
}

/// A policy that allows everything; what changes, the requester confirms.
#[derive(Debug)]
struct Everything(Vocabulary);

impl Default for Everything {
    fn default() -> Self {
        let stack = vocabulary::Stack { env: "dev".into(), branch: "main".into() };
        let stacks = BTreeMap::from([("dev".to_owned(), stack)]);
        Self(Vocabulary { environments: ["dev".to_owned()].into(), stacks, ..Vocabulary::default() })
    }
}

impl Policy for Everything {
    fn parse_again(&self, canonical: &Canonical<'_>) -> Result<Command, Box<Refusal>> {
        parse_again(canonical, &self.0)
    }

    fn judge(&self, request: &Request<'_>, _: &Facts) -> Judgement {
        let action = request.command.action();
        let looks = action.tier == Tier::Read;
        Judgement::Allowed(Allowance {
            tier: action.tier,
            sensitivity: action.sensitivity,
            reversibility: action.reversibility,
            isolation: Isolation::Strict,
            pool: POOL.into(),
            granted_by: Vec::new(),
            reasons: Vec::new(),
            rules: if looks { Vec::new() } else { vec![nobody()] },
            confirmation: if looks { Confirmation::NotNeeded } else { Confirmation::Required },
            budgets: Vec::new(),
        })
    }

    fn digests(&self) -> PolicyDigests {
        PolicyDigests { rbac: Digest::of(b""), catalog: Digest::of(b"") }
    }
}

/// The rule that what is destructive needs: nobody else has to agree.
fn nobody() -> Rule {
    let (quorum, expires) = (Quorum::none(), Duration::from_mins(15));
    Rule { id: "tests".into(), quorum, factor: Factor::None, expires }
}

/// A repository on this host.
pub(crate) struct Repository(PathBuf);

impl Repository {
    fn new(path: &Path) -> Self {
        std::fs::create_dir(path).unwrap();
        let it = Self(path.to_owned());
        it.git(&["init", "--quiet", "--initial-branch=main"]);
        it
    }

    pub(crate) fn address(&self) -> String {
        format!("file://{}", self.0.display())
    }

    /// Writes a file, and commits all there is.
    pub(crate) fn commit(&self, path: &str, content: &str) -> String {
        let file = self.0.join(path);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, content).unwrap();
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--allow-empty", "-m", &format!("change {path}")]);
        self.git(&["rev-parse", "HEAD"]).trim().to_owned()
    }

    pub(crate) fn file(&self, path: &str) -> String {
        std::fs::read_to_string(self.0.join(path)).unwrap()
    }

    #[expect(clippy::disallowed_methods, reason = "the repository of a test")]
    pub(crate) fn git(&self, words: &[&str]) -> String {
        let identity = ["-c", "user.name=Ann", "-c", "user.email=ann@example.com", "-c", "safe.directory=*"];
        let mut command = std::process::Command::new("/usr/bin/git");
        let output = command.current_dir(&self.0).args(identity).args(words).output().unwrap();
        assert!(output.status.success(), "git {words:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }
}
