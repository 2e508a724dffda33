//! kubectl's verbs with their flags.
//!
//! **Invariant:** every verb of kubectl 1.32 is in this table, in the one of what is refused, or in
//! the grammar of manifests; a flag that is in no table of its verb is refused.

mod refused;

use super::does::{Does, Made};
use super::flags::{
    ALL, ALL_NAMESPACES, API_RESOURCES, AUTOSCALE, BUDGET, CAN_I, CERTIFICATE, CLUSTER_IP, CLUSTER_RULES, CONFIGMAP,
    CRONJOB, DELETE, DEPLOYMENT, DESCRIBE, DRAIN, EVENTS, EXPLAIN, EXPOSE, EXTERNAL_NAME, FIELD_MANAGER,
    FIELD_SELECTOR, FROM_FILES, GET, GLOBAL, INGRESS, JOB, LABEL, LAST_APPLIED, LIST_ENV, LOCAL, LOGS, MAKING,
    MUTATING, NODE_PORT, OF_CLUSTER_ROLE, OF_ROLE, PATCH, PRIORITY, QUOTA, RECORDING, ROLLOUT_HISTORY, ROLLOUT_STATUS,
    ROLLOUT_UNDO, RULES, RUN, SCALE, SELECTOR, SET_ENV, SET_RESOURCES, SET_SELECTOR, SHOWING, SUBJECTS, TAINT, TCP,
    TOP, TOP_NODE, TOP_POD, VERSION, WAIT, WRITING,
};
use crate::grammar::{Flag, Grammar, Verb};
use countersign_core::tier::Tier;
use refused::REFUSED;

const fn verb(name: &'static str, id: Does, flags: &'static [&'static [Flag]]) -> Verb<Does> {
    Verb { name, id, flags }
}

const fn makes(kind: &'static str, needs: &'static [&'static [&'static str]]) -> Made {
    Made { kind, tier: Tier::Change, needs }
}

/// Rights are the one thing whose making cannot be seen in what was made.
const fn entitles(kind: &'static str, needs: &'static [&'static [&'static str]]) -> Made {
    Made { kind, tier: Tier::Destructive, needs }
}

const RBAC_ROLE: &[&[&str]] = &[&["verb"], &["resource"]];
static NAMESPACE: Made = makes("namespaces", &[]);
static SERVICE_ACCOUNT: Made = makes("serviceaccounts", &[]);
static CONFIG_MAP: Made = makes("configmaps", &[]);
static NEW_DEPLOYMENT: Made = makes("deployments.apps", &[&["image"]]);
static NEW_JOB: Made = makes("jobs.batch", &[&["image", "from"]]);
static NEW_CRONJOB: Made = makes("cronjobs.batch", &[&["image"], &["schedule"]]);
static SERVICE: Made = makes("services", &[]);
static PORTED_SERVICE: Made = makes("services", &[&["tcp"]]);
static NAMED_SERVICE: Made = makes("services", &[&["external-name"]]);
static NEW_INGRESS: Made = makes("ingresses.networking.k8s.io", &[&["rule", "default-backend"]]);
static NEW_BUDGET: Made = makes("poddisruptionbudgets.policy", &[&["min-available", "max-unavailable"], &["selector"]]);
static PRIORITY_CLASS: Made = makes("priorityclasses.scheduling.k8s.io", &[]);
static NEW_QUOTA: Made = makes("resourcequotas", &[]);
static ROLE: Made = entitles("roles.rbac.authorization.k8s.io", RBAC_ROLE);
static CLUSTER_ROLE: Made = entitles("clusterroles.rbac.authorization.k8s.io", &[&["verb", "aggregation-rule"]]);
static ROLE_BINDING: Made = entitles("rolebindings.rbac.authorization.k8s.io", &[&["role", "clusterrole"]]);
static CLUSTER_ROLE_BINDING: Made = entitles("clusterrolebindings.rbac.authorization.k8s.io", &[&["clusterrole"]]);

