//! What a patch would write, whichever of the three forms it has.
//!
//! **Invariant:** a patch is JSON with one reading: no key twice, no file, and YAML only as the JSON
//! that it means. Every place that it writes, reads or tests is a [`Write`].

use super::does::Does;
use crate::grammar::{Given, Parsed};
use crate::no::{Checked, Pointing, no};
use crate::{manifest, secret};
use countersign_core::refusal::{Code, Refusal};
use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use std::fmt;

/// A place in an object and what is written there.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Write {
    /// Keys and positions from the object's root.
    pub(super) path: Vec<String>,
    /// `Null` takes away.
    pub(super) value: Value,
}

/// A patch that was read.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Patch {
    pub(super) writes: Vec<Write>,
}

/// What an object holds elsewhere, and comes to stand in another place.
const UNKNOWN: &str = "\u{2026}";

/// A patch in YAML, written anew as JSON; one in JSON stays as it is.
pub(super) fn as_json(parsed: &mut Parsed<Does>) -> Checked<()> {
    let Some(given) = parsed.value("patch").filter(|_| parsed.verb.id == Does::Patch) else {
        return Ok(());
    };
    if serde_json::from_str::<Once>(&given.value).is_ok() {
        return Ok(());
    }
    let json = manifest::value(&given.value).map_err(|_| wrong(given, "has no single reading"))?;
    secret::check(&json)?;
    parsed.rewrite("patch", |_| Some(json.clone()));
    Ok(())
}

impl Patch {
    /// The patch of `kubectl patch`, and none of every other verb.
    pub(super) fn read(parsed: &Parsed<Does>) -> Checked<Option<Self>> {
        let Some(given) = parsed.value("patch").filter(|_| parsed.verb.id == Does::Patch) else {
            return Ok(None);
        };
        let Ok(Once(value)) = serde_json::from_str(&given.value) else {
            return Err(wrong(given, "is no JSON with every key once"));
        };
        let is_list = parsed.value("type").is_some_and(|given| given.value == "json");
        let writes = if is_list { operations(&value) } else { merged(&value) };
        match writes {
            Some(writes) if !writes.is_empty() => Ok(Some(Self { writes })),
            _ if is_list => Err(wrong(given, "is no list of operations, which `--type=json` takes")),
            _ => Err(wrong(given, "is no object with something in it")),
        }
    }

    /// Whether this place, something above it or something below it is written.
    pub(super) fn reaches(&self, place: &[&str]) -> bool {
        self.writes.iter().any(|write| write.path.iter().zip(place).all(|(a, b)| a == b))
    }

    /// Whether some such key is written, or is part of what is written.
    pub(super) fn mentions(&self, is_such: impl Fn(&str) -> bool) -> bool {
        self.writes.iter().any(|write| write.path.iter().any(|part| is_such(part)))
    }

    /// Whether something is written that is only known afterwards.
    pub(super) fn copies(&self) -> bool {
        self.writes.iter().any(|write| write.value == UNKNOWN)
    }

    /// Whether a zero is written there.
    pub(super) fn zeroes(&self, place: &[&str]) -> bool {
        self.writes.iter().any(|write| write.path == place && write.value.as_f64() == Some(0.0))
    }

    /// Whether nothing but what is said about the object itself is touched.
    pub(super) fn is_about_metadata(&self) -> bool {
        self.writes.iter().all(|write| write.path.first().is_some_and(|part| part == "metadata"))
    }
}

fn wrong(given: &Given, why: &str) -> Box<Refusal> {
    no(
        Code::BadValue,
        format!("the patch {why}"),
        "write it as JSON in single quotes, every key once: -p '{\"spec\":{\"paused\":true}}'",
    )
    .over(&given.word)
}

/// Every leaf of a merge patch.
fn merged(value: &Value) -> Option<Vec<Write>> {
    value.as_object().filter(|object| !object.is_empty())?;
    let mut writes = Vec::new();
    leaves(&mut Vec::new(), value, &mut writes);
    Some(writes)
}

fn leaves(path: &mut Vec<String>, value: &Value, writes: &mut Vec<Write>) {
    let mut below = |key: String, value: &Value| {
        path.push(key);
        leaves(path, value, writes);
        path.pop();
    };
    match value {
        Value::Object(map) if !map.is_empty() => map.iter().for_each(|(key, value)| below(key.clone(), value)),
        Value::Array(list) if !list.is_empty() => {
            list.iter().enumerate().for_each(|(nth, value)| below(nth.to_string(), value));
        }
        leaf => writes.push(Write { path: path.clone(), value: leaf.clone() }),
    }
}

