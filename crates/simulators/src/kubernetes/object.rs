//! Reading and writing fields of an untyped object.
//!
//! **Invariant:** a missing field reads as empty; nothing here panics on the shape of an object a client sent.

use serde_json::{Map, Value, json};

/// The text at a JSON pointer, or the empty string.
pub(super) fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    object.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// The integer at a JSON pointer, or `absent`.
pub(super) fn number(object: &Value, pointer: &str, absent: i64) -> i64 {
    object.pointer(pointer).and_then(Value::as_i64).unwrap_or(absent)
}

/// The list at a JSON pointer, or an empty one.
pub(super) fn list<'a>(object: &'a Value, pointer: &str) -> &'a [Value] {
    object.pointer(pointer).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

pub(super) fn name(object: &Value) -> &str {
    text(object, "/metadata/name")
}

pub(super) fn namespace(object: &Value) -> &str {
    text(object, "/metadata/namespace")
}

pub(super) fn uid(object: &Value) -> &str {
    text(object, "/metadata/uid")
}

/// A label's value.
pub(super) fn label<'a>(object: &'a Value, key: &str) -> Option<&'a str> {
    object.get("metadata")?.get("labels")?.get(key)?.as_str()
}

/// An annotation's value.
pub(super) fn annotation<'a>(object: &'a Value, key: &str) -> Option<&'a str> {
    object.get("metadata")?.get("annotations")?.get(key)?.as_str()
}

/// Sets the field at `path`, making the objects on the way.
pub(super) fn set(object: &mut Value, path: &[&str], value: impl Into<Value>) {
    let Some((last, parents)) = path.split_last() else { return };
    let mut at = object;
    for key in parents {
        at = child(at, key);
    }
    *child(at, last) = value.into();
}

fn child<'a>(object: &'a mut Value, key: &str) -> &'a mut Value {
    if !object.is_object() {
        *object = Value::Object(Map::new());
    }
    object.as_object_mut().expect("made an object just above").entry(key).or_insert(Value::Null)
}

/// Removes the field at `path`, if it is there.
pub(super) fn unset(object: &mut Value, path: &[&str]) {
    let Some((last, parents)) = path.split_last() else { return };
    let mut at = object;
    for key in parents {
        let Some(next) = at.get_mut(key) else { return };
        at = next;
    }
    if let Some(map) = at.as_object_mut() {
        map.remove(*last);
    }
}

/// The controlling owner's uid.
pub(super) fn controller_uid(object: &Value) -> Option<&str> {
    let owners = list(object, "/metadata/ownerReferences");
    owners.iter().find(|owner| owner["controller"] == json!(true))?.get("uid")?.as_str()
}

/// The reference an owned object carries.
pub(super) fn owner_reference(owner: &Value) -> Value {
    json!({
        "apiVersion": owner["apiVersion"], "kind": owner["kind"], "name": name(owner), "uid": uid(owner),
        "controller": true, "blockOwnerDeletion": true,
    })
}

/// True when every pair of `wanted` (a `matchLabels` object) is among the object's labels; an absent one matches nothing.
pub(super) fn carries(object: &Value, wanted: Option<&Value>) -> bool {
    let Some(pairs) = wanted.and_then(Value::as_object).filter(|pairs| !pairs.is_empty()) else { return false };
    pairs.iter().all(|(key, value)| label(object, key) == value.as_str())
}

/// A hash that does not depend on the order of keys: FNV-1a, 64 bits (draft-eastlake-fnv).
pub(super) fn fingerprint(value: &Value) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325;
    mix(value, &mut hash);
    hash
}

fn mix(value: &Value, hash: &mut u64) {
    match value {
        Value::Object(map) => {
            let mut keys: Vec<&String> = map.keys().collect();
            keys.sort();
            mix_bytes(b"{", hash);
            for key in keys {
                mix_bytes(key.as_bytes(), hash);
                mix_bytes(b":", hash);
                mix(&map[key], hash);
            }
        }
        Value::Array(items) => {
            mix_bytes(b"[", hash);
            for item in items {
                mix(item, hash);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            mix_bytes(value.to_string().as_bytes(), hash);
        }
    }
    mix_bytes(b";", hash);
}

fn mix_bytes(bytes: &[u8], hash: &mut u64) {
    for byte in bytes {
        *hash = (*hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
}

/// Letters a generated name may use. Source: apimachinery `util/rand` (no vowels, so no words).
const ALPHABET: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";

/// `length` characters of a generated name, drawn from `bits`.
pub(super) fn name_suffix(mut bits: u64, length: usize) -> String {
    let size = ALPHABET.len() as u64;
    let mut suffix = String::with_capacity(length);
    for _ in 0..length {
        let at = usize::try_from(bits % size).expect("smaller than the alphabet");
        suffix.push(char::from(ALPHABET[at]));
        bits /= size;
    }
    suffix
}
