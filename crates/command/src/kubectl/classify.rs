//! How dangerous a kubectl command is, and what its output may show.
//!
//! **Invariant:** the verb gives a tier and everything else only raises it; a mutating command
//! whose objects are not known before it runs has the highest.

use super::does::Does;
use super::kinds::{KindRef, Loss, are_all};
use super::output::Output;
use super::patch::Patch;
use super::target::{Place, Target};
use crate::grammar::Parsed;
use crate::vocabulary::Threshold;
use countersign_core::tier::{Reversibility, Sensitivity, Tier};

/// What policy needs to know besides verb and resources.
#[derive(Debug)]
pub(super) struct Class {
    pub(super) tier: Tier,
    pub(super) sensitivity: Sensitivity,
    pub(super) reversibility: Reversibility,
    pub(super) reasons: Vec<String>,
}

/// A command as far as it was understood.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seen<'a> {
    pub(super) parsed: &'a Parsed<Does>,
    pub(super) target: &'a Target,
    /// What is written, one word each; names of objects are among them for some verbs.
    pub(super) elements: &'a [String],
    pub(super) patch: Option<&'a Patch>,
    pub(super) output: &'a Output,
}

pub(super) fn classify(seen: &Seen<'_>, thresholds: &[Threshold]) -> Class {
    let Seen { parsed, target, .. } = *seen;
    let verb = parsed.verb.id;
    let meaning = verb.meaning();
    let mut tier = meaning.tier;
    let mut reasons = vec![format!("{} {}", meaning.says, ids(target)).trim_end().to_owned()];
    for (is_so, at_least, reason) in raises(seen) {
        if is_so {
            tier = tier.max(at_least);
            reasons.push(reason.to_owned());
        }
    }
    if verb.is_mutating() {
        if !target.is_named() {
            tier = Tier::Destructive;
            reasons.push("target set unknown before it runs".to_owned());
        }
        for threshold in thresholds.iter().filter(|one| target.count() >= one.objects) {
            tier = tier.max(threshold.tier);
            reasons.push(format!("{} objects or more", threshold.objects));
        }
    }
    let sensitivity = sensitivity(seen);
    if sensitivity == Sensitivity::Sensitive {
        reasons.push("output may hold secrets".to_owned());
    }
    Class { tier, sensitivity, reversibility: reversibility(seen), reasons }
}

/// The kinds, once each.
fn ids(target: &Target) -> String {
    let mut ids: Vec<&str> = target.objects.kinds().iter().map(|kind| kind.id.as_str()).collect();
    ids.sort_unstable();
    ids.dedup();
    ids.join(", ")
}

/// Kinds that say what everybody may do, or where requests go: their content is never a detail.
const GOVERNING: &[&str] = &[
    "rbac.authorization.k8s.io",
    "admissionregistration.k8s.io",
    "apiregistration.k8s.io",
    "apiextensions.k8s.io",
    "certificates.k8s.io",
];

impl Seen<'_> {
    fn value(&self, long: &str) -> Option<&str> {
        self.parsed.value(long).map(|given| given.value.as_str())
    }

    fn is(&self, verbs: &[Does]) -> bool {
        verbs.contains(&self.parsed.verb.id)
    }

    fn governs(&self) -> bool {
        let kinds = self.target.objects.kinds();
        kinds.iter().any(|kind| kind.id.split_once('.').is_some_and(|(_, group)| GOVERNING.contains(&group)))
    }

    /// Whether what belongs to the deleted objects stays behind; `false` is the old spelling.
    fn orphans(&self) -> bool {
        matches!(self.value("cascade"), Some("orphan" | "false"))
    }

    fn writes(&self, is_so: impl Fn(&str) -> bool) -> bool {
        self.elements.iter().any(|element| is_so(element))
    }

    fn patches(&self, is_so: impl Fn(&Patch) -> bool) -> bool {
        self.patch.is_some_and(is_so)
    }

    /// Whether what is set comes out of a secret.
    fn hands_out(&self) -> bool {
        self.target.besides.iter().any(|(kind, _)| kind.sensitivity == Sensitivity::Sensitive)
    }

    /// Whether namespaces are told how much their pods may do.
    fn relaxes_pods(&self) -> bool {
        const LEVELS: &str = "pod-security.kubernetes.io/";
        let of_namespaces = self.target.objects.kinds().iter().any(|kind| kind.id == "namespaces");
        let labels = self.is(&[Does::Label]) && self.writes(|element| element.starts_with(LEVELS));
        let level = |patch: &Patch| patch.mentions(|part| part.starts_with(LEVELS));
        of_namespaces && (labels || self.patches(level))
    }
}

