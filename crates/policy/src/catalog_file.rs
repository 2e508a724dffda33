//! Reads catalog.yaml.
//!
//! **Invariant:** what leaves here complete has no name that points at nothing, no secret in the
//! place of a reference, and nothing below the floor.

use crate::catalog::{Catalog, Cluster, Credentials, Environment, Limits, Raise, Reference, Stage};
use crate::floor::Floor;
use crate::problems::{Mark, ProblemCode};
use crate::reader::{Fields, Reader, suggestion};
use crate::selector::{Known, TIERS, selector};
use crate::yaml::Node;
use countersign_command::vocabulary::{self, Kind, Reach, Threshold, Vocabulary};
use countersign_core::refusal::shown;
use countersign_core::tier::{Isolation, Sensitivity};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

mod commands;

const SECTIONS: [&str; 8] =
    ["environments", "clusters", "default_cluster", "kinds", "tiers", "thresholds", "limits", "commands"];

const NOT_YET: [(&str, &str); 6] = [
    ("profiles", "aws has not shipped"),
    ("projects", "gcloud has not shipped"),
    ("stacks", "terraform has not shipped"),
    ("services", "deploy has not shipped"),
    ("alertmanagers", "silence has not shipped"),
    ("channels", "defaults by channel come with control"),
];

/// The words that rbac.yaml's `tool` takes besides the custom commands, and Countersign itself.
pub(crate) const TOOLS: [&str; 7] = ["kubectl", "aws", "gcloud", "tf", "deploy", "silence", "countersign"];

const ISOLATION: [(&str, Isolation); 4] =
    [("strict", Isolation::Strict), ("nested", Isolation::Nested), ("job", Isolation::Job), ("none", Isolation::None)];

/// A job that needs longer is not a chat command.
const LONGEST_WALL_SECONDS: i64 = 3_600;

/// More output than this nobody reads in a thread.
const MOST_OUTPUT_BYTES: i64 = 64 << 20;

pub(crate) fn read(reader: &mut Reader<'_>, floor: &Floor) -> Catalog {
    let mut catalog = Catalog::default();
    let Some(root) = reader.document(&SECTIONS, &NOT_YET) else {
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
    if let Some(node) = section("clusters") {
        catalog.clusters = clusters(reader, node, &catalog.environments, floor);
    }
    if let Some(node) = section("commands") {
        catalog.commands = commands::commands(reader, node, &catalog, floor);
    }
    let known = known(&catalog);
    if let Some(node) = section("tiers") {
        catalog.raises = raises(reader, node, &known, &catalog, floor);
    }
    catalog.vocabulary = Vocabulary {
        environments: catalog.environments.keys().cloned().collect(),
        clusters: catalog.clusters.iter().map(|(name, one)| (name.clone(), spoken(one))).collect(),
        channel_clusters: BTreeMap::new(),
        default_cluster: section("default_cluster").and_then(|node| default_cluster(reader, node, &catalog)),
        kinds: section("kinds").map_or_else(Vec::new, |node| kinds(reader, node)),
        commands: catalog.commands.iter().map(|(name, one)| (name.clone(), one.grammar.clone())).collect(),
        thresholds: section("thresholds").map_or_else(Vec::new, |node| thresholds(reader, node)),
        ..Vocabulary::default()
    };
    catalog
}

fn spoken(cluster: &Cluster) -> vocabulary::Cluster {
    vocabulary::Cluster { env: cluster.env.clone(), namespace: cluster.namespace.clone() }
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

fn environment<'n>(
    reader: &mut Reader<'_>,
    fields: &Fields<'n>,
    what: &str,
    known: &BTreeMap<String, Environment>,
) -> Option<&'n str> {
    let node = reader.required(fields, "env", what)?;
    let name = reader.name(node, "environment")?;
    if !known.contains_key(name) {
        let hint = suggestion(name, known.keys().map(String::as_str), "known environments");
        let message = format!("no environment `{}`", shown(name));
        reader.note_with_hint(node.at, ProblemCode::UnknownWord, message, hint);
    }
    Some(name)
}

