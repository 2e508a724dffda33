//! JSON Schemas of the files people edit, for editors.
//!
//! **Invariant:** a schema knows exactly the keys that the reader knows; it may let through what the
//! loader refuses, and refuses nothing that loads.

mod cases;
mod catalog;
mod rbac;

use crate::selector::TIERS;
use serde_json::{Map, Value, json};

/// A file that people edit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum File {
    /// rbac.yaml.
    Rbac,
    /// catalog.yaml.
    Catalog,
    /// policies/tests/*.yaml.
    Cases,
}

impl File {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Rbac, Self::Catalog, Self::Cases];

    /// `rbac`, `catalog`, `cases`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Rbac => "rbac",
            Self::Catalog => "catalog",
            Self::Cases => "cases",
        }
    }

    const fn about(self) -> (&'static str, &'static [Key]) {
        match self {
            Self::Rbac => ("Who may do what, and who must agree.", rbac::FILE),
            Self::Catalog => ("What there is, and where.", catalog::FILE),
            Self::Cases => ("Who types what, and what must come of it.", cases::FILE),
        }
    }
}

/// The schema, draft 2020-12, as text with a line feed at its end.
#[must_use]
pub fn schema(file: File) -> String {
    let (about, keys) = file.about();
    let mut root = Map::new();
    root.insert("$schema".to_owned(), json!("https://json-schema.org/draft/2020-12/schema"));
    root.insert("title".to_owned(), json!(format!("Countersign: {}.yaml", file.name())));
    root.insert("description".to_owned(), json!(about));
    if let Value::Object(object) = object(keys) {
        root.extend(object);
    }
    let mut shared = Map::new();
    collect(Shape::Object(keys), &mut shared);
    if !shared.is_empty() {
        root.insert("$defs".to_owned(), Value::Object(shared));
    }
    let mut text = serde_json::to_string_pretty(&root).expect("a map of strings is JSON");
    text.push('\n');
    text
}

/// One key of a map.
#[derive(Debug, Clone, Copy)]
struct Key {
    name: &'static str,
    about: &'static str,
    needed: bool,
    shape: Shape,
}

/// A key that must be there.
const fn needs(name: &'static str, shape: Shape, about: &'static str) -> Key {
    Key { name, about, needed: true, shape }
}

/// A key that may be left away.
const fn may(name: &'static str, shape: Shape, about: &'static str) -> Key {
    Key { name, about, needed: false, shape }
}

/// What a key takes.
#[derive(Debug, Clone, Copy)]
enum Shape {
    Text,
    Word(&'static [&'static str]),
    /// One text, or several.
    Texts,
    /// One tier, or several.
    Tiers,
    Bool,
    Whole(i64, i64),
    Duration,
    Instant,
    List(&'static Shape),
    /// One of several.
    Either(&'static [Shape]),
    /// Free names to values of one shape.
    Named(&'static Shape),
    Object(&'static [Key]),
    /// Stands once under this name, wherever it is taken.
    Shared(&'static str, &'static Shape),
    Version,
}

const TIER: Shape = Shape::Word(&["read", "change", "destructive"]);

fn value(shape: Shape) -> Value {
    match shape {
        Shape::Text => json!({ "type": "string", "minLength": 1 }),
        Shape::Word(words) => json!({ "enum": words }),
        Shape::Texts => one_or_more(value(Shape::Text)),
        Shape::Tiers => one_or_more(json!({ "enum": TIERS.map(|(word, _)| word) })),
        Shape::Bool => json!({ "type": "boolean" }),
        Shape::Whole(min, max) => json!({ "type": "integer", "minimum": min, "maximum": max }),
        Shape::Duration => json!({ "type": "string", "pattern": "^[0-9]+[smhd]$" }),
        Shape::Instant => json!({ "type": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}T" }),
        Shape::Either(shapes) => json!({ "anyOf": shapes.iter().map(|shape| value(*shape)).collect::<Vec<_>>() }),
        Shape::List(of) => json!({ "type": "array", "items": value(*of) }),
        Shape::Named(of) => json!({ "type": "object", "additionalProperties": value(*of) }),
        Shape::Object(keys) => object(keys),
        Shape::Shared(name, _) => json!({ "$ref": format!("#/$defs/{name}") }),
        Shape::Version => json!({ "const": 1 }),
    }
}

fn one_or_more(one: Value) -> Value {
    let several = json!({ "type": "array", "items": one, "minItems": 1 });
    json!({ "anyOf": [one, several] })
}

fn object(keys: &[Key]) -> Value {
    let properties: Map<String, Value> = keys.iter().map(|key| (key.name.to_owned(), described(key))).collect();
    let needed: Vec<&str> = keys.iter().filter(|key| key.needed).map(|key| key.name).collect();
    json!({ "type": "object", "additionalProperties": false, "required": needed, "properties": properties })
}

/// The shapes below that stand once under a name.
fn collect(shape: Shape, shared: &mut Map<String, Value>) {
    match shape {
        Shape::List(of) | Shape::Named(of) => collect(*of, shared),
        Shape::Either(shapes) => shapes.iter().for_each(|shape| collect(*shape, shared)),
        Shape::Object(keys) => keys.iter().for_each(|key| collect(key.shape, shared)),
        Shape::Shared(name, of) => drop(shared.entry(name).or_insert_with(|| value(*of))),
        Shape::Text
        | Shape::Word(_)
        | Shape::Texts
        | Shape::Tiers
        | Shape::Bool
        | Shape::Whole(..)
        | Shape::Duration
        | Shape::Instant
        | Shape::Version => {}
    }
}

fn described(key: &Key) -> Value {
    let mut found = value(key.shape);
    if let Value::Object(object) = &mut found {
        object.insert("description".to_owned(), json!(key.about));
    }
    found
}

#[cfg(test)]
mod tests;
