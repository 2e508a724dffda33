//! A git server on loopback: bare repositories behind TLS, read by git's own `http-backend`.
//!
//! Whoever reads a repository with a token must bring it, as `Authorization: Basic` or `Bearer`; a server can also
//! redirect, keep silent, or hold what nothing leads to. **Invariant:** a request without a fitting credential never
//! reaches `http-backend`. Deliberately absent: pushing, ssh, and every page for people.

mod backend;
mod content;
mod server;
mod state;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use self::content::{Content, WriteError};
pub use self::state::{Habit, Recorded};

use self::state::Shared;
use crate::tls::{Identity, Listener};

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

/// A running stand-in. Dropping it stops it.
#[derive(Debug)]
pub struct GitServer {
    shared: Arc<Shared>,
    address: SocketAddr,
    ca_pem: String,
    stop: CancellationToken,
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
        let Identity { config, ca_pem } = crate::tls::identity::<StartError>("git-ca", "git")?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared::new(root));
        let stop = stop.child_token();
        let listener = Listener { listener, acceptor: TlsAcceptor::from(config) };
        tasks.spawn(server::run(listener, Arc::clone(&shared), stop.clone()));
        Ok(Self { shared, address, ca_pem, stop })
    }

    /// `https://127.0.0.1:PORT/NAME.git`.
    #[must_use]
    pub fn url(&self, repository: &str) -> String {
        format!("https://{}/{repository}.git", self.address)
    }

    /// The certificate authority to trust, in PEM.
    #[must_use]
    pub fn ca_pem(&self) -> &str {
        &self.ca_pem
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

impl Drop for GitServer {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}
