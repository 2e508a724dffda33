//! A root key in the transit engine of Vault or `OpenBao`: it signs there and never leaves.
//!
//! **Invariant:** nothing is taken from the environment, and nothing that Vault answered is in an
//! error: its client's errors carry whole bodies.

use super::{DEADLINE, RootSigner, SignError, endpoint, network_cause};
use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use ed25519_dalek::VerifyingKey;
use secrecy::{ExposeSecret as _, SecretString};
use std::collections::HashMap;
use std::fmt;
use std::path::PathBuf;
use vaultrs::api::transit::KeyType;
use vaultrs::api::transit::requests::SignDataRequestBuilder;
use vaultrs::api::transit::responses::{ReadKeyData, ReadPublicKeyEntry};
use vaultrs::client::{Client as _, VaultClient, VaultClientSettingsBuilder};
use vaultrs::error::ClientError;

/// Where Vault is, and who asks.
#[derive(Debug, Clone)]
pub struct VaultSettings {
    /// `https://host[:port]`, or `http://` on this machine.
    pub address: String,
    /// PEM file of the authority that certified it, beside the ones of this machine.
    pub ca: Option<PathBuf>,
    /// Who asks.
    pub login: VaultLogin,
}

/// Who asks Vault.
#[derive(Debug, Clone)]
pub enum VaultLogin {
    /// A token.
    Token(SecretString),
    /// An `AppRole` of the mount `approle`.
    AppRole {
        /// Its role id.
        role_id: String,
        /// Its secret id.
        secret_id: SecretString,
    },
}

/// An ed25519 key of a transit engine; of several versions the newest.
pub struct VaultRoot {
    client: VaultClient,
    mount: String,
    key: String,
    holder: String,
}

impl fmt::Debug for VaultRoot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VaultRoot({}/{})", self.mount, self.key)
    }
}

impl VaultRoot {
    /// Logs in, if a role is to be used, and asks nothing else yet.
    ///
    /// # Errors
    /// When the address or a name cannot be used, or the login is refused.
    pub async fn open(settings: &VaultSettings, mount: &str, key: &str) -> Result<Self, SignError> {
        let url = endpoint(&settings.address)?;
        let holder = format!("Vault at {}", url.as_str().trim_end_matches('/'));
        let token = match &settings.login {
            VaultLogin::Token(token) => token.expose_secret().trim().to_owned(),
            VaultLogin::AppRole { .. } => String::new(),
        };
        if token.chars().any(|c| !c.is_ascii_graphic()) {
            return Err(SignError::Login { holder });
        }
        let client = client(settings, &url, &token)?;
        let mut root = Self { client, mount: mount.to_owned(), key: key.to_owned(), holder };
        if let VaultLogin::AppRole { role_id, secret_id } = &settings.login {
            let asked =
                vaultrs::auth::approle::login(&root.client, "approle", role_id, secret_id.expose_secret()).await;
            let auth = asked.map_err(|error| match &error {
                // Source: Vault API, AppRole login: a role or secret id that is wrong is 400 `invalid role or secret ID`.
                ClientError::APIError { code: 400 | 403, .. } => SignError::Login { holder: root.holder.clone() },
                _ => root.failed(&error, "log in for"),
            })?;
            root.client.set_token(&auth.client_token);
        }
        Ok(root)
    }

    /// The newest version and its public key.
    async fn newest(&self) -> Result<(u64, VerifyingKey), SignError> {
        let read = vaultrs::transit::key::read(&self.client, &self.mount, &self.key).await;
        let read = read.map_err(|error| self.failed(&error, "read"))?;
        let wrong = || SignError::WrongKind {
            holder: self.holder.clone(),
            key: self.key.clone(),
            needed: "ed25519, not derived",
        };
        match read.keys {
            ReadKeyData::Asymmetric(versions) if matches!(read.key_type, KeyType::Ed25519) && !read.derived => {
                newest_of(&versions).ok_or_else(|| self.unreadable())
            }
            ReadKeyData::Asymmetric(_) | ReadKeyData::Symmetric(_) => Err(wrong()),
        }
    }

