//! Leases of Vault: each command has a token of its own there, and every lease hangs on it.
//!
//! **Invariant:** the token of a command ends with its lease's nominal expiry whether or not anybody
//! revokes it, and Vault revokes its leases then; nothing is ever renewed. No word of Vault's
//! answers, and no error of its client, is shown: both may hold what was issued.

mod engines;
mod session;

use crate::broker::{IssueError, IssuerFault, RevokeError};
use crate::http::{self, Answer};
use crate::lease::{Issued, Minted, PREFIX, Release};
use crate::need::{Need, Term};
use crate::read::Environment;
use crate::recipe::{Engine, VaultRole};
use crate::reference::Reference;
use crate::token_request::SWEPT_AFTER;
use countersign_core::time::{Clock, Timestamp};
use engines::Engined;
use reqwest::Method;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use session::{Session, fault};

pub(crate) use engines::SHORTEST_SESSION_SECONDS;

use std::collections::BTreeSet;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::sync::Mutex;
use vaultrs::error::ClientError;
use vaultrs::{kv2, token};

const ISSUER: &str = "Vault";

/// How this worker reaches Vault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VaultSettings {
    /// `https://host[:port]`.
    pub address: String,
    /// A PEM file with its authority; the system's if absent.
    pub ca: Option<PathBuf>,
    /// The namespace, where Vault has some.
    pub namespace: Option<String>,
    /// Who the worker is to Vault.
    pub login: VaultLogin,
    /// Where the tokens of running commands are noted, so that a dead worker's can be revoked
    /// before they end by themselves.
    pub journal: Option<Journal>,
}

/// A folder of a `kv` engine, version 2.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Journal {
    /// Where the engine is mounted.
    pub mount: String,
    /// The folder; each pool has its own in it.
    pub folder: String,
}

impl Journal {
    fn of(&self, pool: &str) -> String {
        format!("{}/{pool}", self.folder)
    }
}

/// Who the worker is to Vault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VaultLogin {
    /// A role with a secret.
    AppRole {
        /// Where the method is mounted.
        mount: String,
        /// The role's id; not secret by itself.
        role_id: String,
        /// Where its secret is.
        secret_id: Reference,
    },
    /// A service account of the cluster that the worker runs in.
    Kubernetes {
        /// Where the method is mounted.
        mount: String,
        /// The role.
        role: String,
        /// The file with the account's token, as the kubelet keeps it fresh.
        jwt: PathBuf,
    },
}

/// Vault, as this worker.
pub struct Vault {
    settings: VaultSettings,
    environment: Arc<Environment>,
    clock: Arc<dyn Clock>,
    session: Mutex<Option<Arc<Session>>>,
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Vault({})", self.settings.address)
    }
}

/// What takes a command's leases back.
pub(crate) struct VaultLease {
    token: SecretString,
    lease: Option<String>,
}

impl fmt::Debug for VaultLease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VaultLease({})", self.lease.as_deref().unwrap_or("none"))
    }
}

/// What the journal holds of a command's token. An accessor revokes it, and does nothing else.
#[derive(Debug, Serialize, Deserialize)]
struct Noted {
    accessor: String,
    at: Timestamp,
}

impl Vault {
    pub(crate) fn new(settings: VaultSettings, environment: Arc<Environment>, clock: Arc<dyn Clock>) -> Self {
        Self { settings, environment, clock, session: Mutex::new(None) }
    }

    /// Has an engine mint for this role.
    pub(crate) async fn mint(&self, role: &VaultRole, need: &Need, term: Term) -> Result<Minted, IssueError> {
        if role.engine == Engine::KvV2 {
            return self.kept(role, term).await;
        }
        let handle = need.handle();
        let (session, token, accessor) = self.token_for(&handle, need, term).await?;
        let release = VaultLease { token, lease: None };
        match self.lease(&session, role, need, accessor, &release.token, term).await {
            Ok(Engined { material, lease, effective }) => Ok(Minted {
                material,
                issued: Issued { by: "vault", id: Some(lease.clone().unwrap_or(accessor_name(role))) },
                effective: Some(effective),
                release: Release::Vault(VaultLease { lease, ..release }),
            }),
            Err(error) => {
                // Whatever was minted hangs on the token; if this fails, it ends by itself.
                drop(self.release(release, &need.pool, &handle).await);
                Err(error)
            }
        }
    }

