//! `/deploy` against one deployment of a cluster: says what a rollout would do, does it, follows it, and goes back.
//!
//! **Invariant:** what is rolled out is one image by its digest, and the one that people agreed to: a run plans again
//! and does nothing whose plan is another one. What fails, is cancelled or takes too long is taken back, unless somebody
//! else has changed it meanwhile. The part of a look before [`NOW`] changes only when what people agree to does.

mod artifact;
mod cluster;
mod history;
mod marks;
mod plan;
mod pods;
mod registry;
mod rollout;
mod seen;
mod settings;
mod source;
mod status;

pub use registry::registry_hosts;
pub(super) use settings::Service;

use super::Failure;
use super::job::Job;
use artifact::Artifacts;
use cluster::{Applied, Cluster, ClusterError, Keep};
use countersign_command::deploy::{Act, Verb, Version};
use countersign_core::command::Argv;
use countersign_core::effect::NOW;
use countersign_core::refusal::shown;
use plan::{New, Plan, brief, named};
use rollout::{ATTEMPTS, Before, End, Goal, Interrupt, Rollout, go_back, progress, say};
use seen::Seen;
use source::Source;
use std::fmt::Write as _;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// This part of the time is kept for going back, and so much at most.
const KEPT: u32 = 3;
const KEPT_AT_MOST: Duration = Duration::from_mins(5);

/// What it takes to say how it ended.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// Before a change is tried again that somebody else's was in the way of.
const PAUSE: Duration = Duration::from_millis(200);

/// One command about one service.
struct Errand<'a> {
    act: &'a Act,
    job: &'a Job,
    service: &'a Service,
    cluster: Cluster<'a>,
    begun: Instant,
}

/// Carries out a canonical argv, and says what to print in the end.
pub(super) async fn carry_out(argv: &Argv, job: &Job) -> Result<String, Failure> {
    let act = Act::read(argv).map_err(|refusal| Failure::Misused(refusal.to_string()))?;
    let name = format!("{}/{}", act.service, act.env);
    let service = job.service.as_ref().filter(|_| (job.target.kind.as_str(), &job.target.name) == ("service", &name));
    let service = service.ok_or_else(|| Failure::Misused(format!("the job is not for the service `{name}`")))?;
    let cluster = Cluster::new(job, service).map_err(|error| failed(service, &error))?;
    let errand = Errand { act: &act, job, service, cluster, begun: Instant::now() };
    let ended = match (&act.verb, act.dry_run) {
        (Verb::Status, _) => errand.status().await,
        (_, true) => errand.show().await,
        (_, false) => errand.roll_out().await,
    };
    ended.map_err(plainly)
}

/// Of a look that failed people read the last line, with every backtick made harmless: other quotes stay what they are.
fn plainly(failure: Failure) -> Failure {
    match failure {
        Failure::Target(words) => Failure::Target(words.replace('`', "'")),
        other => other,
    }
}

fn failed(service: &Service, error: &ClusterError) -> Failure {
    Failure::Target(format!("the cluster `{}`: {error}", service.cluster.name))
}

