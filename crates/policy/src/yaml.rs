//! YAML text into a tree of nodes that know where they stand.
//!
//! **Invariant:** this is the only place that reads YAML. Duplicate keys survive into the tree so
//! that the reader reports all of them; merge keys, foreign tags and bombs do not get that far.

use crate::problems::{Mark, Problem, ProblemCode};
use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_yaml::Spanned;
use std::fmt;

/// A value and where it stands.
#[derive(Debug, Clone)]
pub struct Node {
    /// Where.
    pub at: Mark,
    /// What.
    pub value: Value,
}

/// What YAML can say. Scalars keep the type their spelling has.
#[derive(Debug, Clone)]
pub enum Value {
    /// Nothing.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A number that is not a whole one, or too large for one; no key takes it.
    Float,
    /// Everything else without structure.
    Text(String),
    /// A list.
    List(Vec<Node>),
    /// A map in the order of the file, duplicates included.
    Map(Vec<(Key, Node)>),
}

/// A key of a map and where it stands.
#[derive(Debug, Clone)]
pub struct Key {
    /// Where.
    pub at: Mark,
    /// The key itself.
    pub text: String,
}

/// Parses one document with the strict options.
///
/// # Errors
/// The first mistake in the syntax.
#[expect(clippy::result_large_err, reason = "one problem a file, on a path that runs once a reload")]
pub fn parse(file: &str, text: &str) -> Result<Node, Problem> {
    if text.trim().is_empty() {
        let mark = Mark::default();
        return Err(Problem::new(file, mark, ProblemCode::Syntax, "the file is empty").hint("begin with `version: 1`"));
    }
    read(text).map_err(|error| {
        let mark = error.location().map_or_else(Mark::default, mark_of);
        let said = error.without_snippet().to_string();
        let said = said.lines().next().unwrap_or_default().to_owned();
        Problem::new(file, mark, ProblemCode::Syntax, said)
    })
}

fn read(text: &str) -> Result<Node, serde_yaml::Error> {
    let options = serde_yaml::options! {
        // Not `Error`: that would end at the first one. The reader refuses every one of them.
        duplicate_keys: serde_yaml::options::DuplicateKeyPolicy::LastWins,
        merge_keys: serde_yaml::options::MergeKeyPolicy::Error,
        strict_booleans: true,
        reject_unsupported_tags: true,
        legacy_octal_numbers: false,
        budget: serde_yaml::budget! {
            max_nodes: 60_000,
            max_depth: 32,
            max_aliases: 200,
            max_anchors: 100,
            max_documents: 1,
            max_total_scalar_bytes: 2_000_000,
        },
    };
    let root: Spanned<Value> = serde_yaml::from_str_with_options(text, options)?;
    Ok(Node { at: mark_of(root.referenced), value: root.value })
}

fn mark_of(location: serde_yaml::Location) -> Mark {
    Mark {
        line: usize::try_from(location.line()).unwrap_or(1).max(1),
        column: usize::try_from(location.column()).unwrap_or(1).max(1),
        length: usize::try_from(location.span().len()).unwrap_or(1).max(1),
    }
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
        Ok(Value::Null)
    }

    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Int(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(i64::try_from(value).map_or(Value::Float, Value::Int))
    }

    fn visit_i128<E>(self, _: i128) -> Result<Value, E> {
        Ok(Value::Float)
    }

    fn visit_u128<E>(self, _: u128) -> Result<Value, E> {
        Ok(Value::Float)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Value, E> {
        Ok(Value::Float)
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<Value, E> {
        Ok(Value::Text(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element::<Spanned<Value>>()? {
            list.push(Node { at: mark_of(item.referenced), value: item.value });
        }
        Ok(Value::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut map = Vec::new();
        while let Some(key) = entries.next_key::<Spanned<String>>()? {
            let item = entries.next_value::<Spanned<Value>>()?;
            let key = Key { at: mark_of(key.referenced), text: key.value };
            let item = Node { at: mark_of(item.referenced), value: item.value };
            map.push((key, item));
        }
        Ok(Value::Map(map))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(text: &str) -> Vec<(String, usize, usize)> {
        let Value::Map(map) = parse("t.yaml", text).unwrap().value else {
            panic!("not a map");
        };
        map.into_iter().map(|(key, _)| (key.text, key.at.line, key.at.column)).collect()
    }

    #[test]
    fn every_node_knows_its_place_and_duplicates_survive() {
        assert_eq!(keys("a: 1\nb: { c: 2 }\na: 3\n"), [("a".into(), 1, 1), ("b".into(), 2, 1), ("a".into(), 3, 1)]);
    }

    #[test]
    fn words_of_other_yaml_versions_are_text_and_merge_keys_are_refused() {
        let Value::Map(map) = parse("t.yaml", "a: no\nb: on\nc: 2026-12-20T00:00Z").unwrap().value else {
            panic!("not a map");
        };
        assert!(map.iter().all(|(_, node)| matches!(node.value, Value::Text(_))), "{map:?}");
        assert!(parse("t.yaml", "x: &a { p: 1 }\ny: { <<: *a }").is_err());
        assert!(parse("t.yaml", "x: !!python/object 1").is_err());
        assert!(parse("t.yaml", "a: 1\n---\nb: 2\n").is_err());
        assert!(parse("t.yaml", "").is_err());
    }

    #[test]
    fn a_bomb_is_stopped() {
        let mut text = String::from("a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n");
        for n in 1..9 {
            use std::fmt::Write as _;
            let before = format!("*a{}", n - 1);
            writeln!(text, "a{n}: &a{n} [{}]", vec![before; 10].join(",")).unwrap();
        }
        assert!(parse("t.yaml", &text).is_err());
    }
}
