//! Secrets engines: AWS, Google Cloud, Kubernetes, and KV version 2.
//!
//! Source: Vault API documentation of each.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::answer::Answer;
use super::leases::Leases;
use super::policy::Capability;
use super::tokens::{seconds, text};
use crate::chance::{hex, random};

/// How long leases last where neither role nor request says so, in seconds: 32 days.
const DEFAULT_SECONDS: i64 = 2_764_800;

/// What a role of the `aws` engine gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AwsCredential {
    /// `iam_user`: a key that ends with its lease.
    User,
    /// `assumed_role`: a session that AWS itself ends.
    Session,
}

/// What is behind a mount.
#[derive(Debug)]
pub(super) enum Engine {
    Aws(BTreeMap<String, AwsCredential>),
    /// Paths of accounts: `roleset/NAME`.
    Gcp(Vec<String>),
    /// Roles, and the namespaces their accounts may be in.
    Kubernetes(BTreeMap<String, Vec<String>>),
    Kv(BTreeMap<String, Kept>),
}

/// A secret's versions; `None` is a deleted one.
#[derive(Debug, Default)]
pub(super) struct Kept(Vec<Option<Value>>);

/// One request to an engine.
pub(super) struct Asked<'a> {
    pub(super) wanted: Capability,
    pub(super) mount: &'a str,
    pub(super) rest: &'a str,
    pub(super) body: &'a Value,
    pub(super) token: &'a str,
    pub(super) now: Timestamp,
}

impl Engine {
    /// Whether a write to this path makes something new: such a write needs another capability.
    pub(super) fn makes(&self, rest: &str) -> bool {
        match self {
            Self::Kv(secrets) => rest.strip_prefix("data/").is_some_and(|path| !secrets.contains_key(path)),
            Self::Aws(_) | Self::Gcp(_) | Self::Kubernetes(_) => false,
        }
    }

    /// Puts a secret there; `false` for engines that keep none.
    pub(super) fn put(&mut self, path: &str, data: &Value) -> bool {
        let Self::Kv(secrets) = self else { return false };
        secrets.entry(path.to_owned()).or_default().0.push(Some(data.clone()));
        true
    }

    pub(super) fn answer(&mut self, asked: &Asked<'_>, leases: &mut Leases) -> Answer {
        match self {
            Self::Aws(roles) => aws(roles, asked, leases),
            Self::Gcp(accounts) => gcp(accounts, asked),
            Self::Kubernetes(roles) => kubernetes(roles, asked, leases),
            Self::Kv(secrets) => kv(secrets, asked),
        }
    }
}

fn aws(roles: &BTreeMap<String, AwsCredential>, asked: &Asked<'_>, leases: &mut Leases) -> Answer {
    let (Capability::Read | Capability::Update | Capability::Create) = asked.wanted else {
        return Answer::unsupported();
    };
    let Some(name) = asked.rest.strip_prefix("creds/").or_else(|| asked.rest.strip_prefix("sts/")) else {
        return Answer::unsupported();
    };
    let Some(credential) = roles.get(name) else {
        return Answer::refused(400, &[&format!("Role '{name}' not found")]);
    };
    let id = |kind: &str| format!("{kind}{}", hex(&random::<8>()).to_uppercase());
    let secret = URL_SAFE_NO_PAD.encode(random::<30>());
    let (key, token, life) = match credential {
        AwsCredential::User => (id("AKIA"), Value::Null, DEFAULT_SECONDS),
        AwsCredential::Session => {
            let life = asked.body.get("ttl").and_then(seconds).unwrap_or(3600);
            // Source: AWS STS, `DurationSeconds`: 900 and more.
            if life < 900 {
                return Answer::refused(400, &["Error assuming role: ValidationError: durationSeconds"]);
            }
            (id("ASIA"), json!(URL_SAFE_NO_PAD.encode(random::<60>())), life)
        }
    };
    let ends = asked.now + SignedDuration::from_secs(life);
    let lease = leases.grant(&format!("{}/{}", asked.mount, asked.rest), asked.token, &key, ends);
    let data = json!({ "access_key": key, "secret_key": secret, "security_token": token,
        "arn": format!("arn:aws:sts::111111111111:assumed-role/{name}/{}", text(asked.body, "role_session_name")) });
    Answer::leased(data, &lease, life)
}

