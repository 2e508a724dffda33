//! Where a command acts: in the catalogued project and nowhere else.
//!
//! **Invariant:** gcloud takes whole resource names and addresses almost everywhere, and they win over
//! `--project`. A name that picks what is acted on is therefore of this project; only what a change
//! merely refers to, as an image or a shared network, may be another's.

use super::name;
use super::read::{Given, Parsed};
use super::table::{Count, Positional};
use crate::no::{Checked, Pointing, no, quoted};
use crate::words::Word;
use countersign_core::refusal::{Code, Refusal};
use countersign_core::tier::Tier;

/// Positionals that are text, and name nothing.
pub(super) const TEXT: &[&str] = &["LOG_FILTER", "MESSAGE", "VALUE"];

/// Flags that are text or settings, and name nothing that is acted on.
const TEXT_FLAGS: &[&str] = &[
    "annotations",
    "args",
    "command",
    "condition",
    "container-env",
    "data",
    "definition",
    "description",
    "display-name",
    "expression",
    "filter",
    "flatten",
    "format",
    "labels",
    "log-filter",
    "member",
    "message",
    "message-body",
    "message-filter",
    "metadata",
    "role",
    "rrdatas",
    "set-build-env-vars",
    "set-env-vars",
    "sort-by",
    "sql",
    "substitutions",
    "title",
    "update-build-env-vars",
    "update-env-vars",
    "update-labels",
];

/// Flags that name what a change refers to and does not act on: what it is made from, and what it
/// is connected with.
const REFERENCES: &[&str] = &[
    "add-cloudsql-instances",
    "address",
    "boot-disk-kms-key",
    "boot-disk-kms-project",
    "build-service-account",
    "container-image",
    "create-disk",
    "dead-letter-topic",
    "dead-letter-topic-project",
    "default-encryption-key",
    "disk",
    "disk-encryption-key",
    "image",
    "image-project",
    "images",
    "instance-kms-key",
    "instance-kms-project",
    "key",
    "kms-key",
    "kms-project",
    "master-instance-name",
    "network",
    "network-interface",
    "peer-network",
    "peer-project",
    "secondary-boot-disk",
    "service-account",
    "set-cloudsql-instances",
    "set-secrets",
    "source-disk",
    "source-image",
    "source-image-project",
    "source-instance-template",
    "source-machine-image",
    "source-snapshot",
    "subnet",
    "subnetwork",
    "target-network",
    "target-project",
    "target-service-attachment",
    "topic-encryption-key",
    "topic-encryption-key-project",
    "update-secrets",
    "vpc-connector",
    "worker-pool",
];

/// Groups in which some of these name what is acted on.
const ACTED_ON: &[(&str, &str)] =
    &[("compute networks peerings ", "network"), ("kms ", "key"), ("services vpc-peerings ", "network")];

/// Of a read, only what says which of the things found are shown, and how.
const TEXT_OF_A_READ: &[&str] = &["filter", "flatten", "format", "sort-by"];

/// Flags that leave the project for what stands above or beside it.
const ABOVE: &[&str] = &[
    "billing-account",
    "delegatee-project",
    "dest-organization",
    "dest-project",
    "destination-project",
    "folder",
    "host-project",
    "include-folders",
    "include-projects",
    "organization",
    "projects",
    "reservation-host-folder",
    "reservation-host-organization",
    "reservation-host-project",
    "resource-names",
    "source-organization",
];

/// Whether a flag names a project or what stands above one, and so is compared with the project's id.
#[cfg(test)]
pub(super) fn leads_out(flag: &str) -> bool {
    ABOVE.contains(&flag) || flag.ends_with("-project")
}

/// What is read or changed must be of the project with this id.
pub(super) fn check(parsed: &Parsed, id: &str, tier: Tier) -> Checked<()> {
    if let Some(given) = parsed.global("project").filter(|given| given.value.as_deref() != Some(id)) {
        return Err(elsewhere(&given.word, id));
    }
    for given in &parsed.flags {
        check_flag(given, parsed.spec.path, id, tier)?;
    }
    check_storage(parsed)?;
    for (word, name) in parsed.positionals.iter().zip(names(parsed)) {
        if !TEXT.contains(&name) {
            check_name(&word.text, word, id)?;
            check_address(word)?;
            name::check(parsed.spec.path, &word.text, word)?;
        }
        if is_project(name) && word.text != id {
            return Err(elsewhere(word, id));
        }
        if parsed.spec.path.starts_with("iam service-accounts ") {
            check_account(&word.text, word, id)?;
        }
    }
    Ok(())
}

