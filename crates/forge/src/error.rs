//! Why GitHub did not say, or said no.
//!
//! **Invariant:** each sentence says what is wrong and what to do next; foreign words in it are made harmless, and a
//! token, the address of a download or a header is in none.

use crate::archive::BadArchive;
use crate::words::short;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum ForgeError {
    /// The settings.
    #[error("the {0} for GitHub cannot be used; look at `github` in catalog.yaml")]
    Settings(&'static str),
    /// A question that has no answer.
    #[error("`{0}` is not {1}")]
    Question(String, &'static str),
    /// Nobody answered.
    #[error("GitHub cannot be reached: {0}; ask again when it is back")]
    Unreachable(String),
    /// It took too long, all questions together.
    #[error("GitHub did not answer within {seconds} s; ask again when it is faster")]
    TooSlow {
        /// How long was waited.
        seconds: u64,
    },
    /// It asks to slow down.
    #[error("GitHub's rate limit for this token is used up; ask again {}", after(*.seconds))]
    RateLimited {
        /// When it may be asked again, if it said so.
        seconds: Option<u64>,
    },
    /// It does not know the token.
    #[error(
        "GitHub does not take the token: it is wrong, expired or revoked; put a new one where `github.credential` says"
    )]
    BadToken,
    /// The token may not do this.
    #[error("GitHub does not let this token read {what} of `{repository}`; it needs {permission}")]
    NotAllowed {
        /// Which repository.
        repository: String,
        /// What was to be read.
        what: &'static str,
        /// The permission of a fine-grained token or an app.
        permission: &'static str,
    },
    /// Either there is no such repository, or the token does not see it: GitHub does not tell which.
    #[error(
        "GitHub knows no repository `{0}` that this token may see; look at `github.repository` and at what the token is for"
    )]
    NoRepository(String),
    /// It answered with a redirect, as it does when a repository was renamed or moved.
    #[error("GitHub sends `{0}` elsewhere, and nothing follows; if it was renamed, write its new name in catalog.yaml")]
    Moved(String),
    /// It said no in another way.
    #[error("GitHub answered {status}: {words}")]
    Refused {
        /// The status of HTTP.
        status: u16,
        /// The beginning of what it said.
        words: String,
    },
    /// The answer is not what its documentation says.
    #[error("GitHub's answer about {0} cannot be used: {1}")]
    Strange(&'static str, String),
    /// There is more than is looked through, so that something could be overlooked.
    #[error("GitHub lists more {0} than are looked through, so that one could be overlooked")]
    TooMany(&'static str),
    /// It does not know the commit.
    #[error("GitHub does not know the commit `{}` in this repository; if it was pushed just now, ask again", short(.0))]
    UnknownCommit(String),
    /// The commit was not reviewed as it must be.
    #[error(transparent)]
    NotReviewed(#[from] NotReviewed),
    /// There is no such run.
    #[error("GitHub knows no run `{0}` in this repository; its number is the last one in its address")]
    NoRun(u64),
    /// The run made no artifact of this name.
    #[error("run `{run}` has no artifact `{name}`; if it still runs, wait for it")]
    NoArtifact {
        /// The run.
        run: u64,
        /// The artifact.
        name: String,
    },
    /// It is gone.
    #[error("the artifact `{name}` of run `{run}` has expired; run the workflow again")]
    ArtifactExpired {
        /// The run.
        run: u64,
        /// The artifact.
        name: String,
    },
    /// The download is elsewhere than it may be.
    #[error("GitHub sends the download of the artifact to `{0}`, which is not a host that it may come from")]
    ForeignHost(String),
    /// The artifact's archive.
    #[error("the artifact cannot be read: {0}")]
    Archive(#[source] BadArchive),
}

/// Why a commit does not count as reviewed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotReviewed {
    /// It was pushed, or is of another repository.
    #[error("no pull request made the commit `{}`: it was pushed without one; open one, have it reviewed, and merge it", short(.commit))]
    NoPull {
        /// The commit.
        commit: String,
    },
    /// The pull request is open, or was closed.
    #[error("pull request #{pull} is not merged; merge it, and ask again")]
    NotMerged {
        /// The pull request.
        pull: u64,
    },
    /// It was merged into something else.
    #[error("pull request #{pull} was merged into `{base}`, and this stack is applied from `{branch}`; merge it there")]
    OtherBranch {
        /// The pull request.
        pull: u64,
        /// Where it went.
        base: String,
        /// Where it should have gone.
        branch: String,
    },
    /// The commit is of a fork, or of a repository with the same history.
    #[error("the commit belongs to pull request #{pull} of `{repository}`, which is another repository")]
    OtherRepository {
        /// The pull request.
        pull: u64,
        /// The repository.
        repository: String,
    },
    /// The commit is part of the pull request, and not what merging it made.
    #[error("the commit `{}` is a part of pull request #{pull}, and `{}` is what merging it made; what is between was not reviewed as a whole", short(.commit), short(.merged))]
    NotTheMerge {
        /// The pull request.
        pull: u64,
        /// The commit that was asked about.
        commit: String,
        /// What merging made.
        merged: String,
    },
    /// The author's account is gone, so that nobody can be told from them.
    #[error(
        "the account that opened pull request #{pull} does not exist any more, so nobody can be told from its author; open a new one"
    )]
    AuthorUnknown {
        /// The pull request.
        pull: u64,
    },
    /// Nobody approved.
    #[error(
        "nobody but its author has approved pull request #{pull}; somebody else has to review what was merged, as a new pull request"
    )]
    NotApproved {
        /// The pull request.
        pull: u64,
    },
    /// Somebody approved something else than what was merged.
    #[error("{by} approved pull request #{pull} at `{}`, and `{}` was merged: what came after was not reviewed", short(.approved), short(.head))]
    Stale {
        /// The pull request.
        pull: u64,
        /// Who approved.
        by: String,
        /// What they approved.
        approved: String,
        /// What was merged.
        head: String,
    },
    /// Their approval was taken back.
    #[error("the approval of pull request #{pull} by {by} was dismissed, and nobody else has approved it")]
    Dismissed {
        /// The pull request.
        pull: u64,
        /// Whose.
        by: String,
    },
    /// Only programs approved.
    #[error("only {by}, which is not a person, has approved pull request #{pull}")]
    OnlyPrograms {
        /// The pull request.
        pull: u64,
        /// Which.
        by: String,
    },
    /// Anybody may approve in a public repository; only those who may write count.
    #[error(
        "pull request #{pull} was approved by {by} alone, who may not write to this repository, so that it does not count"
    )]
    NoRight {
        /// The pull request.
        pull: u64,
        /// Who.
        by: String,
    },
    /// Somebody wants changes.
    #[error("{by} wants changes in pull request #{pull}; settle it with them, or have their review dismissed")]
    ChangesRequested {
        /// The pull request.
        pull: u64,
        /// Who.
        by: String,
    },
    /// A check that has to be green did not run.
    #[error("the check `{name}` did not run on `{}` (pull request #{pull}); run it, or correct `github.checks` in catalog.yaml", short(.head))]
    CheckMissing {
        /// The pull request.
        pull: u64,
        /// The check.
        name: String,
        /// The head of the pull request.
        head: String,
    },
    /// A check is not green.
    #[error("the check `{name}` of pull request #{pull} ended with `{how}`; mend it, and run it again")]
    CheckFailed {
        /// The pull request.
        pull: u64,
        /// The check.
        name: String,
        /// How it ended, in GitHub's word.
        how: String,
    },
    /// Checks are running.
    #[error("checks of pull request #{pull} are not finished yet: {}; wait for them, and ask again", .names.join(", "))]
    ChecksPending {
        /// The pull request.
        pull: u64,
        /// Which.
        names: Vec<String>,
    },
    /// Nothing was checked.
    #[error(
        "no check has succeeded on pull request #{pull}, and at least one must; set one up, or name those that count in `github.checks`"
    )]
    NoChecks {
        /// The pull request.
        pull: u64,
    },
}

fn after(seconds: Option<u64>) -> String {
    seconds.map_or_else(|| "later".to_owned(), |seconds| format!("in {} min", seconds.div_ceil(60)))
}
