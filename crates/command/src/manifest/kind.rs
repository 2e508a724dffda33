//! The letters of Kubernetes' own kinds.
//!
//! **Invariant:** a kind of Kubernetes' own is written as the API server reads it, which tells upper from lower case.
//! In other letters it would be taken for the same kind by our table and for none by our rules about Secrets.

use super::quoted;
use super::yaml::Mark;
use crate::no::{Checked, no};
use countersign_core::refusal::Code;

/// Source: `kubectl api-resources` of Kubernetes 1.32.
const KINDS: &[&str] = &[
    "APIService",
    "Binding",
    "CSIDriver",
    "CSINode",
    "CSIStorageCapacity",
    "CertificateSigningRequest",
    "ClusterRole",
    "ClusterRoleBinding",
    "ClusterTrustBundle",
    "ComponentStatus",
    "ConfigMap",
    "ControllerRevision",
    "CronJob",
    "CustomResourceDefinition",
    "DaemonSet",
    "Deployment",
    "DeviceClass",
    "EndpointSlice",
    "Endpoints",
    "Event",
    "FlowSchema",
    "HorizontalPodAutoscaler",
    "IPAddress",
    "Ingress",
    "IngressClass",
    "Job",
    "Lease",
    "LeaseCandidate",
    "LimitRange",
    "MutatingAdmissionPolicy",
    "MutatingAdmissionPolicyBinding",
    "MutatingWebhookConfiguration",
    "Namespace",
    "NetworkPolicy",
    "Node",
    "NodeMetrics",
    "PersistentVolume",
    "PersistentVolumeClaim",
    "Pod",
    "PodDisruptionBudget",
    "PodMetrics",
    "PodTemplate",
    "PriorityClass",
    "PriorityLevelConfiguration",
    "ReplicaSet",
    "ReplicationController",
    "ResourceClaim",
    "ResourceClaimTemplate",
    "ResourceQuota",
    "ResourceSlice",
    "Role",
    "RoleBinding",
    "RuntimeClass",
    "Secret",
    "Service",
    "ServiceAccount",
    "ServiceCIDR",
    "StatefulSet",
    "StorageClass",
    "ValidatingAdmissionPolicy",
    "ValidatingAdmissionPolicyBinding",
    "ValidatingWebhookConfiguration",
    "VolumeAttachment",
    "VolumeAttributesClass",
];

/// Refuses a kind of Kubernetes' own in other letters. Other groups have kinds of their own.
pub(super) fn check(kind: &str, group: &str, at: Mark) -> Checked<()> {
    if group.contains('.') && !group.ends_with(".k8s.io") {
        return Ok(());
    }
    let Some(meant) = KINDS.iter().find(|known| known.eq_ignore_ascii_case(kind) && **known != kind) else {
        return Ok(());
    };
    Err(no(
        Code::UnknownKind,
        format!("there is no kind {} (line {}, column {} of the manifest)", quoted(kind), at.line, at.column),
        format!("write {}: the cluster tells upper from lower case", quoted(meant)),
    ))
}
