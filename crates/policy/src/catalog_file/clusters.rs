//! Reads the Kubernetes clusters of catalog.yaml.

use super::credentials::{self, credentials};
use super::place::{self, Entry, Ground, address, label_of, reference};
use crate::catalog::{Catalog, Cluster};
use crate::reader::Reader;
use crate::yaml::Node;
use std::collections::BTreeMap;

pub(super) fn clusters(reader: &mut Reader<'_>, node: &Node, ground: Ground<'_>) -> BTreeMap<String, Cluster> {
    let keys = ["address", "ca", "namespace", "credentials"];
    place::entries(reader, node, "clusters", ("a cluster", &keys), |reader, entry| cluster(reader, entry, ground))
}

fn cluster(reader: &mut Reader<'_>, entry: &Entry<'_>, ground: Ground<'_>) -> Option<Cluster> {
    let place = entry.place(reader, ground);
    let address = entry.required(reader, "address").and_then(|node| address(reader, node, "an API server"));
    let credentials = credentials(reader, entry, credentials::CLUSTER);
    let namespace = match entry.fields.of("namespace") {
        Some(node) => label_of(reader, node, "a namespace")?,
        None => "default",
    };
    Some(Cluster {
        name: entry.name.to_owned(),
        place: place?,
        address: address?,
        ca: entry.fields.of("ca").and_then(|node| reference(reader, node)),
        namespace: namespace.to_owned(),
        credentials: credentials?,
    })
}

/// The cluster that is meant when none is named.
pub(super) fn default_cluster(reader: &mut Reader<'_>, node: &Node, catalog: &Catalog) -> Option<String> {
    let name = reader.name(node, "the name of a cluster")?;
    place::exists(reader, node.at, name, "cluster", &catalog.clusters);
    Some(name.to_owned())
}
