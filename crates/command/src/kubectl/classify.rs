//! How dangerous a kubectl command is, and what its output may show.
//!
//! **Invariant:** the verb gives a tier and everything else only raises it; a mutating command
//! whose objects are not known before it runs has the highest.

use super::kinds::{KindRef, Loss, are_all};
use super::output::Output;
use super::target::{Place, Target};
use super::verbs::Does;
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

/// Whether a verb changes anything.
pub(super) const fn is_mutating(verb: Does) -> bool {
    match verb {
        Does::Get | Does::Describe | Does::Logs | Does::RolloutStatus | Does::RolloutHistory => false,
        Does::Delete
        | Does::Scale
        | Does::RolloutRestart
        | Does::RolloutUndo
        | Does::RolloutPause
        | Does::RolloutResume
        | Does::Label => true,
    }
}

pub(super) fn classify(parsed: &Parsed<Does>, target: &Target, output: &Output, thresholds: &[Threshold]) -> Class {
    let verb = parsed.verb.id;
    let (mut tier, what) = base(parsed);
    let mut reasons = vec![format!("{what} {}", ids(target))];
    if is_mutating(verb) {
        if !target.is_named() {
            tier = Tier::Destructive;
            reasons.push("target set unknown before it runs".to_owned());
        }
        for threshold in thresholds.iter().filter(|one| target.count() >= one.objects) {
            tier = tier.max(threshold.tier);
            reasons.push(format!("{} objects or more", threshold.objects));
        }
    }
    reasons.extend(modifiers(parsed, target).map(str::to_owned));
    let sensitivity = sensitivity(parsed, target, output);
    if sensitivity == Sensitivity::Sensitive {
        reasons.push("output may hold secrets".to_owned());
    }
    Class { tier, sensitivity, reversibility: reversibility(parsed, target), reasons }
}

fn base(parsed: &Parsed<Does>) -> (Tier, &'static str) {
    let to_zero = || parsed.value("replicas").is_some_and(|given| given.value == "0");
    match parsed.verb.id {
        Does::Get | Does::Describe | Does::RolloutStatus | Does::RolloutHistory => (Tier::Read, "reads"),
        Does::Logs => (Tier::Read, "reads logs of"),
        Does::Delete => (Tier::Destructive, "deletes"),
        Does::Scale if to_zero() => (Tier::Destructive, "scales to zero:"),
        Does::Scale => (Tier::Change, "scales"),
        Does::RolloutRestart => (Tier::Change, "restarts"),
        Does::RolloutUndo => (Tier::Change, "rolls back"),
        Does::RolloutPause => (Tier::Change, "pauses"),
        Does::RolloutResume => (Tier::Change, "resumes"),
        Does::Label => (Tier::Change, "labels"),
    }
}

/// The kinds, once each.
fn ids(target: &Target) -> String {
    let mut ids: Vec<&str> = target.objects.kinds().iter().map(|kind| kind.id.as_str()).collect();
    ids.sort_unstable();
    ids.dedup();
    ids.join(", ")
}

/// What an approver should notice.
fn modifiers(parsed: &Parsed<Does>, target: &Target) -> impl Iterator<Item = &'static str> {
    let value = |long| parsed.value(long).map(|given| given.value.as_str());
    let noticed = [
        (parsed.is_on("force"), "forced: the cluster forgets the object at once"),
        (value("grace-period") == Some("0") || parsed.is_on("now"), "no time to shut down"),
        (value("cascade") == Some("orphan"), "dependents stay behind without an owner"),
        (is_mutating(parsed.verb.id) && target.place == Place::Everywhere, "every namespace"),
        (parsed.is_on("overwrite"), "overwrites existing labels"),
    ];
    noticed.into_iter().filter_map(|(is_so, reason)| is_so.then_some(reason))
}

/// Fields whose order tells nothing secret.
const HARMLESS_ORDER: &[&str] =
    &[".metadata.name", "{.metadata.name}", ".metadata.creationTimestamp", "{.metadata.creationTimestamp}"];

/// Strict: of a kind that carries secrets only names and the server's own columns are plain, and
/// those only for built-in kinds, whose columns we know.
fn sensitivity(parsed: &Parsed<Does>, target: &Target, output: &Output) -> Sensitivity {
    let verb = parsed.verb.id;
    // The order of objects tells about the values they are ordered by.
    let ordered = parsed.value("sort-by").is_some_and(|given| !HARMLESS_ORDER.contains(&given.value.as_str()));
    let kinds = target.objects.kinds();
    let everything = are_all(&kinds);
    let shows = |kind: &KindRef| {
        let carries = kind.sensitivity == Sensitivity::Sensitive;
        match (verb, output) {
            (Does::Delete | Does::Logs, _) => false,
            (Does::Describe, _) => carries,
            _ if ordered && carries => true,
            (_, Output::Name) => false,
            (_, Output::Fields(_)) => carries || everything,
            (_, Output::Table | Output::Wide) => carries && !kind.built_in && !is_mutating(verb),
        }
    };
    if kinds.into_iter().any(shows) { Sensitivity::Sensitive } else { Sensitivity::Plain }
}

/// Nothing that runs from chat can create an object again, so a deletion can be taken back only
/// where the cluster itself makes the object anew.
fn reversibility(parsed: &Parsed<Does>, target: &Target) -> Reversibility {
    let remade = target.objects.kinds().iter().all(|kind| kind.loss == Loss::Remade);
    let orphans = parsed.value("cascade").is_some_and(|given| given.value == "orphan");
    match parsed.verb.id {
        verb if !is_mutating(verb) => Reversibility::NoneNeeded,
        Does::Delete if !remade || parsed.is_on("force") || orphans => Reversibility::Irreversible,
        _ => Reversibility::Reversible,
    }
}
