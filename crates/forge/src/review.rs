//! Whether a commit was reviewed: what is asked, and in which order.
//!
//! **Invariant:** every fact is about the pull request that made exactly this commit, and about the head that was
//! merged; what could not be read is never taken for a yes.

use crate::answers::{CheckRuns, CombinedStatus, Opinion, Permission, Pull};
use crate::client::{Client, Subject};
use crate::error::{ForgeError, NotReviewed};
use crate::verdict::{self, Person};
use crate::words::{is_commit, shown};
use std::collections::BTreeSet;

/// Pages of pull requests of one commit, of reviews of one pull request, and of checks of one commit: a hundred a page.
const PULL_PAGES: usize = 3;
const REVIEW_PAGES: usize = 10;
const CHECK_PAGES: usize = 10;
/// So many pull requests may have made the same commit, by a fast forward.
const MOST_PULLS: usize = 5;
/// Of so many people who approved it is asked whether they may write.
const MOST_APPROVALS: usize = 20;

const PULLS: Subject = Subject { what: "pull requests", permission: "\"Pull requests\" (read)" };
const PEOPLE: Subject = Subject {
    what: "who may write to it",
    permission: "\"Metadata\" (read), and to be an app's or of somebody who may write themselves",
};
const CHECKS: Subject = Subject { what: "checks", permission: "\"Checks\" (read)" };
const STATUSES: Subject = Subject { what: "commit statuses", permission: "\"Commit statuses\" (read)" };

/// A commit that was reviewed. Its words are made harmless to show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Review {
    /// Number of the pull request.
    pub pull: u64,
    /// Its title.
    pub title: String,
    /// Who opened it, by login.
    pub author: String,
    /// Who merged it, by login; GitHub does not always know.
    pub merged_by: Option<String>,
    /// Who approved it and counts, by login.
    pub approved_by: Vec<String>,
    /// The checks that were held to be green, by name.
    pub checks: Vec<String>,
}

pub(crate) async fn review(
    client: &Client,
    commit: &str,
    branch: &str,
    checks: &BTreeSet<String>,
) -> Result<Review, ForgeError> {
    if !is_commit(commit) {
        return Err(ForgeError::Question(shown(commit), "a whole commit id"));
    }
    let path = ["commits", commit, "pulls"];
    let pulls = client.pages::<Vec<Pull>>(PULLS, &path, &[], PULL_PAGES).await?;
    let pulls = pulls.ok_or_else(|| ForgeError::UnknownCommit(commit.to_owned()))?;
    let is_own = |full: &str| client.repository().is(full);
    let made = verdict::made_by(&pulls, is_own, commit, branch)?;
    if made.len() > MOST_PULLS {
        return Err(ForgeError::TooMany("pull requests"));
    }
    // The same commit may be the end of two, one of them reviewed.
    let mut first_no = None;
    for number in made {
        match judge(client, number, commit, branch, checks).await {
            Err(ForgeError::NotReviewed(no)) => first_no = first_no.or(Some(no)),
            other => return other,
        }
    }
    Err(first_no.unwrap_or_else(|| NotReviewed::NoPull { commit: commit.to_owned() }).into())
}

async fn judge(
    client: &Client,
    number: u64,
    commit: &str,
    branch: &str,
    wanted: &BTreeSet<String>,
) -> Result<Review, ForgeError> {
    let id = number.to_string();
    let pull: Option<Pull> = client.ask(PULLS, &["pulls", &id], &[]).await?;
    let pull = pull.filter(|pull| pull.number == number);
    let pull = pull.ok_or_else(|| ForgeError::Strange("pull requests", format!("#{number} is not there")))?;
    // What the list said holds for the thing itself.
    verdict::made_by(std::slice::from_ref(&pull), |full| client.repository().is(full), commit, branch)?;
    if !is_commit(&pull.head.sha) {
        return Err(ForgeError::Strange("pull requests", "its head is not a commit".to_owned()));
    }
    let author = pull.user.as_ref().ok_or(NotReviewed::AuthorUnknown { pull: number })?;
    let opinions = client.pages::<Vec<Opinion>>(PULLS, &["pulls", &id, "reviews"], &[], REVIEW_PAGES).await?;
    let opinions = opinions.ok_or_else(|| ForgeError::Strange("reviews", "they are not there".to_owned()))?;
    let approved = verdict::approvals(number, &opinions, author.id, &pull.head.sha)?;
    let approved_by = with_right(client, number, approved).await?;
    let checks = green(client, number, &pull.head.sha, wanted).await?;
    Ok(Review {
        pull: number,
        title: shown(&pull.title),
        author: shown(&author.login),
        merged_by: pull.merged_by.map(|user| shown(&user.login)),
        approved_by,
        checks,
    })
}

/// Those who may write: in a public repository anybody can approve, and GitHub counts only these as well.
async fn with_right(client: &Client, pull: u64, people: Vec<Person>) -> Result<Vec<String>, ForgeError> {
    if people.len() > MOST_APPROVALS {
        return Err(ForgeError::TooMany("approvals"));
    }
    let (mut with, mut without) = (Vec::new(), Vec::new());
    for person in people {
        // A login is a part of the path; what cannot be one is nobody's.
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
        let answer: Option<Permission> = if person.login.bytes().all(fits) && !person.login.is_empty() {
            client.ask(PEOPLE, &["collaborators", &person.login, "permission"], &[]).await?
        } else {
            None
        };
        let may = answer.is_some_and(|answer| {
            // A login may be somebody else's by now.
            let is_same = answer.user.is_some_and(|user| user.id == person.id);
            // Source: GitHub Docs: `maintain` is told as `write`, `triage` as `read`.
            is_same && matches!(answer.permission.as_str(), "admin" | "write")
        });
        if may { &mut with } else { &mut without }.push(shown(&person.login));
    }
    if with.is_empty() {
        return Err(NotReviewed::NoRight { pull, by: without.join(", ") }.into());
    }
    Ok(with)
}

async fn green(client: &Client, pull: u64, head: &str, wanted: &BTreeSet<String>) -> Result<Vec<String>, ForgeError> {
    let missing = |what| ForgeError::Strange(what, "they are not there".to_owned());
    let path = ["commits", head, "check-runs"];
    let runs = client.pages::<CheckRuns>(CHECKS, &path, &[("filter", "latest")], CHECK_PAGES).await?;
    let runs = runs.ok_or_else(|| missing("checks"))?;
    if runs.iter().any(|run| run.head_sha != head) {
        return Err(ForgeError::Strange("checks", "one is about another commit".to_owned()));
    }
    let statuses = client.pages::<CombinedStatus>(STATUSES, &["commits", head, "status"], &[], CHECK_PAGES).await?;
    let statuses = statuses.ok_or_else(|| missing("commit statuses"))?;
    Ok(verdict::checks(pull, head, &runs, &statuses, wanted)?)
}
