//! Reads catalog.yaml; each section has its module.
//!
//! **Invariant:** what leaves here complete has no name that points at nothing, no secret in the
//! place of a reference, and nothing below the floor.

use crate::catalog::{Catalog, Environment, Limits, Stage};
use crate::floor::Floor;
use crate::problems::{Mark, ProblemCode};
use crate::reader::{Fields, Reader};
use crate::selector::Known;
use crate::yaml::Node;
use countersign_command::vocabulary::{self, Vocabulary};
use countersign_core::tier::Sensitivity;
use place::Ground;
use std::collections::BTreeMap;
use std::time::Duration;

mod alertmanagers;
mod channels;
mod clusters;
mod commands;
mod credentials;
mod endpoint;
mod github;
mod hosts;
mod kinds;
mod place;
mod profiles;
mod projects;
mod provenance;
mod services;
mod stacks;
mod tiers;

const SECTIONS: [&str; 15] = [
    "environments",
    "clusters",
    "default_cluster",
    "channels",
    "profiles",
    "projects",
    "repositories",
    "stacks",
    "services",
    "alertmanagers",
    "kinds",
    "tiers",
    "thresholds",
    "limits",
    "commands",
];

/// The words that rbac.yaml's `tool` takes besides the custom commands, and Countersign itself.
pub(crate) const TOOLS: [&str; 7] = ["kubectl", "aws", "gcloud", "tf", "deploy", "silence", "countersign"];

/// A job that needs longer is not a chat command.
const LONGEST_WALL_SECONDS: i64 = 3_600;

/// More output than this nobody reads in a thread.
const MOST_OUTPUT_BYTES: i64 = 64 << 20;

pub(crate) fn read(reader: &mut Reader<'_>, floor: &Floor) -> Catalog {
    let mut catalog = Catalog::default();
    let Some(root) = reader.document(&SECTIONS, &[]) else {
        return catalog;
    };
    let crate::yaml::Value::Map(entries) = &root.value else {
        return catalog;
    };
    let section = |name: &str| entries.iter().find(|(key, _)| key.text == name).map(|(_, node)| node);
    match section("environments") {
        Some(node) => catalog.environments = environments(reader, node, floor),
        None => reader.note(Mark::default(), ProblemCode::Missing, "there are no `environments`"),
    }
    if let Some(node) = section("limits") {
        catalog.limits = limits(reader, node).unwrap_or_default();
    }
    targets(reader, &section, &mut catalog, floor);
    if let Some(node) = section("commands") {
        catalog.commands = commands::commands(reader, node, &catalog, floor);
    }
    let known = known(&catalog);
    if let Some(node) = section("tiers") {
        catalog.raises = tiers::raises(reader, node, &known, &catalog, floor);
    }
    catalog.vocabulary = Vocabulary {
        default_cluster: section("default_cluster").and_then(|node| clusters::default_cluster(reader, node, &catalog)),
        channel_clusters: section("channels")
            .map_or_else(BTreeMap::new, |node| channels::clusters(reader, node, &catalog.clusters)),
        kinds: section("kinds").map_or_else(Vec::new, |node| kinds::kinds(reader, node)),
        thresholds: section("thresholds").map_or_else(Vec::new, |node| tiers::thresholds(reader, node)),
        ..spoken(&catalog)
    };
    catalog
}

/// The sections of what commands act on. A service names its cluster and its repository, and a stack
/// its repository, so those come first.
fn targets<'n>(
    reader: &mut Reader<'_>,
    section: &dyn Fn(&str) -> Option<&'n Node>,
    catalog: &mut Catalog,
    floor: &Floor,
) {
    let environments = catalog.environments.clone();
    let ground = Ground { environments: &environments, floor };
    if let Some(node) = section("clusters") {
        catalog.clusters = clusters::clusters(reader, node, ground);
    }
    if let Some(node) = section("profiles") {
        catalog.profiles = profiles::profiles(reader, node, ground);
    }
    if let Some(node) = section("projects") {
        catalog.projects = projects::projects(reader, node, ground);
    }
    if let Some(node) = section("repositories") {
        catalog.repositories = stacks::repositories(reader, node);
    }
    if let Some(node) = section("stacks") {
        catalog.stacks = stacks::stacks(reader, node, &catalog.repositories, ground);
    }
    if let Some(node) = section("services") {
        catalog.services = services::services(reader, node, catalog, ground);
    }
    if let Some(node) = section("alertmanagers") {
        catalog.alertmanagers = alertmanagers::alertmanagers(reader, node, ground);
    }
}

