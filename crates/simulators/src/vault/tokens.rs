//! Tokens, and who logs in for one.
//!
//! **Invariant:** a token ends with its time or with its parent, whichever comes first; a child has
//! no policy that its parent does not have.
//!
//! Source: Vault documentation, "Tokens"; API, "Token", "`AppRole`" and "Kubernetes auth method".

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::answer::Answer;
use crate::chance::{random, uuid};

/// How long tokens are valid whose role says nothing, in seconds. Source: Vault's default lease.
const LEASE_SECONDS: i64 = 2_764_800;

/// A role of the mount `approle` and a secret id of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppRole {
    /// The role's id.
    pub role_id: String,
    /// One of its secret ids.
    pub secret_id: String,
}

#[derive(Debug, Clone)]
pub(super) struct Token {
    pub(super) policies: Vec<String>,
    pub(super) accessor: String,
    parent: Option<String>,
    /// A root token has no end.
    pub(super) ends: Option<Timestamp>,
    display_name: String,
    meta: Value,
}

#[derive(Debug, Clone)]
struct Role {
    policies: Vec<String>,
    seconds: i64,
}

/// Who may ask.
#[derive(Debug, Default)]
pub(super) struct Tokens {
    issued: BTreeMap<String, Token>,
    app_roles: BTreeMap<(String, String), Role>,
    /// By role: the service account's token that may log in, and what it gets.
    pods: BTreeMap<String, (String, Role)>,
}

impl Tokens {
    /// An administrator's token: it has no parent and no end.
    pub(super) fn issue(&mut self, policies: &[&str]) -> String {
        let policies = policies.iter().map(|policy| (*policy).to_owned()).collect();
        self.put(Token {
            policies,
            accessor: accessor(),
            parent: None,
            ends: None,
            display_name: "token".to_owned(),
            meta: Value::Null,
        })
    }

    fn put(&mut self, token: Token) -> String {
        // Source: Vault documentation, "Tokens": service tokens begin with `hvs.`.
        let name = format!("hvs.{}", URL_SAFE_NO_PAD.encode(random::<24>()));
        self.issued.insert(name.clone(), token);
        name
    }

    /// Takes a token back, and its children; returns all of them.
    pub(super) fn revoke(&mut self, token: &str) -> Vec<String> {
        if self.issued.remove(token).is_none() {
            return Vec::new();
        }
        let is_child = |one: &Token| one.parent.as_deref() == Some(token);
        let children: Vec<String> =
            self.issued.iter().filter(|(_, one)| is_child(one)).map(|(name, _)| name.clone()).collect();
        let mut gone = vec![token.to_owned()];
        for child in children {
            gone.extend(self.revoke(&child));
        }
        gone
    }

    /// Takes back what has ended.
    pub(super) fn expire(&mut self, now: Timestamp) -> Vec<String> {
        let ended: Vec<String> = self
            .issued
            .iter()
            .filter(|(_, token)| token.ends.is_some_and(|ends| ends <= now))
            .map(|(name, _)| name.clone())
            .collect();
        ended.iter().flat_map(|name| self.revoke(name)).collect()
    }

    /// The token with this accessor.
    pub(super) fn by_accessor(&self, accessor: &str) -> Option<String> {
        self.issued.iter().find(|(_, token)| token.accessor == accessor).map(|(name, _)| name.clone())
    }

    /// The tokens that somebody logged in for.
    pub(super) fn logins(&self) -> Vec<String> {
        let is_login = |token: &Token| token.display_name == "login";
        self.issued.iter().filter(|(_, token)| is_login(token)).map(|(name, _)| name.clone()).collect()
    }

    /// The names that tokens were made under, of those that live.
    pub(super) fn display_names(&self) -> Vec<String> {
        self.issued.values().map(|token| token.display_name.clone()).collect()
    }

    pub(super) fn app_role(&mut self, policies: &[&str], seconds: Option<i64>) -> AppRole {
        let role = AppRole { role_id: uuid(), secret_id: uuid() };
        self.app_roles.insert((role.role_id.clone(), role.secret_id.clone()), Role::new(policies, seconds));
        role
    }

    pub(super) fn pod(&mut self, role: &str, jwt: &str, policies: &[&str]) {
        self.pods.insert(role.to_owned(), (jwt.to_owned(), Role::new(policies, None)));
    }