impl Errand<'_> {
    fn failed(&self, error: &ClusterError) -> Failure {
        failed(self.service, error)
    }

    fn name(&self) -> String {
        format!("{} in {}", self.act.service, self.act.env)
    }

    async fn seen(&self) -> Result<Seen, Failure> {
        self.cluster.seen().await.map_err(|error| self.failed(&error))
    }

    /// What would be done: first what people agree to, then how it stands at this moment.
    async fn show(&self) -> Result<String, Failure> {
        for _ in 0..ATTEMPTS {
            let mut plan = self.plan().await?;
            let marks = plan.marks(&self.job.invocation, &self.job.requester);
            match self.cluster.apply(&plan.seen, &plan.new.image, &marks, Keep::DryRun).await {
                Ok(applied) => plan.taken_from = applied.taken_from,
                Err(ClusterError::Moved) => {
                    sleep(PAUSE).await;
                    continue;
                }
                Err(error) => return Err(self.failed(&error)),
            }
            return Ok(plan.text(self.act, self.service) + &self.at_this_moment(&plan.seen).await?);
        }
        Err(Failure::Target(format!("the deployment of {} changes all the time", self.name())))
    }

    /// What changes by itself.
    async fn at_this_moment(&self, seen: &Seen) -> Result<String, Failure> {
        let pods = self.cluster.pods(seen, &seen.image).await.map_err(|error| self.failed(&error))?;
        let mut text = format!("{NOW}\n{}\n", progress(seen.counts, pods.ready));
        for digest in pods.digests.iter().filter(|digest| !seen.image.ends_with(*digest)) {
            let _ = writeln!(text, "its pods run sha256:{}", shown(digest));
        }
        text.extend(pods.stuck.map(|why| format!("{why}\n")));
        Ok(text)
    }

    /// What is to be done, in a deployment as it is now.
    async fn plan(&self) -> Result<Plan, Failure> {
        let seen = self.seen().await?;
        if seen.paused {
            return Err(Failure::Target(format!(
                "the deployment of {} is paused, so nothing would be rolled out: `kubectl rollout resume` first",
                self.name()
            )));
        }
        let new = self.new_image(&seen).await?;
        if new.image == seen.image {
            let runs = brief(&new.image);
            return Err(Failure::Target(format!("nothing would change: {} runs {runs}", self.name())));
        }
        let commits = Source::of(self.job, self.service)?.commits(&seen, &new, self.takes_away()).await;
        Ok(Plan { seen, new, headline: self.headline(), commits, taken_from: Vec::new() })
    }

    fn takes_away(&self) -> bool {
        matches!(self.act.verb, Verb::Rollback | Verb::Undo { .. })
    }

    fn headline(&self) -> String {
        let what = match &self.act.verb {
            Verb::Deploy { version: Some(Version::Run(run)) } => {
                format!("rolls out what run {run} built: {}", self.name())
            }
            Verb::Deploy { .. } | Verb::Status => format!("rolls out {}", self.name()),
            Verb::Rollback => format!("goes back to the version before: {}", self.name()),
            Verb::Undo { of: Some(of) } => format!("takes back the change of the request {of}: {}", self.name()),
            Verb::Undo { of: None } => format!("takes back the last change: {}", self.name()),
        };
        format!("{what}, in the name of {}", shown(&self.job.requester))
    }

    async fn new_image(&self, seen: &Seen) -> Result<New, Failure> {
        let version = match &self.act.verb {
            Verb::Deploy { version } => version,
            Verb::Status => return Err(Failure::Misused("a status has no image to roll out".to_owned())),
            Verb::Rollback | Verb::Undo { .. } => {
                let past = self.cluster.past(seen).await.map_err(|error| self.failed(&error))?;
                let back = match &self.act.verb {
                    Verb::Undo { of } => {
                        history::undo(seen, &past, self.service, of.map(|of| of.to_string()).as_deref())
                    }
                    _ => history::rollback(seen, &past, self.service),
                };
                return back.map_err(|none| Failure::Target(format!("{}: {none}", self.name())));
            }
        };
        Artifacts::of(self.job, self.service)?.find(version.as_ref()).await
    }

    /// Rolls it out, and goes back if it fails.
    async fn roll_out(&self) -> Result<String, Failure> {
        let nowhere = |error| Failure::Misused(format!("no signal can be waited for: {error}"));
        let mut interrupt = Interrupt::listen().map_err(nowhere)?;
        let plan = tokio::select! {
            biased;
            () = interrupt.came() => return Err(Failure::Target("it was cancelled before anything was changed".to_owned())),
            plan = self.plan() => plan?,
        };
        let agreed = self.service.agreed.as_deref();
        let agreed = agreed.ok_or_else(|| Failure::Misused("nobody has agreed to anything".to_owned()))?;
        if let Some(line) = plan.differs(self.act, self.service, agreed) {
            return Err(Failure::Target(format!(
                "this is not what people agreed to any more, so nothing was changed; now it is: {}",
                line.trim()
            )));
        }
        let applied = self.change(&plan).await?;
        say(&format!("rolling out {}", named(&plan.new.image, plan.new.version.as_deref())));
        let goal =
            Goal { image: &plan.new.image, invocation: Some(&self.job.invocation), generation: applied.generation };
        let kept = (self.job.wall() / KEPT).min(KEPT_AT_MOST);
        let at_most = self.job.wall().saturating_sub(kept + self.begun.elapsed());
        match Rollout::new(&self.cluster, goal).follow(at_most, &mut interrupt).await {
            End::Done(line) => Ok(self.done(&plan, &line)),
            End::Overtaken(who) => {
                Err(Failure::Target(format!("{who}: that is left alone, and this rollout has not come to its end")))
            }
            End::Failed(why) => {
                say(&format!("the rollout failed: {why}"));
                let before = Before { image: &plan.seen.image, marks: &plan.seen.marks };
                let at_most = kept.saturating_sub(LAST_WORDS);
                let now = go_back(&self.cluster, before, &plan.new.image, at_most).await;
                Err(Failure::Target(format!(
                    "{} was not rolled out: {why}\n{now}",
                    named(&plan.new.image, plan.new.version.as_deref())
                )))
            }
        }
    }

    fn done(&self, plan: &Plan, line: &str) -> String {
        let Act { service, env, .. } = self.act;
        format!(
            "{} runs {}: {line}\nto take it back: /deploy undo {service} {env} {}\n",
            self.name(),
            named(&plan.new.image, plan.new.version.as_deref()),
            self.job.invocation,
        )
    }

    /// Makes the change, unless somebody else has changed the image since it was planned.
    async fn change(&self, plan: &Plan) -> Result<Seen, Failure> {
        let marks = plan.marks(&self.job.invocation, &self.job.requester);
        let mut seen = plan.seen.clone();
        for _ in 0..ATTEMPTS {
            match self.cluster.apply(&seen, &plan.new.image, &marks, Keep::Yes).await {
                Ok(Applied { seen, taken_from }) => {
                    for who in taken_from {
                        say(&format!("the image was managed by `{who}`, which may put its own there again"));
                    }
                    return Ok(seen);
                }
                Err(ClusterError::Moved) => sleep(PAUSE).await,
                Err(error @ (ClusterError::Unreachable(_) | ClusterError::Strange(_))) => {
                    return self.find_out(plan, &error).await;
                }
                Err(error) => return Err(self.failed(&error)),
            }
            seen = self.seen().await?;
            if seen.image != plan.seen.image || seen.uid != plan.seen.uid {
                return Err(Failure::Target(format!(
                    "somebody else has put {} there meanwhile, so nothing was changed",
                    shown(&seen.image)
                )));
            }
        }
        Err(Failure::Target("the deployment changes all the time, so nothing was changed".to_owned()))
    }

    /// Whether a change without an answer was made.
    async fn find_out(&self, plan: &Plan, error: &ClusterError) -> Result<Seen, Failure> {
        let seen = self.cluster.seen().await.map_err(|_| {
            Failure::Target(format!(
                "whether {} is being rolled out is not known: {error}; `/deploy status {} {}` says",
                shown(&plan.new.image),
                self.act.service,
                self.act.env
            ))
        })?;
        if seen.marks.invocation.as_deref() == Some(&self.job.invocation) && seen.image == plan.new.image {
            return Ok(seen);
        }
        Err(Failure::Target(format!("nothing was changed: {error}; {} runs", shown(&seen.image))))
    }
}
