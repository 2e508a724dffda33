//! Reads the Google Cloud projects of catalog.yaml.

use super::credentials::{self, credentials_that_look};
use super::endpoint::endpoint;
use super::place::{self, Entry, Ground};
use crate::catalog::Project;
use crate::problems::ProblemCode;
use crate::reader::Reader;
use crate::yaml::Node;
use countersign_command::vocabulary;
use countersign_core::refusal::shown;
use std::collections::BTreeMap;

pub(super) fn projects(reader: &mut Reader<'_>, node: &Node, ground: Ground<'_>) -> BTreeMap<String, Project> {
    let keys = ["id", "endpoint", "credentials"];
    place::entries(reader, node, "projects", ("a project", &keys), |reader, entry| project(reader, entry, ground))
}

fn project(reader: &mut Reader<'_>, entry: &Entry<'_>, ground: Ground<'_>) -> Option<Project> {
    let place = entry.place(reader, ground);
    let id = entry.required(reader, "id").and_then(|node| id(reader, node));
    let endpoint = entry.fields.of("endpoint").map(|node| endpoint(reader, node));
    let credentials = credentials_that_look(reader, entry, credentials::PROJECT);
    let (place, id) = (place?, id?);
    if id != entry.name {
        // Google's name for it says as much as ours.
        entry.production(reader, &id, &place.env, ground);
    }
    let grammar = vocabulary::Project { env: place.env.clone(), id };
    Some(Project { place, endpoint: endpoint.flatten(), grammar, credentials: credentials? })
}

/// 6 to 30 lower-case letters, digits and dashes, which begin with a letter and do not end with a
/// dash.
///
/// Source: Google Cloud, "Creating and managing projects", project id.
fn id(reader: &mut Reader<'_>, node: &Node) -> Option<String> {
    let text = reader.name(node, "`id`")?;
    let plain = text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
    let begins = text.starts_with(|c: char| c.is_ascii_lowercase());
    if !plain || !begins || text.ends_with('-') || !(6..=30).contains(&text.len()) {
        let message = format!("`{}` is not the id of a project", shown(text));
        let hint = "write Google's id, which is not the project's number: `example-dev`";
        reader.note_with_hint(node.at, ProblemCode::Value, message, hint);
        return None;
    }
    Some(text.to_owned())
}
