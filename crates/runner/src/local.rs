//! Runs warrants on this host, each step in a jail of its own.
//!
//! **Invariant:** nothing is started that was not found usable at start, and found unchanged right before; what cannot
//! be isolated as it was decided does not run.

mod beside;
mod filter;
mod follow;
mod job;
mod order;
mod pump;
mod site;

use crate::egress::OwnServices;
use crate::files::{FilesError, HostFile, expand};
use crate::folder::{FolderError, RunFolder, Uids};
use crate::kubernetes::Images;
use crate::plans::PlanStore;
use crate::port::{Exit, Output, Ran, RunFault, Runner};
use crate::program::{Program, ProgramError};
use crate::recipe::{Candidate, Limits, Recipe};
use crate::target::Targets;
use async_trait::async_trait;
use countersign_audit::on_record::OnRecord;
use countersign_core::command::Tool;
use countersign_core::digest::Digest;
use countersign_core::tier::Isolation;
use countersign_core::time::Clock;
use countersign_core::warrant::Warrant;
use countersign_jail::{Applied, LauncherPath, Level, ProbeFailure, SetupError, profile};
use countersign_secrets::{Lease, TargetKind};
pub(crate) use job::{FRESH, Job};
pub(crate) use order::Order;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

/// What a [`LocalJail`] is made of.
#[derive(Debug)]
pub struct Settings {
    /// The program that builds jails.
    pub launcher: LauncherPath,
    /// A folder of the worker's own for running jobs, such as `/run/countersign`; made if it is not there, and cleared
    /// of what a killed worker left.
    pub run_folder: PathBuf,
    /// The recipes; see [`Recipe::shipped`].
    pub recipes: Vec<Recipe>,
    /// Programs by name that are at another place than the recipes say, and only there: the file, or the folder of an
    /// installation of several.
    pub programs: BTreeMap<String, PathBuf>,
    /// Host user ids for jobs when the worker is root; one job at a time each. Outside of every other range in use.
    pub uids: Range<u32>,
    /// Addresses of the worker's own services, which no job reaches by a name.
    pub own_services: OwnServices,
    /// Where time comes from.
    pub clock: Arc<dyn Clock>,
    /// Where plans wait that were approved; without it nothing of Terraform is applied.
    pub plans: Option<Arc<PlanStore>>,
}

/// What the catalog tells a runner; may change while the worker runs.
#[derive(Debug, Clone, Default)]
pub struct Known {
    /// The targets.
    pub targets: Targets,
    /// The program of each custom command, by the command's name.
    pub commands: BTreeMap<String, String>,
}

/// Runs warrants in jails on this host.
#[derive(Debug)]
pub struct LocalJail {
    launcher: LauncherPath,
    run: RunFolder,
    run_path: PathBuf,
    uids: Uids,
    own: OwnServices,
    clock: Arc<dyn Clock>,
    plans: Option<Arc<PlanStore>>,
    installed: BTreeMap<String, Installed>,
    /// What runs the filters over a command's output.
    filter: Installed,
    known: RwLock<Arc<Known>>,
    /// The levels that withstood [`LocalJail::probe`], with their profiles' digests.
    proven: RwLock<BTreeMap<Isolation, Digest>>,
}

/// One program, with its recipe.
#[derive(Debug)]
pub(crate) struct Installed {
    name: String,
    recipe: Arc<Recipe>,
    files: Arc<Vec<HostFile>>,
    /// A program with whole folders is looked for when the catalog first has a target for it, and its folders are read
    /// when it first runs, unless a manifest must have them: that takes a second or two, and not every host that has the
    /// program has a use for it.
    usable: OnceLock<Result<Usable, String>>,
}

impl Installed {
    /// A program that was looked for already.
    fn found(recipe: Recipe, usable: Result<Usable, String>) -> Self {
        let files = Arc::default();
        Self { name: filter::PROGRAM.to_owned(), recipe: Arc::new(recipe), files, usable: OnceLock::from(usable) }
    }

    /// The program, or why it cannot be used. Looks for it when it is asked for the first time.
    fn usable(&self) -> &Result<Usable, String> {
        self.usable.get_or_init(|| {
            let candidates = self.recipe.programs.get(&self.name).map(Vec::as_slice).unwrap_or_default();
            let found = Program::find(&self.name, candidates, &self.recipe.manifest);
            let files = Arc::clone(&self.files);
            found.map(|program| Usable { program, files }).map_err(|error| error.to_string())
        })
    }
}

#[derive(Debug, Clone)]
struct Usable {
    program: Program,
    files: Arc<Vec<HostFile>>,
}

