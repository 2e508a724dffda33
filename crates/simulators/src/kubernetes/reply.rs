//! Responses: JSON, text, and streams that follow the cluster.

use std::convert::Infallible;
use std::fmt;

use futures_util::stream::{Stream, StreamExt};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::Response;
use hyper::body::{Bytes, Frame};
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue, WARNING};
use serde_json::Value;

use super::status::Status;

/// What every answer's body is.
pub(super) type Body = UnsyncBoxBody<Bytes, Infallible>;

/// A JSON answer.
pub(super) fn json(code: u16, body: &Value) -> Response<Body> {
    typed(code, "application/json", body.to_string())
}

/// An answer of a given media type.
pub(super) fn typed(code: u16, media_type: &str, body: impl Into<Bytes>) -> Response<Body> {
    headed(code, media_type, Full::new(body.into()).boxed_unsync())
}

/// A `Status` answer.
pub(super) fn refusal(status: &Status) -> Response<Body> {
    json(status.code, &status.body())
}

/// The answer with warnings, which kubectl prints. Source: RFC 9111 §5.5 as Kubernetes uses it.
pub(super) fn warned(mut response: Response<Body>, warnings: &[String]) -> Response<Body> {
    for text in warnings {
        let quoted = format!("299 - \"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""));
        if let Ok(value) = HeaderValue::from_str(&quoted) {
            response.headers_mut().append(WARNING, value);
        }
    }
    response
}

/// An answer that goes on while the stream does.
pub(super) fn stream<S>(media_type: &str, chunks: S) -> Response<Body>
where
    S: Stream<Item = Bytes> + Send + 'static,
{
    let frames = chunks.map(|chunk| Ok::<_, Infallible>(Frame::data(chunk)));
    headed(200, media_type, BodyExt::boxed_unsync(StreamBody::new(frames)))
}

fn headed(code: u16, media_type: &str, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = code.try_into().expect("codes of this stand-in are HTTP codes");
    let media_type = HeaderValue::from_str(media_type).expect("media types of this stand-in are plain text");
    response.headers_mut().insert(CONTENT_TYPE, media_type);
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-cache, private"));
    response
}

/// A line of a JSON stream.
pub(super) fn line(value: &impl fmt::Display) -> Bytes {
    Bytes::from(format!("{value}\n"))
}