    /// A token that lives, or Vault's refusal.
    pub(super) fn known(&self, token: Option<&str>) -> Result<Token, Answer> {
        let Some(token) = token else { return Err(Answer::refused(403, &["permission denied"])) };
        let invalid = "2 errors occurred:\n\t* permission denied\n\t* invalid token\n\n";
        self.issued.get(token).cloned().ok_or_else(|| Answer::refused(403, &[invalid]))
    }

    pub(super) fn log_in(&mut self, body: &Value, now: Timestamp) -> Answer {
        let key = (text(body, "role_id"), text(body, "secret_id"));
        match self.app_roles.get(&key).cloned() {
            Some(role) => self.logged_in(&role, json!({ "role_name": "role" }), now),
            None => Answer::refused(400, &["invalid role or secret ID"]),
        }
    }

    pub(super) fn log_in_pod(&mut self, body: &Value, now: Timestamp) -> Answer {
        let (name, jwt) = (text(body, "role"), text(body, "jwt"));
        match self.pods.get(&name).cloned() {
            None => Answer::refused(400, &[&format!("invalid role name {name:?}")]),
            Some((trusted, _)) if trusted != jwt => Answer::denied(),
            Some((_, role)) => self.logged_in(&role, json!({ "role": name }), now),
        }
    }

    fn logged_in(&mut self, role: &Role, meta: Value, now: Timestamp) -> Answer {
        let ends = now + SignedDuration::from_secs(role.seconds);
        let token = Token {
            policies: role.policies.clone(),
            accessor: accessor(),
            parent: None,
            ends: Some(ends),
            display_name: "login".to_owned(),
            meta,
        };
        self.told(token, role.seconds, true)
    }

    /// `auth/token/create`: a child of the asker.
    pub(super) fn create(&mut self, asker: (&str, &Token), body: &Value, now: Timestamp) -> Answer {
        let (parent, own) = asker;
        let wanted: Option<Vec<String>> = body.get("policies").and_then(|it| serde_json::from_value(it.clone()).ok());
        let policies = wanted.unwrap_or_else(|| own.policies.clone());
        let is_root = own.policies.iter().any(|policy| policy == "root");
        if !is_root && policies.iter().any(|policy| !own.policies.contains(policy)) {
            return Answer::refused(400, &["child policies must be subset of parent"]);
        }
        let limits = ["ttl", "explicit_max_ttl"].map(|key| body.get(key).and_then(seconds));
        let Some(life) = limits.into_iter().flatten().min().or(Some(LEASE_SECONDS)).filter(|life| *life > 0) else {
            return Answer::refused(400, &["invalid ttl"]);
        };
        let token = Token {
            policies,
            accessor: accessor(),
            parent: Some(parent.to_owned()),
            ends: Some(now + SignedDuration::from_secs(life)),
            // Source: API, "Create token": it is prefixed with `token-`.
            display_name: format!("token-{}", text(body, "display_name")),
            meta: body.get("meta").cloned().unwrap_or_default(),
        };
        self.told(token, life, body.get("renewable").and_then(Value::as_bool).unwrap_or(true))
    }

    fn told(&mut self, token: Token, seconds: i64, renewable: bool) -> Answer {
        let (policies, accessor, meta) = (token.policies.clone(), token.accessor.clone(), token.meta.clone());
        let orphan = token.parent.is_none();
        let name = self.put(token);
        Answer::auth(json!({
            "client_token": name, "accessor": accessor, "policies": policies, "token_policies": policies,
            "metadata": meta, "lease_duration": seconds, "renewable": renewable,
            "entity_id": uuid(), "token_type": "service", "orphan": orphan, "mfa_requirement": null, "num_uses": 0,
        }))
    }
}

impl Role {
    fn new(policies: &[&str], seconds: Option<i64>) -> Self {
        let policies = policies.iter().map(|policy| (*policy).to_owned()).collect();
        Self { policies, seconds: seconds.unwrap_or(LEASE_SECONDS) }
    }
}

fn accessor() -> String {
    URL_SAFE_NO_PAD.encode(random::<18>())
}

pub(super) fn text(body: &Value, name: &str) -> String {
    body.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// A length of time: whole seconds, or a number with `s`, `m` or `h`.
///
/// Source: Vault documentation, "Duration string format".
pub(super) fn seconds(value: &Value) -> Option<i64> {
    if let Some(number) = value.as_i64() {
        return Some(number);
    }
    let text = value.as_str()?;
    let at = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let number: i64 = text.get(..at)?.parse().ok()?;
    match text.get(at..)? {
        "" | "s" => Some(number),
        "m" => Some(number * 60),
        "h" => Some(number * 3600),
        _ => None,
    }
}
