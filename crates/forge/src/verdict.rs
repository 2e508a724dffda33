//! What GitHub's answers mean, as values: which pull request made a commit, who approved it, what is green.
//!
//! **Invariant:** pure. A person counts by number, never by login; of a person's reviews the latest that says yes or no
//! counts, and only if it is about the head that was merged; of a check's runs the latest counts.

use crate::answers::{CheckRun, Opinion, Pull, Status, User};
use crate::error::NotReviewed;
use crate::words::shown;
use std::collections::{BTreeMap, BTreeSet};

/// Somebody who approved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Person {
    pub(crate) id: u64,
    pub(crate) login: String,
}

/// The pull requests of this repository and branch whose merge made exactly this commit; the best reason if none did.
pub(crate) fn made_by(
    pulls: &[Pull],
    is_own: impl Fn(&str) -> bool,
    commit: &str,
    branch: &str,
) -> Result<Vec<u64>, NotReviewed> {
    let mut made = Vec::new();
    let mut reasons = Vec::new();
    for pull in pulls {
        match why_not(pull, &is_own, commit, branch) {
            None => made.push(pull.number),
            Some(reason) => reasons.push(reason),
        }
    }
    if !made.is_empty() {
        return Ok(made);
    }
    // The nearest to a yes says most.
    reasons.sort_by_key(|reason| match reason {
        NotReviewed::NotTheMerge { .. } => 0,
        NotReviewed::NotMerged { .. } => 1,
        NotReviewed::OtherBranch { .. } => 2,
        _ => 3,
    });
    Err(reasons.into_iter().next().unwrap_or_else(|| NotReviewed::NoPull { commit: commit.to_owned() }))
}

fn why_not(pull: &Pull, is_own: impl Fn(&str) -> bool, commit: &str, branch: &str) -> Option<NotReviewed> {
    let number = pull.number;
    let repository = pull.base.repo.as_ref().map(|repo| repo.full_name.as_str()).unwrap_or_default();
    if !is_own(repository) {
        return Some(NotReviewed::OtherRepository { pull: number, repository: shown(repository) });
    }
    if pull.merged_at.is_none() {
        return Some(NotReviewed::NotMerged { pull: number });
    }
    if pull.base.branch != branch {
        let (base, branch) = (shown(&pull.base.branch), shown(branch));
        return Some(NotReviewed::OtherBranch { pull: number, base, branch });
    }
    // Source: GitHub Docs, "Get a pull request": after a merge, a squash or a rebase this is what the branch became.
    let merged = pull.merge_commit_sha.as_deref().unwrap_or_default();
    (merged != commit).then(|| NotReviewed::NotTheMerge {
        pull: number,
        commit: commit.to_owned(),
        merged: shown(merged),
    })
}

/// Who approved the head that was merged; nobody wants changes.
pub(crate) fn approvals(pull: u64, opinions: &[Opinion], author: u64, head: &str) -> Result<Vec<Person>, NotReviewed> {
    let latest = latest_opinions(opinions);
    let login =
        |opinion: &Opinion| opinion.user.as_ref().map_or("somebody who is gone".to_owned(), |user| shown(&user.login));
    if let Some(against) = latest.iter().find(|opinion| opinion.state == "CHANGES_REQUESTED") {
        return Err(NotReviewed::ChangesRequested { pull, by: login(against) });
    }
    let by_others: Vec<&Opinion> = latest.into_iter().filter(|opinion| is_by_other(opinion, author)).collect();
    let (people, programs): (Vec<_>, Vec<_>) =
        by_others.into_iter().partition(|opinion| opinion.user.as_ref().is_some_and(User::is_person));
    let approved = |opinion: &&&Opinion| opinion.state == "APPROVED";
    let current = people.iter().filter(approved).filter(|opinion| opinion.commit_id.as_deref() == Some(head));
    let current: Vec<Person> = current
        .filter_map(|opinion| opinion.user.as_ref())
        .map(|user| Person { id: user.id, login: user.login.clone() })
        .collect();
    if !current.is_empty() {
        return Ok(current);
    }
    if let Some(stale) = people.iter().find(|opinion| opinion.state == "APPROVED") {
        let approved = shown(stale.commit_id.as_deref().unwrap_or("nothing that is known"));
        return Err(NotReviewed::Stale { pull, by: login(stale), approved, head: head.to_owned() });
    }
    if let Some(dismissed) = people.iter().find(|opinion| opinion.state == "DISMISSED") {
        return Err(NotReviewed::Dismissed { pull, by: login(dismissed) });
    }
    if let Some(program) = programs.iter().find(|opinion| opinion.state == "APPROVED") {
        return Err(NotReviewed::OnlyPrograms { pull, by: login(program) });
    }
    Err(NotReviewed::NotApproved { pull })
}

