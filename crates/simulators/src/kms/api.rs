//! The operations.
//!
//! Source: AWS KMS API reference: `CreateKey`, `DescribeKey`, `DisableKey`, `GetPublicKey`, `Sign`, and their errors.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use ed25519_dalek::pkcs8::EncodePublicKey as _;
use ed25519_dalek::{Signer as _, SigningKey};
use serde_json::{Value, json};

use super::Access;
use crate::chance::{random, uuid};

const ARN: &str = "arn:aws:kms:us-east-1:111122223333:key/";

/// What a key is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `ECC_NIST_EDWARDS25519`, `SIGN_VERIFY`.
    Edwards25519,
    /// `SYMMETRIC_DEFAULT`, `ENCRYPT_DECRYPT`.
    Symmetric,
}

/// What state a key is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It can be used.
    Enabled,
    /// It was disabled.
    Disabled,
    /// It waits for its deletion.
    PendingDeletion,
}

impl Standing {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Enabled => "Enabled",
            Self::Disabled => "Disabled",
            Self::PendingDeletion => "PendingDeletion",
        }
    }
}

#[derive(Debug)]
pub(super) struct KmsKey {
    kind: Kind,
    standing: Standing,
    signing: SigningKey,
}

#[derive(Debug)]
pub(super) struct State {
    pub(super) principals: BTreeMap<String, Access>,
    pub(super) keys: BTreeMap<String, KmsKey>,
    pub(super) aliases: BTreeMap<String, String>,
    pub(super) forges: bool,
}

/// A refusal: HTTP status, type, message.
#[derive(Debug)]
pub(super) struct No(pub(super) u16, pub(super) &'static str, pub(super) String);

impl State {
    pub(super) fn create(&mut self, kind: Kind) -> String {
        let (id, signing) = (uuid(), SigningKey::from_bytes(&random()));
        self.keys.insert(id.clone(), KmsKey { kind, standing: Standing::Enabled, signing });
        id
    }

    pub(super) fn set(&mut self, id: &str, standing: Standing) {
        if let Some(key) = self.keys.get_mut(id) {
            key.standing = standing;
        }
    }

    pub(super) fn call(&mut self, operation: &str, body: &Value) -> Result<Value, No> {
        match operation {
            "CreateKey" => self.create_key(body),
            "DescribeKey" => self.find(body).map(|(id, key)| json!({ "KeyMetadata": metadata(&id, key) })),
            "DisableKey" => {
                let (id, _) = self.find(body)?;
                self.set(&id, Standing::Disabled);
                Ok(Value::Null)
            }
            "GetPublicKey" => self.public_key(body),
            "Sign" => self.sign(body),
            _ => Err(No(400, "UnknownOperationException", String::new())),
        }
    }

    fn create_key(&mut self, body: &Value) -> Result<Value, No> {
        let text = |name: &str| body.get(name).and_then(Value::as_str);
        let kind = match (text("KeySpec").unwrap_or("SYMMETRIC_DEFAULT"), text("KeyUsage").unwrap_or("ENCRYPT_DECRYPT"))
        {
            ("ECC_NIST_EDWARDS25519", "SIGN_VERIFY") => Kind::Edwards25519,
            ("SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT") => Kind::Symmetric,
            (spec, usage) => {
                let why = format!("KeyUsage {usage} is not compatible with KeySpec {spec}");
                return Err(No(400, "ValidationException", why));
            }
        };
        let id = self.create(kind);
        Ok(self.keys.get(&id).map(|key| json!({ "KeyMetadata": metadata(&id, key) })).unwrap_or_default())
    }

    fn find(&self, body: &Value) -> Result<(String, &KmsKey), No> {
        let asked = body.get("KeyId").and_then(Value::as_str).unwrap_or_default();
        let (prefix, alias_prefix) = (ARN, ARN.trim_end_matches("key/"));
        let alias = asked.strip_prefix(alias_prefix).unwrap_or(asked);
        let id = self.aliases.get(alias).map_or_else(|| asked.strip_prefix(prefix).unwrap_or(asked), String::as_str);
        let found = self.keys.get(id).map(|key| (id.to_owned(), key));
        found.ok_or_else(|| No(400, "NotFoundException", format!("Key '{ARN}{asked}' does not exist")))
    }

    fn usable(&self, body: &Value) -> Result<(String, &KmsKey), No> {
        let (id, key) = self.find(body)?;
        match key.standing {
            Standing::Enabled => Ok((id, key)),
            Standing::Disabled => Err(No(400, "DisabledException", format!("{ARN}{id} is disabled."))),
            Standing::PendingDeletion => {
                Err(No(400, "KMSInvalidStateException", format!("{ARN}{id} is pending deletion.")))
            }
        }
    }

    fn public_key(&self, body: &Value) -> Result<Value, No> {
        let (id, key) = self.usable(body)?;
        if key.kind == Kind::Symmetric {
            let why = format!("{ARN}{id} is not an asymmetric key");
            return Err(No(400, "UnsupportedOperationException", why));
        }
        let der = key.signing.verifying_key().to_public_key_der().expect("an ed25519 key always has a DER form");
        Ok(json!({
            "KeyId": format!("{ARN}{id}"), "PublicKey": BASE64.encode(der.as_bytes()),
            "KeySpec": "ECC_NIST_EDWARDS25519", "CustomerMasterKeySpec": "ECC_NIST_EDWARDS25519",
            "KeyUsage": "SIGN_VERIFY", "SigningAlgorithms": ["ED25519_SHA_512", "ED25519_PH_SHA_512"],
        }))
    }

    fn sign(&self, body: &Value) -> Result<Value, No> {
        let (id, key) = self.usable(body)?;
        let text = |name: &str| body.get(name).and_then(Value::as_str).unwrap_or_default();
        // ED25519_SHA_512 takes the message itself. Source: AWS KMS API reference, Sign, SigningAlgorithm.
        let fits = text("SigningAlgorithm") == "ED25519_SHA_512" && text("MessageType") == "RAW";
        if key.kind == Kind::Symmetric || !fits {
            let why = format!("{ARN}{id} key usage is not compatible with the requested algorithm");
            return Err(No(400, "InvalidKeyUsageException", why));
        }
        let message = BASE64.decode(text("Message")).unwrap_or_default();
        if message.is_empty() || message.len() > 4096 {
            let why = "1 validation error detected: Value at 'message' failed to satisfy constraint";
            return Err(No(400, "ValidationException", why.into()));
        }
        let other = SigningKey::from_bytes(&[7; 32]);
        let signature = if self.forges { &other } else { &key.signing }.sign(&message);
        Ok(json!({
            "KeyId": format!("{ARN}{id}"), "SigningAlgorithm": "ED25519_SHA_512",
            "Signature": BASE64.encode(signature.to_bytes()),
        }))
    }
}

fn metadata(id: &str, key: &KmsKey) -> Value {
    let (spec, usage) = match key.kind {
        Kind::Edwards25519 => ("ECC_NIST_EDWARDS25519", "SIGN_VERIFY"),
        Kind::Symmetric => ("SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT"),
    };
    json!({
        "AWSAccountId": "111122223333", "KeyId": id, "Arn": format!("{ARN}{id}"), "CreationDate": 1_767_225_600,
        "Enabled": key.standing == Standing::Enabled, "KeyState": key.standing.as_str(), "KeySpec": spec,
        "CustomerMasterKeySpec": spec, "KeyUsage": usage, "KeyManager": "CUSTOMER", "Origin": "AWS_KMS",
        "Description": "", "MultiRegion": false,
    })
}
