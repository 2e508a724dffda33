//! What the forge knows of the service's source: commits between two images.
//!
//! **Invariant:** it informs and decides nothing: where the forge cannot be asked, a rollout says so and goes on. What
//! people wrote in commits stays on its line.

use super::plan::New;
use super::seen::Seen;
use super::settings::Service;
use crate::driver::Failure;
use crate::driver::job::Job;
use countersign_core::refusal::shown;
use countersign_forge::{ARTIFACT_HOSTS, Commits, Forge, ForgeError, Settings};
use std::time::Duration;

/// For one question, whatever it takes to answer it.
const PATIENCE: Duration = Duration::from_secs(20);

/// The most commits that are shown.
const MOST: usize = 10;

/// As many characters of a commit as people read.
const SHORT: usize = 12;

/// The repository that a service is built from, if the catalog names it.
pub(super) struct Source(Option<Forge>);

impl Source {
    pub(super) fn of(job: &Job, service: &Service) -> Result<Self, Failure> {
        forge(job, service).map(Self)
    }

    /// The commits that a change brings, or takes away.
    pub(super) async fn commits(&self, seen: &Seen, new: &New, takes_away: bool) -> Vec<String> {
        let Some(forge) = &self.0 else { return Vec::new() };
        let now = seen.own().and_then(|marks| marks.commit.as_deref());
        let (Some(now), Some(then)) = (now, new.commit.as_deref()) else {
            let which = if now.is_none() { "what runs now" } else { "what is rolled out" };
            return vec![format!(
                "the commits between are not known: from which one {which} was built is recorded nowhere"
            )];
        };
        if now == then {
            return vec![format!("both are built from commit {}", short(now))];
        }
        let (from, to) = if takes_away { (then, now) } else { (now, then) };
        match forge.commits_between(from, to).await {
            Ok(commits) => list(&commits, takes_away),
            Err(ForgeError::UnknownCommit(commit)) => {
                vec![format!("the commits between are not known: there is no commit {}", short(&commit))]
            }
            // Its reason is of this moment, and no part of what people agree to.
            Err(_) => vec!["the commits between could not be asked for".to_owned()],
        }
    }
}

/// The forge of a service, ready to be asked.
pub(super) fn forge(job: &Job, service: &Service) -> Result<Option<Forge>, Failure> {
    let Some(source) = &service.source else { return Ok(None) };
    let named = service.run.as_ref().map(|run| run.hosts.clone()).filter(|hosts| !hosts.is_empty());
    let settings = Settings {
        address: source.address.clone(),
        repository: source.repository.clone(),
        token: source.credential.clone(),
        ca_pem: source.ca.clone(),
        proxy: Some(job.proxy.clone()),
        deadline: PATIENCE.min(job.wall()),
        artifact_hosts: named.unwrap_or_else(|| usual(&source.address)),
    };
    let forge = Forge::new(settings).map_err(|error| Failure::Misused(format!("the forge: {error}")))?;
    Ok(Some(forge))
}

/// Where github.com keeps artifacts, and where a server of one's own may: at itself.
fn usual(address: &str) -> Vec<String> {
    let authority = address.split_once("://").map_or("", |(_, rest)| rest).split('/').next().unwrap_or_default();
    ARTIFACT_HOSTS.map(str::to_owned).into_iter().chain([authority.to_owned()]).collect()
}

fn list(commits: &Commits, takes_away: bool) -> Vec<String> {
    let (does, count) = (if takes_away { "takes away" } else { "brings" }, commits.total);
    let noun = if count == 1 { "commit" } else { "commits" };
    let mut lines = vec![format!("{does} {count} {noun}:")];
    let newest = commits.newest.iter().take(MOST);
    lines.extend(newest.map(|one| format!("  {} {} ({})", short(&one.sha), shown(&one.title), shown(&one.author))));
    let shown = commits.newest.len().min(MOST);
    let hidden = commits.total.saturating_sub(shown);
    lines.extend((hidden > 0).then(|| format!("  and {hidden} more")));
    lines
}

fn short(commit: &str) -> String {
    shown(commit).chars().take(SHORT).collect()
}
