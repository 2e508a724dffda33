//! YAML text into a tree of nodes that know where they stand.
//!
//! **Invariant:** this is the only place of the crate that reads YAML. Duplicate keys survive into the tree, so that
//! the reader reports all of them.

use crate::problem::Problem;
use countersign_core::refusal::shown;
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_yaml::Spanned;
use std::fmt;

/// Where something stands; lines and columns count from 1.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mark {
    pub(super) line: usize,
    pub(super) column: usize,
}

/// A value and where it stands.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) at: Mark,
    pub(super) value: Value,
}

/// What a runner.yaml can say.
#[derive(Debug, Clone)]
pub(super) enum Value {
    Whole(u64),
    Text(String),
    List(Vec<Node>),
    Map(Vec<(Node, Node)>),
    /// Null, booleans and all other numbers: no key takes them.
    Other,
}

/// Parses one document.
pub(super) fn parse(file: &str, text: &str) -> Result<Node, Problem> {
    let options = serde_yaml::options! {
        // Not `Error`: that would end at the first one. The reader refuses every one of them.
        duplicate_keys: serde_yaml::options::DuplicateKeyPolicy::LastWins,
        merge_keys: serde_yaml::options::MergeKeyPolicy::Error,
        strict_booleans: true,
        reject_unsupported_tags: true,
        legacy_octal_numbers: false,
        budget: serde_yaml::budget! {
            max_nodes: 5_000,
            max_depth: 8,
            max_aliases: 10,
            max_anchors: 10,
            max_documents: 1,
            max_total_scalar_bytes: 200_000,
        },
    };
    let root: Result<Spanned<Value>, serde_yaml::Error> = serde_yaml::from_str_with_options(text, options);
    root.map(node).map_err(|error| {
        let at = error.location().map_or(Mark { line: 1, column: 1 }, mark);
        let said = error.without_snippet().to_string();
        let message = shown(said.lines().next().unwrap_or_default());
        Problem { file: file.to_owned(), line: at.line, column: at.column, message }
    })
}

fn node(spanned: Spanned<Value>) -> Node {
    Node { at: mark(spanned.referenced), value: spanned.value }
}

fn mark(at: serde_yaml::Location) -> Mark {
    let whole = |n| usize::try_from(n).unwrap_or(1).max(1);
    Mark { line: whole(at.line()), column: whole(at.column()) }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Whatever)
    }
}

/// Takes every shape; what a key wants is the reader's business.
struct Whatever;

impl<'de> Visitor<'de> for Whatever {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Other)
    }

    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Other)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Value, E> {
        Ok(Value::Other)
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(u64::try_from(value).map_or(Value::Other, Value::Whole))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Whole(value))
    }

    fn visit_i128<E>(self, _: i128) -> Result<Value, E> {
        Ok(Value::Other)
    }

    fn visit_u128<E>(self, _: u128) -> Result<Value, E> {
        Ok(Value::Other)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Value, E> {
        Ok(Value::Other)
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::Text(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element::<Spanned<Value>>()? {
            list.push(node(item));
        }
        Ok(Value::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut map = Vec::new();
        while let Some(key) = entries.next_key::<Spanned<Value>>()? {
            map.push((node(key), node(entries.next_value::<Spanned<Value>>()?)));
        }
        Ok(Value::Map(map))
    }
}
