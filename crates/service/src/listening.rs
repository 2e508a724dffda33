//! Serving HTTP to whoever connects.
//!
//! **Invariant:** connections are bounded, a head that does not come closes its connection, and neither a connection on
//! which nothing comes nor a request that hangs holds up the end.

use anyhow::Context as _;
use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Connections at once; more wait in the kernel.
const CONNECTIONS: usize = 1_024;

/// How long the head of a request may take, from the connection or the last answer on. Proxies keep idle connections
/// open longer and open another one when it is closed.
const HEAD_WITHIN: Duration = Duration::from_secs(30);

/// How long a request that began may take to be answered at the end; Slack gives up after three seconds.
const LAST_ANSWERS: Duration = Duration::from_secs(4);

/// How long to wait when nothing can be accepted, as when every descriptor is taken.
const BREATH: Duration = Duration::from_millis(100);

/// Listens, and says on standard output where.
///
/// # Errors
/// When the address is taken or not this host's.
pub async fn listen(what: &str, address: SocketAddr) -> anyhow::Result<TcpListener> {
    let listener = TcpListener::bind(address).await.with_context(|| format!("`{address}` cannot be listened on"))?;
    crate::program::say(&format!("{what} http://{}", listener.local_addr()?));
    Ok(listener)
}

/// Serves HTTP/1.1 until `until` is done. Requests that began are answered.
pub async fn serve(listener: TcpListener, router: Router, until: CancellationToken) {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    let connections = TaskTracker::new();
    let accepting = async {
        loop {
            let Ok(place) = places.clone().acquire_owned().await else { return };
            match listener.accept().await {
                Ok((stream, _)) => {
                    let answering = answer(stream, router.clone(), until.clone());
                    connections.spawn(async move {
                        answering.await;
                        drop(place);
                    });
                }
                Err(error) => {
                    tracing::warn!("A connection could not be accepted: {error}");
                    tokio::time::sleep(BREATH).await;
                }
            }
        }
    };
    let _ = until.run_until_cancelled(accepting).await;
    drop(listener);
    connections.close();
    if tokio::time::timeout(LAST_ANSWERS, connections.wait()).await.is_err() {
        tracing::warn!("A request that was begun is not answered any more");
    }
}

/// One connection, to its end. What goes wrong on it is the other side's news.
async fn answer(stream: TcpStream, router: Router, until: CancellationToken) {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEAD_WITHIN);
    let connection = http.serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    tokio::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = until.cancelled() => {
            connection.as_mut().graceful_shutdown();
            tokio::time::timeout(LAST_ANSWERS, connection).await.unwrap_or(Ok(()))
        }
    };
    if let Err(error) = ended {
        tracing::debug!("A connection ended: {error}");
    }
}
