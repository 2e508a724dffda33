//! The connections: HTTP/1.1, one task each.
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
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::api::{self, Api};
use super::reply::{self, Body};
use super::status::Status;
use crate::serve::Wire;

/// Largest request body in bytes. Source: the API server's limit on resource requests.
const MAX_BODY_BYTES: usize = 3 * 1024 * 1024;

/// How long an answer under way may take to end after the stop.
const DEADLINE: Duration = Duration::from_secs(5);

/// One connection, until it ends or has to.
pub(super) async fn serve(wire: Box<dyn Wire>, api: Arc<Api>, stop: CancellationToken) {
    let service = service_fn(move |request| answer(Arc::clone(&api), request));
    let connection = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(wire), service);
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
