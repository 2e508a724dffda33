//! `/tf` in the folder of one stack: plans it, shows a kept plan, applies exactly that plan.
//!
//! **Invariant:** what is applied is the file that came in, and nothing is ever planned in its place; of a plan nothing
//! is printed but what [`told`] makes of it; the state is always locked. The code of a stack runs as the user this
//! process runs as: it finds the job's file gone and this process's memory closed, and what it can read of the rest is
//! what Terraform itself was given.

mod applied;
mod line;
mod masked;
mod plan;
mod terraform;
mod told;

use super::Failure;
use super::job::{Job, Stack, Task};
use applied::Applied;
use countersign_command::tf::{Act, Verb};
use countersign_core::command::Argv;
use countersign_core::refusal::shown;
use line::{Diagnostic, Lock, Said};
use plan::Plan;
use std::io::{self, Write as _};
use std::path::{Component, Path, PathBuf};
use terraform::{Ended, Surroundings, Terraform, kept};

/// Where Terraform finds the file of a plan: its standard input.
const PLAN: &str = "/proc/self/fd/0";

/// One command in one stack.
struct Errand<'a> {
    act: &'a Act,
    stack: &'a Stack,
    terraform: Terraform,
}

/// Closes this process to everything else that runs as its user, and takes the job's file away: whatever is planned may
/// read what that user can.
///
/// # Errors
/// When it cannot be done; nothing runs then.
pub(super) fn close_up(job: &Path) -> Result<(), Failure> {
    let wrong = |error: io::Error| Failure::Misused(format!("the job cannot be hidden: {error}"));
    rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable)
        .map_err(|errno| wrong(errno.into()))?;
    std::fs::remove_file(job).map_err(wrong)
}

/// Carries out a canonical argv, whose second word is the path of Terraform, and says what to print last.
pub(super) async fn carry_out(argv: &Argv, job: &Job) -> Result<String, Failure> {
    let misused = |what: &str| Failure::Misused(what.to_owned());
    let (program, words) = argv.arguments().split_first().ok_or_else(|| misused("no Terraform is named"))?;
    let decided = std::iter::once(argv.program().to_owned()).chain(words.iter().cloned()).collect();
    let decided = Argv::new(decided).map_err(|error| Failure::Misused(error.to_string()))?;
    let act = Act::read(&decided).map_err(|refusal| Failure::Misused(refusal.to_string()))?;
    let stack = job.stack.as_ref().ok_or_else(|| misused("the job is for no stack"))?;
    if (job.target.kind.as_str(), &job.target.name) != ("stack", &act.stack) {
        return Err(Failure::Misused(format!("the job is not for the stack `{}`", act.stack)));
    }
    match (act.verb, stack.task) {
        (Verb::Diff, Task::Diff) => return Ok(head(stack)),
        (Verb::Plan, Task::Plan | Task::Propose | Task::Show) | (Verb::Apply, Task::Apply) => {}
        _ => return Err(misused("the job is for another command")),
    }
    let home = std::env::var_os("HOME").map(PathBuf::from).ok_or_else(|| misused("there is no home"))?;
    let folder = folder(stack)?;
    let around = Surroundings {
        program: Path::new(program),
        home: &home,
        folder: &folder,
        proxy: &job.proxy,
        variables: &stack.variables,
    };
    let mut errand = Errand { act: &act, stack, terraform: Terraform::prepare(&around)? };
    errand.init().await?;
    match stack.task {
        Task::Apply => errand.apply().await,
        Task::Plan | Task::Propose => errand.plan().await,
        Task::Show | Task::Diff => errand.show().await,
    }
}

