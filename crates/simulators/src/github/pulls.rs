//! Pull requests and reviews, with the rules that people meet.
//!
//! **Invariant:** a review is of the head as it was when it was given; only merging makes a pull request merged.

use super::repository::Repository;

/// A pull request, as it is to be opened.
#[derive(Debug, Clone)]
pub struct NewPull {
    /// Who opens it.
    pub author: u64,
    /// Its title.
    pub title: String,
    /// The branch that it is for.
    pub base: String,
    /// The branch that it is of.
    pub branch: String,
    /// The commit that it is of; known to the repository it is for.
    pub head: String,
    /// The repository of that branch, if it is another one.
    pub fork: Option<String>,
}

/// What somebody says to a pull request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Yes.
    Approve,
    /// No, not so.
    RequestChanges,
    /// Something.
    Comment,
}

/// How a pull request is merged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum How {
    /// By a commit with two parents.
    MergeCommit,
    /// As one commit.
    Squash,
    /// Commit by commit.
    Rebase,
    /// As this commit, which was made elsewhere and is known.
    As(String),
}

/// What GitHub does not let somebody do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotAllowed {
    /// Source: GitHub's own words.
    #[error("Can not approve your own pull request")]
    OwnPull,
    /// It is merged or closed.
    #[error("Pull Request is not mergeable")]
    NotOpen,
    /// There is no such pull request.
    #[error("Not Found")]
    Unknown,
}

#[derive(Debug, Clone)]
pub(super) struct Opinion {
    pub(super) id: u64,
    pub(super) who: u64,
    pub(super) state: &'static str,
    pub(super) commit: String,
}

#[derive(Debug, Clone)]
pub(super) struct Pull {
    pub(super) number: u64,
    pub(super) it: NewPull,
    pub(super) is_closed: bool,
    /// What merging it made, and who did it.
    pub(super) merged: Option<(String, u64)>,
    /// What a trial of merging it made.
    pub(super) trial: String,
    /// Its commits, and those that merging put onto the branch.
    pub(super) commits: Vec<String>,
    pub(super) reviews: Vec<Opinion>,
}

impl Repository {
    /// Opens a pull request. Gives its number.
    pub fn open(&mut self, it: NewPull) -> u64 {
        let number = u64::try_from(self.pulls.len()).unwrap_or_default() + 1;
        let pull = Pull {
            number,
            it,
            is_closed: false,
            merged: None,
            trial: String::new(),
            commits: Vec::new(),
            reviews: Vec::new(),
        };
        self.pulls.push(pull);
        self.look_again(number);
        number
    }

    fn pull(&mut self, number: u64) -> Result<&mut Pull, NotAllowed> {
        self.pulls.iter_mut().find(|it| it.number == number).ok_or(NotAllowed::Unknown)
    }

    /// What a pull request is made of, and what merging it would make: GitHub tries that at every push.
    fn look_again(&mut self, number: u64) {
        let Some(pull) = self.pulls.iter().find(|it| it.number == number) else { return };
        let (head, base) = (pull.it.head.clone(), self.head(&pull.it.base).unwrap_or_default());
        let commits = self.graph.between(&base, &head).into_iter().map(|it| it.sha.clone()).collect();
        let trial = self.graph.add(None, &[&base, &head], "Merge for a trial", None);
        if let Ok(pull) = self.pull(number) {
            (pull.commits, pull.trial) = (commits, trial);
        }
    }

    /// The commit that GitHub made to try whether the pull request can be merged.
    #[must_use]
    pub fn trial_of(&self, pull: u64) -> Option<String> {
        self.pulls.iter().find(|it| it.number == pull).map(|it| it.trial.clone())
    }

    /// Pushes another commit to the branch of a pull request.
    ///
    /// # Errors
    /// [`NotAllowed::Unknown`].
    pub fn push_to(&mut self, pull: u64, head: &str) -> Result<(), NotAllowed> {
        let dismisses = self.dismisses_stale;
        let found = self.pull(pull)?;
        head.clone_into(&mut found.it.head);
        if dismisses {
            let stale = found.reviews.iter_mut().filter(|it| it.state == "APPROVED");
            stale.for_each(|it| it.state = "DISMISSED");
        }
        self.look_again(pull);
        Ok(())
    }

    /// Somebody reviews the head as it is now. Gives the review's number.
    ///
    /// # Errors
    /// [`NotAllowed`]: the author only comments.
    pub fn review(&mut self, pull: u64, who: u64, verdict: Verdict) -> Result<u64, NotAllowed> {
        let id = self.number();
        let found = self.pull(pull)?;
        let state = match verdict {
            Verdict::Comment => "COMMENTED",
            _ if who == found.it.author => return Err(NotAllowed::OwnPull),
            Verdict::Approve => "APPROVED",
            Verdict::RequestChanges => "CHANGES_REQUESTED",
        };
        let commit = found.it.head.clone();
        found.reviews.push(Opinion { id, who, state, commit });
        Ok(id)
    }

    /// Somebody takes a review back, whosever it is.
    ///
    /// # Errors
    /// [`NotAllowed::Unknown`].
    pub fn dismiss(&mut self, pull: u64, review: u64) -> Result<(), NotAllowed> {
        let found = self.pull(pull)?.reviews.iter_mut().find(|it| it.id == review).ok_or(NotAllowed::Unknown)?;
        found.state = "DISMISSED";
        Ok(())
    }

    /// Closes a pull request without merging it.
    ///
    /// # Errors
    /// [`NotAllowed::Unknown`].
    pub fn close(&mut self, pull: u64) -> Result<(), NotAllowed> {
        self.pull(pull)?.is_closed = true;
        Ok(())
    }

    /// Merges a pull request into its branch. Gives the commit that the branch is at then.
    ///
    /// # Errors
    /// [`NotAllowed`].
    pub fn merge(&mut self, pull: u64, who: u64, how: &How) -> Result<String, NotAllowed> {
        let found = self.pull(pull)?.clone();
        if found.is_closed || found.merged.is_some() {
            return Err(NotAllowed::NotOpen);
        }
        let base = self.head(&found.it.base).unwrap_or_default();
        let title = format!("{} (#{pull})", found.it.title);
        let mut made = Vec::new();
        let merged = match how {
            How::MergeCommit => self.graph.add(None, &[&base, &found.it.head], &title, Some(who)),
            How::Squash => self.graph.add(None, &[&base], &title, Some(found.it.author)),
            How::Rebase => {
                let commits = found.commits.iter().filter_map(|sha| self.graph.get(sha).cloned());
                for commit in commits.collect::<Vec<_>>() {
                    let parent = made.last().unwrap_or(&base).clone();
                    made.push(self.graph.add(None, &[&parent], &commit.message, commit.author));
                }
                made.last().cloned().unwrap_or(base)
            }
            How::As(sha) => sha.clone(),
        };
        self.push(&found.it.base, &merged);
        let pull = self.pull(pull)?;
        pull.merged = Some((merged.clone(), who));
        pull.commits.extend(made);
        pull.commits.push(merged.clone());
        Ok(merged)
    }
}