/// Owners are groups; without one, `owners-of-target` would mean nobody.
fn owners(reader: &mut Reader<'_>, fields: &Fields<'_>, what: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    if let Some(node) = reader.required(fields, "owners", what) {
        for item in reader.one_or_more(node, "`owners`") {
            found.extend(reader.name(item, "the name of a group").map(str::to_owned));
        }
    }
    found
}

fn pool(reader: &mut Reader<'_>, fields: &Fields<'_>, what: &str) -> Option<String> {
    let node = reader.required(fields, "pool", what)?;
    reader.name(node, "the name of a pool").map(str::to_owned)
}

fn isolation(reader: &mut Reader<'_>, fields: &Fields<'_>) -> Isolation {
    let node = fields.of("isolation");
    node.and_then(|node| reader.word(node, "isolation level", &ISOLATION)).unwrap_or(Isolation::Strict)
}

fn clusters(
    reader: &mut Reader<'_>,
    node: &Node,
    environments: &BTreeMap<String, Environment>,
    floor: &Floor,
) -> BTreeMap<String, Cluster> {
    let mut found = BTreeMap::new();
    for (key, item) in reader.map(node, "`clusters`").unwrap_or_default() {
        label(reader, key.at, &key.text, "the name of a cluster");
        if let Some(cluster) = cluster(reader, item, &key.text, environments, floor) {
            found.insert(key.text.clone(), cluster);
        }
    }
    found
}

fn cluster(
    reader: &mut Reader<'_>,
    node: &Node,
    name: &str,
    environments: &BTreeMap<String, Environment>,
    floor: &Floor,
) -> Option<Cluster> {
    let keys = ["env", "address", "ca", "namespace", "owners", "pool", "isolation", "credentials"];
    let fields = reader.fields(node, "a cluster", &keys, &[])?;
    let isolation = isolation(reader, &fields);
    if isolation == Isolation::None {
        let message = "a cluster's commands can change things, so they need an isolation level";
        reader.note(node.at, ProblemCode::Floor, message);
    }
    let env = environment(reader, &fields, "a cluster", environments);
    let stage = env.and_then(|env| environments.get(env)).map(|env| env.stage);
    if floor.names_production(name) && stage == Some(Stage::Other) {
        let message = format!("cluster `{}` is production by its name", shown(name));
        let hint = "put it in an environment with `production: true`, or call it otherwise";
        reader.note_with_hint(node.at, ProblemCode::Floor, message, hint);
    }
    let owners = owners(reader, &fields, "a cluster");
    let pool = pool(reader, &fields, "a cluster");
    let address = reader.required(&fields, "address", "a cluster");
    let address = address.and_then(|node| address_of(reader, node));
    let credentials = reader.required(&fields, "credentials", "a cluster");
    let credentials = credentials.and_then(|node| credentials_of(reader, node));
    let namespace = match fields.of("namespace") {
        Some(node) => {
            let text = reader.name(node, "a namespace")?;
            label(reader, node.at, text, "a namespace");
            text.to_owned()
        }
        None => "default".to_owned(),
    };
    Some(Cluster {
        name: name.to_owned(),
        env: env?.to_owned(),
        address: address?,
        ca: fields.of("ca").and_then(|node| reference(reader, node)),
        namespace,
        owners,
        pool: pool?,
        isolation,
        credentials: credentials?,
    })
}

/// A DNS label (RFC 1123): what Kubernetes takes as a namespace, and what is easy to type.
fn label(reader: &mut Reader<'_>, at: Mark, text: &str, what: &str) {
    let plain = text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
    if !plain || text.is_empty() || text.len() > 63 || text.starts_with('-') || text.ends_with('-') {
        let message = format!("{what} is lower-case letters, digits and dashes: `{}`", shown(text));
        reader.note(at, ProblemCode::Value, message);
    }
}

