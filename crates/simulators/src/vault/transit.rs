//! The transit engine: keys that sign and do not leave.
//!
//! Source: Vault API documentation, "Transit secrets engine".

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use ed25519_dalek::{Signer as _, SigningKey};
use serde_json::{Value, json};

use super::answer::Answer;
use super::policy::Capability;
use crate::chance::random;

/// Said of every key version; nothing here depends on it.
const CREATED: &str = "2026-01-01T00:00:00Z";

#[derive(Debug)]
enum Material {
    /// Versions from 1 on.
    Ed25519(Vec<SigningKey>),
    /// A kind that encrypts; only its number of versions is kept.
    Symmetric(u64),
}

#[derive(Debug)]
struct Key {
    kind: String,
    material: Material,
    deletion_allowed: bool,
}

/// The engine.
#[derive(Debug, Default)]
pub(super) struct Transit {
    keys: BTreeMap<String, Key>,
    pub(super) forges: bool,
}

impl Transit {
    /// Answers what is below the mount.
    pub(super) fn answer(&mut self, wanted: Capability, path: &str, body: &Value) -> Answer {
        let parts: Vec<&str> = path.split('/').collect();
        match (wanted, parts.as_slice()) {
            (Capability::List, ["keys"]) => Answer::data(json!({ "keys": self.keys.keys().collect::<Vec<_>>() })),
            (Capability::Read, ["keys", name]) => {
                self.keys.get(*name).map_or_else(Answer::not_found, |key| read(name, key))
            }
            (Capability::Update, ["keys", name]) => self.create(name, body),
            (Capability::Delete, ["keys", name]) => self.delete(name),
            (Capability::Update, ["keys", name, "rotate"]) => self.rotate(name),
            (Capability::Update, ["keys", name, "config"]) => self.configure(name, body),
            (Capability::Update, ["sign", name]) => self.sign(name, body),
            _ => Answer::unsupported(),
        }
    }

    pub(super) fn create(&mut self, name: &str, body: &Value) -> Answer {
        let kind = body.get("type").and_then(Value::as_str).unwrap_or("aes256-gcm96");
        let material = match kind {
            "ed25519" => Material::Ed25519(vec![SigningKey::from_bytes(&random())]),
            "aes128-gcm96" | "aes256-gcm96" | "chacha20-poly1305" => Material::Symmetric(1),
            _ => return Answer::refused(400, &[&format!("unknown key type {kind}")]),
        };
        let key = Key { kind: kind.to_owned(), material, deletion_allowed: false };
        // A key that exists stays as it is. Source: Vault API documentation, transit, "Create key".
        read(name, self.keys.entry(name.to_owned()).or_insert(key))
    }

    fn rotate(&mut self, name: &str) -> Answer {
        let Some(key) = self.keys.get_mut(name) else { return Answer::refused(404, &["key not found"]) };
        match &mut key.material {
            Material::Ed25519(versions) => versions.push(SigningKey::from_bytes(&random())),
            Material::Symmetric(versions) => *versions += 1,
        }
        read(name, key)
    }

    fn configure(&mut self, name: &str, body: &Value) -> Answer {
        let Some(key) = self.keys.get_mut(name) else {
            return Answer::refused(400, &[&format!("no existing key named {name} could be found")]);
        };
        if let Some(allowed) = body.get("deletion_allowed").and_then(Value::as_bool) {
            key.deletion_allowed = allowed;
        }
        read(name, key)
    }

    fn delete(&mut self, name: &str) -> Answer {
        match self.keys.get(name) {
            None => Answer::refused(400, &[&format!("error deleting policy {name}: could not delete key; not found")]),
            Some(key) if !key.deletion_allowed => {
                let why = format!("error deleting policy {name}: deletion is not allowed for this key");
                Answer::refused(400, &[&why])
            }
            Some(_) => {
                self.keys.remove(name);
                Answer::empty()
            }
        }
    }

    fn sign(&self, name: &str, body: &Value) -> Answer {
        let Some(key) = self.keys.get(name) else { return Answer::refused(400, &["signing key not found"]) };
        let Material::Ed25519(versions) = &key.material else {
            return Answer::refused(400, &[&format!("key type {} does not support signing", key.kind)]);
        };
        let input = body.get("input").and_then(Value::as_str).unwrap_or_default();
        let Ok(input) = BASE64.decode(input) else {
            return Answer::refused(400, &["unable to decode input as base64: illegal base64 data at input byte 0"]);
        };
        let asked = body.get("key_version").and_then(Value::as_u64).unwrap_or(0);
        let number = if asked == 0 { versions.len() } else { usize::try_from(asked).unwrap_or(usize::MAX) };
        let Some(version) = number.checked_sub(1).and_then(|at| versions.get(at)) else {
            return Answer::refused(400, &["requested version for signing is higher than the latest key version"]);
        };
        let other = SigningKey::from_bytes(&[7; 32]);
        let signature = if self.forges { &other } else { version }.sign(&input);
        let signature = format!("vault:v{number}:{}", BASE64.encode(signature.to_bytes()));
        Answer::data(json!({ "signature": signature, "key_version": number }))
    }
}

fn read(name: &str, key: &Key) -> Answer {
    let (signs, versions) = match &key.material {
        Material::Ed25519(versions) => {
            let entry = |(at, key): (usize, &SigningKey)| {
                let public = BASE64.encode(key.verifying_key().as_bytes());
                let entry = json!({ "creation_time": CREATED, "name": "ed25519", "public_key": public });
                ((at + 1).to_string(), entry)
            };
            (true, versions.iter().enumerate().map(entry).collect::<serde_json::Map<_, _>>())
        }
        Material::Symmetric(count) => {
            (false, (1..=*count).map(|number| (number.to_string(), json!(1_767_225_600))).collect())
        }
    };
    Answer::data(json!({
        "name": name, "type": key.kind, "latest_version": versions.len(), "keys": versions,
        "deletion_allowed": key.deletion_allowed, "derived": false, "exportable": false,
        "allow_plaintext_backup": false, "auto_rotate_period": 0, "imported_key": false,
        "min_available_version": 0, "min_decryption_version": 1, "min_encryption_version": 0,
        "supports_encryption": !signs, "supports_decryption": !signs, "supports_derivation": true,
        "supports_signing": signs,
    }))
}
