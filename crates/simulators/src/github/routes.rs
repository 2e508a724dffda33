//! The routes: who asks, whether there is such a repository for them, whether they may, and what is there.
//!
//! **Invariant:** nothing of a repository is told before the caller was found to see it.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State as Extracted};
use axum::http::{HeaderMap, Method, header};
use axum::response::Response;
use serde_json::{Value, json};

use super::access::{Caller, Permission};
use super::pages::{Answer, Query};
use super::repository::Repository;
use super::shown;
use super::state::{GithubState, Recorded, Shared};
use crate::chance::{hex, random};

pub(super) fn routes(shared: Arc<Shared>) -> Router {
    Router::new().fallback(serve).with_state(shared)
}

async fn serve(Extracted(shared): Extracted<Arc<Shared>>, request: Request) -> Response {
    let path = request.uri().path_and_query().map_or_else(String::new, ToString::to_string);
    let authorization = request.headers().get(header::AUTHORIZATION);
    let authorization = authorization.and_then(|value| value.to_str().ok()).map(str::to_owned);
    let (nth, habit) = {
        let mut state = shared.lock();
        let habit = state.habits.iter().rev().find(|(part, _)| path.contains(part)).map(|(_, habit)| habit.clone());
        state.requests.push(Recorded { path, authorization, is_download: false, code: None });
        (state.requests.len() - 1, habit)
    };
    let instead = match habit {
        Some(habit) => habit.answer().await,
        None => None,
    };
    let response = instead.unwrap_or_else(|| {
        let query = Query::parse(request.uri().query().unwrap_or_default());
        let asked = Asked { shared: &shared, path: request.uri().path(), query };
        asked.answer(&mut shared.lock(), request.method(), request.headers()).into_response()
    });
    if let Some(recorded) = shared.lock().requests.get_mut(nth) {
        recorded.code = Some(response.status().as_u16());
    }
    response
}

struct Asked<'a> {
    shared: &'a Shared,
    path: &'a str,
    query: Query,
}

