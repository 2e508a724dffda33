//! Syslog hosts on loopback, written from the RFCs: 5426 (UDP), 6587 (TCP), 5425 (TLS), and sockets
//! of this machine. Each writes what it receives to a file, in the form rsyslog writes by default.

use crate::installation::LONG;
use countersign_audit::anchor::spec::Server;
use countersign_audit::anchor::{SyslogAddress, TlsSettings};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::net::{TcpListener, UdpSocket, UnixDatagram, UnixListener};
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How a host is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Udp,
    Tcp,
    Tls,
    UnixDatagrams,
    UnixStream,
}

impl Kind {
    pub(crate) const ALL: [Self; 5] = [Self::Udp, Self::Tcp, Self::Tls, Self::UnixDatagrams, Self::UnixStream];
}

/// A syslog host that can be stopped and started again at the same address.
#[derive(Debug)]
pub(crate) struct Host {
    kind: Kind,
    folder: PathBuf,
    authority: Authority,
    port: u16,
    pub(crate) messages: Arc<watch::Sender<Vec<String>>>,
    running: Option<(CancellationToken, TaskTracker)>,
}

impl Host {
    pub(crate) async fn start(kind: Kind, folder: &Path) -> Self {
        std::fs::create_dir_all(folder).unwrap();
        let authority = Authority::make(folder);
        let messages = Arc::new(watch::Sender::new(Vec::new()));
        let mut it = Self { kind, folder: folder.to_owned(), authority, port: 0, messages, running: None };
        it.go_on().await;
        it
    }

    pub(crate) fn file(&self) -> PathBuf {
        self.folder.join("audit.log")
    }

    fn socket(&self) -> PathBuf {
        self.folder.join("log.socket")
    }

    pub(crate) fn address(&self) -> SyslogAddress {
        let server = Server { host: "127.0.0.1".into(), port: self.port };
        match self.kind {
            Kind::Udp => SyslogAddress::Udp(server),
            Kind::Tcp => SyslogAddress::Tcp(server),
            Kind::Tls => SyslogAddress::Tls(server),
            Kind::UnixDatagrams | Kind::UnixStream => SyslogAddress::Unix(self.socket()),
        }
    }

    pub(crate) fn tls(&self) -> TlsSettings {
        TlsSettings { authorities: Some(self.authority.file.clone()), identity: None }
    }

    /// Goes away: nobody listens any more.
    pub(crate) async fn stop(&mut self) {
        let Some((ending, tasks)) = self.running.take() else { return };
        ending.cancel();
        tasks.close();
        tasks.wait().await;
        let _ = std::fs::remove_file(self.socket());
    }

    /// Listens, at the same address as before.
    pub(crate) async fn go_on(&mut self) {
        let (ending, tasks) = (CancellationToken::new(), TaskTracker::new());
        let desk = Desk { file: self.file(), messages: self.messages.clone() };
        let at = ("127.0.0.1", self.port);
        match self.kind {
            Kind::Udp => {
                let socket = UdpSocket::bind(at).await.unwrap();
                self.port = socket.local_addr().unwrap().port();
                let receive = async move {
                    let mut bytes = vec![0; 4096];
                    loop {
                        let size = socket.recv(&mut bytes).await.unwrap();
                        desk.take(&bytes[..size]);
                    }
                };
                tasks.spawn(ending.clone().run_until_cancelled_owned(receive));
            }
            Kind::UnixDatagrams => {
                let socket = UnixDatagram::bind(self.socket()).unwrap();
                let receive = async move {
                    let mut bytes = vec![0; 4096];
                    loop {
                        let size = socket.recv(&mut bytes).await.unwrap();
                        desk.take(&bytes[..size]);
                    }
                };
                tasks.spawn(ending.clone().run_until_cancelled_owned(receive));
            }
            Kind::UnixStream => {
                let listener = UnixListener::bind(self.socket()).unwrap();
                let receive = async move {
                    loop {
                        let (mut stream, _) = listener.accept().await.unwrap();
                        let mut bytes = Vec::new();
                        stream.read_to_end(&mut bytes).await.unwrap();
                        bytes.split_inclusive(|byte| *byte == b'\n').for_each(|line| desk.take(line.trim_ascii_end()));
                    }
                };
                tasks.spawn(ending.clone().run_until_cancelled_owned(receive));
            }
            Kind::Tcp => {
                let listener = TcpListener::bind(at).await.unwrap();
                self.port = listener.local_addr().unwrap().port();
                let receive = async move {
                    loop {
                        let (stream, _) = listener.accept().await.unwrap();
                        desk.counted(stream).await;
                    }
                };
                tasks.spawn(ending.clone().run_until_cancelled_owned(receive));
            }
            Kind::Tls => {
                let listener = TcpListener::bind(at).await.unwrap();
                self.port = listener.local_addr().unwrap().port();
                let acceptor = TlsAcceptor::from(self.authority.server.clone());
                let receive = async move {
                    loop {
                        let (stream, _) = listener.accept().await.unwrap();
                        // Whoever does not believe this host goes away.
                        if let Ok(stream) = acceptor.accept(stream).await {
                            desk.counted(stream).await;
                        }
                    }
                };
                tasks.spawn(ending.clone().run_until_cancelled_owned(receive));
            }
        }
        self.running = Some((ending, tasks));
    }

