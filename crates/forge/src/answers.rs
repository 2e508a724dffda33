//! The parts of GitHub's answers that are read; all else is passed over.

use crate::client::Page;
use serde::Deserialize;

/// "Simple user".
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct User {
    pub(crate) login: String,
    pub(crate) id: u64,
    /// `User`, `Bot`, `Organization`, `Mannequin`.
    #[serde(rename = "type", default)]
    pub(crate) kind: String,
}

impl User {
    pub(crate) fn is_person(&self) -> bool {
        self.kind == "User" && !self.login.ends_with("[bot]")
    }
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Named {
    pub(crate) full_name: String,
}

/// One side of a pull request.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Side {
    #[serde(rename = "ref")]
    pub(crate) branch: String,
    pub(crate) sha: String,
    /// Absent when a fork was deleted.
    #[serde(default)]
    pub(crate) repo: Option<Named>,
}

/// "Pull request": `GET /repos/{owner}/{repo}/commits/{sha}/pulls` and `GET …/pulls/{number}`.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Pull {
    pub(crate) number: u64,
    #[serde(default)]
    pub(crate) title: String,
    #[serde(default)]
    pub(crate) user: Option<User>,
    #[serde(default)]
    pub(crate) merged_at: Option<String>,
    /// Before the merge it is that of a trial, so that it means nothing without `merged_at`.
    #[serde(default)]
    pub(crate) merge_commit_sha: Option<String>,
    /// In the answer about one alone.
    #[serde(default)]
    pub(crate) merged_by: Option<User>,
    pub(crate) base: Side,
    pub(crate) head: Side,
}

/// "Pull request review": `GET …/pulls/{number}/reviews`, oldest first.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Opinion {
    pub(crate) id: u64,
    #[serde(default)]
    pub(crate) user: Option<User>,
    pub(crate) state: String,
    #[serde(default)]
    pub(crate) commit_id: Option<String>,
}

/// `GET …/collaborators/{username}/permission`.
#[derive(Debug, Deserialize)]
pub(crate) struct Permission {
    pub(crate) permission: String,
    #[serde(default)]
    pub(crate) user: Option<User>,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Numbered {
    pub(crate) id: u64,
}

/// "Check run": `GET …/commits/{ref}/check-runs`.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct CheckRun {
    pub(crate) id: u64,
    pub(crate) name: String,
    pub(crate) head_sha: String,
    pub(crate) status: String,
    #[serde(default)]
    pub(crate) conclusion: Option<String>,
    #[serde(default)]
    pub(crate) app: Option<Numbered>,
    #[serde(default)]
    pub(crate) check_suite: Option<Numbered>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct CheckRuns {
    total_count: usize,
    check_runs: Vec<CheckRun>,
}

impl Page for CheckRuns {
    type Entry = CheckRun;
    fn total(&self) -> Option<usize> {
        Some(self.total_count)
    }
    fn entries(self) -> Vec<CheckRun> {
        self.check_runs
    }
}

/// A commit status: `GET …/commits/{ref}/status`, the latest of each context.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Status {
    #[serde(default)]
    pub(crate) id: u64,
    pub(crate) context: String,
    pub(crate) state: String,
}

#[derive(Debug, Deserialize)]
pub(crate) struct CombinedStatus {
    total_count: usize,
    statuses: Vec<Status>,
}

impl Page for CombinedStatus {
    type Entry = Status;
    fn total(&self) -> Option<usize> {
        Some(self.total_count)
    }
    fn entries(self) -> Vec<Status> {
        self.statuses
    }
}

#[derive(Debug, Deserialize)]
pub(crate) struct Signature {
    #[serde(default)]
    pub(crate) name: String,
}

#[derive(Debug, Deserialize)]
pub(crate) struct CommitText {
    #[serde(default)]
    pub(crate) message: String,
    #[serde(default)]
    pub(crate) author: Option<Signature>,
}

/// "Commit".
#[derive(Debug, Deserialize)]
pub(crate) struct CommitEntry {
    pub(crate) sha: String,
    pub(crate) commit: CommitText,
    /// The account of the author, where the address is one of an account's.
    #[serde(default)]
    pub(crate) author: Option<Login>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Login {
    #[serde(default)]
    pub(crate) login: String,
}

/// "Commit comparison": `GET …/compare/{base}...{head}`, oldest first.
#[derive(Debug, Deserialize)]
pub(crate) struct Comparison {
    pub(crate) total_commits: usize,
    #[serde(default)]
    pub(crate) behind_by: usize,
    pub(crate) commits: Vec<CommitEntry>,
}

/// "Workflow run": `GET …/actions/runs/{id}`.
#[derive(Debug, Deserialize)]
pub(crate) struct WorkflowRun {
    pub(crate) id: u64,
    pub(crate) path: String,
    pub(crate) head_sha: String,
    #[serde(default)]
    pub(crate) head_branch: Option<String>,
    pub(crate) event: String,
    pub(crate) status: String,
    #[serde(default)]
    pub(crate) conclusion: Option<String>,
    #[serde(default = "first")]
    pub(crate) run_attempt: u64,
    #[serde(default)]
    pub(crate) repository: Option<Named>,
    #[serde(default)]
    pub(crate) head_repository: Option<Named>,
}

const fn first() -> u64 {
    1
}

/// "Artifact": `GET …/actions/runs/{id}/artifacts`.
#[derive(Debug, Deserialize)]
pub(crate) struct Artifact {
    pub(crate) id: u64,
    pub(crate) name: String,
    pub(crate) size_in_bytes: u64,
    #[serde(default)]
    pub(crate) expired: bool,
    /// SHA-256 of the archive; older ones have none.
    #[serde(default)]
    pub(crate) digest: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Artifacts {
    total_count: usize,
    artifacts: Vec<Artifact>,
}

impl Page for Artifacts {
    type Entry = Artifact;
    fn total(&self) -> Option<usize> {
        Some(self.total_count)
    }
    fn entries(self) -> Vec<Artifact> {
        self.artifacts
    }
}

#[derive(Debug, Deserialize)]
pub(crate) struct Attestation {
    #[serde(default)]
    pub(crate) bundle: Option<serde_json::Value>,
}

/// `GET …/attestations/{subject_digest}`.
#[derive(Debug, Deserialize)]
pub(crate) struct Attestations {
    pub(crate) attestations: Vec<Attestation>,
}