/// RFC 6902: every place that an operation names, and every leaf of what it writes there.
fn operations(value: &Value) -> Option<Vec<Write>> {
    let mut writes = Vec::new();
    for operation in value.as_array()? {
        let text = |key: &str| operation.get(key).and_then(Value::as_str);
        let mut path = pointer(text("path")?)?;
        match text("op")? {
            "remove" => writes.push(Write { path, value: Value::Null }),
            "add" | "replace" | "test" => leaves(&mut path, operation.get("value")?, &mut writes),
            "copy" | "move" => {
                writes.push(Write { path: pointer(text("from")?)?, value: Value::Null });
                writes.push(Write { path, value: Value::String(UNKNOWN.to_owned()) });
            }
            _ => return None,
        }
    }
    Some(writes)
}

/// RFC 6901.
fn pointer(text: &str) -> Option<Vec<String>> {
    let rest = text.strip_prefix('/')?;
    Some(rest.split('/').map(|part| part.replace("~1", "/").replace("~0", "~")).collect())
}

/// JSON in which no key stands twice: which of them counts depends on the reader.
struct Once(Value);

impl<'de> Deserialize<'de> for Once {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(OnceVisitor).map(Self)
    }
}

struct OnceVisitor;

impl<'de> Visitor<'de> for OnceVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
        let mut found = Vec::new();
        while let Some(Once(value)) = list.next_element()? {
            found.push(value);
        }
        Ok(Value::Array(found))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut found = serde_json::Map::new();
        while let Some((key, Once(value))) = map.next_entry::<String, Once>()? {
            // kubectl reads the patch as YAML, to which `<<` is no key.
            if key == "<<" || found.insert(key, value).is_some() {
                return Err(A::Error::custom("a key twice, or none"));
            }
        }
        Ok(Value::Object(found))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn writes(text: &str, is_list: bool) -> Option<Vec<String>> {
        let Once(value) = serde_json::from_str(text).ok()?;
        let found = if is_list { operations(&value) } else { merged(&value) }?;
        Some(found.into_iter().map(|write| format!("{}={}", write.path.join("/"), write.value)).collect())
    }

    fn patch(text: &str, is_list: bool) -> Patch {
        let Once(value) = serde_json::from_str(text).unwrap();
        Patch { writes: if is_list { operations(&value) } else { merged(&value) }.unwrap() }
    }

    #[test]
    fn every_leaf_is_a_write() {
        let merge = r#"{"spec":{"a":[{"b":null}],"c":{},"replicas":3}}"#;
        assert_eq!(writes(merge, false).unwrap(), ["spec/a/0/b=null", "spec/c={}", "spec/replicas=3"]);
        let list = r#"[{"op":"add","path":"/spec","value":{"replicas":0}},{"op":"move","from":"/a~1b","path":"/c"}]"#;
        assert_eq!(writes(list, true).unwrap(), ["spec/replicas=0", "a/b=null", "c=\"\u{2026}\""]);
    }

    #[test]
    fn p39_a_patch_has_one_reading() {
        for text in [
            r#"{"a":1,"a":2}"#,
            r#"{"spec":{"a":1,"\u0061":2}}"#,
            r#"{"spec":{"<<":{"replicas":0}}}"#,
            "spec: {}",
            "{'a':1}",
            "",
            "{}",
            "[]",
            "3",
        ] {
            assert_eq!(writes(text, false), None, "{text}");
        }
        for text in [r#"{"a":1}"#, r#"[{"op":"run","path":"/a"}]"#, r#"[{"op":"add","path":"","value":1}]"#, "[3]"] {
            assert_eq!(writes(text, true), None, "{text}");
        }
    }

    #[test]
    fn p39_zeros_and_places_are_found_in_every_form() {
        for text in ["0", "0.0", "-0", "0e3"] {
            let zero = patch(&format!(r#"{{"spec":{{"replicas":{text}}}}}"#), false);
            assert!(zero.zeroes(&["spec", "replicas"]), "{text}");
        }
        assert!(!patch(r#"{"spec":{"replicas":10}}"#, false).zeroes(&["spec", "replicas"]));
        let finalizers = &["metadata", "finalizers"];
        assert!(patch(r#"{"metadata":{"finalizers":null}}"#, false).reaches(finalizers));
        assert!(patch(r#"{"metadata":null}"#, false).reaches(finalizers));
        assert!(patch(r#"[{"op":"remove","path":"/metadata/finalizers/0"}]"#, true).reaches(finalizers));
        assert!(!patch(r#"{"metadata":{"labels":{"a":"b"}}}"#, false).reaches(finalizers));
    }
}
