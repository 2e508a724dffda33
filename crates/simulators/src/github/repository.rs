//! One repository: who may do what, branches, checks, workflow runs, artifacts, attestations.

use std::collections::BTreeMap;

use serde_json::Value;

use super::access::Role;
use super::graph::Graph;
use super::pulls::Pull;

#[derive(Debug, Clone)]
pub(super) struct CheckRun {
    pub(super) id: u64,
    pub(super) sha: String,
    pub(super) app: u64,
    pub(super) suite: u64,
    pub(super) name: String,
    /// None while it runs.
    pub(super) conclusion: Option<String>,
}

#[derive(Debug, Clone)]
pub(super) struct Status {
    pub(super) id: u64,
    pub(super) sha: String,
    pub(super) context: String,
    pub(super) state: String,
}

/// A run of a workflow, as it is to be made.
#[derive(Debug, Clone)]
pub struct NewRun {
    /// The workflow's file, such as `.github/workflows/release.yml`.
    pub path: String,
    /// The commit that it runs on.
    pub head_sha: String,
    /// The branch that it runs on.
    pub head_branch: String,
    /// The repository of that branch; a fork's run is a run here all the same.
    pub head_repository: String,
    /// `push`, `pull_request`, `workflow_dispatch`, ….
    pub event: String,
    /// How it ended; none while it runs.
    pub conclusion: Option<String>,
}

#[derive(Debug, Clone)]
pub(super) struct Run {
    pub(super) id: u64,
    pub(super) it: NewRun,
    pub(super) attempt: u64,
}

#[derive(Debug, Clone)]
pub(super) struct Artifact {
    pub(super) id: u64,
    pub(super) run: u64,
    pub(super) name: String,
    pub(super) zip: Vec<u8>,
    pub(super) is_expired: bool,
    pub(super) has_digest: bool,
}

/// A repository.
#[derive(Debug)]
pub struct Repository {
    pub(super) id: u64,
    pub(super) full_name: String,
    pub(super) is_public: bool,
    pub(super) roles: BTreeMap<u64, Role>,
    pub(super) graph: Graph,
    pub(super) branches: BTreeMap<String, String>,
    pub(super) pulls: Vec<Pull>,
    pub(super) checks: Vec<CheckRun>,
    pub(super) statuses: Vec<Status>,
    pub(super) runs: Vec<Run>,
    pub(super) artifacts: Vec<Artifact>,
    pub(super) attestations: Vec<(String, Value)>,
    pub(super) dismisses_stale: bool,
    next: u64,
}

impl Repository {
    pub(super) fn new(id: u64, full_name: &str) -> Self {
        Self {
            id,
            full_name: full_name.to_owned(),
            is_public: false,
            roles: BTreeMap::new(),
            graph: Graph::default(),
            branches: BTreeMap::new(),
            pulls: Vec::new(),
            checks: Vec::new(),
            statuses: Vec::new(),
            runs: Vec::new(),
            artifacts: Vec::new(),
            attestations: Vec::new(),
            dismisses_stale: false,
            next: id * 1_000,
        }
    }

    pub(super) fn is(&self, full_name: &str) -> bool {
        self.full_name.eq_ignore_ascii_case(full_name)
    }

    pub(super) fn number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    /// Everybody may read it from now on.
    pub fn publish(&mut self) {
        self.is_public = true;
    }

    /// Lets a person do this.
    pub fn allow(&mut self, who: u64, role: Role) {
        self.roles.insert(who, role);
    }

    /// Lets a person do nothing any more.
    pub fn forbid(&mut self, who: u64) {
        self.roles.remove(&who);
    }

    pub(super) fn role_of(&self, who: u64) -> Option<Role> {
        self.roles.get(&who).copied()
    }

    /// From now on an approval ends with the next push, as a protected branch can demand.
    pub fn dismiss_stale_approvals(&mut self) {
        self.dismisses_stale = true;
    }

