//! Access tokens of Google's service accounts, each for one command.
//!
//! **Invariant:** a service account's key signs for a token and goes nowhere; the token of the
//! account that does the work ends with the lease. Such a token cannot be revoked.
//!
//! Source: Google Cloud, "Create short-lived credentials for a service account"
//! (`generateAccessToken`); Google Identity, "Using OAuth 2.0 for server to server applications".

use crate::broker::{IssueError, IssuerFault};
use crate::http;
use crate::issuers::read_off;
use crate::lease::{Issued, Material, Minted, Release};
use crate::need::Term;
use crate::read::{Environment, is_token, malformed};
use crate::recipe::AccessToken;
use crate::reference::Reference;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use countersign_core::time::{Clock, Timestamp};
use rustls::SignatureScheme;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject as _;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;

const ISSUER: &str = "Google";
const SCOPE: &str = "https://www.googleapis.com/auth/cloud-platform";
const IAM_CREDENTIALS: &str = "https://iamcredentials.googleapis.com";
const OAUTH2: &str = "https://oauth2.googleapis.com";

/// For whom a signed grant is; it does not change with the way there.
const AUDIENCE: &str = "https://oauth2.googleapis.com/token";

/// How long a signed grant is good, in seconds; its token as long. Source: as above, at most an hour.
const GRANT_SECONDS: i64 = 600;

/// The longest life of a token, in seconds. Source: `generateAccessToken`, `lifetime`.
const LONGEST_SECONDS: u64 = 3600;

/// Google's token services.
#[derive(Debug)]
pub(crate) struct Google {
    pub(crate) iam_credentials: Option<String>,
    pub(crate) oauth2: Option<String>,
    pub(crate) ca: Option<Reference>,
    pub(crate) environment: Arc<Environment>,
    pub(crate) clock: Arc<dyn Clock>,
}

/// A token and when it ends, if that is known.
struct Token(SecretString, Option<Timestamp>);

/// What a worker's source is.
enum Source {
    Token(SecretString),
    Key(Key),
}

/// The key file of a service account.
#[derive(Deserialize)]
struct Key {
    client_email: String,
    private_key_id: String,
    #[serde(rename = "private_key")]
    pem: SecretString,
}

#[derive(Deserialize)]
struct Granted {
    access_token: SecretString,
    expires_in: u64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Generated {
    access_token: SecretString,
    expire_time: String,
}

impl Google {
    /// A token for the account, or for the source's own.
    pub(crate) async fn mint(&self, account: &AccessToken, term: Term) -> Result<Minted, IssueError> {
        let (source, ca) = (account.source.clone(), self.ca.clone());
        let (source, ca) = read_off(&self.environment, move |environment| {
            let ca = ca.map(|ca| ca.read_public(environment)).transpose()?;
            Ok((Source::read(&source, environment)?, ca))
        })
        .await?;
        let (Token(token, effective), by) = self
            .token(account, source, ca.as_deref(), term)
            .await
            .map_err(|(doing, fault)| IssueError::NotIssued { issuer: ISSUER, doing, fault })?;
        Ok(Minted {
            material: Material::AccessToken(token),
            issued: Issued { by, id: account.service_account.clone() },
            effective,
            release: Release::Nothing,
        })
    }

    async fn token(
        &self,
        account: &AccessToken,
        source: Source,
        ca: Option<&str>,
        term: Term,
    ) -> Result<(Token, &'static str), (&'static str, IssuerFault)> {
        let (mut token, by) = match source {
            Source::Token(token) => (Token(token, None), "static"),
            Source::Key(key) => {
                let granted = self.granted(&key, ca).await.map_err(|fault| ("a token for its own key", fault))?;
                (granted, "access-token")
            }
        };
        let Some(email) = &account.service_account else { return Ok((token, by)) };
        token = self.generated(email, &token.0, ca, term).await.map_err(|fault| ("a token for the account", fault))?;
        Ok((token, "access-token"))
    }

