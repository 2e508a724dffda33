//! The connections: HTTP/1.1, one task each, and the faults on the way.
//!
//! **Invariant:** every call that arrived is remembered with what became of it, also one whose answer was lost.

use std::convert::Infallible;
use std::sync::Arc;

use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt as _, Full, Limited, StreamBody};
use hyper::body::{Bytes, Frame, Incoming};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue, LOCATION, RETRY_AFTER};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::{Map, Value, json};
use tokio_util::sync::CancellationToken;

use super::api::{self, Arguments, Form, No, no};
use super::fault::Fault;
use super::files::{self, Fetched};
use super::state::{Call, Shared, State};
use crate::serve::Wire;

/// Largest body, in bytes.
const MAX_BODY: usize = 1024 * 1024;

/// The connection ends without an answer.
#[derive(Debug, thiserror::Error)]
#[error("the connection is dropped")]
struct Dropped;

/// A page to log in at.
const LOG_IN: &str = "<!DOCTYPE html><html><title>Sign in | Slack</title></html>";

/// What stands in the body.
enum Content {
    Whole(Bytes),
    /// Again and again, until the other side hangs up.
    Endless(Bytes),
}

/// What is answered.
struct Reply {
    status: u16,
    retry_after: Option<u64>,
    location: Option<String>,
    body: Content,
    media: &'static str,
}

impl Reply {
    fn new(status: u16, body: impl Into<Bytes>, media: &'static str) -> Self {
        Self { status, retry_after: None, location: None, body: Content::Whole(body.into()), media }
    }

    fn json(body: &Value) -> Self {
        Self::new(200, body.to_string(), "application/json; charset=utf-8")
    }

    fn text(status: u16, body: &str) -> Self {
        Self::new(status, body.to_owned(), "text/html")
    }

    fn fetched(fetched: Fetched) -> Self {
        match fetched {
            Fetched::Content(content) => Self::new(200, content, "text/plain; charset=utf-8"),
            Fetched::Endless(content) => {
                Self { body: Content::Endless(content.clone()), ..Self::fetched(Fetched::Content(content)) }
            }
            Fetched::Elsewhere(address) => Self { location: Some(address), ..Self::text(302, "") },
            Fetched::LoginPage => Self::text(200, LOG_IN),
            Fetched::Nothing => Self::text(404, "<html>This file was deleted.</html>"),
        }
    }

    fn limited(seconds: u64) -> Self {
        Self { status: 429, retry_after: Some(seconds), ..Self::json(&no("ratelimited").body()) }
    }
}

/// One connection, until the stop.
pub(super) async fn serve(wire: Box<dyn Wire>, shared: Arc<Shared>, stop: CancellationToken) {
    let service = service_fn(move |request| answer(Arc::clone(&shared), request));
    let connection = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(wire), service);
    // An answer that is dropped on purpose ends the connection with an error; a client may hang up at any time.
    drop(stop.run_until_cancelled(connection).await);
}

async fn answer(
    shared: Arc<Shared>,
    request: Request<Incoming>,
) -> Result<Response<BoxBody<Bytes, Infallible>>, Dropped> {
    let (head, body) = request.into_parts();
    let body = Limited::new(body, MAX_BODY).collect().await.map_err(|_| Dropped)?.to_bytes();
    let path = head.uri.path().to_owned();
    let done = if let Some(id) = path.strip_prefix("/response/") {
        respond(&shared, id, &body)
    } else if let Some(method) = path.strip_prefix("/api/") {
        web(&shared, method, &head, &body)
    } else if let Some(file) = path.strip_prefix(files::PATH) {
        fetch(&shared, file, &head)
    } else if path == "/" {
        Ok((Reply::text(200, LOG_IN), None))
    } else {
        Ok((Reply::text(404, "not found"), None))
    };
    shared.ring();
    let (reply, fault) = done?;
    match fault {
        Some(Fault::LoseReply) => return Err(Dropped),
        Some(Fault::Delay(delay)) => tokio::time::sleep(delay).await,
        Some(Fault::RateLimit(_) | Fault::Drop | Fault::Status(_) | Fault::Refuse(_)) | None => {}
    }
    Ok(response(reply))
}

