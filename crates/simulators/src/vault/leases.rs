//! What was issued for a time, and what becomes of it.
//!
//! **Invariant:** a lease ends with its time, with the token it was asked for with, or when it is
//! revoked; what it stands for ends with it.
//!
//! Source: Vault documentation, "Lease, renew, and revoke"; API, `/sys/leases`.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::answer::Answer;
use crate::chance::uuid;

#[derive(Debug)]
struct Lease {
    token: String,
    ends: Timestamp,
    /// The credential: a key id or a token.
    of: String,
}

/// All leases by id.
#[derive(Debug, Default)]
pub(super) struct Leases {
    live: BTreeMap<String, Lease>,
    /// Credentials whose lease has ended.
    ended: Vec<String>,
    /// Revoking fails, as when a cloud is away.
    pub(super) stuck: bool,
}

impl Leases {
    /// A lease of a credential, under the path it was asked for at.
    pub(super) fn grant(&mut self, path: &str, token: &str, of: &str, ends: Timestamp) -> String {
        let id = format!("{path}/{}", uuid());
        self.live.insert(id.clone(), Lease { token: token.to_owned(), ends, of: of.to_owned() });
        id
    }

    pub(super) fn expire(&mut self, now: Timestamp) {
        self.end(|_, lease| lease.ends <= now);
    }

    pub(super) fn end_with(&mut self, tokens: &[String]) {
        self.end(|_, lease| tokens.contains(&lease.token));
    }

    fn end(&mut self, ends: impl Fn(&str, &Lease) -> bool) {
        let (gone, kept) = std::mem::take(&mut self.live).into_iter().partition(|(id, lease)| ends(id, lease));
        self.live = kept;
        let gone: BTreeMap<String, Lease> = gone;
        self.ended.extend(gone.into_values().map(|lease| lease.of));
    }

    /// Whether this credential was leased and is not any more.
    pub(super) fn has_ended(&self, credential: &str) -> bool {
        self.ended.iter().any(|one| one == credential)
    }

    pub(super) fn ids(&self) -> Vec<String> {
        self.live.keys().cloned().collect()
    }

    pub(super) fn revoke(&mut self, body: &Value) -> Answer {
        let id = body.get("lease_id").and_then(Value::as_str).unwrap_or_default();
        if id.is_empty() {
            return Answer::refused(400, &["lease ID must be specified"]);
        }
        if self.stuck {
            return Answer::refused(400, &["failed to revoke entry: the cloud did not answer"]);
        }
        // One that is not there is revoked: 204.
        self.end(|one, _| one == id);
        Answer::empty()
    }

    pub(super) fn revoke_prefix(&mut self, prefix: &str) -> Answer {
        self.end(|id, _| id.starts_with(prefix));
        Answer::empty()
    }

    pub(super) fn look_up(&self, body: &Value, now: Timestamp) -> Answer {
        let id = body.get("lease_id").and_then(Value::as_str).unwrap_or_default();
        match self.live.get(id) {
            Some(lease) => {
                let left: SignedDuration = lease.ends.duration_since(now);
                Answer::data(json!({ "id": id, "ttl": left.as_secs(), "renewable": false,
                    "expire_time": lease.ends.to_string() }))
            }
            None => Answer::refused(400, &["invalid lease"]),
        }
    }
}
