//! The published form of records and of the verification's report, as JSON Schema.
//!
//! **Invariant:** the record's schema follows the types that write it; of a released schema nothing
//! is taken away and nothing becomes required.

use crate::event::Event;
use crate::record::SCHEMA;
use crate::verify::Name;
use countersign_core::refusal::Code;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Map, Value, json};
use std::borrow::Cow;

/// The JSON Schema of a record: one line of the log.
#[must_use]
pub fn record() -> Value {
    let mut schema = schemars::schema_for!(Event).to_value();
    let own = [
        (
            "seq",
            json!({ "type": "integer", "minimum": 1, "description": "Number within the writer's stream, from 1." }),
        ),
        (
            "prev",
            reference::<Digest>("SHA-256 of the previous line's exact bytes; of the writer's name for the first."),
        ),
        ("schema", json!({ "const": SCHEMA, "description": "The version of the record's form." })),
        ("at", reference::<Instant>("When it was handed to the log, by the writer's clock.")),
        (
            "writer",
            json!({
                "type": "string",
                "pattern": "^(gateway|confirm|worker|operator)-[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$",
                "description": "Whose stream: one start of one process.",
            }),
        ),
    ];
    let object = schema.as_object_mut().expect("the schema of a struct is an object");
    object.insert("title".into(), json!("A record of Countersign's audit log"));
    object.insert("$id".into(), json!("https://countersign.example/schema/audit-record.v1.json"));
    let mut required: Vec<Value> = own.iter().map(|(name, _)| json!(name)).collect();
    if let Some(Value::Array(more)) = object.get("required") {
        required.extend(more.iter().cloned());
    }
    object.insert("required".into(), Value::Array(required));
    let mut properties: Map<String, Value> = own.into_iter().map(|(name, one)| (name.to_owned(), one)).collect();
    if let Some(Value::Object(more)) = object.remove("properties") {
        properties.extend(more);
    }
    object.insert("properties".into(), Value::Object(properties));
    schema
}

/// The JSON Schema of what `countersign audit verify --json` prints.
#[must_use]
pub fn report() -> Value {
    let count = |says: &str| json!({ "type": "integer", "minimum": 0, "description": says });
    let text = |says: &str| json!({ "type": "string", "description": says });
    let names: Vec<_> = Name::ALL.iter().map(|name| name.as_str()).collect();
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "https://countersign.example/schema/audit-report.v1.json",
        "title": "What verifying Countersign's audit log found",
        "type": "object",
        "required": ["conclusion", "writers", "records", "heads", "intents", "findings"],
        "properties": {
            "conclusion": {
                "enum": ["sound", "incomplete", "broken"],
                "description": "Nothing found; something is missing; something was changed.",
            },
            "writers": count("How many streams were read."),
            "records": count("How many records."),
            "heads": count("How many signed heads, here and elsewhere."),
            "intents": count("How many runs were begun."),
            "findings": {
                "type": "array",
                "items": {
                    "type": "object",
                    "required": ["name", "concern", "says"],
                    "properties": {
                        "name": { "enum": names, "description": "The stable name of the finding." },
                        "concern": { "enum": ["integrity", "completeness", "notice"] },
                        "writer": text("In whose stream."),
                        "seq": count("At which record."),
                        "object": text("In which object of the store."),
                        "invocation": text("About which request."),
                        "says": text("What exactly."),
                    },
                },
            },
        },
    })
}

/// A type's schema with a description of its use.
fn reference<T: JsonSchema>(says: &str) -> Value {
    let mut schema = T::json_schema(&mut SchemaGenerator::default()).to_value();
    if let Some(object) = schema.as_object_mut() {
        object.insert("description".into(), json!(says));
    }
    schema
}

/// A stand-in for a type of the core, which knows nothing of schemas.
macro_rules! stand_ins {
    ($($name:ident: $schema:tt;)*) => {$(
        pub(crate) struct $name;

        impl JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!($schema)
            }
        }
    )*};
}

stand_ins! {
    Digest: { "type": "string", "pattern": "^sha256:[0-9a-f]{64}$" };
    Instant: { "type": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\\.[0-9]{3}Z$" };
    Invocation: { "type": "string", "pattern": "^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$" };
    Attempt: { "type": "string" };
    Argv: { "type": "array", "items": { "type": "string" }, "minItems": 1 };
    Vote: { "enum": ["approve", "reject", "confirm"] };
    Errand: { "enum": ["preview", "run"] };
    Mode: { "enum": ["dry-run", "apply"] };
    Tier: { "enum": ["read", "change", "destructive"] };
    Sensitivity: { "enum": ["plain", "sensitive"] };
    Reversibility: { "enum": ["none-needed", "reversible", "irreversible"] };
    Isolation: { "enum": ["strict", "nested", "job", "none"] };
    RefusalCode: { "enum": (Code::ALL.iter().map(|code| code.as_str()).collect::<Vec<_>>()) };
}

/// Objects of the core, field by field.
macro_rules! objects {
    ($($(#[doc = $doc:literal])+ $name:ident { $($field:ident: $type:ty,)* })*) => {$(
        $(#[doc = $doc])+
        #[derive(JsonSchema)]
        #[schemars(deny_unknown_fields)]
        #[expect(dead_code, reason = "only its schema is used")]
        pub(crate) struct $name { $($field: $type,)* }
    )*};
}

objects! {
    /// Who somebody is, to the issuer that vouches for them.
    Subject { iss: String, sub: String, }
    /// Where a request or a click came from.
    Account { front: String, team: String, user: String, }
    /// Where an action takes place.
    Scope { env: Option<String>, target: Option<String>, namespace: Option<String>, region: Option<String>, }
    /// A rule that asks for approval.
    Rule { id: String, quorum: String, factor: String, }
    /// Digests of the policy files.
    Policy { rbac: Digest, catalog: Digest, }
    /// A no, and the way forward.
    Refusal { code: RefusalCode, sentence: String, rule: Option<String>, hint: String, place: Option<Place>, }
    /// Where in the typed text the trouble is.
    Place { column: u64, length: u64, }
    /// A certificate as the root key signed it.
    Certificate { bytes: String, sig: String, }
}