fn is_project(positional: &str) -> bool {
    matches!(positional, "PROJECT_ID" | "PROJECT_ID_OR_NUMBER" | "PROJECT")
}

fn check_flag(given: &Given, path: &str, id: &str, tier: Tier) -> Checked<()> {
    let Some(value) = &given.value else { return Ok(()) };
    let word = &given.word;
    if ABOVE.binary_search(&given.name).is_ok() {
        // A project may be named by its own id.
        return if given.name.ends_with("project") && value == id { Ok(()) } else { Err(elsewhere(word, id)) };
    }
    // A namespace of Cloud Run is a project.
    if given.name == "namespace" && path.starts_with("run ") && value != id {
        return Err(elsewhere(word, id));
    }
    if value.contains('=') && value.contains("csek-key-file") {
        let hint = "use keys of Cloud KMS";
        return Err(no(Code::WorkerFiles, "`csek-key-file` names a file of the machine", hint).over(word));
    }
    if given.name == "iam-account" {
        check_account(value, word, id)?;
    }
    let is_text = match tier {
        Tier::Read => TEXT_OF_A_READ.binary_search(&given.name).is_ok(),
        Tier::Change | Tier::Destructive => TEXT_FLAGS.binary_search(&given.name).is_ok(),
    };
    let acted_on = ACTED_ON.iter().any(|(group, flag)| path.starts_with(group) && *flag == given.name);
    let refers = tier == Tier::Change && !acted_on && REFERENCES.binary_search(&given.name).is_ok();
    if is_text {
        return Ok(());
    }
    name::check_upwards(value, word)?;
    if name::is_place(given.name) {
        name::check_place(value, word)?;
    }
    if refers {
        return Ok(());
    }
    if name::is_in_path(path, given.name) {
        name::check(path, value, word)?;
    }
    if given.name.ends_with("-project") && value != id {
        return Err(elsewhere(word, id));
    }
    check_name(value, word, id)
}

/// `projects/<id>/…`, `…-docker.pkg.dev/<id>/…`, `gcr.io/<id>/…`, wherever they stand in a value; and
/// what belongs to no project.
fn check_name(value: &str, word: &Word, id: &str) -> Checked<()> {
    if !value.contains(['/', '%']) {
        return Ok(());
    }
    // Names of logs have their slashes encoded, and gcloud decodes them once.
    let lower = value.to_ascii_lowercase().replace("%2f", "/");
    if lower.contains("%25") {
        let hint = "write the name plainly";
        return Err(no(Code::BadValue, format!("{} hides what it names", quoted(value)), hint).over(word));
    }
    for before in ["projects/", "pkg.dev/", "gcr.io/"] {
        for (at, _) in lower.match_indices(before) {
            let rest = lower.get(at + before.len()..).unwrap_or_default();
            let named = rest.split(|c: char| !(c.is_ascii_alphanumeric() || "-_.:*".contains(c))).next();
            // The API of Cloud Storage writes `_` where a project would stand.
            if named != Some(id) && named != Some("_") {
                return Err(elsewhere(word, id));
            }
        }
    }
    match ["organizations/", "folders/", "billingaccounts/"].iter().find(|above| begins_part(&lower, above)) {
        Some(_) if !lower.contains("projects/") => Err(elsewhere(word, id)),
        _ => Ok(()),
    }
}

/// Whether a part of a path begins here: `folders/1`, not `managed-folders/1`.
fn begins_part(value: &str, what: &str) -> bool {
    value.starts_with(what) || value.contains(&format!("/{what}")) && !value.starts_with("gs://")
}

/// A name may be an address of Cloud Storage; other addresses say where to send the request.
fn check_address(word: &Word) -> Checked<()> {
    let address = word.text.contains("://") && !word.text.starts_with("gs://");
    let host = word.text.strip_prefix("https://").and_then(|rest| rest.split_once('/'));
    let own = host.is_some_and(|(host, rest)| host.ends_with(".googleapis.com") && rest.contains("projects/"));
    if !address || own {
        return Ok(());
    }
    let hint = "write its name, and its place with `--zone`, `--region` or `--location`";
    Err(no(Code::BadValue, format!("{} is an address and no name", quoted(&word.text)), hint).over(word))
}