    /// What an error of the client means; its texts may hold anything and stay behind.
    fn failed(&self, error: &ClientError, what: &'static str) -> SignError {
        let (holder, key) = (self.holder.clone(), self.key.clone());
        match error {
            ClientError::APIError { code: 403, errors } if errors.iter().any(|text| text.contains("invalid token")) => {
                SignError::Login { holder }
            }
            ClientError::APIError { code: 403, .. } => SignError::Denied { holder, what, key },
            ClientError::APIError { code: 404, .. } => SignError::NoSuchKey { holder, key },
            // Source: Vault's HTTP API, status codes: 503 is sealed or in maintenance.
            ClientError::APIError { code: 503, .. } => SignError::Sealed { holder },
            ClientError::APIError { code: 400, errors } if errors.iter().any(|text| text.contains("key not found")) => {
                SignError::NoSuchKey { holder, key }
            }
            ClientError::APIError { code, .. } => SignError::Refused { holder, code: format!("HTTP {code}") },
            ClientError::RestClientError { source } if is_of_network(source) => {
                SignError::Unreachable { holder, why: network_cause(error) }
            }
            _ => SignError::Unreadable { holder },
        }
    }

    fn unreadable(&self) -> SignError {
        SignError::Unreadable { holder: self.holder.clone() }
    }
}

#[async_trait]
impl RootSigner for VaultRoot {
    async fn public_key(&self) -> Result<VerifyingKey, SignError> {
        self.newest().await.map(|(_, key)| key)
    }

    async fn sign(&self, message: &[u8]) -> Result<[u8; 64], SignError> {
        let (version, _) = self.newest().await?;
        let mut options = SignDataRequestBuilder::default();
        options.key_version(version);
        let input = BASE64.encode(message);
        let answer =
            vaultrs::transit::data::sign(&self.client, &self.mount, &self.key, &input, Some(&mut options)).await;
        let text = answer.map_err(|error| self.failed(&error, "sign with"))?.signature;
        // Source: Vault API, transit, "Sign data": `vault:v<version>:<base64>`.
        let encoded = text.strip_prefix(&format!("vault:v{version}:")).ok_or_else(|| self.unreadable())?;
        let bytes = BASE64.decode(encoded).map_err(|_| self.unreadable())?;
        bytes.try_into().map_err(|_| self.unreadable())
    }
}

fn newest_of(versions: &HashMap<String, ReadPublicKeyEntry>) -> Option<(u64, VerifyingKey)> {
    let numbered = versions.iter().filter_map(|(number, entry)| Some((number.parse::<u64>().ok()?, entry)));
    let (number, entry) = numbered.max_by_key(|(number, _)| *number)?;
    let bytes: [u8; 32] = BASE64.decode(&entry.public_key).ok()?.try_into().ok()?;
    Some((number, VerifyingKey::from_bytes(&bytes).ok()?))
}

/// Whether the request did not get through, by the kind of the error alone: its text is never read.
fn is_of_network<E: std::error::Error + 'static>(error: &E) -> bool {
    let mut next: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = next {
        if error.is::<reqwest::Error>() {
            return true;
        }
        next = error.source();
    }
    false
}

fn client(settings: &VaultSettings, url: &reqwest::Url, token: &str) -> Result<VaultClient, SignError> {
    let ca: Vec<String> = settings.ca.iter().map(|path| path.display().to_string()).collect();
    for path in &ca {
        // The client takes a file without certificates for an empty list, and then fails at the first request.
        let has_certificates =
            std::fs::read_to_string(path).is_ok_and(|text| text.contains("-----BEGIN CERTIFICATE-----"));
        if !has_certificates {
            return Err(no_certificates(path));
        }
    }
    // Every value is given: what is left out, the builder takes from the environment.
    let settings = VaultClientSettingsBuilder::default()
        .address(url.as_str())
        .ca_certs(ca)
        .identity(None)
        .timeout(Some(DEADLINE))
        .token(token)
        .verify(true)
        .namespace(None)
        .build()
        .map_err(|_| SignError::Setting("these settings of Vault do not fit together".to_owned()))?;
    VaultClient::new(settings).map_err(|error| match error {
        ClientError::FileReadError { path, .. } | ClientError::ParseCertificateError { path, .. } => {
            no_certificates(&path)
        }
        _ => SignError::Setting("the connection to Vault cannot be set up on this machine".to_owned()),
    })
}

fn no_certificates(path: &str) -> SignError {
    SignError::Setting(format!("`{path}` is not a readable PEM file of certificates"))
}