fn response(reply: Reply) -> Response<BoxBody<Bytes, Infallible>> {
    let body = match reply.body {
        Content::Whole(body) => Full::new(body).boxed(),
        Content::Endless(piece) => {
            let pieces = std::iter::repeat_with(move || Ok(Frame::data(piece.clone())));
            StreamBody::new(futures_util::stream::iter(pieces)).boxed()
        }
    };
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(reply.media));
    if let Some(Ok(address)) = reply.location.map(HeaderValue::try_from) {
        response.headers_mut().insert(LOCATION, address);
    }
    if let Some(seconds) = reply.retry_after {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

/// One call of the Web API; the fault is what is still to be done to the answer.
fn web(
    shared: &Shared,
    method: &str,
    head: &hyper::http::request::Parts,
    body: &[u8],
) -> Result<(Reply, Option<Fault>), Dropped> {
    let now = shared.now();
    let mut state = shared.lock();
    let read = arguments(head, body);
    let channel = read.as_ref().ok().and_then(|it| it.text("channel"));
    let note = |state: &mut State, outcome: &str| {
        let call = Call { method: method.to_owned(), channel: channel.clone(), outcome: outcome.to_owned(), at: now };
        state.calls.push(call);
    };
    if state.away {
        note(&mut state, "away");
        return Err(Dropped);
    }
    let fault = state.scripted.get_mut(method).and_then(std::collections::VecDeque::pop_front);
    if let Some(reply) = before(fault) {
        note(&mut state, outcome(fault));
        return reply.map(|reply| (reply, None));
    }
    let answer = read.and_then(|arguments| {
        let workspace = api::workspace_of(&state, bearer(head, &arguments).as_deref())?;
        if state.limited
            && let Err(seconds) = state.limits.take(method, &workspace.id, arguments.text("channel").as_deref(), now)
        {
            return Ok(Err(seconds));
        }
        api::call(&mut state, method, workspace, &arguments, now).map(Ok)
    });
    let reply = match answer {
        Ok(Ok(body)) => {
            note(&mut state, if fault == Some(Fault::LoseReply) { "lost" } else { "ok" });
            Reply::json(&body)
        }
        Ok(Err(seconds)) => {
            note(&mut state, "ratelimited");
            Reply::limited(seconds)
        }
        Err(no) => {
            note(&mut state, no.code);
            Reply::json(&no.body())
        }
    };
    Ok((reply, fault))
}

/// What a fault makes of a call before it takes place.
fn before(fault: Option<Fault>) -> Option<Result<Reply, Dropped>> {
    match fault? {
        Fault::RateLimit(seconds) => Some(Ok(Reply::limited(seconds))),
        Fault::Drop => Some(Err(Dropped)),
        Fault::Status(status) => Some(Ok(Reply::text(status, "<html>sorry</html>"))),
        Fault::Refuse(code) => Some(Ok(Reply::json(&no(code).body()))),
        Fault::LoseReply | Fault::Delay(_) => None,
    }
}

fn outcome(fault: Option<Fault>) -> &'static str {
    match fault {
        Some(Fault::RateLimit(_)) => "ratelimited",
        Some(Fault::Drop) => "dropped",
        Some(Fault::Status(_)) => "status",
        Some(Fault::Refuse(code)) => code,
        Some(Fault::LoseReply) => "lost",
        Some(Fault::Delay(_)) | None => "ok",
    }
}