fn address_of(reader: &mut Reader<'_>, node: &Node) -> Option<String> {
    let text = reader.name(node, "an address")?;
    let host = text.strip_prefix("https://").map(|rest| rest.strip_suffix('/').unwrap_or(rest));
    let plain = |host: &str| !host.is_empty() && !host.contains(['/', '@', '=', '+']);
    if host.is_none_or(|host| !plain(host)) {
        let message = format!("`{}` is not the address of an API server", shown(text));
        let hint = "write `https://host:port`; no user, no path";
        reader.note_with_hint(node.at, ProblemCode::Value, message, hint);
        return None;
    }
    Some(text.to_owned())
}

fn reference(reader: &mut Reader<'_>, node: &Node) -> Option<Reference> {
    let text = reader.text(node, "a reference")?;
    match Reference::parse(text) {
        Ok(reference) => Some(reference),
        Err(wrong) => {
            // The text is not repeated: it may be the secret itself.
            reader.note(node.at, ProblemCode::Value, wrong.to_string());
            None
        }
    }
}

fn credentials_of(reader: &mut Reader<'_>, node: &Node) -> Option<Credentials> {
    let keys = ["read", "sensitive", "preview", "change", "destructive"];
    let fields = reader.fields(node, "`credentials`", &keys, &[])?;
    let mut one = |key: &str| fields.of(key).and_then(|node| reference(reader, node));
    let credentials = Credentials {
        read: one("read"),
        sensitive: one("sensitive"),
        preview: one("preview"),
        change: one("change"),
        destructive: one("destructive"),
    };
    separate(reader, node.at, &credentials);
    Some(credentials)
}

/// A read with the credential of a change would make the tiers a matter of belief.
fn separate(reader: &mut Reader<'_>, at: Mark, credentials: &Credentials) {
    let weak = [("read", &credentials.read), ("sensitive", &credentials.sensitive), ("preview", &credentials.preview)];
    let strong = [("change", &credentials.change), ("destructive", &credentials.destructive)];
    for (name, one) in weak {
        for (other, another) in strong {
            if one.is_some() && one == another {
                let message = format!("`{name}` has the credential of `{other}`");
                let hint = "a credential that can write is never used to look";
                reader.note_with_hint(at, ProblemCode::Floor, message, hint);
            }
        }
    }
    if credentials.read.is_some() && credentials.read == credentials.sensitive {
        let hint = "what reads for everybody must not be able to read secrets";
        reader.note_with_hint(at, ProblemCode::Floor, "`sensitive` has the credential of `read`".to_owned(), hint);
    }
}

