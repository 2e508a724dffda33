//! Jobs whose pods a kubelet runs.
//!
//! Source: Kubernetes, "Jobs". **Invariant:** a Job that has completed or failed makes no pod any more, and is gone when
//! its time to live is over; one whose pod vanished has failed once.

use serde_json::{Value, json};

use jiff::{SignedDuration, Timestamp};

use super::super::kinds;
use super::super::object;
use super::super::store::{Store, stamp};
use super::pod;

/// Tries after the first, unless the Job says otherwise. Source: API reference, `JobSpec.backoffLimit`.
const DEFAULT_BACKOFF: i64 = 6;

/// Brings every Job to where its pods say it is.
pub(super) fn settle(store: &mut Store) {
    for job in store.list(kinds::known("jobs"), None) {
        if let Some(ended) = ended_at(&job) {
            expire(store, &job, ended);
        } else if job["spec"]["suspend"] != json!(true) {
            advance(store, &job);
        }
    }
}

fn ended_at(job: &Value) -> Option<Timestamp> {
    let conditions = object::list(job, "/status/conditions").iter();
    let mut ended = conditions.filter(|one| matches!(one["type"].as_str(), Some("Complete" | "Failed")));
    object::text(ended.next()?, "/lastTransitionTime").parse().ok()
}

fn expire(store: &mut Store, job: &Value, ended: Timestamp) {
    let Some(kept) = job["spec"]["ttlSecondsAfterFinished"].as_i64() else { return };
    if store.now >= ended + SignedDuration::from_secs(kept) {
        store.remove(kinds::known("jobs"), object::namespace(job), object::name(job));
    }
}

fn advance(store: &mut Store, job: &Value) {
    let pods = store.owned(kinds::known("pods"), job);
    let of_phase = |phase: &str| pods.iter().filter(|pod| object::text(pod, "/status/phase") == phase).count();
    let (succeeded, broken) = (of_phase("Succeeded"), i64::try_from(of_phase("Failed")).unwrap_or(i64::MAX));
    let active = pods.len() - succeeded - of_phase("Failed");
    let vanished = i64::from(object::number(job, "/status/active", 0) > 0 && pods.is_empty());
    let failed = broken.max(object::number(job, "/status/failed", 0)) + vanished;
    let started = match object::text(job, "/status/startTime") {
        "" => stamp(store.now),
        at => at.to_owned(),
    };
    let late = job["spec"]["activeDeadlineSeconds"].as_i64().is_some_and(|most| {
        started.parse::<Timestamp>().is_ok_and(|began| store.now >= began + SignedDuration::from_secs(most))
    });
    let mut status = json!({"startTime": started, "active": active, "succeeded": succeeded, "failed": failed});
    let fails = failed > object::number(job, "/spec/backoffLimit", DEFAULT_BACKOFF);
    if succeeded > 0 {
        conclude(store, &mut status, ("Complete", "CompletionsReached", "Reached expected number of succeeded pods"));
    } else if late || fails {
        for pod in pods.iter().filter(|pod| object::text(pod, "/status/phase") != "Failed") {
            store.remove(kinds::known("pods"), object::namespace(pod), object::name(pod));
        }
        let why = if late {
            ("Failed", "DeadlineExceeded", "Job was active longer than specified deadline")
        } else {
            ("Failed", "BackoffLimitExceeded", "Job has reached the specified backoff limit")
        };
        conclude(store, &mut status, why);
    } else if active == 0 {
        start(store, job);
        status["active"] = json!(1);
    }
    let mut job = job.clone();
    job["status"] = status;
    store.put(kinds::known("jobs"), job);
}

fn conclude(store: &Store, status: &mut Value, (kind, reason, message): (&str, &str, &str)) {
    let now = stamp(store.now);
    status["active"] = json!(0);
    if kind == "Complete" {
        status["completionTime"] = json!(now);
    }
    status["conditions"] = json!([{
        "type": kind, "status": "True", "reason": reason, "message": message, "lastProbeTime": now,
        "lastTransitionTime": now,
    }]);
}

/// A pod that was placed and waits for its node's kubelet.
fn start(store: &mut Store, job: &Value) {
    let (name, node) = (pod::generated_name(store, object::name(job)), pod::place(store));
    let mut template = job["spec"]["template"].clone();
    for key in ["batch.kubernetes.io/job-name", "job-name"] {
        object::set(&mut template, &["metadata", "labels", key], object::name(job));
    }
    for key in ["batch.kubernetes.io/controller-uid", "controller-uid"] {
        object::set(&mut template, &["metadata", "labels", key], object::uid(job));
    }
    pod::place_only(store, job, &template, (&name, &node));
}
