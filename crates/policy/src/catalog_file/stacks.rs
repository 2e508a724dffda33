//! Reads the repositories and the Terraform stacks of catalog.yaml.
//!
//! **Invariant:** a stack names a repository that is catalogued and a folder inside of it.

use super::credentials::{self, credentials_that_look};
use super::github::github;
use super::hosts::hosts;
use super::place::{self, Entry, Ground, label, reference};
use crate::catalog::{Repository, Review, Stack};
use crate::problems::ProblemCode;
use crate::reader::Reader;
use crate::yaml::Node;
use countersign_command::vocabulary;
use countersign_core::refusal::shown;
use std::collections::BTreeMap;

pub(super) fn repositories(reader: &mut Reader<'_>, node: &Node) -> BTreeMap<String, Repository> {
    let mut found = BTreeMap::new();
    for (key, item) in reader.map(node, "`repositories`").unwrap_or_default() {
        label(reader, key.at, &key.text, "the name of a repository");
        if let Some(repository) = repository(reader, item) {
            found.insert(key.text.clone(), repository);
        }
    }
    found
}

fn repository(reader: &mut Reader<'_>, node: &Node) -> Option<Repository> {
    let fields = reader.fields(node, "a repository", &["address", "credential", "ca", "github"], &[])?;
    let address = reader.required(&fields, "address", "a repository").and_then(|node| url(reader, node));
    let credential = fields.of("credential").and_then(|node| reference(reader, node));
    let ca = fields.of("ca").and_then(|node| reference(reader, node));
    if let Some(node) = fields.of("ca").filter(|_| address.as_deref().is_some_and(|it| it.starts_with("file:"))) {
        reader.note_with_hint(node.at, ProblemCode::UnknownKey, "a folder has no `ca`", "take it away");
    }
    let github = match fields.of("github") {
        Some(node) => Some(github(reader, node)?),
        None => None,
    };
    Some(Repository { address: address?, credential, ca, github })
}

/// An https URL with a path, or a folder of the host; other schemes let git start programs.
fn url(reader: &mut Reader<'_>, node: &Node) -> Option<String> {
    let text = reader.name(node, "an address")?;
    let place = text.strip_prefix("https://").and_then(|rest| rest.split_once('/'));
    let is_web = place.is_some_and(|(host, path)| !host.is_empty() && !text.contains('@') && inside(path));
    // A mirror on the host itself.
    let is_folder = text.strip_prefix("file:///").is_some_and(inside);
    if !is_web && !is_folder {
        let message = format!("`{}` is not the address of a repository", shown(text));
        let hint = "write `https://host/path.git` or `file:///path.git`; no user, no other scheme";
        reader.note_with_hint(node.at, ProblemCode::Value, message, hint);
        return None;
    }
    Some(text.to_owned())
}

/// A relative path that stays where it begins.
pub(super) fn inside(path: &str) -> bool {
    path.split('/').all(|part| !part.is_empty() && !part.starts_with(['.', '-']))
}

pub(super) fn stacks(
    reader: &mut Reader<'_>,
    node: &Node,
    repositories: &BTreeMap<String, Repository>,
    ground: Ground<'_>,
) -> BTreeMap<String, Stack> {
    let keys = ["repository", "branch", "folder", "hosts", "review", "credentials"];
    place::entries(reader, node, "stacks", ("a stack", &keys), |reader, entry| {
        stack(reader, entry, repositories, ground)
    })
}

const REVIEW: [(&str, Review); 2] = [("required", Review::Required), ("none", Review::None)];

fn stack(
    reader: &mut Reader<'_>,
    entry: &Entry<'_>,
    repositories: &BTreeMap<String, Repository>,
    ground: Ground<'_>,
) -> Option<Stack> {
    let place = entry.place(reader, ground);
    let repository = entry.required(reader, "repository").and_then(|node| {
        let name = reader.name(node, "the name of a repository")?;
        place::exists(reader, node.at, name, "repository", repositories);
        Some(name)
    });
    let branch = entry.required(reader, "branch").and_then(|node| path(reader, node, "`branch`"));
    let folder = entry.required(reader, "folder").and_then(|node| path(reader, node, "`folder`"));
    let hosts = entry.fields.of("hosts").map_or_else(Vec::new, |node| hosts(reader, node));
    let review = match entry.fields.of("review") {
        Some(node) => reader.word(node, "kind of review", &REVIEW),
        None => Some(Review::Required),
    };
    let credentials = credentials_that_look(reader, entry, credentials::STACK);
    let place = place?;
    let grammar = vocabulary::Stack { env: place.env.clone(), branch: branch? };
    let (repository, folder) = (repository?.to_owned(), folder?);
    Some(Stack { place, repository, folder, hosts, review: review?, grammar, credentials: credentials? })
}

fn path(reader: &mut Reader<'_>, node: &Node, what: &str) -> Option<String> {
    let text = reader.name(node, what)?;
    if !inside(text) {
        let message = format!("{what} is a path without `..` and hidden parts: `{}`", shown(text));
        reader.note(node.at, ProblemCode::Value, message);
        return None;
    }
    Some(text.to_owned())
}
