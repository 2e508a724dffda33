//! Connections from a pod to its worker.
//!
//! **Invariant:** the worker is known by the one certificate that came with the invitation; no name is resolved.

use crate::kubernetes::wire::{Channel, Hello, Invitation, NAME, VERSION, say};
use rustix::net::sockopt::{set_socket_keepalive, set_tcp_keepcnt, set_tcp_keepidle, set_tcp_keepintvl};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// Time to connect and to shake hands.
const PATIENCE: Duration = Duration::from_secs(10);

/// A peer that does not answer for so long is gone: asked after ten seconds, and then every five, three times.
const IDLE: Duration = Duration::from_secs(10);
const ASK: Duration = Duration::from_secs(5);
const TIMES: u32 = 3;

/// The worker of this pod.
#[derive(Clone)]
pub(super) struct Worker {
    at: SocketAddr,
    token: String,
    pod: String,
    tls: TlsConnector,
}

impl Worker {
    pub(super) fn new(invitation: Invitation, pod: &str) -> io::Result<Self> {
        let Invitation { worker, token, certificate, .. } = invitation;
        let certificate = CertificateDer::from_pem_slice(certificate.as_bytes()).map_err(io::Error::other)?;
        let mut roots = RootCertStore::empty();
        roots.add(certificate).map_err(io::Error::other)?;
        let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_protocol_versions(&[&rustls::version::TLS13])
            .map_err(io::Error::other)?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let at = worker.parse().map_err(io::Error::other)?;
        Ok(Self { at, token, pod: pod.to_owned(), tls: TlsConnector::from(Arc::new(config)) })
    }

    /// A connection for this, on which the worker may speak.
    pub(super) async fn connect(&self, channel: Channel) -> io::Result<TlsStream<TcpStream>> {
        let connected = timeout(PATIENCE, async {
            let stream = TcpStream::connect(self.at).await?;
            keep_alive(&stream)?;
            stream.set_nodelay(true)?;
            let name = ServerName::try_from(NAME).map_err(io::Error::other)?;
            let mut stream = self.tls.connect(name, stream).await?;
            let hello = Hello { v: VERSION, token: self.token.clone(), pod: self.pod.clone(), channel };
            say(&mut stream, &hello).await?;
            Ok(stream)
        });
        let said =
            |error: io::Error| io::Error::new(error.kind(), format!("no way to the worker {}: {error}", self.at));
        connected.await.map_err(|_| said(io::ErrorKind::TimedOut.into()))?.map_err(said)
    }
}

/// Finds out when the other side is gone without a word.
pub(crate) fn keep_alive(stream: &TcpStream) -> io::Result<()> {
    set_socket_keepalive(stream, true)?;
    set_tcp_keepidle(stream, IDLE)?;
    set_tcp_keepintvl(stream, ASK)?;
    Ok(set_tcp_keepcnt(stream, TIMES)?)
}