const VERBS: &[Verb<Does>] = &[
    // --- what only looks
    verb("get", Does::Get, &[ALL_NAMESPACES, SELECTOR, FIELD_SELECTOR, GET, SHOWING, FROM_FILES]),
    verb("describe", Does::Describe, &[ALL_NAMESPACES, SELECTOR, DESCRIBE, FROM_FILES]),
    verb("logs", Does::Logs, &[SELECTOR, LOGS]),
    verb("events", Does::Events, &[ALL_NAMESPACES, EVENTS, SHOWING]),
    verb("top node", Does::TopNode, &[SELECTOR, TOP, TOP_NODE]),
    verb("top pod", Does::TopPod, &[ALL_NAMESPACES, SELECTOR, FIELD_SELECTOR, TOP, TOP_POD]),
    verb("explain", Does::Explain, &[EXPLAIN]),
    verb("api-resources", Does::ApiResources, &[API_RESOURCES]),
    verb("api-versions", Does::ApiVersions, &[]),
    verb("cluster-info", Does::ClusterInfo, &[]),
    verb("version", Does::Version, &[VERSION]),
    verb("auth can-i", Does::CanI, &[ALL_NAMESPACES, CAN_I]),
    verb("auth whoami", Does::Whoami, &[SHOWING]),
    verb("wait", Does::Wait, &[ALL, ALL_NAMESPACES, SELECTOR, FIELD_SELECTOR, WAIT, LOCAL, SHOWING, FROM_FILES]),
    verb("rollout status", Does::RolloutStatus, &[SELECTOR, ROLLOUT_STATUS, FROM_FILES]),
    verb("rollout history", Does::RolloutHistory, &[SELECTOR, ROLLOUT_HISTORY, SHOWING, FROM_FILES]),
    verb("apply view-last-applied", Does::LastApplied, &[ALL, SELECTOR, LAST_APPLIED, FROM_FILES]),
    // --- what changes objects
    verb("delete", Does::Delete, &[ALL, ALL_NAMESPACES, SELECTOR, FIELD_SELECTOR, DELETE, MUTATING, FROM_FILES]),
    verb("scale", Does::Scale, &[ALL, SELECTOR, SCALE, SHOWING, MUTATING, FROM_FILES]),
    verb("label", Does::Label, &[RECORDING, ALL, ALL_NAMESPACES, SELECTOR, FIELD_SELECTOR, LABEL, WRITING, FROM_FILES]),
    verb(
        "annotate",
        Does::Annotate,
        &[RECORDING, ALL, ALL_NAMESPACES, SELECTOR, FIELD_SELECTOR, LABEL, WRITING, FROM_FILES],
    ),
    verb("patch", Does::Patch, &[RECORDING, PATCH, WRITING, FROM_FILES]),
    verb("set image", Does::SetImage, &[RECORDING, ALL, SELECTOR, WRITING, FROM_FILES]),
    verb("set env", Does::SetEnv, &[ALL, SELECTOR, SET_ENV, WRITING, FROM_FILES]),
    verb("set resources", Does::SetResources, &[RECORDING, ALL, SELECTOR, SET_RESOURCES, WRITING, FROM_FILES]),
    verb("set selector", Does::SetSelector, &[RECORDING, ALL, SET_SELECTOR, WRITING, FROM_FILES]),
    verb("set serviceaccount", Does::SetServiceAccount, &[RECORDING, ALL, WRITING, FROM_FILES]),
    verb("set subject", Does::SetSubject, &[ALL, SELECTOR, SUBJECTS, WRITING, FROM_FILES]),
    verb("rollout restart", Does::RolloutRestart, &[SELECTOR, SHOWING, MUTATING, FIELD_MANAGER, FROM_FILES]),
    verb("rollout undo", Does::RolloutUndo, &[SELECTOR, ROLLOUT_UNDO, SHOWING, MUTATING, FROM_FILES]),
    verb("rollout pause", Does::RolloutPause, &[SELECTOR, SHOWING, MUTATING, FIELD_MANAGER, FROM_FILES]),
    verb("rollout resume", Does::RolloutResume, &[SELECTOR, SHOWING, MUTATING, FIELD_MANAGER, FROM_FILES]),
    // --- what changes nodes and the cluster
    verb("cordon", Does::Cordon, &[SELECTOR, MUTATING]),
    verb("uncordon", Does::Uncordon, &[SELECTOR, MUTATING]),
    verb("drain", Does::Drain, &[SELECTOR, DRAIN, MUTATING]),
    verb("taint", Does::Taint, &[ALL, SELECTOR, TAINT, SHOWING, MUTATING, FIELD_MANAGER]),
    verb("certificate approve", Does::CertificateApprove, &[CERTIFICATE, SHOWING, MUTATING, FROM_FILES]),
    verb("certificate deny", Does::CertificateDeny, &[CERTIFICATE, SHOWING, MUTATING, FROM_FILES]),
    // --- what makes objects
    verb("autoscale", Does::Autoscale, &[RECORDING, AUTOSCALE, WRITING, FROM_FILES]),
    verb("expose", Does::Expose, &[RECORDING, EXPOSE, WRITING, FROM_FILES]),
    verb("run", Does::Run, &[RECORDING, RUN, WRITING, FROM_FILES]),
    verb("create namespace", Does::Create(&NAMESPACE), &[MAKING, WRITING]),
    verb("create serviceaccount", Does::Create(&SERVICE_ACCOUNT), &[MAKING, WRITING]),
    verb("create configmap", Does::Create(&CONFIG_MAP), &[CONFIGMAP, MAKING, WRITING]),
    verb("create deployment", Does::Create(&NEW_DEPLOYMENT), &[DEPLOYMENT, MAKING, WRITING]),
    verb("create job", Does::Create(&NEW_JOB), &[JOB, MAKING, WRITING]),
    verb("create cronjob", Does::Create(&NEW_CRONJOB), &[CRONJOB, MAKING, WRITING]),
    verb("create service clusterip", Does::Create(&SERVICE), &[CLUSTER_IP, TCP, MAKING, WRITING]),
    verb("create service externalname", Does::Create(&NAMED_SERVICE), &[EXTERNAL_NAME, TCP, MAKING, WRITING]),
    verb("create service loadbalancer", Does::Create(&PORTED_SERVICE), &[TCP, MAKING, WRITING]),
    verb("create service nodeport", Does::Create(&PORTED_SERVICE), &[NODE_PORT, TCP, MAKING, WRITING]),
    verb("create ingress", Does::Create(&NEW_INGRESS), &[INGRESS, MAKING, WRITING]),
    verb("create poddisruptionbudget", Does::Create(&NEW_BUDGET), &[BUDGET, MAKING, WRITING]),
    verb("create priorityclass", Does::Create(&PRIORITY_CLASS), &[PRIORITY, MAKING, WRITING]),
    verb("create quota", Does::Create(&NEW_QUOTA), &[QUOTA, MAKING, WRITING]),
    verb("create role", Does::Create(&ROLE), &[RULES, MAKING, WRITING]),
    verb("create clusterrole", Does::Create(&CLUSTER_ROLE), &[RULES, CLUSTER_RULES, MAKING, WRITING]),
    verb("create rolebinding", Does::Create(&ROLE_BINDING), &[OF_ROLE, OF_CLUSTER_ROLE, SUBJECTS, MAKING, WRITING]),
    verb(
        "create clusterrolebinding",
        Does::Create(&CLUSTER_ROLE_BINDING),
        &[OF_CLUSTER_ROLE, SUBJECTS, MAKING, WRITING],
    ),
];

