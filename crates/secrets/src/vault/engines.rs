//! What each engine of Vault is asked, and what its answers mean.
//!
//! Source: Vault API documentation, "AWS", "Google Cloud" and "Kubernetes secrets engine", "KV
//! version 2".

use crate::lease::{Material, VARIABLES};
use crate::need::Term;
use crate::read::{AwsKeys, are_aws, are_variables, is_token};
use crate::recipe::{Engine, VaultRole};
use crate::token_request::claims_of;
use countersign_core::time::Timestamp;
use reqwest::Method;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Duration;

/// Shortest life of a session of AWS, in seconds.
///
/// Source: AWS STS API reference, `AssumeRole` and `GetFederationToken`, `DurationSeconds`.
pub(crate) const SHORTEST_SESSION_SECONDS: u64 = 900;

/// What an engine gave.
pub(super) struct Engined {
    pub(super) material: Material,
    pub(super) lease: Option<String>,
    pub(super) effective: Timestamp,
}

/// Vault's envelope.
#[derive(Deserialize)]
pub(super) struct Said {
    #[serde(default)]
    lease_id: String,
    #[serde(default)]
    lease_duration: u64,
    data: Data,
}

/// The fields of all engines; each has its own.
#[derive(Deserialize)]
struct Data {
    access_key: Option<String>,
    secret_key: Option<SecretString>,
    security_token: Option<SecretString>,
    token: Option<SecretString>,
    expires_at_seconds: Option<i64>,
    service_account_token: Option<SecretString>,
}

#[derive(Deserialize)]
struct Ends {
    exp: i64,
}

/// The request that mints.
pub(super) fn request(role: &VaultRole, handle: &str, term: Term) -> (Method, String, Value) {
    let VaultRole { mount, role: name, .. } = role;
    match role.engine {
        Engine::Aws => {
            let ttl = format!("{}s", term.seconds(SHORTEST_SESSION_SECONDS));
            (Method::POST, format!("{mount}/creds/{name}"), json!({ "role_session_name": handle, "ttl": ttl }))
        }
        // `roleset/…`, `static-account/…` or `impersonated-account/…`.
        Engine::Gcp => (Method::GET, format!("{mount}/{name}/token"), Value::Null),
        Engine::Kubernetes => {
            let mut body = json!({ "ttl": format!("{}s", term.seconds(600)) });
            if let Some(namespace) = &role.namespace {
                body["kubernetes_namespace"] = json!(namespace);
            }
            (Method::POST, format!("{mount}/creds/{name}"), body)
        }
        Engine::KvV2 => (Method::GET, format!("{mount}/data/{name}"), Value::Null),
    }
}

/// The credential in an answer; `None` when it is not there, or is none.
pub(super) fn credential(role: &VaultRole, said: Said, now: Timestamp, term: Term) -> Option<Engined> {
    let Said { lease_id, lease_duration, data } = said;
    let lease_end = now.plus(Duration::from_secs(lease_duration));
    let (material, effective) = match role.engine {
        Engine::Aws => {
            let keys = AwsKeys {
                access_key_id: data.access_key?,
                secret_access_key: data.secret_key?,
                session_token: data.security_token.filter(|token| !token.expose_secret().is_empty()),
            };
            if !are_aws(&keys) {
                return None;
            }
            // A user's key ends with the token that it hangs on; a session is AWS's to end.
            let end = if keys.session_token.is_none() { lease_end.min(term.end()) } else { lease_end };
            (keys.into(), end)
        }
        Engine::Gcp => {
            let token = data.token.filter(|token| is_token(token.expose_secret()))?;
            (Material::AccessToken(token), Timestamp::from_millis(data.expires_at_seconds?.saturating_mul(1000)))
        }
        Engine::Kubernetes => {
            let token = data.service_account_token?;
            // A token of an account that was there before outlives its lease.
            let end = Timestamp::from_millis(claims_of::<Ends>(token.expose_secret())?.exp.saturating_mul(1000));
            (Material::BearerToken(token), end)
        }
        Engine::KvV2 => return None,
    };
    Some(Engined { material, lease: Some(lease_id).filter(|id| !id.is_empty()), effective })
}

/// What a stored secret is: one field of it, keys of AWS, or variables.
pub(super) fn kept(role: &VaultRole, value: Value) -> Option<Material> {
    let mut fields: BTreeMap<String, SecretString> = serde_json::from_value(value).ok()?;
    if let Some(field) = &role.field {
        let token = fields.remove(field).filter(|token| is_token(token.expose_secret()))?;
        return Some(Material::BearerToken(token));
    }
    if fields.keys().all(|name| VARIABLES.contains(&name.as_str())) {
        return are_variables(&fields).then_some(Material::Variables(fields));
    }
    let id = fields.remove("AccessKeyId")?;
    let keys = AwsKeys {
        access_key_id: id.expose_secret().to_owned(),
        secret_access_key: fields.remove("SecretAccessKey")?,
        session_token: fields.remove("SessionToken"),
    };
    are_aws(&keys).then(|| keys.into())
}
