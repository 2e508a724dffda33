//! An AWS KMS on loopback: asymmetric keys that sign, over the JSON 1.1 protocol with Signature Version 4.
//!
//! **Invariant:** it is written from AWS's documentation alone; a request whose signature does not verify is refused
//! before anything else of it is looked at. Deliberately absent: grants, key policies beyond one switch a principal,
//! multi-region keys, encryption.

mod api;
mod server;
mod sigv4;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use self::api::{Kind, Standing};
pub use crate::serve::StartError;

use self::api::State;
use crate::serve::{Port, Running};

/// A principal: an access key, and whether the key policies let it sign.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Access {
    /// The access key's id.
    pub id: String,
    /// The secret access key.
    pub secret: String,
    /// Whether it may use keys; otherwise everything is `AccessDeniedException`.
    pub allowed: bool,
}

#[derive(Debug)]
pub(crate) struct Shared(Mutex<State>);

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Each request changes one thing at a time; a panic leaves nothing half done.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A running stand-in of the region `us-east-1`. Dropping it stops it.
#[derive(Debug)]
pub struct Kms {
    shared: Arc<Shared>,
    running: Running,
}

impl Kms {
    /// Starts on a free port of 127.0.0.1. Its task runs on `tasks` and ends when `stop` is cancelled.
    ///
    /// # Errors
    /// [`StartError`]: no port.
    ///
    /// # Cancel safety
    /// Nothing runs until this returns; dropping the future leaves nothing behind.
    pub async fn start(
        principals: Vec<Access>,
        tasks: &TaskTracker,
        stop: CancellationToken,
    ) -> Result<Self, StartError> {
        let principals = principals.into_iter().map(|it| (it.id.clone(), it)).collect();
        let state = State { principals, keys: BTreeMap::new(), aliases: BTreeMap::new(), forges: false };
        let shared = Arc::new(Shared(Mutex::new(state)));
        let running = Port::plain(&stop).await?.serve(server::routes(Arc::clone(&shared)), tasks);
        Ok(Self { shared, running })
    }

    /// `http://127.0.0.1:PORT`.
    #[must_use]
    pub fn url(&self) -> String {
        self.running.url()
    }

    /// Makes a key and returns its id.
    #[must_use]
    pub fn create(&self, kind: Kind) -> String {
        self.shared.lock().create(kind)
    }

    /// Names a key `alias/<name>`.
    pub fn alias(&self, name: &str, id: &str) {
        self.shared.lock().aliases.insert(format!("alias/{name}"), id.to_owned());
    }

    /// Enables, disables or marks a key for deletion.
    pub fn set(&self, id: &str, standing: Standing) {
        self.shared.lock().set(id, standing);
    }

    /// From now on signatures are of another key than the one that is asked for, as a captured service could answer.
    pub fn sign_with_another_key(&self) {
        self.shared.lock().forges = true;
    }
}
