//! The objects of a job: one Job, and one Secret that belongs to it.
//!
//! **Invariant:** neither holds anything of the command, its input or its credential: the pod is handed those by its
//! worker. The Job runs once, ends by itself, and takes the Secret along.

use super::wire::{Invitation, VERSION};
use crate::pod::{INVITATION, MARKER, WRITABLE};
use crate::recipe::Limits;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::Secret;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

/// The program that an image is started with (runners/*/Dockerfile).
const POD: &str = "/usr/lib/countersign/countersign-pod";

/// How long a Job that has ended stays when nobody removes it: its worker died, or could not reach the cluster.
pub(super) const KEPT_SECONDS: u32 = 300;

/// Memory of what runs beside the command in its pod, MiB.
const BESIDE_MIB: u64 = 64;

/// Processes of the pod besides the command's: the first one and the launcher. The limit itself is the launcher's, for
/// Kubernetes has none in a pod.
const CONTAINER: &str = "command";

/// The label that every object of ours has; a selector for people and network policies.
pub(super) const LABEL: (&str, &str) = ("app.kubernetes.io/managed-by", "countersign");

/// Where and how all jobs run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pods {
    /// The namespace of the jobs, and of nothing else.
    pub namespace: String,
    /// The user (and group) that everything in a pod runs as. Never 0.
    pub user: u32,
    /// The node's runtime, such as gVisor or Kata; the node's default if absent.
    pub runtime_class: Option<String>,
    /// Which nodes run jobs; any if empty.
    pub node_selector: BTreeMap<String, String>,
    /// The Secret that images are pulled with, in the same namespace.
    pub pull_secret: Option<String>,
}

/// What one job needs.
#[derive(Debug)]
pub(super) struct Wanted<'a> {
    pub(super) name: &'a str,
    pub(super) image: &'a str,
    pub(super) limits: &'a Limits,
    /// From the pod's start to its end by the cluster, whatever its worker does.
    pub(super) deadline: Duration,
    /// From being asked to end by the cluster until it is killed.
    pub(super) grace: Duration,
    /// What it is for, for people: `run` or `probe`.
    pub(super) purpose: &'a str,
    /// Whether the server gives pods a user namespace (Kubernetes 1.33).
    pub(super) own_users: bool,
}

/// The Job.
pub(super) fn job(pods: &Pods, wanted: &Wanted<'_>) -> Job {
    serde_json::from_value(job_text(pods, wanted)).expect("a Job as it is written here is one")
}

fn job_text(pods: &Pods, wanted: &Wanted<'_>) -> Value {
    let labels = json!({
        LABEL.0: LABEL.1, "app.kubernetes.io/component": "job", "countersign.io/purpose": wanted.purpose,
    });
    json!({
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": { "name": wanted.name, "namespace": pods.namespace, "labels": labels },
        "spec": {
            "backoffLimit": 0,
            "completions": 1,
            "parallelism": 1,
            // A pod is replaced, if at all, when it has ended; its worker answers the first one alone.
            "podReplacementPolicy": "Failed",
            "activeDeadlineSeconds": wanted.deadline.as_secs(),
            "ttlSecondsAfterFinished": KEPT_SECONDS,
            "template": { "metadata": { "labels": labels }, "spec": pod_spec(pods, wanted) },
        },
    })
}

fn pod_spec(pods: &Pods, wanted: &Wanted<'_>) -> Value {
    let mut spec = fixed(pods.user);
    spec["terminationGracePeriodSeconds"] = wanted.grace.as_secs().into();
    spec["containers"][0]["image"] = wanted.image.into();
    spec["containers"][0]["resources"] = resources(wanted.limits);
    spec["volumes"] = json!([
        // Readable by the pod's own group, and by nothing that runs behind the fence.
        { "name": "invitation", "secret": { "secretName": wanted.name, "defaultMode": 0o440 } },
        { "name": "home", "emptyDir": { "medium": "Memory", "sizeLimit": mebi(wanted.limits.tmp_mib) } },
    ]);
    if wanted.own_users {
        spec["hostUsers"] = false.into();
    }
    if let Some(class) = &pods.runtime_class {
        spec["runtimeClassName"] = class.as_str().into();
    }
    if !pods.node_selector.is_empty() {
        spec["nodeSelector"] = json!(pods.node_selector);
    }
    if let Some(secret) = &pods.pull_secret {
        spec["imagePullSecrets"] = json!([{ "name": secret }]);
    }
    spec
}

/// What is the same in every pod.
fn fixed(user: u32) -> Value {
    let folder = Path::new(INVITATION).parent().unwrap_or(Path::new("/"));
    json!({
        "restartPolicy": "Never",
        "automountServiceAccountToken": false,
        "enableServiceLinks": false,
        "hostNetwork": false,
        "hostPID": false,
        "hostIPC": false,
        "shareProcessNamespace": false,
        // No name is resolved in a pod, so none can carry anything out.
        "dnsPolicy": "None",
        "dnsConfig": { "nameservers": ["127.0.0.1"] },
        "securityContext": {
            "runAsNonRoot": true, "runAsUser": user, "runAsGroup": user, "fsGroup": user, "supplementalGroups": [],
            "seccompProfile": { "type": "RuntimeDefault" },
        },
        "containers": [{
            "name": CONTAINER,
            "imagePullPolicy": "IfNotPresent",
            "command": [POD],
            "args": [MARKER, "$(POD)"],
            "env": [{ "name": "POD", "valueFrom": { "fieldRef": { "fieldPath": "metadata.uid" } } }],
            "terminationMessagePolicy": "FallbackToLogsOnError",
            "securityContext": {
                "allowPrivilegeEscalation": false, "privileged": false, "readOnlyRootFilesystem": true,
                "capabilities": { "drop": ["ALL"] },
            },
            "volumeMounts": [
                { "name": "invitation", "mountPath": folder, "readOnly": true },
                { "name": "home", "mountPath": WRITABLE },
            ],
        }],
    })
}

