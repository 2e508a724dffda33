//! Reads the kinds of objects of catalog.yaml.

use super::place::label_of;
use super::sensitivity;
use crate::problems::ProblemCode;
use crate::reader::Reader;
use crate::yaml::Node;
use countersign_command::vocabulary::{Kind, Reach};

pub(super) fn kinds(reader: &mut Reader<'_>, node: &Node) -> Vec<Kind> {
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
        label_of(reader, node, &format!("`{key}`")).map(str::to_owned)
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
