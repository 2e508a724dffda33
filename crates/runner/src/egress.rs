//! The way out of a jail: a proxy on a UNIX socket, one for each job.
//!
//! **Invariant:** a connection leaves only to an allowed host and port, and goes to the very address that was checked;
//! whatever else is asked for is refused and noted. When the value is dropped, every connection of the job ends.

mod address;
mod request;
mod tunnel;

use crate::target::{Host, HostPort};
use countersign_core::refusal::shown;
use request::{Asked, BadRequest, Way};
use std::collections::BTreeSet;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpStream, UnixListener, UnixStream, lookup_host};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::timeout;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

/// Connections of one job at a time. kubectl uses two or three, and one an object when the server does not speak HTTP/2.
const MOST_CONNECTIONS: usize = 256;

/// Refusals that are kept word for word; the rest is counted.
const MOST_NOTES: usize = 8;

/// Time to send the request, to resolve the name, and to connect; each.
const PATIENCE: Duration = Duration::from_secs(10);

/// A connection on which nothing moves for so long is closed. Longer than any keep-alive of the tools.
const IDLE: Duration = Duration::from_mins(5);

/// Where jobs may never connect by a name: the worker's own services.
#[derive(Debug, Clone, Default)]
pub struct OwnServices(pub BTreeSet<SocketAddr>);

/// What a job may reach.
#[derive(Debug, Clone)]
pub(crate) struct Allowed {
    /// By `CONNECT`.
    pub(crate) hosts: Vec<HostPort>,
    /// By a request for an absolute `http://` address.
    pub(crate) plain: Vec<HostPort>,
    /// What of this very host the port inside is: a request for no address goes there.
    pub(crate) here: Option<HostPort>,
    pub(crate) own: OwnServices,
}

/// The proxy of one job.
#[derive(Debug)]
pub(crate) struct Proxy {
    socket: PathBuf,
    shared: Arc<Shared>,
    tasks: TaskTracker,
    stop: CancellationToken,
    _ends_with_us: DropGuard,
}

#[derive(Debug)]
struct Shared {
    allowed: Allowed,
    notes: Mutex<Notes>,
    slots: Arc<Semaphore>,
}

#[derive(Debug, Default)]
struct Notes {
    lines: BTreeSet<String>,
    more: u64,
}

impl Proxy {
    /// Listens in the job's private folder.
    pub(crate) fn start(folder: &Path, allowed: Allowed) -> io::Result<Self> {
        let socket = folder.join("proxy");
        let listener = UnixListener::bind(&socket)?;
        let slots = Arc::new(Semaphore::new(MOST_CONNECTIONS));
        let shared = Arc::new(Shared { allowed, notes: Mutex::default(), slots });
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        tasks.spawn(serve(listener, Arc::clone(&shared), tasks.clone(), stop.clone()));
        Ok(Self { socket, shared, tasks, stop: stop.clone(), _ends_with_us: stop.drop_guard() })
    }

    /// The socket's path on the host.
    pub(crate) fn socket(&self) -> &Path {
        &self.socket
    }

    /// Ends every connection, waits until all tasks are gone, and says what was refused.
    pub(crate) async fn stop(self) -> Vec<String> {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
        let notes = self.shared.notes.lock().unwrap_or_else(PoisonError::into_inner);
        let more = (notes.more > 0).then(|| format!("egress refused {} more times", notes.more));
        notes.lines.iter().cloned().chain(more).collect()
    }
}

async fn serve(listener: UnixListener, shared: Arc<Shared>, tasks: TaskTracker, stop: CancellationToken) {
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        let Ok((client, _)) = accepted else {
            // Out of descriptors, most likely: the job learns it by having no way out.
            shared.note("egress ended: no more connections can be accepted".into());
            return;
        };
        let (shared, stop) = (Arc::clone(&shared), stop.clone());
        tasks.spawn(async move {
            tokio::select! {
                () = stop.cancelled() => {}
                () = shared.carry(client) => {}
            }
        });
    }
}

