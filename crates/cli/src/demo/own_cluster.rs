//! `demo --kubeconfig FILE --context C`: the asker's own cluster, read tier only.
//!
//! **Invariant:** only a read credential is configured for it, so nothing that changes can run
//! there, whatever policy says; exec plugins of a kubeconfig are never run.

use crate::demo::world::private;
use anyhow::{Context as _, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use countersign_core::warrant::CredentialClass;
use countersign_secrets::{Recipe, Reference};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Its name in the demo's catalog.
pub const NAME: &str = "mine";

/// One context of a kubeconfig.
#[derive(Debug, Clone)]
pub struct OwnCluster {
    server: String,
    authority: Option<String>,
    namespace: String,
    login: Login,
    folder: PathBuf,
}

#[derive(Clone)]
enum Login {
    Token(String),
    Certificate { certificate: String, key: String },
}

impl std::fmt::Debug for Login {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Token(_) => "Token(…)",
            Self::Certificate { .. } => "Certificate(…)",
        })
    }
}

#[derive(Deserialize)]
struct Kubeconfig {
    #[serde(default)]
    clusters: Vec<NamedCluster>,
    #[serde(default)]
    users: Vec<NamedUser>,
    #[serde(default)]
    contexts: Vec<NamedContext>,
}

#[derive(Deserialize)]
struct NamedCluster {
    name: String,
    cluster: ClusterPart,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct ClusterPart {
    server: String,
    certificate_authority: Option<PathBuf>,
    certificate_authority_data: Option<String>,
    #[serde(default)]
    insecure_skip_tls_verify: bool,
}

#[derive(Deserialize)]
struct NamedUser {
    name: String,
    user: UserPart,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct UserPart {
    token: Option<String>,
    #[serde(rename = "tokenFile")]
    token_file: Option<PathBuf>,
    client_certificate: Option<PathBuf>,
    client_certificate_data: Option<String>,
    client_key: Option<PathBuf>,
    client_key_data: Option<String>,
    exec: Option<serde::de::IgnoredAny>,
}

#[derive(Deserialize)]
struct NamedContext {
    name: String,
    context: ContextPart,
}

#[derive(Deserialize)]
struct ContextPart {
    cluster: String,
    user: String,
    namespace: Option<String>,
}

impl OwnCluster {
    /// Reads one context of a kubeconfig; `folder` is where the demo keeps its copies.
    ///
    /// # Errors
    /// When the file or the context is not there, or its user logs in by a plugin.
    pub fn read(file: &Path, context: &str, folder: &Path) -> anyhow::Result<Self> {
        let text = std::fs::read_to_string(file).with_context(|| format!("`{}` cannot be read", file.display()))?;
        let beside = file.parent().unwrap_or(Path::new("/"));
        #[expect(
            clippy::disallowed_methods,
            reason = "a kubeconfig is kubectl's file, not ours: unknown keys are its own"
        )]
        let config: Kubeconfig =
            serde_yaml::from_str(&text).with_context(|| format!("`{}` is not a kubeconfig", file.display()))?;
        let known: Vec<&str> = config.contexts.iter().map(|one| one.name.as_str()).collect();
        let found = config.contexts.iter().find(|one| one.name == context);
        let part = &found.with_context(|| format!("no context `{context}`; there are: {}", known.join(", ")))?.context;
        let cluster = config.clusters.into_iter().find(|one| one.name == part.cluster);
        let cluster = cluster.with_context(|| format!("no cluster `{}`", part.cluster))?.cluster;
        if cluster.insecure_skip_tls_verify {
            bail!("context `{context}` does not verify its server; give it a certificate authority");
        }
        let user = config.users.into_iter().find(|one| one.name == part.user);
        let user = user.with_context(|| format!("no user `{}`", part.user))?.user;
        Ok(Self {
            server: cluster.server,
            authority: text_of(beside, cluster.certificate_authority_data, cluster.certificate_authority)?,
            namespace: part.namespace.clone().unwrap_or_else(|| "default".into()),
            login: login(beside, user, context)?,
            folder: folder.join("credentials").join(NAME),
        })
    }

    /// The shipped catalog with this cluster in it.
    ///
    /// # Errors
    /// When its files cannot be written.
    pub(crate) fn add_to(&self, catalog: &str) -> anyhow::Result<String> {
        std::fs::create_dir_all(&self.folder)?;
        let ca = match &self.authority {
            Some(pem) => format!("    ca: file:{}\n", private(&self.folder.join("ca.pem"), pem)?.display()),
            None => String::new(),
        };
        match &self.login {
            Login::Token(token) => drop(private(&self.folder.join("read.token"), token)?),
            Login::Certificate { certificate, key } => {
                private(&self.folder.join("read.crt"), certificate)?;
                private(&self.folder.join("read.key"), key)?;
            }
        }
        // Quoted as JSON, which is YAML: what a kubeconfig holds cannot become another key.
        let quoted = |text: &str| serde_json::Value::from(text).to_string();
        let entry = format!(
            "clusters:\n  {NAME}:\n    env: dev\n    address: {}\n{ca}    namespace: {}\n    owners: [engineering]\n    \
             pool: main\n    isolation: strict\n    credentials:\n      read: {}\n",
            quoted(&self.server),
            quoted(&self.namespace),
            quoted(&format!("file:{}", self.folder.join("read.token").display())),
        );
        Ok(catalog.replacen("clusters:\n", &entry, 1))
    }

    /// Its one credential.
    pub(crate) fn credentials(&self) -> BTreeMap<(String, CredentialClass), Recipe> {
        let file = |name: &str| Reference::File(self.folder.join(name));
        let recipe = match self.login {
            Login::Token(_) => Recipe::BearerToken(file("read.token")),
            Login::Certificate { .. } => {
                Recipe::ClientCertificate { certificate: file("read.crt"), key: file("read.key") }
            }
        };
        [((NAME.to_owned(), CredentialClass::Read), recipe)].into()
    }
}

fn login(beside: &Path, user: UserPart, context: &str) -> anyhow::Result<Login> {
    if user.exec.is_some() {
        bail!(
            "context `{context}` logs in by a plugin, which Countersign never runs; use a context with a token or a client certificate"
        );
    }
    let token = match (user.token, user.token_file) {
        (Some(token), _) => Some(token),
        (None, Some(file)) => Some(std::fs::read_to_string(beside.join(file))?.trim().to_owned()),
        (None, None) => None,
    };
    if let Some(token) = token {
        return Ok(Login::Token(token));
    }
    let certificate = text_of(beside, user.client_certificate_data, user.client_certificate)?;
    let key = text_of(beside, user.client_key_data, user.client_key)?;
    match (certificate, key) {
        (Some(certificate), Some(key)) => Ok(Login::Certificate { certificate, key }),
        _ => bail!("context `{context}` has neither a token nor a client certificate"),
    }
}

fn text_of(beside: &Path, data: Option<String>, file: Option<PathBuf>) -> anyhow::Result<Option<String>> {
    match (data, file) {
        (Some(data), _) => Ok(Some(String::from_utf8(BASE64.decode(data.trim())?)?)),
        (None, Some(file)) => {
            let path = beside.join(file);
            Ok(Some(std::fs::read_to_string(&path).with_context(|| format!("`{}` cannot be read", path.display()))?))
        }
        (None, None) => Ok(None),
    }
}