/// What does not differ from job to job, as text: its digest is part of the level's profile.
pub(super) fn profile() -> String {
    fixed(0).to_string()
}

/// The command's own limits are the launcher's; these keep the whole pod within its place on the node. What is written
/// to the private folder is memory.
fn resources(limits: &Limits) -> Value {
    let memory = mebi(limits.memory_mib + limits.tmp_mib + BESIDE_MIB);
    json!({
        "requests": { "cpu": "100m", "memory": "64Mi", "ephemeral-storage": "16Mi" },
        "limits": { "cpu": "2", "memory": memory, "ephemeral-storage": "64Mi" },
    })
}

fn mebi(number: u64) -> String {
    format!("{number}Mi")
}

/// The Secret with the invitation, which the Job takes along.
pub(super) fn secret(pods: &Pods, job: &Job, invitation: &Invitation) -> Secret {
    let text = serde_json::to_string(invitation).expect("an invitation is text");
    let key = Path::new(INVITATION).file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let (name, uid) = (job.metadata.name.as_deref(), job.metadata.uid.as_deref());
    let value = json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": name, "namespace": pods.namespace, "labels": { LABEL.0: LABEL.1 },
            "ownerReferences": [{
                "apiVersion": "batch/v1", "kind": "Job", "name": name, "uid": uid, "controller": true,
                "blockOwnerDeletion": false,
            }],
        },
        "type": "countersign.io/invitation",
        "immutable": true,
        "stringData": { key: text },
    });
    serde_json::from_value(value).expect("a Secret as it is written here is one")
}

/// An invitation of this version.
pub(super) fn invitation(worker: String, token: String, certificate: String) -> Invitation {
    Invitation { v: VERSION, worker, token, certificate }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(limits: &Limits) -> Wanted<'_> {
        let (deadline, grace) = (Duration::from_mins(2), Duration::from_secs(3));
        let image = "registry.example/kubectl@sha256:00";
        Wanted { name: "countersign-1", image, limits, deadline, grace, purpose: "run", own_users: true }
    }

    fn pods() -> Pods {
        Pods {
            namespace: "jobs".into(),
            user: 65532,
            runtime_class: Some("gvisor".into()),
            node_selector: BTreeMap::from([("pool".to_owned(), "jobs".to_owned())]),
            pull_secret: Some("registry".into()),
        }
    }

    fn limits() -> Limits {
        crate::recipe::Recipe::shipped().remove(0).limits
    }

    /// A field that was misspelt would be lost on the way into the type.
    #[test]
    fn every_field_that_is_written_is_one_of_a_job() {
        let (limits, pods) = (limits(), pods());
        let text = job_text(&pods, &wanted(&limits));
        assert_eq!(serde_json::to_value(job(&pods, &wanted(&limits))).unwrap(), text);
    }

    #[test]
    fn p18_neither_object_holds_anything_of_the_command() {
        let (limits, pods) = (limits(), pods());
        let mut job = job(&pods, &wanted(&limits));
        job.metadata.uid = Some("u".into());
        let invitation = invitation("10.0.0.1:7443".into(), "t0ken".into(), "PEM".into());
        let secret = serde_json::to_value(secret(&pods, &job, &invitation)).unwrap();
        let read: Invitation = serde_json::from_str(secret["stringData"]["invitation"].as_str().unwrap()).unwrap();
        assert_eq!((read.token.as_str(), read.worker.as_str()), ("t0ken", "10.0.0.1:7443"));
        assert_eq!(secret["metadata"]["ownerReferences"][0]["uid"], "u");
        assert_eq!(secret["immutable"], true);
        assert!(!serde_json::to_string(&job).unwrap().contains("t0ken"));
    }

    /// The restricted profile of Kubernetes' pod security standards, and what goes beyond it.
    #[test]
    fn p19_a_pod_has_no_right_and_no_identity() {
        let limits = limits();
        let job = serde_json::to_value(job(&pods(), &wanted(&limits))).unwrap();
        let spec = &job["spec"]["template"]["spec"];
        let (pod, container) = (&spec["securityContext"], &spec["containers"][0]["securityContext"]);
        assert_eq!((&pod["runAsNonRoot"], &pod["runAsUser"]), (&true.into(), &65532.into()));
        assert_eq!(pod["seccompProfile"]["type"], "RuntimeDefault");
        assert_eq!(
            (&container["allowPrivilegeEscalation"], &container["readOnlyRootFilesystem"]),
            (&false.into(), &true.into())
        );
        assert_eq!(container["capabilities"], json!({ "drop": ["ALL"] }));
        assert_eq!((&spec["automountServiceAccountToken"], &spec["hostUsers"]), (&false.into(), &false.into()));
        assert_eq!((&spec["restartPolicy"], &job["spec"]["backoffLimit"]), (&"Never".into(), &0.into()));
    }
}
