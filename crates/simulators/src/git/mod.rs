//! A git server on loopback: bare repositories behind TLS, read by git's own `http-backend`.
//!
//! Whoever reads a repository with a token must bring it, as `Authorization: Basic` or `Bearer`; a server can also
//! redirect, keep silent, or hold what nothing leads to. **Invariant:** a request without a fitting credential never
//! reaches `http-backend`. Deliberately absent: pushing, ssh, and every page for people.

mod backend;
mod content;
mod server;
mod state;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use self::content::{Content, WriteError};
pub use self::state::{Habit, Recorded};
pub use crate::serve::StartError;

use self::state::Shared;
use crate::serve::{Port, Running};

/// A running stand-in. Dropping it stops it.
#[derive(Debug)]
pub struct GitServer {
    shared: Arc<Shared>,
    running: Running,
}

impl GitServer {
    /// Starts on a free port of 127.0.0.1, with its repositories below `root`. Its tasks run on `tasks` and end when
    /// `stop` is cancelled.
    ///
    /// # Errors
    /// [`StartError`]: no port, or no certificate.
    ///
    /// # Cancel safety
    /// Nothing runs until this returns; dropping the future leaves nothing behind.
    pub async fn start(tasks: &TaskTracker, stop: CancellationToken, root: PathBuf) -> Result<Self, StartError> {
        let shared = Arc::new(Shared::new(root));
        let running = Port::tls("git", &stop).await?.serve(server::routes(Arc::clone(&shared)), tasks);
        Ok(Self { shared, running })
    }

    /// `https://127.0.0.1:PORT/NAME.git`.
    #[must_use]
    pub fn url(&self, repository: &str) -> String {
        format!("{}/{repository}.git", self.running.url())
    }

    /// The certificate authority to trust, in PEM.
    #[must_use]
    pub fn ca_pem(&self) -> &str {
        self.running.ca_pem()
    }

    /// The folder of a repository.
    #[must_use]
    pub fn folder(&self, repository: &str) -> PathBuf {
        self.root().join(format!("{repository}.git"))
    }

    /// Makes an empty repository that everybody may read.
    ///
    /// # Errors
    /// [`WriteError`].
    ///
    /// # Cancel safety
    /// A dropped future may leave a repository that is not whole.
    pub async fn create(&self, repository: &str) -> Result<(), WriteError> {
        content::create(&self.folder(repository)).await
    }

    /// Commits to a branch exactly this content and gives the commit's id; the branch begins with its first commit.
    ///
    /// # Errors
    /// [`WriteError`].
    ///
    /// # Cancel safety
    /// A dropped future may have made the commit.
    pub async fn commit(&self, repository: &str, branch: &str, content: &[Content]) -> Result<String, WriteError> {
        content::commit(&self.folder(repository), branch, content).await
    }

    /// Takes a branch away; its commits stay where they are, and nothing leads to them.
    ///
    /// # Errors
    /// [`WriteError`].
    ///
    /// # Cancel safety
    /// A dropped future may have taken it away.
    pub async fn forget_branch(&self, repository: &str, branch: &str) -> Result<(), WriteError> {
        content::forget(&self.folder(repository), branch).await
    }

    /// From now on only who brings this token may read the repository.
    pub fn require_token(&self, repository: &str, token: &str) {
        self.shared.lock().tokens.insert(repository.to_owned(), token.to_owned());
    }

    /// How the repository is answered from now on.
    pub fn behave(&self, repository: &str, habit: Habit) {
        self.shared.lock().habits.insert(repository.to_owned(), habit);
    }

    /// What was asked, in order.
    #[must_use]
    pub fn requests(&self) -> Vec<Recorded> {
        self.shared.lock().requests.clone()
    }

    fn root(&self) -> &Path {
        &self.shared.root
    }
}
