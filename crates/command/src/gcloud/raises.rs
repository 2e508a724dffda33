//! What makes any change destructive, whatever its verb says.
//!
//! **Invariant:** data with a reason each, and it only raises: a flag that is in no list leaves the tier
//! as it is.
//!
//! Source: the help of each flag, SDK 528; "Predefined metadata keys" and "Firewall rules" of Compute
//! Engine, "Predefined ACLs" of Cloud Storage.

use super::classify::{has_pattern, verb};
use super::read::{Given, Parsed};
use super::table::Spec;
use crate::custom::is_zero;

/// When a flag raises.
#[derive(Debug, Clone, Copy)]
enum When {
    /// It is on, or has a value.
    On,
    /// It is off: `--no-…`.
    Off,
    /// Its value is this.
    Is(&'static str),
    /// Its value is zero.
    Zero,
    /// Its value holds one of these, in small letters.
    Holds(&'static [&'static str]),
}

const MORE: &str = "reaches more than it names";
const FORCED: &str = "forced, or takes more away with it";
const NOTHING_LEFT: &str = "leaves nothing running";
const PROTECTION: &str = "takes a protection away";
const EVERYONE: &str = "opens it to everyone";
const EVERY_ADDRESS: &str = "opens it to every address";
const FOR_GOOD: &str = "cannot be undone";
const UNMATCHED: &str = "deletes what is not at the source";

/// Every address, in either version of the protocol.
const ANYWHERE: When = When::Holds(&["/0", "*"]);
const PUBLIC: When = When::Holds(&["public", "authenticated"]);

/// Sorted by name.
const FLAGS: &[(&str, When, &str)] = &[
    ("activation-policy", When::Is("NEVER"), NOTHING_LEFT),
    ("all", When::On, MORE),
    ("all-instances", When::On, MORE),
    ("allow-unauthenticated", When::On, EVERYONE),
    ("assign-inbound-public-ip", When::Holds(&["assign"]), EVERYONE),
    ("authorized-external-networks", ANYWHERE, EVERY_ADDRESS),
    ("authorized-networks", ANYWHERE, EVERY_ADDRESS),
    ("backup", When::Off, PROTECTION),
    ("clear-public-access-prevention", When::On, EVERYONE),
    ("clear-retention", When::On, PROTECTION),
    ("clear-retention-period", When::On, PROTECTION),
    ("clear-soft-delete", When::On, PROTECTION),
    ("delete-all-existing", When::On, MORE),
    ("delete-disks", When::On, FORCED),
    ("delete-protection", When::Off, PROTECTION),
    ("delete-unmatched-destination-objects", When::On, UNMATCHED),
    ("deletion-protection", When::Off, PROTECTION),
    ("deletion-protection-enabled", When::Off, PROTECTION),
    ("enable-drop-protection", When::Off, PROTECTION),
    ("enable-insecure-binding-system-authenticated", When::On, EVERYONE),
    ("enable-insecure-binding-system-unauthenticated", When::On, EVERYONE),
    ("enable-master-authorized-networks", When::Off, EVERYONE),
    ("enable-private-endpoint", When::Off, EVERYONE),
    ("force", When::On, FORCED),
    ("instance-filter-all", When::On, MORE),
    ("invoker-iam-check", When::Off, EVERYONE),
    ("lock-retention-period", When::On, FOR_GOOD),
    ("master-authorized-networks", ANYWHERE, EVERY_ADDRESS),
    ("max-num-replicas", When::Zero, NOTHING_LEFT),
    ("num-nodes", When::Zero, NOTHING_LEFT),
    ("override-unlocked-retention", When::On, PROTECTION),
    ("predefined-acl", PUBLIC, EVERYONE),
    ("predefined-default-object-acl", PUBLIC, EVERYONE),
    ("public-access-prevention", When::Off, EVERYONE),
    ("recursive", When::On, MORE),
    ("size", When::Zero, NOTHING_LEFT),
    ("source-ranges", ANYWHERE, EVERY_ADDRESS),
    ("src-ip-ranges", ANYWHERE, EVERY_ADDRESS),
];