impl Asked<'_> {
    fn answer(&self, state: &mut GithubState, method: &Method, headers: &HeaderMap) -> Answer {
        if headers.get(header::USER_AGENT).is_none() {
            return Answer::refused(403, "Request forbidden by administrative rules.");
        }
        if state.is_limited {
            let limited = Answer::refused(403, "API rate limit exceeded");
            return limited.with("x-ratelimit-remaining", "0".to_owned()).with("retry-after", "90".to_owned());
        }
        if *method != Method::GET {
            return Answer::not_found();
        }
        let caller = match Caller::of(state, headers) {
            Ok(caller) => caller,
            Err(refusal) => return refusal,
        };
        let parts: Vec<&str> = self.path.trim_matches('/').split('/').collect();
        let ["repos", owner, name, rest @ ..] = parts.as_slice() else { return Answer::not_found() };
        let full_name = format!("{owner}/{name}");
        let Some(repository) = state.find(&full_name).filter(|it| caller.sees(it)) else { return Answer::not_found() };
        let answer = self.within(state, repository, &caller, rest);
        match answer.unwrap_or_else(|refusal| refusal) {
            // A signature is made when it is asked for.
            Answer { code: 302, body, .. } => {
                let signature = hex(&random::<16>());
                state.signed.insert(signature.clone(), body.as_u64().unwrap_or_default());
                let to = format!("{}/artifact.zip?sig={signature}", self.shared.downloads);
                Answer { code: 302, headers: Vec::new(), body: json!({}) }.with("location", to)
            }
            answer => answer,
        }
    }

    fn within(&self, state: &GithubState, it: &Repository, caller: &Caller, rest: &[&str]) -> Result<Answer, Answer> {
        match rest {
            [] => Ok(Answer::of(state.show_repository(&it.full_name))),
            ["collaborators", login, "permission"] => {
                caller.may_ask_about_people(it)?;
                permission_of(state, it, login)
            }
            ["commits", sha, "pulls"] => {
                caller.may(it, Permission::PullRequests)?;
                known(it, sha)?;
                Ok(self.list(&pulls_of(state, it, sha)))
            }
            ["commits", sha, "check-runs"] => {
                caller.may(it, Permission::Checks)?;
                known(it, sha)?;
                Ok(self.counted("check_runs", &self.checks_of(it, sha)))
            }
            ["commits", sha, "status"] => {
                caller.may(it, Permission::Statuses)?;
                known(it, sha)?;
                let mut answer = self.counted("statuses", &statuses_of(it, sha));
                answer.body["sha"] = json!(sha);
                Ok(answer)
            }
            ["commits", sha] => {
                caller.may(it, Permission::Contents)?;
                known(it, sha)?;
                Ok(it.graph.get(sha).map_or_else(Answer::not_found, |commit| Answer::of(state.show_commit(commit))))
            }
            ["compare", span] => {
                caller.may(it, Permission::Contents)?;
                self.comparison(state, it, span)
            }
            ["pulls", number, rest @ ..] => {
                caller.may(it, Permission::PullRequests)?;
                let pull = it.pulls.iter().find(|pull| pull.number.to_string() == *number);
                let pull = pull.ok_or_else(Answer::not_found)?;
                match rest {
                    [] => Ok(Answer::of(state.show_pull(it, pull, true))),
                    ["reviews"] => {
                        let all: Vec<Value> = pull.reviews.iter().map(|it| state.show_review(it)).collect();
                        Ok(self.list(&all))
                    }
                    _ => Err(Answer::not_found()),
                }
            }
            ["actions", rest @ ..] => {
                caller.may(it, Permission::Actions)?;
                self.actions(state, it, rest)
            }
            ["attestations", digest] => {
                caller.may(it, Permission::Attestations)?;
                let found = it.attestations.iter().filter(|(of, _)| of == digest);
                let found: Vec<Value> =
                    found.map(|(_, bundle)| json!({ "bundle": bundle, "repository_id": it.id })).collect();
                if found.is_empty() {
                    return Err(Answer::not_found());
                }
                let (page, link) = self.query.page(&self.address(), &found);
                Ok(linked(Answer::of(json!({ "attestations": page })), link))
            }
            _ => Err(Answer::not_found()),
        }
    }

    fn actions(&self, state: &GithubState, it: &Repository, rest: &[&str]) -> Result<Answer, Answer> {
        match rest {
            ["runs", id, rest @ ..] => {
                let run = it.runs.iter().find(|run| run.id.to_string() == *id).ok_or_else(Answer::not_found)?;
                match rest {
                    [] => Ok(Answer::of(shown::run(state, it, run))),
                    ["artifacts"] => {
                        let name = self.query.of("name");
                        let own = it.artifacts.iter().filter(|one| one.run == run.id);
                        let own = own.filter(|one| name.is_none_or(|name| one.name == name));
                        let all: Vec<Value> = own.map(|one| shown::artifact(&self.shared.api, it, one)).collect();
                        Ok(self.counted("artifacts", &all))
                    }
                    _ => Err(Answer::not_found()),
                }
            }
            ["artifacts", id, "zip"] => {
                let found = it.artifacts.iter().find(|one| one.id.to_string() == *id).ok_or_else(Answer::not_found)?;
                if found.is_expired {
                    return Err(Answer::refused(410, "Artifact has expired"));
                }
                Ok(Answer { code: 302, headers: Vec::new(), body: json!(found.id) })
            }
            _ => Err(Answer::not_found()),
        }
    }

    fn comparison(&self, state: &GithubState, it: &Repository, span: &str) -> Result<Answer, Answer> {
        let (from, to) = span.split_once("...").ok_or_else(Answer::not_found)?;
        if it.graph.get(from).is_none() || it.graph.get(to).is_none() {
            return Err(Answer::not_found());
        }
        let (ahead, behind) = (it.graph.between(from, to), it.graph.between(to, from).len());
        let status = match (ahead.len(), behind) {
            (0, 0) => "identical",
            (0, _) => "behind",
            (_, 0) => "ahead",
            _ => "diverged",
        };
        let all: Vec<Value> = ahead.iter().map(|commit| state.show_commit(commit)).collect();
        let (page, link) = self.query.page(&self.address(), &all);
        let body = json!({
            "status": status, "ahead_by": all.len(), "behind_by": behind, "total_commits": all.len(), "commits": page,
        });
        Ok(linked(Answer::of(body), link))
    }

    /// `filter=latest`, which is the default: of each app, suite and name the one that was started last.
    fn checks_of(&self, it: &Repository, sha: &str) -> Vec<Value> {
        let own = it.checks.iter().filter(|check| check.sha == sha);
        if self.query.of("filter") == Some("all") {
            return own.map(shown::check).collect();
        }
        let latest: BTreeMap<_, _> = own.map(|check| ((check.app, check.suite, &check.name), check)).collect();
        latest.into_values().map(shown::check).collect()
    }

    fn list(&self, all: &[Value]) -> Answer {
        let (page, link) = self.query.page(&self.address(), all);
        linked(Answer::of(json!(page)), link)
    }

    fn counted(&self, key: &str, all: &[Value]) -> Answer {
        let (page, link) = self.query.page(&self.address(), all);
        linked(Answer::of(json!({ "total_count": all.len(), key: page })), link)
    }

    fn address(&self) -> String {
        format!("{}{}", self.shared.api, self.path)
    }
}

fn linked(answer: Answer, link: Option<String>) -> Answer {
    match link {
        Some(link) => answer.with("link", link),
        None => answer,
    }
}

fn known(it: &Repository, sha: &str) -> Result<(), Answer> {
    it.graph.get(sha).map(|_| ()).ok_or_else(|| Answer::no_commit(sha))
}

/// Merged ones that brought the commit; where there is none, all that have it.
fn pulls_of(state: &GithubState, it: &Repository, sha: &str) -> Vec<Value> {
    let has = |commits: &[String]| commits.iter().any(|one| one == sha);
    let with: Vec<_> = it.pulls.iter().filter(|pull| has(&pull.commits) || pull.trial == sha).collect();
    let merged: Vec<_> = with.iter().filter(|pull| pull.merged.is_some()).copied().collect();
    let listed = if merged.is_empty() { with } else { merged };
    listed.into_iter().map(|pull| state.show_pull(it, pull, false)).collect()
}

/// The latest of each context.
fn statuses_of(it: &Repository, sha: &str) -> Vec<Value> {
    let own = it.statuses.iter().filter(|status| status.sha == sha);
    let latest: BTreeMap<_, _> = own.map(|status| (&status.context, status)).collect();
    latest.into_values().map(shown::status).collect()
}

fn permission_of(state: &GithubState, it: &Repository, login: &str) -> Result<Answer, Answer> {
    let (id, _) = state.by_login(login).ok_or_else(|| Answer::refused(404, &format!("{login} is not a user")))?;
    let nobody = if it.is_public { ("read", "read") } else { ("none", "") };
    let (permission, role) = it.role_of(id).map_or(nobody, |role| (role.permission(), role.name()));
    Ok(Answer::of(json!({ "permission": permission, "role_name": role, "user": state.show_user(id) })))
}
