//! Vault's answers: an envelope around data, or a list of errors.
//!
//! Source: Vault documentation, "HTTP API": parameters, error response, HTTP status codes.

use serde_json::{Value, json};

use crate::chance::uuid;

/// An answer: status and body; `None` is an empty one.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Answer {
    pub(super) code: u16,
    pub(super) body: Option<Value>,
}

impl Answer {
    pub(super) fn data(data: Value) -> Self {
        Self { code: 200, body: Some(envelope(data, Value::Null)) }
    }

    /// Data that ends with a lease.
    pub(super) fn leased(data: Value, lease: &str, seconds: i64) -> Self {
        let mut body = envelope(data, Value::Null);
        body["lease_id"] = json!(lease);
        body["lease_duration"] = json!(seconds);
        Self { code: 200, body: Some(body) }
    }

    pub(super) fn auth(auth: Value) -> Self {
        Self { code: 200, body: Some(envelope(Value::Null, auth)) }
    }

    pub(super) const fn empty() -> Self {
        Self { code: 204, body: None }
    }

    /// A body without an envelope.
    pub(super) const fn bare(code: u16, body: Value) -> Self {
        Self { code, body: Some(body) }
    }

    pub(super) fn refused(code: u16, errors: &[&str]) -> Self {
        Self { code, body: Some(json!({ "errors": errors })) }
    }

    pub(super) fn not_found() -> Self {
        Self::refused(404, &[])
    }

    pub(super) fn no_route(path: &str) -> Self {
        Self::refused(404, &[&format!("no handler for route {path:?}. route entry not found.")])
    }

    pub(super) fn unsupported() -> Self {
        Self::refused(405, &["1 error occurred:\n\t* unsupported operation\n\n"])
    }

    pub(super) fn denied() -> Self {
        Self::refused(403, &["1 error occurred:\n\t* permission denied\n\n"])
    }
}

fn envelope(data: Value, auth: Value) -> Value {
    json!({
        "request_id": uuid(), "lease_id": "", "renewable": false, "lease_duration": 0,
        "data": data, "wrap_info": null, "warnings": null, "auth": auth, "mount_type": "",
    })
}
