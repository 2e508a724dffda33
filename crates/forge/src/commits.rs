//! What lies between two commits.

use crate::answers::{CommitEntry, Comparison};
use crate::client::{Client, PAGE, Subject};
use crate::error::ForgeError;
use crate::words::{first_line, is_commit, shown};

/// So many commits are named; all are counted.
pub const NEWEST: usize = 20;

const CONTENTS: Subject = Subject { what: "commits", permission: "\"Contents\" (read)" };

/// What lies between two commits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commits {
    /// How many came after the first one.
    pub total: usize,
    /// How many the first one has that the second has not: not 0 where something is taken back.
    pub behind: usize,
    /// The newest [`NEWEST`] of them, the newest first.
    pub newest: Vec<Commit>,
}

/// A commit. Its words are made harmless to show, and nothing proves them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commit {
    /// Its id.
    pub sha: String,
    /// The first line of its message.
    pub title: String,
    /// The account of its author, or the name that the commit gives.
    pub author: String,
}

impl Commit {
    fn of(entry: CommitEntry) -> Option<Self> {
        let login = entry.author.map(|author| author.login).filter(|login| !login.is_empty());
        let author = login.or_else(|| entry.commit.author.map(|author| author.name)).unwrap_or_default();
        let title = first_line(&entry.commit.message);
        is_commit(&entry.sha).then(|| Self { sha: entry.sha, title, author: shown(&author) })
    }
}

pub(crate) async fn between(client: &Client, from: &str, to: &str) -> Result<Commits, ForgeError> {
    for commit in [from, to] {
        if !is_commit(commit) {
            return Err(ForgeError::Question(shown(commit), "a whole commit id"));
        }
    }
    let Some(first) = page(client, from, to, 1).await? else {
        return Err(missing(client, from, to).await);
    };
    // Oldest first, so that the newest are on the last pages.
    let (total, behind) = (first.total_commits, first.behind_by);
    let last = total.div_ceil(PAGE).max(1);
    let mut newest = if last == 1 { first.commits } else { wanted(page(client, from, to, last).await?)? };
    if newest.len() < NEWEST && last > 1 {
        let before = wanted(page(client, from, to, last - 1).await?)?;
        newest = before.into_iter().chain(newest).collect();
    }
    let newest: Option<Vec<Commit>> = newest.into_iter().rev().take(NEWEST).map(Commit::of).collect();
    let newest = newest.ok_or_else(|| strange("one of them is not a commit"))?;
    if newest.len() < total.min(NEWEST) {
        return Err(strange("it lists fewer than it counts"));
    }
    Ok(Commits { total, behind, newest })
}

async fn page(client: &Client, from: &str, to: &str, page: usize) -> Result<Option<Comparison>, ForgeError> {
    let (span, size, number) = (format!("{from}...{to}"), PAGE.to_string(), page.to_string());
    client.ask(CONTENTS, &["compare", &span], &[("per_page", &size), ("page", &number)]).await
}

fn wanted(page: Option<Comparison>) -> Result<Vec<CommitEntry>, ForgeError> {
    page.map(|page| page.commits).ok_or_else(|| strange("a page of it is not there"))
}

fn strange(words: &str) -> ForgeError {
    ForgeError::Strange("commits", words.to_owned())
}

/// Which of the two is not there.
async fn missing(client: &Client, from: &str, to: &str) -> ForgeError {
    match client.ask::<CommitEntry>(CONTENTS, &["commits", from], &[]).await {
        Ok(None) => ForgeError::UnknownCommit(from.to_owned()),
        Ok(Some(_)) => ForgeError::UnknownCommit(to.to_owned()),
        Err(error) => error,
    }
}