    /// A value that somebody put there.
    async fn kept(&self, role: &VaultRole, term: Term) -> Result<Minted, IssueError> {
        let session = self.session(term).await?;
        let asked = match kv2::read::<Value>(&session.client, &role.mount, &role.role).await {
            Err(ClientError::APIError { code: 403, .. }) => {
                self.forget(&session).await;
                let session = self.session(term).await?;
                kv2::read(&session.client, &role.mount, &role.role).await
            }
            asked => asked,
        };
        let value = asked.map_err(|error| not_issued("a secret", fault(&error)))?;
        let material = engines::kept(role, value).ok_or_else(|| not_issued("a secret", IssuerFault::Unreadable))?;
        let id = Some(format!("{}/{}", role.mount, role.role));
        Ok(Minted { material, issued: Issued { by: "vault", id }, effective: None, release: Release::Nothing })
    }

    /// A token that ends with the lease, and dies with the worker's own.
    async fn token_for(
        &self,
        handle: &str,
        need: &Need,
        term: Term,
    ) -> Result<(Arc<Session>, SecretString, String), IssueError> {
        let session = self.session(term).await?;
        let (session, made) = match self.child(&session, handle, need, term).await {
            // Somebody revoked the worker's own token, or its policies are other ones now.
            Err(IssuerFault::Denied) => {
                self.forget(&session).await;
                let session = self.session(term).await?;
                let made = self.child(&session, handle, need, term).await;
                (session, made)
            }
            made => (session, made),
        };
        let (token, accessor) = made.map_err(|fault| not_issued("a token for the command", fault))?;
        Ok((session, token, accessor))
    }

    async fn child(
        &self,
        session: &Session,
        handle: &str,
        need: &Need,
        term: Term,
    ) -> Result<(SecretString, String), IssuerFault> {
        let life = format!("{}s", term.seconds(1));
        let meta = [
            ("countersign_invocation".to_owned(), need.invocation.to_string()),
            ("countersign_principal".to_owned(), need.principal.clone()),
        ];
        let mut wanted = vaultrs::api::token::requests::CreateTokenRequestBuilder::default();
        wanted.ttl(&life).explicit_max_ttl(&life).renewable(false).display_name(handle);
        wanted.meta(std::collections::HashMap::from(meta));
        let made = token::new(&session.client, Some(&mut wanted)).await.map_err(|error| fault(&error))?;
        // Vault shortens what is above its own limits.
        if made.lease_duration < term.seconds(1) {
            return Err(IssuerFault::TooShort);
        }
        Ok((SecretString::from(made.client_token), made.accessor))
    }

    async fn lease(
        &self,
        session: &Session,
        role: &VaultRole,
        need: &Need,
        accessor: String,
        token: &SecretString,
        term: Term,
    ) -> Result<Engined, IssueError> {
        let handle = need.handle();
        if let Some(journal) = &self.settings.journal {
            let noted = Noted { accessor, at: term.from };
            let path = format!("{}/{handle}", journal.of(&need.pool));
            let kept = kv2::set(&session.client, &journal.mount, &path, &noted).await;
            kept.map_err(|error| not_issued("a note of the lease", fault(&error)))?;
        }
        let (method, path, body) = engines::request(role, &handle, term);
        let asked = async { self.ask(session, token, method, &path, &body).await?.read() }.await;
        let said = asked.map_err(|fault| not_issued("a credential", fault))?;
        engines::credential(role, said, self.clock.now(), term)
            .ok_or_else(|| not_issued("a credential", IssuerFault::Unreadable))
    }

    /// What the client has no call for, or whose lease it drops.
    async fn ask(
        &self,
        session: &Session,
        token: &SecretString,
        method: Method,
        path: &str,
        body: &Value,
    ) -> Result<Answer, IssuerFault> {
        let segments: Vec<&str> = std::iter::once("v1").chain(path.split('/')).collect();
        let url = http::url(&self.settings.address, &segments)?;
        let mut request = session.client.http.http.request(method, url).header("X-Vault-Request", "true");
        if let Some(namespace) = &self.settings.namespace {
            request = request.header("X-Vault-Namespace", namespace);
        }
        request = request.header("X-Vault-Token", token.expose_secret());
        http::send(if body.is_null() { request } else { request.json(body) }).await
    }

    /// Revokes the leases, then the token they hang on.
    pub(crate) async fn release(&self, lease: VaultLease, pool: &str, handle: &str) -> Result<(), RevokeError> {
        let session = self.session(Term::of_job(self.clock.now(), std::time::Duration::ZERO)).await;
        let session = session.map_err(|error| unavailable(handle, error))?;
        let revoked = self.revoke(&session, &lease).await;
        revoked.map_err(|fault| unavailable(handle, fault))?;
        self.unnote(&session, pool, handle).await.map_err(|fault| unavailable(handle, fault))
    }

