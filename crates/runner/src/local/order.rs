//! What a warrant asks of this host: which program, how isolated, with what.
//!
//! **Invariant:** an order that was made runs the warrant's steps and nothing else; whatever of the decision this
//! version cannot do is refused, never left out.

use super::follow::Patience;
use super::{Installed, Known, Usable, level, not_proven, profile_digest};
use crate::hosts;
use crate::kubernetes::{Image, Images};
use crate::port::{Ran, RunFault};
use crate::program::ProgramError;
use crate::recipe::{Candidate, Credential, EgressRule, Limits, Recipe};
use crate::target::{Endpoint, HostPort, Target};
use countersign_audit::on_record::OnRecord;
use countersign_core::command::{Argv, Tool};
use countersign_core::tier::Isolation;
use countersign_core::warrant::Warrant;
use countersign_jail::Level;
use countersign_secrets::{Lease, Material, TargetKey};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// How the output of a step is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Taking {
    /// Both streams together, as they come.
    Live,
    /// Each stream for itself, for somebody who reads what it says.
    Apart,
    /// Standard output through the filters, standard error as it comes.
    Filtered,
}

/// A warrant understood.
#[derive(Debug)]
pub(crate) struct Order {
    pub(super) name: String,
    pub(super) recipe: Arc<Recipe>,
    pub(super) runs: Runs,
    pub(super) level: Level,
    pub(super) steps: Vec<Argv>,
    pub(super) taking: Taking,
    /// What the output goes through; never that of a preview, which is read and not shown.
    pub(super) filters: Vec<Argv>,
    pub(super) target: Option<Target>,
    pub(super) way: Option<Way>,
    /// Whether the command shows what happens until it is ended.
    pub(super) follows: bool,
}

/// Where the program is.
#[derive(Debug)]
pub(super) enum Runs {
    /// On this host.
    Here(Box<Usable>),
    /// In an image, at level `job`.
    Image(Image),
}

/// The way out of the jail.
#[derive(Debug, Default)]
pub(super) struct Way {
    /// Where the job may connect to.
    pub(super) hosts: Vec<HostPort>,
    /// Where it may speak HTTP without TLS.
    pub(super) plain: Vec<HostPort>,
    /// What of this very host the port inside stands for.
    pub(super) here: Option<HostPort>,
}

impl Order {
    pub(super) fn new(
        warrant: &Warrant,
        installed: &BTreeMap<String, Installed>,
        known: &Known,
        images: &Images,
    ) -> Result<Self, RunFault> {
        let name = program_of(warrant.command().tool(), known)?;
        let found = installed.get(name).ok_or_else(|| RunFault::NoRunner(name.to_owned()))?;
        let isolation = warrant.allowance().isolation;
        if !found.recipe.isolation.contains(&isolation) {
            return Err(RunFault::Isolation { program: name.to_owned(), level: isolation });
        }
        let parts = warrant.command().parts();
        let filters = if warrant.is_dry() { Vec::new() } else { parts.filters.clone() };
        let steps = warrant.steps();
        if steps.is_empty() {
            return Err(RunFault::NoPreview);
        }
        let (target, way) = match found.recipe.egress {
            EgressRule::None => (None, None),
            EgressRule::Target => {
                let target = target_of(warrant, known).ok_or(RunFault::NoTarget)?;
                let way = Way::of(&target, &steps)?;
                (Some(target), Some(way))
            }
        };
        let runs = Runs::find(name, found, isolation, images)?;
        Ok(Self {
            name: name.to_owned(),
            recipe: Arc::clone(&found.recipe),
            runs,
            level: level(isolation),
            steps,
            taking: match (warrant.is_dry(), filters.is_empty()) {
                (true, _) => Taking::Apart,
                (false, true) => Taking::Live,
                (false, false) => Taking::Filtered,
            },
            filters,
            target,
            way,
            follows: !warrant.is_dry() && follows(warrant.command().argv()),
        })
    }

    /// Whether the lease is this run's own.
    pub(crate) fn fits(&self, on_record: &OnRecord, lease: &Lease) -> Result<(), RunFault> {
        let warrant = on_record.warrant();
        if lease.invocation() != on_record.invocation() {
            return Err(RunFault::OtherLease("it was issued for another invocation"));
        }
        if lease.handle() != Lease::handle_for(warrant) {
            return Err(RunFault::OtherLease("it was issued for another errand"));
        }
        if lease.class() != warrant.credential() {
            return Err(RunFault::OtherLease("it is of another class"));
        }
        if lease.key() != TargetKey::of(warrant).as_ref() {
            return Err(RunFault::OtherLease("it is for another target"));
        }
        let empty = matches!(lease.material(), Material::None);
        let fits = match self.recipe.credential {
            Credential::None => empty,
            // A target of a driver may ask nobody who they are; the catalog says so.
            Credential::Job => true,
            Credential::Kubeconfig | Credential::AwsFiles | Credential::GoogleToken => !empty,
        };
        if fits {
            return Ok(());
        }
        Err(RunFault::Material { program: self.name.clone(), class: lease.class() })
    }

