//! Who there is, which tokens they have, and the repositories.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::Value;

use super::access::{Permission, Token};
use super::habit::Habit;
use super::repository::Repository;
use crate::chance::{hex, random};

/// An account.
#[derive(Debug, Clone)]
pub(super) struct Account {
    pub(super) login: String,
    /// `User` or `Bot`.
    pub(super) kind: &'static str,
    pub(super) is_gone: bool,
}

/// A request, as it arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    /// Path and query.
    pub path: String,
    /// The header `Authorization`.
    pub authorization: Option<String>,
    /// Whether it came to the port of the downloads.
    pub is_download: bool,
    /// The status it was answered with; none while it was not.
    pub code: Option<u16>,
}

/// Everything the stand-in knows.
#[derive(Debug, Default)]
pub struct GithubState {
    pub(super) accounts: BTreeMap<u64, Account>,
    pub(super) tokens: BTreeMap<String, Token>,
    pub(super) repositories: Vec<Repository>,
    pub(super) requests: Vec<Recorded>,
    pub(super) habits: Vec<(String, Habit)>,
    /// Signatures of downloads that were not used yet, and the artifact.
    pub(super) signed: BTreeMap<String, u64>,
    /// Whether every request is one too many.
    pub(super) is_limited: bool,
}

impl GithubState {
    /// Makes a person's account and gives its number.
    pub fn person(&mut self, login: &str) -> u64 {
        self.account(login, "User")
    }

    /// Makes a program's account, such as `dependabot[bot]`, and gives its number.
    pub fn bot(&mut self, login: &str) -> u64 {
        self.account(login, "Bot")
    }

    fn account(&mut self, login: &str, kind: &'static str) -> u64 {
        let id = 1_000 + u64::try_from(self.accounts.len()).unwrap_or_default();
        self.accounts.insert(id, Account { login: login.to_owned(), kind, is_gone: false });
        id
    }

    /// Gives an account another name; its number stays.
    pub fn rename(&mut self, id: u64, login: &str) {
        if let Some(account) = self.accounts.get_mut(&id) {
            login.clone_into(&mut account.login);
        }
    }

    /// Deletes an account: what it did stays, and is nobody's.
    pub fn delete_account(&mut self, id: u64) {
        if let Some(account) = self.accounts.get_mut(&id) {
            account.is_gone = true;
        }
    }

    /// A fine-grained token of a person for some repositories, which may read this there.
    pub fn token(&mut self, holder: u64, repositories: &[&str], permissions: &[Permission]) -> String {
        self.mint("github_pat_", Some(holder), repositories, permissions)
    }

    /// An app's token for some repositories.
    pub fn app_token(&mut self, repositories: &[&str], permissions: &[Permission]) -> String {
        self.mint("ghs_", None, repositories, permissions)
    }

    fn mint(&mut self, prefix: &str, holder: Option<u64>, repositories: &[&str], may: &[Permission]) -> String {
        let text = format!("{prefix}{}", hex(&random::<18>()));
        let repositories = repositories.iter().map(|one| one.to_ascii_lowercase()).collect();
        self.tokens.insert(text.clone(), Token { holder, repositories, may: may.to_vec() });
        text
    }

    /// Takes a token back.
    pub fn revoke_token(&mut self, token: &str) {
        self.tokens.remove(token);
    }

    /// From now on the rate limit is used up, or not any more.
    pub fn limit(&mut self, is_limited: bool) {
        self.is_limited = is_limited;
    }

    /// The repository `owner/name`; it is made, private and empty, if it is not there.
    pub fn repository(&mut self, full_name: &str) -> &mut Repository {
        let at = self.repositories.iter().position(|it| it.is(full_name));
        let at = at.unwrap_or_else(|| {
            let id = 70_000 + u64::try_from(self.repositories.len()).unwrap_or_default();
            self.repositories.push(Repository::new(id, full_name));
            self.repositories.len() - 1
        });
        &mut self.repositories[at]
    }

    /// A pull request as it stands in a list.
    #[must_use]
    pub fn listed_pull(&self, full_name: &str, number: u64) -> Option<Value> {
        let it = self.find(full_name)?;
        let pull = it.pulls.iter().find(|pull| pull.number == number)?;
        Some(self.show_pull(it, pull, false))
    }

    /// The reviews of a pull request, as they are told.
    #[must_use]
    pub fn told_reviews(&self, full_name: &str, number: u64) -> Option<Value> {
        let pull = self.find(full_name)?.pulls.iter().find(|pull| pull.number == number)?;
        Some(pull.reviews.iter().map(|review| self.show_review(review)).collect())
    }

    /// What is told of an artifact.
    #[must_use]
    pub fn told_artifact(&self, full_name: &str, id: u64) -> Option<Value> {
        let it = self.find(full_name)?;
        let artifact = it.artifacts.iter().find(|one| one.id == id)?;
        Some(super::shown::artifact("https://api.github.com", it, artifact))
    }

    pub(super) fn find(&self, full_name: &str) -> Option<&Repository> {
        self.repositories.iter().find(|it| it.is(full_name))
    }

    pub(super) fn by_login(&self, login: &str) -> Option<(u64, &Account)> {
        let mut living = self.accounts.iter().filter(|(_, it)| !it.is_gone);
        living.find(|(_, it)| it.login.eq_ignore_ascii_case(login)).map(|(id, it)| (*id, it))
    }
}

/// What both ports share.
pub(super) struct Shared {
    state: Mutex<GithubState>,
    pub(super) api: String,
    pub(super) downloads: String,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("api", &self.api).finish_non_exhaustive()
    }
}

impl Shared {
    pub(super) fn new(api: String, downloads: String) -> Self {
        Self { state: Mutex::default(), api, downloads }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, GithubState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
