//! The shape of a name: gcloud writes names into the path of its requests, and places and registries
//! into their host, as they are.
//!
//! **Invariant:** a name is one part of a path or the whole name of a resource. It changes neither
//! which request is sent nor to where.
//!
//! Source: requests of SDK 528, `--log-http`. `secrets versions describe latest:access` and
//! `redis instances describe i/authString` get a secret, `--location=a/../../../other/locations/b`
//! leaves the project, and the credential itself goes to the host that
//! `run services list --region=evil.example/` or `container images list-tags gcr.io.evil.example/a/b`
//! names.

use crate::no::{Checked, Pointing, no, quoted};
use crate::words::Word;
use countersign_core::refusal::{Code, Refusal};

/// Flags whose values stand in the path of a request, sorted. Places are not among them.
///
/// Source: the concepts of the commands, which `generate/gcloud.py` lists (a test compares), and for
/// older commands what they give to `resources.REGISTRY`.
const IN_PATHS: &[&str] = &[
    "app-profile",
    "attachment-point",
    "attestation-authority-note",
    "attestor",
    "automated-backup-encryption-key",
    "automated-backup-encryption-key-keyring",
    "backup",
    "backup-collection",
    "backup-schedule",
    "block-name",
    "boot-disk-kms-key",
    "boot-disk-kms-keyring",
    "bucket",
    "certificate-manager-certificates",
    "certificate-map",
    "certificates",
    "channel",
    "cluster",
    "collection-group",
    "config-membership",
    "connection",
    "continuous-backup-encryption-key",
    "continuous-backup-encryption-key-keyring",
    "database",
    "dead-letter-topic",
    "delivery-pipeline",
    "destination-backup",
    "destination-cluster",
    "destination-database",
    "destination-instance",
    "disk-encryption-key",
    "disk-encryption-key-keyring",
    "domain",
    "execution",
    "firewall-policy",
    "iam-account",
    "instance",
    "instance-config",
    "instance-kms-key",
    "instance-kms-keyring",
    "instance-partition",
    "instances",
    "job",
    "key",
    "key-ring",
    "keyname",
    "keyring",
    "keyversion",
    "keyversion-key",
    "keyversion-keyring",
    "kind",
    "kms-key",
    "kms-key-name",
    "kms-keyring",
    "kms-keys",
    "managed-identity",
    "map",
    "membership",
    "memberships",
    "namespace",
    "nat",
    "nat-name",
    "network",
    "network-interface",
    "note",
    "oauth-client",
    "os-policy-assignment",
    "package",
    "policy-name",
    "primary-instance",
    "provider",
    "queue",
    "release",
    "report-config",
    "repository",
    "resize-request",
    "response-policy",
    "revision-id",
    "rollout",
    "router",
    "schema",
    "schema-name",
    "scope",
    "secret",
    "security-policy",
    "server-tls-policy",
    "service",
    "source-backup",
    "source-cluster",
    "source-instance",
    "storage-pool-type",
    "sub-block-name",
    "subject",
    "subscription",
    "table",
    "tag",
    "target",
    "topic",
    "topic-encryption-key",
    "topic-encryption-key-keyring",
    "transport-topic",
    "trigger-channel",
    "version",
    "view",
    "vpc-connector",
    "workflow",
    "workforce-pool",
    "workload-identity-pool",
];

/// Groups in which one of these is something else: the public key itself.
const NOT_THERE: &[(&str, &str)] = &[("compute os-login ", "key")];

/// Groups whose names have slashes of their own, which are encoded or belong to an image.
const WITH_SLASHES: &[&str] = &[
    "artifacts docker ",
    "artifacts files ",
    "artifacts packages ",
    "artifacts sbom ",
    "artifacts tags ",
    "artifacts versions ",
    "artifacts vulnerabilities ",
    "container images ",
    "logging copy",
    "logging logs ",
    "logging metrics ",
    "logging sinks ",
    "logging write",
];

/// Groups whose names have colons of their own: an image's tag, a group of Maven.
const WITH_COLONS: &[&str] = &[
    "artifacts docker ",
    "artifacts packages ",
    "artifacts sbom ",
    "artifacts tags ",
    "artifacts versions ",
    "artifacts vulnerabilities ",
    "container images ",
];

/// Whether a flag names what stands in the path of the request.
pub(super) fn is_in_path(path: &str, flag: &str) -> bool {
    IN_PATHS.binary_search(&flag).is_ok()
        && !NOT_THERE.iter().any(|(group, other)| path.starts_with(group) && flag == *other)
}

/// Whether a flag names a region, a zone or the like.
pub(super) fn is_place(flag: &str) -> bool {
    let last = flag.rsplit('-').next().unwrap_or_default();
    matches!(last.strip_suffix('s').unwrap_or(last), "region" | "zone" | "location")
}