/// An account that is gone is nobody's, and may have been the author's.
fn is_by_other(opinion: &Opinion, author: u64) -> bool {
    opinion.user.as_ref().is_some_and(|user| user.id != author)
}

/// Of each account the latest that is a yes, a no, or one that was taken back: a comment takes nothing back.
fn latest_opinions(opinions: &[Opinion]) -> Vec<&Opinion> {
    let mut latest: BTreeMap<(Option<u64>, u64), &Opinion> = BTreeMap::new();
    for opinion in opinions {
        if !matches!(opinion.state.as_str(), "APPROVED" | "CHANGES_REQUESTED" | "DISMISSED") {
            continue;
        }
        // Those of accounts that are gone are not told apart, so that each counts.
        let who = opinion.user.as_ref().map_or((None, opinion.id), |user| (Some(user.id), 0));
        let newest = latest.entry(who).or_insert(opinion);
        if opinion.id >= newest.id {
            *newest = opinion;
        }
    }
    latest.into_values().collect()
}

/// How one check stands.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Standing {
    Success,
    /// It ran and has no opinion: `neutral`, `skipped`.
    Neither(String),
    Pending,
    Failed(String),
}

/// The names of what was held to be green.
///
/// A name is all that the catalog has, so that every run of that name counts, whichever app or workflow it is of: a
/// second one cannot stand in for the first.
pub(crate) fn checks(
    pull: u64,
    head: &str,
    runs: &[CheckRun],
    statuses: &[Status],
    wanted: &BTreeSet<String>,
) -> Result<Vec<String>, NotReviewed> {
    let mut standings: Vec<(String, Standing)> = latest_runs(runs);
    standings.extend(latest_statuses(statuses));
    if !wanted.is_empty() {
        if let Some(name) = wanted.iter().find(|name| !standings.iter().any(|(ran, _)| ran == *name)) {
            return Err(NotReviewed::CheckMissing { pull, name: shown(name), head: head.to_owned() });
        }
        standings.retain(|(name, _)| wanted.contains(name));
    }
    for (name, standing) in &standings {
        let how = match standing {
            Standing::Failed(how) => how,
            // One that somebody counts on has to say yes.
            Standing::Neither(how) if !wanted.is_empty() => how,
            Standing::Success | Standing::Neither(_) | Standing::Pending => continue,
        };
        return Err(NotReviewed::CheckFailed { pull, name: shown(name), how: shown(how) });
    }
    let pending: BTreeSet<String> =
        standings.iter().filter(|(_, it)| *it == Standing::Pending).map(|(name, _)| shown(name)).collect();
    if !pending.is_empty() {
        return Err(NotReviewed::ChecksPending { pull, names: pending.into_iter().collect() });
    }
    if !standings.iter().any(|(_, it)| *it == Standing::Success) {
        return Err(NotReviewed::NoChecks { pull });
    }
    let green: BTreeSet<String> = standings.iter().map(|(name, _)| shown(name)).collect();
    Ok(green.into_iter().collect())
}

/// Of each name, app and suite the latest: run again it is a run of the same suite, and what another workflow says
/// under the same name is another one.
fn latest_runs(runs: &[CheckRun]) -> Vec<(String, Standing)> {
    let mut latest: BTreeMap<(&str, Option<u64>, Option<u64>), &CheckRun> = BTreeMap::new();
    for run in runs {
        let of = (run.name.as_str(), run.app.as_ref().map(|it| it.id), run.check_suite.as_ref().map(|it| it.id));
        let newest = latest.entry(of).or_insert(run);
        if run.id >= newest.id {
            *newest = run;
        }
    }
    latest.into_values().map(|run| (run.name.clone(), standing_of(run))).collect()
}

