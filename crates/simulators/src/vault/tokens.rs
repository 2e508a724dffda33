//! Tokens, and the roles that log in for one.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::answer::Answer;
use crate::chance::{random, uuid};

/// How long tokens are said to be valid, in seconds. Source: Vault's default lease.
const LEASE_SECONDS: u64 = 2_764_800;

/// A role of the mount `approle` and a secret id of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppRole {
    /// The role's id.
    pub role_id: String,
    /// One of its secret ids.
    pub secret_id: String,
}

/// Who may ask.
#[derive(Debug, Default)]
pub(super) struct Tokens {
    issued: BTreeMap<String, Vec<String>>,
    roles: BTreeMap<(String, String), Vec<String>>,
}

impl Tokens {
    pub(super) fn issue(&mut self, policies: &[&str]) -> String {
        self.issue_owned(policies.iter().map(|policy| (*policy).to_owned()).collect())
    }

    fn issue_owned(&mut self, policies: Vec<String>) -> String {
        // Source: Vault documentation, "Tokens": service tokens begin with `hvs.`.
        let token = format!("hvs.{}", URL_SAFE_NO_PAD.encode(random::<24>()));
        self.issued.insert(token.clone(), policies);
        token
    }

    pub(super) fn revoke(&mut self, token: &str) {
        self.issued.remove(token);
    }

    pub(super) fn app_role(&mut self, policies: &[&str]) -> AppRole {
        let role = AppRole { role_id: uuid(), secret_id: uuid() };
        let policies = policies.iter().map(|policy| (*policy).to_owned()).collect();
        self.roles.insert((role.role_id.clone(), role.secret_id.clone()), policies);
        role
    }

    /// The policies of a token, or Vault's refusal.
    pub(super) fn policies(&self, token: Option<&str>) -> Result<Vec<String>, Answer> {
        let Some(token) = token else { return Err(Answer::refused(403, &["permission denied"])) };
        let invalid = "2 errors occurred:\n\t* permission denied\n\t* invalid token\n\n";
        self.issued.get(token).cloned().ok_or_else(|| Answer::refused(403, &[invalid]))
    }

    pub(super) fn login(&mut self, body: &Value) -> Answer {
        let text = |name: &str| body.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let Some(policies) = self.roles.get(&(text("role_id"), text("secret_id"))).cloned() else {
            return Answer::refused(400, &["invalid role or secret ID"]);
        };
        let token = self.issue_owned(policies.clone());
        Answer::auth(json!({
            "client_token": token, "accessor": uuid(), "policies": policies, "token_policies": policies,
            "metadata": { "role_name": "role" }, "lease_duration": LEASE_SECONDS, "renewable": true,
            "entity_id": uuid(), "token_type": "service", "orphan": true, "mfa_requirement": null, "num_uses": 0,
        }))
    }
}