fn default_cluster(reader: &mut Reader<'_>, node: &Node, catalog: &Catalog) -> Option<String> {
    let name = reader.name(node, "the name of a cluster")?;
    if !catalog.clusters.contains_key(name) {
        let known = catalog.clusters.keys().map(String::as_str);
        let hint = suggestion(name, known, "known clusters");
        let message = format!("no cluster `{}`", shown(name));
        reader.note_with_hint(node.at, ProblemCode::UnknownWord, message, hint);
    }
    Some(name.to_owned())
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

fn kinds(reader: &mut Reader<'_>, node: &Node) -> Vec<Kind> {
    let mut found: Vec<Kind> = Vec::new();
    for item in reader.list(node, "`kinds`") {
        let Some(kind) = kind(reader, item) else {
            continue;
        };
        let same = |other: &Kind| other.plural == kind.plural && other.group == kind.group;
        if found.iter().any(same) {
            let message = format!("kind `{}` is here twice", kind.plural);
            reader.note(item.at, ProblemCode::Duplicate, message);
        }
        found.push(kind);
    }
    found
}

fn kind(reader: &mut Reader<'_>, node: &Node) -> Option<Kind> {
    let keys = ["kind", "plural", "singular", "short_names", "group", "reach", "sensitive"];
    let fields = reader.fields(node, "a kind", &keys, &[])?;
    let mut lower = |key: &str| {
        let node = reader.required(&fields, key, "a kind")?;
        let text = reader.name(node, &format!("`{key}`"))?;
        label(reader, node.at, text, &format!("`{key}`"));
        Some(text.to_owned())
    };
    let plural = lower("plural");
    let singular = lower("singular");
    let name = reader.required(&fields, "kind", "a kind");
    let name = name.and_then(|node| reader.name(node, "`kind`"));
    let group = reader.required(&fields, "group", "a kind beyond the built-in ones");
    let group = group.and_then(|node| reader.name(node, "`group`"));
    let mut short_names = Vec::new();
    if let Some(node) = fields.of("short_names") {
        for item in reader.one_or_more(node, "`short_names`") {
            short_names.extend(reader.name(item, "a short name").map(str::to_owned));
        }
    }
    let reaches = [("namespaced", Reach::Namespaced), ("cluster", Reach::Cluster)];
    let reach = reader.required(&fields, "reach", "a kind");
    let reach = reach.and_then(|node| reader.word(node, "reach", &reaches));
    Some(Kind {
        plural: plural?,
        singular: singular?,
        kind: name?.to_owned(),
        short_names,
        group: group?.to_owned(),
        reach: reach?,
        sensitivity: sensitivity(reader, &fields)?,
    })
}

/// Must be said for every entry: a forgotten `sensitive` would show secrets.
fn sensitivity(reader: &mut Reader<'_>, fields: &Fields<'_>) -> Option<Sensitivity> {
    let node = reader.required(fields, "sensitive", "the entry")?;
    let said = reader.boolean(node, "`sensitive`")?;
    Some(if said { Sensitivity::Sensitive } else { Sensitivity::Plain })
}

fn thresholds(reader: &mut Reader<'_>, node: &Node) -> Vec<Threshold> {
    let mut found = Vec::new();
    for item in reader.list(node, "`thresholds`") {
        let Some(fields) = reader.fields(item, "a threshold", &["objects", "tier"], &[]) else {
            continue;
        };
        let objects = reader.required(&fields, "objects", "a threshold");
        let objects = objects.and_then(|node| reader.whole(node, "`objects`", 1, 1_000_000));
        let tier = reader.required(&fields, "tier", "a threshold");
        let tier = tier.and_then(|node| reader.word(node, "tier", &TIERS));
        if let (Some(objects), Some(tier)) = (objects, tier) {
            let objects = usize::try_from(objects).unwrap_or(1);
            found.push(Threshold { objects, tier });
        }
    }
    found
}

fn raises(reader: &mut Reader<'_>, node: &Node, known: &Known, catalog: &Catalog, floor: &Floor) -> Vec<Raise> {
    let mut found = Vec::new();
    for item in reader.list(node, "`tiers`") {
        let keys = ["tool", "verb", "env", "resource", "at_least", "why"];
        let Some(fields) = reader.fields(item, "a tier override", &keys, &[]) else {
            continue;
        };
        reader.required(&fields, "tool", "a tier override");
        let selector = selector(reader, &fields, known);
        let tier = reader.required(&fields, "at_least", "a tier override");
        let tier = tier.and_then(|node| reader.word(node, "tier", &TIERS));
        let why = reader.required(&fields, "why", "a tier override");
        let why = why.and_then(|node| reader.text(node, "`why`"));
        let (Some(tier), Some(why)) = (tier, why) else {
            continue;
        };
        let own = catalog.commands.iter().filter(|(name, _)| selector.tool.has(name));
        let highest = own.map(|(_, one)| one.grammar.tier).max();
        let below = floor.least_tier(&selector).max(highest).filter(|least| tier < *least);
        if let Some(least) = below {
            let message = format!("the override says {tier}, and it is {least} already");
            let hint = "an override can only raise a tier";
            reader.note_with_hint(item.at, ProblemCode::Floor, message, hint);
        }
        found.push(Raise { selector, tier, why: why.to_owned() });
    }
    found
}
