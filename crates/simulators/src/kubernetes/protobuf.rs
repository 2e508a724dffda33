//! Protocol Buffers, as far as kubectl uses them: the bodies its typed client sends, and `OpenAPI` version 2.
//!
//! **Invariant:** bytes that are not a complete message of the expected type decode to nothing.
//!
//! Field numbers are those of the schema's table; the envelope is apimachinery's `Unknown`.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::schema::{self, Message, Type};
use super::store::stamp;

/// Media type of a typed client's bodies.
pub(super) const MEDIA_TYPE: &str = "application/vnd.kubernetes.protobuf";

/// Four bytes before every Kubernetes message. Source: apimachinery `runtime/serializer/protobuf`.
const MAGIC: &[u8] = b"k8s\0";

/// Decodes a body in Kubernetes' protobuf envelope to what it would be in JSON.
pub(super) fn decode(body: &[u8]) -> Option<Value> {
    let mut envelope = body.strip_prefix(MAGIC)?;
    let (mut kind, mut api_version, mut raw) = (String::new(), String::new(), Vec::new());
    while !envelope.is_empty() {
        match field(&mut envelope)? {
            (1, Wire::Bytes(bytes)) => {
                for part in parts(bytes)? {
                    match part {
                        (1, Wire::Bytes(text)) => api_version = String::from_utf8(text.to_vec()).ok()?,
                        (2, Wire::Bytes(text)) => kind = String::from_utf8(text.to_vec()).ok()?,
                        _ => return None,
                    }
                }
            }
            (2, Wire::Bytes(bytes)) => raw = bytes.to_vec(),
            (_, Wire::Bytes(_) | Wire::Number(_)) => {}
        }
    }
    let mut object = message(&raw, schema::of_object(&api_version, &kind)?)?;
    object.insert("kind".to_owned(), json!(kind));
    object.insert("apiVersion".to_owned(), json!(api_version));
    Some(Value::Object(object))
}

/// The JSON object of a message. A field that Go would leave out of JSON is left out.
fn message(mut bytes: &[u8], of: &'static Message) -> Option<Map<String, Value>> {
    let mut object = Map::new();
    while !bytes.is_empty() {
        let (number, wire) = field(&mut bytes)?;
        let Some(known) = of.fields.iter().find(|known| known.number == number) else { continue };
        if known.inline {
            let Wire::Bytes(inner) = wire else { return None };
            object.extend(message(inner, known.holds.leaf()?)?);
            continue;
        }
        match &known.holds {
            Type::List(each) => {
                let item = value(wire, each)?;
                object.entry(known.name).or_insert_with(|| json!([])).as_array_mut()?.push(item);
            }
            Type::Map(each) => {
                let Wire::Bytes(inner) = wire else { return None };
                let (key, item) = entry(inner, each)?;
                object.entry(known.name).or_insert_with(|| json!({})).as_object_mut()?.insert(key, item);
            }
            other => {
                let item = value(wire, other)?;
                if known.pointer || known.required || !is_zero(&item) {
                    object.insert(known.name.to_owned(), item);
                }
            }
        }
    }
    Some(object)
}

fn is_zero(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::Bool(true) => false,
        Value::Number(number) => number.as_i64() == Some(0),
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(map) => map.is_empty(),
    }
}

fn value(wire: Wire<'_>, of: &Type) -> Option<Value> {
    let bytes = match (of, wire) {
        (Type::Integer, Wire::Number(number)) => return Some(json!(number.cast_signed())),
        (Type::Boolean, Wire::Number(number)) => return Some(json!(number != 0)),
        (_, Wire::Number(_)) => return None,
        (_, Wire::Bytes(bytes)) => bytes,
    };
    match of {
        Type::Text => string(bytes),
        Type::Bytes => Some(json!(STANDARD.encode(bytes))),
        Type::Message(_) => message(bytes, of.leaf()?).map(Value::Object),
        Type::NamedList(each) => {
            let items = parts(bytes)?.into_iter().map(|(_, item)| value(item, each));
            items.collect::<Option<Vec<_>>>().map(Value::Array)
        }
        Type::Quantity => first_text(bytes),
        Type::IntOrText => int_or_text(bytes),
        Type::Time => time(bytes),
        Type::Raw => match parts(bytes)?.into_iter().next() {
            Some((1, Wire::Bytes(inner))) => serde_json::from_slice(inner).ok(),
            _ => Some(Value::Null),
        },
        Type::Integer | Type::Boolean | Type::Number | Type::List(_) | Type::Map(_) => None,
    }
}