fn gcp(accounts: &[String], asked: &Asked<'_>) -> Answer {
    let Some(account) = asked.rest.strip_suffix("/token") else { return Answer::unsupported() };
    if asked.wanted != Capability::Read {
        return Answer::unsupported();
    }
    if !accounts.iter().any(|one| one == account) {
        return Answer::refused(400, &[&format!("{account} does not exist")]);
    }
    let ends = asked.now + SignedDuration::from_hours(1);
    let token = format!("ya29.{}", URL_SAFE_NO_PAD.encode(random::<40>()));
    // An access token cannot be revoked and has no lease.
    Answer::data(json!({ "token": token, "token_ttl": 3600, "expires_at_seconds": ends.as_second() }))
}

fn kubernetes(roles: &BTreeMap<String, Vec<String>>, asked: &Asked<'_>, leases: &mut Leases) -> Answer {
    let (Some(name), Capability::Update) = (asked.rest.strip_prefix("creds/"), asked.wanted) else {
        return Answer::unsupported();
    };
    let Some(namespaces) = roles.get(name) else {
        return Answer::refused(400, &[&format!("role '{name}' does not exist")]);
    };
    let namespace = text(asked.body, "kubernetes_namespace");
    if namespace.is_empty() {
        return Answer::refused(400, &["'kubernetes_namespace' is required"]);
    }
    if !namespaces.contains(&namespace) {
        let why = format!("kubernetes_namespace '{namespace}' is not present in role's allowed_kubernetes_namespaces");
        return Answer::refused(400, &[&why]);
    }
    let life = asked.body.get("ttl").and_then(seconds).unwrap_or(DEFAULT_SECONDS);
    let ends = asked.now + SignedDuration::from_secs(life);
    let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let claims = json!({ "exp": ends.as_second(), "sub": format!("system:serviceaccount:{namespace}:v-{name}") });
    let token = format!("{}.{}.{}", part(json!({ "alg": "RS256" })), part(claims), hex(&random::<16>()));
    let lease = leases.grant(&format!("{}/{}", asked.mount, asked.rest), asked.token, &token, ends);
    let data = json!({ "service_account_name": format!("v-{name}"), "service_account_namespace": namespace,
        "service_account_token": token });
    Answer::leased(data, &lease, life)
}

fn kv(secrets: &mut BTreeMap<String, Kept>, asked: &Asked<'_>) -> Answer {
    let metadata = |version: usize| {
        json!({ "created_time": "2026-01-01T00:00:00Z", "custom_metadata": null,
        "deletion_time": "", "destroyed": false, "version": version })
    };
    match (asked.wanted, asked.rest.split_once('/').unwrap_or((asked.rest, ""))) {
        (Capability::Read, ("data", path)) => {
            let kept = secrets.get(path);
            let last = kept.and_then(|kept| Some((kept.0.len(), kept.0.last()?.as_ref()?)));
            last.map_or_else(Answer::not_found, |(version, data)| {
                Answer::data(json!({ "data": data, "metadata": metadata(version) }))
            })
        }
        (Capability::Update | Capability::Create, ("data", path)) => {
            let Some(data) = asked.body.get("data").filter(|data| data.is_object()) else {
                return Answer::refused(400, &["no data provided"]);
            };
            let kept = secrets.entry(path.to_owned()).or_default();
            kept.0.push(Some(data.clone()));
            Answer::data(metadata(kept.0.len()))
        }
        (Capability::Delete, ("data", path)) => {
            if let Some(last) = secrets.get_mut(path).and_then(|kept| kept.0.last_mut()) {
                *last = None;
            }
            Answer::empty()
        }
        (Capability::Delete, ("metadata", path)) => {
            secrets.remove(path);
            Answer::empty()
        }
        (Capability::List, ("metadata", folder)) => {
            let folder = if folder.is_empty() { String::new() } else { format!("{}/", folder.trim_end_matches('/')) };
            let mut keys: Vec<String> = secrets
                .keys()
                .filter_map(|path| path.strip_prefix(&folder))
                .map(|rest| rest.split_once('/').map_or_else(|| rest.to_owned(), |(first, _)| format!("{first}/")))
                .collect();
            keys.dedup();
            if keys.is_empty() { Answer::not_found() } else { Answer::data(json!({ "keys": keys })) }
        }
        _ => Answer::unsupported(),
    }
}