/// Verbs that change nothing with `--list`, and what they are then; no flag that would change
/// something is among theirs.
pub(super) static LISTS: &[(Does, Verb<Does>)] = &[
    (Does::SetEnv, verb("set env --list", Does::ListEnv, &[ALL, SELECTOR, LIST_ENV])),
    (Does::Label, verb("label --list", Does::ListLabels, &[ALL, ALL_NAMESPACES, SELECTOR, FIELD_SELECTOR])),
    (Does::Annotate, verb("annotate --list", Does::ListAnnotations, &[ALL, ALL_NAMESPACES, SELECTOR, FIELD_SELECTOR])),
];

/// Source: `Aliases:` of the verbs' `--help`, and cobra's own of verbs whose help has none.
const ALIASES: &[(&str, &str)] = &[
    ("create cm", "create configmap"),
    ("create cj", "create cronjob"),
    ("create deploy", "create deployment"),
    ("create ing", "create ingress"),
    ("create ns", "create namespace"),
    ("create pdb", "create poddisruptionbudget"),
    ("create pc", "create priorityclass"),
    ("create resourcequota", "create quota"),
    ("create svc", "create service"),
    ("create sa", "create serviceaccount"),
    ("set sa", "set serviceaccount"),
    ("top nodes", "top node"),
    ("top no", "top node"),
    ("top pods", "top pod"),
    ("top po", "top pod"),
];

/// kubectl.
pub(super) static GRAMMAR: Grammar<Does> =
    Grammar { tool: "kubectl", global: GLOBAL, verbs: VERBS, refused: REFUSED, aliases: ALIASES };
