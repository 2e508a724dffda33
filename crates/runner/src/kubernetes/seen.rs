//! What a pod's status says, as a sentence.
//!
//! **Invariant:** what the cluster says is shown escaped and in part; it decides nothing but whether waiting is of use.

use countersign_core::refusal::shown;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{ContainerState, ContainerStateTerminated, Pod};

/// Longest part of a message that is shown, in characters.
const SHOWN: usize = 300;

/// Reasons for which a container waits that no waiting ends. Source: the kubelet's `images` and `kuberuntime` packages.
const HOPELESS: [&str; 10] = [
    "ErrImagePull",
    "ImagePullBackOff",
    "ErrImageNeverPull",
    "InvalidImageName",
    "ImageInspectError",
    "RegistryUnavailable",
    "SignatureValidationFailed",
    "CreateContainerConfigError",
    "CreateContainerError",
    "RunContainerError",
];

/// How a pod stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Standing {
    /// It is coming, and this is what it waits for.
    Coming(String),
    /// It runs.
    Running,
    /// It will never run, or does not any more.
    Over(Over),
}

/// How it is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Over {
    /// Why, a sentence.
    pub(crate) why: String,
    /// Whether the kernel ended it for its memory.
    pub(crate) out_of_memory: bool,
    /// Whether the cluster saw every process of it end.
    pub(crate) seen: bool,
}

/// The pod's standing; of a Job that has none, the Job's.
pub(super) fn standing(job: Option<&Job>, pods: &[Pod]) -> Standing {
    match pods.iter().min_by_key(|pod| pod.metadata.creation_timestamp.clone()) {
        Some(pod) => of_pod(pod),
        None => of_job(job),
    }
}

fn of_job(job: Option<&Job>) -> Standing {
    let Some(job) = job else { return over("the Job is not there any more", false) };
    let conditions = job.status.as_ref().and_then(|status| status.conditions.as_deref()).unwrap_or_default();
    let failed = conditions.iter().find(|one| one.type_ == "Failed" && one.status == "True");
    match failed {
        Some(one) => over(&said("the Job failed", one.reason.as_deref(), one.message.as_deref()), true),
        None => Standing::Coming("no pod was made for it yet".to_owned()),
    }
}

fn of_pod(pod: &Pod) -> Standing {
    let status = pod.status.clone().unwrap_or_default();
    let container = status.container_statuses.unwrap_or_default().into_iter().next();
    let state = container.and_then(|container| container.state).unwrap_or_default();
    if let Some(ended) = state.terminated {
        return Standing::Over(terminated(&ended));
    }
    let (reason, message) = (status.reason.as_deref(), status.message.as_deref());
    match status.phase.as_deref() {
        // The node says nothing any more (Kubernetes, "Pod Lifecycle").
        Some("Unknown") => return over("its node was lost", false),
        Some("Failed") => return over(&said("the cluster ended it", reason, message), true),
        Some("Succeeded") => return over("it ended", true),
        _ => {}
    }
    if pod.metadata.deletion_timestamp.is_some() {
        return over(&said("somebody deleted it, or its node was lost", reason, message), false);
    }
    waiting(&state, status.conditions.unwrap_or_default())
}

fn waiting(state: &ContainerState, conditions: Vec<k8s_openapi::api::core::v1::PodCondition>) -> Standing {
    if state.running.is_some() {
        return Standing::Running;
    }
    if let Some(waiting) = &state.waiting {
        let reason = waiting.reason.as_deref();
        let text = said("its container waits", reason, waiting.message.as_deref());
        let hopeless = reason.is_some_and(|reason| HOPELESS.contains(&reason));
        return if hopeless { over(&text, true) } else { Standing::Coming(text) };
    }
    let unplaced = conditions.iter().find(|one| one.type_ == "PodScheduled" && one.status != "True");
    Standing::Coming(match unplaced {
        Some(one) => said("no node takes it", one.reason.as_deref(), one.message.as_deref()),
        None => "its container was not started yet".to_owned(),
    })
}

