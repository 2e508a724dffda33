//! Reads credentials that lie somewhere.
//!
//! **Invariant:** what does not have the form of the credential is refused before it reaches a
//! header, a file or an environment; the refusal quotes nothing of it.

use crate::broker::IssueError;
use crate::lease::{Material, VARIABLES};
use crate::reference::Reference;
use crate::target::TargetKind;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use std::collections::BTreeMap;

/// The worker's environment, as it was at start.
pub(crate) type Environment = BTreeMap<String, SecretString>;

/// Keys of AWS as its own programs write them.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct AwsKeys {
    pub(crate) access_key_id: String,
    pub(crate) secret_access_key: SecretString,
    #[serde(default)]
    pub(crate) session_token: Option<SecretString>,
}

impl From<AwsKeys> for Material {
    fn from(keys: AwsKeys) -> Self {
        let AwsKeys { access_key_id, secret_access_key, session_token } = keys;
        Self::Aws { access_key_id, secret_access_key, session_token }
    }
}

/// One word: it goes into a header or a file, and a line break there would begin another line.
pub(crate) fn is_token(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_graphic())
}

pub(crate) fn token(reference: &Reference, environment: &Environment) -> Result<SecretString, IssueError> {
    let token = reference.read(environment)?;
    if token.expose_secret().chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err(malformed(reference, "a token holds no white space"));
    }
    Ok(token)
}

pub(crate) fn certificate(
    certificate: &Reference,
    key: &Reference,
    environment: &Environment,
) -> Result<Material, IssueError> {
    Ok(Material::ClientCertificate {
        certificate_pem: pem(certificate, environment, "CERTIFICATE-----")?.expose_secret().to_owned(),
        key_pem: pem(key, environment, "PRIVATE KEY-----")?,
    })
}

fn pem(reference: &Reference, environment: &Environment, label: &str) -> Result<SecretString, IssueError> {
    let text = reference.read(environment)?;
    let first = text.expose_secret().lines().next().unwrap_or_default();
    if !first.starts_with("-----BEGIN ") || !first.ends_with(label) {
        return Err(malformed(reference, "it does not begin with the expected PEM label"));
    }
    Ok(SecretString::from(format!("{}\n", text.expose_secret())))
}

pub(crate) fn aws(reference: &Reference, environment: &Environment) -> Result<AwsKeys, IssueError> {
    let text = reference.read(environment)?;
    let wrong = || malformed(reference, "it is not JSON with `AccessKeyId` and `SecretAccessKey`");
    let keys: AwsKeys = serde_json::from_str(text.expose_secret()).map_err(|_| wrong())?;
    if !are_aws(&keys) {
        return Err(wrong());
    }
    Ok(keys)
}

pub(crate) fn are_aws(keys: &AwsKeys) -> bool {
    is_token(&keys.access_key_id)
        && is_token(keys.secret_access_key.expose_secret())
        && keys.session_token.as_ref().is_none_or(|token| is_token(token.expose_secret()))
}

pub(crate) fn variables(reference: &Reference, environment: &Environment) -> Result<Material, IssueError> {
    let text = reference.read(environment)?;
    let wrong = || malformed(reference, "it is not JSON with variables that providers read, one word each");
    let variables: BTreeMap<String, SecretString> = serde_json::from_str(text.expose_secret()).map_err(|_| wrong())?;
    if !are_variables(&variables) {
        return Err(wrong());
    }
    Ok(Material::Variables(variables))
}

pub(crate) fn are_variables(variables: &BTreeMap<String, SecretString>) -> bool {
    !variables.is_empty()
        && variables.iter().all(|(name, value)| VARIABLES.contains(&name.as_str()) && is_token(value.expose_secret()))
}

/// What this kind of target takes: a stack gets everything by environment.
pub(crate) fn fit(kind: TargetKind, material: Material) -> Result<Material, IssueError> {
    use Material as M;
    let got = match &material {
        M::None => return Ok(material),
        M::BearerToken(_) => "bearer token",
        M::ClientCertificate { .. } => "client certificate",
        M::Aws { .. } => "key of AWS",
        M::AccessToken(_) => "access token of Google",
        M::Variables(_) => "set of variables",
    };
    match (kind, material) {
        (TargetKind::Cluster | TargetKind::Service, it @ (M::BearerToken(_) | M::ClientCertificate { .. }))
        | (TargetKind::Alertmanager, it @ M::BearerToken(_))
        | (TargetKind::Profile, it @ M::Aws { .. })
        | (TargetKind::Project, it @ M::AccessToken(_))
        | (TargetKind::Stack, it @ M::Variables(_)) => Ok(it),
        (TargetKind::Project, M::BearerToken(token)) => Ok(M::AccessToken(token)),
        (TargetKind::Stack, M::Aws { access_key_id, secret_access_key, session_token }) => {
            let id = ("AWS_ACCESS_KEY_ID", SecretString::from(access_key_id));
            let token = session_token.map(|token| ("AWS_SESSION_TOKEN", token));
            Ok(by_environment([id, ("AWS_SECRET_ACCESS_KEY", secret_access_key)].into_iter().chain(token)))
        }
        (TargetKind::Stack, M::AccessToken(token)) => Ok(by_environment([("GOOGLE_OAUTH_ACCESS_TOKEN", token)])),
        (TargetKind::Stack, M::BearerToken(token)) => Ok(by_environment([("KUBE_TOKEN", token)])),
        _ => Err(IssueError::Unfit { kind: kind.as_str(), got }),
    }
}

fn by_environment(variables: impl IntoIterator<Item = (&'static str, SecretString)>) -> Material {
    Material::Variables(variables.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}

pub(crate) fn malformed(reference: &Reference, why: &'static str) -> IssueError {
    IssueError::Malformed { reference: reference.clone(), why }
}
