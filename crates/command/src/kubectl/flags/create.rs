//! Flags of the verbs that make objects.

use super::check;
use crate::grammar::{Flag, flag, switch};
use countersign_core::refusal::Code::{FlagNotAllowed, Interactive, WorkerFiles};

const OVERRIDES: &str = "write a manifest and use `kubectl apply`";
const SESSION: &str = "leave it away, and look with `kubectl logs`";

/// How the new object is checked before it is sent.
pub(in crate::kubectl) const VALIDATE: Flag =
    flag("validate").optional("strict").default("strict").check(check::validation);

/// What every `create` has.
pub(in crate::kubectl) const MAKING: &[Flag] = &[switch("save-config"), VALIDATE];

/// `autoscale`.
pub(in crate::kubectl) const AUTOSCALE: &[Flag] = &[
    flag("cpu-percent").default("-1").check(check::count_or_all),
    flag("max").check(check::count),
    flag("min").default("-1").check(check::count_or_all),
    flag("name").check(check::object_name),
    switch("save-config"),
];

/// `expose`.
pub(in crate::kubectl) const EXPOSE: &[Flag] = &[
    flag("cluster-ip").check(check::address),
    flag("external-ip").check(check::address),
    flag("labels").short('l').check(check::labels),
    flag("load-balancer-ip").check(check::address),
    flag("name").check(check::object_name),
    flag("override-type").default("merge").refused(FlagNotAllowed, OVERRIDES),
    flag("overrides").refused(FlagNotAllowed, OVERRIDES),
    flag("port").check(check::ports),
    flag("protocol").check(check::protocol),
    switch("save-config"),
    flag("selector").check(check::labels),
    flag("session-affinity").check(check::affinity),
    flag("target-port").check(check::segment),
    flag("type").check(check::service_type),
];

/// `run`.
pub(in crate::kubectl) const RUN: &[Flag] = &[
    flag("annotations").each().check(check::assignment),
    switch("attach").only_default(Interactive, SESSION),
    flag("cascade").optional("background").default("background").check(check::cascade),
    switch("command"),
    flag("env").each().check(check::variable),
    switch("expose").only_default(FlagNotAllowed, "make the service with `kubectl expose`"),
    switch("force").only_default(FlagNotAllowed, "it goes with `--rm`: leave both away"),
    flag("grace-period").default("-1").check(check::count_or_all),
    flag("image").check(check::image),
    flag("image-pull-policy").check(check::pull_policy),
    flag("labels").short('l').check(check::labels),
    switch("leave-stdin-open").only_default(Interactive, SESSION),
    flag("override-type").default("merge").refused(FlagNotAllowed, OVERRIDES),
    flag("overrides").refused(FlagNotAllowed, OVERRIDES),
    flag("pod-running-timeout").default("1m0s").check(check::bounded_wait),
    flag("port").check(check::count),
    switch("privileged").only_default(FlagNotAllowed, "leave it away: a privileged pod is its node"),
    switch("quiet").short('q').display(),
    flag("restart").default("Always").check(check::restart),
    switch("rm").only_default(Interactive, "it goes with a session; delete the pod with `kubectl delete pod`"),
    switch("save-config"),
    switch("stdin").short('i').only_default(Interactive, SESSION),
    flag("timeout").default("0s").check(check::default_wait),
    switch("tty").short('t').only_default(Interactive, SESSION),
    switch("wait"),
];

/// `create deployment`.
pub(in crate::kubectl) const DEPLOYMENT: &[Flag] = &[
    flag("image").each().check(check::image),
    flag("port").default("-1").check(check::count_or_all),
    flag("replicas").short('r').default("1").check(check::count),
];

/// `create job`.
pub(in crate::kubectl) const JOB: &[Flag] = &[flag("from").check(check::one_object), flag("image").check(check::image)];

/// `create cronjob`.
pub(in crate::kubectl) const CRONJOB: &[Flag] = &[
    flag("image").check(check::image),
    flag("restart").check(check::restart),
    flag("schedule").check(check::schedule),
];

/// `create configmap`.
pub(in crate::kubectl) const CONFIGMAP: &[Flag] = &[
    switch("append-hash").only_default(FlagNotAllowed, "write the whole name: a hash is known only afterwards"),
    flag("from-env-file").refused(WorkerFiles, "write the values as `--from-literal=KEY=VALUE`"),
    flag("from-file").refused(WorkerFiles, "write the values as `--from-literal=KEY=VALUE`"),
    flag("from-literal").each().check(check::assignment),
];

/// `create service clusterip`.
pub(in crate::kubectl) const CLUSTER_IP: &[Flag] = &[flag("clusterip").check(check::address)];
/// `create service externalname`.
pub(in crate::kubectl) const EXTERNAL_NAME: &[Flag] = &[flag("external-name").check(check::object_name)];
/// `create service nodeport`.
pub(in crate::kubectl) const NODE_PORT: &[Flag] = &[flag("node-port").default("0").check(check::count)];
/// Every `create service`.
pub(in crate::kubectl) const TCP: &[Flag] = &[flag("tcp").each().check(check::tcp)];

/// `create role` and `create clusterrole`.
pub(in crate::kubectl) const RULES: &[Flag] = &[
    flag("resource").each().check(check::kinds),
    flag("resource-name").each().check(check::object_name),
    flag("verb").each().check(check::kinds),
];
/// `create clusterrole`.
pub(in crate::kubectl) const CLUSTER_RULES: &[Flag] =
    &[flag("aggregation-rule").check(check::labels), flag("non-resource-url").each().check(check::url)];
/// `create clusterrolebinding` and `create rolebinding`.
pub(in crate::kubectl) const OF_CLUSTER_ROLE: &[Flag] = &[flag("clusterrole").check(check::object_name)];
/// `create rolebinding`.
pub(in crate::kubectl) const OF_ROLE: &[Flag] = &[flag("role").check(check::object_name)];

/// `create ingress`.
pub(in crate::kubectl) const INGRESS: &[Flag] = &[
    flag("annotation").each().check(check::assignment),
    flag("class").check(check::object_name),
    flag("default-backend").check(check::object_name),
    flag("rule").each().check(check::ingress_rule),
];

/// `create poddisruptionbudget`.
pub(in crate::kubectl) const BUDGET: &[Flag] = &[
    flag("max-unavailable").check(check::share),
    flag("min-available").check(check::share),
    flag("selector").check(check::selector),
];

/// `create priorityclass`.
pub(in crate::kubectl) const PRIORITY: &[Flag] = &[
    flag("description").check(check::prose),
    switch("global-default"),
    flag("preemption-policy").default("PreemptLowerPriority").check(check::preemption),
    flag("value").default("0").check(check::whole),
];

/// `create quota`.
pub(in crate::kubectl) const QUOTA: &[Flag] =
    &[flag("hard").check(check::quantities), flag("scopes").check(check::words)];