/// The fields of a message, in order.
fn parts(mut bytes: &[u8]) -> Option<Vec<(u64, Wire<'_>)>> {
    let mut parts = Vec::new();
    while !bytes.is_empty() {
        parts.push(field(&mut bytes)?);
    }
    Some(parts)
}

fn entry(bytes: &[u8], of: &Type) -> Option<(String, Value)> {
    let (mut key, mut item) = (String::new(), Value::Null);
    for (number, wire) in parts(bytes)? {
        match (number, wire) {
            (1, Wire::Bytes(text)) => key = String::from_utf8(text.to_vec()).ok()?,
            (2, wire) => item = value(wire, of)?,
            _ => return None,
        }
    }
    Some((key, item))
}

/// Source: apimachinery, `Quantity` and other messages of one text.
fn first_text(bytes: &[u8]) -> Option<Value> {
    match parts(bytes)?.into_iter().next() {
        Some((1, Wire::Bytes(text))) => string(text),
        _ => Some(json!("")),
    }
}

/// Source: apimachinery, `IntOrString`: which of the two, the number, the text.
fn int_or_text(bytes: &[u8]) -> Option<Value> {
    let (mut is_text, mut number, mut text) = (false, 0, json!(""));
    for part in parts(bytes)? {
        match part {
            (1, Wire::Number(which)) => is_text = which == 1,
            (2, Wire::Number(found)) => number = found.cast_signed(),
            (3, Wire::Bytes(found)) => text = string(found)?,
            _ => return None,
        }
    }
    Some(if is_text { text } else { json!(number) })
}

/// Source: apimachinery, `Time`: seconds since 1970 and nanoseconds.
fn time(bytes: &[u8]) -> Option<Value> {
    match parts(bytes)?.into_iter().next() {
        Some((1, Wire::Number(seconds))) => {
            Timestamp::from_second(seconds.cast_signed()).ok().map(|at| json!(stamp(at)))
        }
        _ => Some(Value::Null),
    }
}

fn string(bytes: &[u8]) -> Option<Value> {
    String::from_utf8(bytes.to_vec()).ok().map(Value::String)
}

enum Wire<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

/// Takes one field off the front. Groups and fixed-width fields are in none of the bodies.
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

    /// What a typed client sends: every field that is no pointer, also an empty one.
    #[test]
    fn zero_is_absence_unless_it_is_pointed_to() {
        let number = |field: u8, value: u8| vec![field << 3, value];
        let container = [text(1, "a"), text(2, ""), text(5, ""), nested(8, &[])].concat();
        let volume = [text(1, "v"), nested(2, &nested(2, &[]))].concat();
        let template = nested(2, &[nested(1, &volume), nested(2, &container)].concat());
        let spec = [number(1, 0), nested(2, &[]), nested(3, &template), number(5, 0)].concat();
        let meta = [text(1, "apps/v1"), text(2, "Deployment")].concat();
        let raw = [nested(1, &[text(1, "d"), nested(8, &[])].concat()), nested(2, &spec)].concat();
        let body = [MAGIC.to_vec(), nested(1, &meta), nested(2, &raw)].concat();
        let pod = json!({"volumes": [{"name": "v", "emptyDir": {}}], "containers": [{"name": "a"}]});
        let spec = json!({"replicas": 0, "selector": {}, "template": {"spec": pod}});
        let wanted = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "d"}, "spec": spec});
        assert_eq!(decode(&body), Some(wanted));
    }

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