/// Somebody fetches a file; a token counts in the header alone.
fn fetch(shared: &Shared, path: &str, head: &hyper::http::request::Parts) -> Result<(Reply, Option<Fault>), Dropped> {
    const METHOD: &str = "files-pri";
    let mut state = shared.lock();
    let fault = state.scripted.get_mut(METHOD).and_then(std::collections::VecDeque::pop_front);
    let (before, away) = (before(fault), state.away);
    let refused = before.is_some();
    let reply = match before {
        _ if away => Err(Dropped),
        Some(reply) => reply,
        None => {
            let token = head.headers.get(AUTHORIZATION).and_then(|header| header.to_str().ok());
            let token = token.and_then(|header| header.strip_prefix("Bearer "));
            Ok(Reply::fetched(files::fetch(&state, path, token)))
        }
    };
    let outcome = match &reply {
        Err(Dropped) => "dropped".to_owned(),
        Ok(_) if refused => outcome(fault).to_owned(),
        Ok(reply) if reply.status == 200 => "ok".to_owned(),
        Ok(reply) => reply.status.to_string(),
    };
    state.calls.push(Call { method: METHOD.to_owned(), channel: None, outcome, at: shared.now() });
    reply.map(|reply| (reply, fault))
}

fn respond(shared: &Shared, id: &str, body: &[u8]) -> Result<(Reply, Option<Fault>), Dropped> {
    const METHOD: &str = "response_url";
    let now = shared.now();
    let mut state = shared.lock();
    let channel = state.response_urls.get(id).map(|url| url.channel.clone());
    let note = |state: &mut State, outcome: &str| {
        let call = Call { method: METHOD.into(), channel: channel.clone(), outcome: outcome.to_owned(), at: now };
        state.calls.push(call);
    };
    if state.away {
        note(&mut state, "away");
        return Err(Dropped);
    }
    let fault = state.scripted.get_mut(METHOD).and_then(std::collections::VecDeque::pop_front);
    if let Some(reply) = before(fault) {
        note(&mut state, outcome(fault));
        return reply.map(|reply| (reply, None));
    }
    let done = match serde_json::from_slice::<Value>(body) {
        Ok(body) if body.is_object() => super::response::respond(&mut state, id, &body, now),
        Ok(_) | Err(_) => Err((400, "invalid_payload")),
    };
    let reply = match done {
        Ok(()) => {
            note(&mut state, if fault == Some(Fault::LoseReply) { "lost" } else { "ok" });
            Reply::text(200, "ok")
        }
        Err((status, code)) => {
            note(&mut state, code);
            Reply { status, ..Reply::json(&json!({"ok": false, "error": code})) }
        }
    };
    Ok((reply, fault))
}

/// The arguments of a call: JSON, a form, or a query.
fn arguments(head: &hyper::http::request::Parts, body: &[u8]) -> Result<Arguments, No> {
    let kind = head.headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    let query = api::fields(head.uri.query().unwrap_or_default().as_bytes());
    match (head.method.as_str(), kind) {
        ("GET", _) => Ok(Arguments { form: Form::Fields, values: query }),
        ("POST", "application/json") => match serde_json::from_slice::<Map<String, Value>>(body) {
            Ok(values) => Ok(Arguments { form: Form::Json, values }),
            Err(_) => Err(no("invalid_json")),
        },
        ("POST", "application/x-www-form-urlencoded") => {
            let values = query.into_iter().chain(api::fields(body)).collect();
            Ok(Arguments { form: Form::Fields, values })
        }
        ("POST", "") if body.is_empty() => Ok(Arguments { form: Form::Fields, values: query }),
        ("POST", _) => Err(no("invalid_post_type")),
        _ => Err(no("method_not_supported")),
    }
}

fn bearer(head: &hyper::http::request::Parts, arguments: &Arguments) -> Option<String> {
    let header = head.headers.get(AUTHORIZATION).and_then(|header| header.to_str().ok());
    let header = header.and_then(|header| header.strip_prefix("Bearer ")).map(str::to_owned);
    // A token in JSON is not looked at. Source: Slack, "JSON-encoded bodies".
    header.or_else(|| arguments.text("token").filter(|_| arguments.form == Form::Fields))
}