/// A place is a word, several words, or the whole name of one.
pub(super) fn check_place(value: &str, word: &Word) -> Checked<()> {
    let plain = |part: &str| part.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    let own = |one: &str| plain(one) || is_whole(one) && one.rsplit('/').take(2).all(plain);
    if value.split(',').all(own) {
        return check_parts(value, word);
    }
    Err(no(Code::BadValue, format!("{} is not a place", quoted(value)), "write its name, as `europe-west1`").over(word))
}

/// A name of the command with this path, as the argument or the value of a flag.
pub(super) fn check(path: &str, text: &str, word: &Word) -> Checked<()> {
    // Objects have any name, and it is encoded.
    if text.starts_with("gs://") {
        return Ok(());
    }
    check_parts(text, word)?;
    let rest = text.strip_prefix("https://").unwrap_or(text).replace("sha256:", "");
    let is_of = |groups: &[&str]| groups.iter().any(|group| path.starts_with(group));
    let own_slash = is_of(WITH_SLASHES) && !text.starts_with('/');
    let has_slash = text.contains('/') && !own_slash && !is_whole(text) && !is_known(path, text);
    if has_slash || (rest.contains(':') && !is_of(WITH_COLONS)) {
        return Err(more_than_a_name(text, word));
    }
    if is_of(&["container images ", "artifacts docker "]) { check_registry(text, word) } else { Ok(()) }
}

/// Nothing in a name leads upwards or ends the path; dots may be encoded, and slashes too.
fn check_parts(text: &str, word: &Word) -> Checked<()> {
    if !text.contains(['/', '.', '%', '?', '#', '\\']) {
        return Ok(());
    }
    let decoded = text.to_ascii_lowercase().replace("%2f", "/").replace("%2e", ".");
    if decoded.contains(['?', '#', '\\']) || decoded.split('/').any(|part| matches!(part, "." | "..")) {
        return Err(more_than_a_name(text, word));
    }
    Ok(())
}

/// No value at all leads upwards, whether it stands in a path or not: older commands do not say so.
pub(super) fn check_upwards(text: &str, word: &Word) -> Checked<()> {
    if !text.contains("..") && !text.contains(['%']) {
        return Ok(());
    }
    let decoded = text.to_ascii_lowercase().replace("%2f", "/").replace("%2e", ".");
    if decoded.split(['/', ',', '=']).any(|part| part == "..") { Err(more_than_a_name(text, word)) } else { Ok(()) }
}

/// Whether it begins as the whole name of a resource; whose it is, is another question.
fn is_whole(text: &str) -> bool {
    let decoded = text.replace("%2F", "/").replace("%2f", "/");
    let after = decoded.strip_prefix("https://").or_else(|| decoded.strip_prefix("//"));
    let host = after.unwrap_or(&decoded).split('/').next().unwrap_or_default();
    host.ends_with(".googleapis.com") || (after.is_none() && host == "projects")
}

/// Google's own roles, and operations by the name that the API gave them.
fn is_known(path: &str, text: &str) -> bool {
    let (kind, rest) = text.split_once('/').unwrap_or_default();
    let fits = match kind {
        "roles" => path.starts_with("iam roles "),
        "operations" => path.contains(" operations "),
        _ => false,
    };
    fits && !rest.contains('/')
}

/// An image is at one of Google's registries. gcloud itself only looks at how the host begins.
fn check_registry(text: &str, word: &Word) -> Checked<()> {
    let Some((host, _)) = text.split_once('/').filter(|(first, _)| *first != "projects") else { return Ok(()) };
    let region = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    let own = matches!(host, "gcr.io" | "us.gcr.io" | "eu.gcr.io" | "asia.gcr.io")
        || host.strip_suffix("-docker.pkg.dev").is_some_and(region)
        || host.strip_prefix("docker.").and_then(|rest| rest.strip_suffix(".rep.pkg.dev")).is_some_and(region);
    if own {
        return Ok(());
    }
    let hint = "write it with its registry: `REGION-docker.pkg.dev/PROJECT/…` or `gcr.io/PROJECT/…`";
    Err(no(Code::UnknownTarget, format!("{} is at none of Google's registries", quoted(text)), hint).over(word))
}

