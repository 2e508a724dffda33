//! A Vault on loopback: tokens and their children, `AppRole` and Kubernetes logins, policies, leases; the engines
//! transit, aws, gcp, kubernetes and kv version 2.
//!
//! It serves TLS with an authority of its own, checks tokens and policies on every path, and refuses in Vault's words.
//! **Invariant:** it is written from Vault's documentation alone; a request without a fitting token changes nothing.
//! A lease ends with its time, with its token or when it is revoked, and what it stands for ends with it. Deliberately
//! absent: namespaces, renewing, wrapping, storage, and every engine that nobody here uses.

mod answer;
mod engines;
mod leases;
mod policy;
mod server;
mod state;
mod tokens;
mod transit;

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use self::engines::AwsCredential;
pub use self::policy::{Capability, Rule};
pub use self::state::Recorded;
pub use self::tokens::AppRole;
pub use crate::serve::StartError;

use self::engines::Engine;
use self::state::Shared;
use crate::serve::{Port, Running};

/// Tells the time: tokens and leases end by it.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// A running stand-in, unsealed, with a transit engine at `transit/`. Dropping it stops it.
#[derive(Debug)]
pub struct Vault {
    shared: Arc<Shared>,
    running: Running,
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
        Self::start_at(Arc::new(|| Timestamp::UNIX_EPOCH), tasks, stop).await
    }

    /// The same, where time passes.
    ///
    /// # Errors
    /// [`StartError`]: no port, or no certificate.
    ///
    /// # Cancel safety
    /// As of [`start`](Self::start).
    pub async fn start_at(clock: Clock, tasks: &TaskTracker, stop: CancellationToken) -> Result<Self, StartError> {
        let shared = Arc::new(Shared::new(clock));
        let running = Port::tls("vault", &stop).await?.serve(server::routes(Arc::clone(&shared)), tasks);
        Ok(Self { shared, running })
    }

    /// `https://127.0.0.1:PORT`, what `VAULT_ADDR` holds.
    #[must_use]
    pub fn url(&self) -> String {
        self.running.url()
    }

    /// The certificate authority to trust, in PEM.
    #[must_use]
    pub fn ca_pem(&self) -> &str {
        self.running.ca_pem()
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

    /// Takes back what every login got, and all that hangs on it.
    pub fn revoke_all_logins(&self) {
        let mut state = self.shared.lock();
        for token in state.tokens.logins() {
            state.revoke_token(&token);
        }
    }

    /// Takes a token back.
    pub fn revoke_token(&self, token: &str) {
        self.shared.lock().revoke_token(token);
    }

    /// A role of the mount `approle`, with a secret id.
    #[must_use]
    pub fn app_role(&self, policies: &[&str]) -> AppRole {
        self.shared.lock().tokens.app_role(policies, None)
    }

    /// The same, whose tokens last so many seconds.
    #[must_use]
    pub fn short_app_role(&self, policies: &[&str], seconds: i64) -> AppRole {
        self.shared.lock().tokens.app_role(policies, Some(seconds))
    }

    /// A role of the mount `kubernetes` for the service account that has this token.
    pub fn pod_role(&self, role: &str, jwt: &str, policies: &[&str]) {
        self.shared.lock().tokens.pod(role, jwt, policies);
    }

    /// Mounts an `aws` engine with these roles.
    pub fn mount_aws(&self, mount: &str, roles: &[(&str, AwsCredential)]) {
        let roles = roles.iter().map(|(name, credential)| ((*name).to_owned(), *credential)).collect();
        self.mount(mount, Engine::Aws(roles));
    }

    /// Mounts a `gcp` engine with these accounts, each with its kind: `roleset/NAME`.
    pub fn mount_gcp(&self, mount: &str, accounts: &[&str]) {
        self.mount(mount, Engine::Gcp(accounts.iter().map(|one| (*one).to_owned()).collect()));
    }

    /// Mounts a `kubernetes` engine with these roles, each for one namespace.
    pub fn mount_kubernetes(&self, mount: &str, roles: &[(&str, &str)]) {
        let role = |(name, namespace): &(&str, &str)| ((*name).to_owned(), vec![(*namespace).to_owned()]);
        self.mount(mount, Engine::Kubernetes(roles.iter().map(role).collect()));
    }

    /// Mounts a `kv` engine of version 2.
    pub fn mount_kv(&self, mount: &str) {
        self.mount(mount, Engine::Kv(BTreeMap::new()));
    }

    fn mount(&self, mount: &str, engine: Engine) {
        self.shared.lock().engines.insert(mount.to_owned(), engine);
    }

    /// Puts a secret into a `kv` engine, as an administrator does it; `false` when none is mounted there.
    #[must_use]
    pub fn put_secret(&self, mount: &str, path: &str, data: &serde_json::Value) -> bool {
        let mut state = self.shared.lock();
        let kept = state.engines.get_mut(mount).is_some_and(|engine| engine.put(path, data));
        drop(state);
        kept
    }

    /// The ids of the leases that live.
    #[must_use]
    pub fn leases(&self) -> Vec<String> {
        let now = self.shared.now();
        let mut state = self.shared.lock();
        state.pass(now);
        state.leases.ids()
    }

    /// The names that the living tokens were made under.
    #[must_use]
    pub fn tokens(&self) -> Vec<String> {
        let now = self.shared.now();
        let mut state = self.shared.lock();
        state.pass(now);
        state.tokens.display_names()
    }

    /// Whether a credential that was leased has been taken back.
    #[must_use]
    pub fn has_ended(&self, credential: &str) -> bool {
        let now = self.shared.now();
        let mut state = self.shared.lock();
        state.pass(now);
        state.leases.has_ended(credential)
    }

    /// Revoking a lease fails from now on, as when a cloud does not answer Vault.
    pub fn keep_leases(&self) {
        self.shared.lock().leases.stuck = true;
    }

    /// Every request is answered with this status from now on; `None` mends it.
    pub fn break_with(&self, status: Option<u16>) {
        self.shared.lock().broken = status;
    }

    /// Takes requests and answers none from now on.
    pub fn fall_silent(&self) {
        self.shared.fall_silent();
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
