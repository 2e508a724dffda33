//! A repository on a stand-in: `main`, and a pull request that was reviewed, checked and merged as it should be.

use countersign_forge::{Forge, ForgeError, Settings};
use countersign_simulators::github::{Github, GithubState, How, NewPull, Permission, Repository, Role, Verdict};
use secrecy::SecretString;
use std::collections::BTreeSet;
use std::sync::Once;
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub(crate) const NAME: &str = "platform/infra";
pub(crate) const ACTIONS: u64 = 15_368;
pub(crate) const OTHER_APP: u64 = 99;

pub(crate) struct World {
    pub(crate) github: Github,
    pub(crate) token: String,
    pub(crate) ann: u64,
    pub(crate) bob: u64,
    /// The commit that everything begins with.
    pub(crate) root: String,
    _stop: CancellationToken,
}

/// The pull request of a test.
pub(crate) struct Opened {
    pub(crate) pull: u64,
    pub(crate) head: String,
}

impl World {
    pub(crate) async fn new() -> Self {
        static PROVIDER: Once = Once::new();
        PROVIDER.call_once(|| drop(rustls::crypto::ring::default_provider().install_default()));
        let stop = CancellationToken::new();
        let github = Github::start_plain(&TaskTracker::new(), &stop).await.unwrap();
        let (ann, bob, root, token) = {
            let mut state = github.state();
            let (ann, bob, machine) = (state.person("ann"), state.person("bob"), state.person("countersign-reader"));
            let it = state.repository(NAME);
            it.allow(ann, Role::Write);
            it.allow(bob, Role::Write);
            it.allow(machine, Role::Write);
            let root = it.commit(&[], ann, "begin");
            it.push("main", &root);
            it.push("release", &root);
            (ann, bob, root, state.token(machine, &[NAME], &Permission::ALL))
        };
        Self { github, token, ann, bob, root, _stop: stop }
    }

    pub(crate) fn settings(&self) -> Settings {
        Settings {
            address: self.github.url(),
            repository: NAME.to_owned(),
            token: Some(SecretString::from(self.token.as_str())),
            ca_pem: None,
            proxy: None,
            deadline: Duration::from_secs(20),
            artifact_hosts: vec![self.github.download_host()],
        }
    }

    pub(crate) fn forge(&self) -> Forge {
        Forge::new(self.settings()).unwrap()
    }

    pub(crate) fn with<T>(&self, change: impl FnOnce(&mut Repository) -> T) -> T {
        change(self.github.state().repository(NAME))
    }

    pub(crate) fn everything<T>(&self, change: impl FnOnce(&mut GithubState) -> T) -> T {
        change(&mut self.github.state())
    }

    /// Ann opens a pull request for `main` with two commits.
    pub(crate) fn open(&self) -> Opened {
        self.with(|it| {
            let first = it.commit(&[&self.root], self.ann, "widen the subnet");
            let head = it.commit(&[&first], self.ann, "and its route");
            let pull = it.open(NewPull {
                author: self.ann,
                title: "Widen the subnet".to_owned(),
                base: "main".to_owned(),
                branch: "subnet".to_owned(),
                head: head.clone(),
                fork: None,
            });
            Opened { pull, head }
        })
    }

    /// As [`Self::open`], and everything about it is well.
    pub(crate) fn ready(&self) -> Opened {
        let opened = self.open();
        self.with(|it| {
            it.check(&opened.head, ACTIONS, "build", Some("success"));
            it.review(opened.pull, self.bob, Verdict::Approve).unwrap();
        });
        opened
    }

    pub(crate) fn merge(&self, pull: u64) -> String {
        self.merge_as(pull, &How::MergeCommit)
    }

    pub(crate) fn merge_as(&self, pull: u64, how: &How) -> String {
        self.with(|it| it.merge(pull, self.bob, how).unwrap())
    }

    pub(crate) async fn review(&self, commit: &str) -> Result<countersign_forge::Review, ForgeError> {
        self.review_with(commit, &[]).await
    }

    pub(crate) async fn review_with(
        &self,
        commit: &str,
        checks: &[&str],
    ) -> Result<countersign_forge::Review, ForgeError> {
        let checks: BTreeSet<String> = checks.iter().map(|it| (*it).to_owned()).collect();
        self.forge().review(commit, "main", &checks).await
    }

    /// The reason of a no.
    pub(crate) async fn no(&self, commit: &str) -> countersign_forge::NotReviewed {
        self.no_with(commit, &[]).await
    }

    pub(crate) async fn no_with(&self, commit: &str, checks: &[&str]) -> countersign_forge::NotReviewed {
        match self.review_with(commit, checks).await {
            Err(ForgeError::NotReviewed(reason)) => reason,
            other => panic!("{other:?}"),
        }
    }
}
