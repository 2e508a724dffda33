//! A Vault on loopback: tokens, `AppRole`, policies, and the transit engine's ed25519 keys.
//!
//! It serves TLS with an authority of its own, checks tokens and policies on every path, and refuses in Vault's words.
//! **Invariant:** it is written from Vault's documentation alone; a request without a fitting token changes nothing.
//! Deliberately absent: namespaces, leases that run out, wrapping, storage, and every engine that nobody here uses.

mod answer;
mod policy;
mod server;
mod state;
mod tls;
mod tokens;
mod transit;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use self::policy::{Capability, Rule};
pub use self::state::Recorded;
pub use self::tokens::AppRole;

use self::state::Shared;
use crate::tls::Identity;

/// Why a stand-in did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// No port on 127.0.0.1 was to be had.
    #[error("could not listen on 127.0.0.1")]
    Listen(#[from] std::io::Error),
    /// The certificate could not be made.
    #[error("could not make a certificate")]
    Certificate(#[from] rcgen::Error),
    /// The certificate was made and rustls does not take it.
    #[error("could not set up TLS")]
    Tls(#[from] rustls::Error),
}

/// A running stand-in, unsealed, with a transit engine at `transit/`. Dropping it stops it.
#[derive(Debug)]
pub struct Vault {
    shared: Arc<Shared>,
    address: SocketAddr,
    ca_pem: String,
    stop: CancellationToken,
}

impl Vault {
    /// Starts on a free port of 127.0.0.1. Its task runs on `tasks` and ends when `stop` is cancelled.
    ///
    /// # Errors
    /// [`StartError`]: no port, or no certificate.
    ///
    /// # Cancel safety
    /// Nothing runs until this returns; dropping the future leaves nothing behind.
    pub async fn start(tasks: &TaskTracker, stop: CancellationToken) -> Result<Self, StartError> {
        let Identity { config, ca_pem } = crate::tls::identity::<StartError>("vault-ca", "vault")?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared::default());
        let stop = stop.child_token();
        let listener = tls::Listener { listener, acceptor: TlsAcceptor::from(config) };
        tasks.spawn(server::run(listener, Arc::clone(&shared), stop.clone()));
        Ok(Self { shared, address, ca_pem, stop })
    }

    /// `https://127.0.0.1:PORT`, what `VAULT_ADDR` holds.
    #[must_use]
    pub fn url(&self) -> String {
        format!("https://{}", self.address)
    }

    /// The certificate authority to trust, in PEM.
    #[must_use]
    pub fn ca_pem(&self) -> &str {
        &self.ca_pem
    }

    /// Writes a policy; one of the same name is replaced.
    pub fn write_policy(&self, name: &str, rules: Vec<Rule>) {
        self.shared.lock().policies.write(name, rules);
    }

    /// A fresh token with these policies; `root` may do everything.
    #[must_use]
    pub fn token(&self, policies: &[&str]) -> String {
        self.shared.lock().tokens.issue(policies)
    }

    /// Takes a token back.
    pub fn revoke_token(&self, token: &str) {
        self.shared.lock().tokens.revoke(token);
    }

    /// A role of the mount `approle`, with a secret id.
    #[must_use]
    pub fn app_role(&self, policies: &[&str]) -> AppRole {
        self.shared.lock().tokens.app_role(policies)
    }

    /// Makes an ed25519 key in the transit engine, as an administrator does it.
    pub fn create_signing_key(&self, name: &str) {
        self.shared.lock().transit.create(name, &serde_json::json!({ "type": "ed25519" }));
    }

    /// Seals it: everything but the health check is answered with 503.
    pub fn seal(&self) {
        self.shared.lock().sealed = true;
    }

    /// Unseals it.
    pub fn unseal(&self) {
        self.shared.lock().sealed = false;
    }

    /// From now on signatures are of another key than the one that is asked for, as a captured Vault could answer.
    pub fn sign_with_another_key(&self) {
        self.shared.lock().transit.forges = true;
    }

    /// What was asked, in order.
    #[must_use]
    pub fn requests(&self) -> Vec<Recorded> {
        self.shared.lock().requests.clone()
    }
}

impl Drop for Vault {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}