/// A no: the status line of the answer, and the reason for the record.
struct No(&'static str, String);

impl Shared {
    fn note(&self, line: String) {
        let mut notes = self.notes.lock().unwrap_or_else(PoisonError::into_inner);
        if notes.lines.len() < MOST_NOTES {
            notes.lines.insert(line);
        } else if !notes.lines.contains(&line) {
            notes.more += 1;
        }
    }

    async fn carry(&self, mut client: UnixStream) {
        match self.open(&mut client).await {
            Ok((server, Asked { way, early, .. }, _slot)) => {
                let begun = match way {
                    Way::Tunnel => client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await,
                    // The server answers the request itself, as it stands (RFC 9112 §3.2.2), and all that follow it on
                    // this connection, whatever address they name.
                    Way::Plain | Way::Here => Ok(()),
                };
                if begun.is_ok() {
                    tunnel::run(client, server, &early, IDLE).await;
                }
            }
            Err(No(status, reason)) => {
                self.note(format!("egress refused: {reason}"));
                let answer = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
                drop(client.write_all(answer.as_bytes()).await);
            }
        }
    }

    /// Reads the request and connects, or says why not.
    async fn open(&self, client: &mut UnixStream) -> Result<(TcpStream, Asked, SemaphorePermit<'_>), No> {
        let asked = timeout(PATIENCE, request::read(client)).await;
        let asked = asked.map_err(|_| No("408 Request Timeout", "no request came in time".into()))?;
        let asked = asked.map_err(|error| No("400 Bad Request", error.to_string()))?;
        let here = match asked.way {
            Way::Here => Some(self.allowed.here.as_ref().ok_or_else(nowhere)?.to_string()),
            Way::Tunnel | Way::Plain => None,
        };
        let authority = here.as_ref().unwrap_or(&asked.authority);
        // Only after the request was read: an answer before it would be lost in the reset of the connection.
        let slot = self
            .slots
            .try_acquire()
            .map_err(|_| No("503 Service Unavailable", format!("more than {MOST_CONNECTIONS} connections at once")))?;
        let wanted: HostPort =
            authority.parse().map_err(|error| No("403 Forbidden", format!("`{}`: {error}", shown(authority))))?;
        let listed = match asked.way {
            Way::Tunnel => &self.allowed.hosts,
            Way::Plain | Way::Here => &self.allowed.plain,
        };
        if !listed.contains(&wanted) {
            return Err(No("403 Forbidden", format!("`{wanted}` is not a host of the job's target")));
        }
        let address = self.resolve(&wanted).await?;
        let connected = timeout(PATIENCE, TcpStream::connect(address)).await;
        match connected {
            Ok(Ok(server)) => Ok((server, asked, slot)),
            Ok(Err(error)) => Err(No("502 Bad Gateway", format!("`{wanted}` cannot be reached: {error}"))),
            Err(_) => Err(No("504 Gateway Timeout", format!("`{wanted}` does not answer"))),
        }
    }

    /// The one address that is connected to. The name is resolved once, so that a second answer cannot differ.
    async fn resolve(&self, wanted: &HostPort) -> Result<SocketAddr, No> {
        let forbidden = |why: &str| No("403 Forbidden", format!("`{wanted}` {why}"));
        match wanted.host() {
            // The catalog has this very literal, or it would not be allowed.
            Host::Address(ip) => match address::forbidden_even_if_listed(*ip) {
                Some(why) => Err(forbidden(why)),
                None => Ok(SocketAddr::new(*ip, wanted.port())),
            },
            Host::Name(name) => {
                let found = timeout(PATIENCE, lookup_host((name.as_str(), wanted.port()))).await;
                let found =
                    found.map_err(|_| No("504 Gateway Timeout", format!("`{wanted}` was not resolved in time")))?;
                let found =
                    found.map_err(|error| No("502 Bad Gateway", format!("`{wanted}` has no address: {error}")))?;
                choose(&found.collect::<Vec<_>>(), &self.allowed.own).map_err(forbidden)
            }
        }
    }
}

/// A request that names no host, where the port inside stands for none.
fn nowhere() -> No {
    No("400 Bad Request", BadRequest::NotConnect.to_string())
}

/// The address of a name that is connected to. One bad address among good ones is a rebinding attempt, not a mirror.
fn choose(found: &[SocketAddr], own: &OwnServices) -> Result<SocketAddr, &'static str> {
    for address in found {
        let own = own.0.contains(address).then_some("is a service of the worker's own");
        if let Some(why) = address::forbidden_by_name(address.ip()).or(own) {
            return Err(why);
        }
    }
    found.first().copied().ok_or("has no address")
}

#[cfg(test)]
mod tests;
