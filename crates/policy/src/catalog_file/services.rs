//! Reads the services of catalog.yaml.
//!
//! **Invariant:** a service runs in an environment on a cluster of that environment, and what is
//! rolled out is a tag or digest of its one image repository.

use super::place::{self, Entry, Ground, label_of, owners, pool};
use crate::catalog::{Cluster, Place, Rollout, Service};
use crate::problems::ProblemCode;
use crate::reader::Reader;
use crate::yaml::{Key, Node};
use countersign_command::pattern::Pattern;
use countersign_command::vocabulary;
use countersign_core::command::Tool;
use countersign_core::refusal::shown;
use countersign_core::tier::Isolation;
use std::collections::{BTreeMap, BTreeSet};

pub(super) fn services(
    reader: &mut Reader<'_>,
    node: &Node,
    clusters: &BTreeMap<String, Cluster>,
    ground: Ground<'_>,
) -> BTreeMap<String, Service> {
    let keys = ["image", "versions", "environments"];
    place::entries(reader, node, "services", ("a service", &keys), |reader, entry| {
        service(reader, entry, clusters, ground)
    })
}

/// What the environments of a service have in common.
struct Common {
    owners: BTreeSet<String>,
    pool: String,
    isolation: Isolation,
}

fn service(
    reader: &mut Reader<'_>,
    entry: &Entry<'_>,
    clusters: &BTreeMap<String, Cluster>,
    ground: Ground<'_>,
) -> Option<Service> {
    if let Some(node) = entry.fields.of("env") {
        let hint = "write `environments: { dev: { cluster: dev } }`";
        reader.note_with_hint(node.at, ProblemCode::UnknownKey, "a service has several `environments`, no `env`", hint);
    }
    if countersign_command::verbs(&Tool::Deploy).contains(&entry.name) {
        let message = format!("`{}` is a verb of `/deploy`, so no service can have that name", entry.name);
        reader.note(entry.fields.at, ProblemCode::Value, message);
    }
    let isolation = entry.isolation(reader);
    let owners = owners(reader, &entry.fields, entry.what);
    let pool = pool(reader, &entry.fields, entry.what);
    let image = entry.required(reader, "image").and_then(|node| image(reader, node));
    let versions = entry.fields.of("versions").and_then(|node| versions(reader, node));
    let environments = entry.required(reader, "environments");
    let common = Common { owners, pool: pool?, isolation };
    let mut found = BTreeMap::new();
    if let Some(node) = environments {
        for (key, item) in reader.map(node, "`environments`").unwrap_or_default() {
            place::exists(reader, key.at, &key.text, "environment", ground.environments);
            if let Some(rollout) = rollout(reader, entry.name, (key, item), clusters, &common) {
                found.insert(key.text.clone(), rollout);
            }
        }
        if found.is_empty() {
            reader.note(node.at, ProblemCode::Empty, "a service runs in an environment");
        }
    }
    let grammar = vocabulary::Service { environments: found.keys().cloned().collect(), versions };
    Some(Service { image: image?, grammar, environments: found })
}

fn rollout(
    reader: &mut Reader<'_>,
    service: &str,
    (env, node): (&Key, &Node),
    clusters: &BTreeMap<String, Cluster>,
    common: &Common,
) -> Option<Rollout> {
    let what = "an environment of a service";
    let fields = reader.fields(node, what, &["cluster", "namespace", "deployment", "container"], &[])?;
    let at = reader.required(&fields, "cluster", what)?;
    let cluster = reader.name(at, "the name of a cluster")?;
    place::exists(reader, at.at, cluster, "cluster", clusters);
    let known = clusters.get(cluster)?;
    if known.place.env != env.text {
        let message = format!("cluster `{cluster}` is in `{}`, not in `{}`", known.place.env, shown(&env.text));
        let hint = "a service runs in an environment on a cluster of that environment";
        reader.note_with_hint(at.at, ProblemCode::Value, message, hint);
    }
    let mut one = |key: &str, otherwise: &str| match fields.of(key) {
        Some(node) => label_of(reader, node, &format!("`{key}`")).map(str::to_owned),
        None => Some(otherwise.to_owned()),
    };
    Some(Rollout {
        place: Place {
            env: env.text.clone(),
            owners: common.owners.clone(),
            pool: common.pool.clone(),
            isolation: common.isolation,
        },
        namespace: one("namespace", &known.namespace)?,
        deployment: one("deployment", service)?,
        container: one("container", service)?,
        cluster: cluster.to_owned(),
    })
}

/// `registry.example.com/shop/checkout`: a host and a path, neither tag nor digest.
///
/// Source: OCI distribution specification 1.1, the grammar of `<name>`.
fn image(reader: &mut Reader<'_>, node: &Node) -> Option<String> {
    let text = reader.name(node, "`image`")?;
    let plain = |part: &str| {
        part.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
            && part.ends_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
            && part.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_.".contains(c))
    };
    let port = |port: &str| !port.is_empty() && port.chars().all(|c| c.is_ascii_digit());
    let host = |host: &str| match host.split_once(':') {
        Some((name, number)) => plain(name) && port(number),
        None => plain(host) && host.contains('.'),
    };
    if text.split_once('/').is_none_or(|(server, path)| !host(server) || !path.split('/').all(plain)) {
        let message = format!("`{}` is not the repository of an image", shown(text));
        let hint = "write `registry.example.com/shop/checkout`; the version is typed";
        reader.note_with_hint(node.at, ProblemCode::Value, message, hint);
        return None;
    }
    Some(text.to_owned())
}

fn versions(reader: &mut Reader<'_>, node: &Node) -> Option<Pattern> {
    let source = reader.text(node, "`versions`")?;
    match Pattern::new(source) {
        Ok(pattern) => Some(pattern),
        Err(wrong) => {
            reader.note(node.at, ProblemCode::Value, wrong.to_string());
            None
        }
    }
}