/// Why a worker cannot run jobs on this host at all.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The folder for running jobs.
    #[error("there is no place for running jobs")]
    Folder(#[source] FolderError),
    /// Two recipes have a program of the same name.
    #[error("two recipes have a program `{0}`")]
    TwoPrograms(String),
    /// A place was given for a program that no recipe has.
    #[error("no recipe has a program `{0}`")]
    UnknownProgram(String),
    /// A program whose place was given cannot be used there.
    #[error("the program that was configured cannot be used")]
    Program(#[source] ProgramError),
    /// The files of a recipe.
    #[error("the files of a recipe cannot be used")]
    Files(#[source] FilesError),
    /// There is no user id to run jobs as.
    #[error("the range of user ids is empty or holds root's")]
    Uids,
}

/// A level that jobs may demand and this host does not give.
#[derive(Debug, thiserror::Error)]
#[error("isolation level `{level}` cannot be trusted on this host")]
pub struct Untrusted {
    /// Which level.
    pub level: Isolation,
    /// The promise that broke, or the step that failed.
    #[source]
    pub source: ProbeFailure,
}

impl LocalJail {
    /// Finds the programs, reads them for their digests, and prepares the folder. Blocks for as long as reading takes,
    /// some hundred MiB with several kubectl candidates.
    ///
    /// A program without a usable candidate is no error: it is named by [`Self::missing`], and a run of it is refused.
    /// One that has whole folders is looked for by [`Self::learn`], once there is a target for it.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn open(settings: Settings) -> Result<Self, OpenError> {
        let Settings { launcher, run_folder, recipes, programs, uids, own_services, clock, plans } = settings;
        if uids.is_empty() || uids.contains(&0) {
            return Err(OpenError::Uids);
        }
        // What killed launchers left; groups with processes in them stay.
        let swept = countersign_jail::sweep();
        tracing::debug!(swept, "Control groups of earlier jobs were removed");
        let run = RunFolder::open(&run_folder).map_err(OpenError::Folder)?;
        let recipes = recipes.into_iter().map(|recipe| beside::with_drivers(recipe, &launcher)).collect();
        let installed = install(recipes, &programs)?;
        let filter = filter::install(&launcher)?;
        Ok(Self {
            launcher,
            run,
            run_path: run_folder,
            uids: Uids::new(uids),
            own: own_services,
            clock,
            plans,
            installed,
            filter,
            known: RwLock::default(),
            proven: RwLock::default(),
        })
    }

    /// Takes over what the catalog says now. Jobs that run keep what they began with. Blocks while it looks for
    /// programs that nothing needed before.
    pub fn learn(&self, known: Known) {
        let kinds: BTreeSet<TargetKind> = known.targets.keys().map(|key| key.kind).collect();
        for it in self.installed.values() {
            let own = it.recipe.credential.target().or_else(|| driven(&it.name));
            if own.is_some_and(|kind| kinds.contains(&kind)) && it.usable().is_err() {
                tracing::debug!(program = it.name, "It cannot be used");
            }
        }
        *self.known.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(known);
    }

    /// Programs that were needed and cannot be used on this host, and why.
    pub fn missing(&self) -> impl Iterator<Item = (&str, &str)> {
        let all = self.installed.values().chain([&self.filter]);
        all.filter_map(|it| Some((it.name.as_str(), it.usable.get()?.as_ref().err()?.as_str())))
    }

    /// Programs that can be used, with their paths and digests.
    pub fn programs(&self) -> impl Iterator<Item = &Program> {
        self.installed.values().filter_map(|it| it.usable.get()?.as_ref().ok().map(|usable| &usable.program))
    }

    /// Attacks a level on this host. Jobs run only at levels that withstood it since the worker started. May be repeated
    /// while jobs run; a level that fails then is no longer used. Blocks for some ten milliseconds.
    ///
    /// # Errors
    /// [`Untrusted`], with the promise that does not hold.
    pub fn probe(&self, isolation: Isolation) -> Result<Applied, Untrusted> {
        let level = level(isolation);
        let applied = self.attack(level).map_err(|source| Untrusted { level: isolation, source });
        let mut proven = self.proven.write().unwrap_or_else(PoisonError::into_inner);
        match applied {
            Ok(_) => drop(proven.insert(isolation, profile_digest(level))),
            Err(_) => drop(proven.remove(&isolation)),
        }
        applied
    }

    fn attack(&self, level: Level) -> Result<Applied, ProbeFailure> {
        // A user nobody has: at `nested` whoever else runs as it is killed.
        let uid = self.uids.lend().ok_or_else(|| ProbeFailure::Prepare(io::Error::other("every user id is in use")))?;
        countersign_jail::probe(level, &self.launcher, uid.number, &self.run_path)
    }

    /// Whether a recipe has a program of this name.
    pub(crate) fn knows(&self, program: &str) -> bool {
        self.installed.contains_key(program)
    }

    /// What the program of this name may use.
    pub(crate) fn limits_of(&self, program: &str) -> Option<Limits> {
        self.installed.get(program).map(|it| it.recipe.limits)
    }

    /// The levels at which jobs run here, each with the digest of its profile. A worker takes no job of another level.
    pub fn proven(&self) -> BTreeMap<Isolation, Digest> {
        self.proven.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Nothing runs at a level that was not attacked first, even if it was decided and could be built.
    fn order(&self, warrant: &Warrant) -> Result<Order, RunFault> {
        self.order_with(warrant, &Images::new(), None)
    }

    /// The same, where level `job` is another runner's: its images, and its level once that was attacked.
    pub(crate) fn order_with(
        &self,
        warrant: &Warrant,
        images: &Images,
        elsewhere: Option<Isolation>,
    ) -> Result<Order, RunFault> {
        let order = Order::new(warrant, &self.installed, &self.known(), images)?;
        let isolation = warrant.allowance().isolation;
        // Filters run at `strict`, whatever the command runs at.
        let wanted = if order.filters.is_empty() { isolation } else { Isolation::Strict };
        let holds = |level: &Isolation| elsewhere == Some(*level) || self.proven().contains_key(level);
        let missing = [isolation, wanted].into_iter().find(|level| !holds(level));
        missing.map_or(Ok(order), |isolation| Err(not_proven(isolation)))
    }

    fn known(&self) -> Arc<Known> {
        Arc::clone(&self.known.read().unwrap_or_else(PoisonError::into_inner))
    }
}

#[async_trait]
impl Runner for LocalJail {
    fn describe(&self, warrant: &Warrant) -> Result<Ran, RunFault> {
        self.order(warrant)?.ran()
    }

    async fn run(&self, on_record: OnRecord, lease: &Lease, out: Output) -> Result<Exit, RunFault> {
        let order = self.order(on_record.warrant())?;
        order.fits(&on_record, lease)?;
        let job = Box::pin(Job::prepare((self, None), on_record, order, lease, out)).await?;
        Box::pin(job.run()).await
    }

    async fn tidy(&self, pool: &str) {
        let Some(plans) = &self.plans else { return };
        match plans.sweep(pool, self.clock.now()).await {
            Ok(0) => {}
            Ok(removed) => tracing::info!(pool, removed, "Expired plans were removed"),
            Err(error) => tracing::warn!(pool, "Expired plans could not be removed: {error}"),
        }
    }
}

/// What a driver of ours acts on.
fn driven(name: &str) -> Option<TargetKind> {
    let drivers = [Tool::Tf, Tool::Deploy, Tool::Silence];
    drivers.iter().find(|tool| tool.name() == name).map(TargetKind::of)
}

/// Nothing weaker runs instead.
fn not_proven(isolation: Isolation) -> RunFault {
    RunFault::Setup(SetupError {
        step: "level-not-proven".to_owned(),
        errno: None,
        message: format!("isolation level `{isolation}` was not proven on this host since the worker started"),
        hint: Some("name it in the worker's configuration, or give the target another level or pool".to_owned()),
    })
}

fn install(
    recipes: Vec<Recipe>,
    configured: &BTreeMap<String, PathBuf>,
) -> Result<BTreeMap<String, Installed>, OpenError> {
    let mut installed = BTreeMap::new();
    for recipe in recipes {
        let recipe = Arc::new(recipe);
        let files = expand(&recipe.files, &recipe.files_if_present).map_err(OpenError::Files)?;
        let files = Arc::new(files);
        for (name, candidates) in &recipe.programs {
            let (files, usable) = (Arc::clone(&files), OnceLock::new());
            let one = Installed { name: name.clone(), recipe: Arc::clone(&recipe), files, usable };
            if let Some(place) = configured.get(name) {
                let program = placed(name, candidates, place, &recipe).map_err(OpenError::Program)?;
                let files = Arc::clone(&one.files);
                drop(one.usable.set(Ok(Usable { program, files })));
            } else if candidates.iter().all(|candidate| candidate.trees.is_empty()) {
                let _read_now = one.usable();
            }
            if installed.insert(name.clone(), one).is_some() {
                return Err(OpenError::TwoPrograms(name.clone()));
            }
        }
    }
    match configured.keys().find(|name| !installed.contains_key(*name)) {
        Some(name) => Err(OpenError::UnknownProgram(name.clone())),
        None => Ok(installed),
    }
}

/// The program where the worker's configuration says it is: one file, or the folder of an installation.
fn placed(name: &str, candidates: &[Candidate], place: &Path, recipe: &Recipe) -> Result<Program, ProgramError> {
    if candidates.iter().all(|candidate| candidate.at.is_none() && candidate.with.is_empty()) {
        return Program::open(name, place, &recipe.manifest);
    }
    let moved: Vec<Candidate> = candidates.iter().map(|candidate| candidate.moved(place)).collect();
    Program::find(name, &moved, &recipe.manifest)
}

const fn level(isolation: Isolation) -> Level {
    match isolation {
        Isolation::Strict => Level::Strict,
        Isolation::Nested => Level::Nested,
        Isolation::Job => Level::Job,
        Isolation::None => Level::None,
    }
}

fn profile_digest(level: Level) -> Digest {
    Digest::of(profile(level).as_bytes())
}
