//! Kinds of objects and every spelling kubectl takes for them.
//!
//! **Invariant:** a kind is known or refused; every spelling of a kind gives the same
//! `plural.group`. Source: `kubectl api-resources` of Kubernetes 1.32.

use crate::no::{Checked, Pointing, meant, no, quoted};
use crate::vocabulary::{Kind, Reach, Vocabulary};
use crate::words::Word;
use countersign_core::refusal::Code;
use countersign_core::tier::Sensitivity;

/// What losing an object of a kind means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Loss {
    /// Something else makes it again.
    Remade,
    /// It is gone.
    Gone,
}

/// A kind as it was meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct KindRef {
    /// `deployments.apps`, `pods`: part of a resource string.
    pub(super) id: String,
    /// The same with a version, if one was typed: part of canonical argv.
    pub(super) spelled: String,
    pub(super) reach: Reach,
    pub(super) sensitivity: Sensitivity,
    /// Whether the table is ours, so that we know what its columns show.
    pub(super) built_in: bool,
    pub(super) loss: Loss,
}

struct Row {
    plural: &'static str,
    singular: &'static str,
    short: &'static [&'static str],
    group: &'static str,
    reach: Reach,
    sensitivity: Sensitivity,
    loss: Loss,
}

const fn row(group: &'static str, plural: &'static str, singular: &'static str, short: &'static [&'static str]) -> Row {
    Row { plural, singular, short, group, reach: Reach::Namespaced, sensitivity: Sensitivity::Plain, loss: Loss::Gone }
}

impl Row {
    const fn cluster(self) -> Self {
        Self { reach: Reach::Cluster, ..self }
    }

    const fn remade(self) -> Self {
        Self { loss: Loss::Remade, ..self }
    }

    const fn secret(self) -> Self {
        Self { sensitivity: Sensitivity::Sensitive, ..self }
    }

    fn meant(&self, spelled: String) -> KindRef {
        KindRef {
            id: id(self.plural, self.group),
            spelled,
            reach: self.reach,
            sensitivity: self.sensitivity,
            built_in: true,
            loss: self.loss,
        }
    }
}

const ADMISSION: &str = "admissionregistration.k8s.io";
const FLOW: &str = "flowcontrol.apiserver.k8s.io";
const NETWORKING: &str = "networking.k8s.io";
const RBAC: &str = "rbac.authorization.k8s.io";
const RESOURCE: &str = "resource.k8s.io";
const STORAGE: &str = "storage.k8s.io";

/// In the order in which kubectl prefers them: the core group first.
const ROWS: &[Row] = &[
    row("", "bindings", "binding", &[]),
    row("", "componentstatuses", "componentstatus", &["cs"]).cluster(),
    row("", "configmaps", "configmap", &["cm"]),
    row("", "endpoints", "endpoints", &["ep"]).remade(),
    row("", "events", "event", &["ev"]),
    row("", "limitranges", "limitrange", &["limits"]),
    row("", "namespaces", "namespace", &["ns"]).cluster(),
    row("", "nodes", "node", &["no"]).cluster(),
    row("", "persistentvolumeclaims", "persistentvolumeclaim", &["pvc"]),
    row("", "persistentvolumes", "persistentvolume", &["pv"]).cluster(),
    row("", "pods", "pod", &["po"]).remade(),
    row("", "podtemplates", "podtemplate", &[]),
    row("", "replicationcontrollers", "replicationcontroller", &["rc"]),
    row("", "resourcequotas", "resourcequota", &["quota"]),
    row("", "secrets", "secret", &[]).secret(),
    row("", "serviceaccounts", "serviceaccount", &["sa"]),
    row("", "services", "service", &["svc"]),
    row("apps", "controllerrevisions", "controllerrevision", &[]),
    row("apps", "daemonsets", "daemonset", &["ds"]),
    row("apps", "deployments", "deployment", &["deploy"]),
    row("apps", "replicasets", "replicaset", &["rs"]).remade(),
    row("apps", "statefulsets", "statefulset", &["sts"]),
    row("autoscaling", "horizontalpodautoscalers", "horizontalpodautoscaler", &["hpa"]),
    row("batch", "cronjobs", "cronjob", &["cj"]),
    row("batch", "jobs", "job", &[]),
    row("policy", "poddisruptionbudgets", "poddisruptionbudget", &["pdb"]),
    row(NETWORKING, "ingressclasses", "ingressclass", &[]).cluster(),
    row(NETWORKING, "ingresses", "ingress", &["ing"]),
    row(NETWORKING, "ipaddresses", "ipaddress", &["ip"]).cluster(),
    row(NETWORKING, "networkpolicies", "networkpolicy", &["netpol"]),
    row(NETWORKING, "servicecidrs", "servicecidr", &[]).cluster(),
    row(RBAC, "clusterrolebindings", "clusterrolebinding", &[]).cluster(),
    row(RBAC, "clusterroles", "clusterrole", &[]).cluster(),
    row(RBAC, "rolebindings", "rolebinding", &[]),
    row(RBAC, "roles", "role", &[]),
    row(STORAGE, "csidrivers", "csidriver", &[]).cluster(),
    row(STORAGE, "csinodes", "csinode", &[]).cluster(),
    row(STORAGE, "csistoragecapacities", "csistoragecapacity", &[]),
    row(STORAGE, "storageclasses", "storageclass", &["sc"]).cluster(),
    row(STORAGE, "volumeattachments", "volumeattachment", &[]).cluster(),
    row(STORAGE, "volumeattributesclasses", "volumeattributesclass", &["vac"]).cluster(),
    row("apiextensions.k8s.io", "customresourcedefinitions", "customresourcedefinition", &["crd", "crds"]).cluster(),
    row("apiregistration.k8s.io", "apiservices", "apiservice", &[]).cluster(),
    row("certificates.k8s.io", "certificatesigningrequests", "certificatesigningrequest", &["csr"]).cluster(),
    row("certificates.k8s.io", "clustertrustbundles", "clustertrustbundle", &[]).cluster(),
    row("coordination.k8s.io", "leases", "lease", &[]).remade(),
    row("coordination.k8s.io", "leasecandidates", "leasecandidate", &[]).remade(),
    row("discovery.k8s.io", "endpointslices", "endpointslice", &[]).remade(),
    row("events.k8s.io", "events", "event", &["ev"]),
    row(ADMISSION, "mutatingadmissionpolicies", "mutatingadmissionpolicy", &[]).cluster(),
    row(ADMISSION, "mutatingadmissionpolicybindings", "mutatingadmissionpolicybinding", &[]).cluster(),
    row(ADMISSION, "mutatingwebhookconfigurations", "mutatingwebhookconfiguration", &[]).cluster(),
    row(ADMISSION, "validatingadmissionpolicies", "validatingadmissionpolicy", &[]).cluster(),
    row(ADMISSION, "validatingadmissionpolicybindings", "validatingadmissionpolicybinding", &[]).cluster(),
    row(ADMISSION, "validatingwebhookconfigurations", "validatingwebhookconfiguration", &[]).cluster(),
    row(FLOW, "flowschemas", "flowschema", &[]).cluster(),
    row(FLOW, "prioritylevelconfigurations", "prioritylevelconfiguration", &[]).cluster(),
    row("node.k8s.io", "runtimeclasses", "runtimeclass", &[]).cluster(),
    row("scheduling.k8s.io", "priorityclasses", "priorityclass", &["pc"]).cluster(),
    row(RESOURCE, "deviceclasses", "deviceclass", &[]).cluster(),
    row(RESOURCE, "resourceclaims", "resourceclaim", &[]),
    row(RESOURCE, "resourceclaimtemplates", "resourceclaimtemplate", &[]),
    row(RESOURCE, "resourceslices", "resourceslice", &[]).cluster(),
    row("metrics.k8s.io", "nodes", "node", &["nodemetrics"]).cluster(),
    row("metrics.k8s.io", "pods", "pod", &["podmetrics"]),
];

/// What `all` stands for. Secrets are not among them, in Kubernetes nor here.
///
/// Source: the category `all` of the built-in API groups.
const ALL: &[&str] = &[
    "pods",
    "replicationcontrollers",
    "services",
    "daemonsets.apps",
    "deployments.apps",
    "replicasets.apps",
    "statefulsets.apps",
    "horizontalpodautoscalers.autoscaling",
    "cronjobs.batch",
    "jobs.batch",
];

fn id(plural: &str, group: &str) -> String {
    if group.is_empty() { plural.to_owned() } else { format!("{plural}.{group}") }
}

impl Kind {
    /// Everything that is wrong with this kind, one sentence each; the loader adds the line.
    #[must_use]
    pub fn mistakes(&self) -> Vec<String> {
        let plain = |text: &str| {
            !text.is_empty() && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
        };
        let mut found = Vec::new();
        for name in [&self.plural, &self.singular].into_iter().chain(&self.short_names) {
            if !plain(name) || name == "all" {
                found.push(format!("{} is not a name for a kind: lower-case letters, digits and dashes", quoted(name)));
            }
        }
        if !self.kind.chars().all(|c| c.is_ascii_alphanumeric()) {
            found.push(format!("{} is not a kind: letters and digits", quoted(&self.kind)));
        }
        if !self.group.is_empty() && !self.group.split('.').all(plain) {
            found.push(format!("{} is not an API group", quoted(&self.group)));
        }
        if ROWS.iter().any(|row| row.plural == self.plural && row.group == self.group) {
            found.push(format!("{} is built in and cannot be declared again", quoted(&id(&self.plural, &self.group))));
        }
        found
    }
}

/// The kinds a word like `pods,svc` or `all` names, each once.
pub(super) fn list(text: &str, word: &Word, vocabulary: &Vocabulary) -> Checked<Vec<KindRef>> {
    let mut found: Vec<KindRef> = Vec::new();
    for piece in text.split(',') {
        let more = if piece == "all" { all() } else { vec![one(piece, word, vocabulary)?] };
        for kind in more {
            if !found.iter().any(|known| known.id == kind.id) {
                found.push(kind);
            }
        }
    }
    Ok(found)
}

fn all() -> Vec<KindRef> {
    let known = ROWS.iter().filter(|row| ALL.contains(&id(row.plural, row.group).as_str()));
    known.map(|row| row.meant(id(row.plural, row.group))).collect()
}

/// Whether these kinds are all that `all` stands for, however they were spelled.
pub(super) fn are_all(kinds: &[&KindRef]) -> bool {
    ALL.iter().all(|one| kinds.iter().any(|kind| kind.id == *one))
}

/// The kind a word names. Kubernetes itself does not tell upper from lower case here.
pub(super) fn one(text: &str, word: &Word, vocabulary: &Vocabulary) -> Checked<KindRef> {
    let lower = text.to_ascii_lowercase();
    let (name, rest) = match lower.split_once('.') {
        Some((name, rest)) => (name, Some(rest)),
        None => (lower.as_str(), None),
    };
    let built_in = ROWS.iter().find_map(|row| {
        let named = row.plural == name || row.singular == name || row.short.contains(&name);
        let spelled = spelling(row.plural, row.group, rest)?;
        named.then(|| row.meant(spelled))
    });
    let from_catalog = || {
        vocabulary.kinds.iter().find_map(|kind| {
            let named = kind.plural == name
                || kind.singular == name
                || kind.kind.to_ascii_lowercase() == name
                || kind.short_names.iter().any(|short| short == name);
            let spelled = spelling(&kind.plural, &kind.group, rest)?;
            named.then(|| KindRef {
                id: id(&kind.plural, &kind.group),
                spelled,
                reach: kind.reach,
                sensitivity: kind.sensitivity,
                built_in: false,
                loss: Loss::Gone,
            })
        })
    };
    built_in.or_else(from_catalog).ok_or_else(|| unknown(text, word, vocabulary))
}

/// The kind of an object that names itself by `kind`, API group and version.
pub(super) fn of_object(kind: &str, group: &str, version: &str, vocabulary: &Vocabulary) -> Option<KindRef> {
    // The API server tells upper from lower case here: a kind begins with a capital.
    if !is_version(version) || !kind.starts_with(|c: char| c.is_ascii_uppercase()) {
        return None;
    }
    let lower = kind.to_ascii_lowercase();
    let built_in = ROWS.iter().find(|row| row.singular == lower && row.group == group);
    let built_in = built_in.map(|row| row.meant(id(row.plural, row.group)));
    let from_catalog = || {
        let found = vocabulary.kinds.iter().find(|known| known.kind == kind && known.group == group)?;
        let named = id(&found.plural, &found.group);
        Some(KindRef {
            id: named.clone(),
            spelled: named,
            reach: found.reach,
            sensitivity: found.sensitivity,
            built_in: false,
            loss: Loss::Gone,
        })
    };
    built_in.or_else(from_catalog)
}

/// How canonical argv spells the kind, if what follows its first dot fits its group.
fn spelling(plural: &str, group: &str, rest: Option<&str>) -> Option<String> {
    let Some(rest) = rest else {
        return Some(id(plural, group));
    };
    if rest == group {
        return Some(id(plural, group));
    }
    let (version, of) = rest.split_once('.')?;
    if of != group || !is_version(version) {
        return None;
    }
    // The core group has one version, and a name that ends in a dot reads badly on a card.
    Some(if group.is_empty() { plural.to_owned() } else { format!("{plural}.{version}.{group}") })
}

/// `v1`, `v2beta1`.
fn is_version(text: &str) -> bool {
    let Some(rest) = text.strip_prefix('v') else {
        return false;
    };
    let number = |text: &str| !text.is_empty() && text.len() <= 4 && text.chars().all(|c| c.is_ascii_digit());
    ["alpha", "beta"]
        .iter()
        .find_map(|stage| rest.split_once(stage))
        .map_or_else(|| number(rest), |(major, minor)| number(major) && number(minor))
}

fn unknown(text: &str, word: &Word, vocabulary: &Vocabulary) -> Box<countersign_core::refusal::Refusal> {
    let built_in = ROWS.iter().flat_map(|row| [row.plural, row.singular]);
    let more = vocabulary.kinds.iter().map(|kind| kind.plural.as_str());
    no(
        Code::UnknownKind,
        format!("the catalog knows no kind {}", quoted(text)),
        meant(text, built_in.chain(more), "kinds beyond the built-in ones are listed in the catalog"),
    )
    .over(word)
}

/// `plural.group` of an object's own `kind` and API group: the name it has in resources and
/// effects. A kind that is not built in gets the plural that English would give it.
#[must_use]
pub fn kind_name(kind: &str, group: &str) -> String {
    let lower = kind.to_lowercase();
    let known = ROWS.iter().find(|row| row.singular == lower && row.group == group);
    let plural = known.map_or_else(|| format!("{lower}s"), |row| row.plural.to_owned());
    if group.is_empty() { plural } else { format!("{plural}.{group}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_is_one_kind() {
        let vocabulary = Vocabulary::default();
        for (spellings, id) in [
            ("secret secrets Secret SECRETS secrets.v1. secret. secret.v1.", "secrets"),
            ("deploy deployment Deployments deployments.apps deployments.v1.apps deploy.apps", "deployments.apps"),
            ("ing Ingress ingresses.v1.networking.k8s.io", "ingresses.networking.k8s.io"),
            ("hpa horizontalpodautoscalers.v2beta2.autoscaling", "horizontalpodautoscalers.autoscaling"),
            ("pods.metrics.k8s.io pods.v1beta1.metrics.k8s.io", "pods.metrics.k8s.io"),
            ("events ev events.", "events"),
            ("events.events.k8s.io", "events.events.k8s.io"),
        ] {
            for text in spellings.split(' ') {
                assert_eq!(one(text, &Word::untyped(text), &vocabulary).unwrap().id, id, "{text}");
            }
        }
        for text in
            ["secrets.v1", "secrets.apps", "pods.x.", "foo", "", "po.ds", "deployments.v1x.apps", "secrets.v1.."]
        {
            assert_eq!(one(text, &Word::untyped(text), &vocabulary).unwrap_err().code(), Code::UnknownKind, "{text}");
        }
    }

    #[test]
    fn p24_all_holds_no_secret() {
        let kinds = list("all", &Word::untyped("all"), &Vocabulary::default()).unwrap();
        assert_eq!(kinds.len(), ALL.len());
        assert!(kinds.iter().all(|kind| kind.sensitivity == Sensitivity::Plain));
    }
}
