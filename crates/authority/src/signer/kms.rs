//! A root key in AWS KMS: it signs there and never leaves.
//!
//! **Invariant:** the service's codes are told, its texts are not: they name accounts and roles.

use super::{DEADLINE, RootSigner, SignError, endpoint, network_cause};
use async_trait::async_trait;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region};
use aws_sdk_kms::Client;
use aws_sdk_kms::config::{Builder, Credentials};
use aws_sdk_kms::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_kms::primitives::Blob;
use aws_sdk_kms::types::{KeySpec, MessageType, SigningAlgorithmSpec};
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use ed25519_dalek::VerifyingKey;
use ed25519_dalek::pkcs8::DecodePublicKey as _;
use secrecy::{ExposeSecret as _, SecretString};
use std::error::Error;
use std::fmt;

const HOLDER: &str = "AWS KMS";

/// Where the key is, and who asks.
#[derive(Debug, Clone)]
pub struct KmsSettings {
    /// The region; when absent, as every AWS tool finds it.
    pub region: Option<String>,
    /// Where the service is, if not at AWS: `https://host[:port]`, or `http://` on this machine.
    pub endpoint: Option<String>,
    /// Who asks.
    pub credentials: KmsCredentials,
}

/// Who asks.
#[derive(Debug, Clone)]
pub enum KmsCredentials {
    /// As every AWS tool finds them: environment, profile, web identity, container, instance.
    Chain,
    /// A key of its own.
    Key {
        /// Its id.
        id: String,
        /// The key.
        secret: SecretString,
    },
}

/// A key of spec `ECC_NIST_EDWARDS25519`, by id, ARN or alias.
pub struct KmsRoot {
    client: Client,
    key: String,
}

impl fmt::Debug for KmsRoot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KmsRoot({})", self.key)
    }
}

impl KmsRoot {
    /// Finds credentials; asks nothing of the service yet.
    ///
    /// # Errors
    /// When the endpoint cannot be used.
    pub async fn open(settings: &KmsSettings, key: &str) -> Result<Self, SignError> {
        let http =
            aws_smithy_http_client::Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https();
        let region = settings.region.clone().map(Region::new);
        let version = BehaviorVersion::v2026_01_12();
        let builder = match &settings.credentials {
            KmsCredentials::Chain => {
                let found = aws_config::defaults(version).http_client(http);
                let found = if let Some(region) = region { found.region(region) } else { found };
                Builder::from(&found.load().await)
            }
            KmsCredentials::Key { id, secret } => Builder::new()
                .behavior_version(version)
                .http_client(http)
                .region(region)
                .credentials_provider(Credentials::new(id, secret.expose_secret(), None, None, "configuration")),
        };
        let timeouts = TimeoutConfig::builder().connect_timeout(DEADLINE / 5).operation_timeout(DEADLINE).build();
        let builder = builder.timeout_config(timeouts);
        let builder = match &settings.endpoint {
            Some(text) => builder.endpoint_url(endpoint(text)?.as_str().trim_end_matches('/')),
            None => builder,
        };
        Ok(Self { client: Client::from_conf(builder.build()), key: key.to_owned() })
    }

    fn failed<E, R>(&self, error: SdkError<E, R>, what: &'static str) -> SignError
    where
        E: ProvideErrorMetadata + Error + 'static,
        R: fmt::Debug + 'static,
    {
        let (holder, key) = (HOLDER.to_owned(), self.key.clone());
        let service = match &error {
            SdkError::ServiceError(it) => it.err(),
            SdkError::ResponseError(_) => return SignError::Unreadable { holder },
            _ => return SignError::Unreachable { holder, why: network_cause(&error) },
        };
        match service.code() {
            Some("AccessDeniedException") => SignError::Denied { holder, what, key },
            Some("NotFoundException") => SignError::NoSuchKey { holder, key },
            // Source: AWS KMS API reference, Sign, errors; "Key states of AWS KMS keys".
            Some("DisabledException" | "KMSInvalidStateException") => SignError::Disabled { holder, key },
            Some("InvalidKeyUsageException" | "UnsupportedOperationException") => self.wrong_kind(),
            // Source: AWS KMS API reference, "Common error types".
            Some(
                "UnrecognizedClientException"
                | "InvalidSignatureException"
                | "IncompleteSignature"
                | "ExpiredTokenException"
                | "InvalidClientTokenId"
                | "MissingAuthenticationTokenException",
            ) => SignError::Login { holder },
            Some(code) => SignError::Refused { holder, code: code.chars().take(80).collect() },
            None => SignError::Unreadable { holder },
        }
    }

    fn wrong_kind(&self) -> SignError {
        SignError::WrongKind { holder: HOLDER.to_owned(), key: self.key.clone(), needed: "ECC_NIST_EDWARDS25519" }
    }
}

#[async_trait]
impl RootSigner for KmsRoot {
    async fn public_key(&self) -> Result<VerifyingKey, SignError> {
        let asked = self.client.get_public_key().key_id(&self.key).send().await;
        let answer = asked.map_err(|error| self.failed(error, "read"))?;
        if answer.key_spec() != Some(&KeySpec::EccNistEdwards25519) {
            return Err(self.wrong_kind());
        }
        // Source: AWS KMS API reference, GetPublicKey: DER of SubjectPublicKeyInfo (RFC 5280, RFC 8410).
        let der = answer.public_key().map(AsRef::as_ref).unwrap_or_default();
        VerifyingKey::from_public_key_der(der).map_err(|_| SignError::Unreadable { holder: HOLDER.to_owned() })
    }

    async fn sign(&self, message: &[u8]) -> Result<[u8; 64], SignError> {
        let asked = self
            .client
            .sign()
            .key_id(&self.key)
            .message(Blob::new(message))
            .message_type(MessageType::Raw)
            .signing_algorithm(SigningAlgorithmSpec::Ed25519Sha512)
            .send()
            .await;
        let answer = asked.map_err(|error| self.failed(error, "sign with"))?;
        let bytes = answer.signature().map(AsRef::as_ref).unwrap_or_default();
        bytes.try_into().map_err(|_| SignError::Unreadable { holder: HOLDER.to_owned() })
    }
}