/// An account is found by its address in any project.
///
/// Source: IAM API, `projects/-/serviceAccounts/{EMAIL_OR_UNIQUE_ID}`, as gcloud builds it.
fn check_account(account: &str, word: &Word, id: &str) -> Checked<()> {
    let name = account.rsplit('/').next().unwrap_or_default();
    let own = match name.split_once('@') {
        Some((_, domain)) if domain == format!("{id}.iam.gserviceaccount.com") => true,
        Some((name, "appspot.gserviceaccount.com")) => name == id,
        // `iam service-accounts create NAME` is in the project that is injected.
        None => !name.chars().all(|c| c.is_ascii_digit()),
        Some(_) => false,
    };
    if own {
        return Ok(());
    }
    let hint = format!("name an account of this project: …@{id}.iam.gserviceaccount.com");
    Err(no(Code::UnknownTarget, format!("{} is not known to be of this project", quoted(account)), hint).over(word))
}

/// Commands on objects and buckets take local paths as well.
fn check_storage(parsed: &Parsed) -> Checked<()> {
    let path = parsed.spec.path;
    let urls = ["cat", "cp", "du", "hash", "ls", "mv", "restore", "rm", "rsync"]
        .iter()
        .any(|verb| path.strip_prefix("storage ") == Some(verb))
        || path.starts_with("storage objects ");
    let Some(local) = parsed.positionals.iter().find(|word| urls && !word.text.starts_with("gs://")) else {
        return Ok(());
    };
    let hint = "write `gs://BUCKET/…` for both ends; files go through a repository and its pipeline";
    Err(no(Code::WorkerFiles, format!("{} is no address of Cloud Storage", quoted(&local.text)), hint).over(local))
}

fn elsewhere(word: &Word, id: &str) -> Box<Refusal> {
    no(
        Code::UnknownTarget,
        format!("{} is not in the project `{id}`", quoted(&word.text)),
        "say where with the first word, `/gcloud <project> …`, and leave the project out of names",
    )
    .over(word)
}

/// The name of the positional that each word is for: those before the one that takes many, it, and
/// those after it.
pub(super) fn names(parsed: &Parsed) -> Vec<&'static str> {
    let all: Vec<Positional> = parsed.spec.positionals().collect();
    let many = all.iter().position(|one| one.count == Count::Any || one.count == Count::AtLeastOne);
    let given = parsed.positionals.len();
    (0..given)
        .map(|at| {
            let after = many.map_or(0, |many| all.len() - many - 1);
            let index = match many {
                Some(_) if at + after >= given => all.len() - (given - at),
                Some(many) => at.min(many),
                None => at,
            };
            all.get(index).map_or("", |one| one.name)
        })
        .collect()
}

/// The region or location that was typed; of a zone its region.
pub(super) fn region(parsed: &Parsed) -> Option<String> {
    let short = |value: &str| value.rsplit('/').next().unwrap_or_default().to_owned();
    if let Some(value) = parsed.value("region").or_else(|| parsed.value("location")) {
        return Some(short(value));
    }
    let zone = short(parsed.value("zone")?);
    // dns has zones of another kind.
    let is_place = zone.rsplit_once('-').is_some_and(|(region, letter)| letter.len() == 1 && region.contains('-'));
    is_place.then(|| zone.rsplit_once('-').map(|(region, _)| region.to_owned())).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gcloud::table;
    use std::collections::BTreeSet;

    #[test]
    fn the_lists_name_flags_that_there_are() {
        let known: BTreeSet<&str> = table::all().flat_map(table::Spec::flags).map(|flag| flag.name).collect();
        assert!([TEXT_FLAGS, TEXT_OF_A_READ, REFERENCES, ABOVE].iter().all(|list| list.is_sorted()));
        let listed =
            TEXT_FLAGS.iter().chain(REFERENCES).chain(ABOVE).filter(|name| !matches!(**name, "flatten" | "format"));
        let unknown: Vec<&&str> = listed.filter(|name| !known.contains(*name)).collect();
        assert_eq!(unknown, Vec::<&&str>::new());
    }
}
