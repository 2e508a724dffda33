//! Reads what a chat channel means when a command does not say.
//!
//! **Invariant:** it says what is meant, never what may be done; that is rbac.yaml's.

use super::place;
use crate::catalog::Cluster;
use crate::reader::Reader;
use crate::yaml::Node;
use std::collections::BTreeMap;

/// The cluster of each channel.
pub(super) fn clusters(
    reader: &mut Reader<'_>,
    node: &Node,
    known: &BTreeMap<String, Cluster>,
) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for (key, item) in reader.map(node, "`channels`").unwrap_or_default() {
        reader.check_channel(key.at, &key.text);
        let Some(fields) = reader.fields(item, "a channel", &["cluster"], &[]) else { continue };
        let Some(node) = reader.required(&fields, "cluster", "a channel") else { continue };
        let Some(name) = reader.name(node, "the name of a cluster") else { continue };
        place::exists(reader, node.at, name, "cluster", known);
        found.insert(key.text.clone(), name.to_owned());
    }
    found
}
