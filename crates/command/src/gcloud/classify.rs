//! What a command means: tier, sensitivity, and whether it can be taken back.
//!
//! **Invariant:** a command reads only if [`verbs`](super::verbs) lists its verb or its path as one that
//! does. What nobody knows is a change that cannot be taken back.

use super::raises::raises;
use super::read::Parsed;
use super::scope;
use super::table::{Spec, Takes};
use super::verbs::{CHANGES, OTHERWISE, READING_PATHS, READS, SENSITIVE, SENSITIVE_CHANGES};
use super::withheld;
use crate::vocabulary::Threshold;
use countersign_core::tier::{Reversibility, Sensitivity, Tier};

/// A command, classified.
#[derive(Debug, Clone)]
pub(super) struct Class {
    pub(super) tier: Tier,
    pub(super) sensitivity: Sensitivity,
    pub(super) reversibility: Reversibility,
    pub(super) reasons: Vec<String>,
}

/// Verbs below which the last word is only what is made: `scheduler jobs create http`.
const PARENTS: &[&str] = &["create", "export", "import", "update"];

/// The word that says what a command does.
pub(super) fn verb(spec: &Spec) -> &'static str {
    let above = spec.group().rsplit(' ').next().unwrap_or_default();
    if PARENTS.contains(&above) { above } else { spec.verb() }
}

/// The words before it: what the command is about.
pub(super) fn group(spec: &Spec) -> &'static str {
    let group = spec.group();
    if verb(spec) == spec.verb() { group } else { group.rsplit_once(' ').map_or(group, |(above, _)| above) }
}

/// Whether the output of a command is a secret, or may hold one, whatever its flags.
pub(super) fn is_sensitive(spec: &Spec) -> bool {
    SENSITIVE.contains(&spec.path) || SENSITIVE_CHANGES.contains(&spec.path)
}

/// Whether a command only reads, before its flags are looked at.
pub(super) fn reads(spec: &Spec) -> bool {
    // `export` writes to standard output where it could write to a file instead.
    let prints = || {
        matches!(spec.verb(), "export" | "export-rules")
            && spec.flag("destination").is_some_and(|flag| flag.takes == Takes::File)
    };
    READS.binary_search(&verb(spec)).is_ok() || READING_PATHS.contains(&spec.path) || prints()
}

fn of_verb(spec: &Spec) -> (Tier, Reversibility) {
    if let Some((_, tier, reversibility)) = OTHERWISE.iter().find(|(path, ..)| *path == spec.path) {
        return (*tier, *reversibility);
    }
    // The permissions are somebody's access.
    if spec.verb().ends_with("-policy-binding") {
        return (Tier::Destructive, Reversibility::Reversible);
    }
    let verb = verb(spec);
    let fits = |known: &&str| if known.ends_with('-') { verb.starts_with(known) } else { verb == *known };
    let kind = CHANGES.iter().find(|kind| kind.verbs.iter().any(fits));
    kind.map_or((Tier::Change, Reversibility::Irreversible), |kind| (kind.tier, kind.reversibility))
}

/// The tier of a command by its verb alone.
pub(super) fn tier(spec: &Spec) -> Tier {
    if reads(spec) { Tier::Read } else { of_verb(spec).0 }
}

/// Classifies.
pub(super) fn classify(parsed: &Parsed, thresholds: &[Threshold]) -> Class {
    let spec = parsed.spec;
    let shows = is_sensitive(spec) || withheld::may_show(parsed);
    let sensitivity = if shows { Sensitivity::Sensitive } else { Sensitivity::Plain };
    if reads(spec) {
        let reasons = vec![format!("`{}` reads", spec.verb())];
        return Class { tier: Tier::Read, sensitivity, reversibility: Reversibility::NoneNeeded, reasons };
    }
    let (mut tier, reversibility) = of_verb(spec);
    let mut reasons = vec![format!("`{}` is {tier}", verb(spec))];
    for reason in raises(parsed) {
        tier = Tier::Destructive;
        reasons.push(reason);
    }
    let named = parsed.positionals.len();
    let many = thresholds.iter().filter(|threshold| named >= threshold.objects).map(|threshold| threshold.tier).max();
    if let Some(more) = many.filter(|more| *more > tier) {
        tier = more;
        reasons.push(format!("{named} things at once"));
    }
    Class { tier, sensitivity, reversibility, reasons }
}

/// Names with wildcards of Cloud Storage: what they mean is known only when it runs.
pub(super) fn has_pattern(parsed: &Parsed) -> bool {
    let names = parsed.positionals.iter().zip(scope::names(parsed));
    let mut names = names.filter(|(_, name)| !scope::TEXT.contains(name));
    names.any(|(word, _)| word.text.contains(['*', '?', '[', '{']))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gcloud::table;

    #[test]
    fn the_lists_name_what_there_is() {
        assert!(READS.is_sorted());
        let verbs: Vec<&str> = table::all().flat_map(|spec| [verb(spec), spec.verb()]).collect();
        for known in READS {
            assert!(verbs.contains(known), "{known}");
        }
        let paths = READING_PATHS
            .iter()
            .chain(SENSITIVE)
            .chain(SENSITIVE_CHANGES)
            .chain(OTHERWISE.iter().map(|(path, ..)| path));
        for path in paths {
            assert!(table::find(path).is_some(), "{path}");
        }
    }

    #[test]
    fn every_verb_is_known_to_read_or_to_change() {
        let fits = |known: &str, verb: &str| if known.ends_with('-') { verb.starts_with(known) } else { verb == known };
        let unknown: Vec<&str> = table::all()
            .filter(|spec| !reads(spec) && !crate::gcloud::refused::is_refused(spec))
            .filter(|spec| !CHANGES.iter().any(|kind| kind.verbs.iter().any(|known| fits(known, verb(spec)))))
            .map(|spec| spec.path)
            .collect();
        assert_eq!(unknown, Vec::<&str>::new());
    }
}
