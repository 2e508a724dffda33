//! The GitHub stand-in is as strict as its documentation: who sees what, pages, downloads.

#![expect(clippy::unwrap_used, reason = "a test may stop at what it did not expect")]

use countersign_simulators::github::{Github, How, NewPull, Permission, Role, Verdict, archive};
use reqwest::header::{HeaderMap, LINK, LOCATION};
use reqwest::{Client, StatusCode, redirect};
use serde_json::Value;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

struct Answer {
    code: u16,
    headers: HeaderMap,
    body: Value,
}

async fn start() -> (Github, CancellationToken) {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let stop = CancellationToken::new();
    (Github::start_plain(&TaskTracker::new(), &stop).await.unwrap(), stop)
}

fn client(agent: &str) -> Client {
    let builder = Client::builder().redirect(redirect::Policy::none()).no_proxy().tls_certs_only([]);
    if agent.is_empty() { builder } else { builder.user_agent(agent) }.build().unwrap()
}

async fn ask(github: &Github, token: Option<&str>, path: &str) -> Answer {
    let request = client("test").get(format!("{}/repos/{path}", github.url()));
    let request = match token {
        Some(token) => request.bearer_auth(token),
        None => request,
    };
    let response = request.send().await.unwrap();
    let (code, headers) = (response.status().as_u16(), response.headers().clone());
    Answer { code, headers, body: response.json().await.unwrap_or_default() }
}

#[tokio::test]
async fn what_somebody_may_not_see_is_not_there() {
    let (github, _stop) = start().await;
    let (own, other, app) = {
        let mut state = github.state();
        let ann = state.person("ann");
        let root = state.repository("o/private").commit(&[], ann, "begin");
        state.repository("o/private").push("main", &root);
        state.repository("o/public").publish();
        let own = state.token(ann, &["O/Private"], &[Permission::Contents]);
        (own, state.token(ann, &["o/public"], &Permission::ALL), state.app_token(&["o/private"], &Permission::ALL))
    };
    for (token, path, code) in [
        (None, "o/private", 404),
        (None, "o/public", 200),
        (Some("wrong"), "o/public", 401),
        (Some(other.as_str()), "o/private", 404),
        (Some(own.as_str()), "o/private", 200),
        (Some(own.as_str()), "o/nothing", 404),
        (Some(own.as_str()), "o/private/pulls/1", 403),
        (Some(own.as_str()), "o/public/pulls/1", 404),
        (Some(app.as_str()), "o/private/pulls/1", 404),
        // Ann may not write there, so that she is not told who may; an app is.
        (Some(own.as_str()), "o/private/collaborators/ann/permission", 403),
        (None, "o/public/collaborators/ann/permission", 401),
        (Some(app.as_str()), "o/private/collaborators/ann/permission", 200),
        (Some(app.as_str()), "o/private/collaborators/nobody/permission", 404),
    ] {
        assert_eq!(ask(&github, token, path).await.code, code, "{token:?} {path}");
    }
    let silent = client("").get(format!("{}/repos/o/public", github.url())).send().await.unwrap();
    assert_eq!(silent.status(), StatusCode::FORBIDDEN, "a request without a user agent");
    let posted = client("test").post(format!("{}/repos/o/public", github.url())).send().await.unwrap();
    assert_eq!(posted.status(), StatusCode::NOT_FOUND, "nothing is written");
}

#[tokio::test]
async fn lists_have_pages_of_at_most_a_hundred() {
    let (github, _stop) = start().await;
    let sha = {
        let mut state = github.state();
        let ann = state.person("ann");
        let it = state.repository("o/r");
        it.publish();
        let sha = it.commit(&[], ann, "begin");
        for nth in 0..130 {
            it.check(&sha, 1, &format!("{nth}"), Some("success"));
        }
        sha
    };
    for (query, count, next) in [("", 30, true), ("?per_page=100", 100, true), ("?per_page=999", 100, true)] {
        let answer = ask(&github, None, &format!("o/r/commits/{sha}/check-runs{query}")).await;
        assert_eq!(answer.body["check_runs"].as_array().unwrap().len(), count, "{query}");
        assert_eq!((answer.body["total_count"].as_u64(), answer.headers.contains_key(LINK)), (Some(130), next));
    }
    let last = ask(&github, None, &format!("o/r/commits/{sha}/check-runs?per_page=100&page=2")).await;
    assert_eq!(last.body["check_runs"].as_array().unwrap().len(), 30);
    assert!(!last.headers.contains_key(LINK));
}