/// What the grammars may know of the entries.
fn spoken(catalog: &Catalog) -> Vocabulary {
    let cluster = |one: &crate::catalog::Cluster| vocabulary::Cluster {
        env: one.place.env.clone(),
        namespace: one.namespace.clone(),
    };
    Vocabulary {
        environments: catalog.environments.keys().cloned().collect(),
        clusters: each(&catalog.clusters, cluster),
        commands: each(&catalog.commands, |one| one.grammar.clone()),
        profiles: each(&catalog.profiles, |one| one.grammar.clone()),
        projects: each(&catalog.projects, |one| one.grammar.clone()),
        stacks: each(&catalog.stacks, |one| one.grammar.clone()),
        services: each(&catalog.services, |one| one.grammar.clone()),
        alertmanagers: each(&catalog.alertmanagers, |one| one.grammar.clone()),
        repositories: catalog.repositories.keys().cloned().collect(),
        ..Vocabulary::default()
    }
}

fn each<T, U>(entries: &BTreeMap<String, T>, of: impl Fn(&T) -> U) -> BTreeMap<String, U> {
    entries.iter().map(|(name, one)| (name.clone(), of(one))).collect()
}

/// The words rbac.yaml may use.
pub(crate) fn known(catalog: &Catalog) -> Known {
    let tools = TOOLS.into_iter().filter(|tool| *tool != "countersign").map(str::to_owned);
    Known {
        tools: tools.chain(catalog.commands.keys().cloned()).collect(),
        environments: catalog.environments.keys().cloned().collect(),
    }
}

fn environments(reader: &mut Reader<'_>, node: &Node, floor: &Floor) -> BTreeMap<String, Environment> {
    let mut found = BTreeMap::new();
    for (key, item) in reader.map(node, "`environments`").unwrap_or_default() {
        reader.check_name(key.at, &key.text, "the name of an environment");
        let Some(fields) = reader.fields(item, "an environment", &["production"], &[]) else {
            continue;
        };
        let said = fields.of("production").and_then(|node| reader.boolean(node, "`production`"));
        let named = floor.names_production(&key.text);
        if named && said != Some(true) {
            let message = format!("`{}` is production by its name", key.text);
            let hint = "write `production: true`, or call it otherwise";
            reader.note_with_hint(key.at, ProblemCode::Floor, message, hint);
        }
        let stage = if named || said == Some(true) { Stage::Production } else { Stage::Other };
        found.insert(key.text.clone(), Environment { stage });
    }
    if found.is_empty() {
        reader.note(node.at, ProblemCode::Empty, "there is no environment");
    }
    found
}

fn limits(reader: &mut Reader<'_>, node: &Node) -> Option<Limits> {
    let fields = reader.fields(node, "`limits`", &["wall_seconds", "output_bytes"], &[])?;
    let mut limits = Limits::default();
    if let Some(node) = fields.of("wall_seconds") {
        let seconds = reader.whole(node, "`wall_seconds`", 1, LONGEST_WALL_SECONDS)?;
        limits.wall = Duration::from_secs(seconds.unsigned_abs());
    }
    if let Some(node) = fields.of("output_bytes") {
        let bytes = reader.whole(node, "`output_bytes`", 1_024, MOST_OUTPUT_BYTES)?;
        limits.output_bytes = bytes.unsigned_abs();
    }
    Some(limits)
}

/// Must be said for every entry: a forgotten `sensitive` would show secrets.
fn sensitivity(reader: &mut Reader<'_>, fields: &Fields<'_>) -> Option<Sensitivity> {
    let node = reader.required(fields, "sensitive", "the entry")?;
    let said = reader.boolean(node, "`sensitive`")?;
    Some(if said { Sensitivity::Sensitive } else { Sensitivity::Plain })
}

#[cfg(test)]
mod tests;
