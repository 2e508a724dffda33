//! Where pods come to their worker: one TLS listener for all jobs.
//!
//! **Invariant:** a connection gets no byte before it named the token of a job that this worker has made and not ended;
//! the key of the certificate never leaves the process and lives as long as it.

use super::wire::{Channel, Hello, LONGEST_HELLO, NAME, VERSION, hear};
use crate::pod::keep_alive;
use countersign_core::digest::{Digest, hex};
use rcgen::{CertificateParams, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use secrecy::SecretString;
use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

/// A connection of a pod.
pub(crate) type Link = TlsStream<TcpStream>;

/// Connections that have not said who they are; further ones wait in the listener's queue.
const STRANGERS: usize = 256;

/// Time for a stranger to shake hands and say who it is.
const PATIENCE: Duration = Duration::from_secs(5);

/// After the listener could accept nothing.
const REST: Duration = Duration::from_millis(100);

/// Connections of one job that wait to be looked at.
const WAITING: usize = 16;

/// A connection that named the job's token.
pub(super) struct Arrival {
    pub(super) pod: String,
    pub(super) channel: Channel,
    pub(super) link: Link,
}

/// The listener.
#[derive(Debug)]
pub(super) struct Door {
    expected: Expected,
    /// The one certificate, PEM.
    pub(super) certificate: String,
    /// Where it listens.
    pub(super) at: SocketAddr,
    _ends_with_us: DropGuard,
}

/// Who is expected, by the digest of their token, so that looking for one tells nothing about others.
type Expected = Arc<Mutex<BTreeMap<Digest, mpsc::Sender<Arrival>>>>;

/// A job that is expected; no longer when dropped.
pub(super) struct Expecting {
    pub(super) token: SecretString,
    pub(super) arrivals: mpsc::Receiver<Arrival>,
    key: Digest,
    expected: Expected,
}

impl Drop for Expecting {
    fn drop(&mut self) {
        self.expected.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.key);
    }
}

impl Door {
    /// Listens, with a certificate of its own.
    pub(super) async fn open(at: SocketAddr) -> io::Result<Self> {
        let key = KeyPair::generate().map_err(io::Error::other)?;
        let params = CertificateParams::new(vec![NAME.to_owned()]).map_err(io::Error::other)?;
        let certificate = params.self_signed(&key).map_err(io::Error::other)?;
        let private = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let mut config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_protocol_versions(&[&rustls::version::TLS13])
            .map_err(io::Error::other)?
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], private)
            .map_err(io::Error::other)?;
        // Nobody comes twice with one; see the pod's `hand_over` for what an unread one would do.
        config.send_tls13_tickets = 0;
        let listener = TcpListener::bind(at).await?;
        let at = listener.local_addr()?;
        let (tasks, stop, expected) = (TaskTracker::new(), CancellationToken::new(), Expected::default());
        let guard = Guard { tls: TlsAcceptor::from(Arc::new(config)), expected: Arc::clone(&expected) };
        tasks.spawn(guard.watch(listener, tasks.clone(), stop.clone()));
        Ok(Self { expected, certificate: certificate.pem(), at, _ends_with_us: stop.drop_guard() })
    }

    /// Lets one job's pod in from now on.
    pub(super) fn expect(&self) -> io::Result<Expecting> {
        let mut random = [0_u8; 32];
        getrandom::fill(&mut random).map_err(|_| io::Error::other("no randomness"))?;
        let token = hex(&random);
        let (key, (sender, arrivals)) = (Digest::of(token.as_bytes()), mpsc::channel(WAITING));
        self.expected.lock().unwrap_or_else(PoisonError::into_inner).insert(key, sender);
        Ok(Expecting { token: token.into(), arrivals, key, expected: Arc::clone(&self.expected) })
    }
}

#[derive(Clone)]
struct Guard {
    tls: TlsAcceptor,
    expected: Expected,
}

impl Guard {
    async fn watch(self, listener: TcpListener, tasks: TaskTracker, stop: CancellationToken) {
        let strangers = Arc::new(Semaphore::new(STRANGERS));
        loop {
            let accepted = tokio::select! {
                () = stop.cancelled() => return,
                accepted = async {
                    let slot = Arc::clone(&strangers).acquire_owned().await;
                    (listener.accept().await, slot)
                } => accepted,
            };
            let (Ok((stream, _)), slot) = accepted else {
                tokio::time::sleep(REST).await;
                continue;
            };
            let this = self.clone();
            tasks.spawn(async move {
                let greeted = timeout(PATIENCE, this.greet(stream)).await;
                drop(slot);
                // Who is not expected learns nothing but that the connection ended.
                if let Ok(Ok((sender, arrival))) = greeted {
                    drop(sender.send_timeout(arrival, PATIENCE).await);
                }
            });
        }
    }

    async fn greet(&self, stream: TcpStream) -> io::Result<(mpsc::Sender<Arrival>, Arrival)> {
        keep_alive(&stream)?;
        stream.set_nodelay(true)?;
        let mut link = self.tls.accept(stream).await?;
        let hello: Hello = hear(&mut link, LONGEST_HELLO).await?;
        let sender = (hello.v == VERSION).then(|| self.sender(&hello.token)).flatten();
        let sender = sender.ok_or_else(|| io::Error::other("nobody of that token is expected"))?;
        Ok((sender, Arrival { pod: hello.pod, channel: hello.channel, link }))
    }

    fn sender(&self, token: &str) -> Option<mpsc::Sender<Arrival>> {
        self.expected.lock().unwrap_or_else(PoisonError::into_inner).get(&Digest::of(token.as_bytes())).cloned()
    }
}
