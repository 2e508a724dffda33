//! Reads what all entries of catalog.yaml have: environment, owners, pool, isolation.
//!
//! **Invariant:** an entry whose name says production stands in production.

use crate::catalog::{Environment, Place, Reference, Stage};
use crate::floor::Floor;
use crate::problems::{Mark, ProblemCode};
use crate::reader::{Fields, Reader, suggestion};
use crate::yaml::{Key, Node};
use countersign_core::refusal::shown;
use countersign_core::tier::Isolation;
use std::collections::{BTreeMap, BTreeSet};

/// What every section is read against.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ground<'a> {
    pub(super) environments: &'a BTreeMap<String, Environment>,
    pub(super) floor: &'a Floor,
}

/// An entry that is being read.
#[derive(Debug)]
pub(super) struct Entry<'n> {
    /// With its article: "a cluster".
    pub(super) what: &'static str,
    pub(super) name: &'n str,
    pub(super) fields: Fields<'n>,
}

/// The keys that [`Entry::place`] reads.
pub(super) const PLACE: [&str; 4] = ["env", "owners", "pool", "isolation"];

const ISOLATION: [(&str, Isolation); 4] =
    [("strict", Isolation::Strict), ("nested", Isolation::Nested), ("job", Isolation::Job), ("none", Isolation::None)];

/// The entries of a section by name; what cannot be read is noted and left out.
pub(super) fn entries<'n, T>(
    reader: &mut Reader<'_>,
    node: &'n Node,
    section: &str,
    (what, keys): (&'static str, &[&'static str]),
    mut read: impl FnMut(&mut Reader<'_>, &Entry<'n>) -> Option<T>,
) -> BTreeMap<String, T> {
    let mut found = BTreeMap::new();
    for (key, item) in reader.map(node, &format!("`{section}`")).unwrap_or_default() {
        if let Some(one) = entry(reader, key, item, what, keys).and_then(|entry| read(reader, &entry)) {
            found.insert(key.text.clone(), one);
        }
    }
    found
}

fn entry<'n>(
    reader: &mut Reader<'_>,
    key: &'n Key,
    item: &'n Node,
    what: &'static str,
    keys: &[&'static str],
) -> Option<Entry<'n>> {
    label(reader, key.at, &key.text, &format!("the name of {what}"));
    let mut known = PLACE.to_vec();
    known.extend(keys);
    Some(Entry { what, name: &key.text, fields: reader.fields(item, what, &known, &[])? })
}

impl<'n> Entry<'n> {
    pub(super) fn required(&self, reader: &mut Reader<'_>, key: &str) -> Option<&'n Node> {
        reader.required(&self.fields, key, self.what)
    }

    /// Environment, owners, pool, isolation.
    pub(super) fn place(&self, reader: &mut Reader<'_>, ground: Ground<'_>) -> Option<Place> {
        let isolation = self.isolation(reader);
        let env = environment(reader, &self.fields, self.what, ground.environments);
        if let Some(env) = env {
            self.production(reader, self.name, env, ground);
        }
        let owners = owners(reader, &self.fields, self.what);
        let pool = pool(reader, &self.fields, self.what);
        Some(Place { env: env?.to_owned(), owners, pool: pool?, isolation })
    }

    pub(super) fn isolation(&self, reader: &mut Reader<'_>) -> Isolation {
        let isolation = isolation(reader, &self.fields);
        if isolation == Isolation::None {
            let message = format!("{}'s commands can change things, so they need an isolation level", self.what);
            reader.note(self.fields.at, ProblemCode::Floor, message);
        }
        isolation
    }

    /// A name that says production, in an environment that does not.
    pub(super) fn production(&self, reader: &mut Reader<'_>, name: &str, env: &str, ground: Ground<'_>) {
        let stage = ground.environments.get(env).map(|env| env.stage);
        if ground.floor.names_production(name) && stage == Some(Stage::Other) {
            let noun = self.what.split_once(' ').map_or(self.what, |(_, noun)| noun);
            let message = format!("{noun} `{}` is production by its name", shown(name));
            let hint = "put it in an environment with `production: true`, or call it otherwise";
            reader.note_with_hint(self.fields.at, ProblemCode::Floor, message, hint);
        }
    }
}

pub(super) fn environment<'n>(
    reader: &mut Reader<'_>,
    fields: &Fields<'n>,
    what: &str,
    known: &BTreeMap<String, Environment>,
) -> Option<&'n str> {
    let node = reader.required(fields, "env", what)?;
    let name = reader.name(node, "environment")?;
    exists(reader, node.at, name, "environment", known);
    Some(name)
}

/// A name that another section must have.
pub(super) fn exists<T>(reader: &mut Reader<'_>, at: Mark, name: &str, what: &str, known: &BTreeMap<String, T>) {
    if !known.contains_key(name) {
        let hint = suggestion(name, known.keys().map(String::as_str), &format!("known {what}s"));
        reader.note_with_hint(at, ProblemCode::UnknownWord, format!("no {what} `{}`", shown(name)), hint);
    }
}

/// Owners are groups; without one, `owners-of-target` would mean nobody.
pub(super) fn owners(reader: &mut Reader<'_>, fields: &Fields<'_>, what: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    if let Some(node) = reader.required(fields, "owners", what) {
        for item in reader.one_or_more(node, "`owners`") {
            found.extend(reader.name(item, "the name of a group").map(str::to_owned));
        }
    }
    found
}

pub(super) fn pool(reader: &mut Reader<'_>, fields: &Fields<'_>, what: &str) -> Option<String> {
    let node = reader.required(fields, "pool", what)?;
    reader.name(node, "the name of a pool").map(str::to_owned)
}

pub(super) fn isolation(reader: &mut Reader<'_>, fields: &Fields<'_>) -> Isolation {
    let node = fields.of("isolation");
    node.and_then(|node| reader.word(node, "isolation level", &ISOLATION)).unwrap_or(Isolation::Strict)
}

/// A DNS label (RFC 1123): what Kubernetes takes as a namespace, and what is easy to type.
pub(super) fn label(reader: &mut Reader<'_>, at: Mark, text: &str, what: &str) {
    let plain = text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
    if !plain || text.is_empty() || text.len() > 63 || text.starts_with('-') || text.ends_with('-') {
        let message = format!("{what} is lower-case letters, digits and dashes: `{}`", shown(text));
        reader.note(at, ProblemCode::Value, message);
    }
}

/// A text that must be a label.
pub(super) fn label_of<'n>(reader: &mut Reader<'_>, node: &'n Node, what: &str) -> Option<&'n str> {
    let text = reader.name(node, what)?;
    label(reader, node.at, text, what);
    Some(text)
}

/// An https URL of a host alone.
pub(super) fn address(reader: &mut Reader<'_>, node: &Node, of: &str) -> Option<String> {
    let text = reader.name(node, "an address")?;
    let host = text.strip_prefix("https://").map(|rest| rest.strip_suffix('/').unwrap_or(rest));
    let plain = |host: &str| !host.is_empty() && !host.contains(['/', '@', '=', '+']);
    if host.is_none_or(|host| !plain(host)) {
        let message = format!("`{}` is not the address of {of}", shown(text));
        let hint = "write `https://host:port`; no user, no path";
        reader.note_with_hint(node.at, ProblemCode::Value, message, hint);
        return None;
    }
    Some(text.to_owned())
}

pub(super) fn reference(reader: &mut Reader<'_>, node: &Node) -> Option<Reference> {
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
