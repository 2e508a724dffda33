//! The fields of the served kinds, as Kubernetes' own Go types have them: `schema/kubernetes.txt`.
//!
//! One table answers what a field is on the wire and in JSON, how its list merges, whether it exists at all, and what
//! `OpenAPI` says about it. `schema/generate.py` says how a line reads.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use super::kinds::Kind;

/// What a field holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Type {
    Text,
    /// Base64 in JSON.
    Bytes,
    Integer,
    Number,
    Boolean,
    Quantity,
    IntOrText,
    Time,
    /// Any JSON.
    Raw,
    Message(&'static str),
    List(Box<Type>),
    /// A list that is a message of its own on the wire.
    NamedList(Box<Type>),
    /// By text.
    Map(Box<Type>),
}

/// How a list, or a map, is merged. Source: API reference, "patch strategy", and structured-merge-diff's markers.
#[derive(Debug, Clone, Default)]
pub(super) struct Merge {
    /// A strategic merge finds an element by this field.
    pub(super) key: Option<&'static str>,
    /// A strategic merge makes the union of the values.
    pub(super) set: bool,
    /// Server-side apply finds an element by these fields.
    pub(super) keys: Vec<&'static str>,
    /// Server-side apply takes it whole.
    pub(super) whole: bool,
    /// A strategic merge of this object honours `$retainKeys`.
    pub(super) retain: bool,
}

/// One field of a message.
#[derive(Debug)]
pub(super) struct Field {
    /// Its number on the wire.
    pub(super) number: u64,
    pub(super) name: &'static str,
    pub(super) required: bool,
    /// Its own fields stand among its parent's in JSON.
    pub(super) inline: bool,
    /// Zero is a value of its own and not the absence of one.
    pub(super) pointer: bool,
    pub(super) holds: Type,
    pub(super) merge: Merge,
    pub(super) about: &'static str,
}

/// One type of object.
#[derive(Debug)]
pub(super) struct Message {
    pub(super) name: &'static str,
    pub(super) about: &'static str,
    pub(super) fields: Vec<Field>,
}

static MESSAGES: LazyLock<BTreeMap<&'static str, Message>> =
    LazyLock::new(|| read(include_str!("schema/kubernetes.txt")));

/// The type of this name, e.g. `core.v1.Container`.
pub(super) fn message(name: &str) -> Option<&'static Message> {
    MESSAGES.get(name)
}

/// The type of a kind's objects.
pub(super) fn of_kind(kind: &Kind) -> Option<&'static Message> {
    of_group(kind.group, kind.version, kind.kind)
}

/// The type of the objects of an API version, e.g. `autoscaling/v1` and `Scale`.
pub(super) fn of_object(api_version: &str, kind: &str) -> Option<&'static Message> {
    let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
    of_group(group, version, kind).or_else(|| message(&format!("meta.v1.{kind}")))
}

fn of_group(group: &str, version: &str, kind: &str) -> Option<&'static Message> {
    let package = if group.is_empty() { "core" } else { group.split('.').next().unwrap_or_default() };
    message(&format!("{package}.{version}.{kind}"))
}

impl Message {
    /// The field of a JSON name, wherever it is declared.
    pub(super) fn field(&self, name: &str) -> Option<&'static Field> {
        self.all().find(|field| field.name == name)
    }

    /// Every field of the JSON object, those of inlined types among them.
    pub(super) fn all(&self) -> Box<dyn Iterator<Item = &'static Field>> {
        let own = message(self.name).map(|known| known.fields.iter()).into_iter().flatten();
        Box::new(own.flat_map(|field| -> Box<dyn Iterator<Item = &'static Field>> {
            match (&field.holds, field.inline) {
                (Type::Message(name), true) => Box::new(message(name).map(Message::all).into_iter().flatten()),
                _ => Box::new(std::iter::once(field)),
            }
        }))
    }
}