    async fn revoke(&self, session: &Session, lease: &VaultLease) -> Result<(), IssuerFault> {
        let mut first = Ok(());
        if let Some(id) = &lease.lease {
            // `sync`: an engine that cannot revoke says so now.
            let body = json!({ "lease_id": id, "sync": true });
            let said = self.ask(session, &lease.token, Method::POST, "sys/leases/revoke", &body).await?;
            first = match said.succeeded() {
                // The token is gone, and its leases with it; or may not, and its end does it.
                Err(IssuerFault::Denied | IssuerFault::Unknown) => Ok(()),
                other => other,
            };
        }
        let said = self.ask(session, &lease.token, Method::POST, "auth/token/revoke-self", &Value::Null).await?;
        match said.succeeded() {
            Err(IssuerFault::Denied) | Ok(()) => first,
            Err(other) => Err(other),
        }
    }

    async fn unnote(&self, session: &Session, pool: &str, handle: &str) -> Result<(), IssuerFault> {
        let Some(journal) = &self.settings.journal else { return Ok(()) };
        let path = format!("{}/{handle}", journal.of(pool));
        match kv2::delete_metadata(&session.client, &journal.mount, &path).await.map_err(|error| fault(&error)) {
            Ok(()) | Err(IssuerFault::Unknown) => Ok(()),
            Err(other) => Err(other),
        }
    }

    /// Revokes the noted tokens that nobody holds.
    pub(crate) async fn sweep(
        &self,
        pool: &str,
        live: &BTreeSet<String>,
        swept: &mut Vec<String>,
    ) -> Result<(), RevokeError> {
        let Some(journal) = &self.settings.journal else { return Ok(()) };
        let folder = journal.of(pool);
        let all = || format!("{PREFIX}* in {}/{folder}", journal.mount);
        let session = self.session(Term::of_job(self.clock.now(), std::time::Duration::ZERO)).await;
        let session = session.map_err(|error| unavailable(&all(), error))?;
        let names = match kv2::list(&session.client, &journal.mount, &folder).await {
            Ok(names) => names,
            // Vault lists no empty folder.
            Err(ClientError::APIError { code: 404, .. }) => return Ok(()),
            Err(error) => {
                // The next one logs in anew, should it be that.
                self.forget(&session).await;
                return Err(unavailable(&all(), fault(&error)));
            }
        };
        let mut first = None;
        for handle in names.iter().filter(|name| name.starts_with(PREFIX) && !live.contains(*name)) {
            match self.sweep_one(&session, (journal, pool), handle).await {
                Ok(true) => swept.push(handle.clone()),
                Ok(false) => {}
                Err(fault) => {
                    first.get_or_insert(unavailable(handle, fault));
                }
            }
        }
        first.map_or(Ok(()), Err)
    }

    async fn sweep_one(
        &self,
        session: &Session,
        (journal, pool): (&Journal, &str),
        handle: &str,
    ) -> Result<bool, IssuerFault> {
        let path = format!("{}/{handle}", journal.of(pool));
        let noted: Noted = match kv2::read(&session.client, &journal.mount, &path).await {
            Ok(noted) => noted,
            Err(ClientError::APIError { code: 404, .. }) => return Ok(false),
            Err(error) => return Err(fault(&error)),
        };
        if self.clock.now().since(noted.at) < SWEPT_AFTER {
            return Ok(false);
        }
        match token::revoke_accessor(&session.client, &noted.accessor).await {
            // Source: Vault API, "Revoke a token accessor": one that is not valid any more is refused.
            Ok(()) | Err(ClientError::APIError { code: 400 | 404, .. }) => {}
            Err(error) => return Err(fault(&error)),
        }
        self.unnote(session, pool, handle).await.map(|()| true)
    }
}

/// What stands for a credential that is no lease.
fn accessor_name(role: &VaultRole) -> String {
    format!("{}/{}", role.mount, role.role)
}

fn not_issued(doing: &'static str, fault: IssuerFault) -> IssueError {
    IssueError::NotIssued { issuer: ISSUER, doing, fault }
}

fn unavailable(handle: &str, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> RevokeError {
    RevokeError::Unavailable { handle: handle.to_owned(), source: source.into() }
}
