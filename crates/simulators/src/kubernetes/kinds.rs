//! The kinds the stand-in serves: one row a kind, and nothing else decides what exists.
//!
//! Groups, versions, plurals and short names are those of the Kubernetes API reference, v1.32.

/// Whether objects of a kind live in a namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scope {
    Namespaced,
    Cluster,
}

/// What becomes of a kind's objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Life {
    /// They are kept.
    Kept,
    /// They are questions: answered and never kept, so they have the verb `create` alone.
    Answered,
    /// They are made up when somebody asks, out of what is kept: nothing but reading.
    Measured,
}

/// One served kind.
#[derive(Debug)]
#[expect(clippy::struct_field_names, reason = "group, version and kind are the API's own words")]
pub(super) struct Kind {
    pub(super) group: &'static str,
    pub(super) version: &'static str,
    pub(super) kind: &'static str,
    pub(super) plural: &'static str,
    pub(super) short: &'static [&'static str],
    pub(super) scope: Scope,
    /// True when `kubectl get all` lists it.
    pub(super) in_all: bool,
    /// Subresources with the kind they speak, e.g. `("scale", "Scale")`.
    pub(super) subresources: &'static [(&'static str, &'static str)],
    pub(super) life: Life,
}

impl Kind {
    /// `v1` or `apps/v1`.
    pub(super) fn api_version(&self) -> String {
        if self.group.is_empty() { self.version.to_owned() } else { format!("{}/{}", self.group, self.version) }
    }

    /// `pods` or `deployments.apps`, as the server's messages name a resource.
    pub(super) fn qualified(&self) -> String {
        if self.group.is_empty() { self.plural.to_owned() } else { format!("{}.{}", self.plural, self.group) }
    }

    /// `Pod` or `Deployment.apps`, as validation messages name a kind.
    pub(super) fn qualified_kind(&self) -> String {
        if self.group.is_empty() { self.kind.to_owned() } else { format!("{}.{}", self.kind, self.group) }
    }

    /// Lower-case singular.
    pub(super) fn singular(&self) -> String {
        self.kind.to_lowercase()
    }

    /// What can be done to objects of this kind, as discovery lists it.
    pub(super) fn verbs(&self) -> &'static [&'static str] {
        match self.life {
            Life::Kept => &["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"],
            Life::Answered => &["create"],
            Life::Measured => &["get", "list"],
        }
    }

    /// True when its objects are kept.
    pub(super) fn stored(&self) -> bool {
        self.life == Life::Kept
    }

    pub(super) fn namespaced(&self) -> bool {
        self.scope == Scope::Namespaced
    }

    pub(super) fn has_subresource(&self, name: &str) -> bool {
        self.subresources.iter().any(|(known, _)| *known == name)
    }
}

/// What can be done to a subresource, as discovery lists it.
pub(super) fn subresource_verbs(name: &str) -> &'static [&'static str] {
    match name {
        "log" => &["get"],
        "exec" | "attach" | "portforward" => &["create", "get"],
        "proxy" => &["create", "delete", "get", "patch", "update"],
        "eviction" | "token" => &["create"],
        // scale, status and approval
        _ => &["get", "patch", "update"],
    }
}

/// The kind of one plural in one group and version.
pub(super) fn find(group: &str, version: &str, plural: &str) -> Option<&'static Kind> {
    KINDS.iter().find(|kind| kind.group == group && kind.version == version && kind.plural == plural)
}

/// The kind of a plural as people write it: `pods`, `deployments` or `deployments.apps`.
pub(super) fn named(resource: &str) -> Option<&'static Kind> {
    KINDS.iter().find(|kind| kind.plural == resource || kind.qualified() == resource)
}

/// The kind an object says it is.
pub(super) fn of_object(api_version: &str, kind: &str) -> Option<&'static Kind> {
    KINDS.iter().find(|row| row.kind == kind && row.api_version() == api_version)
}

/// The kind of a stored object's key, in the version it is stored in: the first of the table.
pub(super) fn find_stored(group: &str, plural: &str) -> &'static Kind {
    let row = KINDS.iter().find(|kind| kind.group == group && kind.plural == plural);
    row.expect("only kinds of the table are stored")
}

/// A kind the rest of this stand-in relies on.
pub(super) fn known(plural: &str) -> &'static Kind {
    named(plural).expect("the controllers name kinds of the table below")
}

const fn row(
    group: &'static str,
    version: &'static str,
    kind: &'static str,
    plural: &'static str,
    short: &'static [&'static str],
) -> Kind {
    let scope = Scope::Namespaced;
    Kind { group, version, kind, plural, short, scope, in_all: false, subresources: &[], life: Life::Kept }
}

impl Kind {
    const fn cluster(mut self) -> Self {
        self.scope = Scope::Cluster;
        self
    }
    const fn all(mut self) -> Self {
        self.in_all = true;
        self
    }
    const fn sub(mut self, subresources: &'static [(&'static str, &'static str)]) -> Self {
        self.subresources = subresources;
        self
    }
    const fn review(mut self) -> Self {
        self.life = Life::Answered;
        self.scope = Scope::Cluster;
        self
    }
    const fn measured(mut self) -> Self {
        self.life = Life::Measured;
        self
    }
}

