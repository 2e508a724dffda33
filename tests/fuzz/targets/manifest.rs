//! Any text at all, as somebody could attach it: the reader of manifests, and what it writes for kubectl.
//!
//! Nothing panics; what is written is JSON without a key twice that reads back to itself; what the command says it
//! acts on is what a reader of another make finds in that JSON; and no text or number in it was not in the manifest.

#![no_main]
#![expect(clippy::unwrap_used, reason = "a fuzzer stops at what it did not expect")]

#[path = "../../../crates/command/tests/suite/common.rs"]
#[expect(dead_code, reason = "the crate's own tests use more of it")]
mod common;
#[path = "json.rs"]
mod json;
#[path = "properties.rs"]
#[expect(dead_code, reason = "a line brings nothing here, the manifest does")]
mod properties;

use countersign_command::{Attachment, Context, Typed, Vocabulary, parse};
use countersign_core::command::Command;
use countersign_core::tier::Sensitivity;
use json::Json;
use libfuzzer_sys::fuzz_target;
use std::collections::BTreeSet;
use std::sync::LazyLock;

/// The length of a text says which of them it comes with, so that a seed is a manifest and nothing else.
const LINES: [&str; 5] = [
    "/kubectl apply --apply",
    "/kubectl diff -n web",
    "/kubectl create -n web --apply",
    "/kubectl replace --force --apply",
    "/kubectl apply --server-side -n web",
];

static VOCABULARY: LazyLock<Vocabulary> = LazyLock::new(common::vocabulary);

fuzz_target!(|bytes: &[u8]| {
    let text = String::from_utf8_lossy(bytes).into_owned();
    let line = LINES[text.len() % LINES.len()];
    let attachment = Attachment { text: text.clone(), source: None };
    let context = Context { attachment: Some(attachment), ..Context::default() };
    match parse(line, &context, &VOCABULARY) {
        Ok(Typed::Run { command, .. }) => {
            properties::reads_back(&command, &VOCABULARY);
            let written = Json::read(command.stdin().unwrap().text());
            acts_on_what_it_says(&command, &written);
            Texts::of(&text).hold(&written);
        }
        Ok(Typed::Ask(_)) => panic!("a manifest is no question"),
        Err(refusal) => properties::is_told_well(&refusal, line),
    }
});

/// Objects and resources are as many, of the same kinds, places and names; a Secret is sensitive and has no values.
fn acts_on_what_it_says(command: &Command, written: &Json) {
    let objects: Vec<&Json> = match written.get("items") {
        Some(items) => items.items().iter().collect(),
        None => vec![written],
    };
    let action = command.action();
    let mut resources: BTreeSet<&str> = action.resources.iter().map(|one| one.as_str()).collect();
    for object in objects {
        let of = |key: &str| object.get("metadata").and_then(|metadata| metadata.get(key));
        let kind = object.get("kind").and_then(Json::text).unwrap();
        let name = of("name").and_then(Json::text).unwrap();
        let place = match of("namespace").and_then(Json::text) {
            Some(namespace) => format!("k8s/dev/ns/{namespace}/"),
            None => "k8s/dev/cluster/".to_owned(),
        };
        // `NetworkPolicy` is `networkpolicies.networking.k8s.io`.
        let stem = kind.to_ascii_lowercase();
        let stem = stem.strip_suffix('y').unwrap_or(&stem);
        let is_it = |one: &&&str| {
            one.strip_prefix(place.as_str())
                .is_some_and(|rest| rest.split_once('/').is_some_and(|(id, own)| id.starts_with(stem) && own == name))
        };
        let found = resources.iter().find(is_it).copied();
        assert!(resources.remove(found.unwrap_or_default()), "{kind} {name} is not in {:?}", action.resources);
        if kind == "Namespace" {
            assert!(resources.remove(format!("k8s/dev/ns/{name}/*/*").as_str()));
        }
        if kind == "Secret" && object.get("apiVersion").and_then(Json::text) == Some("v1") {
            assert_eq!(action.sensitivity, Sensitivity::Sensitive);
            for values in ["data", "stringData", "binaryData"] {
                assert!(object.get(values).is_none_or(Json::is_empty), "a value of a Secret travels");
            }
        }
    }
    assert!(resources.is_empty(), "{resources:?} is not in the manifest");
}

/// A manifest without what only groups, folds and indents.
struct Texts {
    /// Absent where escapes stand for other characters.
    plain: Option<String>,
    numbers: Vec<f64>,
}

/// What we put in: the namespace, and the list around several objects.
const INJECTED: [&str; 7] = ["apiVersion", "v1", "kind", "List", "items", "namespace", "web"];

impl Texts {
    fn of(text: &str) -> Self {
        let ends = |c: char| c.is_whitespace() || matches!(c, ',' | '[' | ']' | '{' | '}' | ':');
        let numbers = text.split(ends).filter_map(number).collect();
        Self { plain: (!text.contains('\\')).then(|| bare(text)), numbers }
    }

    fn hold(&self, written: &Json) {
        match written {
            Json::Null | Json::Bool(_) => {}
            Json::Number(value) => assert!(self.numbers.contains(value), "{value} is not in the manifest"),
            Json::Text(text) => self.hold_text(text),
            Json::List(items) => items.iter().for_each(|item| self.hold(item)),
            Json::Map(entries) => {
                for (key, value) in entries {
                    self.hold_text(key);
                    self.hold(value);
                }
            }
        }
    }

    fn hold_text(&self, text: &str) {
        let known = INJECTED.contains(&text) || text == "default";
        let is_in = |plain: &String| plain.contains(&bare(text));
        assert!(known || self.plain.as_ref().is_none_or(is_in), "{text:?} is not in the manifest");
    }
}

fn bare(text: &str) -> String {
    text.chars().filter(|c| !c.is_whitespace() && !matches!(c, '\'' | '"')).collect()
}

/// A number as YAML 1.1 or 1.2 writes it: octal as file modes are, otherwise decimal.
fn number(word: &str) -> Option<f64> {
    let digits = word.trim_start_matches(['+', '-']);
    let octal = digits.strip_prefix("0o").or_else(|| digits.strip_prefix('0'));
    let octal = octal.and_then(|digits| u64::from_str_radix(digits, 8).ok());
    let sign = if word.starts_with('-') { -1.0 } else { 1.0 };
    #[expect(clippy::cast_precision_loss, reason = "both sides lose the same")]
    octal.map(|value| sign * value as f64).or_else(|| word.parse().ok())
}
