//! The attestations that GitHub keeps for an artifact.

use crate::answers::Attestations;
use crate::client::{Client, PAGE, Subject};
use crate::error::ForgeError;
use crate::words::shown;
use serde_json::Value;

const ATTESTATIONS: Subject = Subject { what: "attestations", permission: "\"Attestations\" (read)" };

/// Further ones have no page number but a cursor, and nobody has a hundred for one digest.
pub(crate) async fn of(client: &Client, digest: &str) -> Result<Vec<Value>, ForgeError> {
    let is_hex = |text: &str| text.len() == 64 && text.bytes().all(|it| matches!(it, b'0'..=b'9' | b'a'..=b'f'));
    if !digest.strip_prefix("sha256:").is_some_and(is_hex) {
        return Err(ForgeError::Question(shown(digest), "a digest of the form sha256:<64 lower-case hex digits>"));
    }
    let size = PAGE.to_string();
    let answer: Option<Attestations> =
        client.ask(ATTESTATIONS, &["attestations", digest], &[("per_page", &size)]).await?;
    // It says "not found" where there is none.
    let found = answer.map(|answer| answer.attestations).unwrap_or_default();
    if found.len() >= PAGE {
        return Err(ForgeError::TooMany("attestations"));
    }
    let bundles: Option<Vec<Value>> = found.into_iter().map(|one| one.bundle.filter(Value::is_object)).collect();
    bundles.ok_or_else(|| ForgeError::Strange("attestations", "one comes without its bundle".to_owned()))
}
