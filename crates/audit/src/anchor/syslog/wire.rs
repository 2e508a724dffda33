//! Messages to a syslog host: datagrams, counted messages over TCP and TLS, a socket of this machine.
//!
//! **Invariant:** over TCP and TLS each message has its own connection, and counts as sent only when
//! the host has closed it after the last byte; nothing waits in a buffer of ours.

use crate::anchor::spec::{Server, SyslogAddress};
use rustix::io::Errno;
use rustix::net::RecvFlags;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpStream, UdpSocket, UnixDatagram, UnixStream};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

/// How long an answer by ICMP that nobody listens is waited for after a datagram.
const REFUSAL_WAIT: Duration = Duration::from_millis(200);

/// Where Linux distributions keep the certificates of public authorities.
const SYSTEM_BUNDLES: [&str; 3] =
    ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem"];

/// Who is believed over TLS, and who we are.
#[derive(Debug, Clone, Default)]
pub struct TlsSettings {
    /// PEM file of the authorities that are believed; the system's own if absent.
    pub authorities: Option<PathBuf>,
    /// PEM files of our own certificate chain and its key, for hosts that ask for them.
    pub identity: Option<(PathBuf, PathBuf)>,
}

/// Why the files for TLS cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum BadTls {
    /// A file cannot be read as PEM.
    #[error("`{0}` cannot be read as PEM")]
    Unreadable(PathBuf, #[source] Box<dyn std::error::Error + Send + Sync>),
    /// There is no certificate in the file.
    #[error("`{0}` holds no certificate")]
    Empty(PathBuf),
    /// Nothing says who is believed.
    #[error("this machine has no file of authorities in the known places; name one")]
    NoAuthorities,
    /// What the files hold does not fit together, or the host's name is no name.
    #[error("TLS cannot be used with these files")]
    Unfit(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// How a message was not sent.
#[derive(Debug, thiserror::Error)]
pub(super) enum SendError {
    /// The host is away, or went away.
    #[error("the syslog host cannot be reached")]
    Io(#[from] io::Error),
    /// The host closed the connection before it can have read the message.
    #[error("the syslog host closed the connection before the message was sent")]
    Closed,
    /// The host said something; syslog hosts are silent.
    #[error("the syslog host answered, which no syslog host does")]
    Answered,
}

/// The way to a host.
pub(super) enum Wire {
    Udp(Server),
    Tcp(Server),
    Tls(Server, ServerName<'static>, TlsConnector),
    Unix(PathBuf),
}

impl Wire {
    pub(super) fn open(address: &SyslogAddress, tls: &TlsSettings) -> Result<Self, BadTls> {
        Ok(match address {
            SyslogAddress::Udp(server) => Self::Udp(server.clone()),
            SyslogAddress::Tcp(server) => Self::Tcp(server.clone()),
            SyslogAddress::Tls(server) => {
                let name = ServerName::try_from(server.host.clone()).map_err(|error| BadTls::Unfit(Box::new(error)))?;
                Self::Tls(server.clone(), name, TlsConnector::from(Arc::new(configured(tls)?)))
            }
            SyslogAddress::Unix(path) => Self::Unix(path.clone()),
        })
    }

    /// # Cancel safety
    /// A dropped future closes the connection; the message may have arrived.
    pub(super) async fn send(&self, message: &str) -> Result<(), SendError> {
        match self {
            Self::Udp(server) => datagram(server, message).await,
            Self::Tcp(server) => counted(connect(server).await?, |tcp| tcp, message).await,
            Self::Tls(server, name, connector) => {
                let stream = connector.connect(name.clone(), connect(server).await?).await?;
                counted(stream, |tls| tls.get_ref().0, message).await
            }
            Self::Unix(path) => local(path, message).await,
        }
    }
}

async fn connect(server: &Server) -> io::Result<TcpStream> {
    TcpStream::connect((server.host.as_str(), server.port)).await
}

/// A datagram a message (RFC 5426).
async fn datagram(server: &Server, message: &str) -> Result<(), SendError> {
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for address in tokio::net::lookup_host((server.host.as_str(), server.port)).await? {
        let any = if address.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
        let socket = UdpSocket::bind(any).await?;
        let sent = async {
            socket.connect(address).await?;
            socket.send(message.as_bytes()).await?;
            // A host where nobody listens says so; silence is all the confirmation there is.
            match timeout(REFUSAL_WAIT, socket.recv(&mut [0; 1])).await {
                Ok(Err(refused)) => Err(refused),
                Ok(Ok(_)) | Err(_) => Ok(()),
            }
        };
        match sent.await {
            Ok(()) => return Ok(()),
            Err(error) => last = error,
        }
    }
    Err(last.into())
}

/// Octet counting (RFC 6587, section 3.4.1; RFC 5425, section 4.3). The host has read everything when
/// it closes its side after we closed ours. One that dies in just that moment, and far enough away
/// that its reset comes after its goodbye, is taken for one that read; the next head makes
/// good for it.
async fn counted<S: AsyncRead + AsyncWrite + Unpin>(
    mut stream: S,
    tcp: impl Fn(&S) -> &TcpStream,
    message: &str,
) -> Result<(), SendError> {
    stream.write_all(format!("{} {message}", message.len()).as_bytes()).await?;
    stream.flush().await?;
    if is_closed(tcp(&stream))? {
        return Err(SendError::Closed);
    }
    stream.shutdown().await?;
    match stream.read(&mut [0; 1]).await {
        Ok(0) => {}
        // Not every host says goodbye in TLS before it closes the connection under it.
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {}
        Ok(_) => return Err(SendError::Answered),
        Err(error) => return Err(error.into()),
    }
    // A reset that came after the end of what the host sent.
    tcp(&stream).take_error()?.map_or(Ok(()), |error| Err(error.into()))
}

/// Whether nothing will come from the other side any more.
fn is_closed(stream: &TcpStream) -> io::Result<bool> {
    match rustix::net::recv(stream, &mut [0_u8; 1], RecvFlags::PEEK | RecvFlags::DONTWAIT) {
        Ok((read, _)) => Ok(read == 0),
        Err(Errno::AGAIN | Errno::INTR) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// A socket of this machine: nearly always datagrams, on some systems a stream of lines.
async fn local(path: &Path, message: &str) -> Result<(), SendError> {
    let socket = UnixDatagram::unbound()?;
    match socket.connect(path) {
        Ok(()) => {
            socket.send(message.as_bytes()).await?;
            Ok(())
        }
        Err(error) if error.raw_os_error() == Some(Errno::PROTOTYPE.raw_os_error()) => {
            let mut stream = UnixStream::connect(path).await?;
            stream.write_all(format!("{message}\n").as_bytes()).await?;
            stream.shutdown().await?;
            Ok(())
        }
        Err(error) => Err(error.into()),
    }
}

fn configured(settings: &TlsSettings) -> Result<ClientConfig, BadTls> {
    let unfit = |error: rustls::Error| BadTls::Unfit(Box::new(error));
    let mut roots = RootCertStore::empty();
    let path = match &settings.authorities {
        Some(path) => path.clone(),
        None => system_bundle()?,
    };
    for certificate in certificates(&path)? {
        // A bundle of the system may hold some that are too old for us.
        let added = roots.add(certificate).map_err(unfit);
        if settings.authorities.is_some() {
            added?;
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(unfit)?
        .with_root_certificates(roots);
    let Some((chain, key)) = &settings.identity else { return Ok(builder.with_no_client_auth()) };
    let read = PrivateKeyDer::from_pem_file(key);
    let key = read.map_err(|error| BadTls::Unreadable(key.clone(), Box::new(error)))?;
    builder.with_client_auth_cert(certificates(chain)?, key).map_err(unfit)
}

fn system_bundle() -> Result<PathBuf, BadTls> {
    SYSTEM_BUNDLES.iter().map(PathBuf::from).find(|path| path.is_file()).ok_or(BadTls::NoAuthorities)
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, BadTls> {
    let unreadable = |error| BadTls::Unreadable(path.to_owned(), Box::new(error));
    let read = CertificateDer::pem_file_iter(path).map_err(unreadable)?;
    let all: Vec<_> = read.collect::<Result<_, _>>().map_err(unreadable)?;
    if all.is_empty() { Err(BadTls::Empty(path.to_owned())) } else { Ok(all) }
}
