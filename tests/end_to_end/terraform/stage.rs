//! Everything around a stack: a repository, the forge that knows what of it was reviewed, the place of its state, and an
//! installation whose workers keep plans.

use crate::site::{Installed, Site, settings};
use countersign::demo::world::{CATALOG, private};
use countersign::installation::{Settings, system_clock};
use countersign_chat::Button;
use countersign_core::id::InvocationId;
use countersign_runner::plans::{PlanPlace, PlanSettings, PlanStore, PoolKey};
use countersign_simulators::git::{Content, GitServer};
use countersign_simulators::github::{Github, How, NewPull, Permission, Role, Verdict};
use countersign_simulators::states::States;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Terraform, if it is here; tests/programs.toml names it.
const TERRAFORM: &str = "/usr/local/bin/terraform";

/// The repository on the forge.
const REPOSITORY: &str = "platform/infra";

/// A look that takes its time and needs nobody.
const DOZE: &str = "
  doze:
    description: takes its time
    runner: sleep
    argv: [\"50\"]
    tier: read
    reversibility: none-needed
    sensitive: false
    env: dev
    owners: [engineering]
    pool: main
    examples: [\"doze\"]
";

/// The people of the forge, by their numbers there.
#[derive(Clone, Copy)]
struct People {
    author: u64,
    reviewer: u64,
}

/// A pull request: who approves it, what its checks say, and what else happens to it.
#[derive(Clone, Copy)]
pub(crate) struct Pull {
    /// Whether anybody but its author approves it.
    pub(crate) approved: bool,
    /// Whether something is pushed to it after that.
    pub(crate) pushed_later: bool,
    /// How its check ended; none while it runs.
    pub(crate) check: Option<&'static str>,
    /// Whether it is merged by the pull request, or pushed past it.
    pub(crate) merged: bool,
}

/// As a pull request should be.
pub(crate) const GOOD: Pull = Pull { approved: true, pushed_later: false, check: Some("success"), merged: true };

/// An installation with the stacks `dev`, which asks for no review, and `prod`, which does.
pub(crate) struct Stage {
    pub(crate) site: Installed,
    pub(crate) states: States,
    pub(crate) folder: PathBuf,
    git: GitServer,
    github: Github,
    people: People,
    tasks: TaskTracker,
    stop: CancellationToken,
}

impl Deref for Stage {
    type Target = Site;

    fn deref(&self) -> &Site {
        &self.site
    }
}

impl Stage {
    /// `None` without Terraform, loudly.
    pub(crate) async fn start() -> Option<Self> {
        if !Path::new(TERRAFORM).exists() {
            println!("not run: terraform");
            return None;
        }
        let data = tempfile::tempdir().unwrap();
        let folder = data.path().to_owned();
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        let git = GitServer::start(&tasks, stop.clone(), folder.join("repositories")).await.unwrap();
        let github = Github::start_plain(&tasks, &stop).await.unwrap();
        let states = States::start(&tasks, stop.clone()).await.unwrap();
        git.create("infra").await.unwrap();
        let (people, token) = {
            let mut state = github.state();
            let people = People { author: state.person("ann-of-platform"), reviewer: state.person("bob-of-platform") };
            let repository = state.repository(REPOSITORY);
            repository.allow(people.author, Role::Write);
            repository.allow(people.reviewer, Role::Write);
            (people, state.app_token(&[REPOSITORY], &Permission::ALL))
        };
        let catalog = catalog(&folder, &git, (&github.url(), &token), &states.url());
        let plans = Arc::new(plans(&folder));
        let own = folder.clone();
        let site = Installed::of(data, |chat| Settings {
            plans: Some(plans),
            ..settings(&own, catalog, chat, system_clock())
        })
        .await;
        let this = Self { site, states, folder, git, github, people, tasks, stop };
        let first = this.commit("main", "# nothing yet\n").await;
        let mut state = this.github.state();
        let repository = state.repository(REPOSITORY);
        repository.know(&first, &[], people.author, "the beginning");
        repository.push("main", &first);
        drop(state);
        Some(this)
    }

    /// Commits a stack's code to a branch of the repository; the forge does not know of it.
    pub(crate) async fn commit(&self, branch: &str, code: &str) -> String {
        let stack = |name: &str| {
            Content::text(&format!("stacks/{name}/main.tf"), &format!("{}{code}", self.states.backend(name)))
        };
        self.git.commit("infra", branch, &[stack("dev"), stack("prod")]).await.unwrap()
    }

    /// Brings code to the protected branch by a pull request; the commit that is there then.
    pub(crate) async fn merged(&self, code: &str, pull: Pull) -> String {
        let head = self.commit("feature", code).await;
        let later = self.commit("feature", &format!("{code}# and one more thing\n")).await;
        let merged = self.commit("main", code).await;
        let People { author, reviewer } = self.people;
        let mut state = self.github.state();
        let app = state.bot("ci[bot]");
        let repository = state.repository(REPOSITORY);
        let base = repository.head("main").unwrap();
        repository.know(&head, &[&base], author, "a change");
        repository.know(&later, &[&head], author, "one more thing");
        let number = repository.open(NewPull {
            author,
            title: "A change".to_owned(),
            base: "main".to_owned(),
            branch: "feature".to_owned(),
            head: head.clone(),
            fork: None,
        });
        if pull.approved {
            repository.review(number, reviewer, Verdict::Approve).unwrap();
        } else {
            // GitHub lets nobody approve their own: this is what it makes of it.
            repository.review(number, author, Verdict::Comment).unwrap();
        }
        let mut at = &head;
        if pull.pushed_later {
            repository.push_to(number, &later).unwrap();
            at = &later;
        }
        for name in ["build", "plan"] {
            repository.check(at, app, name, if name == "plan" { pull.check } else { Some("success") });
        }
        repository.know(&merged, &[&base, at], author, "Merge");
        if pull.merged {
            repository.merge(number, reviewer, &How::As(merged.clone())).unwrap();
        } else {
            repository.push("main", &merged);
        }
        drop(state);
        merged
    }

    /// Somebody of sre agrees, and whoever asked confirms.
    pub(crate) async fn cleared(&self, id: InvocationId) {
        self.approves("bob", id).await;
        self.votes("ann", id, Button::Confirm).await;
    }

    /// The text people are asked to agree to.
    pub(crate) async fn shown(&self, id: InvocationId) -> String {
        self.effect(id).await.text.expect("the plan is shown")
    }

    /// How often a stack was planned, and how often something was applied, as the place of its state knows it.
    pub(crate) fn counted(&self, stack: &str) -> (usize, usize) {
        (self.states.locked_for(stack, "Plan"), self.states.locked_for(stack, "Apply"))
    }

    /// The addresses of what a state holds.
    pub(crate) fn held(&self, stack: &str) -> Vec<String> {
        let state = self.states.state(stack);
        let all = state["resources"].as_array().cloned().unwrap_or_default();
        all.iter().map(|one| format!("{}.{}", one["type"].as_str().unwrap(), one["name"].as_str().unwrap())).collect()
    }

    /// The file with the credential of a role: `plan`, `apply`, `destroy`.
    pub(crate) fn role(&self, name: &str) -> PathBuf {
        self.folder.join("stacks").join(format!("{name}.json"))
    }

    /// The files of kept plans.
    pub(crate) fn kept(&self) -> Vec<PathBuf> {
        files(&self.folder.join("plans"))
    }

    /// Every scenario ends like this.
    pub(crate) async fn end(self) {
        for stack in ["dev", "prod"] {
            assert!(!self.states.is_locked(stack), "the lock of `{stack}` is held");
        }
        self.site.end().await;
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let paths = entries.map(|entry| entry.unwrap().path());
    let mut all: Vec<PathBuf> = paths.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect();
    all.sort();
    all
}

/// Where the workers of the pool keep plans.
pub(crate) fn plans(folder: &Path) -> PlanStore {
    let settings = PlanSettings {
        deployment: "demo".into(),
        place: PlanPlace::Folder(folder.join("plans")),
        key: PoolKey::parse(&"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=".to_owned().into()).unwrap(),
        keep: Duration::from_hours(24),
    };
    PlanStore::open(settings).unwrap()
}

/// The shipped catalog, with the repository, the forge and the place of the states that are here.
fn catalog(folder: &Path, git: &GitServer, (github, token): (&str, &str), states: &str) -> String {
    let own = folder.join("stacks");
    std::fs::create_dir(&own).unwrap();
    git.require_token("infra", "token-that-reads-the-repository");
    let write = |name: &str, text: &str| format!("file:{}", private(&own.join(name), text).unwrap().display());
    let ca = write("git-ca.pem", git.ca_pem());
    let reads = write("infra.token", "token-that-reads-the-repository");
    let asks = write("infra.api.token", token);
    for class in ["plan", "apply", "destroy"] {
        write(&format!("{class}.json"), &format!("{{\"GITHUB_TOKEN\":\"token-of-the-role-{class}\"}}"));
    }
    let hosts = "hosts: [\"sts.eu-west-1.amazonaws.com:443\", \"s3.eu-west-1.amazonaws.com:443\", \"ec2.eu-west-1.amazonaws.com:443\"]";
    let mut catalog = CATALOG.to_owned();
    for (from, to) in [
        ("https://git.example.com/platform/infra.git", git.url("infra")),
        ("file:/etc/countersign/repositories/infra.token\n", format!("{reads}\n    ca: {ca}\n")),
        ("https://git.example.com/api/v3", github.to_owned()),
        ("file:/etc/countersign/repositories/infra.api.token", asks),
        (hosts, format!("hosts: [\"{states}\"]")),
        ("file:/etc/countersign/stacks/dev/", format!("file:{}/", own.display())),
        ("file:/etc/countersign/stacks/prod/", format!("file:{}/", own.display())),
    ] {
        assert!(catalog.contains(from), "the shipped catalog has no `{from}`");
        catalog = catalog.replace(from, &to);
    }
    catalog + DOZE
}