fn standing_of(run: &CheckRun) -> Standing {
    match (run.status.as_str(), run.conclusion.as_deref()) {
        ("completed", Some("success")) => Standing::Success,
        ("completed", Some(how @ ("neutral" | "skipped"))) => Standing::Neither(how.to_owned()),
        ("completed", how) => Standing::Failed(how.unwrap_or("nothing").to_owned()),
        // `queued`, `in_progress`, `waiting`, `requested`, `pending`, and what GitHub may learn.
        _ => Standing::Pending,
    }
}

fn latest_statuses(statuses: &[Status]) -> Vec<(String, Standing)> {
    let mut latest: BTreeMap<&str, &Status> = BTreeMap::new();
    for status in statuses {
        let newest = latest.entry(&status.context).or_insert(status);
        if status.id >= newest.id {
            *newest = status;
        }
    }
    let standing = |status: &Status| match status.state.as_str() {
        "success" => Standing::Success,
        "pending" => Standing::Pending,
        how => Standing::Failed(how.to_owned()),
    };
    latest.into_values().map(|status| (status.context.clone(), standing(status))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn run(id: u64, of: &Value, conclusion: &str) -> CheckRun {
        let mut told = json!({
            "id": id, "name": "plan", "head_sha": "0a", "status": "completed", "conclusion": conclusion,
        });
        told.as_object_mut().unwrap().extend(of.as_object().unwrap().clone());
        serde_json::from_value(told).unwrap()
    }

    /// GitHub's schema has runs without a suite, and without an app.
    #[test]
    fn runs_are_told_apart_by_whatever_is_known_of_them() {
        let wanted = BTreeSet::from(["plan".to_owned()]);
        let (one, two) = (json!({ "app": { "id": 1 }, "check_suite": null }), json!({ "app": { "id": 2 } }));
        let nobodys = json!({ "app": null, "check_suite": null });
        for (failed, succeeded) in [(&one, &two), (&two, &one), (&one, &nobodys), (&nobodys, &two)] {
            let runs = [run(1, failed, "failure"), run(2, succeeded, "success")];
            let no = checks(7, "0a", &runs, &[], &wanted).unwrap_err();
            assert!(matches!(no, NotReviewed::CheckFailed { .. }), "{failed} {succeeded}: {no:?}");
        }
        // In whichever order they are told.
        for (first, second) in [((1, "failure"), (2, "success")), ((2, "success"), (1, "failure"))] {
            let again = [run(first.0, &one, first.1), run(second.0, &one, second.1)];
            assert_eq!(checks(7, "0a", &again, &[], &wanted).unwrap(), ["plan"]);
        }
    }

    #[test]
    fn what_github_may_learn_to_say_is_no_yes() {
        let wanted = BTreeSet::new();
        let odd = json!({ "status": "rescheduled", "conclusion": "success" });
        let no = checks(7, "0a", &[run(1, &odd, "success")], &[], &wanted).unwrap_err();
        assert!(matches!(no, NotReviewed::ChecksPending { .. }), "{no:?}");
        let no = checks(7, "0a", &[run(1, &json!({}), "excellent")], &[], &wanted).unwrap_err();
        assert!(matches!(no, NotReviewed::CheckFailed { .. }), "{no:?}");
        let status = |state: &str| Status { id: 1, context: "ci".to_owned(), state: state.to_owned() };
        let no = checks(7, "0a", &[], &[status("fine")], &wanted).unwrap_err();
        assert!(matches!(no, NotReviewed::CheckFailed { .. }), "{no:?}");
        let opinion = |state: &str| -> Opinion {
            let user = json!({ "login": "bob", "id": 2, "type": "User" });
            serde_json::from_value(json!({ "id": 1, "user": user, "state": state, "commit_id": "0a" })).unwrap()
        };
        assert_eq!(approvals(7, &[opinion("APPROVED")], 1, "0a").unwrap()[0].login, "bob");
        for state in ["approved", "APPROVED_LATER", "PENDING", ""] {
            assert!(approvals(7, &[opinion(state)], 1, "0a").is_err(), "{state}");
        }
    }
}