    /// Makes a commit and gives its id.
    pub fn commit(&mut self, parents: &[&str], author: u64, message: &str) -> String {
        self.graph.add(None, parents, message, Some(author))
    }

    /// Takes a commit that was made elsewhere, with its id.
    pub fn know(&mut self, sha: &str, parents: &[&str], author: u64, message: &str) {
        self.graph.add(Some(sha), parents, message, Some(author));
    }

    /// Points a branch to a commit, as a push does.
    pub fn push(&mut self, branch: &str, sha: &str) {
        self.branches.insert(branch.to_owned(), sha.to_owned());
    }

    /// The commit of a branch.
    #[must_use]
    pub fn head(&self, branch: &str) -> Option<String> {
        self.branches.get(branch).cloned()
    }

    /// A check of an app ran on a commit, in a suite of its own: how it ended, or none while it runs. Gives its number.
    pub fn check(&mut self, sha: &str, app: u64, name: &str, conclusion: Option<&str>) -> u64 {
        let suite = self.number();
        self.check_in(suite, sha, app, name, conclusion)
    }

    /// The check is run again: another run of the same suite. Gives its number.
    ///
    /// # Panics
    /// When there is no such check.
    pub fn check_again(&mut self, check: u64, conclusion: Option<&str>) -> u64 {
        let old = self.checks.iter().find(|it| it.id == check).cloned().expect("there is such a check");
        self.check_in(old.suite, &old.sha, old.app, &old.name, conclusion)
    }

    fn check_in(&mut self, suite: u64, sha: &str, app: u64, name: &str, conclusion: Option<&str>) -> u64 {
        let (id, sha, name) = (self.number(), sha.to_owned(), name.to_owned());
        let conclusion = conclusion.map(str::to_owned);
        self.checks.push(CheckRun { id, sha, app, suite, name, conclusion });
        id
    }

    /// A commit status: `success`, `pending`, `failure`, `error`.
    pub fn status(&mut self, sha: &str, context: &str, state: &str) {
        let (id, sha) = (self.number(), sha.to_owned());
        self.statuses.push(Status { id, sha, context: context.to_owned(), state: state.to_owned() });
    }

    /// A workflow runs. Gives the run's number.
    pub fn run(&mut self, it: NewRun) -> u64 {
        let id = self.number();
        self.runs.push(Run { id, it, attempt: 1 });
        id
    }

    /// The run is started again and ends so.
    pub fn run_again(&mut self, run: u64, conclusion: Option<&str>) {
        if let Some(run) = self.runs.iter_mut().find(|it| it.id == run) {
            run.attempt += 1;
            run.it.conclusion = conclusion.map(str::to_owned);
        }
    }

    /// A run made an artifact: the bytes of a zip archive, see [`archive`](super::archive). Gives its number.
    pub fn artifact(&mut self, run: u64, name: &str, zip: Vec<u8>) -> u64 {
        let (id, name) = (self.number(), name.to_owned());
        self.artifacts.push(Artifact { id, run, name, zip, is_expired: false, has_digest: true });
        id
    }

    /// The artifact is too old by now.
    pub fn expire_artifact(&mut self, artifact: u64) {
        self.artifacts.iter_mut().filter(|it| it.id == artifact).for_each(|it| it.is_expired = true);
    }

    /// The artifact's bytes are others, and what is said of them stays as it was; or nothing is said of them.
    pub fn swap_artifact(&mut self, artifact: u64, has_digest: bool, change: impl FnOnce(&mut Vec<u8>)) {
        if let Some(found) = self.artifacts.iter_mut().find(|it| it.id == artifact) {
            found.has_digest = has_digest;
            change(&mut found.zip);
        }
    }

    /// Keeps a Sigstore bundle for a digest, `sha256:…`.
    pub fn attest(&mut self, digest: &str, bundle: Value) {
        self.attestations.push((digest.to_owned(), bundle));
    }
}