/// The folder of the stack; its name is the catalog's.
fn folder(stack: &Stack) -> Result<PathBuf, Failure> {
    let inner = Path::new(&stack.folder);
    if !inner.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir)) {
        return Err(Failure::Misused("the stack's folder leads elsewhere".to_owned()));
    }
    let folder = Path::new(&stack.tree).join(inner);
    if folder.is_dir() {
        return Ok(folder);
    }
    Err(Failure::Target(format!("the commit {} has no folder `{}`", stack.commit, shown(&stack.folder))))
}

/// What stands above every plan.
fn head(stack: &Stack) -> String {
    let lines = stack.said.iter().map(|line| shown_long(line) + "\n");
    std::iter::once(format!("commit {} ({})\n", shown(&stack.commit), shown(&stack.branch))).chain(lines).collect()
}

fn shown_long(line: &str) -> String {
    let escape = |c: char| {
        if countersign_core::refusal::is_deceptive(c) { c.escape_unicode().to_string() } else { c.to_string() }
    };
    line.chars().take(1_000).map(escape).collect()
}

impl Errand<'_> {
    /// Prepares providers and backend, and makes sure that there is a state that outlives this command.
    async fn init(&mut self) -> Result<(), Failure> {
        let arguments = ["init", "-json", "-input=false", "-no-color", "-lockfile=readonly"].map(str::to_owned);
        let live = self.stack.live;
        let ended = self.terraform.run(&arguments, None, |said| tell(live, said)).await?;
        if !ended.is_good() {
            let hint = hint(&ended.problems).map(|hint| format!("; {hint}")).unwrap_or_default();
            return Err(self.failed("prepare", &ended, &hint));
        }
        let settings = std::fs::read(self.terraform.data().join("terraform.tfstate")).unwrap_or_default();
        let settings: serde_json::Value = serde_json::from_slice(&settings).unwrap_or_default();
        match settings.pointer("/backend/type").and_then(serde_json::Value::as_str).unwrap_or("local") {
            "local" => Err(Failure::Target(format!(
                "the stack `{}` has no backend, so that its state would be lost with this command; configure one that \
                 keeps the state elsewhere",
                self.act.stack
            ))),
            "inmem" => Err(Failure::Target("a state in memory would be lost with this command".to_owned())),
            "cloud" | "remote" => Err(Failure::Target(format!(
                "the stack `{}` plans and applies in another place (`cloud`, `remote`), where what is shown here binds \
                 nobody; approve it there, or give it a backend that only keeps the state",
                self.act.stack
            ))),
            _ => Ok(()),
        }
    }

    async fn plan(&mut self) -> Result<String, Failure> {
        let arguments = ["plan", "-json", "-input=false", "-no-color"].map(str::to_owned).into_iter();
        let out = format!("-out={PLAN}");
        let options = self.act.planning.iter().chain(&self.act.running).cloned();
        let arguments: Vec<String> = arguments.chain(options).chain([out]).collect();
        let live = self.stack.live;
        let ended = self.terraform.run(&arguments, Some(kept()?), |said| tell(live, said)).await?;
        if !ended.is_good() {
            return Err(self.failed("plan", &ended, ""));
        }
        self.show().await
    }

    /// Renders the plan that is kept.
    async fn show(&mut self) -> Result<String, Failure> {
        let plan = self.read().await?;
        Ok(head(self.stack) + &told::plan(&plan, self.act))
    }

    /// Reads the plan that is kept.
    async fn read(&mut self) -> Result<Plan, Failure> {
        let arguments = ["show", "-json", "-no-color", PLAN].map(str::to_owned);
        let (ended, document) = self.terraform.print(&arguments, kept()?).await?;
        if !ended.is_good() {
            return Err(self.failed("read the plan", &ended, ""));
        }
        // The parser's words could quote it.
        let unread = |_| Failure::Target("the plan is not in a form that is known".to_owned());
        let plan: Plan = serde_json::from_slice(&document).map_err(unread)?;
        if !plan.format_version.starts_with("1.") {
            let words = format!("the plan is in form {}, which is not known", shown(&plan.format_version));
            return Err(Failure::Target(words));
        }
        if plan.errored {
            return Err(Failure::Target("the plan is not whole: planning it went wrong".to_owned()));
        }
        Ok(plan)
    }

    /// Applies the plan that came in.
    async fn apply(&mut self) -> Result<String, Failure> {
        let arguments = ["apply", "-json", "-input=false", "-no-color"].map(str::to_owned).into_iter();
        let arguments: Vec<String> =
            arguments.chain(self.act.running.iter().cloned()).chain([PLAN.to_owned()]).collect();
        print(&head(self.stack)).map_err(Failure::Output)?;
        // What goes wrong is explained in words of providers, who may repeat what they were given.
        let secrets = told::secrets(&self.read().await?);
        let mut applied = Applied::default();
        let ended = self
            .terraform
            .run(&arguments, Some(kept()?), |said| {
                applied.hear(said).map_or(Ok(()), |line| print(&(secrets.hide(&line) + "\n")))
            })
            .await?;
        if ended.is_good() {
            return Ok(applied.good());
        }
        print(&secrets.hide(&applied.truth(&ended, &self.act.stack))).map_err(Failure::Output)?;
        Err(match self.failed("apply", &ended, "") {
            Failure::Target(sentence) => Failure::Target(secrets.hide(&sentence)),
            other => other,
        })
    }

    /// The last sentence.
    fn failed(&self, what: &str, ended: &Ended, hint: &str) -> Failure {
        let stack = &self.act.stack;
        if self.terraform.is_stopped() {
            return Failure::Target(format!("stack `{stack}`: stopped, as was asked"));
        }
        if let Some(lock) = ended.problems.iter().find_map(Lock::held) {
            let sentence = lock.sentence();
            return Failure::Target(format!(
                "stack `{stack}`: {sentence}; ask again when it is free, or with `-lock-timeout=60s`"
            ));
        }
        if ended.problems.iter().any(|problem| problem.summary == "Saved plan is stale") {
            return Failure::Target(format!(
                "stack `{stack}`: nothing was changed, for the state has changed since this plan was made; \
                 `/tf apply {stack}` makes a new one"
            ));
        }
        Failure::Target(format!("stack `{stack}`: Terraform could not {what}: {}{hint}", ended.sentence()))
    }
}

