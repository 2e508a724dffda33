//! What each thing looks like in an answer: the fields that GitHub documents, as far as anybody here reads them.

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::graph::Commit;
use super::pulls::{Opinion, Pull};
use super::repository::{Artifact, CheckRun, Repository, Run, Status};
use super::state::GithubState;
use crate::chance::hex;

const AT: &str = "2026-11-21T12:00:00Z";

impl GithubState {
    pub(super) fn show_user(&self, id: u64) -> Value {
        match self.accounts.get(&id).filter(|it| !it.is_gone) {
            Some(it) => json!({ "login": it.login, "id": id, "type": it.kind, "site_admin": false }),
            None => Value::Null,
        }
    }

    pub(super) fn show_repository(&self, full_name: &str) -> Value {
        match self.find(full_name) {
            Some(it) => json!({ "id": it.id, "full_name": it.full_name, "private": !it.is_public }),
            // A fork that was deleted, or one that nobody told of.
            None => Value::Null,
        }
    }

    /// `is_whole`: the answer about one alone has more than a list.
    pub(super) fn show_pull(&self, of: &Repository, pull: &Pull, is_whole: bool) -> Value {
        let merged = pull.merged.as_ref();
        let is_open = merged.is_none() && !pull.is_closed;
        let head = pull.it.fork.as_deref().unwrap_or(&of.full_name);
        let mut shown = json!({
            "id": of.id * 100 + pull.number, "number": pull.number, "title": pull.it.title,
            "state": if is_open { "open" } else { "closed" }, "draft": false,
            "user": self.show_user(pull.it.author),
            "merged_at": merged.map(|_| AT), "closed_at": (!is_open).then_some(AT),
            "merge_commit_sha": merged.map_or(pull.trial.as_str(), |(sha, _)| sha),
            "base": { "ref": pull.it.base, "sha": of.head(&pull.it.base), "repo": self.show_repository(&of.full_name) },
            "head": { "ref": pull.it.branch, "sha": pull.it.head, "repo": self.show_repository(head) },
        });
        if is_whole {
            shown["merged"] = json!(merged.is_some());
            shown["merged_by"] = merged.map_or(Value::Null, |(_, who)| self.show_user(*who));
            shown["commits"] = json!(pull.commits.len());
        }
        shown
    }

    pub(super) fn show_review(&self, it: &Opinion) -> Value {
        json!({
            "id": it.id, "user": self.show_user(it.who), "state": it.state, "commit_id": it.commit, "body": "",
            "submitted_at": AT,
        })
    }

    pub(super) fn show_commit(&self, it: &Commit) -> Value {
        let author = it.author.map_or(Value::Null, |id| self.show_user(id));
        let name = author.get("login").cloned().unwrap_or(json!("Somebody"));
        let parents: Vec<Value> = it.parents.iter().map(|sha| json!({ "sha": sha })).collect();
        json!({
            "sha": it.sha, "author": author, "parents": parents,
            "commit": { "message": it.message, "author": { "name": name, "email": "somebody@example.com", "date": AT } },
        })
    }
}

pub(super) fn check(it: &CheckRun) -> Value {
    json!({
        "id": it.id, "name": it.name, "head_sha": it.sha,
        "status": if it.conclusion.is_some() { "completed" } else { "in_progress" }, "conclusion": it.conclusion,
        "app": { "id": it.app, "slug": format!("app-{}", it.app) }, "check_suite": { "id": it.suite },
    })
}

pub(super) fn status(it: &Status) -> Value {
    json!({ "id": it.id, "context": it.context, "state": it.state, "description": null, "target_url": null })
}

pub(super) fn run(state: &GithubState, of: &Repository, it: &Run) -> Value {
    let status = if it.it.conclusion.is_some() { "completed" } else { "in_progress" };
    json!({
        "id": it.id, "name": it.it.path, "path": it.it.path, "head_sha": it.it.head_sha,
        "head_branch": it.it.head_branch, "event": it.it.event, "status": status, "conclusion": it.it.conclusion,
        "run_attempt": it.attempt, "repository": state.show_repository(&of.full_name),
        "head_repository": state.show_repository(&it.it.head_repository),
    })
}

pub(super) fn artifact(api: &str, of: &Repository, it: &Artifact) -> Value {
    let digest = format!("sha256:{}", hex(&Sha256::digest(&it.zip)));
    json!({
        "id": it.id, "name": it.name, "size_in_bytes": it.zip.len(), "expired": it.is_expired,
        "archive_download_url": format!("{api}/repos/{}/actions/artifacts/{}/zip", of.full_name, it.id),
        "digest": it.has_digest.then_some(digest), "workflow_run": { "id": it.run },
    })
}