#[tokio::test]
async fn a_download_needs_its_signature_once_and_no_other_credential() {
    let (github, _stop) = start().await;
    let (token, run) = {
        let mut state = github.state();
        let ann = state.person("ann");
        let it = state.repository("o/r");
        let sha = it.commit(&[], ann, "begin");
        let run = it.run(countersign_simulators::github::NewRun {
            path: ".github/workflows/release.yml".to_owned(),
            head_sha: sha,
            head_branch: "main".to_owned(),
            head_repository: "o/r".to_owned(),
            event: "push".to_owned(),
            conclusion: Some("success".to_owned()),
        });
        it.artifact(run, "image", archive(&[("a", b"x")]));
        (state.token(ann, &["o/r"], &[Permission::Actions]), run)
    };
    let list = ask(&github, Some(&token), &format!("o/r/actions/runs/{run}/artifacts")).await;
    let id = list.body["artifacts"][0]["id"].as_u64().unwrap();
    let sent = ask(&github, Some(&token), &format!("o/r/actions/artifacts/{id}/zip")).await;
    let to = sent.headers[LOCATION].to_str().unwrap().to_owned();
    assert!(sent.code == 302 && to.contains(&github.download_host()), "{to}");
    let get = |to: &str| client("test").get(to);
    assert_eq!(get(&to).bearer_auth(&token).send().await.unwrap().status(), StatusCode::BAD_REQUEST);
    assert_eq!(get(&to).send().await.unwrap().status(), StatusCode::OK);
    assert_eq!(get(&to).send().await.unwrap().status(), StatusCode::FORBIDDEN);
    let unsigned = to.split('?').next().unwrap().to_owned();
    assert_eq!(get(&unsigned).send().await.unwrap().status(), StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn merging_makes_what_github_says_it_makes() {
    let (github, _stop) = start().await;
    for (how, parents, told) in [(How::MergeCommit, 2, 1), (How::Squash, 1, 1), (How::Rebase, 1, 1)] {
        let name = format!("o/{parents}{told}{how:?}");
        let (merged, pull) = {
            let mut state = github.state();
            let (ann, bob) = (state.person("ann"), state.person("bob"));
            let it = state.repository(&name);
            it.publish();
            it.allow(bob, Role::Write);
            let root = it.commit(&[], ann, "begin");
            it.push("main", &root);
            let first = it.commit(&[&root], ann, "one");
            let head = it.commit(&[&first], ann, "two");
            let pull = it.open(NewPull {
                author: ann,
                title: "Two".to_owned(),
                base: "main".to_owned(),
                branch: "two".to_owned(),
                head,
                fork: None,
            });
            assert!(it.review(pull, ann, Verdict::Approve).is_err(), "nobody approves their own");
            it.review(pull, bob, Verdict::Approve).unwrap();
            let merged = it.merge(pull, bob, &how).unwrap();
            assert!(it.merge(pull, bob, &how).is_err(), "only once");
            assert_eq!(it.head("main").as_deref(), Some(merged.as_str()));
            (merged, pull)
        };
        let commit = ask(&github, None, &format!("{name}/commits/{merged}")).await;
        assert_eq!(commit.body["parents"].as_array().unwrap().len(), parents, "{how:?}");
        let pulls = ask(&github, None, &format!("{name}/commits/{merged}/pulls")).await;
        assert_eq!(pulls.body.as_array().unwrap().len(), told);
        assert_eq!(pulls.body[0]["number"].as_u64(), Some(pull));
        assert_eq!(pulls.body[0]["merge_commit_sha"].as_str(), Some(merged.as_str()));
        let unknown = ask(&github, None, &format!("{name}/commits/{}/pulls", "0f".repeat(20))).await;
        assert_eq!(unknown.code, 422);
    }
}