const POD: &[(&str, &str)] = &[
    ("attach", "PodAttachOptions"),
    ("eviction", "Eviction"),
    ("exec", "PodExecOptions"),
    ("log", "Pod"),
    ("portforward", "PodPortForwardOptions"),
    ("proxy", "PodProxyOptions"),
    ("status", "Pod"),
];

/// Every kind served, core group first, groups together, and of a group's versions the stored and preferred one first.
pub(super) static KINDS: &[Kind] = &[
    row("", "v1", "ConfigMap", "configmaps", &["cm"]),
    row("", "v1", "Endpoints", "endpoints", &["ep"]),
    row("", "v1", "Event", "events", &["ev"]),
    row("", "v1", "LimitRange", "limitranges", &["limits"]),
    row("", "v1", "Namespace", "namespaces", &["ns"]).cluster().sub(&[("status", "Namespace")]),
    row("", "v1", "Node", "nodes", &["no"]).cluster().sub(&[("proxy", "NodeProxyOptions"), ("status", "Node")]),
    row("", "v1", "PersistentVolumeClaim", "persistentvolumeclaims", &["pvc"]),
    row("", "v1", "PersistentVolume", "persistentvolumes", &["pv"]).cluster(),
    row("", "v1", "Pod", "pods", &["po"]).all().sub(POD),
    row("", "v1", "ReplicationController", "replicationcontrollers", &["rc"]).all().sub(&[("scale", "Scale")]),
    row("", "v1", "ResourceQuota", "resourcequotas", &["quota"]),
    row("", "v1", "Secret", "secrets", &[]),
    row("", "v1", "ServiceAccount", "serviceaccounts", &["sa"]).sub(&[("token", "TokenRequest")]),
    row("", "v1", "Service", "services", &["svc"]).all().sub(&[("proxy", "ServiceProxyOptions")]),
    row("apps", "v1", "ControllerRevision", "controllerrevisions", &[]),
    row("apps", "v1", "DaemonSet", "daemonsets", &["ds"]).all().sub(&[("status", "DaemonSet")]),
    row("apps", "v1", "Deployment", "deployments", &["deploy"])
        .all()
        .sub(&[("scale", "Scale"), ("status", "Deployment")]),
    row("apps", "v1", "ReplicaSet", "replicasets", &["rs"]).all().sub(&[("scale", "Scale"), ("status", "ReplicaSet")]),
    row("apps", "v1", "StatefulSet", "statefulsets", &["sts"])
        .all()
        .sub(&[("scale", "Scale"), ("status", "StatefulSet")]),
    row("authentication.k8s.io", "v1", "SelfSubjectReview", "selfsubjectreviews", &[]).review(),
    row("authorization.k8s.io", "v1", "SelfSubjectAccessReview", "selfsubjectaccessreviews", &[]).review(),
    row("authorization.k8s.io", "v1", "SelfSubjectRulesReview", "selfsubjectrulesreviews", &[]).review(),
    row("autoscaling", "v2", "HorizontalPodAutoscaler", "horizontalpodautoscalers", &["hpa"])
        .all()
        .sub(&[("status", "HorizontalPodAutoscaler")]),
    row("autoscaling", "v1", "HorizontalPodAutoscaler", "horizontalpodautoscalers", &["hpa"])
        .all()
        .sub(&[("status", "HorizontalPodAutoscaler")]),
    row("batch", "v1", "CronJob", "cronjobs", &["cj"]).all().sub(&[("status", "CronJob")]),
    row("batch", "v1", "Job", "jobs", &[]).all().sub(&[("status", "Job")]),
    row("certificates.k8s.io", "v1", "CertificateSigningRequest", "certificatesigningrequests", &["csr"])
        .cluster()
        .sub(&[("approval", "CertificateSigningRequest"), ("status", "CertificateSigningRequest")]),
    row("coordination.k8s.io", "v1", "Lease", "leases", &[]),
    row("discovery.k8s.io", "v1", "EndpointSlice", "endpointslices", &[]),
    row("metrics.k8s.io", "v1beta1", "NodeMetrics", "nodes", &[]).cluster().measured(),
    row("metrics.k8s.io", "v1beta1", "PodMetrics", "pods", &[]).measured(),
    row("networking.k8s.io", "v1", "Ingress", "ingresses", &["ing"]),
    row("networking.k8s.io", "v1", "NetworkPolicy", "networkpolicies", &["netpol"]),
    row("policy", "v1", "PodDisruptionBudget", "poddisruptionbudgets", &["pdb"])
        .sub(&[("status", "PodDisruptionBudget")]),
    row("rbac.authorization.k8s.io", "v1", "ClusterRoleBinding", "clusterrolebindings", &[]).cluster(),
    row("rbac.authorization.k8s.io", "v1", "ClusterRole", "clusterroles", &[]).cluster(),
    row("rbac.authorization.k8s.io", "v1", "RoleBinding", "rolebindings", &[]),
    row("rbac.authorization.k8s.io", "v1", "Role", "roles", &[]),
    row("scheduling.k8s.io", "v1", "PriorityClass", "priorityclasses", &["pc"]).cluster(),
    row("storage.k8s.io", "v1", "StorageClass", "storageclasses", &["sc"]).cluster(),
];
