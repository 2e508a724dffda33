//! The pods of the version that is rolled out.
//!
//! **Invariant:** a reason is the kubelet's word from a closed list, and what it says about it is made harmless.

use countersign_core::refusal::shown;
use k8s_openapi::api::core::v1::{ContainerStatus, Pod};

/// Pods of one image.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Pods {
    pub(super) ready: i32,
    /// Why one of them will not become ready.
    pub(super) stuck: Option<String>,
    /// The digests that they run.
    pub(super) digests: Vec<String>,
}

/// What a container waits for that does not come by waiting.
///
/// Source: kubelet, `pkg/kubelet/images/types.go` and `pkg/kubelet/container/sync_result.go`.
const STUCK: [&str; 7] = [
    "ImagePullBackOff",
    "InvalidImageName",
    "ErrImageNeverPull",
    "ImageInspectError",
    "CreateContainerConfigError",
    "CreateContainerError",
    "RunContainerError",
];

/// What may pass: a program that waits for another one fails a first time.
const CRASHING: &str = "CrashLoopBackOff";

/// So many starts in vain are no accident.
const CRASHES: i32 = 2;

impl Pods {
    pub(super) fn of(pods: &[Pod], deployment: &str, container: &str, image: &str) -> Self {
        let mut all = Self::default();
        for pod in pods.iter().filter(|pod| is_of(pod, deployment) && runs(pod, container, image)) {
            let Some(status) = &pod.status else { continue };
            all.ready += i32::from(is_ready(pod));
            let containers = || status.init_container_statuses.iter().chain(&status.container_statuses).flatten();
            if all.stuck.is_none() {
                all.stuck = containers().find_map(|one| reason(pod, one));
            }
            let own = containers().filter(|one| one.name == container);
            all.digests.extend(own.filter_map(|one| Some(one.image_id.split_once("@sha256:")?.1.to_owned())));
        }
        all.digests.sort();
        all.digests.dedup();
        all
    }
}

/// Whether one of the deployment's replica sets made it: they are named after it.
fn is_of(pod: &Pod, deployment: &str) -> bool {
    let owners = pod.metadata.owner_references.iter().flatten();
    let mut sets = owners.filter(|one| one.kind == "ReplicaSet");
    let gone = pod.metadata.deletion_timestamp.is_some();
    let named = |name: &str| name.strip_prefix(deployment)?.strip_prefix('-').map(|rest| !rest.contains('-'));
    !gone && sets.any(|one| named(&one.name) == Some(true))
}

fn runs(pod: &Pod, container: &str, image: &str) -> bool {
    let containers = pod.spec.iter().flat_map(|spec| &spec.containers);
    containers.into_iter().any(|one| one.name == container && one.image.as_deref() == Some(image))
}

fn is_ready(pod: &Pod) -> bool {
    let conditions = pod.status.iter().flat_map(|status| status.conditions.iter().flatten());
    conditions.into_iter().any(|one| one.type_ == "Ready" && one.status == "True")
}

fn reason(pod: &Pod, container: &ContainerStatus) -> Option<String> {
    let waiting = container.state.as_ref()?.waiting.as_ref()?;
    let reason = waiting.reason.as_deref()?;
    let crashes = reason == CRASHING && container.restart_count >= CRASHES;
    if !crashes && !STUCK.contains(&reason) {
        return None;
    }
    let words =
        waiting.message.as_deref().map(|words| format!(": {}", shown(words.lines().next().unwrap_or_default())));
    let name = shown(pod.metadata.name.as_deref().unwrap_or("?"));
    Some(format!("pod {name}, container {}: {reason}{}", shown(&container.name), words.unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn pod(name: &str, set: &str, image: &str, status: Value) -> Pod {
        serde_json::from_value(json!({
            "metadata": {"name": name, "ownerReferences": [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": set, "uid": "u"}]},
            "spec": {"containers": [{"name": "web", "image": image}]}, "status": status,
        }))
        .unwrap()
    }

    fn waiting(reason: &str, restarts: i32) -> Value {
        json!({"containerStatuses": [{
            "name": "web", "image": "i", "imageID": "", "ready": false, "restartCount": restarts,
            "state": {"waiting": {"reason": reason, "message": "back-off\u{202e}\nsecond line"}},
        }]})
    }

    #[test]
    fn what_does_not_come_by_waiting_is_said_in_the_kubelets_words() {
        let stuck = |status| Pods::of(&[pod("web-1-a", "web-1", "new", status)], "web", "web", "new").stuck;
        let said = stuck(waiting("ImagePullBackOff", 0)).unwrap();
        assert!(
            said.starts_with("pod web-1-a, container web: ImagePullBackOff: back-off") && said.lines().count() == 1
        );
        assert!(!said.contains('\u{202e}'), "{said}");
        assert_eq!(stuck(waiting("ContainerCreating", 0)), None);
        assert_eq!(stuck(waiting("ErrImagePull", 0)), None, "it is tried again");
        assert_eq!(stuck(waiting("CrashLoopBackOff", 1)), None, "once may be an accident");
        assert!(stuck(waiting("CrashLoopBackOff", 2)).is_some());
    }

    #[test]
    fn only_the_new_pods_of_this_deployment_count() {
        let ready = || json!({"conditions": [{"type": "Ready", "status": "True"}]});
        let pods = [
            pod("web-1-a", "web-1", "new", ready()),
            pod("web-0-a", "web-0", "old", ready()),
            pod("web-api-1-a", "web-api-1", "new", ready()),
            pod("webx-1-a", "webx-1", "new", ready()),
        ];
        assert_eq!(Pods::of(&pods, "web", "web", "new").ready, 1);
    }
}
