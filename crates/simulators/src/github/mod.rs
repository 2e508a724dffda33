//! GitHub's REST API on loopback: repositories with commits, pull requests, reviews, checks, statuses, workflow runs,
//! artifacts and attestations, as far as reading goes.
//!
//! Its state is made by whoever holds it, with the same rules as people meet: nobody approves their own pull request, a
//! review is of the head as it was, merging makes a commit. It serves plain or with TLS, and artifacts from a second
//! port, as GitHub does from somebody else's hosts. **Invariant:** written from GitHub's REST documentation (version
//! 2022-11-28) alone; what a token may not see is not there. Deliberately absent: every route that writes, webhooks,
//! GraphQL, search, and pages for people.

mod access;
mod downloads;
mod graph;
mod habit;
mod pages;
mod pulls;
mod repository;
mod routes;
mod shown;
mod state;

use std::sync::{Arc, MutexGuard};

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use self::access::{Permission, Role};
pub use self::downloads::archive;
pub use self::habit::Habit;
pub use self::pulls::{How, NewPull, NotAllowed, Verdict};
pub use self::repository::{NewRun, Repository};
pub use self::state::{GithubState, Recorded};
pub use crate::serve::StartError;

use self::state::Shared;
use crate::serve::{Port, Running};

/// A running stand-in. Dropping it stops it.
#[derive(Debug)]
pub struct Github {
    shared: Arc<Shared>,
    api: Running,
    downloads: Running,
}

impl Github {
    /// Starts with TLS on free ports of 127.0.0.1. Its tasks run on `tasks` and end when `stop` is cancelled.
    ///
    /// # Errors
    /// [`StartError`]: no port, or no certificate.
    ///
    /// # Cancel safety
    /// Nothing runs until this returns; dropping the future leaves nothing behind.
    pub async fn start(tasks: &TaskTracker, stop: &CancellationToken) -> Result<Self, StartError> {
        Ok(Self::serve("https", Port::tls("github", stop).await?, Port::tls("artifacts", stop).await?, tasks))
    }

    /// The same without TLS, for `http://127.0.0.1:PORT`.
    ///
    /// # Errors
    /// [`StartError`]: no port.
    ///
    /// # Cancel safety
    /// As of [`start`](Self::start).
    pub async fn start_plain(tasks: &TaskTracker, stop: &CancellationToken) -> Result<Self, StartError> {
        Ok(Self::serve("http", Port::plain(stop).await?, Port::plain(stop).await?, tasks))
    }

    fn serve(scheme: &str, api: Port, downloads: Port, tasks: &TaskTracker) -> Self {
        let url = |port: &Port| format!("{scheme}://{}", port.address());
        let shared = Arc::new(Shared::new(url(&api), url(&downloads)));
        let downloads = downloads.serve(downloads::routes(Arc::clone(&shared)), tasks);
        let api = api.serve(routes::routes(Arc::clone(&shared)), tasks);
        Self { shared, api, downloads }
    }

    /// `https://127.0.0.1:PORT`, in the place of `https://api.github.com`.
    #[must_use]
    pub fn url(&self) -> String {
        self.api.url()
    }

    /// The certificate authority to trust, in PEM; empty without TLS.
    #[must_use]
    pub fn ca_pem(&self) -> &str {
        self.api.ca_pem()
    }

    /// The authority of where artifacts are downloaded, which is another one; empty without TLS.
    #[must_use]
    pub fn download_ca_pem(&self) -> &str {
        self.downloads.ca_pem()
    }

    /// `127.0.0.1:PORT`, where artifacts are downloaded.
    #[must_use]
    pub fn download_host(&self) -> String {
        self.downloads.address().to_string()
    }

    /// Everything it knows. Nobody is answered while this is held.
    pub fn state(&self) -> MutexGuard<'_, GithubState> {
        self.shared.lock()
    }

    /// What was asked at both ports, in order.
    #[must_use]
    pub fn requests(&self) -> Vec<Recorded> {
        self.shared.lock().requests.clone()
    }

    /// How requests are answered from now on whose path and query hold this text; the last one that fits counts.
    pub fn behave(&self, path: &str, habit: Habit) {
        self.shared.lock().habits.push((path.to_owned(), habit));
    }
}