    /// Exchanges a signed grant (RFC 7523) for a token.
    async fn granted(&self, key: &Key, ca: Option<&str>) -> Result<Token, IssuerFault> {
        let endpoint = self.oauth2.as_deref().unwrap_or(OAUTH2);
        let now = self.clock.now();
        let grant = key.grant(now).ok_or(IssuerFault::Login)?;
        let form = form_urlencoded::Serializer::new(String::new())
            .append_pair("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer")
            .append_pair("assertion", &grant)
            .finish();
        let request = http::client(endpoint, ca)?.post(http::url(endpoint, &["token"])?);
        let request = request.header("content-type", "application/x-www-form-urlencoded").body(form);
        let answer = http::send(request).await?;
        let granted: Granted = answer.read().map_err(|fault| match fault {
            // Source: RFC 6749, 5.2: `invalid_grant` and `invalid_client` are 400 or 401.
            IssuerFault::Refused(400) => IssuerFault::Login,
            other => other,
        })?;
        token(granted.access_token, now.plus(Duration::from_secs(granted.expires_in)))
    }

    async fn generated(
        &self,
        email: &str,
        source: &SecretString,
        ca: Option<&str>,
        term: Term,
    ) -> Result<Token, IssuerFault> {
        let endpoint = self.iam_credentials.as_deref().unwrap_or(IAM_CREDENTIALS);
        let seconds = term.seconds(1);
        if seconds > LONGEST_SECONDS {
            return Err(IssuerFault::TooShort);
        }
        let call = format!("{email}:generateAccessToken");
        let url = http::url(endpoint, &["v1", "projects", "-", "serviceAccounts", &call])?;
        let body = json!({ "scope": [SCOPE], "lifetime": format!("{seconds}s") });
        let request = http::client(endpoint, ca)?.post(url).bearer_auth(source.expose_secret());
        let generated: Generated = http::send(request.json(&body)).await?.read()?;
        let ends = generated.expire_time.parse().map_err(|_| IssuerFault::Unreadable)?;
        token(generated.access_token, ends)
    }
}

fn token(token: SecretString, ends: Timestamp) -> Result<Token, IssuerFault> {
    if is_token(token.expose_secret()) { Ok(Token(token, Some(ends))) } else { Err(IssuerFault::Unreadable) }
}

impl Source {
    fn read(reference: &Reference, environment: &Environment) -> Result<Self, IssueError> {
        let text = reference.read(environment)?;
        if is_token(text.expose_secret()) && !text.expose_secret().starts_with('{') {
            return Ok(Self::Token(text));
        }
        let key = serde_json::from_str(text.expose_secret());
        let wrong = "it is neither an access token nor the key file of a service account";
        key.map(Self::Key).map_err(|_| malformed(reference, wrong))
    }
}

impl Key {
    /// A grant for a token, signed with RS256 (RFC 7518); `None` when the key cannot sign.
    fn grant(&self, now: Timestamp) -> Option<String> {
        let issued = now.as_millis() / 1000;
        let header = json!({ "alg": "RS256", "typ": "JWT", "kid": self.private_key_id });
        let claims = json!({
            "iss": self.client_email, "scope": SCOPE, "aud": AUDIENCE,
            "iat": issued, "exp": issued + GRANT_SECONDS,
        });
        let part = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let text = format!("{}.{}", part(header.to_string().as_bytes()), part(claims.to_string().as_bytes()));
        let key = PrivateKeyDer::from_pem_slice(self.pem.expose_secret().as_bytes()).ok()?;
        let key = rustls::crypto::ring::sign::any_supported_type(&key).ok()?;
        let signature = key.choose_scheme(&[SignatureScheme::RSA_PKCS1_SHA256])?.sign(text.as_bytes()).ok()?;
        Some(format!("{text}.{}", part(&signature)))
    }
}