/// Keys of metadata by which a machine lets somebody in or runs a program.
const ENTRIES: &[&str] = &["ssh-keys", "sshkeys", "startup-script", "shutdown-script", "sysprep-specialize"];

/// Principals that are everyone, as IAM and the lists of Cloud Storage spell them.
const ALL_USERS: &[&str] = &["allusers", "allauthenticatedusers"];

/// Flags of which a firewall rule needs one to be for less than every address.
const SOURCES: &[&str] = &["source-ranges", "source-service-accounts", "source-tags"];

/// Why a change is destructive; nothing if its verb alone says what it is.
pub(super) fn raises(parsed: &Parsed) -> Vec<String> {
    let mut reasons = Vec::new();
    let names_nothing = parsed.positionals.is_empty() && parsed.spec.positionals().next().is_some();
    if has_pattern(parsed) || (names_nothing && !verb(parsed.spec).starts_with("create")) {
        reasons.push("the target set is not known before running".to_owned());
    }
    if opens_by_default(parsed) {
        reasons.push(format!("without a source it {EVERY_ADDRESS}"));
    }
    let of_flags = parsed.flags.iter().filter_map(|given| Some((given.name, reason(parsed.spec, given)?)));
    reasons.extend(of_flags.map(|(name, why)| format!("`--{name}`: {why}")));
    reasons
}

fn reason(spec: &Spec, given: &Given) -> Option<&'static str> {
    let value = given.value.as_deref().unwrap_or_default();
    let mut rows = FLAGS.iter().filter(|(name, ..)| *name == given.name);
    if let Some((.., why)) = rows.find(|(_, when, _)| when.is_so(given, value)) {
        return Some(*why);
    }
    if given.name == "metadata" && !verb(spec).starts_with("create") && holds(value, ENTRIES) {
        return Some("lets somebody in, or runs as root");
    }
    holds(value, ALL_USERS).then_some(EVERYONE)
}

impl When {
    fn is_so(self, given: &Given, value: &str) -> bool {
        match self {
            Self::On => !given.is_off,
            Self::Off => given.is_off,
            Self::Is(known) => value.eq_ignore_ascii_case(known),
            Self::Zero => is_zero(value),
            Self::Holds(known) => holds(value, known),
        }
    }
}

/// Whether one of these stands in the text, which may be in capitals.
fn holds(text: &str, known: &[&str]) -> bool {
    let bytes = text.as_bytes();
    known.iter().any(|known| bytes.windows(known.len()).any(|part| part.eq_ignore_ascii_case(known.as_bytes())))
}

/// A rule that allows and names no source is for every address.
fn opens_by_default(parsed: &Parsed) -> bool {
    let says = |name: &str, words: &[&str]| {
        parsed.value(name).is_some_and(|value| words.iter().any(|word| value.eq_ignore_ascii_case(word)))
    };
    parsed.spec.path == "compute firewall-rules create"
        && (parsed.value("allow").is_some() || says("action", &["allow"]))
        && !says("direction", &["egress", "out"])
        && !SOURCES.iter().any(|name| parsed.value(name).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gcloud::table;

    #[test]
    fn the_flags_are_sorted_and_there() {
        assert!(FLAGS.is_sorted_by_key(|(name, ..)| name));
        let names: Vec<&str> = table::all().flat_map(Spec::flags).map(|flag| flag.name).collect();
        for (name, ..) in FLAGS {
            assert!(names.contains(name), "{name}");
        }
        assert!(table::find("compute firewall-rules create").is_some_and(|spec| {
            SOURCES.iter().chain(&["allow", "action", "direction"]).all(|name| spec.flag(name).is_some())
        }));
    }
}