/// What to do about what a worker cannot fetch.
fn hint(problems: &[Diagnostic]) -> Option<&'static str> {
    let hints = [
        ("Provider dependency changes", "commit the `.terraform.lock.hcl` that `terraform init` writes"),
        ("dependency lock file", "commit the `.terraform.lock.hcl` that `terraform init` writes"),
        ("query available provider packages", "the provider is not in the mirror of this worker (docs/operations.md)"),
        ("install provider", "the provider in the mirror of this worker is not the one in `.terraform.lock.hcl`"),
        ("Failed to download module", "modules are not fetched from elsewhere: keep it in the repository"),
        ("remote module registry", "modules are not fetched from elsewhere: keep it in the repository"),
        ("Module source", "modules are not fetched from elsewhere: keep it in the repository"),
    ];
    let says = |words: &str| problems.iter().any(|problem| problem.is_error() && problem.summary.contains(words));
    hints.into_iter().find(|(words, _)| says(words)).map(|(_, hint)| hint)
}

/// A line on the way to a plan: shown while people watch. A problem stands on standard error, for whoever reads only the
/// plan.
fn tell(live: bool, said: Said) -> io::Result<()> {
    match said {
        Said::Problem(problem) => writeln!(io::stderr(), "{}", problem.lines().join("\n")),
        Said::Step(line) if live => print(&(line + "\n")),
        Said::Started { address, .. } if live => print(&format!("{address}: reading\n")),
        _ => Ok(()),
    }
}

fn print(text: &str) -> io::Result<()> {
    let mut out = io::stdout();
    out.write_all(text.as_bytes())?;
    out.flush()
}
