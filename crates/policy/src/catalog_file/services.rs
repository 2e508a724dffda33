//! Reads the services of catalog.yaml.
//!
//! **Invariant:** a service runs in an environment on a cluster of that environment, and what is
//! rolled out is a tag or digest of its one image repository.

use super::place::{self, Entry, Ground, label_of, owners, pool};
use super::provenance::{is_unchecked, provenance, registry, run};
use crate::catalog::{Attestations, Catalog, Cluster, Place, Provenance, Registry, Rollout, Service, WorkflowRun};
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
    catalog: &Catalog,
    ground: Ground<'_>,
) -> BTreeMap<String, Service> {
    let keys = ["image", "registry", "source", "run", "provenance", "versions", "environments"];
    place::entries(reader, node, "services", ("a service", &keys), |reader, entry| {
        service(reader, entry, catalog, ground)
    })
}

/// Where the image comes from, and how that is known.
struct Origin {
    registry: Registry,
    source: Option<String>,
    run: Option<WorkflowRun>,
    provenance: Option<Provenance>,
}

/// What the environments of a service have in common.
struct Common {
    owners: BTreeSet<String>,
    pool: String,
    isolation: Isolation,
}

fn service(reader: &mut Reader<'_>, entry: &Entry<'_>, catalog: &Catalog, ground: Ground<'_>) -> Option<Service> {
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
    let origin = origin(reader, entry, catalog);
    let environments = entry.required(reader, "environments");
    let common = Common { owners, pool: pool?, isolation };
    let mut found = BTreeMap::new();
    if let Some(node) = environments {
        for (key, item) in reader.map(node, "`environments`").unwrap_or_default() {
            place::exists(reader, key.at, &key.text, "environment", ground.environments);
            if let Some(rollout) = rollout(reader, entry.name, (key, item), &catalog.clusters, &common) {
                found.insert(key.text.clone(), rollout);
            }
        }
        if found.is_empty() {
            reader.note(node.at, ProblemCode::Empty, "a service runs in an environment");
        }
    }
    let Origin { registry, source, run, provenance } = origin?;
    let grammar = vocabulary::Service { environments: found.keys().cloned().collect(), versions, runs: run.is_some() };
    Some(Service { image: image?, registry, source, run, provenance, grammar, environments: found })
}

fn origin(reader: &mut Reader<'_>, entry: &Entry<'_>, catalog: &Catalog) -> Option<Origin> {
    let registry = match entry.fields.of("registry") {
        Some(node) => registry(reader, node),
        None => Some(Registry::default()),
    };
    let source = match entry.fields.of("source") {
        Some(node) => Some(source(reader, node, catalog)?),
        None => None,
    };
    let run = match entry.fields.of("run") {
        Some(node) => Some((node.at, run(reader, node)?)),
        None => None,
    };
    let node = entry.required(reader, "provenance")?;
    let provenance = if is_unchecked(node) { None } else { Some(provenance(reader, node)?) };
    let hint = "write `source: NAME`, an entry of `repositories` with `github`";
    if let (Some((at, _)), None) = (&run, &source) {
        reader.note_with_hint(*at, ProblemCode::Missing, "`run` needs `source`, whose runs are meant", hint);
    }
    let at_github = provenance.as_ref().is_some_and(|it| it.attestations == Attestations::Github);
    if at_github && source.is_none() {
        let hint = format!("{hint}; or `attestations: registry`");
        let message = "attestations at GitHub need `source`, which keeps them";
        reader.note_with_hint(node.at, ProblemCode::Missing, message, hint);
    }
    Some(Origin { registry: registry?, source, run: run.map(|(_, run)| run), provenance })
}

/// The repository a service is built from; GitHub tells its commits, runs and attestations.
fn source(reader: &mut Reader<'_>, node: &Node, catalog: &Catalog) -> Option<String> {
    let name = reader.name(node, "the name of a repository")?;
    place::exists(reader, node.at, name, "repository", &catalog.repositories);
    if catalog.repositories.get(name).is_some_and(|it| it.github.is_none()) {
        let message = format!("repository `{name}` has no `github`, which tells what was built from it");
        let hint = format!("write `github: {{ repository: owner/name }}` at `{name}`");
        reader.note_with_hint(node.at, ProblemCode::Missing, message, hint);
    }
    Some(name.to_owned())
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