    /// Waits until this many messages came.
    pub(crate) async fn has(&self, count: usize) {
        self.until(|all| all.len() >= count).await;
    }

    /// Waits until a message came that holds this.
    pub(crate) async fn tells_of(&self, text: &str) {
        self.until(|all| all.iter().any(|one| one.contains(text))).await;
    }

    async fn until(&self, is: impl FnMut(&Vec<String>) -> bool) {
        let mut seen = self.messages.subscribe();
        let waited = tokio::time::timeout(LONG, seen.wait_for(is)).await;
        assert!(waited.is_ok(), "it did not come: {:?}", self.messages.borrow());
    }
}

/// Takes messages down.
struct Desk {
    file: PathBuf,
    messages: Arc<watch::Sender<Vec<String>>>,
}

impl Desk {
    /// Every message of a connection: its length, a space, the message (RFC 6587, section 3.4.1).
    async fn counted(&self, mut stream: impl AsyncRead + Unpin) {
        let mut length = 0_usize;
        while let Ok(byte) = stream.read_u8().await {
            if byte != b' ' {
                assert!(byte.is_ascii_digit() && (length, byte) != (0, b'0'), "MSG-LEN is NONZERO-DIGIT *DIGIT");
                length = length * 10 + usize::from(byte - b'0');
                continue;
            }
            let mut message = vec![0; length];
            stream.read_exact(&mut message).await.unwrap();
            self.take(&message);
            length = 0;
        }
    }

    fn take(&self, message: &[u8]) {
        let message = std::str::from_utf8(message).unwrap().to_owned();
        // `<PRI>1 TIMESTAMP HOSTNAME APP-NAME PROCID MSGID [SD] MSG` (RFC 5424, section 6).
        let (header, rest) = message.split_at(message.find('[').unwrap());
        let fields: Vec<&str> = header.trim_end().split(' ').collect();
        let ["<109>1", at, host, "countersign", _, "head"] = fields[..] else { panic!("{header}") };
        // What rsyslog's default template keeps: no structured data.
        let text = &rest[rest.find("] ").unwrap() + 2..];
        let mut file = std::fs::OpenOptions::new().create(true).append(true).open(&self.file).unwrap();
        writeln!(file, "{at} {host} countersign: {text}").unwrap();
        self.messages.send_modify(|all| all.push(message));
    }
}

/// An authority of the test's own, and a host's certificate by it.
#[derive(Debug)]
struct Authority {
    file: PathBuf,
    server: Arc<ServerConfig>,
}

impl Authority {
    fn make(folder: &Path) -> Self {
        let mut authority = CertificateParams::new(Vec::new()).unwrap();
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let certificate = authority.self_signed(&key).unwrap();
        let file = folder.join("authority.pem");
        std::fs::write(&file, certificate.pem()).unwrap();
        let issuer = Issuer::new(authority, key);
        let own = KeyPair::generate().unwrap();
        let host = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap().signed_by(&own, &issuer).unwrap();
        let private = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(own.serialize_der()));
        let server = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![host.der().clone()], private)
            .unwrap();
        Self { file, server: Arc::new(server) }
    }
}