    /// The image it runs from, at level `job`.
    pub(crate) fn image(&self) -> Option<&Image> {
        match &self.runs {
            Runs::Here(_) => None,
            Runs::Image(image) => Some(image),
        }
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.recipe.limits
    }

    /// From the first order to end until the kill.
    pub(crate) fn grace(&self) -> Duration {
        let patience = Patience::of(self.recipe.limits.interrupt_seconds);
        patience.interrupted + patience.asked
    }

    pub(crate) fn ran(&self) -> Result<Ran, RunFault> {
        let (program, digest, profile) = match &self.runs {
            Runs::Here(usable) => {
                let digest = usable.program.digest().map_err(RunFault::Program)?;
                (usable.program.path.clone(), digest, profile_digest(self.level))
            }
            // The image's digest stands for all that is in it.
            Runs::Image(image) => {
                let candidates = self.recipe.programs.get(&self.name).into_iter().flatten();
                let path = candidates.map(Candidate::path).next().unwrap_or_default();
                (path, image.digest(), crate::kubernetes::profile_digest())
            }
        };
        Ok(Ran { program, digest, profile, applied: None })
    }
}

impl Runs {
    fn find(name: &str, found: &Installed, isolation: Isolation, images: &Images) -> Result<Self, RunFault> {
        let missing = |reason: String| {
            RunFault::Program(ProgramError::NoCandidate { name: name.to_owned(), reasons: vec![reason] })
        };
        if isolation == Isolation::Job {
            if images.is_empty() {
                return Err(not_proven(isolation));
            }
            let image = images.get(name).cloned();
            return image.map(Self::Image).ok_or_else(|| missing("this worker has no image with it".to_owned()));
        }
        found.usable().clone().map(Box::new).map(Self::Here).map_err(missing)
    }
}

/// The name of the program: a tool's own, or the one the catalog gives a custom command.
fn program_of<'a>(tool: &'a Tool, known: &'a Known) -> Result<&'a str, RunFault> {
    match tool {
        Tool::Custom(name) => {
            known.commands.get(name).map(String::as_str).ok_or_else(|| RunFault::NoRunner(name.clone()))
        }
        Tool::Kubectl | Tool::Aws | Tool::Gcloud | Tool::Tf | Tool::Deploy | Tool::Silence => Ok(tool.name()),
    }
}

/// Flags with which kubectl goes on until it is ended, as canonical argv has them.
const FOLLOWING: [(&str, &[&str]); 3] =
    [("logs", &["--follow"]), ("get", &["--watch", "--watch-only"]), ("events", &["--watch"])];

fn follows(argv: &Argv) -> bool {
    let verb = argv.arguments().first().map(String::as_str);
    let known = FOLLOWING.iter().find(|(known, _)| argv.program() == "kubectl" && Some(*known) == verb);
    known.is_some_and(|(_, flags)| argv.arguments().iter().any(|one| flags.contains(&one.as_str())))
}

fn target_of(warrant: &Warrant, known: &Known) -> Option<Target> {
    known.targets.get(&TargetKey::of(warrant)?).cloned()
}

impl Way {
    /// To where these steps lead, and nowhere else.
    fn of(target: &Target, steps: &[Argv]) -> Result<Self, RunFault> {
        let (endpoint, hosts): (_, Option<Vec<_>>) = match target {
            Target::Cluster(cluster) => {
                return Ok(Self { hosts: cluster.allowed.clone(), ..Self::default() });
            }
            Target::Profile(it) => {
                (&it.endpoint, steps.iter().map(|step| hosts::aws::hosts(step, &it.account)).collect())
            }
            Target::Project(it) => (&it.endpoint, steps.iter().map(hosts::gcloud::hosts).collect()),
            Target::Alertmanager(it) => return Ok(Self::to(&it.endpoint)),
            Target::Service(it) => {
                let wrong = |_| RunFault::NotAvailable("an address of this service");
                let (hosts, plain) = it.hosts().map_err(wrong)?;
                return Ok(Self { hosts, plain, here: None });
            }
            Target::Stack(it) => {
                let here = it.here().cloned();
                let (hosts, plain) = (it.hosts().to_vec(), here.iter().cloned().collect());
                return Ok(Self { hosts, plain, here });
            }
        };
        if let Some(endpoint) = endpoint {
            return Ok(Self::to(endpoint));
        }
        let hosts = hosts.ok_or(RunFault::NotAvailable("the service of this command in this place"))?;
        Ok(Self { hosts: hosts.concat(), ..Self::default() })
    }

    /// To one address.
    fn to(endpoint: &Endpoint) -> Self {
        let at = vec![endpoint.at().clone()];
        let (hosts, plain) = if endpoint.is_plain() { (Vec::new(), at) } else { (at, Vec::new()) };
        Self { hosts, plain, here: None }
    }
}
