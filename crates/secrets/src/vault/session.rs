//! The worker's own token of Vault.
//!
//! **Invariant:** a token is used only while it outlives what is issued with it: what Vault issues
//! ends with the token that asked for it.

use super::{ISSUER, Vault, VaultLogin, VaultSettings};
use crate::broker::{IssueError, IssuerFault};
use crate::http::{self, DEADLINE};
use crate::issuers::read_off;
use crate::need::Term;
use crate::reference::Reference;
use countersign_core::time::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};
use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use vaultrs::api::AuthInfo;
use vaultrs::auth::{approle, kubernetes};
use vaultrs::client::{Client as _, VaultClient, VaultClientSettingsBuilder};
use vaultrs::error::ClientError;

/// Between the end of what is issued and that of the worker's own token.
const MARGIN: Duration = Duration::from_mins(1);

/// A token of the worker, and until when it is good.
pub(super) struct Session {
    pub(super) client: VaultClient,
    until: Timestamp,
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Session(until {})", self.until)
    }
}

impl Vault {
    /// A session that outlives this term; logs in where there is none.
    pub(super) async fn session(&self, term: Term) -> Result<Arc<Session>, IssueError> {
        let mut current = self.session.lock().await;
        let needed = term.end().plus(MARGIN);
        if let Some(session) = current.as_ref().filter(|session| session.until >= needed) {
            return Ok(Arc::clone(session));
        }
        let fresh = Arc::new(self.log_in().await?);
        if fresh.until < needed {
            return Err(not_logged_in(IssuerFault::TooShort));
        }
        // The old one stays valid: what was issued with it ends before it does.
        *current = Some(Arc::clone(&fresh));
        Ok(fresh)
    }

    /// This session does not work any more.
    pub(super) async fn forget(&self, session: &Arc<Session>) {
        let mut current = self.session.lock().await;
        if current.as_ref().is_some_and(|it| Arc::ptr_eq(it, session)) {
            *current = None;
        }
    }

    async fn log_in(&self) -> Result<Session, IssueError> {
        let secret = self.login_secret().await?;
        let ca = self.settings.ca.clone().map(Reference::File);
        let ca = read_off(&self.environment, move |environment| ca.map(|ca| ca.read_public(environment)).transpose());
        let mut client = client(&self.settings, ca.await?.as_deref()).map_err(not_logged_in)?;
        let asked = self.clock.now();
        let auth = match &self.settings.login {
            VaultLogin::AppRole { mount, role_id, .. } => {
                approle::login(&client, mount, role_id, secret.expose_secret()).await
            }
            VaultLogin::Kubernetes { mount, role, .. } => {
                kubernetes::login(&client, mount, role, secret.expose_secret()).await
            }
        };
        let AuthInfo { client_token, lease_duration, .. } = auth.map_err(|error| {
            not_logged_in(match error {
                // Source: Vault API, AppRole login: a wrong role or secret id is 400; Kubernetes: 403.
                ClientError::APIError { code: 400 | 401 | 403, .. } => IssuerFault::Login,
                other => fault(&other),
            })
        })?;
        client.set_token(&client_token);
        // Zero means that it does not end: Vault's root tokens, which no login gives.
        Ok(Session { client, until: asked.plus(Duration::from_secs(lease_duration)) })
    }

    async fn login_secret(&self) -> Result<SecretString, IssueError> {
        match &self.settings.login {
            VaultLogin::AppRole { secret_id, .. } => {
                let secret_id = secret_id.clone();
                read_off(&self.environment, move |environment| secret_id.read(environment)).await
            }
            // The kubelet mounts it as links that others may read, and exchanges it while it runs.
            VaultLogin::Kubernetes { jwt, .. } => {
                let reference = Reference::File(jwt.clone());
                let read = move |environment: &_| reference.read_public(environment);
                let text = read_off(&self.environment, read).await?;
                Ok(SecretString::from(text.trim().to_owned()))
            }
        }
    }
}

/// Every value is given: what is left out, the builder takes from the environment. What carries the
/// requests is ours, which trusts one authority and knows neither redirects nor proxies.
fn client(settings: &VaultSettings, ca: Option<&str>) -> Result<VaultClient, IssuerFault> {
    let ours = http::client(&settings.address, ca)?;
    let url = reqwest::Url::parse(&settings.address).map_err(|_| IssuerFault::Settings)?;
    let built = VaultClientSettingsBuilder::default()
        .address(url.as_str())
        .ca_certs(Vec::new())
        .identity(None)
        .timeout(Some(DEADLINE))
        .token("")
        .verify(true)
        .namespace(settings.namespace.clone())
        .build();
    let built = VaultClient::new(built.map_err(|_| IssuerFault::Settings)?);
    let mut client = built.map_err(|_| IssuerFault::Settings)?;
    client.http.http = ours;
    Ok(client)
}

/// What an error of the client means. The error itself holds whole answers and goes no further.
pub(super) fn fault(error: &ClientError) -> IssuerFault {
    match error {
        ClientError::APIError { code, .. } => IssuerFault::of_status(*code),
        other => of_network(other).unwrap_or(IssuerFault::Unreadable),
    }
}

fn of_network(error: &ClientError) -> Option<IssuerFault> {
    let mut next: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(error) = next {
        if let Some(network) = error.downcast_ref::<reqwest::Error>() {
            return Some(IssuerFault::of_network(network));
        }
        next = error.source();
    }
    None
}

fn not_logged_in(fault: IssuerFault) -> IssueError {
    IssueError::NotIssued { issuer: ISSUER, doing: "a login", fault }
}