fn more_than_a_name(text: &str, word: &Word) -> Box<Refusal> {
    let hint = "write the name alone, without slashes, colons, `?` and `#`, or whole: `projects/…`";
    no(Code::BadValue, format!("{} would change the request that gcloud sends", quoted(text)), hint).over(word)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gcloud::table::{self, Takes};
    use crate::gcloud::{classify, refused, scope};

    /// What a read takes and does not write into a path: it narrows what is found, or is sent as it is.
    const ASKED: &[&str] = &[
        "address-family",
        "artifact-url",
        "assignment-id",
        "attribute",
        "certificate-chain-type",
        "container-id-filter",
        "created-before",
        "database-version",
        "definition",
        "dependency",
        "destination-range",
        "direction",
        "done",
        "end-time",
        "exclude-name-pattern",
        "execution-id",
        "filter",
        "freshness",
        "full",
        "host",
        "inventory-filter",
        "kernel-version",
        "limit",
        "log-filter",
        "managed-by",
        "message",
        "message-encoding",
        "metadata-filter",
        "min-log-level",
        "name",
        "next-page-token",
        "occurrence-filter",
        "operation-filter",
        "order",
        "os-shortname",
        "os-version",
        "package-name",
        "package-version",
        "page-size",
        "page_token",
        "peer",
        "port",
        "protocol",
        "public-key-format",
        "query-path",
        "range",
        "regexp",
        "resource",
        "resource-prefix",
        "resource-type",
        "resource-types",
        "response-view",
        "route-direction",
        "server-filter",
        "service-account",
        "service-name",
        "show-occurrences-from",
        "sink-filter",
        "sort-by",
        "sort-order",
        "source",
        "start",
        "start-time",
        "timeout",
        "type",
    ];

    /// Parts of a name that are something else in other commands: an address, a repository with slashes.
    const SOMETHING_ELSE: &[&str] = &["destination", "repo", "source"];

    #[test]
    fn p39_every_flag_that_is_part_of_a_resources_name_is_checked_as_one() {
        let rows = include_str!("../../tests/data/gcloud-resource-flags.txt").lines();
        let flags: Vec<&str> = rows.filter_map(|row| row.split_once('\t')).map(|(flag, _)| flag).collect();
        let checked = |name: &str| is_in_path("", name) || is_place(name) || scope::leads_out(name);
        let unknown: Vec<&&str> =
            flags.iter().filter(|flag| !checked(flag) && !SOMETHING_ELSE.contains(flag)).collect();
        assert_eq!(unknown, Vec::<&&str>::new());
        assert!(flags.len() > 100, "{}", flags.len());
    }

    fn refused(path: &str, text: &str) -> bool {
        check(path, text, &Word::untyped(text)).is_err()
    }

    #[test]
    fn names_are_one_part_of_a_path_or_whole() {
        for text in ["web-1", "(default)", "latest", "*.example.com.", "a@b.iam.gserviceaccount.com", "projects/p/x/y"]
        {
            assert!(!refused("compute instances describe", text), "{text}");
        }
        for text in
            ["a/b", "latest:access", "a/../b", "..", "a?b", "a#b", "projects/p/../q", "projects/p/x/y:z", "%2E%2e"]
        {
            assert!(refused("compute instances describe", text), "{text}");
        }
        assert!(!refused("iam roles describe", "roles/viewer") && refused("iam roles describe", "roles/../x"));
        assert!(!refused("services operations describe", "operations/acat.1"));
        assert!(refused("services operations describe", "operations/a/b"));
    }

    #[test]
    fn images_are_at_googles_registries() {
        for text in ["gcr.io/p/i:t", "eu.gcr.io/p/i@sha256:00", "a-1-docker.pkg.dev/p/r/i", "docker.us.rep.pkg.dev/p/r"]
        {
            assert!(!refused("container images describe", text), "{text}");
        }
        for text in ["evilgcr.io/p/i", "gcr.io.evil.example/p/i", "e.x/a-docker.pkg.dev/p", "a.b-docker.pkg.dev/p/r/i"]
        {
            assert!(refused("container images describe", text), "{text}");
            assert!(refused("artifacts docker images describe", text), "{text}");
        }
    }

    #[test]
    fn places_are_words() {
        let place = |text: &str| check_place(text, &Word::untyped(text)).is_ok();
        for text in
            ["europe-west1", "-", "a-b,c-d", "projects/p/regions/r", "https://www.googleapis.com/v1/projects/p/zones/z"]
        {
            assert!(place(text), "{text}");
        }
        for text in
            ["evil.example/", "a/b", "a.b", "a#", "a@b", "projects/p/../zones/z", "https://evil.example/zones/z"]
        {
            assert!(!place(text), "{text}");
        }
    }

    #[test]
    fn every_value_that_a_read_takes_is_a_place_or_a_name_or_asked_for() {
        assert!(IN_PATHS.is_sorted());
        let reads = table::all().filter(|spec| classify::reads(spec) && !refused::is_refused(spec));
        let values = reads.flat_map(table::Spec::flags).filter(|flag| matches!(flag.takes, Takes::Value | Takes::Many));
        let known = |name: &str| is_in_path("", name) || is_place(name) || ASKED.contains(&name);
        let checked = |name: &str| {
            scope::leads_out(name) || refused::flag(name, &Word::untyped(name)).is_err() || name == "platform"
        };
        let mut unknown: Vec<&str> =
            values.map(|flag| flag.name).filter(|name| !known(name) && !checked(name)).collect();
        unknown.sort_unstable();
        unknown.dedup();
        assert_eq!(unknown, Vec::<&str>::new());
    }
}
