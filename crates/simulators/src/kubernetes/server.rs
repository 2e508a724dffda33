//! The listener: TLS, HTTP/1.1, one task a connection.
//!
//! **Invariant:** every connection ends when the stop token is cancelled, also one that is in the middle of a watch.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use rustls::ServerConfig;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::api::{self, Api};
use super::reply::{self, Body};
use super::status::Status;

/// Largest request body in bytes. Source: the API server's limit on resource requests.
const MAX_BODY_BYTES: usize = 3 * 1024 * 1024;

/// How long a TLS handshake may take, and how long an answer under way may take to end after the stop.
const DEADLINE: Duration = Duration::from_secs(5);

/// Everything the listener needs.
pub(super) struct Server {
    pub(super) listener: TcpListener,
    pub(super) tls: Arc<ServerConfig>,
    pub(super) api: Arc<Api>,
    pub(super) tasks: TaskTracker,
    pub(super) stop: CancellationToken,
    /// Held by every task; when the last one ends, whoever holds the other end knows.
    pub(super) alive: mpsc::Sender<Infallible>,
}

impl Server {
    /// Accepts connections until the stop.
    pub(super) async fn run(self) {
        let acceptor = TlsAcceptor::from(Arc::clone(&self.tls));
        while let Some(accepted) = self.stop.run_until_cancelled(self.listener.accept()).await {
            // A connection that was gone before it was accepted is nobody's loss.
            let Ok((stream, _)) = accepted else { continue };
            let connection = serve(acceptor.clone(), stream, Arc::clone(&self.api), self.stop.clone());
            let alive = self.alive.clone();
            self.tasks.spawn(async move {
                connection.await;
                drop(alive);
            });
        }
    }
}

async fn serve(acceptor: TlsAcceptor, stream: TcpStream, api: Arc<Api>, stop: CancellationToken) {
    let handshake = timeout(DEADLINE, acceptor.accept(stream));
    let Some(Ok(Ok(stream))) = stop.run_until_cancelled(handshake).await else { return };
    let service = service_fn(move |request| answer(Arc::clone(&api), request));
    let connection = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    tokio::select! {
        ended = connection.as_mut() => {
            // A client may hang up at any time; it is not this side's failure.
            drop(ended);
            return;
        }
        () = stop.cancelled() => {}
    }
    connection.as_mut().graceful_shutdown();
    drop(timeout(DEADLINE, connection).await);
}

async fn answer(api: Arc<Api>, request: Request<Incoming>) -> Result<Response<Body>, Infallible> {
    let (head, body) = request.into_parts();
    let response = match Limited::new(body, MAX_BODY_BYTES).collect().await {
        Ok(body) => api::answer(&api, &head, &body.to_bytes()),
        Err(_) => reply::refusal(&Status::too_large()),
    };
    Ok(response)
}