/// What an approver should notice, and the tier that it is worth at the least.
fn raises(seen: &Seen<'_>) -> impl Iterator<Item = (bool, Tier, &'static str)> {
    let on = |long| seen.parsed.is_on(long);
    let says = |long, value: &str| seen.value(long) == Some(value);
    let mutating = seen.parsed.verb.id.is_mutating();
    let (none, top) = (Tier::Read, Tier::Destructive);
    let node = |patch: &Patch| {
        ["privileged", "hostPath", "hostNetwork", "hostPID", "hostIPC"]
            .iter()
            .any(|key| patch.mentions(|part| part == *key))
    };
    let directive = |patch: &Patch| patch.mentions(|part| part.starts_with('$'));
    [
        (says("replicas", "0") && seen.is(&[Does::Scale]), top, "scales to zero"),
        (seen.patches(|patch| patch.zeroes(&["spec", "replicas"])), top, "scales to zero"),
        (seen.patches(|patch| patch.reaches(&["metadata", "finalizers"])), top, "decides when objects may go"),
        (seen.patches(|patch| patch.reaches(&["metadata", "ownerReferences"])), top, "decides what objects go with"),
        (seen.patches(|patch| patch.reaches(&["spec", "taints"])), top, "may evict pods"),
        (seen.patches(Patch::copies), top, "writes what stands elsewhere in the object"),
        (seen.patches(directive), top, "replaces or deletes parts as a whole"),
        (seen.patches(node), top, "lets pods reach their node"),
        (seen.governs() && seen.patches(|patch| !patch.is_about_metadata()), top, "rules of the cluster itself"),
        (
            seen.is(&[Does::Taint]) && seen.writes(|element| element.ends_with(":NoExecute")),
            top,
            "evicts pods that do not tolerate it",
        ),
        (seen.relaxes_pods(), top, "decides what pods may do"),
        (on("global-default"), top, "for every new pod"),
        (says("type", "LoadBalancer") || says("type", "NodePort"), none, "reachable from outside"),
        (seen.value("external-ip").is_some(), top, "takes an address over"),
        (seen.patches(|patch| patch.mentions(|part| part == "externalIPs")), top, "takes an address over"),
        (seen.hands_out(), none, "hands a secret to pods"),
        (on("force"), none, "forced: nothing is waited for"),
        (says("grace-period", "0") || on("now"), none, "no time to shut down"),
        (seen.orphans(), none, "dependents stay behind without an owner"),
        (on("delete-emptydir-data"), none, "deletes what pods keep on the node"),
        (on("disable-eviction"), none, "goes past disruption budgets"),
        (mutating && seen.target.place == Place::Everywhere, none, "every namespace"),
        (on("overwrite") && seen.is(&[Does::Label, Does::Annotate, Does::Taint]), none, "overwrites what is there"),
    ]
    .into_iter()
}

/// Fields whose order tells nothing secret.
const HARMLESS_ORDER: &[&str] =
    &[".metadata.name", "{.metadata.name}", ".metadata.creationTimestamp", "{.metadata.creationTimestamp}"];

/// Strict: of a kind that carries secrets only names and the server's own columns are plain, and
/// those only for built-in kinds, whose columns we know.
fn sensitivity(seen: &Seen<'_>) -> Sensitivity {
    let Seen { parsed, target, output, .. } = *seen;
    let verb = parsed.verb.id;
    // The order of objects tells about the values they are ordered by, and so does an answer to a
    // question about a value.
    let ordered = parsed.value("sort-by").is_some_and(|given| !HARMLESS_ORDER.contains(&given.value.as_str()));
    let asked = seen.value("for").is_some_and(|condition| condition.starts_with("jsonpath"));
    let written = seen.patches(|patch| !patch.is_about_metadata());
    let kinds = target.objects.kinds();
    let everything = are_all(&kinds);
    let shows = |kind: &KindRef| {
        let carries = kind.sensitivity == Sensitivity::Sensitive;
        match (verb, output) {
            (Does::Delete | Does::Logs, _) => false,
            // The last applied manifest is an annotation.
            (Does::Describe | Does::ListAnnotations | Does::LastApplied, _) => carries,
            _ if (ordered || asked || written) && carries => true,
            (_, Output::Name | Output::Own(_)) => false,
            (_, Output::Fields(_)) => carries || everything,
            (_, Output::Table | Output::Wide) => carries && !kind.built_in && !verb.is_mutating(),
        }
    };
    let resolves = parsed.is_on("resolve");
    if resolves || kinds.into_iter().any(shows) { Sensitivity::Sensitive } else { Sensitivity::Plain }
}

/// Nothing that runs from chat can create an object again, so a deletion can be taken back only
/// where the cluster itself makes the object anew.
fn reversibility(seen: &Seen<'_>) -> Reversibility {
    let Seen { parsed, target, .. } = *seen;
    let remade = target.objects.kinds().iter().all(|kind| kind.loss == Loss::Remade);
    let forced = parsed.is_on("force");
    let frees = seen.patches(|patch| patch.reaches(&["metadata", "finalizers"]));
    match parsed.verb.id {
        verb if !verb.is_mutating() => Reversibility::NoneNeeded,
        Does::Delete if !remade || forced || seen.orphans() => Reversibility::Irreversible,
        // Pods without a controller, and what pods keep on the node, are gone with them.
        Does::Drain if forced || parsed.is_on("delete-emptydir-data") => Reversibility::Irreversible,
        Does::Patch if frees => Reversibility::Irreversible,
        Does::CertificateApprove | Does::CertificateDeny => Reversibility::Irreversible,
        _ => Reversibility::Reversible,
    }
}
