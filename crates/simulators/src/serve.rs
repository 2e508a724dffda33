//! A server of its own on 127.0.0.1, plain or with TLS: a port is taken, and what answers there is put behind it.
//!
//! ```ignore
//! let port = Port::tls("registry", &stop).await?;      // or Port::plain(&stop): http, for `http://127.0.0.1:PORT`
//! let state = Shared::new(port.address());             // known before anything is served
//! let running = port.serve(router(state.clone()), &tasks);
//! Ok(Registry { state, running })                      // running.url(), running.ca_pem(); dropping it ends all of it
//! ```
//!
//! **Invariant:** nothing listens anywhere but on loopback, and every connection ends with its [`Running`], also one
//! that nobody answers.

use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::tls::{self, Identity};

/// How long a TLS handshake may take.
const DEADLINE: Duration = Duration::from_secs(5);

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

/// A connection after its handshake, if there is one.
pub(crate) trait Wire: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Wire for T {}

/// A port that was taken, where nobody answers yet.
pub(crate) struct Port {
    listener: TcpListener,
    address: SocketAddr,
    identity: Option<Identity>,
    stop: CancellationToken,
}

impl Port {
    /// For `http://`. What is served ends when `stop` is cancelled.
    pub(crate) async fn plain(stop: &CancellationToken) -> Result<Self, StartError> {
        Self::take(None, stop).await
    }

    /// For `https://`, with a certificate of this name by a fresh authority, named `NAME-ca`.
    pub(crate) async fn tls(name: &str, stop: &CancellationToken) -> Result<Self, StartError> {
        Self::take(Some(tls::identity(&format!("{name}-ca"), name)?), stop).await
    }

    async fn take(identity: Option<Identity>, stop: &CancellationToken) -> Result<Self, StartError> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        Ok(Self { listener, address, identity, stop: stop.child_token() })
    }

    /// Where it will be.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Is cancelled when what is served here has to end.
    pub(crate) fn stopping(&self) -> CancellationToken {
        self.stop.clone()
    }

    /// Serves these routes; at the end connections are cut, also in the middle of an answer.
    pub(crate) fn serve(self, app: Router, tasks: &TaskTracker) -> Running {
        let stop = self.stopping();
        self.serve_each(tasks, move |wire| {
            let (app, stop) = (TowerToHyperService::new(app.clone()), stop.clone());
            async move {
                let connection = http1::Builder::new().serve_connection(TokioIo::new(wire), app).with_upgrades();
                tokio::select! {
                    // A client may hang up at any time; it is not this side's failure.
                    ended = connection => drop(ended),
                    () = stop.cancelled_owned() => {}
                }
            }
        })
    }

    /// Gives every connection to `connection`, which has to end soon after the stop.
    pub(crate) fn serve_each<C, F>(self, tasks: &TaskTracker, connection: C) -> Running
    where
        C: Fn(Box<dyn Wire>) -> F + Clone + Send + 'static,
        F: Future<Output = ()> + Send + 'static,
    {
        let (alive, ended) = mpsc::channel(1);
        let (acceptor, ca_pem) = match self.identity {
            Some(Identity { config, ca_pem }) => (Some(TlsAcceptor::from(config)), Some(ca_pem)),
            None => (None, None),
        };
        let running = Running { address: self.address, ca_pem, stop: self.stop.clone(), ended };
        let (listener, stop, connections) = (self.listener, self.stop, tasks.clone());
        tasks.spawn(async move {
            while let Some(accepted) = stop.run_until_cancelled(listener.accept()).await {
                // A connection that was gone before it was accepted is nobody's loss.
                let Ok((stream, _)) = accepted else { continue };
                let (acceptor, connection) = (acceptor.clone(), connection.clone());
                let (stop, alive) = (stop.clone(), alive.clone());
                connections.spawn(async move {
                    if let Some(Some(wire)) = stop.run_until_cancelled(wire(stream, acceptor)).await {
                        connection(wire).await;
                    }
                    drop(alive);
                });
            }
        });
        running
    }
}

/// The connection once it can be read; `None` for a client that left, as one does that does not trust the certificate.
async fn wire(stream: TcpStream, acceptor: Option<TlsAcceptor>) -> Option<Box<dyn Wire>> {
    match acceptor {
        None => Some(Box::new(stream)),
        Some(acceptor) => Some(Box::new(timeout(DEADLINE, acceptor.accept(stream)).await.ok()?.ok()?)),
    }
}

/// What is served. Dropping it ends it; [`Running::stop`] also waits for the end.
#[derive(Debug)]
pub(crate) struct Running {
    address: SocketAddr,
    ca_pem: Option<String>,
    stop: CancellationToken,
    /// Every task holds a sender and none ever sends: nothing is received until the last one is gone.
    ended: mpsc::Receiver<Infallible>,
}

impl Running {
    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// `https://127.0.0.1:PORT`, or `http://` of a plain one.
    pub(crate) fn url(&self) -> String {
        let scheme = if self.ca_pem.is_some() { "https" } else { "http" };
        format!("{scheme}://{}", self.address)
    }

    /// The authority to trust, in PEM; empty for a plain one.
    pub(crate) fn ca_pem(&self) -> &str {
        self.ca_pem.as_deref().unwrap_or_default()
    }

    /// Ends every connection and waits until they have ended. The stop is given at the first poll; dropping the future
    /// only stops the waiting.
    pub(crate) async fn stop(mut self) {
        self.stop.cancel();
        let None = self.ended.recv().await;
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}