fn terminated(ended: &ContainerStateTerminated) -> Over {
    let out_of_memory = ended.reason.as_deref() == Some("OOMKilled");
    let what = match (out_of_memory, ended.signal) {
        (true, _) => "the kernel ended it for its memory".to_owned(),
        (false, Some(signal)) if signal != 0 => format!("it was ended by signal {signal}"),
        (false, _) => format!("it ended with code {}", ended.exit_code),
    };
    Over { why: said(&what, ended.reason.as_deref(), ended.message.as_deref()), out_of_memory, seen: true }
}

fn over(why: &str, seen: bool) -> Standing {
    Standing::Over(Over { why: why.to_owned(), out_of_memory: false, seen })
}

fn said(what: &str, reason: Option<&str>, message: Option<&str>) -> String {
    let part = |text: &str| shown(text.trim()).chars().take(SHOWN).collect::<String>();
    let given = |text: Option<&str>| text.map(part).filter(|text| !text.is_empty());
    match (given(reason), given(message)) {
        (Some(reason), Some(message)) => format!("{what}: {reason}: {message}"),
        (Some(text), None) | (None, Some(text)) => format!("{what}: {text}"),
        (None, None) => what.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn standing_of(status: Value) -> Standing {
        let pod = serde_json::from_value(json!({ "metadata": { "name": "p" }, "status": status })).unwrap();
        standing(None, &[pod])
    }

    fn container(state: Value) -> Standing {
        let status = json!({ "name": "command", "image": "i", "imageID": "", "ready": false, "restartCount": 0 });
        let mut status = status;
        status["state"] = state;
        standing_of(json!({ "phase": "Pending", "containerStatuses": [status] }))
    }

    #[track_caller]
    fn is_over(standing: &Standing, why: &str, seen: bool) {
        let Standing::Over(over) = standing else { panic!("{standing:?}") };
        assert_eq!((over.why.as_str(), over.seen), (why, seen));
    }

    #[test]
    fn an_image_that_cannot_be_pulled_is_not_waited_for() {
        let pull = container(json!({ "waiting": { "reason": "ErrImagePull", "message": "denied\u{1b}[2J" } }));
        is_over(&pull, "its container waits: ErrImagePull: denied\\u{1b}[2J", true);
        let coming = container(json!({ "waiting": { "reason": "ContainerCreating" } }));
        assert_eq!(coming, Standing::Coming("its container waits: ContainerCreating".into()));
        let message = "x".repeat(5000);
        let Standing::Over(over) = container(json!({ "waiting": { "reason": "ErrImagePull", "message": message } }))
        else {
            panic!("it is over")
        };
        assert!(over.why.len() < 400);
    }

    #[test]
    fn the_kernels_kill_is_told_from_an_end_nobody_saw() {
        let killed = container(json!({ "terminated": { "exitCode": 137, "reason": "OOMKilled" } }));
        let expected =
            Over { why: "the kernel ended it for its memory: OOMKilled".into(), out_of_memory: true, seen: true };
        assert_eq!(killed, Standing::Over(expected));
        let code = container(json!({ "terminated": { "exitCode": 1, "reason": "Error", "message": "no way" } }));
        is_over(&code, "it ended with code 1: Error: no way", true);
    }

    #[test]
    fn a_lost_node_is_an_end_nobody_saw() {
        is_over(&standing_of(json!({ "phase": "Unknown" })), "its node was lost", false);
        let evicted = standing_of(json!({ "phase": "Failed", "reason": "Evicted", "message": "disk pressure" }));
        is_over(&evicted, "the cluster ended it: Evicted: disk pressure", true);
        is_over(&standing(None, &[]), "the Job is not there any more", false);
    }

    #[test]
    fn a_pod_that_no_node_takes_says_so() {
        let condition =
            json!({ "type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/3 nodes" });
        let standing = standing_of(json!({ "phase": "Pending", "conditions": [condition] }));
        assert_eq!(standing, Standing::Coming("no node takes it: Unschedulable: 0/3 nodes".into()));
    }
}
