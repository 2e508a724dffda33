//! Protocol Buffers, as far as kubectl uses them: the few bodies its typed client sends, and `OpenAPI` version 2.
//!
//! **Invariant:** bytes that are not a complete message of the expected type decode to nothing.
//!
//! Field numbers are those of the `generated.proto` files of `k8s.io/api`; the envelope is apimachinery's `Unknown`.

use serde_json::{Map, Value, json};

/// Media type of a typed client's bodies.
pub(super) const MEDIA_TYPE: &str = "application/vnd.kubernetes.protobuf";

/// Four bytes before every Kubernetes message. Source: apimachinery `runtime/serializer/protobuf`.
const MAGIC: &[u8] = b"k8s\0";

/// What a field holds.
enum Field {
    Text,
    Texts,
    Number,
    Message(Schema),
}

/// Fields of a message by number; others are skipped.
type Schema = &'static [(u64, &'static str, Field)];

const OBJECT_META: Schema = &[(1, "name", Field::Text), (3, "namespace", Field::Text)];

const ACCESS_REVIEW: Schema = &[(2, "spec", Field::Message(&[(1, "resourceAttributes", Field::Message(RESOURCE))]))];
const RESOURCE: Schema = &[
    (1, "namespace", Field::Text),
    (2, "verb", Field::Text),
    (3, "group", Field::Text),
    (4, "version", Field::Text),
    (5, "resource", Field::Text),
    (6, "subresource", Field::Text),
    (7, "name", Field::Text),
];

const TOKEN_REQUEST: Schema = &[(2, "spec", Field::Message(TOKEN_SPEC))];
const TOKEN_SPEC: Schema = &[
    (1, "audiences", Field::Texts),
    (3, "boundObjectRef", Field::Message(BOUND)),
    (4, "expirationSeconds", Field::Number),
];
const BOUND: Schema =
    &[(1, "kind", Field::Text), (2, "apiVersion", Field::Text), (3, "name", Field::Text), (4, "uid", Field::Text)];

const EVICTION: Schema = &[(1, "metadata", Field::Message(OBJECT_META))];

const DELETE_OPTIONS: Schema = &[
    (1, "gracePeriodSeconds", Field::Number),
    (2, "preconditions", Field::Message(&[(1, "uid", Field::Text), (2, "resourceVersion", Field::Text)])),
    (4, "propagationPolicy", Field::Text),
    (5, "dryRun", Field::Texts),
];

/// Decodes a body in Kubernetes' protobuf envelope to what it would be in JSON.
pub(super) fn decode(body: &[u8]) -> Option<Value> {
    let mut envelope = body.strip_prefix(MAGIC)?;
    let (mut kind, mut api_version, mut raw) = (String::new(), String::new(), Vec::new());
    while !envelope.is_empty() {
        match field(&mut envelope)? {
            (1, Wire::Bytes(bytes)) => {
                let meta = message(bytes, &[(1, "apiVersion", Field::Text), (2, "kind", Field::Text)])?;
                meta["apiVersion"].as_str().unwrap_or_default().clone_into(&mut api_version);
                meta["kind"].as_str().unwrap_or_default().clone_into(&mut kind);
            }
            (2, Wire::Bytes(bytes)) => raw = bytes.to_vec(),
            (_, Wire::Bytes(_) | Wire::Number(_)) => {}
        }
    }
    let schema: Schema = match kind.as_str() {
        "SelfSubjectAccessReview" => ACCESS_REVIEW,
        "SelfSubjectReview" => &[],
        "TokenRequest" => TOKEN_REQUEST,
        "Eviction" => EVICTION,
        "DeleteOptions" => DELETE_OPTIONS,
        _ => return None,
    };
    let mut object = message(&raw, schema)?;
    object["kind"] = json!(kind);
    object["apiVersion"] = json!(api_version);
    Some(object)
}

fn message(mut bytes: &[u8], schema: Schema) -> Option<Value> {
    let mut object = Map::new();
    while !bytes.is_empty() {
        let (number, wire) = field(&mut bytes)?;
        let Some((_, name, kind)) = schema.iter().find(|(known, _, _)| *known == number) else { continue };
        match (kind, wire) {
            (Field::Text, Wire::Bytes(text)) => drop(object.insert((*name).to_owned(), string(text)?)),
            (Field::Number, Wire::Number(number)) => {
                drop(object.insert((*name).to_owned(), json!(i64::try_from(number).ok()?)));
            }
            (Field::Message(schema), Wire::Bytes(inner)) => {
                drop(object.insert((*name).to_owned(), message(inner, schema)?));
            }
            (Field::Texts, Wire::Bytes(text)) => {
                let list = object.entry(*name).or_insert_with(|| json!([]));
                list.as_array_mut()?.push(string(text)?);
            }
            (Field::Text | Field::Texts | Field::Number | Field::Message(_), Wire::Bytes(_) | Wire::Number(_)) => {
                return None;
            }
        }
    }
    Some(Value::Object(object))
}

fn string(bytes: &[u8]) -> Option<Value> {
    String::from_utf8(bytes.to_vec()).ok().map(Value::String)
}

enum Wire<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

/// Takes one field off the front. Groups and fixed-width fields are in none of the messages.
fn field<'a>(bytes: &mut &'a [u8]) -> Option<(u64, Wire<'a>)> {
    let key = take_varint(bytes)?;
    match key & 7 {
        0 => Some((key >> 3, Wire::Number(take_varint(bytes)?))),
        2 => {
            let length = usize::try_from(take_varint(bytes)?).ok()?;
            let (inner, rest) = bytes.split_at_checked(length)?;
            *bytes = rest;
            Some((key >> 3, Wire::Bytes(inner)))
        }
        _ => None,
    }
}

fn take_varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0_u64;
    for shift in (0..64).step_by(7) {
        let (first, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(first & 0x7f) << shift;
        if first & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

/// A text field.
pub(super) fn text(field: u32, value: &str) -> Vec<u8> {
    nested(field, value.as_bytes())
}

/// A length-delimited field.
pub(super) fn nested(field: u32, bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len() + 6);
    put_varint(u64::from((field << 3) | 2), &mut out);
    put_varint(bytes.len() as u64, &mut out);
    out.extend_from_slice(bytes);
    out
}

fn put_varint(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(u8::try_from(value & 0x7f).expect("seven bits") | 0x80);
        value >>= 7;
    }
    out.push(u8::try_from(value).expect("seven bits"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_eviction_decodes_and_a_cut_one_does_not() {
        let raw = nested(1, &[text(1, "api-7f"), text(3, "payments")].concat());
        let meta = [text(1, "policy/v1"), text(2, "Eviction")].concat();
        let body = [MAGIC.to_vec(), nested(1, &meta), nested(2, &raw)].concat();
        let metadata = json!({"name": "api-7f", "namespace": "payments"});
        assert_eq!(decode(&body), Some(json!({"apiVersion": "policy/v1", "kind": "Eviction", "metadata": metadata})));
        assert_eq!(decode(&body[..body.len() - 1]), None);
        assert_eq!(decode(&body[1..]), None);
    }
}