impl Type {
    /// The type below lists and maps, when it is a message.
    pub(super) fn leaf(&self) -> Option<&'static Message> {
        match self {
            Self::Message(name) => message(name),
            Self::List(of) | Self::NamedList(of) | Self::Map(of) => of.leaf(),
            _ => None,
        }
    }

    fn parse(text: &'static str) -> Self {
        let boxed = |rest| Box::new(Self::parse(rest));
        if let Some(rest) = text.strip_prefix("[]") {
            return Self::List(boxed(rest));
        }
        if let Some(rest) = text.strip_prefix("list:") {
            return Self::NamedList(boxed(rest));
        }
        if let Some(rest) = text.strip_prefix("map:") {
            return Self::Map(boxed(rest));
        }
        match text {
            "string" => Self::Text,
            "bytes" => Self::Bytes,
            "integer" => Self::Integer,
            "number" => Self::Number,
            "boolean" => Self::Boolean,
            "quantity" => Self::Quantity,
            "int-or-string" => Self::IntOrText,
            "time" => Self::Time,
            "raw" => Self::Raw,
            name => Self::Message(name),
        }
    }
}

impl Merge {
    fn parse(text: &'static str) -> Self {
        let mut merge = Self::default();
        for word in text.split(';') {
            match word.split_once('=') {
                Some(("key", key)) => merge.key = Some(key),
                Some(("keys", keys)) => merge.keys = keys.split(',').collect(),
                _ => {}
            }
            merge.set |= word == "set";
            merge.whole |= word == "whole";
            merge.retain |= word == "retain";
        }
        merge
    }
}

fn read(table: &'static str) -> BTreeMap<&'static str, Message> {
    let mut messages = BTreeMap::new();
    let mut current: Option<Message> = None;
    for line in table.lines().filter(|line| !line.starts_with('#')) {
        if let Some(line) = line.strip_prefix(' ') {
            let message = current.as_mut().expect("a field stands below its message");
            message.fields.push(field(line));
        } else {
            let (name, about) = line.split_once(' ').unwrap_or((line, ""));
            let next = Message { name, about, fields: Vec::new() };
            messages.extend(current.replace(next).map(|done| (done.name, done)));
        }
    }
    messages.extend(current.map(|done| (done.name, done)));
    messages
}

fn field(line: &'static str) -> Field {
    let mut words = line.splitn(5, ' ');
    let mut word = || words.next().unwrap_or_default();
    let number = word().parse().expect("a field begins with its number");
    let (name, holds, merge, about) = (word(), word(), word(), word());
    let unstarred = holds.strip_prefix('*');
    Field {
        number,
        name: name.trim_end_matches('!'),
        required: name.ends_with('!'),
        inline: name == "<inline>",
        pointer: unstarred.is_some(),
        holds: Type::parse(unstarred.unwrap_or(holds)),
        merge: Merge::parse(merge),
        about,
    }
}

#[cfg(test)]
mod tests {
    use super::super::kinds::KINDS;
    use super::*;

    #[test]
    fn every_kind_has_its_fields_and_every_field_its_type() {
        for kind in KINDS.iter().filter(|kind| kind.stored()) {
            assert!(of_kind(kind).is_some(), "{}", kind.kind);
        }
        for message in MESSAGES.values() {
            for field in &message.fields {
                let known = !matches!(&field.holds, Type::Message(_)) || field.holds.leaf().is_some();
                assert!(known, "{}.{}", message.name, field.name);
            }
        }
    }

    #[test]
    fn a_field_says_how_it_merges() {
        let container = message("core.v1.Container").unwrap();
        let ports = container.field("ports").unwrap();
        assert_eq!((ports.number, ports.merge.key), (6, Some("containerPort")));
        assert_eq!(ports.merge.keys, ["containerPort", "protocol"]);
        // A probe's action is inlined.
        assert!(message("core.v1.Probe").unwrap().field("httpGet").is_some());
        assert!(of_object("apps/v1", "Deployment").unwrap().field("replicas").is_none());
    }
}
